//! Functions: their types, and the bodies of those that have one. A nested function captures the variables that it uses of the
//! functions around it; what is captured lives in memory.

use super::{Check, Checker, Side, stmt};
use crate::ast::{Block, Convention, ExprKind as AstKind, FnDecl, Ident};
use crate::diag::{At, Diagnostic, Span, fail};
use crate::typed::{Body, Expr, ExprKind, FnId, Function, Local, LocalId, Origin, StmtKind};
use crate::types::{FnTy, Ty};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// A function whose body is being checked.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) body: Body,
    pub(super) scopes: Vec<HashMap<Rc<str>, LocalId>>,
    pub(super) result: Ty,
    /// If it takes `...`.
    pub(super) variadic: Option<Convention>,
    pub(super) loops: u32,
    name: Rc<str>,
}

impl Frame {
    fn find(&self, name: &str) -> Option<LocalId> {
        let mut scopes = self.scopes.iter().rev();
        scopes.find_map(|scope| scope.get(name)).copied()
    }

    fn add(&mut self, local: Local) -> LocalId {
        self.body.locals.push(local);
        LocalId(self.body.locals.len() - 1)
    }

    /// A variable of `outer` that this function captures.
    fn capture(&mut self, outer: &mut Frame, id: LocalId, name: &str) -> LocalId {
        let local = &mut outer.body.locals[id.0];
        local.addressed = true;
        let own = self.add(Local { ..*local });
        self.body.captures.push((id, own));
        if let Some(scope) = self.scopes.first_mut() {
            scope.insert(name.into(), own);
        }
        own
    }
}

impl<'p> Checker<'p> {
    pub(super) fn new_function(&mut self, decl: &FnDecl, name: Rc<str>, origin: Origin) -> FnId {
        let params = decl.params.iter();
        self.functions.push(Function {
            name,
            span: (self.side == Side::User).then_some(decl.name.span),
            ty: Ty::ERROR,
            origin,
            param_names: params.map(|(param, _)| Rc::clone(&param.name)).collect(),
            for_c: decl.convention == Some(Convention::C),
            n_pointers: usize::from(decl.convention == Some(Convention::C)),
        });
        FnId(self.functions.len() - 1)
    }

    pub(super) fn declare_function(&mut self, at: usize) -> Check<()> {
        let (side, decl) = self.fn_decls[at];
        self.side = side;
        self.functions[at].ty = self.declared_ty(decl)?;
        Ok(())
    }

    fn declared_ty(&mut self, decl: &'p FnDecl) -> Check<Ty> {
        let mut params = Vec::new();
        let mut seen = HashSet::new();
        for (name, ty) in &decl.params {
            params.push(self.param_ty(ty)?);
            if !seen.insert(&name.name) && &*name.name != "_" {
                let message = format!("two parameters are called `{}`", name.name);
                return fail(name.span, message);
            }
        }
        let function = FnTy {
            params,
            variadic: decl.variadic,
            convention: self.convention(decl.convention, decl.name.span)?,
            result: self.result_ty(decl.result.as_ref())?,
        };
        self.types.function(function).at(decl.name.span)
    }

    pub(super) fn check_bodies(&mut self) {
        for at in 0..self.fn_decls.len() {
            let (side, decl) = self.fn_decls[at];
            let Some(block) = &decl.body else { continue };
            self.side = side;
            self.frame = Frame::default();
            self.check_body(FnId(at), decl, block);
        }
    }

    /// Checks a body in a frame that is new.
    fn check_body(&mut self, id: FnId, decl: &'p FnDecl, block: &'p Block) {
        let Some(function) = self.types.as_fn(self.functions[id.0].ty) else {
            return;
        };
        self.frame.name = Rc::clone(&self.functions[id.0].name);
        self.frame.result = function.result;
        self.frame.variadic = function.variadic.then_some(function.convention);
        self.frame.scopes = vec![HashMap::new()];
        for ((name, _), ty) in decl.params.iter().zip(&function.params) {
            let param = self.add_local(name, *ty);
            self.frame.body.params.push(param);
        }
        let mut stmts = self.block(block);
        if function.result != Ty::VOID && !stmt::ends(&stmts) && self.diagnostics.is_empty() {
            let ends = if function.result == Ty::NEVER {
                "returns"
            } else {
                "can end without `return`"
            };
            let (called, promise) = (&decl.name.name, self.promise(function.result));
            let message = format!("`{called}` promises {promise} and {ends}");
            self.report(Diagnostic::new(block.end, message).label("the end is reached"));
        }
        if function.result == Ty::VOID {
            stmt::end_by_call(&mut stmts);
        }
        let mut body = std::mem::take(&mut self.frame.body);
        body.stmts = stmts;
        self.functions[id.0].origin = Origin::Toy(body);
    }

