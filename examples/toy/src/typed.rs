//! The program after checking: every name resolved, every type known, every conversion explicit. What
//! stands here can be lowered without another question, except where the ABI itself refuses.

use crate::ast::{BinaryOp, Convention};
use crate::diag::Span;
use crate::types::{Ty, Types};
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FnId(pub(crate) usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LocalId(pub(crate) usize);

pub(crate) struct Checked {
    pub(crate) types: Types,
    pub(crate) functions: Vec<Function>,
    pub(crate) main: Option<FnId>,
}

impl Checked {
    /// `fn name(T) -> U`
    pub(crate) fn heading(&self, function: &Function) -> String {
        let named = format!("fn {}", function.name);
        self.types.name(function.ty).replacen("fn", &named, 1)
    }

    /// Whether an object file defines the function for C: `main`, and those that are spelled `extern "C"`.
    pub(crate) fn is_exported(&self, id: FnId) -> bool {
        let function = &self.functions[id.0];
        let is_own = matches!(&function.origin, Origin::Toy(body) if !body.is_nested);
        is_own && (function.for_c || self.main == Some(id))
    }
}

/// A function of the program, or one it imports.
pub(crate) struct Function {
    pub(crate) name: Rc<str>,
    /// Of the name; None in the prelude.
    pub(crate) span: Option<Span>,
    pub(crate) ty: Ty,
    pub(crate) origin: Origin,
    pub(crate) param_names: Vec<Rc<str>>,
    /// Whether it is spelled `extern "C"`.
    pub(crate) for_c: bool,
    /// How often it is a value, and not just called: C may call it then.
    pub(crate) n_pointers: usize,
}

pub(crate) enum Origin {
    /// A library, or the running program.
    Extern {
        library: Option<Rc<str>>,
        /// What the linker calls the function.
        symbol: Rc<str>,
    },
    Toy(Body),
}

#[derive(Default)]
pub(crate) struct Body {
    pub(crate) locals: Vec<Local>,
    pub(crate) params: Vec<LocalId>,
    /// Whether it stands in another function, and is called with a static chain.
    pub(crate) is_nested: bool,
    /// Whether something may point into its frame.
    pub(crate) has_pointers: bool,
    /// The variables of the function around that it uses, each with its own name for it.
    pub(crate) captures: Vec<(LocalId, LocalId)>,
    pub(crate) stmts: Vec<Stmt>,
    /// Its calls, with the types of their arguments.
    pub(crate) calls: Vec<(Span, Called, Vec<Ty>)>,
}

/// A parameter or variable.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    pub(crate) ty: Ty,
    /// Whether something points to it, or it is indexed by what is no constant, so that it has to live in memory.
    pub(crate) addressed: bool,
    /// The nested function whose static chain it holds.
    pub(crate) function: Option<FnId>,
}

pub(crate) struct Stmt {
    pub(crate) span: Span,
    pub(crate) kind: StmtKind,
}

pub(crate) enum StmtKind {
    /// Without a value: all bytes zero.
    Init(LocalId, Option<Expr>),
    Assign(Place, Expr),
    /// `place op= value`: the place is evaluated once, and its old value is the expression's `Old`.
    Update(Place, Expr),
    Expr(Expr),
    /// The arms with their conditions, and the `else` block.
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    For {
        var: LocalId,
        low: Expr,
        high: Expr,
        signed: bool,
        body: Vec<Stmt>,
    },
    Return(Option<Expr>),
    Break,
    Continue,
    Block(Vec<Stmt>),
}

pub(crate) struct Expr {
    pub(crate) ty: Ty,
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

/// The operand that is evaluated first, of a `&ExprKind` or a `&mut ExprKind`.
macro_rules! first_operand {
    ($kind:expr, $first:ident) => {
        match $kind {
            ExprKind::Neg(first)
            | ExprKind::Not(first)
            | ExprKind::BitNot(first)
            | ExprKind::Convert(first)
            | ExprKind::NonZero(first)
            | ExprKind::VaArg(first, _)
            | ExprKind::Arith(_, first, _)
            | ExprKind::Compare(_, first, _)
            | ExprKind::Logic(_, first, _)
            | ExprKind::Offset { pointer: first, .. }
            | ExprKind::Distance(first, _, _) => Some(first),
            ExprKind::Call(Callee::Direct(_), args) => args.$first(),
            _ => None,
        }
    };
}

impl Expr {
    pub(crate) fn new(ty: Ty, span: Span, kind: ExprKind) -> Expr {
        Expr { ty, span, kind }
    }

    pub(crate) fn zero(ty: Ty, span: Span) -> Expr {
        Expr::new(ty, span, ExprKind::Bits(0))
    }

    pub(crate) fn complex(ty: Ty, span: Span, re: Expr, im: Expr) -> Expr {
        Expr::new(ty, span, ExprKind::Complex(Box::new(re), Box::new(im)))
    }

    pub(crate) fn convert(self, ty: Ty, span: Span) -> Expr {
        if self.ty == ty {
            return self;
        }
        Expr::new(ty, span, ExprKind::Convert(Box::new(self)))
    }

    pub(crate) fn compare(op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        Expr::new(
            Ty::BOOL,
            span,
            ExprKind::Compare(op, Box::new(left), Box::new(right)),
        )
    }

