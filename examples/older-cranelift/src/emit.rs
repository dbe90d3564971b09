//! An emitter of calls on Cranelift 0.132: what a front end writes to use `clif-cabi-plan` on its own release.
//!
//! Arguments and result are objects in memory here, which every C value is. `clif-cabi` also takes SSA values and parts, and emits entries.

use clif_cabi_plan::{
    self as plan, CallPlan, ClifPart, Passing, RelocKind, ResultPlan, Slot, Stub, StubCode,
};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{
    AbiParam, ArgumentExtension, ArgumentPurpose, InstBuilder, MemFlags, Signature, Type, Value,
    types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, FuncOrDataId, Linkage, Module, ModuleReloc, ModuleRelocTarget};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Emits a call of `callee`: argument `i` is the object at `args[i]`, the result is stored to `result`.
pub fn call(
    module: &mut dyn Module,
    builder: &mut FunctionBuilder<'_>,
    (callee, plan): (FuncId, &CallPlan),
    args: &[Value],
    result: Value,
) -> Result<()> {
    let word = MemFlags::new();
    let slots = plan.slots.iter().zip(&plan.signature.params);
    let values: Result<Vec<Value>> = slots
        .map(|(slot, param)| match *slot {
            // Any value of its type.
            Slot::Padding { .. } if !param.ty.is_int() => Ok(builder.ins().f64const(0.0)),
            Slot::Sret | Slot::Result | Slot::Padding { .. } => Ok(result),
            Slot::Block { arg } | Slot::Address { arg } => Ok(args[arg]),
            Slot::Part { arg, part } => match &plan.args[arg] {
                Passing::Parts(parts) | Passing::Block { tail: parts, .. } => {
                    let value = load(builder, &parts[part], args[arg]);
                    Ok(passed(builder, &parts[part], value))
                }
                other => Err(format!("{other:?} has no parts").into()),
            },
            Slot::Vector { arg, part, .. } => match &plan.args[arg] {
                Passing::Vectors(parts) => {
                    let ty = clif_type(param.ty);
                    Ok(vector(builder, &parts[part..], ty, args[arg]))
                }
                other => Err(format!("{other:?} has no vectors").into()),
            },
            Slot::Lane { arg, lane } => {
                let byte = i32::from(lane / 8);
                let byte = builder.ins().uload8(types::I64, word, args[arg], byte);
                let bit = builder.ins().ushr_imm(byte, i64::from(lane % 8));
                Ok(builder.ins().band_imm(bit, 1))
            }
        })
        .collect();
    let func = match plan.direct_stub(callee.as_u32()) {
        Some(stub) => define(module, &stub, &plan.signature)?,
        None => callee,
    };
    // The callee may be declared with another signature: it is called with the plan's.
    let signature = builder.import_signature(clif_signature(&plan.signature));
    let func = module.declare_func_in_func(func, builder.func);
    builder.func.dfg.ext_funcs[func].signature = signature;
    let inst = builder.ins().call(func, &values?);
    let results = builder.inst_results(inst).to_vec();
    store_result(module, builder, plan, &results, result)
}

/// Stores what a call returned to the object `to`, as far as the callee has not.
fn store_result(
    module: &mut dyn Module,
    builder: &mut FunctionBuilder<'_>,
    plan: &CallPlan,
    results: &[Value],
    to: Value,
) -> Result<()> {
    match &plan.result {
        // A stub has stored the vectors.
        ResultPlan::Nothing | ResultPlan::Never | ResultPlan::Sret | ResultPlan::Vectors { .. } => {
        }
        ResultPlan::Parts {
            results: own,
            parts,
        } => {
            for (part, i) in parts.iter().zip(own) {
                store(builder, part, results[*i], to);
            }
        }
        // The x87 stack: the stub stores no byte outside the 10 of each value.
        ResultPlan::Stub { pop, .. } => {
            let pop = define(module, pop, &Stub::address_signature())?;
            let pop = module.declare_func_in_func(pop, builder.func);
            builder.ins().call(pop, &[to]);
        }
    }
    Ok(())
}

/// The stub as a function of the module, which is defined when it is asked for the first time.
fn define(module: &mut dyn Module, stub: &Stub, signature: &plan::Signature) -> Result<FuncId> {
    let name = stub.name();
    if let Some(FuncOrDataId::Func(id)) = module.get_name(&name) {
        return Ok(id);
    }
    let id = module.declare_function(&name, Linkage::Local, &clif_signature(signature))?;
    let code = stub.code(module.isa().flags().is_pic())?;
    let reloc = code.reloc.map(|reloc| ModuleReloc {
        offset: reloc.offset,
        kind: match reloc.kind {
            RelocKind::CallPlt4 => Reloc::X86CallPLTRel4,
            RelocKind::Abs8 => Reloc::Abs8,
        },
        name: ModuleRelocTarget::user(0, reloc.callee),
        addend: reloc.addend,
    });
    module.define_function_bytes(id, StubCode::ALIGN, &code.bytes, reloc.as_slice())?;
    Ok(id)
}

