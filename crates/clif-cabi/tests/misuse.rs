//! Wrong use is an error, not a panic, and leaves no instruction behind; conventions of a user's own are lowered right or refused.

#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::sync::Arc;

use clif_cabi::cabi::rules::{Convention, PartType, Rule};
use clif_cabi::cabi::{
    ArgFlags, BoolVector, DataModel, FnSig, Place, RecordBuilder, Reg, Type, X86_64_SYSV,
    X86_64_WIN64,
};
use clif_cabi::cranelift_codegen::ir::types::{F64, I64};
use clif_cabi::cranelift_codegen::ir::{
    self, Block, ExtFuncData, ExternalName, FuncRef, Function, InstBuilder, SigRef,
    UserExternalName, Value,
};
use clif_cabi::cranelift_codegen::{isa, settings};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::FuncId;
use clif_cabi::{Arg, Bridge, Bridges, Entry, LowerError, Ret, SysVAggregateLowering};
use cranelift_jit::{JITBuilder, JITModule};

/// Imports one name for everything, or refuses.
struct Any(bool);

impl Bridges for Any {
    fn bridge(
        &mut self,
        _: Bridge,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        if !self.0 {
            return Err(LowerError::Bridge { why: "no bridges" });
        }
        let name = UserExternalName::new(0, 0);
        let name = ExternalName::user(func.declare_imported_user_function(name));
        Ok(func.import_function(ExtFuncData {
            name,
            signature,
            colocated: false,
            patchable: false,
        }))
    }

    fn function(
        &mut self,
        _: FuncId,
        signature: SigRef,
        func: &mut Function,
    ) -> Result<FuncRef, LowerError> {
        self.bridge(Bridge::PushX87, signature, func)
    }
}

fn isa() -> Arc<dyn isa::TargetIsa> {
    let flags = settings::Flags::new(settings::builder());
    isa::lookup_by_name("x86_64-unknown-linux-gnu")
        .unwrap()
        .finish(flags)
        .unwrap()
}

fn lowering() -> SysVAggregateLowering {
    SysVAggregateLowering::new(&*isa()).unwrap()
}

