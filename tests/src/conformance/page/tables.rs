//! What passes: a row for each type, a column for each compiler.

use std::fmt::Write as _;

use cabi_verify::corpus::Block;

use super::{Measured, PAGE, escape};
use crate::conformance::bugs::Seen;
use crate::conformance::matrix::{Cell, Column};

impl Cell {
    /// Its sign: the rows of the page's table of signs stand in the order of outcomes. What fails has none, and stands on no page.
    fn sign(&self, bugs: &[Seen]) -> String {
        let numbers = bugs.iter().enumerate();
        let numbers = numbers.filter(|(_, seen)| self.bugs.contains(&seen.bug.name));
        let numbers: Vec<String> = numbers.map(|(i, _)| (i + 1).to_string()).collect();
        let signs = PAGE.split_once("| sign | meaning |\n|---|---|\n");
        let row = signs.and_then(|(_, rows)| rows.lines().nth(self.outcome as usize));
        let sign = row.and_then(|row| row.strip_prefix("| ")?.split_once(" |"));
        sign.map_or("FAILS", |(sign, _)| sign)
            .replace('N', &numbers.join(", "))
    }
}

/// A row for each type, a column for each compiler; below each group why cells have no answer.
pub(super) fn passes(measured: &Measured) -> String {
    let columns: Vec<&Column> = measured.columns(true).collect();
    let names: Vec<&str> = columns.iter().map(|one| one.asked.name).collect();
    let (mut out, mut at) = (String::new(), 0);
    for group in &measured.groups {
        let below = "---|".repeat(names.len());
        let _ = writeln!(
            out,
            "\n### {}\n\n| type | {} |\n|---|{below}",
            group.title,
            names.join(" | ")
        );
        let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
        for feature in &group.features {
            let signs = columns
                .iter()
                .map(|column| signs(&column.rows[at], measured));
            let signs: Vec<String> = signs.collect();
            let _ = writeln!(
                out,
                "| {} | {} |",
                heading(&feature.block),
                signs.join(" | ")
            );
            for (column, name) in columns.iter().zip(&names) {
                for why in column.rows[at].iter().flat_map(|cell| &cell.whys) {
                    match notes.iter_mut().find(|(known, _)| known == why) {
                        Some((_, names)) if names.contains(name) => {}
                        Some((_, names)) => names.push(name),
                        None => notes.push((why, vec![name])),
                    }
                }
            }
            at += 1;
        }
        let notes = notes.iter();
        let notes = notes.map(|(why, names)| format!("- {}: {why}\n", names.join(", ")));
        let notes: String = notes.collect();
        if !notes.is_empty() {
            let _ = write!(out, "\nWhy a cell has no answer:\n\n{notes}");
        }
    }
    out
}

/// What became of a type with a compiler: the sign of most positions, and those with another one.
fn signs(cells: &[Cell], measured: &Measured) -> String {
    let mut signs: Vec<(String, Vec<&str>)> = Vec::new();
    for (position, cell) in measured.positions.iter().zip(cells) {
        let sign = cell.sign(&measured.bugs);
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