/// Loads one part of the object at `from`, and no byte after its end.
fn load(builder: &mut FunctionBuilder<'_>, part: &ClifPart, from: Value) -> Value {
    let (flags, offset) = (MemFlags::new(), part.offset as i32);
    if u32::from(part.size) == part.ty.bytes() {
        return builder.ins().load(clif_type(part.ty), flags, from, offset);
    }
    let mut word = builder.ins().iconst(types::I64, 0);
    for i in (0..i32::from(part.size)).rev() {
        let byte = builder.ins().uload8(types::I64, flags, from, offset + i);
        let shifted = builder.ins().ishl_imm(word, 8);
        word = builder.ins().bor(shifted, byte);
    }
    word
}

/// The value of `part`, extended as C's callers do.
fn passed(builder: &mut FunctionBuilder<'_>, part: &ClifPart, value: Value) -> Value {
    let ty = clif_type(part.passed_as());
    match part.extension {
        plan::Extension::None => value,
        plan::Extension::Zero => builder.ins().uextend(ty, value),
        plan::Extension::Sign => builder.ins().sextend(ty, value),
    }
}

/// Loads the first word of `words` as the integer or float `ty`, or the first two as the vector.
fn vector(builder: &mut FunctionBuilder<'_>, words: &[ClifPart], ty: Type, from: Value) -> Value {
    let flags = MemFlags::new();
    if ty.is_int() {
        return load(builder, &words[0], from);
    }
    let mut word = |i: usize| {
        let word = load(builder, &words[i], from);
        builder.ins().bitcast(types::F64, flags, word)
    };
    if !ty.is_vector() {
        return word(0);
    }
    let (low, high) = (word(0), word(1));
    let low = builder.ins().scalar_to_vector(ty, low);
    builder.ins().insertlane(low, high, 1)
}

/// Stores one part of the object at `to`, and no byte after its end.
fn store(builder: &mut FunctionBuilder<'_>, part: &ClifPart, mut value: Value, to: Value) {
    let (flags, offset) = (MemFlags::new(), part.offset as i32);
    if u32::from(part.size) == part.ty.bytes() {
        builder.ins().store(flags, value, to, offset);
        return;
    }
    for i in 0..i32::from(part.size) {
        builder.ins().istore8(flags, value, to, offset + i);
        value = builder.ins().ushr_imm(value, 8);
    }
}

fn clif_signature(signature: &plan::Signature) -> Signature {
    let params = |params: &[plan::Param]| params.iter().map(clif_param).collect();
    Signature {
        params: params(&signature.params),
        returns: params(&signature.returns),
        call_conv: match signature.call_conv {
            plan::CallConv::SystemV => CallConv::SystemV,
            plan::CallConv::Fast => CallConv::Fast,
            plan::CallConv::PreserveAll => CallConv::PreserveAll,
            plan::CallConv::WindowsFastcall => CallConv::WindowsFastcall,
            plan::CallConv::Tail => CallConv::Tail,
        },
    }
}

fn clif_param(param: &plan::Param) -> AbiParam {
    AbiParam {
        value_type: clif_type(param.ty),
        purpose: match param.purpose {
            plan::Purpose::Normal => ArgumentPurpose::Normal,
            plan::Purpose::StructReturn => ArgumentPurpose::StructReturn,
            plan::Purpose::StructArgument(size) => ArgumentPurpose::StructArgument(size),
        },
        extension: match param.extension {
            plan::Extension::None => ArgumentExtension::None,
            plan::Extension::Zero => ArgumentExtension::Uext,
            plan::Extension::Sign => ArgumentExtension::Sext,
        },
    }
}

macro_rules! by_name {
    ($value:expr, $($name:ident)*) => {
        match $value { $(plan::ValueType::$name => types::$name,)* }
    };
}

fn clif_type(ty: plan::ValueType) -> Type {
    by_name!(ty, I8 I16 I32 I64 I128 F16 F32 F64 F128 I8X2 I8X4 I8X8 I8X16 I16X2 I16X4 I16X8 I32X2
        I32X4 I64X2 F16X2 F16X4 F16X8 F32X2 F32X4 F64X2)
}
