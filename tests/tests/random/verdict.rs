//! What becomes of signatures under one judge: compiled many at a time, run in a child process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, Type};
use cabi_judge::case::{Case, Entry, Subject};
use cabi_judge::child::{self, Outcome};
use cabi_judge::corpus::{CorpusFile, Profile};
use cabi_judge::generate::Signature;
use cabi_judge::graffiti::{Painter, Pattern};
use cabi_judge::half::{Images, argument_types, has_result};
use cabi_judge::halves::Halves;
use cabi_judge::judge::{Judge, JudgeError};
use cabi_judge::layout::{ask, facts};
use cabi_judge::probe::Probe;

/// What became of a signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Nothing differs.
    Same,
    /// Not asked: the judge, libclang or `cabi` refuses the types.
    NotRun { who: &'static str, why: String },
    /// The judge has it otherwise than `cabi`.
    Differs(String),
    /// The compiler itself crashes.
    Crashes(String),
}

/// Who is asked, and how.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) judge: &'a Judge,
    /// What the judge is compared with: its own profile, but in controls.
    pub(crate) profile: Profile,
    pub(crate) features: &'a [&'a str],
}

/// How the halves are compiled.
const LEVELS: [&str; 2] = ["-O0", "-O2"];

/// The text of a signature's block.
pub(crate) fn block(trial: &Trial<'_>, name: &str, signature: &Signature) -> String {
    let mut keys = Vec::new();
    if trial.profile == Profile::Clang {
        keys.push("policy: clang".to_owned());
    }
    if !trial.features.is_empty() {
        keys.push(format!("features: {}", trial.features.join(", ")));
    }
    signature.block(name, "psABI 3.2.3: found by random testing", &keys)
}

