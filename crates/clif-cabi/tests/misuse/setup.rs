//! Builders that are not set up for what is asked.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{self, Block, Function, InstBuilder};
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::{Arg, LowerError, Lowering, Ret};

use super::{Any, building, config, entered, lowering};

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
    builder.finalize(config());

    let mut func = Function::new();
    func.signature = lower.entry_plan(&sig).unwrap().signature().clone();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let other = FnSig::new([Type::F64], Type::VOID);
    let error = lower.begin(&mut builder, &other).unwrap_err();
    let message = "void (double): the function being built: its signature is not that of the plan";
    assert_eq!(error.to_string(), message);
    lower.begin(&mut builder, &sig).unwrap();
    builder.ins().trap(ir::TrapCode::unwrap_user(1));
    builder.finalize(config());
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

/// The refusals of a call of `sig`, with `value` as callee and argument, and of its steps.
fn of_calls(
    lower: &Lowering,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
    value: ir::Value,
) -> [LowerError; 3] {
    let plan = lower.call_plan(sig).unwrap();
    let (args, any, ret) = ([Arg::value(value)], &mut Any(true), Ret::Ignore);
    let call = lower.call_sig(any, builder, value, sig, &args, ret);
    [
        call.unwrap_err(),
        lower.values_in(builder, &plan, &args, ret).unwrap_err(),
        lower.values_out(any, builder, &plan, &[], ret).unwrap_err(),
    ]
}

/// A builder that stands in no block yet.
#[test]
fn nowhere_to_insert() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64], Type::VOID);
    let mut func = Function::new();
    func.signature = lower.entry_plan(&sig).unwrap().signature().clone();
    let mut context = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    let value = builder.block_params(block)[0];
    let entry = lower.enter(&builder, block, &sig).unwrap();
    let builder = &mut builder;
    let of_entry = [
        entry.address(builder, 0).unwrap_err(),
        entry.ret(&mut Any(true), builder, None).unwrap_err(),
    ];
    for error in of_calls(&lower, builder, &sig, value)
        .into_iter()
        .chain(of_entry)
    {
        let message = "void (long long): the function being built: no block has been switched to";
        assert_eq!(error.to_string(), message);
    }
}

/// A block that ends already: cranelift-frontend panics on a further instruction in debug builds, and emits one after the terminator in release builds.
#[test]
fn filled_blocks() {
    let lower = lowering();
    let sig = FnSig::new([Type::I64], Type::VOID);
    let ((), n, _) = entered(&sig, |builder, entry| {
        let value = entry.value(builder, 0).unwrap();
        builder.ins().trap(ir::TrapCode::unwrap_user(1));
        let of_entry = [
            entry.value(builder, 0).unwrap_err(),
            entry.address(builder, 0).unwrap_err(),
            entry.store(builder, 0, value).unwrap_err(),
            entry.ret(&mut Any(true), builder, None).unwrap_err(),
        ];
        for error in of_calls(&lower, builder, &sig, value)
            .into_iter()
            .chain(of_entry)
        {
            let message = "the function being built: the block ends already";
            assert!(error.to_string().contains(message), "{error}");
        }
    });
    assert_eq!(n, 1, "only the trap");
}

/// Flags without which functions of a target would be wrong are asked for.
#[test]
fn flags_that_a_target_needs() {
    let lowering = |target: &str, flags: &[(&str, &str)]| {
        let mut builder = settings::builder();
        for (flag, value) in flags {
            builder.set(flag, value).unwrap();
        }
        let isa = isa::lookup_by_name(target).unwrap();
        let isa = isa.finish(settings::Flags::new(builder)).unwrap();
        Lowering::new(&*isa).map_or_else(|error| error.to_string(), |_| "lowered".into())
    };
    let probes = ("enable_probestack", "true");
    for (target, on, why) in [
        (
            "aarch64-unknown-linux-gnu",
            ("preserve_frame_pointers", "true"),
            "preserve_frame_pointers must be on: functions find their stack arguments by the frame pointer",
        ),
        (
            "aarch64-apple-darwin",
            ("preserve_frame_pointers", "true"),
            "preserve_frame_pointers must be on: functions find their stack arguments by the frame pointer",
        ),
        ("x86_64-pc-windows-gnu", probes, PROBES),
        ("x86_64-pc-windows-msvc", probes, PROBES),
    ] {
        assert_eq!(
            lowering(target, &[]),
            format!("{target}: the setting {why}")
        );
        assert_eq!(lowering(target, &[on]), "lowered");
    }
    let wide = [probes, ("probestack_size_log2", "16")];
    assert!(lowering("x86_64-pc-windows-gnu", &wide).ends_with(PROBES));
    assert_eq!(lowering("x86_64-unknown-linux-gnu", &[]), "lowered");
}

const PROBES: &str = "enable_probestack must be on, and probestack_size_log2 at most 12: Windows grows a stack page by page, and a frame that steps over one ends the process";
