//! Facts about a compiler's code and about ours, compared with the places of each case's values.

use cabi::{FnAbi, FnSig, Place, Type};
use clif_cabi::LowerError;

use super::{CaseVerdict, CompiledUnit, Mistake, SelfDifference};
use crate::build::ReferenceError;
use crate::case::{Case, Direction};
use crate::compare::{compare, compare_with_al, n_x87_at};
use crate::emit::c_program::reproduction_alone;
use crate::facts::Facts;
use crate::probe::{CaseFacts, Emission, EmittedFacts, SETTINGS};
use crate::threads::in_threads;
use crate::verdict::{Difference, Fault, Verdict, needed};
use crate::verify::{Progress, RunStep, VerifyError, check_interrupt};

/// Observes our sides of all `units`, made with `mistake`, and compares both sides.
///
/// # Errors
/// [`VerifyError`]: a program that cannot be built or started, an interrupt.
pub(super) fn run(
    units: &[CompiledUnit],
    mistake: Mistake,
    at_once: usize,
    progress: Progress<'_>,
) -> Result<Vec<Vec<CaseVerdict>>, VerifyError> {
    let total = 2 * units.iter().map(|one| one.cases.len()).sum::<usize>();
    let per_unit = total / units.len().max(1);
    progress(RunStep::Call, 0, total);
    let emitted = in_threads(
        units,
        at_once,
        |one| one.emitted(mistake),
        |n| progress(RunStep::Call, (n * per_unit).min(total), total),
    );
    progress(RunStep::Call, total, total);
    check_interrupt()?;
    let verdicts = units.iter().zip(emitted);
    let verdicts = verdicts.map(|(unit, emitted)| Ok(unit.verdicts(mistake, Some(&emitted?))));
    Ok(verdicts.collect::<Result<_, ReferenceError>>()?)
}

/// Reason why a caller is not compared alone.
const NO_CALLEE: &str = "no callee observes the memory at the addresses that the caller passes";

/// Checks whether the probe understands a caller only with its callee. The callee shows which
/// addresses are those of values, and whether a result is on the x87 stack.
fn needs_callee(abi: &FnAbi) -> bool {
    let is_indirect = |place: &Place| matches!(place, Place::Indirect { .. });
    let mut args = abi.args.iter();
    is_indirect(&abi.ret.place)
        || n_x87_at(&abi.ret.place) > 0
        || args.any(|arg| is_indirect(&arg.place))
}

impl CompiledUnit {
    fn sig_with(&self, case: &Case, mistake: Mistake) -> Result<FnSig, cabi::Error> {
        Ok(mistake.apply(case.sig_under(self.policy)?))
    }

    /// Returns facts about our code for each case, with the mistake.
    fn emitted(&self, mistake: Mistake) -> Result<Vec<EmittedFacts>, ReferenceError> {
        let (cases, compiler) = (&self.cases, &self.compiler);
        let none = |fault: Fault| Ok(vec![[Err(fault.clone()), Err(fault)]; cases.len()]);
        let probe = match compiler.probe() {
            Ok(probe) => probe,
            Err(why) => return none(Fault::Untried(why.clone())),
        };
        // A case without a signature is not compared.
        let nothing = |_| FnSig::new([], Type::VOID);
        let mistaken = cases.iter().map(|case| self.sig_with(case, mistake));
        let sigs: Vec<FnSig> = mistaken
            .map(|mistaken| mistaken.unwrap_or_else(nothing))
            .collect();
        let vectors = cases.first().map(|case| case.vectors);
        let emission = Emission {
            target: &compiler.target(),
            vectors: vectors.unwrap_or_default(),
            settings: SETTINGS[self.turn.settings % SETTINGS.len()],
            forms: (self.turn.first, self.turn.step),
            mutation: mistake.mutation,
        };
        match probe.emitted(&sigs, &emission) {
            // A file that does not link costs the cases of its unit alone.
            Err(error) if !error.is_about_the_system() => none(Fault::from(error.to_string())),
            emitted => emitted,
        }
    }

    /// Compares both sides, or the compiler's alone without facts about our code.
    pub(super) fn verdicts(
        &self,
        mistake: Mistake,
        emitted: Option<&[EmittedFacts]>,
    ) -> Vec<CaseVerdict> {
        let mut verdicts = Vec::new();
        for direction in Direction::ALL {
            for (index, case) in self.cases.iter().enumerate() {
                let (verdict, shown) = match self.missing(index, direction) {
                    Some(why) => (Verdict::NotRun(why.to_owned()), None),
                    None => self.verdict(mistake, index, direction, emitted.map(|all| &all[index])),
                };
                verdicts.push(CaseVerdict {
                    case: case.clone(),
                    direction,
                    setting: self.setting(),
                    verdict,
                    shown,
                });
            }
        }
        verdicts
    }

