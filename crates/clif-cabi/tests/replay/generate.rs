//! Random CLIF signatures that replay accepts, and random bytes, from a seed.

use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::CallConv;

use super::machine;
use super::probe::STACK_BYTES;

/// The most parameters of a generated signature.
pub(crate) const MAX_PARAMS: usize = 22;
/// The most results.
pub(crate) const MAX_RESULTS: usize = 16;
/// The most bytes of a generated `sarg`.
pub(crate) const MAX_AREA: u32 = 40;

// All parameters on the stack in 16 bytes each, four of them as areas, after Windows' shadow space.
const _: () = assert!(16 * MAX_PARAMS + 4 * MAX_AREA as usize + 32 <= STACK_BYTES);

const INTS: [Type; 4] = [types::I8, types::I16, types::I32, types::I64];
const FLOATS: [Type; 2] = [types::F32, types::F64];
const SMALL_VECTORS: [Type; 7] = [
    types::I8X2,
    types::I8X4,
    types::I16X2,
    types::I8X8,
    types::I16X4,
    types::I32X2,
    types::F32X2,
];
const VECTORS: [Type; 6] = [
    types::I8X16,
    types::I16X8,
    types::I32X4,
    types::I64X2,
    types::F32X4,
    types::F64X2,
];

pub(crate) use super::probe::Rng;

/// A signature that Cranelift compiles and replay accepts.
pub(crate) fn signature(rng: &mut Rng) -> Signature {
    let call_conv = machine::call_conv(rng);
    let mut sig = Signature::new(call_conv);
    let n_params = rng.below(MAX_PARAMS + 1);
    // Each signature leans to one class, so that either runs out of registers while the other does not.
    let int_share = rng.pick(&[2, 5, 8]);
    let mut n_areas = 0;
    for _ in 0..n_params {
        let area = machine::has_areas(call_conv) && n_areas < 4 && rng.below(12) == 0;
        sig.params.push(if area {
            n_areas += 1;
            let size = rng.pick(&[0, 8, 16, 24, 32, MAX_AREA]);
            AbiParam::special(types::I64, ArgumentPurpose::StructArgument(size))
        } else {
            value(rng, call_conv, int_share, false)
        });
    }
    machine::restrict(&mut sig);
    if machine::has_sret(call_conv) && n_params > 0 && rng.below(6) == 0 {
        // C puts it first; Cranelift takes it anywhere.
        let index = if rng.below(2) == 0 {
            0
        } else {
            rng.below(n_params)
        };
        sig.params[index] = AbiParam::special(types::I64, ArgumentPurpose::StructReturn);
        return sig;
    }
    let (mut n_int, mut n_vector) = machine::n_results(call_conv);
    for _ in 0..rng.below((n_int + n_vector + 1).min(MAX_RESULTS + 1)) {
        let result = value(rng, call_conv, int_share, true);
        let n_left = if result.value_type.is_int() {
            &mut n_int
        } else {
            &mut n_vector
        };
        if *n_left > 0 {
            *n_left -= 1;
            sig.returns.push(result);
        }
    }
    sig
}

fn value(rng: &mut Rng, call_conv: CallConv, int_share: usize, result: bool) -> AbiParam {
    if rng.below(10) < int_share {
        let param = AbiParam::new(rng.pick(&INTS));
        return match rng.below(4) {
            0 => param.sext(),
            1 => param.uext(),
            _ => param,
        };
    }
    AbiParam::new(match rng.below(8) {
        0 if machine::takes(call_conv, types::F16, result) => types::F16,
        1 if machine::takes(call_conv, types::F128, result) => types::F128,
        2 | 3 if machine::takes(call_conv, types::I8X16, result) => rng.pick(&VECTORS),
        4 => rng.pick(&SMALL_VECTORS),
        _ => rng.pick(&FLOATS),
    })
}
