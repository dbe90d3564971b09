//! The corpus as static programs: C callers and C callees of each reference compiler, in a process of their own, as they would run under an
//! emulator of another machine. Every case gets the verdict that it gets in this process.
//!
//! Then the callers of one compiler call the callees of the other: where both profiles place a signature alike, that must pass. And one side is ours, by
//! Cranelift as an object file: where the compiler agrees with itself, that must pass too. Callees of another convention (`-mabi=ms`), and a convention of ours
//! with another first register, must show.

use cabi::convention::{Convention, Rule, Rules};
use cabi::{Policy, Scalar, X86_64_SYSV, x86_64};
use cabi_verify::build::{ProgramTarget, Reference, Unit};
use cabi_verify::case::{Case, Direction, Entry};
use cabi_verify::check::calls::{Difference, Harness, Verdict, admitted, reference_agrees};
use cabi_verify::check::program_calls::{Pair, ProgramCases, in_two_files};
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::verify::known_bug;
use clif_cabi_jit::Settings;

use crate::compiled::{buffers, each_in_child};
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let subjects = suite.corpus(&["x86-64-sysv"])?;
    let references = suite.references();
    for reference in &references {
        let engine = format!("static {}", reference.name());
        let mut levels = admitted(&subjects, reference, |case, why| {
            suite.report.not_run(&engine, case, why);
        });
        for entries in &mut levels {
            entries.retain(|(_, case)| suite.wants(&case.name));
            if entries.is_empty() {
                continue;
            }
            every_pair(reference, entries, suite)?;
            for other in references
                .iter()
                .filter(|other| other.name() != reference.name())
            {
                mixed(reference, other, entries, suite)?;
            }
            if reference.name() == "gcc" {
                control(reference, entries, suite)?;
            }
        }
    }
    Ok(())
}

