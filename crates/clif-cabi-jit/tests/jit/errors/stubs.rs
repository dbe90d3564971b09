//! Names of stubs, by the stubs that variadic calls have on x86-64.

use super::message;

use crate::common::*;
use crate::uses::works;

/// A library's function that is named like a stub is no stub: it would be called in place of one.
#[test]
fn names_of_stubs_are_those_of_stubs() {
    extern "C" fn other() {}
    let other = other as extern "C" fn() as *const u8;
    let variadic = FnSig::new([Type::PTR], Type::I32).variadic();
    let call = |engine: &mut Engine| {
        let lower = Lowering::new(engine.isa()).unwrap();
        let printf = lower.declare_import(engine, "printf", &variadic).unwrap();
        let own = FnSig::new([Type::PTR, Type::F64], Type::I32);
        let f = lower.declare_export(engine, "f", &own).unwrap();
        let mut result = Ok(());
        lowered(engine, &lower, f.body, &own, |engine, builder, entry| {
            let args = [0, 1].map(|i| Arg::value(entry.value(builder, i).unwrap()));
            let unnamed = [Type::F64];
            let done = lower.call_variadic(engine, builder, &printf, unnamed, &args, Ret::Value);
            result = done.map(|_| ());
            let zero = builder.ins().iconst(I32, 0);
            entry.ret(engine, builder, Some(&Arg::value(zero))).unwrap();
        });
        result.map_err(|error| error.to_string())
    };
    let name = "__clif_cabi_al1_jump1";
    let why =
        format!("{name} is the name of a stub, and the module has declared it as something else");
    // Found in the process or in a library.
    let mut imports = engine();
    imports.bind(name, other).unwrap();
    import(&mut imports, name, "() system_v");
    let error = call(&mut imports).unwrap_err();
    assert!(error.ends_with(&why), "{error}");
    works(&mut imports);
    // Code of the front end's own, which cannot be defined under that name either.
    let mut own = engine();
    import(&mut own, "printf", "(i64) -> i32 system_v");
    let id = own.declare_export(name, &signature("() system_v")).unwrap();
    let clif = "function %f() system_v {\nblock0:\n return\n}";
    let expected = format!("definition of {name}: it has the name of a stub, and other code");
    assert_eq!(message(define(&mut own, id, clif)), expected);
    assert_eq!(message(own.define_bytes(id, &[0xc3], &[])), expected);
    let code = stub_code(own.isa(), &Stub::from_name(name).unwrap()).unwrap();
    assert_eq!(message(own.define_bytes(id, &code.bytes, &[])), expected);
    works(&mut own);
    // To bind such a name alone changes nothing: stubs are not searched.
    let mut engine = engine();
    engine.bind("__clif_cabi_al1_jump0", other).unwrap();
    call(&mut engine).unwrap();
    let stub = engine.declarations().get_name("__clif_cabi_al1_jump0");
    let Some(FuncOrDataId::Func(stub)) = stub else {
        unreachable!("{stub:?}");
    };
    engine.finalize().unwrap();
    // SAFETY: only looked at.
    assert_ne!(unsafe { engine.code(stub).unwrap().as_ptr() }, other.cast());
    works(&mut engine);
}
