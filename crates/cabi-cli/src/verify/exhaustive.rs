//! `cabi verify --exhaustive`: every transition of argument assignment, driven against each compiler (`cabi_judge::automaton::drive`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cabi_judge::automaton::drive::{Aside, Drive, Driven, Found, Leg};
use cabi_judge::automaton::{Coverage, Transition};
use cabi_judge::graffiti::hex;
use cabi_judge::interop::Direction;
use cabi_judge::verify::{Called, Verdict, Way};
use serde_json::{Value as Json, json};

use super::report::{in_full, indented, policy_name};
use super::{Verify, files, plan};
use crate::compilers::Absent;
use crate::xml::escape;

/// So many differences of a compiler are shown in full, the rest by a line each.
const IN_FULL: usize = 3;

/// So many of the rest are listed.
const LISTED: usize = 20;

/// Drives everything, writes what is asked for, and prints the report. Whether all was driven without a difference.
pub(super) fn found(verify: &Verify) -> Result<bool, String> {
    let (compilers, absent) = verify.compilers.find()?;
    let mut drives = Vec::new();
    for compiler in compilers {
        let mut drive = Drive::new(compiler).map_err(|e| e.to_string())?;
        drive.at_once = verify.compilers.at_once();
        drives.push(drive);
    }
    let all: Result<Vec<Driven<'_>>, _> =
        drives.iter().map(|drive| drive.run(&plan::bar())).collect();
    let all = all.map_err(|e| e.to_string())?;
    if let Some(path) = &verify.json {
        files::write(path, &as_json(&all, verify.allow_self_inconsistent))?;
    }
    if let Some(path) = &verify.junit {
        files::write(path, &as_junit(&all, verify.allow_self_inconsistent))?;
    }
    crate::write_out(&as_text(&all, &absent))?;
    let allowed = verify.allow_self_inconsistent;
    Ok(all.iter().all(|driven| driven.is_clean(allowed)))
}

fn as_text(all: &[Driven<'_>], absent: &Absent) -> String {
    let mut text = String::new();
    for (name, why) in absent {
        let _ = writeln!(text, "not run: {name}: {why}");
    }
    for driven in all {
        let _ = writeln!(text, "{}", name(driven));
        one(&mut text, driven);
    }
    text
}

/// The compiler, its version and the policy.
fn name(driven: &Driven<'_>) -> String {
    let compiler = driven.drive.compiler();
    let (judge, policy) = (&compiler.judge, policy_name(compiler.policy));
    format!("{} ({}), policy {policy}", judge.command(), judge.version())
}

fn one(text: &mut String, driven: &Driven<'_>) {
    for leg in &driven.legs {
        let _ = write!(
            text,
            "  {:<30}{}",
            words(leg.way, leg.direction),
            leg.passed
        );
        let differing = leg.differs.covered();
        if differing > 0 {
            let _ = write!(text, ", {differing} differ");
        }
        for (why, coverage) in &leg.not_lowered {
            let _ = write!(text, "\n    {} not lowered: {why}", coverage.covered());
        }
        text.push('\n');
    }
    for (shape, why) in driven.drive.shapes_absent() {
        let _ = writeln!(text, "  not run: shape {shape}: {why}");
    }
    set_aside(text, &driven.aside);
    itself(text, driven);
    differences(text, driven);
    let undriven: Vec<String> = driven.undriven().map(|t| t.to_string()).collect();
    if driven.stopped {
        text.push_str("  stopped: more than half of a sample differs\n");
    } else if let Some(first) = undriven.first() {
        let _ = writeln!(text, "  NOT DRIVEN {}: {first}; ..", undriven.len());
    }
    let (n, both) = (driven.found.len(), driven.both().covered());
    let _ = write!(
        text,
        "  both directions: transitions {both}/{}, {n} difference{}",
        driven.wanted.total(),
        if n == 1 { "" } else { "s" }
    );
    match driven.inconsistent().count() {
        0 => text.push('\n'),
        n => {
            let _ = writeln!(text, ", {n} in which the compiler disagrees with itself");
        }
    }
}

/// Who calls whom.
fn words(way: Way, direction: Direction) -> &'static str {
    match (way, direction) {
        (Way::Images, Direction::Call) => "C reads registers and stack",
        (Way::Images, Direction::Callee) => "C fills registers and stack",
        (Way::Cranelift, Direction::Call) => "our code calls C",
        (Way::Cranelift, Direction::Callee) => "C calls our code",
    }
}

/// In what the compiler disagrees with itself, with the program that shows the first.
fn itself(text: &mut String, driven: &Driven<'_>) {
    for (i, aside) in driven.inconsistent().enumerate().take(LISTED) {
        let _ = writeln!(text, "  SELF-INCONSISTENT {}", inconsistent(aside));
        if let (0, Some(program)) = (i, &aside.program) {
            indented(text, "reproduction, repro.c", program);
        }
    }
    let more = driven.inconsistent().count().saturating_sub(LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more: --json lists all");
    }
}

/// That the compiler disagrees with itself, as one line.
fn inconsistent(aside: &Aside) -> String {
    let Aside {
        transition,
        ty,
        why,
        ..
    } = aside;
    format!("{transition}, `{ty}`: a program of which the compiler builds both sides: {why}")
}

