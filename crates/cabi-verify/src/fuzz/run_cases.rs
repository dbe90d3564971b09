//! What becomes of signatures under one reference: layouts compared, calls made in both directions, failures tried again C to C.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cabi::BitFieldStyle;

use super::Compared;
use super::signatures::{Signatures, signature_of};
use crate::build::{Built, ReferenceError, Refused, first_error, needs};
use crate::case::{Case, Subject};
use crate::check::layout::{Answer, Table, ask, facts};
use crate::generate::Signature;
use crate::verdict::{Difference, Verdict};

use crate::run::loaded::LoadedCode;
use crate::verify::units::{self, Calls, Code, Loaded};
use crate::verify::{Compiler, OtherSide, known_bug, known_initializer_bug};

/// How signatures are tried.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// What the C sides are optimized with; nothing where the reference compiler's command says it.
    pub(super) optimize: Option<&'static str>,
    /// Turns settings and variants.
    pub(super) turn: usize,
}

/// Signatures whose C sides are compiled.
pub(super) struct Compiled<'a> {
    compiler: &'a Compiler,
    signatures: Signatures,
    mode: Mode,
    /// With nothing to run there is none.
    built: Option<Built>,
}

impl Compiled<'_> {
    fn load(&self) -> Result<Option<Loaded>, ReferenceError> {
        let Some(built) = &self.built else {
            return Ok(None);
        };
        let left = self.signatures.left();
        let cases: Vec<&Case> = left.flat_map(|(_, one)| &one.cases).collect();
        let code = match &self.compiler.programs {
            Some(target) => Code::InPrograms(built.clone(), target.clone()),
            None => Code::Here(LoadedCode::of_built(built, &cases)?),
        };
        let cases = cases.into_iter().cloned().collect();
        let flags: Vec<&str> = self.mode.optimize.into_iter().collect();
        let (compiler, turn) = (self.compiler, self.mode.turn);
        Ok(Some(Loaded::of_code(compiler, &flags, turn, cases, code)))
    }
}

/// Compiles `signatures`.
///
/// # Errors
/// A compiler that cannot be started.
pub(super) fn compile<'a>(
    compiler: &'a Compiler,
    signatures: &[Signature],
    mode: Mode,
) -> Result<Compiled<'a>, String> {
    let mut signatures = Signatures::build(signatures, compiler);
    // That of the last file, which is the one that was accepted, if one was.
    let table = Mutex::default();
    let layouts = |chosen: &[usize]| {
        let chosen = signatures.chosen(chosen).into_iter();
        let subjects: Vec<&Subject> = chosen.map(|(_, one)| one).collect();
        let own = Table::of(&subjects);
        let text = own.text();
        *table.lock().unwrap_or_else(PoisonError::into_inner) = own;
        text
    };
    let unit = signatures.unit(&compiler.reference, mode.optimize, &layouts);
    let compiled = unit.compile().map_err(|error| error.to_string())?;
    let mut verdicts = Vec::new();
    for Refused { cases, why } in &compiled.refused {
        for (i, one) in signatures.chosen(cases) {
            verdicts.push((i, refused(compiler, one, why)));
        }
    }
    if let Some(built) = &compiled.built {
        let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
        verdicts.extend(layouts_differ(compiler, &signatures, &table, built)?);
    }
    for (i, verdict) in verdicts {
        signatures.decide(i, verdict);
    }
    Ok(Compiled {
        compiler,
        signatures,
        mode,
        built: compiled.built,
    })
}

/// What compilers are known to refuse of what is drawn, by their words. Any other refusal hides something, unless a type is one that this
/// compiler has not got.
const REFUSALS: [&str; 3] = [
    "flexible array member in a struct with no named members",
    // clang, for AArch64.
    "signed _BitInt of bit sizes greater than 128 not supported",
    "unsigned _BitInt of bit sizes greater than 128 not supported",
];

fn refused(compiler: &Compiler, subject: &Subject, error: &ReferenceError) -> Compared {
    let why = error
        .messages()
        .map_or_else(|| error.to_string(), first_error);
    if let ReferenceError::Crashed { .. } = error {
        let why = format!("the compiler crashes: {why}");
        return theirs(compiler, subject, why, known_bug);
    }
    let lacks = |capability| compiler.reference.has(capability).is_err();
    if REFUSALS.contains(&why.as_str()) || needs(&subject.block).into_iter().any(lacks) {
        return Verdict::NotRun(format!("the compiler: {why}")).into();
    }
    Verdict::Differs(format!("refused by the compiler: {why}").into()).into()
}

/// Something that the compiler's own words, or its own program, show; `known` is asked for its name.
fn theirs(
    compiler: &Compiler,
    subject: &Subject,
    why: String,
    known: fn(&str, &Case) -> Option<&'static str>,
) -> Compared {
    let name = compiler.reference.name();
    Compared {
        known: subject.cases.iter().find_map(|case| known(name, case)),
        ..Verdict::SelfInconsistent(why.into()).into()
    }
}

