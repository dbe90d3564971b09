//! Rules dropped from a compiler's convention, one at a time. A signature whose values a dropped
//! rule moves must differ in the compiler's code, or in ours with the broken convention. Rules that
//! no drawn signature shows are listed ([`UNSAID`]).

use cabi::FnAbi;
use cabi::convention::Convention;
use cabi_verify::case::Case;
use cabi_verify::fuzz::{self, Campaign};
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::units::{self, CompiledUnit};
use cabi_verify::verify::{Compiler, Mistake};

use super::sample;
use crate::suite::{Result, Suite};
use crate::suites::conventions::mutations;

/// Signatures that are compiled, of which a broken convention has one elsewhere.
const TO_NOTICE: u64 = 256;

/// Signatures that are looked through for one that a broken convention has elsewhere.
const TO_FIND: u64 = 1024;

/// Fewest rules of a convention that a differing byte shows when they are dropped.
const BY_BYTES: usize = 2;

/// Rules that no drawn signature shows. Each has a part of the target's name, a part of the rule's,
/// and the test in which another place for its values differs.
const UNSAID: &[(&str, &str, &str)] = &[
    // Static chains, lanes of bools.
    (
        "",
        "if nest",
        "crates/clif-cabi-jit/tests/jit/static_chain.rs",
    ),
    ("", "if it wants PerElement", "tests/tests/zig_bools.rs"),
    // Vectors that clang alone splits.
    ("x86_64", "results, without `if split", CONTROLS),
    // Types that functions of Win64 have on Linux.
    ("windows", "arguments, without `if type in [V128]", CONTROLS),
    (
        "windows",
        "results, without `if type in [V256, V512]",
        CONTROLS,
    ),
    ("windows", "results, without `if type in [F80]", CONTROLS),
];

/// Rules that are no mistake where they are dropped, as `tests/corpus/conventions.txt` says: each
/// byte, and those above it, is at the same place.
const EQUIVALENT: &[(&str, &str)] = &[("s390x", "promote to I64`")];

/// Each part of each case of the corpus in another place.
const CONTROLS: &str = "tests/src/suites/probe/controls.rs";

/// Signature with its number, and its places by the right convention.
struct PlacedCase {
    number: u64,
    case: Case,
    abi: FnAbi,
}

/// Results of the comparison with one convention.
struct Counts {
    n_same: usize,
    /// Number of the first signature of which a byte differs.
    differing: Option<u64>,
}

/// Drops each rule of the compiler's convention. If a signature has other places then, the
/// compiler's code must agree with the places of fewer calls. Otherwise a fuzz run of our code must
/// fail.
pub(super) fn dropped(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    let target = compiler.target();
    let convention = target.convention().ok_or("the target has no convention")?;
    let compiled = fuzz::compile(&sample(TO_NOTICE, 0)?, compiler)?;
    let placed: Vec<PlacedCase> = (0..TO_FIND).filter_map(|n| placed(compiler, n)).collect();
    let right = counts(&compiled, Mistake::NONE)?.n_same;
    let (engine, mut by_bytes) = (suite.engine("control"), Vec::new());
    for rule in mutations::dropped(convention) {
        let name = format!("{} {}", target.name(), rule.name);
        let found = counts(&compiled, Mistake::of_convention(rule))?;
        by_bytes.extend(found.differing.map(|number| (rule, number)));
        let moved = placed.iter().find(|one| one.is_moved(rule, compiler));
        let is_of = |of: &str, part: &str| target.name().contains(of) && rule.name.contains(part);
        let unsaid = UNSAID.iter().find(|(of, part, _)| is_of(of, part));
        let is_equivalent = EQUIVALENT.iter().any(|(of, part)| is_of(of, part));
        let outcome = match (moved, unsaid) {
            (None, Some(_)) => Ok(()),
            (None, None) => Err("no drawn signature shows the dropped rule".to_owned()),
            (Some(one), Some((.., test))) => Err(format!(
                "signature {} shows the dropped rule, not only {test}",
                one.number
            )),
            (Some(_), None) if is_equivalent && found.n_same == right => Ok(()),
            (Some(_), None) if is_equivalent => Err("not equivalent: signatures differ".to_owned()),
            (Some(_), None) if found.n_same < right => Ok(()),
            // Too rare for the signatures that are compiled.
            (Some(one), None) => in_a_run(compiler, rule, one.number)?,
        };
        suite.report.outcome(&engine, &name, outcome);
    }
    let (n, name) = (by_bytes.len(), compiler.reference.command());
    let (of_bytes, why) = (
        format!("{engine} by bytes"),
        format!("{n} rules were noticed"),
    );
    (suite.report).check(&of_bytes, &name, n >= BY_BYTES, why);
    if let Some((rule, number)) = by_bytes.first() {
        let outcome = in_a_run(compiler, rule, *number)?;
        let name = format!("{}, a whole run {}", target.name(), rule.name);
        suite.report.outcome(&engine, &name, outcome);
    }
    Ok(())
}

/// Returns signature `number` with its places, if `cabi` has some.
fn placed(compiler: &Compiler, number: u64) -> Option<PlacedCase> {
    let signature = fuzz::drawn(compiler, 1, number);
    let case = fuzz::subject(0, &signature, compiler).ok()?.cases.pop()?;
    let abi = case.abi_under(compiler.policy).ok()?;
    Some(PlacedCase { number, case, abi })
}

impl PlacedCase {
    /// Checks whether it has other places by `rule`, a broken convention, or none.
    fn is_moved(&self, rule: &'static Convention, compiler: &Compiler) -> bool {
        let sig = self.case.sig_under(compiler.policy);
        let abi = sig.and_then(|sig| FnAbi::new(&sig.convention(rule), &self.case.target));
        !abi.is_ok_and(|abi| abi.args == self.abi.args && abi.ret == self.abi.ret)
    }
}

/// Compares the compiler's code with the places of `mistake`.
fn counts(compiled: &[CompiledUnit], mistake: Mistake) -> Result<Counts> {
    let verdicts = units::compare(compiled, mistake, at_once())?;
    let mut counts = Counts {
        n_same: 0,
        differing: None,
    };
    for (unit, verdicts) in compiled.iter().zip(&verdicts) {
        for outcome in verdicts {
            match outcome.verdict {
                Verdict::Passed(_) => counts.n_same += 1,
                Verdict::Differs(_) => {
                    let number = fuzz::number(unit, &outcome.case);
                    counts.differing = counts.differing.or(number);
                }
                _ => {}
            }
        }
    }
    Ok(counts)
}

/// Checks that `rule`, a broken convention, has another place in a fuzz run of signature `number`.
fn in_a_run(
    compiler: &Compiler,
    rule: &'static Convention,
    number: u64,
) -> Result<Result<(), String>> {
    let plan = Campaign {
        numbers: number..number + 1,
        mistake: Mistake::of_convention(rule),
        ..sample(TO_NOTICE, 0)?
    };
    let results = fuzz::run(&plan, std::slice::from_ref(compiler), |_, _| Ok(()))?;
    let mut findings = results.compilers.iter().flat_map(|one| &one.failures);
    // Our code refuses some signatures by any convention but the machine's.
    let differs = findings.any(|finding| !finding.why.contains("refused"));
    let differs = differs.then_some(()).ok_or("no place differs");
    Ok(differs.map_err(|why| format!("{why} in a run of signature {number}")))
}
