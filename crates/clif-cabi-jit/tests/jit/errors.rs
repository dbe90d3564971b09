//! Refusals that no line of `uses` can say, because they need a generic module; the engine goes on
//! working afterwards.

use clif_cabi_jit::cranelift_codegen::ir;

use crate::common::*;
use crate::uses::works;

/// As a `Module` the engine has Cranelift's errors, and ids of nothing lead nowhere. Through a
/// lowering both C signatures are shown, though the engine's error is none of Cranelift's.
#[test]
fn as_a_module_it_has_the_errors_of_modules() {
    let mut engine = engine();
    let sig = signature("() system_v");
    let abs = engine.declare_import("abs", &sig).unwrap();
    assert!(matches!(
        engine.define_function_bytes(abs, 1, &[0xc3], &[]),
        Err(ModuleError::InvalidImportDefinition(_))
    ));
    let data = engine.declare_anonymous_data(false, false).unwrap();
    let mut content = DataDescription::new();
    content.define_zeroinit(8);
    engine.define_data(data, &content).unwrap();
    assert!(matches!(
        engine.define_data(data, &content),
        Err(ModuleError::DuplicateDefinition(_))
    ));

    let mut ctx = engine.make_context();
    ctx.func =
        parse("function %f() system_v {\n fn0 = u0:0() system_v\nblock0:\n call fn0()\n return\n}");
    engine.declare_data_in_func(DataId::from_u32(99), &mut ctx.func);
    let wrong = engine.declare_func_in_func(FuncId::from_u32(99), &mut ctx.func);
    let block = ctx.func.layout.entry_block().unwrap();
    let call = ctx.func.layout.first_inst(block).unwrap();
    ctx.func.dfg.insts[call] = ir::InstructionData::Call {
        opcode: ir::Opcode::Call,
        args: ir::ValueList::new(),
        func_ref: wrong,
    };
    let g = engine.declare_local(&sig).unwrap();
    let unknown = "u0:99 was not declared by this engine";
    assert_eq!(message(engine.define(g, &mut ctx)), unknown);

    let lower = Lowering::new(engine.isa()).unwrap();
    let first = FnSig::new([Type::F64, Type::I32], Type::F64);
    let now = FnSig::new([Type::F64], Type::F64);
    lower.declare_import(&mut engine, "ldexp", &first).unwrap();
    let mut redeclare = |name: &str| {
        let refused = lower.declare_import(&mut engine, name, &now);
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        redeclare("ldexp"),
        "ldexp is declared as double (double, int), and now as double (double)"
    );
    assert!(redeclare("a\0b").starts_with("a\0b, double (double): module: "));
    works(&mut engine);
}

/// A stub that could not be defined is not taken for a defined one when its function is declared
/// again.
#[test]
fn stubs_that_were_not_defined_are_refused_again() {
    let mut engine = Engine::new(&Settings::default().memory(page())).unwrap();
    let lower = Lowering::new(engine.isa()).unwrap();
    let id = engine.declare_local(&signature("() system_v")).unwrap();
    engine.define_bytes(id, &vec![0; page()], &[]).unwrap();
    let sig = FnSig::new([Type::I64], Type::VOID).static_chain(lower.target().data_model());
    for _ in 0..2 {
        let refused = message(lower.declare_export(&mut engine, "nested", &sig));
        assert!(refused.contains("exhausted"), "{refused}");
    }
}

/// An invoker sets no context register: that is an error, not a stub without it.
#[test]
#[cfg(target_arch = "x86_64")]
fn invokers_refuse_what_they_cannot_set() {
    use clif_cabi_jit::clif_cabi::cabi::convention::{Convention, Frame};
    use clif_cabi_jit::clif_cabi::cabi::{X86_64_SYSV, x86_64};
    static WITH_CONTEXT: Convention = Convention {
        name: "with a context",
        frame: Frame {
            context: Some(x86_64::R15),
            ..X86_64_SYSV.frame
        },
        ..X86_64_SYSV
    };
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let sig = FnSig::new([Type::I64], Type::I64);
    invokers.get(&sig).unwrap();
    let sig = sig.convention(&WITH_CONTEXT);
    let refused = message(invokers.get(&sig));
    assert!(refused.contains("a context register needs"), "{refused}");
    let refused = message(Invokers::new(&Settings::default().memory(0)));
    assert!(refused.contains("memory"), "{refused}");
}
