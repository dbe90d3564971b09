//! From the tree to CLIF in one pass: names are resolved and types checked as code is made. How
//! functions are called is in `lower/call.rs`, how they take their arguments and return in
//! `lower/function.rs`, both by clif-cabi; their signatures are in `lower/signature.rs`. All else
//! here is an ordinary front end for Cranelift.
//!
//! A value is an SSA value if it is an integer, a pointer, a bool, an `f32` or an `f64`, several of
//! them if it is an aggregate of a few of these (`lower/memory.rs`), and lives in memory otherwise.
//! A variable of the first two kinds is Cranelift variables unless something points to it.

mod call;
mod decl;
mod expr;
mod function;
mod header;
mod literal;
mod memory;
mod ops;
mod place;
mod signature;
mod stmt;
mod value;

use crate::ast::{self, FnDecl, Ident, Linkage, Names};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::header::Import;
use crate::lines::Lines;
use crate::types::{FnTy, Ty, Types};
use cabi::{FnSig, Target};
use clif_cabi::Lowering;
use clif_cabi_unwind::Sources;
use cranelift_codegen::Context;
use cranelift_module::{FuncId, Module};
use header::Taken;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// Function that makes function pointers of closures: `closures.rs`.
pub(crate) const CLOSURE: &str = "__toy_closure";

/// Function that enters the handlers of `try`, for every language's exceptions.
pub(crate) const PERSONALITY: &str = "__gxx_personality_v0";

/// A program as code.
pub(crate) struct Program {
    pub(crate) functions: Vec<Compiled>,
    pub(crate) main: Option<FuncId>,
    /// The functions spelled `extern "C"`.
    pub(crate) exported: Vec<(Rc<str>, FnSig)>,
    /// The functions that are called and not defined: their libraries, if they say one, and
    /// symbols.
    pub(crate) imports: Vec<(Option<Rc<str>>, Rc<str>)>,
    /// All libraries, those of headers first: where symbols are looked for that say none, before
    /// the running program.
    pub(crate) libraries: Vec<Rc<str>>,
    /// Sources of its code, if that was asked for.
    pub(crate) sources: Option<Sources>,
}

/// A function's code, before it is given to the module.
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) func: FuncId,
    pub(crate) context: Context,
}

/// Compiles a program, which may use C headers. With `exports` C finds `main` and the functions
/// spelled `extern "C"` by their names; with `lines` code knows where it is from.
pub(crate) fn lower(
    program: &ast::Program,
    import: Option<&Import>,
    target: &Target,
    module: &mut dyn Module,
    exports: bool,
    lines: Option<Lines>,
) -> Check<Program> {
    let mut session = Session {
        lowering: Lowering::new(module.isa()).at(Span::default())?,
        module,
        exports,
        lines,
        types: Types::new(target),
        import,
        values: &program.values,
        names: HashMap::new(),
        functions: Vec::new(),
        taken: Taken::default(),
        va_list: Ty::BYTES,
        imported: BTreeMap::new(),
        compiled: Vec::new(),
    };
    session.whole(program)?;
    Ok(session.done())
}

/// Without what is there already.
fn first_of_each(names: impl Iterator<Item = Rc<str>>) -> Vec<Rc<str>> {
    let mut known = HashSet::new();
    names.filter(|name| known.insert(name.clone())).collect()
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
    span: Span,
    /// None for one of a C header.
    decl: Option<&'p FnDecl>,
    ty: Rc<FnTy>,
    linkage: Linkage,
    declared: Option<clif_cabi::Function>,
}

struct Session<'p> {
    module: &'p mut dyn Module,
    lowering: Lowering,
    exports: bool,
    lines: Option<Lines>,
    types: Types,
    names: HashMap<Rc<str>, Meaning>,
    functions: Vec<Function<'p>>,
    import: Option<&'p Import>,
    taken: Taken,
    /// Functions by these names are values somewhere: C may call them.
    values: &'p Names,
    va_list: Ty,
    /// By symbol: two declarations of one function are one import.
    imported: BTreeMap<Rc<str>, (clif_cabi::Function, Option<Rc<str>>)>,
    compiled: Vec<Compiled>,
}

