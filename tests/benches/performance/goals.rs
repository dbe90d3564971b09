//! The goals, each beside its figure; and why one is missed.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use cabi::{FnAbi, FnSig, Place, Target};
use cabi_tests::measure::{Costs, PREPARED, Step, Way};
use cabi_tests::measured::{Measured, measured};

use crate::figures::{Figures, Result};
use crate::programs::PROGRAMS;

/// Why goals are missed: `## goal: signature signature`, and a paragraph.
const REASONS: &str = include_str!("reasons.md");

/// A goal. Its figures are quotients, or differences where the unit says so.
struct Goal {
    /// Its name in `reasons.md`.
    id: &'static str,
    /// What is measured of what.
    what: &'static str,
    limit: Limit,
    /// A figure for each signature, or program.
    figures: Vec<(&'static str, f64)>,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

use Limit::{AtLeast, AtMost};

impl Limit {
    fn admits(self, figure: f64) -> bool {
        match self {
            Self::AtMost(most) => figure <= most,
            Self::AtLeast(least) => figure >= least,
        }
    }

    /// Whether `one` is further from the goal.
    fn is_worse(self, one: f64, other: f64) -> bool {
        match self {
            Self::AtMost(_) => one > other,
            Self::AtLeast(_) => one < other,
        }
    }
}

/// What the page says of goals.
pub(crate) struct Goals {
    pub(crate) table: String,
    /// A list, with reasons.
    pub(crate) missed: String,
    /// What is missed without a reason.
    pub(crate) unknown: Vec<String>,
}

/// The goals beside their figures.
pub(crate) fn text(figures: &Figures) -> Result<Goals> {
    let reasons = reasons()?;
    let mut table = String::from("| | goal | worst | met by |\n|---|---|---|---|\n");
    let mut missed = String::new();
    let mut unknown = Vec::new();
    for goal in goals(figures)? {
        let (limit, n) = (goal.limit, goal.figures.len());
        let mut ordered = goal.figures.clone();
        ordered.sort_by(|one, other| match limit.is_worse(one.1, other.1) {
            true => std::cmp::Ordering::Less,
            false => std::cmp::Ordering::Greater,
        });
        let met = ordered.iter().filter(|one| limit.admits(one.1)).count();
        let worst = ordered
            .first()
            .map_or("not measured".to_owned(), |(name, figure)| {
                format!("{} (`{name}`)", short(*figure))
            });
        let limit_text = match limit {
            Limit::AtMost(most) => format!("at most {most}"),
            Limit::AtLeast(least) => format!("at least {least}"),
        };
        writeln!(
            table,
            "| {} | {limit_text} | {worst} | {met} of {n} |",
            goal.what
        )?;
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, figure) in ordered.iter().filter(|one| !limit.admits(one.1)) {
            let why = reasons
                .get(&(goal.id, *name))
                .or(reasons.get(&(goal.id, "*")));
            if why.is_none() {
                unknown.push(format!("{}: {name}: {}", goal.id, short(*figure)));
            }
            let why = why.copied().unwrap_or("Not looked into yet.");
            let list = by_reason.entry(why).or_default();
            list.push(format!("`{name}` {}", short(*figure)));
        }
        for (why, names) in by_reason {
            writeln!(
                missed,
                "- **{}**, {limit_text}: {}. {why}",
                goal.what,
                names.join(", ")
            )?;
        }
    }
    Ok(Goals {
        table,
        missed,
        unknown,
    })
}

/// The four numbers that open the page.
pub(crate) fn numbers(figures: &Figures) -> Result<String> {
    let (counts, times) = (&figures.counts, &figures.times);
    let all = Groups::new()?.all;
    let more = differences(counts, Way::Lowered, Way::ByHand, &all);
    let none = more.iter().filter(|(_, more)| *more <= 0.0).count();
    let lowered = |name: &&'static str| {
        let cost = |step: Step| counts.of(step, name);
        Some(100.0 * (cost(Step::FirstPlan)? + cost(Step::Site)?) / cost(Step::Compile)?)
    };
    let share = PREPARED.iter().filter_map(lowered).fold(0.0, f64::max);
    let call = quotients(times, Way::FfiCall, Way::Invoker, &all);
    let call = spread(call, "one by libffi's `ffi_call`");
    let closure = quotients(times, Way::FfiClosure, Way::Closure, &all);
    let closure = spread(closure, "libffi's");
    Ok(format!(
        "- A lowered call has **0 instructions** more than CLIF written by hand: in {none} of {} signatures.\n\
         - A call through an invoker is **{call}\n\
         - A closure is **{closure}\n\
         - The first plan of a call and its emission take **{share:.1} per cent**, at most, of the instructions that Cranelift takes to compile it.",
        more.len()
    ))
}

