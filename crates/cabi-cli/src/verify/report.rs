//! What `cabi verify` prints: per compiler and header the counts, what was left out and why, and of each difference the declaration, both
//! sides' bytes, the place they should have come from, the explanation, and a program of C that shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi::{FnAbi, FnSig, Policy, Target};
use cabi_verify::case::Case;
use cabi_verify::check::calls::{Difference, Direction, Value};
use cabi_verify::emit::c_program::reproduction;
use cabi_verify::header::{OF_RECORD, Omitted};
use cabi_verify::pattern::hex;
use cabi_verify::verify::{Called, Compiler, Part, Run, SelfInconsistent, may_be_skipped};

/// So many differences of a header and compiler are shown in full, the rest by a line each.
const IN_FULL: usize = 3;

/// So many of the rest are listed.
const LISTED: usize = 40;

/// The whole report; `absent` are known compilers that are not here.
pub(super) fn text(run: &Run<'_>, absent: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, why) in absent {
        let _ = writeln!(text, "not run: {name}: {why}");
    }
    for part in &run.parts {
        one_part(&mut text, run, part);
    }
    let _ = writeln!(text, "argument assignment: {}", run.coverage());
    let prototypes: usize = run.parts.iter().map(|part| part.prototypes.len()).sum();
    let layouts: usize = run.parts.iter().map(|part| part.layouts.len()).sum();
    let calls: usize = run.parts.iter().map(|p| p.differences().count()).sum();
    let tested: usize = run.parts.iter().map(|part| part.called.len()).sum();
    let n = prototypes + layouts + calls;
    let unlisted = run.parts.iter().flat_map(|part| run.skipped(part));
    let unlisted = unlisted.filter(|left| !may_be_skipped(left.key)).count();
    let _ = write!(text, "{n} mismatch{}", if n == 1 { "" } else { "es" });
    let _ = write!(
        text,
        " ({prototypes} of prototypes, {layouts} of layout, {calls} of {tested} cases)"
    );
    let itself: usize = run.parts.iter().map(|part| part.itself.len()).sum();
    if itself > 0 {
        let _ = write!(text, ", {itself} in which a compiler is self-inconsistent");
    }
    if unlisted > 0 {
        let _ = write!(
            text,
            ", and {unlisted} left out for reasons that are not on the list"
        );
    }
    text + "\n"
}

fn one_part(text: &mut String, run: &Run<'_>, part: &Part) {
    let (asked, read) = (
        &run.plan.compilers[part.compiler],
        &run.plan.headers[part.header],
    );
    let found = &read.found;
    let _ = writeln!(
        text,
        "{}, {} ({}), policy {}",
        read.name,
        asked.reference.command(),
        asked.reference.version(),
        policy_name(asked.policy)
    );
    let passed = part.called.len() - part.differences().count();
    let _ = writeln!(
        text,
        "  {} prototypes and {} record types seen; {} prototypes, {} sizes and offsets asked, {passed} of {} cases pass, both directions counted",
        found.n_prototypes,
        found.n_records,
        part.n_compared,
        part.n_facts,
        part.called.len(),
    );
    skipped(text, run, part);
    for layout in part.prototypes.iter().chain(&part.layouts) {
        let _ = writeln!(
            text,
            "  MISMATCH {}: {} with {}, {} here",
            layout.what,
            layout.theirs,
            asked.reference.command(),
            layout.ours
        );
    }
    itself(text, asked, part);
    // A difference in bytes says more than a crash.
    let mut differences: Vec<_> = part.differences().collect();
    differences.sort_by_key(|(_, difference)| difference.value.is_none());
    for (i, (result, difference)) in differences.into_iter().enumerate() {
        if i < IN_FULL {
            in_full(text, asked, result, difference);
        } else if i < IN_FULL + LISTED {
            let _ = writeln!(
                text,
                "  MISMATCH {}, {}: {}",
                result.case.name,
                words(result.direction),
                short(difference)
            );
        }
    }
    let more = part.differences().count().saturating_sub(IN_FULL + LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more: --json lists all");
    }
}

/// Where the compiler is self-inconsistent, with the program that shows the first case.
fn itself(text: &mut String, asked: &Compiler, part: &Part) {
    for (i, SelfInconsistent { called, shown }) in part.itself.iter().enumerate().take(LISTED) {
        let _ = writeln!(
            text,
            "  SELF-INCONSISTENT {}, {}: a program of which {} builds both sides: {}",
            called.case.name,
            words(called.direction),
            asked.reference.command(),
            shown.says
        );
        if i == 0 {
            indented(text, "reproduction, repro.c", &shown.program);
        }
    }
    let more = part.itself.len().saturating_sub(LISTED);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more: --json lists all");
    }
}

