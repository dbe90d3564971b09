//! What `docs/conformance.md` says, measured: which types pass in which position, direction and compiler; which bugs of theirs are known.
//!
//! - [`features`]: the types that are tried, `tests/corpus/conformance`.
//! - [`matrix`]: each in every position against every compiler.
//! - [`compilers`]: the compilers, and how the runner asks them.
//! - [`bugs`]: the compiler bugs of `expected.toml`, looked at again.
//! - [`page`]: all of it as text.
//!
//! The suite `conformance` holds the page to it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cabi_verify::build::Installed;
use cabi_verify::build::zig::{Mode, Zig};
use cabi_verify::case::{Case, Direction};
use cabi_verify::report::expected::{Bug, Expected};
use cabi_verify::run::HERE;
use cabi_verify::verify::{Compiler, bugs_of_zig};

use crate::compiled::programs;
use crate::corpus;
use crate::suite::Result;
use compilers::PageCompiler;
use features::Group;
use matrix::Column;

pub mod bugs;
pub mod compilers;
pub mod features;
pub mod matrix;
pub mod page;

/// The levels of optimization at which compilers are asked.
pub const LEVELS: [&str; 2] = ["-O0", "-O2"];

/// Everything the page says.
#[derive(Debug)]
pub struct Measured {
    /// The types, as this machine has them.
    pub groups: Vec<Group>,
    /// The names of the positions.
    pub positions: Vec<&'static str>,
    /// What passes, by compiler.
    pub columns: Vec<Column>,
    /// Compiler bugs.
    pub bugs: Vec<bugs::Seen>,
    /// Known failures of the corpus that are no listed bug: case, engines, reason.
    pub others: Vec<(String, String, String)>,
    /// How many calls were right.
    pub n_calls: usize,
    /// What contradicts the lists: nothing of it may be there.
    pub failures: Vec<String>,
}

impl Measured {
    /// The compilers whose code runs in this process, or the others.
    pub(crate) fn columns(&self, is_here: bool) -> impl Iterator<Item = &Column> {
        let columns = self.columns.iter();
        columns.filter(move |column| column.is_here == is_here)
    }
}

/// Measures everything; or what is missing on this machine for that.
///
/// # Errors
/// What is wrong with a list, or cannot be run.
pub fn measure() -> Result<Result<Measured, String>> {
    let bench = Installed::find();
    if let Some((name, why)) = bench.absent.first() {
        return Ok(Err(format!("{name}: {why}")));
    }
    let zig = match Zig::find() {
        Ok(zig) => zig,
        Err(why) => return Ok(Err(format!("zig: {why}"))),
    };
    let programs = match programs().into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(compilers) => compilers,
        Err((name, why)) => return Ok(Err(format!("{name}: {why}"))),
    };
    let here = bench.references.into_iter();
    let here = here.map(|reference| Compiler::new(reference, None));
    let here = here.collect::<Result<Vec<_>, _>>()?;
    let asked = PageCompiler::all(here, zig, programs);
    let mut types = BTreeMap::new();
    for one in &asked {
        if let Entry::Vacant(place) = types.entry(one.target().name().to_owned()) {
            let groups = features::read_for(place.key())?;
            place.insert(groups);
        }
    }
    let expected = Expected::read(&corpus::expected())?;
    let matrix = matrix::run(&types, &asked, &expected)?;
    let bugs = bugs::run(&asked, &expected)?;
    let mut failures = matrix.failures;
    failures.extend(bugs.iter().filter_map(bugs::Seen::objection));
    Ok(Ok(Measured {
        groups: types.remove(HERE.name()).unwrap_or_default(),
        positions: features::position_names()?,
        columns: matrix.columns,
        bugs,
        others: others(&expected),
        n_calls: matrix.n_calls,
        failures,
    }))
}

/// The bug of `expected` that Zig's code of this mode meets in a call of `case`, if it is known.
pub(crate) fn bug_of_zig<'e>(
    expected: &'e Expected,
    case: &Case,
    mode: Mode,
    direction: Direction,
) -> Option<&'e Bug> {
    let met = bugs_of_zig(case, mode.fast, direction).into_iter();
    let mut bugs = met.filter_map(|name| expected.bug(name));
    bugs.find(|bug| bug.is_of(compilers::backend_name(mode.backend)))
}

/// Known failures that name no bug, those of one case and reason together.
fn others(expected: &Expected) -> Vec<(String, String, String)> {
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for failure in expected.failures.iter().filter(|f| f.bug.is_none()) {
        let reason = expected.reason(failure).to_owned();
        let same = rows
            .iter_mut()
            .find(|(case, _, why)| *case == failure.case && *why == reason);
        match same {
            Some((_, engines, _)) => engines.push_str(&format!(", {}", failure.engine)),
            None => rows.push((failure.case.clone(), failure.engine.clone(), reason)),
        }
    }
    rows
}

/// `text` without the path of the corpus.
fn without_folder(text: &str) -> String {
    let folder = format!("{}/", corpus::folder().display());
    text.replace(&folder, "")
}
