//! What an address in code of an engine is of: [`symbol_at`], for whoever shows a backtrace. Symbolizers look into the files that are mapped, of which code in memory is none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clif_cabi_unwind::Sources;

use super::{NewCode, Row};

/// What is known of an address in code of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeSymbol {
    /// The function: the name it has in CLIF (`UserFuncName::testcase`), else its symbol.
    pub name: String,
    /// Bytes from its first instruction.
    pub offset: usize,
    /// The file and the line, where [`Engine::sources`](crate::Engine::sources) has them.
    pub place: Option<(String, u32)>,
}

/// A function that is final.
struct Function {
    name: String,
    size: usize,
    /// Its lines.
    sources: Option<Arc<Sources>>,
    rows: Vec<Row>,
}

/// Those of all engines, by their first addresses.
static ALL: Mutex<BTreeMap<usize, Function>> = Mutex::new(BTreeMap::new());

fn all() -> MutexGuard<'static, BTreeMap<usize, Function>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Functions that are known as long as this value is.
pub(super) struct Known(Vec<usize>);

impl Known {
    pub(super) fn new(code: &[NewCode], sources: Option<&Arc<Sources>>) -> Self {
        let mut all = all();
        let add = |own: &NewCode| {
            let function = Function {
                name: own.name.clone(),
                size: own.size,
                sources: sources.cloned(),
                rows: sources.map(|_| own.rows.clone()).unwrap_or_default(),
            };
            all.insert(own.address.addr(), function);
            own.address.addr()
        };
        Self(code.iter().map(add).collect())
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let mut all = all();
        for start in &self.0 {
            all.remove(start);
        }
    }
}

/// The function that an address is in, of any [`Engine`](crate::Engine) of the process, whichever thread it is of. `None`: it is in none, or in one that is gone.
///
/// A frame of a backtrace has the address that its call returns to, which may already be that of another line, or of the next function: ask for the byte before.
///
/// # Example
///
/// The names of a backtrace, by the crate `backtrace`. `std::backtrace::Backtrace` and the message of a panic show `<unknown>` for code in memory: std looks for names itself, in the
/// files that the dynamic linker had mapped when it was asked first, and cannot be told of others. (An image of the code that `dlopen` loads, from a memfd, would be at other addresses.)
///
/// ```
/// # #[cfg(not(all(has_engine, unix)))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::cranelift_codegen::ir::{InstBuilder, UserFuncName};
/// # use clif_cabi_jit::{cranelift_module::Module, cranelift_frontend::{FunctionBuilder, FunctionBuilderContext}};
/// use clif_cabi_jit::{Engine, Settings, symbol_at};
///
/// /// The functions that have not returned, the innermost first.
/// fn functions() -> Vec<String> {
///     let mut names = Vec::new();
///     backtrace::trace(|frame| {
///         let before = names.len();
///         backtrace::resolve_frame(frame, |symbol| names.extend(symbol.name().map(|name| name.to_string())));
///         if names.len() == before {
///             let symbol = symbol_at(frame.ip().cast::<u8>().wrapping_sub(1));
///             names.push(symbol.map_or("?".to_owned(), |symbol| symbol.name));
///         }
///         true
///     });
///     names
/// }
///
/// extern "C" fn callback() {
///     assert!(functions().iter().any(|name| name == "calls_back"));
/// }
///
/// let mut engine = Engine::new(&Settings::default())?;
/// engine.bind("callback", callback as *const u8)?;
/// # let sig = engine.make_signature();
/// # let callback = engine.declare_import("callback", &sig)?;
/// # let id = engine.declare_local(&sig)?;
/// # let mut ctx = engine.make_context();
/// # let callback = engine.declare_func_in_func(callback, &mut ctx.func);
/// # let mut fn_ctx = FunctionBuilderContext::new();
/// # let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
/// # let block = builder.create_block();
/// # builder.switch_to_block(block);
/// builder.ins().call(callback, &[]);
/// # builder.ins().return_(&[]);
/// # builder.seal_all_blocks();
/// # builder.finalize(engine.isa().frontend_config());
/// ctx.func.name = UserFuncName::testcase("calls_back");
/// engine.define(id, &mut ctx)?;
/// engine.finalize()?;
/// // SAFETY: compiled as a function without parameters and result.
/// unsafe { engine.code(id)?.typed::<extern "C" fn()>()() };
/// # Ok::<(), clif_cabi_jit::Error>(())
/// ```
#[must_use]
pub fn symbol_at(address: *const u8) -> Option<CodeSymbol> {
    let all = all();
    let (start, function) = all.range(..=address.addr()).next_back()?;
    let offset = address.addr() - start;
    if offset >= function.size {
        return None;
    }
    let is_before = |row: &&Row| usize::try_from(row.0).is_ok_and(|start| start <= offset);
    // What is before the first place, the prologue, is from there.
    let row = function.rows.iter().rfind(is_before);
    let row = row.or(function.rows.first());
    let place = row.and_then(|(_, at)| function.sources.as_ref()?.line(*at));
    Some(CodeSymbol {
        name: function.name.clone(),
        offset,
        place: place.map(|(file, line)| (file.to_owned(), line)),
    })
}
