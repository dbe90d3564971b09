//! Everything that can be done wrong with an engine, each with its exact error; nothing panics, and the engine goes on
//! working afterwards.
#![allow(clippy::unwrap_used)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", unix))]

mod common;

use clif_cabi_jit::clif_cabi::SysVAggregateLowering;
use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::cranelift_codegen::binemit::Reloc;
use clif_cabi_jit::cranelift_codegen::ir::{self, KnownSymbol};
use clif_cabi_jit::cranelift_module::{
    DataDescription, DataId, FuncId, Init, Linkage, Module, ModuleError, ModuleReloc,
    ModuleRelocTarget,
};
use clif_cabi_jit::{Engine, Library, Result, Settings};
use common::{add, define, engine, import, parse, signature};

fn message<T>(result: Result<T>) -> String {
    result.err().expect("refused").to_string()
}

/// An engine is sound after an error: it still compiles and runs.
fn works(engine: &mut Engine) {
    let id = engine.declare_local(&signature("() -> i32 system_v"));
    let id = id.unwrap();
    define(
        engine,
        id,
        "function %seven() -> i32 system_v {\nblock0:\n v0 = iconst.i32 7\n return v0\n}",
    )
    .unwrap();
    engine.finalize().unwrap();
    // SAFETY: an `int(void)`.
    let seven = unsafe { engine.code(id).unwrap().typed::<extern "C" fn() -> i32>() };
    assert_eq!(seven(), 7);
}

const CALLS_0: &str = "function %f() system_v {
    sig0 = () system_v
    fn0 = u0:0 sig0
block0:
    call fn0()
    return
}";

#[test]
fn missing_symbols_are_listed_with_their_users_and_can_be_bound_later() {
    let mut engine = engine();
    import(&mut engine, "no_such_function", "() system_v");
    import(&mut engine, "nor_this", "() system_v");
    add(&mut engine, "f", CALLS_0);
    add(&mut engine, "g", CALLS_0);
    add(&mut engine, "h", &CALLS_0.replace("u0:0", "u0:1"));
    assert_eq!(
        message(engine.finalize()),
        "cannot find no_such_function (used by f, g), nor_this (used by h); searched: the process"
    );
    extern "C" fn nothing() {}
    let nothing = nothing as extern "C" fn() as *const u8;
    engine.bind("nor_this", nothing).unwrap();
    assert_eq!(
        message(engine.finalize()),
        "cannot find no_such_function (used by f, g); searched: the bound symbols, the process"
    );
    assert_eq!(
        message(engine.symbol("nobody")),
        "cannot find nobody; searched: the bound symbols, the process"
    );
    engine.bind("no_such_function", nothing).unwrap();
    works(&mut engine);
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn libraries_are_named_in_what_was_searched() {
    let mut engine = engine();
    // SAFETY: libm has no routines of its own to run.
    let libm = unsafe { Library::open("libm.so.6") }.unwrap();
    engine.add_library(&libm);
    assert_eq!(
        message(engine.symbol("cbrt_of_two")),
        "cannot find cbrt_of_two; searched: libm.so.6, the process"
    );
    assert_eq!(
        message(libm.symbol("cbrt_of_two")),
        "cannot find cbrt_of_two; searched: libm.so.6"
    );
    assert_eq!(engine.symbol("cbrt").unwrap(), libm.symbol("cbrt").unwrap());
    assert_eq!(
        // SAFETY: there is nothing to open.
        message(unsafe { Library::open("libnothing.so.1") }),
        "cannot open library libnothing.so.1: libnothing.so.1: cannot open shared object file: No such file or directory"
    );
}

#[test]
fn names_with_nul_are_no_symbols() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let expected = "symbol name \"a\\0b\" contains a NUL byte";
    assert_eq!(message(engine.declare_import("a\0b", &sig)), expected);
    assert_eq!(message(engine.declare_export("a\0b", &sig)), expected);
    assert_eq!(message(engine.bind("a\0b", std::ptr::null())), expected);
    assert_eq!(message(engine.symbol("a\0b")), expected);
    assert!(
        engine
            .declare_data("a\0b", Linkage::Import, false, false)
            .is_err()
    );
    // SAFETY: nothing is opened.
    assert!(unsafe { Library::open("a\0b") }.is_err());
    works(&mut engine);
}

