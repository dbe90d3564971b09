//! Zig's own convention, `auto`, against Zig's own back end: functions that it compiles are called with every register and the stack from an image made of
//! the places that `FnAbi` says, and they call a callee of assembly that writes all of them down and returns from an image. Without error
//! tracing and with it, at each vector level. `i128` in its `x86_64_win` is looked at the same way.
//!
//! The signatures are each kind of value after each number of registers taken, as argument and as result, and random ones: `CABI_RANDOM_COUNT` of them
//! (usually 200) from `CABI_RANDOM_SEED`. Controls: a convention with one line changed must be noticed, each.

mod cases;
mod mutants;

use std::collections::BTreeMap;

use cabi::{Convention, FnAbi, VectorLevel, X86_64_WIN64, zig};
use cabi_verify::build::zig::{Backend, CompiledZig, Mode};
use cabi_verify::case::{Case, Direction};
use cabi_verify::check::calls::{Difference, Verdict};
use cabi_verify::check::registers::Probe;
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::threads::{at_once, in_threads};

use crate::compiled::{each_in_child, in_children};
use crate::suite::{Result, Suite, number};
use crate::suites::zig::{compare, found, has_level};

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
    // Its `x86_64_win`, for what it has rules of its own for there: `i128`.
    setup(VectorLevel::Baseline, &X86_64_WIN64),
];

/// Cases with their sides by Zig.
struct Batch {
    setup: Setup,
    cases: Vec<Case>,
    compiled: CompiledZig,
    loaded: LoadedCode,
}

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let Some((zig, frame)) = found(suite) else {
        return Ok(());
    };
    let mut asked = cases::at_boundaries()?;
    asked.extend(cases::random(
        number("CABI_RANDOM_SEED", 1)?,
        number("CABI_RANDOM_COUNT", 200)?,
    ));
    asked.retain(|case| suite.wants(&case.name));
    let mut of_win64 = cases::of_win64();
    of_win64.retain(|case| suite.wants(&case.name));
    let mut batches = Vec::new();
    for setup in SETUPS {
        match has_level(&frame, setup.level) {
            Ok(()) => {
                let asked = match *setup.convention == X86_64_WIN64 {
                    true => &of_win64,
                    false => &asked,
                };
                batches.push((setup, setup.cases(asked, suite)));
            }
            Err(why) => suite.report.not_run(&setup.name(), "all", why),
        }
    }
    let compile = |(setup, cases): &(Setup, Vec<Case>)| {
        let all: Vec<&Case> = cases.iter().collect();
        zig.compile(&frame, setup.mode(), setup.level, &all)
    };
    let compiled = in_threads(&batches, at_once(), compile, |_| {});
    for ((setup, cases), compiled) in batches.into_iter().zip(compiled) {
        let all: Vec<&Case> = cases.iter().collect();
        let compiled = compiled?;
        let loaded = LoadedCode::of_built(&compiled.built, &all)?;
        let (n, mode, version) = (cases.len(), setup.mode(), zig.version());
        let note = format!("{}: {n} cases by zig {version} {mode}", setup.name());
        suite.report.note(note);
        let batch = Batch {
            setup,
            cases,
            compiled,
            loaded,
        };
        batch.run(suite)?;
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

    /// Those of `asked` that the convention has places for. The rest is counted by reason.
    fn cases(self, asked: &[Case], suite: &mut Suite) -> Vec<Case> {
        let (mut cases, mut refused) = (Vec::new(), BTreeMap::<String, usize>::new());
        for (i, case) in asked.iter().enumerate() {
            if let Err(why) = self.placed(case) {
                let why = why.to_string();
                let why = why.split_once(": ").map_or(why.as_str(), |(_, why)| why);
                *refused.entry(why.to_owned()).or_default() += 1;
                continue;
            }
            let mut case = case.clone();
            case.function.name = format!("c{i}");
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
}

impl Batch {
    /// All cases in both directions, then each mutant until it is noticed.
    fn run(&self, suite: &mut Suite) -> Result<()> {
        let engine = self.setup.name();
        for fact in &self.compiled.layout {
            if let Err(why) = compare(fact) {
                let name = &self.cases[fact.case].name;
                suite.report.outcome(&engine, name, Err(why));
            }
        }
        for direction in Direction::ALL {
            let engine = format!("{engine} {}", direction.name());
            let check = |index| self.check(index, direction, self.setup);
            let found = each_in_child(self.cases.len(), check)?;
            for (case, found) in self.cases.iter().zip(found) {
                suite.verdict(&engine, &case.name, found);
            }
        }
        if suite.only.is_none() {
            self.controls(suite)?;
        }
        Ok(())
    }

    /// One case in one direction, with the places that `told` has.
    fn check(&self, index: usize, direction: Direction, told: Setup) -> Verdict {
        let case = &self.cases[index];
        if let Err(why) = self.compiled.has(index, direction) {
            return Verdict::NotRun(why.to_owned());
        }
        let abi = match told.placed(case) {
            Ok(abi) => abi,
            Err(why) => return Verdict::Differs(why.to_string().into()),
        };
        let probe = Probe::new(&self.loaded, told.level);
        let checked = probe.check_in(direction, index, case, &abi);
        let of_signature =
            |found: Difference| found.inside(&case.prototype.signature().to_string());
        checked.map_err(of_signature).into()
    }

    /// Each mutant of the convention must fail in some case.
    fn controls(&self, suite: &mut Suite) -> Result<()> {
        let mutants = mutants::of(self.setup.convention, self.setup.level);
        let found = in_children(
            &mutants,
            |_| 2 * self.cases.len(),
            |(_, convention), index| {
                let told = Setup {
                    convention,
                    ..self.setup
                };
                self.check(index / 2, Direction::ALL[index % 2], told)
            },
        )?;
        let engine = format!("{} control", self.setup.name());
        for ((name, _), found) in mutants.iter().zip(found) {
            let is_noticed = found.iter().any(|one| matches!(one, Verdict::Differs(_)));
            let unnoticed = || "no case notices the changed line".to_owned();
            let noticed = is_noticed.then_some(()).ok_or_else(unnoticed);
            suite.report.outcome(&engine, name, noticed);
        }
        Ok(())
    }
}