/// Builds a function of two parameters, an address and a double; what `build` says, and how many instructions it left.
fn building<T>(
    build: impl FnOnce(&mut FunctionBuilder<'_>, Value, Value) -> T,
) -> (T, usize, Function) {
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.switch_to_block(block);
    let address = builder.append_block_param(block, I64);
    let double = builder.append_block_param(block, F64);
    let done = build(&mut builder, address, double);
    let n = builder.func.layout.block_insts(block).count();
    let copy = builder.func.clone();
    builder.ins().trap(ir::TrapCode::unwrap_user(1));
    builder.seal_all_blocks();
    builder.finalize(isa().frontend_config());
    (done, n, copy)
}

/// Builds the body of a function of `sig`; how many instructions it has.
fn entered<T>(
    sig: &FnSig,
    body: impl FnOnce(&mut FunctionBuilder<'_>, &Entry) -> T,
) -> (T, usize, Function) {
    let lower = lowering();
    let mut func = Function::new();
    func.signature = lower.entry_plan(sig).unwrap().signature().clone();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let entry = lower.enter(&builder, block, sig).unwrap();
    let done = body(&mut builder, &entry);
    let n = builder.func.layout.block_insts(block).count();
    let copy = builder.func.clone();
    (done, n, copy)
}

/// A call of `sig` is refused with `message`, and nothing has been emitted.
fn refused(bridges: bool, sig: &FnSig, args: &[Arg], ret: Ret, message: &str) {
    let (done, n, _) = building(|builder, address, _| {
        lowering().call_sig(&mut Any(bridges), builder, address, sig, args, ret)
    });
    assert_eq!(done.unwrap_err().to_string(), format!("{sig}: {message}"));
    assert_eq!(n, 0, "instructions before: {message}");
}

fn bytes(n: u64) -> Type {
    RecordBuilder::structure("bytes")
        .field("b", Type::array(&Type::U8, n).unwrap())
        .build(&DataModel::LP64)
        .unwrap()
}

/// A value that no function of these tests has.
fn nowhere() -> Value {
    Value::from_u32(9999)
}

#[test]
fn calls_refused_emit_nothing() {
    let big = FnSig::new([Type::I32], bytes(40));
    let count = "the signature has 1 parameter, and 0 arguments are given";
    refused(true, &big, &[], Ret::Ignore, count);
    let int = FnSig::new([Type::I32, Type::I32], Type::I32);
    let [good, bad] = [Arg::value(Value::from_u32(0)), Arg::value(nowhere())];
    let wrong = "argument 0, int: expected i32, found i64";
    refused(true, &int, &[good.clone(), bad.clone()], Ret::Ignore, wrong);
    let none = "argument 0, int: expected i32, found no value";
    refused(true, &int, &[bad.clone(), bad], Ret::Ignore, none);
    let none = "argument 0, int: expected an address, found no value";
    let memory = [Arg::memory(nowhere()), Arg::memory(nowhere())];
    refused(true, &int, &memory, Ret::Ignore, none);
    let pieces = [Arg::pieces(&[nowhere()]), good];
    let other = "argument 0, int: expected the pieces [i32], found [no value]";
    refused(true, &int, &pieces, Ret::Ignore, other);

    let result = FnSig::new([], Type::I32);
    let address = "result, int: expected an address, found f64";
    refused(true, &result, &[], Ret::memory(Value::from_u32(1)), address);
    let address = "result, int: expected an address, found no value";
    refused(true, &result, &[], Ret::memory(nowhere()), address);
    let sret = FnSig::new([], bytes(1 << 40));
    let room = "result, struct bytes: expected Ret::Memory, as no stack frame has room for it, found Ret::Ignore";
    refused(true, &sret, &[], Ret::Ignore, room);

    let x87 = FnSig::new([bytes(40)], Type::F80);
    let at = [Arg::memory(Value::from_u32(0))];
    refused(false, &x87, &at, Ret::Ignore, "no bridges");
    refused(
        false,
        &FnSig::new([Type::I32], Type::VOID).variadic(),
        &at,
        Ret::Ignore,
        "no bridges",
    );
}

/// A module panics when it is asked for a number it never gave out, or finds one in a relocation.
#[test]
fn functions_of_another_module() {
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let names = clif_cabi::cranelift_module::default_libcall_names();
    let mut module = JITModule::new(JITBuilder::with_flags(&flags, names).unwrap());
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

/// A `float` in memory has 4 bytes, and the `double` it is promoted to 8.
#[test]
fn unpromoted_in_memory() {
    let sig = FnSig::new([Type::PTR], Type::I32).variadic();
    let printf = clif_cabi::Function::new(FuncId::from_u32(0), "printf", sig);
    for (ty, message) in [
        (
            Type::F32,
            "printf, int (void *, ...): argument 1, float: expected a value promoted to double, found an address",
        ),
        (
            Type::U8,
            "printf, int (void *, ...): argument 1, unsigned char: expected a value promoted to int, found an address",
        ),
    ] {
        let (done, n, _) = building(|builder, address, _| {
            let args = [Arg::value(address), Arg::memory(address)];
            lowering().call_variadic(&mut Any(true), builder, &printf, [ty], &args, Ret::Ignore)
        });
        assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
    }
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

/// Offsets inside the object would leave 32 bits: the address is computed first.
#[test]
fn far_behind_a_base() {
    let sig = FnSig::new([bytes(16)], Type::VOID);
    let (done, _, func) = building(|builder, base, _| {
        let args = [Arg::memory_at(base, i32::MAX - 4)];
        lowering().call_sig(&mut Any(true), builder, base, &sig, &args, Ret::Ignore)
    });
    done.unwrap();
    let text = func.to_string();
    assert!(
        text.contains("iconst.i64 0x7fff_fffb") && text.contains("+8"),
        "{text}"
    );
}

#[test]
fn values_out_of_another_call() {
    let lower = lowering();
    let plan = lower.call_plan(&FnSig::new([], bytes(3))).unwrap();
    let big = lower.call_plan(&FnSig::new([], bytes(40))).unwrap();
    let ((), n, _) = building(|builder, address, double| {
        for (results, found) in [
            (&[][..], "[]"),
            (&[double], "[f64]"),
            (&[nowhere()], "[no value]"),
            (&[address, address], "[i64, i64]"),
        ] {
            let to = Ret::memory(address);
            let done = lower.values_out(&mut Any(true), builder, &plan, results, to);
            let message = format!(
                "struct bytes (void): result, struct bytes: expected the results [i64] of the call, found {found}",
            );
            assert_eq!(done.unwrap_err().to_string(), message);
        }
        let done = lower.values_out(&mut Any(true), builder, &big, &[], Ret::Pieces);
        let message =
            "struct bytes (void): result, struct bytes: expected Ret::Memory, found Ret::Pieces";
        assert_eq!(done.unwrap_err().to_string(), message);
        // A result in memory or on the x87 stack is none of the CLIF call's.
        let x87 = lower.call_plan(&FnSig::new([], Type::F80)).unwrap();
        for plan in [&big, &x87] {
            let done = lower.values_out(
                &mut Any(true),
                builder,
                plan,
                &[address],
                Ret::memory(address),
            );
            let message = "expected the results [] of the call, found [i64]";
            assert!(done.unwrap_err().to_string().ends_with(message));
        }
    });
    assert_eq!(n, 0);
}

/// What the message of a refusal says would work instead.
#[test]
fn what_would_work_instead() {
    let pair = RecordBuilder::structure("pair")
        .field("x", Type::F64)
        .field("n", Type::I64)
        .build(&DataModel::LP64)
        .unwrap();
    let value = FnSig::new([], pair.clone());
    let message =
        "result, struct pair: expected Ret::Memory, or Ret::Pieces of [f64, i64], found Ret::Value";
    refused(true, &value, &[], Ret::Value, message);
    let big = FnSig::new([], bytes(40));
    let message = "result, struct bytes: expected Ret::Memory, found Ret::Value";
    refused(true, &big, &[], Ret::Value, message);
    let one = [Arg::value(Value::from_u32(0))];
    let message = "argument 0, struct pair: expected Arg::Memory, or Arg::Pieces of [f64, i64], found Arg::Value";
    refused(
        true,
        &FnSig::new([pair.clone()], Type::VOID),
        &one,
        Ret::Ignore,
        message,
    );
    let message = "argument 0, struct bytes: expected Arg::Memory, found Arg::Value";
    refused(
        true,
        &FnSig::new([bytes(65)], Type::VOID),
        &one,
        Ret::Ignore,
        message,
    );

    let sig = FnSig::new([pair.clone(), bytes(65)], pair);
    let (_, n, _) = entered(&sig, |builder, entry| {
        let value = entry.value(builder, 0).unwrap_err();
        let message = "struct pair (struct pair, struct bytes): argument 0, struct pair: \
                       expected Entry::address, or Entry::pieces of [f64, i64], found Entry::value";
        assert_eq!(value.to_string(), message);
        let pieces = entry.pieces(builder, 1).unwrap_err().cause().to_string();
        let message = "argument 1, struct bytes: expected Entry::address or Entry::store, found Entry::pieces";
        assert_eq!(pieces, message);
        let ret = entry.ret(&mut Any(true), builder, Some(&one[0]));
        let message = "result, struct pair: expected Arg::Memory, or Arg::Pieces of [f64, i64], found Arg::Value";
        assert_eq!(ret.unwrap_err().cause().to_string(), message);
    });
    assert_eq!(n, 0);
}

#[test]
fn unnamed_arguments_without_types() {
    let sig = FnSig::new([Type::PTR], Type::I32).variadic();
    let printf = clif_cabi::Function::new(FuncId::from_u32(0), "printf", sig);
    let (done, n, _) = building(|builder, address, double| {
        let args = [Arg::value(address), Arg::value(double)];
        lowering().call(&mut Any(true), builder, &printf, &args, Ret::Ignore)
    });
    let message = "printf, int (void *, ...): it is variadic with 1 named parameter, and 2 arguments are given: use `call_variadic`, \
                   or the signature of this call (`FnSig::at_call`), which know the types of the unnamed ones";
    assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
    // Without unnamed arguments it is a call like any other.
    let (done, ..) = building(|builder, address, _| {
        let args = [Arg::value(address)];
        lowering().call(&mut Any(true), builder, &printf, &args, Ret::Ignore)
    });
    done.unwrap();
}

/// The two C signatures are shown.
#[test]
fn declared_again() {
    let flags = [("is_pic", "false"), ("use_colocated_libcalls", "false")];
    let names = clif_cabi::cranelift_module::default_libcall_names();
    let mut module = JITModule::new(JITBuilder::with_flags(&flags, names).unwrap());
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

/// `Bridges` of a front end's own that hands out what is no function, or one with another signature.
#[test]
fn bridges_that_lie() {
    struct Wrong(bool);
    impl Bridges for Wrong {
        fn bridge(
            &mut self,
            bridge: Bridge,
            _: SigRef,
            func: &mut Function,
        ) -> Result<FuncRef, LowerError> {
            if self.0 {
                return Ok(FuncRef::from_u32(77));
            }
            let other = func.import_signature(ir::Signature::new(isa::CallConv::SystemV));
            Any(true).bridge(bridge, other, func)
        }

        fn function(
            &mut self,
            _: FuncId,
            signature: SigRef,
            func: &mut Function,
        ) -> Result<FuncRef, LowerError> {
            self.bridge(Bridge::PushX87, signature, func)
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
                    "what `Bridges` returned is not imported with the signature that was asked for";
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

/// `begin` is for a builder in which there is nothing yet, and an entry for the first block.
#[test]
fn beginning_twice() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64], Type::VOID);
    let mut func = Function::new();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let (block, entry) = lower.begin(&mut builder, &sig).unwrap();
    assert_eq!(builder.current_block(), Some(block));
    let again = "void (long long): the function being built: it has been begun already";
    assert_eq!(
        lower.begin(&mut builder, &sig).unwrap_err().to_string(),
        again
    );
    let next = builder.create_block();
    builder.append_block_params_for_function_params(next);
    let second = lower.enter(&builder, next, &sig).unwrap_err();
    let message = "the function being built: the block that is entered is not its first";
    assert_eq!(second.cause().to_string(), message);
    entry.ret(&mut Any(true), &mut builder, None).unwrap();
    assert_eq!(
        lower.begin(&mut builder, &sig).unwrap_err().to_string(),
        again
    );
    builder.finalize(isa().frontend_config());

    let mut func = Function::new();
    func.signature = lower.entry_plan(&sig).unwrap().signature().clone();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let other = FnSig::new([Type::F64], Type::VOID);
    let error = lower.begin(&mut builder, &other).unwrap_err();
    let message = "void (double): the function being built: its signature is not that of the plan";
    assert_eq!(error.to_string(), message);
    lower.begin(&mut builder, &sig).unwrap();
    builder.ins().trap(ir::TrapCode::unwrap_user(1));
    builder.finalize(isa().frontend_config());
}

#[test]
fn entering_what_is_not_set_up() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64, Type::F64], Type::VOID);
    let (done, _, _) = building(|builder, _, _| {
        let entered = |builder: &mut FunctionBuilder<'_>, block| {
            let error = lower.enter(builder, block, &sig).unwrap_err();
            error.to_string()
        };
        let block = builder.current_block().unwrap();
        let signature = entered(builder, block);
        builder.func.signature = lower.entry_plan(&sig).unwrap().signature().clone();
        let nowhere = entered(builder, Block::from_u32(99));
        let empty = builder.create_block();
        let empty = entered(builder, empty);
        builder.func.signature = ir::Signature::new(isa::CallConv::SystemV);
        [signature, nowhere, empty]
    });
    let expected = [
        "its signature is not that of the plan",
        "it has no such block",
        "its parameters have not been appended to the block",
    ];
    assert_eq!(
        done,
        expected.map(|why| format!("void (long long, double): the function being built: {why}"))
    );
}

/// A builder that stands in no block yet.
#[test]
fn nowhere_to_insert() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64], Type::VOID);
    let plan = lower.call_plan(&sig).unwrap();
    let mut func = Function::new();
    func.signature = lower.entry_plan(&sig).unwrap().signature().clone();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    let value = builder.block_params(block)[0];
    let entry = lower.enter(&builder, block, &sig).unwrap();
    let (builder, args, any) = (&mut builder, [Arg::value(value)], &mut Any(true));
    let errors = [
        lower
            .call_sig(any, builder, value, &sig, &args, Ret::Ignore)
            .unwrap_err(),
        lower
            .values_in(builder, &plan, &args, Ret::Ignore)
            .unwrap_err(),
        lower
            .values_out(any, builder, &plan, &[], Ret::Ignore)
            .unwrap_err(),
        entry.address(builder, 0).unwrap_err(),
        entry.ret(any, builder, None).unwrap_err(),
    ];
    for error in errors {
        let message = "void (long long): the function being built: no block has been switched to";
        assert_eq!(error.to_string(), message);
    }
}

