//! The report of a run over headers. It has the counts per compiler and header, and the omissions
//! with their reasons. Each difference has the declaration, the place of the bytes, the place where
//! they belong, the explanation, and a program of C that shows it.

use std::fmt::Write as _;

use cabi::{FnAbi, FnSig, Target};
use serde_json::{Value as Json, json};

use super::part::{LAYOUT, PROTOTYPE};
use super::{CaseVerdict, Compiler, HeaderRun, Run, may_be_skipped};
use crate::case::{Case, Direction};
use crate::emit::c_program::reproduction;
use crate::header::{OF_RECORD, OmittedDeclaration};
use crate::report::{Item, Report, Section, Status, count, members};
use crate::verdict::{Difference, Value, Verdict};

/// Number of differences of a section that are printed in full.
const IN_FULL: usize = 3;

/// The kind of the items that are cases in one direction.
const CALL: &str = "call";

impl Run<'_> {
    /// Reports all results. With `allow_self_inconsistent`, a compiler that disagrees with itself
    /// is no failure.
    pub fn report(&self, allow_self_inconsistent: bool) -> Report {
        let references = self.plan.compilers.iter().map(|compiler| {
            json!({
                "command": compiler.reference.command(),
                "version": compiler.reference.version(),
                "policy": compiler.policy_name(),
            })
        });
        let mut report = Report::new("cabi verify");
        report.allow_self_inconsistent = allow_self_inconsistent;
        report.data = members(json!({
            "references": references.collect::<Vec<_>>(),
        }));
        report.sections = self.parts.iter().map(section).collect();
        report.totals = vec![total(self, &report)];
        report.error = self.nothing(report.is_clean());
        report
    }
}

fn section(part: &HeaderRun<'_>) -> Section {
    let (read, compiler) = (part.read, part.compiler);
    let command = compiler.reference.command();
    let (n, n_differ) = (part.verdicts.len(), part.differences().count());
    let title = format!("{}, {}", read.name, compiler.title());
    let counts = format!(
        "  {} and {} found; {}, {} sizes and offsets compared, {} of {n} cases pass, both directions counted",
        count(read.n_prototypes as u64, "prototype"),
        count(read.n_records as u64, "record type"),
        count(part.n_compared as u64, "prototype"),
        part.n_facts,
        n - n_differ
    );
    let mut items = part.differing.clone();
    let itself = part.itself.iter().enumerate();
    items.extend(itself.map(|(i, outcome)| of_case(compiler, outcome, i == 0)));
    let mut verdicts: Vec<&CaseVerdict> = part.verdicts.iter().collect();
    // A difference in bytes says more than a crash.
    verdicts.sort_by_key(|outcome| match outcome.verdict.difference() {
        Some(difference) => usize::from(difference.value.is_none()),
        None => 2,
    });
    let verdicts = verdicts.into_iter().enumerate();
    items.extend(verdicts.map(|(i, outcome)| of_case(compiler, outcome, i < IN_FULL)));
    items.extend(part.skipped.iter().map(left_out_item));
    Section {
        name: format!("{} {command}", read.name),
        head: vec![title, counts],
        items,
        data: members(json!({
            "header": read.name,
            "reference": command,
            "prototypes_seen": read.n_prototypes,
            "records_seen": read.n_records,
            "prototypes_compared": part.n_compared,
            "layout_facts": part.n_facts,
        })),
        ..Section::default()
    }
}

/// Returns the line that ends the text.
fn total(run: &Run<'_>, report: &Report) -> String {
    let items = || report.sections.iter().flat_map(|section| &section.items);
    let count = |status, kind| {
        let of = |item: &&Item| item.status == status && item.kind == kind;
        items().filter(of).count()
    };
    let [prototypes, layouts, calls] =
        [PROTOTYPE, LAYOUT, CALL].map(|kind| count(Status::Failed, kind));
    let n = prototypes + layouts + calls;
    let tested: usize = run.parts.iter().map(|part| part.verdicts.len()).sum();
    let mut text = format!(
        "{n} mismatch{} ({prototypes} of prototypes, {layouts} of layout, {calls} of {tested} cases)",
        if n == 1 { "" } else { "es" }
    );
    let itself = count(Status::SelfInconsistent, CALL);
    if itself > 0 {
        let _ = write!(text, ", {itself} in which a compiler is self-inconsistent");
    }
    let unlisted = items().filter(|item| item.status == Status::Unlisted);
    let unlisted = unlisted.count();
    if unlisted > 0 {
        let _ = write!(text, ", and {unlisted} not verified");
    }
    text
}

