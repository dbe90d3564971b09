//! What is refused before the first instruction: values that are none, or not of the type or form that their place needs.

use crate::cranelift::codegen::ir::{
    Block, DataFlowGraph, FuncRef, SigRef, Signature, Type, Value, types,
};
use crate::cranelift::frontend::FunctionBuilder;
use clif_cabi_plan::PassMode;
use smallvec::SmallVec;

use super::fields::{self, FieldValue};
use super::forms::{Arg, Ret};
use crate::error::LowerError;
use crate::parts::Part;
use crate::plan::CallPlan;
use crate::replay::MAX_STACK_BYTES;

/// The type of `value`; `INVALID` for a value of another function, whose type would be a panic to ask for.
pub(super) fn type_of(dfg: &DataFlowGraph, value: Value) -> Type {
    if dfg.value_is_valid(value) {
        dfg.value_type(value)
    } else {
        types::INVALID
    }
}

/// Refuses a builder that cannot insert an instruction where it stands: cranelift-frontend would panic, or append it to a block that ends.
pub(crate) fn position(builder: &FunctionBuilder<'_>) -> Result<(), LowerError> {
    let func = &builder.func;
    let why = match builder.current_block() {
        None => "no block has been switched to",
        Some(block) if !func.dfg.block_is_valid(block) => "it has no such block",
        Some(block) => match func.layout.last_inst(block) {
            Some(last) if func.dfg.insts[last].opcode().is_terminator() => {
                "the block ends already: switch to another one first"
            }
            _ => return Ok(()),
        },
    };
    Err(LowerError::Function { why })
}

/// Refuses a function that has been begun, or has another signature than `signature`: an entry would not be its first block.
pub(crate) fn unbegun(
    builder: &FunctionBuilder<'_>,
    signature: &Signature,
) -> Result<(), LowerError> {
    let own = &builder.func.signature;
    let unset = own.params.is_empty() && own.returns.is_empty();
    let why = if builder.current_block().is_some() || builder.func.layout.entry_block().is_some() {
        "it has been begun already"
    } else if !unset && own != signature {
        "its signature is not that of the plan"
    } else {
        return Ok(());
    };
    Err(LowerError::Function { why })
}

/// The parameters of `block`, if it is the first block of a function of `signature` and has them.
pub(crate) fn params(
    builder: &FunctionBuilder<'_>,
    signature: &Signature,
    block: Block,
) -> Result<SmallVec<[Value; 16]>, LowerError> {
    let refuse = |why| Err(LowerError::Function { why });
    if builder.func.signature != *signature {
        return refuse("its signature is not that of the plan");
    }
    let dfg = &builder.func.dfg;
    if !dfg.block_is_valid(block) {
        return refuse("it has no such block");
    }
    let params = SmallVec::<[Value; 16]>::from_slice(dfg.block_params(block));
    let declared = signature.params.iter().map(|param| param.value_type);
    if !declared.eq(params.iter().map(|param| dfg.value_type(*param))) {
        return refuse("its parameters have not been appended to the block");
    }
    first_block(builder, block)?;
    Ok(params)
}

/// Refuses a block that is not the function's first, or will not be: only there the parameters are the function's.
pub(super) fn first_block(builder: &FunctionBuilder<'_>, block: Block) -> Result<(), LowerError> {
    let first = (builder.func.layout.entry_block()).or_else(|| builder.current_block());
    if first.is_none_or(|first| first == block) {
        return Ok(());
    }
    Err(LowerError::Function {
        why: "the block that is entered is not its first",
    })
}

/// Refuses what is not an address. `what` it is the address of: `argument 2`, `result`, `callee`.
pub(crate) fn address(
    dfg: &DataFlowGraph,
    value: Value,
    what: &str,
    ty: &cabi::Type,
) -> Result<(), LowerError> {
    match type_of(dfg, value) {
        types::I64 => Ok(()),
        found => {
            let expected = "an address".to_string();
            Err(LowerError::value(what.into(), ty, expected, found))
        }
    }
}

/// Refuses what is not the address of a function.
pub(super) fn callee(dfg: &DataFlowGraph, value: Value) -> Result<(), LowerError> {
    // A type is made in some instructions, which most calls need not.
    match type_of(dfg, value) {
        types::I64 => Ok(()),
        _ => address(dfg, value, "callee", &cabi::Type::FN_PTR),
    }
}

/// Whether `values` have the types of `parts`.
pub(super) fn are_parts(dfg: &DataFlowGraph, values: &[Value], parts: &[Part]) -> bool {
    let alike = |(value, part): (&Value, &Part)| type_of(dfg, *value) == part.ty;
    values.len() == parts.len() && values.iter().zip(parts).all(alike)
}

/// Whether `values` have the types of the fields of `ty`. If not: what would be right, if there are any, and what was given.
pub(super) fn are_fields(
    dfg: &DataFlowGraph,
    values: &[Value],
    ty: &cabi::Type,
) -> Result<(), (Option<String>, String)> {
    let fields = fields::fields_of(ty).map_err(|why| (None, format!("Arg::Fields of {why}")))?;
    let alike = |(value, field): (&Value, &FieldValue)| type_of(dfg, *value) == field.ty;
    if values.len() == fields.len() && values.iter().zip(&fields).all(alike) {
        return Ok(());
    }
    Err((Some(fields::names(&fields)), types_of(dfg, values)))
}

