//! The runner of signatures that are drawn or enumerated: `cabi` builds the types of each, layouts
//! are compared, calls are made in both directions, and the outcomes are collected.
//!
//! ```text
//! signatures of one unit ──▶ types by `cabi` ──▶ their layouts as data, in one file of C
//!     ──▶ calls (verify::units) ──▶ Compared ──▶ Tally
//! ```
//!
//! [`fuzz`](crate::fuzz) has lists of signatures for it. The names of signature `i` start with
//! `r<i>_`, and a compiler takes its lines for those of a file `r<i>`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{BitFieldStyle, Error, RecordRules, Target};

use crate::build::{ReferenceError, first_error, needs};
use crate::case::Subject;
use crate::generate::CSignature;
use crate::layout::{Answer, Fact, ask_together};
use crate::threads::in_threads;
use crate::verdict::{Difference, Verdict};
use crate::verify::units::{self, CompiledUnit, Turn, Unit};
use crate::verify::{Compiler, Mistake};

/// Number of signatures in one file of C.
pub(crate) const PER_UNIT: usize = 256;

/// Signatures that share a file, and how they are tried.
pub(crate) struct SignatureUnit<'a> {
    pub(crate) compiler: &'a Compiler,
    pub(crate) signatures: Vec<CSignature>,
    /// Optimization flag of the C sides; none if the reference compiler's command has one.
    pub(crate) optimize: Option<&'static str>,
    /// Turns our side.
    pub(crate) turn: Turn,
}

/// Outcome of a signature in both directions.
pub(crate) struct SignatureOutcome {
    /// `Passed` with the calls of both directions; `NotLowered` if neither is lowered.
    pub(crate) verdict: Verdict,
    /// Why one direction is not lowered, if the other one is.
    pub(crate) one_direction: Option<String>,
}

impl SignatureUnit<'_> {
    /// Returns the flags of its files.
    fn flags(&self) -> Vec<&'static str> {
        // Unneeded tables are not made. gcc's `va_arg` of an HVA loses bytes by strict aliasing.
        let flags = [
            "-w",
            "-fno-asynchronous-unwind-tables",
            "-Wno-psabi",
            "-fno-strict-aliasing",
        ];
        flags.into_iter().chain(self.optimize).collect()
    }
}

impl From<Verdict> for SignatureOutcome {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            one_direction: None,
        }
    }
}

impl SignatureOutcome {
    pub(crate) fn why(&self) -> Option<&str> {
        self.verdict.difference().map(|found| found.why.as_str())
    }
}

/// Compiles and observes the signatures of `units`: of each unit one result for each of its
/// signatures.
///
/// # Errors
/// A compiler that cannot be started, an interrupt.
pub(crate) fn run(
    units: &[SignatureUnit<'_>],
    mistake: Mistake,
    at_once: usize,
) -> Result<Vec<Vec<SignatureOutcome>>, String> {
    let (mut typed_units, compiled) = compile(units, at_once)?;
    let verdicts = units::run(&compiled, mistake, at_once, &|_, _, _| {});
    let verdicts = verdicts.map_err(|error| error.to_string())?;
    for (unit, verdicts) in compiled.iter().zip(&verdicts) {
        typed_units[unit.part].take(verdicts);
    }
    Ok(typed_units.into_iter().map(TypedUnit::compared).collect())
}

/// Compiles the signatures of `units`, and leaves out those whose layouts differ.
///
/// # Errors
/// A compiler that cannot be started, an interrupt.
pub(crate) fn compile<'a>(
    units: &'a [SignatureUnit<'a>],
    at_once: usize,
) -> Result<(Vec<TypedUnit<'a>>, Vec<CompiledUnit>), String> {
    let typed_units = in_threads(units, at_once, TypedUnit::new, |_| {}).into_iter();
    let typed_units = typed_units.collect::<Result<Vec<_>, _>>();
    let mut typed_units = typed_units.map_err(|error| error.to_string())?;
    let units = typed_units.iter().enumerate();
    let units: Vec<Unit<'_>> = units.map(|(part, typed)| typed.unit(part)).collect();
    let compiled = units::compile(&units, at_once, &|_, _, _| {});
    let (compiled, refused) = compiled.map_err(|error| error.to_string())?;
    let decided = refused.iter();
    let decided = decided.map(|one| (one.part, typed_units[one.part].refused(one)));
    for (part, decided) in decided.collect::<Vec<_>>() {
        typed_units[part].decided.extend(decided);
    }
    Ok((typed_units, compiled))
}

/// A unit with the types that `cabi` builds.
pub(crate) struct TypedUnit<'a> {
    unit: &'a SignatureUnit<'a>,
    /// The types and the case of each signature that is to be tried, with its place among all.
    subjects: Vec<(usize, Subject)>,
    /// Outcomes of signatures.
    decided: BTreeMap<usize, SignatureOutcome>,
}