#[test]
fn a_name_has_one_address() {
    let mut engine = engine();
    let (one, two) = (std::ptr::dangling::<u8>(), std::ptr::without_provenance(2));
    engine.bind("one", one).unwrap();
    engine.bind("one", one).unwrap();
    let expected = "symbol one already has another address";
    assert_eq!(message(engine.bind("one", two)), expected);
    // Found in the process by finalized code, so too late for another.
    import(&mut engine, "abort", "() system_v");
    add(&mut engine, "f", CALLS_0);
    engine.finalize().unwrap();
    assert!(engine.bind("abort", one).is_err());
    let sig = signature("() system_v");
    let abort = engine.declare_export("abort", &sig).unwrap();
    assert_eq!(
        message(define(&mut engine, abort, CALLS_0)),
        "abort is an import and cannot be defined"
    );
    works(&mut engine);
}

#[test]
fn what_is_used_must_be_defined() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let later = engine.declare_export("later", &sig).unwrap();
    add(&mut engine, "f", CALLS_0);
    let expected = "declared here but never defined: later (used by f)";
    assert_eq!(message(engine.finalize()), expected);
    let object = engine.declare_data("table", Linkage::Local, false, false);
    let object = object.unwrap();
    let mut addresses = DataDescription::new();
    addresses.define([0; 8].into());
    let itself = engine.declare_data_in_data(object, &mut addresses);
    addresses.write_data_addr(0, itself, 0);
    let holder = engine.declare_anonymous_data(false, false).unwrap();
    engine.define_data(holder, &addresses).unwrap();
    assert_eq!(
        message(engine.finalize()),
        "declared here but never defined: later (used by f), table (used by .Ldata1)"
    );
    engine.define_data(object, &addresses).unwrap();
    define(
        &mut engine,
        later,
        "function %later() system_v {\nblock0:\n return\n}",
    )
    .unwrap();
    // Declared and neither defined nor used: no harm.
    engine.declare_export("never", &sig).unwrap();
    works(&mut engine);
}

/// Through the lowering, the two C signatures are shown.
#[test]
fn c_declarations_must_agree() {
    let mut engine = engine();
    let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
    let first = FnSig::new([Type::F64, Type::I32], Type::F64);
    let now = FnSig::new([Type::F64], Type::F64);
    lower.declare_import(&mut engine, "ldexp", &first).unwrap();
    let again = lower
        .declare_import(&mut engine, "ldexp", &now)
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        "ldexp is declared as double (double, int), and now as double (double)"
    );
    let other = lower.declare_import(&mut engine, "a\0b", &now).unwrap_err();
    assert!(
        other
            .to_string()
            .starts_with("a\0b, double (double): module: "),
        "{other}"
    );
}

#[test]
fn declarations_must_agree() {
    let mut engine = engine();
    let sig = signature("(i32) -> i32 system_v");
    let other = signature("(i64) -> i32 system_v");
    let f = engine.declare_import("f", &sig).unwrap();
    assert_eq!(engine.declare_import("f", &sig).unwrap(), f);
    assert_eq!(
        message(engine.declare_export("f", &other)),
        "function f is declared as (i32) -> i32 system_v, and now as (i64) -> i32 system_v"
    );
    // The refused declaration has not made an export of it.
    let linkage = engine.declarations().get_function_decl(f).linkage;
    assert_eq!(linkage, Linkage::Import);
    assert_eq!(
        engine
            .declare_data("f", Linkage::Local, true, false)
            .err()
            .map(|error| error.to_string())
            .as_deref(),
        Some("Backend error: declaration of f: it is a function already")
    );
    engine
        .declare_data("d", Linkage::Local, true, false)
        .unwrap();
    assert_eq!(
        message(engine.declare_export("d", &sig)),
        "declaration of d: it is a data object already"
    );
    for name in ["d", "thread_local"] {
        assert!(
            engine
                .declare_data(name, Linkage::Local, true, true)
                .is_err()
        );
    }
    assert!(engine.declare_anonymous_data(true, true).is_err());
    works(&mut engine);
}

