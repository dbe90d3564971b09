//! The goals, each beside its figure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi::{FnAbi, FnSig, Place, Target};
use cabi_tests::measure::{PREPARED, Step};
use cabi_tests::measured_signatures::{MeasuredSignature, measured};

use crate::figures::{Figures, Result};
use crate::programs::PROGRAMS;

/// The goals; the file says how a line is read.
const GOALS: &str = include_str!("goals.txt");

/// Returns the table of goals beside their figures.
pub(crate) fn table(figures: &Figures) -> Result<String> {
    let mut table = String::from("| | goal | worst | met by |\n|---|---|---|---|\n");
    let groups = groups()?;
    for line in GOALS.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&'static str> = line.split(" | ").collect();
        let [what, limit, formula, names] = cells[..] else {
            return Err(format!("goals.txt: not a goal: {line}").into());
        };
        let (words, number) = limit.rsplit_once(' ').ok_or("a limit without a number")?;
        // `at most 1.1` or `at least 6`.
        let sign = if words == "at most" { 1.0 } else { -1.0 };
        let bound = sign * number.parse::<f64>()?;
        let mut ordered = figures.each(formula, &group(&groups, names)?)?;
        ordered.sort_by(|one, other| (sign * other.1).total_cmp(&(sign * one.1)));
        let (n, met) = (ordered.len(), ordered.iter());
        let met = met.filter(|one| sign * one.1 <= bound).count();
        let worst = ordered
            .first()
            .map_or("not measured".to_owned(), |(name, figure)| {
                format!("{} (`{name}`)", short(*figure))
            });
        writeln!(table, "| {what} | {limit} | {worst} | {met} of {n} |")?;
    }
    Ok(table)
}

/// Returns the four numbers that open the page.
pub(crate) fn numbers(figures: &Figures) -> Result<String> {
    let all = group(&groups()?, "all")?;
    let more = figures.each("counts Lowered - ByHand", &all)?;
    let none = more.iter().filter(|(_, more)| *more <= 0.0).count();
    let lowered = |name: &&'static str| {
        let cost = |step: Step| figures.counts.of(format_args!("{step:?}"), name);
        Some(100.0 * (cost(Step::FirstPlan)? + cost(Step::Site)?) / cost(Step::Compile)?)
    };
    let share = PREPARED.iter().filter_map(lowered).fold(0.0, f64::max);
    let call = figures.each("times FfiCall / Invoker", &all)?;
    let call = spread(call, "one by libffi's `ffi_call`");
    let closure = figures.each("times FfiClosure / Closure", &all)?;
    let closure = spread(closure, "libffi's");
    Ok(format!(
        "- A lowered call has **0 instructions** more than CLIF written by hand: in {none} of {} signatures.\n\
         - A call through an invoker is **{call}\n\
         - A closure is **{closure}\n\
         - The first plan of a call and its emission take **{share:.1} per cent**, at most, of the instructions that Cranelift takes to compile it.",
        more.len()
    ))
}

/// Returns the median, the least and the greatest.
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

/// Returns the signatures that goals are about, and the programs, by the names of their groups.
fn groups() -> Result<BTreeMap<&'static str, Vec<&'static str>>> {
    let mut groups = BTreeMap::from([
        ("prepared", PREPARED.to_vec()),
        ("programs", PROGRAMS.to_vec()),
    ]);
    for own in measured()? {
        let is_record = own.sig.result().as_record().is_some();
        // All arguments and the result are passed in registers; or some are in memory, without
        // variadic calls and `long double`.
        let in_registers = is_in_registers(&own.sig)?;
        let in_memory = !in_registers && !own.sig.is_variadic() && !has_x87(&own);
        for (group, is_in) in [
            ("all", true),
            ("records", is_record),
            ("registers", in_registers),
            ("memory", in_memory),
        ] {
            if is_in {
                groups.entry(group).or_default().push(own.name);
            }
        }
    }
    Ok(groups)
}

/// Returns the signatures of `all`, `prepared but mix10`, or one signature of a group.
fn group(
    groups: &BTreeMap<&str, Vec<&'static str>>,
    text: &'static str,
) -> Result<Vec<&'static str>> {
    let (name, but) = text.split_once(" but ").unwrap_or((text, ""));
    let is_one = groups.values().flatten().any(|one| *one == name);
    let one = is_one.then(|| vec![name]);
    let names = groups.get(name).cloned().or(one);
    let mut names = names.ok_or_else(|| format!("{name}: unknown group or signature"))?;
    names.retain(|name| *name != but);
    Ok(names)
}

/// Checks whether x87 is the signature's subject: `memory` has it besides.
fn has_x87(own: &MeasuredSignature) -> bool {
    ["ld_2", "s_ld", "cplxl"].contains(&own.name)
}

/// Checks whether all arguments and the result are in registers.
fn is_in_registers(sig: &FnSig) -> Result<bool> {
    let abi = FnAbi::new(sig, &Target::X86_64_LINUX)?;
    let by_address = matches!(abi.ret.place, Place::Indirect { .. });
    Ok(abi.area_bytes == 0 && !by_address)
}
