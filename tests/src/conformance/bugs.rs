//! The compiler bugs of `expected.toml`, each looked at again: is it still there, and at which levels of optimization?

use std::collections::BTreeMap;

use cabi::Policy;
use cabi_verify::build::{Reference, ReferenceError};
use cabi_verify::case::Subject;
use cabi_verify::check::layout::{Reply, ask_data};
use cabi_verify::report::expected::{Bug, Expected, Shows};
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{Called, OtherSide};

use super::compilers::{PageCompiler, run as ask};
use crate::compiled::{File, admits};
use crate::suite::Result;

/// The levels of optimization at which bugs of C compilers are looked for.
const C_LEVELS: [&str; 3] = ["-O0", "-O1", "-O2"];

/// A bug and where it shows.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The bug.
    pub bug: Bug,
    /// Its declaration.
    subject: Subject,
    looks: Vec<Look>,
}

/// What a compiler shows of a bug at a level of optimization.
#[derive(Clone, Copy, Debug)]
struct Look {
    compiler: &'static str,
    level: &'static str,
    shows: bool,
    /// Whether its own caller and callee agree then; `None` where they were not asked.
    agrees: Option<bool>,
}

impl Seen {
    /// What the compilers show that have it.
    fn own(&self) -> impl Iterator<Item = &Look> {
        self.looks.iter().filter(|one| self.bug.is_of(one.compiler))
    }

    /// Its declarations in one line, with its unnamed arguments and vector levels.
    pub fn code(&self) -> String {
        let block = &self.subject.block;
        let mut line = block.code.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(unnamed) = &block.unnamed {
            line.push_str(&format!(" /* ... = {unnamed} */"));
        }
        for feature in &block.features {
            line.push_str(&format!(" /* -m{feature} */"));
        }
        line
    }

    /// Whether one of its own compilers was asked.
    pub fn is_asked(&self) -> bool {
        self.own().next().is_some()
    }

    /// The levels of optimization at which its compiler shows it. None: it is gone, or was never there.
    pub fn levels(&self) -> Vec<&'static str> {
        let mut levels = Vec::new();
        for one in self.own().filter(|one| one.shows) {
            if !levels.contains(&one.level) {
                levels.push(one.level);
            }
        }
        levels
    }

    /// Whether its compiler's own caller and callee agree wherever it shows; `None` where they were not asked.
    pub fn agrees(&self) -> Option<bool> {
        let shown = self.own().filter(|one| one.shows);
        shown.filter_map(|one| one.agrees).reduce(|a, b| a && b)
    }

    /// What is wrong with the list, if something is.
    pub fn objection(&self) -> Option<String> {
        let name = &self.bug.name;
        let shows = |compiler| {
            let mut looks = self.looks.iter();
            looks.any(|one| one.compiler == compiler && one.shows)
        };
        let hidden = self.own().find(|one| !shows(one.compiler));
        if let Some(Look { compiler, .. }) = hidden.filter(|_| !self.bug.by_chance) {
            return Some(format!("{name}: {compiler} does not show this bug"));
        }
        let mut looks = self.looks.iter();
        let other = looks.find(|one| one.shows && !self.bug.is_of(one.compiler))?;
        let other = other.compiler;
        Some(format!("{name}: {other} shows it too: then it may be ours"))
    }
}

/// Looks at every bug; `corpus` has the samples of some.
pub fn run(asked: &[PageCompiler], expected: &Expected, corpus: &[Subject]) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for bug in &expected.bugs {
        let found = subject(bug, corpus);
        seen.push(Seen {
            bug: bug.clone(),
            subject: found.map_err(|why| format!("{}: {why}", bug.name))?,
            looks: Vec::new(),
        });
    }
    let questions = questions(asked, &mut seen)?;
    let files = questions.iter().enumerate();
    let files = files.map(|(part, (at, look, compiler))| {
        let subject = &seen[*at].subject;
        File {
            part,
            compiler,
            optimize: look.level,
            // All of its functions: one may be spoiled by another.
            entries: subject.cases.iter().map(|case| (subject, case)).collect(),
        }
    });
    let files: Vec<File<'_>> = files.collect();
    let mut refused = BTreeMap::new();
    let called = ask(&files, OtherSide::Both, |file, _, why| {
        let crashed = matches!(why, ReferenceError::Crashed { .. });
        refused.insert(file.part, (crashed, why.to_string()));
    })?;
    let called: BTreeMap<usize, Vec<Called>> = called.into_iter().collect();
    for (number, &(at, look, _)) in questions.iter().enumerate() {
        let seen = &mut seen[at];
        let own = called.get(&number).map(Vec::as_slice).unwrap_or_default();
        let shown = shown(&seen.bug, own, &seen.subject, refused.get(&number));
        let (shows, agrees) = shown.map_err(|why| format!("{}: {why}", seen.bug.name))?;
        seen.looks.push(Look {
            shows,
            agrees,
            ..look
        });
    }
    Ok(seen)
}

