//! The report of every transition: per compiler what was run in each way and direction, what was set aside and why, and the differences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{DifferingTransition, ExhaustiveRun, OneDirection, SELF_INCONSISTENT, SetAside};
use crate::case::Direction;
use crate::pattern::hex;
use crate::report::{Item, Report, Section, Status};
use crate::states::{Coverage, Measure, Transition};
use crate::verify::OtherSide;
use crate::verify::report::{
    IN_FULL, REPRODUCTION, in_full, indented, moved, object, policy_name, words,
};

/// The report of `all` runs, each against one compiler.
pub fn report(all: &[ExhaustiveRun<'_>], allow_self_inconsistent: bool) -> Report {
    let mut report = Report::new("cabi verify");
    report.list = "references";
    report.allow_self_inconsistent = allow_self_inconsistent;
    report.sections = all.iter().map(section).collect();
    report
}

fn section(run: &ExhaustiveRun<'_>) -> Section {
    let compiler = run.plan.compiler();
    let mut items: Vec<Item> = run.directions.iter().map(passed).collect();
    items.extend(found(run));
    items.extend(run.aside.iter().map(aside));
    let absent = run.plan.shapes_absent().map(|(shape, why)| {
        let data = json!({ "shape": shape.to_string(), "reason": why });
        let mut item = Item::new(format!("shape {shape}"), Status::LeftOut, why);
        item.kind = "not run".to_owned();
        item.in_list("not_run", data)
    });
    items.extend(absent);
    items.extend(run.missed().map(|transition| {
        let mut item = Item::new(transition.to_string(), Status::Unlisted, "");
        item.kind = "NOT RUN".to_owned();
        item
    }));
    // One program says enough.
    let mut inconsistent = items
        .iter_mut()
        .filter(|item| item.status == Status::SelfInconsistent);
    let _ = inconsistent.next();
    inconsistent.for_each(|item| item.detail.clear());
    Section {
        name: compiler.title(),
        head: head(run),
        items,
        totals: totals(run),
        data: object(json!({
            "command": compiler.reference.command(),
            "version": compiler.reference.version(),
            "policy": policy_name(compiler.policy),
            "directions": run.directions.iter().map(direction_json).collect::<Json>(),
            "wanted": coverage_json(&run.wanted),
            "both_directions": coverage_json(&run.both()),
            "not_run": [],
            "set_aside": [],
            "stopped": run.stopped,
            "differences": [],
        })),
        ..Section::default()
    }
}

/// Counts of each way and direction, and of each type in which something differs.
fn head(run: &ExhaustiveRun<'_>) -> Vec<String> {
    let mut lines = vec![run.plan.compiler().title()];
    for one in &run.directions {
        let mut line = format!(
            "  {:<30}{}",
            how(one.way, one.direction),
            share(run, &one.passed)
        );
        if one.differs.covered() > 0 {
            line += &format!(", {} differ", one.differs.covered());
        }
        lines.push(line);
        for (why, coverage) in &one.not_lowered {
            lines.push(format!("    {} not lowered: {why}", coverage.covered()));
        }
    }
    let mut types: BTreeMap<&str, BTreeSet<Transition>> = BTreeMap::new();
    for found in &run.found {
        types.entry(&found.ty).or_default().insert(found.transition);
    }
    let of_type =
        |(ty, all): (&str, BTreeSet<_>)| format!("  differs: `{ty}` in {} transitions", all.len());
    lines.extend(types.into_iter().map(of_type));
    lines
}

fn totals(run: &ExhaustiveRun<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if run.stopped {
        lines.push("  stopped: more than half of a sample differs".to_owned());
    }
    let n = run.found.len();
    let mut line = format!(
        "  both directions: {}, {n} difference{}",
        share(run, &run.both()),
        if n == 1 { "" } else { "s" }
    );
    let n = run.inconsistent().count();
    if n > 0 {
        line += &format!(", {n} in which the compiler is self-inconsistent");
    }
    lines.push(line);
    lines
}

/// So many of all transitions: in other conventions than System V's arguments leave fewer states.
fn share(run: &ExhaustiveRun<'_>, seen: &Coverage) -> String {
    match run.plan.measure {
        Measure::SysV => seen.to_string(),
        _ => format!("transitions {}/{}", seen.covered(), run.wanted.covered()),
    }
}

/// Which side calls which.
fn how(way: OtherSide, direction: Direction) -> &'static str {
    match (way, direction) {
        (OtherSide::RegisterFile, Direction::Call) => "C reads registers and stack",
        (OtherSide::RegisterFile, Direction::Callee) => "C fills registers and stack",
        (OtherSide::Cranelift | OtherSide::Both, direction) => words(direction),
    }
}

fn passed(one: &OneDirection) -> Item {
    let name = format!("{} {}", how(one.way, one.direction), one.passed);
    Item::new(name, Status::Passed, "")
}

/// The differences. One in bytes says more than a crash, and one of another type more than one of the same: these come first.
fn found(run: &ExhaustiveRun<'_>) -> Vec<Item> {
    let mut found: Vec<&DifferingTransition> = run.found.iter().collect();
    found.sort_by_key(|found| found.difference.value.is_none());
    let mut seen = BTreeSet::new();
    found.sort_by_cached_key(|found| !seen.insert(&found.ty));
    let item = |(i, found): (usize, &DifferingTransition)| {
        let called = &found.called;
        let how = how(found.way, called.direction);
        let name = format!("{}, `{}`, {how}", found.transition, found.ty);
        let difference = &found.difference;
        let data = json!({
            "transition": found.transition.to_string(),
            "way": how,
            "type": found.ty,
            "declaration": format!("{} f({})", called.case.function.result, called.case.function.list),
            "why": difference.why,
            "expected": hex(&difference.expected),
            "got": hex(&difference.got),
            "moved": difference.moved.iter().map(moved).collect::<Json>(),
        });
        let mut item =
            Item::new(name, Status::Failed, &difference.why).in_list("differences", data);
        if i < IN_FULL {
            item.detail = in_full(run.plan.compiler(), called, difference);
        }
        item
    };
    found.into_iter().enumerate().map(item).collect()
}

/// A transition that was tried with another type.
fn aside(one: &SetAside) -> Item {
    let SetAside {
        transition,
        ty,
        key,
        why,
        program,
    } = one;
    let data = json!({
        "transition": transition.to_string(),
        "type": ty,
        "kind": key,
        "reason": why,
        "reproduction": program,
    });
    let name = format!("{transition}, `{ty}`");
    let mut item = match *key == SELF_INCONSISTENT {
        true => {
            let why = format!("a program of which the compiler builds both sides: {why}");
            Item::new(name, Status::SelfInconsistent, why)
        }
        false => Item::new(name, Status::LeftOut, why),
    };
    item.kind = format!("set aside: {key}");
    item.alike = format!("`{ty}`");
    if let Some(program) = program {
        indented(&mut item.detail, REPRODUCTION, program);
    }
    item.in_list("set_aside", data)
}

fn coverage_json(coverage: &Coverage) -> Json {
    json!({
        "covered": coverage.covered(),
        "total": coverage.total(),
        "transitions": coverage.encode(),
    })
}

fn direction_json(one: &OneDirection) -> Json {
    let not_lowered = one.not_lowered.iter();
    let not_lowered =
        not_lowered.map(|(why, coverage)| json!({ "reason": why, "n": coverage.covered() }));
    json!({
        "way": how(one.way, one.direction),
        "passed": coverage_json(&one.passed),
        "differ": coverage_json(&one.differs),
        "not_lowered": not_lowered.collect::<Json>(),
    })
}