/// A block that ends already: cranelift-frontend panics on a further instruction in debug builds, and emits one after the terminator in release builds.
#[test]
fn filled_blocks() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64], Type::VOID);
    let plan = lower.call_plan(&sig).unwrap();
    let ((), n, _) = entered(&sig, |builder, entry| {
        let value = entry.value(builder, 0).unwrap();
        builder.ins().trap(ir::TrapCode::unwrap_user(1));
        let (args, any) = ([Arg::value(value)], &mut Any(true));
        let errors = [
            lower
                .call_sig(any, builder, value, &sig, &args, Ret::Ignore)
                .unwrap_err(),
            lower
                .values_in(builder, &plan, &args, Ret::Ignore)
                .unwrap_err(),
            lower
                .values_out(any, builder, &plan, &[], Ret::Ignore)
                .unwrap_err(),
            entry.value(builder, 0).unwrap_err(),
            entry.address(builder, 0).unwrap_err(),
            entry.store(builder, 0, value).unwrap_err(),
            entry.ret(any, builder, None).unwrap_err(),
        ];
        for error in errors {
            let message = "the function being built: the block ends already";
            assert!(error.to_string().contains(message), "{error}");
        }
    });
    assert_eq!(n, 1, "only the trap");
}

#[test]
fn an_entry_in_another_function() {
    let (entry, ..) = entered(&FnSig::new([Type::I64; 9], Type::I64), |_, entry| {
        entry.clone()
    });
    let ((), n, _) = building(|builder, address, _| {
        let errors = [
            entry.value(builder, 0).unwrap_err(),
            entry.address(builder, 8).unwrap_err(),
            entry.store(builder, 1, address).unwrap_err(),
            entry
                .ret(&mut Any(true), builder, Some(&Arg::value(address)))
                .unwrap_err(),
        ];
        for error in errors {
            let message = "the function being built: it is not the one that was entered";
            assert_eq!(error.cause().to_string(), message);
        }
    });
    assert_eq!(n, 0);
}

