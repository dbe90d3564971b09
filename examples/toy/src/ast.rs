//! The program as written: names are not resolved, types not known.

use crate::diag::Span;
use std::rc::Rc;

/// A name and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Ident {
    pub(crate) name: Rc<str>,
    pub(crate) span: Span,
}

/// A whole program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) items: Vec<Item>,
}

#[derive(Debug)]
pub(crate) enum Item {
    Fn(FnDecl),
    Extern(ExternBlock),
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
    pub(crate) body: Option<Block>,
}

/// How a function is called.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Convention {
    /// As C functions of Linux are.
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
}

/// The functions of one library; without a name, of the running program.
#[derive(Debug)]
pub(crate) struct ExternBlock {
    pub(crate) library: Option<(String, Span)>,
    pub(crate) functions: Vec<FnDecl>,
}

/// `use c "header" from "library";`
#[derive(Debug)]
pub(crate) struct UseDecl {
    pub(crate) header: String,
    pub(crate) library: Option<String>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Struct,
    Union,
}

impl RecordKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            RecordKind::Struct => "struct",
            RecordKind::Union => "union",
        }
    }
}

/// A struct or union. Without `members` it is opaque: only pointers to it exist.
#[derive(Debug)]
pub(crate) struct RecordDecl {
    pub(crate) kind: RecordKind,
    /// Absent for a record written in the place of a type.
    pub(crate) name: Option<Ident>,
    pub(crate) attrs: Vec<Attr>,
    pub(crate) members: Option<Vec<Member>>,
    pub(crate) span: Span,
}

/// A member. Without a name it is an anonymous record or an unnamed bit-field.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Option<Ident>,
    pub(crate) ty: TypeExpr,
    pub(crate) bits: Option<Expr>,
    pub(crate) attrs: Vec<Attr>,
    pub(crate) span: Span,
}

/// `#[name]` or `#[name(value)]`.
#[derive(Debug)]
pub(crate) struct Attr {
    pub(crate) name: Ident,
    pub(crate) value: Option<Expr>,
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
    /// Element, number of lanes, and the flavour that a vector of bools may have.
    Vector(Box<TypeExpr>, Box<Expr>, Option<Ident>),
    BitInt {
        signed: bool,
        bits: Box<Expr>,
    },
    Record(Box<RecordDecl>),
    /// `!`: the function does not return.
    Never,
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) stmts: Vec<Stmt>,
    /// Of the closing brace.
    pub(crate) end: Span,
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
    Fn(Box<FnDecl>),
    /// The arms and the `else` block. Arms after the first are `else if`: however many, they do not nest.
    If(Vec<(Expr, Block)>, Option<Block>),
    While(Expr, Block),
    /// `for var in low..high { .. }`
    For(Ident, Expr, Expr, Block),
    Return(Option<Expr>),
    Break,
    Continue,
    Block(Block),
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
    /// Digits with at most one point and an exponent, without suffix; `imaginary` for `2.5i`.
    Float {
        digits: Rc<str>,
        suffix: Rc<str>,
        imaginary: bool,
    },
    Str(Vec<u8>),
    Char(u8),
    Bool(bool),
    Null,
    Name(Rc<str>),
    /// `Enum::Variant`
    Path(Ident, Ident),
    Unary(UnaryOp, Box<Expr>),
    /// `a + b - c`: operators of one level, each with its right side.
    Chain(Box<Expr>, Vec<(BinaryOp, Expr)>),
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
pub(crate) enum BinaryOp {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    BitOr,
    BitXor,
    BitAnd,
    Shl,
    Shr,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// The binary operators as written in a program, and how tightly each binds.
const OPERATORS: [(BinaryOp, &str, u8); 18] = [
    (BinaryOp::Or, "||", 1),
    (BinaryOp::And, "&&", 2),
    (BinaryOp::Eq, "==", BinaryOp::COMPARISON),
    (BinaryOp::Ne, "!=", BinaryOp::COMPARISON),
    (BinaryOp::Lt, "<", BinaryOp::COMPARISON),
    (BinaryOp::Le, "<=", BinaryOp::COMPARISON),
    (BinaryOp::Gt, ">", BinaryOp::COMPARISON),
    (BinaryOp::Ge, ">=", BinaryOp::COMPARISON),
    (BinaryOp::BitOr, "|", 4),
    (BinaryOp::BitXor, "^", 5),
    (BinaryOp::BitAnd, "&", 6),
    (BinaryOp::Shl, "<<", 7),
    (BinaryOp::Shr, ">>", 7),
    (BinaryOp::Add, "+", BinaryOp::ADDITIVE),
    (BinaryOp::Sub, "-", BinaryOp::ADDITIVE),
    (BinaryOp::Mul, "*", BinaryOp::TIGHTEST),
    (BinaryOp::Div, "/", BinaryOp::TIGHTEST),
    (BinaryOp::Rem, "%", BinaryOp::TIGHTEST),
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
        let comparison = BinaryOp::COMPARISON;
        BinaryOp::of(self.symbol()).is_some_and(|(_, level)| level == comparison)
    }
}
