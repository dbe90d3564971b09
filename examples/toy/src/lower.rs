//! From the tree to CLIF in one pass: names are resolved and types checked as code is made. How functions are called is in `lower/call.rs`, how they take their
//! arguments and return in `lower/function.rs`, both by clif-cabi; their signatures are in `lower/signature.rs`. All else here is an ordinary front end for Cranelift.
//!
//! A value is an SSA value if it is an integer, a pointer, a bool, an `f32` or an `f64`, several of them if it is an aggregate of a few of these
//! (`lower/memory.rs`), and lives in memory otherwise. A variable of the first two kinds is Cranelift variables unless something points to it.

mod call;
mod constant;
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

use crate::ast::{EnumDecl, Expr, FnDecl, Ident, Item, RecordDecl, TypeExpr};
use crate::diag::{At, Check, Diagnostic, Span, fail};
use crate::header::Import;
use crate::scan;
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

/// How deep checking may recurse, through declarations that need each other too.
const MAX_DEPTH: u32 = 200;

/// What makes function pointers of nested functions: `closures.rs`.
pub(crate) const CLOSURE: &str = "__toy_closure";

/// A program as code.
pub(crate) struct Program {
    pub(crate) functions: Vec<Compiled>,
    /// `main`, and whether it has a result.
    pub(crate) main: Option<(FuncId, bool)>,
    /// The functions that are called and not defined: their libraries, if they say one, and symbols.
    pub(crate) imports: Vec<(Option<Rc<str>>, Rc<str>)>,
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

/// Compiles a program; `imports` are the headers it uses. With `exports` C finds `main` and the functions spelled `extern "C"` by their names.
pub(crate) fn lower(
    items: &[Item],
    imports: &[Import],
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
        imports,
        values: scan::values(items),
        names: HashMap::new(),
        functions: Vec::new(),
        records: Vec::new(),
        enums: Vec::new(),
        taken: Taken::default(),
        va_list: Ty::BYTES,
        aliases: HashMap::new(),
        constants: HashMap::new(),
        frames: Vec::new(),
        depth: 0,
        strings: HashMap::new(),
        fields: HashMap::new(),
        imported: HashMap::new(),
        diagnostics: Vec::new(),
        compiled: Vec::new(),
        notes: Vec::new(),
    };
    session.whole(items);
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
    Enum(usize),
    Alias(&'p TypeExpr),
    Const(&'p TypeExpr, &'p Expr),
    /// Of a C header.
    CAlias(Ty),
    /// Of a C header: its type and its value.
    CConstant(Ty, i128),
}

/// A function of the program, or one it imports.
struct Function<'p> {
    name: Rc<str>,
    span: Span,
    /// None for one of a C header, whose type is known.
    decl: Option<&'p FnDecl>,
    ty: Option<Ty>,
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
    Nested,
}

/// How far a record or enum has been looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    Running,
    Done,
}

