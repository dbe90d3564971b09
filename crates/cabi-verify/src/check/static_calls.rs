//! Cases of a unit between two C compilers, one and itself, or one and Cranelift, in a static program: the verdicts that the same calls get in this process.

use cabi::{FnSig, Policy, Target, VectorLevel};

use super::calls::{CallCase, Direction, Round, check_seen, needed, rounds};
use crate::build::cranelift_object::CraneliftObject;
use crate::build::{ReferenceError, Unit, UnitCase};
use crate::emit::c::main_program::StaticCall;
use crate::pattern::{Values, images};
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
        let told = |sig: FnSig| match self.ours.and_then(|ours| ours.convention) {
            Some(convention) => sig.convention(convention),
            None => sig,
        };
        let plan = |(at, one): (usize, &UnitCase<'_>)| {
            let sig = one.case.sig_under(policy);
            let sig = sig.map_err(clif_cabi::LowerError::from)?;
            CallCase::new(one.case, sig, told, at)
        };
        let mut plans: Vec<Result<CallCase, Fault>> =
            unit.cases.iter().enumerate().map(plan).collect();
        let object = self
            .ours
            .map(|ours| object(unit, ours.direction, &self.target, &mut plans));
        let object = object.transpose()?;
        let we_call = self
            .ours
            .is_some_and(|ours| ours.direction == Direction::Call);
        // C promotes by itself.
        let sent = |values: &Values| match we_call {
            true => values.promoted.clone(),
            false => values.declared.clone(),
        };
        let (mut chosen, mut calls) = (Vec::new(), Vec::new());
        for plan in plans.iter().flatten() {
            chosen.push(plan.index);
            calls.extend(rounds(plan).map(|round| StaticCall {
                symbol: unit.symbol(plan.index),
                images: images(&sent(&round.values), &plan.images.offsets, plan.images.size),
                given: round.values.result.bytes.clone(),
                n_seen: plan.images.size,
            }));
        }
        let mut written = self
            .run(unit, &chosen, &calls, object.as_deref())?
            .into_iter();
        let verdict = |plan: &Result<CallCase, Fault>| match plan {
            Ok(plan) => {
                let checked = rounds(plan).map(|round| check(plan, &round, written.next()));
                let n = checked.len();
                let all: Result<Vec<()>, Verdict> = checked.into_iter().collect();
                all.map_or_else(|verdict| verdict, |_| Verdict::Passed(n))
            }
            Err(fault) => Err(fault.clone()).into(),
        };
        Ok(plans.iter().map(verdict).collect())
    }
}

/// Our side of the cases that `plans` are of, as an object file. What is not lowered has no plan after it.
fn object(
    unit: &Unit<'_>,
    direction: Direction,
    target: &Target,
    plans: &mut [Result<CallCase, Fault>],
) -> Result<Vec<u8>, ReferenceError> {
    let failed = |why| ReferenceError::Unloadable {
        what: "our side of a program".to_owned(),
        why,
    };
    let vectors = unit
        .cases
        .first()
        .map_or(VectorLevel::Baseline, |one| one.case.vectors);
    let mut object = CraneliftObject::new(direction, vectors, target).map_err(failed)?;
    for place in plans {
        let Ok(plan) = place else { continue };
        let (symbol, offsets) = (unit.symbol(plan.index), &plan.images.offsets);
        if let Err(fault) = object.add(&symbol, &plan.told, offsets, plan.index) {
            *place = Err(needed(fault, plan, direction));
        }
    }
    object.finish().map_err(failed)
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
