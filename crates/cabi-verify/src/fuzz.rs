//! Runs of `cabi fuzz` and `cabi verify --exhaustive` against compilers: random signatures by the
//! hundred thousand, or every transition of argument assignment. Rounds go on until the numbers or
//! the time are used up.
//!
//! ```text
//! generate -> units of signatures -> signatures::run -> Tally; what differs is minimized
//! ```
//!
//! A seed and a number name a signature, the same one on every machine. Signatures with an even
//! number use the C that all compilers have, so that two compilers can be compared with each other.
//! The others may use features of one compiler alone.
//!
//! A case that the compiler's own caller and callee disagree about is counted as a
//! self-inconsistency. If two compilers place a value differently and each call is right under its
//! own profile, the policy bits of that difference are counted.

use std::ops::Range;
use std::time::{Duration, Instant};

use cabi::{LongDouble, Target, VectorLevel};

use crate::build::Capability;
use crate::case::Case;
use crate::generate::{
    Absent, CSignature, Dialect, Random, add_rare, signature, signature_for_machine, smallest,
};
use crate::process;
pub use crate::signatures::subject;
use crate::signatures::{self, PER_UNIT, SignatureOutcome, SignatureUnit};
use crate::tally::{Finding, Results, Span, Tally};
use crate::verdict::{Difference, Verdict};
use crate::verify::units::{CompiledUnit, Turn};
use crate::verify::{Compiler, Mistake};

mod transitions;

use transitions::Transitions;
pub use transitions::{NO_TYPE, levels};
use transitions::{is_another_convention, lists, note_missed};

/// Units in a round for each of the processes at once. More units keep all processes busy, fewer
/// are sooner interrupted.
const UNITS_EACH: usize = 2;

/// Rounds of minimizing one difference.
const SHRINKS: usize = 80;

/// Signatures that are tried, and the time for it.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seed.
    pub seed: u64,
    /// Numbers of signatures.
    pub numbers: Range<u64>,
    /// If given, no signature is random: each shape is tried with one of so many states. A compiler
    /// at a wider vector level, which follows its narrower one, tries only shapes of the wider
    /// level.
    pub stride: Option<usize>,
    /// The fuzz run ends after this time, when a round is done.
    pub time: Option<Duration>,
    /// Processes at once.
    pub at_once: usize,
    /// Number of differences of each compiler that are minimized.
    pub shrinks: usize,
    /// A mistake made on purpose.
    pub mistake: Mistake,
}

/// Runs `plan`. Fewer numbers than planned are tried if the time is over or after an interrupt.
/// After each round `report` gets the results so far, and the number of signatures of the round.
///
/// # Errors
/// No compiler, one that cannot be started, an interrupt.
pub fn run(
    plan: &Campaign,
    references: &[Compiler],
    mut report: impl FnMut(&Results, u64) -> Result<(), String>,
) -> Result<Results, String> {
    if references.is_empty() {
        return Err("no compiler to compare with".to_owned());
    }
    let (start, lists) = (Instant::now(), lists(plan, references));
    let numbers = &numbers(plan, &lists);
    let mut results = Results::new(Vec::new(), references);
    let is_late = || plan.time.is_some_and(|time| start.elapsed() >= time);
    let n_ranges = plan.at_once.saturating_mul(UNITS_EACH);
    let n_ranges = n_ranges.div_ceil(references.len());
    let mut first = numbers.start;
    while first < numbers.end && !process::was_interrupted() && !is_late() {
        let ranges: Vec<Range<u64>> = unit_ranges(first, numbers.end).take(n_ranges).collect();
        let end = ranges.last().map_or(numbers.end, |range| range.end);
        // A round that is interrupted counts for nothing.
        let mut after = results.clone();
        match round(plan, (references, &lists), &ranges, &mut after.compilers) {
            Ok(()) => results = after,
            Err(_) if process::was_interrupted() => break,
            Err(why) => return Err(why),
        }
        let span = Span {
            seed: plan.seed,
            first: numbers.start,
            end,
        };
        // Only drawn signatures have a seed.
        results.spans = if lists.is_empty() {
            vec![span]
        } else {
            Vec::new()
        };
        let seconds = start.elapsed().as_secs_f64() * plan.at_once as f64;
        for tally in &mut results.compilers {
            tally.seconds = seconds / references.len() as f64;
        }
        report(&results, end - first)?;
        first = end;
        if !lists.is_empty() && results.compilers.iter().any(is_another_convention) {
            break;
        }
    }
    note_missed(&lists, &mut results.compilers);
    Ok(results)
}

