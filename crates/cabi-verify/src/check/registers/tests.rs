use cabi::{FnSig, Target};

use super::*;
use crate::build::Capability;
use crate::pattern::{Painter, Pattern};
use cabi::Type;

/// What the assembly callee finds when the assembly caller calls it with the image of a call.
fn called(abi: &FnAbi, types: &[Type], patterns: &[Pattern], level: VectorLevel) -> RegisterFile {
    let image = RegisterFile::of_call(abi, types, patterns, 0).unwrap();
    let load = Load {
        image: image.bytes().as_ptr(),
        stack_bytes: abi.area_bytes,
        align: u64::from(abi.area_align.max(16)),
        n_x87: 0,
    };
    type Caller = extern "C" fn(*const Load, *mut u8, *const u8);
    // SAFETY: the assembly caller is of this type.
    let caller: Caller = unsafe { std::mem::transmute(assembly::caller(level)) };
    // The caller writes registers of results over those of arguments: they are returned as they came.
    let mut returning = Returning::NOTHING;
    returning.registers.copy_from_slice(&image.bytes()[..STACK]);
    let stack_bytes = usize::try_from(abi.area_bytes).unwrap();
    let dumping = Dumping::begin(stack_bytes, std::ptr::null(), returning);
    caller(
        &raw const load,
        std::ptr::null_mut(),
        assembly::callee(level),
    );
    RegisterFile::of_dump(dumping.image())
}

/// A signature that uses all registers of arguments, and the stack at an alignment of 64.
fn wide(level: VectorLevel) -> (FnAbi, Vec<Type>, Vec<Pattern>) {
    let lanes = match level {
        VectorLevel::Avx512 => 16,
        VectorLevel::Avx => 8,
        VectorLevel::Baseline => 4,
    };
    let vector = Type::vector(&Type::F32, lanes).unwrap();
    let mut types = vec![
        Type::I64,
        Type::I8,
        Type::U16,
        Type::BOOL,
        Type::I32,
        Type::PTR,
    ];
    types.extend(vec![vector; 8]);
    types.extend([Type::F80, Type::I16, Type::vector(&Type::F64, 8).unwrap()]);
    let sig = FnSig::new(types.clone(), Type::VOID).features(level);
    let abi = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
    let mut painter = Painter::default();
    let patterns = types.iter().map(|ty| painter.paint(ty)).collect();
    (abi, types, patterns)
}

fn levels() -> Vec<VectorLevel> {
    let mut levels = vec![VectorLevel::Baseline, VectorLevel::Avx, VectorLevel::Avx512];
    levels.retain(|level| Capability::of_level(*level).is_none_or(Capability::runs_here));
    levels
}

#[test]
fn what_the_bare_caller_fills_the_bare_callee_finds() {
    for level in levels() {
        let (abi, types, patterns) = wide(level);
        let dump = called(&abi, &types, &patterns, level);
        assert_eq!(
            check_arguments(&abi, &patterns, &dump, false),
            Ok(()),
            "{level:?}"
        );
    }
}

#[test]
fn a_value_elsewhere_is_noticed() {
    for level in levels() {
        let (abi, types, patterns) = wide(level);
        for at in 0..abi.args.len() {
            let mut wrong = patterns.clone();
            for byte in &mut wrong[at].bytes {
                *byte ^= 1;
            }
            let dump = called(&abi, &types, &wrong, level);
            let found = check_arguments(&abi, &patterns, &dump, false).unwrap_err();
            assert_eq!(found.value, Some(Value::Argument(at)), "{}", found.why);
        }
    }
}
