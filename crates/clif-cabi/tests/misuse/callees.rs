//! Callees that are none, or of another module, and stubs that are not what was asked for.

use clif_cabi::cabi::{FnSig, Type, X86_64_WIN64};
use clif_cabi::cranelift_codegen::ir::{
    self, BlockCall, ExceptionTableData, FuncRef, Function, InstBuilder, SigRef,
};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_codegen::{Context, isa};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, LowerError, Lowering, Ret, Stub, Stubs, SysVAggregateLowering};

use super::{Any, any_stub, building, bytes, entered, lowering, module, nowhere};

/// A module panics when it is asked for an id it never gave out, or finds one in a relocation.
#[test]
fn functions_of_another_module() {
    let mut module = module();
    let (lower, id) = (lowering(), FuncId::from_u32(9));
    let plain = FnSig::new([], Type::VOID);
    for sig in [plain.clone(), plain.variadic()] {
        let (done, n, _) = building(|builder, _, _| {
            lower.call_sig(&mut module, builder, id, &sig, &[], Ret::Ignore)
        });
        let message = format!("{sig}: the function does not belong to this module");
        assert_eq!((done.unwrap_err().to_string(), n), (message, 0));
    }
    module.finalize_definitions().unwrap();
}

#[test]
fn callees_that_are_none() {
    let sig = FnSig::new([], Type::VOID);
    let (lower, args) = (lowering(), []);
    let (done, n, _) = building(|builder, _, double| {
        [double, nowhere()].map(|callee| {
            let call = lower.call_sig(&mut Any(true), builder, callee, &sig, &args, Ret::Ignore);
            call.unwrap_err().to_string()
        })
    });
    let expected = ["f64", "no value"].map(|found| {
        format!("void (void): callee, void (*)(): expected an address, found {found}")
    });
    assert_eq!((done, n), (expected, 0));
    let (done, n, _) = building(|builder, _, _| {
        let callee = FuncRef::from_u32(7);
        lower.call_sig(&mut Any(true), builder, callee, &sig, &args, Ret::Ignore)
    });
    let message = "void (void): the function being built: it has not imported what it calls";
    assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
}

/// A function imported with the signature of the plan is called directly, one with another through its address.
#[test]
fn imported_functions() {
    let lower = lowering();
    let sig = FnSig::new([Type::F64], Type::F64);
    for (own, expected) in [(true, "call fn0"), (false, "call_indirect")] {
        let (_, _, func) = building(|builder, _, double| {
            let mut signature = lower.call_plan(&sig).unwrap().signature().clone();
            if !own {
                signature.returns.clear();
            }
            let signature = builder.import_signature(signature);
            let func = Any(true)
                .function(FuncId::from_u32(0), signature, builder.func)
                .unwrap();
            let args = [Arg::value(double)];
            lower
                .call_sig(&mut Any(true), builder, func, &sig, &args, Ret::Value)
                .unwrap()
        });
        assert!(func.to_string().contains(expected), "{func}");
    }
}

/// The two C signatures are shown.
#[test]
fn declared_again() {
    let mut module = module();
    let lower = lowering();
    let first = FnSig::new([Type::F64, Type::I32], Type::F64);
    let now = FnSig::new([Type::F64, Type::F64], Type::F64);
    lower.declare_import(&mut module, "ldexp", &first).unwrap();
    lower.declare_import(&mut module, "ldexp", &first).unwrap();
    let mut again = |lower: &SysVAggregateLowering, sig| {
        let error = lower.declare_import(&mut module, "ldexp", sig).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        again(&lower, &now),
        "ldexp is declared as double (double, int), and now as double (double, double)"
    );
    assert_eq!(
        again(&lowering(), &now),
        "ldexp is declared as `(f64, i32) -> f64 system_v` in CLIF, and now as double (double, double)"
    );

    // Calls and entries have different CLIF signatures where the argument area has words.
    let both = FnSig::new([bytes(24)], Type::VOID);
    lower.declare_import(&mut module, "both", &both).unwrap();
    let error = lower.declare_export(&mut module, "both", &both);
    assert_eq!(
        error.unwrap_err().to_string(),
        "both is declared as void (struct bytes), and now as void (struct bytes): \
         a function that the module both calls and defines is declared once, by `declare_export`"
    );
    let other = FnSig::new([bytes(32)], Type::VOID);
    let error = lower.declare_import(&mut module, "both", &other);
    let message = error.unwrap_err().to_string();
    assert!(
        message.ends_with(
            "they differ in the layout of a type, the policy, the vector level or flags"
        ),
        "{message}"
    );
}

