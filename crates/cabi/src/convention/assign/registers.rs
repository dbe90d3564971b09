//! Actions that give a part registers.

use super::no_place::{self, NoPlace};
use super::{Assigner, Outcome};
use crate::convention::group::PartType;
use crate::convention::place::Loc;
use crate::convention::registers::Reg;
use crate::convention::rules::Rule;
use crate::convention::trace::Step;

impl Assigner<'_> {
    /// Returns the register of a part of type `ty` by the first rule, if that rule is for the type:
    /// the usual case. `None`: the rules have to be run.
    #[inline(always)]
    pub(super) fn first_register(&mut self, rules: &[Rule], ty: PartType) -> Option<Loc> {
        let [rule @ Rule::IfType(_, Rule::AssignToReg(list)), ..] = rules else {
            return None;
        };
        let reg = *list.iter().find(|reg| self.state.is_free(**reg))?;
        if !is_wide_enough(reg, ty) {
            return None;
        }
        self.state.take(reg);
        self.tracer.push(|| Step::Rule {
            rule: rule.sentence(),
            taken: true,
        });
        Some(Loc::Reg(reg))
    }

    /// Returns the first free register of `list`, for a part. Takes the register at the same
    /// position in `shadow` too.
    #[inline]
    pub(super) fn register<'r>(
        &mut self,
        list: &[Reg],
        shadow: &[Reg],
        ty: Option<PartType>,
    ) -> Result<Outcome<'r>, NoPlace> {
        let Some((i, reg, ty)) = self.first_free(list, ty) else {
            return Ok(Outcome::Nowhere);
        };
        if let Some(shadowed) = shadow.get(i) {
            self.state.take(*shadowed);
        }
        located(Loc::Reg(reg), reg, ty)
    }

    /// Returns the first of `pairs` whose registers are both free, for a part.
    pub(super) fn both<'r>(
        &mut self,
        pairs: &'static [[Reg; 2]],
        ty: Option<PartType>,
    ) -> Result<Outcome<'r>, NoPlace> {
        let is_free = |pair: &&[Reg; 2]| pair.iter().all(|reg| self.state.is_free(*reg));
        let (Some(pair), Some(ty)) = (pairs.iter().find(is_free), ty) else {
            return Ok(Outcome::Nowhere);
        };
        pair.iter().for_each(|reg| self.state.take(*reg));
        located(Loc::Both(pair), pair[0], ty)
    }

    /// Returns the first free register of `list`, now taken, with its position; none for a value
    /// without parts.
    #[inline]
    fn first_free(&mut self, list: &[Reg], ty: Option<PartType>) -> Option<(usize, Reg, PartType)> {
        let ty = ty?;
        let mut regs = list.iter().enumerate();
        let (i, reg) = regs.find(|(_, reg)| self.state.is_free(**reg))?;
        self.state.take(*reg);
        Some((i, *reg, ty))
    }

    /// Returns a register of `list` for part `index` of a value whose parts are in aligned pairs.
    #[cold]
    pub(super) fn pair<'r>(
        &mut self,
        list: &[Reg],
        index: usize,
        ty: Option<PartType>,
    ) -> Result<Outcome<'r>, NoPlace> {
        if index.is_multiple_of(2) {
            let last = list.iter().rposition(|reg| !self.state.is_free(*reg));
            let start = last.map_or(0, |last| last + 1).next_multiple_of(2);
            // The pair's registers.
            if start + 1 >= list.len() {
                return Ok(Outcome::Nowhere);
            }
            let skipped = list.get(..start).unwrap_or_default();
            skipped.iter().for_each(|reg| self.state.take(*reg));
        }
        self.register(list, &[], ty)
    }
}

/// Returns a part of type `ty` at `loc`, which is or starts with `reg`.
#[inline]
fn located<'r>(loc: Loc, reg: Reg, ty: PartType) -> Result<Outcome<'r>, NoPlace> {
    match is_wide_enough(reg, ty) {
        true => Ok(Outcome::Located(loc, ty)),
        false => Err(no_place::NARROW_REGISTER),
    }
}

fn is_wide_enough(reg: Reg, ty: PartType) -> bool {
    8 * u16::from(ty.bytes()) <= reg.bits()
}