/// Returns the item of a declaration that was left out of a header.
fn left_out_item(omission: &OmittedDeclaration) -> Item {
    let location = omission.location.as_ref().map(ToString::to_string);
    let (status, mark, why) = match (may_be_skipped(omission.key), &location) {
        (true, _) => (Status::LeftOut, "left out", omission.why.clone()),
        (false, Some(at)) => {
            let why = format!("{}; declared at {at}", omission.why);
            (Status::Unlisted, "NOT VERIFIED", why)
        }
        (false, None) => (Status::Unlisted, "NOT VERIFIED", omission.why.clone()),
    };
    let item = Item::new(&omission.name, status, why).of_kind(format!("{mark}: {}", omission.key));
    item.with(json!({ "location": location, "reason": omission.key }))
}

/// Returns the item of a case in one direction; `in_full` with all details of a difference.
fn of_case(compiler: &Compiler, outcome: &CaseVerdict, in_full: bool) -> Item {
    let (case, direction) = (&outcome.case, words(outcome.direction));
    let mut data = json!({
        "case": case.name,
        "declaration": declaration(case),
        "location": case.prototype.location.to_string(),
        "direction": direction,
        "settings": outcome.setting,
    });
    let name = format!("{}, {direction}", case.name);
    let Some(difference) = outcome.verdict.difference() else {
        if let Verdict::Passed(calls) = outcome.verdict {
            data["calls"] = calls.into();
        }
        let item = Item::new(name, Status::Passed, "");
        return item.of_kind(CALL).with(data);
    };
    let (command, why) = (compiler.reference.command(), &difference.why);
    let (status, why, program) = match &outcome.shown {
        Some(shown) => (
            Status::SelfInconsistent,
            match why.ends_with(&shown.says) {
                true => why.to_owned(),
                false => format!("{why}; both sides compiled by {command}: {}", shown.says),
            },
            Some(shown.program.clone()),
        ),
        None => (
            Status::Failed,
            why.to_owned(),
            reproduction(case, outcome.direction, &command, why),
        ),
    };
    let sig = case.sig_under(compiler.policy).ok();
    let settings = &outcome.setting;
    let mut detail = format!(
        "    {};\n    engine settings {settings}\n",
        declaration(case)
    );
    if let Some(value) = difference.value {
        let sig = sig.as_ref();
        let place = sig.and_then(|sig| place(value, sig, &case.target));
        add_value(&mut data, &mut detail, case, value, difference, place);
    }
    let explanation = sig.filter(|_| in_full);
    let explanation = explanation.and_then(|sig| cabi::explain(&sig, &[], &case.target).ok());
    if let Some(explanation) = explanation {
        indented(&mut detail, "explanation", &explanation.to_string());
    }
    if let Some(program) = &program {
        indented(&mut detail, "reproduction, repro.c", program);
    }
    data["difference"] = difference.why.clone().into();
    data["reproduction"] = program.into();
    let item = Item::new(name, status, why).of_kind(CALL).with(data);
    Item {
        detail: if in_full { detail } else { String::new() },
        ..item
    }
}

/// Adds the value that differs: where it belongs, and which of its bytes the compiler has
/// elsewhere.
fn add_value(
    data: &mut Json,
    detail: &mut String,
    case: &Case,
    value: Value,
    difference: &Difference,
    place: Option<String>,
) {
    let ty = match value {
        Value::Result => Some(case.prototype.ret.clone()),
        Value::Argument(i) => case.argument_types().into_iter().nth(i),
    };
    let ty = ty.map_or(String::new(), |ty| format!(", {ty}"));
    let belongs = place.as_deref().unwrap_or_default();
    let _ = writeln!(detail, "    {value}{ty}, belongs in: {belongs}");
    data["value"] = value.to_string().into();
    data["place"] = place.into();
    data["moved"] = json!(difference.moved);
}

/// Returns the words for the caller and the callee of a call.
fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Call => "our code calls C",
        Direction::Callee => "C calls our code",
    }
}

/// Returns the case's declaration, under its name in the header where it has one.
fn declaration(case: &Case) -> String {
    let name = if case.name.contains(OF_RECORD) {
        "f"
    } else {
        &case.name
    };
    let mut text = format!("{} {name}({})", case.prototype.spelled_ret, case.list());
    text = text.replace("cabi_function_pointer", "void (*)(void)");
    if !case.unnamed_text.is_empty() {
        let _ = write!(text, ", called with {}", case.unnamed_text.join(", "));
    }
    text
}

/// Returns the place where a value should be.
fn place(value: Value, sig: &FnSig, target: &Target) -> Option<String> {
    let abi = FnAbi::new(sig, target).ok()?;
    Some(match value {
        Value::Result => abi.ret.to_string(),
        Value::Argument(i) => abi.args.get(i)?.place.to_string(),
    })
}

fn indented(text: &mut String, title: &str, body: &str) {
    let _ = writeln!(text, "    {title}:");
    for line in body.lines() {
        let line = format!("      {line}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
