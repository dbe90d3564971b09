//! The bodies of the fuzz targets: each takes bytes or text, and returns an error. `tests/fuzz` has
//! a target of one line for each, and `tests/tests/fuzz_bodies.rs` runs them over seeds, mutated
//! seeds and random bytes, without libFuzzer.

mod draw;

use std::sync::LazyLock;

use cabi::{Convention, DataModel, Declaration, Error, FnAbi, FnSig, Type, X86_64_SYSV};
use cabi_header::Emitter;
use cabi_verify::case::Direction;
use cabi_verify::verdict::Fault;
use cabi_verify::verdict::is_known;
use clif_cabi::cranelift_codegen::ir::AbiParam;
use clif_cabi::cranelift_codegen::isa::{self, OwnedTargetIsa};
use clif_cabi::cranelift_codegen::settings::{self, Flags};
use clif_cabi::{LowerError, Lowering, PlanError, clif_signature, value_type};
use toy::{Failure, Form, Text};

use crate::invariants;

/// Leaves looked at per type: arrays may have very many.
const MAX_LEAVES: usize = 2000;

/// Checks types and a signature made of `bytes`, through layout, places and plans: nothing panics,
/// and all agree.
pub fn signatures(bytes: &[u8]) -> Result<(), String> {
    signatures_under(bytes, &X86_64_SYSV)
}

/// Checks as [`signatures`], with another convention for System V's: a broken one must be noticed.
pub fn signatures_under(bytes: &[u8], sysv: &'static Convention) -> Result<(), String> {
    let draw::DrawnSignature {
        types,
        any_given,
        mixed,
        plain,
        sig,
        longer,
        target,
    } = draw::signature(bytes, sysv);
    for ty in &types {
        ask(ty)?;
    }
    let of_signature = |why: String| format!("{why}\nof {sig:?}");
    let abi = FnAbi::new(&sig, &target);
    invariants::explanation(&sig, &target, &abi).map_err(of_signature)?;
    if let Ok(abi) = &abi {
        if !mixed {
            let decayed = sig.clone().decayed(target.data_model());
            invariants::arguments(&decayed, abi).map_err(of_signature)?;
            invariants::result(&sig, abi).map_err(of_signature)?;
        }
        if let Ok(long) = FnAbi::new(&longer, &target) {
            invariants::further_argument(abi, &long).map_err(of_signature)?;
        }
    }
    let fit = !mixed && *target.data_model() == DataModel::LP64;
    let is_plain = plain && fit && !any_given && target.convention().is_some();
    if let Err(why) = &abi
        && is_plain
        && !matches!(why, Error::NoKnownRule { .. })
        && !is_no_c(&why.to_string())
    {
        return Err(of_signature(format!("refused without need: {why}")));
    }
    planned(&sig, fit, abi.ok().as_ref().filter(|_| is_plain)).map_err(of_signature)
}

/// Checks whether a refusal with these words is about a property that no C function has.
fn is_no_c(why: &str) -> bool {
    const NO_VALUES: [&str; 5] = [
        "needs a complete object type",
        "C cannot pass or return an array",
        "a function cannot return a function",
        "the arguments take more than 2 GiB of stack",
        "too large for Cranelift",
    ];
    NO_VALUES.iter().any(|no| why.contains(no))
}

/// Checks all properties of one type.
fn ask(ty: &Type) -> Result<(), String> {
    // All of these must come to an end without a panic.
    let _ = (ty.to_string(), ty.canonical_align(), value_type(ty));
    invariants::leaves_inside(ty, MAX_LEAVES)?;
    let mut emitter = Emitter::new(&DataModel::LP64);
    let _ = emitter.declaration(ty, "x");
    Ok(())
}