#[test]
fn definitions_happen_once_and_here() {
    let mut engine = engine();
    let clif = "function %f() system_v {\nblock0:\n return\n}";
    let f = add(&mut engine, "f", clif);
    let expected = "f is already defined";
    assert_eq!(message(define(&mut engine, f, clif)), expected);
    assert_eq!(message(engine.define_bytes(f, &[0xc3], &[])), expected);
    assert_eq!(
        message(engine.code(f)),
        "function f has no code yet: define it, then finalize"
    );
    engine.finalize().unwrap();
    assert_eq!(message(define(&mut engine, f, clif)), expected);
    let abs = import(&mut engine, "abs", "() system_v");
    let expected = "abs is an import and cannot be defined";
    assert_eq!(message(define(&mut engine, abs, clif)), expected);
    assert!(matches!(
        engine.define_function_bytes(abs, 1, &[0xc3], &[]),
        Err(ModuleError::InvalidImportDefinition(_))
    ));
    assert!(engine.code(abs).is_err());

    let far = FuncId::from_u32(99);
    let expected = "funcid99 was not declared by this engine";
    assert_eq!(message(define(&mut engine, far, clif)), expected);
    assert_eq!(message(engine.code(far)), expected);
    assert!(
        engine
            .define_data(DataId::from_u32(99), &DataDescription::new())
            .is_err()
    );
    let mut ctx = engine.make_context();
    ctx.func = parse(CALLS_0);
    engine.declare_data_in_func(DataId::from_u32(99), &mut ctx.func);
    let wrong = engine.declare_func_in_func(far, &mut ctx.func);
    let block = ctx.func.layout.entry_block().unwrap();
    let call = ctx.func.layout.first_inst(block).unwrap();
    ctx.func.dfg.insts[call] = ir::InstructionData::Call {
        opcode: ir::Opcode::Call,
        args: ir::ValueList::new(),
        func_ref: wrong,
    };
    let g = engine.declare_local(&signature("() system_v")).unwrap();
    assert_eq!(
        message(engine.define(g, &mut ctx)),
        "u0:99 was not declared by this engine"
    );
    works(&mut engine);
}

#[test]
fn data_objects_must_have_content_that_holds_their_addresses() {
    let mut engine = engine();
    let object = engine.declare_data("object", Linkage::Local, false, false);
    let object = object.unwrap();
    let mut content = DataDescription::new();
    let refused = |engine: &mut Engine, content: &DataDescription| {
        engine.define_data(object, content).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&mut engine, &content),
        "Backend error: definition of object: it has neither bytes nor a size"
    );
    content.define([0; 8].into());
    content.align = Some(3);
    assert_eq!(
        refused(&mut engine, &content),
        "Allocation error: an alignment of 3 bytes is not a power of two up to the size of a page"
    );
    content.align = Some(1 << 40);
    assert!(engine.define_data(object, &content).is_err());
    content.align = None;
    let itself = engine.declare_data_in_data(object, &mut content);
    content.write_data_addr(1, itself, 0);
    assert_eq!(
        refused(&mut engine, &content),
        "Backend error: relocation at byte 1 of object: its 8 bytes do not lie within the 8 bytes"
    );
    content.data_relocs[0].0 = 0;
    content.write_function_addr(0, ir::FuncRef::from_u32(5));
    assert_eq!(
        refused(&mut engine, &content),
        "Backend error: definition of object: an address in it is that of nothing it declares"
    );
    content.function_relocs.clear();
    content.init = Init::Zeros { size: usize::MAX };
    assert!(refused(&mut engine, &content).starts_with("Allocation error: the engine's memory of"));
    content.init = Init::Zeros { size: 8 };
    engine.define_data(object, &content).unwrap();
    assert!(matches!(
        engine.define_data(object, &content),
        Err(ModuleError::DuplicateDefinition(_))
    ));
    works(&mut engine);
}

