//! Conventions of no C compiler: C's with registers in another order, skipped, or two for a value,
//! and a language's. Half of the functions that pop their arguments are reached by tail calls.

use cabi::convention::{ArgFlags, Convention, Extension, Part, PartType, PartTypes, Role, Rule};
use cabi::convention::{Reg, WantedKind};
use cabi::{
    DataModel, FnAbi, FnSig, RecordBuilder, Target, Type, VectorLevel, X86_64_LANG, X86_64_SYSV,
};
use cabi_verify::build::ProgramTarget;
use cabi_verify::case::Subject;
use cabi_verify::probe::Probe;
use clif_cabi::CallPlan;

use super::{compare, dropped_rules};
use crate::mutants::{changed, groups};
use crate::signatures::{Signature, of_level};
use crate::suite::{Result, Suite};
use crate::suites::conventions::mutations::keep;

/// A convention, and its name in reports.
type OwnConvention = (&'static str, &'static Convention);

/// One of so many signatures of the corpus is taken.
const STEP: usize = 16;

/// Pairs of each kind of class, tails, values in memory, and blocks that Cranelift copies. Records
/// that a language splits follow, one of which fills all registers of its results.
const TYPES: &str = "
    long
    double
    int
    float
    signed char
    __int128
    _Float16
    struct ld { long a; double b; }
    struct dl { double a; long b; }
    struct ll { long a, b; }
    struct floats { float a, b, c; }
    struct b5 { char b[5]; }
    struct b13 { char b[13]; }
    struct b24 { char b[24]; }
    struct b75 { char b[75]; }
    struct b129 { char b[129]; }
    struct small { signed char a; unsigned char b; short c; float d; _Float16 e; short f; }
    struct narrow { signed char a; unsigned char b; short c; float d; }
    struct mixed { double a; long b; float c; int d; }
    struct full { long a, b, c, d, e, f, g, h; double i, j, k, l, m, n, o, p; }
    struct quad { _Float128 a; __int128 b; }";

/// Parameters of a function of several, and the distance of their types in [`TYPES`].
const PARAMS: usize = 8;
const DISTANCE: usize = 7;

/// One more than fill the integer registers of any machine, and none.
const LONGS: usize = 10;

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const SCALARS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64, PartType::V128]);
const MEMORY: Rule = Rule::PassByVal { size: 8, align: 8 };

/// Compares signatures of each convention, and C's with a static chain, also with one of the
/// convention's rules dropped.
pub(super) fn run(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    let (mut sets, with_chain) = (Vec::new(), probe.clone().with_chains());
    for (name, convention) in conventions(&target.target) {
        let signatures = signatures(&target.target, subjects, convention)?;
        sets.push((probe, name, convention, signatures));
    }
    let chain = FnSig::new([], Type::VOID).static_chain(target.target.data_model());
    // On AArch64, Apple's and Windows's systems have its register for themselves.
    if let Ok(plan) = CallPlan::new(&chain, &target.target) {
        let c = plan.abi.convention;
        let signatures = with_chains(&target.target, c)?;
        sets.push((&with_chain, "chain", c, signatures));
    }
    for (probe, name, convention, mut signatures) in sets {
        let name = format!("{} {name}", target.target.name());
        if suite.is_complete() {
            dropped_rules((target, probe), (&name, convention), &signatures, suite)?;
        }
        signatures.retain(|one| suite.wants(&one.name));
        let engine = suite.engine(&name);
        compare(
            (target, probe),
            VectorLevel::Baseline,
            (&engine, &signatures),
            suite,
        )?;
    }
    Ok(())
}

/// Returns the signatures that `convention` has places for: of each type alone, of several, and of
/// the corpus.
pub(super) fn signatures(
    target: &Target,
    subjects: &[&Subject],
    convention: &'static Convention,
) -> Result<Vec<Signature>> {
    let of_corpus = of_level(subjects, VectorLevel::Baseline).into_iter();
    let of_c = of_corpus
        .filter(|one| Some(one.abi.convention) == target.convention() && !one.sig.is_variadic());
    let of_c = of_c.step_by(STEP).map(|one| (one.name, one.sig));
    let all = of_types(target.data_model())?.into_iter().chain(of_c);
    Ok(placed(target, convention, all))
}

/// Returns signatures with a static chain, which a stub moves to the first register that is left.
/// They are of each type alone, of several types, and of numbers of integers.
fn with_chains(target: &Target, convention: &'static Convention) -> Result<Vec<Signature>> {
    let longs = (0..LONGS).map(|n| FnSig::new(vec![Type::I64; n], Type::I64));
    let longs = longs
        .enumerate()
        .map(|(n, sig)| (format!("{n} longs"), sig));
    let sigs = of_types(target.data_model())?.into_iter().chain(longs);
    let sigs = sigs.map(|(name, sig)| (name, sig.static_chain(target.data_model())));
    Ok(placed(target, convention, sigs))
}

fn of_types(model: &DataModel) -> Result<Vec<(String, FnSig)>> {
    let (mut sigs, types) = (Vec::new(), types(model)?);
    for (i, ty) in types.iter().enumerate() {
        let several = (0..PARAMS).map(|k| types[(i + DISTANCE * k) % types.len()].clone());
        for params in [several.collect(), vec![ty.clone()]] {
            let sig = FnSig::new(params, ty.clone());
            sigs.push((sig.to_string(), sig));
        }
    }
    Ok(sigs)
}