/// Returns the signatures of `plan` as `compiler` compiles them, without those that it refuses or
/// whose layouts differ.
///
/// # Errors
/// A compiler that cannot be started, an interrupt.
pub fn compile(plan: &Campaign, compiler: &Compiler) -> Result<Vec<CompiledUnit>, String> {
    let lists = lists(plan, std::slice::from_ref(compiler));
    let numbers = numbers(plan, &lists);
    let ranges = unit_ranges(numbers.start, numbers.end);
    let units = ranges.map(|range| unit(plan.seed, (compiler, lists.first()), &range));
    let units: Vec<SignatureUnit<'_>> = units.collect();
    Ok(signatures::compile(&units, plan.at_once)?.1)
}

/// Returns the number of the signature of `case`, if [`compile`] compiled the numbers from 0 on,
/// and `case` is of `unit`.
pub fn number(unit: &CompiledUnit, case: &Case) -> Option<u64> {
    let at = signatures::number(&case.name)?;
    Some((unit.part * PER_UNIT + at) as u64)
}

/// Returns the numbers of `plan`; with lists, those that some list has.
fn numbers(plan: &Campaign, lists: &[Transitions]) -> Range<u64> {
    let longest = lists.iter().map(|list| list.all.len()).max();
    let end = longest.map_or(plan.numbers.end, |n| plan.numbers.end.min(n as u64));
    plan.numbers.start..end
}

/// Returns the ranges of units from `first` up to `end`. They do not depend on where a fuzz run
/// begins, so that a number has the same settings in every run.
fn unit_ranges(first: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let size = PER_UNIT as u64;
    let units = first / size..end.div_ceil(size);
    units.map(move |unit| first.max(unit * size)..end.min((unit + 1).saturating_mul(size)))
}

fn dialect(asked: &Compiler, number: u64) -> Dialect {
    let dialect = match asked.reference.name() {
        _ if is_common(number) => Dialect::COMMON,
        "clang" => Dialect::CLANG,
        // From gcc 13 and 14 on.
        _ => Dialect {
            bf16: asked.reference.has(Capability::Bf16).is_ok(),
            bit_int: asked.reference.has(Capability::BitInt).is_ok(),
            ..Dialect::GCC
        },
    };
    Dialect {
        ms_abi: asked.ms_abi,
        // Not in signatures for all compilers, some of which may lack the registers.
        wide_vectors: !is_common(number) && !asked.ms_abi && asked.level != VectorLevel::Baseline,
        ..dialect
    }
}

/// Checks whether signature `number` uses the C that all compilers have.
fn is_common(number: u64) -> bool {
    number.is_multiple_of(2)
}

/// Returns signature `number` of those for `asked`.
pub fn drawn(asked: &Compiler, seed: u64, number: u64) -> CSignature {
    let target = asked.target();
    let (absent, dialect) = (absent(asked, &target, number), dialect(asked, number));
    let is_machine = target != Target::X86_64_LINUX;
    let mut drawn = match is_machine {
        true => signature_for_machine(seed, number, &absent),
        false => signature(seed, number, dialect),
    };
    add_rare(&mut drawn, &mut Random::new(!seed, number), dialect);
    if is_machine {
        drawn.types_mut().for_each(|ty| absent.replace(ty));
    }
    drawn
}

/// Returns the features of C that `target` lacks.
fn absent(compiler: &Compiler, target: &Target, number: u64) -> Absent {
    let is_x86_64 = target.name().starts_with("x86_64");
    let is_refused = target.name().starts_with("riscv") || target.name().starts_with("s390x");
    Absent {
        names: match target.data_model().long_double {
            LongDouble::F64 => &NO_WIDE_FLOATS,
            _ => &NO_FLOAT128,
        },
        unnamed: &[],
        // Refused by name: in every fourth signature.
        vectors: is_refused && !number.is_multiple_of(4),
        bit_int: is_common(number) || compiler.reference.has(Capability::BitInt).is_err(),
        align: if is_x86_64 { 64 } else { 16 },
        fill: if is_x86_64 { 5 } else { 9 },
    }
}

/// Targets on which `long double` has the format.
const NO_FLOAT128: [(&str, &str); 2] = [
    ("__float128", "long double"),
    ("_Complex __float128", "_Complex long double"),
];

/// Targets on which no type has it.
const NO_WIDE_FLOATS: [(&str, &str); 2] = [
    ("__float128", "double"),
    ("_Complex __float128", "_Complex double"),
];