#[test]
fn returns_refused_emit_nothing() {
    for ty in [Type::F80, bytes(12), bytes(40), Type::I32] {
        let (_, n, _) = entered(
            &FnSig::new([Type::I64, Type::I32], ty.clone()),
            |builder, entry| {
                let [long, int] = [0, 1].map(|i| entry.value(builder, i).unwrap());
                let wrong = [
                    None,
                    Some(Arg::pieces(&[long, int])),
                    Some(Arg::pieces(&[nowhere()])),
                    Some(Arg::value(nowhere())),
                    Some(Arg::value(long)),
                    Some(Arg::memory(int)),
                    Some(Arg::memory(nowhere())),
                ];
                for value in wrong {
                    let done = entry.ret(&mut Any(true), builder, value.as_ref());
                    assert!(
                        matches!(&done, Err(e) if matches!(e.cause(), LowerError::Value { .. })),
                        "{ty}, {value:?}: {done:?}"
                    );
                }
                let to = entry.store(builder, 0, int).unwrap_err();
                let message = "where to store, long long: expected an address, found i32";
                assert_eq!(to.cause().to_string(), message);
            },
        );
        assert_eq!(n, 0, "{ty}");
    }
    let pointed = FnSig::new([Type::PTR], Type::F80);
    let (done, n, _) = entered(&pointed, |builder, entry| {
        let at = Arg::memory(entry.value(builder, 0).unwrap());
        entry.ret(&mut Any(false), builder, Some(&at))
    });
    assert!(done.is_err() && n == 0);
}