#[test]
fn relocations_of_bridges_must_be_possible() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let f = engine.declare_local(&sig).unwrap();
    engine.declare_import("abs", &sig).unwrap();
    let reloc = |offset, kind, name| ModuleReloc {
        offset,
        kind,
        name,
        addend: 0,
    };
    let user = ModuleRelocTarget::user;
    let bytes = [0; 12];
    let known = ModuleRelocTarget::KnownSymbol(KnownSymbol::ElfGlobalOffsetTable);
    let cases = [
        (
            reloc(0, Reloc::X86CallPLTRel4, user(0, 1)),
            "relocation at byte 0 of .Lfn0: X86CallPLTRel4 has no meaning in JIT code (Abs8 reaches everything)",
        ),
        (
            reloc(5, Reloc::Abs8, user(0, 1)),
            "relocation at byte 5 of .Lfn0: its 8 bytes do not lie within the 12 bytes",
        ),
        (
            reloc(u32::MAX, Reloc::Abs4, user(0, 1)),
            "relocation at byte 4294967295 of .Lfn0: its 4 bytes do not lie within the 12 bytes",
        ),
        (
            reloc(0, Reloc::Abs8, known),
            "relocation at byte 0 of .Lfn0: there is no ElfGlobalOffsetTable in JIT code",
        ),
        (
            reloc(0, Reloc::Abs8, user(0, 7)),
            "u0:7 was not declared by this engine",
        ),
        (
            reloc(0, Reloc::Abs8, user(0, u32::MAX)),
            "u0:4294967295 was not declared by this engine",
        ),
        (
            reloc(0, Reloc::Abs8, user(1, 0)),
            "u1:0 was not declared by this engine",
        ),
        (
            reloc(0, Reloc::Abs8, user(2, 0)),
            "u2:0 was not declared by this engine",
        ),
        (
            reloc(
                0,
                Reloc::Abs8,
                ModuleRelocTarget::FunctionOffset(FuncId::from_u32(7), 0),
            ),
            "funcid7+0 was not declared by this engine",
        ),
    ];
    for (reloc, expected) in cases {
        assert_eq!(message(engine.define_bytes(f, &bytes, &[reloc])), expected);
    }
    assert_eq!(
        message(engine.define_bytes(f, &[], &[])),
        "definition of .Lfn0: it has no code"
    );
    assert!(engine.define_function_bytes(f, 3, &bytes, &[]).is_err());
    // Too far away for 32 bits; that shows when the addresses are known.
    for (kind, name, address) in [
        (Reloc::X86CallPCRel4, "low", 0x10000),
        (Reloc::X86PCRel4, "high", usize::MAX),
        (Reloc::Abs4, "wide", 1 << 32),
    ] {
        let mut engine = common::engine();
        let f = engine.declare_local(&sig).unwrap();
        let far = engine.declare_import(name, &sig).unwrap();
        let address = std::ptr::without_provenance(address);
        engine.bind(name, address).unwrap();
        let relocs = [reloc(0, kind, user(0, far.as_u32()))];
        engine.define_bytes(f, &bytes, &relocs).unwrap();
        assert_eq!(
            message(engine.finalize()),
            format!(
                "relocation at byte 0 of .Lfn0: {kind:?} does not reach {address:p} with addend 0"
            )
        );
    }
    // An offset into an import means nothing.
    let mut engine = common::engine();
    let abs = import(&mut engine, "abs", "() system_v");
    let f = engine.declare_local(&sig).unwrap();
    let within = reloc(0, Reloc::Abs8, ModuleRelocTarget::FunctionOffset(abs, 0));
    engine.define_bytes(f, &bytes, &[within]).unwrap();
    assert_eq!(
        message(engine.finalize()),
        "declared here but never defined: abs (used by .Lfn1)"
    );
}

#[test]
fn signatures_that_cranelift_asserts_against_are_refused() {
    let mut engine = engine();
    let refused = |engine: &mut Engine, sig: &str| {
        let id = engine.declare_local(&signature("() system_v")).unwrap();
        let clif = format!("function %f() system_v {{\n sig0 = {sig}\nblock0:\n return\n}}");
        let text = message(define(engine, id, &clif));
        let (_, reason) = text.split_once(": ").unwrap();
        reason.to_owned()
    };
    for (sig, expected) in [
        (
            "(i128) system_v",
            "parameter i128: an i128 must travel as two i64",
        ),
        (
            "() -> i128 system_v",
            "result i128: an i128 must travel as two i64",
        ),
        (
            "(i64 sarg(12)) system_v",
            "parameter i64 sarg(12): the size of a struct argument must be a multiple of 8",
        ),
        (
            "(i64 sret) -> i64 system_v",
            "parameter i64 sret: sret does not go together with results",
        ),
        (
            "() -> i64 sret system_v",
            "result i64 sret: sret is a parameter, never a result",
        ),
        (
            "(f64 uext) system_v",
            "parameter f64 uext: only integers can be extended",
        ),
        (
            "(f128) windows_fastcall",
            "parameter f128: windows_fastcall has no place for f16 and f128",
        ),
        (
            "() probestack",
            "calling convention probestack is not available on x86-64",
        ),
    ] {
        assert_eq!(refused(&mut engine, sig), expected);
    }
    works(&mut engine);
}

