//! The page as text, and what of a committed page no longer holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi::Policy;
use cabi_judge::corpus::Block;
use cabi_judge::expected::Expected;

use super::bugs::Seen;
use super::divergences::Divergence;
use super::features::Feature;
use super::matrix::{Outcome, Row, Table};
use super::{Compiler, Measured};

/// How each outcome is shown, and what it means.
const LEGEND: [(&str, &str); 13] = [
    (
        "✓",
        "passes: Cranelift calls the compiler's code and is called by it, optimized or not",
    ),
    (
        "→",
        "passes where Cranelift calls; the other direction is not lowered yet, its places are right (○)",
    ),
    (
        "←",
        "passes where Cranelift is called; the other direction is not lowered yet, its places are right (○)",
    ),
    (
        "½",
        "passes in one direction; the compiler cannot do the other: its words stand below the table",
    ),
    (
        "○",
        "not lowered yet: an error. The compiler puts, and looks for, every byte where `cabi` says",
    ),
    (
        "–",
        "the compiler has not got the type, or refuses it there: its words stand below the table",
    ),
    ("∅", "the convention has no place for it: an error"),
    (
        "?",
        "the header reader does not know the type: an error. No call is tried",
    ),
    ("✗ N", "bug N of the compiler, of the list below"),
    (
        "≠",
        "not as C has it; the compiler's own caller and callee agree with each other, as far as they can be asked",
    ),
    (
        "✗",
        "not as C has it, and the compiler's own caller and callee disagree",
    ),
    ("·", "this machine cannot run it"),
    ("FAILS", "wrong, and no list says so"),
];

impl Outcome {
    /// Its line in the legend.
    fn legend(&self) -> usize {
        match self {
            Self::Passes => 0,
            Self::Calls => 1,
            Self::Called => 2,
            Self::Half => 3,
            Self::Placed => 4,
            Self::Lacks => 5,
            Self::NoPlace => 6,
            Self::Unread => 7,
            Self::Bug(_) => 8,
            Self::OwnWay => 9,
            Self::AgainstItself => 10,
            Self::NotHere => 11,
            Self::Fails => 12,
        }
    }

    fn sign(&self, bugs: &[Seen]) -> String {
        if let Self::Bug(name) = self {
            let number = bugs.iter().position(|seen| seen.bug.name == *name);
            return format!("✗ {}", number.map_or(0, |i| i + 1));
        }
        LEGEND
            .get(self.legend())
            .map_or("", |(sign, _)| sign)
            .to_owned()
    }
}

/// The whole page.
#[must_use]
pub fn text(measured: &Measured) -> String {
    let mut out = String::from(HEAD);
    compilers(&measured.compilers, &mut out);
    passes(measured, &mut out);
    divergences(measured, &mut out);
    bugs(measured, &mut out);
    out
}

const HEAD: &str = "\
# Conformance

What passes against which compiler on x86-64 System V, where compilers disagree, and which of their bugs are known. Everything here was
measured: `cargo run -p cabi-tests --example conformance` writes this page, and with `-- --check` says what of it no longer holds.
How it is measured: [testing.md](testing.md).

";

fn compilers(compilers: &[Compiler], out: &mut String) {
    out.push_str("## Compilers\n\n| compiler | version |\n|---|---|\n");
    for Compiler { name, version } in compilers {
        let _ = writeln!(out, "| {name} | {version} |");
    }
}

fn passes(measured: &Measured, out: &mut String) {
    out.push_str(
        "
## What passes

A cell is a type in a position. It stands for calls in both directions, with code of the compiler's that is not optimized and that is (`-O0`,
`-O2`; `-ODebug`, `-OReleaseFast` of Zig's LLVM): of its function, direct, through a pointer and by the caller's own instruction, and of a Cranelift
function by it, through a pointer, as a callback is. Every byte that arrives is compared; objects lie against pages that cannot be touched.
One sign: the same with every compiler that has the type. gcc and clang are held against their own profiles, Zig's functions of C's calling
convention against `zig`. What gcc or clang does otherwise must be a listed bug; what Zig, which is no compiler of C, does otherwise is shown.

| sign | meaning |
|---|---|
",
    );
    let (counts, count) = count(measured);
    for (at, (sign, meaning)) in LEGEND.iter().enumerate() {
        if counts.contains_key(&at) {
            let _ = writeln!(out, "| {sign} | {meaning} |");
        }
    }
    let _ = write!(out, "\n{count}\n");
    for table in &measured.tables {
        print_table(table, measured, out);
    }
}

