//! Arguments aligned to more than 16 bytes at every phase of the stack: ours call C functions that look at the addresses, C calls ours. Callers
//! that align the stack to 8 bytes only.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod common;

use core::ffi::c_void;

use clif_cabi_jit::clif_cabi::cabi::{Convention, FnSig, Type, X86_64_SYSV};
use clif_cabi_jit::clif_cabi::{Arg, Ret, Step, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::{InstBuilder, MemFlagsData, types::I64};
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Closures, Engine, Library, Settings};
use common::{aligned, all_settings, caller, exported, pair, policy, reference_compilers};

/// `take` answers the sum of what it is passed, or which argument is misplaced; `give` calls a function alike. Both do so at a phase of the stack.
const C: &str = r#"
#pragma GCC diagnostic ignored "-Wpsabi"
#include <alloca.h>
#include <stdarg.h>
typedef struct { long x[4] __attribute__((aligned(32))); } a32;
typedef struct { double x __attribute__((aligned(64))); } a64;
typedef struct { long x[40] __attribute__((aligned(256))); } a256;
typedef struct { long x __attribute__((aligned(4096))); } page;
typedef struct { double x; long n; } pair;

static int off(const void *p, unsigned long align) {
  const void *volatile q = p; /* what the compiler believes of it does not count */
  return (unsigned long)q % align != 0;
}
long double take(int i, a32 a, long double l, a64 b, double d, a256 c, page p) {
  if (off(&a, 32)) return -1;
  if (off(&b, 64)) return -2;
  if (off(&c, 256)) return -3;
  if (off(&p, 4096)) return -4;
  return i + a.x[0] + a.x[3] + l + b.x + d + c.x[0] + c.x[39] + p.x;
}
pair take_unnamed(int n, ...) {
  va_list list;
  va_start(list, n);
  double sum = n + va_arg(list, double);
  a32 a = va_arg(list, a32);
  sum += a.x[3] + va_arg(list, int);
  a64 b = va_arg(list, a64);
  pair result = { sum + b.x, va_arg(list, long) };
  va_end(list);
  return result;
}
void at_phase(long n, void (*f)(void *), void *data) {
  char *volatile p = alloca(16 * n + 16);
  p[0] = 1;
  f(data);
}

typedef long given(int, a32, long double, a64, double, a256, page);
struct call { given *f; long result; };
static void call_given(void *data) {
  struct call *call = data;
  a32 a = { { 2, 0, 0, 3 } };
  a64 b = { 0.5 };
  a256 c = { { 7 } };
  c.x[39] = 11;
  page p = { 13 };
  call->result = call->f(1, a, 0.25L, b, 0.25, c, p);
}
long give(given *f, long n) {
  struct call call = { f, -99 };
  at_phase(n, call_given, &call);
  return call.result;
}

/* give8(f, extra): a function of (long, record of five words on the stack), called with rsp 8 bytes from where it should be, or with one word more. */
__asm__(".pushsection .text\n.globl give8, rsp_phase\n"
        "give8: pushq %rbp\n movq %rsp, %rbp\n testq %rsi, %rsi\n je 1f\n pushq $0\n"
        "1: pushq $5\n pushq $4\n pushq $3\n pushq $2\n pushq $1\n movq %rdi, %rax\n movl $100, %edi\n movl $4096, %r10d\n call *%rax\n leave\n ret\n"
        "rsp_phase: leaq 8(%rsp), %rax\n andl $15, %eax\n ret\n"
        ".popsection");
"#;

fn words(n: u64, align: u32) -> Type {
    let array = Type::array(&Type::I64, n).unwrap();
    aligned(array, align)
}

/// What `take` is passed.
fn named() -> [Type; 7] {
    let (a, b, c) = (words(4, 32), aligned(Type::F64, 64), words(40, 256));
    [Type::I32, a, Type::F80, b, Type::F64, c, words(1, 4096)]
}

/// Tests run at the same time, so each has its own.
fn library(cc: &str, test: &str) -> Library {
    common::library(cc, &[], &format!("aligned_{test}"), C)
}

/// The bytes of objects, each in its own allocation, which is as aligned as any.
fn objects(sig: &FnSig, values: &[&[u8]]) -> Vec<Vec<u8>> {
    let objects = sig.params().iter().zip(values).map(|(param, value)| {
        let mut object = vec![0; usize::try_from(param.ty.size()).unwrap()];
        object[..value.len()].copy_from_slice(value);
        object
    });
    objects.collect()
}

