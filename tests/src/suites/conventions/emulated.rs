//! The same signatures, run: both sides of each call under an emulator, against registers and stack of our own making.

use std::collections::{HashMap, HashSet};

use cabi::FnAbi;
use cabi_verify::assembly::Question;
use cabi_verify::build::Reference;
use cabi_verify::emulated::{Emulated, Outcome};
use cabi_verify::threads::{at_once, in_threads};

use super::machines::{Compiler, Machine};
use super::mutations::Mutation;
use super::{Asked, KnownBug, Seen, mutations};
use crate::suite::{Result, Suite};

/// Programs that run mutations: what signatures of the first do not show, others of the next may.
const PROGRAMS: usize = 3;

/// Differences that are printed.
const PRINTED: usize = 5;

/// The compilers that have been found, by the first word of their commands.
#[derive(Default)]
pub(super) struct Emulators {
    found: HashMap<String, Result<Reference, String>>,
}

/// What the signatures of one engine are run with.
struct Run<'a> {
    machine: &'a Machine,
    emulated: Emulated,
    compiler: (&'a Reference, Vec<&'a str>),
    linker: (&'a Reference, Vec<&'a str>),
}

impl Emulators {
    fn find(&mut self, command: &str) -> Result<Reference, String> {
        let found = self.found.entry(command.to_owned());
        found
            .or_insert_with(|| Reference::of_command(command))
            .clone()
    }

    /// Returns how many signatures agree.
    pub(super) fn run(
        &mut self,
        asked: &Asked,
        machine: &Machine,
        compiler: &Compiler,
        engine: &str,
        suite: &mut Suite,
    ) -> Result<usize> {
        let gcc = machine.compilers.iter().find(|one| one.name == "gcc");
        let Some((emulated, gcc)) = machine.emulated.zip(machine.linker.as_ref().or(gcc)) else {
            return Ok(0);
        };
        let engine = format!("{engine} emulated");
        let ((program, flags), (links, link_flags)) = (compiler.told(), gcc.words());
        let found = emulated
            .is_there()
            .and_then(|()| Ok([self.find(program)?, self.find(links)?]));
        let [by, links] = match found {
            Ok(found) => found,
            Err(why) => {
                suite.every_reference = false;
                suite.report.absent(&engine, &why);
                return Ok(0);
            }
        };
        let run = Run {
            machine,
            emulated,
            compiler: (&by, flags),
            linker: (&links, link_flags),
        };
        let agreed = run.report(compiler.bugs, asked, &engine, suite)?;
        run.control(&engine, &agreed, suite)?;
        Ok(agreed.len())
    }
}