/// What decays is as large as a pointer, whatever it was: nothing else is written or copied.
#[test]
fn arrays_and_functions_are_pointers() {
    for param in [
        Type::array(&Type::U8, 1).unwrap(),
        Type::array(&Type::U8, 4000).unwrap(),
        Type::FUNCTION,
    ] {
        let ((), _, func) = entered(
            &FnSig::new([param.clone()], Type::VOID),
            |builder, entry| {
                entry.address(builder, 0).unwrap();
            },
        );
        assert!(func.to_string().contains("explicit_slot 8"), "{func}");
        let params = (0..6).map(|_| Type::I64).chain([bytes(17), param]);
        let ((), _, func) = entered(&FnSig::new(params, Type::VOID), |builder, entry| {
            let to = entry.value(builder, 0).unwrap();
            entry.store(builder, 7, to).unwrap();
        });
        let text = func.to_string();
        assert!(
            text.contains("load.i64") && !text.contains("Memcpy"),
            "{text}"
        );
    }
}

/// The pointer to a result is passed to a function that never returns, and there is a trap behind the call.
#[test]
fn noreturn_with_a_result_in_memory() {
    let sig = FnSig::new([Type::F64], bytes(40)).noreturn();
    let (done, _, func) = building(|builder, address, double| {
        let args = [Arg::value(double)];
        let done = lowering().call_sig(&mut Any(true), builder, address, &sig, &args, Ret::Value);
        let next = builder.create_block();
        builder.switch_to_block(next);
        done
    });
    done.unwrap();
    let text = func.to_string();
    assert!(
        text.contains("(i64 sret, f64) system_v") && text.contains("trap"),
        "{text}"
    );
    let (done, n, _) = entered(&sig, |builder, entry| {
        let to = entry.sret().unwrap();
        entry.ret(&mut Any(true), builder, Some(&Arg::memory(to)))
    });
    let message =
        "_Noreturn struct bytes (double): the function being built: it is declared never to return";
    assert_eq!((done.unwrap_err().to_string().as_str(), n), (message, 0));
}

