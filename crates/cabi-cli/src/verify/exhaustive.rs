//! `cabi verify --exhaustive`: every transition of argument assignment, run against each compiler (`cabi_verify::exhaustive`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cabi_verify::check::calls::Direction;
use cabi_verify::exhaustive::{
    DifferingTransition, Exhaustive, ExhaustiveRun, OneDirection, SetAside,
};
use cabi_verify::pattern::hex;
use cabi_verify::states::{Coverage, Transition};
use cabi_verify::verify::{Called, OtherSide, Verdict};
use serde_json::{Value as Json, json};

use super::options::Verify;
use super::plan;
use super::report::{in_full, indented, policy_name};
use crate::compilers::Absent;
use crate::output;
use crate::xml::escape;

/// So many differences of a compiler are shown in full, the rest by a line each.
const IN_FULL: usize = 3;

/// So many of the rest are listed.
const LISTED: usize = 20;

/// Runs all transitions, writes what is asked for, and prints the report. Whether all ran without a difference.
pub(super) fn found(verify: &Verify) -> Result<bool, String> {
    let (compilers, absent) = verify.compilers.find()?;
    let mut plans = Vec::new();
    for compiler in compilers {
        let mut plan = Exhaustive::new(compiler).map_err(|e| e.to_string())?;
        plan.at_once = verify.compilers.at_once();
        plans.push(plan);
    }
    let all: Result<Vec<ExhaustiveRun<'_>>, _> =
        plans.iter().map(|plan| plan.run(&plan::bar())).collect();
    let all = all.map_err(|e| e.to_string())?;
    if let Some(path) = &verify.json {
        output::write(path, &as_json(&all, verify.allow_self_inconsistent))?;
    }
    if let Some(path) = &verify.junit {
        output::write(path, &as_junit(&all, verify.allow_self_inconsistent))?;
    }
    if !verify.takes_stdout()? {
        output::print(&as_text(&all, &absent))?;
    }
    let allowed = verify.allow_self_inconsistent;
    Ok(all.iter().all(|run| run.is_clean(allowed)))
}

fn as_text(all: &[ExhaustiveRun<'_>], absent: &Absent) -> String {
    let mut text = String::new();
    for (name, why) in absent {
        let _ = writeln!(text, "not run: {name}: {why}");
    }
    for run in all {
        let _ = writeln!(text, "{}", name(run));
        one(&mut text, run);
    }
    text
}

/// The compiler, its version and the policy.
fn name(run: &ExhaustiveRun<'_>) -> String {
    let compiler = run.plan.compiler();
    let (reference, policy) = (&compiler.reference, policy_name(compiler.policy));
    format!(
        "{} ({}), policy {policy}",
        reference.command(),
        reference.version()
    )
}

fn one(text: &mut String, run: &ExhaustiveRun<'_>) {
    for direction_run in &run.directions {
        let _ = write!(
            text,
            "  {:<30}{}",
            words(direction_run.way, direction_run.direction),
            direction_run.passed
        );
        let differing = direction_run.differs.covered();
        if differing > 0 {
            let _ = write!(text, ", {differing} differ");
        }
        for (why, coverage) in &direction_run.not_lowered {
            let _ = write!(text, "\n    {} not lowered: {why}", coverage.covered());
        }
        text.push('\n');
    }
    for (shape, why) in run.plan.shapes_absent() {
        let _ = writeln!(text, "  not run: shape {shape}: {why}");
    }
    set_aside(text, &run.aside);
    itself(text, run);
    differences(text, run);
    let missed: Vec<String> = run.missed().map(|t| t.to_string()).collect();
    if run.stopped {
        text.push_str("  stopped: more than half of a sample differs\n");
    } else if let Some(first) = missed.first() {
        let _ = writeln!(text, "  NOT RUN {}: {first}; ..", missed.len());
    }
    let (n, both) = (run.found.len(), run.both().covered());
    let _ = write!(
        text,
        "  both directions: transitions {both}/{}, {n} difference{}",
        run.wanted.total(),
        if n == 1 { "" } else { "s" }
    );
    match run.inconsistent().count() {
        0 => text.push('\n'),
        n => {
            let _ = writeln!(text, ", {n} in which the compiler is self-inconsistent");
        }
    }
}

/// Who calls whom.
fn words(way: OtherSide, direction: Direction) -> &'static str {
    match (way, direction) {
        (OtherSide::RegisterFile, Direction::Call) => "C reads registers and stack",
        (OtherSide::RegisterFile, Direction::Callee) => "C fills registers and stack",
        (OtherSide::Cranelift, Direction::Call) => "our code calls C",
        (OtherSide::Cranelift, Direction::Callee) => "C calls our code",
    }
}