/// What becomes of each of `signatures` under `judge`.
pub(crate) fn verdicts(
    trial: &Trial<'_>,
    signatures: &[Signature],
) -> Result<Vec<Verdict>, String> {
    let mut out: Vec<Verdict> = signatures.iter().map(|_| Verdict::Same).collect();
    let mut subjects: Vec<(usize, Subject)> = Vec::new();
    for (i, signature) in signatures.iter().enumerate() {
        match read(trial, &block(trial, &format!("r{i}"), signature))? {
            Ok(subject) => subjects.push((i, subject)),
            Err(verdict) => out[i] = verdict,
        }
    }
    let all: Vec<(usize, &Subject)> = subjects.iter().map(|(i, subject)| (*i, subject)).collect();
    layouts(trial.judge, &all, &mut out)?;
    let entries: Vec<(usize, Entry<'_>)> = subjects
        .iter()
        .filter(|(i, _)| out[*i] == Verdict::Same)
        .map(|(i, subject)| (*i, (subject, &subject.cases[0])))
        .collect();
    probes(trial, &entries, &mut out)?;
    Ok(out)
}

/// Reads a block, or says why it is not run. libclang's own layout is compared here.
fn read(trial: &Trial<'_>, text: &str) -> Result<Result<Subject, Verdict>, String> {
    let file = CorpusFile::parse("random.abi".as_ref(), text).map_err(|error| error.to_string())?;
    let block = file.blocks.first().ok_or("no block")?;
    let not_run = |who, why| Ok(Err(Verdict::NotRun { who, why }));
    if let Err(why) = trial.judge.admits(block) {
        return not_run("judge", why);
    }
    let read = catch_unwind(AssertUnwindSafe(|| {
        let subject = Subject::read(block)?;
        let abi = subject.cases[0]
            .sig(trial.profile)
            .and_then(|sig| FnAbi::new(&sig, &subject.target));
        let lines = abi.and_then(|_| subject.cases[0].summary(trial.profile));
        Ok::<_, cabi_judge::case::CaseError>((subject, lines))
    }));
    match read {
        Err(_) => Ok(Err(Verdict::Differs("panic".to_owned()))),
        Ok(Err(error)) if error.is_missing_libclang() => Err(error.to_string()),
        Ok(Err(error)) => {
            let why = error.to_string();
            let why = why
                .strip_prefix("random.abi:1: ")
                .unwrap_or(&why)
                .to_owned();
            if why.contains("clang's ") && why.contains(", ours ") {
                return Ok(Err(Verdict::Differs(format!("libclang: {why}"))));
            }
            not_run("libclang", why)
        }
        Ok(Ok((_, Err(error)))) => not_run("cabi", error.to_string()),
        Ok(Ok((subject, Ok(_)))) => Ok(Ok(subject)),
    }
}

/// Asks about the layouts of all in one program; where that does not compile, of each half of them.
fn layouts(
    judge: &Judge,
    subjects: &[(usize, &Subject)],
    out: &mut [Verdict],
) -> Result<(), String> {
    if subjects.is_empty() {
        return Ok(());
    }
    // Facts are told apart by their block's name.
    let group: Vec<&Subject> = subjects.iter().map(|(_, subject)| *subject).collect();
    match ask(judge, &group) {
        Ok(answers) => {
            for (fact, theirs) in facts(&group).iter().zip(answers) {
                if theirs.as_ref() == Some(&fact.ours) {
                    continue;
                }
                let theirs = theirs.map_or("not answered".to_owned(), |answer| answer.to_string());
                let why = format!("layout: {} is {theirs}, ours {}", fact.what, fact.ours);
                let found = subjects
                    .iter()
                    .find(|(_, subject)| subject.block.name == fact.block);
                if let Some((i, _)) = found
                    && out[*i] == Verdict::Same
                {
                    out[*i] = Verdict::Differs(why);
                }
            }
            Ok(())
        }
        Err(error) if subjects.len() == 1 => {
            out[subjects[0].0] = refused(&error);
            Ok(())
        }
        Err(_) => {
            let (left, right) = subjects.split_at(subjects.len() / 2);
            layouts(judge, left, out)?;
            layouts(judge, right, out)
        }
    }
}

fn refused(error: &JudgeError) -> Verdict {
    match error {
        JudgeError::Refused { messages, .. } if messages.contains("internal compiler error") => {
            Verdict::Crashes(error.to_string())
        }
        _ => Verdict::NotRun {
            who: "judge",
            why: error.to_string(),
        },
    }
}

/// Probes all of `entries`, built together; where that does not compile, each half of them.
fn probes(
    trial: &Trial<'_>,
    entries: &[(usize, Entry<'_>)],
    out: &mut [Verdict],
) -> Result<(), String> {
    if entries.is_empty() {
        return Ok(());
    }
    let bare: Vec<Entry<'_>> = entries.iter().map(|(_, entry)| *entry).collect();
    let built: Result<Vec<Halves>, JudgeError> = LEVELS
        .iter()
        .map(|level| Halves::build_at(trial.judge, level, &bare))
        .collect();
    match built {
        Ok(halves) => {
            for (at, why) in run(trial, &halves, &bare)? {
                out[entries[at].0] = Verdict::Differs(why);
            }
            Ok(())
        }
        Err(error) if entries.len() == 1 => {
            out[entries[0].0] = refused(&error);
            Ok(())
        }
        Err(_) => {
            let (left, right) = entries.split_at(entries.len() / 2);
            probes(trial, left, out)?;
            probes(trial, right, out)
        }
    }
}

/// Runs all entries in a child: those that failed, with the reason.
fn run(
    trial: &Trial<'_>,
    halves: &[Halves],
    entries: &[Entry<'_>],
) -> Result<Vec<(usize, String)>, String> {
    let one = |_job: usize, index: usize| {
        let case = entries[index].1;
        for (halves, level) in halves.iter().zip(LEVELS) {
            let probe = Probe::new(halves, case.vectors);
            if let Err(why) = both_directions(trial, probe, index, case) {
                return Outcome::Failed(format!("{why} [{level}]"));
            }
        }
        Outcome::Passed(halves.len())
    };
    let outcomes = child::run(&[entries.len()], 1, one).map_err(|error| error.to_string())?;
    let outcomes = outcomes.into_iter().flatten().enumerate();
    Ok(outcomes
        .filter_map(|(i, outcome)| match outcome {
            Outcome::Failed(why) => Some((i, why)),
            Outcome::Crashed(why) => Some((i, format!("crash: {why}"))),
            _ => None,
        })
        .collect())
}

fn both_directions(
    trial: &Trial<'_>,
    probe: Probe<'_>,
    index: usize,
    case: &Case,
) -> Result<(), String> {
    let sig = case.sig(trial.profile).map_err(|error| error.to_string())?;
    let abi = FnAbi::new(&sig, &case.target).map_err(|error| error.to_string())?;
    let checked = probe.check(index, case, &abi);
    checked.map_err(|difference| difference.why)
}

/// A pattern for each type, and the images a caller takes them from.
fn images(types: &[Type]) -> (Vec<Pattern>, Vec<u8>) {
    let mut painter = Painter::default();
    let patterns: Vec<Pattern> = types.iter().map(|ty| painter.paint(ty)).collect();
    let images = Images::of(types);
    let mut bytes = vec![0; images.size];
    for (pattern, offset) in patterns.iter().zip(&images.offsets) {
        bytes[*offset..][..pattern.bytes.len()].copy_from_slice(&pattern.bytes);
    }
    (patterns, bytes)
}

/// What goes wrong when the judge's own caller calls its own callee, at some level of optimization: then a difference is its own.
pub(crate) fn disagrees_with_itself(
    trial: &Trial<'_>,
    signature: &Signature,
) -> Result<Option<String>, String> {
    let Ok(subject) = read(trial, &block(trial, "r", signature))? else {
        return Ok(None);
    };
    let entry = (&subject, &subject.cases[0]);
    for level in LEVELS {
        let halves = match Halves::build_at(trial.judge, level, &[entry]) {
            Ok(halves) => halves,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let outcomes = child::run(&[1], 1, |_, _| match to_itself(&halves, entry.1) {
            Ok(()) => Outcome::Passed(1),
            Err(why) => Outcome::Failed(why),
        });
        let outcome = outcomes
            .map_err(|error| error.to_string())?
            .into_iter()
            .flatten()
            .next();
        if let Some(Outcome::Failed(why) | Outcome::Crashed(why)) = outcome {
            return Ok(Some(format!("{why} [{level}]")));
        }
    }
    Ok(None)
}

fn to_itself(halves: &Halves, case: &Case) -> Result<(), String> {
    let types = argument_types(case);
    let (patterns, bytes) = images(&types);
    let given = Painter::starting_at(9).paint(&case.prototype.ret);
    halves.prepare(&given.bytes);
    let callee = halves.callee(0).ok_or("no callee")?;
    let _ = halves.through(callee);
    // SAFETY: `callee` is the case's own function.
    if !unsafe { halves.call(0, &bytes) } {
        return Err("no caller".to_owned());
    }
    let offsets = Images::of(&types).offsets;
    for (i, (pattern, at)) in patterns.iter().zip(offsets).enumerate() {
        let pattern = if i < case.prototype.params.len() {
            pattern.clone()
        } else {
            pattern.promoted(&types[i]).1
        };
        pattern
            .check_all(&halves.seen_bytes(at, pattern.bytes.len()))
            .map_err(|why| format!("argument {i}: {why}"))?;
    }
    if has_result(case) {
        given
            .check_all(&halves.got_bytes(given.bytes.len()))
            .map_err(|why| format!("result: {why}"))?;
    }
    Ok(())
}
