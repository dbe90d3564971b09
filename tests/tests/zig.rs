//! Vectors of bools under Zig's C calling convention, judged by Zig's own code generator (`-fno-llvm`), in both directions: at most
//! 64 lanes travel packed, wider ones lane by lane in the integer registers that are left, then in 8-byte slots.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test that meets an unexpected error stops there"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cabi::{BoolVector, FnAbi, FnSig, Place, Policy, Target, Type};
use clif_cabi::{Arg, Function, Ret, SysVAggregateLowering};
use clif_cabi_jit::{Engine, Library, Settings};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Module};

const LANES: [u16; 8] = [1, 8, 17, 32, 64, 65, 100, 128];
/// Integers before the vector: from all registers free to none.
const BEFORE: [usize; 5] = [0, 1, 4, 6, 8];

fn cases() -> impl Iterator<Item = (u16, usize)> {
    LANES
        .into_iter()
        .flat_map(|lanes| BEFORE.map(|before| (lanes, before)))
}

/// `u64 f(u64 a0, .., @Vector(lanes, bool) v, f64 z, void *out)`
fn signature(lanes: u16, before: usize) -> FnSig {
    let vector = Type::bool_vector(lanes, BoolVector::Zig).unwrap();
    let params = std::iter::repeat_n(Type::U64, before).chain([vector, Type::F64, Type::PTR]);
    FnSig::new(params, Type::U64).policy(Policy::ZIG)
}

fn zig_source() -> String {
    let mut text = String::new();
    for (lanes, before) in cases() {
        let params: String =
            (0..before).fold(String::new(), |text, i| text + &format!("a{i}: u64, "));
        let types = "u64, ".repeat(before);
        let sum: String = (0..before).fold("0".into(), |text, i| format!("({text} *% 10 +% a{i})"));
        let args: String =
            (0..before).fold(String::new(), |text, i| text + &format!("{}, ", i + 1));
        let vector = format!("@Vector({lanes}, bool)");
        writeln!(
            text,
            "export fn take_{lanes}_{before}({params}v: {vector}, z: f64, out: *{vector}) callconv(.c) u64 {{
    out.* = v;
    return {sum} +% @as(u64, @bitCast(z));
}}
export fn give_{lanes}_{before}(
    f: *const fn ({types}{vector}, f64, *anyopaque) callconv(.c) u64,
    v: *const {vector},
    out: *anyopaque,
) callconv(.c) u64 {{
    return f({args}v.*, 0.5, out);
}}"
        )
        .unwrap();
    }
    text
}

/// The library that Zig makes; `None` if there is no Zig.
fn zig_library(dir: &Path) -> Option<PathBuf> {
    let zig: &[&str] = &["python3", "-m", "ziglang"];
    let found = Command::new(zig[0]).args(&zig[1..]).arg("version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        return None;
    }
    std::fs::write(dir.join("vectors.zig"), zig_source()).unwrap();
    let output = Command::new(zig[0])
        .args(&zig[1..])
        .args([
            "build-lib",
            "-dynamic",
            "-fno-llvm",
            "-fno-lld",
            "-target",
            "x86_64-linux-gnu",
        ])
        .args([
            "-mcpu=baseline",
            "--global-cache-dir",
            "cache",
            "--cache-dir",
            "cache",
            "vectors.zig",
        ])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(dir.join("libvectors.so"))
}

