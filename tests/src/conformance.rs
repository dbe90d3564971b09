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

use cabi_verify::build::zig::{Mode, Zig};
use cabi_verify::case::{Case, Direction};
use cabi_verify::report::expected::{Bug, Expected};
use cabi_verify::run::HERE;
use cabi_verify::verify::{Compiler, bugs_of_zig, known_bug};

use crate::compiled::{compilers, compilers_of_programs};
use crate::corpus;
use crate::suite::{Result, Suite};
use compilers::PageCompiler;
use features::Group;
use matrix::{Column, Matrix};

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
    pub positions: Vec<String>,
    /// What passes, by compiler.
    pub matrix: Matrix,
    /// Compiler bugs.
    pub bugs: Vec<bugs::Seen>,
}

impl Measured {
    /// The compilers whose code runs in this process, or the others.
    pub(crate) fn columns(&self, is_here: bool) -> impl Iterator<Item = &Column> {
        let columns = self.matrix.columns.iter();
        columns.filter(move |column| column.asked.is_here() == is_here)
    }

    /// What contradicts the lists: nothing of it may be there.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let objections = self.bugs.iter().filter_map(bugs::Seen::objection);
        self.matrix.failures.iter().cloned().chain(objections)
    }
}

/// Measures everything. `None` where a compiler or libclang is missing on this machine for that, which the report says.
///
/// # Errors
/// What is wrong with a list, or cannot be run.
pub(crate) fn measure(suite: &mut Suite) -> Result<Option<Measured>> {
    let (here, programs) = (compilers(suite)?, compilers_of_programs(suite)?);
    let zig = Zig::find().map_err(|why| suite.report.absent("zig", &why));
    let (true, Ok(zig)) = (suite.every_reference, zig) else {
        return Ok(None);
    };
    let corpus = suite.corpus(&["x86-64-sysv"])?;
    if corpus.is_empty() {
        return Ok(None);
    }
    let asked = PageCompiler::all(here, zig, programs);
    let mut types = BTreeMap::new();
    for one in &asked {
        if let Entry::Vacant(place) = types.entry(one.target().name().to_owned()) {
            let groups = features::read_for(place.key())?;
            place.insert(groups);
        }
    }
    let expected = Expected::read(&corpus::expected())?;
    Ok(Some(Measured {
        matrix: matrix::run(&types, &asked, &expected)?,
        bugs: bugs::run(&asked, &expected, &corpus)?,
        groups: types.remove(HERE.name()).unwrap_or_default(),
        positions: features::position_names()?,
    }))
}

/// The bug of `expected` that the code of `compiler` meets in a call of `case`, if it is known.
fn known<'e>(
    expected: &'e Expected,
    compiler: &Compiler,
    case: &Case,
    direction: Direction,
) -> Option<&'e Bug> {
    match &compiler.zig {
        Some((_, mode)) => bug_of_zig(expected, case, *mode, direction),
        // The predicates are of System V.
        None if compiler.programs.is_some() => None,
        None => expected.bug(known_bug(compiler.reference.name(), case)?),
    }
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

/// `text` without the path of the corpus.
fn without_folder(text: &str) -> String {
    let folder = format!("{}/", corpus::folder().display());
    text.replace(&folder, "")
}