/// Returns the place of a signature whose names start with `r<i>`.
pub(crate) fn number(name: &str) -> Option<usize> {
    name.strip_prefix('r')?.parse().ok()
}

impl<'a> TypedUnit<'a> {
    /// Builds the types of the signatures of `unit`, and has the compiler lay them out. Values of
    /// other sizes cannot be sent.
    fn new(unit: &'a SignatureUnit<'a>) -> Result<Self, ReferenceError> {
        let (mut subjects, mut decided) = (Vec::new(), BTreeMap::new());
        for (i, signature) in unit.signatures.iter().enumerate() {
            let panicked = |_| Err(Verdict::Differs("panic: in the classification".into()));
            let outcome = catch_unwind(AssertUnwindSafe(|| subject(i, signature, unit.compiler)));
            match outcome.unwrap_or_else(panicked) {
                Ok(subject) => subjects.push((i, subject)),
                Err(verdict) => drop(decided.insert(i, verdict.into())),
            }
        }
        let asked: Vec<&Subject> = subjects.iter().map(|(_, one)| one).collect();
        let flags = [&["-fno-lto"], &*unit.flags()].concat();
        let answers = ask_together(&unit.compiler.reference, &flags, &asked)?;
        for ((i, subject), answers) in subjects.iter().zip(answers) {
            let outcome = match answers {
                Ok(answers) => {
                    layouts_differ(unit.compiler, *i, answers).map(SignatureOutcome::from)
                }
                Err(why) => Some(refused(unit.compiler, subject, &why)),
            };
            decided.extend(outcome.map(|outcome| (*i, outcome)));
        }
        subjects.retain(|(i, _)| !decided.contains_key(i));
        Ok(Self {
            unit,
            subjects,
            decided,
        })
    }

    /// Returns the caller and callee of every signature that is to be tried.
    fn unit<'b>(&'b self, part: usize) -> Unit<'b> {
        let entry = |(_, one): &'b (usize, Subject)| Some((one, one.cases.first()?));
        let entries = self.subjects.iter().filter_map(entry).collect();
        let mut unit = Unit::new(part, self.unit.compiler, entries);
        unit.flags.extend(self.unit.flags());
        unit.turn = self.unit.turn;
        unit
    }

    /// Returns the compiler's answers for signatures that it refuses.
    fn refused(&self, refused: &units::RefusedCases<'_>) -> Vec<(usize, SignatureOutcome)> {
        let is_refused = |(_, one): &&(usize, Subject)| {
            let mut cases = refused.cases.iter();
            cases.any(|case| case.name == one.block.name)
        };
        let own = self.subjects.iter().filter(is_refused);
        own.map(|(i, one)| (*i, self::refused(self.unit.compiler, one, &refused.why)))
            .collect()
    }

    /// Takes the verdicts of the unit: one direction stands after the other.
    fn take(&mut self, verdicts: &[units::CaseVerdict]) {
        let (calls, callees) = verdicts.split_at(verdicts.len() / 2);
        for (call, callee) in calls.iter().zip(callees) {
            let number = number(&call.case.name);
            self.decided
                .extend(number.map(|i| (i, of_both([call, callee]))));
        }
    }

    /// Returns one result for each signature.
    fn compared(mut self) -> Vec<SignatureOutcome> {
        let outcomes = (0..self.unit.signatures.len()).map(|i| {
            let nothing = || Verdict::Differs("the signature has no outcome".into()).into();
            self.decided.remove(&i).unwrap_or_else(nothing)
        });
        outcomes.collect()
    }
}

/// Returns the types and the case of a signature, whose names start with `r<index>_`. The error is
/// the verdict on one that `cabi` refuses.
pub fn subject(
    index: usize,
    signature: &CSignature,
    compiler: &Compiler,
) -> Result<Subject, Verdict> {
    let name = format!("r{index}");
    let target = compiler.target();
    let mut model = *target.data_model();
    if compiler.reference.name() == "clang" && model.records == RecordRules::Gcc {
        model = model.with_records(RecordRules::Clang);
    }
    let declared = signature.declared(&format!("{name}_"), &model);
    let placed = declared.case.clone().and_then(|case| {
        let mut case = case.at_level(compiler.level);
        (case.name, case.target) = (name.clone(), target.clone());
        case.abi_under(compiler.policy)?;
        Ok(case)
    });
    let case = placed.map_err(|error| by_cabi(&error, compiler))?;
    let code = declared.types.clone() + &declared.prototype;
    Ok(Subject {
        cases: vec![case],
        ..Subject::of_types(&name, &target, code, declared.named)
    })
}