/// Where the compiler is self-inconsistent, with the program that shows the first case.
fn itself(text: &mut String, run: &ExhaustiveRun<'_>) {
    for (i, aside) in run.inconsistent().enumerate().take(LISTED) {
        let _ = writeln!(text, "  SELF-INCONSISTENT {}", inconsistent(aside));
        if let (0, Some(program)) = (i, &aside.program) {
            indented(text, "reproduction, repro.c", program);
        }
    }
    let more = run.inconsistent().count().saturating_sub(LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more: --json lists all");
    }
}

/// A self-inconsistency as one line.
fn inconsistent(aside: &SetAside) -> String {
    let SetAside {
        transition,
        ty,
        why,
        ..
    } = aside;
    format!("{transition}, `{ty}`: a program of which the compiler builds both sides: {why}")
}

/// Transitions that were tried with another type, by kind of reason and type.
fn set_aside(text: &mut String, aside: &[SetAside]) {
    let mut kinds: BTreeMap<(&str, &str), Vec<&SetAside>> = BTreeMap::new();
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

fn differences(text: &mut String, run: &ExhaustiveRun<'_>) {
    let mut types: BTreeMap<&str, BTreeSet<Transition>> = BTreeMap::new();
    for found in &run.found {
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
    let mut found: Vec<&DifferingTransition> = run.found.iter().collect();
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
            in_full(text, run.plan.compiler(), &called, &found.difference);
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
fn line(found: &DifferingTransition) -> String {
    let DifferingTransition {
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

fn as_json(all: &[ExhaustiveRun<'_>], allow_self_inconsistent: bool) -> String {
    let references = all.iter().map(|run| {
        let compiler = run.plan.compiler();
        let absent = run.plan.shapes_absent();
        let absent =
            absent.map(|(shape, why)| json!({ "shape": shape.to_string(), "reason": why }));
        let aside = run.aside.iter().map(|aside| {
            json!({
                "transition": aside.transition.to_string(),
                "type": aside.ty,
                "kind": aside.key,
                "reason": aside.why,
                "reproduction": aside.program,
            })
        });
        json!({
            "command": compiler.reference.command(),
            "version": compiler.reference.version(),
            "policy": policy_name(compiler.policy),
            "directions": run.directions.iter().map(direction_json).collect::<Vec<_>>(),
            "wanted": coverage_json(&run.wanted),
            "both_directions": coverage_json(&run.both()),
            "not_run": absent.collect::<Vec<_>>(),
            "set_aside": aside.collect::<Vec<_>>(),
            "stopped": run.stopped,
            "differences": run.found.iter().map(found_json).collect::<Vec<_>>(),
        })
    });
    let clean = all.iter().all(|run| run.is_clean(allow_self_inconsistent));
    let all = json!({ "clean": clean, "references": references.collect::<Vec<_>>() });
    format!("{all:#}\n")
}

fn coverage_json(coverage: &Coverage) -> Json {
    json!({
        "covered": coverage.covered(),
        "total": coverage.total(),
        "transitions": coverage.encode(),
    })
}

fn direction_json(direction_run: &OneDirection) -> Json {
    let not_lowered = direction_run.not_lowered.iter();
    let not_lowered =
        not_lowered.map(|(why, coverage)| json!({ "reason": why, "n": coverage.covered() }));
    json!({
        "way": words(direction_run.way, direction_run.direction),
        "passed": coverage_json(&direction_run.passed),
        "differ": coverage_json(&direction_run.differs),
        "not_lowered": not_lowered.collect::<Vec<_>>(),
    })
}

fn found_json(found: &DifferingTransition) -> Json {
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
fn as_junit(all: &[ExhaustiveRun<'_>], allow_self_inconsistent: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for run in all {
        let class = escape(&name(run));
        let mut failures: Vec<String> = run.found.iter().map(line).collect();
        if !allow_self_inconsistent {
            failures.extend(run.inconsistent().map(inconsistent));
        }
        failures.extend(run.missed().map(|t| format!("{t}: not run")));
        let _ = writeln!(
            text,
            "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\">",
            run.directions.len() + failures.len(),
            failures.len()
        );
        for direction_run in &run.directions {
            let name = escape(&format!(
                "{} {}",
                words(direction_run.way, direction_run.direction),
                direction_run.passed
            ));
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
