//! Every signature of the corpus, both directions, against each reference compiler, under each engine setting: Cranelift calls C, C calls Cranelift.
//!
//! What a shim sends and what a function returns is a byte pattern, and every byte of every leaf is compared on the other side. Cases run in
//! child processes; one that dies is named and the rest goes on. What the lowering refuses is counted by reason: never silently skipped.
//!
//! After the corpus come random signatures, `CABI_RANDOM_COUNT` for each reference compiler (usually 150) from `CABI_RANDOM_SEED`. Where the
//! compiler's own caller and callee disagree about one of those, the compiler is self-inconsistent, and that is counted.

use std::collections::BTreeMap;

use cabi::Target;
use cabi_verify::build::Reference;
use cabi_verify::case::Subject;
use cabi_verify::check::calls::{
    Direction, Fault, Verdict, admitted, all_settings, reference_agrees,
};
use cabi_verify::fuzz;
use cabi_verify::generate::{CType, Signature};
use cabi_verify::run::HERE;
use cabi_verify::run::guard::GuardedBuffers;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::Mistake;
use clif_cabi_jit::Settings;

use crate::compiled::{Compiled, ToCompile, buffers, compile_all, in_children};
use crate::suite::{Result, Suite, number};

/// The reason of cases that a reference compiler contradicts itself about.
const THEIRS: &str = "the reference's own caller and callee disagree";

/// What is counted, one setting and direction of a case at a time.
const COUNTED: [&str; 5] = [
    "passed",
    "failed (known failures included)",
    "refused by the lowering",
    "reference self-inconsistent",
    "calls",
];

/// Compiled cases under one setting in one direction.
type Job<'a> = (&'a Compiled<'a>, &'a (String, Settings), Direction);

/// What became of one case in one direction with one reference compiler, under all settings.
#[derive(Default)]
struct Found {
    failed: Vec<String>,
    refused: Option<String>,
}

impl Found {
    fn take(&mut self, counts: &mut [usize; 5], setting: &str, found: Verdict) {
        let counted = match found {
            Verdict::Passed(calls) => {
                counts[4] += calls;
                0
            }
            Verdict::NotLowered(why) | Verdict::NotRun(why) => {
                let theirs = why == THEIRS;
                self.refused = Some(why);
                if theirs { 3 } else { 2 }
            }
            failed => {
                let why = failed.passed().err().unwrap_or_default();
                self.failed.push(format!("{setting}: {why}"));
                1
            }
        };
        counts[counted] += 1;
    }
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(match HERE == Target::X86_64_LINUX {
        true => &["x86-64-sysv", "x86-64-win64"][..],
        false => &["aarch64-linux"],
    })?;
    let references = suite.references();
    let drawn = references.iter().map(drawn).collect::<Result<Vec<_>>>()?;
    let mut files = Vec::new();
    for (reference, drawn) in references.iter().zip(&drawn) {
        let engine = suite.engine(reference.name());
        let report = &mut suite.report;
        let mut levels = admitted(&subjects, reference, |case, why| {
            report.not_run(&engine, case, why);
        });
        levels.extend(admitted(drawn, reference, |_, _| {}));
        for mut entries in levels {
            entries.retain(|(_, case)| suite.wants(&case.name));
            files.push(ToCompile {
                reference,
                optimize: &["-O1"],
                entries,
            });
        }
    }
    let batches = compile_all(files, |reference, case, error| {
        let engine = suite.engine(reference.name());
        match is_random(&case.name) {
            true => (suite.report).not_run(&engine, &case.name, &error.to_string()),
            false => (suite.report).outcome(&engine, &case.name, Err(error.to_string())),
        }
    })?;
    let settings = all_settings();
    let counts = run_all(&batches, &settings, suite)?;
    let n_drawn: usize = drawn.iter().map(Vec::len).sum();
    let n_signatures: usize = subjects.iter().map(|s| s.cases.len()).sum();
    let counted = COUNTED.iter().zip(counts);
    let counted: Vec<String> = counted.map(|(what, n)| format!("{what} {n}")).collect();
    suite.report.note(format!(
        "({n_signatures} signatures x {} references + {n_drawn} random ones) x {} directions x {} engine settings: {}",
        references.len(),
        Direction::ALL.len(),
        settings.len(),
        counted.join(", "),
    ));
    suite.n_passed = Some(counts[0]);
    Ok(())
}

