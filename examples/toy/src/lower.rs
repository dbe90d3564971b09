//! From the tree to CLIF in one pass: names are resolved and types checked as code is made. How functions are called is in `lower/call.rs`, how they take their
//! arguments and return in `lower/function.rs`, both by clif-cabi; their signatures are in `lower/signature.rs`. All else here is an ordinary front end for Cranelift.
//!
//! A value is an SSA value if it is an integer, a pointer, a bool, an `f32` or an `f64`, several of them if it is an aggregate of a few of these
//! (`lower/memory.rs`), and lives in memory otherwise. A variable of the first two kinds is Cranelift variables unless something points to it.

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

use crate::ast::{self, Expr, FnDecl, Ident, Item, Names, TypeExpr};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::header::Import;
use crate::types::{FnTy, Ty, TyKind, Types};
use cabi::{FnSig, Target};
use clif_cabi::Lowering;
use cranelift_codegen::Context;
use cranelift_module::{DataId, FuncId, Module};
use function::Frame;
use header::Taken;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use value::Field;

/// After so many complaints the rest would only repeat them.
const MAX_DIAGNOSTICS: usize = 20;

/// What makes function pointers of closures: `closures.rs`.
pub(crate) const CLOSURE: &str = "__toy_closure";

/// A program as code.
pub(crate) struct Program {
    pub(crate) functions: Vec<Compiled>,
    /// `main`, and whether it has a result.
    pub(crate) main: Option<(FuncId, bool)>,
    /// The functions that are called and not defined: their libraries, if they say one, and symbols.
    pub(crate) imports: Vec<(Option<Rc<str>>, Rc<str>)>,
    /// Where those are looked for that say none, before the running program.
    pub(crate) libraries: Vec<Rc<str>>,
    /// Where values are passed, in the order of the program.
    pub(crate) notes: Vec<Note>,
}

/// A function's code, before it is given to the module.
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) func: FuncId,
    pub(crate) context: Context,
}

/// The signature of a function, and those of its calls.
pub(crate) struct Note {
    pub(crate) heading: String,
    pub(crate) params: Vec<Rc<str>>,
    pub(crate) sig: FnSig,
    pub(crate) span: Span,
    pub(crate) calls: Vec<(Span, String, FnSig)>,
}

/// Compiles a program, which may use C headers. With `exports` C finds `main` and the functions spelled `extern "C"` by their names.
pub(crate) fn lower(
    program: &ast::Program,
    import: Option<&Import>,
    target: &Target,
    module: &mut dyn Module,
    exports: bool,
) -> Result<Program, Vec<Diagnostic>> {
    let lowering = Lowering::new(module.isa()).at(Span::default());
    let mut session = Session {
        lowering: lowering.map_err(|error| vec![error])?,
        module,
        exports,
        types: Types::new(target),
        import,
        values: &program.values,
        names: HashMap::new(),
        functions: Vec::new(),
        taken: Taken::default(),
        va_list: Ty::BYTES,
        frames: Vec::new(),
        strings: HashMap::new(),
        fields: HashMap::new(),
        imported: HashMap::new(),
        diagnostics: Vec::new(),
        compiled: Vec::new(),
        notes: Vec::new(),
    };
    session.whole(&program.items);
    if !session.diagnostics.is_empty() {
        session.diagnostics.truncate(MAX_DIAGNOSTICS);
        return Err(session.diagnostics);
    }
    Ok(session.done())
}

/// What a name of an item stands for.
#[derive(Clone, Copy)]
enum Meaning<'p> {
    /// Into `Session::functions`.
    Function(usize),
    Record(usize),
    Const(&'p TypeExpr, &'p Expr),
    /// A type of a C header.
    CType(Ty),
    /// Of a C header: its type and its value.
    CConstant(Ty, i128),
}

/// A function of the program, or one it imports.
struct Function<'p> {
    name: Rc<str>,
    span: Span,
    /// None for one of a C header, whose type is known.
    decl: Option<&'p FnDecl>,
    ty: Option<Rc<FnTy>>,
    origin: Origin,
    params: Vec<Rc<str>>,
    declared: Option<clif_cabi::Function>,
}

#[derive(Clone)]
enum Origin {
    /// Of a library, or of the running program; and what the linker calls it.
    Extern(Option<Rc<str>>, Rc<str>),
    Toy,
    /// In another function, and called with a static chain.
    Closure,
}

