//! The program as written: names are not resolved, types not known.

use crate::diag::Span;
use std::rc::Rc;

/// A name and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Ident {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Item {
    Fn(FnDecl),
    /// The functions of one library; without a name, of the running program.
    Extern(Option<Rc<str>>, Vec<FnDecl>),
    Record(RecordDecl),
    Enum(EnumDecl),
    Use(UseDecl),
    /// `type name = T;`
    Alias(Ident, TypeExpr),
    /// `const NAME: T = value;`
    Const(Ident, TypeExpr, Expr),
}

/// A function: with a body, or declared in an `extern` block. One in another function may use its variables.
#[derive(Debug)]
pub(crate) struct FnDecl {
    pub(crate) name: Ident,
    pub(crate) params: Vec<(Ident, TypeExpr)>,
    pub(crate) variadic: bool,
    /// None where it is not said: C's, or the language's own.
    pub(crate) convention: Option<Convention>,
    pub(crate) result: Option<TypeExpr>,
    pub(crate) body: Vec<Stmt>,
}

/// How a function is called.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Convention {
    /// As C functions of the target are.
    #[default]
    C,
    /// As on Windows.
    Win64,
    /// As code for processors with AVX calls it: vectors of 32 bytes are passed in registers.
    Avx,
    /// The same with AVX-512F, and vectors of 64 bytes.
    Avx512,
}

impl Convention {
    /// As programs name them.
    pub(crate) const NAMED: [(&str, Convention); 4] = [
        ("C", Convention::C),
        ("win64", Convention::Win64),
        ("avx", Convention::Avx),
        ("avx512", Convention::Avx512),
    ];

    pub(crate) fn name(self) -> &'static str {
        let mut named = Convention::NAMED.iter();
        named
            .find(|(_, own)| *own == self)
            .map_or("", |(name, _)| name)
    }
}

/// `use c "header" from "library";`
#[derive(Debug)]
pub(crate) struct UseDecl {
    pub(crate) header: Rc<str>,
    pub(crate) library: Option<Rc<str>>,
    pub(crate) span: Span,
}

/// A struct or union. Without `members` it is opaque: only pointers to it exist.
#[derive(Debug)]
pub(crate) struct RecordDecl {
    pub(crate) is_union: bool,
    /// Absent for a record written in the place of a type.
    pub(crate) name: Option<Ident>,
    pub(crate) packed: bool,
    pub(crate) align: Option<Expr>,
    pub(crate) members: Option<Vec<Member>>,
    pub(crate) span: Span,
}

/// A member. Without a name it is an anonymous record or an unnamed bit-field.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Option<Ident>,
    pub(crate) ty: TypeExpr,
    pub(crate) bits: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct EnumDecl {
    pub(crate) name: Ident,
    pub(crate) underlying: Option<TypeExpr>,
    pub(crate) variants: Vec<(Ident, Option<Expr>)>,
}

#[derive(Debug)]
pub(crate) struct TypeExpr {
    pub(crate) kind: TypeKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum TypeKind {
    Name(Rc<str>),
    Pointer(Box<TypeExpr>),
    Fn {
        params: Vec<TypeExpr>,
        variadic: bool,
        convention: Convention,
        result: Option<Box<TypeExpr>>,
    },
    /// Element and length. Without a length: a flexible array member.
    Array(Box<TypeExpr>, Option<Box<Expr>>),
    Complex(Box<TypeExpr>),
    Vector(Box<TypeExpr>, Box<Expr>),
    Record(Box<RecordDecl>),
    /// `!`: the function does not return.
    Never,
}

#[derive(Debug)]
pub(crate) struct Stmt {
    pub(crate) kind: StmtKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum StmtKind {
    /// `let name: type = value;`
    Let(Ident, Option<TypeExpr>, Option<Expr>),
    /// `place = value;`, or `place op= value;`
    Assign(Expr, Option<BinaryOp>, Expr),
    Expr(Expr),
    /// A function in the function.
    Fn(FnDecl),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    /// `for var in low..high { .. }`
    For(Ident, Expr, Expr, Vec<Stmt>),
    Return(Option<Expr>),
    Break,
    Continue,
    Block(Vec<Stmt>),
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    /// Value and suffix.
    Int(u128, Rc<str>),
    /// Digits with at most one point and an exponent, and suffix.
    Float(Rc<str>, Rc<str>),
    Str(Vec<u8>),
    Char(u8),
    Bool(bool),
    Null,
    Name(Rc<str>),
    /// `Enum::Variant`
    Path(Ident, Ident),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Call(Box<Expr>, Vec<Expr>),
    Index(Box<Expr>, Box<Expr>),
    Field(Box<Expr>, Ident),
    Cast(Box<Expr>, TypeExpr),
    SizeOf(TypeExpr),
    AlignOf(TypeExpr),
    OffsetOf(TypeExpr, Ident),
    /// `complex(re, im)`
    Complex(Box<Expr>, Box<Expr>),
    Record(Ident, Vec<(Ident, Expr)>),
    Array(Vec<Expr>),
    /// `[value; count]`
    Repeat(Box<Expr>, Box<Expr>),
    /// `fn(params) -> result { .. }`
    Closure(Box<FnDecl>),
    VaStart,
    /// `va_arg(list, T)`
    VaArg(Box<Expr>, TypeExpr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Neg,
    /// `!` of a bool.
    Not,
    /// `~` of an integer.
    BitNot,
    Deref,
    AddressOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum BinaryOp {
    Or, And, Eq, Ne, Lt, Le, Gt, Ge, BitOr, BitXor, BitAnd, Shl, Shr, Add, Sub, Mul, Div, Rem,
}

use BinaryOp::*;

/// The binary operators as written in a program, and how tightly each binds.
#[rustfmt::skip]
const OPERATORS: [(BinaryOp, &str, u8); 18] = [
    (Or, "||", 1), (And, "&&", 2),
    (Eq, "==", 3), (Ne, "!=", 3), (Lt, "<", 3), (Le, "<=", 3), (Gt, ">", 3), (Ge, ">=", 3),
    (BitOr, "|", 4), (BitXor, "^", 5), (BitAnd, "&", 6), (Shl, "<<", 7), (Shr, ">>", 7),
    (Add, "+", 8), (Sub, "-", 8), (Mul, "*", 9), (Div, "/", 9), (Rem, "%", 9),
];

impl BinaryOp {
    /// The level of comparisons, which do not chain.
    pub(crate) const COMPARISON: u8 = 3;
    pub(crate) const ADDITIVE: u8 = 8;
    pub(crate) const TIGHTEST: u8 = 9;

    /// The operator written `symbol`, and how tightly it binds.
    pub(crate) fn of(symbol: &str) -> Option<(BinaryOp, u8)> {
        let found = OPERATORS.iter().find(|(_, own, _)| *own == symbol);
        found.map(|(op, _, level)| (*op, *level))
    }

    /// As written in a program.
    pub(crate) fn symbol(self) -> &'static str {
        let found = OPERATORS.iter().find(|(op, ..)| *op == self);
        found.map_or("", |(_, symbol, _)| symbol)
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }
}
