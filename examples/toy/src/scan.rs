//! What a function does with names, found before it is compiled: a variable that something may point to lives in memory, and a function that is a
//! value is C's. Names are not resolved: a name that is used so anywhere in the function counts.

use crate::ast::{Expr, ExprKind, FnDecl, Item, Stmt, StmtKind, UnaryOp};
use std::collections::HashSet;
use std::rc::Rc;

type Names = HashSet<Rc<str>>;

/// The names that a function uses in ways that decide where variables live.
#[derive(Default)]
pub(crate) struct Uses {
    /// Something points to it, or a function in the function uses it.
    pub(crate) addressed: Names,
    /// Something points to a part of it, unless it is a pointer itself.
    pub(crate) parts: Names,
    /// Whether something may point into the function's frame.
    pub(crate) has_pointers: bool,
    /// Whether a call took the place of the frame.
    pub(crate) has_tail_calls: bool,
}

impl Uses {
    pub(crate) fn of(function: &FnDecl) -> Uses {
        let mut uses = Uses::default();
        walk(&function.body, &mut |node| match node {
            Node::Nested(inner) => {
                uses.has_pointers = true;
                walk(&inner.body, &mut |node| {
                    if let Node::Expr(Expr {
                        kind: ExprKind::Name(name),
                        ..
                    }) = node
                    {
                        uses.addressed.insert(name.clone());
                    }
                    true
                });
                false
            }
            Node::Expr(expr) => {
                match &expr.kind {
                    ExprKind::Unary(UnaryOp::AddressOf, place) | ExprKind::VaArg(place, _) => {
                        uses.has_pointers = true;
                        match place.kind {
                            ExprKind::Name(_) => uses.addressed.extend(root(place)),
                            _ => uses.parts.extend(root(place)),
                        }
                    }
                    _ => {}
                }
                true
            }
        });
        uses
    }
}

/// The names that are values somewhere: a function by such a name is not only called.
pub(crate) fn values(items: &[Item]) -> Names {
    let mut names = Names::new();
    let functions = items.iter().filter_map(|item| match item {
        Item::Fn(function) => Some(function),
        _ => None,
    });
    for function in functions {
        let mut called = HashSet::new();
        walk(&function.body, &mut |node| {
            if let Node::Expr(expr) = node {
                match &expr.kind {
                    ExprKind::Call(callee, _) => _ = called.insert(callee.span.start),
                    ExprKind::Name(name) if !called.contains(&expr.span.start) => {
                        names.insert(name.clone());
                    }
                    _ => {}
                }
            }
            true
        });
    }
    names
}

/// The variable that a place is a part of.
fn root(place: &Expr) -> Option<Rc<str>> {
    match &place.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Index(base, _) | ExprKind::Field(base, _) => root(base),
        _ => None,
    }
}

enum Node<'a> {
    Expr(&'a Expr),
    /// A function in the function.
    Nested(&'a FnDecl),
}

/// Shows `see` what is in the statements, each before its parts; those only if it says so.
fn walk(stmts: &[Stmt], see: &mut dyn FnMut(Node<'_>) -> bool) {
    for stmt in stmts {
        let exprs: Vec<&Expr> = match &stmt.kind {
            StmtKind::Let(_, _, init) => init.iter().collect(),
            StmtKind::Assign(place, _, value) => vec![place, value],
            StmtKind::Expr(expr) => vec![expr],
            StmtKind::Return(value) => value.iter().collect(),
            StmtKind::If(expr, ..) | StmtKind::While(expr, _) => vec![expr],
            StmtKind::For(_, low, high, _) => vec![low, high],
            StmtKind::Fn(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Block(_) => vec![],
        };
        exprs.into_iter().for_each(|expr| walk_expr(expr, see));
        match &stmt.kind {
            StmtKind::Fn(function) if see(Node::Nested(function)) => walk(&function.body, see),
            StmtKind::If(_, then, otherwise) => {
                walk(then, see);
                walk(otherwise, see);
            }
            StmtKind::While(_, body) | StmtKind::For(.., body) | StmtKind::Block(body) => {
                walk(body, see);
            }
            _ => {}
        }
    }
}

fn walk_expr(expr: &Expr, see: &mut dyn FnMut(Node<'_>) -> bool) {
    if !see(Node::Expr(expr)) {
        return;
    }
    let parts: Vec<&Expr> = match &expr.kind {
        ExprKind::Unary(_, a) | ExprKind::Field(a, _) | ExprKind::Cast(a, _) => vec![a],
        ExprKind::VaArg(a, _) => vec![a],
        ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => vec![a, b],
        ExprKind::Complex(a, b) | ExprKind::Repeat(a, b) => vec![a, b],
        ExprKind::Call(callee, args) => [&**callee].into_iter().chain(args).collect(),
        ExprKind::Record(_, members) => members.iter().map(|(_, value)| value).collect(),
        ExprKind::Array(elements) => elements.iter().collect(),
        ExprKind::Closure(function) => {
            if see(Node::Nested(function)) {
                walk(&function.body, see);
            }
            return;
        }
        _ => return,
    };
    parts.into_iter().for_each(|part| walk_expr(part, see));
}
