//! What of a committed page no longer holds: against a page that was made now, and against the lists it is made from.

use cabi::Policy;
use cabi_verify::build::ProgramTarget;
use cabi_verify::corpus::Block;
use cabi_verify::report::expected::Expected;

use super::tables::{heading, short_heading};
use super::{bug_start, set_by};
use crate::conformance::{Compiler, others};
use crate::kept::changes;

/// What a page says otherwise than another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Compilers of other versions: `gcc: 12.2.0 then, 14.1.0 now`.
    pub versions: Vec<String>,
    /// Lines that differ, as a diff has them.
    pub lines: Vec<String>,
    /// How many lines of the page were not compared, because this machine lacks what they are about.
    pub n_left_out: usize,
}

/// Compares a page that was committed with one that was made now. Other versions of compilers are told apart from other results, and lines about
/// vectors that this machine lacks, by the names of `lacking` capabilities, are not compared.
pub fn compare(committed: &str, now: &str, lacking: &[&str]) -> Comparison {
    let (then, today) = (versions(committed), versions(now));
    let mut out = Comparison::default();
    let mut left_out = 0;
    let mut of_here = |page: &str| -> String {
        let is_of_here = |line: &&str| !lacking.iter().any(|one| is_about(line, one));
        let (kept, gone): (Vec<&str>, Vec<&str>) = page.lines().partition(is_of_here);
        left_out = left_out.max(gone.len());
        kept.join("\n")
    };
    let (committed, now) = (&of_here(committed), &of_here(now));
    out.n_left_out = left_out;
    for Compiler { name, version } in &today {
        let before = then.iter().find(|compiler| compiler.name == *name);
        let before = before.map_or("none", |compiler| compiler.version.as_str());
        if before != version {
            out.versions
                .push(format!("{name}: {before} then, {version} now"));
        }
    }
    let (then, today) = (unversioned(committed, &then), unversioned(now, &today));
    out.lines = changes(&then, &today);
    out
}

/// Whether a line is about what needs the capability, or counts it among others.
fn is_about(line: &str, capability: &str) -> bool {
    let names = [
        format!("-m{capability}"),
        format!("this machine has no {capability}"),
    ];
    names.iter().any(|name| line.contains(name)) || is_sum(line)
}

/// Whether a line is a row of the table that counts what passes.
fn is_sum(line: &str) -> bool {
    let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
    let is_number = |cell: &&str| cell.trim().parse::<u32>().is_ok();
    matches!(cells[..], [_, ref counts @ ..] if !counts.is_empty() && counts.iter().all(is_number))
}

/// The compilers that a page was made with.
fn versions(page: &str) -> Vec<Compiler> {
    let lines = page.lines().skip_while(|line| *line != "## Compilers");
    let lines = lines.skip(1).take_while(|line| !line.starts_with("## "));
    let row = |line: &str| {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (name, version) = cells.split_once(" | ")?;
        (name != "compiler").then(|| Compiler {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    };
    lines.filter_map(row).collect()
}

/// A page without versions.
fn unversioned(page: &str, compilers: &[Compiler]) -> String {
    let line = |line: &str| {
        let mut line = line.to_owned();
        for compiler in compilers {
            line = line.replace(&format!("| {} |", compiler.version), "| |");
            let name = compiler.name.split(' ').next().unwrap_or_default();
            let short = format!(" {}, ", compiler.short());
            if line.contains(&format!("| {name}")) {
                line = line.replacen(&short, ", ", 1);
            }
        }
        line
    };
    let lines: Vec<String> = page.lines().map(line).collect();
    lines.join("\n")
}

/// What a page lacks of the lists it is made from: types, bits, bugs and known failures, and rows of nothing that is on a list.
pub fn objections(page: &str, blocks: &[&Block], expected: &Expected) -> Vec<String> {
    let mut out = Vec::new();
    let mut starts: Vec<String> = Vec::new();
    starts.extend(
        blocks
            .iter()
            .map(|block| format!("| {} | ", heading(block))),
    );
    let bits = Policy::NAMES.iter();
    starts.extend(bits.map(|(_, bit)| format!("| `{bit}` | {} | ", set_by(bit))));
    for (i, bug) in expected.bugs.iter().enumerate() {
        starts.push(format!("{} ", bug_start(i, bug)));
    }
    let others = others(expected);
    for (case, engines, _) in &others {
        starts.push(format!("| `{case}` | {engines} | "));
    }
    for start in &starts {
        match page.lines().filter(|line| line.starts_with(start)).count() {
            1 => {}
            n => out.push(format!("{n} rows start with `{start}`")),
        }
    }
    for triple in ProgramTarget::names() {
        let start = format!("| {triple} | `");
        let n = page.lines().filter(|line| line.starts_with(&start)).count();
        // One in each of two tables for each compiler.
        if n == 0 || n % 2 != 0 {
            out.push(format!("{n} rows start with `{start}`"));
        }
    }
    let in_zig = zig_lines(page);
    let mut n_in_zig = 0;
    for block in blocks {
        let name = short_heading(block);
        let row = format!("| {name} | ");
        let is_it = |line: &&&str| line.starts_with(&row) || **line == format!("- {name}");
        match in_zig.iter().filter(is_it).count() {
            1 => n_in_zig += in_zig.iter().filter(|line| line.starts_with(&row)).count(),
            n => out.push(format!("{n} lines of Zig's are about {name}")),
        }
    }
    let (n, lists) = (rows(page), starts.len() + n_in_zig);
    if n != lists {
        out.push(format!("the page has {n} rows, its lists make {lists}"));
    }
    if page.contains("FAILS |") {
        out.push("a cell says FAILS".to_owned());
    }
    out
}

/// The lines about Zig.
fn zig_lines(page: &str) -> Vec<&str> {
    let lines = page.lines().skip_while(|line| *line != "## Zig");
    let lines = lines.skip(1).take_while(|line| !line.starts_with("## "));
    lines.collect()
}

/// The rows of all tables but those of compilers, signs and targets.
fn rows(page: &str) -> usize {
    let mut n = 0;
    let mut counted = false;
    let mut before = "";
    for line in page.lines() {
        if line.starts_with("|---") {
            counted = !["| compiler |", "| sign |", "| target |"]
                .iter()
                .any(|start| before.starts_with(start));
        } else if before.starts_with('|') && line.starts_with('|') && counted {
            n += 1;
        } else if !line.starts_with('|') {
            counted = false;
        }
        before = line;
    }
    n
}
