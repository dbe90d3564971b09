//! The report of a run over headers: per compiler and header the counts, what was left out and why, and of each difference the declaration, both
//! sides' bytes, the place they should have come from, the explanation, and a program of C that shows it.

use std::fmt::Write as _;

use cabi::{FnAbi, FnSig, Policy, Target};
use serde_json::{Value as Json, json};

use super::units::NOT_ASKED;
use super::{Called, Compiler, Differing, Part, ProgramLimit, Run, may_be_skipped};
use crate::case::{Case, Direction};
use crate::emit::c_program::reproduction;
use crate::header::{OF_RECORD, Omitted};
use crate::pattern::hex;
use crate::report::{Item, Report, Section, Status};
use crate::verdict::{Difference, Value, Verdict};

/// So many differences of a section have all their details in text.
const IN_FULL: usize = 3;

impl Run<'_> {
    /// Everything that was found. With `allow_self_inconsistent`, that a compiler disagrees with itself is no failure where it is shown.
    pub fn report(&self, allow_self_inconsistent: bool) -> Report {
        let (seen, compilers) = (self.coverage(), &self.plan.compilers);
        let references = compilers.iter().map(|asked| {
            json!({
                "command": asked.reference.command(),
                "version": asked.reference.version(),
                "policy": policy_name(asked.policy),
            })
        });
        let coverage =
            json!({ "of_transitions": seen.total(), "seen": seen.covered(), "set": seen.encode() });
        let mut report = Report::new("cabi verify");
        report.allow_self_inconsistent = allow_self_inconsistent;
        report.list = "parts";
        report.data.insert("coverage".to_owned(), coverage);
        report
            .data
            .insert("references".to_owned(), references.collect());
        report.sections = self.parts.iter().map(|part| self.section(part)).collect();
        report.totals = vec![format!("argument assignment: {seen}"), total(self, &report)];
        let differences = self.parts.iter().flat_map(Part::differences);
        let not_asked = differences.filter(|(_, one)| one.why.ends_with(NOT_ASKED));
        let not_asked = not_asked.count();
        report
            .data
            .insert("not_asked_by_programs".to_owned(), not_asked.into());
        if not_asked > 0 {
            let (most, fruitless) = (ProgramLimit::SHOWN, ProgramLimit::FRUITLESS);
            report.totals.push(format!(
                "capped: of {not_asked} cases no program shows whether the compiler is self-inconsistent; a run builds programs until {most} cases are shown, or {fruitless} are not"
            ));
        }
        report.error = self.nothing(report.is_clean());
        report
    }

    fn section(&self, part: &Part) -> Section {
        let asked = &self.plan.compilers[part.compiler];
        let read = &self.plan.headers[part.header];
        let (command, found) = (asked.reference.command(), &read.found);
        let (n, n_differ) = (part.called.len(), part.differences().count());
        let items = self.items(part, asked);
        Section {
            name: format!("{} {command}", read.name),
            head: vec![
                format!("{}, {}", read.name, asked.title()),
                format!(
                    "  {} prototypes and {} record types seen; {} prototypes, {} sizes and offsets asked, {} of {n} cases pass, both directions counted",
                    found.n_prototypes,
                    found.n_records,
                    part.n_compared,
                    part.n_facts,
                    n - n_differ
                ),
            ],
            items,
            data: object(json!({
                "header": read.name,
                "reference": command,
                "prototypes_seen": found.n_prototypes,
                "records_seen": found.n_records,
                "prototypes_compared": part.n_compared,
                "prototype_mismatches": [],
                "layout_facts": part.n_facts,
                "layout_mismatches": [],
                "self_inconsistent": [],
                "skipped": [],
                "results": [],
            })),
            ..Section::default()
        }
    }

    /// The items about `part`.
    fn items(&self, part: &Part, asked: &Compiler) -> Vec<Item> {
        let command = asked.reference.command();
        let mut items = Vec::new();
        let prototypes = part
            .prototypes
            .iter()
            .map(|one| (one, "prototype_mismatches"));
        let layouts = part.layouts.iter().map(|one| (one, "layout_mismatches"));
        items.extend(
            prototypes
                .chain(layouts)
                .map(|(one, list)| differing(one, list, &command)),
        );
        items.extend(
            part.itself
                .iter()
                .enumerate()
                .map(|(i, one)| itself(asked, one, i == 0)),
        );
        items.extend(part.called.iter().map(|called| result(asked, called)));
        items.extend(self.skipped(part).map(left_out));
        // A difference in bytes says more than a crash.
        let mut differ: Vec<_> = part.differences().collect();
        differ.sort_by_key(|(_, difference)| difference.value.is_none());
        for (called, difference) in differ.iter().take(IN_FULL) {
            let name = name(called);
            if let Some(item) = items.iter_mut().find(|item| item.name == name) {
                item.detail = in_full(asked, called, difference);
            }
        }
        items.sort_by_key(|item| item.list == "results" && item.detail.is_empty());
        items
    }
}