/// Which bugs calls are to show, by their places in the list, and who is asked at which level. What initializers show is added to `seen`.
fn questions(asked: &[PageCompiler], seen: &mut [Seen]) -> Result<Vec<(usize, Look, Compiler)>> {
    let mut questions = Vec::new();
    for (
        at,
        Seen {
            bug,
            subject,
            looks,
        },
    ) in seen.iter_mut().enumerate()
    {
        for one in asked.iter().filter(|one| one.is_here()) {
            // What is no bug of Zig's, Zig is not asked about: it has few words for these types.
            let is_c = one.is_of_c() && admits(one.first(), &subject.block).is_ok();
            if !bug.is_of(one.name) && !is_c {
                continue;
            }
            for (level, compiler) in one.levels(&C_LEVELS) {
                let mut look = Look {
                    compiler: one.name,
                    level,
                    shows: false,
                    agrees: None,
                };
                if bug.shows == Shows::Initializer && one.is_of_c() {
                    look.shows = shows_in_initializer(&compiler.reference, level, subject)?;
                    looks.push(look);
                    continue;
                }
                let policy = policy(compiler.policy, subject);
                let compiler = compiler.clone();
                questions.push((at, look, Compiler { policy, ..compiler }));
            }
        }
    }
    Ok(questions)
}

/// The bug's block: one of the corpus, or its own.
pub fn subject(bug: &Bug, corpus: &[Subject]) -> Result<Subject> {
    if let Some(case) = &bug.case {
        let found = corpus.iter().find(|subject| subject.block.name == *case);
        let found = found.cloned();
        return found.ok_or_else(|| format!("no block is called {case}").into());
    }
    let Bug { name, code, .. } = bug;
    let code = code.as_deref().unwrap_or_default();
    let text = format!(
        "== {name}
proves: {name}
{code}"
    );
    Ok(Subject::parse(&text)?)
}

/// Whether the bug shows in what became of the functions of `subject`, and whether the compiler's own caller and callee agree there. `refused` says whether
/// the compiler crashes, and its words.
fn shown(
    bug: &Bug,
    called: &[Called],
    subject: &Subject,
    refused: Option<&(bool, String)>,
) -> Result<(bool, Option<bool>)> {
    let stopped = Ok((bug.shows == Shows::Compilation, None));
    match refused {
        Some((true, _)) => return stopped,
        Some((false, why)) => return Err(why.as_str().into()),
        None => {}
    }
    let first = subject.cases.first().ok_or("it declares no function")?;
    let own = called.iter().filter(|one| one.case.name == first.name);
    let verdicts: Vec<&Verdict> = own.map(|one| &one.verdict).collect();
    let missing = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::NotRun(why) => Some(why.as_str()),
        _ => None,
    });
    let missing: Vec<&str> = missing.collect();
    if missing.iter().any(|why| why.starts_with("Zig refuses")) {
        return stopped;
    }
    let is_wrong = verdicts.iter().any(|one| one.difference().is_some());
    let is_inconsistent = |one: &&Verdict| matches!(one, Verdict::SelfInconsistent(_));
    let agrees = !verdicts.iter().any(is_inconsistent);
    match (bug.shows, missing.first()) {
        _ if verdicts.len() != 2 => Err("it was not run".into()),
        (_, Some(why)) if missing.len() == 2 => Err((*why).into()),
        (Shows::Calls, Some(why)) => Err((*why).into()),
        (Shows::Calls, None) => Ok((!agrees, Some(agrees))),
        (Shows::Placement, missing) => Ok((is_wrong, missing.is_none().then_some(agrees))),
        (Shows::Compilation | Shows::Initializer, _) => Ok((false, None)),
    }
}

/// Whether an initializer loses bits, and nothing else differs.
fn shows_in_initializer(reference: &Reference, level: &str, subject: &Subject) -> Result<bool> {
    let replies = ask_data(reference, &[level], &subject.block.code, subject)?;
    let differs = replies
        .iter()
        .filter(|(fact, reply)| *reply != Reply::Is(fact.ours.clone()));
    let mut lost =
        differs.map(|(fact, reply)| matches!(reply, Reply::Is(theirs) if fact.is_lost(theirs)));
    Ok(lost.next() == Some(true) && lost.all(|lost| lost))
}

/// The choices by which the bug's case has places. The compiler's profile may refuse what it has no rule for: then the psABI's own rule is what it does
/// not follow.
fn policy(own: Policy, subject: &Subject) -> Policy {
    let without = own.without(Policy::INT128_USES_UP_INTEGER_REGISTERS);
    let mut placed = [own, without, Policy::GCC, Policy::CLANG].into_iter();
    let has_places = |policy: &Policy| {
        let case = subject.cases.first();
        case.is_some_and(|case| case.abi_under(*policy).is_ok())
    };
    placed.find(has_places).unwrap_or(own)
}