impl<'p> Session<'p> {
    fn whole(&mut self, program: &'p ast::Program) -> Check<()> {
        let list = self.types.target.va_list().at(Span::default())?;
        let list = self.c_ty(&list).at(Span::default())?;
        // If it is a pointer into the argument area, C has it as a `char *`.
        if !list.is_pointer_like() {
            self.va_list = list;
        }
        for decl in &program.records {
            let ty = self.types.add_record(&decl.name.name, decl.is_union);
            self.add_name(&decl.name, Meaning::Type(ty))?;
        }
        for decl in &program.records {
            self.lay_out(decl)?;
        }
        for decl in &program.functions {
            let id = self.add_function(decl, Rc::clone(&decl.name.name))?;
            self.add_name(&decl.name, Meaning::Function(id))?;
        }
        for id in 0..program.functions.len() {
            match self.functions[id].linkage {
                Linkage::Import(..) => {
                    let (sig, span) = (self.signature(id)?, self.functions[id].span);
                    self.lowering.call_plan(&sig).at(span)?;
                }
                _ => self.function_body(id, &[])?,
            }
        }
        Ok(())
    }

    fn done(self) -> Program {
        let (mut main, mut exported) = (None, Vec::new());
        for (id, function) in self.functions.iter().enumerate() {
            match &function.declared {
                Some(declared) if self.is_main(id) => main = Some(declared.body),
                Some(declared) if function.linkage == Linkage::C => {
                    exported.push((Rc::clone(&function.name), declared.sig.clone()));
                }
                _ => {}
            }
        }
        let imports = self.imported.iter();
        let imports = imports.map(|(symbol, (_, library))| (library.clone(), symbol.clone()));
        let imports: Vec<_> = imports.collect();
        let headers = self
            .import
            .iter()
            .flat_map(|import| import.libraries.clone());
        let libraries = imports.iter().filter_map(|(library, _)| library.clone());
        Program {
            main,
            exported,
            sources: self.lines.map(|lines| lines.sources),
            libraries: first_of_each(headers.chain(libraries)),
            imports,
            functions: self.compiled,
        }
    }

    /// A function of the program, called `name`, which is not compiled yet.
    fn add_function(&mut self, decl: &'p FnDecl, name: Rc<str>) -> Check<usize> {
        let span = decl.name.span;
        if let Some(Ident { name, span }) = ast::twice(decl.params.iter()) {
            return fail(*span, format!("two parameters are called `{name}`"));
        }
        let ty = Rc::new(self.fn_ty(&decl.signature, |_| false)?);
        self.functions.push(Function {
            name,
            span,
            decl: Some(decl),
            ty: Rc::clone(&ty),
            linkage: decl.linkage.clone(),
            declared: None,
        });
        let id = self.functions.len() - 1;
        if self.is_main(id) {
            self.check_main(&ty, span)?;
        }
        Ok(id)
    }

    fn add_name(&mut self, ident: &Ident, meaning: Meaning) -> Check<()> {
        let (name, span) = (&ident.name, ident.span);
        if self.builtin(name).is_some() {
            return fail(span, format!("`{name}` is a type of the language"));
        }
        match self.names.insert(Rc::clone(name), meaning) {
            Some(_) => fail(span, format!("`{name}` is declared twice")),
            None => Ok(()),
        }
    }

    /// Returns whether the program begins there.
    fn is_main(&self, id: usize) -> bool {
        let Function { name, linkage, .. } = &self.functions[id];
        &**name == "main" && matches!(linkage, Linkage::Own | Linkage::C)
    }

    fn check_main(&mut self, ty: &FnTy, span: Span) -> Check<()> {
        let argv = self.types.pointer(Ty::BYTES);
        let takes = ty.params.is_empty() || ty.params == [Ty::I32, argv];
        if takes && matches!(ty.result, Ty::Void | Ty::I32) && !ty.variadic {
            return Ok(());
        }
        let why = Diagnostic::new(span, "`main` has another signature than a program's");
        let right =
            "it is `fn main()` or `fn main(argc: i32, argv: **u8)`, and returns nothing or `i32`";
        Err(why.note(right))
    }

    /// A refusal in which `{}` stands for the type.
    fn wrong<T>(&self, span: Span, ty: Ty, text: &str) -> Check<T> {
        fail(span, text.replace("{}", &self.types.name(ty)))
    }

    /// Why there is no value of the type.
    fn incomplete(&self, ty: Ty) -> String {
        let name = self.types.name(ty);
        match ty {
            Ty::Void => "a `*void` points to nothing of a known size".to_owned(),
            _ => format!("`{name}` is opaque, or comes later: only pointers to it exist here"),
        }
    }
}
