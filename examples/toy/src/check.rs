//! From the tree to the typed program: names, types, conversions. This file collects the items and
//! checks function bodies; what a declaration, type, statement or expression means is in the files below.

mod call;
mod convert;
mod decl;
mod expr;
mod fold;
mod function;
mod header;
mod literal;
mod ops;
mod place;
mod soft;
mod stmt;
mod ty;

use crate::ast::{self, Program};
use crate::diag::{Diagnostic, Span, fail};
use crate::header::Import;
use crate::typed::{Body, Checked, FnId, Function, Origin};
use crate::types::{EnumId, RecordId, Ty, Types};
use cabi::Target;
use function::Frame;
use header::Taken;
use std::collections::HashMap;
use std::rc::Rc;

/// After so many complaints the rest would only repeat them.
const MAX_DIAGNOSTICS: usize = 20;

/// How deep checking may recurse, through declarations that need each other too.
const MAX_DEPTH: u32 = 200;

/// Checks `program`; `imports` are the headers it uses. The prelude is the part of the language that is written in the language.
pub(crate) fn check(
    prelude: &Program,
    program: &Program,
    imports: &[Import],
    target: &Target,
) -> Result<Checked, Vec<Diagnostic>> {
    let mut checker = Checker::new(imports, target);
    checker.collect(prelude, Side::Prelude);
    checker.collect(program, Side::User);
    checker.declare_all();
    checker.check_bodies();
    checker.check_main();
    if checker.diagnostics.is_empty() {
        Ok(Checked {
            types: checker.types,
            functions: checker.functions,
            main: checker.main,
        })
    } else {
        checker.diagnostics.truncate(MAX_DIAGNOSTICS);
        Err(checker.diagnostics)
    }
}

/// Whose names are in force.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Side {
    #[default]
    Prelude,
    User,
}

impl Side {
    fn left_out(self, why: Diagnostic) -> Check<()> {
        match self {
            Side::Prelude => Ok(()),
            Side::User => Err(why),
        }
    }
}

/// What a name of an item stands for.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Function(FnId),
    Record(RecordId),
    Enum(EnumId),
    /// Into `Checker::lazy`: an alias or a constant.
    Lazy(usize),
    /// Of a C header.
    CAlias(Ty),
    /// Of a C header: its type and its value.
    CConstant(Ty, i128),
}

#[derive(Clone, Copy)]
struct Named {
    meaning: Meaning,
    span: Span,
}

/// Where an expression stands, and the type that is wanted of it: what literals turn into, and no more than a wish.
#[derive(Clone, Copy)]
struct Wanted {
    span: Span,
    expected: Option<Ty>,
}

impl Wanted {
    fn of(ty: Ty, span: Span) -> Wanted {
        let expected = Some(ty);
        Wanted { span, expected }
    }
}

/// How far a declaration has been looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    New,
    Running,
    Done,
}

impl Progress {
    /// Begins to look into a declaration; false if that is done. One that is running needs itself, which `circle` says.
    fn begin(&mut self, circle: impl FnOnce() -> Diagnostic) -> Check<bool> {
        match self {
            Progress::Done => Ok(false),
            Progress::Running => Err(circle()),
            Progress::New => {
                *self = Progress::Running;
                Ok(true)
            }
        }
    }
}

/// A declaration that is looked into when first needed, since order does not matter.
enum LazyItem<'p> {
    Alias(&'p ast::TypeExpr),
    Const(&'p ast::TypeExpr, &'p ast::Expr),
}

struct Lazy<'p> {
    side: Side,
    name: &'p ast::Ident,
    item: LazyItem<'p>,
    progress: Progress,
    ty: Ty,
    /// Of a constant.
    bits: u128,
}