fn define(
    engine: &mut Engine,
    id: FuncId,
    signature: &Signature,
    body: impl FnOnce(&mut Engine, &mut FunctionBuilder<'_>, cranelift_codegen::ir::Block),
) {
    let mut ctx = engine.make_context();
    ctx.func.signature = signature.clone();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    body(engine, &mut builder, block);
    builder.finalize(engine.target_config());
    engine.define(id, &mut ctx).unwrap();
}

/// `u64 call(const void *v, void *out)`: calls Zig with 1, 2, .., the vector, 0.5, out.
fn make_caller(
    engine: &mut Engine,
    lower: &SysVAggregateLowering,
    zig: &Function,
    name: &str,
) -> FuncId {
    let mut shim = engine.make_signature();
    shim.params.extend([types::I64; 2].map(AbiParam::new));
    shim.returns.push(AbiParam::new(types::I64));
    let id = engine.declare_export(name, &shim).unwrap();
    define(engine, id, &shim, |engine, builder, block| {
        let [v, out] = <[Value; 2]>::try_from(builder.block_params(block)).unwrap();
        let before = zig.sig.params().len() - 3;
        let mut args: Vec<Arg> = (0..before)
            .map(|i| Arg::value(builder.ins().iconst(types::I64, i as i64 + 1)))
            .collect();
        let z = builder.ins().f64const(0.5);
        args.extend([Arg::memory(v), Arg::value(z), Arg::value(out)]);
        let result = lower.call(engine, builder, zig, &args, Ret::Value).unwrap();
        builder.ins().return_(&[result.value().unwrap()]);
    });
    id
}

/// The same function as Zig's `take`, made here.
fn make_callee(
    engine: &mut Engine,
    lower: &SysVAggregateLowering,
    sig: &FnSig,
    name: &str,
) -> FuncId {
    let function = lower.declare_export(engine, name, sig).unwrap();
    let signature = lower.entry_plan(sig).unwrap().signature().clone();
    define(engine, function.id, &signature, |engine, builder, block| {
        let entry = lower.enter(builder, block, sig).unwrap();
        let before = sig.params().len() - 3;
        let mut sum = builder.ins().iconst(types::I64, 0);
        for i in 0..before {
            let a = entry.value(builder, i).unwrap();
            sum = builder.ins().imul_imm_u(sum, 10);
            sum = builder.ins().iadd(sum, a);
        }
        let out = entry.value(builder, before + 2).unwrap();
        entry.store(builder, before, out).unwrap();
        let z = entry.value(builder, before + 1).unwrap();
        let z = builder.ins().bitcast(types::I64, MemFlagsData::new(), z);
        let result = Arg::value(builder.ins().iadd(sum, z));
        entry.ret(engine, builder, Some(&result)).unwrap();
    });
    function.id
}

type Shim = unsafe extern "C" fn(*const u8, *mut u8) -> u64;
type Give = unsafe extern "C" fn(*const std::ffi::c_void, *const u8, *mut u8) -> u64;

/// A pattern without symmetry, and zero bits behind the last lane.
fn pattern(lanes: u16) -> [u8; 16] {
    let bits = 0xb5a9_3c71_d2e4_8f06_1779_c3ae_5b2d_80f9_u128;
    let mask = if lanes >= 128 {
        u128::MAX
    } else {
        (1 << lanes) - 1
    };
    (bits & mask).to_le_bytes()
}

fn expected_sum(before: usize) -> u64 {
    (1..=before as u64)
        .fold(0_u64, |sum, a| sum.wrapping_mul(10).wrapping_add(a))
        .wrapping_add(0.5_f64.to_bits())
}

#[test]
fn bool_vectors_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let Some(path) = zig_library(dir.path()) else {
        // Straight to the stream: libtest hides what the print macros write when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "not run: no Zig (`python3 -m pip install ziglang`)"
        );
        assert!(
            std::env::var_os("CABI_REQUIRE_ORACLES").is_none(),
            "Zig is required and missing"
        );
        return;
    };
    let mut engine = Engine::new(&Settings::default()).unwrap();
    // SAFETY: Zig's library has no initializers that ask anything of us.
    let library = unsafe { Library::open(&path) }.unwrap();
    engine.add_library(&library);
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let mut made = Vec::new();
    for (lanes, before) in cases() {
        let sig = signature(lanes, before);
        let take = format!("take_{lanes}_{before}");
        let zig = lower.declare_import(&mut engine, &take, &sig).unwrap();
        let caller = make_caller(&mut engine, &lower, &zig, &format!("call_{take}"));
        let callee = make_callee(&mut engine, &lower, &sig, &format!("our_{take}"));
        made.push((lanes, before, caller, callee));
    }
    engine.finalize().unwrap();
    for (lanes, before, caller, callee) in made {
        let v = pattern(lanes);
        let (caller, callee) = (engine.code(caller).unwrap(), engine.code(callee).unwrap());
        let give = library.symbol(&format!("give_{lanes}_{before}")).unwrap();
        let mut out = [0_u8; 16];
        // SAFETY: `call` was made as a `Shim`; both pointers are to 16 bytes.
        let sum = unsafe { (caller.typed::<Shim>())(v.as_ptr(), out.as_mut_ptr()) };
        assert_eq!(
            (sum, out),
            (expected_sum(before), v),
            "{lanes} lanes, {before} before: we call Zig"
        );
        let mut out = [0_u8; 16];
        // SAFETY: Zig exports `give` with this signature, and calls the code while `callee` keeps it.
        let sum = unsafe {
            let give: Give = std::mem::transmute(give);
            give(callee.as_ptr(), v.as_ptr(), out.as_mut_ptr())
        };
        assert_eq!(
            (sum, out),
            (expected_sum(before), v),
            "{lanes} lanes, {before} before: Zig calls us"
        );
    }
}

/// Negative control: were the lanes rolled back to the stack like other groups, or packed, the places would differ from those Zig agrees with.
#[test]
fn wide_vectors_use_up_the_registers() {
    let abi = FnAbi::new(&signature(128, 4), &Target::X86_64_LINUX).unwrap();
    let Place::PerElement {
        lanes: 128,
        regs,
        offset: 0,
        slot: 8,
    } = abi.args[4].place
    else {
        panic!("{}", abi.args[4].place);
    };
    assert_eq!(regs.len(), 2);
    assert_eq!(abi.args[6].place.to_string(), "stack 1008..1016 align 8");
}
