//! Fields cost as many instructions as in CLIF written by hand.

use crate::cranelift::codegen::Context;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::ir::{Function, Value, types};
use crate::cranelift::codegen::isa::{self, TargetIsa};
use crate::cranelift::codegen::settings::{self, Configurable, Flags};
use crate::cranelift::frontend::{FunctionBuilder, FunctionBuilderContext};
use crate::cranelift::inst_builder::*;
use crate::{Arg, Lowering, Ret, Stubs};
use cabi::{FnSig, Member, RecordBuilder, Type};

use super::super::memory::{self, Address};

/// No function calls another one.
struct NoStubs;

impl Stubs for NoStubs {
    fn stub(
        &mut self,
        _: crate::Stub,
        _: crate::cranelift::codegen::ir::SigRef,
        _: &mut Function,
    ) -> Result<crate::cranelift::codegen::ir::FuncRef, crate::LowerError> {
        Err(crate::LowerError::Stub("none"))
    }

    fn function(
        &mut self,
        _: crate::cranelift::module::FuncId,
        _: crate::cranelift::codegen::ir::SigRef,
        _: &mut Function,
    ) -> Result<crate::cranelift::codegen::ir::FuncRef, crate::LowerError> {
        Err(crate::LowerError::Stub("none"))
    }
}

