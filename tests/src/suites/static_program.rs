//! The corpus as static programs: C callers and C callees of each reference compiler, in a process of their own, as they would run under an
//! emulator of another machine. Every case gets the verdict that it gets in this process.
//!
//! Blocks for AArch64 Linux, Apple's arm64 and Windows x64 pass as such programs only, under an emulator or as ELF in the other system's convention.
//!
//! Then the callers of one compiler call the callees of the other: where both profiles place a signature alike, that must pass. And one side is ours, by
//! Cranelift as an object file: where the compiler agrees with itself, that must pass too. Callees of another convention (`-mabi=ms`), and a convention of ours
//! with another first register, must show.

use cabi::convention::{Convention, Rule, Rules};
use cabi::{Policy, Scalar, X86_64_SYSV, x86_64};
use cabi_header::{HeaderError, Options};
use cabi_verify::build::{ProgramTarget, Reference, Unit};
use cabi_verify::case::{Case, Direction, Entry};
use cabi_verify::check::calls::{Difference, Harness, Verdict, admitted, reference_agrees};
use cabi_verify::check::program_calls::{Pair, ProgramCases, in_two_files};
use cabi_verify::run::loaded::LoadedCode;
use cabi_verify::verify::{Compiler, known_bug};
use clif_cabi_jit::Settings;

use super::conventions::mutations;
use crate::compiled::{buffers, compilers_of_programs, each_in_child};
use crate::conformance::page::row_of_target;
use crate::conformance::targets;
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
    other_targets(suite)
}

/// The folders of the corpus whose calls are those of other targets than x86-64 Linux.
const FOLDERS: [&str; 3] = ["aarch64-linux", "aarch64-apple", "x86-64-windows"];

/// The blocks of the corpus for the target: both sides ours in turn, and both the compiler's.
fn other_targets(suite: &mut Suite) -> Result<()> {
    let compilers = compilers_of_programs(suite)?;
    for folder in FOLDERS {
        let subjects = suite.corpus(&[folder])?;
        for compiler in &compilers {
            let (Some(programs), target) = (&compiler.programs, compiler.target()) else {
                continue;
            };
            let reference = &compiler.reference;
            let own = subjects.iter().filter(|subject| subject.target == target);
            let engine = format!("static {}", reference.command());
            let mut entries: Vec<Entry<'_>> = Vec::new();
            for subject in own {
                match reference.admits(&subject.block) {
                    Ok(()) if subject.expects_refusal() => {
                        let why = "the convention has no place for it, as the block says";
                        suite.report.not_run(&engine, &subject.block.name, why);
                    }
                    Ok(()) => {
                        let own = subject.cases.iter();
                        let own = own.filter(|case| suite.wants(&case.name));
                        entries.extend(own.map(|case| (subject, case)));
                    }
                    Err(why) => suite.report.not_run(&engine, &subject.block.name, &why),
                }
            }
            if entries.is_empty() {
                continue;
            }
            let unit = Unit::of_entries(reference, "-O1", &entries);
            let compiled = unit.compile()?;
            let built = compiled.built.ok_or("nothing was compiled")?;
            for refused in &compiled.refused {
                let why = refused.why.messages().unwrap_or_default().to_owned();
                suite.report.outcome(&engine, folder, Err(why));
            }
            let cases = compiled.cases.iter();
            let cases: Vec<_> = cases
                .filter_map(|&at| Some((entries.get(at)?.1, unit.symbol(at))))
                .collect();
            let program = ProgramCases {
                target: programs,
                objects: &[&built.object],
                cases: &cases,
                policy: compiler.policy,
                convention: None,
            };
            for verdicts in program.verdicts(&[OURS[0], OURS[1], Pair::C])? {
                for ((case, _), verdict) in cases.iter().zip(verdicts) {
                    suite.verdict(&engine, &case.name, verdict);
                }
            }
            broken_corpus(program, folder, suite)?;
        }
    }
    types_of_the_page(&compilers, suite)
}

/// The types of the conformance page, which libclang reads.
fn types_of_the_page(compilers: &[Compiler], suite: &mut Suite) -> Result<()> {
    if let Err(error @ HeaderError::NoLibclang { .. }) = cabi_header::parse("", &Options::new()) {
        suite.report.absent("static types", &error.to_string());
        return Ok(());
    }
    compilers.iter().try_for_each(|one| every_type(one, suite))
}

/// The types of the conformance page in every position: as many pass as the page says.
fn every_type(compiler: &Compiler, suite: &mut Suite) -> Result<()> {
    if !suite.wants(compiler.target().name()) {
        return Ok(());
    }
    let all = targets::run(compiler)?;
    let page = crate::corpus::folder().join("../../docs/conformance.md");
    let (page, row) = (std::fs::read_to_string(page)?, row_of_target(&all));
    let name = all.compiler.name;
    let counts = format!("{:?}, {} calls", all.counts, all.n_calls);
    suite.report.note(format!("static types, {name}: {counts}"));
    for (why, n) in all.notes {
        suite.report.note(format!("{n}: {why}"));
    }
    let outcome = match all.failures.as_slice() {
        // Another version of a compiler may lack or have other types.
        [] if page.contains(&format!("| {} |", all.compiler.version)) && !page.contains(&row) => {
            Err(format!("docs/conformance.md has not: {row}"))
        }
        [] if all.n_calls == 0 => Err("nothing was called".to_owned()),
        [] => Ok(()),
        failures => Err(failures.join("\n")),
    };
    suite.report.outcome("static types", &name, outcome);
    Ok(())
}

/// A rule dropped from the convention must be noticed by some block.
fn broken_corpus(program: ProgramCases<'_>, folder: &str, suite: &mut Suite) -> Result<()> {
    let convention = program.target.target.convention();
    let convention = convention.ok_or("the target has a convention")?;
    let mut differing = 0;
    for broken in mutations::dropped(convention) {
        let broken = ProgramCases {
            convention: Some(broken.convention),
            ..program
        };
        let verdicts = broken.verdicts(&OURS)?.into_iter().flatten();
        differing += verdicts
            .filter(|one| matches!(one, Verdict::Differs(_)))
            .count();
    }
    let outcome = match differing {
        0 => Err("no broken convention was noticed".to_owned()),
        _ => Ok(()),
    };
    (suite.report).outcome("static control", folder, outcome);
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
