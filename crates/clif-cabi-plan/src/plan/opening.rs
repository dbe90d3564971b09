//! What stands between C's call and a function: nothing, or a stub. It moves the static chain to where a parameter can be, and aligns the stack as
//! Cranelift's functions expect it.
//!
//! A stub with a frame calls the function instead of jumping to it. The function's own argument area has what the stub pushed: the address of C's
//! argument area, which stays where it is, and the static chain.

use cabi::{FnAbi, Reg};
use smallvec::SmallVec;

use super::value::is_chain;
use crate::machine::{Class, Machine, Step};
use crate::parts::{ClifPart, WORD};
use crate::places::ClifPlace;
use crate::solve::Wanted;

/// What stands between C's call and a function.
#[derive(Default)]
pub(super) struct Opening {
    /// What a stub does before it goes to the function. Empty: C calls the function itself.
    pub(super) steps: SmallVec<[Step; 4]>,
    /// The argument that is the static chain, the part it is, and its parameter.
    pub(super) chain: Option<(usize, ClifPart, Wanted)>,
    /// The function's own argument area, if a stub made it.
    pub(super) frame: Option<FrameArea>,
}

/// The argument area that a stub with a frame makes.
pub(super) struct FrameArea {
    /// The parameter with the address of C's argument area, if that is looked at.
    pub(super) address: Option<Wanted>,
    /// Its bytes.
    pub(super) bytes: u32,
}

impl Opening {
    /// That of a function of `abi`, whose arguments in registers are `wanted`. `in_area`: it looks at the argument area.
    pub(super) fn of(machine: &Machine, abi: &FnAbi, wanted: &[Wanted], in_area: bool) -> Self {
        let mut opening = Self::default();
        let places = || abi.args.iter().map(|arg| &arg.place);
        let chain = places().position(|place| is_chain(machine, place));
        let word = ClifPart::word(0, 8);
        let register = chain.and_then(|arg| {
            let (reg, step) = free_register(machine, wanted)?;
            let part = word.in_bank(reg.bank());
            opening.steps.push(step);
            Some((arg, part, Wanted::part(&part, ClifPlace::Reg(reg))))
        });
        let stack_align = machine.counting.stack_align;
        let is_aligned = abi.area_align >= stack_align;
        let pushed = chain.filter(|_| register.is_none());
        opening.chain = register;
        if is_aligned && pushed.is_none() {
            return opening;
        }
        opening.steps.push(Step::Frame);
        if !is_aligned {
            opening.steps.push(Step::Align(stack_align));
        }
        let bytes = WORD.bytes() * (u32::from(in_area) + u32::from(pushed.is_some()));
        if !bytes.is_multiple_of(stack_align) {
            let unused = bytes.next_multiple_of(stack_align) - bytes;
            opening.steps.push(Step::Skip(unused));
        }
        if let Some(arg) = pushed {
            // Pushed first, it is the last word.
            let offset = bytes - WORD.bytes();
            opening.steps.push(Step::PushChain);
            opening.chain = Some((arg, word, Wanted::word(ClifPlace::Stack { offset })));
        }
        if in_area {
            opening.steps.push(Step::PushArea);
        }
        let address = in_area.then(|| Wanted::word(ClifPlace::Stack { offset: 0 }));
        opening.frame = Some(FrameArea { address, bytes });
        opening
    }
}

/// A register of parameters that nothing `wanted` is in, and how the static chain gets there: an integer register if there is one.
fn free_register(machine: &Machine, wanted: &[Wanted]) -> Option<(Reg, Step)> {
    let is_free = |reg: &Reg| !wanted.iter().any(|own| own.place == ClifPlace::Reg(*reg));
    let free = |class, step: fn(u8) -> Step| {
        let regs = machine.counting.params.of(class);
        let position = regs.iter().position(is_free)?;
        Some((*regs.get(position)?, step(u8::try_from(position).ok()?)))
    };
    free(Class::Int, Step::ChainToInt).or_else(|| free(Class::Vector, Step::ChainToVector))
}