/// Returns the signatures of `numbers` under one compiler. They are random, or of a list.
fn unit<'a>(
    seed: u64,
    (compiler, list): (&'a Compiler, Option<&Transitions>),
    numbers: &Range<u64>,
) -> SignatureUnit<'a> {
    let turn = usize::try_from(numbers.start / PER_UNIT as u64 % 1024).unwrap_or(0);
    SignatureUnit {
        compiler,
        signatures: match list {
            Some(list) => {
                let own = (0..)
                    .zip(&list.all)
                    .filter(|(number, _)| numbers.contains(number));
                own.map(|(_, (_, signature))| signature.clone()).collect()
            }
            None => (numbers.clone())
                .map(|number| drawn(compiler, seed, number))
                .collect(),
        },
        optimize: match (compiler.reference.says_how_to_optimize(), turn % 4) {
            // The user's command has its own level.
            (true, _) => None,
            // Some bugs of compilers need it.
            (false, 3) => Some("-O2"),
            (false, _) => Some("-O0"),
        },
        turn: Turn {
            settings: turn + turn / 4,
            first: turn + usize::try_from(numbers.start % PER_UNIT as u64).unwrap_or(0),
            step: 1,
        },
    }
}

/// Tries each range of numbers under each compiler.
fn round(
    plan: &Campaign,
    (references, lists): (&[Compiler], &[Transitions]),
    ranges: &[Range<u64>],
    tallies: &mut [Tally],
) -> Result<(), String> {
    let units_of = |range| {
        let compilers = references.iter().enumerate();
        compilers.map(move |(i, compiler)| unit(plan.seed, (compiler, lists.get(i)), range))
    };
    let units: Vec<SignatureUnit<'_>> = ranges.iter().flat_map(units_of).collect();
    let outcomes = signatures::run(&units, plan.mistake, plan.at_once)?;
    for (at, (unit, compared)) in units.iter().zip(&outcomes).enumerate() {
        let (range, reference) = (at / references.len(), at % references.len());
        let numbers = ranges[range].clone().zip(&unit.signatures);
        for (at, ((number, signature), compared)) in numbers.zip(compared).enumerate() {
            // With the forms that it has among the others.
            let turn = Turn {
                first: unit.turn.first + at,
                step: 0,
                ..unit.turn
            };
            let alone = Retry { plan, unit, turn };
            alone.keep(number, signature, compared, &mut tallies[reference])?;
        }
    }
    Ok(())
}

/// Tries signatures of a unit once more, each by itself.
struct Retry<'a> {
    plan: &'a Campaign,
    unit: &'a SignatureUnit<'a>,
    turn: Turn,
}

impl Retry<'_> {
    /// Counts the outcome of a signature, and keeps its difference, minimized.
    fn keep(
        &self,
        number: u64,
        signature: &CSignature,
        compared: &SignatureOutcome,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let (shrinks, compiler) = (self.plan.shrinks, self.unit.compiler);
        tally.take(compared);
        let is_settled = match compared.verdict {
            Verdict::Passed(1..) => compared.one_direction.is_none(),
            Verdict::Differs(_) | Verdict::SelfInconsistent(_) => true,
            _ => false,
        };
        if self.plan.stride.is_some() && is_settled {
            tally.settled.insert(number);
        }
        let (label, seed) = (tally.label.clone(), self.plan.seed);
        let Some(findings) = tally.findings(compared) else {
            return Ok(());
        };
        let smaller = match findings.len() < shrinks {
            true => self.shrink(signature, &compared.verdict)?,
            false => None,
        };
        let why = compared.why().unwrap_or_default().to_owned();
        let (signature, why) = smaller.unwrap_or_else(|| (signature.clone(), why));
        let (name, command) = match self.plan.stride {
            Some(_) => (
                format!("transition-{label}-{number}"),
                "verify --exhaustive".to_owned(),
            ),
            None => (
                format!("fuzz-{label}-{seed}-{number}"),
                format!("fuzz --seed {seed} --first {number} --count 1"),
            ),
        };
        findings.push(Finding::new(compiler, name, command, &signature, &why));
        Ok(())
    }

    fn run(&self, candidates: &[CSignature]) -> Result<Vec<SignatureOutcome>, String> {
        let unit = SignatureUnit {
            signatures: candidates.to_vec(),
            turn: self.turn,
            ..*self.unit
        };
        let outcomes = signatures::run(&[unit], self.plan.mistake, 1)?;
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Finds a smaller signature with a verdict of the same kind, and what is wrong with it.
    fn shrink(
        &self,
        signature: &CSignature,
        verdict: &Verdict,
    ) -> Result<Option<(CSignature, String)>, String> {
        let Some(Difference { why, .. }) = verdict.difference() else {
            return Ok(None);
        };
        let is_inconsistent = |verdict: &Verdict| matches!(verdict, Verdict::SelfInconsistent(_));
        let is_alike = |other: &Verdict| is_inconsistent(other) == is_inconsistent(verdict);
        let smallest = smallest(signature, why, SHRINKS, |candidates| {
            let why = self.run(candidates)?.into_iter().map(|compared| {
                let why = compared.why().filter(|_| is_alike(&compared.verdict));
                why.map(str::to_owned)
            });
            Ok::<_, String>(why.collect())
        });
        smallest.map(Some)
    }
}