/// Returns the verdict on a refusal of `cabi`. The known refusals of drawn signatures have errors
/// of their own; any other refusal hides a difference. For other targets than x86-64 Linux, `cabi`
/// refuses types that nobody has compared, which is counted.
fn by_cabi(why: &Error, compiler: &Compiler) -> Verdict {
    let is_known = matches!(why, Error::NoKnownRule { .. } | Error::InvalidAtomic { .. });
    if is_known || compiler.target() != Target::X86_64_LINUX {
        return Verdict::NotRun(format!("cabi: {why}"));
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}

/// Returns the verdict on signature `number` if the compiler lays out one of its types in another
/// way. A difference of the layout is reported rather than one that the compiler's initializer
/// makes.
fn layouts_differ(
    compiler: &Compiler,
    number: usize,
    answers: Vec<(Fact, Answer)>,
) -> Option<Verdict> {
    // A member may be aligned to more there than its type, if a typedef lowers that. Offsets of
    // members show the alignment.
    let is_ms = compiler.target().data_model().bit_fields == BitFieldStyle::Ms;
    let is_asked = |what: &str| !(is_ms && what.starts_with("alignment of "));
    let is_wrong = |(fact, theirs): &(Fact, Answer)| *theirs != fact.ours && is_asked(&fact.what);
    let wrong = answers.into_iter().filter(is_wrong);
    let (fact, theirs) = wrong.min_by_key(|(fact, theirs)| fact.is_lost(theirs))?;
    let what = fact.what.replace(&format!("r{number}_"), "");
    let why = format!("layout: {what} is {theirs}, ours {}", fact.ours);
    Some(match fact.is_lost(&theirs) {
        true => {
            let why = format!("the compiler's initializer loses bits: {why}");
            Verdict::SelfInconsistent(why.into())
        }
        false => Verdict::Differs(why.into()),
    })
}

/// Known refusals of compilers for drawn signatures, by their words. Any other refusal hides a
/// difference, unless a type is one that this compiler lacks.
const REFUSALS: [&str; 7] = [
    "flexible array member in a struct with no named members",
    // gcc before 13, which reads no `f(...)`.
    "ISO C requires a named argument before '...'",
    // gcc 12, of an unnamed `__bf16`: for AArch64, and where it has none.
    "invalid conversion from type 'bfloat16_t'",
    "'__bf16' undeclared (first use in this function)",
    // clang, of a bit-field of a `_BitInt` of more than 128 bits.
    "cannot compile this static initializer yet",
    // clang, for AArch64.
    "signed _BitInt of bit sizes greater than 128 not supported",
    "unsigned _BitInt of bit sizes greater than 128 not supported",
];

fn refused(compiler: &Compiler, subject: &Subject, error: &ReferenceError) -> SignatureOutcome {
    let why = error
        .messages()
        .map_or_else(|| error.to_string(), first_error);
    if let ReferenceError::Refused { crashed: true, .. } = error {
        return Verdict::SelfInconsistent(format!("the compiler crashes: {why}").into()).into();
    }
    let lacks = |capability| compiler.reference.has(capability).is_err();
    if REFUSALS.contains(&why.as_str()) || needs(&subject.block).into_iter().any(lacks) {
        return Verdict::NotRun(format!("the compiler: {why}")).into();
    }
    Verdict::Differs(format!("refused by the compiler: {why}").into()).into()
}

/// Returns the verdict of both directions.
fn of_both(outcomes: [&units::CaseVerdict; 2]) -> SignatureOutcome {
    let (mut calls, mut not_lowered, mut inconsistent) = (0, None, None);
    for outcome in outcomes {
        let inside = |difference: &Difference| difference.clone().inside(outcome.direction.name());
        match &outcome.verdict {
            Verdict::Passed(n) => calls += n,
            Verdict::NotLowered(why) | Verdict::NotRun(why) => not_lowered = Some(why.clone()),
            Verdict::SelfInconsistent(difference) => {
                let mut difference = inside(difference);
                if let Some(shown) = &outcome.shown {
                    let note = format!("; the compiler's own sides: {}", shown.says);
                    difference.why.push_str(&note);
                }
                inconsistent = Some(difference);
            }
            Verdict::Differs(difference) => return Verdict::Differs(inside(difference)).into(),
        }
    }
    match (inconsistent, not_lowered) {
        (Some(difference), _) => Verdict::SelfInconsistent(difference).into(),
        (None, Some(why)) if calls == 0 => Verdict::NotLowered(why).into(),
        (None, one_direction) => SignatureOutcome {
            one_direction,
            ..Verdict::Passed(calls).into()
        },
    }
}
