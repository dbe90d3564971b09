//! Calls between Cranelift and C, end to end: each signature of the corpus in both directions, with
//! one compiler, if possible one that has no known bug in it. `probe` shows that every compiler
//! agrees with `FnAbi`, `emission` that our code does under all settings. This suite adds the calls
//! themselves: both sides of one, code made at run time (invokers and closures), objects against
//! guard pages, and registers that each side keeps.
//!
//! A shim sends, and a function returns, a byte pattern; every byte of every leaf is compared on
//! the other side. Cases run in child processes; one that dies is named and the rest goes on.
//! Refusals of the lowering are counted by reason: never silently skipped.
//!
//! After the corpus come signatures of so many parameters that words of the argument area are read. Random ones are the suite `random`'s.
//!
//! The cases of a child share plans, invokers and closures, in a random order (`CABI_ORDER`).
//!
//! Negative controls: a load and a store of one byte before and after an object that lies against a guard page must kill their child. Plans, invokers and closures
//! that are found without the sizes of arguments on the stack must be noticed, each alone.

use std::{ptr, slice};

use cabi::{FnAbi, FnSig, Place, Target};
use cabi_verify::case::{Case, Subject};
use cabi_verify::check::calls::{self, Calls, Direction, Key, Verdict};
use cabi_verify::facts::Facts;
use cabi_verify::fuzz;
use cabi_verify::generate::{CSignature, CType};
use cabi_verify::run::HERE;
use cabi_verify::run::guard::{GuardedBuffers, PageEnd};
use cabi_verify::threads::at_once;
use cabi_verify::verdict::Value;
use cabi_verify::verify::units::{Called, Loaded, Mistake, observe};
use cabi_verify::verify::{Compiler, known_bug};
use clif_cabi::clif_cabi_plan::CallPlan;
use clif_cabi_jit::Settings;

use crate::compiled::{
    File, add_files, admits, compile_files, compilers, each_in_child, entries, takes,
};
use crate::suite::{Result, Suite, order};

/// Beginning of the names of records of many sizes.
const SIZES: &str = "sizes-";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let n_noticed = guard_controls(suite)?;
    let mut subjects = suite.corpus(match HERE == Target::X86_64_LINUX {
        true => &["x86-64-sysv", "x86-64-win64", "x86-64-sizes"][..],
        false => &["aarch64-linux"],
    })?;
    let (n_signatures, n_stubs) = (
        subjects.iter().map(|s| s.cases.len()).sum(),
        n_by_stub(&subjects),
    );
    let compilers = compilers(suite)?;
    if let Some(first) = compilers.first() {
        subjects.extend(many_parameters(first)?);
    }
    let files = files(&compilers, &subjects, suite);
    let mut loaded = compile_files(&files, |file, case, error| {
        let engine = suite.engine(file.compiler.reference.name());
        (suite.report).outcome(&engine, &case.name, Err(error.to_string()));
    })?;
    let settings = [("default".to_owned(), Settings::default().memory(1 << 20))];
    let (mut n_passed, mut n_calls) = (0, 0);
    let all = call(&loaded, &settings, Mistake::NONE, (false, None))?;
    for (one, all) in loaded.iter().zip(all) {
        let compiler = files[one.part].compiler.reference.name();
        for (i, called) in all.iter().enumerate() {
            if let Verdict::Passed(calls) = called.verdict {
                (n_passed, n_calls) = (n_passed + 1, n_calls + calls);
            }
            let engine = suite.engine(&format!("{compiler} {}", called.direction.name()));
            let verdict = without_known_bug(compiler, one, (i % one.cases.len(), called))?;
            suite.verdict(&engine, &called.case.name, verdict);
        }
    }
    key_controls(&mut loaded, &settings, suite)?;
    suite.report.note(format!(
        "{n_signatures} signatures x {} directions: passed {n_passed}, calls {n_calls}",
        Direction::ALL.len(),
    ));
    let enough = (2 * n_stubs >= n_signatures || !suite.is_complete()).then_some(());
    let enough = enough.ok_or_else(|| "few invokers are stubs".to_owned());
    suite.report.outcome("invokers", "stubs", enough);
    suite.report.note(format!(
        "invokers: {n_stubs} of {n_signatures} signatures by a stub and by compiled code, the others by compiled code"
    ));
    suite.n_passed = Some(n_passed + n_noticed);
    Ok(())
}

