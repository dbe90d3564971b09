//! Stubs against an assembler and a disassembler: their bytes and relocations are those that `as` makes of the instructions that the docs state,
//! and their unwind rows are where the instructions leave rsp.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod aarch64;
mod assembly;
mod unwind;

use clif_cabi_plan::{Machine, Step, Stub, VectorMove, VectorWidth};

/// Numbers at the edges of their types, and some between.
const NUMBERS: [u32; 10] = [
    0,
    1,
    7,
    8,
    127,
    128,
    4096,
    0x1234_5678,
    i32::MAX as u32,
    u32::MAX,
];

/// Every stub with one or two steps of `steps`, in each order that is allowed.
fn stubs(steps: &[Step]) -> Vec<Stub> {
    let one = steps.iter().filter_map(|step| Stub::new(&[*step]));
    let two = steps.iter().flat_map(|first| {
        let second = steps.iter();
        second.filter_map(|second| Stub::new(&[*first, *second]))
    });
    one.chain(two).collect()
}

/// Every stub with a frame in which there are one or two steps of `steps`.
fn framed(steps: &[Step]) -> Vec<Stub> {
    let in_frame = |first: &[Step]| Stub::new(&[&[Step::Frame], first, &[Step::Leave]].concat());
    let one = steps.iter().filter_map(|step| in_frame(&[*step]));
    let two = steps.iter().flat_map(|first| {
        let second = steps.iter();
        second.filter_map(|second| in_frame(&[*first, *second]))
    });
    one.chain(two).collect()
}

/// Steps in a frame: the numbers at which their bytes change, and some between.
fn in_frame() -> Vec<Step> {
    let mut steps = vec![Step::SetVectorCount(1), Step::PushChain];
    steps.extend([0, 32, 111].map(Step::PushArea));
    steps.extend([
        Step::AddressOfSkipped,
        Step::PushAddress,
        Step::ReturnAddress,
        Step::ZeroUpper,
    ]);
    steps.extend([0, 8, 0x7fff_ffe8].map(Step::AddressInFrame));
    steps.extend(vector_moves().into_iter().step_by(13));
    steps.extend([0, u32::MAX].map(Step::Call));
    steps.extend([0, 8, 0x7fff_ffe8].map(Step::CallAfter));
    steps.extend([16, 128, 256, 2048, 4096, 1 << 28].map(Step::Align));
    steps.extend([8, 120, 128, 4088, 4096, 0x0012_3450].map(Step::Skip));
    steps.extend([8, 112, 120, 128, 136, 0x7fff_fff8].map(Step::Copy));
    steps
}

/// Moves of every vector register, width and direction, at the edges of offsets.
fn vector_moves() -> Vec<Step> {
    let widths = [VectorWidth::V128, VectorWidth::V256, VectorWidth::V512];
    let directions = [Step::Load, Step::Store, Step::LoadResult];
    let mut steps = Vec::new();
    for (direction, width) in directions.into_iter().flat_map(|d| widths.map(|w| (d, w))) {
        let offsets = [0, 64, i32::MAX as u32].into_iter().cycle();
        steps.extend((0..8).zip(offsets).map(|(register, offset)| {
            direction(VectorMove {
                width,
                register,
                offset,
            })
        }));
    }
    steps
}

fn all_steps() -> Vec<Step> {
    let mut steps: Vec<Step> = (0..=u8::MAX).map(Step::SetVectorCount).collect();
    steps.extend((1..16).map(Step::VectorsToInts));
    steps.extend((1..=8).map(Step::Pop));
    steps.extend((1..=8).map(Step::Push));
    steps.extend(NUMBERS.map(Step::Jump));
    steps.extend(NUMBERS.map(Step::JumpAfter));
    steps.extend(NUMBERS.map(Step::LoadChain));
    steps.extend(NUMBERS.map(Step::Address));
    steps.extend(vector_moves());
    steps.push(Step::ZeroUpper);
    steps.extend((0..6).map(Step::ChainToInt));
    steps.extend((0..6).map(Step::JumpInt));
    steps.extend((0..8).map(Step::ChainToVector));
    steps.push(Step::Return);
    steps
}

