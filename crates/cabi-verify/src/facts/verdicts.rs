//! Verdict of the facts: a side of the compiler is right, differs, or disagrees with the other one.

use super::{BytePlaces, ByteRun, Facts, Side, Spot, ValuePlace};
use crate::case::Direction;
use crate::verdict::{Difference, Value, Verdict};

impl Facts {
    /// Checks whether the caller and the callee differ about `value`, or without one about the
    /// state of the machine at the call. No ABI fits both sides then. If `counts_lost`, they also
    /// differ about bytes that one of them or both lose.
    pub(super) fn disagree(&self, value: Option<Value>, counts_lost: bool) -> bool {
        let Some(value) = value else {
            return self.disagree_about_state();
        };
        let [callee, caller] = [&self.callee, &self.caller].map(|side| side.place(Some(value)));
        (caller.zip(callee)).is_some_and(|(caller, callee)| {
            caller.is_elsewhere(&callee, counts_lost) || caller.lacks_bits_of(&callee)
        })
    }

    /// Returns the verdict on the compiler's side of calls in `direction`, of which `all` are the
    /// differences from an ABI. The compiler is self-inconsistent if its caller and callee disagree
    /// about each value of them, or if this side ends the process. A difference of the machine's
    /// state may follow from that. So may the place of a later argument that the other side has
    /// where it belongs; further places there are no agreement.
    ///
    /// `is_laid_out` tells whether the bits of a value are known to be where the compiler has them.
    /// Otherwise the bytes that a side loses may be bits of another place.
    pub fn verdict(
        &self,
        direction: Direction,
        all: &[Difference],
        is_laid_out: impl Fn(Value) -> bool,
    ) -> Verdict {
        let is_consistent = |found: &&Difference| {
            let counts_lost = found.value.is_none_or(&is_laid_out);
            let is_whole = self.side(direction).state("ends").is_none();
            is_whole && !self.disagree(found.value, counts_lost)
        };
        let argument = |found: &Difference| match found.value {
            Some(Value::Argument(i)) => Some(i),
            Some(Value::Result) | None => None,
        };
        let disputed = all.iter().filter(|found| !is_consistent(found));
        let first = disputed.filter_map(argument).min();
        let mut values = all.iter().filter(|found| found.value.is_some());
        let opposite = self.side(direction.opposite());
        let follows = |found: &Difference| match (first, argument(found)) {
            (Some(first), Some(i)) if i > first => {
                let place = opposite.args.get(i);
                let mut moved = found.moved.iter();
                place.is_some_and(|place| moved.any(|one| place.is_at(one.bytes.0, &one.expected)))
            }
            _ => false,
        };
        let wrong = values.find(|found| is_consistent(found) && !follows(found));
        match wrong.or(all.first()) {
            None => Verdict::Passed(self.side(direction).n_values()),
            Some(found) if is_consistent(&found) => Verdict::Differs(found.clone()),
            Some(found) => Verdict::SelfInconsistent(found.clone()),
        }
    }

    /// Checks whether the callee needs an argument area that is more aligned than the caller's, or
    /// an address that the caller does not pass.
    fn disagree_about_state(&self) -> bool {
        let align = |side: &Side, name: &str| side.state(name)?.parse::<u64>().ok();
        let needed = align(&self.callee, "needs");
        let aligned = align(&self.caller, "aligned");
        let is_less = needed
            .zip(aligned)
            .is_some_and(|(needed, aligned)| aligned < needed);
        let carried = self.callee.state("carried");
        let is_shown = !self.caller.state.is_empty();
        is_less || is_shown && carried.is_some() && carried != self.caller.state("carried")
    }
}

impl ValuePlace {
    /// Checks whether byte `i` is at the place that `expected` names, among others.
    fn is_at(&self, i: usize, expected: &str) -> bool {
        let byte = self.bytes().nth(i);
        byte.is_some_and(|(run, offset)| match &run.at {
            BytePlaces::Spots(spots) => spots
                .iter()
                .any(|spot| spot.after(offset).to_string() == expected),
            _ => false,
        })
    }

    /// Checks whether a caller's value has some byte in no place where the callee's has it. A byte
    /// that is nowhere is lost, also if both sides lose it.
    fn is_elsewhere(&self, callee: &Self, counts_lost: bool) -> bool {
        let mut bytes = self.bytes().zip(callee.bytes());
        bytes.any(|((a, i), (b, k))| match (&a.at, &b.at) {
            (BytePlaces::Spots(a), BytePlaces::Spots(b)) => {
                let has = |spot: &Spot| b.iter().any(|other| other.after(k) == spot.after(i));
                !a.iter().any(has)
            }
            (a, b) => counts_lost && (*a == BytePlaces::Nowhere || *b == BytePlaces::Nowhere),
        })
    }

    /// Checks whether the callee reads bits above a narrow value, and the caller extends the value
    /// in no place where the callee has it.
    fn lacks_bits_of(&self, callee: &Self) -> bool {
        let Some(ByteRun {
            at: BytePlaces::Spots(read),
            ..
        }) = callee.runs.first()
        else {
            return false;
        };
        let is_extended = |spot| {
            let mut kinds = ["signed", "zeroed"].into_iter();
            kinds.any(|how| self.extended(how, spot).is_some())
        };
        callee.note("relies").is_some() && !read.iter().any(is_extended)
    }
}
