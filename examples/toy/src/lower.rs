//! From the tree to CLIF in one pass: names are resolved and types checked as code is made. Calls
//! are in `lower/call.rs`, functions with their parameters and results in `lower/function.rs`. Both
//! use clif-cabi. All else here is an ordinary front end for Cranelift.
//!
//! An integer, a pointer, a bool, an `f32` or an `f64` is one SSA value. An aggregate of a few of
//! these is several SSA values (`lower/memory.rs`). Other values are in memory. Variables of the
//! first two kinds are Cranelift variables, unless a pointer points to them.

mod call;
mod decl;
mod expr;
mod function;
mod header;
mod literal;
mod memory;
mod ops;
mod place;
mod stmt;
mod value;

use crate::ast::{self, FnDecl, Ident, Linkage, Names};
use crate::diag::{AtPlace, Check, fail};
use crate::types::{FnTy, Ty, Types};
use cabi::{Target, Triple};
use cabi_header::Header;
use clif_cabi::Lowering;
use clif_cabi_unwind::Personality;
use cranelift_codegen::Context;
use cranelift_module::{FuncId, Module};
use std::collections::HashMap;
use std::rc::Rc;

/// Name of the function that makes function pointers of closures: `make` of `jit.rs`.
pub(crate) const CLOSURE: &str = "__toy_closure";

/// Returns the personality function that enters the handlers of `try` on `target`, for exceptions
/// of every language.
pub(crate) fn personality(target: &Triple) -> Personality {
    Personality::new(match target.operating_system.into_str().as_ref() {
        "windows" => "__gxx_personality_seh0",
        _ => "__gxx_personality_v0",
    })
}

/// A program as code.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) functions: Vec<CompiledFunction>,
    pub(crate) main: Option<FuncId>,
    /// `true` if [`CLOSURE`] is called.
    pub(crate) has_closures: bool,
    /// Libraries in which functions are looked for, before the running program.
    pub(crate) libraries: Vec<Rc<str>>,
}

/// A function's code, before it is given to the module.
pub(crate) struct CompiledFunction {
    pub(crate) name: String,
    pub(crate) func: FuncId,
    pub(crate) context: Context,
}

/// Compiles a program, which may use C headers.
pub(crate) fn lower(
    program: &ast::Program,
    header: Option<&Header>,
    target: &Target,
    module: &mut dyn Module,
) -> Check<Program> {
    let mut session = Session {
        lowering: Lowering::new(module.isa())?,
        module,
        types: Types::new(target),
        header,
        values: &program.values,
        names: HashMap::new(),
        functions: Vec::new(),
        header_records: HashMap::new(),
        made: Program {
            libraries: program.libraries.clone(),
            ..Program::default()
        },
    };
    session.whole(program)?;
    Ok(session.made)
}

/// Meaning of the name of an item.
#[derive(Clone, Copy)]
enum Meaning {
    /// Into `Session::functions`.
    Function(usize),
    Type(Ty),
    /// Type and value of a constant of a C header.
    Constant(Ty, i128),
}

/// A function of the program, or one it imports.
struct Function<'p> {
    name: Rc<str>,
    /// `None` for a function of a C header.
    decl: Option<&'p FnDecl>,
    ty: Rc<FnTy>,
    linkage: Linkage,
    declared: Option<clif_cabi::Function>,
}

struct Session<'p> {
    module: &'p mut dyn Module,
    lowering: Lowering,
    types: Types,
    names: HashMap<Rc<str>, Meaning>,
    functions: Vec<Function<'p>>,
    header: Option<&'p Header>,
    /// Records that were taken from the headers so far.
    header_records: HashMap<cabi::Type, Ty>,
    /// Names of functions that are used as values: C may call these.
    values: &'p Names,
    made: Program,
}

impl<'p> Session<'p> {
    fn whole(&mut self, program: &'p ast::Program) -> Check<()> {
        for decl in &program.records {
            let ty = self.types.add_record(&decl.name.name);
            self.add_name(&decl.name, Meaning::Type(ty))?;
        }
        for decl in &program.records {
            self.lay_out(decl).at(decl.name.start)?;
        }
        for decl in &program.functions {
            let id = self.add_function(decl, Rc::clone(&decl.name.name));
            let id = id.at(decl.name.start)?;
            self.add_name(&decl.name, Meaning::Function(id))?;
        }
        for (id, decl) in program.functions.iter().enumerate() {
            let compiled = match decl.linkage {
                Linkage::Import(..) => self
                    .signature(id)
                    .and_then(|sig| Ok(self.lowering.call_plan(&sig).map(drop)?)),
                _ => self.function_body(id, &[]),
            };
            compiled.at(decl.name.start)?;
        }
        Ok(())
    }

    /// Adds a function of the program, called `name`, which is not compiled yet.
    fn add_function(&mut self, decl: &'p FnDecl, name: Rc<str>) -> Check<usize> {
        ast::twice(decl.signature.names.iter())?;
        let ty = Rc::new(self.fn_ty(&decl.signature)?);
        self.functions.push(Function {
            name,
            decl: Some(decl),
            ty: Rc::clone(&ty),
            linkage: decl.linkage.clone(),
            declared: None,
        });
        let id = self.functions.len() - 1;
        let takes = ty.params.is_empty() || ty.params == [Ty::I32, self.types.pointer(Ty::BYTES)];
        let is_right = takes && matches!(ty.result, Ty::Void | Ty::I32) && !ty.variadic;
        let main = "`main` takes nothing or `argc: i32, argv: **u8`, and returns nothing or `i32`";
        let is_wrong = self.is_main(id) && !is_right;
        if is_wrong { fail(main) } else { Ok(id) }
    }

    fn add_name(&mut self, Ident { name, start }: &Ident, meaning: Meaning) -> Check<()> {
        if self.builtin(name).is_some() {
            return fail(format!("`{name}` is the name of a built-in type")).at(*start);
        }
        match self.names.insert(Rc::clone(name), meaning) {
            Some(_) => fail(format!("`{name}` is declared twice")).at(*start),
            None => Ok(()),
        }
    }

    /// Returns whether the program begins at function `id`.
    fn is_main(&self, id: usize) -> bool {
        let Function { name, linkage, .. } = &self.functions[id];
        &**name == "main" && matches!(linkage, Linkage::Own | Linkage::C)
    }
}