struct Checker<'p> {
    types: Types,
    diagnostics: Vec<Diagnostic>,
    /// The items of the prelude, and of the program.
    names: [HashMap<Rc<str>, Named>; 2],
    lazy: Vec<Lazy<'p>>,
    /// In the order of `types`; without a declaration if they are C's.
    records: Vec<(Side, Option<&'p ast::RecordDecl>, Progress)>,
    enums: Vec<(Side, Option<&'p ast::EnumDecl>, Progress)>,
    /// The first of `functions`; those of C headers come after.
    fn_decls: Vec<(Side, &'p ast::FnDecl)>,
    imports: &'p [Import],
    taken: Taken,
    functions: Vec<Function>,
    main: Option<FnId>,
    side: Side,
    depth: u32,
    /// The function being checked, and those it stands in, the outermost first.
    frame: Frame,
    outer: Vec<Frame>,
}

type Check<T> = Result<T, Diagnostic>;

/// The refusal of what stands at `span` and uses a declaration that is wrong.
fn spoilt<T>(span: Span) -> Check<T> {
    Err(Diagnostic::new(span, "what this needs is wrong").consequence())
}

impl<'p> Checker<'p> {
    fn new(imports: &'p [Import], target: &Target) -> Self {
        Checker {
            types: Types::new(target),
            imports,
            diagnostics: Vec::new(),
            names: [HashMap::new(), HashMap::new()],
            lazy: Vec::new(),
            records: Vec::new(),
            enums: Vec::new(),
            fn_decls: Vec::new(),
            taken: Taken::default(),
            functions: Vec::new(),
            main: None,
            side: Side::default(),
            depth: 0,
            frame: Frame::default(),
            outer: Vec::new(),
        }
    }

    fn collect(&mut self, program: &'p Program, side: Side) {
        self.side = side;
        for item in &program.items {
            match item {
                ast::Item::Fn(function) => {
                    let id = self.add_function(function, Origin::Toy(Body::default()));
                    if side == Side::User && &*function.name.name == "main" {
                        self.main = Some(id);
                    }
                }
                ast::Item::Extern(block) => {
                    let library: Option<Rc<str>> =
                        block.library.as_ref().map(|(name, _)| name.as_str().into());
                    for function in &block.functions {
                        let origin = Origin::Extern {
                            library: library.clone(),
                            symbol: Rc::clone(&function.name.name),
                        };
                        self.add_function(function, origin);
                    }
                }
                ast::Item::Record(record) => {
                    let id = self.add_record(record);
                    if let Some(name) = &record.name {
                        self.add_name(name, Meaning::Record(id));
                    }
                }
                ast::Item::Enum(decl) => {
                    let id = self.add_enum(decl);
                    self.add_name(&decl.name, Meaning::Enum(id));
                }
                // Read already; what it declares is looked up when it is used.
                ast::Item::Use(_) => {}
                ast::Item::Alias(name, ty) => self.add_lazy(name, LazyItem::Alias(ty)),
                ast::Item::Const(name, ty, value) => {
                    self.add_lazy(name, LazyItem::Const(ty, value))
                }
            }
        }
    }

    fn add_function(&mut self, decl: &'p ast::FnDecl, origin: Origin) -> FnId {
        let name = Rc::clone(&decl.name.name);
        let id = self.new_function(decl, name, origin);
        self.fn_decls.push((self.side, decl));
        self.add_name(&decl.name, Meaning::Function(id));
        id
    }

    fn add_lazy(&mut self, name: &'p ast::Ident, item: LazyItem<'p>) {
        let at = self.lazy.len();
        let side = self.side;
        self.lazy.push(Lazy {
            side,
            name,
            item,
            progress: Progress::New,
            ty: Ty::ERROR,
            bits: 0,
        });
        self.add_name(name, Meaning::Lazy(at));
    }

    fn add_name(&mut self, ident: &ast::Ident, meaning: Meaning) {
        let name = &ident.name;
        if self.side == Side::User && name.starts_with("__") {
            let message = format!(
                "`{name}` is reserved: names with two leading underscores are the language's own"
            );
            self.report(Diagnostic::new(ident.span, message));
        }
        if ty::is_builtin(name, self.types.model()) {
            self.report(Diagnostic::new(
                ident.span,
                format!("`{name}` is a type of the language"),
            ));
            return;
        }
        let span = ident.span;
        let names = &mut self.names[self.side as usize];
        match names.get(name) {
            Some(first) => {
                let message = format!("`{name}` is declared twice");
                let diagnostic = Diagnostic::new(ident.span, message)
                    .label("declared again here")
                    .other(first.span, "first declared here");
                self.report(diagnostic);
            }
            None => {
                names.insert(Rc::clone(name), Named { meaning, span });
            }
        }
    }

    /// Resolves the declarations that have not been used yet, so that every mistake is found.
    fn declare_all(&mut self) {
        // What the prelude has for types that the target does not have is left out.
        self.each(self.records.len(), |checker, at| {
            let side = checker.records[at].0;
            checker
                .lay_out(RecordId(at))
                .or_else(|why| side.left_out(why))
        });
        self.each(self.enums.len(), |checker, at| {
            checker.number_variants(EnumId(at))
        });
        self.each(self.lazy.len(), Self::resolve_lazy);
        self.each(self.fn_decls.len(), |checker, at| {
            let declared = checker.declare_function(at);
            declared.or_else(|why| checker.fn_decls[at].0.left_out(why))
        });
    }

    /// The item called `name`, as seen from the side being checked.
    fn find(&self, name: &str) -> Option<Named> {
        self.names[self.side as usize].get(name).copied()
    }

    /// Looks into a declaration of `side`, one level deeper.
    fn look<T>(
        &mut self,
        side: Side,
        span: Span,
        into: impl FnOnce(&mut Self) -> Check<T>,
    ) -> Check<T> {
        let outer = std::mem::replace(&mut self.side, side);
        let result = self.enter(span).and_then(|()| {
            let result = into(self);
            self.leave();
            result
        });
        self.side = outer;
        result
    }

    /// Goes one level deeper, or refuses.
    fn enter(&mut self, span: Span) -> Check<()> {
        if self.depth >= MAX_DEPTH {
            return fail(
                span,
                "this needs too many declarations that need each other",
            );
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Keeps a diagnostic. A mistake has one, however much else is wrong because of it.
    fn report(&mut self, diagnostic: Diagnostic) {
        let is_kept = !diagnostic.is_consequence() || self.diagnostics.is_empty();
        if is_kept && self.side.left_out(diagnostic.clone()).is_err() {
            self.diagnostics.push(diagnostic);
        }
    }

    fn each(&mut self, count: usize, check: impl Fn(&mut Self, usize) -> Check<()>) {
        for at in 0..count {
            if let Err(diagnostic) = check(self, at) {
                self.report(diagnostic);
            }
        }
    }
}
