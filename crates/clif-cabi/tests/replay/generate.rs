//! Random CLIF signatures that replay accepts, and random bytes, from a seed.

use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, types};

use super::probe::STACK_BYTES;
use super::{machine, replay};

/// The most parameters of a generated signature.
pub(crate) const MAX_PARAMS: usize = 22;
/// The most results.
pub(crate) const MAX_RESULTS: usize = 16;
/// The most bytes of a generated `sarg`.
pub(crate) const MAX_AREA: u32 = 40;

// All parameters on the stack in 16 bytes each, four of them as areas, after Windows' shadow space.
const _: () = assert!(16 * MAX_PARAMS + 4 * MAX_AREA as usize + 32 <= STACK_BYTES);

pub(crate) const INTS: [Type; 4] = [types::I8, types::I16, types::I32, types::I64];
pub(crate) const FLOATS: [Type; 2] = [types::F32, types::F64];
pub(crate) const SMALL_VECTORS: [Type; 7] = [
    types::I8X2,
    types::I8X4,
    types::I16X2,
    types::I8X8,
    types::I16X4,
    types::I32X2,
    types::F32X2,
];
pub(crate) const VECTORS: [Type; 6] = [
    types::I8X16,
    types::I16X8,
    types::I32X4,
    types::I64X2,
    types::F32X4,
    types::F64X2,
];

/// SplitMix64: a fixed seed is a fixed sequence, on every host and in every version.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Draws a signature that Cranelift compiles and replay accepts.
pub(crate) fn signature(rng: &mut Rng) -> Signature {
    let mut sig = Signature::new(rng.pick(machine::CONVENTIONS));
    // Each signature leans to one class, so that either runs out of registers while the other does
    // not.
    let int_share = rng.pick(&[2, 5, 8]);
    let mut n_areas = 0;
    for _ in 0..rng.below(MAX_PARAMS + 1) {
        let area = rng.pick(&[0, 8, 16, 24, 32, MAX_AREA]);
        let area = AbiParam::special(types::I64, ArgumentPurpose::StructArgument(area));
        let mut alone = Signature::new(sig.call_conv);
        alone.params.push(area);
        if n_areas < 4 && rng.below(12) == 0 && replay(&alone).is_ok() {
            n_areas += 1;
        } else {
            alone.params[0] = value(rng, int_share);
        }
        sig.params
            .extend(replay(&alone).is_ok().then_some(alone.params[0]));
    }
    // C puts the pointer to the result first; Cranelift takes it anywhere.
    let n_params = sig.params.len();
    if n_params > 0 && rng.below(6) == 0 {
        let index = rng.below(2) * rng.below(n_params);
        let sret = AbiParam::special(types::I64, ArgumentPurpose::StructReturn);
        let before = std::mem::replace(&mut sig.params[index], sret);
        if let Err(true) = replay(&sig).map_err(|why| why.contains("sret")) {
            sig.params[index] = before;
        }
    }
    // Some are extended in registers only.
    while let Err(why) = replay(&sig) {
        let extended = |param: &&mut AbiParam| param.extension != ArgumentExtension::None;
        let last = sig.params.iter_mut().rfind(extended);
        last.unwrap_or_else(|| panic!("{why}")).extension = ArgumentExtension::None;
    }
    for _ in 0..rng.below(MAX_RESULTS + 1) {
        sig.returns.push(value(rng, int_share));
        if replay(&sig).is_err() {
            sig.returns.pop();
        }
    }
    sig
}

fn value(rng: &mut Rng, int_share: usize) -> AbiParam {
    if rng.below(10) < int_share {
        let param = AbiParam::new(rng.pick(&INTS));
        return match rng.below(4) {
            0 => param.sext(),
            1 => param.uext(),
            _ => param,
        };
    }
    AbiParam::new(match rng.below(8) {
        0 => types::F16,
        1 => types::F128,
        2 | 3 => rng.pick(&VECTORS),
        4 => rng.pick(&SMALL_VECTORS),
        _ => rng.pick(&FLOATS),
    })
}
