//! Plans of s390x, the big-endian machine.

use cabi::{FnSig, RecordBuilder, Target, Type};

use super::processor::FRAME_POINTERS;
use super::{ARCHITECTURES, Machine, s390x};
use crate::check::check;
use crate::parts::ClifPart;
use crate::places::ClifPlace;
use crate::plan::{CallPlan, EntryPlan, IncomingArea, VaArgPlan, VaPlace, VaStart};
use crate::signature::{CallConv, ClifParam, Extension, Signature, ValueType};
use crate::slot::{Slot, Slots, What};
use crate::solve::Solver;

const MACHINE: Machine = Machine {
    architecture: &s390x::ARCHITECTURE,
    convention: s390x::ARCHITECTURE.conventions[0],
};

/// Slots of 8 bytes; a value at the end of its slot unless extended; an
/// area of a multiple of 8 bytes.
#[test]
fn values_at_the_ends_of_slots() {
    use ValueType::{F32, F64, I8, I32, I64};
    let mut sig = Signature::new(CallConv::SystemV);
    let in_registers = [I64; 5].into_iter().chain([F64; 4]);
    sig.params.extend(in_registers.map(ClifParam::new));
    let extended = ClifParam {
        extension: Extension::Sign,
        ..ClifParam::new(I8)
    };
    let on_stack = [I8, I32, I64, F32].map(ClifParam::new);
    sig.params.extend([extended].into_iter().chain(on_stack));
    let places = MACHINE.places(&sig).unwrap();
    let offsets = [160, 175, 180, 184, 196];
    let expected = offsets.map(|offset| ClifPlace::Stack { offset });
    assert_eq!(places.params[9..], expected);
    assert_eq!(places.stack_bytes, 200);
}

/// C has `int` at 164 and `float` at 172, and a record of one byte at 183: the solver takes them
/// for the ends of their slots. A value at the start of its slot is refused.
#[test]
fn slots_of_values_at_their_ends() {
    let slot = |(arg, ty, offset): (u32, ValueType, u32)| {
        let size = u8::try_from(ty.bytes()).unwrap();
        let (what, place) = (What::Part { arg, part: 0 }, ClifPlace::Stack { offset });
        Slot::new(what, ClifPart::new(0, size, ty), place)
    };
    let solved = |first| {
        let mut slots = Slots::new();
        let rest = [(1, ValueType::F32, 172), (2, ValueType::I8, 183)];
        slots.extend(
            [(0, ValueType::I32, first)]
                .into_iter()
                .chain(rest)
                .map(slot),
        );
        let mut solver = Solver::params(MACHINE, false);
        solver.solve(&mut slots, |_| true, 184).unwrap();
        let mut sig = Signature::new(CallConv::SystemV);
        sig.params = solver.declared;
        let checked = check(MACHINE, &sig, (&slots, &[]), None, 184);
        (sig.to_string(), checked.map_err(|error| error.to_string()))
    };
    let padded = "(i64, i64, i64, i64, i64, f64, f64, f64, f64, i32, f32, i8) system_v";
    assert_eq!(solved(164), (padded.to_string(), Ok(())));
    let why = "CLIF parameter 9: the convention has it in stack 160, Cranelift in stack 164";
    assert_eq!(solved(160).1.unwrap_err(), why);
}
/// Integers are extended to 64 bits, also on the stack, where a function finds narrower ones at the
/// end of the slot. Floats and records are at the end unchanged.
#[test]
fn plans() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    let short = RecordBuilder::structure("short").field("n", Type::I16);
    let short = short.build(target.data_model()).unwrap();
    let ints = [Type::I8, Type::U32, Type::I64, Type::I64, Type::PTR];
    let rest = [Type::I16, Type::U32, Type::F32, short, Type::I64];
    let sig = FnSig::new(ints.into_iter().chain(rest), Type::U8);
    let call = CallPlan::new(&sig, &target).unwrap();
    let text = "(i64, i64, i64, i64, i64, f32, i64, i64, i16, i64) -> i8 system_v";
    assert_eq!(call.signature.to_string(), text);
    let at = |i| call.args.slots(i)[0].place;
    assert_eq!(
        [5, 6, 8, 9].map(at),
        [160, 168, 182, 184].map(|offset| ClifPlace::Stack { offset })
    );
    // The function reads its argument area 160 bytes from the frame pointer, which is C's offset
    // 160.
    let entry = EntryPlan::new(&sig, &target).unwrap();
    let text = "(i8, i32, i64, i64, i64, f32) -> i64 system_v";
    assert_eq!(entry.signature.to_string(), text);
    assert_eq!(entry.area, Some(IncomingArea::FrameOffset(160)));
    let at = |i| entry.in_area(entry.args.slots(i)[0].place);
    assert_eq!([5, 6, 8, 9].map(at), [6, 12, 22, 24].map(Some));
}

