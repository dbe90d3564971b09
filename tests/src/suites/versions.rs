//! Versions of clang that have a profile beside the one that `clang` means: the corpus, as `probe` has it for the others, each version
//! under its own profile. If two profiles differ, each version must fail under the other's. `random` draws signatures for them too.

use std::collections::BTreeMap;

use cabi::{Policy, Profile};
use cabi_verify::build::Reference;
use cabi_verify::run::HERE;
use cabi_verify::threads::at_once;
use cabi_verify::verify::units::{self, CompiledUnit, Mistake};
use cabi_verify::verify::{Compiler, known_bug};

use crate::compiled::{compile, entries, takes, unit};
use crate::suite::{Result, Suite};

/// The first difference of each case, by its name, if there is one.
type Found = BTreeMap<String, Option<String>>;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let corpus = suite.corpus(&["x86-64-sysv", "x86-64-win64"])?;
    for reference in suite.other_clangs() {
        let engine = suite.engine(&reference.versioned_name());
        let compiler = Compiler::new(reference, None)?;
        let all = entries(&corpus, &compiler, |(_, case), admitted| {
            let placed = case.abi_under(compiler.policy);
            let placed = placed.map(drop).map_err(|why| why.to_string());
            takes(suite, &engine, case, admitted.and(placed))
        });
        let all = all.into_iter().enumerate();
        let all = all.map(|(part, entries)| unit(part, &compiler, "-O1", entries));
        let mut compiled = compile(&all.collect::<Vec<_>>(), |_, case, error| {
            (suite.report).outcome(&engine, &case.name, Err(error.to_string()));
        })?;
        let found = differences(&mut compiled, compiler.policy)?;
        for case in compiled.iter().flat_map(|one| &one.cases) {
            match found.get(&case.name).cloned().flatten() {
                Some(_) if known_bug("clang", case).is_some() => {}
                differs => (suite.report).outcome(&engine, &case.name, differs.map_or(Ok(()), Err)),
            }
        }
        // Without a case, of which the report says why, no mistake can show.
        let controls = others(&compiler.reference, compiler.policy).into_iter();
        for bits in controls.filter(|_| !found.is_empty()) {
            let broken = differences(&mut compiled, flipped(compiler.policy, bits))?;
            let mut pairs = broken.values().zip(found.values());
            let noticed = pairs.any(|(broken, found)| broken.is_some() && found.is_none());
            let what = format!("without a difference of {bits:?}");
            let noticed = noticed.then_some(()).ok_or("nothing differs".to_owned());
            let engine = format!("{engine} control");
            suite.report.outcome(&engine, &what, noticed);
        }
    }
    Ok(())
}

/// Returns the differences from the place of each case under `policy`.
fn differences(compiled: &mut [CompiledUnit], policy: Policy) -> Result<Found> {
    compiled.iter_mut().for_each(|one| one.policy = policy);
    let all = units::compare(compiled, Mistake::NONE, at_once())?;
    let mut found = Found::new();
    for judged in all.into_iter().flatten() {
        let first = found.entry(judged.case.name).or_default();
        *first = first.take().or(judged.verdict.passed().err());
    }
    Ok(found)
}

/// The bits by which each other profile of clang differs from `own`.
fn others(reference: &Reference, own: Policy) -> Vec<Policy> {
    let all = Profile::MEASURED.iter();
    let clangs = all.filter(|one| one.to_string().starts_with(reference.name()));
    let bits = clangs.map(|one| flipped(one.on(&HERE), own));
    bits.filter(|bits| *bits != Policy::NONE).collect()
}

/// `policy` with each of `bits` the other way.
fn flipped(policy: Policy, bits: Policy) -> Policy {
    policy.without(bits) | bits.without(policy)
}