/// Of each of `pairs` the verdicts of a static program, whose callees are of `callees` with these flags.
fn verdicts(
    reference: &Reference,
    (callees, flags): (&Reference, &[&str]),
    (pairs, convention): (&[Pair], Option<&'static Convention>),
    entries: &[Entry<'_>],
) -> Result<Vec<Vec<Verdict>>> {
    let unit = Unit::of_entries(reference, "-O1", entries);
    let [callers, callees] = in_two_files(&unit, callees, flags)?;
    let cases = entries.iter().enumerate();
    let cases: Vec<_> = cases
        .map(|(at, (_, case))| (*case, unit.symbol(at)))
        .collect();
    let program = ProgramCases {
        target: &ProgramTarget::x86_64_linux(reference)?,
        objects: &[&callers.object, &callees.object],
        cases: &cases,
        policy: reference.profile().policy(),
        convention,
    };
    Ok(program.verdicts(pairs)?)
}

/// The compiler's own pair gets the verdicts of this process, and those with one side of ours pass.
fn every_pair(reference: &Reference, entries: &[Entry<'_>], suite: &mut Suite) -> Result<()> {
    let name = reference.name();
    let here = in_this_process(reference, entries)?;
    let pairs = [Pair::C, OURS[0], OURS[1]];
    let there = verdicts(reference, (reference, &[]), (&pairs, None), entries)?;
    let engines = [
        format!("static {name}"),
        format!("static ours calls {name}"),
        format!("static {name} calls ours"),
    ];
    let mut n_differ = 0;
    for ((pair, verdicts), engine) in pairs.iter().zip(there).zip(&engines) {
        for (((_, case), here), verdict) in entries.iter().zip(&here).zip(verdicts) {
            let outcome = match (verdict, here) {
                (there, here) if *pair == Pair::C => {
                    n_differ += usize::from(matches!(there, Verdict::Differs(_)));
                    match about(here) == about(&there) {
                        true => Ok(()),
                        false => Err(format!("here {here:?}, in a static program {there:?}")),
                    }
                }
                (Verdict::Passed(_), _) => Ok(()),
                (Verdict::NotLowered(why), _) => {
                    suite.report.not_run(engine, &case.name, &why);
                    continue;
                }
                (_, Verdict::Differs(_)) => {
                    let why = "the reference's own caller and callee disagree";
                    suite.report.not_run(engine, &case.name, why);
                    continue;
                }
                (differs, _) => Err(about(&differs)),
            };
            suite.report.outcome(engine, &case.name, outcome);
        }
    }
    suite.report.note(format!(
        "static {name}: {} cases, of which the compiler disagrees with itself in {n_differ}",
        entries.len()
    ));
    Ok(())
}

/// One side is ours.
const OURS: [Pair; 2] = [Pair::Ours(Direction::Call), Pair::Ours(Direction::Callee)];

/// What two runs must have in common: which value differs, but not the bytes of it, which may come from a register that was never set.
fn about(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Differs(Difference {
            value: Some(value), ..
        }) => format!("{value:?} differs"),
        Verdict::Differs(difference) => difference.why.clone(),
        Verdict::Passed(_) => "passed".to_owned(),
        Verdict::NotLowered(why) | Verdict::NotRun(why) => why.clone(),
        other => format!("{other:?}"),
    }
}

fn in_this_process(reference: &Reference, entries: &[Entry<'_>]) -> Result<Vec<Verdict>> {
    let code = LoadedCode::build(reference, "-O1", entries)?;
    let (buffers, settings) = (buffers()?, Settings::default());
    let harness = Harness {
        loaded: &code,
        settings: &settings,
        buffers: &buffers,
    };
    let one = |at: usize| {
        let (_, case) = entries[at];
        let sig = match case.sig(reference.profile()) {
            Ok(sig) => sig,
            Err(error) => return Verdict::NotRun(error.to_string()),
        };
        reference_agrees(&harness, case, sig, at).map(|()| 2).into()
    };
    each_in_child(entries.len(), one)
}

/// Callers of `reference`, callees of `other`.
fn mixed(
    reference: &Reference,
    other: &Reference,
    entries: &[Entry<'_>],
    suite: &mut Suite,
) -> Result<()> {
    let engine = format!("static {} calls {}", reference.name(), other.name());
    let placed = |case: &Case, policy: Policy| case.abi_under(policy).ok();
    let [own, theirs] = [reference, other].map(|one| one.profile().policy());
    let both = entries.iter().copied().filter(|(subject, case)| {
        let abi = placed(case, own);
        other.admits(&subject.block).is_ok() && abi.is_some() && abi == placed(case, theirs)
    });
    let both: Vec<Entry<'_>> = both.collect();
    if both.is_empty() {
        return Ok(());
    }
    let verdicts = verdicts(reference, (other, &[]), (&[Pair::C], None), &both)?;
    for ((_, case), verdict) in both.iter().zip(verdicts.into_iter().flatten()) {
        let mut bugs = [reference, other]
            .into_iter()
            .filter_map(|one| known_bug(one.name(), case));
        match (verdict, bugs.next()) {
            (Verdict::Passed(_), _) => suite.report.outcome(&engine, &case.name, Ok(())),
            (_, Some(bug)) => suite.report.not_run(&engine, &case.name, bug),
            (differs, None) => suite
                .report
                .outcome(&engine, &case.name, Err(about(&differs))),
        }
    }
    Ok(())
}

/// System V with another first register.
static RSI_FIRST: Convention = Convention {
    name: "rsi before rdi",
    rules: Rules {
        args: &[
            Rule::AssignToReg(&[x86_64::RSI, x86_64::RDI]),
            Rule::DelegateTo(X86_64_SYSV.rules.args),
        ],
        ..X86_64_SYSV.rules
    },
    ..X86_64_SYSV
};

/// Callees of Win64 do not find what callers of System V pass, and neither does any side what ours passes in rsi.
fn control(reference: &Reference, entries: &[Entry<'_>], suite: &mut Suite) -> Result<()> {
    // In rdi, or in ecx or rsi.
    let begins_with_integer = |case: &Case| {
        let first = case.argument_types().into_iter().next();
        first.is_some_and(|ty| {
            matches!(
                ty.as_scalar(),
                Some(Scalar::Int { bits: 32.., .. } | Scalar::Ptr)
            )
        })
    };
    let some = entries.iter().copied().filter(|(_, case)| {
        let plain = case.prototype.convention.is_none() && !case.prototype.variadic;
        plain && begins_with_integer(case)
    });
    let some: Vec<Entry<'_>> = some.collect();
    if some.is_empty() {
        return Ok(());
    }
    let engines = [
        ("static control", &["-mabi=ms"][..], Pair::C, None),
        ("static control ours calls", &[], OURS[0], Some(&RSI_FIRST)),
        (
            "static control ours is called",
            &[],
            OURS[1],
            Some(&RSI_FIRST),
        ),
    ];
    for (engine, flags, pair, convention) in engines {
        let verdicts = verdicts(reference, (reference, flags), (&[pair], convention), &some)?;
        for ((_, case), verdict) in some.iter().zip(verdicts.into_iter().flatten()) {
            let outcome = match verdict {
                Verdict::Differs(_) => Ok(()),
                Verdict::NotLowered(why) => {
                    suite.report.not_run(engine, &case.name, &why);
                    continue;
                }
                other => Err(format!("another convention was not noticed: {other:?}")),
            };
            suite.report.outcome(engine, &case.name, outcome);
        }
    }
    Ok(())
}