#[test]
fn a_name_tells_the_steps() {
    let mut names = std::collections::HashSet::new();
    let stubs = [stubs(&all_steps()), framed(&in_frame())].concat();
    assert!(stubs.len() > 5000, "{} stubs", stubs.len());
    for stub in stubs {
        let name = stub.name();
        assert_eq!(Stub::from_name(&name), Some(stub.clone()), "{name}");
        assert!(
            names.insert(name.clone()),
            "{name} is the name of two stubs"
        );
        // Another name is that of another stub, or of none.
        for (i, _) in name.char_indices() {
            for changed in [
                name[..i].to_string(),
                format!("{}0{}", &name[..i], &name[i..]),
                format!("{}_{}", &name[..i], &name[i..]),
            ] {
                let other = Stub::from_name(&changed);
                let right = other
                    .as_ref()
                    .is_none_or(|other| *other != stub && other.name() == changed);
                assert!(right, "{changed}: {other:?}");
            }
        }
    }
}

#[test]
fn names_of_no_stub() {
    let none = [
        "",
        "memcpy",
        "__clif_cabi_",
        "__clif_cabi_ret_ret",
        "__clif_cabi_al1",
        "__clif_cabi_al256_ret",
        "__clif_cabi_al_ret",
        "__clif_cabi_al01_ret",
        "__clif_cabi_al+1_ret",
        "__clif_cabi_pop_ret",
        "__clif_cabi_pop0_ret",
        "__clif_cabi_pop9_ret",
        "__clif_cabi_both0_jump1",
        "__clif_cabi_both16_jump1",
        "__clif_cabi_jump",
        "__clif_cabi_chainint8_ret",
        "__clif_cabi_chainvector8_ret",
        "__clif_cabi_chain_ret",
        "__clif_cabi_jump4294967296",
        "__clif_cabi_loadymm8_ret",
        "__clif_cabi_loadymm_ret",
        "__clif_cabi_loadymm0at0_ret",
        "__clif_cabi_loadymm0at2147483648_ret",
        "__clif_cabi_zeroupper1_ret",
        "__clif_cabi_al1at16_ret",
        "__clif_cabi_returnaddress_ret",
        "__clif_cabi_frame_address8_leave",
        "__clif_cabi_frame_ret",
        "__clif_cabi_frame_chain8_leave",
        "__clif_cabi_frame_frame_leave",
        "__clif_cabi_frame_call1_call2_leave",
        "__clif_cabi_leave",
        "__clif_cabi_align32_frame_leave",
        "__clif_cabi_frame_align8_leave",
        "__clif_cabi_frame_align48_leave",
        "__clif_cabi_frame_align536870912_leave",
        "__clif_cabi_frame_skip0_leave",
        "__clif_cabi_frame_skip12_leave",
        "__clif_cabi_frame_copy0_leave",
        "__clif_cabi_frame_copy2147483648_leave",
        "__clif_cabi_ret0",
        "__clif_cabi_pop1_ret_",
        "__clif_cabi_drain_x87",
        "clif_cabi_pop1_ret",
    ];
    for name in none {
        assert_eq!(Stub::from_name(name), None, "{name}");
    }
}

/// A stub of another machine's steps has a name, and no code.
#[test]
fn steps_of_other_machines() {
    for name in ["chainint6", "jumpint7"] {
        let stub = Stub::from_name(&format!("__clif_cabi_{name}_ret"));
        let stub = stub.or_else(|| Stub::from_name(&format!("__clif_cabi_{name}")));
        let error = stub.unwrap().code(Machine::X86_64, true).unwrap_err();
        let word = name.trim_end_matches(char::is_numeric);
        let message = format!("the step `{word}` of a stub is none of x86-64");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn areas_that_are_too_large() {
    for area in [i32::MAX as u32 - 7, u32::MAX] {
        for steps in [
            &[Step::SetVectorCount(1), Step::JumpAfter(area)][..],
            &[Step::Frame, Step::CallAfter(area), Step::Leave],
        ] {
            let error = Stub::new(steps)
                .unwrap()
                .code(Machine::X86_64, false)
                .unwrap_err();
            let message = "the argument area is too large for a stub";
            assert_eq!(error.to_string(), message);
        }
    }
}
