//! Cranelift as a compiler of the corpus: the probe observes the place of every byte of arguments
//! and results in our own callers and callees, for each target whose programs run here. They are
//! compared with `FnAbi`; no C compiler is asked about a signature.

use cabi::{FnAbi, FnSig, Policy, VectorLevel};
use cabi_verify::build::{ProgramTarget, Reference};
use cabi_verify::case::{Case, Subject};
use cabi_verify::check::calls::{Direction, Fault};
use cabi_verify::compare::compare;
use cabi_verify::probe::{Emission, Emitted, Probe, SETTINGS};
use cabi_verify::processor;
use cabi_verify::threads::{at_once, in_threads};
use cabi_verify::verdict::is_known;
use cabi_verify::verify::units::Mistake;

use super::conventions::mutations;
use crate::mutants::{self, Mutant};
use crate::suite::{Result, Suite};

/// Folders of the corpus.
const FOLDERS: [&str; 7] = [
    "x86-64-sysv",
    "x86-64-win64",
    "aarch64-linux",
    "aarch64-apple",
    "riscv64-linux",
    "s390x-linux",
    "x86-64-windows",
];

/// Vector levels, and the feature of the processor that each needs.
const LEVELS: [(VectorLevel, Option<&str>); 3] = [
    (VectorLevel::Baseline, None),
    (VectorLevel::Avx, Some("avx")),
    (VectorLevel::Avx512, Some("avx512f")),
];

/// Mistakes that do not move a value, so that the suite `mutants` alone notices them: a function's
/// own address in another register, the state of the vector unit, and the values that a caller of
/// Win64 keeps during a call.
const NOT_IN_PLACES: [&str; 8] = [
    "address-in-other-register",
    "upper-zeroed-early",
    "win64-no-shadow",
    "win64-no-shadow-of-body",
    "win64-rdi-changed",
    "win64-rsi-changed",
    "win64-xmm6-changed",
    "win64-xmm7-changed",
];

/// Number of settings of each signature.
const EVERY: usize = SETTINGS.len();

/// Signatures in one program.
const PROGRAM: usize = 200;

/// A case as one compiler's policy has it.
struct Signature<'a> {
    case: &'a Case,
    sig: FnSig,
    abi: FnAbi,
}

/// Signatures of one target and vector level in one program.
struct Part<'a> {
    target: &'a ProgramTarget,
    probe: &'a Probe,
    vectors: VectorLevel,
    signatures: &'a [Signature<'a>],
    turn: usize,
    mistake: Mistake,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(&FOLDERS)?;
    let mut targets = Vec::new();
    match Reference::of_machine() {
        Ok(linker) => targets.push(ProgramTarget::x86_64_linux(&linker)),
        Err(why) => {
            suite.every_reference = false;
            suite.report.absent("emission", &why);
        }
    }
    for name in ProgramTarget::names() {
        match ProgramTarget::named(name) {
            Ok((target, _)) => targets.push(target),
            Err(why) => {
                suite.every_reference = false;
                suite.report.absent(name, &why);
            }
        }
    }
    for target in targets {
        let probe = Probe::of_target(&target)?;
        of_corpus((&target, &probe), &subjects, suite)?;
    }
    Ok(())
}

fn of_corpus(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[Subject],
    suite: &mut Suite,
) -> Result<()> {
    let name = target.target.name();
    let own = subjects.iter().filter(|one| one.target == target.target);
    let own: Vec<&Subject> = own.collect();
    if own.is_empty() {
        let why = "the corpus has no signature of it";
        (suite.report).not_run("emission", name, why);
        return Ok(());
    }
    of_target((target, probe), &own, suite)?;
    if suite.is_complete() {
        dropped_rules((target, probe), &own, suite)?;
        mistakes(target, probe, &own, suite)?;
    }
    Ok(())
}

