//! The bodies of the fuzz targets: bytes or text in, and what is wrong out. `tests/fuzz` has a target of one line for each, and
//! `tests/tests/fuzz_bodies.rs` runs them over seeds, mutated seeds and random bytes, without libFuzzer.

mod draw;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cabi::{Convention, DataModel, FnAbi, FnSig, Type, X86_64_SYSV};
use cabi_header::Emitter;
use cabi_verify::corpus::CorpusFile;
use clif_cabi::cranelift_codegen::ir::AbiParam;
use clif_cabi::cranelift_codegen::isa::{self, OwnedTargetIsa};
use clif_cabi::cranelift_codegen::settings::{self, Flags};
use clif_cabi::{EntryPlan, LowerError, Lowering, PlanError, Step, value_type};
use toy::{Failure, Text};

use crate::invariants;
use crate::replayed;

/// Leaves looked at per type: arrays may have very many.
const MAX_LEAVES: usize = 2000;

/// Types and a signature made of `bytes`, through layout, places, plans and replay: nothing panics, and all agree.
pub fn signatures(bytes: &[u8]) -> Result<(), String> {
    signatures_under(bytes, &X86_64_SYSV)
}

/// [`signatures`] with another convention for System V's: a broken one must be noticed.
pub fn signatures_under(bytes: &[u8], sysv: &'static Convention) -> Result<(), String> {
    let draw::Drawn {
        types,
        any_given,
        mixed,
        sig,
        longer,
        target,
    } = draw::signature(bytes, sysv);
    for ty in &types {
        ask(ty, any_given)?;
    }
    let told = |why: String| format!("{why}\nof {sig:?}");
    let abi = FnAbi::new(&sig, &target);
    invariants::explanation(&sig, &target, &abi).map_err(told)?;
    if let Ok(abi) = &abi {
        if !mixed {
            let passed = sig.clone().decayed(target.data_model());
            invariants::arguments(&passed, abi).map_err(told)?;
            invariants::result(&sig, abi).map_err(told)?;
        }
        if let Ok(long) = FnAbi::new(&longer, &target) {
            invariants::further_argument(abi, &long).map_err(told)?;
        }
    }
    planned(&sig, !mixed && *target.data_model() == DataModel::LP64).map_err(told)
}

/// What there is to ask of one type.
fn ask(ty: &Type, any_given: bool) -> Result<(), String> {
    // All of these must come to an end without a panic.
    let _ = (ty.to_string(), ty.canonical_align(), value_type(ty));
    if !any_given {
        invariants::record(ty)?;
    }
    invariants::leaves_inside(ty, MAX_LEAVES)?;
    let mut emitter = Emitter::new(&DataModel::LP64);
    let _ = emitter.declaration(ty, "x");
    Ok(())
}

/// Calls and entries are planned from one `FnAbi`, and Cranelift has every part where that says; a refusal has words. Types
/// that are not of x86-64 Linux do not `fit`: their plans have to be made or refused, no more.
fn planned(sig: &FnSig, fit: bool) -> Result<(), String> {
    static ISA: LazyLock<Option<OwnedTargetIsa>> = LazyLock::new(|| {
        // Where Cranelift was built without this target, there are no plans.
        let builder = isa::lookup_by_name("x86_64-unknown-linux-gnu").ok()?;
        builder.finish(Flags::new(settings::builder())).ok()
    });
    let Some(isa) = &*ISA else { return Ok(()) };
    // Not kept: it keeps every plan it has made.
    let lower = Lowering::new(&**isa).map_err(|error| error.to_string())?;
    let planned = plans_agree(&lower, sig);
    if fit { planned.map(drop) } else { Ok(()) }
}

/// Whether a stub aligns the stack before the function is entered: the argument area is not in its CLIF signature then, only the area's address.
fn finds_area_by_address(plan: &EntryPlan) -> bool {
    let stub = plan.entry_stub(0);
    stub.is_some_and(|stub| {
        stub.steps()
            .iter()
            .any(|step| matches!(step, Step::Align(_)))
    })
}

