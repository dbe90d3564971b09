//! Flags of Cranelift, every one with every value, in the ISA of a front end: refused, or calls are still C's. Nothing here knows which are refused.
#![cfg(all(target_arch = "x86_64", unix))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]; numbers are small"
)]

mod common;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::isa::OwnedTargetIsa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable, Setting, SettingKind};
use common::{Jit, record};

#[repr(C)]
#[derive(Clone, Copy)]
struct Big([i64; 9]);

/// What rustc makes of a C function: it is given structures in registers and in memory, and calls back.
extern "C" fn sum(x: f64, big: Big, back: extern "C" fn(Big, f64) -> Big) -> Big {
    let mut sum = back(big, x + 1.0);
    sum.0[8] += big.0[0];
    sum
}

extern "C" fn back(mut big: Big, x: f64) -> Big {
    big.0[8] = x as i64;
    big
}

extern "C" fn last(big: Big) -> i64 {
    big.0[8] + 10 * big.0[0]
}

fn values(setting: &Setting) -> Vec<String> {
    match setting.kind {
        SettingKind::Bool => ["false", "true"].map(str::to_owned).to_vec(),
        SettingKind::Num => [0, 1, 5, 12].map(|n: u8| n.to_string()).to_vec(),
        _ => (setting.values.unwrap().iter())
            .map(|value| (*value).to_owned())
            .collect(),
    }
}

fn isa(name: &str, value: &str) -> OwnedTargetIsa {
    let mut flags = settings::builder();
    flags.set("use_colocated_libcalls", "false").unwrap();
    flags.set("probestack_strategy", "inline").unwrap();
    flags.set(name, value).unwrap();
    let isa = cranelift_native::builder().unwrap();
    isa.finish(settings::Flags::new(flags)).unwrap()
}

/// Not by lowering: `long last(struct big)` is passed a copy that Cranelift makes by `memcpy`.
const COPY: &str = "function %copy(i64) -> i64 system_v {
        sig0 = (i64 sarg(72)) -> i64 system_v
    block0(v0: i64):
        v1 = load.i64 v0
        v2 = iconst.i64 8
        v3 = iadd v0, v2
        v4 = call_indirect sig0, v1(v3)
        return v4
    }";

/// Calls [`sum`] through a function that hands its arguments on, which calls [`back`] through another one; and copies a structure as Cranelift itself does.
fn calls_are_c(isa: OwnedTargetIsa) -> Result<(), String> {
    let big = record("big", &[Type::array(&Type::I64, 9).unwrap()]);
    let back_sig = FnSig::new([big.clone(), Type::F64], big.clone());
    let sum_sig = FnSig::new([Type::F64, big.clone(), Type::FN_PTR], big);
    let symbols = [
        ("sum", sum as extern "C" fn(_, _, _) -> _ as *const u8),
        ("back", back as extern "C" fn(_, _) -> _ as *const u8),
    ];
    let mut jit = Jit::of(isa, &symbols).map_err(|error| error.to_string())?;
    let [sum, back] = [("sum", sum_sig), ("back", back_sig)].map(|(name, sig)| {
        let own = jit.lower.declare_import(&mut jit.module, name, &sig);
        jit.for_c(&sig, &own.unwrap())
    });
    let copy = jit.clif(COPY);
    let [sum, back, copy] = [sum, back, copy].map(|id| jit.code(id));
    let mut given = [1_i64; 10];
    let code = last as extern "C" fn(Big) -> i64 as *const u8;
    given[0] = code.addr().cast_signed() as i64;
    given[9] = 7;
    // SAFETY: compiled so.
    let (sum, last) = unsafe {
        let sum: extern "C" fn(f64, Big, *const u8) -> Big = core::mem::transmute(sum);
        let copy: extern "C" fn(*const i64) -> i64 = core::mem::transmute(copy);
        (
            sum(3.5, Big([1, 2, 3, 4, 5, 6, 7, 8, 9]), back),
            copy(given.as_ptr()),
        )
    };
    assert_eq!((sum.0, last), ([1, 2, 3, 4, 5, 6, 7, 8, 5], 17));
    Ok(())
}

#[test]
fn a_flag_is_refused_or_calls_are_c() {
    let mut refused = Vec::new();
    for setting in settings::builder().iter() {
        for value in values(&setting) {
            // What cranelift-jit refuses, or has no routine for.
            let of_jit = matches!(setting.name, "is_pic" | "use_colocated_libcalls");
            if of_jit && value == "true" {
                continue;
            }
            if let Err(why) = calls_are_c(isa(setting.name, &value)) {
                refused.push(format!("{value}: {why}"));
            }
        }
    }
    let target = cranelift_native::builder().unwrap().triple().to_string();
    let libcall =
        "libcall_call_conv calls library routines such as memcpy by a convention that is not C's";
    let results = "enable_multi_ret_implicit_sret returns results as no C function does";
    let expected = [
        ("apple_aarch64", libcall),
        ("fast", libcall),
        ("preserve_all", libcall),
        ("probestack", libcall),
        (
            "true",
            "enable_llvm_abi_extensions returns a third integer in rcx, which is not C",
        ),
        ("true", results),
        ("windows_fastcall", libcall),
    ];
    let expected = expected.map(|(value, why)| format!("{value}: {target}: the setting {why}"));
    refused.sort();
    assert_eq!(refused, expected);
}
