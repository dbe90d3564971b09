//! The same signatures, run: both sides of each call under an emulator, against registers and stack of our own making.

use std::collections::HashMap;

use cabi::convention::Convention;
use cabi::{FnAbi, Target};
use cabi_verify::assembly::Question;
use cabi_verify::build::Reference;

use super::machines::{Compiler, Machine};
use super::{Asked, mutations};
use crate::suite::{Result, Suite};

/// Mutations that are run, by a part of their names; the first of each that moves a value.
const MUTATIONS: [&str; 3] = ["registers swapped", "wider slots", "without"];

/// Signatures that a mutation is run with.
const MUTATED: usize = 6;

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
        let all: Vec<&Question> = asked.questions.iter().collect();
        let outcomes = run.judge(machine.convention, &all)?;
        let agreed = || outcomes.iter().flatten();
        let (n, n_values) = (agreed().count(), agreed().sum::<usize>());
        suite.report.note(format!(
            "{engine}: {} signatures run, {n} agree in {n_values} values",
            outcomes.len()
        ));
        let differs = all.iter().zip(&outcomes).find_map(|(question, outcome)| {
            let why = outcome.as_ref().err()?;
            Some(format!("{why}\n{}", question.text))
        });
        suite
            .report
            .outcome(&engine, "places", differs.map_or(Ok(()), Err));
        let whole: Vec<&Question> = all
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(question, _)| *question)
            .collect();
        run.control(&engine, &whole, suite)?;
        Ok(n)
    }
}

impl Run<'_> {
    /// Of each question how many values are where `convention` has them.
    fn judge(
        &self,
        convention: &'static Convention,
        questions: &[&Question],
    ) -> Result<Vec<Result<usize, String>>> {
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

    /// With values elsewhere in registers and stack, compilers' functions do not find them.
    fn control(&self, engine: &str, questions: &[&Question], suite: &mut Suite) -> Result<()> {
        let engine = format!("{engine} control");
        for kind in MUTATIONS {
            let moved = mutations::of(self.machine.convention, self.machine.features)
                .into_iter()
                .find_map(|mutation| {
                    let is_equivalent = self
                        .machine
                        .equivalent
                        .iter()
                        .any(|(part, _)| mutation.what.contains(part));
                    if !mutation.what.contains(kind) || is_equivalent {
                        return None;
                    }
                    let moved = questions
                        .iter()
                        .copied()
                        .filter(|question| self.moves(mutation.convention, question));
                    let moved: Vec<&Question> = moved.take(MUTATED).collect();
                    (!moved.is_empty()).then_some((mutation, moved))
                });
            let outcome = match moved {
                Some((mutation, moved)) => {
                    let outcomes = self.judge(mutation.convention, &moved)?;
                    let unseen = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                    // Half of a value that moves may be padding.
                    match 2 * unseen < outcomes.len() {
                        true => Ok(()),
                        false => Err(format!(
                            "{unseen} of {} calls do not notice `{}`",
                            outcomes.len(),
                            mutation.what
                        )),
                    }
                }
                None => Err("no mutation of this name moves a value".to_owned()),
            };
            suite.report.outcome(&engine, kind, outcome);
        }
        Ok(())
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
