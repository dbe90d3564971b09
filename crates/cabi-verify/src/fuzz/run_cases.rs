//! What becomes of signatures under one reference: layouts compared, calls made in both directions, failures tried again C to C.

use std::collections::BTreeMap;

use cabi::Policy;

use super::Compared;
use super::signatures::{Drawn, Signatures, signature_of};
use crate::build::{Built, ReferenceError, Refused, first_error, needs};
use crate::case::Direction;
use crate::case::{Case, Subject};
use crate::check::layout::{Answer, Table, ask, facts};
use crate::generate::Signature;
use crate::verdict::{Difference, Verdict};

use crate::run::loaded::LoadedCode;
use crate::verify::units::{self, Calls, Loaded};
use crate::verify::{Compiler, OtherSide, known_bug};

/// How signatures are tried.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    /// What the C sides are optimized with; nothing where the reference compiler's command says it.
    pub(super) optimize: Option<&'static str>,
    /// Turns settings and variants.
    pub(super) turn: usize,
}

/// Signatures whose C sides are compiled.
pub(super) struct Compiled {
    signatures: Signatures,
    turn: usize,
    policy: Policy,
    /// With nothing to run there is none.
    built: Option<Built>,
}

impl Compiled {
    fn load(&self) -> Result<Option<Loaded>, ReferenceError> {
        let Some(built) = &self.built else {
            return Ok(None);
        };
        let cases: Vec<&Case> = self.signatures.entries.iter().map(Drawn::case).collect();
        let code = LoadedCode::of_built(built, &cases)?;
        let cases = cases.into_iter().cloned().collect();
        Ok(Some(Loaded::of_code(
            0,
            self.turn,
            cases,
            self.policy,
            code,
        )))
    }
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
    let mut signatures = Signatures::build(signatures, compiler.policy, compiler.level);
    let layouts = |chosen: &[usize]| Table::of(&signatures.subjects(chosen)).text();
    let compiled = signatures
        .unit(&compiler.reference, mode.optimize, &layouts)
        .compile()
        .map_err(|error| error.to_string())?;
    let mut verdicts = BTreeMap::new();
    for Refused { cases, why } in &compiled.refused {
        for entry in cases.iter().filter_map(|at| signatures.entries.get(*at)) {
            verdicts.insert(entry.index, refused(compiler, entry.subject(), why));
        }
    }
    signatures.decide_all(verdicts);
    if let Some(built) = &compiled.built {
        let left: Vec<usize> = (0..signatures.entries.len()).collect();
        let table = Table::of(&signatures.subjects(&left));
        compare(compiler, &mut signatures, &table, built)?;
    }
    Ok(Compiled {
        signatures,
        turn: mode.turn,
        policy: compiler.policy,
        built: compiled.built,
    })
}

/// What compilers are known to refuse of what is drawn, by their words. Any other refusal hides something, unless a type is one that this
/// compiler has not got.
const REFUSALS: [&str; 1] = ["flexible array member in a struct with no named members"];

fn refused(compiler: &Compiler, subject: &Subject, error: &ReferenceError) -> Compared {
    let why = error
        .messages()
        .map_or_else(|| error.to_string(), first_error);
    if let ReferenceError::Crashed { .. } = error {
        return theirs(compiler, subject, format!("the compiler crashes: {why}"));
    }
    let lacks = |capability| compiler.reference.has(capability).is_err();
    if REFUSALS.contains(&why.as_str()) || needs(&subject.block).into_iter().any(lacks) {
        return Verdict::NotRun(format!("the compiler: {why}")).into();
    }
    Verdict::Differs(format!("refused by the compiler: {why}").into()).into()
}

/// Something that the compiler's own words, or its own program, show.
fn theirs(compiler: &Compiler, subject: &Subject, why: String) -> Compared {
    let name = compiler.reference.name();
    Compared {
        known: subject.cases.iter().find_map(|case| known_bug(name, case)),
        shown: true,
        ..Verdict::SelfInconsistent(why.into()).into()
    }
}