/// The signatures whose layouts differ: values of other sizes cannot be sent.
fn layouts_differ(
    compiler: &Compiler,
    signatures: &Signatures,
    table: &Table,
    built: &Built,
) -> Result<Vec<(usize, Compared)>, String> {
    let answers = table.answers(built).map_err(|error| error.to_string())?;
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    // A member is aligned to more there than its type, where a typedef lowers that: offsets of members tell.
    let is_ms = compiler.target().data_model().bit_fields == BitFieldStyle::Ms;
    let is_asked = |what: &str| !(is_ms && what.starts_with("alignment of "));
    for (fact, theirs) in table.facts().iter().zip::<Vec<Answer>>(answers) {
        if let Some(i) = signature_of(&fact.block)
            && theirs != fact.ours
            && is_asked(&fact.what)
        {
            let what = fact.what.replace(&format!("r{i}_"), "");
            let why = || format!("layout: {what} is {theirs}, ours {}", fact.ours);
            wrong.entry(i).or_insert_with(why);
        }
    }
    let verdict = |(i, one): (usize, &Subject)| {
        let why = wrong.remove(&i)?;
        let is_bit_field = why.starts_with("layout: bits of ");
        let verdict = if is_bit_field && agrees_when_run(compiler, one) {
            let why = format!("its initializers and its assignments differ: {why}");
            theirs(compiler, one, why, known_initializer_bug)
        } else {
            Verdict::Differs(why.into()).into()
        };
        Some((i, verdict))
    };
    Ok(signatures.left().filter_map(verdict).collect())
}

/// Whether the layouts are ours to a program that sets bit-fields and looks, where in the table the compiler initializes them.
fn agrees_when_run(compiler: &Compiler, subject: &Subject) -> bool {
    let ours = facts(&[subject]).into_iter().map(|fact| Some(fact.ours));
    let asked = ask(
        &compiler.reference,
        compiler.programs.as_deref(),
        &[subject],
    );
    asked.is_ok_and(|theirs| ours.eq(theirs))
}

/// Makes the calls of all units in child processes: one verdict for each signature of each unit.
///
/// # Errors
/// No child can be made, or an interrupt.
pub(super) fn run_cases(
    ranges: Vec<Compiled<'_>>,
    way: OtherSide,
    calls: &Calls<'_>,
) -> Result<Vec<Vec<Compared>>, String> {
    let (mut ran, mut all, mut of_unit) = (Vec::new(), Vec::new(), Vec::new());
    for (number, mut compiled) in ranges.into_iter().enumerate() {
        let loaded = match compiled.load() {
            Ok(loaded) => loaded,
            Err(error @ ReferenceError::Unloadable { .. }) => {
                let left: Vec<usize> = compiled.signatures.left().map(|(i, _)| i).collect();
                for i in left {
                    let why = error.to_string();
                    compiled.signatures.decide(i, Verdict::Differs(why.into()));
                }
                None
            }
            Err(error) => return Err(error.to_string()),
        };
        of_unit.extend(loaded.iter().map(|_| number));
        all.extend(loaded);
        ran.push((compiled.signatures, Vec::new()));
    }
    let called = units::run(&all, way, calls, &|_, _, _| {});
    let called = called.map_err(|error| error.to_string())?;
    for (number, called) in of_unit.into_iter().zip(called) {
        if let Some((_, own)) = ran.get_mut(number) {
            *own = called;
        }
    }
    Ok(ran
        .into_iter()
        .map(|(signatures, called)| compared(signatures, &called))
        .collect())
}

/// One verdict for each signature of a unit, of what was called of it: one direction stands after the other.
fn compared(signatures: Signatures, called: &[units::Called]) -> Vec<Compared> {
    let (calls, callees) = called.split_at(called.len() / 2);
    let mut both = calls.iter().zip(callees);
    let one = |one: Result<Subject, Box<Compared>>| match one {
        Err(decided) => *decided,
        Ok(mut subject) => match both.next() {
            Some((call, callee)) => Compared {
                case: subject.cases.pop(),
                ..of_both([call, callee])
            },
            None => Verdict::Differs("nothing became of it".into()).into(),
        },
    };
    signatures.0.into_iter().map(one).collect()
}

/// The verdict of both directions.
fn of_both(both: [&units::Called; 2]) -> Compared {
    let (mut calls, mut not_lowered, mut inconsistent) = (0, None, None);
    for called in both {
        let inside = |found: &Difference| found.clone().inside(called.direction.name());
        match &called.verdict {
            Verdict::Passed(n) => calls += n,
            Verdict::NotLowered(why) | Verdict::NotRun(why) => not_lowered = Some(why.clone()),
            Verdict::SelfInconsistent(found) => {
                let mut found = inside(found);
                if let Some(shown) = &called.shown {
                    let says = format!("; a program of the compiler alone: {}", shown.says);
                    found.why.push_str(&says);
                }
                let known = called.shown.as_ref().and_then(|shown| shown.known);
                inconsistent = Some((found, known));
            }
            Verdict::Differs(found) => return Verdict::Differs(inside(found)).into(),
        }
    }
    match (inconsistent, not_lowered) {
        (Some((found, known)), _) => Compared {
            known,
            ..Verdict::SelfInconsistent(found).into()
        },
        (None, Some(why)) if calls == 0 => Verdict::NotLowered(why).into(),
        (None, one_direction) => Compared {
            one_direction,
            ..Verdict::Passed(calls).into()
        },
    }
}
