//! The course of a hunt: rounds of sheets, compiled by threads and called in children, until the numbers or the time are used up.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cabi::{FnAbi, Policy};
use clif_cabi_jit::Settings;

use super::Verdict;
use super::tally::{Found, KEPT, Results, Tally};
use super::trial::{Compiled, Judged, Mode, compile, play};
use crate::child;
use crate::generate::{Dialect, Signature, signature, smallest};
use crate::interop::all_settings;
use crate::verify::batch::Calls;
use crate::verify::{Compiler, MOST, Mistake, NOT_SHOWN, Way, show};

/// Signatures that share one file of C.
const SHEET: u64 = 256;

/// Sheets that each of the processes at once has in a round: more keep all busy, fewer are sooner interrupted.
const SHEETS_EACH: usize = 2;

/// Rounds of making one difference smaller.
const SHRINKS: usize = 80;

/// A hunt for so few is not for finding something but for looking at it: each signature is tried in every variant.
const FEW: u64 = 16;

/// What is hunted for, and how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Numbers of signatures.
    pub numbers: Range<u64>,
    /// The hunt ends after this time, when a round is done.
    pub time: Option<Duration>,
    /// What the calls are made with.
    pub way: Way,
    /// Processes at once.
    pub at_once: usize,
    /// How many differences of each compiler are made smaller.
    pub shrinks: usize,
}

/// Hunts. The numbers that were tried are fewer than planned after the time is over or an interrupt. Behind each round `told` is given what was
/// found until then, and how many signatures the round had.
///
/// # Errors
/// A compiler that cannot be started, no child processes.
pub fn hunt(
    plan: &Plan,
    judges: &[Compiler],
    mut told: impl FnMut(&Results, u64) -> Result<(), String>,
) -> Result<Results, String> {
    let start = Instant::now();
    let (settings, numbers) = (all_settings(), &plan.numbers);
    let mut results = Results::new(plan.seed, numbers.start, judges);
    let is_late = || plan.time.is_some_and(|time| start.elapsed() >= time);
    let n_sheets = plan.at_once.saturating_mul(SHEETS_EACH);
    let n_sheets = n_sheets.div_ceil(judges.len().max(1));
    let mut first = numbers.start;
    while first < numbers.end && !child::was_interrupted() && !is_late() {
        let sheets: Vec<Range<u64>> = sheets(first, numbers.end).take(n_sheets).collect();
        let end = sheets.last().map_or(numbers.end, |sheet| sheet.end);
        // A round that is interrupted counts for nothing.
        let mut after = results.clone();
        match round(plan, judges, &settings, &sheets, &mut after.compilers) {
            Ok(()) => results = after,
            Err(_) if child::was_interrupted() => break,
            Err(why) => return Err(why),
        }
        let seconds = start.elapsed().as_secs_f64() * plan.at_once as f64;
        results.advance(end, seconds / judges.len().max(1) as f64);
        told(&results, end - first)?;
        first = end;
    }
    Ok(results)
}

/// The numbers from `first` up to `end` in sheets, which do not depend on where a hunt begins: a number has its settings for ever.
fn sheets(first: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let mut next = first;
    std::iter::from_fn(move || {
        let sheet = next..(next / SHEET + 1).saturating_mul(SHEET).min(end);
        next = sheet.end;
        (!sheet.is_empty()).then_some(sheet)
    })
}

/// One sheet under one judge.
struct Unit<'a> {
    judge: usize,
    numbers: &'a Range<u64>,
    signatures: Vec<Signature>,
    mode: Mode,
}

fn dialect(asked: &Compiler, number: u64) -> Dialect {
    match asked.judge.name() {
        _ if is_common(number) => Dialect::COMMON,
        "clang" => Dialect::CLANG,
        _ => Dialect::GCC,
    }
}

/// Whether signature `number` is of the C that all compilers have.
fn is_common(number: u64) -> bool {
    number.is_multiple_of(2)
}

/// How the sheet that starts at `number` is compiled, on both sides.
fn mode(asked: &Compiler, number: u64) -> Mode {
    let turn = usize::try_from(number / SHEET % 1024).unwrap_or(0);
    let optimize = match (asked.judge.says_how_to_optimize(), turn % 4) {
        // What stands in the command is the user's choice.
        (true, _) => None,
        // Some bugs of compilers need it.
        (false, 3) => Some("-O2"),
        (false, _) => Some("-O0"),
    };
    Mode { optimize, turn }
}

