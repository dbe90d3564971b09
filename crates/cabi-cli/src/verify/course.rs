//! The course of a run: compilers, headers, layouts, then the calls (`calls.rs`); and what is found on the way.

use cabi::{Policy, VectorLevel};
use cabi_header::Options;
use cabi_judge::case::Case;
use cabi_judge::child::{self, Outcome};
use cabi_judge::from_header::{self, FromHeader, Left};
use cabi_judge::interop::{Difference, Direction};
use cabi_judge::judge::{Bench, Judge, JudgeError, first_error, judges_required};
use cabi_judge::layout::{self, Fact, Reply};
use regex_lite::Regex;

use super::calls::{call, compile};
use super::{MAY_BE_SKIPPED, Verify};
use crate::reading;

/// Kind of reason: the code generator does not lower it yet, and says so.
pub(super) const NOT_LOWERED: &str = "not lowered";
/// Kind of reason: the type needs something of C that the compiler has not.
pub(super) const JUDGE_LACKS: &str = "not in this compiler";
/// Kind of reason: the type is one of the compiler's own headers, which name its members otherwise; its size is compared all the same.
pub(super) const OTHER_MEMBERS: &str = "other members";
/// Kind of reason: the compiler's own caller and callee disagree about it, which is its bug.
pub(super) const AGAINST_ITSELF: &str = "compiler against itself";
/// Kind of reason: the compiler refuses it, though nothing it is known to lack is needed. Not on the list.
pub(super) const REFUSED: &str = "refused by the compiler";

/// Everything that was found.
pub(super) struct Run {
    pub(super) judges: Vec<Asked>,
    /// Known compilers that are not here.
    pub(super) absent: Vec<(String, String)>,
    pub(super) headers: Vec<Read>,
    /// One per judge and header.
    pub(super) parts: Vec<Part>,
}

/// A compiler and how it is judged.
pub(super) struct Asked {
    pub(super) judge: Judge,
    /// The command, or its usual name.
    pub(super) name: String,
    pub(super) policy: Policy,
    pub(super) level: VectorLevel,
}

/// A header as it was read.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) found: FromHeader,
}

/// One header under one compiler.
pub(super) struct Part {
    pub(super) judge: usize,
    pub(super) header: usize,
    /// Sizes and offsets that were asked, and those that differ.
    pub(super) n_facts: usize,
    pub(super) layouts: Vec<Layout>,
    /// Calls in one direction.
    pub(super) results: Vec<Outcomes>,
    /// What was not run, behind what was not read.
    pub(super) skipped: Vec<Left>,
}

/// A size or offset that differs.
pub(super) struct Layout {
    pub(super) what: String,
    pub(super) theirs: String,
    pub(super) ours: String,
}

/// What became of one case in one direction.
pub(super) struct Outcomes {
    pub(super) case: Case,
    pub(super) direction: Direction,
    pub(super) outcome: Outcome,
}

impl Outcomes {
    /// What is wrong, if something is.
    pub(super) fn difference(&self) -> Option<Difference> {
        match &self.outcome {
            Outcome::Failed(line) => Some(Difference::read(line)),
            Outcome::Crashed(why) => Some(Difference::from(format!("the call dies of {why}"))),
            Outcome::Passed(_) | Outcome::Refused(_) => None,
        }
    }
}

impl Part {
    /// The calls in which something is wrong.
    pub(super) fn differences(&self) -> impl Iterator<Item = (&Outcomes, Difference)> {
        self.results
            .iter()
            .filter_map(|result| result.difference().map(|difference| (result, difference)))
    }
}

impl Part {
    fn take(&mut self, fact: Fact, reply: Reply) {
        let (key, why) = match reply {
            Reply::Is(answer) => {
                if answer != fact.ours {
                    self.layouts.push(Layout {
                        what: fact.what,
                        theirs: answer.to_string(),
                        ours: fact.ours.to_string(),
                    });
                }
                return;
            }
            Reply::NoMember(why) => (OTHER_MEMBERS, why),
            Reply::Refuses(why) => (REFUSED, why),
            _ => (REFUSED, "no answer".into()),
        };
        let name = fact.what;
        self.skipped.push(Left { name, key, why });
    }
}

impl Run {
    /// Everything of `part` that was not run, whether it was not read or not compiled.
    pub(super) fn skipped<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = &'a Left> {
        let read = &self.headers[part.header].found.skipped;
        read.iter().chain(&part.skipped)
    }

    /// No difference, and nothing left out for a reason that is not on the list.
    pub(super) fn is_clean(&self) -> bool {
        self.parts.iter().all(|part| {
            part.layouts.is_empty()
                && part.differences().next().is_none()
                && self.skipped(part).all(|left| may_be_skipped(left.key))
        })
    }
}

/// Whether a reason of this kind is on the checked-in list.
pub(super) fn may_be_skipped(key: &str) -> bool {
    MAY_BE_SKIPPED.contains(&key)
}

/// Runs everything.
///
/// # Errors
/// Why it could not: no compiler, no libclang, a header that cannot be read, nothing to verify, an interrupt.
pub(super) fn run(verify: &Verify) -> Result<Run, String> {
    child::watch_signals();
    let (judges, absent) = judges(verify)?;
    let headers = headers(verify)?;
    let at_once = verify
        .jobs
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
        .max(1);
    let mut parts = parts(verify, &judges, &headers)?;
    let batches = compile(verify, &judges, &headers, &mut parts, at_once)?;
    call(&judges, &batches, &mut parts, at_once)?;
    Ok(Run {
        judges,
        absent,
        headers,
        parts,
    })
}