/// Returns each case for one of `compilers` that can be asked about it: the first that has no known
/// bug in it, or else the first.
fn files<'a>(
    compilers: &'a [Compiler],
    subjects: &'a [Subject],
    suite: &mut Suite,
) -> Vec<File<'a>> {
    let mut files = Vec::new();
    for compiler in compilers {
        let engine = suite.engine(compiler.reference.name());
        let levels = entries(subjects, compiler, |(subject, case), admitted| {
            let able = { compilers.iter() }.filter(|one| admits(one, &subject.block).is_ok());
            let best = able.min_by_key(|one| known_bug(one.reference.name(), case).is_some());
            best.is_none_or(|best| ptr::eq(best, compiler)) && takes(suite, &engine, case, admitted)
        });
        add_files(&mut files, compiler, levels);
    }
    files
}

/// Makes the calls, if so by code that is made at run time alone, or by a wrong key.
pub(super) fn call(
    loaded: &[Loaded],
    settings: &[(String, Settings)],
    mistake: Mistake,
    (at_run_time, key): (bool, Option<Key>),
) -> Result<Vec<Vec<Called>>> {
    let calls = Calls {
        settings,
        mistake,
        key,
        at_run_time,
        at_once: at_once(),
        order: order(),
    };
    Ok(calls::run(loaded, &calls)?)
}

/// Returns the verdict of case `index`. A difference that the compiler's own two sides have, by a
/// known bug, tells nothing about ours.
fn without_known_bug(
    compiler: &str,
    one: &Loaded,
    (index, called): (usize, &Called),
) -> Result<Verdict> {
    let (Verdict::Differs(found), Some(bug)) = (&called.verdict, known_bug(compiler, &called.case))
    else {
        return Ok(called.verdict.clone());
    };
    observe(slice::from_ref(one), 1)?;
    let disagrees = |facts: &Facts| {
        let arguments = (0..facts.caller.args.len()).map(Value::Argument);
        let mut values = arguments.chain([Value::Result]);
        let is_own = |value: &Value| found.value.is_none_or(|own| own == *value);
        let ends = facts.side(called.direction).state("ends");
        ends.is_some() || values.any(|value| is_own(&value) && facts.disagree(Some(value)))
    };
    Ok(match one.seen().get(index) {
        Some(Ok(Ok(facts))) if disagrees(facts) => Verdict::NotRun(bug.to_owned()),
        _ => called.verdict.clone(),
    })
}

/// Returns the number of cases whose invoker is a stub.
fn n_by_stub(subjects: &[Subject]) -> usize {
    let invoker = |subject: &Subject, case: &Case| {
        let sig = case.sig(subject.block.policy).ok()?;
        CallPlan::new(&sig, &HERE).ok()?.invoker(&HERE)
    };
    let n_of = |own: &Subject| {
        own.cases
            .iter()
            .filter_map(|case| invoker(own, case))
            .count()
    };
    subjects.iter().map(n_of).sum()
}

/// Two signatures of so many parameters that words of the argument area are read, which are declared to Cranelift where they are few.
fn many_parameters(compiler: &Compiler) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for n in [79, 250] {
        let mut subject = fuzz::subject(n, &of_parameters(n), compiler)
            .map_err(|refused| format!("{refused:?}"))?;
        subject.target = HERE;
        let cases = subject.cases.iter_mut();
        cases.for_each(|case| case.name = format!("parameters-{n}"));
        subjects.push(subject);
    }
    Ok(subjects)
}

