//! What becomes of signatures under one judge: layouts compared, calls made in both directions, failures tried again C to C.

use std::collections::BTreeMap;

use cabi::Policy;

use super::sheet::{Entry, Sheet, marked};
use super::{Verdict, Who};
use crate::case::{Case, Subject};
use crate::child;
use crate::generate::Signature;
use crate::halves::Halves;
use crate::interop::{Difference, Direction};
use crate::judge::{Built, JudgeError, first_error, needs, says_that_it_crashed};
use crate::layout::{Answer, Table, ask, facts};
use crate::verify::batch::{self, Calls, Loaded};
use crate::verify::{Compiler, Way, known_bug};

/// How signatures are tried.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// What the C halves are optimized with; nothing where the judge's command says it.
    pub(super) optimize: Option<&'static str>,
    /// Turns settings and variants.
    pub(super) turn: usize,
}

/// A sheet whose C halves are compiled.
pub(super) struct Compiled {
    sheet: Sheet,
    turn: usize,
    policy: Policy,
    /// With nothing to run there is none.
    built: Option<Built>,
}

impl Compiled {
    fn load(&self) -> Result<Option<Loaded>, JudgeError> {
        let Some(built) = &self.built else {
            return Ok(None);
        };
        let cases: Vec<&Case> = self.sheet.entries.iter().map(Entry::case).collect();
        let halves = Halves::of_built(built, &cases)?;
        let cases = cases.into_iter().cloned().collect();
        Ok(Some(Loaded::of_halves(
            0,
            self.turn,
            cases,
            self.policy,
            halves,
        )))
    }
}

/// What became of a signature.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// How it was understood, if it was.
    pub(super) case: Option<Case>,
}

/// Compiles `signatures`.
///
/// # Errors
/// A compiler that cannot be started.
pub(super) fn compile(
    compiler: &Compiler,
    signatures: &[Signature],
    mode: Mode,
) -> Result<Compiled, String> {
    let mut sheet = Sheet::build(signatures, compiler.policy, compiler.level);
    let mut compiled = None;
    while !sheet.entries.is_empty() && compiled.is_none() && !child::was_interrupted() {
        let table = sheet.table();
        match build(compiler, &sheet.text(&table), mode.optimize) {
            Ok(built) => {
                compare(compiler, &mut sheet, &table, &built)?;
                compiled = Some(built);
            }
            Err(error) => {
                let messages = error.messages().ok_or_else(|| error.to_string())?;
                let blamed = blamed(compiler, &sheet, messages, mode.optimize)?;
                let verdicts = sheet.entries.iter().filter_map(|entry| {
                    let messages = blamed.get(&entry.index)?;
                    Some((entry.index, refused(compiler, entry.subject(), messages)))
                });
                let verdicts = verdicts.collect();
                sheet.decide_all(verdicts);
            }
        }
    }
    Ok(Compiled {
        sheet,
        turn: mode.turn,
        policy: compiler.policy,
        built: compiled,
    })
}

fn build(compiler: &Compiler, text: &str, optimize: Option<&str>) -> Result<Built, JudgeError> {
    // What is not asked about need not be made.
    let mut flags = vec![
        "-fno-lto",
        "-w",
        "-fno-asynchronous-unwind-tables",
        "-Wno-psabi",
    ];
    // See `copies.rs`.
    flags.push("-fno-strict-aliasing");
    flags.extend(optimize);
    if compiler.judge.name() == "clang" {
        // Every wrong signature is to be known at once.
        flags.push("-ferror-limit=0");
    }
    compiler.judge.build(text, &flags)
}

/// The signatures that the compiler's messages are about, each with its first one; if they are about none, what compiling each alone says.
fn blamed(
    compiler: &Compiler,
    sheet: &Sheet,
    messages: &str,
    optimize: Option<&str>,
) -> Result<BTreeMap<usize, String>, String> {
    let mut blamed: BTreeMap<usize, String> = BTreeMap::new();
    for line in messages.lines().filter(|line| line.contains("error:")) {
        let file = line.split(':').next().unwrap_or_default();
        if let Some(i) = marked(file) {
            blamed.entry(i).or_insert_with(|| line.to_owned());
        }
    }
    if !blamed.is_empty() {
        return Ok(blamed);
    }
    for entry in &sheet.entries {
        let alone = sheet.alone(entry.index);
        match build(compiler, &alone.text(&alone.table()), optimize) {
            Ok(_) => {}
            Err(error) => {
                let messages = error.messages().ok_or_else(|| error.to_string())?;
                blamed.insert(entry.index, messages.to_owned());
            }
        }
    }
    if blamed.is_empty() {
        return Err(format!("{}: {}", compiler.judge, first_error(messages)));
    }
    Ok(blamed)
}

/// What compilers are known to refuse of what is drawn, by their words. Any other refusal hides something, unless a type is one that this
/// compiler has not got.
const REFUSALS: [&str; 1] = ["flexible array member in a struct with no named members"];

fn refused(compiler: &Compiler, subject: &Subject, messages: &str) -> Verdict {
    let why = first_error(messages);
    if says_that_it_crashed(messages) {
        return theirs(compiler, subject, format!("the compiler crashes: {why}"));
    }
    let lacks = |capability| compiler.judge.has(capability).is_err();
    if REFUSALS.contains(&why.as_str()) || needs(&subject.block).into_iter().any(lacks) {
        let who = Who::Judge;
        return Verdict::NotRun { who, why };
    }
    Verdict::Differs(format!("refused by the compiler: {why}").into())
}