fn of_target(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    let engine = suite.engine(target.target.name());
    let own = subjects.iter().filter(|one| !one.expects_refusal());
    for case in own.flat_map(|one| &one.cases) {
        if signatures(case).is_empty() {
            let why = "neither gcc's nor clang's policy has a place for it".to_owned();
            suite.report.outcome(&engine, &case.name, Err(why));
        }
    }
    for (vectors, feature) in LEVELS {
        let mut signatures = of_level(subjects, vectors);
        signatures.retain(|one| suite.wants(&one.case.name));
        if let Some(name) = feature.filter(|name| !processor::has(name)) {
            for one in signatures {
                let why = format!("no {name}");
                suite.report.not_run(&engine, &one.case.name, &why);
            }
            continue;
        }
        let parts = parts((target, probe), &signatures, Mistake::NONE);
        let parts: Vec<Part<'_>> = parts.map(|part| Part { vectors, ..part }).collect();
        let emitted = in_threads(&parts, at_once(), Part::emitted, |_| ());
        for (part, emitted) in parts.iter().zip(emitted) {
            for (one, emitted) in part.signatures.iter().zip(emitted?) {
                one.report(&engine, emitted, suite);
            }
        }
    }
    Ok(())
}

/// A case under each policy that has its values elsewhere.
fn signatures(case: &Case) -> Vec<Signature<'_>> {
    let mut all: Vec<Signature<'_>> = Vec::new();
    for policy in [Policy::GCC, Policy::CLANG] {
        let (Ok(sig), Ok(abi)) = (case.sig_under(policy), case.abi_under(policy)) else {
            continue;
        };
        if all.iter().all(|one| one.abi != abi) {
            all.push(Signature { case, sig, abi });
        }
    }
    all
}

/// Rules dropped from the target's convention must be noticed on both sides of calls.
fn dropped_rules(
    (target, probe): (&ProgramTarget, &Probe),
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    let convention = target.target.convention().ok_or("a convention")?;
    let is_its = |one: &&&Subject| {
        let mut cases = one.cases.iter();
        cases.all(|case| case.prototype.convention.is_none())
    };
    let own: Vec<&Subject> = subjects.iter().filter(is_its).copied().collect();
    let signatures = of_level(&own, VectorLevel::Baseline);
    let mut noticed = [0; 2];
    let broken = mutations::dropped(convention);
    for part in broken.flat_map(|broken| {
        let mistake = Mistake::of_convention(broken);
        parts((target, probe), &signatures, mistake)
    }) {
        for (one, emitted) in part.signatures.iter().zip(part.emitted()?) {
            // Neither a refusal nor the end of a process is a byte that differs.
            let is_seen = emitted.iter().all(|side| matches!(side, Ok(Ok(_))));
            let sides = is_seen.then(|| one.differs(&emitted));
            let sides = sides.unwrap_or_default();
            (0..2).for_each(|side| noticed[side] += usize::from(sides[side].is_some()));
        }
        if !noticed.contains(&0) {
            break;
        }
    }
    let outcome = match noticed.contains(&0) {
        true => Err(format!("callees and callers noticed {noticed:?}")),
        false => Ok(()),
    };
    let engine = suite.engine("control");
    suite.report.outcome(&engine, target.target.name(), outcome);
    Ok(())
}

