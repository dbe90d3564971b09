//! The argument positions in which each type is tested: those in which ABI bugs are known to occur.
//!
//! How a function is called (direct, by reference, through a pointer, by an instruction of the front end's own, from C as a callback) is no position: every
//! case is run in all of these ways (`interop.rs`).

use cabi::{DataModel, FnAbi, Type};

use crate::case::Spelled;
use crate::states::Measure;

/// A signature around one type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgPosition {
    /// What reports call it.
    pub name: &'static str,
    /// The parameters.
    pub params: Vec<Spelled>,
    /// The result: of the type, or `void`.
    pub ret: Spelled,
    /// The types after the dots: those of a call of a variadic function, if there are any.
    pub unnamed: Vec<Spelled>,
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

/// The positions of the type `tried` of `model`; `abi` is that of a call with one such argument alone, under any profile: it is about how many registers to fill before.
pub fn positions(
    tried: (&str, &Type),
    abi: &FnAbi,
    model: &DataModel,
) -> [ArgPosition; N_POSITIONS] {
    let other = |text: &str, ty: Type| (text.to_owned(), ty);
    let tried = || other(tried.0, tried.1.clone());
    let char = match model.char_signed {
        true => Type::I8,
        false => Type::U8,
    };
    let (int, long) = (other("int", Type::I32), other(long(model), Type::I64));
    let double = other("double", Type::F64);
    let after = |other: &Spelled, n: u8| {
        let mut params = vec![other.clone(); usize::from(n)];
        params.extend([tried(), other.clone()]);
        params
    };
    // How many are filled before, so that one is short.
    let (gp, sse) = Measure::of(abi.convention).unwrap_or_default().registers;
    let gp = gp + 1 - abi.used.int.clamp(1, gp);
    let sse = sse + 1 - abi.used.vector.clamp(1, sse);
    let neighbours = vec![
        other("char", char),
        tried(),
        other("float", Type::F32),
        tried(),
        other("short", Type::I16),
    ];
    let taken = |name, params| ArgPosition {
        name,
        params,
        ret: other("void", Type::VOID),
        unnamed: Vec::new(),
    };
    let returned = |name, params| ArgPosition {
        ret: tried(),
        ..taken(name, params)
    };
    [
        taken("alone", vec![tried()]),
        taken("one integer register short", after(&long, gp)),
        taken("two integer registers short", after(&long, gp + 1)),
        taken("one vector register short", after(&double, sse)),
        taken("between neighbours", neighbours),
        returned("returned", Vec::new()),
        returned(
            "returned, with arguments",
            vec![int.clone(), tried(), double.clone()],
        ),
        ArgPosition {
            unnamed: vec![tried(), double, tried()],
            ..taken("unnamed", vec![int])
        },
    ]
}
