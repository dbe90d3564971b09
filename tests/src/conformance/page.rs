//! The page as text: [`tables`] has what passes.

use std::fmt::Write as _;

use cabi_verify::report::expected::Shows;

use super::bugs::Seen;
use super::matrix::Outcome;
use super::targets::OfCompiler;
use super::{Compiler, Measured};

pub mod tables;

const PAGE: &str = include_str!("page.md");

/// The whole page.
pub fn text(measured: &Measured) -> String {
    let parts = [
        ("answer", answer(measured)),
        ("compilers", compilers(measured)),
        ("signs", tables::legend(measured)),
        ("types", tables::passes(measured)),
        ("reasons", reasons(measured)),
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

/// What the page says in one table: types in positions, by compiler.
fn answer(measured: &Measured) -> String {
    let of_target =
        |one: &OfCompiler| (one.target.clone(), one.compiler.clone(), one.counts.clone());
    let here = measured.compilers.iter().enumerate();
    let here = here.map(|(i, compiler)| {
        let target = "x86_64-unknown-linux-gnu".to_owned();
        (target, compiler.clone(), tables::count(measured, i))
    });
    let mut out = String::from(
        "Nothing that a compiler was asked is otherwise than `cabi` has it but by a bug of the compiler's that stands below. Types in positions:\n\n\
         | target | compiler | passes | passes in one direction | not as `cabi` has it: a listed bug | the compiler lacks the type | `cabi` refuses it |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    for (target, compiler, counts) in here.chain(measured.targets.iter().map(of_target)) {
        let n = |of: &[Outcome]| of.iter().filter_map(|one| counts.get(one)).sum::<usize>();
        let command = compiler.name.split(" -").next().unwrap_or_default();
        let (passes, half) = (n(&[Outcome::Passes]), n(&[Outcome::OneSided]));
        let bugs = n(&[Outcome::SelfInconsistent, Outcome::OwnWay]);
        let (lacks, refused) = (
            n(&[Outcome::Lacks]),
            n(&[Outcome::Refused, Outcome::NotLowered]),
        );
        let _ = writeln!(
            out,
            "| {target} | {command} | {passes} | {half} | {bugs} | {lacks} | {refused} |"
        );
    }
    out
}

/// Those of other targets by the first words of their commands.
pub fn compilers(measured: &Measured) -> String {
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

fn reasons(measured: &Measured) -> String {
    let of = |one: &OfCompiler| {
        let notes = one.notes.iter();
        let notes = notes.map(|(why, n)| format!("{n}: {}", escape(why)));
        let notes: Vec<String> = notes.collect();
        let (target, compiler) = (&one.target, &one.compiler.name);
        format!("| {target} | `{compiler}` | {} |\n", notes.join("<br>"))
    };
    measured.targets.iter().map(of).collect()
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
                "| {} | `{}` | {} {} | `{}`<br>{} |",
                i + 1,
                seen.bug.name,
                seen.bug.compiler,
                signature(seen, measured),
                escape(&seen.code),
                escape(&seen.bug.what)
            );
        }
    }
    out
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
