//! The compiler bugs of `expected.toml`, each looked at again: is it still there, and at which levels of optimization?

use cabi::{FnSig, Policy};
use cabi_verify::build::{Reference, ReferenceError};
use cabi_verify::case::{Case, Entry, Subject};
use cabi_verify::check::calls::{Direction, N_BUFFERS, reference_agrees};
use cabi_verify::check::layout::{Fact, Reply, ask, ask_data};
use cabi_verify::corpus::CorpusFile;
use cabi_verify::report::Report;
use cabi_verify::report::expected::{Bug, Expected, Shows};
use cabi_verify::run::guard::GuardedBuffers;
use clif_cabi_jit::Settings;

use super::asked::{Asked, Compiled, Maker, ToMake};
use super::{at_every_phase, check_places, passes};
use crate::corpus::Corpus;
use crate::suite::Result;

/// The levels of optimization at which bugs of C compilers are looked for.
const C_LEVELS: [&str; 3] = ["-O0", "-O1", "-O2"];

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
    /// Those of its own that were asked.
    pub asked: Vec<&'static str>,
    /// Those of them that show it.
    pub shown: Vec<&'static str>,
    /// Whether its compiler's own caller and callee agree wherever it shows; `None` where they were not asked.
    pub agrees: Option<bool>,
}

impl Seen {
    fn new(bug: &Bug, subject: &Subject) -> Self {
        Self {
            bug: bug.clone(),
            code: one_line(subject),
            levels: Vec::new(),
            others: Vec::new(),
            asked: Vec::new(),
            shown: Vec::new(),
            agrees: None,
        }
    }

    fn note(&mut self, asked: &Asked<'_>, level: &'static str, look: Look) {
        let other = || asked.name.to_owned();
        let own = self.bug.is_of(asked.name);
        if own && !self.asked.contains(&asked.name) {
            self.asked.push(asked.name);
        }
        match look {
            Look::Hidden => {}
            Look::Shows { agrees } if own => {
                if !self.shown.contains(&asked.name) {
                    self.shown.push(asked.name);
                }
                if !self.levels.contains(&level) {
                    self.levels.push(level);
                }
                self.agrees = match (self.agrees, agrees) {
                    (Some(before), Some(now)) => Some(before && now),
                    (before, now) => before.or(now),
                };
            }
            Look::Shows { .. } if self.others.contains(&other()) => {}
            Look::Shows { .. } => self.others.push(other()),
        }
    }

    /// What is wrong with the list, if something is.
    pub fn objection(&self) -> Option<String> {
        let name = &self.bug.name;
        let mut hidden = self.asked.iter().filter(|one| !self.shown.contains(one));
        if let Some(compiler) = hidden.next().filter(|_| !self.bug.by_chance) {
            return Some(format!("{name}: {compiler} does not show this bug"));
        }
        let other = self.others.first()?;
        Some(format!("{name}: {other} shows it too: then it may be ours"))
    }
}

