//! Cranelift as a compiler of the corpus. The probe observes the place of every byte of arguments
//! and results in our own callers and callees, for each target whose programs run here. The places
//! are compared with `FnAbi`; no C compiler compiles a signature.

use std::collections::BTreeSet;

use cabi::{Convention, FnAbi, FnSig, VectorLevel, X86_64_WIN64};
use cabi_verify::build::{ProgramTarget, Reference};
use cabi_verify::case::{Case, Subject};
use cabi_verify::corpus::Block;
use cabi_verify::probe::{Emission, EmittedFacts, Probe, SETTINGS};
use cabi_verify::processor;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verify::units::Mistake;

use super::conventions::mutations;
use crate::corpus::{OTHERS, SYSV, read_blocks};
use crate::mutants::{self, Mutant};
use crate::signatures::{LEVELS, Signature, here, of_level, signatures};
use crate::suite::{Result, Suite};

mod flags;
mod own;
mod x18;

/// Block that is no C for mingw: a bit-field of `long` has 64 bits.
const OF_LINUX: &str = "win64-bit-fields-alone-result-gcc";

/// Number of settings of each signature.
const EVERY: usize = SETTINGS.len();

/// Signatures in one program.
const PROGRAM: usize = 200;

/// Signatures of one target and vector level in one program.
struct Part<'a> {
    target: &'a ProgramTarget,
    probe: &'a Probe,
    vectors: VectorLevel,
    signatures: &'a [Signature],
    turn: usize,
    mistake: Mistake,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut subjects = suite.corpus(&[&SYSV[..], &OTHERS].concat())?;
    let of_mingw = for_mingw(&subjects, suite);
    subjects.extend(of_mingw);
    let mut targets = Vec::new();
    match Reference::of_machine() {
        Ok(linker) => targets.push(ProgramTarget::x86_64_linux(&linker)),
        Err(why) => suite.report.absent("emission", &why),
    }
    for name in ProgramTarget::names() {
        match ProgramTarget::named(name) {
            Ok((target, _)) => targets.push(target),
            Err(why) => suite.report.absent(name, &why),
        }
    }
    // Without libclang no block is read.
    if suite.is_complete() && !subjects.is_empty() {
        check_names(&subjects, suite);
    }
    suite.each(&targets, |target, suite| {
        let probe = Probe::of_target(target)?;
        of_corpus((target, &probe), &subjects, suite)
    })
}

/// Returns the blocks of x64 Windows, read again as C text for mingw: those of `ms_abi` on Linux,
/// and clang's for MSVC.
fn for_mingw(subjects: &[Subject], suite: &mut Suite) -> Vec<Subject> {
    let is_win64 = |case: &Case| {
        let convention = case.prototype.convention.or(case.target.convention());
        convention == Some(&X86_64_WIN64)
    };
    let of_windows = subjects.iter().filter(|one| one.cases.iter().all(is_win64));
    let of_windows = of_windows.filter(|one| !one.cases.is_empty() && one.block.name != OF_LINUX);
    let blocks = of_windows.map(|one| Block {
        name: format!("mingw-{}", one.block.name),
        target: "x86_64-pc-windows-gnu".to_owned(),
        ..one.block.clone()
    });
    let blocks: Vec<Block> = blocks.collect();
    let mut read = Vec::new();
    let subjects = read_blocks(&blocks.iter().collect::<Vec<_>>());
    for (block, subject) in blocks.iter().zip(subjects) {
        match subject {
            Ok(subject) => read.push(subject),
            Err(why) => (suite.report).outcome("emission", &block.name, Err(why.to_string())),
        }
    }
    read
}