/// What was left out, by kind of reason. What is left out of every record alike is said once.
fn skipped(text: &mut String, run: &Run<'_>, part: &Part) {
    let mut kinds: BTreeMap<&str, Vec<&Omitted>> = BTreeMap::new();
    for left in run.skipped(part) {
        kinds.entry(left.key).or_default().push(left);
    }
    for (key, all) in kinds {
        let listed = may_be_skipped(key);
        let mark = if listed {
            "left out"
        } else {
            "NOT ON THE LIST"
        };
        let some = if listed { 2 } else { 20 };
        let lines = alike(&all);
        let shown: Vec<&str> = lines.iter().take(some).map(String::as_str).collect();
        let more = if lines.len() > some { "; .." } else { "" };
        let n = all.len();
        let _ = writeln!(text, "  {mark}: {key} {n} ({}{more})", shown.join("; "));
    }
}

/// What was left out, each with its reason; the same of several records, or of several members, as one.
fn alike(all: &[&Omitted]) -> Vec<String> {
    let mut groups: Vec<((String, &str), Vec<&Omitted>)> = Vec::new();
    for &left in all {
        let what = match (left.name.split_once(OF_RECORD), member_of(&left.name)) {
            (_, Some(ty)) => format!("members of {ty}"),
            (Some((_, position)), None) => position.to_owned(),
            (None, None) => left.name.clone(),
        };
        let key = (what, left.why.as_str());
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(left),
            None => groups.push((key, vec![left])),
        }
    }
    let line = |((what, why), group): ((String, &str), Vec<&Omitted>)| match group.as_slice() {
        [left] => format!("{}: {}", left.name, why_and_where(left)),
        several => format!("{what}, {} times: {why}", several.len()),
    };
    groups.into_iter().map(line).collect()
}

/// The type of which a fact is about a member.
fn member_of(fact: &str) -> Option<&str> {
    let offset = fact
        .strip_prefix("offsetof(")
        .and_then(|rest| rest.split(',').next());
    let bits = fact
        .strip_prefix("bits of ")
        .and_then(|rest| rest.split(',').next());
    let bytes = fact.strip_prefix("the bytes of ");
    offset.or(bits).or_else(|| bytes?.split(" with ").next())
}

/// Why something was left out, and where it is declared if that is a failure.
pub(super) fn why_and_where(left: &Omitted) -> String {
    match &left.location {
        Some(location) if !may_be_skipped(left.key) => {
            format!("{}; declared at {location}", left.why)
        }
        _ => left.why.clone(),
    }
}

/// What differs, without the bytes of both sides.
pub(super) fn short(difference: &Difference) -> &str {
    let why = &difference.why;
    why.split_once("; got ").map_or(why, |(short, _)| short)
}

/// Who calls whom.
pub(super) fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Call => "our code calls C",
        Direction::Callee => "C calls our code",
    }
}

/// The profile's name, or its bits.
pub(super) fn policy_name(policy: Policy) -> String {
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
pub(super) fn declaration(case: &Case) -> String {
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
pub(super) fn place(value: Value, sig: &FnSig) -> Option<String> {
    let abi = FnAbi::new(sig, &Target::X86_64_LINUX).ok()?;
    Some(match value {
        Value::Result => abi.ret.to_string(),
        Value::Argument(i) => abi.args.get(i)?.place.to_string(),
    })
}

pub(super) fn in_full(
    text: &mut String,
    asked: &Compiler,
    result: &Called,
    difference: &Difference,
) {
    let case = &result.case;
    let _ = writeln!(
        text,
        "  MISMATCH {}, {}\n    {};\n    {}, engine settings {}",
        case.name,
        words(result.direction),
        declaration(case),
        short(difference),
        result.setting
    );
    let Ok(sig) = case.sig_under(asked.policy) else {
        return;
    };
    if let Some(value) = difference.value {
        let (what, ty) = match value {
            Value::Result => ("the result".to_owned(), Some(case.prototype.ret.clone())),
            Value::Argument(i) => (
                format!("argument {i}"),
                case.argument_types().into_iter().nth(i),
            ),
        };
        let ty = ty.map_or(String::new(), |ty| format!(", {ty}"));
        let place = place(value, &sig).unwrap_or_default();
        let _ = writeln!(
            text,
            "    {what}{ty}, belongs in: {place}\n      expected {}\n      got      {}",
            hex(&difference.expected),
            hex(&difference.got)
        );
    }
    if let Ok(explanation) = cabi::explain(&sig, &[], &Target::X86_64_LINUX) {
        indented(text, "explanation", &explanation.to_string());
    }
    if let Some(program) = reproduction(
        case,
        result.direction,
        &asked.reference.command(),
        short(difference),
    ) {
        indented(text, "reproduction, repro.c", &program);
    }
}

pub(super) fn indented(text: &mut String, title: &str, body: &str) {
    let _ = writeln!(text, "    {title}:");
    for line in body.lines() {
        let line = format!("      {line}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