struct Session<'p> {
    module: &'p mut dyn Module,
    lowering: Lowering,
    exports: bool,
    types: Types,
    names: HashMap<Rc<str>, (Meaning<'p>, Span)>,
    functions: Vec<Function<'p>>,
    /// In the order of `types`; without a declaration if they are C's.
    records: Vec<(Option<&'p RecordDecl>, Progress)>,
    enums: Vec<(Option<&'p EnumDecl>, Progress)>,
    imports: &'p [Import],
    taken: Taken,
    /// Functions by these names are values somewhere: C may call them.
    values: HashSet<Rc<str>>,
    va_list: Ty,
    /// What aliases and constants amount to, by their places.
    aliases: HashMap<Span, Ty>,
    constants: HashMap<Span, i128>,
    /// The functions being compiled, each standing in the one before.
    frames: Vec<Frame>,
    depth: u32,
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
        let mut names: Vec<(Meaning<'p>, Span)> = self.names.values().copied().collect();
        names.sort_by_key(|(_, span)| span.start);
        for (meaning, _) in names {
            let found = match meaning {
                Meaning::Record(id) => self.lay_out(id),
                Meaning::Enum(id) => self.number_variants(id),
                Meaning::Alias(ty) => self.ty(ty).map(|_| ()),
                Meaning::Const(ty, value) => self.check_const(ty, value),
                Meaning::Function(id) => self.fn_ty(id).map(|_| ()),
                Meaning::CAlias(_) | Meaning::CConstant(..) => Ok(()),
            };
            self.keep(found);
        }
        for id in 0..self.functions.len() {
            if !self.diagnostics.is_empty() && self.functions[id].ty.is_none() {
                continue;
            }
            let lowered = match self.functions[id].origin {
                Origin::Toy => self.function_body(id),
                _ => self.note(id),
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
            let ty = function.ty.and_then(|ty| self.types.as_fn(ty))?;
            Some((function.declared.as_ref()?.body, ty.result == Ty::I32))
        };
        let imports = self.imported.iter();
        Program {
            main: main.and_then(result),
            imports: imports
                .map(|(symbol, (_, library))| (library.clone(), symbol.clone()))
                .collect(),
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
            Item::Record(record) => {
                let id = self.add_record(record);
                if let Some(name) = &record.name {
                    self.add_name(name, Meaning::Record(id));
                }
            }
            Item::Enum(decl) => {
                let id = self.add_enum(decl);
                self.add_name(&decl.name, Meaning::Enum(id));
            }
            // Read already; what it declares is looked up when it is used.
            Item::Use(_) => {}
            Item::Alias(name, ty) => self.add_name(name, Meaning::Alias(ty)),
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
            self.report(Diagnostic::new(
                span,
                format!("`{name}` is a type of the language"),
            ));
        } else if let Some((_, first)) = self.names.get(name) {
            let twice = Diagnostic::new(span, format!("`{name}` is declared twice"));
            let twice = twice.other(*first, "first declared here");
            self.report(twice);
        } else {
            self.names.insert(Rc::clone(name), (meaning, span));
        }
    }

    /// The type of a function.
    fn fn_ty(&mut self, id: usize) -> Check<Ty> {
        let function = &self.functions[id];
        let (Some(decl), None) = (function.decl, function.ty) else {
            return function
                .ty
                .ok_or_else(|| Diagnostic::new(function.span, "no type"));
        };
        let mut params = Vec::new();
        let mut seen = HashSet::new();
        for (name, ty) in &decl.params {
            params.push(self.param_ty(ty)?);
            if !seen.insert(&name.name) {
                return fail(
                    name.span,
                    format!("two parameters are called `{}`", name.name),
                );
            }
        }
        let result = decl
            .result
            .as_ref()
            .map_or(Ok(Ty::VOID), |ty| self.result_ty(ty))?;
        let convention = self.convention(decl.convention, decl.name.span)?;
        let variadic = decl.variadic;
        let function = FnTy {
            params,
            variadic,
            convention,
            result,
        };
        let ty = self.types.function(function);
        let plain = [Ty::VOID, Ty::I32].contains(&result) && !variadic;
        if &*decl.name.name == "main" && matches!(self.functions[id].origin, Origin::Toy) {
            let params = self
                .types
                .as_fn(ty)
                .map_or(Vec::new(), |ty| ty.params.clone());
            let argv = |ty: &Ty| {
                self.types
                    .pointee(*ty)
                    .and_then(|to| self.types.pointee(to))
            };
            let takes = match &params[..] {
                [] => true,
                [Ty::I32, list] => argv(list).is_some(),
                _ => false,
            };
            if !(takes && plain && decl.convention.unwrap_or_default() == Default::default()) {
                let why = Diagnostic::new(
                    decl.name.span,
                    "`main` has another signature than a program's",
                );
                return Err(why.note("it is `fn main()` or `fn main(argc: i32, argv: **u8)`, and returns nothing or `i32`"));
            }
        }
        self.functions[id].ty = Some(ty);
        Ok(ty)
    }

    /// `fn name(T) -> U`
    fn heading(&self, id: usize) -> String {
        let function = &self.functions[id];
        let ty = function.ty.map_or(String::new(), |ty| self.types.name(ty));
        let heading = ty.replacen("fn", &format!("fn {}", function.name), 1);
        match &function.origin {
            Origin::Extern(Some(library), _) => format!("extern \"{library}\" {heading}"),
            Origin::Extern(None, _) => format!("extern {heading}"),
            Origin::Toy | Origin::Nested => heading,
        }
    }

    /// Keeps the signature of a function that is declared, for `toy emit abi`.
    fn note(&mut self, id: usize) -> Check<()> {
        self.fn_ty(id)?;
        let (span, params) = (self.functions[id].span, self.functions[id].params.clone());
        let (heading, sig) = (self.heading(id), self.signature(id)?);
        self.lowering.call_plan(&sig).at(span)?;
        let calls = Vec::new();
        self.notes.push(Note {
            heading,
            params,
            sig,
            span,
            calls,
        });
        Ok(())
    }

    /// A refusal in which `{}` stands for the type.
    fn wrong<T>(&self, span: Span, ty: Ty, text: &str) -> Check<T> {
        fail(span, text.replace("{}", &self.types.name(ty)))
    }

    /// Goes one level deeper, or refuses.
    fn look<T>(&mut self, span: Span, into: impl FnOnce(&mut Self) -> Check<T>) -> Check<T> {
        if self.depth >= MAX_DEPTH {
            return fail(
                span,
                "this needs too many declarations that need each other",
            );
        }
        self.depth += 1;
        let result = into(self);
        self.depth -= 1;
        result
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
            None => format!("`{name}` is opaque: only pointers to it exist"),
        }
    }
}