/// How often which sign stands, over all compilers, and that in words.
fn count(measured: &Measured) -> (BTreeMap<usize, usize>, String) {
    let rows: Vec<&Row> = measured.tables.iter().flat_map(|t| &t.rows).collect();
    let mut counts = BTreeMap::new();
    for outcome in rows.iter().flat_map(|row| row.cells.iter().flatten()) {
        *counts.entry(outcome.legend()).or_insert(0) += 1;
    }
    let sign = |at: usize| LEGEND.get(at).map_or("", |(sign, _)| sign);
    let words: Vec<String> = counts
        .iter()
        .map(|(at, n)| format!("{} {n}", sign(*at)))
        .collect();
    let words = format!(
        "{} types in {} positions with {} compilers: {}. {} calls were right.",
        rows.len(),
        measured.positions.len(),
        measured.compilers.len(),
        words.join(", "),
        measured.n_calls
    );
    (counts, words)
}

fn print_table(table: &Table, measured: &Measured, out: &mut String) {
    let _ = write!(out, "\n### {}\n\n| type | not in |", table.title);
    for position in &measured.positions {
        let _ = write!(out, " {position} |");
    }
    let n = measured.positions.len();
    let _ = writeln!(out, "\n|---|---|{}", "---|".repeat(n));
    for row in &table.rows {
        let lacks = lacks(row, measured.compilers.len());
        let named = measured.compilers.iter().zip(&lacks);
        let without = named.filter(|(_, lacks)| **lacks);
        let without: Vec<&str> = without.map(|(c, _)| c.name.as_str()).collect();
        let _ = write!(out, "| {} | {} |", row.heading, without.join(", "));
        for cell in &row.cells {
            let _ = write!(out, " {} |", signs(cell, &lacks, measured));
        }
        out.push('\n');
    }
    if !table.notes.is_empty() {
        out.push('\n');
    }
    for (why, names) in &table.notes {
        let _ = writeln!(out, "- {}: {why}", names.join(", "));
    }
}

/// Of each of `n` compilers, whether it lacks the type in every position. Where all do, that is what the cells say.
fn lacks(row: &Row, n: usize) -> Vec<bool> {
    let lacks = |i: usize| {
        let mut cells = row.cells.iter();
        cells.all(|cell| cell.get(i) == Some(&Outcome::Lacks))
    };
    let lacks: Vec<bool> = (0..n).map(lacks).collect();
    match lacks.contains(&false) {
        true => lacks,
        false => vec![false; n],
    }
}

/// A cell, without the compilers that lack the type.
fn signs(cell: &[Outcome], lacks: &[bool], measured: &Measured) -> String {
    let signs = cell.iter().map(|outcome| outcome.sign(&measured.bugs));
    let names = measured.compilers.iter().map(|c| c.name.as_str());
    let all = names.zip(signs).zip(lacks).filter(|(_, lacks)| !**lacks);
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for ((name, sign), _) in all {
        match groups.iter_mut().find(|(known, _)| *known == sign) {
            Some((_, names)) => names.push(name),
            None => groups.push((sign, vec![name])),
        }
    }
    // Most have it; the others are named.
    groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    let tie = groups.len() > 1 && groups[0].1.len() == groups[1].1.len();
    let mut words = groups.iter().enumerate().map(|(i, (sign, names))| match i {
        0 if !tie => sign.clone(),
        _ => format!("{} {sign}", names.join(", ")),
    });
    let first = words.next().unwrap_or_default();
    words.fold(first, |text, word| format!("{text}; {word}"))
}

/// How a type is called in its row.
#[must_use]
pub fn heading(block: &Block) -> String {
    let mut what = block.proves.clone();
    for feature in &block.features {
        what.push_str(&format!(" (`-m{feature}`)"));
    }
    escape(&format!("`{}`<br>{what}", Feature::declaration(block)))
}

