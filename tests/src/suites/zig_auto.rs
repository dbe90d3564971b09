//! Zig's own convention, `auto`, against Zig's own back end. The probe observes where the functions
//! that it compiles have their values, without error tracing and with it, at each vector level.
//! These places are compared. `i128` in its `x86_64_win` is compared the same way.
//!
//! The signatures are each kind of value after each number of registers taken, as argument and as
//! result, and random ones: `CABI_RANDOM_COUNT` of them (usually 200) from `CABI_RANDOM_SEED`.
//! Controls: a convention with one line changed must be noticed, each.

mod cases;
mod mutants;

use std::collections::BTreeMap;

use cabi::{Convention, FnAbi, Policy, VectorLevel, X86_64_WIN64, zig};
use cabi_verify::build::Capability;
use cabi_verify::build::zig::{Backend, Mode};
use cabi_verify::case::{Case, Subject};
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Verdict;
use cabi_verify::verify::Compiler;
use cabi_verify::verify::units::{self, CaseVerdict, CompiledUnit, Mistake};

use crate::cross_compilers::{compile, unit};
use crate::suite::{Result, Suite, number};
use crate::suites::zig::{layouts, zig_and_frame};

/// A compilation by Zig's own back end, and the convention that it has.
#[derive(Clone, Copy)]
struct Setup {
    level: VectorLevel,
    convention: &'static Convention,
}

const fn setup(level: VectorLevel, convention: &'static Convention) -> Setup {
    Setup { level, convention }
}

const SETUPS: [Setup; 5] = [
    setup(VectorLevel::Baseline, &zig::AUTO),
    setup(VectorLevel::Baseline, &zig::AUTO_TRACED),
    setup(VectorLevel::Avx, &zig::AUTO),
    setup(VectorLevel::Avx512, &zig::AUTO),
    // Its `x86_64_win`, which has rules of its own for `i128`.
    setup(VectorLevel::Baseline, &X86_64_WIN64),
];

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let Some((zig, frame)) = zig_and_frame(suite) else {
        return Ok(());
    };
    let mut cases = cases::at_boundaries()?;
    cases.extend(cases::random(
        number("CABI_RANDOM_SEED", 1)?,
        number("CABI_RANDOM_COUNT", 200)?,
    ));
    cases.retain(|case| suite.wants(&case.name));
    let mut of_win64 = cases::of_win64();
    of_win64.retain(|case| suite.wants(&case.name));
    let mut setups = Vec::new();
    for setup in SETUPS {
        let vectors = Capability::of_level(setup.level);
        if let Some(Err(why)) = vectors.map(|vectors| frame.has(vectors)) {
            suite.report.not_run(&setup.name(), "all", &why);
            continue;
        }
        let cases = match *setup.convention == X86_64_WIN64 {
            true => &of_win64,
            false => &cases,
        };
        let cases = setup.cases(cases, suite);
        let compiler = Compiler {
            policy: Policy::GCC,
            level: setup.level,
            ..Compiler::of_zig(&zig, setup.mode(), &frame)
        };
        let (n, mode, version) = (cases.len(), setup.mode(), zig.version());
        let note = format!("{}: {n} cases by zig {version} {mode}", setup.name());
        suite.report.note(note);
        let subject = Subject::of_cases("auto", cases);
        setups.push((setup, compiler, subject));
    }
    let units = setups.iter().enumerate();
    let units = units.map(|(part, (_, compiler, subject))| {
        let entries = subject.cases.iter().map(|case| (subject, case));
        unit(part, compiler, "", entries.collect())
    });
    let compiled = compile(&units.collect::<Vec<_>>(), |unit, case, why| {
        let engine = setups[unit.part].0.name();
        (suite.report).outcome(&engine, &case.name, Err(why.to_string()));
    })?;
    for unit in &compiled {
        setups[unit.part].0.run(unit, suite)?;
    }
    Ok(())
}

impl Setup {
    fn name(self) -> String {
        format!("{} {:?}", self.convention.name, self.level)
    }

    fn placed(self, case: &Case) -> Result<FnAbi, cabi::Error> {
        let sig = case.prototype.signature().convention(self.convention);
        FnAbi::new(&sig.features(self.level), &case.target)
    }

    fn mode(self) -> Mode {
        Mode {
            backend: Backend::Own,
            fast: false,
            traced: *self.convention == zig::AUTO_TRACED,
        }
    }

    /// Returns the cases of `candidates` that the convention has places for. The rest is counted by
    /// reason.
    fn cases(self, candidates: &[Case], suite: &mut Suite) -> Vec<Case> {
        let (mut cases, mut refused) = (Vec::new(), BTreeMap::<String, usize>::new());
        for (i, case) in candidates.iter().enumerate() {
            if let Err(why) = self.placed(case) {
                let why = why.to_string();
                let why = why.split_once(": ").map_or(why.as_str(), |(_, why)| why);
                *refused.entry(why.to_owned()).or_default() += 1;
                continue;
            }
            let mut case = case.clone();
            case.prototype.name = format!("c{i}");
            case.vectors = self.level;
            case.prototype.convention = Some(self.convention);
            cases.push(case);
        }
        let engine = self.name();
        for (why, n) in refused {
            suite.report.note(format!("{engine}: {n} refused: {why}"));
        }
        cases
    }

    /// Compares all cases in both directions, then under each mutant of the convention, which must
    /// fail in some case.
    fn run(self, compiled: &CompiledUnit, suite: &mut Suite) -> Result<()> {
        let name = self.name();
        layouts(compiled, &format!("{name} layout"), suite);
        let compiled = std::slice::from_ref(compiled);
        let verdicts = |mistake| units::compare(compiled, mistake, at_once());
        for CaseVerdict {
            case,
            direction,
            verdict,
            ..
        } in verdicts(Mistake::NONE)?.concat()
        {
            let engine = format!("{name} {}", direction.name());
            let verdict = match verdict {
                Verdict::Differs(difference) | Verdict::SelfInconsistent(difference) => {
                    Verdict::Differs(difference.inside(&case.prototype.signature().to_string()))
                }
                other => other,
            };
            suite.verdict(&engine, &case.name, verdict);
        }
        if suite.only.is_some() {
            return Ok(());
        }
        for (mutant, convention) in mutants::of(self.convention, self.level) {
            let verdicts = verdicts(Mistake::of_convention(convention))?.concat();
            let is_noticed = verdicts
                .iter()
                .any(|one| one.verdict.difference().is_some());
            let (engine, why) = (
                format!("{name} control"),
                "no case notices the changed line",
            );
            (suite.report).check(&engine, mutant, is_noticed, why);
        }
        Ok(())
    }
}
