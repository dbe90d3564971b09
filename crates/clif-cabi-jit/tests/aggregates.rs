//! The engine and the lowering together, against a C library that the test builds: every kind of C value goes from C into a
//! compiled function, from there to C, and back the whole way, between other arguments, under every setting.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod common;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use clif_cabi_jit::clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi_jit::clif_cabi::{Arg, Entry, Ret, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::InstBuilder;
use clif_cabi_jit::cranelift_codegen::ir::types::I64;
use clif_cabi_jit::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Code, Engine, Library};
use common::{all_settings, build_library};

/// `id_N` returns its fourth argument if all five are right; `call_N` calls a function with them, and looks at its result
/// and at what it left in memory.
const C: &str = r#"
#include <complex.h>
#include <string.h>

typedef struct { char c[3]; } s3;
typedef struct { int a, b, c; } s12;
typedef struct { double x; long n; } dl;
typedef struct { long n; double x; } ld;
typedef struct { float x, y, z; } fff;
typedef struct { long a; float x; int b; } lfi;
typedef struct { char c[17]; } s17;
typedef struct { long a[5]; } s40;
typedef struct { long a[9]; } s72;
typedef struct { long double x; } sx;
typedef union { double x; long n; } ux;
typedef float v4f __attribute__((vector_size(16)));

#define SAME(x, y) (memcmp(&(x), &(y), sizeof(x)) == 0)
#define EQUAL(x, y) ((x) == (y))
#define EQUAL_X(v, w) ((v).x == (w).x)

#define CASE(N, T, A, B, EQ)                                                                                   \
    T id_##N(int i, T v, double d, T w, T *m)                                                                  \
    {                                                                                                          \
        T a = A, b = B, none;                                                                                  \
        memset(&none, 0, sizeof none);                                                                         \
        return i == -7 && EQ(v, a) && d == 2.5 && EQ(w, b) && EQ(m[0], a) ? w : none;                          \
    }                                                                                                          \
    int call_##N(T (*f)(int, T, double, T, T *))                                                               \
    {                                                                                                          \
        T a = A, b = B, m[5] = {A, B}, r = f(-7, a, 2.5, b, m);                                                \
        return EQ(r, b) && EQ(m[2], a) && EQ(m[3], b) && EQ(m[4], b);                                          \
    }
#define LIT(...) __VA_ARGS__

CASE(i8, signed char, -3, -128, EQUAL)
CASE(u16, unsigned short, 0xfffe, 0x8001, EQUAL)
CASE(i128, __int128, -5, (__int128)0x1112131415161718 << 64 | 0x2122232425262728, EQUAL)
CASE(f32, float, 0.5f, -1.25f, EQUAL)
CASE(x87, long double, 1.1L, -3e4000L, EQUAL)
CASE(cf, float _Complex, 1.5f + 2.5f * I, -3.0f - 4.0f * I, EQUAL)
CASE(cd, double _Complex, 1.5 + 2.5 * I, -3.0 - 4.0 * I, EQUAL)
CASE(cx, long double _Complex, 1.1L + 2.2L * I, -3.3L - 4.4L * I, EQUAL)
CASE(v4f, v4f, LIT({1, 2, 3, 4}), LIT({-5, 6, -7, 8}), SAME)
CASE(s3, s3, LIT({"\x11\x12\x13"}), LIT({"\x21\x22\x23"}), SAME)
CASE(s12, s12, LIT({1, 2, 3}), LIT({-4, 5, -6}), SAME)
CASE(dl, dl, LIT({0.5, 7}), LIT({-2.5, -9}), SAME)
CASE(ld, ld, LIT({7, 0.5}), LIT({-9, -2.5}), SAME)
CASE(fff, fff, LIT({1, 2, 3}), LIT({-4, 5, -6}), SAME)
CASE(lfi, lfi, LIT({1, 2, 3}), LIT({-4, 5, -6}), SAME)
CASE(s17, s17, LIT({"abcdefghijklmnopq"}), LIT({"ABCDEFGHIJKLMNOPQ"}), SAME)
CASE(s40, s40, LIT({{1, 2, 3, 4, 5}}), LIT({{-1, -2, -3, -4, -5}}), SAME)
CASE(s72, s72, LIT({{1, 2, 3, 4, 5, 6, 7, 8, 9}}), LIT({{-1, -2, -3, -4, -5, -6, -7, -8, -9}}), SAME)
CASE(sx, sx, LIT({1.1L}), LIT({-3e4000L}), EQUAL_X)
CASE(ux, ux, LIT({0.5}), LIT({-2.5}), SAME)
"#;