fn divergences(measured: &Measured, out: &mut String) {
    out.push_str(
        "
## Where compilers disagree

Each row is a bit of `cabi::Policy`; [policy.md](policy.md) says what it decides. The example is a block of the corpus. A compiler's column says
where it puts what the bit moves. That was measured: the register-dump probe passes under the compiler's own profile, optimized or not, and
fails with this one bit the other way round. `n/a`: this compiler does not show it with this example: it lacks the type, or the bit moves nothing
under its profile.

| bit | set by | example |",
    );
    for compiler in &measured.compilers {
        let _ = write!(out, " {} |", compiler.name);
    }
    let n = measured.compilers.len();
    let _ = writeln!(out, "\n|---|---|---|{}", "---|".repeat(n));
    for Divergence { bit, example } in &measured.divergences {
        let _ = write!(out, "| `{bit}` | {} |", set_by(bit));
        match example {
            Some(example) => {
                let _ = write!(out, " `{}`: `{}` |", example.case, escape(&example.code));
                for place in &example.places {
                    let _ = write!(out, " {} |", place.as_deref().unwrap_or("n/a"));
                }
            }
            None => {
                out.push_str(" moves no value on Linux |");
                out.push_str(&" n/a |".repeat(n));
            }
        }
        out.push('\n');
    }
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

fn bugs(measured: &Measured, out: &mut String) {
    out.push_str(
        "
## Compiler bugs

Cases in which a compiler disagrees with itself, or with every rule. No policy follows them. Each was looked at again when this page was
written: by letting the compiler's own caller call its own callee (*calls*), by looking where its caller
or callee puts a value (*placement*), or by compiling (*compilation*). The other compilers of C were asked the same, and none shows it.

| no. | bug | compiler | seen at | by | declaration | what happens |
|---|---|---|---|---|---|---|
",
    );
    for (i, seen) in measured.bugs.iter().enumerate() {
        let compiler = measured
            .compilers
            .iter()
            .find(|compiler| compiler.name.starts_with(&seen.bug.compiler));
        let version = compiler.map_or("", Compiler::short);
        let levels = match seen.levels.join("` `") {
            _ if !seen.asked => "not asked".to_owned(),
            none if none.is_empty() => "not there".to_owned(),
            levels => format!("`{levels}`"),
        };
        let _ = writeln!(
            out,
            "| {} | `{}` | {} {version} | {levels} | {} | `{}` | {} |",
            i + 1,
            seen.bug.name,
            seen.bug.compiler,
            seen.bug.shows.name(),
            escape(&seen.code),
            escape(&seen.bug.what)
        );
    }
    out.push_str(
        "
## Other known failures

Cases of the corpus that fail with a compiler and are no bug of that list (`tests/corpus/expected.toml`).

| case | engine | why |
|---|---|---|
",
    );
    for (case, engines, why) in &measured.others {
        let _ = writeln!(out, "| `{case}` | {engines} | {} |", escape(why));
    }
}

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

/// What a page says otherwise than another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Compilers of other versions: `gcc: 12.2.0 then, 14.1.0 now`.
    pub versions: Vec<String>,
    /// Lines that differ, as a diff has them.
    pub lines: Vec<String>,
}

/// Compares a page that was committed with one that was made now. Other versions of compilers are told apart from other results.
#[must_use]
pub fn compare(committed: &str, now: &str) -> Comparison {
    let (then, today) = (versions(committed), versions(now));
    let mut out = Comparison::default();
    for Compiler { name, version } in &today {
        let before = then.iter().find(|compiler| compiler.name == *name);
        let before = before.map_or("none", |compiler| compiler.version.as_str());
        if before != version {
            out.versions
                .push(format!("{name}: {before} then, {version} now"));
        }
    }
    let (then, today) = (unversioned(committed, &then), unversioned(now, &today));
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        let mut left = of.to_vec();
        let gone = from.iter().filter(|line| {
            let at = left.iter().position(|other| other == *line);
            at.map(|at| left.swap_remove(at)).is_none()
        });
        gone.cloned().collect()
    };
    let gone = missing(&then, &today);
    let new = missing(&today, &then);
    out.lines
        .extend(gone.iter().map(|line| format!("- {line}")));
    out.lines.extend(new.iter().map(|line| format!("+ {line}")));
    out
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

/// A page's lines without versions.
fn unversioned(page: &str, compilers: &[Compiler]) -> Vec<String> {
    let line = |line: &str| {
        let mut line = line.to_owned();
        for compiler in compilers {
            line = line.replace(&format!("| {} |", compiler.version), "| |");
            let short = format!("| {} {} |", compiler.name, compiler.short());
            line = line.replace(&short, &format!("| {} |", compiler.name));
        }
        line
    };
    page.lines().map(line).collect()
}

/// What a page lacks of the lists it is made from: types, bits, bugs and known failures, and rows of nothing that is on a list.
#[must_use]
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
        starts.push(format!("| {} | `{}` | {} ", i + 1, bug.name, bug.compiler));
    }
    let others = super::others(expected);
    for (case, engines, _) in &others {
        starts.push(format!("| `{case}` | {engines} | "));
    }
    for start in &starts {
        match page.lines().filter(|line| line.starts_with(start)).count() {
            1 => {}
            n => out.push(format!("{n} rows start with `{start}`")),
        }
    }
    let n = rows(page);
    if n != starts.len() {
        out.push(format!(
            "the page has {n} rows, its lists make {}",
            starts.len()
        ));
    }
    if page.contains("FAILS |") {
        out.push("a cell says FAILS".to_owned());
    }
    out
}

/// The rows of all tables but those of compilers and signs.
fn rows(page: &str) -> usize {
    let mut n = 0;
    let mut counted = false;
    let mut before = "";
    for line in page.lines() {
        if line.starts_with("|---") {
            counted = !["| compiler |", "| sign |"]
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
