//! Results of `cabi verify` for programs: JSON, and the XML of JUnit that build servers read.

use std::fmt::Write as _;

use cabi_verify::check::calls::Value;
use cabi_verify::emit::c_program::reproduction;
use cabi_verify::header::Omitted;
use cabi_verify::pattern::hex;
use cabi_verify::verify::{
    Called, Differing, Outcome, Part, Run, SelfInconsistent, Verdict, may_be_skipped,
};
use serde_json::{Value as Json, json};

use crate::xml::escape;

use super::report::{declaration, place, policy_name, short, why_and_where, words};

/// Everything that was found, as JSON.
pub(super) fn json(run: &Run<'_>, outcome: &Outcome) -> String {
    let references = run.plan.compilers.iter().map(|asked| {
        json!({
            "command": asked.reference.command(),
            "version": asked.reference.version(),
            "policy": policy_name(asked.policy),
        })
    });
    let parts = run.parts.iter().map(|part| part_json(run, part));
    let coverage = run.coverage();
    let mut all = json!({
        "clean": *outcome == Outcome::Clean,
        "coverage": { "of_transitions": coverage.total(), "seen": coverage.covered(), "set": coverage.encode() },
        "references": references.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
    });
    if let Outcome::Nothing(why) = outcome {
        all["error"] = why.clone().into();
    }
    format!("{all:#}\n")
}

/// Why nothing could be verified, as JSON.
pub(super) fn json_of_failure(message: &str) -> String {
    format!("{:#}\n", json!({ "clean": false, "error": message }))
}

/// The same as JUnit's XML.
pub(super) fn junit_of_failure(message: &str) -> String {
    let message = escape(message);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
         <testsuite name=\"cabi verify\" tests=\"1\" failures=\"0\" errors=\"1\">\n\
         <testcase classname=\"cabi verify\" name=\"run\"><error message=\"{message}\"/></testcase>\n\
         </testsuite>\n</testsuites>\n"
    )
}

fn differing_json(differing: &Differing) -> Json {
    json!({ "what": differing.what, "theirs": differing.theirs, "ours": differing.ours })
}

fn itself_json(itself: &SelfInconsistent) -> Json {
    let called = &itself.called;
    json!({
        "case": called.case.name,
        "declaration": declaration(&called.case),
        "location": called.case.prototype.location.to_string(),
        "direction": words(called.direction),
        "why": itself.shown.says,
        "reproduction": itself.shown.program,
    })
}

fn left_json(left: &Omitted) -> Json {
    json!({
        "name": left.name,
        "kind": left.key,
        "reason": left.why,
        "location": left.location.as_ref().map(ToString::to_string),
        "on_list": may_be_skipped(left.key),
    })
}

fn part_json(run: &Run<'_>, part: &Part) -> Json {
    let (asked, read) = (
        &run.plan.compilers[part.compiler],
        &run.plan.headers[part.header],
    );
    let layouts = part.layouts.iter().map(differing_json);
    let prototypes = part.prototypes.iter().map(differing_json);
    let itself = part.itself.iter().map(itself_json);
    let skipped = run.skipped(part).map(left_json);
    let results = part
        .called
        .iter()
        .map(|result| result_json(run, part, result));
    json!({
        "header": read.name,
        "reference": asked.reference.command(),
        "prototypes_seen": read.found.n_prototypes,
        "records_seen": read.found.n_records,
        "prototypes_compared": part.n_compared,
        "prototype_mismatches": prototypes.collect::<Vec<_>>(),
        "layout_facts": part.n_facts,
        "layout_mismatches": layouts.collect::<Vec<_>>(),
        "self_inconsistent": itself.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
        "results": results.collect::<Vec<_>>(),
    })
}

fn result_json(run: &Run<'_>, part: &Part, result: &Called) -> Json {
    let asked = &run.plan.compilers[part.compiler];
    let mut out = json!({
        "case": result.case.name,
        "declaration": declaration(&result.case),
        "location": result.case.prototype.location.to_string(),
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
        let command = asked.reference.command();
        let program = reproduction(&result.case, result.direction, &command, short(difference));
        out["reproduction"] = program.into();
    }
    out
}

/// Everything that was found, as JUnit's XML: a suite per header and compiler.
pub(super) fn junit(run: &Run<'_>, outcome: &Outcome, allow_self_inconsistent: bool) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for part in &run.parts {
        suite(&mut text, run, part, allow_self_inconsistent);
    }
    if let Outcome::Nothing(why) = outcome {
        let _ = writeln!(
            text,
            "<testsuite name=\"cabi verify\" tests=\"1\" failures=\"0\" errors=\"1\">\n\
             <testcase classname=\"cabi verify\" name=\"run\"><error message=\"{}\"/></testcase>\n</testsuite>",
            escape(why)
        );
    }
    text + "</testsuites>\n"
}

fn suite(text: &mut String, run: &Run<'_>, part: &Part, allow_self_inconsistent: bool) {
    let (asked, read) = (
        &run.plan.compilers[part.compiler],
        &run.plan.headers[part.header],
    );
    let skipped: Vec<_> = run.skipped(part).collect();
    let unlisted = skipped
        .iter()
        .filter(|left| !may_be_skipped(left.key))
        .count();
    let differing: Vec<&Differing> = part.prototypes.iter().chain(&part.layouts).collect();
    let inconsistent = if allow_self_inconsistent {
        "skipped"
    } else {
        "failure"
    };
    let itself = if allow_self_inconsistent {
        0
    } else {
        part.itself.len()
    };
    let class = escape(&format!("{} {}", read.name, asked.reference.command()));
    let _ = writeln!(
        text,
        "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
        part.called.len() + differing.len() + part.itself.len() + skipped.len(),
        part.differences().count() + differing.len() + unlisted + itself,
        skipped.len() - unlisted + part.itself.len() - itself
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
    for differing in differing {
        let message = format!("{}, {} here", differing.theirs, differing.ours);
        case(&differing.what, Some(("failure", &message)));
    }
    for SelfInconsistent { called, shown } in &part.itself {
        let name = format!("{}, {}", called.case.name, words(called.direction));
        let message = format!("the compiler is self-inconsistent: {}", shown.says);
        case(&name, Some((inconsistent, &message)));
    }
    for result in &part.called {
        let name = format!("{}, {}", result.case.name, words(result.direction));
        let difference = result.difference();
        let inner = difference.map(|d| ("failure", d.why.as_str()));
        case(&name, inner);
    }
    for left in skipped {
        let listed = may_be_skipped(left.key);
        let message = format!("{}: {}", left.key, why_and_where(left));
        let tag = if listed { "skipped" } else { "failure" };
        case(&left.name, Some((tag, &message)));
    }
    text.push_str("</testsuite>\n");
}