/// Its median, and from where to where it goes.
fn spread(mut figures: Vec<(&'static str, f64)>, what: &str) -> String {
    figures.sort_by(|one, other| one.1.total_cmp(&other.1));
    let of = |i: usize| figures.get(i).map_or(f64::NAN, |(_, figure)| *figure);
    let (least, median) = (of(0), of(figures.len() / 2));
    let most = of(figures.len().saturating_sub(1));
    format!("{median:.1} times** as fast as {what}: the median, from {least:.1} to {most:.1}.")
}

fn short(figure: f64) -> String {
    match figure.abs() < 10.0 {
        true => format!("{figure:.2}"),
        false => format!("{figure:.0}"),
    }
}

/// The signatures that goals are about.
#[derive(Default)]
struct Groups {
    all: Vec<&'static str>,
    /// All arguments and the result are passed in registers.
    in_registers: Vec<&'static str>,
    /// Something is passed in memory, without variadic calls and `long double`.
    in_memory: Vec<&'static str>,
    /// The result is a record.
    records: Vec<&'static str>,
}

impl Groups {
    fn new() -> Result<Self> {
        let mut groups = Self::default();
        for own in measured()? {
            groups.all.push(own.name);
            if own.sig.result().as_record().is_some() {
                groups.records.push(own.name);
            }
            if is_in_registers(&own.sig)? {
                groups.in_registers.push(own.name);
            } else if !own.sig.is_variadic() && !has_x87(&own) {
                groups.in_memory.push(own.name);
            }
        }
        Ok(groups)
    }
}

/// Whether that is the signature's subject: `memory` has it besides.
fn has_x87(own: &Measured) -> bool {
    ["ld_2", "s_ld", "cplxl"].contains(&own.name)
}

/// `own` over `other`, of each of these names.
fn quotients(
    costs: &Costs,
    own: impl Debug,
    other: impl Debug,
    of: &[&'static str],
) -> Vec<(&'static str, f64)> {
    let quotient = |name: &&'static str| {
        let (own, other) = (costs.of(&own, name)?, costs.of(&other, name)?);
        Some((*name, own / other))
    };
    of.iter().filter_map(quotient).collect()
}

/// `own` less `other`.
fn differences(
    costs: &Costs,
    own: impl Debug,
    other: impl Debug,
    of: &[&'static str],
) -> Vec<(&'static str, f64)> {
    let difference = |name: &&'static str| {
        let (own, other) = (costs.of(&own, name)?, costs.of(&other, name)?);
        Some((*name, own - other))
    };
    of.iter().filter_map(difference).collect()
}

macro_rules! goals {
    ($($id:literal $what:literal $limit:expr, $figures:expr;)*) => {
        vec![$(Goal { id: $id, what: $what, limit: $limit, figures: $figures }),*]
    };
}

fn goals(figures: &Figures) -> Result<Vec<Goal>> {
    let groups = Groups::new()?;
    let mut goals = of_lowered_calls(figures, &groups);
    goals.extend(of_run_time(figures, &groups));
    goals.extend(of_preparation(figures));
    let (toy, c) = (format_args!("Toy"), format_args!("C2"));
    goals.extend(goals! {
        "programs" "a program by toy's JIT: time over gcc -O2's with calls kept"
            AtMost(1.5), quotients(&figures.times, toy, c, &PROGRAMS);
    });
    Ok(goals)
}

fn of_lowered_calls(figures: &Figures, groups: &Groups) -> Vec<Goal> {
    use Way::{ByHand, Entry, Function, GccShim, Lowered};
    let (counts, times) = (&figures.counts, &figures.times);
    let (registers, memory) = (&groups.in_registers, &groups.in_memory);
    goals! {
        "by-hand" "a lowered call: instructions more than by hand in Cranelift"
            AtMost(0.0), differences(counts, Lowered, ByHand, &groups.all);
        "gcc-registers" "a lowered shim, all in registers: instructions more than gcc -O2's"
            AtMost(9.0), differences(counts, Lowered, GccShim, registers);
        "gcc-time" "the same, time over gcc's"
            AtMost(1.1), quotients(times, Lowered, GccShim, registers);
        "gcc-memory" "with arguments or a result in memory: instructions over gcc's"
            AtMost(1.4), quotients(counts, Lowered, GccShim, memory);
        "gcc-memory-time" "the same, time over gcc's"
            AtMost(1.1), quotients(times, Lowered, GccShim, memory);
        "entry" "a lowered function that C calls: instructions more than gcc's"
            AtMost(9.0), differences(counts, Entry, Function, &groups.all);
    }
}

fn of_run_time(figures: &Figures, groups: &Groups) -> Vec<Goal> {
    use Way::{Closure, FfiCall, FfiClosure, Function, Invoker};
    let (counts, times) = (&figures.counts, &figures.times);
    goals! {
        "invoker" "an invoker: time of `ffi_call` over its"
            AtLeast(6.0), quotients(times, FfiCall, Invoker, &groups.all);
        "invoker-records" "an invoker, a record as result: instructions of `ffi_call` over its"
            AtLeast(8.0), quotients(counts, FfiCall, Invoker, &groups.records);
        "closure" "a closure: time of libffi's over its"
            AtLeast(4.0), quotients(times, FfiClosure, Closure, &groups.all);
        "closure-function" "a closure: time over a C function's"
            AtMost(2.0), quotients(times, Closure, Function, &groups.all);
    }
}

fn of_preparation(figures: &Figures) -> Vec<Goal> {
    use Step::{Compile, FnAbi, Site, SiteByHand};
    let counts = &figures.counts;
    let steps = |own, other| quotients(counts, own, other, &PREPARED);
    let share = |(name, share)| (name, 100.0 * share);
    let shares = steps(FnAbi, Compile).into_iter().map(share);
    let number = |what: &str| {
        let n = |name: &'static str| Some((name, counts.of(format_args!("{what}"), name)?));
        PREPARED.into_iter().filter_map(n).collect()
    };
    goals! {
        "abi-share" "`FnAbi::new`: per cent of compiling the call"
            AtMost(1.0), shares.clone().filter(|(name, _)| *name != "mix10").collect();
        "abi-share-10" "the same, of ten arguments"
            AtMost(2.0), shares.filter(|(name, _)| *name == "mix10").collect();
        "abi-allocations" "`FnAbi::new`: allocations" AtMost(0.0), number("AbiAllocations");
        "plan-allocations" "the first plan of a call: allocations"
            AtMost(3.0), number("PlanAllocations");
        "site-allocations" "emission of a call, its plan at hand: allocations"
            AtMost(0.0), number("SiteAllocations");
        "site" "emission of a call: instructions over those of CLIF by hand"
            AtMost(1.3), steps(Site, SiteByHand);
    }
}

/// Whether all arguments and the result are.
fn is_in_registers(sig: &FnSig) -> Result<bool> {
    let abi = FnAbi::new(sig, &Target::X86_64_LINUX)?;
    let by_address = matches!(abi.ret.place, Place::Indirect { .. });
    Ok(abi.area_bytes == 0 && !by_address)
}

/// By goal and signature.
fn reasons() -> Result<BTreeMap<(&'static str, &'static str), &'static str>> {
    let mut reasons = BTreeMap::new();
    for section in REASONS.split("\n## ").skip(1) {
        let (head, why) = section.split_once('\n').ok_or("a reason without text")?;
        let (goal, names) = head.split_once(':').ok_or("a reason without signatures")?;
        for name in names.split_whitespace() {
            reasons.insert((goal, name), why.trim());
        }
    }
    Ok(reasons)
}
