//! The register-dump probe over the corpus: each judge calls and is called, and every byte must be where `FnAbi` says under that
//! judge's profile. For each case that passes, an `FnAbi` with one piece moved must fail, as caller and as callee: the probe sees what it claims
//! to see.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("probe: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("probe: not run: it reads the registers of x86-64 System V");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::collections::BTreeMap;
    use std::process::ExitCode;

    use cabi::{Bank, FnAbi, Loc, Place, PlacedPart, Reg, RetAbi};
    use cabi_judge::case::Entry;
    use cabi_judge::case::{Case, Subject};
    use cabi_judge::child::{self, Outcome};
    use cabi_judge::corpus::DEFAULT_TARGET;
    use cabi_judge::graffiti::Painter;
    use cabi_judge::half::{argument_types, has_result};
    use cabi_judge::halves::Halves;
    use cabi_judge::judge::{Bench, Judge, JudgeError, count_warnings};
    use cabi_judge::probe::Probe;
    use cabi_judge::report::Report;
    use cabi_tests::corpus::{Corpus, expected};

    pub(crate) fn run() -> Result<ExitCode, String> {
        let mut report = Report::new("probe").with_expected(&expected())?;
        let mut subjects = Vec::new();
        for folder in ["x86-64-sysv", "x86-64-win64"] {
            subjects.extend(Corpus::read(folder, "probe", &mut report)?.subjects);
        }
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(&format!("probe {name}"), why);
        }
        for judge in &bench.judges {
            report.note(format!("judge: {judge}, profile {:?}", judge.profile()));
            for entries in batches(judge, &subjects, &mut report) {
                batch(judge, &entries, &mut report);
            }
        }
        Ok(report.finish(std::env::var_os("CABI_CORPUS").is_none()))
    }

    /// The cases `judge` can be asked, those of one vector level together.
    fn batches<'a>(
        judge: &Judge,
        subjects: &'a [Subject],
        report: &mut Report,
    ) -> Vec<Vec<Entry<'a>>> {
        let mut levels: BTreeMap<&[String], Vec<Entry<'a>>> = BTreeMap::new();
        for subject in subjects {
            for case in &subject.cases {
                let engine = format!("probe {}", judge.name());
                if subject.block.target != DEFAULT_TARGET {
                    report.not_run(&engine, &case.name, "not a signature of this machine");
                } else if let Err(why) = judge.admits(&subject.block) {
                    report.not_run(&engine, &case.name, &why);
                } else if subject.expects_refusal() {
                    report.not_run(
                        &engine,
                        &case.name,
                        "the convention has no place for it, as the block says",
                    );
                } else {
                    levels
                        .entry(&subject.block.features)
                        .or_default()
                        .push((subject, case));
                }
            }
        }
        levels.into_values().collect()
    }

    /// Builds the halves of `entries` in one file per level of optimization; what a compiler refuses, it refuses alone.
    fn batch(judge: &Judge, entries: &[Entry<'_>], report: &mut Report) {
        let engine = format!("probe {}", judge.name());
        let built: Result<Vec<Halves>, JudgeError> = ["-O0", "-O2"]
            .iter()
            .map(|level| Halves::build_at(judge, level, entries))
            .collect();
        match built {
            Ok(halves) => {
                let warnings: Vec<&str> = halves.iter().map(Halves::warnings).collect();
                report.note(format!(
                    "{engine}: {} cases, {}",
                    entries.len(),
                    count_warnings(&warnings.concat())
                ));
                let outcomes = in_child(judge, &halves, entries);
                for (i, (outcome, (_, case))) in outcomes.into_iter().zip(entries).enumerate() {
                    if let (Ok(()), Some(halves)) = (&outcome, halves.last()) {
                        control(judge, Probe::new(halves, case.vectors), i, case, report);
                    }
                    report.outcome(&engine, &case.name, outcome);
                }
            }
            Err(error) if entries.len() == 1 => {
                report.outcome(&engine, &entries[0].1.name, Err(error.to_string()));
            }
            Err(_) => {
                let (left, right) = entries.split_at(entries.len() / 2);
                batch(judge, left, report);
                batch(judge, right, report);
            }
        }
    }

    /// Both directions of all cases, in a child: a callee that a compiler makes wrong may die.
    fn in_child(
        judge: &Judge,
        halves: &[Halves],
        entries: &[Entry<'_>],
    ) -> Vec<Result<(), String>> {
        let run = |_: usize, index: usize| {
            let case = entries[index].1;
            let mut probes = halves.iter().map(|halves| Probe::new(halves, case.vectors));
            match probes.try_for_each(|probe| one(judge, probe, index, case)) {
                Ok(()) => Outcome::Passed(1),
                Err(why) => Outcome::Failed(why),
            }
        };
        let outcomes = child::run(&[entries.len()], 1, run).unwrap_or_default();
        let outcome = |outcome| match outcome {
            Outcome::Passed(_) => Ok(()),
            Outcome::Refused(why) | Outcome::Failed(why) => Err(why),
            Outcome::Crashed(why) => Err(format!("the call dies of {why}")),
        };
        let outcomes = outcomes.into_iter().flatten().map(outcome);
        let missing = std::iter::repeat_with(|| Err("no child could be made".to_owned()));
        outcomes.chain(missing).take(entries.len()).collect()
    }

    /// Both directions of one case.
    fn one(judge: &Judge, probe: Probe<'_>, index: usize, case: &Case) -> Result<(), String> {
        let sig = case
            .sig(judge.profile())
            .map_err(|error| error.to_string())?;
        let abi = FnAbi::new(&sig, &case.target).map_err(|error| error.to_string())?;
        let checked = probe.check(index, case, &abi);
        checked.map_err(|difference| difference.why)
    }

    /// Moves one piece of an argument, and one of the result, to other places: the probe must see it. Code that copies a value leaves
    /// its bytes in places of its own, so of several wrong places one may hold the right bytes by chance, but not all.
    fn control(judge: &Judge, probe: Probe<'_>, index: usize, case: &Case, report: &mut Report) {
        let Ok(abi) = case
            .sig(judge.profile())
            .and_then(|sig| FnAbi::new(&sig, &case.target))
        else {
            return;
        };
        let mut check = |what: &str, caught: bool| {
            let why = "a piece in the wrong place was not noticed";
            let outcome = if caught { Ok(()) } else { Err(why.to_owned()) };
            report.outcome(&format!("probe control {what}"), &case.name, outcome);
        };
        // A few bits can be right by chance in all of them.
        let heavy = |ty: &cabi::Type| {
            let mask = Painter::default().paint(ty).mask;
            mask.iter().map(|mask| mask.count_ones()).sum::<u32>() >= 16
        };
        let types = argument_types(case);
        if let Some(at) = types.iter().position(heavy) {
            let wrong: Vec<FnAbi> = (1..6)
                .filter_map(|n| {
                    let mut wrong = abi.clone();
                    moved(&mut wrong.args[at].place, n).then_some(wrong)
                })
                .collect();
            if !wrong.is_empty() {
                let caught = |wrong| probe.check_caller(index, case, wrong).is_err();
                check("argument", wrong.iter().any(caught));
            }
            if !wrong.is_empty() && !by_reference(&abi) {
                let caught = |wrong| probe.check_callee(index, case, wrong).is_err();
                check("parameter", wrong.iter().any(caught));
            }
        }
        if abi.variadic_count.is_some() {
            let mut wrong = abi.clone();
            wrong.n_sse += 1;
            check("al", probe.check_caller(index, case, &wrong).is_err());
        }
        if has_result(case) && heavy(&case.prototype.ret) {
            let caught = (1..6).any(|n| {
                let mut wrong = abi.clone();
                match &mut wrong.ret {
                    RetAbi::Parts(parts) => move_parts(parts, n),
                    RetAbi::Indirect { echo, .. } => *echo = Some(Reg::Rdx),
                    _ => {}
                }
                probe.check_callee(index, case, &wrong).is_err()
            });
            check("result", caught);
        }
    }

    /// Whether a value travels in a way for which no image is made: then only the result of a callee is looked at.
    fn by_reference(abi: &FnAbi) -> bool {
        let both = |parts: &[PlacedPart]| parts.iter().any(|p| matches!(p.loc, Loc::Both(..)));
        abi.args.iter().any(|arg| match &arg.place {
            Place::Parts(parts) => both(parts),
            Place::Ignore | Place::Stack { .. } => false,
            _ => true,
        })
    }

    /// Moves the pieces of an argument `n` places on; false if it has none.
    fn moved(place: &mut Place, n: u8) -> bool {
        match place {
            Place::Parts(parts) => move_parts(parts, n),
            Place::Stack { offset, .. } => *offset += 8 * u64::from(n),
            _ => return false,
        }
        true
    }

    fn move_parts(parts: &mut [PlacedPart], n: u8) {
        for part in parts {
            part.loc = match part.loc {
                Loc::Reg(reg) | Loc::Both(reg, _) => Loc::Reg(other_register(reg, usize::from(n))),
                Loc::Stack(offset) => Loc::Stack(offset + 8 * u64::from(n)),
                other => other,
            };
        }
    }

    fn other_register(reg: Reg, n: usize) -> Reg {
        const INT: [Reg; 6] = [Reg::Rdi, Reg::Rsi, Reg::Rdx, Reg::Rcx, Reg::R8, Reg::R9];
        const VECTOR: [Reg; 8] = [
            Reg::Xmm0,
            Reg::Xmm1,
            Reg::Xmm2,
            Reg::Xmm3,
            Reg::Xmm4,
            Reg::Xmm5,
            Reg::Xmm6,
            Reg::Xmm7,
        ];
        let next = |order: &[Reg]| {
            let at = order.iter().position(|known| *known == reg).unwrap_or(0);
            order[(at + n) % order.len()]
        };
        match (reg, reg.bank()) {
            (Reg::Rax, _) if n == 1 => Reg::Rdx,
            (Reg::St0, _) => Reg::St1,
            (Reg::St1, _) => Reg::St0,
            (_, Bank::Int) => next(&INT),
            _ => next(&VECTOR),
        }
    }
}
