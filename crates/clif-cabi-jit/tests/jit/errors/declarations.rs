//! Declarations and definitions that do not agree.

use super::{CALLS_0, message, works};
use clif_cabi_jit::cranelift_codegen::ir;

use crate::common::*;

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
    // Through a lowering both C signatures are shown, though the engine's error is none of Cranelift's.
    let lower = Lowering::new(engine.isa()).unwrap();
    let first = FnSig::new([Type::F64, Type::I32], Type::F64);
    let now = FnSig::new([Type::F64], Type::F64);
    lower.declare_import(&mut engine, "ldexp", &first).unwrap();
    let again = lower.declare_import(&mut engine, "ldexp", &now);
    assert_eq!(
        again.unwrap_err().to_string(),
        "ldexp is declared as double (double, int), and now as double (double)"
    );
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
