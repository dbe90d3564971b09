//! Questions about the corpus and about types in every position, for the conventions of
//! `tests/corpus/conventions.txt` whose `signatures` are the corpus.

use std::collections::{BTreeMap, BTreeSet};

use cabi::{Policy, Target};
use cabi_verify::case::Subject;
use cabi_verify::probe::CaseFacts;
use cabi_verify::question::Question;

use super::Engine;
use super::machines::{self, Machine};
use crate::suite::{Result, Suite};

/// The version of a compiler, and the facts of its code for cases of one target, by their names.
pub(in crate::suites) type MeasuredFacts<'f> = (String, BTreeMap<&'f str, &'f CaseFacts>);

/// Reports whether the code of each compiler has the facts that are stored about `subjects`.
/// `measured` gets the name of a compiler and a target.
pub(in crate::suites) fn hold<'f>(
    subjects: &[Subject],
    measured: impl Fn(&str, &Target) -> Option<MeasuredFacts<'f>>,
    suite: &mut Suite,
) -> Result<()> {
    let machines = machines::all()?;
    ask(&machines, subjects);
    let engines = Engine::all("probe", &machines);
    let engines: Vec<_> = engines.filter(|one| one.machine.is_of_corpus()).collect();
    let mut lost = BTreeSet::new();
    for engine in &engines {
        let (compiler, target) = (engine.compiler.name, &engine.machine.target);
        if let Some((version, facts)) = measured(compiler, target) {
            engine.hold(&version, |one| facts.get(&*one.name).copied(), suite)?;
            let peers = engines
                .iter()
                .filter(|other| other.compiler.name == compiler && other.machine.target == *target);
            let questions = peers.filter_map(|one| one.machine.directed.get()).flatten();
            let names: BTreeSet<&str> = questions.map(|one| &*one.name).collect();
            let unused = facts.keys().filter(|name| !names.contains(*name));
            lost.extend(unused.map(|name| format!("{compiler}: {name}")));
        }
    }
    let why = format!("no convention of tests/corpus/conventions.txt has the cases {lost:?}");
    (suite.report).check("probe", "cases with facts", lost.is_empty(), why);
    Ok(())
}

/// Sets the questions of each of `machines` whose questions are the corpus.
pub(super) fn ask(machines: &[Machine], subjects: &[Subject]) {
    for machine in machines.iter().filter(|one| one.is_of_corpus()) {
        machine
            .directed
            .get_or_init(|| questions(machine, subjects));
    }
}

/// Returns a question about each case of the machine's target and convention.
fn questions(machine: &Machine, subjects: &[Subject]) -> Vec<Question> {
    let subjects = subjects.iter().filter(|one| one.target == machine.target);
    let cases = subjects.flat_map(|subject| subject.cases.iter().map(move |case| (subject, case)));
    let cases = cases.filter(|(_, case)| {
        let convention = case.prototype.convention.or(machine.target.convention());
        convention.is_some_and(|own| own.name == machine.convention.name)
    });
    let questions = cases.enumerate().filter_map(|(number, (subject, case))| {
        let unnamed = subject.block.unnamed.as_deref().unwrap_or_default();
        let text = subject.block.code.clone() + unnamed;
        let sig = case.sig_under(Policy::of(&case.target)).ok()?;
        let mut question = Question::of_text(number, text, sig);
        question.name.clone_from(&case.name);
        Some(question)
    });
    questions.collect()
}
