//! The page `docs/rules.md` names every rule, and the conventions it names contain the rules that it says they do.

use std::collections::BTreeSet;
use std::path::Path;

use cabi::convention::{Features, FloatLevel, Rule};
use cabi::{ArgFlags, Convention, conventions};

use crate::i386;

/// The name of a rule's variant; empty for one that this test does not know.
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

/// LLVM's word for a guard on a flag.
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

/// The rules of a list, those inside others too, as their names and, of a flag's guard, LLVM's word for it.
fn walk(list: &[Rule], found: &mut BTreeSet<String>) {
    for rule in list {
        found.insert(name(rule).to_owned());
        match rule {
            Rule::IfType(_, then)
            | Rule::IfWants(_, then)
            | Rule::If(_, _, then)
            | Rule::IfNotVariadic(then)
            | Rule::IfUnnamed(then) => walk(std::slice::from_ref(*then), found),
            Rule::IfFlag(flag, then) => {
                found.insert(flag_word(*flag).to_owned());
                walk(std::slice::from_ref(*then), found);
            }
            Rule::DelegateTo(list) => walk(list, found),
            _ => {}
        }
    }
}

/// The rules of all lists a convention has.
fn rules(convention: &Convention) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(convention.rules.args, &mut found);
    walk(convention.rules.results, &mut found);
    let floats = [FloatLevel::Soft, FloatLevel::Single, FloatLevel::Double];
    let choose = convention.rules.choose;
    for (floats, variadic) in floats
        .iter()
        .flat_map(|floats| [(*floats, false), (*floats, true)])
    {
        if let Some(lists) = choose.map(|choose| choose(Features::from(floats), variadic)) {
            walk(lists.args, &mut found);
            walk(lists.results, &mut found);
        }
    }
    found
}

/// A convention by the name that the page has for it.
fn named(name: &str) -> Option<&'static Convention> {
    match name {
        "i386" => Some(i386::machine().convention),
        name => {
            let known = conventions().iter().find(|known| known.name == name);
            known.map(|known| known.convention)
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What is wrong with the page, and the rules it names.
fn compare(page: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut wrong, mut named_rules) = (Vec::new(), BTreeSet::new());
    let table = page.split_once("|---|---|---|---|\n").unwrap().1;
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let line = line.replace("\\|", "");
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, llvm, ours, original, uses, _] = cells[..] else {
            wrong.push(format!("cells of {line}"));
            continue;
        };
        wrong.extend(line_of_llvm(llvm, original));
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

/// What is wrong with a line of LLVM: it has the action that it stands for; and where the list is one of ours, `cabi rules` prints it so.
fn line_of_llvm(llvm: &str, original: &str) -> Option<String> {
    let (text, list) = match original.rsplit_once("`, ") {
        Some((text, list)) => (text.trim_start_matches('`'), list),
        None => return (!original.is_empty()).then(|| format!("no list has {original}")),
    };
    let text = text.split('`').next().unwrap();
    let action = llvm.trim_matches('`');
    if llvm.starts_with('`') && !text.contains(&format!("{action}<")) {
        return Some(format!("`{text}` has no {action}"));
    }
    let ours = match list {
        "XCore" => "xcore",
        "CSKY" => "csky",
        "X86" | "AArch64" | "SystemZ" => return None,
        _ => return Some(format!("no list {list}")),
    };
    // What `cabi rules` prints, which cabi-cli holds to be so.
    let all = read(&format!("../../docs/conventions/{ours}.md"));
    (!all.contains(text)).then(|| format!("{ours} has no line `{text}`"))
}

/// What is wrong with the paragraph of reference compilers: each convention of the table has one.
fn without_reference(page: &str) -> Vec<String> {
    let (table, rest) = page.split_once("\n\nReference compilers").unwrap();
    let references = rest.split("\n\n").next().unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| "));
    let uses = lines.filter_map(|line| line.trim_end_matches('|').rsplit_once("| "));
    let names = uses.flat_map(|(_, uses)| uses.split('`').skip(1).step_by(2));
    let known = names.filter(|name| named(name).is_some());
    let without = known.filter(|name| !references.contains(&format!("`{name}`")));
    without.map(str::to_owned).collect()
}

/// The variants of `Rule`, as its source declares them.
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
    let page = read("../../docs/rules.md");
    let (wrong, named_rules) = compare(&page);
    assert_eq!(wrong, [""; 0]);
    assert_eq!(named_rules, variants());
    assert_eq!(without_reference(&page), [""; 0]);
    assert!(!without_reference(&page.replace("`xcore` clang", "clang")).is_empty());
    // Controls: a convention without the rule, a line that is missing, a rule that is somewhere after all.
    for (from, to) in [
        ("| `win64` |", "| `sysv` |"),
        ("| `i386` |", "| `i387` |"),
        ("| `sysv`, `xcore`, `lp64d` |", "| none: of it |"),
        (
            "`CCIfType<[i32], CCAssignToStack<4, 4>>`",
            "`CCIfType<[i32], CCAssignToStack<4, 8>>`",
        ),
        ("`CCDelegateTo<RetCC_X86Common>`", "`RetCC_X86Common`"),
    ] {
        assert!(!compare(&page.replacen(from, to, 1)).0.is_empty(), "{from}");
    }
    let without = page
        .lines()
        .filter(|line| !line.contains("| `DelegateTo` |"));
    let without: Vec<&str> = without.collect();
    assert_ne!(compare(&without.join("\n")).1, variants());
}