    pub(crate) fn arith(op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        Expr::new(
            left.ty,
            span,
            ExprKind::Arith(op, Box::new(left), Box::new(right)),
        )
    }

    /// The operand that is evaluated first. Chains of operators hang together by it; they are as long as the program likes, so that every
    /// walk over expressions follows it in a loop and recurses into the other operands only.
    pub(crate) fn first_operand(&self) -> Option<&Expr> {
        first_operand!(&self.kind, first)
    }

    /// The expression and its first operands, the innermost last.
    pub(crate) fn chain(&self) -> Vec<&Expr> {
        std::iter::successors(Some(self), |expr| expr.first_operand()).collect()
    }

    /// The first operand, if it has one itself.
    fn take_chain(&mut self) -> Option<Expr> {
        let first: Option<&mut Expr> = first_operand!(&mut self.kind, first_mut);
        let first = first?;
        first.first_operand()?;
        let (ty, span) = (first.ty, first.span);
        let kind = ExprKind::Bits(0);
        Some(std::mem::replace(first, Expr { ty, span, kind }))
    }
}

impl Drop for Expr {
    fn drop(&mut self) {
        let mut first = self.take_chain();
        while let Some(mut expr) = first {
            first = expr.take_chain();
        }
    }
}

pub(crate) enum ExprKind {
    /// The bytes of a scalar, as a little-endian number.
    Bits(u128),
    /// A string with its terminating zero.
    Str(Rc<[u8]>),
    /// What C enters; of a nested function with the static chain.
    Function(FnId),
    /// A static chain for the nested function: the addresses of what it captures, in the frame.
    Captures(FnId),
    VaStart,
    /// The next argument of the `va_list` that is pointed to, one of this convention's.
    VaArg(Box<Expr>, Convention),
    Load(Box<Place>),
    /// What an updated place held before.
    Old,
    AddressOf(Box<Place>),
    Neg(Box<Expr>),
    Not(Box<Expr>),
    BitNot(Box<Expr>),
    /// On two integers, two `f32`, two `f64`, or lane by lane; shifts take any integer on the right.
    Arith(BinaryOp, Box<Expr>, Box<Expr>),
    /// On two integers, two pointers, two `f32` or two `f64`.
    Compare(BinaryOp, Box<Expr>, Box<Expr>),
    /// `&&` and `||`
    Logic(BinaryOp, Box<Expr>, Box<Expr>),
    /// Pointer plus (or minus) `index * scale` bytes.
    Offset {
        pointer: Box<Expr>,
        index: Box<Expr>,
        scale: u64,
        negative: bool,
    },
    /// The distance of two pointers, in units of `scale` bytes.
    Distance(Box<Expr>, Box<Expr>, u64),
    /// Between integers, pointers, bools, `f32` and `f64`.
    Convert(Box<Expr>),
    /// The divisor of a division that is a call: it ends the program here if it is zero.
    NonZero(Box<Expr>),
    Call(Callee, Vec<Expr>),
    Complex(Box<Expr>, Box<Expr>),
    Record(Vec<(Vec<usize>, Expr)>),
    /// The elements of an array or lanes of a vector.
    Elements(Vec<Expr>),
    /// All elements or lanes the same.
    Repeat(Box<Expr>, u64),
}

pub(crate) enum Callee {
    Direct(FnId),
    Indirect(Box<Expr>),
    /// With a static chain.
    Nested(FnId, Box<Expr>),
}

/// What is called, without the values that lead to it.
#[derive(Clone, Copy)]
pub(crate) enum Called {
    Function(FnId),
    Pointer(Ty),
}

impl Callee {
    pub(crate) fn called(&self) -> Called {
        match self {
            Self::Direct(id) | Self::Nested(id, _) => Called::Function(*id),
            Self::Indirect(pointer) => Called::Pointer(pointer.ty),
        }
    }
}

/// Where a value lives.
pub(crate) struct Place {
    pub(crate) ty: Ty,
    pub(crate) kind: PlaceKind,
}

impl Place {
    pub(crate) fn new(ty: Ty, kind: PlaceKind) -> Place {
        Place { ty, kind }
    }

    /// The place that this is a part of.
    fn whole(&self) -> Option<&Place> {
        match &self.kind {
            PlaceKind::Member(base, _)
            | PlaceKind::Element(base, _)
            | PlaceKind::Real(base)
            | PlaceKind::Imaginary(base) => Some(base),
            PlaceKind::Local(_) | PlaceKind::Deref(_) | PlaceKind::Temporary(_) => None,
        }
    }

    /// The outermost place that this is a part of: a variable, a temporary, or what a pointer points to.
    pub(crate) fn root(&self) -> &Place {
        std::iter::successors(Some(self), |place| place.whole())
            .last()
            .unwrap_or(self)
    }
}

pub(crate) enum PlaceKind {
    Local(LocalId),
    Deref(Box<Expr>),
    /// A value that has no place yet, in memory of its own.
    Temporary(Box<Expr>),
    /// The members passed from the outermost record inwards, by number.
    Member(Box<Place>, Vec<usize>),
    /// Of an array, or a lane of a vector.
    Element(Box<Place>, Box<Expr>),
    Real(Box<Place>),
    Imaginary(Box<Place>),
}