const fn mine(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        args,
        ..X86_64_SYSV
    }
}

static WIDE_SLOTS: Convention = mine(
    "wide slots",
    &[Rule::AssignToStack {
        size: 1 << 20,
        align: 8,
    }],
);
static WIDE_LAST: Convention = mine(
    "wide last slot",
    &[Rule::AssignToStack { size: 64, align: 8 }],
);
static OWN_SLOTS: Convention = mine("own slots", &[Rule::AssignToStack { size: 0, align: 0 }]);
static BOTH: Convention = mine("both", &[Rule::AssignToBoth(&[Reg::Rdi], &[Reg::Rsi])]);
static WIDER: Convention = mine(
    "wider",
    &[Rule::Promote(PartType::I32), Rule::AssignToReg(&[Reg::Rdi])],
);
static VECTORS: Convention = mine(
    "vectors",
    &[
        Rule::Promote(PartType::V128),
        Rule::AssignToReg(&[Reg::Xmm0]),
    ],
);
static LANES: Convention = mine(
    "lanes",
    &[Rule::AssignLanes {
        regs: &[],
        slot: 16,
    }],
);
static FAR: Convention = mine(
    "far",
    &[Rule::Custom("far", |_, _| Some(stack(u64::MAX - 3, 8)))],
);
static LONG: Convention = mine(
    "long",
    &[Rule::Custom("long", |_, _| Some(stack(0, u64::MAX)))],
);
static MORE: Convention = mine(
    "more",
    &[Rule::Custom("more", |_, _| {
        Some(lanes(&[Reg::Rdi, Reg::Rsi]))
    })],
);
static ENDLESS: Convention = mine(
    "endless",
    &[Rule::Custom("endless", |_, _| Some(lanes(&[])))],
);
static SHADOW: Convention = Convention {
    name: "shadow",
    shadow_space: u32::MAX,
    ..X86_64_SYSV
};
static COUNT: Convention = Convention {
    name: "count",
    variadic_count: Some(Reg::R10),
    ..X86_64_SYSV
};
static ECHO: Convention = Convention {
    name: "echo",
    sret_echo: Some(Reg::R11),
    ..X86_64_SYSV
};
static LOW: Convention = Convention {
    name: "low",
    stack_align: 8,
    ..X86_64_SYSV
};

fn stack(offset: u64, size: u64) -> Place {
    Place::Stack {
        offset,
        size,
        align: 8,
    }
}