fn of_corpus(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[Subject],
    suite: &mut Suite,
) -> Result<()> {
    let name = target.target.name();
    let subjects = subjects.iter().filter(|one| one.target == target.target);
    let subjects: Vec<&Subject> = subjects.collect();
    if subjects.is_empty() {
        let why = "the corpus has no signature of this target";
        (suite.report).not_run("emission", name, why);
        return Ok(());
    }
    of_target((target, probe), &subjects, suite)?;
    if suite.is_complete() {
        let convention = target.target.convention().ok_or("no calling convention")?;
        let is_its = |one: &&&Subject| {
            let mut cases = one.cases.iter();
            cases.all(|case| case.prototype.convention.is_none())
        };
        let its: Vec<&Subject> = subjects.iter().filter(is_its).copied().collect();
        let signatures = of_level(&its, VectorLevel::Baseline);
        dropped_rules((target, probe), (name, convention), &signatures, suite)?;
        mistakes((target, probe), &subjects, suite)?;
    }
    if suite.wants("x18") {
        x18::run(target, &subjects, suite)?;
    }
    own::run((target, probe), &subjects, suite)?;
    flags::run((target, probe), &subjects, suite)
}

fn of_target(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    let engine = suite.engine(target.target.name());
    let accepted = subjects.iter().filter(|one| one.block.refused.is_none());
    for case in accepted.flat_map(|one| &one.cases) {
        if signatures(case).is_empty() {
            let why = "no policy of gcc or clang has a place for the case".to_owned();
            suite.report.outcome(&engine, &case.name, Err(why));
        }
    }
    for (vectors, feature) in LEVELS {
        let signatures = here(of_level(subjects, vectors), feature, &engine, suite);
        compare((target, probe), vectors, (&engine, &signatures), suite)?;
    }
    Ok(())
}

/// Compares our code for `signatures` under every setting.
fn compare(
    machine: (&ProgramTarget, &Probe),
    vectors: VectorLevel,
    (engine, signatures): (&str, &[Signature]),
    suite: &mut Suite,
) -> Result<()> {
    let parts = parts(machine, signatures, Mistake::NONE);
    let parts: Vec<Part<'_>> = parts.map(|part| Part { vectors, ..part }).collect();
    let emitted = in_threads(&parts, at_once(), Part::emitted, |_| ());
    for (part, emitted) in parts.iter().zip(emitted) {
        for (signature, emitted) in part.signatures.iter().zip(emitted?) {
            signature.report(engine, emitted, suite);
        }
    }
    Ok(())
}

/// Rules dropped from a convention must be noticed on both sides of calls.
fn dropped_rules(
    (target, probe): (&ProgramTarget, &Probe),
    (name, convention): (&str, &'static Convention),
    signatures: &[Signature],
    suite: &mut Suite,
) -> Result<()> {
    let mut noticed = [0; 2];
    'all: for broken in mutations::dropped(convention) {
        let mistake = Mistake::of_convention(broken);
        // No other signature can differ.
        let is_moved = |one: &&Signature| {
            let abi = FnAbi::new(&mistake.apply(one.sig.clone()), &target.target);
            abi.is_ok_and(|abi| abi.args != one.abi.args || abi.ret != one.abi.ret)
        };
        let moved: Vec<Signature> = signatures.iter().filter(is_moved).cloned().collect();
        for part in parts((target, probe), &moved, mistake) {
            for (one, emitted) in part.signatures.iter().zip(part.emitted()?) {
                // Neither a refusal nor the end of a process is a byte that differs.
                let is_seen = emitted.iter().all(Result::is_ok);
                let sides = is_seen.then(|| one.differs(&emitted));
                let sides = sides.unwrap_or_default();
                (0..2).for_each(|side| noticed[side] += usize::from(sides[side].is_some()));
            }
            if !noticed.contains(&0) {
                break 'all;
            }
        }
    }
    let why = format!("callees and callers noticed {noticed:?}");
    let engine = suite.engine("control");
    (suite.report).check(&engine, name, !noticed.contains(&0), why);
    Ok(())
}

