//! The course of a fuzz run: rounds of units, compiled by threads and called in children, until the numbers or the time are used up.

use std::ops::Range;
use std::time::{Duration, Instant};

use cabi::{LongDouble, Policy, Target, VectorLevel};
use clif_cabi_jit::Settings;

use super::Compared;
use super::run_cases::{Mode, compile, run_cases};
use super::stats::{Found, Results, Stats};
use crate::check::calls::settings_without_verifier;
use crate::generate::{Absent, Dialect, Signature, signature, signature_for_machine, smallest};
use crate::process;
use crate::threads::in_threads;
use crate::verdict::{Difference, Verdict};
use crate::verify::units::{Calls, is_inconsistent_here};
use crate::verify::{Compiler, Mistake, OtherSide, ProgramLimit};

/// Signatures that share one file of C.
const PER_UNIT: u64 = 256;

/// Units that each of the processes at once has in a round: more keep all busy, fewer are sooner interrupted.
const UNITS_EACH: usize = 2;

/// Rounds of minimizing one difference.
const SHRINKS: usize = 80;

/// A fuzz run for so few is not for finding something but for looking at it: each signature is tried in every variant.
const FEW: u64 = 16;

/// Which signatures are tried, and how long.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seed.
    pub seed: u64,
    /// Numbers of signatures.
    pub numbers: Range<u64>,
    /// The fuzz run ends after this time, when a round is done.
    pub time: Option<Duration>,
    /// What the calls are made with.
    pub way: OtherSide,
    /// Processes at once.
    pub at_once: usize,
    /// How many differences of each compiler are minimized.
    pub shrinks: usize,
    /// What is made wrong on purpose.
    pub mistake: Mistake,
}

/// Runs it. The numbers that were tried are fewer than planned after the time is over or an interrupt. After each round `told` is given what was
/// found until then, and how many signatures the round had.
///
/// # Errors
/// A compiler that cannot be started, no child processes.
pub fn run(
    plan: &Campaign,
    references: &[Compiler],
    mut told: impl FnMut(&Results, u64) -> Result<(), String>,
) -> Result<Results, String> {
    let start = Instant::now();
    let (settings, numbers) = (settings_without_verifier(), &plan.numbers);
    let mut results = Results::new(plan.seed, numbers.start, references);
    let is_late = || plan.time.is_some_and(|time| start.elapsed() >= time);
    let n_ranges = plan.at_once.saturating_mul(UNITS_EACH);
    let n_ranges = n_ranges.div_ceil(references.len().max(1));
    let mut first = numbers.start;
    while first < numbers.end && !process::was_interrupted() && !is_late() {
        let ranges: Vec<Range<u64>> = unit_ranges(first, numbers.end).take(n_ranges).collect();
        let end = ranges.last().map_or(numbers.end, |range| range.end);
        // A round that is interrupted counts for nothing.
        let mut after = results.clone();
        match round(plan, references, &settings, &ranges, &mut after.compilers) {
            Ok(()) => results = after,
            Err(_) if process::was_interrupted() => break,
            Err(why) => return Err(why),
        }
        let seconds = start.elapsed().as_secs_f64() * plan.at_once as f64;
        results.advance(end, seconds / references.len().max(1) as f64);
        told(&results, end - first)?;
        first = end;
    }
    Ok(results)
}

/// The numbers from `first` up to `end` in units, which do not depend on where a fuzz run begins: a number has its settings for ever.
fn unit_ranges(first: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let mut next = first;
    std::iter::from_fn(move || {
        let range = next..(next / PER_UNIT + 1).saturating_mul(PER_UNIT).min(end);
        next = range.end;
        (!range.is_empty()).then_some(range)
    })
}

/// One unit under one reference compiler.
struct Unit<'a> {
    reference: usize,
    numbers: &'a Range<u64>,
    signatures: Vec<Signature>,
    mode: Mode,
}

fn dialect(asked: &Compiler, number: u64) -> Dialect {
    let dialect = match asked.reference.name() {
        _ if is_common(number) => Dialect::COMMON,
        "clang" => Dialect::CLANG,
        _ => Dialect::GCC,
    };
    Dialect {
        ms_abi: asked.ms_abi,
        // Not of what all compilers are asked, some of which may lack the registers.
        wide_vectors: !is_common(number) && !asked.ms_abi && asked.level != VectorLevel::Baseline,
        ..dialect
    }
}

/// Whether signature `number` is of the C that all compilers have.
fn is_common(number: u64) -> bool {
    number.is_multiple_of(2)
}

/// How the unit that starts at `number` is compiled, on both sides.
fn mode(asked: &Compiler, number: u64) -> Mode {
    let turn = usize::try_from(number / PER_UNIT % 1024).unwrap_or(0);
    let optimize = match (asked.reference.says_how_to_optimize(), turn % 4) {
        // What stands in the command is the user's choice.
        (true, _) => None,
        // Some bugs of compilers need it.
        (false, 3) => Some("-O2"),
        (false, _) => Some("-O0"),
    };
    Mode { optimize, turn }
}