/// The members of a JSON object.
fn object(json: Json) -> serde_json::Map<String, Json> {
    match json {
        Json::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

/// The line that ends the text.
fn total(run: &Run<'_>, report: &Report) -> String {
    let items = || report.sections.iter().flat_map(|section| &section.items);
    let count = |status, list| {
        let of = |item: &&Item| item.status == status && item.list == list;
        items().filter(of).count()
    };
    let [prototypes, layouts, calls] = ["prototype_mismatches", "layout_mismatches", "results"]
        .map(|list| count(Status::Failed, list));
    let n = prototypes + layouts + calls;
    let tested: usize = run.parts.iter().map(|part| part.called.len()).sum();
    let mut text = format!(
        "{n} mismatch{} ({prototypes} of prototypes, {layouts} of layout, {calls} of {tested} cases)",
        if n == 1 { "" } else { "es" }
    );
    let itself = count(Status::SelfInconsistent, "self_inconsistent");
    if itself > 0 {
        let _ = write!(text, ", {itself} in which a compiler is self-inconsistent");
    }
    let unlisted = count(Status::Unlisted, "skipped");
    if unlisted > 0 {
        let _ = write!(
            text,
            ", and {unlisted} left out for reasons that are not on the list"
        );
    }
    text
}

fn differing(one: &Differing, list: &'static str, command: &str) -> Item {
    let Differing { what, theirs, ours } = one;
    let why = format!("{theirs} with {command}, {ours} here");
    let data = json!({ "what": what, "theirs": theirs, "ours": ours });
    Item::new(what, Status::Failed, why).in_list(list, data)
}

fn itself(asked: &Compiler, called: &Called, is_first: bool) -> Item {
    let (says, program) = match &called.shown {
        Some(shown) => (shown.says.as_str(), shown.program.as_str()),
        None => ("", ""),
    };
    let command = asked.reference.command();
    let mut data = about(called);
    let mut why = format!("a program of which {command} builds both sides: {says}");
    if let Some(difference) = called.verdict.difference() {
        why = format!("{}; {why}", short(difference));
        add_values(&mut data, asked, called, difference);
    }
    data["why"] = says.into();
    data["reproduction"] = program.into();
    let mut item = Item::new(name(called), Status::SelfInconsistent, why);
    if is_first {
        indented(&mut item.detail, REPRODUCTION, program);
    }
    item.in_list("self_inconsistent", data)
}

/// What was left out of a header. What is left out of every record or member alike is one item.
fn left_out(left: &Omitted) -> Item {
    let listed = may_be_skipped(left.key);
    let (status, mark) = match listed {
        true => (Status::LeftOut, "left out"),
        false => (Status::Unlisted, "NOT ON THE LIST"),
    };
    let why = match &left.location {
        Some(location) if !listed => format!("{}; declared at {location}", left.why),
        _ => left.why.clone(),
    };
    let data = json!({
        "name": left.name,
        "kind": left.key,
        "reason": left.why,
        "location": left.location.as_ref().map(ToString::to_string),
        "on_list": listed,
    });
    let mut item = Item::new(&left.name, status, why).in_list("skipped", data);
    item.kind = format!("{mark}: {}", left.key);
    item.alike = match (left.name.split_once(OF_RECORD), member_of(&left.name)) {
        (_, Some(ty)) => format!("members of {ty}"),
        (Some((_, position)), None) => position.to_owned(),
        (None, None) => left.name.clone(),
    };
    item
}

/// The type of which a fact is about a member.
fn member_of(fact: &str) -> Option<&str> {
    let until_comma = |start| fact.strip_prefix(start)?.split(',').next();
    until_comma("offsetof(")
        .or_else(|| until_comma("bits of "))
        .or_else(|| until_comma("the sign of "))
        .or_else(|| fact.strip_prefix("the bytes of ")?.split(" with ").next())
}

fn result(asked: &Compiler, called: &Called) -> Item {
    let mut data = about(called);
    data["settings"] = called.setting.clone().into();
    if let Verdict::Passed(calls) = called.verdict {
        data["passed"] = true.into();
        data["calls"] = calls.into();
    }
    let Some(difference) = called.difference() else {
        return Item::new(name(called), Status::Passed, "").in_list("results", data);
    };
    data["passed"] = false.into();
    data["why"] = difference.why.clone().into();
    add_values(&mut data, asked, called, difference);
    let command = asked.reference.command();
    let program = reproduction(&called.case, called.direction, &command, short(difference));
    data["reproduction"] = program.into();
    Item::new(name(called), Status::Failed, short(difference)).in_list("results", data)
}

/// What JSON says of the value that differs: its bytes, where it belongs, and which of them the compiler has elsewhere.
fn add_values(data: &mut Json, asked: &Compiler, called: &Called, difference: &Difference) {
    let Some(value) = difference.value else {
        return;
    };
    data["value"] = value.to_string().into();
    data["expected"] = hex(&difference.expected).into();
    data["got"] = hex(&difference.got).into();
    let sig = called.case.sig_under(asked.policy).ok();
    data["place"] = sig
        .and_then(|sig| place(value, &sig, &called.case.target))
        .into();
    data["moved"] = json!(difference.moved);
}

fn name(called: &Called) -> String {
    format!("{}, {}", called.case.name, words(called.direction))
}

/// What JSON says of every case in one direction.
fn about(called: &Called) -> Json {
    json!({
        "case": called.case.name,
        "declaration": declaration(&called.case),
        "location": called.case.prototype.location.to_string(),
        "direction": words(called.direction),
    })
}

/// What differs, without the bytes of both sides.
fn short(difference: &Difference) -> &str {
    let why = &difference.why;
    why.split_once("; got ").map_or(why, |(short, _)| short)
}

/// Which side calls which.
fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Call => "our code calls C",
        Direction::Callee => "C calls our code",
    }
}

