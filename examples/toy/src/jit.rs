//! How clif-cabi is used, third part: running a program. Its functions go into an [`Engine`] of clif-cabi-jit, which is a Cranelift `Module`;
//! the functions it imports are looked up in the libraries it names, and `main` is called as a C function. The first two parts are
//! `lower/call.rs` and `lower/function.rs`.

use crate::closures;
use crate::diag::Lines;
use crate::fault;
use crate::lower::{LowerError, lower};
use crate::typed::{Checked, FnId, Function, Origin};
use crate::types::Ty;
use clif_cabi_jit::{Code, Engine, Library, Settings};
use cranelift_module::FuncId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CString, c_char};
use std::path::PathBuf;

/// Why a checked program does not run.
pub(crate) enum RunError {
    /// The program's own doing.
    Program(LowerError),
    /// The machine's, or a library's: one line.
    Host(String),
}

impl RunError {
    pub(crate) fn host(error: impl std::fmt::Display) -> RunError {
        RunError::Host(error.to_string())
    }
}

impl From<LowerError> for RunError {
    fn from(error: LowerError) -> RunError {
        RunError::Program(error)
    }
}

/// An engine in which functions can end by calls that take their place.
fn engine(settings: &Settings) -> Result<Engine, RunError> {
    let mut settings = settings.clone();
    // On AArch64 it is fixed to true.
    if cfg!(target_arch = "x86_64") {
        settings = settings.flag("preserve_frame_pointers", "true");
    }
    Engine::new(&settings).map_err(RunError::host)
}

/// Compiles the program and calls its `main`; the result is `main`'s. `args` are the program's, its own
/// name first; libraries are looked for in `directories` first. `lines` are the
/// program's.
pub(crate) fn run(
    checked: &Checked,
    main_id: FnId,
    args: &[String],
    directories: &[PathBuf],
    settings: &Settings,
    lines: &Lines,
) -> Result<i32, RunError> {
    let mut engine = engine(settings)?;
    // Each function is defined as soon as it is lowered; what the signal handler needs of its code is kept.
    let mut main_func = None;
    let mut recorded = Vec::new();
    let declared = lower(
        checked,
        &mut engine,
        (fault::reserve(), false),
        |engine, mut compiled| {
            if compiled.id == main_id {
                main_func = Some(compiled.func);
            }
            let function = &checked.functions[compiled.id.0];
            let span = function.span;
            engine
                .define(compiled.func, &mut compiled.context)
                .map_err(|error| LowerError::at(span, error))?;
            if let Some(code) = compiled.context.compiled_code() {
                let lines = span.map(|_| lines);
                recorded.push((compiled.func, fault::Code::of(&function.name, code, lines)));
            }
            Ok(())
        },
    )?;
    // Addresses of imports are bound before the code that calls them is finished.
    bind_imports(
        &mut engine,
        &declared.imported(checked),
        directories,
        settings,
    )?;
    engine.finalize().map_err(RunError::host)?;
    let func = main_func.ok_or_else(|| RunError::host("`main` was not compiled"))?;
    let code = engine.code(func).map_err(RunError::host)?;
    let codes = recorded
        .into_iter()
        .map(|(func, recorded)| located(&engine, func, recorded));
    let codes = codes.collect::<Result<Vec<_>, _>>()?;
    fault::watch(args.first().map_or("", String::as_str), codes);
    let result = call_main(&code, args);
    // What the program has given to `atexit`, and threads of its own, run until the very end.
    std::mem::forget(engine);
    let ty = checked.types.as_fn(checked.functions[main_id.0].ty);
    Ok(if ty.is_some_and(|ty| ty.result == Ty::I32) {
        result
    } else {
        0
    })
}

/// What `main`, whose code is `code`, returns.
fn call_main(code: &Code, args: &[String]) -> i32 {
    let args = c_strings(args);
    let argv = args.iter().map(|arg| arg.as_ptr());
    let argv: Vec<*const c_char> = argv.chain([std::ptr::null()]).collect();
    let argc = i32::try_from(args.len()).unwrap_or(i32::MAX);
    // SAFETY: `check_main` has made sure that main takes nothing or `(int, char **)`, and C functions do not mind
    // arguments they do not take. What the program does then, it does by its author's will, as a C program does.
    let main = unsafe { code.typed::<unsafe extern "C" fn(i32, *const *const c_char) -> i32>() };
    // SAFETY: as above; `argv` ends with a null pointer and outlives the call.
    unsafe { main(argc, argv.as_ptr()) }
}

/// What the signal handler needs of a function, with its address.
fn located(engine: &Engine, func: FuncId, mut code: fault::Code) -> Result<fault::Code, RunError> {
    let address = engine.code(func).map_err(RunError::host)?;
    // SAFETY: the address is compared with others only; besides, the engine is never dropped.
    code.start = unsafe { address.as_ptr() }.addr();
    Ok(code)
}

/// Looks each import up in the library it is declared for.
fn bind_imports(
    engine: &mut Engine,
    imported: &[&Function],
    directories: &[PathBuf],
    settings: &Settings,
) -> Result<(), RunError> {
    let mut libraries: HashMap<&str, Library> = HashMap::new();
    for function in imported {
        if function.name.as_ref() == closures::SYMBOL {
            let make = closures::prepare(settings).map_err(RunError::host)?;
            engine
                .bind(closures::SYMBOL, make)
                .map_err(RunError::host)?;
        }
        // The others are found in the process.
        let Origin::Extern {
            library: Some(name),
            symbol,
        } = &function.origin
        else {
            continue;
        };
        let library = match libraries.entry(name) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let library = open(name, directories)?;
                engine.add_library(&library);
                entry.insert(library)
            }
        };
        let address = library.symbol(symbol).map_err(RunError::host)?;
        let bound = engine.bind(symbol, address);
        bound.map_err(RunError::host)?;
    }
    Ok(())
}

fn open(name: &str, directories: &[PathBuf]) -> Result<Library, RunError> {
    let found = directories
        .iter()
        .map(|directory| directory.join(name))
        .find(|path| path.exists());
    let path = found.unwrap_or_else(|| PathBuf::from(name));
    // SAFETY: the program names the library, and answers for it as a C program does for those it is linked with.
    unsafe { Library::open(path) }.map_err(RunError::host)
}

/// Up to the first zero byte, where C ends them anyway.
fn c_strings(args: &[String]) -> Vec<CString> {
    let cut = |arg: &String| CString::new(arg.split('\0').next()?).ok();
    args.iter().filter_map(cut).collect()
}