/// A function of `n` parameters, of four types in turn.
fn of_parameters(n: usize) -> CSignature {
    let types = ["long", "double", "short", "float"].map(CType::from);
    CSignature {
        params: types.into_iter().cycle().take(n).collect(),
        ..CSignature::returning(&CType::from("double"))
    }
}

/// Returns the places of arguments, but for those in the argument area only their sizes.
fn key_without_sizes(sig: &FnSig) -> String {
    let abi = FnAbi::new(sig, &HERE).ok();
    let places = abi.map(|abi| {
        let args = abi.args.iter().map(|arg| match arg.place {
            Place::Stack { .. } => "stack".to_owned(),
            ref place => format!("{place:?}"),
        });
        let size = match abi.ret.place {
            Place::Indirect { .. } => 0,
            _ => sig.result().size(),
        };
        (args.collect::<Vec<_>>(), abi.ret.place, size)
    });
    let flags = (sig.is_variadic(), sig.is_noreturn(), sig.n_named());
    format!("{places:?} {flags:?}")
}

/// Records of many sizes under a key without these: calls and functions that are compiled, invokers, and closures must each be noticed.
fn key_controls(
    loaded: &mut Vec<Loaded>,
    settings: &[(String, Settings)],
    suite: &mut Suite,
) -> Result<()> {
    loaded.retain(|one| one.cases.iter().any(|case| case.name.starts_with(SIZES)));
    if loaded.is_empty() {
        return Ok(());
    }
    for (case, missing) in loaded
        .iter_mut()
        .flat_map(|one| one.cases.iter().zip(&mut one.missing))
    {
        if !case.name.starts_with(SIZES) {
            *missing = Direction::ALL.map(|_| Some("not asked".to_owned()));
        }
    }
    for (at_run_time, words) in [(false, "compiled"), (true, "made at run time")] {
        let how = (at_run_time, Some(key_without_sizes as Key));
        let called = call(loaded, settings, Mistake::NONE, how)?;
        for direction in Direction::ALL {
            let mut own = called
                .iter()
                .flatten()
                .filter(|one| one.direction == direction);
            let noticed = own.any(|one| one.difference().is_some()).then_some(());
            let noticed = noticed.ok_or_else(|| "was not noticed".to_owned());
            let what = format!("a key without sizes, {words}, {}", direction.name());
            suite.report.outcome("key control", &what, noticed);
        }
    }
    Ok(())
}

/// One byte too many, read and written, after and before an object: each must end its child. Returns how many did.
fn guard_controls(suite: &mut Suite) -> Result<usize> {
    const CONTROLS: [(&str, PageEnd, isize); 4] = [
        ("read after", PageEnd::End, 3),
        ("read before", PageEnd::Start, -1),
        ("write after", PageEnd::End, 3),
        ("write before", PageEnd::Start, -1),
    ];
    let buffers = GuardedBuffers::new(1, 1 << 12)?;
    let touch = |control: usize| {
        let (name, side, at) = CONTROLS[control];
        let Some(object) = buffers.object(0, 3, side) else {
            return Verdict::Differs("too large for a buffer".into());
        };
        // SAFETY: none: a byte beside an object of three is touched on purpose, in a child that dies of it.
        unsafe {
            let beside = object.offset(at);
            if name.starts_with("read") {
                // A volatile read cannot be left out.
                std::hint::black_box(beside.read_volatile());
            } else {
                beside.write_volatile(1);
            }
        }
        Verdict::Passed(1)
    };
    let outcomes = each_in_child(CONTROLS.len(), touch)?;
    let mut n_noticed = 0;
    for ((name, ..), found) in CONTROLS.iter().zip(&outcomes) {
        let noticed = match *found == Verdict::died("SIGSEGV") {
            true => Ok(()),
            false => Err(format!("was not noticed: {found:?}")),
        };
        n_noticed += usize::from(noticed.is_ok());
        suite.report.outcome("guard control", name, noticed);
    }
    Ok(n_noticed)
}
