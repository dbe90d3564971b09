//! Results of `cabi verify` for programs: JSON, and the XML of JUnit that build servers read.

use std::fmt::Write as _;
use std::path::Path;

use cabi_judge::graffiti::hex;
use cabi_judge::interop::Value;
use cabi_judge::reproduction::reproduction;
use cabi_judge::verify::{Called, Part, Run, Verdict, may_be_skipped};
use serde_json::{Value as Json, json};

use crate::xml::escape;

use super::report::{declaration, place, policy_name, short, words};

pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Everything that was found, as JSON.
pub(super) fn json(run: &Run<'_>) -> String {
    let judges = run.plan.compilers.iter().map(|asked| {
        json!({
            "command": asked.judge.command(),
            "version": asked.judge.version(),
            "policy": policy_name(asked.policy),
        })
    });
    let parts = run.parts.iter().map(|part| part_json(run, part));
    let coverage = run.coverage();
    let all = json!({
        "clean": run.is_clean(),
        "coverage": { "of_transitions": coverage.total(), "seen": coverage.covered(), "set": coverage.encode() },
        "judges": judges.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

fn part_json(run: &Run<'_>, part: &Part) -> Json {
    let (asked, read) = (
        &run.plan.compilers[part.compiler],
        &run.plan.headers[part.header],
    );
    let layouts = part
        .layouts
        .iter()
        .map(|l| json!({ "what": l.what, "theirs": l.theirs, "ours": l.ours }));
    let skipped = run.skipped(part).map(|left| {
        json!({
            "name": left.name,
            "kind": left.key,
            "reason": left.why,
            "on_list": may_be_skipped(left.key),
        })
    });
    let results = part
        .called
        .iter()
        .map(|result| result_json(run, part, result));
    json!({
        "header": read.name,
        "judge": asked.judge.command(),
        "prototypes_seen": read.found.n_prototypes,
        "records_seen": read.found.n_records,
        "layout_facts": part.n_facts,
        "layout_mismatches": layouts.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
        "results": results.collect::<Vec<_>>(),
    })
}

fn result_json(run: &Run<'_>, part: &Part, result: &Called) -> Json {
    let asked = &run.plan.compilers[part.compiler];
    let mut out = json!({
        "case": result.case.name,
        "declaration": declaration(&result.case),
        "direction": words(result.direction),
        "settings": result.setting,
    });
    if let Verdict::Passed(calls) = result.verdict {
        out["passed"] = true.into();
        out["calls"] = calls.into();
    }
    if let Some(difference) = result.difference() {
        out["passed"] = false.into();
        out["why"] = difference.why.clone().into();
        if let Some(value) = difference.value {
            out["value"] = match value {
                Value::Argument(i) => format!("argument {i}").into(),
                Value::Result => "result".into(),
            };
            out["expected"] = hex(&difference.expected).into();
            out["got"] = hex(&difference.got).into();
            let sig = result.case.sig_under(asked.policy).ok();
            out["place"] = sig.and_then(|sig| place(value, &sig)).into();
        }
        let command = asked.judge.command();
        let program = reproduction(&result.case, result.direction, &command, short(difference));
        out["reproduction"] = program.into();
    }
    out
}

/// Everything that was found, as JUnit's XML: a suite per header and compiler.
pub(super) fn junit(run: &Run<'_>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for part in &run.parts {
        suite(&mut text, run, part);
    }
    text + "</testsuites>\n"
}

fn suite(text: &mut String, run: &Run<'_>, part: &Part) {
    let (asked, read) = (
        &run.plan.compilers[part.compiler],
        &run.plan.headers[part.header],
    );
    let skipped: Vec<_> = run.skipped(part).collect();
    let unlisted = skipped
        .iter()
        .filter(|left| !may_be_skipped(left.key))
        .count();
    let class = escape(&format!("{} {}", read.name, asked.judge.command()));
    let _ = writeln!(
        text,
        "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
        part.called.len() + part.layouts.len() + skipped.len(),
        part.differences().count() + part.layouts.len() + unlisted,
        skipped.len() - unlisted
    );
    let mut case = |name: &str, inner: Option<(&str, &str)>| {
        let name = escape(name);
        let _ = match inner {
            None => writeln!(text, "<testcase classname=\"{class}\" name=\"{name}\"/>"),
            Some((tag, message)) => writeln!(
                text,
                "<testcase classname=\"{class}\" name=\"{name}\"><{tag} message=\"{}\"/></testcase>",
                escape(message)
            ),
        };
    };
    for layout in &part.layouts {
        let message = format!("{}, {} here", layout.theirs, layout.ours);
        case(&layout.what, Some(("failure", &message)));
    }
    for result in &part.called {
        let name = format!("{}, {}", result.case.name, words(result.direction));
        let difference = result.difference();
        let inner = difference.map(|d| ("failure", d.why.as_str()));
        case(&name, inner);
    }
    for left in skipped {
        let tag = if may_be_skipped(left.key) {
            "skipped"
        } else {
            "failure"
        };
        case(
            &left.name,
            Some((tag, &format!("{}: {}", left.key, left.why))),
        );
    }
    text.push_str("</testsuite>\n");
}