/// Both sides are planned from one [`FnAbi`], and Cranelift has every part where that says; or both are refused for the same reason, which comes back.
///
/// # Errors
/// What does not agree; a plan that Cranelift would place otherwise, or not at all, is a mistake of the plan's.
pub fn plans_agree(lower: &Lowering, sig: &FnSig) -> Result<Option<LowerError>, String> {
    let (call, entry) = (lower.call_plan(sig), lower.entry_plan(sig));
    let refusals = [call.as_ref().err(), entry.as_ref().err()];
    for error in refusals.into_iter().flatten() {
        let cause = error.cause();
        if matches!(
            cause,
            LowerError::Plan(PlanError::Mismatch { .. } | PlanError::Check(_))
        ) {
            return Err(error.to_string());
        }
    }
    if let Ok(plan) = &call
        && !plan.moves_vectors()
    {
        replayed::check(plan.signature(), &plan.abi)?;
    }
    if let Ok(plan) = &entry
        && !plan.moves_vectors()
        && !finds_area_by_address(plan)
    {
        replayed::check(plan.signature(), &plan.abi)?;
    }
    let (call, entry) = match (call, entry) {
        (Ok(call), Ok(entry)) => (call, entry),
        (Err(call), Err(entry)) if call.to_string() == entry.to_string() => return Ok(Some(call)),
        // An unnamed argument is the call's alone.
        (Err(_), Ok(_)) | (Ok(_), Err(_)) if sig.is_variadic() => return Ok(None),
        (call, entry) => return Err(format!("calls are {call:?}, entries {entry:?}")),
    };
    let (of_call, of_entry) = (&call.abi, &entry.abi);
    // The entry of a variadic function has its named arguments only.
    let same = match sig.is_variadic() {
        true => of_call.args.starts_with(&of_entry.args) && of_call.ret == of_entry.ret,
        false => of_call == of_entry,
    };
    let [returned, returns] = [call.signature(), entry.signature()].map(|sig| &sig.returns);
    // A function returns what is extended as the wider integer, which its caller does not look at.
    let is_alike = |(one, other): (&AbiParam, &AbiParam)| {
        let [narrow, wide] = [one, other].map(|param| param.value_type);
        let is_extended = narrow.is_int() && wide.is_int() && narrow.bits() < wide.bits();
        one == other || is_extended && one.purpose == other.purpose
    };
    let alike = returned.len() == returns.len() && returned.iter().zip(returns).all(is_alike);
    // A result that a stub moves is the call's alone.
    if same && (alike || entry.moves_vectors()) {
        return Ok(None);
    }
    Err(format!("calls are {call:?}, entries {entry:?}"))
}

/// Text as a program of toy: lexed, parsed, checked, lowered and shown, not run. C headers are not read.
///
/// # Errors
/// A diagnostic without a place, a program that is right and does not compile, or one that compiles and has no places.
pub fn toy(text: &str) -> Result<(), String> {
    static RUNS_HERE: LazyLock<bool> =
        LazyLock::new(|| Text::new("empty.toy", "").clif(&[]).is_ok());
    let program = Text::new("fuzz.toy", text);
    if program.uses_headers() || !*RUNS_HERE {
        return Ok(());
    }
    let clif = match program.clif(&[]) {
        Ok(clif) => clif,
        Err(Failure::Wrong(diagnostics)) if diagnostics.contains("fuzz.toy:") => return Ok(()),
        Err(Failure::Wrong(diagnostics)) => {
            return Err(format!("a diagnostic without a place: {diagnostics:?}"));
        }
        Err(Failure::NotRun(why)) => return Err(format!("checked, but not compiled: {why}")),
    };
    match program.abi(&[]) {
        Ok(_) => Ok(()),
        Err(failure) => Err(format!("compiled, but not placed: {failure}\n{clif}")),
    }
}

/// Text as a file of the corpus: what can be read says the same when it was printed and is read again, with the expected lines it has and with
/// others.
pub fn abi(text: &str) -> Result<(), String> {
    let read = |text: &str| CorpusFile::parse("fuzz.abi".as_ref(), text);
    let file = match read(text) {
        Ok(file) => file,
        Err(error) if error.to_string().starts_with("fuzz.abi:") => return Ok(()),
        Err(error) => return Err(format!("a refusal without a place: {error}")),
    };
    let again = |texts: &BTreeMap<String, Vec<String>>| {
        let printed = file.blessed(texts);
        read(&printed).map_err(|error| format!("{error}, printed as\n{printed}"))
    };
    let same = again(&BTreeMap::new())?;
    if format!("{:?}", same.blocks) != format!("{:?}", file.blocks) {
        return Err(format!("{:?} became {:?}", file.blocks, same.blocks));
    }
    let lines = vec!["arg 0  Integer  rdi".to_owned(), String::new()];
    let names = file.blocks.iter().map(|block| block.name.clone());
    let blessed = again(&names.map(|name| (name, lines.clone())).collect())?;
    if blessed.blocks.len() != file.blocks.len() {
        return Err("blessing changed the number of blocks".to_owned());
    }
    for (new, old) in blessed.blocks.iter().zip(&file.blocks) {
        if new.expected != lines {
            return Err(format!("{}: {:?} was blessed", new.name, new.expected));
        }
        let frame = |block: &cabi_verify::corpus::Block| {
            (block.name.clone(), block.proves.clone(), block.code.clone())
        };
        if frame(new) != frame(old) {
            return Err(format!("{old:?} became {new:?}"));
        }
    }
    Ok(())
}
