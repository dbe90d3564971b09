//! The program as written: names are not resolved, and types are not known.

use crate::diag::{AtPlace, Check, fail};
use std::collections::HashSet;
use std::rc::Rc;

pub(crate) type Names = HashSet<Rc<str>>;

#[derive(Default)]
pub(crate) struct Program {
    pub(crate) functions: Vec<FnDecl>,
    pub(crate) records: Vec<RecordDecl>,
    /// C headers, by the names after `use c`.
    pub(crate) headers: Vec<Ident>,
    pub(crate) libraries: Vec<Rc<str>>,
    /// Names that are not only called: C may call functions of these names.
    pub(crate) values: Names,
}

/// A name, and the place of its first byte in the text.
#[derive(Clone)]
pub(crate) struct Ident {
    pub(crate) name: Rc<str>,
    pub(crate) start: usize,
}

/// Refuses the first name that is equal to an earlier one.
pub(crate) fn twice<'a>(mut names: impl Iterator<Item = &'a Ident>) -> Check<()> {
    let mut seen = HashSet::new();
    match names.find(|ident| !seen.insert(&ident.name)) {
        Some(Ident { name, start }) => fail(format!("`{name}` is given twice")).at(*start),
        None => Ok(()),
    }
}

/// A function: with a body, or imported.
pub(crate) struct FnDecl {
    pub(crate) name: Ident,
    pub(crate) signature: Signature,
    pub(crate) linkage: Linkage,
    pub(crate) body: Vec<Stmt>,
    pub(crate) uses: Uses,
}

/// `(params, ...) -> result`, of a function or of a type. A type has no names.
pub(crate) struct Signature {
    pub(crate) names: Vec<Ident>,
    pub(crate) params: Vec<TypeExpr>,
    pub(crate) variadic: bool,
    pub(crate) result: Option<TypeExpr>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Linkage {
    Own,
    /// Spelled `extern "C"`: C may call it.
    C,
    /// In a library, under this symbol.
    Import(Rc<str>),
    /// In another function, and called with a static chain.
    Closure,
}

/// Uses of names anywhere in a function, which decide where its variables live.
#[derive(Default)]
pub(crate) struct Uses {
    pub(crate) names: Names,
    /// Variables that a pointer points to, also to a part, or that a closure uses.
    pub(crate) addressed: Names,
}

/// A struct or union. Without `members` it is opaque: only pointers to it exist.
pub(crate) struct RecordDecl {
    pub(crate) is_union: bool,
    pub(crate) name: Ident,
    pub(crate) members: Option<Vec<(Ident, TypeExpr)>>,
}

pub(crate) struct TypeExpr {
    pub(crate) kind: TypeKind,
    pub(crate) start: usize,
}

pub(crate) enum TypeKind {
    Name(Rc<str>),
    Pointer(Box<TypeExpr>),
    Fn(Box<Signature>),
    /// Element and length.
    Array(Box<TypeExpr>, u64),
    Complex(Box<TypeExpr>),
}

pub(crate) struct Stmt {
    pub(crate) kind: StmtKind,
    pub(crate) start: usize,
}

pub(crate) enum StmtKind {
    /// `let name: type = value;`
    Let(Ident, Option<TypeExpr>, Option<Expr>),
    /// `place = value;`, or `place op= value;`
    Assign(Expr, Option<BinaryOp>, Expr),
    Expr(Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    /// `for name in low..high`
    For(Ident, [Expr; 2], Vec<Stmt>),
    /// A block, and the block that runs when an exception ends it.
    Try(Vec<Stmt>, Vec<Stmt>),
    Return(Option<Expr>),
    /// A call that takes the place of this function's frame.
    Become(Expr),
    Break,
    Continue,
    Block(Vec<Stmt>),
}

pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) start: usize,
}

pub(crate) enum ExprKind {
    Number(Number),
    Bool(bool),
    Null,
    Str(Vec<u8>),
    Name(Rc<str>),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    Index(Box<Expr>, Box<Expr>),
    Field(Box<Expr>, Ident),
    Cast(Box<Expr>, TypeExpr),
    SizeOf(TypeExpr),
    /// `complex(re, im)`
    Complex(Box<Expr>, Box<Expr>),
    Record(Ident, Vec<(Ident, Expr)>),
    Array(Vec<Expr>),
    /// `fn(params) -> result { .. }`
    Closure(Box<FnDecl>),
}

/// A number as written.
pub(crate) struct Number {
    /// With at most one point and an exponent, in decimal.
    pub(crate) digits: String,
    /// The type that the number states; empty if it states none.
    pub(crate) suffix: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Neg,
    /// `!` of a bool.
    Not,
    /// `~` of an integer.
    BitNot,
    Deref,
    AddressOf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum BinaryOp {
    Or, And, Eq, Ne, Lt, Le, Gt, Ge, BitOr, BitXor, BitAnd, Shl, Shr, Add, Sub, Mul, Div, Rem,
}

impl BinaryOp {
    pub(crate) fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }

    pub(crate) fn is_shift(self) -> bool {
        matches!(self, BinaryOp::Shl | BinaryOp::Shr)
    }
}
