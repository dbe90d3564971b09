//! Signatures of a target whose code runs in programs of its own: each direction of a unit is a program. Where a value differs, a program of the compiler alone
//! is asked whether its own two sides agree.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::BitFieldStyle;

use super::Compared;
use super::run_cases::{Mode, compared, refused};
use super::signatures::{Signatures, signature_of};
use crate::build::bisect::build_without_refused;
use crate::build::{ProgramTarget, ReferenceError, Unit, first_error};
use crate::case::{Direction, Subject};
use crate::check::layout::assertions;
use crate::generate::Signature;
use crate::run::static_program::{OurSide, StaticProgram};
use crate::verdict::Verdict;
use crate::verify::units::Called;
use crate::verify::{Compiler, Mistake, known_bug};

/// Compiles and calls `signatures`: one verdict each.
///
/// # Errors
/// A compiler or an emulator that cannot be started, or a program that cannot be built.
pub(super) fn run_cases(
    (compiler, programs): (&Compiler, &ProgramTarget),
    signatures: &[Signature],
    mode: Mode,
    mistake: Mistake,
) -> Result<Vec<Compared>, String> {
    let mut all = Signatures::build(signatures, compiler);
    let said = |error: &ReferenceError| {
        let messages = error.messages().map(first_error).unwrap_or_default();
        format!("{error}: {messages}")
    };
    compare_layouts(compiler, programs, &mut all).map_err(|error| said(&error))?;
    let program = StaticProgram {
        callees: &compiler.reference,
        callee_flags: Vec::new(),
        ours: None,
        target: programs.target.clone(),
        linker: &programs.linker,
        emulator: programs.emulator.clone(),
    };
    let unit = all.unit(&compiler.reference, mode.optimize, &|_| String::new());
    let build = |chosen: &[usize]| {
        // Its frame is compiled with every other unit.
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let mut some = unit.clone();
        let cases = chosen.iter().filter_map(|at| unit.cases.get(*at));
        some.cases = cases.copied().collect();
        call_all(&program, &some, compiler, mistake)
    };
    let blame = |error: &ReferenceError, chosen: &[usize]| unit.blame(error, chosen);
    let parts = build_without_refused(unit.all(), build, blame).map_err(|error| said(&error))?;
    let mut refusals = Vec::new();
    for (at, why) in &parts.refused {
        let named = all.chosen(at).into_iter();
        refusals.extend(named.map(|(i, one)| (i, refused(compiler, one, why))));
    }
    for (i, verdict) in refusals {
        all.decide(i, verdict);
    }
    let called = parts.built.unwrap_or_default();
    let mut compared = compared(all, &called);
    for one in &mut compared {
        if let (Verdict::SelfInconsistent(_), Some(case)) = (&one.verdict, &one.case) {
            one.known = known_bug(compiler.reference.name(), case);
        }
    }
    Ok(compared)
}

/// Decides the signatures whose layouts the compiler has otherwise.
fn compare_layouts(
    compiler: &Compiler,
    programs: &ProgramTarget,
    all: &mut Signatures,
) -> Result<(), ReferenceError> {
    let subjects: Vec<&Subject> = all.left().map(|(_, one)| one).collect();
    let mut failed = failed_layouts(compiler, &subjects)?;
    // A member is aligned to more there than its type, where a typedef lowers that: offsets of members tell.
    if programs.target.data_model().bit_fields == BitFieldStyle::Ms {
        failed.retain(|why| !why.contains(": alignment of "));
    }
    for why in failed {
        let mut words = why.split(['"', ' ', '\'']);
        let named = words.find_map(|word| signature_of(word.strip_suffix(':')?));
        if let Some(i) = named {
            all.decide(i, Verdict::Differs(format!("layout: {why}").into()));
        }
    }
    Ok(())
}

/// What the compiler says of the layouts of `subjects` that are others: of those that it refuses for another reason nothing, which is found when they are compiled.
fn failed_layouts(
    compiler: &Compiler,
    subjects: &[&Subject],
) -> Result<Vec<String>, ReferenceError> {
    let flags: &[&str] = match compiler.reference.name() {
        "clang" => &["-w", "-ferror-limit=0"],
        _ => &["-w", "-Wno-psabi"],
    };
    match assertions(&compiler.reference, flags, subjects, 0) {
        Err(ReferenceError::Refused { .. }) if subjects.len() > 1 => {
            let (first, second) = subjects.split_at(subjects.len() / 2);
            let first = failed_layouts(compiler, first)?;
            Ok([first, failed_layouts(compiler, second)?].concat())
        }
        Err(ReferenceError::Refused { .. }) => Ok(Vec::new()),
        asked => asked,
    }
}

/// Every case of `unit` in both directions, one direction after the other.
fn call_all(
    program: &StaticProgram<'_>,
    unit: &Unit<'_>,
    compiler: &Compiler,
    mistake: Mistake,
) -> Result<Vec<Called>, ReferenceError> {
    let mut all = Vec::new();
    for direction in Direction::ALL {
        let program = StaticProgram {
            ours: Some(OurSide {
                direction,
                convention: mistake.convention,
            }),
            ..program.clone()
        };
        let verdicts = verdicts(&program, unit, compiler)?;
        all.extend(
            unit.cases
                .iter()
                .zip(verdicts)
                .map(|(one, verdict)| Called {
                    case: one.case.clone(),
                    direction,
                    setting: "a program".to_owned(),
                    verdict,
                    shown: None,
                }),
        );
    }
    ask_itself(program, unit, compiler, &mut all)?;
    Ok(all)
}

/// Asks the compiler alone about the cases of which a value differs.
fn ask_itself(
    program: &StaticProgram<'_>,
    unit: &Unit<'_>,
    compiler: &Compiler,
    all: &mut [Called],
) -> Result<(), ReferenceError> {
    let n = unit.cases.len();
    let differs = |at: &usize| {
        let own = all.iter().skip(*at).step_by(n);
        own.into_iter()
            .any(|called| matches!(called.verdict, Verdict::Differs(_)))
    };
    let differing: Vec<usize> = (0..n).filter(differs).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let mut theirs = unit.clone();
    let cases = differing.iter().filter_map(|at| unit.cases.get(*at));
    theirs.cases = cases.copied().collect();
    let own = verdicts(program, &theirs, compiler)?;
    for (at, own) in differing.iter().zip(own) {
        if !matches!(own, Verdict::Differs(_)) {
            continue;
        }
        for called in all.iter_mut().skip(*at).step_by(n) {
            if let Verdict::Differs(found) = &mut called.verdict {
                called.verdict = Verdict::SelfInconsistent(std::mem::take(found));
            }
        }
    }
    Ok(())
}

/// The verdicts of one program; a panic while our sides are made is one of each.
fn verdicts(
    program: &StaticProgram<'_>,
    unit: &Unit<'_>,
    compiler: &Compiler,
) -> Result<Vec<Verdict>, ReferenceError> {
    let made = || program.verdicts(unit, compiler.policy);
    catch_unwind(AssertUnwindSafe(made)).unwrap_or_else(|_| {
        let panic = |_| Verdict::Differs("panic: while our sides were made".into());
        Ok(unit.cases.iter().map(panic).collect())
    })
}