/// A copy of the caller's is as aligned as its stack.
#[test]
fn copies() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    let sig = FnSig::new([Type::PTR], Type::VOID).variadic();
    let wide = RecordBuilder::structure("wide").field("n", Type::array(&Type::I64, 2).unwrap());
    for (align, in_place) in [(8, true), (16, false)] {
        let ty = wide
            .clone()
            .aligned(align)
            .build(target.data_model())
            .unwrap();
        let plan = VaArgPlan::new(&sig, &ty, &target).unwrap();
        assert_eq!((plan.by_reference, plan.in_place), (true, in_place));
    }
}

/// Unnamed arguments follow the named ones, counted from the frame pointer: the shadow space is
/// between the two once.
#[test]
fn after_the_named_arguments() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    for (n, stack) in [(1, 0), (7, 16)] {
        let sig = FnSig::new(vec![Type::I64; n], Type::VOID).variadic();
        let entry = EntryPlan::new(&sig, &target).unwrap();
        assert_eq!(entry.area, Some(IncomingArea::FrameOffset(160)));
        let Some(VaStart::Registers { overflow, .. }) = entry.va_start else {
            unreachable!("it has a save area");
        };
        assert_eq!(overflow, stack);
    }
}

/// `va_start` of `f(long, double, ...)` as gcc 12.2 for s390x compiles it: r3 to r6 are stored at
/// 24 to 48 of the caller's 160 bytes and f2, f4, f6 at 136 to 152; the counts are 1 and 1, the
/// next argument is 160 bytes after the saved registers.
#[test]
fn registers_are_saved_where_callers_leave_room() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    let sig = FnSig::new([Type::I64, Type::F64], Type::VOID).variadic();
    let entry = EntryPlan::new(&sig, &target).unwrap();
    let text = "(i64, f64, i64, i64, i64, i64, f64, f64, f64) system_v";
    assert_eq!(entry.signature.to_string(), text);
    let saved = entry.args.slots.iter().filter_map(|slot| match slot.what {
        What::Register { offset } => Some(offset),
        _ => None,
    });
    assert!(saved.eq([24, 32, 40, 48, 136, 144, 152]));
    assert_eq!(entry.area, Some(IncomingArea::FrameOffset(160)));
    let Some(VaStart::Registers {
        counts,
        overflow,
        overflow_at,
        save_before,
        ..
    }) = entry.va_start
    else {
        unreachable!("it has a save area");
    };
    assert_eq!(
        counts.map(|own| (own.counter.at, own.count)),
        [(0, 1), (8, 1)]
    );
    assert_eq!(
        counts.map(|own| (own.counter.base, own.base_at)),
        [(24, 0); 2]
    );
    assert_eq!((overflow, overflow_at, save_before), (0, 16, Some(160)));
}

/// `va_arg` as gcc 12.2 for s390x compiles it: which count is compared with the last one at which a
/// register is left, and where the value is after 8 times the count, and in the argument area.
#[test]
fn unnamed_values_at_the_ends_of_slots() {
    let target = Target::named("s390x-unknown-linux-gnu").unwrap();
    let record = |ty| {
        let record = RecordBuilder::structure("s").field("a", ty);
        record.build(target.data_model()).unwrap()
    };
    let wide = record(Type::array(&Type::I64, 2).unwrap());
    for (ty, counter, last, at, before) in [
        (Type::I32, 0, 4, 20, 4),
        (Type::I64, 0, 4, 16, 0),
        (Type::F64, 8, 3, 128, 0),
        (record(Type::I16), 0, 4, 22, 6),
        (record(Type::F32), 8, 3, 128, 4),
        (wide, 0, 4, 16, 0),
    ] {
        let sig = FnSig::new([Type::PTR], Type::VOID).variadic();
        let plan = VaArgPlan::new(&sig, &ty, &target).unwrap();
        let VaPlace::Registers { takes, parts } = &plan.place else {
            unreachable!("{ty} is in registers");
        };
        let [takes] = takes.as_slice() else {
            unreachable!("{ty} is in registers of one class");
        };
        assert_eq!(
            (takes.counter.at, takes.last, takes.n),
            (counter, last, 1),
            "{ty}"
        );
        assert_eq!((takes.counter.unit, parts[0].at), (8, at), "{ty}");
        assert_eq!(
            (plan.overflow_before, plan.overflow_bytes),
            (before, 8),
            "{ty}"
        );
        assert!(plan.in_place, "{ty}");
    }
}

/// Functions that find the argument area by the frame pointer need its flag, and no others do.
#[test]
fn frame_pointers_are_required_where_they_are_used() {
    for architecture in ARCHITECTURES {
        let own = architecture.processor;
        let is_used = own.area_from_frame.is_some();
        assert_eq!(own.flags.contains(&FRAME_POINTERS), is_used, "{own:?}");
    }
}