/// Mistakes in code must be noticed by the blocks that name them.
fn mistakes(
    target: &ProgramTarget,
    probe: &Probe,
    subjects: &[&Subject],
    suite: &mut Suite,
) -> Result<()> {
    let engine = suite.engine("control");
    // Conventions of x86-64 are changed in the suite `mutants`.
    let is_of_code = |mutant: &&Mutant| {
        mutant.mistake().convention.is_none() && !NOT_IN_PLACES.contains(&mutant.name)
    };
    for mutant in mutants::all().filter(is_of_code).chain(mutants::S390X) {
        let mistake = mutant.mistake();
        let names = |one: &&&Subject| one.block.kills.iter().any(|name| name == mutant.name);
        let own: Vec<&Subject> = subjects.iter().filter(names).copied().collect();
        if own.is_empty() {
            continue;
        }
        let is_here = |feature: Option<&str>| feature.is_none_or(processor::has);
        let mut is_noticed = false;
        for (vectors, _) in LEVELS.into_iter().filter(|(_, one)| is_here(*one)) {
            let signatures = of_level(&own, vectors);
            for part in parts((target, probe), &signatures, mistake) {
                let part = Part { vectors, ..part };
                let emitted = part.emitted()?;
                let mut all = part.signatures.iter().zip(&emitted);
                is_noticed |= all.any(|(one, emitted)| {
                    let is_seen = emitted.iter().all(|side| matches!(side, Ok(Ok(_))));
                    is_seen && one.differs(emitted) != [None, None]
                });
                if is_noticed {
                    break;
                }
            }
        }
        match is_noticed {
            true => suite.report.outcome(&engine, mutant.name, Ok(())),
            false if !LEVELS.iter().all(|(_, one)| is_here(*one)) => {
                let why = "a vector level that is missing may be the one to notice it";
                suite.report.not_run(&engine, mutant.name, why);
            }
            false => {
                let why = format!("not noticed: {}", mutant.breaks);
                suite.report.outcome(&engine, mutant.name, Err(why));
            }
        }
    }
    Ok(())
}

/// Returns the signatures of a vector level.
fn of_level<'a>(subjects: &[&'a Subject], vectors: VectorLevel) -> Vec<Signature<'a>> {
    let own = subjects.iter().filter(|one| !one.expects_refusal());
    let cases = own.flat_map(|one| &one.cases);
    let cases = cases.filter(|case| case.vectors == vectors);
    cases.flat_map(signatures).collect()
}

/// Returns `signatures` with a mistake, each under every setting.
fn parts<'a>(
    (target, probe): (&'a ProgramTarget, &'a Probe),
    signatures: &'a [Signature<'a>],
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
    fn emitted(&self) -> std::result::Result<Vec<Emitted>, String> {
        let own = self.signatures.iter().map(|one| one.sig.clone());
        let sigs: Vec<FnSig> = own.map(|sig| self.mistake.told(sig)).collect();
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

impl Signature<'_> {
    fn report(&self, engine: &str, emitted: Emitted, suite: &mut Suite) {
        let differs = self.differs(&emitted).into_iter().flatten().next();
        let sides = emitted.iter().zip([Direction::Callee, Direction::Call]);
        let mut refused = sides.filter_map(|(side, of)| Some((side.as_ref().err()?, of)));
        match (differs, refused.next()) {
            (None, Some((fault, of))) => self.refused(engine, (fault, of), suite),
            (differs, _) => {
                let outcome = differs.map_or(Ok(()), Err);
                suite.report.outcome(engine, &self.case.name, outcome);
            }
        }
    }

    /// Returns the first difference of our callee, and of our caller, as far as they are lowered.
    fn differs(&self, emitted: &Emitted) -> [Option<String>; 2] {
        let params = self.sig.params().iter();
        let types: Vec<_> = params.map(|param| param.ty.clone()).collect();
        [0, 1].map(|side| match emitted[side].as_ref().ok()? {
            Ok(facts) => {
                let [callee, caller] = compare("Cranelift", facts, &types, &self.abi);
                let found = if side == 0 { callee } else { caller };
                found.first().map(|one| format!("{one}\n{facts}"))
            }
            Err(ending) => Some(format!("it ends the process: {ending}")),
        })
    }

    fn refused(&self, engine: &str, (fault, side): (&Fault, Direction), suite: &mut Suite) {
        let name = &self.case.name;
        let is_failure = matches!(fault, Fault::Failed(_));
        match !is_failure && is_known(fault, &self.abi, side) {
            true => suite.report.not_run(engine, name, &fault.to_string()),
            false => {
                let why = format!("refused without need: {fault}");
                suite.report.outcome(engine, name, Err(why));
            }
        }
    }
}