/// The same types, by name.
fn types() -> Vec<(&'static str, Type)> {
    let record = |fields: &[Type]| {
        let mut builder = RecordBuilder::structure("s");
        for (i, ty) in fields.iter().enumerate() {
            builder = builder.field(&format!("f{i}"), ty.clone());
        }
        builder.build(&DataModel::LP64).unwrap()
    };
    let array = |ty: &Type, len| Type::array(ty, len).unwrap();
    let union = RecordBuilder::union("u")
        .field("x", Type::F64)
        .field("n", Type::I64);
    vec![
        ("i8", Type::I8),
        ("u16", Type::U16),
        ("i128", Type::I128),
        ("f32", Type::F32),
        ("x87", Type::F80),
        ("cf", Type::complex(&Type::F32).unwrap()),
        ("cd", Type::complex(&Type::F64).unwrap()),
        ("cx", Type::complex(&Type::F80).unwrap()),
        ("v4f", Type::vector(&Type::F32, 4).unwrap()),
        ("s3", record(&[array(&Type::I8, 3)])),
        ("s12", record(&[Type::I32, Type::I32, Type::I32])),
        ("dl", record(&[Type::F64, Type::I64])),
        ("ld", record(&[Type::I64, Type::F64])),
        ("fff", record(&[Type::F32, Type::F32, Type::F32])),
        ("lfi", record(&[Type::I64, Type::F32, Type::I32])),
        ("s17", record(&[array(&Type::I8, 17)])),
        ("s40", record(&[array(&Type::I64, 5)])),
        ("s72", record(&[array(&Type::I64, 9)])),
        ("sx", record(&[Type::F80])),
        ("ux", union.build(&DataModel::LP64).unwrap()),
    ]
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let path = build_library("aggregates", C);
        // SAFETY: it has no routines of its own to run.
        unsafe { Library::open(path) }.unwrap()
    })
}

/// `T through(int i, T v, double d, T w, T *m) { m[2] = v; m[3] = w; m[4] = id(i, m[0], d, m[1], m); return m[1]; }`
///
/// Every value passes through memory, whose layout is C's: to confuse two registers on the way in and again on the way out
/// does not help.
fn through(engine: &mut Engine, lower: &SysVAggregateLowering, name: &str, ty: &Type) -> FuncId {
    let params = [Type::I32, ty.clone(), Type::F64, ty.clone(), Type::PTR];
    let sig = FnSig::new(params, ty.clone());
    let id = lower
        .declare_import(engine, &format!("id_{name}"), &sig)
        .unwrap();
    let own = lower
        .declare_export(engine, &format!("through_{name}"), &sig)
        .unwrap();
    build(engine, lower, own.id, &sig, |engine, builder, entry| {
        let m = entry.value(builder, 4).unwrap();
        let size = i32::try_from(ty.size()).unwrap();
        let [_, _, m2, m3, m4] =
            [0, 1, 2, 3, 4].map(|i| builder.ins().iadd_imm_s(m, i64::from(i * size)));
        entry.store(builder, 1, m2).unwrap();
        entry.store(builder, 3, m3).unwrap();
        let i = entry.value(builder, 0).unwrap();
        let d = entry.value(builder, 2).unwrap();
        let [v, w] = [0, size].map(|offset| Arg::memory_at(m, offset));
        let args = [Arg::value(i), v, Arg::value(d), w.clone(), Arg::value(m)];
        lower
            .call(engine, builder, &id, &args, Ret::memory(m4))
            .unwrap();
        entry.ret(engine, builder, Some(&w)).unwrap();
    });
    own.id
}

fn build(
    engine: &mut Engine,
    lower: &SysVAggregateLowering,
    id: FuncId,
    sig: &FnSig,
    body: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, &Entry),
) {
    let mut ctx = engine.make_context();
    ctx.func.signature = lower.entry_plan(sig).unwrap().signature().clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let entry = lower.enter(&builder, block, sig).unwrap();
    body(engine, &mut builder, &entry);
    builder.seal_all_blocks();
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
}

/// Whether C gets its value back from `through`.
fn passes(library: &Library, name: &str, through: &Code) -> bool {
    let call = library.symbol(&format!("call_{name}")).unwrap();
    // SAFETY: that is the signature of every `call_N`.
    let call = unsafe {
        std::mem::transmute::<*const u8, unsafe extern "C" fn(*const c_void) -> c_int>(call)
    };
    // SAFETY: `through` is a function of that type, or of one whose arguments may be any bits.
    unsafe { call(through.as_ptr()) == 1 }
}

