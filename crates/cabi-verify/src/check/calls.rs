//! One case in one direction under one engine: a shim calls C code, or C code calls a function.
//!
//! Every argument of a shim lies against a guard page, first after it and then before it, and so
//! does the result. The same holds for the objects that a function of ours writes and returns.
//! Writes beside an object, where no page faults, are noticed too. Two rounds differ in every byte.
//! A thunk between the two sides sees `al`, the alignment of the stack, `rax` after a result in
//! memory, and the registers that the callee must preserve; the x87 stack must be empty after each
//! call.

use crate::case::Case;
use crate::emit::c::Images;
use crate::header::MAX_ARGUMENTS;
use crate::pattern::{Values, images};
use cabi::{FnAbi, FnSig, Type};
use clif_cabi_jit::Settings;

use crate::run::boundary::{self, BoundaryCallee, Crossing, Promise};
use crate::run::guard::{GuardedBuffers, PageEnd};
use crate::run::loaded::LoadedCode;
use crate::run::{BUFFER, Written};

mod callee_objects;
mod children;
mod engine;
mod registers_at_call;
mod run_time;

pub use crate::case::Direction;
pub use crate::verdict::{Difference, Fault, Value, Verdict};
pub use children::{Calls, run};
use engine::Caches;
pub use engine::Key;
use registers_at_call::{check_call, check_return};

/// State that the cases of one process share.
#[derive(Debug)]
pub(crate) struct Harness<'a> {
    /// The C side.
    pub loaded: &'a LoadedCode,
    /// The Cranelift side.
    pub settings: &'a Settings,
    /// Objects of shims.
    pub buffers: &'a GuardedBuffers,
}

/// Bytes of code that the cases of a process may become together.
pub(crate) const MEMORY: usize = 1 << 24;

/// The buffers that any case needs: its arguments, and the result.
pub(crate) const N_BUFFERS: usize = MAX_ARGUMENTS + 1;

/// Values that every call of a case sends and expects.
#[derive(Clone, Debug)]
pub(crate) struct CallCase {
    types: Vec<Type>,
    pub(crate) images: Images,
    /// Places in which C and Cranelift have to pass each value.
    abi: FnAbi,
    sig: FnSig,
    /// The signature that Cranelift lowers: the case's, or a wrong one in a negative control.
    pub(crate) told: FnSig,
    pub(crate) n_named: usize,
    index: usize,
    pub(crate) has_result: bool,
}

impl CallCase {
    pub(crate) fn new(case: &Case, sig: FnSig, told: FnSig, index: usize) -> Result<Self, Fault> {
        let abi = FnAbi::new(&sig, &case.target).map_err(clif_cabi::LowerError::from)?;
        let types = case.argument_types();
        let plan = Self {
            images: Images::of(&types),
            types,
            abi,
            told,
            sig,
            n_named: case.prototype.params.len(),
            index,
            has_result: case.has_result(),
        };
        let large = plan.sig.result().size() > BUFFER as u64;
        if plan.images.size > BUFFER || large || plan.types.len() >= N_BUFFERS {
            return Err(Difference::from("too large for the buffers").into());
        }
        Ok(plan)
    }
}

/// Values that a round sends and returns.
pub(crate) struct Round {
    pub(crate) values: Values,
    side: PageEnd,
}

/// Addresses of objects in each round.
const SIDES: [PageEnd; 2] = [PageEnd::End, PageEnd::Start];

/// Returns the first or the second round.
fn round(plan: &CallCase, number: usize) -> Round {
    let (first, side) = match number {
        0 => (1, SIDES[0]),
        _ => (9, SIDES[1]),
    };
    let ret = plan.sig.result();
    Round {
        values: Values::new(&plan.types, plan.n_named, ret, (first, first + 6)),
        side,
    }
}