fn round(
    plan: &Plan,
    judges: &[Compiler],
    settings: &[(String, Settings)],
    sheets: &[Range<u64>],
    tallies: &mut [Tally],
) -> Result<(), String> {
    let mut units = Vec::new();
    for numbers in sheets {
        for (judge, asked) in judges.iter().enumerate() {
            let draw = |number| signature(plan.seed, number, dialect(asked, number));
            units.push(Unit {
                judge,
                numbers,
                signatures: numbers.clone().map(draw).collect(),
                mode: mode(asked, numbers.start),
            });
        }
    }
    let compiled = compile_all(judges, &units, plan.at_once)?;
    let calls = Calls {
        settings,
        mistake: Mistake::default(),
        together: plan.numbers.end - plan.numbers.start > FEW,
        at_once: plan.at_once,
    };
    let mut played = play(compiled, plan.way, &calls)?;
    for (unit, judged) in units.iter().zip(&mut played) {
        let (asked, tally) = (&judges[unit.judge], &mut tallies[unit.judge]);
        for ((number, signature), judged) in unit.numbers.clone().zip(&unit.signatures).zip(judged)
        {
            // The kind of verdict that a smaller signature must have is that before anything was shown.
            let before = judged.verdict.clone();
            if let Verdict::Theirs { shown: false, .. } = before {
                judged.verdict = shown(asked, unit.mode, judged, tally)?;
            }
            tally.take(judged, asked.policy);
            let (kept, why) = match &judged.verdict {
                Verdict::Theirs {
                    why, known: None, ..
                } => (&mut tally.inconsistent, why),
                Verdict::Theirs { why, .. } if tally.theirs.len() < KEPT => {
                    (&mut tally.theirs, why)
                }
                Verdict::Differs(difference) => (&mut tally.failures, &difference.why),
                _ => continue,
            };
            let smaller = if kept.len() < plan.shrinks {
                let alone = Calls {
                    together: false,
                    at_once: 1,
                    ..calls
                };
                let play = |compiled| play(vec![compiled], plan.way, &alone);
                shrink(asked, unit.mode, play, signature, &before)?
            } else {
                None
            };
            let (signature, why) = smaller.as_ref().map_or((signature, why), |(s, w)| (s, w));
            let label = &tally.label;
            kept.push(Found::new(asked, label, plan.seed, number, signature, why));
        }
    }
    disagreements(judges, &units, &played, tallies);
    Ok(())
}

/// What is left of the verdict that the compiler disagrees with itself after it had to be shown: if it cannot be, it is a difference.
fn shown(asked: &Compiler, mode: Mode, judged: &Judged, tally: &Tally) -> Result<Verdict, String> {
    let why = judged.verdict.why().unwrap_or_default();
    let flags: Vec<&str> = mode.optimize.into_iter().collect();
    let shown = match &judged.case {
        Some(case) if tally.inconsistent.len() < MOST => show(&asked.judge, &flags, case),
        _ => Ok(None),
    };
    Ok(match shown.map_err(|error| error.to_string())? {
        Some(shown) => Verdict::Theirs {
            why: format!("{why}; a program of the compiler alone: {}", shown.says),
            known: shown.known,
            shown: true,
        },
        None => Verdict::Differs(format!("{why}{NOT_SHOWN}").into()),
    })
}

/// Compiles all units in threads, in the order of the units.
fn compile_all(
    judges: &[Compiler],
    units: &[Unit<'_>],
    at_once: usize,
) -> Result<Vec<Compiled>, String> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(units.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(unit) = units.get(at) else { break };
                    let made = compile(&judges[unit.judge], &unit.signatures, unit.mode);
                    if let Ok(mut done) = done.lock() {
                        done.insert(at, made);
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_default();
    if done.len() < units.len() {
        return Err("a thread ended early".to_owned());
    }
    done.into_values().collect()
}

/// A smaller signature with a verdict of the same kind, and what is wrong with it.
fn shrink(
    asked: &Compiler,
    mode: Mode,
    play: impl Fn(Compiled) -> Result<Vec<Vec<Judged>>, String>,
    signature: &Signature,
    verdict: &Verdict,
) -> Result<Option<(Signature, String)>, String> {
    let Some(why) = verdict.why() else {
        return Ok(None);
    };
    let alike = |other: &Verdict| std::mem::discriminant(other) == std::mem::discriminant(verdict);
    let smallest = smallest(signature, why, SHRINKS, |some| {
        let played = play(compile(asked, some, mode)?)?;
        let why = played.iter().flatten().map(|judged| {
            let why = judged.verdict.why().filter(|_| alike(&judged.verdict));
            why.map(str::to_owned)
        });
        Ok::<_, String>(why.collect())
    });
    smallest.map(Some)
}

/// Counts the policy bits by which two compilers differ in signatures that both have right under their own profiles.
fn disagreements(
    judges: &[Compiler],
    units: &[Unit<'_>],
    played: &[Vec<Judged>],
    tallies: &mut [Tally],
) {
    let is_right = |judged: &Judged| matches!(judged.verdict, Verdict::Same { .. });
    for (a, unit) in units.iter().enumerate() {
        for (b, other) in units.iter().enumerate() {
            if unit.judge >= other.judge || unit.numbers != other.numbers {
                continue;
            }
            let other = judges[other.judge].policy;
            for ((number, one), two) in unit.numbers.clone().zip(&played[a]).zip(&played[b]) {
                if is_common(number) && is_right(one) && is_right(two) {
                    for bit in deciding_bits(one, judges[unit.judge].policy, other) {
                        tallies[unit.judge].explain(bit);
                    }
                }
            }
        }
    }
}

/// Several bits that only together change anything.
const TOGETHER: &str = "several bits together";

/// Which of the bits that two profiles have different change where something goes; none if nothing goes elsewhere.
fn deciding_bits(judged: &Judged, ours: Policy, theirs: Policy) -> Vec<&'static str> {
    let Some(case) = &judged.case else {
        return Vec::new();
    };
    let abi = |policy| {
        let sig = case.sig_under(policy)?;
        FnAbi::new(&sig, &case.target)
    };
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
