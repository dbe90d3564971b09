//! A call from Cranelift's code to Cranelift's code: both sides are lowered, each from the signature alone.

use cabi::{FnSig, Type};
use cabi_judge::graffiti::{Painter, Pattern};
use cabi_judge::half::Images;
use clif_cabi::Lowering;
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Engine, Settings};

use crate::random::passed_as;
use cabi_judge::guard::{Rooms, Side};
use cabi_judge::halves::BUFFER;
use cabi_judge::jit::{self, Places, Refusal, Stop, Target, Twist, keeps_result};

/// Calls a function of `sig` once, with the arguments in `rooms` and in the forms that `variant` chooses; compares both ends.
///
/// # Errors
/// [`Stop`].
pub fn run(sig: &FnSig, settings: &Settings, rooms: &Rooms, variant: usize) -> Result<(), Stop> {
    let mut engine = Engine::new(settings)?;
    let lower = Lowering::new(engine.isa())?;
    let types: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
    let images = Images::of(&types);
    let mut painter = Painter::starting_at(u8::try_from(variant % 16).unwrap_or(0));
    let patterns: Vec<Pattern> = types
        .iter()
        .map(|ty| painter.paint(passed_as(ty)))
        .collect();
    let result = painter.paint(sig.result());
    if images.size > BUFFER || result.bytes.len() > 1 << 16 {
        return Err(Stop::Refused(Refusal::Untried(
            "too large for the rooms".to_owned(),
        )));
    }
    let mut seen = vec![0xee_u8; images.size];
    let given = result.bytes.clone();
    let places = Places {
        seen: seen.as_mut_ptr(),
        offsets: &images.offsets,
        given: given.as_ptr(),
        escape: std::ptr::null(),
    };
    let twist = Twist::default();
    let callee = jit::function(&mut engine, &lower, sig, places, variant / 4, twist)?;
    let target = Target::Function(callee);
    let shim = jit::shim(&mut engine, &lower, sig, target, variant, twist)?;
    engine.finalize()?;
    let values = Values {
        offsets: &images.offsets,
        patterns: &patterns,
        result: &result,
    };
    call(&engine, shim, rooms, variant, values, &places)
}

/// What is sent, and what comes back.
struct Values<'a> {
    offsets: &'a [usize],
    patterns: &'a [Pattern],
    result: &'a Pattern,
}

fn call(
    engine: &Engine,
    shim: FuncId,
    rooms: &Rooms,
    variant: usize,
    values: Values<'_>,
    places: &Places<'_>,
) -> Result<(), Stop> {
    let no_room = || Stop::Failed("no room".to_owned());
    let side = if variant.is_multiple_of(2) {
        Side::End
    } else {
        Side::Start
    };
    let mut pointers = Vec::new();
    for (i, pattern) in values.patterns.iter().enumerate() {
        let at = rooms.put(i + 1, &pattern.bytes, side);
        pointers.push(at.ok_or_else(no_room)?);
    }
    let size = values.result.bytes.len();
    let ret = rooms.put(0, &vec![0xcc; size], side).ok_or_else(no_room)?;
    // SAFETY: `run` has compiled it as such; each pointer leads to an object of its parameter's type, and `ret` to one of the result's.
    unsafe {
        type Shim = unsafe extern "C" fn(*const *mut u8, *mut u8, *const u8);
        let shim = engine.code(shim)?.typed::<Shim>();
        shim(pointers.as_ptr(), ret, std::ptr::null());
    }
    for (i, (pattern, offset)) in values.patterns.iter().zip(values.offsets).enumerate() {
        // SAFETY: the buffer at `seen` has the size of all images, and only the call above has written to it.
        let got =
            unsafe { std::slice::from_raw_parts(places.seen.add(*offset), pattern.bytes.len()) };
        let check = pattern.check_all(got);
        check.map_err(|why| Stop::Failed(format!("argument {i}: {why}")))?;
    }
    if keeps_result(variant) {
        let got = rooms.get(0, size, side).ok_or_else(no_room)?;
        let check = values.result.check_all(&got);
        check.map_err(|why| Stop::Failed(format!("result: {why}")))?;
    }
    Ok(())
}
