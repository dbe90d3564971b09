//! What `docs/conformance.md` says, measured: which types pass in which position, direction and compiler; where compilers disagree; which
//! bugs of theirs are known.
//!
//! - [`features`]: the types that are tried, `tests/corpus/conformance`.
//! - [`matrix`]: each in every position against every compiler.
//! - [`divergences`]: for each policy bit an example of the corpus that fails with the bit the other way round.
//! - [`asked`]: the compilers.
//! - [`known`]: which types the bugs of Zig affect.
//! - [`bugs`]: the compiler bugs of `expected.toml`, looked at again.
//! - [`targets`]: the types again, as the targets have them whose code runs in programs of its own.
//! - [`page`]: all of it as text, and what of a committed page no longer holds.
//!
//! `cargo run -p cabi-tests --example conformance` writes the page.

use cabi::{FnAbi, FnSig, Policy};
use cabi_verify::build::Installed;
use cabi_verify::build::zig::Zig;
use cabi_verify::case::Case;
use cabi_verify::check::calls::{
    Difference, Direction, Fault, Harness, Verdict, observe, reference_agrees,
};
use cabi_verify::check::registers::Probe;
use cabi_verify::emit::cranelift::Mutation;
use cabi_verify::report::expected::Expected;
use cabi_verify::run::child;
use cabi_verify::run::loaded::{LoadedCode, PHASES};

use crate::corpus;
use crate::suite::Result;
use asked::Asked;

pub mod asked;
pub mod bugs;
pub mod divergences;
pub mod features;
pub mod known;
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
    /// Where compilers disagree.
    pub divergences: Vec<divergences::Divergence>,
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiler {
    /// Its name as a reference compiler.
    pub name: String,
    /// The first line of its `--version`.
    pub version: String,
}

/// Measures everything; `tell` hears what is done.
///
/// # Errors
/// What is missing on this machine, or wrong with a list.
pub fn measure(tell: &dyn Fn(&str)) -> Result<Measured> {
    let bench = Installed::find();
    if let Some((name, why)) = bench.absent.first() {
        return Err(format!("{name} is missing: {why}").into());
    }
    let zig = Zig::find().map_err(|why| format!("zig is missing: {why}"))?;
    let asked = Asked::all(&bench, &zig);
    let expected = Expected::read(&corpus::expected())?;
    let groups = features::read()?;
    tell("types in every position");
    let matrix = matrix::run(&groups, &asked, &expected)?;
    tell("policy bits");
    let (divergences, wrong) = divergences::run(&asked)?;
    tell("compiler bugs");
    let bugs = bugs::run(&asked, &expected)?;
    tell("other targets");
    let targets = targets::all()?;
    let mut failures = matrix.failures;
    failures.extend(targets.iter().flat_map(|one| one.failures.clone()));
    failures.extend(wrong);
    failures.extend(bugs.iter().filter_map(bugs::Seen::objection));
    Ok(Measured {
        compilers: asked
            .iter()
            .map(|one| Compiler {
                name: one.name.to_owned(),
                version: one.version().to_owned(),
            })
            .collect(),
        positions: features::position_names()?,
        tables: matrix.tables,
        divergences,
        bugs,
        others: others(&expected),
        n_calls: matrix.n_calls + targets.iter().map(|one| one.n_calls).sum::<usize>(),
        targets,
        failures,
    })
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
