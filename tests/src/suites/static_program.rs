//! The corpus as static programs: C callers and C callees of each reference compiler, in a process of their own, as they would run under an
//! emulator of another machine. Every case gets the verdict that it gets in this process.
//!
//! Then the callers of one compiler call the callees of the other: where both profiles place a signature alike, that must pass. And one side is ours, by
//! Cranelift as an object file: where the compiler agrees with itself, that must pass too. Callees of another convention (`-mabi=ms`), and a convention of ours
//! with another first register, must show.

use cabi::convention::{Convention, Rule, Rules};
use cabi::{Policy, Scalar, Target, X86_64_SYSV, x86_64};
use cabi_verify::build::{Reference, Unit};
use cabi_verify::case::{Case, Direction, Entry};
use cabi_verify::check::calls::{Difference, Harness, Verdict, admitted, reference_agrees};
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::run::static_program::{OurSide, StaticProgram};
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
            let here = same_verdicts(reference, entries, suite)?;
            for direction in Direction::ALL {
                ours(reference, direction, (entries, &here), suite)?;
            }
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

/// The verdicts of a static program with callees of `callees`, compiled with `flags`; in place of one side it may have ours.
fn verdicts(
    reference: &Reference,
    callees: &Reference,
    flags: Vec<&str>,
    ours: Option<OurSide>,
    entries: &[Entry<'_>],
) -> Result<Vec<Verdict>> {
    let program = StaticProgram {
        callees,
        callee_flags: flags,
        ours,
        target: Target::X86_64_LINUX,
        linker: reference,
        emulator: Vec::new(),
    };
    let unit = Unit::of_entries(reference, "-O1", entries);
    let policy = reference.profile().policy();
    Ok(program.verdicts(&unit, policy)?)
}

/// Returns those of this process.
fn same_verdicts(
    reference: &Reference,
    entries: &[Entry<'_>],
    suite: &mut Suite,
) -> Result<Vec<Verdict>> {
    let engine = format!("static {}", reference.name());
    let here = in_this_process(reference, entries)?;
    let there = verdicts(reference, reference, Vec::new(), None, entries)?;
    let mut n_differ = 0;
    for (((_, case), here), there) in entries.iter().zip(&here).zip(&there) {
        n_differ += usize::from(matches!(there, Verdict::Differs(_)));
        let outcome = match about(here) == about(there) {
            true => Ok(()),
            false => Err(format!("here {here:?}, in a static program {there:?}")),
        };
        suite.report.outcome(&engine, &case.name, outcome);
    }
    suite.report.note(format!(
        "{engine}: {} cases, of which the compiler disagrees with itself in {n_differ}",
        entries.len()
    ));
    Ok(here)
}

/// One side is ours, the other one the compiler's, of which `here` says where it agrees with itself.
fn ours(
    reference: &Reference,
    direction: Direction,
    (entries, here): (&[Entry<'_>], &[Verdict]),
    suite: &mut Suite,
) -> Result<()> {
    let name = reference.name();
    let engine = match direction {
        Direction::Call => format!("static ours calls {name}"),
        Direction::Callee => format!("static {name} calls ours"),
    };
    let side = OurSide {
        direction,
        convention: None,
    };
    let verdicts = verdicts(reference, reference, Vec::new(), Some(side), entries)?;
    for (((_, case), here), verdict) in entries.iter().zip(here).zip(verdicts) {
        match (verdict, here) {
            (Verdict::Passed(_), _) => suite.report.outcome(&engine, &case.name, Ok(())),
            (Verdict::NotLowered(why), _) => suite.report.not_run(&engine, &case.name, &why),
            (_, Verdict::Differs(_)) => {
                let why = "the reference's own caller and callee disagree";
                suite.report.not_run(&engine, &case.name, why);
            }
            (differs, _) => suite
                .report
                .outcome(&engine, &case.name, Err(about(&differs))),
        }
    }
    Ok(())
}

/// What two runs must have in common: which value differs, but not the bytes of it, which may come from a register that was never set.
fn about(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Differs(Difference {
            value: Some(value), ..
        }) => format!("{value:?} differs"),
        Verdict::Differs(difference) => difference.why.clone(),
        Verdict::Passed(_) => "passed".to_owned(),
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
    let verdicts = verdicts(reference, other, Vec::new(), None, &both)?;
    for ((_, case), verdict) in both.iter().zip(verdicts) {
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
    let broken = |direction| OurSide {
        direction,
        convention: Some(&RSI_FIRST),
    };
    for (engine, flags, ours) in [
        ("static control", vec!["-mabi=ms"], None),
        (
            "static control ours calls",
            Vec::new(),
            Some(broken(Direction::Call)),
        ),
        (
            "static control ours is called",
            Vec::new(),
            Some(broken(Direction::Callee)),
        ),
    ] {
        let verdicts = verdicts(reference, reference, flags, ours, &some)?;
        for ((_, case), verdict) in some.iter().zip(verdicts) {
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