/// Checks that each block notices the mistakes that it names, by a difference or by the end of its
/// process.
fn mistakes(own: (&ProgramTarget, &Probe), subjects: &[&Subject], suite: &mut Suite) -> Result<()> {
    let engine = suite.engine("control");
    let of = |mutant: &Mutant| {
        let names = |one: &&&Subject| one.block.kills.iter().any(|name| name == mutant.name);
        let blocks: Vec<&Subject> = subjects.iter().filter(names).copied().collect();
        (*mutant, blocks)
    };
    let pairs: Vec<_> = mutants::all().map(of).collect();
    let blind = |(mutant, blocks): &(Mutant, Vec<&Subject>)| blind(own, mutant, blocks);
    let blind = in_threads(&pairs, at_once(), blind, |_| ());
    for ((mutant, blocks), blind) in pairs.iter().zip(blind) {
        let blind = blind?;
        for subject in blocks {
            let name = format!("{} by {}", mutant.name, subject.block.name);
            let level = subject.cases[0].vectors;
            let needs = LEVELS.iter().find(|(own, _)| *own == level);
            let missing = needs.and_then(|(_, feature)| feature.filter(|one| !processor::has(one)));
            match (blind.contains(&subject.block.name), missing) {
                (false, _) => suite.report.outcome(&engine, &name, Ok(())),
                (true, Some(feature)) => {
                    (suite.report).not_run(&engine, &name, &format!("no {feature}"));
                }
                (true, None) => {
                    let why = format!("not noticed: {}", mutant.breaks);
                    suite.report.outcome(&engine, &name, Err(why));
                }
            }
        }
    }
    Ok(())
}

/// Returns the names of those of `blocks` that do not notice `mutant` on this processor.
fn blind(
    machine: (&ProgramTarget, &Probe),
    mutant: &Mutant,
    blocks: &[&Subject],
) -> std::result::Result<BTreeSet<String>, String> {
    let names = blocks.iter().map(|one| one.block.name.clone());
    let mut blind: BTreeSet<String> = names.collect();
    let is_here = |feature: Option<&str>| feature.is_none_or(processor::has);
    for (vectors, _) in LEVELS.into_iter().filter(|(_, feature)| is_here(*feature)) {
        let signatures = of_level(blocks, vectors);
        for part in parts(machine, &signatures, mutant.mistake()) {
            let part = Part { vectors, ..part };
            for (signature, emitted) in part.signatures.iter().zip(part.emitted()?) {
                if signature.differs(&emitted) != [None, None] {
                    blind.remove(signature.block());
                }
            }
            if blind.is_empty() {
                break;
            }
        }
    }
    Ok(blind)
}

/// Checks whether each name of a mistake is one, and each mistake is named.
fn check_names(subjects: &[Subject], suite: &mut Suite) {
    let known = mutants::all;
    let named = || subjects.iter().flat_map(|one| &one.block.kills);
    for name in named().filter(|name| known().all(|mutant| mutant.name != **name)) {
        let why = "no mutant has this name".to_owned();
        suite.report.outcome("control", name, Err(why));
    }
    for mutant in known().filter(|mutant| named().all(|name| name != mutant.name)) {
        let why = "no block of the corpus names this mutant".to_owned();
        suite.report.outcome("control", mutant.name, Err(why));
    }
}

/// Returns `signatures` with a mistake, each under every setting.
fn parts<'a>(
    (target, probe): (&'a ProgramTarget, &'a Probe),
    signatures: &'a [Signature],
    mistake: Mistake,
) -> impl Iterator<Item = Part<'a>> {
    (0..EVERY).flat_map(move |first| {
        let programs = signatures.chunks(PROGRAM).enumerate();
        programs.map(move |(at, signatures)| Part {
            target,
            probe,
            vectors: VectorLevel::Baseline,
            signatures,
            turn: (first + at) % EVERY,
            mistake,
        })
    })
}

impl Part<'_> {
    fn emitted(&self) -> std::result::Result<Vec<EmittedFacts>, String> {
        let sigs = self.signatures.iter().map(|one| one.sig.clone());
        let sigs: Vec<FnSig> = sigs.map(|sig| self.mistake.apply(sig)).collect();
        let emission = Emission {
            target: &self.target.target,
            vectors: self.vectors,
            settings: SETTINGS[self.turn],
            forms: (self.turn, 1),
            mutation: self.mistake.mutation,
        };
        let emitted = self.probe.emitted(&sigs, &emission);
        emitted.map_err(|error| match error.messages() {
            Some(messages) => format!("{error}\n{messages}"),
            None => error.to_string(),
        })
    }
}