fn lanes(regs: &'static [Reg]) -> Place {
    Place::PerElement {
        lanes: 1,
        regs,
        offset: u64::MAX,
        slot: 8,
    }
}

/// Rules nobody should write: lowered right, or refused.
#[test]
fn conventions_of_a_users_own() {
    let lower = lowering();
    let why = |sig: FnSig, convention: &'static Convention| {
        let sig = sig.convention(convention);
        let [call, entry] = [
            lower.call_plan(&sig).err().map(|e| e.to_string()),
            lower.entry_plan(&sig).err().map(|e| e.to_string()),
        ];
        match (call, entry) {
            (Some(call), Some(entry)) => assert_eq!(call, entry),
            (Some(call), None) => return format!("call: {call}"),
            (None, Some(entry)) => return format!("entry: {entry}"),
            (None, None) => return "lowered".into(),
        }
        lower.call_plan(&sig).unwrap_err().to_string()
    };
    let of = |ty: Type| FnSig::new([ty], Type::VOID);
    let no_args = || FnSig::new([], Type::VOID);
    let twice = || FnSig::new([Type::I64; 2], Type::VOID);
    let linux = "(x86_64-unknown-linux-gnu)";
    let shadow = |name| format!("the convention {name}: shadow space is not lowered yet {linux}");

    assert_eq!(why(no_args(), &X86_64_WIN64), shadow("x64 Windows"));
    assert_eq!(why(of(Type::F64), &X86_64_WIN64), shadow("x64 Windows"));
    assert_eq!(why(no_args(), &SHADOW), shadow("shadow"));
    assert_eq!(
        why(no_args(), &COUNT),
        format!("the convention count: vector registers are counted in rax only {linux}")
    );
    assert_eq!(
        why(no_args(), &LOW),
        format!("the convention low: Cranelift needs a stack aligned to 16 bytes {linux}")
    );
    assert_eq!(
        why(FnSig::new([], bytes(40)), &ECHO),
        "entry: the returned pointer to the result: the convention has it in Some(R11), Cranelift in Some(Rax)"
    );
    assert_eq!(
        why(twice(), &WIDE_SLOTS),
        format!(
            "call: the convention wide slots: wide gaps in the argument area are not lowered {linux}"
        )
    );
    // The slots after the argument are padding arguments.
    assert_eq!(why(of(Type::I64), &WIDE_LAST), "lowered");
    assert_eq!(why(of(Type::I64), &OWN_SLOTS), "lowered");
    assert_eq!(
        why(of(Type::I64), &BOTH),
        format!("argument 0, long long: only places in registers are lowered {linux}")
    );
    assert_eq!(
        why(FnSig::new([], bytes(40)), &BOTH),
        format!("result, struct bytes: this kind of result is not lowered {linux}")
    );
    assert_eq!(
        why(of(Type::I8), &WIDER),
        format!("argument 0, signed char: a widened part is not lowered {linux}")
    );
    assert_eq!(
        why(of(Type::F32), &VECTORS),
        format!("argument 0, float: a part of another size than its type {linux}")
    );
    let bools = Type::bool_vector(100, BoolVector::Zig).unwrap();
    let slots =
        "argument 0, @Vector(100, bool): lanes in slots of other than 8 bytes are not lowered";
    assert_eq!(why(of(bools), &LANES), format!("{slots} {linux}"));
    // Refused by `cabi` already, which does not count arguments.
    for convention in [&FAR, &LONG, &ENDLESS] {
        assert_eq!(
            why(of(Type::I64), convention),
            format!("long long: a place outside the argument area {linux}")
        );
    }
    assert_eq!(
        why(of(Type::I64), &MORE),
        format!("argument 0, long long: more registers than lanes {linux}")
    );
    let chain = of(bytes(40)).flags(0, ArgFlags::NEST);
    assert_eq!(
        why(chain, &X86_64_SYSV_NAMED),
        format!("argument 0, struct bytes: a static chain is not lowered yet {linux}")
    );
}

static X86_64_SYSV_NAMED: Convention = X86_64_SYSV;

#[test]
fn shared_between_threads() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<SysVAggregateLowering>();
    send_sync::<LowerError>();
    send_sync::<Entry>();
}
