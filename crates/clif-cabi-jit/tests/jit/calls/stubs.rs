//! Code that is given as bytes, in instructions of the host.

use crate::common::*;

fn reloc(offset: u32, kind: Reloc, target: FuncId, addend: i64) -> ModuleReloc {
    ModuleReloc {
        offset,
        kind,
        name: ModuleRelocTarget::from(target),
        addend,
    }
}

/// `mov eax, 5; jmp target`, by an address and by a displacement.
#[cfg(target_arch = "x86_64")]
fn define_stubs(engine: &mut Engine, to_abs: FuncId, abs: FuncId, to_near: FuncId, near: FuncId) {
    let far = [
        &[0xb8, 5, 0, 0, 0, 0x49, 0xbb][..],
        &[0; 8],
        &[0x41, 0xff, 0xe3],
    ]
    .concat();
    engine
        .define_bytes(to_abs, &far, &[reloc(7, Reloc::Abs8, abs, 0)])
        .unwrap();
    let jump = [0xb8, 5, 0, 0, 0, 0xe9, 0, 0, 0, 0];
    engine
        .define_bytes(to_near, &jump, &[reloc(6, Reloc::X86CallPCRel4, near, -4)])
        .unwrap();
}

/// `ldr x16, target; br x16`, then the target; and `str x30, [sp, -16]!; bl target; ldr x30, [sp], 16; ret`, which a veneer helps to C.
#[cfg(target_arch = "aarch64")]
fn define_stubs(engine: &mut Engine, to_abs: FuncId, abs: FuncId, to_near: FuncId, near: FuncId) {
    let bytes = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let far = bytes(&[0x5800_0050, 0xd61f_0200, 0, 0]);
    engine
        .define_bytes(to_abs, &far, &[reloc(8, Reloc::Abs8, abs, 0)])
        .unwrap();
    let call = bytes(&[0xf81f_0ffe, 0x9400_0000, 0xf841_07fe, 0xd65f_03c0]);
    engine
        .define_bytes(to_near, &call, &[reloc(4, Reloc::Arm64Call, near, 0)])
        .unwrap();
}

/// Stubs to targets out of reach of 32 bits and within.
#[test]
fn stubs_reach_c_and_the_engine() {
    let mut engine = engine();
    let sig = signature("(i32) -> i32 system_v");
    let abs = engine.declare_import("abs", &sig).unwrap();
    let near = engine.declare_export("near", &sig).unwrap();
    let to_abs = engine.declare_local(&sig).unwrap();
    let to_near = engine.declare_local(&sig).unwrap();
    define_stubs(&mut engine, to_abs, abs, to_near, near);
    define(
        &mut engine,
        near,
        "function %near(i32) -> i32 system_v {
            sig0 = (i32) -> i32 system_v
            fn0 = colocated u0:2 sig0
        block0(v0: i32):
            v1 = call fn0(v0)
            v55 = iconst.i32 1
            v2 = iadd v1, v55
            return v2
        }",
    )
    .unwrap();
    engine.finalize().unwrap();
    // SAFETY: both are `int(int)`.
    let [to_abs, to_near] = [to_abs, to_near]
        .map(|id| unsafe { function::<extern "C" fn(c_int) -> c_int>(&engine, id) });
    // SAFETY: only looked at.
    assert_eq!(unsafe { to_abs.code().as_ptr() }.addr() % 16, 0);
    assert_eq!(to_abs(-7), 7);
    assert_eq!(to_near(-7), 8);
}

/// Each call reaches C, which is further away than its bits can say, by a veneer of its own after the code.
#[test]
#[cfg(target_arch = "aarch64")]
fn calls_in_bytes_have_veneers() {
    extern "C" fn add_one(n: i64) -> i64 {
        n + 1
    }
    extern "C" fn double(n: i64) -> i64 {
        n * 2
    }
    let mut engine = engine();
    let sig = signature("(i64) -> i64 system_v");
    let functions: [extern "C" fn(i64) -> i64; 2] = [add_one, double];
    let [one, two] = [("one", functions[0]), ("two", functions[1])].map(|(name, code)| {
        engine.bind(name, code as *const u8).unwrap();
        engine.declare_import(name, &sig).unwrap()
    });
    // str x30, [sp, -16]!; bl one; bl two; bl one; ldr x30, [sp], 16; ret
    let (save, call, restore, ret) = (0xf81f_0ffe_u32, 0x9400_0000, 0xf841_07fe, 0xd65f_03c0);
    let words = [save, call, call, call, restore, ret];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let calls = [(4, one), (8, two), (12, one)];
    let relocs = calls.map(|(offset, target)| reloc(offset, Reloc::Arm64Call, target, 0));
    let id = engine.declare_local(&sig).unwrap();
    engine.define_bytes(id, &bytes, &relocs).unwrap();
    engine.finalize().unwrap();
    // SAFETY: `long(long)`.
    let code = unsafe { function::<extern "C" fn(i64) -> i64>(&engine, id) };
    let distance = (*code as usize).abs_diff(functions[0] as usize);
    assert!(distance > 1 << 27, "{distance}");
    assert_eq!(code(20), 43);
}