/// Looks at every bug.
pub fn run(asked: &[Asked<'_>], expected: &Expected) -> Result<Vec<Seen>> {
    let mut report = Report::new("conformance");
    let corpus = Corpus::read("x86-64-sysv", "conformance", &mut report)?;
    let buffers = GuardedBuffers::new(N_BUFFERS, 1 << 16)?;
    let mut subjects = Vec::new();
    for bug in &expected.bugs {
        let found = subject(bug, &corpus.subjects);
        subjects.push(found.map_err(|why| format!("{}: {why}", bug.name))?);
    }
    let (mut looks, mut files) = (Vec::new(), Vec::new());
    for (at, (bug, subject)) in expected.bugs.iter().zip(&subjects).enumerate() {
        for one in asked {
            // What is no bug of Zig's, Zig is not asked about: it has few words for these types.
            let is_c = matches!(one.maker, Maker::C(_)) && one.admits(&subject.block).is_ok();
            if !bug.is_of(one.name) && !is_c {
                continue;
            }
            // All of its functions: one may be spoiled by another.
            let entries: Vec<Entry<'_>> =
                subject.cases.iter().map(|case| (subject, case)).collect();
            for level in levels_of(one) {
                looks.push((at, one));
                files.push(ToMake::new(*one, level, &entries));
            }
        }
    }
    let compiled = ToMake::compile_all(&files);
    let seen = expected.bugs.iter().zip(&subjects);
    let mut seen: Vec<Seen> = seen.map(|(bug, subject)| Seen::new(bug, subject)).collect();
    for (((at, one), file), compiled) in looks.into_iter().zip(files).zip(compiled) {
        let (seen, level) = (&mut seen[at], file.level);
        let look = look(&seen.bug, file, compiled, &subjects[at], &buffers);
        let look = look.map_err(|why| format!("{}: {why}", seen.bug.name))?;
        seen.note(one, level, look);
    }
    Ok(seen)
}

/// The declarations of a block in one line, with its unnamed arguments and vector levels.
pub(super) fn one_line(subject: &Subject) -> String {
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
pub fn subject(bug: &Bug, corpus: &[Subject]) -> Result<Subject> {
    if let Some(case) = &bug.case {
        let found = corpus.iter().find(|subject| subject.block.name == *case);
        let found = found.cloned();
        return found.ok_or_else(|| format!("no block is called {case}").into());
    }
    let mut text = format!("== {}\nproves: {}\n", bug.name, bug.name);
    if let Some(unnamed) = &bug.unnamed {
        text.push_str(&format!("unnamed: {unnamed}\n"));
    }
    if !bug.features.is_empty() {
        text.push_str(&format!("features: {}\n", bug.features.join(", ")));
    }
    text.push_str(bug.code.as_deref().unwrap_or_default());
    let file = CorpusFile::parse("expected.toml".as_ref(), &text)?;
    let block = file.blocks.first().ok_or("it has no declaration")?;
    Ok(Subject::read(block)?)
}

fn levels_of(asked: &Asked<'_>) -> Vec<&'static str> {
    match asked.maker {
        Maker::C(_) => C_LEVELS.to_vec(),
        Maker::Zig(..) => asked.levels(),
    }
}

/// What is seen of a bug.
enum Look {
    Hidden,
    Shows {
        /// Whether the compiler's own caller and callee agree.
        agrees: Option<bool>,
    },
}

impl Look {
    fn of(shows: bool, agrees: Option<bool>) -> Self {
        match shows {
            true => Self::Shows { agrees },
            false => Self::Hidden,
        }
    }
}

/// Whether the bug shows in what was `compiled` of `file`.
fn look(
    bug: &Bug,
    file: ToMake<'_>,
    compiled: Result<Compiled, ReferenceError>,
    subject: &Subject,
    buffers: &GuardedBuffers,
) -> Result<Look> {
    let Asked { policy, maker, .. } = file.asked;
    if bug.shows == Shows::Initializer {
        let Maker::C(reference) = maker else {
            return Ok(Look::Hidden);
        };
        let shows = shows_in_initializer(reference, file.level, subject)?;
        return Ok(Look::of(shows, None));
    }
    let stopped = Look::of(bug.shows == Shows::Compilation, None);
    let mut refused = None;
    let mut tell = |_: &Case, why: &ReferenceError| {
        refused = Some((
            matches!(why, ReferenceError::Crashed { .. }),
            why.to_string(),
        ));
    };
    let made = match compiled {
        Ok(compiled) => file.load(compiled, &mut tell)?,
        Err(ReferenceError::Crashed { .. }) => return Ok(stopped),
        Err(error) => return Err(error.into()),
    };
    let made = match (made, refused) {
        (_, Some((true, _))) => return Ok(stopped),
        (_, Some((false, why))) => return Err(why.into()),
        (made, None) => made.ok_or("nothing was compiled")?,
    };
    let missing = made.missing(0);
    if (missing.iter().flatten()).any(|why| why.starts_with("Zig refuses")) {
        return Ok(stopped);
    }
    if let [Some(why), Some(_)] = missing {
        return Err(why.into());
    }
    let there = made.directions(0);
    let case = subject.cases.first().ok_or("it declares no function")?;
    let sig = sig(policy, subject).ok_or("it has no place")?;
    let settings = Settings::default();
    let harness = made.harness(&settings, buffers);
    let agrees = || {
        if there.len() < Direction::ALL.len() {
            return Ok(None);
        }
        let once =
            || reference_agrees(&harness, case, sig.clone(), 0).map_err(|fault| fault.to_string());
        let agrees = passes(|| at_every_phase(&once).into());
        agrees.map(Some)
    };
    let is_placed = || passes(|| check_places(&made.code, &there, 0, case, &sig));
    Ok(match bug.shows {
        Shows::Calls => match agrees()? {
            Some(agrees) => Look::of(!agrees, Some(false)),
            None => return Err("it has no caller or no callee".into()),
        },
        Shows::Placement if is_placed()? => Look::Hidden,
        Shows::Placement => Look::of(true, agrees()?),
        Shows::Compilation | Shows::Initializer => Look::Hidden,
    })
}

/// Whether the bits of a member differ from ours where it is initialized, and are ours where it is assigned.
fn shows_in_initializer(reference: &Reference, level: &str, subject: &Subject) -> Result<bool> {
    let code = &subject.block.code;
    let data = ask_data(reference, &[level], code, subject)?;
    let run = ask(reference, None, subject)?;
    let ours = || data.iter().map(|(fact, _)| Some(&fact.ours));
    let is_ours = |(fact, reply): &(Fact, Reply)| *reply == Reply::Is(fact.ours.clone());
    Ok(!data.iter().all(is_ours) && ours().eq(run.iter().map(Option::as_ref)))
}

/// The signature of the bug's case. The profile may refuse what the compiler has no rule for: then the psABI's own rule is what it does
/// not follow.
fn sig(own: Policy, subject: &Subject) -> Option<FnSig> {
    let case = subject.cases.first()?;
    let without = own.without(Policy::INT128_USES_UP_INTEGER_REGISTERS);
    let mut placed = [own, without, Policy::GCC, Policy::CLANG]
        .into_iter()
        .filter_map(|policy| {
            case.abi_under(policy).ok()?;
            case.sig_under(policy).ok()
        });
    placed.next()
}