#[test]
fn every_kind_of_value_passes_both_ways() {
    let library = library();
    let settings = all_settings();
    for settings in &settings {
        let mut engine = Engine::new(settings).unwrap();
        engine.add_library(library);
        let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
        let functions: Vec<_> = types()
            .iter()
            .map(|(name, ty)| (*name, through(&mut engine, &lower, name, ty)))
            .collect();
        engine.finalize().unwrap();
        for (name, id) in functions {
            let code = engine.code(id).unwrap();
            assert!(passes(library, name, &code), "{name} with {settings:?}");
        }
    }
}

/// The test can fail: one type in the place of another is noticed.
#[test]
fn a_wrong_type_does_not_pass() {
    let library = library();
    let types = types();
    let ty = |wanted| {
        let found = types.iter().find(|(name, _)| *name == wanted);
        found.unwrap().1.clone()
    };
    // Of the same size and in as many integer registers: the pointer after them is still right.
    for (name, wrong) in [
        ("dl", "ld"),
        ("ld", "dl"),
        ("v4f", "cd"),
        ("cd", "v4f"),
        ("x87", "v4f"),
    ] {
        let mut engine = common::engine();
        engine.add_library(library);
        let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
        let id = through(&mut engine, &lower, name, &ty(wrong));
        engine.finalize().unwrap();
        let code = engine.code(id).unwrap();
        assert!(!passes(library, name, &code), "{wrong} for {name}");
    }
}

/// `snprintf`, called directly and through its address, with every class of unnamed argument.
/// Defines `int print(char *to, const char *format, long n, double x, long double *y, int (*f)(...))`, which calls `snprintf` with them twice: by
/// name to `to`, and by the address `f` to 100 bytes after it.
fn define_print(engine: &mut Engine, lower: &SysVAggregateLowering) -> FuncId {
    let snprintf = FnSig::new([Type::PTR, Type::U64, Type::PTR], Type::I32).variadic();
    let function = lower.declare_import(engine, "snprintf", &snprintf).unwrap();
    let params = [
        Type::PTR,
        Type::PTR,
        Type::I64,
        Type::F64,
        Type::PTR,
        Type::FN_PTR,
    ];
    let sig = FnSig::new(params, Type::I32);
    let print = lower.declare_export(engine, "print", &sig).unwrap();
    build(engine, lower, print.id, &sig, |engine, builder, entry| {
        let [to, format, n, x, y, f] = [0, 1, 2, 3, 4, 5].map(|i| entry.value(builder, i).unwrap());
        let size = builder.ins().iconst(I64, 100);
        let mut args = [to, size, format, n, x, y, x].map(Arg::value);
        args[5] = Arg::memory(y);
        let unnamed = [Type::I64, Type::F64, Type::F80, Type::F64];
        let types = unnamed.clone();
        lower
            .call_variadic(engine, builder, &function, types, &args, Ret::Ignore)
            .unwrap();
        args[0] = Arg::value(builder.ins().iadd(to, size));
        let sig = snprintf.at_call(unnamed).unwrap();
        let length = lower.call_sig(engine, builder, f, &sig, &args, Ret::Value);
        let value = Arg::value(length.unwrap().value().unwrap());
        entry.ret(engine, builder, Some(&value)).unwrap();
    });
    print.id
}

#[test]
fn variadic_functions_of_c_get_all_their_arguments() {
    type Print =
        unsafe extern "C" fn(*mut c_char, *const c_char, i64, f64, *const u8, *const u8) -> c_int;
    // 1.5 as x87 has it: 1.1 in binary, exponent 0.
    let mut long_double = [0xee; 16];
    long_double[..10].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f]);
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
        let print = define_print(&mut engine, &lower);
        engine.finalize().unwrap();
        // SAFETY: compiled with this signature just above.
        let print = unsafe { engine.code(print).unwrap().typed::<Print>() };
        let snprintf = engine.symbol("snprintf").unwrap();
        let mut texts: [c_char; 200] = [0x55; 200];
        let (to, y) = (texts.as_mut_ptr(), long_double.as_ptr());
        let format = c"%ld %g %Lg %g".as_ptr();
        // SAFETY: 200 bytes are there, two texts of less than 100; the format has the types that are passed.
        let (length, texts) = unsafe {
            let length = print(to, format, -12, 2.25, y, snprintf);
            (length, [to, to.add(100)].map(|text| CStr::from_ptr(text)))
        };
        assert_eq!(texts, [c"-12 2.25 1.5 2.25"; 2]);
        assert_eq!(length, 17);
    }
}
