//! Tests that the table of `docs/add-a-convention.md` names every rule, and that the conventions it
//! names contain the rules of their lines.

use std::collections::BTreeSet;
use std::path::Path;

use cabi::convention::{FloatLevel, Rule};
use cabi::{ArgFlags, Convention, conventions};

use crate::I386;

/// Returns the name of a rule's variant; empty for one that this test does not know.
fn name(rule: &Rule) -> &'static str {
    match rule {
        Rule::IfType(..) => "IfType",
        Rule::IfWants(..) => "IfWants",
        Rule::If(..) => "If",
        Rule::IfFlag(..) => "IfFlag",
        Rule::IfNotVariadic(_) => "IfNotVariadic",
        Rule::IfUnnamed(_) => "IfUnnamed",
        Rule::Promote(_) => "Promote",
        Rule::BitConvert(_) => "BitConvert",
        Rule::AssignToReg(_) => "AssignToReg",
        Rule::AssignToRegWithShadow(..) => "AssignToRegWithShadow",
        Rule::AssignToBoth(_) => "AssignToBoth",
        Rule::AssignToRegPair(_) => "AssignToRegPair",
        Rule::AssignToStack { .. } => "AssignToStack",
        Rule::AssignToStackWithShadow { .. } => "AssignToStackWithShadow",
        Rule::PassByVal { .. } => "PassByVal",
        Rule::PassIndirect { .. } => "PassIndirect",
        Rule::DelegateTo(_) => "DelegateTo",
        Rule::AssignLanes { .. } => "AssignLanes",
        Rule::Custom(..) => "Custom",
        _ => "",
    }
}

/// Returns LLVM's word for a guard on a flag.
fn flag_word(flag: ArgFlags) -> &'static str {
    match flag {
        ArgFlags::IN_REG => "CCIfInReg",
        ArgFlags::NEST => "CCIfNest",
        ArgFlags::BYVAL => "CCIfByVal",
        ArgFlags::SRET => "CCIfSRet",
        ArgFlags::SPLIT => "CCIfSplit",
        _ => "",
    }
}

/// Adds the names of the rules of a list, those inside others too. A guard on a flag also adds
/// LLVM's word for it.
fn walk(list: &[Rule], names: &mut BTreeSet<String>) {
    for rule in list {
        names.insert(name(rule).to_owned());
        match rule {
            Rule::IfType(_, then)
            | Rule::IfWants(_, then)
            | Rule::If(_, _, then)
            | Rule::IfNotVariadic(then)
            | Rule::IfUnnamed(then) => walk(std::slice::from_ref(*then), names),
            Rule::IfFlag(flag, then) => {
                names.insert(flag_word(*flag).to_owned());
                walk(std::slice::from_ref(*then), names);
            }
            Rule::DelegateTo(list) => walk(list, names),
            _ => {}
        }
    }
}

/// Returns the names of the rules of all lists that a convention has.
fn rules(convention: &Convention) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for floats in [FloatLevel::Soft, FloatLevel::Single, FloatLevel::Double] {
        for variadic in [false, true] {
            let lists = convention.rules.lists(floats.into(), variadic);
            walk(lists.args, &mut found);
            walk(lists.results, &mut found);
        }
    }
    found
}

/// Returns a convention by its name on the page.
fn named(name: &str) -> Option<&'static Convention> {
    match name {
        "i386" => Some(&I386),
        name => {
            let known = conventions().iter().find(|known| known.name == name);
            known.map(|known| known.convention)
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the mistakes of the page, and the rules it names.
fn compare(page: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut wrong, mut named_rules) = (Vec::new(), BTreeSet::new());
    let section = page.split_once("\n## The rules\n").unwrap().1;
    let table = section.split_once("|---|---|---|\n").unwrap().1;
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, llvm, ours, uses, _] = cells[..] else {
            wrong.push(format!("cells of {line}"));
            continue;
        };
        let rule = ours.trim_matches('`').split('(').next().unwrap();
        named_rules.insert(rule.to_owned());
        // A guard on a flag has the flag's word.
        let word = if rule == "IfFlag" {
            llvm.trim_matches('`')
        } else {
            rule
        };
        let names: Vec<&str> = uses.split('`').skip(1).step_by(2).collect();
        if uses.starts_with("none: ") {
            let all = conventions().iter();
            let has = all.filter(|known| rules(known.convention).contains(word));
            wrong.extend(has.map(|known| format!("{word} is in {}", known.name)));
            continue;
        }
        if names.is_empty() {
            wrong.push(format!("nothing has {rule}"));
        }
        for name in names {
            match named(name) {
                Some(convention) if rules(convention).contains(word) => {}
                Some(_) => wrong.push(format!("{name} does not contain {word}")),
                None => wrong.push(format!("there is no {name}")),
            }
        }
    }
    (wrong, named_rules)
}

/// Returns the variants of `Rule`, as its source declares them.
fn variants() -> BTreeSet<String> {
    let source = read("src/convention/rules.rs");
    let body = source.split_once("pub enum Rule {").unwrap().1;
    let body = body.split_once("\n}").unwrap().0;
    let declared = body.lines().filter_map(|line| line.strip_prefix("    "));
    declared
        .filter(|line| line.starts_with(char::is_uppercase))
        .map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect())
        .collect()
}

#[test]
fn every_rule_has_its_line_and_its_conventions() {
    let page = read("../../docs/add-a-convention.md");
    let (wrong, named_rules) = compare(&page);
    assert_eq!(wrong, [""; 0]);
    assert_eq!(named_rules, variants());
    // Negative controls: a convention without the rule, an unknown one, a rule that the page says
    // no convention has, and a line that is missing.
    for (from, to) in [
        ("| `win64` |", "| `sysv` |"),
        ("| `i386` |", "| `i387` |"),
        ("| `sysv`, `xcore`, `lp64d` |", "| none: of it |"),
    ] {
        assert!(!compare(&page.replacen(from, to, 1)).0.is_empty(), "{from}");
    }
    let without = page
        .lines()
        .filter(|line| !line.contains("| `DelegateTo` |"));
    let without: Vec<&str> = without.collect();
    assert_ne!(compare(&without.join("\n")).1, variants());
}