struct Session<'p> {
    module: &'p mut dyn Module,
    lowering: Lowering,
    exports: bool,
    types: Types,
    names: HashMap<Rc<str>, (Meaning<'p>, Span)>,
    functions: Vec<Function<'p>>,
    import: Option<&'p Import>,
    taken: Taken,
    /// Functions by these names are values somewhere: C may call them.
    values: &'p Names,
    va_list: Ty,
    /// The functions being compiled, each standing in the one before.
    frames: Vec<Frame>,
    strings: HashMap<Vec<u8>, DataId>,
    /// What `fields` says of a type.
    fields: HashMap<Ty, Option<Rc<[Field]>>>,
    /// By symbol: two declarations of one function are one import.
    imported: HashMap<Rc<str>, (clif_cabi::Function, Option<Rc<str>>)>,
    diagnostics: Vec<Diagnostic>,
    compiled: Vec<Compiled>,
    notes: Vec<Note>,
}

impl<'p> Session<'p> {
    fn whole(&mut self, items: &'p [Item]) {
        let list = self.types.target.va_list().map_err(|why| why.to_string());
        match list.and_then(|list| self.c_plain(&list)) {
            // A pointer into the argument area, which C has as a `char *`.
            Ok(list) if self.types.is_pointer_like(list) => {}
            Ok(list) => self.va_list = list,
            Err(why) => self.report(Diagnostic::new(Span::default(), why)),
        }
        items.iter().for_each(|item| self.collect(item));
        for item in items {
            let found = match item {
                Item::Record(decl) => match self.names.get(&decl.name.name) {
                    Some((Meaning::Record(id), at)) if *at == decl.name.span => {
                        self.lay_out(*id, decl)
                    }
                    _ => Ok(()),
                },
                Item::Const(_, ty, value) => self.check_const(ty, value),
                _ => Ok(()),
            };
            self.keep(found);
        }
        let own = self.functions.len();
        for id in 0..own {
            let ty = self.fn_ty(id).map(|_| ());
            self.keep(ty);
        }
        for id in 0..own {
            let lowered = match self.functions[id].origin {
                _ if self.functions[id].ty.is_none() => Ok(()),
                Origin::Toy => self.function_body(id).map(|_| ()),
                _ => self.note_import(id),
            };
            self.keep(lowered);
        }
    }