/// Compares the layouts, and takes those out that differ: values of other sizes cannot be sent.
fn compare(
    compiler: &Compiler,
    signatures: &mut Signatures,
    table: &Table,
    built: &Built,
) -> Result<(), String> {
    let answers = table.answers(built).map_err(|error| error.to_string())?;
    let mut wrong: BTreeMap<usize, String> = BTreeMap::new();
    for (fact, theirs) in table.facts().iter().zip::<Vec<Answer>>(answers) {
        if let Some(i) = signature_of(&fact.block)
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
    let differ = signatures.entries.iter().filter_map(|entry| {
        let why = wrong.get(&entry.index)?.clone();
        let is_bit_field = why.starts_with("layout: bits of ");
        let verdict = if is_bit_field && agrees_when_run(compiler, entry.subject()) {
            let why = format!("its initializers and its assignments differ: {why}");
            theirs(compiler, entry.subject(), why)
        } else {
            Verdict::Differs(why.into()).into()
        };
        Some((entry.index, verdict))
    });
    let verdicts: BTreeMap<usize, Compared> = differ.collect();
    signatures.decide_all(verdicts);
    Ok(())
}

/// Whether the layouts are ours to a program that sets bit-fields and looks, where in the table the compiler initializes them.
fn agrees_when_run(compiler: &Compiler, subject: &Subject) -> bool {
    let ours = facts(&[subject]).into_iter().map(|fact| Some(fact.ours));
    ask(&compiler.reference, &[subject]).is_ok_and(|theirs| ours.eq(theirs))
}

/// Makes the calls of all units in child processes: one verdict for each signature of each unit.
///
/// # Errors
/// No child can be made, or an interrupt.
pub(super) fn run_cases(
    ranges: Vec<Compiled>,
    way: OtherSide,
    calls: &Calls<'_>,
) -> Result<Vec<Vec<Compared>>, String> {
    let (mut ran, mut all, mut of_unit) = (Vec::new(), Vec::new(), Vec::new());
    for (number, mut compiled) in ranges.into_iter().enumerate() {
        let loaded = match compiled.load() {
            Ok(loaded) => loaded,
            Err(error @ ReferenceError::Unloadable { .. }) => {
                compiled.signatures.fail_all(&error.to_string());
                None
            }
            Err(error) => return Err(error.to_string()),
        };
        of_unit.extend(loaded.iter().map(|_| number));
        all.extend(loaded);
        ran.push((compiled.signatures, Vec::new()));
    }
    let called = match way {
        OtherSide::RegisterFile => units::probe(&all, calls.mistake, calls.at_once, &|_, _, _| {}),
        OtherSide::Cranelift => units::call(&all, calls, &|_, _, _| {}),
    };
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

/// One verdict for each signature of a unit, of what was called of it.
fn compared(signatures: Signatures, called: &[units::Called]) -> Vec<Compared> {
    let n = signatures.entries.len();
    let nothing = || Verdict::Differs("nothing became of it".into()).into();
    let verdicts = signatures.verdicts.into_iter();
    let mut compared: Vec<Compared> = verdicts
        .map(|verdict| verdict.unwrap_or_else(nothing))
        .collect();
    for (at, entry) in signatures.entries.into_iter().enumerate() {
        // One direction stands after the other.
        let both = Direction::ALL.iter().enumerate();
        let both = both.filter_map(|(i, _)| called.get(i * n + at));
        if let Some(place) = compared.get_mut(entry.index) {
            *place = of_both(both);
            place.case = Some(entry.into_case());
        }
    }
    compared
}

/// The verdict of both directions.
fn of_both<'a>(both: impl Iterator<Item = &'a units::Called>) -> Compared {
    let (mut calls, mut not_lowered, mut inconsistent) = (0, None, None);
    for called in both {
        let inside = |found: &Difference| found.clone().inside(called.direction.name());
        match &called.verdict {
            Verdict::Passed(n) => calls += n,
            Verdict::NotLowered(why) | Verdict::NotRun(why) => not_lowered = Some(why.clone()),
            Verdict::SelfInconsistent(found) => inconsistent = Some(inside(found)),
            Verdict::Differs(found) => return Verdict::Differs(inside(found)).into(),
        }
    }
    match (inconsistent, not_lowered) {
        (Some(found), _) => Verdict::SelfInconsistent(found).into(),
        (None, Some(why)) if calls == 0 => Verdict::NotLowered(why).into(),
        (None, one_direction) => Compared {
            one_direction,
            ..Verdict::Passed(calls).into()
        },
    }
}