/// Takes fields out of CLIF parameters.
type Accessor = fn(&mut FunctionBuilder<'_>, &[Value]) -> Vec<Value>;

/// Returns the number of instructions of `void f(ty value, void *to)`, which stores the fields that
/// `take` makes of the CLIF parameters, or the lowering.
fn count(isa: &dyn TargetIsa, ty: &Type, take: Option<Accessor>) -> usize {
    let lower = Lowering::new(isa).unwrap();
    let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let sig = FnSig::new([ty.clone(), Type::PTR], Type::VOID);
    let (block, entry) = lower.begin(&mut builder, &sig).unwrap();
    let to = Address::at(entry.value(&mut builder, 1).unwrap());
    let fields = match take {
        Some(take) => {
            let params = builder.block_params(block).to_vec();
            take(&mut builder, &params)
        }
        None => entry.fields(&mut builder, 0).unwrap().to_vec(),
    };
    for (value, at) in fields.into_iter().zip((0..).step_by(8)) {
        memory::write(&mut builder, value, to.plus(at));
    }
    entry.ret(&mut NoStubs, &mut builder, None).unwrap();
    builder.finalize(isa.frontend_config());
    instructions(isa, func).len()
}

/// Returns the machine code of `func` as text.
fn instructions(isa: &dyn TargetIsa, func: Function) -> Vec<String> {
    let mut context = Context::for_function(func);
    context.set_disasm(true);
    let code = context.compile(isa, &mut ControlPlane::default()).unwrap();
    let lines = code.vcode.as_ref().unwrap().lines();
    let code = lines.filter(|line| line.starts_with("  ") && !line.contains("unwind"));
    code.map(|line| line.trim().to_owned()).collect()
}

const X86_64: &str = "x86_64-unknown-linux-gnu";

fn linux(name: &str) -> isa::OwnedTargetIsa {
    let mut flags = settings::builder();
    flags.set("opt_level", "speed").unwrap();
    flags.set("preserve_frame_pointers", "true").unwrap();
    let isa = isa::lookup_by_name(name).unwrap();
    isa.finish(Flags::new(flags)).unwrap()
}

/// Doubles that are passed in memory go there from their registers, and are padding in these.
#[test]
fn doubles_in_memory() {
    let isa = linux(X86_64);
    let lower = Lowering::new(&*isa).unwrap();
    let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let record = ["a", "b", "c"].into_iter();
    let record = record.fold(RecordBuilder::structure("s"), |record, name| {
        record.field(name, Type::F64)
    });
    let record = record.build(lower.target().data_model()).unwrap();
    let params = [Type::FN_PTR, Type::F64, Type::F64, Type::F64];
    let (_, entry) = lower
        .begin(&mut builder, &FnSig::new(params, Type::VOID))
        .unwrap();
    let callee = entry.value(&mut builder, 0).unwrap();
    let fields = [1, 2, 3].map(|i| entry.value(&mut builder, i).unwrap());
    let (sig, args) = (FnSig::new([record], Type::VOID), [Arg::fields(&fields)]);
    let (stubs, ret) = (&mut NoStubs, Ret::Ignore);
    lower
        .call_sig(stubs, &mut builder, callee, &sig, &args, ret)
        .unwrap();
    entry.ret(stubs, &mut builder, None).unwrap();
    builder.finalize(isa.frontend_config());
    let code = instructions(&*isa, func);
    let count = |start: &str| code.iter().filter(|line| line.starts_with(start)).count();
    // Three of eight registers have a double each, and one is where two of them are put together.
    assert_eq!((count("movq %xmm"), count("movdqa")), (0, 4), "{code:#?}");
}

/// Two floats, which are an integer on s390x.
fn floats(builder: &mut FunctionBuilder<'_>, params: &[Value]) -> Vec<Value> {
    let flags = super::convert::flags(super::Endianness::Little);
    match (builder.func.dfg.value_type(params[0]), params) {
        (types::F64, [pair, ..]) => {
            let lanes = builder.ins().splat(types::F64X2, *pair);
            let lanes = builder.ins().bitcast(types::F32X4, flags, lanes);
            let floats = [0, 1].map(|lane| builder.ins().extractlane(lanes, lane));
            floats.to_vec()
        }
        (types::I64, [pair, ..]) => {
            let high = builder.ins().ushr_imm_u(*pair, 32);
            let floats = [high, *pair].map(|word| {
                let word = builder.ins().ireduce(types::I32, word);
                builder.ins().bitcast(types::F32, flags, word)
            });
            floats.to_vec()
        }
        _ => params[..2].to_vec(),
    }
}

/// Bit-fields of 3 and 13 bits, which begin at the top on s390x.
fn bits(builder: &mut FunctionBuilder<'_>, params: &[Value], is_big: bool) -> Vec<Value> {
    let field = |(first, n): (i64, i64)| {
        let up = if is_big { first } else { 64 - first - n };
        let high = builder.ins().ishl_imm_u(params[0], up);
        builder.ins().sshr_imm_u(high, 64 - n)
    };
    [(0, 3), (3, 13)].map(field).to_vec()
}

#[test]
fn fields_cost_no_more_than_by_hand() {
    let build = |record: RecordBuilder| record.build(&cabi::DataModel::LP64).unwrap();
    let two_floats = RecordBuilder::structure("floats").field("a", Type::F32);
    let two_floats = build(two_floats.field("b", Type::F32));
    let two_bits = RecordBuilder::structure("bits").member(Member::bit_field("a", Type::I64, 3));
    let two_bits = build(two_bits.member(Member::bit_field("b", Type::I64, 13)));
    for (name, bits) in [
        (
            X86_64,
            (|builder, params| bits(builder, params, false)) as Accessor,
        ),
        ("aarch64-unknown-linux-gnu", |builder, params| {
            bits(builder, params, false)
        }),
        ("riscv64gc-unknown-linux-gnu", |builder, params| {
            bits(builder, params, false)
        }),
        ("s390x-unknown-linux-gnu", |builder, params| {
            bits(builder, params, true)
        }),
    ] {
        let isa = linux(name);
        for (ty, by_hand) in [(&two_floats, floats as Accessor), (&two_bits, bits)] {
            let by_hand = count(&*isa, ty, Some(by_hand));
            assert_eq!(count(&*isa, ty, None), by_hand, "{name}: {ty}");
        }
    }
}

/// A record of two `int`s, which these machines return in one register.
#[test]
fn a_word_costs_no_more_than_by_hand() {
    for name in [
        X86_64,
        "aarch64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-gnu",
    ] {
        let isa = linux(name);
        let lower = Lowering::new(&*isa).unwrap();
        let pair = RecordBuilder::structure("pair").field("a", Type::I32);
        let pair = pair
            .field("b", Type::I32)
            .build(lower.target().data_model());
        let sig = FnSig::new([Type::I32, Type::I32], pair.unwrap());
        let [by_lowering, by_hand] = [false, true].map(|is_by_hand| {
            let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
            let mut builder = FunctionBuilder::new(&mut func, &mut context);
            let (_, entry) = lower.begin(&mut builder, &sig).unwrap();
            let fields = [0, 1].map(|i| entry.value(&mut builder, i).unwrap());
            if is_by_hand {
                let low = builder.ins().uextend(types::I64, fields[0]);
                let top = builder.ins().sextend(types::I64, fields[1]);
                let top = builder.ins().ishl_imm_u(top, 32);
                let word = builder.ins().bor(low, top);
                builder.ins().return_(&[word]);
            } else {
                let value = Arg::fields(&fields);
                entry.ret(&mut NoStubs, &mut builder, Some(&value)).unwrap();
            }
            builder.finalize(isa.frontend_config());
            instructions(&*isa, func).len()
        });
        assert_eq!(by_lowering, by_hand, "{name}");
    }
}