    fn done(self) -> Program {
        let main = match self.names.get("main") {
            Some((Meaning::Function(id), _)) => self.functions.get(*id),
            _ => None,
        };
        let result = |function: &Function<'_>| {
            let has_result = function.ty.as_ref()?.result == Ty::I32;
            Some((function.declared.as_ref()?.body, has_result))
        };
        let imports = self.imported.iter();
        let imports = imports.map(|(symbol, (_, library))| (library.clone(), symbol.clone()));
        Program {
            main: main.and_then(result),
            imports: imports.collect(),
            libraries: self
                .import
                .map_or(Vec::new(), |import| import.libraries.clone()),
            functions: self.compiled,
            notes: self.notes,
        }
    }

    fn collect(&mut self, item: &'p Item) {
        match item {
            Item::Fn(function) => self.add_function(function, Origin::Toy),
            Item::Extern(library, functions) => {
                for function in functions {
                    let symbol = Rc::clone(&function.name.name);
                    self.add_function(function, Origin::Extern(library.clone(), symbol));
                }
            }
            Item::Record(decl) => {
                let id = self.types.add_record(&decl.name.name, decl.is_union);
                self.add_name(&decl.name, Meaning::Record(id));
            }
            // Read already; what it declares is looked up when it is used.
            Item::Use(_) => {}
            Item::Const(name, ty, value) => self.add_name(name, Meaning::Const(ty, value)),
        }
    }

    fn add_function(&mut self, decl: &'p FnDecl, origin: Origin) {
        let id = self.new_function(decl, Rc::clone(&decl.name.name), origin);
        self.add_name(&decl.name, Meaning::Function(id));
    }

    fn new_function(&mut self, decl: &'p FnDecl, name: Rc<str>, origin: Origin) -> usize {
        let params = decl.params.iter().map(|(name, _)| Rc::clone(&name.name));
        self.functions.push(Function {
            name,
            span: decl.name.span,
            decl: Some(decl),
            ty: None,
            origin,
            params: params.collect(),
            declared: None,
        });
        self.functions.len() - 1
    }

    fn add_name(&mut self, ident: &Ident, meaning: Meaning<'p>) {
        let (name, span) = (&ident.name, ident.span);
        if self.is_builtin(name) {
            let message = format!("`{name}` is a type of the language");
            self.report(Diagnostic::new(span, message));
        } else if let Some((_, first)) = self.names.get(name) {
            let twice = Diagnostic::new(span, format!("`{name}` is declared twice"));
            let twice = twice.other(*first, "first declared here");
            self.report(twice);
        } else {
            self.names.insert(Rc::clone(name), (meaning, span));
        }
    }

    /// The type of a function.
    fn fn_ty(&mut self, id: usize) -> Check<Rc<FnTy>> {
        let function = &self.functions[id];
        if let Some(ty) = &function.ty {
            return Ok(Rc::clone(ty));
        }
        let Some(decl) = function.decl else {
            return fail(function.span, "this function has no type");
        };
        let (mut params, mut seen) = (Vec::new(), HashSet::new());
        for (name, ty) in &decl.params {
            params.push(self.param_ty(ty)?);
            if !seen.insert(&name.name) {
                let message = format!("two parameters are called `{}`", name.name);
                return fail(name.span, message);
            }
        }
        let result = decl.result.as_ref();
        let result = result.map_or(Ok(Ty::VOID), |ty| self.result_ty(ty))?;
        let variadic = decl.variadic;
        let ty = FnTy {
            params,
            variadic,
            result,
        };
        if &*decl.name.name == "main" && matches!(self.functions[id].origin, Origin::Toy) {
            self.check_main(&ty, decl.name.span)?;
        }
        let ty = Rc::new(ty);
        self.functions[id].ty = Some(Rc::clone(&ty));
        Ok(ty)
    }

    fn check_main(&mut self, ty: &FnTy, span: Span) -> Check<()> {
        let argv = self.types.pointer(Ty::BYTES);
        let takes = ty.params.is_empty() || ty.params == [Ty::I32, argv];
        if takes && matches!(ty.result, Ty::VOID | Ty::I32) && !ty.variadic {
            return Ok(());
        }
        let why = Diagnostic::new(span, "`main` has another signature than a program's");
        let right =
            "it is `fn main()` or `fn main(argc: i32, argv: **u8)`, and returns nothing or `i32`";
        Err(why.note(right))
    }

    /// `fn name(T) -> U`
    fn heading(&mut self, id: usize) -> String {
        let function = &self.functions[id];
        let ty = function.ty.clone().map(|ty| self.types.function(ty));
        let ty = ty.map_or(String::new(), |ty| self.types.name(ty));
        let heading = ty.replacen("fn", &format!("fn {}", function.name), 1);
        match &function.origin {
            Origin::Extern(Some(library), _) => format!("extern \"{library}\" {heading}"),
            Origin::Extern(None, _) => format!("extern {heading}"),
            Origin::Toy | Origin::Closure => heading,
        }
    }

    /// Keeps a signature for `toy emit abi`. The result is the note's place.
    fn add_note(&mut self, id: usize, sig: FnSig) -> usize {
        let heading = self.heading(id);
        let function = &self.functions[id];
        self.notes.push(Note {
            heading,
            params: function.params.clone(),
            sig,
            span: function.span,
            calls: Vec::new(),
        });
        self.notes.len() - 1
    }

    fn note_import(&mut self, id: usize) -> Check<()> {
        let sig = self.signature(id)?;
        self.lowering.call_plan(&sig).at(self.functions[id].span)?;
        self.add_note(id, sig);
        Ok(())
    }

    /// A refusal in which `{}` stands for the type.
    fn wrong<T>(&self, span: Span, ty: Ty, text: &str) -> Check<T> {
        fail(span, text.replace("{}", &self.types.name(ty)))
    }

    fn keep(&mut self, result: Check<()>) {
        if let Err(diagnostic) = result {
            self.report(diagnostic);
        }
    }

    /// Keeps a diagnostic: a declaration that is wrong is wrong for each that needs it, in the same words.
    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Why there is no value of the type.
    fn incomplete(&self, ty: Ty) -> String {
        let name = self.types.name(ty);
        let reason = match self.types.kind(ty) {
            TyKind::Record(id) => self.taken.reasons.get(id),
            _ => None,
        };
        match reason {
            Some(why) => format!("`{name}` cannot be used: {why}"),
            None if ty == Ty::VOID => "a `*void` points to nothing of a known size".to_owned(),
            None => {
                format!("`{name}` is opaque, or comes later: only pointers to it exist here")
            }
        }
    }
}
