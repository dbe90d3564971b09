//! A calling convention from scratch: every value is words in integer registers, whatever it holds.
//! Registers hold up to six words of arguments, and up to eight of results. A call can take the
//! place of its caller's frame.

use clif_cabi_jit::clif_cabi::cabi;

use cabi::convention::{
    CalleePops, Classify, Extension, Frame, FrameKind, Group, GroupKind, Part, PartType, Rule,
    Rules, WantedKind,
};
use cabi::x86_64::{R8, R9, R10, RAX, RCX, RDI, RDX, RSI};
use cabi::{Convention, Error, Type, X86_64_LANG};

pub static WORDS: Convention = Convention {
    name: "words",
    rules: Rules::new(
        classify,
        &[
            Rule::IfWants(WantedKind::Memory, &Rule::PassIndirect { align: 8 }),
            Rule::AssignToReg(&[R9, R8, RCX, RDX, RSI, RDI]),
            Rule::AssignToStack { size: 8, align: 8 },
        ],
        &[Rule::AssignToReg(&[RAX, RDX, RCX, RSI, RDI, R8, R9, R10])],
    ),
    frame: Frame {
        kind: FrameKind::Tail,
        callee_pops: CalleePops::EverythingAligned,
        callee_saved: X86_64_LANG.frame.callee_saved,
        sret_returned_in: Some(RAX),
        ..Frame::new(8, 16)
    },
};

/// Returns a part for each word of a value, or memory for more than eight.
fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    if ty.size() > 64 {
        return Ok(Group::new(GroupKind::Memory, ty.size(), ty.align()));
    }
    let mut group = Group::new(GroupKind::Registers, ty.size(), 8);
    group.may_split = true;
    for at in (0..ty.size()).step_by(8) {
        let word = Part::int(PartType::I64, Extension::None);
        let [offset, size] = [at, (ty.size() - at).min(8)].map(|n| u8::try_from(n).unwrap_or(64));
        group = group.with(Part {
            offset,
            size,
            ..word
        });
    }
    Ok(group)
}
