//! Each mutation of a convention has to be seen by a compiler's code.

use std::collections::HashSet;

use cabi::FnAbi;
use cabi_verify::places::{Outcome, Question};

use super::machines::Observed;
use super::mutations::{self, Mutation};
use super::observer::{Compiled, References};
use super::{Engine, Shown};

/// Calls of each mutation that has not been seen, round by round: most are seen in the first, and a call of a mutation often ends its program.
const ROUNDS: [usize; 4] = [2, 8, 64, usize::MAX];

/// Signatures with bit-fields that are called with these elsewhere.
const SHIFTED: usize = 24;

/// Mutations of each convention that have to be seen by a place.
const KINDS: [&str; 2] = ["registers swapped", "wider slots"];

/// How a mutation is seen.
#[derive(Clone, Copy)]
enum Seen {
    /// A value has another place than in the code.
    Places,
    /// A value that the code has somewhere has no place.
    Refused,
    No,
}

/// A mutation and what it moves.
struct Mutant {
    what: &'static str,
    /// Whether an outcome does not agree with it.
    notices: fn(&Outcome) -> bool,
    /// The questions whose values it has elsewhere, by their numbers, and where.
    moved: Vec<(usize, FnAbi)>,
    seen: Seen,
}

impl Engine<'_> {
    /// With values elsewhere in registers and stack, compilers' functions do not find them; nor does their `va_arg` with unnamed ones elsewhere.
    pub(super) fn control(
        &self,
        references: &References,
        compiled: &Compiled,
        agreed: &[(&Question, &FnAbi)],
        shown: &mut Shown,
    ) -> Result<(), String> {
        let convention = self.machine.convention;
        let of_all = mutations::of(convention, self.machine.features).into_iter();
        let of_all = of_all.map(|one| {
            let notices: fn(&Outcome) -> bool = |outcome| outcome.n_values().is_err();
            self.mutant(one, notices, agreed)
        });
        // Callees of variadic functions show something as they run.
        let runs = matches!(self.machine.observed, Observed::Run(..));
        let of_unnamed = match runs && agreed.iter().any(|(one, _)| one.sig.is_variadic()) {
            true => mutations::of_unnamed(convention),
            false => Vec::new(),
        };
        let of_unnamed = of_unnamed.into_iter();
        let of_unnamed =
            of_unnamed.map(|one| self.mutant(one, |outcome| !outcome.callee_agrees(), agreed));
        let mut mutants: Vec<Mutant> = of_all.chain(of_unnamed).collect();
        // What few signatures show chooses first.
        mutants.sort_by_key(|mutant| mutant.moved.len());
        for most in ROUNDS {
            let calls = chosen(&mut mutants, most);
            let asked: Vec<_> = calls
                .iter()
                .map(|(_, n, abi)| (agreed[*n].0, abi))
                .collect();
            for ((i, ..), outcome) in calls
                .iter()
                .zip(self.observe(references, compiled, &asked, 0)?)
            {
                if (mutants[*i].notices)(&outcome) {
                    mutants[*i].seen = Seen::Places;
                }
            }
        }
        self.report_mutants(mutants, shown);
        self.shifted_bits(references, compiled, agreed, shown)
    }

    /// Bit-fields one bit after theirs are noticed by callers and by callees.
    fn shifted_bits(
        &self,
        references: &References,
        compiled: &Compiled,
        agreed: &[(&Question, &FnAbi)],
        shown: &mut Shown,
    ) -> Result<(), String> {
        let Observed::Run(emulated, _) = &self.machine.observed else {
            return Ok(());
        };
        let agreed = agreed
            .iter()
            .filter(|(one, _)| emulated.has_partial_bytes(one));
        let agreed: Vec<_> = agreed.copied().collect();
        let most = agreed.len().min(SHIFTED);
        let outcomes = self.observe(references, compiled, &agreed[..most], 1)?;
        let n_of = |side: fn(&Outcome) -> bool| outcomes.iter().filter(|one| !side(one)).count();
        let noticed = [Outcome::caller_agrees, Outcome::callee_agrees].map(n_of);
        shown.notes.push(format!(
            "{} signatures with bytes of which some bits are compared; of {most} callers notice {}, callees {}, where bit-fields are one bit further on",
            agreed.len(), noticed[0], noticed[1],
        ));
        let is_few = !agreed.is_empty() && noticed.contains(&0);
        let outcome = match is_few {
            true => Err(format!(
                "of {most} signatures callers and callees notice it in {noticed:?}"
            )),
            false => Ok(()),
        };
        shown
            .controls
            .push(("bit-fields one bit further on".to_owned(), outcome));
        Ok(())
    }

    fn mutant(
        &self,
        mutation: Mutation,
        notices: fn(&Outcome) -> bool,
        questions: &[(&Question, &FnAbi)],
    ) -> Mutant {
        let (mut moved, mut seen) = (Vec::new(), Seen::No);
        for (n, (question, own)) in questions.iter().enumerate() {
            match self.machine.moved(mutation, (question, own)) {
                Some(Ok(broken)) => moved.push((n, broken)),
                Some(Err(_)) => seen = Seen::Refused,
                None => {}
            }
        }
        Mutant {
            what: mutation.name,
            notices,
            moved,
            seen,
        }
    }

    /// Every rule broken in every way is seen, unless the list says why it makes no difference.
    fn report_mutants(&self, mutants: Vec<Mutant>, shown: &mut Shown) {
        let equivalent = &self.machine.equivalent;
        let (mut by_places, mut n_refused) = (Vec::new(), 0);
        let mut unused = equivalent.clone();
        for Mutant { what, seen, .. } in mutants {
            let listed = equivalent.iter().find(|(part, _)| what.contains(part));
            match (seen, listed) {
                (Seen::Places, _) => by_places.push(what),
                (Seen::Refused, _) => n_refused += 1,
                (Seen::No, Some((listed, _))) => unused.retain(|(part, _)| part != listed),
                (Seen::No, None) => {
                    let unseen = Err("no signature shows it".to_owned());
                    shown.controls.push((what.to_owned(), unseen));
                }
            }
        }
        for (part, _) in unused {
            let why = Err("each mutation of this name is seen".to_owned());
            shown.controls.push((part.to_owned(), why));
        }
        shown.notes.push(format!(
            "{} mutations of its rules place values elsewhere than the code does, {n_refused} place none",
            by_places.len()
        ));
        let unseen = KINDS
            .iter()
            .find(|kind| !by_places.iter().any(|what| what.contains(*kind)));
        let outcome = match unseen {
            Some(kind) => Err(format!("no place shows a mutation with {kind}")),
            None => Ok(()),
        };
        shown.controls.push(("mutations".to_owned(), outcome));
    }
}

/// At most so many questions for each mutation that has not been seen, no question twice: a program has each function once.
fn chosen(mutants: &mut [Mutant], most: usize) -> Vec<(usize, usize, FnAbi)> {
    let (mut calls, mut taken) = (Vec::new(), HashSet::new());
    for _ in 0..most {
        let n_calls = calls.len();
        for (i, mutant) in mutants.iter_mut().enumerate() {
            let mut moved = mutant.moved.iter();
            let free = moved.position(|(n, _)| !taken.contains(n));
            if let (false, Some(at)) = (matches!(mutant.seen, Seen::Places), free) {
                let (n, abi) = mutant.moved.remove(at);
                taken.insert(n);
                calls.push((i, n, abi));
            }
        }
        if calls.len() == n_calls {
            break;
        }
    }
    calls
}
