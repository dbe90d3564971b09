//! The page as text: [`tables`] has what passes, [`check`] what of a committed page no longer holds.

use std::fmt::Write as _;

use cabi::Policy;
use cabi_verify::report::expected::{Bug, Shows};

use super::bugs::Seen;
use super::divergences::Divergence;
use super::{Compiler, Measured};

pub mod check;
pub mod tables;

const PAGE: &str = include_str!("page.md");

/// The whole page.
pub fn text(measured: &Measured) -> String {
    let [c, zig] = tables::passes(measured);
    let parts = [
        ("compilers", compilers(&measured.compilers)),
        ("signs", tables::signs_and_counts(measured)),
        ("c", c),
        ("zig", zig),
        ("divergences", divergences(measured)),
        ("bugs", bugs(measured)),
        ("others", others(measured)),
    ];
    filled(PAGE, &parts)
}

/// `page` with a text for each line `{name}`: nothing, or lines.
pub fn filled(page: &str, parts: &[(&str, String)]) -> String {
    parts.iter().fold(page.to_owned(), |page, (name, text)| {
        let lines = match text.trim() {
            "" => String::new(),
            text => format!("{text}\n"),
        };
        page.replace(&format!("{{{name}}}\n"), &lines)
    })
}

fn compilers(compilers: &[Compiler]) -> String {
    let row = |Compiler { name, version }: &Compiler| format!("| {name} | {version} |\n");
    compilers.iter().map(row).collect()
}

fn divergences(measured: &Measured) -> String {
    let mut out = String::new();
    for Divergence { bit, example } in &measured.divergences {
        let _ = write!(out, "| `{bit}` | {} |", set_by(bit));
        let Some(example) = example else {
            out.push_str(" moves no value on Linux | |\n");
            continue;
        };
        let code = escape(&example.code);
        let places = places(&example.places, measured);
        let _ = writeln!(out, " `{}`: `{code}` | {places} |", example.case);
    }
    out
}

/// Where each compiler puts what a bit moves, those that agree together.
fn places(places: &[Option<String>], measured: &Measured) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (compiler, place) in measured.compilers.iter().zip(places) {
        let Some(place) = place else { continue };
        match groups.iter_mut().find(|(known, _)| known == place) {
            Some((_, names)) => names.push(&compiler.name),
            None => groups.push((place, vec![&compiler.name])),
        }
    }
    let words = groups
        .iter()
        .map(|(place, names)| format!("**{}** {place}", names.join(", ")));
    words.collect::<Vec<_>>().join("<br>")
}

/// The profiles that set the bit called `name`.
fn set_by(name: &str) -> String {
    let bit = Policy::NAMES.iter().find(|(_, n)| *n == name);
    let profiles = [
        ("gcc", Policy::GCC),
        ("clang", Policy::CLANG),
        ("zig", Policy::ZIG),
    ];
    let set: Vec<&str> = profiles
        .iter()
        .filter(|(_, policy)| bit.is_some_and(|(bit, _)| policy.has(*bit)))
        .map(|(name, _)| *name)
        .collect();
    if set.is_empty() {
        "none".to_owned()
    } else {
        set.join(", ")
    }
}

fn bugs(measured: &Measured) -> String {
    let mut out = String::new();
    let is_of = |seen: &Seen, name: &str| seen.bug.compiler.split(' ').next() == Some(name);
    for (title, name) in [("clang", "clang"), ("gcc", "gcc"), ("Zig", "zig")] {
        let _ = writeln!(
            out,
            "\n### Bugs of {title}\n\n| no. | bug | seen | what happens |\n|---|---|---|---|"
        );
        let numbered = measured.bugs.iter().enumerate();
        for (i, seen) in numbered.filter(|(_, seen)| is_of(seen, name)) {
            let _ = writeln!(
                out,
                "{} {} | `{}`<br>{} |",
                bug_start(i, &seen.bug),
                signature(seen, measured),
                escape(&seen.code),
                escape(&seen.bug.what)
            );
        }
    }
    out
}

/// How the row of the bug at `i` begins.
fn bug_start(i: usize, bug: &Bug) -> String {
    format!("| {} | `{}` | {}", i + 1, bug.name, bug.compiler)
}

/// Where and how a bug shows.
fn signature(seen: &Seen, measured: &Measured) -> String {
    let compiler = measured
        .compilers
        .iter()
        .find(|one| seen.bug.is_of(&one.name));
    let levels = match seen.levels.join("` `") {
        _ if seen.asked.is_empty() => "not asked".to_owned(),
        _ if seen.bug.by_chance => "by chance".to_owned(),
        none if none.is_empty() => "not there".to_owned(),
        levels => format!("`{levels}`"),
    };
    let mut text = format!(
        "{}, {levels}<br>{}",
        compiler.map_or("", Compiler::short),
        seen.bug.shows.name()
    );
    if seen.bug.shows == Shows::Placement {
        text.push_str(match seen.agrees {
            Some(true) => "; caller and callee agree with each other",
            Some(false) => "; caller and callee disagree",
            None => "; only one of caller and callee could be asked",
        });
    }
    text
}

fn others(measured: &Measured) -> String {
    let row = |(case, engines, why): &(String, String, String)| {
        format!("| `{case}` | {engines} | {} |\n", escape(why))
    };
    measured.others.iter().map(row).collect()
}

/// `text` in a cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

impl Compiler {
    /// The number at the end of the version's first line, or in it.
    fn short(&self) -> &str {
        let mut words = self.version.split_whitespace();
        let number =
            |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
        words.rfind(number).unwrap_or(&self.version)
    }
}
