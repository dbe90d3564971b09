//! What `docs/conformance.md` says, measured: which types pass in which position, direction and compiler; which bugs of theirs are known.
//!
//! - [`features`]: the types that are tried, `tests/corpus/conformance`.
//! - [`matrix`]: each in every position against every compiler.
//! - [`asked`]: the compilers.
//! - [`bugs`]: the compiler bugs of `expected.toml`, looked at again.
//! - [`targets`]: the types again, as the targets have them whose code runs in programs of its own.
//! - [`page`]: all of it as text.
//!
//! The suite `conformance` holds the page to it.

use cabi::{FnAbi, FnSig, Policy};
use cabi_verify::build::Installed;
use cabi_verify::build::zig::{Mode, Zig};
use cabi_verify::case::Case;
use cabi_verify::check::calls::{
    Difference, Direction, Fault, Harness, Verdict, observe, reference_agrees,
};
use cabi_verify::check::registers::Probe;
use cabi_verify::emit::cranelift::Mutation;
use cabi_verify::report::expected::{Bug, Expected};
use cabi_verify::run::child;
use cabi_verify::run::loaded::{LoadedCode, PHASES};
use cabi_verify::verify::bugs_of_zig;

use crate::compiled::programs;
use crate::corpus;
use crate::suite::Result;
use asked::Asked;

pub mod asked;
pub mod bugs;
pub mod features;
pub mod matrix;
pub mod page;
pub mod targets;

/// The levels of optimization at which compilers are asked.
pub const LEVELS: [&str; 2] = ["-O0", "-O2"];

/// Everything the page says.
#[derive(Debug)]
pub struct Measured {
    /// Name and version of each compiler.
    pub compilers: Vec<Compiler>,
    /// The names of the positions.
    pub positions: Vec<&'static str>,
    /// What passes.
    pub tables: Vec<matrix::Table>,
    /// Compiler bugs.
    pub bugs: Vec<bugs::Seen>,
    /// Known failures of the corpus that are no listed bug: case, engines, reason.
    pub others: Vec<(String, String, String)>,
    /// What passes on other targets.
    pub targets: Vec<targets::OfCompiler>,
    /// How many calls were right.
    pub n_calls: usize,
    /// What contradicts the lists: nothing of it may be there.
    pub failures: Vec<String>,
}

/// A compiler and its version.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// Its name as a reference compiler.
    pub name: String,
    /// The first line of its `--version`.
    pub version: String,
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
    let compilers = match programs().into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(compilers) => compilers,
        Err((name, why)) => return Ok(Err(format!("{name}: {why}"))),
    };
    let asked = Asked::all(&bench, &zig);
    let expected = Expected::read(&corpus::expected())?;
    let groups = features::read()?;
    let matrix = matrix::run(&groups, &asked, &expected)?;
    let bugs = bugs::run(&asked, &expected)?;
    let targets = compilers.iter().map(targets::run);
    let targets = targets.collect::<Result<Vec<_>>>()?;
    let mut failures = matrix.failures;
    failures.extend(targets.iter().flat_map(|one| one.failures.clone()));
    failures.extend(bugs.iter().filter_map(bugs::Seen::objection));
    Ok(Ok(Measured {
        compilers: asked
            .iter()
            .map(|one| Compiler {
                name: one.name.to_owned(),
                version: one.version().to_owned(),
            })
            .collect(),
        positions: features::position_names()?,
        tables: matrix.tables,
        bugs,
        others: others(&expected),
        n_calls: matrix.n_calls + targets.iter().map(|one| one.n_calls).sum::<usize>(),
        targets,
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
    bugs.find(|bug| bug.is_of(asked::backend_name(mode.backend)))
}

/// Whether case `index` of `sides` is where `sig` has it, as the register-dump probe sees those of caller and callee that `directions` need.
fn check_places(
    loaded: &LoadedCode,
    directions: &[Direction],
    index: usize,
    case: &Case,
    sig: &FnSig,
) -> Verdict {
    let abi = match FnAbi::new(sig, &case.target) {
        Ok(abi) => abi,
        Err(error) => return Verdict::NotRun(error.to_string()),
    };
    let check = |direction: &Direction| is_placed(loaded, *direction, index, case, &abi);
    let checked = directions.iter().try_for_each(check);
    checked.into()
}

/// Whether the side of case `index` that `direction` needs is as `abi` says, as the probe sees it: for what is not lowered.
pub fn is_placed(
    loaded: &LoadedCode,
    direction: Direction,
    index: usize,
    case: &Case,
    abi: &FnAbi,
) -> Result<(), Difference> {
    let probe = Probe::new(loaded, case.vectors);
    match direction {
        Direction::Call => probe.check_callee(index, case, abi),
        Direction::Callee => at_every_phase(&|| probe.check_caller(index, case, abi)),
    }
}

/// One case in one direction under `policy`: called, or, where that is not lowered, looked at by the probe. What fails says whether the compiler's
/// own caller and callee agree.
pub(crate) fn observed(
    harness: &Harness<'_>,
    case: &Case,
    policy: Policy,
    index: usize,
    direction: Direction,
) -> Verdict {
    let sig = match case.sig_under(policy) {
        Ok(sig) => sig,
        Err(error) => return Verdict::Differs(error.to_string().into()),
    };
    let (same, right) = (|sig| sig, Mutation::default());
    let called = observe(harness, case, sig.clone(), index, direction, same, right);
    if let Err(Fault::Failed(difference)) = called {
        let itself = match reference_agrees(harness, case, sig, index) {
            Ok(()) => " agree".to_owned(),
            Err(why) => format!(": {why}"),
        };
        return Verdict::Differs(format!("{difference}; its own caller and callee{itself}").into());
    }
    // Our callee stores every vector register whatever al says, so only the probe sees an al that is wrong.
    let sees_more = called.is_err() || sig.is_variadic() && direction == Direction::Callee;
    match FnAbi::new(&sig, &case.target) {
        Ok(abi) if sees_more => match is_placed(harness.loaded, direction, index, case, &abi) {
            Ok(()) => called.into(),
            Err(difference) => Verdict::Differs(difference.inside("probe")),
        },
        _ => called.into(),
    }
}

/// Runs `check`, which makes a call, at each phase of the stack: a caller that does not align its arguments must not look right by chance.
fn at_every_phase<E>(check: &dyn Fn() -> Result<(), E>) -> Result<(), E> {
    (0..PHASES).try_for_each(|_| check())
}

/// Whether `what` passes in a process of its own.
fn passes(what: impl Fn() -> Verdict) -> Result<bool> {
    let verdicts = child::run(&[1], 1, |_, _| what())?;
    Ok(matches!(verdicts.concat().as_slice(), [Verdict::Passed(_)]))
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