#[test]
fn functions_that_cranelift_cannot_compile_are_errors() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let id = engine.declare_export("f", &sig).unwrap();
    let cases = [
        // Not even valid.
        (
            "function %f() system_v {
            block0:
                v0 = iconst.i32 1
                v1 = iconst.i64 1
                v2 = iadd v0, v1
                return
            }",
            "cannot compile function f:\n",
        ),
        // Valid, not supported.
        (
            "function %f(i64, i64) -> i64, i64, i64 system_v {
            block0(v0: i64, v1: i64):
                return v0, v1, v0
            }",
            "cannot compile function f: ",
        ),
        // Valid, and Cranelift panics for want of a lowering.
        (
            "function %f(i64) system_v {
            block0(v0: i64):
                v1 = load.i8x8 v0
                v2 = iadd v1, v1
                store v2, v0
                return
            }",
            "Cranelift panicked on function f: ",
        ),
        // A call of a name that no module knows.
        (
            "function %f() system_v {
                fn0 = %elsewhere() system_v
            block0:
                call fn0()
                return
            }",
            "relocation at byte ",
        ),
        // Thread-local storage.
        (
            "function %f() -> i64 system_v {
                gv0 = symbol tls u1:0
            block0:
                v0 = tls_value.i64 gv0
                return v0
            }",
            "",
        ),
    ];
    for (clif, expected) in cases {
        let text = message(define(&mut engine, id, clif));
        assert!(text.starts_with(expected), "{text}");
    }
    works(&mut engine);
}

#[test]
fn memory_runs_out_with_an_error_and_what_fits_still_fits() {
    let page = 4096;
    let mut engine = Engine::new(&Settings::default().memory(2 * page)).unwrap();
    let sig = signature("() system_v");
    let big = engine.declare_export("big", &sig).unwrap();
    assert_eq!(
        message(engine.define_bytes(big, &vec![0xc3; 3 * page], &[])),
        "the engine's memory of 8192 bytes is exhausted: 12288 bytes wanted, 8192 free"
    );
    engine
        .define_bytes(big, &vec![0xc3; page + 1], &[])
        .unwrap();
    works(&mut engine);
    let mut rounds = 0;
    let text = loop {
        let id = engine.declare_local(&sig).unwrap();
        match engine.define_bytes(id, &[0xc3; 100], &[]) {
            Ok(()) => rounds += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(rounds, 0, "the rest of the second page is sealed");
    assert_eq!(
        text,
        "the engine's memory of 8192 bytes is exhausted: 100 bytes wanted, 0 free"
    );
    for (size, expected) in [
        (0, "memory of 0 bytes: must be between 1 and 2147483648"),
        (
            usize::MAX,
            "memory of 18446744073709551615 bytes: must be between 1 and 2147483648",
        ),
    ] {
        assert_eq!(
            message(Engine::new(&Settings::default().memory(size))),
            expected
        );
    }
}

#[test]
fn settings_that_do_not_exist_or_are_fixed() {
    for (name, value, expected) in [
        ("no_such_flag", "true", "setting no_such_flag=true: "),
        ("has_avx", "perhaps", "setting has_avx=perhaps: "),
        (
            "is_pic",
            "true",
            "setting is_pic=true: fixed to false: JIT code is not moved after it is written",
        ),
        (
            "enable_llvm_abi_extensions",
            "true",
            "setting enable_llvm_abi_extensions=true: fixed to false: it returns integers in rcx, which C does not",
        ),
    ] {
        let text = message(Engine::new(&Settings::default().flag(name, value)));
        assert!(text.starts_with(expected), "{text}");
    }
}
