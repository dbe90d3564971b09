//! Cases of a unit between two C compilers, or one and itself, in a static program: the verdicts that the same calls get in this process.

use cabi::Policy;

use super::calls::{CallCase, Round, check_seen, rounds};
use crate::build::{ReferenceError, Unit};
use crate::emit::c::main_program::StaticCall;
use crate::run::static_program::{StaticProgram, Written};
use crate::verdict::{Difference, Fault, Value, Verdict};

impl StaticProgram<'_> {
    /// Calls each case of `unit`, which must all be compiled, under `policy`. One verdict for each: a call is made in two rounds, which differ in
    /// every byte.
    ///
    /// # Errors
    /// [`ReferenceError`]: a compiler that refuses a side, no static libraries, a program that cannot be started.
    pub fn verdicts(
        &self,
        unit: &Unit<'_>,
        policy: Policy,
    ) -> Result<Vec<Verdict>, ReferenceError> {
        let plan = |(at, one): (usize, &crate::build::UnitCase<'_>)| {
            let sig = one
                .case
                .sig_under(policy)
                .map_err(clif_cabi::LowerError::from)?;
            CallCase::new(one.case, sig, |sig| sig, at)
        };
        let plans: Vec<Result<CallCase, Fault>> = unit.cases.iter().enumerate().map(plan).collect();
        let (mut chosen, mut calls) = (Vec::new(), Vec::new());
        for plan in plans.iter().flatten() {
            chosen.push(plan.index);
            calls.extend(rounds(plan).map(|round| StaticCall {
                symbol: unit.symbol(plan.index),
                images: round.values.images(&plan.images.offsets, plan.images.size),
                given: round.values.result.bytes.clone(),
                n_seen: plan.images.size,
            }));
        }
        let mut written = self.run(unit, &chosen, &calls)?.into_iter();
        let verdict = |plan: &Result<CallCase, Fault>| match plan {
            Ok(plan) => {
                let checked = rounds(plan).map(|round| check(plan, &round, written.next()));
                let n = checked.len();
                let all: Result<Vec<()>, Verdict> = checked.into_iter().collect();
                all.map_or_else(|verdict| verdict, |_| Verdict::Passed(n))
            }
            Err(Fault::Refused(why)) => Verdict::NotLowered(why.to_string()),
            Err(Fault::Failed(difference)) => Verdict::Differs(difference.clone()),
        };
        Ok(plans.iter().map(verdict).collect())
    }
}

/// Compares what was written down in one round with what was sent.
fn check(
    plan: &CallCase,
    round: &Round,
    written: Option<Result<Written, String>>,
) -> Result<(), Verdict> {
    let written = written.ok_or_else(|| Verdict::Differs("no call was made".into()))?;
    let Written { seen, got } = written.map_err(|why| Verdict::died(&why))?;
    let seen = |at: usize, len: usize| {
        let bytes = seen.get(at..at.saturating_add(len));
        bytes.unwrap_or_default().to_vec()
    };
    check_seen(&round.values, &plan.images.offsets, seen, "from C").map_err(Verdict::Differs)?;
    if plan.has_result {
        Difference::check(&round.values.result, &got, Value::Result, "in C")
            .map_err(Verdict::Differs)?;
    }
    Ok(())
}
