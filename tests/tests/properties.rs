//! What holds for every type and signature: random ones, weighted towards what conventions find hard.
//!
//! Failures are printed with the smallest type that fails; the corpus is where one that was a bug stays.

#[path = "properties/anything.rs"]
mod anything;

use std::collections::{BTreeSet, HashSet};

use cabi::{FnAbi, FnSig, Kind, Loc, Place, PlacedPart, Reg, RetAbi, Target, Type, leaves};
use cabi_judge::graffiti::Painter;
use cabi_tests::random;
use proptest::prelude::*;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn target(win64: bool) -> Target {
    Target::X86_64_LINUX.with_convention(if win64 {
        &cabi::X86_64_WIN64
    } else {
        &cabi::X86_64_SYSV
    })
}

/// The bits of `ty` that a value carries: of a transparent union passed as an argument, those of its first member.
fn travels(ty: &Type, result: bool) -> Vec<u8> {
    let ty = if result { ty } else { random::passed_as(ty) };
    Painter::default().paint(ty).mask
}

/// Each byte that counts is in exactly one part, and no part ends outside the object.
fn check_parts(ty: &Type, parts: &[PlacedPart], result: bool) -> Result<(), TestCaseError> {
    for (at, mask) in travels(ty, result).iter().enumerate() {
        let holds = |placed: &&PlacedPart| {
            let from = usize::from(placed.part.offset);
            (from..from + usize::from(placed.part.size)).contains(&at)
        };
        let n = parts.iter().filter(holds).count();
        prop_assert!(n <= 1, "byte {at} of {ty} travels {n} times: {parts:?}");
        prop_assert!(
            n == 1 || *mask == 0,
            "byte {at} of {ty} does not travel: {parts:?}"
        );
    }
    for placed in parts {
        let end = u64::from(placed.part.offset) + u64::from(placed.part.size);
        prop_assert!(end <= ty.size(), "{placed:?} ends outside {ty}");
        prop_assert!(placed.part.size <= placed.part.ty.bytes(), "{placed:?}");
    }
    Ok(())
}

/// Which registers and bytes of the argument area are taken.
#[derive(Default)]
struct Taken {
    regs: HashSet<Reg>,
    slots: BTreeSet<u64>,
}

impl Taken {
    fn loc(&mut self, loc: Loc) -> Result<(), TestCaseError> {
        match loc {
            Loc::Reg(reg) => prop_assert!(self.regs.insert(reg), "{reg} is used twice"),
            Loc::Both(a, b) => {
                prop_assert!(self.regs.insert(a), "{a} is used twice");
                prop_assert!(self.regs.insert(b), "{b} is used twice");
            }
            Loc::Stack(offset) => self.stack(offset, 8)?,
            other => prop_assert!(false, "{other:?}"),
        }
        Ok(())
    }

    fn stack(&mut self, offset: u64, size: u64) -> Result<(), TestCaseError> {
        prop_assert!(offset.is_multiple_of(8), "offset {offset} is no slot");
        for slot in (offset / 8)..(offset + size).div_ceil(8) {
            prop_assert!(self.slots.insert(slot), "slot {slot} is used twice");
        }
        Ok(())
    }
}

/// The places of a signature's arguments: disjoint, inside the area, each byte once.
fn check_places(sig: &FnSig, abi: &FnAbi) -> Result<(), TestCaseError> {
    places(sig, abi).map_err(|why| TestCaseError::fail(format!("{}\n{why}", random::c_text(sig))))
}

