//! What passes: a row for each type, a column for each compiler.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi_verify::corpus::Block;

use super::{Measured, escape};
use crate::conformance::bugs::Seen;
use crate::conformance::matrix::{Cell, Outcome, Row};

/// How each outcome is shown, and what it means.
const LEGEND: [(Outcome, &str, &str); 8] = [
    (
        Outcome::Passes,
        "✓",
        "passes: Cranelift calls the compiler's code and is called by it, optimized or not",
    ),
    (
        Outcome::OneSided,
        "½",
        "passes in one direction; the compiler cannot do the other: its words stand below the table",
    ),
    (
        Outcome::NotLowered,
        "○",
        "not lowered yet in some direction: an error. The compiler puts, and looks for, every byte where `cabi` says",
    ),
    (
        Outcome::Lacks,
        "–",
        "the compiler lacks the type, or refuses it there: its words stand below the table",
    ),
    (
        Outcome::Refused,
        "∅",
        "the convention has no place for it: an error",
    ),
    (
        Outcome::SelfInconsistent,
        "✗ N",
        "not as `cabi` has it, by bug N of the list below; the compiler's own caller and callee disagree too",
    ),
    (
        Outcome::OwnWay,
        "≠ N",
        "not as `cabi` has it, by entry N of that list; the compiler's own caller and callee agree with each other, as far as they can be asked",
    ),
    (Outcome::Fails, "FAILS", "wrong, and no list says so"),
];

impl Cell {
    fn sign(&self, bugs: &[Seen]) -> String {
        let line = LEGEND.iter().find(|(outcome, ..)| *outcome == self.outcome);
        let numbers = bugs.iter().enumerate();
        let numbers = numbers.filter(|(_, seen)| self.bugs.contains(&seen.bug.name));
        let numbers: Vec<String> = numbers.map(|(i, _)| (i + 1).to_string()).collect();
        line.map_or("", |(_, sign, _)| sign)
            .replace(" N", &format!(" {}", numbers.join(", ")))
    }
}

/// A row for each type, a column for each compiler.
pub(super) fn passes(measured: &Measured) -> String {
    let names = measured.compilers.iter().map(|one| one.name.as_str());
    let names: Vec<&str> = names.collect();
    let mut out = String::new();
    for table in &measured.tables {
        let columns = "---|".repeat(names.len());
        let _ = writeln!(
            out,
            "\n### {}\n\n| type | {} |\n|---|{columns}",
            table.title,
            names.join(" | ")
        );
        for row in &table.rows {
            let cells = (0..names.len()).map(|compiler| signs(row, compiler, measured));
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(out, "| {} | {} |", heading(&row.block), cells.join(" | "));
        }
        let notes = table.notes.iter();
        let notes = notes.map(|(why, names)| format!("- {}: {why}\n", names.join(", ")));
        let notes: String = notes.collect();
        if !notes.is_empty() {
            let _ = write!(out, "\nWhy a cell has no answer:\n\n{notes}");
        }
    }
    out
}

/// What became of a type with a compiler: the sign of most positions, and those with another one.
fn signs(row: &Row, compiler: usize, measured: &Measured) -> String {
    let mut signs: Vec<(String, Vec<&str>)> = Vec::new();
    for (position, cell) in measured.positions.iter().zip(&row.cells) {
        let sign = cell.get(compiler).map(|cell| cell.sign(&measured.bugs));
        let sign = sign.unwrap_or_default();
        match signs.iter_mut().find(|(known, _)| *known == sign) {
            Some((_, positions)) => positions.push(position),
            None => signs.push((sign, vec![position])),
        }
    }
    signs.sort_by_key(|(_, positions)| std::cmp::Reverse(positions.len()));
    let mut signs = signs.into_iter();
    let most = signs.next().map_or(String::new(), |(sign, _)| sign);
    signs.fold(most, |text, (sign, positions)| {
        format!("{text}; {}: {sign}", positions.join(", "))
    })
}

/// The signs that stand in cells.
pub(super) fn legend(measured: &Measured) -> String {
    let counts = (0..measured.compilers.len()).map(|compiler| count(measured, compiler));
    let counts: Vec<_> = counts.collect();
    let stands = |outcome: &Outcome| counts.iter().any(|counts| counts.contains_key(outcome));
    let lines = LEGEND.iter().filter(|(outcome, ..)| stands(outcome));
    lines
        .map(|(_, sign, meaning)| format!("| {sign} | {meaning} |\n"))
        .collect()
}

/// How often each outcome stands with a compiler.
pub(super) fn count(measured: &Measured, compiler: usize) -> BTreeMap<Outcome, usize> {
    let rows = measured.tables.iter().flat_map(|table| &table.rows);
    let cells = rows.flat_map(|row| &row.cells);
    let mut counts = BTreeMap::new();
    for cell in cells.filter_map(|cell| cell.get(compiler)) {
        *counts.entry(cell.outcome).or_insert(0) += 1;
    }
    counts
}

/// How a type is called in its row: the declaration in one line, without the words around it where it is one typedef, what it is, and its vector levels.
fn heading(block: &Block) -> String {
    let line = block.code.split_whitespace().collect::<Vec<_>>().join(" ");
    let inner = line.strip_prefix("typedef ");
    let inner = inner.and_then(|rest| rest.strip_suffix("t;"));
    let inner = inner.filter(|rest| !rest.contains("typedef ") && rest.ends_with([' ', '*']));
    let mut text = format!(
        "`{}`<br>{}",
        inner.map_or(&*line, str::trim_end),
        block.proves
    );
    for feature in &block.features {
        text.push_str(&format!(" (`-m{feature}`)"));
    }
    escape(&text)
}
