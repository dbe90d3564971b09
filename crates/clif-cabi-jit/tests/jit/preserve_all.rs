//! clang's `preserve_all`: ours call clang's, and registers are looked at around both: neither
//! changes any but r11.

use clif_cabi_jit::clif_cabi::cabi::{Convention, X86_64_PRESERVE_ALL};
use std::arch::asm;
use std::arch::x86_64::__m128i;

use crate::common::*;

static PRESERVE_ALL: Convention = X86_64_PRESERVE_ALL;

/// `wreck` is a C function that changes every register it may.
const C: &str = r#"
typedef struct { double x; long n; } pair;
#define PRESERVE __attribute__((preserve_all))
#define ALL "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", \
  "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
void wreck(void) {
  __asm__ volatile(
    "mov $-1, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%r8;"
    "mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11; pcmpeqd %%xmm0, %%xmm0; movaps %%xmm0, %%xmm1;"
    "movaps %%xmm0, %%xmm2; movaps %%xmm0, %%xmm3; movaps %%xmm0, %%xmm4; movaps %%xmm0, %%xmm5; movaps %%xmm0, %%xmm6;"
    "movaps %%xmm0, %%xmm7; movaps %%xmm0, %%xmm8; movaps %%xmm0, %%xmm9; movaps %%xmm0, %%xmm10; movaps %%xmm0, %%xmm11;"
    "movaps %%xmm0, %%xmm12; movaps %%xmm0, %%xmm13; movaps %%xmm0, %%xmm14; movaps %%xmm0, %%xmm15" ::: ALL);
}
PRESERVE void theirs(double *to, pair p, int k, float f) {
  *to = p.x + p.n + k + f;
  wreck();
}
"#;

fn signature() -> FnSig {
    FnSig::new([Type::PTR, pair(), Type::I32, Type::F32], Type::VOID)
}

/// Defines a function of `own` that passes what it is passed to the function at `callee`, of `sig`,
/// then calls `wreck`.
fn hand_on(
    engine: &mut Engine,
    own: &FnSig,
    sig: &FnSig,
    callee: *const u8,
    wreck: *const u8,
) -> *const u8 {
    let function = exported(engine, "hand_on", own, |lower, engine, builder, entry| {
        let mut args = Vec::new();
        for i in 0..own.params().len() {
            let parts = entry.parts(builder, i).unwrap();
            args.push(Arg::parts(&parts));
        }
        let address = |at: *const u8| at.addr().cast_signed() as i64;
        let to = builder.ins().iconst(I64, address(callee));
        lower
            .call_sig(engine, builder, to, sig, &args, Ret::Ignore)
            .unwrap();
        let to = builder.ins().iconst(I64, address(wreck));
        let nothing = FnSig::new([], Type::VOID);
        lower
            .call_sig(engine, builder, to, &nothing, &[], Ret::Ignore)
            .unwrap();
        // A value that lives across both calls.
        let Arg::Parts(first) = &args[0] else {
            unreachable!()
        };
        let word = builder.ins().load(I64, MemFlagsData::new(), first[0], 0);
        builder.ins().store(MemFlagsData::new(), word, first[0], 0);
        entry.ret(engine, builder, None).unwrap();
    });
    engine.finalize().unwrap();
    // SAFETY: the engine lives as long as the test.
    unsafe { engine.code(function.id).unwrap().as_ptr().cast() }
}

/// Returns the registers that `code`, a function of the signature, changes: rax, rcx and so on,
/// r11, xmm0 and so on.
fn changed(code: *const u8) -> (usize, bool) {
    let mut to = 0.0_f64;
    let mut ints = [3_u64, 77, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15];
    ints[3] = (&raw mut to).expose_provenance() as u64; // rdi
    ints[2] = 100; // rsi: pair.n
    ints[1] = 3; // rdx: k
    let mut after = ints;
    let vector = |n: u64| -> __m128i {
        // SAFETY: any 16 bytes are one.
        unsafe { std::mem::transmute([n, !n]) }
    };
    let before: [__m128i; 16] = std::array::from_fn(|i| {
        vector(match i {
            0 => 0.5_f64.to_bits(),
            1 => 0.25_f32.to_bits().into(),
            i => i as u64,
        })
    });
    let mut x = before;
    let mut r11 = code.expose_provenance() as u64;
    // SAFETY: `code` is a function that takes these registers; what it changes is declared.
    unsafe {
        asm!(
            "call r11",
            inout("rax") after[0], inout("rdx") after[1], inout("rsi") after[2], inout("rdi") after[3],
            inout("rcx") after[4], inout("r8") after[5], inout("r9") after[6], inout("r10") after[7],
            inout("r12") after[8], inout("r13") after[9], inout("r14") after[10], inout("r15") after[11],
            inout("r11") r11,
            inout("xmm0") x[0], inout("xmm1") x[1], inout("xmm2") x[2], inout("xmm3") x[3],
            inout("xmm4") x[4], inout("xmm5") x[5], inout("xmm6") x[6], inout("xmm7") x[7],
            inout("xmm8") x[8], inout("xmm9") x[9], inout("xmm10") x[10], inout("xmm11") x[11],
            inout("xmm12") x[12], inout("xmm13") x[13], inout("xmm14") x[14], inout("xmm15") x[15],
        );
    }
    assert_eq!(to, 103.75);
    // SAFETY: 16 bytes are a number.
    let bits = |v: __m128i| -> u128 { unsafe { std::mem::transmute(v) } };
    let ints = ints.iter().zip(&after).filter(|(a, b)| a != b).count();
    let vectors = before
        .iter()
        .zip(&x)
        .filter(|(a, b)| bits(**a) != bits(**b))
        .count();
    (ints + vectors, r11 != code.expose_provenance() as u64)
}

#[test]
fn ours_and_clangs_keep_registers() {
    // gcc has no such attribute.
    for cc in programs_here(&["clang-19"]) {
        let library = library(cc, &[], "preserve_all", C);
        let [theirs, wreck] = ["theirs", "wreck"].map(|name| library.symbol(name).unwrap());
        let sig = signature().convention(&PRESERVE_ALL);
        for settings in all_settings() {
            let mut engine = Engine::new(&settings).unwrap();
            let ours = hand_on(&mut engine, &sig, &sig, theirs, wreck);
            assert_eq!(changed(ours).0, 0, "{settings:?}");
            // Controls: a function of C that does the same keeps few of them. Our calls of `theirs`
            // are C's, because it does not keep r11.
            let mut engine = Engine::new(&settings).unwrap();
            let c = hand_on(&mut engine, &signature(), &sig, theirs, wreck);
            assert!(changed(c).0 > 20);
            assert_eq!(changed(theirs), (0, true));
        }
    }
}
