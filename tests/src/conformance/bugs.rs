//! The compiler bugs of `expected.toml`, each looked at again: is it still there, and at which levels of optimization?

use cabi::Policy;
use cabi_judge::case::{Entry, Subject};
use cabi_judge::child::Outcome;
use cabi_judge::corpus::CorpusFile;
use cabi_judge::expected::{Bug, Expected, Shows};
use cabi_judge::guard::Rooms;
use cabi_judge::halves::Halves;
use cabi_judge::interop::{Ground, N_ROOMS, judge_agrees_under};
use cabi_judge::judge::{Bench, Judge, JudgeError};
use cabi_judge::report::Report;
use clif_cabi_jit::Settings;

use super::{check_places, passes};
use crate::corpus::Corpus;

/// The levels of optimization at which bugs are looked for.
const LEVELS: [&str; 3] = ["-O0", "-O1", "-O2"];

/// A bug and where it shows.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The bug.
    pub bug: Bug,
    /// Its declaration in one line.
    pub code: String,
    /// The levels of optimization at which its compiler shows it. None: it is gone, or was never there.
    pub levels: Vec<&'static str>,
    /// Other compilers that show it.
    pub others: Vec<String>,
    /// Whether its compiler was asked.
    pub asked: bool,
}

impl Seen {
    /// What is wrong with the list, if something is.
    #[must_use]
    pub fn objection(&self) -> Option<String> {
        let Bug { name, compiler, .. } = &self.bug;
        if self.asked && self.levels.is_empty() {
            return Some(format!("{name}: {compiler} does not show this bug"));
        }
        let other = self.others.first()?;
        Some(format!("{name}: {other} shows it too: then it may be ours"))
    }
}

/// Looks at every bug.
///
/// # Errors
/// A bug whose declaration cannot be read, a compiler that cannot be asked.
pub fn run(bench: &Bench, expected: &Expected) -> Result<Vec<Seen>, String> {
    let mut report = Report::new("conformance");
    let corpus = Corpus::read("x86-64-sysv", "conformance", &mut report)?;
    let rooms = Rooms::new(N_ROOMS, 1 << 16).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    for bug in &expected.bugs {
        let named = |why: String| format!("{}: {why}", bug.name);
        let subject = subject(bug, &corpus.subjects).map_err(named)?;
        let mut seen = Seen {
            bug: bug.clone(),
            code: one_line(&subject),
            levels: Vec::new(),
            others: Vec::new(),
            asked: false,
        };
        for judge in &bench.judges {
            if judge.admits(&subject.block).is_err() {
                continue;
            }
            let mut levels = Vec::new();
            for level in LEVELS {
                if shows(bug, judge, level, &subject, &rooms).map_err(named)? {
                    levels.push(level);
                }
            }
            if judge.name() == bug.compiler {
                seen.asked = true;
                seen.levels = levels;
            } else if !levels.is_empty() {
                seen.others.push(judge.name().to_owned());
            }
        }
        out.push(seen);
    }
    Ok(out)
}

fn one_line(subject: &Subject) -> String {
    let block = &subject.block;
    let mut line = block.code.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(unnamed) = &block.unnamed {
        line.push_str(&format!(" /* ... = {unnamed} */"));
    }
    for feature in &block.features {
        line.push_str(&format!(" /* -m{feature} */"));
    }
    line
}

/// The bug's block: one of the corpus, or its own.
fn subject(bug: &Bug, corpus: &[Subject]) -> Result<Subject, String> {
    if let Some(case) = &bug.case {
        let found = corpus.iter().find(|subject| subject.block.name == *case);
        return found
            .cloned()
            .ok_or_else(|| format!("no block is called {case}"));
    }
    let mut text = format!("== {}\nproves: {}\n", bug.name, bug.name);
    if let Some(unnamed) = &bug.unnamed {
        text.push_str(&format!("unnamed: {unnamed}\n"));
    }
    if !bug.features.is_empty() {
        text.push_str(&format!("features: {}\n", bug.features.join(", ")));
    }
    text.push_str(bug.code.as_deref().unwrap_or_default());
    let file = CorpusFile::parse("expected.toml".as_ref(), &text).map_err(|e| e.to_string())?;
    let block = file.blocks.first().ok_or("it has no declaration")?;
    Subject::read(block).map_err(|error| error.to_string())
}

/// Whether the bug shows at `level`.
fn shows(
    bug: &Bug,
    judge: &Judge,
    level: &str,
    subject: &Subject,
    rooms: &Rooms,
) -> Result<bool, String> {
    let case = subject.cases.first().ok_or("it declares no function")?;
    let entries: [Entry<'_>; 1] = [(subject, case)];
    if bug.shows == Shows::Compilation {
        return match Halves::build_at(judge, level, &entries) {
            Ok(_) => Ok(false),
            Err(JudgeError::Refused { messages, .. }) => {
                Ok(messages.contains("internal compiler error") || messages.contains("Stack dump"))
            }
            Err(error) => Err(error.to_string()),
        };
    }
    // The profile may refuse what the compiler has no rule for: then the psABI's own rule is what it does not follow.
    let own = judge.profile().policy();
    let placed = |policy: Policy| {
        let sig = case.sig_under(policy).ok()?;
        cabi::FnAbi::new(&sig, &case.target).is_ok().then_some(sig)
    };
    let sig = placed(own)
        .or_else(|| placed(own.without(Policy::INT128_USES_UP_INTEGER_REGISTERS)))
        .ok_or("it has no place")?;
    let halves = Halves::build_at(judge, level, &entries).map_err(|e| e.to_string())?;
    if bug.shows == Shows::Placement {
        return Ok(!passes(|| check_places(&halves, 0, case, &sig))?);
    }
    let settings = Settings::default();
    let ground = Ground {
        halves: &halves,
        settings: &settings,
        rooms,
    };
    let agrees = || match judge_agrees_under(&ground, case, sig.clone(), 0) {
        Ok(()) => Outcome::Passed(1),
        Err(why) => Outcome::Failed(why),
    };
    Ok(!passes(agrees)?)
}