fn is_random(case: &str) -> bool {
    case.starts_with("random-")
}

/// Random signatures, of those that `cabi` has a type for, and two of so many parameters that words of the argument area are read, which are declared
/// to Cranelift where they are few.
fn drawn(reference: &Reference) -> Result<Vec<Subject>> {
    let compiler = Compiler::new(reference.clone(), None)?;
    let seed = number("CABI_RANDOM_SEED", 1)?;
    let random = (0..number("CABI_RANDOM_COUNT", 150)?).map(|index| {
        let name = format!("random-{}-{seed}-{index}", reference.name());
        (name, fuzz::drawn(&compiler, seed, index))
    });
    let many = [79, 250].map(|n| (format!("parameters-{n}"), of_parameters(n)));
    let mut subjects = Vec::new();
    for (index, (name, signature)) in random.chain(many).enumerate() {
        if let Ok(mut drawn) = fuzz::subject(index, &signature, &compiler) {
            drawn.target = HERE;
            drawn
                .cases
                .iter_mut()
                .for_each(|case| case.name = name.clone());
            subjects.push(drawn);
        }
    }
    Ok(subjects)
}

/// A function of `n` parameters, of four types in turn.
fn of_parameters(n: usize) -> Signature {
    let types = ["long", "double", "short", "float"].map(CType::from);
    Signature {
        params: types.into_iter().cycle().take(n).collect(),
        ..Signature::returning(&CType::from("double"))
    }
}

fn run_all(
    batches: &[Compiled<'_>],
    settings: &[(String, Settings)],
    suite: &mut Suite,
) -> Result<[usize; 5]> {
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for batch in batches {
        for settings in settings {
            jobs.extend(Direction::ALL.map(|direction| (batch, settings, direction)));
        }
    }
    let buffers = buffers()?;
    let n_cases = |(batch, ..): &Job<'_>| batch.entries.len();
    let all = in_children(&jobs, n_cases, |job, index| one(job, &buffers, index))?;
    let (mut counts, mut founds) = ([0; 5], BTreeMap::<_, Found>::new());
    for ((batch, (setting, _), direction), all) in jobs.iter().zip(all) {
        let engine = format!("{} {}", batch.reference.name(), direction.name());
        for ((_, case), verdict) in batch.entries.iter().zip(all) {
            let found: &mut Found = founds.entry((engine.clone(), &case.name)).or_default();
            found.take(&mut counts, setting, verdict);
        }
    }
    for ((engine, case), found) in founds {
        let (engine, report) = (suite.engine(&engine), &mut suite.report);
        match (found.failed.first(), found.refused) {
            (Some(first), _) => {
                let n = found.failed.len();
                report.outcome(&engine, case, Err(format!("{n} settings, first {first}")));
            }
            (None, Some(why)) => report.not_run(&engine, case, &why),
            (None, None) => report.outcome(&engine, case, Ok(())),
        }
    }
    Ok(counts)
}

fn one(
    (batch, (_, settings), direction): &Job<'_>,
    buffers: &GuardedBuffers,
    index: usize,
) -> Verdict {
    let (case, profile) = (batch.entries[index].1, batch.reference.profile());
    let disagrees = || {
        let Ok(sig) = case.sig(profile) else {
            return false;
        };
        let agrees = reference_agrees(&batch.harness(buffers, settings), case, sig, index);
        matches!(agrees, Err(Fault::Failed(_)))
    };
    let mistake = Mistake::default();
    match batch.call((buffers, settings), *direction, index, &mistake, false) {
        // A block of the corpus says in expected.toml whose fault it is.
        Err(Fault::Failed(_)) if is_random(&case.name) && disagrees() => {
            Verdict::NotRun(THEIRS.to_owned())
        }
        found => found.into(),
    }
}
