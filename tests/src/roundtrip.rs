//! Calls from Cranelift's code to Cranelift's code: both sides are lowered, each from the signature alone. Every argument, the callee's copy of it,
//! the result's source and its destination lie against a guard page, and the bytes on their other side are compared too.

use std::ptr::null;

use cabi::{FnSig, Type};
use cabi_verify::check::calls::N_BUFFERS;
use cabi_verify::emit::cranelift::{self, BufferAddresses, CallVia, Mutation, keeps_result};
use cabi_verify::pattern::{Painter, Pattern};
use cabi_verify::run::guard::{GuardedBuffers, Side};
use cabi_verify::verdict::{Fault, Refusal};
use clif_cabi::Lowering;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Engine, Settings};

use crate::invariants::passed_as;

/// The forms in which caller and callee have the values, and where the guard page is.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// The caller's forms.
    pub caller: usize,
    /// The callee's.
    pub callee: usize,
    /// The side of the objects against the page.
    pub side: Side,
}

/// Buffers of the result: where the callee takes it from, and where the caller puts it.
const GIVEN: usize = 0;
const RETURNED: usize = 1;

/// The buffer of argument `i`, and that of the callee's copy.
const fn of_argument(i: usize) -> (usize, usize) {
    (2 * i + 2, 2 * i + 3)
}

/// Bytes beside an object that must keep their value.
const BESIDE: usize = 64;
const POISON: u8 = 0xcc;

/// Calls a function of `sig` once in each variant, and compares both ends. Returns how many calls were made.
pub fn run(
    sig: &FnSig,
    settings: &Settings,
    buffers: &GuardedBuffers,
    variants: &[Variant],
) -> Result<usize, Fault> {
    let mut engine = Engine::new(settings)?;
    let lower = Lowering::new(engine.isa())?;
    let mut painter = Painter::starting_at(u8::try_from(variants.len() % 16).unwrap_or(0));
    let params = sig.params().iter();
    let passed: Vec<&Type> = params.map(|param| passed_as(&param.ty)).collect();
    let call = Call {
        arguments: passed.into_iter().map(|ty| painter.paint(ty)).collect(),
        result: painter.paint(sig.result()),
        buffers,
    };
    let mutation = Mutation::default();
    let mut shims = Vec::new();
    for variant in variants {
        let (seen, offsets, given) = call.addresses(variant.side)?;
        let escape = null();
        let places = BufferAddresses::Here {
            seen,
            given,
            escape,
        };
        let (places, forms) = ((places, &offsets[..]), variant.callee);
        let callee = cranelift::function(&mut engine, None, &lower, sig, places, forms, mutation)?;
        let via = CallVia::Function(callee);
        let forms = variant.caller;
        let shim = cranelift::shim(&mut engine, &lower, sig, via, forms, mutation)?;
        shims.push((variant, shim));
    }
    engine.finalize()?;
    for (variant, shim) in &shims {
        let made = call.make(&engine, *shim, **variant);
        made.map_err(|why| Fault::from(format!("{variant:?}: {why}")))?;
    }
    Ok(shims.len())
}

/// What is sent, and what comes back.
struct Call<'a> {
    arguments: Vec<Pattern>,
    result: Pattern,
    buffers: &'a GuardedBuffers,
}

impl Call<'_> {
    /// Where the callee writes its first argument, how far from there the others are, and where it takes the result from.
    fn addresses(&self, side: Side) -> Result<(*mut u8, Vec<usize>, *const u8), Fault> {
        let at = |buffer: usize, pattern: &Pattern| {
            let object = self.buffers.object(buffer, pattern.bytes.len(), side);
            let object = object.filter(|_| buffer < N_BUFFERS);
            let refusal = || Refusal::Untried("too large for the buffers".to_owned());
            object.ok_or_else(|| Fault::Refused(refusal()))
        };
        let mut copies = Vec::new();
        for (i, argument) in self.arguments.iter().enumerate() {
            copies.push(at(of_argument(i).1, argument)?);
        }
        let given = at(GIVEN, &self.result)?;
        let first = copies.first().copied().unwrap_or(given);
        let distance = |copy: &*mut u8| (*copy as usize).wrapping_sub(first as usize);
        Ok((first, copies.iter().map(distance).collect(), given))
    }

    fn make(&self, engine: &Engine, shim: FuncId, variant: Variant) -> Result<(), String> {
        let side = variant.side;
        let mut pointers = Vec::new();
        for (i, argument) in self.arguments.iter().enumerate() {
            let (sent, seen) = of_argument(i);
            pointers.push(self.put(sent, &argument.bytes, side)?);
            self.put(seen, &vec![POISON; argument.bytes.len()], side)?;
        }
        self.put(GIVEN, &self.result.bytes, side)?;
        let to = self.put(RETURNED, &vec![POISON; self.result.bytes.len()], side)?;
        let code = engine.code(shim).map_err(|error| error.to_string())?;
        // SAFETY: `run` has compiled it as such; each pointer leads to an object of its parameter's type, and `to` to one of the result's.
        unsafe {
            type Shim = unsafe extern "C" fn(*const *mut u8, *mut u8, *const u8);
            let shim = code.typed::<Shim>();
            shim(pointers.as_ptr(), to, null());
        }
        for (i, argument) in self.arguments.iter().enumerate() {
            let seen = self.check(of_argument(i).1, argument, side);
            seen.map_err(|why| format!("argument {i}: {why}"))?;
        }
        if keeps_result(variant.caller) {
            let returned = self.check(RETURNED, &self.result, side);
            returned.map_err(|why| format!("result: {why}"))?;
        }
        Ok(())
    }

    fn put(&self, buffer: usize, object: &[u8], side: Side) -> Result<*mut u8, String> {
        let poison = vec![POISON; object.len() + BESIDE];
        let _ = self.buffers.put(buffer, &poison, side);
        let at = self.buffers.put(buffer, object, side);
        at.ok_or_else(|| "too large for a buffer".to_owned())
    }

    /// Whether the object is there, and what is beside it untouched.
    fn check(&self, buffer: usize, object: &Pattern, side: Side) -> Result<(), String> {
        let size = object.bytes.len();
        let all = self.buffers.get(buffer, size + BESIDE, side);
        let all = all.ok_or("too large for a buffer")?;
        let (got, beside) = match side {
            Side::Start => all.split_at(size),
            Side::End => {
                let (beside, got) = all.split_at(BESIDE);
                (got, beside)
            }
        };
        object.check_all(got)?;
        match beside.iter().position(|byte| *byte != POISON) {
            Some(at) => Err(format!("byte {at} beside the object was written")),
            None => Ok(()),
        }
    }
}