/// Something that the compiler's own words, or its own program, show.
fn theirs(compiler: &Compiler, subject: &Subject, why: String) -> Verdict {
    let name = compiler.judge.name();
    let known = subject.cases.iter().find_map(|case| known_bug(name, case));
    Verdict::Theirs {
        why,
        known,
        shown: true,
    }
}

/// Compares the layouts, and takes those out that differ: values of other sizes cannot be sent.
fn compare(
    compiler: &Compiler,
    sheet: &mut Sheet,
    table: &Table,
    built: &Built,
) -> Result<(), String> {
    let answers = table.answers(built).map_err(|error| error.to_string())?;
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    for (fact, theirs) in table.facts().iter().zip::<Vec<Answer>>(answers) {
        if let Some(i) = marked(&fact.block)
            && theirs != fact.ours
        {
            let own = |text: &str| text.replace(&format!("r{i}_"), "");
            let why = format!(
                "layout: {} is {theirs}, ours {}",
                own(&fact.what),
                fact.ours
            );
            wrong.entry(i).or_insert(why);
        }
    }
    let differ = sheet.entries.iter().filter_map(|entry| {
        let why = wrong.get(&entry.index)?.clone();
        let is_bit_field = why.starts_with("layout: bits of ");
        let verdict = if is_bit_field && agrees_when_run(compiler, entry.subject()) {
            let why = format!("its initializers and its assignments differ: {why}");
            theirs(compiler, entry.subject(), why)
        } else {
            Verdict::Differs(why.into())
        };
        Some((entry.index, verdict))
    });
    let verdicts: BTreeMap<usize, Verdict> = differ.collect();
    sheet.decide_all(verdicts);
    Ok(())
}

/// Whether the layouts are ours to a program that sets bit-fields and looks, where in the table the compiler initializes them.
fn agrees_when_run(compiler: &Compiler, subject: &Subject) -> bool {
    let ours = facts(&[subject]).into_iter().map(|fact| Some(fact.ours));
    ask(&compiler.judge, &[subject]).is_ok_and(|theirs| ours.eq(theirs))
}

/// Makes the calls of all sheets in child processes: one verdict for each signature of each sheet.
///
/// # Errors
/// No child can be made, or an interrupt.
pub(super) fn play(
    sheets: Vec<Compiled>,
    way: Way,
    calls: &Calls<'_>,
) -> Result<Vec<Vec<Judged>>, String> {
    let (mut played, mut all, mut of_sheet) = (Vec::new(), Vec::new(), Vec::new());
    for (number, mut compiled) in sheets.into_iter().enumerate() {
        let loaded = match compiled.load() {
            Ok(loaded) => loaded,
            Err(error @ JudgeError::Unloadable { .. }) => {
                compiled.sheet.fail_all(&error.to_string());
                None
            }
            Err(error) => return Err(error.to_string()),
        };
        of_sheet.extend(loaded.iter().map(|_| number));
        all.extend(loaded);
        played.push((compiled.sheet, Vec::new()));
    }
    let called = match way {
        Way::Images => batch::probe(&all, calls.mistake, calls.at_once, &|_, _, _| {}),
        Way::Cranelift => batch::call(&all, calls, &|_, _, _| {}),
    };
    let called = called.map_err(|error| error.to_string())?;
    for (number, called) in of_sheet.into_iter().zip(called) {
        if let Some((_, own)) = played.get_mut(number) {
            *own = called;
        }
    }
    Ok(played
        .into_iter()
        .map(|(sheet, called)| judged(sheet, &called))
        .collect())
}

/// One verdict for each signature of a sheet, of what was called of it.
fn judged(sheet: Sheet, called: &[batch::Called]) -> Vec<Judged> {
    let n = sheet.entries.len();
    let mut judged: Vec<Judged> = sheet
        .verdicts
        .into_iter()
        .map(|verdict| Judged {
            verdict: verdict.unwrap_or_else(|| Verdict::Differs("nothing became of it".into())),
            case: None,
        })
        .collect();
    for (at, entry) in sheet.entries.into_iter().enumerate() {
        // One direction stands behind the other.
        let both = Direction::ALL.iter().enumerate();
        let both = both.filter_map(|(i, _)| called.get(i * n + at));
        let verdict = verdict(both);
        if let Some(place) = judged.get_mut(entry.index) {
            *place = Judged {
                verdict,
                case: Some(entry.into_case()),
            };
        }
    }
    judged
}

/// The verdict of both directions.
fn verdict<'a>(both: impl Iterator<Item = &'a batch::Called>) -> Verdict {
    let (mut calls, mut not_lowered, mut theirs) = (0, None, None);
    for called in both {
        let inside = |found: &Difference| found.clone().inside(called.direction.name());
        match &called.verdict {
            batch::Verdict::Passed(n) => calls += n,
            batch::Verdict::NotLowered(why) => not_lowered = Some(why.clone()),
            batch::Verdict::AgainstItself(found) => theirs = Some(inside(found).why),
            batch::Verdict::Differs(found) => return Verdict::Differs(inside(found)),
        }
    }
    match theirs {
        Some(why) => Verdict::Theirs {
            why,
            known: None,
            shown: false,
        },
        None => Verdict::Same { calls, not_lowered },
    }
}
