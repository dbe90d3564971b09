//! Library routines that compiled code calls unasked.

use clif_cabi_jit::cranelift_codegen::FinalizedRelocTarget as RelocTarget;
use clif_cabi_jit::cranelift_codegen::ir::ExternalName;

use crate::common::*;

const ROUND: &str = "function %round(f64, f32, i64) -> f64 system_v {
    block0(v0: f64, v1: f32, v2: i64):
        v3 = ceil v0
        v4 = floor v0
        v5 = trunc v0
        v6 = nearest v0
        v7 = fma v3, v4, v5
        store v3, v2
        store v4, v2+8
        store v5, v2+16
        store v6, v2+24
        v10 = ceil v1
        v11 = floor v1
        v12 = trunc v1
        v13 = nearest v1
        v14 = fma v10, v11, v12
        store v10, v2+32
        store v11, v2+36
        store v12, v2+40
        store v13, v2+44
        v15 = fpromote.f64 v14
        v16 = fadd v7, v15
        return v16
    }";

const SHUFFLE: &str = "function %shuffle(i64, i64) system_v {
    block0(v0: i64, v1: i64):
        v2 = load.i8x16 v0
        v3 = load.i8x16 v1
        v4 = swizzle v2, v3
        store v4, v0
        return
    }";

#[test]
fn library_routines_are_always_there() {
    // On x86-64 without SSE4.1, FMA and SSSE3 all of these are calls.
    for cpu in [Cpu::Host, Cpu::Baseline] {
        let mut engine = Engine::new(&Settings::default().cpu(cpu)).unwrap();
        let round = add_with_routines(&mut engine, cpu, ROUND);
        let shuffle = add_with_routines(&mut engine, cpu, SHUFFLE);
        engine.finalize().unwrap();
        // SAFETY: the signatures are those of the CLIF; both write 48 and 16 bytes through their pointers.
        let (round, shuffle) = unsafe {
            let round = engine.code(round).unwrap();
            let shuffle = engine.code(shuffle).unwrap();
            (
                round.typed::<unsafe extern "C" fn(f64, f32, *mut c_void) -> f64>(),
                shuffle.typed::<unsafe extern "C" fn(*mut u8, *const u8)>(),
            )
        };
        #[repr(C)]
        #[derive(Default, PartialEq, Debug)]
        struct Rounded([f64; 4], [f32; 4]);
        let mut rounded = Rounded::default();
        // SAFETY: 48 bytes are there.
        let sum = unsafe { round(2.5, -2.5, (&raw mut rounded).cast()) };
        assert_eq!(
            rounded,
            Rounded([3.0, 2.0, 2.0, 2.0], [-2.0, -3.0, -2.0, -2.0])
        );
        assert_eq!(sum, (3.0 * 2.0 + 2.0) + (-2.0 * -3.0 + -2.0));

        let mut bytes: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap() + 100);
        let selector = [15, 0, 1, 255, 16, 3, 2, 128, 7, 7, 7, 7, 31, 0, 0, 14];
        let expected = selector.map(|s| if s < 16 { s + 100 } else { 0 });
        // SAFETY: 16 bytes each.
        unsafe { shuffle(bytes.as_mut_ptr(), selector.as_ptr()) };
        assert_eq!(bytes, expected);
    }
}

/// Defines a function, and makes sure that it calls library routines on the baseline.
fn add_with_routines(engine: &mut Engine, cpu: Cpu, clif: &str) -> FuncId {
    let mut ctx = engine.make_context();
    ctx.func = parse(clif);
    let id = engine.declare_local(&ctx.func.signature).unwrap();
    engine.define(id, &mut ctx).unwrap();
    let mut relocs = ctx.compiled_code().unwrap().buffer.relocs().iter();
    let calls_any = relocs.any(|reloc| {
        matches!(
            reloc.target,
            RelocTarget::ExternalName(ExternalName::LibCall(_))
        )
    });
    assert!(calls_any || cpu == Cpu::Host || cfg!(not(target_arch = "x86_64")));
    id
}