fn places(sig: &FnSig, abi: &FnAbi) -> Result<(), TestCaseError> {
    let mut taken = Taken::default();
    if let RetAbi::Indirect { pointer, .. } = abi.ret {
        taken.loc(pointer)?;
    }
    for (param, arg) in sig.params().iter().zip(&abi.args) {
        let ty = &param.ty;
        match &arg.place {
            Place::Ignore => {
                let counts = travels(ty, false).iter().any(|mask| *mask != 0);
                prop_assert!(!counts, "{ty} travels nowhere");
            }
            Place::Parts(parts) => {
                check_parts(ty, parts, false)?;
                for placed in parts {
                    taken.loc(placed.loc)?;
                }
            }
            Place::Stack {
                offset,
                size,
                align,
            } => {
                check_size(ty, *size)?;
                prop_assert!(offset.is_multiple_of(u64::from(*align)));
                prop_assert!(abi.area_align >= *align, "area align {}", abi.area_align);
                taken.stack(*offset, *size)?;
            }
            Place::Indirect { pointer, size, .. } => {
                prop_assert_eq!(*size, random::passed_as(ty).size(), "{}", ty);
                taken.loc(*pointer)?;
            }
            Place::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                for reg in *regs {
                    taken.loc(Loc::Reg(*reg))?;
                }
                let on_stack = usize::from(*lanes).saturating_sub(regs.len());
                taken.stack(*offset, on_stack as u64 * u64::from(*slot))?;
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
    let end = taken.slots.last().map_or(0, |last| 8 * (last + 1));
    prop_assert!(end <= abi.area_bytes, "area of {} bytes", abi.area_bytes);
    prop_assert!(abi.area_bytes.is_multiple_of(8));
    Ok(())
}

/// A value in memory is there as a whole.
fn check_size(ty: &Type, size: u64) -> Result<(), TestCaseError> {
    // Padding that counts takes a register, but with gcc no place on the stack.
    let nothing = size == 0 && travels(ty, false).iter().all(|mask| *mask == 0);
    prop_assert!(
        nothing || size == random::passed_as(ty).size(),
        "{size} bytes of {ty}"
    );
    Ok(())
}

fn check_result(sig: &FnSig, abi: &FnAbi) -> Result<(), TestCaseError> {
    let ty = sig.result();
    match &abi.ret {
        RetAbi::Parts(parts) => {
            check_parts(ty, parts, true)?;
            let mut taken = Taken::default();
            for placed in parts {
                taken.loc(placed.loc)?;
            }
        }
        RetAbi::Ignore => {
            let counts = travels(ty, true).iter().any(|mask| *mask != 0);
            prop_assert!(!counts, "{ty} returns nowhere");
        }
        RetAbi::Void => prop_assert_eq!(ty.kind(), &Kind::Void),
        _ => {}
    }
    Ok(())
}

/// Members of a record: in order and apart in a structure, inside the record, and aligned unless the declaration says otherwise.
fn check_record(ty: &Type) -> Result<(), TestCaseError> {
    prop_assert!(ty.align().is_power_of_two());
    let Some(record) = ty.as_record() else {
        if let Kind::Array(array) = ty.kind() {
            check_record(&array.elem)?;
        }
        return Ok(());
    };
    prop_assert!(
        ty.size().is_multiple_of(u64::from(ty.align())),
        "{} bytes, align {}",
        ty.size(),
        ty.align()
    );
    let structure = record.kind() == cabi::RecordKind::Struct;
    let attributes = record.attributes();
    let mut end_bits = 0;
    for field in record.fields() {
        let (from, size) = match field.bit_field() {
            Some(bits) => (field.offset_bits(), u64::from(bits.width)),
            None => (field.offset() * 8, field.ty().size() * 8),
        };
        prop_assert!(from + size <= ty.size() * 8, "{ty}: a member ends outside");
        if structure {
            prop_assert!(from >= end_bits, "{ty}: members overlap");
            end_bits = from + size;
        } else if field.bit_field().is_none() {
            prop_assert_eq!(from, 0);
        }
        let plain = !attributes.packed && attributes.pack.is_none() && !field.is_packed();
        if plain && field.bit_field().is_none() {
            let align = u64::from(field.ty().align());
            prop_assert!(
                field.offset().is_multiple_of(align),
                "{ty}: a member at {}",
                field.offset()
            );
            prop_assert!(u64::from(ty.align()) >= align);
        }
        if let Some(asked) = field.asked_align()
            && field.bit_field().is_none()
        {
            let asked = attributes.pack.map_or(asked, |pack| asked.min(pack));
            prop_assert!(field.offset().is_multiple_of(u64::from(asked)));
        }
        check_record(field.ty())?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn layouts_are_sound(ty in random::object(3)) {
        check_record(&ty)?;
        for leaf in leaves(&ty) {
            prop_assert!(leaf.offset_bits + leaf.width_bits <= ty.size() * 8, "{leaf:?} ends outside {ty}");
        }
    }

    #[test]
    fn each_byte_travels_once(sig in random::signature(), win64 in any::<bool>()) {
        if let Ok(abi) = FnAbi::new(&sig, &target(win64)) {
            check_places(&sig, &abi)?;
            check_result(&sig, &abi)?;
        }
    }

    #[test]
    fn a_further_argument_moves_no_earlier_one(
        sig in random::signature(), more in random::passed(2), policy in random::policy(), win64 in any::<bool>(),
    ) {
        let target = target(win64);
        let params: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
        let longer = FnSig::new(params.iter().cloned().chain([more]), sig.result().clone()).policy(policy);
        let shorter = FnSig::new(params, sig.result().clone()).policy(policy);
        if let (Ok(short), Ok(long)) = (FnAbi::new(&shorter, &target), FnAbi::new(&longer, &target)) {
            prop_assert_eq!(&short.args[..], &long.args[..short.args.len()]);
            prop_assert_eq!(&short.ret, &long.ret);
            prop_assert!(long.area_bytes >= short.area_bytes);
            prop_assert!(long.n_gp >= short.n_gp && long.n_sse >= short.n_sse);
        }
    }

    #[test]
    fn variadic_calls_are_sound(
        sig in random::signature(), unnamed in prop::collection::vec(random::passed(2), 0..6), win64 in any::<bool>(),
    ) {
        let call = sig.variadic().at_call(unnamed).unwrap();
        if let Ok(abi) = FnAbi::new(&call, &target(win64)) {
            // Both of a Win64 variadic float are one argument.
            check_places(&call, &abi)?;
            check_result(&call, &abi)?;
        }
    }

    #[test]
    fn explanations_say_what_is_done(sig in random::signature(), win64 in any::<bool>()) {
        let target = target(win64);
        let abi = FnAbi::new(&sig, &target);
        match cabi::explain(&sig, &[], &target) {
            Ok(explanation) => {
                prop_assert!(abi.is_ok());
                prop_assert!(!explanation.to_string().is_empty());
                prop_assert!(!explanation.summary().is_empty());
            }
            Err(error) => {
                prop_assert_eq!(Some(error), abi.err());
            }
        }
    }
}

#[cfg(all(target_arch = "x86_64", unix))]
#[allow(clippy::unwrap_used)] // an unexpected error ends the test
mod lowered {
    use cabi::{FnSig, Policy, Type};
    use cabi_judge::guard::Rooms;
    use cabi_judge::interop::{N_ROOMS, all_settings};
    use cabi_judge::jit::Stop;
    use cabi_tests::{random, roundtrip};
    use clif_cabi::Lowering;
    use clif_cabi::cranelift_module::Module;
    use clif_cabi_jit::{Engine, Settings};
    use proptest::prelude::*;

    use super::config;

    thread_local! {
        static ROOMS: Rooms = Rooms::new(N_ROOMS, 1 << 16).unwrap();
        static LOWERING: Lowering = Lowering::new(Engine::new(&Settings::default()).unwrap().isa()).unwrap();
    }

    proptest! {
        #![proptest_config(config(4000))]

        /// Both sides read one `FnAbi`, and are refused for the same reasons.
        #[test]
        fn caller_and_callee_agree(sig in random::signature()) {
            LOWERING.with(|lower| {
                match (lower.call_plan(&sig), lower.entry_plan(&sig)) {
                    (Ok(call), Ok(entry)) => {
                        prop_assert_eq!(call.abi(), entry.abi());
                        prop_assert_eq!(&call.signature().returns, &entry.signature().returns);
                    }
                    (Err(call), Err(entry)) => {
                        prop_assert_eq!(call.to_string(), entry.to_string());
                        // What cannot be lowered is said in words about C.
                        prop_assert!(matches!(Stop::from(call), Stop::Refused(_)), "{entry}");
                    }
                    (call, entry) => prop_assert!(false, "{:?} {:?}", call.err(), entry.err()),
                }
                Ok(())
            })?;
        }
    }

    proptest! {
        #![proptest_config(config(1500))]

        /// What a caller sends arrives, and what the callee returns comes back, bit for bit, in all forms.
        #[test]
        fn values_arrive(sig in random::signature(), variant in 0_usize..16, setting in 0_usize..8) {
            let settings = &all_settings()[setting].1;
            let outcome = ROOMS.with(|rooms| roundtrip::run(&sig, settings, rooms, variant));
            if let Err(Stop::Failed(why)) = outcome {
                prop_assert!(false, "{}\n{why}", random::c_text(&sig));
            }
        }
    }

    /// Vectors of bools that go lane by lane, over every number of registers left.
    #[test]
    fn lanes_arrive() {
        for lanes in [65, 66, 72, 79, 80, 100, 127, 128] {
            for before in 0..8 {
                let bools = Type::bool_vector(lanes, cabi::BoolVector::Zig).unwrap();
                let longs = vec![Type::I64; before];
                let params = longs.into_iter().chain([bools, Type::I64, Type::F64]);
                let sig = FnSig::new(params, Type::I64).policy(Policy::ZIG);
                for variant in 0..4 {
                    let settings = &all_settings()[before].1;
                    ROOMS
                        .with(|rooms| roundtrip::run(&sig, settings, rooms, variant))
                        .unwrap();
                }
            }
        }
    }
}
