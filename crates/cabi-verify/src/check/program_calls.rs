//! Cases of a compiled unit in a program: the verdicts that the same calls get in this process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use cabi::{Convention, FnSig, Policy, VectorLevel};

use super::calls::{CallCase, Direction, check_seen, needed, rounds};
use crate::build::cranelift_object::{CraneliftObject, ours};
use crate::build::{ProgramTarget, ReferenceError};
use crate::case::Case;
use crate::emit::c::main_program::ProgramCall;
use crate::pattern::{Values, images};
use crate::run::Written;
use crate::scratch::Scratch;
use crate::verdict::{Difference, Fault, Value, Verdict};

/// Who calls whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pair {
    /// One side is Cranelift's: it calls, or is called.
    Ours(Direction),
    /// Both are C's.
    C,
}

/// What is called in a program.
#[derive(Clone, Copy, Debug)]
pub struct ProgramCases<'a> {
    /// Whose program it is.
    pub target: &'a ProgramTarget,
    /// The object file of C with both sides of all cases.
    pub object: &'a Path,
    /// The cases, each with the symbol of its callee.
    pub cases: &'a [(&'a Case, String)],
    /// The compilers' choices.
    pub policy: Policy,
    /// Told to Cranelift instead of each case's own convention: a broken one must show.
    pub convention: Option<&'static Convention>,
}

impl ProgramCases<'_> {
    /// Calls each case by each of `pairs`. One verdict for each case of each pair: a call is made in two rounds, which differ in every byte.
    ///
    /// # Errors
    /// [`ReferenceError`]: what does not link, no static libraries, a program that cannot be started.
    pub fn verdicts(&self, pairs: &[Pair]) -> Result<Vec<Vec<Verdict>>, ReferenceError> {
        let made = catch_unwind(AssertUnwindSafe(|| self.object(pairs)));
        let Ok(made) = made else {
            let panicked = "panic: while our sides were made";
            let one = |pair: &Pair| match pair {
                Pair::Ours(_) => Verdict::Differs(panicked.into()),
                Pair::C => Verdict::NotRun(panicked.to_owned()),
            };
            let all = |pair: &Pair| vec![one(pair); self.cases.len()];
            return Ok(pairs.iter().map(all).collect());
        };
        let failed = |why| ReferenceError::Unloadable {
            what: "our sides of a program".to_owned(),
            why,
        };
        let (object, plans, calls) = made.map_err(failed)?;
        let io = || ReferenceError::io("an object file of a program");
        let folder = Scratch::new().map_err(io())?;
        let path = folder.path().join("ours.o");
        std::fs::write(&path, object).map_err(io())?;
        let mut written = self.target.run(&[self.object, &path], &calls)?.into_iter();
        let mut verdict = |pair: Pair, plan: &Result<CallCase, Fault>| match plan {
            Ok(plan) => {
                let checked =
                    rounds(plan).map(|round| check(pair, plan, &round.values, written.next()));
                let n = checked.len();
                let all: Result<Vec<()>, Verdict> = checked.into_iter().collect();
                all.map_or_else(|verdict| verdict, |_| Verdict::Passed(n))
            }
            // C is asked about what is called with ours.
            Err(fault) if pair == Pair::C => Verdict::NotRun(fault.to_string()),
            Err(fault) => Err(fault.clone()).into(),
        };
        let of_pair = |(pair, plans): (&Pair, &Vec<Result<CallCase, Fault>>)| {
            plans.iter().map(|plan| verdict(*pair, plan)).collect()
        };
        Ok(pairs.iter().zip(&plans).map(of_pair).collect())
    }

    /// Our sides as an object file, the plans of the calls of each pair, and these calls. What is not lowered has no plan after it.
    fn object(&self, pairs: &[Pair]) -> Result<Made, String> {
        let vectors = self.cases.first();
        let vectors = vectors.map_or(VectorLevel::Baseline, |(case, _)| case.vectors);
        let mut object = CraneliftObject::new(vectors, &self.target.target)?;
        let (mut calls, mut all) = (Vec::new(), Vec::new());
        for pair in pairs {
            let mut plans = Vec::new();
            for (index, (case, symbol)) in self.cases.iter().enumerate() {
                let plan = self.plan(case, index).and_then(|plan| {
                    if let Pair::Ours(direction) = *pair {
                        let offsets = &plan.images.offsets;
                        let added = object.add(direction, symbol, &plan.told, offsets, index);
                        added.map_err(|fault| needed(fault, &plan, direction))?;
                    }
                    Ok(plan)
                });
                if let Ok(plan) = &plan {
                    calls.extend(calls_of(*pair, symbol, plan));
                }
                plans.push(plan);
            }
            all.push(plans);
        }
        Ok((object.finish()?, all, calls))
    }

    fn plan(&self, case: &Case, index: usize) -> Result<CallCase, Fault> {
        let sig = case.sig_under(self.policy);
        let sig = sig.map_err(clif_cabi::LowerError::from)?;
        let told = |sig: FnSig| match self.convention {
            Some(convention) => sig.convention(convention),
            None => sig,
        };
        CallCase::new(case, sig, told, index)
    }
}

/// An object file, the plans of each pair, and their calls.
type Made = (Vec<u8>, Vec<Vec<Result<CallCase, Fault>>>, Vec<ProgramCall>);

/// The calls of one plan.
fn calls_of(pair: Pair, symbol: &str, plan: &CallCase) -> [ProgramCall; 2] {
    let (caller, callee) = match pair {
        Pair::Ours(Direction::Call) => (ours(symbol), symbol.to_owned()),
        Pair::Ours(Direction::Callee) => (symbol.to_owned(), ours(symbol)),
        Pair::C => (symbol.to_owned(), symbol.to_owned()),
    };
    // C promotes by itself.
    let sent = |values: &Values| match pair {
        Pair::Ours(Direction::Call) => values.promoted.clone(),
        _ => values.declared.clone(),
    };
    let is_ours = pair == Pair::Ours(Direction::Call);
    rounds(plan).map(|round| ProgramCall {
        caller: format!("{caller}_call"),
        callee: callee.clone(),
        images: images(&sent(&round.values), &plan.images.offsets, plan.images.size),
        given: round.values.result.bytes.clone(),
        n_seen: plan.images.size,
        n_wide: match is_ours {
            true => 8 * plan.n_named.min(256),
            false => 0,
        },
        offsets: is_ours.then(|| plan.images.offsets.clone()),
    })
}

/// Compares what was written down in one round with what was sent.
fn check(
    pair: Pair,
    plan: &CallCase,
    values: &Values,
    written: Option<Result<Written, String>>,
) -> Result<(), Verdict> {
    let written = written.ok_or_else(|| Verdict::Differs("no call was made".into()))?;
    let written = written.map_err(|why| Verdict::died(&why))?;
    let compared = || {
        check_seen(values, &plan.images, &written, "from C")?;
        if pair == Pair::Ours(Direction::Call) {
            plan.check_widened(values, &written)?;
        }
        match plan.has_result {
            true => Difference::check(&values.result, &written.got, Value::Result, "in C"),
            false => Ok(()),
        }
    };
    compared().map_err(Verdict::Differs)
}
