//! Code made at run time: an invoker and a closure of each signature of the corpus. The probe
//! observes them as it does a compiler's code, and they are compared with `FnAbi`. Objects lie
//! against pages that nobody may touch, at one end or the other by the order of cases.
//!
//! All cases share the makers of this code, as a user's program does, in a random order
//! (`CABI_ORDER`). A key that lacks a property of its value gives a case the code of another one.
//!
//! Negative control: invokers and closures that are found without the sizes of arguments on the
//! stack must each be noticed.

use std::collections::HashMap;

use cabi::{FnAbi, FnSig, Place, Policy, Target, Type, VectorLevel};
use cabi_verify::case::Subject;
use cabi_verify::generate::Random;
use cabi_verify::probe::RunTimeCode;
use cabi_verify::run::HERE;

use crate::signatures::{LEVELS, Signature, here, of_level};
use crate::suite::{Result, Suite, order};

/// Beginning of the names of records of many sizes.
const SIZES: &str = "sizes-";

/// Kinds of invokers; each is called beside a closure.
const ENGINES: [&str; 2] = ["invokers", "compiled invokers"];

/// Signatures in one library.
const LIBRARY: usize = 200;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let folders: &[&str] = match HERE == Target::X86_64_LINUX {
        true => &["x86-64-sysv", "x86-64-win64", "x86-64-sizes"],
        false => &["aarch64-linux"],
    };
    let subjects = suite.corpus(folders)?;
    let subjects = subjects.iter().filter(|one| one.target == HERE);
    let subjects: Vec<&Subject> = subjects.collect();
    let code = RunTimeCode::new().map_err(|why| suite.report.absent(ENGINES[0], &why));
    let Ok(mut code) = code else { return Ok(()) };
    let (mut n_stubs, mut n_all) = (0, 0);
    for (vectors, feature) in LEVELS {
        let mut signatures = of_level(&subjects, vectors);
        if vectors == VectorLevel::Baseline {
            signatures.extend(many_parameters()?);
        }
        let mut signatures = here(signatures, feature, ENGINES[0], suite);
        mix(&mut signatures);
        for (turn, signatures) in signatures.chunks(LIBRARY).enumerate() {
            let sigs: Vec<FnSig> = signatures.iter().map(|one| one.sig.clone()).collect();
            let observed = code.observe(&sigs, &sigs, (vectors, turn))?;
            for (signature, rows) in signatures.iter().zip(observed) {
                n_all += 1;
                n_stubs += rows.len() - 1;
                for (engine, emitted) in ENGINES.iter().zip(rows) {
                    signature.report(engine, emitted, suite);
                }
            }
        }
    }
    key_control(&subjects, &mut code, suite)?;
    let enough = 2 * n_stubs >= n_all || !suite.is_complete();
    (suite.report).check("control", "stubs", enough, "few invokers are stubs");
    let note = format!("{n_stubs} of {n_all} signatures have a stub as their invoker");
    suite.report.note(note);
    Ok(())
}

/// Puts `signatures` in the order of the seed.
fn mix(signatures: &mut [Signature]) {
    if let Some(seed) = order() {
        let mut random = Random::new(seed, 0);
        signatures.sort_by_cached_key(|_| random.any());
    }
}

/// Returns two signatures of so many parameters that words of the argument area are read.
fn many_parameters() -> Result<Vec<Signature>> {
    let of = |n| {
        let types = [Type::I64, Type::F64, Type::I16, Type::F32];
        let sig = FnSig::new(types.into_iter().cycle().take(n), Type::F64);
        let abi = FnAbi::new(&sig.clone().policy(Policy::GCC), &HERE)?;
        let name = format!("parameters-{n}");
        Ok(Signature { name, sig, abi })
    };
    [79, 250].map(of).into_iter().collect()
}

/// Returns the places of arguments, but for those in the argument area only their sizes.
fn key_without_sizes(sig: &FnSig) -> String {
    let abi = FnAbi::new(sig, &HERE).ok();
    let places = abi.map(|abi| {
        let args = abi.args.iter().map(|arg| match arg.place {
            Place::Stack { .. } => "stack".to_owned(),
            ref place => format!("{place:?}"),
        });
        let size = match abi.ret.place {
            Place::Indirect { .. } => 0,
            _ => sig.result().size(),
        };
        (args.collect::<Vec<_>>(), abi.ret.place, size)
    });
    let flags = (sig.is_variadic(), sig.is_noreturn(), sig.n_named());
    format!("{places:?} {flags:?}")
}

/// Records of many sizes under a key without these.
fn key_control(subjects: &[&Subject], code: &mut RunTimeCode, suite: &mut Suite) -> Result<()> {
    let mut signatures = of_level(subjects, VectorLevel::Baseline);
    signatures.retain(|one| one.name.starts_with(SIZES));
    signatures.truncate(LIBRARY);
    if signatures.is_empty() {
        return Ok(());
    }
    let sigs: Vec<FnSig> = signatures.iter().map(|one| one.sig.clone()).collect();
    let mut first: HashMap<String, FnSig> = HashMap::new();
    let mistaken = sigs.iter().map(|sig| {
        let of_key = first.entry(key_without_sizes(sig));
        of_key.or_insert_with(|| sig.clone()).clone()
    });
    let mistaken: Vec<FnSig> = mistaken.collect();
    let observed = code.observe(&sigs, &mistaken, (VectorLevel::Baseline, 0))?;
    for (side, of) in ["closures", "invokers"].into_iter().enumerate() {
        let mut pairs = signatures.iter().zip(observed.iter().map(|rows| &rows[0]));
        let noticed = pairs.any(|(signature, facts)| signature.differs(facts)[side].is_some());
        let name = format!("a key without sizes: {of}");
        (suite.report).check("control", &name, noticed, "was not noticed");
    }
    Ok(())
}
