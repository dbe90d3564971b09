//! Functions and objects of a front end that have the names of stubs.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{AbiParam, Signature, types::I64};
use clif_cabi::cranelift_codegen::isa::CallConv;
use clif_cabi::cranelift_module::{FuncId, FuncOrDataId, Linkage, Module};
use clif_cabi::{Arg, LowerError, Ret, Step, Stub, stub_id};
use cranelift_jit::JITModule;

use super::{building, lowering, module};

/// The stub of a call of the variadic function with id 0, which is passed a `double`.
fn name() -> String {
    Stub::new(&[Step::SetVectorCount(1), Step::Jump(0)])
        .unwrap()
        .name()
}

/// Calls `int f(int, ...)`, the function with id 0.
fn call(module: &mut JITModule) -> Result<(), LowerError> {
    let lower = lowering();
    let sig = FnSig::new([], Type::VOID)
        .variadic()
        .at_call([Type::F64])
        .unwrap();
    let (done, n, _) = building(|builder, _, double| {
        let args = [Arg::value(double)];
        let f = FuncId::from_u32(0);
        lower.call_sig(module, builder, f, &sig, &args, Ret::Ignore)
    });
    assert_eq!(n, usize::from(done.is_ok()), "instructions");
    done.map(|_| ())
}

fn with_callee() -> JITModule {
    let mut module = module();
    let signature = Signature::new(CallConv::SystemV);
    module
        .declare_function("f", Linkage::Import, &signature)
        .unwrap();
    module
}

#[test]
fn a_function_with_the_name_of_a_stub() {
    let expected = format!(
        "void (...): {} is the name of a stub, and the module has declared it as something else",
        name()
    );
    let plain = Signature::new(CallConv::SystemV);
    let mut one = plain.clone();
    one.params.push(AbiParam::new(I64));
    for linkage in [
        Linkage::Import,
        Linkage::Local,
        Linkage::Export,
        Linkage::Preemptible,
        Linkage::Hidden,
    ] {
        for signature in [&plain, &one] {
            let mut module = with_callee();
            module
                .declare_function(&name(), linkage, signature)
                .unwrap();
            let error = call(&mut module).unwrap_err();
            assert!(matches!(error.cause(), LowerError::StubName(..)));
            let text = error.to_string();
            assert_eq!(
                text.split_once(": ").unwrap().1,
                expected.split_once(": ").unwrap().1
            );
        }
    }
    let mut module = with_callee();
    module
        .declare_data(&name(), Linkage::Local, false, false)
        .unwrap();
    let error = call(&mut module).unwrap_err();
    assert!(matches!(error.cause(), LowerError::StubName(..)));
}

/// Two lowerings find the same stub; what was declared in another module is no stub of this one.
#[test]
fn a_stub_is_found_again() {
    let mut module = with_callee();
    call(&mut module).unwrap();
    let stub = || Stub::from_name(&name()).unwrap();
    let Some(FuncOrDataId::Func(id)) = module.declarations().get_name(&name()) else {
        unreachable!("it was declared");
    };
    call(&mut module).unwrap();
    assert_eq!(stub_id(&mut module, stub()).unwrap(), id);
    // The front end cannot make it something else afterwards.
    let plain = Signature::new(CallConv::SystemV);
    assert!(
        module
            .declare_function(&name(), Linkage::Import, &plain)
            .is_err()
    );
    assert!(module.define_function_bytes(id, 1, &[0xc3], &[]).is_err());

    let signature = module
        .declarations()
        .get_function_decl(id)
        .signature
        .clone();
    let mut second = with_callee();
    second
        .declare_function(&name(), Linkage::Import, &signature)
        .unwrap();
    let error = call(&mut second).unwrap_err();
    assert!(matches!(error.cause(), LowerError::StubName(..)));
}

/// A function that C enters by a stub, whose body the front end has declared before: the stub is made all the same.
#[test]
fn a_body_that_was_declared_before() {
    let lower = lowering();
    let mut module = module();
    let sig = FnSig::new([Type::I64], Type::VOID).static_chain(lower.target().data_model());
    let plan = lower.entry_plan(&sig).unwrap();
    // The name that the body will have, where `nested` is the function 1.
    let name = plan.entry_stub(1).unwrap().entered_name("nested");
    let body = module
        .declare_function(&name, Linkage::Local, plan.signature())
        .unwrap();
    for _ in 0..2 {
        let nested = lower.declare_export(&mut module, "nested", &sig).unwrap();
        assert_eq!(nested.body, body);
        let again = module.define_function_bytes(nested.id, 1, &[0xc3], &[]);
        assert!(again.is_err(), "it is the stub");
    }
}
