//! Signatures of the corpus as policies place them, and facts about our own code for them.

use cabi::{FnAbi, FnSig, Policy, VectorLevel};
use cabi_verify::case::{Case, Direction, Subject};
use cabi_verify::compare::compare;
use cabi_verify::probe::EmittedFacts;
use cabi_verify::processor;
use cabi_verify::verdict::needed;

use crate::suite::Suite;

/// Vector levels, and the feature of the processor that each needs.
pub(crate) const LEVELS: [(VectorLevel, Option<&str>); 3] = [
    (VectorLevel::Baseline, None),
    (VectorLevel::Avx, Some("avx")),
    (VectorLevel::Avx512, Some("avx512f")),
];

/// A case as one compiler's policy has it.
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) sig: FnSig,
    pub(crate) abi: FnAbi,
}

/// Returns a case under each policy that has its values elsewhere.
pub(crate) fn signatures(case: &Case) -> Vec<Signature> {
    let mut signatures: Vec<Signature> = Vec::new();
    for policy in [Policy::GCC, Policy::CLANG] {
        let (Ok(sig), Ok(abi)) = (case.sig_under(policy), case.abi_under(policy)) else {
            continue;
        };
        if signatures.iter().all(|one| one.abi != abi) {
            let name = case.name.clone();
            signatures.push(Signature { name, sig, abi });
        }
    }
    signatures
}

/// Returns those of `signatures`, of a vector level, that are wanted and run here. The report has
/// the others of a level that this processor lacks.
pub(crate) fn here(
    mut signatures: Vec<Signature>,
    feature: Option<&str>,
    engine: &str,
    suite: &mut Suite,
) -> Vec<Signature> {
    signatures.retain(|signature| suite.wants(&signature.name));
    let missing = feature.filter(|name| !processor::has(name));
    if let Some(name) = missing {
        for signature in signatures.drain(..) {
            let why = format!("no {name}");
            suite.report.not_run(engine, &signature.name, &why);
        }
    }
    signatures
}

/// Returns the signatures of a vector level.
pub(crate) fn of_level(subjects: &[&Subject], vectors: VectorLevel) -> Vec<Signature> {
    let subjects = subjects.iter().filter(|one| one.block.refused.is_none());
    let cases = subjects.flat_map(|one| &one.cases);
    let cases = cases.filter(|case| case.vectors == vectors);
    cases.flat_map(signatures).collect()
}

impl Signature {
    /// Returns the name of its block of the corpus.
    pub(crate) fn block(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub(crate) fn report(&self, engine: &str, emitted: EmittedFacts, suite: &mut Suite) {
        let difference = self.differs(&emitted).into_iter().flatten().next();
        let sides = emitted.iter().zip([Direction::Callee, Direction::Call]);
        let mut refused = sides.filter_map(|(side, of)| Some((side.as_ref().err()?, of)));
        match (difference, refused.next()) {
            (None, Some((fault, of))) => {
                let fault = needed(fault.clone(), &self.abi, of);
                suite.verdict(engine, &self.name, Err(fault).into());
            }
            (difference, _) => {
                let outcome = difference.map_or(Ok(()), Err);
                suite.report.outcome(engine, &self.name, outcome);
            }
        }
    }

    /// Returns the first difference of our callee, and of our caller, as far as they are lowered.
    pub(crate) fn differs(&self, emitted: &EmittedFacts) -> [Option<String>; 2] {
        let params = self.sig.params().iter();
        let types: Vec<_> = params.map(|param| param.ty.clone()).collect();
        Direction::ALL.map(|direction| {
            let facts = emitted[direction as usize].as_ref().ok()?;
            let differences = compare("Cranelift", facts, &types, &self.abi, direction);
            differences
                .first()
                .map(|one| format!("{one}\n{}", facts.to_stored()))
        })
    }
}
