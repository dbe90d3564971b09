//! The page as text: [`tables`] has what passes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi_verify::report::expected::Shows;

use super::bugs::Seen;
use super::matrix::{Cell, Column, Outcome};
use super::{Measured, without_folder};

pub mod tables;

const PAGE: &str = include_str!("page.md");

/// The whole page.
pub fn text(measured: &Measured) -> String {
    let parts = [
        ("answer", answer(measured)),
        ("compilers", compilers(measured)),
        ("types", tables::passes(measured)),
        ("reasons", reasons(measured)),
        ("bugs", bugs(measured)),
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
    let mut out = String::from(
        "Nothing that a compiler was asked is otherwise than `cabi` has it but by a bug of the compiler's that stands below. Types in positions:\n\n\
         | target | compiler | passes | passes in one direction | not as `cabi` has it: a listed bug | the compiler lacks the type | `cabi` refuses it |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    for column in &measured.matrix.columns {
        let n = |of: &[Outcome]| {
            column
                .cells()
                .filter(|cell| of.contains(&cell.outcome))
                .count()
        };
        let (target, command) = (column.asked.target(), column.asked.command());
        let (target, command) = (target.name(), command.split(" -").next());
        let (passes, half) = (n(&[Outcome::Passes]), n(&[Outcome::OneSided]));
        let bugs = n(&[Outcome::SelfInconsistent, Outcome::OwnWay]);
        let (lacks, refused) = (
            n(&[Outcome::Lacks]),
            n(&[Outcome::Refused, Outcome::NotLowered]),
        );
        let command = command.unwrap_or_default();
        let _ = writeln!(
            out,
            "| {target} | {command} | {passes} | {half} | {bugs} | {lacks} | {refused} |"
        );
    }
    out
}

/// The compilers that were asked; those of other targets by the first words of their commands.
pub fn compilers(measured: &Measured) -> String {
    let mut all: Vec<(String, &str)> = Vec::new();
    for asked in measured.matrix.columns.iter().map(|column| &column.asked) {
        let (command, version) = (asked.command(), asked.version());
        if asked.is_here() {
            all.push((command, version));
        } else if !all.iter().any(|(_, known)| *known == version) {
            let program = command.split(' ').next().unwrap_or_default();
            all.push((program.to_owned(), version));
        }
    }
    let row = |(name, version): (String, &str)| format!("| {name} | {version} |\n");
    all.into_iter().map(row).collect()
}

/// Why positions have no answer with the compilers of other targets, and in how many.
fn reasons(measured: &Measured) -> String {
    let of = |column: &Column| {
        let mut notes: BTreeMap<String, usize> = BTreeMap::new();
        for why in column.cells().flat_map(|cell| &cell.whys) {
            *notes.entry(without_folder(why)).or_default() += 1;
        }
        let notes = notes.iter();
        let notes = notes.map(|(why, n)| format!("{n}: {}", escape(why)));
        let notes: Vec<String> = notes.collect();
        let (target, compiler) = (column.asked.target(), column.asked.command());
        let target = target.name();
        format!("| {target} | `{compiler}` | {} |\n", notes.join("<br>"))
    };
    measured.columns(false).map(of).collect()
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
            let report = seen.bug.report.iter();
            let reported: String = report.map(|at| format!(" Reported: {at}.")).collect();
            let _ = writeln!(
                out,
                "| {} | `{}` | {} {} | `{}`<br>{}{reported} |",
                i + 1,
                seen.bug.name,
                seen.bug.compiler,
                signature(seen, measured),
                escape(&seen.code()),
                escape(&seen.bug.what)
            );
        }
    }
    out
}

/// Where and how a bug shows.
fn signature(seen: &Seen, measured: &Measured) -> String {
    let mut columns = measured.columns(true);
    let compiler = columns.find(|one| seen.bug.is_of(one.asked.name));
    let levels = match seen.levels().join("` `") {
        _ if !seen.is_asked() => "not asked".to_owned(),
        _ if seen.bug.by_chance => "by chance".to_owned(),
        none if none.is_empty() => "not there".to_owned(),
        levels => format!("`{levels}`"),
    };
    let mut text = format!(
        "{}, {levels}<br>{}",
        compiler.map_or("", Column::short),
        seen.bug.shows.name()
    );
    if seen.bug.shows == Shows::Placement {
        text.push_str(match seen.agrees() {
            Some(true) => "; caller and callee agree with each other",
            Some(false) => "; caller and callee disagree",
            None => "; only one of caller and callee could be asked",
        });
    }
    text
}

/// `text` in a cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

impl Column {
    /// What became of all types in all positions.
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flatten()
    }

    /// The number at the end of the version's first line, or in it.
    fn short(&self) -> &str {
        let version = self.asked.version();
        let mut words = version.split_whitespace();
        let number =
            |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
        words.rfind(number).unwrap_or(version)
    }
}