impl Run<'_> {
    /// Reports what differs, and returns the signatures that agree. A known bug that none of the signatures which meet it shows is a difference too.
    fn report<'q>(
        &self,
        bugs: &[KnownBug],
        asked: &'q Asked,
        engine: &str,
        suite: &mut Suite,
    ) -> Result<Vec<(&'q Question, FnAbi)>> {
        let all: Vec<&Question> = asked.questions.iter().collect();
        let own = |question: &&Question| self.machine.abi(self.machine.convention, question);
        let abis = all.iter().map(own).collect::<Result<Vec<FnAbi>, _>>()?;
        let outcomes = self.compare(&all.iter().copied().zip(&abis).collect::<Vec<_>>())?;
        let (mut agreed, mut n_values, mut different) = (Vec::new(), 0, Vec::new());
        let mut met: Vec<(&KnownBug, [usize; 2])> = bugs.iter().map(|bug| (bug, [0; 2])).collect();
        for ((question, abi), outcome) in all.iter().zip(abis).zip(&outcomes) {
            let known = met.iter_mut().find(|(bug, _)| (bug.meets)(&question.sig));
            match (outcome.n_values(), known) {
                (Ok(n), known) => {
                    n_values += n;
                    agreed.push((*question, abi));
                    known.into_iter().for_each(|(_, n)| n[0] += 1);
                }
                (Err(_), Some((_, n))) if outcome.is_self_inconsistent() => n[1] += 1,
                (Err(why), _) => different.push(format!("{why}\n{}", question.text)),
            }
        }
        let n_variadic = all.iter().filter(|one| one.sig.is_variadic()).count();
        let mut note = format!(
            "{engine}: {} signatures run, {n_variadic} of them variadic, {} agree in {n_values} values; {}",
            outcomes.len(),
            agreed.len(),
            asked.refusals()
        );
        for (bug, [without, with]) in met {
            note.push_str(&format!(", {with} show that {}", bug.what));
            if with == 0 && without > 0 {
                different.push(format!("it is no longer true that {}", bug.what));
            }
        }
        suite.report.note(note);
        let outcome = match different.len() {
            0 => asked.is_enough(n_values),
            n => Err(format!(
                "{n} differ:\n{}",
                different[..n.min(PRINTED)].join("\n")
            )),
        };
        suite.report.outcome(engine, "places", outcome);
        Ok(agreed)
    }

    /// What both functions of each question show: a program for each processor.
    fn compare(&self, asked: &[(&Question, &FnAbi)]) -> Result<Vec<Outcome>> {
        let (compiler, linker) = (&self.compiler, &self.linker);
        let run = |asked: &&[(&Question, &FnAbi)]| {
            (self.emulated).run(asked, (compiler.0, &compiler.1), (linker.0, &linker.1))
        };
        let programs: Vec<_> = (asked.chunks(asked.len().div_ceil(at_once()).max(1))).collect();
        let outcomes = in_threads(&programs, at_once(), run, |_| ());
        let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(outcomes.concat())
    }

    /// With values elsewhere in registers and stack, compilers' functions do not find them; nor does their `va_arg` with unnamed ones elsewhere. In
    /// each program a signature is called under one mutation.
    fn control(
        &self,
        engine: &str,
        questions: &[(&Question, FnAbi)],
        suite: &mut Suite,
    ) -> Result<()> {
        let Machine {
            convention,
            features,
            ..
        } = self.machine;
        let of_all = mutations::of(convention, *features).into_iter();
        let of_all = of_all.map(|one| {
            let notices: fn(&Outcome) -> bool = |outcome| outcome.n_values().is_err();
            self.mutant(one, notices, questions)
        });
        let of_unnamed = mutations::of_unnamed(convention).into_iter();
        let of_unnamed =
            of_unnamed.map(|one| self.mutant(one, |outcome| !outcome.callee_agrees(), questions));
        let mut mutants: Vec<Mutant> = of_all.chain(of_unnamed).collect();
        // What few signatures show chooses first.
        mutants.sort_by_key(|mutant| mutant.moved.len());
        for _ in 0..PROGRAMS {
            self.run_mutants(&mut mutants, questions)?;
        }
        let seen = mutants.into_iter().map(|mutant| (mutant.what, mutant.seen));
        self.machine.report_mutations(seen, engine, suite);
        Ok(())
    }

    /// Calls each question under one of the mutations that are not seen yet, none twice under the same.
    fn run_mutants(&self, mutants: &mut [Mutant], questions: &[(&Question, FnAbi)]) -> Result<()> {
        let (mut calls, mut taken) = (Vec::new(), HashSet::new());
        loop {
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
        if calls.is_empty() {
            return Ok(());
        }
        let asked = calls.iter().map(|(_, n, abi)| (questions[*n].0, abi));
        let outcomes = self.compare(&asked.collect::<Vec<_>>())?;
        for ((i, ..), outcome) in calls.iter().zip(&outcomes) {
            if (mutants[*i].notices)(outcome) {
                mutants[*i].seen = Seen::Places;
            }
        }
        Ok(())
    }

    fn mutant(
        &self,
        Mutation { what, convention }: Mutation,
        notices: fn(&Outcome) -> bool,
        questions: &[(&Question, FnAbi)],
    ) -> Mutant {
        let (mut moved, mut seen) = (Vec::new(), Seen::No);
        for (n, (question, own)) in questions.iter().enumerate() {
            match self.machine.moved(convention, (question, own)) {
                Some(Ok(broken)) => moved.push((n, broken)),
                Some(Err(_)) => seen = Seen::Refused,
                None => {}
            }
        }
        Mutant {
            what,
            notices,
            moved,
            seen,
        }
    }
}

/// A mutation to be run.
struct Mutant {
    what: String,
    /// Whether a call does not agree with it.
    notices: fn(&Outcome) -> bool,
    /// The questions whose values it has elsewhere, by their numbers, and where.
    moved: Vec<(usize, FnAbi)>,
    seen: Seen,
}