    fn promise(&self, result: Ty) -> String {
        match result {
            Ty::NEVER => "never to return".to_string(),
            _ => format!("a result of type `{}`", self.types.name(result)),
        }
    }

    pub(super) fn check_main(&mut self) {
        let Some(id) = self.main else { return };
        // It is called from outside.
        self.functions[id.0].n_pointers += 1;
        let function = &self.functions[id.0];
        let Some(ty) = self.types.as_fn(function.ty) else {
            return;
        };
        let params = match ty.params[..] {
            [] => true,
            [Ty::I32, argv] => {
                let argument = self.types.pointee(argv);
                argument.is_some_and(|ty| self.types.pointee(ty).is_some())
            }
            _ => false,
        };
        let plain = !ty.variadic && ty.convention == Convention::C;
        if !(params && plain && matches!(ty.result, Ty::I32 | Ty::VOID)) {
            let span = function.span.unwrap_or_default();
            self.report(
                Diagnostic::new(span, "`main` has another signature than a program's")
                    .note("it is `fn main()` or `fn main(argc: i32, argv: **u8)`, and returns nothing or `i32`"),
            );
        }
    }

    /// A function in the function: its name is a variable that holds the static chain.
    pub(super) fn nested(&mut self, decl: &'p FnDecl) -> Check<StmtKind> {
        let id = self.new_nested(decl)?;
        let local = self.add_local(&decl.name, Ty::VOID_POINTER);
        self.frame.body.locals[local.0].function = Some(id);
        let captures = self.captures(id, decl);
        Ok(StmtKind::Init(local, Some(captures)))
    }

    /// `fn(params) -> result { .. }`, which is a pointer that C can call.
    pub(super) fn closure(&mut self, decl: &'p FnDecl) -> Check<Expr> {
        let id = self.new_nested(decl)?;
        let chain = self.captures(id, decl);
        self.bound(id, chain, decl.name.span)
    }

    fn new_nested(&mut self, decl: &'p FnDecl) -> Check<FnId> {
        // What it captures is in this frame.
        self.frame.body.has_pointers = true;
        let name = format!("{}.{}", self.frame.name, decl.name.name);
        let ty = self.declared_ty(decl)?;
        let id = self.new_function(decl, name.into(), Origin::Toy(Body::default()));
        self.functions[id.0].ty = ty;
        Ok(id)
    }

    /// Checks the body of a nested function. The value is its static chain.
    fn captures(&mut self, id: FnId, decl: &'p FnDecl) -> Expr {
        if let Some(block) = &decl.body {
            self.outer.push(std::mem::take(&mut self.frame));
            self.frame.body.is_nested = true;
            self.check_body(id, decl, block);
            self.frame = self.outer.pop().unwrap_or_default();
        }
        Expr::new(Ty::VOID_POINTER, decl.name.span, ExprKind::Captures(id))
    }

    /// The nested function that `expr` names, and its static chain.
    pub(super) fn named_nested(&mut self, expr: &AstKind, span: Span) -> Option<(FnId, Expr)> {
        let AstKind::Name(name) = expr else {
            return None;
        };
        let local = self.local(name)?;
        let id = self.frame.body.locals[local.0].function?;
        let chain = self.load(self.local_place(local, span).ok()?, span).ok()?;
        Some((id, chain))
    }

    /// A pointer to a nested function: C enters a closure, which passes the static chain on.
    pub(super) fn bound(&mut self, id: FnId, chain: Expr, span: Span) -> Check<Expr> {
        let ty = self.functions[id.0].ty;
        let code = Expr::new(ty, span, ExprKind::Function(id)).convert(Ty::VOID_POINTER, span);
        let closure =
            self.runtime_call("__toy_closure", "this function", vec![code, chain], span)?;
        Ok(closure.convert(ty, span))
    }

    pub(super) fn add_local(&mut self, name: &Ident, ty: Ty) -> LocalId {
        let id = self.frame.add(Local {
            ty,
            addressed: false,
            function: None,
        });
        if let Some(scope) = self.frame.scopes.last_mut() {
            scope.insert(Rc::clone(&name.name), id);
        }
        id
    }

    /// The variable called `name`. One of a function around this one is captured, by those in between too.
    pub(super) fn local(&mut self, name: &str) -> Option<LocalId> {
        if let Some(id) = self.frame.find(name) {
            return Some(id);
        }
        let at = (self.outer.iter()).rposition(|frame| frame.find(name).is_some())?;
        let (outer, between) = self.outer.split_at_mut(at + 1);
        let mut outer = outer.last_mut()?;
        let mut id = outer.find(name)?;
        for inner in between.iter_mut().chain([&mut self.frame]) {
            id = inner.capture(outer, id, name);
            outer = inner;
        }
        Some(id)
    }
}