/// The result of `callee` at each phase of the stack.
fn at_phases(
    library: &Library,
    callee: extern "C" fn(*const *const u8),
    objects: &[Vec<u8>],
) -> Vec<[u8; 16]> {
    let at_phase = library.symbol("at_phase").unwrap();
    type AtPhase = extern "C" fn(i64, extern "C" fn(*const *const u8), *const *const u8);
    // SAFETY: `void at_phase(long, void (*)(void *), void *)`.
    let at_phase: AtPhase = unsafe { core::mem::transmute(at_phase) };
    let results = (0..20).map(|n| {
        let mut result = [0; 16];
        let data: Vec<*const u8> = std::iter::once(result.as_mut_ptr().cast_const())
            .chain(objects.iter().map(|object| object.as_ptr()))
            .collect();
        at_phase(n, callee, data.as_ptr());
        result
    });
    results.collect()
}

/// An x87 number: `mantissa`, whose top bit is set, with the top bit standing for 2 to the `exponent`.
fn x87(mantissa: u64, exponent: i16) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&mantissa.to_le_bytes());
    bytes[8..].copy_from_slice(&(16383 + exponent).to_le_bytes());
    bytes
}

fn quarter() -> [u8; 10] {
    x87(1 << 63, -2)
}

fn longs(at: &[(usize, i64)]) -> Vec<u8> {
    let mut bytes = vec![0; 8 * at.iter().map(|(i, _)| i + 1).max().unwrap()];
    for (i, n) in at {
        bytes[8 * i..][..8].copy_from_slice(&n.to_le_bytes());
    }
    bytes
}

/// How many of the calls of `take` were right.
fn takes(cc: &str, settings: &Settings, steps: fn(Step) -> Vec<Step>) -> (usize, usize) {
    let library = library(cc, "take");
    let mut engine = Engine::new(settings).unwrap();
    let sig = FnSig::new(named(), Type::F80).policy(policy(cc));
    let take = library.symbol("take").unwrap();
    let callee = caller(&mut engine, take.cast(), &sig, steps);
    let values = [
        &1_i32.to_le_bytes()[..],
        &longs(&[(0, 2), (3, 3)]),
        &quarter(),
        &0.5_f64.to_le_bytes(),
        &0.25_f64.to_le_bytes(),
        &longs(&[(0, 7), (39, 11)]),
        &13_i64.to_le_bytes(),
    ];
    let results = at_phases(&library, callee, &objects(&sig, &values));
    let right = |result: &&[u8; 16]| result[..10] == x87(38 << 58, 5);
    (results.iter().filter(right).count(), results.len())
}

#[test]
fn ours_call_c_at_every_phase() {
    for cc in reference_compilers() {
        for settings in all_settings() {
            let (right, made) = takes(cc, &settings, |step| vec![step]);
            assert_eq!(right, made, "{cc}");
        }
        // Of the phases modulo 4096 these are 20: without the mask the last argument is never at a page but by chance.
        let (right, _) = takes(cc, &Settings::default(), |step| match step {
            Step::Align(_) => vec![],
            _ => vec![step],
        });
        assert!(right <= 1, "{cc}: {right}");
    }
}

#[test]
fn ours_call_variadic_functions_of_c_at_every_phase() {
    for cc in reference_compilers() {
        let library = library(cc, "unnamed");
        let unnamed = [
            Type::F64,
            words(4, 32),
            Type::I32,
            aligned(Type::F64, 64),
            Type::I64,
        ];
        let sig = FnSig::new([Type::I32], pair()).variadic();
        let sig = sig.policy(policy(cc)).at_call(unnamed).unwrap();
        let values = [
            &1_i32.to_le_bytes()[..],
            &0.5_f64.to_le_bytes(),
            &longs(&[(0, 2), (3, 3)]),
            &4_i32.to_le_bytes(),
            &0.25_f64.to_le_bytes(),
            &77_i64.to_le_bytes(),
        ];
        for settings in all_settings() {
            let mut engine = Engine::new(&settings).unwrap();
            let take = library.symbol("take_unnamed").unwrap();
            let callee = caller(&mut engine, take.cast(), &sig, |step| vec![step]);
            for result in at_phases(&library, callee, &objects(&sig, &values)) {
                assert_eq!(result[..8], 8.75_f64.to_le_bytes(), "{cc}");
                assert_eq!(result[8..], 77_i64.to_le_bytes(), "{cc}");
            }
        }
    }
}