/// Checks that calls and entries are planned from one `FnAbi`, and that Cranelift has every part at
/// its place; a refusal has words. Types that are not of x86-64 Linux do not `fit`: their plans
/// have to be made or refused, no more. Places of `plain` C are refused for known reasons only.
fn planned(sig: &FnSig, fit: bool, plain: Option<&FnAbi>) -> Result<(), String> {
    static ISA: LazyLock<Option<OwnedTargetIsa>> = LazyLock::new(|| {
        // There are no plans if Cranelift was built without this target.
        let builder = isa::lookup_by_name("x86_64-unknown-linux-gnu").ok()?;
        builder.finish(Flags::new(settings::builder())).ok()
    });
    let Some(isa) = &*ISA else { return Ok(()) };
    // Not kept: it keeps every plan it has made.
    let lower = Lowering::new(&**isa).map_err(|error| error.to_string())?;
    let fault = match plans_agree(&lower, sig) {
        Err(why) if fit => return Err(why),
        Ok(Some(error)) => Fault::from(error),
        _ => return Ok(()),
    };
    let is_known = |abi| {
        let is_refused = !matches!(fault, Fault::Failed(_));
        is_refused && is_known(&fault, abi, Direction::Call)
    };
    match plain.is_none_or(is_known) || is_no_c(&fault.to_string()) {
        true => Ok(()),
        false => Err(format!("refused without need: {fault}")),
    }
}

/// Checks that caller and callee are planned from one [`FnAbi`], and that Cranelift has every part
/// at its place. Both may also be refused for the same reason, which is returned.
///
/// # Errors
/// The disagreement. A plan that Cranelift would place otherwise, or not at all, is a mistake of
/// the plan's.
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
    let (call, entry) = match (call, entry) {
        (Ok(call), Ok(entry)) => (call, entry),
        (Err(call), Err(entry)) if call.to_string() == entry.to_string() => return Ok(Some(call)),
        // An unnamed argument is the call's alone.
        (Err(_), Ok(_)) | (Ok(_), Err(_)) if sig.is_variadic() => return Ok(None),
        (call, entry) => return Err(format!("calls are {call:?}, entries {entry:?}")),
    };
    let (of_call, of_entry) = (&call.abi, &entry.abi);
    // The entry of a variadic function has its named arguments only.
    let same_args = match sig.is_variadic() {
        true => of_call.args.starts_with(&of_entry.args) && of_call.ret == of_entry.ret,
        false => of_call == of_entry,
    };
    let [returned, returns] =
        [&call.signature, &entry.signature].map(|sig| clif_signature(sig).returns);
    // A function returns an extended value as the wider integer, which its caller does not look at.
    let is_alike = |(one, other): (&AbiParam, &AbiParam)| {
        let [narrow, wide] = [one, other].map(|param| param.value_type);
        let is_extended = narrow.is_int() && wide.is_int() && narrow.bits() < wide.bits();
        one == other || is_extended && one.purpose == other.purpose
    };
    let alike = returned.len() == returns.len() && returned.iter().zip(&returns).all(is_alike);
    // A result that a stub moves is the call's alone.
    if same_args && (alike || entry.moves_vectors()) {
        return Ok(None);
    }
    Err(format!("calls are {call:?}, entries {entry:?}"))
}

/// Checks text as a declaration of C, under data models with other widths.
///
/// # Errors
/// A reason that is about no character of the text.
pub fn declaration(text: &str) -> Result<(), String> {
    for model in [&DataModel::LP64, &DataModel::LLP64, &DataModel::ILP32] {
        match Declaration::parse(text, model) {
            Err(Error::Text { at, .. }) if text.is_char_boundary(at) => {}
            Err(error) => return Err(format!("{error:?}")),
            Ok(read) => drop(read.sig.to_string()),
        }
    }
    Ok(())
}

/// Checks text as a program of toy: lexed, parsed, checked, lowered and shown, not run. C headers
/// are not read.
///
/// # Errors
/// A diagnostic without a place, or a program that is right and does not compile.
pub fn toy(text: &str) -> Result<(), String> {
    static RUNS_HERE: LazyLock<bool> =
        LazyLock::new(|| Text::new("empty.toy", "").emit(Form::Clif).is_ok());
    let program = Text::new("fuzz.toy", text);
    if program.uses_headers() || !*RUNS_HERE {
        return Ok(());
    }
    match program.emit(Form::Clif) {
        Ok(_) => Ok(()),
        Err(Failure::Wrong(diagnostics)) if diagnostics.contains("fuzz.toy:") => Ok(()),
        Err(Failure::Wrong(diagnostics)) => {
            Err(format!("a diagnostic without a place: {diagnostics:?}"))
        }
        Err(Failure::NotRun(why)) => Err(format!("checked, but not compiled: {why}")),
    }
}
