//! Each mutation of a convention has to be seen by a compiler's code.

use std::collections::BTreeSet;

use cabi_verify::probe::has_partial_bytes;
use cabi_verify::question::Question;
use cabi_verify::verdict::Verdict;

use super::mutations::{self, Mutation};
use super::observer::{CompiledQuestions, Tools};
use super::{Engine, PlacedQuestion};
use crate::suite::{Result, Suite};

/// Signatures with bit-fields that are called with these elsewhere.
const SHIFTED: usize = 24;

/// Mutations of each convention that have to be seen by a place.
const KINDS: [&str; 2] = ["registers swapped", "wider slots"];

/// The way a mutation is seen.
#[derive(Clone, Copy)]
enum Evidence {
    /// A value has another place than in the code.
    Places,
    /// A value that the code has somewhere has no place.
    Refused,
    Nothing,
}

/// A mutation, by its name, and how it is seen.
type Mutant = (&'static str, Evidence);

fn differs(side: &Verdict) -> bool {
    matches!(side, Verdict::Differs(_))
}

impl Engine<'_> {
    /// Checks that compilers' functions do not find values elsewhere in registers and stack, and
    /// that their `va_arg` does not find unnamed ones elsewhere.
    pub(super) fn control(
        &self,
        compiled: &CompiledQuestions,
        agreed: &[PlacedQuestion<'_>],
        suite: &mut Suite,
    ) {
        let convention = self.machine.convention;
        let mutations = mutations::of(convention, self.machine.features).into_iter();
        let is_noticed = |sides: &[Verdict; 2]| sides.iter().any(differs);
        let mut mutants: Vec<Mutant> = mutations
            .map(|mutation| self.mutant(mutation, is_noticed, compiled, agreed))
            .collect();
        // Callees of variadic functions show their mutations as they run.
        if self.machine.runs.is_some() && agreed.iter().any(|(one, _)| one.sig.is_variadic()) {
            let is_noticed = |sides: &[Verdict; 2]| differs(&sides[1]);
            for mutation in mutations::of_unnamed(convention) {
                mutants.push(self.mutant(mutation, is_noticed, compiled, agreed));
            }
        }
        self.report_mutants(mutants, suite);
    }

    /// Checks that callers and callees notice bit-fields that are one bit after their places, in
    /// signatures that agree without that.
    pub(super) fn shifted_bits(
        &self,
        tools: &Tools<'_>,
        agreed: &[PlacedQuestion<'_>],
        suite: &mut Suite,
    ) -> Result<()> {
        let convention = self.machine.convention;
        let all = agreed.iter();
        let all: Vec<_> = all
            .filter(|(question, _)| has_partial_bytes(question, convention))
            .collect();
        let limit = all.len().min(SHIFTED);
        let questions: Vec<Question> = all[..limit].iter().map(|one| one.0.clone()).collect();
        let shifted = CompiledQuestions::new(&questions, tools, 1)?;
        let outcomes = all[..limit].iter();
        let outcomes: Vec<_> = outcomes.map(|(one, abi)| shifted.check(one, abi)).collect();
        // Addresses of values that are no longer found end the callee's process.
        let is_noticed = |side: &Verdict| !matches!(side, Verdict::Passed(_));
        let n_of = |side: usize| outcomes.iter().filter(|one| is_noticed(&one[side])).count();
        let noticed = [0, 1].map(n_of);
        let note = format!(
            "{} signatures with partly compared bytes; of {limit}, {} callers and {} callees notice bit-fields that are one bit further on",
            all.len(),
            noticed[0],
            noticed[1],
        );
        self.note(&note, suite);
        let is_few = limit > 0 && noticed.contains(&0);
        let outcome = match is_few {
            true => Err(format!(
                "of {limit} signatures, {noticed:?} callers and callees notice the shift"
            )),
            false => Ok(()),
        };
        self.of_control("bit-fields one bit further on", outcome, suite);
        Ok(())
    }

    fn mutant(
        &self,
        mutation: Mutation,
        is_noticed: impl Fn(&[Verdict; 2]) -> bool,
        compiled: &CompiledQuestions,
        questions: &[PlacedQuestion<'_>],
    ) -> Mutant {
        let mut evidence = Evidence::Nothing;
        for (question, abi) in questions {
            match self.machine.moved(mutation, (question, abi)) {
                Some(Ok(broken)) if is_noticed(&compiled.check(question, &broken)) => {
                    evidence = Evidence::Places;
                    break;
                }
                Some(Err(_)) => evidence = Evidence::Refused,
                _ => {}
            }
        }
        (mutation.name, evidence)
    }

    /// Reports whether exactly those mutations are not seen that the list has, with a reason.
    fn report_mutants(&self, mutants: Vec<Mutant>, suite: &mut Suite) {
        let is_own = |compiler: &Option<&str>| compiler.is_none_or(|one| one == self.compiler.name);
        let equivalent = self.machine.equivalent.iter();
        let equivalent = equivalent.filter(|(_, compiler)| is_own(compiler));
        let equivalent: Vec<&str> = equivalent.map(|(part, _)| *part).collect();
        let (mut by_places, mut n_refused, mut used) = (Vec::new(), 0, BTreeSet::<&str>::new());
        for (name, evidence) in mutants {
            let listed = equivalent.iter().find(|listed| is_named(name, listed));
            used.extend(listed);
            let outcome = match (evidence, listed) {
                (Evidence::Nothing, None) => Err("no signature shows the mutation".to_owned()),
                (Evidence::Places | Evidence::Refused, Some(part)) => Err(format!(
                    "a signature shows the mutation, but {part:?} is listed as equivalent"
                )),
                _ => Ok(()),
            };
            match evidence {
                Evidence::Places => by_places.push(name),
                Evidence::Refused => n_refused += 1,
                Evidence::Nothing => {}
            }
            if outcome.is_err() {
                self.of_control(name, outcome, suite);
            }
        }
        for part in equivalent.iter().filter(|part| !used.contains(*part)) {
            let why = Err("no mutation has this text in its name".to_owned());
            self.of_control(part, why, suite);
        }
        let note = format!(
            "{} mutations of the rules place values differently from the code, {n_refused} place none",
            by_places.len()
        );
        self.note(&note, suite);
        let is_seen = |kind: &&&str| by_places.iter().any(|name| name.contains(**kind));
        let unseen = KINDS.iter().find(|kind| !is_seen(kind));
        let outcome = unseen.map_or(Ok(()), |kind| {
            Err(format!("no place shows a mutation with {kind}"))
        });
        self.of_control("mutations", outcome, suite);
    }
}

/// Checks whether `name` has the parts of `listed`, which are separated by ` .. `, in order.
fn is_named(name: &str, listed: &str) -> bool {
    let mut rest = Some(name);
    for part in listed.split(" .. ") {
        rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
    }
    rest.is_some()
}