/// What was tried with another type, by kind of reason and type.
fn set_aside(text: &mut String, aside: &[Aside]) {
    let mut kinds: BTreeMap<(&str, &str), Vec<&Aside>> = BTreeMap::new();
    for one in aside {
        kinds.entry((one.key, &one.ty)).or_default().push(one);
    }
    for ((key, ty), all) in kinds {
        let first = all.first().map_or(String::new(), |one| {
            format!("{}: {}", one.transition, one.why)
        });
        let n = all.len();
        let _ = writeln!(text, "  set aside: {key} {n}, `{ty}` ({first})");
    }
}

fn differences(text: &mut String, driven: &Driven<'_>) {
    let mut types: BTreeMap<&str, BTreeSet<Transition>> = BTreeMap::new();
    for found in &driven.found {
        let of_type = types.entry(&found.ty).or_default();
        of_type.insert(found.transition);
    }
    for (ty, transitions) in &types {
        let _ = writeln!(
            text,
            "  differs: `{ty}` in {} transitions",
            transitions.len()
        );
    }
    // A difference in bytes says more than a crash, and one of another type more than one of the same.
    let mut found: Vec<&Found> = driven.found.iter().collect();
    found.sort_by_key(|found| found.difference.value.is_none());
    found.sort_by_cached_key(|found| types.remove(&*found.ty).is_none());
    for (i, found) in found.iter().enumerate() {
        if i < IN_FULL {
            let called = Called {
                case: found.case.clone(),
                direction: found.direction,
                setting: found.setting.clone(),
                verdict: Verdict::Differs(found.difference.clone()),
            };
            in_full(text, driven.drive.compiler(), &called, &found.difference);
        } else if i < IN_FULL + LISTED {
            let _ = writeln!(text, "  MISMATCH {}", line(found));
        }
    }
    let more = found.len().saturating_sub(IN_FULL + LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more: --json lists all");
    }
}

/// A difference as one line.
fn line(found: &Found) -> String {
    let Found {
        transition,
        ty,
        difference,
        way,
        direction,
        ..
    } = found;
    format!(
        "{transition}, `{ty}`, {}: {}",
        words(*way, *direction),
        difference.why
    )
}

fn as_json(all: &[Driven<'_>], allow_itself: bool) -> String {
    let judges = all.iter().map(|driven| {
        let compiler = driven.drive.compiler();
        let absent = driven.drive.shapes_absent();
        let absent =
            absent.map(|(shape, why)| json!({ "shape": shape.to_string(), "reason": why }));
        let aside = driven.aside.iter().map(|aside| {
            json!({
                "transition": aside.transition.to_string(),
                "type": aside.ty,
                "kind": aside.key,
                "reason": aside.why,
                "reproduction": aside.program,
            })
        });
        json!({
            "command": compiler.judge.command(),
            "version": compiler.judge.version(),
            "policy": policy_name(compiler.policy),
            "legs": driven.legs.iter().map(leg_json).collect::<Vec<_>>(),
            "wanted": coverage_json(&driven.wanted),
            "both_directions": coverage_json(&driven.both()),
            "not_run": absent.collect::<Vec<_>>(),
            "set_aside": aside.collect::<Vec<_>>(),
            "stopped": driven.stopped,
            "differences": driven.found.iter().map(found_json).collect::<Vec<_>>(),
        })
    });
    let clean = all.iter().all(|driven| driven.is_clean(allow_itself));
    let all = json!({ "clean": clean, "judges": judges.collect::<Vec<_>>() });
    format!("{all:#}\n")
}

fn coverage_json(coverage: &Coverage) -> Json {
    json!({
        "covered": coverage.covered(),
        "total": coverage.total(),
        "transitions": coverage.encode(),
    })
}

fn leg_json(leg: &Leg) -> Json {
    let not_lowered = leg.not_lowered.iter();
    let not_lowered =
        not_lowered.map(|(why, coverage)| json!({ "reason": why, "n": coverage.covered() }));
    json!({
        "way": words(leg.way, leg.direction),
        "passed": coverage_json(&leg.passed),
        "differ": coverage_json(&leg.differs),
        "not_lowered": not_lowered.collect::<Vec<_>>(),
    })
}

fn found_json(found: &Found) -> Json {
    json!({
        "transition": found.transition.to_string(),
        "way": words(found.way, found.direction),
        "type": found.ty,
        "declaration": format!("{} f({})", found.case.function.result, found.case.function.list),
        "why": found.difference.why,
        "expected": hex(&found.difference.expected),
        "got": hex(&found.difference.got),
    })
}

/// A suite per compiler: a case per way and direction, and one per difference.
fn as_junit(all: &[Driven<'_>], allow_itself: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for driven in all {
        let class = escape(&name(driven));
        let mut failures: Vec<String> = driven.found.iter().map(line).collect();
        if !allow_itself {
            failures.extend(driven.inconsistent().map(inconsistent));
        }
        failures.extend(driven.undriven().map(|t| format!("{t}: not driven")));
        let _ = writeln!(
            text,
            "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\">",
            driven.legs.len() + failures.len(),
            failures.len()
        );
        for leg in &driven.legs {
            let name = escape(&format!("{} {}", words(leg.way, leg.direction), leg.passed));
            let _ = writeln!(text, "<testcase classname=\"{class}\" name=\"{name}\"/>");
        }
        for failure in failures {
            let failure = escape(&failure);
            let _ = writeln!(
                text,
                "<testcase classname=\"{class}\" name=\"{failure}\"><failure message=\"{failure}\"/></testcase>"
            );
        }
        text.push_str("</testsuite>\n");
    }
    text + "</testsuites>\n"
}