/// Signature `number` of those that `asked` is asked about.
pub fn drawn(asked: &Compiler, seed: u64, number: u64) -> Signature {
    let target = asked.target();
    match target == Target::X86_64_LINUX {
        false => signature_for_machine(seed, number, &absent(asked, &target, number)),
        true => signature(seed, number, dialect(asked, number)),
    }
}

/// What C on `target` does not have.
fn absent(asked: &Compiler, target: &Target, number: u64) -> Absent {
    let is_x86_64 = target.name().starts_with("x86_64");
    Absent {
        names: match target.data_model().long_double {
            LongDouble::F64 => &NO_WIDE_FLOATS,
            _ => &NO_FLOAT128,
        },
        vectors: false,
        bit_int: is_common(number) || asked.reference.name() != "clang",
        align: if is_x86_64 { 64 } else { 16 },
        fill: if is_x86_64 { 5 } else { 9 },
    }
}

/// Where `long double` has the format.
const NO_FLOAT128: [(&str, &str); 2] = [
    ("__float128", "long double"),
    ("_Complex __float128", "_Complex long double"),
];

/// Where no type has it.
const NO_WIDE_FLOATS: [(&str, &str); 2] = [
    ("__float128", "double"),
    ("_Complex __float128", "_Complex double"),
];

/// The units of a round: each range under each compiler.
fn draw<'a>(plan: &Campaign, references: &[Compiler], ranges: &'a [Range<u64>]) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for numbers in ranges {
        for (reference, asked) in references.iter().enumerate() {
            let one = |number| drawn(asked, plan.seed, number);
            units.push(Unit {
                reference,
                numbers,
                signatures: numbers.clone().map(one).collect(),
                mode: mode(asked, numbers.start),
            });
        }
    }
    units
}

fn round(
    plan: &Campaign,
    references: &[Compiler],
    settings: &[(String, Settings)],
    ranges: &[Range<u64>],
    stats: &mut [Stats],
) -> Result<(), String> {
    let units = draw(plan, references, ranges);
    let n_shown: usize = stats.iter().map(|stats| stats.inconsistent.len()).sum();
    let limit = ProgramLimit::after(n_shown);
    let calls = Calls {
        settings,
        mistake: plan.mistake,
        // Where all share one, nothing is made wrong.
        shared_engine: plan.numbers.end - plan.numbers.start > FEW
            && plan.mistake.convention.is_none(),
        at_once: plan.at_once,
        to_show: Some(&limit),
    };
    let ran = run_units(plan, references, &units, &calls)?;
    for (unit, compared) in units.iter().zip(&ran) {
        let alone = Alone {
            plan,
            asked: &references[unit.reference],
            mode: unit.mode,
            calls: Calls {
                shared_engine: false,
                at_once: 1,
                ..calls
            },
        };
        let signatures = unit.numbers.clone().zip(&unit.signatures);
        for ((number, signature), compared) in signatures.zip(compared) {
            alone.keep(number, signature, compared, &mut stats[unit.reference])?;
        }
    }
    disagreements(references, &units, &ran, stats);
    Ok(())
}

/// Compiles and calls the signatures of `units`.
fn run_units(
    plan: &Campaign,
    references: &[Compiler],
    units: &[Unit<'_>],
    calls: &Calls<'_>,
) -> Result<Vec<Vec<Compared>>, String> {
    let compile =
        |unit: &Unit<'_>| compile(&references[unit.reference], &unit.signatures, unit.mode);
    let compiled = in_threads(units, plan.at_once, compile, |_| {});
    let compiled = compiled.into_iter().collect::<Result<Vec<_>, _>>()?;
    run_cases(compiled, plan.way, calls)
}

/// Tries signatures of a unit once more, each by itself.
struct Alone<'a> {
    plan: &'a Campaign,
    asked: &'a Compiler,
    mode: Mode,
    calls: Calls<'a>,
}