pub(super) fn check_interrupt() -> Result<(), String> {
    if child::was_interrupted() {
        return Err("interrupted".into());
    }
    Ok(())
}

/// The compilers named, or all that are found; and the known ones that are not.
#[allow(clippy::type_complexity)]
fn judges(verify: &Verify) -> Result<(Vec<Asked>, Vec<(String, String)>), String> {
    let (found, absent) = if verify.cc.is_empty() {
        let bench = Bench::find();
        let absent = bench.absent.into_iter();
        (
            bench.judges,
            absent.map(|(n, why)| (n.into(), why)).collect(),
        )
    } else {
        let named = verify.cc.iter().map(|command| Judge::of_command(command));
        (named.collect::<Result<Vec<_>, _>>()?, Vec::new())
    };
    if found.is_empty() || (judges_required() && !absent.is_empty()) {
        let absent = absent.iter().map(|(name, why)| format!("{name}: {why}"));
        let absent: Vec<String> = absent.collect();
        return Err(format!(
            "no compiler to verify against: {}",
            absent.join("; ")
        ));
    }
    let asked = found.into_iter().map(|judge| {
        let level = judge.vector_level().map_err(|e| e.to_string())?;
        check_level(level, &judge)?;
        Ok(Asked {
            name: judge.command(),
            policy: verify.policy.unwrap_or(judge.profile().policy()),
            level,
            judge,
        })
    });
    Ok((asked.collect::<Result<_, String>>()?, absent))
}

/// Code with wider vectors than this machine has cannot run.
fn check_level(level: VectorLevel, judge: &Judge) -> Result<(), String> {
    let (has, name) = match level {
        VectorLevel::Avx512 => (std::arch::is_x86_feature_detected!("avx512f"), "AVX-512"),
        VectorLevel::Avx => (std::arch::is_x86_feature_detected!("avx"), "AVX"),
        VectorLevel::Baseline => (true, ""),
    };
    if has {
        return Ok(());
    }
    Err(format!(
        "{} makes code for {name}, which this machine has not",
        judge.command()
    ))
}

fn headers(verify: &Verify) -> Result<Vec<Read>, String> {
    let only = verify.only.as_deref().map(Regex::new).transpose();
    let only = only.map_err(|e| format!("--only: {e}"))?;
    let chosen = |name: &str| only.as_ref().is_none_or(|only| only.is_match(name));
    let mut options = Options::new().args(verify.flags());
    if let Some(triple) = &verify.target {
        let parsed = triple
            .parse()
            .map_err(|e| format!("--target {triple}: {e}"))?;
        let target = cabi::Target::new(&parsed).map_err(|e| e.to_string())?;
        if target != cabi::Target::X86_64_LINUX {
            return Err(format!(
                "--target {triple}: calls are made on x86-64 Linux only"
            ));
        }
        options = options.arg(format!("--target={triple}"));
    }
    let read = verify.headers.iter().map(|name| {
        check_interrupt()?;
        let include = reading::include(name);
        // A path is relative to here, not to the file that includes it.
        let include = match std::fs::canonicalize(name) {
            Ok(path) if path.is_file() => format!("#include \"{}\"\n", path.display()),
            _ => include,
        };
        let found = from_header::read(&include, &options, verify.types, chosen);
        let found = found.map_err(|e| format!("{name}: {e}"))?;
        Ok(Read {
            name: name.clone(),
            found,
        })
    });
    let read = read.collect::<Result<Vec<_>, String>>()?;
    if read.iter().all(|read| read.found.subject.cases.is_empty()) {
        let what = verify.only.as_deref();
        let what = what.map_or(String::new(), |only| format!(" that matches {only}"));
        return Err(format!(
            "{}: no function and no record type{what}",
            verify.headers.join(", ")
        ));
    }
    Ok(read)
}

/// One part per compiler and header, its layouts asked.
fn parts(verify: &Verify, judges: &[Asked], headers: &[Read]) -> Result<Vec<Part>, String> {
    let flags = verify.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut parts = Vec::new();
    for (judge, asked) in judges.iter().enumerate() {
        for (header, read) in headers.iter().enumerate() {
            check_interrupt()?;
            let subject = &read.found.subject;
            let mut part = Part {
                judge,
                header,
                n_facts: 0,
                layouts: Vec::new(),
                results: Vec::new(),
                skipped: Vec::new(),
            };
            match layout::ask_data(&asked.judge, &flags, &subject.block.code, subject) {
                Ok(replies) => {
                    part.n_facts = replies.len();
                    for (fact, reply) in replies {
                        part.take(fact, reply);
                    }
                }
                Err(error) => part.skipped.push(Left {
                    name: "sizes and offsets".into(),
                    key: REFUSED,
                    why: refusal(&error),
                }),
            }
            parts.push(part);
        }
    }
    Ok(parts)
}

pub(super) fn refusal(error: &JudgeError) -> String {
    match error {
        JudgeError::Refused { messages, .. } => first_error(messages),
        other => other.to_string(),
    }
}
