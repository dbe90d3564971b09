//! The compiler bugs of `expected.toml`, checked again: each is shown by its compiler, and by no
//! other.
//!
//! Negative controls: each bug of gcc must fail if it is attributed to clang, and the other way
//! round.

use cabi_verify::build::zig::Zig;
use cabi_verify::report::expected::Expected;

use crate::bugs::{CompilerAtLevel, Inspection, run as inspect};
use crate::corpus;
use crate::cross_compilers::{compilers, compilers_of_programs};
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut compilers = compilers(suite)?;
    let riscv = |_: &Suite, target: &str| target.starts_with("riscv64");
    let zig = Zig::find().map_err(|why| suite.report.absent("zig", &why));
    let corpus = suite.corpus(&["x86-64-sysv"])?;
    let (true, Ok(zig), false) = (suite.every_reference, zig, corpus.is_empty()) else {
        return Ok(());
    };
    compilers.extend(compilers_of_programs(suite, riscv)?);
    let expected = Expected::read(&corpus::expected())?;
    let mut inspected = inspect(&CompilerAtLevel::all(&compilers, zig), &expected, &corpus)?;
    inspected.retain(|inspection| {
        let why = "no compiler for its target is installed";
        let is_asked = inspection.has_affected();
        if !is_asked {
            suite.report.not_run("bugs", &inspection.bug.name, why);
        }
        is_asked
    });
    for inspection in &inspected {
        let outcome = inspection.objection().map_or(Ok(()), Err);
        suite.report.outcome("bugs", &inspection.bug.name, outcome);
    }
    for inspection in inspected.into_iter().filter_map(Inspection::of_another) {
        let noticed = inspection.bug.by_chance || inspection.objection().is_some();
        let name = format!("{} of {}", inspection.bug.name, inspection.bug.compiler);
        (suite.report).check("bugs control", &name, noticed, "the change was not noticed");
    }
    Ok(())
}
