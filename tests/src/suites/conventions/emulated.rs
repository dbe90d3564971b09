//! The same signatures, run: both sides of each call under an emulator, against registers and stack of our own making.

use std::collections::HashMap;

use cabi::convention::Convention;
use cabi::{FnAbi, FnSig, Target};
use cabi_verify::assembly::Question;
use cabi_verify::build::Reference;
use cabi_verify::emulated::Outcome;

use super::machines::{Compiler, Machine};
use super::mutations::Mutation;
use super::{Asked, mutations};
use crate::suite::{Result, Suite};

/// Mutations that are run, by a part of their names; the first of each that moves a value.
const MUTATIONS: [&str; 3] = ["registers swapped", "wider slots", "without"];

/// Signatures that a mutation is run with.
const MUTATED: usize = 6;

/// Differences that are printed.
const PRINTED: usize = 5;

/// What a compiler gets wrong against itself: its `va_arg` looks elsewhere than its callers write.
pub(super) struct KnownBug {
    /// What follows "that".
    pub(super) what: &'static str,
    /// Whether a signature shows it.
    pub(super) meets: fn(&FnSig) -> bool,
}

/// The compilers that have been found, by the first word of their commands.
#[derive(Default)]
pub(super) struct Emulators {
    found: HashMap<String, Result<Reference, String>>,
}

/// What the signatures of one engine are run with.
struct Run<'a> {
    machine: &'a Machine,
    target: &'a Target,
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
        (compiler, target): (&Compiler, &Target),
        engine: &str,
        suite: &mut Suite,
    ) -> Result<usize> {
        let Some((emulated, linker)) = machine.emulated else {
            return Ok(0);
        };
        let engine = format!("{engine} emulated");
        let ([program, flags @ ..], [links, link_flags @ ..]) =
            (&words(compiler.command)[..], &words(linker)[..])
        else {
            return Ok(0);
        };
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
            target,
            compiler: (&by, flags.to_vec()),
            linker: (&links, link_flags.to_vec()),
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
    ) -> Result<Vec<&'q Question>> {
        let all: Vec<&Question> = asked.questions.iter().collect();
        let outcomes = self.compare(self.machine.convention, &all)?;
        let (mut agreed, mut n_values, mut different) = (Vec::new(), 0, Vec::new());
        let mut met: Vec<(&KnownBug, [usize; 2])> = bugs.iter().map(|bug| (bug, [0; 2])).collect();
        for (question, outcome) in all.iter().zip(&outcomes) {
            let known = met.iter_mut().find(|(bug, _)| (bug.meets)(&question.sig));
            match (outcome.n_values(), known) {
                (Ok(n), known) => {
                    n_values += n;
                    agreed.push(*question);
                    known.into_iter().for_each(|(_, n)| n[0] += 1);
                }
                (Err(_), Some((_, n))) if outcome.is_self_inconsistent() => n[1] += 1,
                (Err(why), _) => different.push(format!("{why}\n{}", question.text)),
            }
        }
        let n_variadic = all.iter().filter(|one| one.sig.is_variadic()).count();
        let mut note = format!(
            "{engine}: {} signatures run, {n_variadic} of them variadic, {} agree in {n_values} values",
            outcomes.len(),
            agreed.len()
        );
        for (bug, [without, with]) in met {
            note.push_str(&format!(", {with} show that {}", bug.what));
            if with == 0 && without > 0 {
                different.push(format!("it is no longer true that {}", bug.what));
            }
        }
        suite.report.note(note);
        let outcome = match different.len() {
            0 => Ok(()),
            n => Err(format!(
                "{n} differ:\n{}",
                different[..n.min(PRINTED)].join("\n")
            )),
        };
        suite.report.outcome(engine, "places", outcome);
        Ok(agreed)
    }

    /// What both functions of each question show of `convention`.
    fn compare(
        &self,
        convention: &'static Convention,
        questions: &[&Question],
    ) -> Result<Vec<Outcome>> {
        let abis = questions
            .iter()
            .map(|question| self.machine.abi(convention, self.target, question));
        let abis = abis.collect::<Result<Vec<FnAbi>, _>>()?;
        let asked: Vec<(&Question, &FnAbi)> = questions.iter().copied().zip(&abis).collect();
        let Some((emulated, _)) = self.machine.emulated else {
            return Ok(Vec::new());
        };
        let (compiler, linker) = (&self.compiler, &self.linker);
        Ok(emulated.run(&asked, (compiler.0, &compiler.1), (linker.0, &linker.1))?)
    }

    /// With values elsewhere in registers and stack, compilers' functions do not find them; nor does their `va_arg` with unnamed ones elsewhere.
    fn control(&self, engine: &str, questions: &[&Question], suite: &mut Suite) -> Result<()> {
        let engine = format!("{engine} control");
        let mutations = || mutations::of(self.machine.convention, self.machine.features);
        let is_mistake = |Mutation { what, .. }: &Mutation| {
            let mut equivalent = self.machine.equivalent.iter();
            !equivalent.any(|(part, _)| what.contains(part))
        };
        for kind in MUTATIONS {
            let of_kind = mutations().into_iter();
            let of_kind = of_kind.filter(|one| one.what.contains(kind) && is_mistake(one));
            let outcome =
                self.notices(of_kind, questions, |outcome| outcome.n_values().is_err())?;
            suite.report.outcome(&engine, kind, outcome);
        }
        let unnamed = mutations::of_unnamed(self.machine.convention).into_iter();
        for mutation in unnamed.filter(is_mistake) {
            let what = mutation.what.clone();
            let outcome =
                self.notices([mutation], questions, |outcome| !outcome.callee_agrees())?;
            suite.report.outcome(&engine, &what, outcome);
        }
        Ok(())
    }

    /// Whether most of the calls that the first of the mutations with an effect moves a value of notice it.
    fn notices(
        &self,
        mutations: impl IntoIterator<Item = Mutation>,
        questions: &[&Question],
        notices: impl Fn(&Outcome) -> bool,
    ) -> Result<Result<(), String>> {
        let moved = mutations.into_iter().find_map(|mutation| {
            let moved = questions.iter().copied();
            let moved = moved.filter(|question| self.moves(mutation.convention, question));
            let moved: Vec<&Question> = moved.take(MUTATED).collect();
            (!moved.is_empty()).then_some((mutation, moved))
        });
        let Some((Mutation { what, convention }, moved)) = moved else {
            return Ok(Err("no mutation of this name moves a value".to_owned()));
        };
        let outcomes = self.compare(convention, &moved)?;
        let unseen = outcomes.iter().filter(|outcome| !notices(outcome)).count();
        // Half of a value that moves may be padding.
        Ok(match 2 * unseen < outcomes.len() {
            true => Ok(()),
            false => Err(format!(
                "{unseen} of {} calls do not notice `{what}`",
                outcomes.len()
            )),
        })
    }

    /// Whether `broken` has places for a question, and others than the convention.
    fn moves(&self, broken: &'static Convention, question: &Question) -> bool {
        let has_one_list = self.machine.convention.rules.choose.is_none();
        let of = |convention| self.machine.abi(convention, self.target, question);
        let own = of(self.machine.convention).ok();
        let moved = of(broken)
            .ok()
            .zip(own)
            .is_some_and(|(broken, own)| broken.args != own.args || broken.ret != own.ret);
        moved && (has_one_list || !question.sig.is_variadic())
    }
}

/// The words of a command but those about what is written and read.
fn words(command: &str) -> Vec<&str> {
    let words = command.split_whitespace();
    words
        .filter(|word| !matches!(*word, "-S" | "-o" | "@s" | "@c"))
        .collect()
}
