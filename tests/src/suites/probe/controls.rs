//! Wrong places for a case that the probe has seen in the right ones: its facts must differ from
//! each kind of them. A caller leaves bytes of its values in registers that pass nothing. One of
//! several wrong places may thus hold the right bytes, but not all. None of the differences may
//! look like a self-inconsistency.

use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Reg, Type, x86_64};
use cabi_verify::build::Reference;
use cabi_verify::case::{Case, Direction};
use cabi_verify::compare::compare;
use cabi_verify::facts::Facts;
use cabi_verify::pattern::{BitPlaces, mask};
use cabi_verify::verdict::Verdict;

/// A kind of wrong places, and the side of the call that must show it.
pub(super) struct Control {
    pub(super) what: &'static str,
    direction: Direction,
    wrong: Vec<FnAbi>,
}

impl Control {
    /// Checks whether the facts differ from some of the wrong places.
    pub(super) fn is_noticed(&self, reference: &Reference, facts: &Facts, case: &Case) -> bool {
        let types = case.argument_types();
        self.wrong.iter().any(|wrong| {
            let differ = compare(reference.name(), facts, &types, wrong, self.direction);
            let verdict = facts.verdict(self.direction, &differ, |_| true);
            matches!(verdict, Verdict::Differs(_))
        })
    }
}

/// Returns places of which an argument, or the result, is moved.
pub(super) fn controls(case: &Case, abi: &FnAbi) -> Vec<Control> {
    use Direction::{Call, Callee};
    let mut controls = Vec::new();
    let mut add = |what, direction, wrong: Vec<FnAbi>| {
        if !wrong.is_empty() {
            controls.push(Control {
                what,
                direction,
                wrong,
            });
        }
    };
    let types = case.argument_types();
    if let Some(at) = types.iter().position(is_recognized) {
        let wrong = five_times(abi, |wrong, n| moved(&mut wrong.args[at].place, n));
        add("parameter", Call, wrong.clone());
        add("argument", Callee, wrong);
    }
    let is_copy = |at: &usize| matches!(abi.args[*at].place, Place::Indirect { .. });
    let mut copies = (0..types.len()).filter(is_copy);
    if let Some(at) = copies.find(|at| is_recognized(&types[*at])) {
        let wrong = five_times(abi, |wrong, n| match &mut wrong.args[at].place {
            Place::Indirect { pointer, .. } => {
                match pointer {
                    Loc::Stack(offset) => *offset += 8 * u64::from(n),
                    Loc::Reg(reg) => *reg = other_register(*reg, n.into()),
                    _ => return false,
                }
                true
            }
            _ => false,
        });
        add("copy", Callee, wrong);
    }
    if abi.variadic_count.is_some() {
        let mut wrong = abi.clone();
        wrong.used.vector += 1;
        add("al", Callee, vec![wrong]);
    }
    if case.has_result() && is_recognized(&case.prototype.ret) {
        let wrong = five_times(abi, |wrong, n| {
            match &mut wrong.ret.place {
                Place::Parts(parts) => move_parts(parts, n),
                Place::Indirect { .. } => wrong.ret.sret_returned_in = Some(x86_64::RDX),
                _ => {}
            }
            true
        });
        add("result", Call, wrong);
    }
    controls
}

/// Returns `abi` with each of five changes, as far as it has them.
fn five_times(abi: &FnAbi, change: impl Fn(&mut FnAbi, u8) -> bool) -> Vec<FnAbi> {
    let changed = |n| {
        let mut wrong = abi.clone();
        change(&mut wrong, n).then_some(wrong)
    };
    (1..6).filter_map(changed).collect()
}

/// Checks whether values have so many bits that they are not found in five wrong places by chance.
fn is_recognized(ty: &Type) -> bool {
    let mask = mask(ty, BitPlaces::default());
    mask.iter().map(|mask| mask.count_ones()).sum::<u32>() >= 16
}

/// Moves the parts of an argument `n` places on; false if it has none.
fn moved(place: &mut Place, n: u8) -> bool {
    match place {
        Place::Parts(parts) => move_parts(parts, n),
        Place::Stack { offset, .. } => *offset += 8 * u64::from(n),
        _ => return false,
    }
    true
}

fn move_parts(parts: &mut [PlacedPart], n: u8) {
    for part in parts {
        part.loc = match part.loc {
            Loc::Reg(reg) | Loc::Both(&[reg, _]) => Loc::Reg(other_register(reg, usize::from(n))),
            Loc::Stack(offset) => Loc::Stack(offset + 8 * u64::from(n)),
            other => other,
        };
    }
}

fn other_register(reg: Reg, n: usize) -> Reg {
    use cabi::x86_64::*;
    const INT: [Reg; 6] = [RDI, RSI, RDX, RCX, R8, R9];
    const VECTOR: [Reg; 8] = [XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];
    let next = |order: &[Reg]| {
        let at = order.iter().position(|known| *known == reg).unwrap_or(0);
        order[(at + n) % order.len()]
    };
    match (reg, reg.bank()) {
        (RAX, _) if n == 1 => RDX,
        (ST0, _) => ST1,
        (ST1, _) => ST0,
        (_, Bank::Int) => next(&INT),
        _ => next(&VECTOR),
    }
}
