//! Cranelift as a compiler of the corpus: where our own callers and callees have every byte of arguments and results is observed by the probe, for each target whose
//! programs run here, and compared with `FnAbi`. No C compiler is asked about a signature.

use cabi::{FnAbi, FnSig, Policy, VectorLevel};
use cabi_verify::build::{ProgramTarget, Reference};
use cabi_verify::case::{Case, Subject};
use cabi_verify::check::calls::{Direction, Fault, is_known};
use cabi_verify::compare::compare;
use cabi_verify::probe::{Emission, Emitted, Probe, SETTINGS};
use cabi_verify::processor;
use cabi_verify::threads::{at_once, in_threads};

use crate::suite::{Result, Suite};

/// Folders of the corpus.
const FOLDERS: [&str; 6] = [
    "x86-64-sysv",
    "x86-64-win64",
    "aarch64-linux",
    "aarch64-apple",
    "riscv64-linux",
    "x86-64-windows",
];

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
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let mut subjects = Vec::new();
    for folder in FOLDERS {
        subjects.extend(suite.corpus(&[folder])?);
    }
    let mut targets = vec![ProgramTarget::x86_64_linux(&Reference::of_machine()?)];
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
        let own = subjects.iter().filter(|one| one.target == target.target);
        let own: Vec<&Subject> = own.collect();
        of_target(&target, &own, suite)?;
    }
    Ok(())
}

fn of_target(target: &ProgramTarget, subjects: &[&Subject], suite: &mut Suite) -> Result<()> {
    let engine = suite.engine(target.target.name());
    let probe = Probe::of_target(target)?;
    for (vectors, feature) in [
        (VectorLevel::Baseline, None),
        (VectorLevel::Avx, Some("avx")),
        (VectorLevel::Avx512, Some("avx512f")),
    ] {
        let own = subjects.iter().filter(|one| !one.expects_refusal());
        let cases = own.flat_map(|one| &one.cases);
        let cases = cases.filter(|case| case.vectors == vectors && suite.wants(&case.name));
        let cases: Vec<&Case> = cases.collect();
        if let Some(name) = feature.filter(|name| !processor::has(name)) {
            for case in cases {
                suite
                    .report
                    .not_run(&engine, &case.name, &format!("no {name}"));
            }
            continue;
        }
        let signatures: Vec<Signature<'_>> = cases.into_iter().flat_map(signatures).collect();
        let chunks = signatures.chunks(PROGRAM);
        let parts =
            chunks.flat_map(|signatures| (0..SETTINGS.len()).map(move |turn| (signatures, turn)));
        let parts: Vec<Part<'_>> = parts
            .map(|(signatures, turn)| Part {
                target,
                probe: &probe,
                vectors,
                signatures,
                turn,
            })
            .collect();
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

impl Part<'_> {
    fn emitted(&self) -> std::result::Result<Vec<Emitted>, String> {
        let sigs: Vec<FnSig> = self.signatures.iter().map(|one| one.sig.clone()).collect();
        let emission = Emission {
            target: &self.target.target,
            vectors: self.vectors,
            settings: SETTINGS[self.turn],
            turn: self.turn,
            mutation: Default::default(),
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
        let name = &self.case.name;
        let facts = match emitted {
            Ok(Ok(facts)) => facts,
            Ok(Err(ending)) => {
                let why = format!("it ends the process: {ending}");
                return suite.report.outcome(engine, name, Err(why));
            }
            Err(fault) => return self.refused(engine, &fault, suite),
        };
        let params = self.sig.params().iter();
        let types: Vec<_> = params.map(|param| param.ty.clone()).collect();
        let differs = compare("Cranelift", &facts, &types, &self.abi);
        let outcome = match differs.into_iter().flatten().next() {
            Some(difference) => Err(format!("{difference}\n{facts}")),
            None => Ok(()),
        };
        suite.report.outcome(engine, name, outcome);
    }

    fn refused(&self, engine: &str, fault: &Fault, suite: &mut Suite) {
        let name = &self.case.name;
        let is_failure = matches!(fault, Fault::Failed(_));
        let is_known = |direction| is_known(fault, &self.abi, direction);
        match !is_failure && (is_known(Direction::Call) || is_known(Direction::Callee)) {
            true => suite.report.not_run(engine, name, &fault.to_string()),
            false => {
                let why = format!("refused without need: {fault}");
                suite.report.outcome(engine, name, Err(why));
            }
        }
    }
}