    /// Compares the compiler's side, and ours on the other side of the call. A difference of ours
    /// counts, whatever is wrong with the compiler's.
    fn verdict(
        &self,
        mistake: Mistake,
        index: usize,
        direction: Direction,
        emitted: Option<&EmittedFacts>,
    ) -> (Verdict, Option<SelfDifference>) {
        let case = &self.cases[index];
        let observed = match self.facts().get(index) {
            Some(Err(Fault::Untried(why))) => return (Verdict::NotRun(why.clone()), None),
            Some(observed) => observed,
            None => return (Verdict::Differs("the case was not observed".into()), None),
        };
        let refused = |error| Fault::from(LowerError::from(error));
        let abi = |sig: Result<FnSig, cabi::Error>| {
            let abi = sig.and_then(|sig| Ok((FnAbi::new(&sig, &case.target)?, sig)));
            abi.map_err(refused)
        };
        let right = abi(case.sig_under(self.policy));
        let (right, sig, mistaken) = match (right, abi(self.sig_with(case, mistake))) {
            (Ok((right, sig)), Ok((mistaken, _))) => (right, sig, mistaken),
            (Err(fault), _) | (_, Err(fault)) => return (Err(fault).into(), None),
        };
        let has_callee = self.missing(index, Direction::Call).is_none();
        if !has_callee && needs_callee(&right) {
            return (Verdict::NotRun(NO_CALLEE.to_owned()), None);
        }
        let ours = match emitted.map(|ours| &ours[direction.opposite() as usize]) {
            None => Ok(()),
            Some(Ok(_))
                if emitted.is_some_and(|[callee, _]| callee.is_err()) && needs_callee(&right) =>
            {
                Err(Fault::Untried(NO_CALLEE.to_owned()))
            }
            Some(Ok(facts)) => {
                let params = sig.params().iter();
                let types: Vec<_> = params.map(|param| param.ty.clone()).collect();
                self.compare_ours(facts, &types, &right, direction)
            }
            Some(Err(fault)) => Err(needed(fault.clone(), &right, direction)),
        };
        let theirs = self.compare_compiler(case, observed, &mistaken, direction);
        match (theirs.is_empty(), ours) {
            (_, Err(Fault::Failed(difference))) => (Verdict::Differs(difference), None),
            (true, ours) => (ours.map(|()| 1).into(), None),
            (false, _) => self.settled(case, direction, observed, &theirs),
        }
    }

    /// Compares our side. A register that Cranelift does not keep leaves a callee untried, if
    /// nothing else differs.
    fn compare_ours(
        &self,
        facts: &Facts,
        types: &[Type],
        abi: &FnAbi,
        direction: Direction,
    ) -> Result<(), Fault> {
        let probe = self.compiler.probe().as_ref().ok();
        let unspoiled = probe.and_then(|probe| probe.without_spoiled(facts));
        let (spoiled, facts) = match &unspoiled {
            Some((spoiled, unspoiled)) => (Some(spoiled), unspoiled),
            None => (None, facts),
        };
        let differences = compare("Cranelift", facts, types, abi, direction.opposite());
        match (differences.into_iter().next(), spoiled, direction) {
            (Some(difference), ..) => Err(difference.into()),
            (None, Some(spoiled), Direction::Callee) => Err(Fault::Untried(format!(
                "Cranelift does not preserve {spoiled}"
            ))),
            _ => Ok(()),
        }
    }

    /// Compares the compiler's side. al may be an upper bound, as psABI says.
    fn compare_compiler(
        &self,
        case: &Case,
        observed: &CaseFacts,
        mistaken: &FnAbi,
        direction: Direction,
    ) -> Vec<Difference> {
        let compiler = &self.compiler;
        let name = match compiler.zig {
            Some(_) => "zig",
            None => compiler.reference.name(),
        };
        let facts = match observed {
            Ok(facts) => facts,
            Err(why) => return vec![why.to_string().into()],
        };
        compare_with_al(
            name,
            facts,
            &case.argument_types(),
            (mistaken, true),
            direction,
        )
    }

    /// Returns the verdict on one side, and what shows it if the compiler disagrees with itself.
    /// If layouts differ, a compiler's sides show nothing.
    fn settled(
        &self,
        case: &Case,
        direction: Direction,
        observed: &CaseFacts,
        differences: &[Difference],
    ) -> (Verdict, Option<SelfDifference>) {
        let facts = observed.clone().ok().filter(|_| self.same_layout);
        let facts = facts.unwrap_or_default();
        let verdict = facts.verdict(direction, differences, |_| true);
        let shown = match &verdict {
            Verdict::SelfInconsistent(difference) => Some(SelfDifference {
                says: facts.about(difference.value),
                program: reproduction_alone(case, &self.compiler.reference.command())
                    .unwrap_or_default(),
            }),
            _ => None,
        };
        (verdict, shown)
    }

    fn setting(&self) -> String {
        let settings = SETTINGS[self.turn.settings % SETTINGS.len()];
        let settings: Vec<&str> = settings.iter().map(|(_, value)| *value).collect();
        settings.join(" ")
    }
}