/// The types of `parts`, for messages.
pub(super) fn names(parts: &[Part]) -> String {
    let names: Vec<String> = parts.iter().map(|part| part.ty.to_string()).collect();
    names.join(", ")
}

/// The types of `values`, for messages.
pub(super) fn types_of(dfg: &DataFlowGraph, values: &[Value]) -> String {
    let name = |value: &Value| match type_of(dfg, *value) {
        // `Display` of an invalid type panics.
        ty if ty.is_invalid() => "no value".to_string(),
        ty => ty.to_string(),
    };
    let names: Vec<String> = values.iter().map(name).collect();
    format!("[{}]", names.join(", "))
}

/// The forms that a value of `parts` has, for messages: `form` is `Arg` or `Ret`.
pub(super) fn memory_or(parts: &[Part], form: &str) -> String {
    match parts {
        [] => format!("{form}::Memory"),
        parts => format!("{form}::Memory, or {form}::Parts of [{}]", names(parts)),
    }
}

/// The signature that `func` was imported with.
pub(super) fn imported(dfg: &DataFlowGraph, func: FuncRef) -> Result<&Signature, LowerError> {
    let import = dfg.ext_funcs.get(func);
    import
        .and_then(|import| dfg.signatures.get(import.signature))
        .ok_or(LowerError::Function {
            why: "it has not imported what it calls",
        })
}

/// Refuses a function that the trait `Stubs` was asked for with `signature`, and that is not imported with it.
pub(super) fn are_imported(
    dfg: &DataFlowGraph,
    func: FuncRef,
    signature: SigRef,
) -> Result<(), LowerError> {
    let import = dfg.ext_funcs.get(func);
    if import.is_some_and(|import| import.signature == signature) {
        return Ok(());
    }
    Err(LowerError::Stub {
        why: "what `Stubs` returned is not imported with the signature that was asked for",
    })
}

/// Refuses arguments that are not those of the plan.
pub(super) fn arguments(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    args: &[Arg],
) -> Result<(), LowerError> {
    let (expected, found) = (plan.inner.args.n_args(), args.len());
    if found > expected && plan.sig().is_variadic() && expected == plan.sig().n_named() {
        let named = expected;
        return Err(LowerError::Unnamed { named, found });
    }
    if found != expected {
        return Err(LowerError::ArgumentCount { expected, found });
    }
    for (i, arg) in args.iter().enumerate() {
        let Some(value) = plan.value(i) else { continue };
        match value.mode {
            PassMode::Indirect { size, align } if !fits_a_frame(size, align) => {
                let expected = "an object that a stack frame has room for a copy of".into();
                let found = format!("{size} bytes aligned to {align}");
                return Err(value.error(expected, found));
            }
            _ => value.check(dfg, arg)?,
        }
    }
    Ok(())
}

/// Whether there can be such an object on the stack.
pub(crate) fn fits_a_frame(size: u64, align: u32) -> bool {
    size.saturating_add(u64::from(align)) <= u64::from(MAX_STACK_BYTES)
}

/// Refuses a form that the result of a call cannot have.
pub(super) fn result_form(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    ret: Ret,
) -> Result<(), LowerError> {
    let result = plan.result_value();
    let fits = match (ret, result.mode) {
        (_, PassMode::Ignore) => true,
        (Ret::Memory(to), _) => return address(dfg, to, "result", result.ty()),
        // The callee writes the result in any case.
        (_, PassMode::Indirect { size, align })
            if plan.sig().is_noreturn() || ret == Ret::Ignore =>
        {
            fits_a_frame(size, align)
        }
        (Ret::Ignore, _) => true,
        (_, PassMode::Indirect { .. }) => false,
        (Ret::Value, mode) => mode == PassMode::Parts && result.whole.is_some(),
        (Ret::Fields, _) => {
            fields::fields_of(result.ty()).is_ok_and(|own| fields::are_in(&own, result.parts))
        }
        (Ret::Parts, _) => true,
    };
    if fits {
        return Ok(());
    }
    let expected = match ret {
        Ret::Ignore => "Ret::Memory, as no stack frame has room for it".to_string(),
        _ => memory_or(result.parts, "Ret"),
    };
    Err(result.error(expected, format!("Ret::{ret:?}")))
}

/// Refuses values that are not the results of the plan's CLIF signature.
pub(super) fn results(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    results: &[Value],
) -> Result<(), LowerError> {
    let declared = plan.signature().returns.iter();
    let declared: Vec<Type> = declared.map(|result| result.value_type).collect();
    if declared
        .iter()
        .copied()
        .eq(results.iter().map(|value| type_of(dfg, *value)))
    {
        return Ok(());
    }
    let names: Vec<String> = declared.iter().map(Type::to_string).collect();
    let expected = format!("the results [{}] of the call", names.join(", "));
    Err(plan.result_value().error(expected, types_of(dfg, results)))
}