#[test]
fn c_calls_ours_at_every_phase() {
    for cc in reference_compilers() {
        let library = library(cc, "give");
        let give = library.symbol("give").unwrap();
        // SAFETY: `long give(given *, long)`.
        let give: extern "C" fn(*const c_void, i64) -> i64 = unsafe { core::mem::transmute(give) };
        for settings in all_settings() {
            let closures = Closures::new(&settings).unwrap();
            let sig = FnSig::new(named(), Type::I64).policy(policy(cc));
            let interface = closures.interface(&sig).unwrap();
            let closure = interface.closure("given", |args, result| {
                let mut sum = i64::from(args.get::<i32>(0).unwrap());
                for (i, align, words) in [(1, 32, &[0, 3][..]), (5, 256, &[0, 39]), (6, 4096, &[0])]
                {
                    let bytes = args.bytes(i).unwrap();
                    // In place, so it is aligned if the caller has aligned it.
                    sum += i64::from(!bytes.as_ptr().addr().is_multiple_of(align)) * 1000;
                    for word in words {
                        let word = bytes[8 * word..][..8].try_into().unwrap();
                        sum += i64::from_le_bytes(word);
                    }
                }
                let quarters = args.bytes(2).unwrap()[..10] == quarter()
                    && args.bytes(3).unwrap()[..8] == 0.5_f64.to_le_bytes()
                    && args.get::<f64>(4).unwrap() == 0.25;
                result.set(sum + i64::from(quarters)).unwrap();
            });
            let closure = closure.unwrap();
            for n in 0..20 {
                assert_eq!(give(closure.code(), n), 38, "{cc}, phase {n}");
            }
        }
    }
}

/// System V whose callers may align the stack to 8 bytes only.
static LOW: Convention = {
    let mut low = X86_64_SYSV;
    low.frame.least_align = 8;
    low
};

/// What `long f(long, struct { long x[5]; })` answers that is entered with a stack aligned to 8, then to 16, and told to expect the first or the second:
/// the sum of its arguments, and 1000 times the phase of rsp at a call of its own.
fn entered(settings: &Settings, chain: bool, align: u32) -> [i64; 2] {
    let library = library("gcc", "low");
    let mut engine = Engine::new(settings).unwrap();
    engine.add_library(&library);
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let own = FnSig::new([], Type::I64);
    let rsp_phase = lower
        .declare_import(&mut engine, "rsp_phase", &own)
        .unwrap();
    let sig = FnSig::new([Type::I64, words(5, 8)], Type::I64).convention(&LOW);
    let sig = sig.incoming_stack_align(align);
    let sig = if chain { sig.static_chain() } else { sig };
    let function = exported(
        &mut engine,
        &lower,
        "low",
        &sig,
        |engine, builder, entry| {
            let mut sum = entry.value(builder, 0).unwrap();
            let at = entry.address(builder, 1).unwrap();
            for i in 0..5 {
                let word = builder.ins().load(I64, MemFlagsData::new(), at, 8 * i);
                sum = builder.ins().iadd(sum, word);
            }
            if chain {
                let chain = entry.value(builder, 2).unwrap();
                sum = builder.ins().iadd(sum, chain);
            }
            let phase = lower.call(engine, builder, &rsp_phase, &[], Ret::Value);
            let phase = phase.unwrap().value().unwrap();
            let phase = builder.ins().imul_imm_s(phase, 1000);
            let sum = Arg::value(builder.ins().iadd(sum, phase));
            entry.ret(engine, builder, Some(&sum)).unwrap();
        },
    );
    assert_eq!(function.body == function.id, align == 16 && !chain);
    engine.finalize().unwrap();
    let code = engine.code(function.id).unwrap();
    let give = engine.symbol("give8").unwrap();
    // SAFETY: `long give8(f, long)`.
    let give: extern "C" fn(*const c_void, i64) -> i64 = unsafe { core::mem::transmute(give) };
    // SAFETY: the engine lives until they have returned.
    let code = unsafe { code.as_ptr() };
    [0, 1].map(|extra| give(code, extra))
}

#[test]
fn callers_that_align_the_stack_to_8_bytes() {
    for settings in all_settings() {
        assert_eq!(entered(&settings, false, 8), [115; 2]);
        assert_eq!(entered(&settings, true, 8), [115 + 4096; 2]);
        assert_eq!(entered(&settings, false, 16), [8115, 115]);
    }
}
