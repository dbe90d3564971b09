//! The argument positions in which each type is tested: those in which ABI bugs are known to occur.
//!
//! How a function is called (direct, by reference, through a pointer, by an instruction of the front end's own, from C as a callback) is no position: every
//! case is run in all of these ways (`interop.rs`).

use cabi::{DataModel, FnAbi, Type};

use crate::states::Measure;

/// A signature around one type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgPosition {
    /// What reports call it.
    pub name: &'static str,
    /// The parameters.
    pub params: Vec<Slot>,
    /// Whether the result is of the type; else there is none.
    pub returned: bool,
    /// The types after the dots: those of a call of a variadic function, if there are any.
    pub unnamed: Vec<Slot>,
}

/// One value of a [`ArgPosition`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Slot {
    /// A value of the type that is tried.
    Tried,
    /// Another: how C spells its type, and the type.
    Other(&'static str, Type),
}

impl Slot {
    /// How C spells the type, where `tried` is the spelling of the one that is tried.
    pub fn text(&self, tried: &str) -> String {
        match self {
            Self::Tried => tried.to_owned(),
            Self::Other(text, _) => (*text).to_owned(),
        }
    }

    /// The type, where `tried` is the one that is tried.
    pub fn ty(&self, tried: &Type) -> Type {
        match self {
            Self::Tried => tried.clone(),
            Self::Other(_, ty) => ty.clone(),
        }
    }
}

/// How many positions there are.
pub const N_POSITIONS: usize = 8;

/// How C spells an integer of 64 bits under `model`.
pub fn long(model: &DataModel) -> &'static str {
    match model.long {
        8 => "long",
        _ => "long long",
    }
}

/// The positions of a type of `model`; `abi` is that of a call with one such argument alone, under any profile: it is about how many registers to fill before.
pub fn positions(abi: &FnAbi, model: &DataModel) -> [ArgPosition; N_POSITIONS] {
    let long = || Slot::Other(long(model), Type::I64);
    let char = match model.char_signed {
        true => Type::I8,
        false => Type::U8,
    };
    let double = || Slot::Other("double", Type::F64);
    let after = |other: Slot, n: u8| {
        let mut params = vec![other.clone(); usize::from(n)];
        params.extend([Slot::Tried, other]);
        params
    };
    // How many are filled before, so that one is short.
    let (gp, sse) = Measure::of(abi.convention).unwrap_or_default().registers;
    let gp = gp + 1 - abi.used.int.clamp(1, gp);
    let sse = sse + 1 - abi.used.vector.clamp(1, sse);
    let neighbours = vec![
        Slot::Other("char", char),
        Slot::Tried,
        Slot::Other("float", Type::F32),
        Slot::Tried,
        Slot::Other("short", Type::I16),
    ];
    let int = || Slot::Other("int", Type::I32);
    let taken = |name, params| ArgPosition {
        name,
        params,
        returned: false,
        unnamed: Vec::new(),
    };
    let returned = |name, params| ArgPosition {
        returned: true,
        ..taken(name, params)
    };
    [
        taken("alone", vec![Slot::Tried]),
        taken("one integer register short", after(long(), gp)),
        taken("two integer registers short", after(long(), gp + 1)),
        taken("one vector register short", after(double(), sse)),
        taken("between neighbours", neighbours),
        returned("returned", Vec::new()),
        returned(
            "returned, with arguments",
            vec![int(), Slot::Tried, double()],
        ),
        ArgPosition {
            unnamed: vec![Slot::Tried, double(), Slot::Tried],
            ..taken("unnamed", vec![int()])
        },
    ]
}
