//! The argument positions in which each type is tested: those in which ABI bugs are known to occur.

use cabi::{Convention, DataModel, FnAbi, Type};

use crate::case::{Case, SpelledType};
use crate::states::{Measure, SYSV};

/// Returns C's spelling of an integer of 64 bits under `model`.
pub fn long(model: &DataModel) -> &'static str {
    match model.long {
        8 => "long",
        _ => "long long",
    }
}

/// Returns the positions of the type `tried` of `model`. Each is a function `p<i>` of `convention`,
/// or of the target's own, with the position's name in reports. `abi` is that of a call with one
/// such argument alone, under any profile. It gives the number of registers to fill before.
pub fn positions(
    tried: (&str, &Type),
    abi: &FnAbi,
    convention: Option<&'static Convention>,
    model: &DataModel,
) -> Vec<Case> {
    let other = |text: &str, ty: Type| (text.to_owned(), model.adapt(&ty));
    let value = || (tried.0.to_owned(), tried.1.clone());
    let char = match model.char_signed {
        true => Type::I8,
        false => Type::U8,
    };
    let (int, long) = (other("int", Type::I32), other(long(model), Type::I64));
    let (double, void) = (other("double", Type::F64), || other("void", Type::VOID));
    let after = |other: &SpelledType, n: u8| {
        let mut params = vec![other.clone(); usize::from(n)];
        params.extend([value(), other.clone()]);
        (params, void())
    };
    // Number of registers that are filled before, so that one is short.
    let (gp, sse) = Measure::of(abi.convention).unwrap_or(&SYSV).registers;
    let gp = gp + 1 - abi.used.int.clamp(1, gp);
    let sse = sse + 1 - abi.used.vector.clamp(1, sse);
    let neighbours = vec![
        other("char", char),
        value(),
        other("float", Type::F32),
        value(),
        other("short", Type::I16),
    ];
    let with_arguments = vec![int.clone(), value(), double.clone()];
    let rows = [
        ("alone", (vec![value()], void())),
        ("one integer register short", after(&long, gp)),
        ("two integer registers short", after(&long, gp + 1)),
        ("one vector register short", after(&double, sse)),
        ("between neighbours", (neighbours, void())),
        ("returned", (Vec::new(), value())),
        ("returned, with arguments", (with_arguments, value())),
        ("unnamed", (vec![int], void())),
    ];
    let rows = rows.into_iter().enumerate();
    let case = |(i, (name, (params, ret)))| {
        let unnamed = (name == "unnamed").then(|| vec![value(), double.clone(), value()]);
        Case::of_spelled((name, &format!("p{i}")), convention, ret, params, unnamed)
    };
    rows.map(case).collect()
}
