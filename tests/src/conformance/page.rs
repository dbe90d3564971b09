//! The page as text: [`tables`] has what passes, [`check`] what of a committed page no longer holds.

use std::fmt::Write as _;

use cabi::Policy;
use cabi_verify::report::expected::{Bug, Shows};

use super::bugs::Seen;
use super::divergences::Divergence;
use super::matrix::Outcome;
use super::targets::OfCompiler;
use super::{Compiler, Measured};

pub mod check;
pub mod tables;

const PAGE: &str = include_str!("page.md");

/// The whole page.
pub fn text(measured: &Measured) -> String {
    let [c, zig] = tables::passes(measured);
    let parts = [
        ("compilers", compilers(measured)),
        ("signs", tables::signs_and_counts(measured)),
        ("c", c),
        ("zig", zig),
        ("targets", targets(measured)),
        ("reasons", reasons(measured)),
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

/// Those of other targets by the first words of their commands.
fn compilers(measured: &Measured) -> String {
    let mut all: Vec<(&str, &str)> = Vec::new();
    let of_targets = measured.targets.iter().map(|one| &one.compiler);
    for Compiler { name, version } in measured.compilers.iter().chain(of_targets) {
        let is_command = !measured.compilers.iter().any(|one| one.name == *name);
        let name = match name.split_once(' ') {
            Some((program, _)) if is_command => program,
            _ => name,
        };
        if !all.iter().any(|(_, known)| known == version) || !is_command {
            all.push((name, version));
        }
    }
    let row = |(name, version): (&str, &str)| format!("| {name} | {version} |\n");
    all.into_iter().map(row).collect()
}

fn targets(measured: &Measured) -> String {
    measured.targets.iter().map(row_of_target).collect()
}

/// The counts of a compiler of another target, as the page has them.
pub fn row_of_target(one: &OfCompiler) -> String {
    let count = |outcome| one.counts.get(&outcome).copied().unwrap_or(0);
    let [passes, lacks, refused, itself] = [
        Outcome::Passes,
        Outcome::Lacks,
        Outcome::Refused,
        Outcome::SelfInconsistent,
    ]
    .map(count);
    let counts = format!("{passes} | {lacks} | {refused} | {itself}");
    format!("{} {counts} |\n", start_of(one))
}

/// How the rows of a compiler of another target begin.
fn start_of(one: &OfCompiler) -> String {
    format!("| {} | `{}` |", one.target, one.compiler.name)
}

fn reasons(measured: &Measured) -> String {
    let of = |one: &OfCompiler| {
        let notes = one.notes.iter();
        let notes = notes.map(|(why, n)| format!("{n}: {}", escape(why)));
        let notes: Vec<String> = notes.collect();
        format!("{} {} |\n", start_of(one), notes.join("<br>"))
    };
    measured.targets.iter().map(of).collect()
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
