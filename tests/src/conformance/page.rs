//! The page as text: [`tables`] has what passes, [`check`] what of a committed page no longer holds.

use std::fmt::Write as _;

use cabi::Policy;
use cabi_verify::report::expected::{Bug, Shows};

use super::bugs::Seen;
use super::divergences::Divergence;
use super::{Compiler, Measured};

pub mod check;
pub mod tables;

/// The whole page.
#[must_use]
pub fn text(measured: &Measured) -> String {
    let mut out = String::from(HEAD);
    compilers(&measured.compilers, &mut out);
    tables::passes(measured, &mut out);
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

fn divergences(measured: &Measured, out: &mut String) {
    out.push_str(
        "
## Where compilers disagree

Each row is a bit of `cabi::Policy`; [policy.md](policy.md) says what it decides. The example is a block of the corpus. The last column says where
each compiler puts what the bit moves. That was measured: the register-dump probe passes under the compiler's own profile, optimized or not, and
fails with this one bit the other way round. A compiler that is not named does not show it with this example: it lacks the type, or the bit moves
nothing under its profile.

| bit | set by | example | where its values are |
|---|---|---|---|
",
    );
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

fn bugs(measured: &Measured, out: &mut String) {
    out.push_str(
        "
## Compiler bugs

Cases in which a compiler disagrees with itself, or follows neither the psABI nor a bit of `Policy`; `cabi` follows none of them. Each was looked at
again when this page was written, with the declaration that stands here: *calls*, the compiler's own caller called its own callee, and a byte was lost or
one of them crashed; *placement*, its caller or callee has a value in another place; *compilation*, it stops with an error of its own;
*initializer*, a member that is initialized has other bits than one that is assigned. gcc and clang were asked about all of it, and only the one that is
named shows it.

Where caller and callee *agree with each other* at every level, the compiler has a convention of its own there: wrong only for who calls from, or into, C.
",
    );
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
    others(measured, out);
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

fn others(measured: &Measured, out: &mut String) {
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