/// Calls the C callee by `run`, which gets the addresses of the arguments and of the result, and
/// the function to call.
fn call(
    harness: &Harness<'_>,
    plan: &CallCase,
    keeps_result: bool,
    round: &Round,
    run: impl FnOnce([*const u8; 3], BoundaryCallee) -> Crossing,
) -> Result<(), Difference> {
    let (loaded, buffers) = (harness.loaded, harness.buffers);
    let mut pointers = Vec::new();
    for (i, pattern) in round.values.promoted.iter().enumerate() {
        let at = buffers.put(i + 1, &pattern.bytes, round.side);
        pointers.push(at.ok_or("too large for a buffer")?);
    }
    // A callee may rely on the alignment of its result's place, which a typedef can make larger
    // than the size.
    let size = callee_objects::object_bytes(plan.sig.result());
    let ret = buffers.poison(0, size, round.side).ok_or("no buffer")?;
    loaded.prepare(&round.values.result.bytes, plan.images.size);
    let callee = loaded
        .callee(plan.index)
        .ok_or("the C code has no callee")?;
    let target = BoundaryCallee {
        code: callee,
        promise: Promise::of(&plan.abi),
    };
    let args = [pointers.as_ptr().cast(), ret, boundary::thunk_address()];
    let crossing = run(args, target);
    crossing.check("our caller", "the C callee")?;
    crossing.check_machine()?;
    let written = loaded.written(plan.images.size, 0);
    check_seen(&round.values, &plan.images, &written, "in C")?;
    plan.check_widened(&round.values, &written)?;
    objects_are_as_before(round, buffers)?;
    if keeps_result {
        let got = buffers.get(0, size, round.side).ok_or("no buffer")?;
        Difference::check(&round.values.result, &got, Value::Result, "from C")?;
    }
    let beside = buffers.check_beside(0, size, round.side);
    beside.map_err(|why| format!("the caller's object of the result: {why}"))?;
    let [at_call, _] = crossing.images();
    Ok(check_call(&plan.abi, &at_call)?)
}

/// Checks whether the caller's objects are unchanged: a callee has its own copies, and writes to
/// them.
fn objects_are_as_before(round: &Round, buffers: &GuardedBuffers) -> Result<(), Difference> {
    for (i, pattern) in round.values.promoted.iter().enumerate() {
        if buffers.get(i + 1, pattern.bytes.len(), round.side).as_ref() != Some(&pattern.bytes) {
            let why = format!("argument {i}: the callee's writes to it change its caller's object");
            return Err(why.into());
        }
    }
    Ok(())
}

/// Compares the arguments that a callee has written down; `place` says in words where that was.
pub(crate) fn check_seen(
    values: &Values,
    images: &Images,
    written: &Written,
    place: &str,
) -> Result<(), Difference> {
    let (n, n_offsets) = (values.promoted.len(), images.offsets.len());
    if n != n_offsets {
        return Err(format!("{n} arguments have {n_offsets} places in the image").into());
    }
    for (i, (pattern, at)) in values.promoted.iter().zip(&images.offsets).enumerate() {
        let got = written.seen(*at, pattern.bytes.len());
        Difference::check(pattern, got, Value::Argument(i), place)?;
    }
    Ok(())
}

/// Lets C call our function at `code`, an address of the case's type, whose objects are at a
/// `guarded` side of buffers, or are C's.
fn from_c(
    harness: &Harness<'_>,
    plan: &CallCase,
    code: *const u8,
    round: &Round,
    guarded: Option<PageEnd>,
) -> Result<(), Difference> {
    let promise = Promise::of(&plan.abi);
    let loaded = harness.loaded;
    let images = images(
        &round.values.declared,
        &plan.images.offsets,
        plan.images.size,
    );
    let given = &round.values.result.bytes;
    loaded.prepare(given, plan.images.size);
    if let Some(side) = guarded {
        callee_objects::prepare(harness, plan, (given, side))?;
    }
    // SAFETY: the callers of this function give an address of the case's type.
    let crossing = unsafe { loaded.call(plan.index, &images, BoundaryCallee { code, promise }) }?;
    crossing.check("the C caller", "our callee")?;
    crossing.check_machine()?;
    let mut written = loaded.written(plan.images.size, given.len());
    if let Some(side) = guarded {
        callee_objects::copy_to(&mut written.seen, harness, plan, side);
    }
    check_seen(&round.values, &plan.images, &written, "from C")?;
    if let Some(side) = guarded {
        callee_objects::check_beside(harness, plan, side)?;
    }
    if plan.has_result {
        Difference::check(&round.values.result, &written.got, Value::Result, "in C")?;
    }
    match plan.sig.is_noreturn() {
        true => Ok(()),
        false => Ok(check_return(plan, &crossing)?),
    }
}