/// `Stubs` of a front end's own that hands out what is no function, or one with another signature.
#[test]
fn stubs_that_lie() {
    struct Wrong(bool);
    impl Stubs for Wrong {
        fn stub(
            &mut self,
            stub: Stub,
            _: SigRef,
            func: &mut Function,
        ) -> Result<FuncRef, LowerError> {
            if self.0 {
                return Ok(FuncRef::from_u32(77));
            }
            let other = func.import_signature(ir::Signature::new(isa::CallConv::SystemV));
            Any(true).stub(stub, other, func)
        }

        fn function(
            &mut self,
            _: FuncId,
            signature: SigRef,
            func: &mut Function,
        ) -> Result<FuncRef, LowerError> {
            self.stub(any_stub(), signature, func)
        }
    }
    let lower = lowering();
    let int = FnSig::new([Type::I64], Type::VOID);
    let x87 = FnSig::new([Type::I64], Type::F80);
    let id = FuncId::from_u32(0);
    for invalid in [true, false] {
        let ((), n, _) = building(|builder, address, _| {
            let args = [Arg::value(address)];
            let callees = [
                (int.clone(), clif_cabi::Callee::from(id)),
                (int.clone().variadic(), id.into()),
                (int.clone().variadic(), address.into()),
                (x87.clone(), address.into()),
            ];
            for (sig, callee) in callees {
                let done = lower.call_sig(
                    &mut Wrong(invalid),
                    builder,
                    callee,
                    &sig,
                    &args,
                    Ret::Ignore,
                );
                let message =
                    "what `Stubs` returned is not imported with the signature that was asked for";
                assert_eq!(done.unwrap_err().cause().to_string(), message);
            }
        });
        assert_eq!(n, 0);
        let (done, n, _) = entered(&FnSig::new([Type::PTR], Type::F80), |builder, entry| {
            let at = Arg::memory(entry.value(builder, 0).unwrap());
            entry.ret(&mut Wrong(invalid), builder, Some(&at))
        });
        assert!(done.is_err() && n == 0);
    }
}

/// Cranelift's verifier refuses a `try_call` of `windows_fastcall`: it is refused by name, before it is made.
#[test]
fn try_calls_by_convention() {
    let lower = lowering();
    let plain = FnSig::new([], Type::VOID);
    let win64 = plain.clone().convention(&X86_64_WIN64);
    let (done, n, _) = building(|builder, address, _| {
        let next = builder.create_block();
        let done = [&win64, &plain].map(|sig| {
            let plan = lower.call_plan(sig).unwrap();
            let callable = lower
                .callee(&mut Any(true), builder, &plan, address)
                .unwrap();
            let pool = &mut builder.func.dfg.value_lists;
            let next = BlockCall::new(next, [], pool);
            let table = ExceptionTableData::new(callable.signature, next, []);
            let table = builder.func.dfg.exception_tables.push(table);
            let done = callable.try_call(builder, &[], table);
            done.map(|_| ()).map_err(|error| error.to_string())
        });
        // The one that is made ends the block.
        builder.switch_to_block(next);
        done
    });
    let why = "the function being built: Cranelift has no try_call of a function of its calling convention";
    assert_eq!((done, n), ([Err(why.to_string()), Ok(())], 1));
}

/// A `try_call` of Apple's convention, from 0.133 on, is compiled.
#[test]
fn try_calls_on_apple_arm64() {
    let mut flags = settings::builder();
    flags.set("preserve_frame_pointers", "true").unwrap();
    let isa = isa::lookup_by_name("aarch64-apple-darwin").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let lower = Lowering::new(&*isa).unwrap();
    let sig = FnSig::new([Type::FN_PTR], Type::VOID);
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let (_, entry) = lower.begin(&mut builder, &sig).unwrap();
    let address = entry.value(&mut builder, 0).unwrap();
    let plan = lower.call_plan(&FnSig::new([], Type::VOID)).unwrap();
    let callable = lower.callee(&mut Any(true), &mut builder, &plan, address);
    let callable = callable.unwrap();
    let next = builder.create_block();
    let normal = BlockCall::new(next, [], &mut builder.func.dfg.value_lists);
    let table = ExceptionTableData::new(callable.signature, normal, []);
    let table = builder.func.dfg.exception_tables.push(table);
    let done = callable.try_call(&mut builder, &[], table);
    assert_eq!(done.is_ok(), !cfg!(feature = "cranelift-0.132"));
    if done.is_ok() {
        builder.switch_to_block(next);
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        let mut context = Context::for_function(func);
        context.compile(&*isa, &mut Default::default()).unwrap();
    }
}