impl Alone<'_> {
    /// Counts what became of a signature, and keeps what differs in it, minimized.
    fn keep(
        &self,
        number: u64,
        signature: &Signature,
        compared: &Compared,
        stats: &mut Stats,
    ) -> Result<(), String> {
        let (mut smaller, mut shown) = (None, None);
        if matches!(compared.verdict, Verdict::Differs(_))
            && stats.failures.len() < self.plan.shrinks
        {
            smaller = self.shrink(signature, &compared.verdict)?;
            if let Some((smallest, _)) = &smaller {
                shown = self.shown_in(smallest)?;
            }
        }
        let compared = shown.as_ref().unwrap_or(compared);
        stats.take(compared, self.asked.policy);
        let kept = match &compared.verdict {
            Verdict::SelfInconsistent(_) if compared.known.is_none() => &mut stats.inconsistent,
            // Of each known bug the first.
            Verdict::SelfInconsistent(_) if stats.is_first_of(compared.known) => &mut stats.theirs,
            Verdict::Differs(_) => &mut stats.failures,
            _ => return Ok(()),
        };
        if smaller.is_none() && kept.len() < self.plan.shrinks {
            smaller = self.shrink(signature, &compared.verdict)?;
        }
        let why = compared.why().unwrap_or_default();
        let (signature, why) = smaller
            .as_ref()
            .map_or((signature, why), |(s, w)| (s, w.as_str()));
        let (label, seed) = (&stats.label, self.plan.seed);
        kept.push(Found::new(self.asked, label, seed, number, signature, why));
        Ok(())
    }

    /// With `show` a program of the compiler alone is asked what it does.
    fn run(&self, some: &[Signature], show: bool) -> Result<Vec<Compared>, String> {
        let calls = Calls {
            to_show: self.calls.to_show.filter(|_| show),
            ..self.calls
        };
        let compiled = compile(self.asked, some, self.mode)?;
        let ran = run_cases(vec![compiled], self.plan.way, &calls)?;
        Ok(ran.into_iter().flatten().collect())
    }

    /// The disagreement that a program of the compiler alone shows for a minimized difference. With the signature before minimization the program may
    /// show none, because what the callee reads or overwrites by mistake does not matter there.
    fn shown_in(&self, smallest: &Signature) -> Result<Option<Compared>, String> {
        let mut ran = self.run(std::slice::from_ref(smallest), true)?.into_iter();
        Ok(ran.find(|compared| matches!(compared.verdict, Verdict::SelfInconsistent(_))))
    }

    /// A smaller signature with a verdict of the same kind, and what is wrong with it.
    fn shrink(
        &self,
        signature: &Signature,
        verdict: &Verdict,
    ) -> Result<Option<(Signature, String)>, String> {
        let Some(Difference { why, .. }) = verdict.difference() else {
            return Ok(None);
        };
        // Of smaller ones nothing is shown by a program.
        let is_inconsistent = |verdict: &Verdict| match verdict {
            Verdict::Differs(difference) => is_inconsistent_here(difference),
            other => matches!(other, Verdict::SelfInconsistent(_)),
        };
        let alike = |other: &Verdict| is_inconsistent(other) == is_inconsistent(verdict);
        let smallest = smallest(signature, why, SHRINKS, |some| {
            let why = self.run(some, false)?.into_iter().map(|compared| {
                let why = compared.why().filter(|_| alike(&compared.verdict));
                why.map(str::to_owned)
            });
            Ok::<_, String>(why.collect())
        });
        smallest.map(Some)
    }
}

/// Counts the policy bits by which two compilers differ in signatures that both have right under their own profiles.
fn disagreements(
    references: &[Compiler],
    units: &[Unit<'_>],
    ran: &[Vec<Compared>],
    stats: &mut [Stats],
) {
    let is_right = |compared: &Compared| {
        matches!(
            compared.verdict,
            Verdict::Passed(_) | Verdict::NotLowered(_)
        )
    };
    for (a, unit) in units.iter().enumerate() {
        for (b, other) in units.iter().enumerate() {
            if unit.reference >= other.reference || unit.numbers != other.numbers {
                continue;
            }
            let other = references[other.reference].policy;
            for ((number, one), two) in unit.numbers.clone().zip(&ran[a]).zip(&ran[b]) {
                if is_common(number) && is_right(one) && is_right(two) {
                    for bit in deciding_bits(one, references[unit.reference].policy, other) {
                        stats[unit.reference].explain(bit);
                    }
                }
            }
        }
    }
}

/// Several bits that change a place only in combination.
const TOGETHER: &str = "several bits together";

/// Which of the bits that two profiles have different change where something goes; none if nothing goes elsewhere.
fn deciding_bits(compared: &Compared, ours: Policy, theirs: Policy) -> Vec<&'static str> {
    let Some(case) = &compared.case else {
        return Vec::new();
    };
    let abi = |policy| case.abi_under(policy);
    let own = abi(ours);
    if own == abi(theirs) {
        return Vec::new();
    }
    let differ = Policy::NAMES
        .iter()
        .filter(|(bit, _)| ours.has(*bit) != theirs.has(*bit));
    let deciding = differ.filter(|(bit, _)| {
        let flipped = if ours.has(*bit) {
            ours.without(*bit)
        } else {
            ours | *bit
        };
        abi(flipped) != own
    });
    let mut names: Vec<&'static str> = deciding.map(|(_, name)| *name).collect();
    if names.is_empty() {
        names.push(TOGETHER);
    }
    names
}