/// The profile's name, or its bits.
pub(crate) fn policy_name(policy: Policy) -> String {
    let profiles = [
        (Policy::PSABI, "psabi"),
        (Policy::GCC, "gcc"),
        (Policy::CLANG, "clang"),
        (Policy::ZIG, "zig"),
    ];
    let profile = profiles.iter().find(|(profile, _)| *profile == policy);
    profile.map_or_else(|| format!("{policy:?}"), |(_, name)| (*name).to_owned())
}

/// The case's declaration, under its name in the header where it has one.
fn declaration(case: &Case) -> String {
    let name = if case.name.contains(OF_RECORD) {
        "f"
    } else {
        &case.name
    };
    let mut text = format!("{} {name}({})", case.function.result, case.function.list);
    text = text.replace("cabi_function_pointer", "void (*)(void)");
    if !case.unnamed_text.is_empty() {
        let _ = write!(text, ", called with {}", case.unnamed_text.join(", "));
    }
    text
}

/// Where a value should be.
fn place(value: Value, sig: &FnSig, target: &Target) -> Option<String> {
    let abi = FnAbi::new(sig, target).ok()?;
    Some(match value {
        Value::Result => abi.ret.to_string(),
        Value::Argument(i) => abi.args.get(i)?.place.to_string(),
    })
}

/// A difference in full: case, settings, values and places.
fn in_full(asked: &Compiler, called: &Called, difference: &Difference) -> String {
    let case = &called.case;
    let mut text = format!(
        "    {};\n    engine settings {}\n",
        declaration(case),
        called.setting
    );
    let Ok(sig) = case.sig_under(asked.policy) else {
        return text;
    };
    if let Some(value) = difference.value {
        let ty = match value {
            Value::Result => Some(case.prototype.ret.clone()),
            Value::Argument(i) => case.argument_types().into_iter().nth(i),
        };
        let ty = ty.map_or(String::new(), |ty| format!(", {ty}"));
        let place = place(value, &sig, &case.target).unwrap_or_default();
        let _ = writeln!(
            text,
            "    {value}{ty}, belongs in: {place}\n      expected {}\n      got      {}",
            hex(&difference.expected),
            hex(&difference.got)
        );
    }
    if let Ok(explanation) = cabi::explain(&sig, &[], &case.target) {
        indented(&mut text, "explanation", &explanation.to_string());
    }
    let command = asked.reference.command();
    if let Some(program) = reproduction(case, called.direction, &command, short(difference)) {
        indented(&mut text, REPRODUCTION, &program);
    }
    text
}

/// The title of a program.
const REPRODUCTION: &str = "reproduction, repro.c";

fn indented(text: &mut String, title: &str, body: &str) {
    let _ = writeln!(text, "    {title}:");
    for line in body.lines() {
        let line = format!("      {line}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
