//! What passes: gcc and clang in tables of their own, so that Zig's notes do not drown them; Zig's back ends below.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi_verify::corpus::Block;

use super::{Measured, escape};
use crate::conformance::bugs::Seen;
use crate::conformance::matrix::{Cell, Outcome, Row, Table};

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

/// What passes by gcc and clang, and by Zig's back ends.
pub(super) fn passes(measured: &Measured) -> [String; 2] {
    [false, true].map(|of_zig| {
        let compilers = 0..measured.compilers.len();
        let compilers = compilers.filter(|i| is_zig(measured, *i) == of_zig);
        let compilers: Vec<usize> = compilers.collect();
        let mut out = String::new();
        for table in &measured.tables {
            self::table(table, &compilers, of_zig, measured, &mut out);
        }
        out
    })
}

/// The signs that stand in cells, and how often for each compiler.
pub(super) fn signs_and_counts(measured: &Measured) -> String {
    let mut out = String::new();
    let counts: Vec<_> = (0..measured.compilers.len())
        .map(|compiler| count(measured, compiler))
        .collect();
    let stand = |outcome: &Outcome| counts.iter().any(|counts| counts.contains_key(outcome));
    let lines: Vec<_> = LEGEND
        .iter()
        .filter(|(outcome, ..)| stand(outcome))
        .collect();
    for (_, sign, meaning) in &lines {
        let _ = writeln!(out, "| {sign} | {meaning} |");
    }
    let n_types: usize = measured.tables.iter().map(|table| table.rows.len()).sum();
    let _ = write!(
        out,
        "\n{n_types} types in {} positions.\n\n| compiler |",
        measured.positions.len()
    );
    for (_, sign, _) in &lines {
        let _ = write!(out, " {sign} |");
    }
    let _ = writeln!(out, "\n|---|{}", "---|".repeat(lines.len()));
    for (compiler, counts) in measured.compilers.iter().zip(&counts) {
        let _ = write!(out, "| {} |", compiler.name);
        for (outcome, ..) in &lines {
            let _ = write!(out, " {} |", counts.get(outcome).copied().unwrap_or(0));
        }
        out.push('\n');
    }
    out
}

fn is_zig(measured: &Measured, compiler: usize) -> bool {
    let compiler = measured.compilers.get(compiler);
    compiler.is_some_and(|compiler| compiler.name.starts_with("zig"))
}

/// How often each outcome stands with a compiler.
fn count(measured: &Measured, compiler: usize) -> BTreeMap<Outcome, usize> {
    let rows = measured.tables.iter().flat_map(|table| &table.rows);
    let cells = rows.flat_map(|row| &row.cells);
    let mut counts = BTreeMap::new();
    for cell in cells.filter_map(|cell| cell.get(compiler)) {
        *counts.entry(cell.outcome).or_insert(0) += 1;
    }
    counts
}

fn head(first: &str, measured: &Measured, out: &mut String) {
    let _ = write!(out, "\n{first}");
    for position in &measured.positions {
        let _ = write!(out, " {position} |");
    }
    let columns = first.matches('|').count() - 1 + measured.positions.len();
    let _ = writeln!(out, "\n|{}", "---|".repeat(columns));
}

/// A table of gcc and clang, or of Zig's back ends, where types that are described before are named only.
fn table(table: &Table, compilers: &[usize], of_zig: bool, measured: &Measured, out: &mut String) {
    let _ = writeln!(
        out,
        "\n### {}{}",
        table.title,
        if of_zig { " in Zig" } else { "" }
    );
    let lacks = |row: &&Row, i: usize| {
        let mut cells = row.cells.iter();
        cells.all(|cell| {
            cell.get(i)
                .is_some_and(|cell| cell.outcome == Outcome::Lacks)
        })
    };
    let in_none = |row: &&Row| of_zig && compilers.iter().all(|i| lacks(row, *i));
    let (without, with): (Vec<&Row>, Vec<&Row>) = table.rows.iter().partition(in_none);
    if !with.is_empty() {
        head("| type | not in |", measured, out);
    }
    for row in with {
        // If none has the type, the cells say so.
        let having = |i: &usize| !lacks(&row, *i);
        let (mut shown, missing): (Vec<usize>, Vec<usize>) =
            compilers.iter().partition(|i| having(i));
        let missing: Vec<&str> = match shown.is_empty() {
            true => Vec::new(),
            false => missing.iter().map(|i| name(measured, *i)).collect(),
        };
        if shown.is_empty() {
            shown = compilers.to_vec();
        }
        let heading = if of_zig { short_heading } else { heading }(&row.block);
        let _ = write!(out, "| {heading} | {} |", missing.join(", "));
        for cell in &row.cells {
            let _ = write!(out, " {} |", signs(cell, &shown, measured));
        }
        out.push('\n');
    }
    if !without.is_empty() {
        out.push_str("\nNot in Zig:\n\n");
    }
    for row in without {
        let _ = writeln!(out, "- {}", short_heading(&row.block));
    }
    notes(table, compilers, measured, out);
}

fn name(measured: &Measured, compiler: usize) -> &str {
    let compiler = measured.compilers.get(compiler);
    compiler.map_or("", |compiler| compiler.name.as_str())
}

/// Why cells have no answer.
fn notes(table: &Table, compilers: &[usize], measured: &Measured, out: &mut String) {
    let of = |names: &[&'static str]| -> Vec<&str> {
        let all = compilers.iter().map(|i| name(measured, *i));
        all.filter(|name| names.contains(name)).collect()
    };
    let mut first = true;
    for (why, names) in &table.notes {
        let names = of(names);
        if !names.is_empty() {
            if std::mem::take(&mut first) {
                out.push_str("\nWhy a cell has no answer:\n\n");
            }
            let _ = writeln!(out, "- {}: {why}", names.join(", "));
        }
    }
}

/// A cell, of those of its compilers that are `shown`.
fn signs(cell: &[Cell], shown: &[usize], measured: &Measured) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for i in shown {
        let sign = cell.get(*i).map(|cell| cell.sign(&measured.bugs));
        let sign = sign.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == sign) {
            Some((_, names)) => names.push(name(measured, *i)),
            None => groups.push((sign, vec![name(measured, *i)])),
        }
    }
    if let [(sign, _)] = groups.as_slice() {
        return sign.clone();
    }
    let words = groups.iter().map(|(sign, names)| {
        let names: Vec<&str> = names.iter().map(|n| n.trim_start_matches("zig ")).collect();
        format!("{} {sign}", names.join(", "))
    });
    words.collect::<Vec<_>>().join("; ")
}

/// How a type is called in its row.
pub fn heading(block: &Block) -> String {
    headed(block, &format!("<br>{}", block.proves))
}

/// How it is called where it was described before.
pub fn short_heading(block: &Block) -> String {
    headed(block, "")
}

/// The declaration in one line, without the words around it where it is one typedef; `what` it is, and its vector levels.
fn headed(block: &Block, what: &str) -> String {
    let line = block.code.split_whitespace().collect::<Vec<_>>().join(" ");
    let inner = line.strip_prefix("typedef ");
    let inner = inner.and_then(|rest| rest.strip_suffix("t;"));
    let inner = inner.filter(|rest| !rest.contains("typedef ") && rest.ends_with([' ', '*']));
    let mut text = format!("`{}`{what}", inner.map_or(&*line, str::trim_end));
    for feature in &block.features {
        text.push_str(&format!(" (`-m{feature}`)"));
    }
    escape(&text)
}