fn placed(
    target: &Target,
    convention: &'static Convention,
    sigs: impl Iterator<Item = (String, FnSig)>,
) -> Vec<Signature> {
    let placed = sigs.filter_map(|(name, sig)| {
        let sig = sig.convention(convention);
        let abi = FnAbi::new(&sig, target).ok()?;
        Some(Signature { name, sig, abi })
    });
    placed.collect()
}

/// Returns the types of [`TYPES`], and vectors, for which C has no words of its own.
fn types(model: &DataModel) -> Result<Vec<Type>> {
    let texts = TYPES.lines().skip(1);
    let types: std::result::Result<Vec<Type>, _> =
        texts.map(|text| Type::parse(text, model)).collect();
    let vector = |n| Type::vector(&Type::F32, n);
    let record = RecordBuilder::structure("vectors").field("a", vector(4)?);
    let record = record
        .field("b", Type::I64)
        .field("c", Type::F64)
        .field("d", vector(8)?);
    Ok([types?, vec![vector(2)?, vector(4)?, record.build(model)?]].concat())
}

/// Returns the conventions of functions of `target`.
fn conventions(target: &Target) -> Vec<OwnConvention> {
    match target.name() {
        "x86_64-unknown-linux-gnu" => of_x86_64(),
        "aarch64-unknown-linux-gnu" => of_aarch64(),
        _ => Vec::new(),
    }
}

fn of_x86_64() -> Vec<OwnConvention> {
    use cabi::x86_64::*;
    let own = |args, results| of_c(&X86_64_SYSV, &[], args, results);
    let results = || Some([ints(&[RDX, RAX]), floats(&[XMM1, XMM0])]);
    let order = [
        ints(&[RSI, RDI, R8, RCX]),
        floats(&[XMM1, XMM0, XMM5, XMM3]),
    ];
    let last = [ints(&[R9, R8, RCX, RDX, RSI, RDI]), floats(&[XMM7, XMM5])];
    let pairs = [
        both(&[[XMM1, RDI], [XMM0, R8], [XMM3, RDX]]),
        ints(&[RSI, RCX]),
    ];
    let reversed = changed(&X86_64_SYSV, X86_64_SYSV.name, |own| {
        own.rules.classify = groups!(X86_64_SYSV, |group, _ty, _role| {
            group.parts.reverse();
        });
    });
    vec![
        ("permuted", own(order, results())),
        ("last first", own(last, results())),
        ("both", own(pairs, None)),
        ("reversed", reversed),
        ("lang", &X86_64_LANG),
        ("extended", extended(&X86_64_LANG)),
    ]
}

fn of_aarch64() -> Vec<OwnConvention> {
    use cabi::aarch64::*;
    let first = [
        Rule::IfFlag(ArgFlags::SRET, &Rule::AssignToReg(&[X8])),
        Rule::IfWants(WantedKind::Memory, &Rule::PassIndirect { align: 8 }),
    ];
    let own = |args, results| of_c(&AAPCS64, &first, args, results);
    let results = || Some([ints(&[X1, X0]), floats(&[V3, V1, V0, V2])]);
    let order = [ints(&[X1, X0, X4, X3]), floats(&[V1, V0, V5, V3])];
    let last = [ints(&[X7, X6, X5, X4, X3, X2, X1, X0]), floats(&[V7, V5])];
    let pairs = [both(&[[V1, X0], [V0, X4], [V4, X2]]), ints(&[X1, X3])];
    vec![
        ("permuted", own(order, results())),
        ("last first", own(last, results())),
        ("both", own(pairs, None)),
        ("of Apple", &APPLE_ARM64),
        ("lang", &AARCH64_LANG),
        ("extended", extended(&AARCH64_LANG)),
    ]
}

fn ints(registers: &'static [Reg]) -> Rule {
    Rule::IfType(INTS, keep(Rule::AssignToReg(registers)))
}

fn floats(registers: &'static [Reg]) -> Rule {
    Rule::IfType(FLOATS, keep(Rule::AssignToReg(registers)))
}

/// Returns the rule by which a float is in a register of each class, as unnamed ones of Win64 are.
fn both(registers: &'static [[Reg; 2]]) -> Rule {
    Rule::IfType(SCALARS, keep(Rule::AssignToBoth(registers)))
}

/// Returns `c` with other rules for arguments after the `first` ones, and with other results.
fn of_c(
    c: &Convention,
    first: &[Rule],
    args: [Rule; 2],
    results: Option<[Rule; 2]>,
) -> &'static Convention {
    changed(c, c.name, |own| {
        own.rules.args = [first, &args, &[MEMORY]].concat().leak();
        if let Some(results) = results {
            own.rules.results = results.to_vec().leak();
        }
    })
}

/// Returns `lang` with results of one byte extended by the function that returns them.
fn extended(lang: &Convention) -> &'static Convention {
    changed(lang, "lang, extended", |own| {
        own.rules.classify = groups!(X86_64_LANG, |group, ty, role| {
            if *ty == Type::I8 && role == Role::Result {
                group.parts = [Part::int(PartType::I8, Extension::Sign)]
                    .into_iter()
                    .collect();
            }
        });
    })
}
