//! Checks before the first instruction: values have to exist, and be of the type and form that
//! their place needs.

use std::fmt::Display;

use crate::cranelift::codegen::ir::{
    Block, DataFlowGraph, FuncRef, SigRef, Signature, Type, Value, types,
};
use crate::cranelift::frontend::FunctionBuilder;
use clif_cabi_plan::{CallPlan, MAX_STACK_BYTES, PassMode};
use smallvec::SmallVec;

use super::fields;
use super::forms::{Arg, Ret};
use super::memory::MemoryConfig;
use super::value::{CValue, memory_or, part_types};
use crate::clif_types::{clif_type, is_planned, type_name, type_names};
use crate::error::LowerError;

/// Returns the type of `value`; `INVALID` for a value of another function, at which Cranelift would
/// panic.
pub(crate) fn type_of(dfg: &DataFlowGraph, value: Value) -> Type {
    if dfg.value_is_valid(value) {
        dfg.value_type(value)
    } else {
        types::INVALID
    }
}

/// Refuses a builder that cannot insert an instruction at its position: cranelift-frontend would
/// panic, or append it to a block that ends.
pub(crate) fn position(builder: &FunctionBuilder<'_>) -> Result<(), LowerError> {
    let func = &builder.func;
    let why = match builder.current_block() {
        None => "it has no current block: switch to one first",
        Some(block) if !func.dfg.block_is_valid(block) => "it has no such block",
        Some(block) => match func.layout.last_inst(block) {
            Some(last) if func.dfg.insts[last].opcode().is_terminator() => {
                "its current block has already ended: switch to another block first"
            }
            _ => return Ok(()),
        },
    };
    Err(LowerError::Function(why))
}

/// Refuses a function that has been begun, or has another signature: an entry would not be its
/// first block.
pub(crate) fn unbegun(
    builder: &FunctionBuilder<'_>,
    signature: &Signature,
) -> Result<(), LowerError> {
    let own = &builder.func.signature;
    let unset = own.params.is_empty() && own.returns.is_empty();
    let why = if builder.current_block().is_some() || builder.func.layout.entry_block().is_some() {
        "it already has a block"
    } else if !unset && own != signature {
        "its signature differs from the plan's"
    } else {
        return Ok(());
    };
    Err(LowerError::Function(why))
}

/// Returns the parameters of `block`, if it is the first block of a function of `signature` and has
/// them.
pub(crate) fn params(
    builder: &FunctionBuilder<'_>,
    signature: &clif_cabi_plan::Signature,
    block: Block,
) -> Result<SmallVec<[Value; 16]>, LowerError> {
    let refuse = |why| Err(LowerError::Function(why));
    if !is_planned(&builder.func.signature, signature) {
        return refuse("its signature differs from the plan's");
    }
    let dfg = &builder.func.dfg;
    if !dfg.block_is_valid(block) {
        return refuse("it has no such block");
    }
    let params = SmallVec::<[Value; 16]>::from_slice(dfg.block_params(block));
    if !are_of(
        dfg,
        &params,
        signature.params.iter().map(|param| clif_type(param.ty)),
    ) {
        return refuse("the block does not have the function's parameters: append them first");
    }
    first_block(builder, block)?;
    Ok(params)
}

/// Refuses a block that is not the function's first, or will not be: only there the parameters are
/// the function's.
pub(super) fn first_block(builder: &FunctionBuilder<'_>, block: Block) -> Result<(), LowerError> {
    let first = (builder.func.layout.entry_block()).or_else(|| builder.current_block());
    if first.is_none_or(|first| first == block) {
        return Ok(());
    }
    Err(LowerError::Function(
        "the entered block is not its first block",
    ))
}

/// Refuses a value that is not an address. `subject` names the object: `argument 2`, `result`,
/// `callee`.
#[inline]
pub(crate) fn address(
    dfg: &DataFlowGraph,
    value: Value,
    subject: &dyn Display,
    ty: &cabi::Type,
) -> Result<(), LowerError> {
    match type_of(dfg, value) {
        types::I64 => Ok(()),
        found => Err(LowerError::value([
            subject,
            ty,
            &"an address",
            &type_name(found),
        ])),
    }
}

/// Checks whether `values` have these types.
pub(super) fn are_of(
    dfg: &DataFlowGraph,
    values: &[Value],
    types: impl Iterator<Item = Type>,
) -> bool {
    types.eq(values.iter().map(|value| type_of(dfg, *value)))
}

pub(super) fn types_of(dfg: &DataFlowGraph, values: &[Value]) -> String {
    type_names(values.iter().map(|value| type_of(dfg, *value)))
}

impl CValue<'_> {
    /// Refuses `arg`, unless the value can be passed as it is given.
    pub(super) fn check(
        &self,
        (dfg, config): (&DataFlowGraph, MemoryConfig),
        arg: &Arg,
    ) -> Result<(), LowerError> {
        let no_form = |form: &str| Err(self.error(memory_or(self.parts, "Arg"), form.into()));
        match (arg, self.mode) {
            (Arg::Value(_), PassMode::Ignore) if *self.ty == cabi::Type::VOID => {
                Err(self.error("nothing".into(), "Arg::Value".into()))
            }
            (_, PassMode::Ignore) => Ok(()),
            (Arg::Memory { base, .. }, _) => address(dfg, *base, self, self.ty),
            (Arg::Value(value), PassMode::Parts | PassMode::Indirect { .. }) => {
                let found = type_of(dfg, *value);
                match self.single_type() {
                    Some(ty) if ty == found || ty.bits() == found.bits() => Ok(()),
                    Some(ty) => Err(self.error(ty.to_string(), type_name(found))),
                    None => no_form("Arg::Value"),
                }
            }
            (Arg::Value(_), _) => no_form("Arg::Value"),
            (Arg::Parts(_), PassMode::Lanes(_) | PassMode::Indirect { .. } | PassMode::Area)
                if self.parts.is_empty() =>
            {
                no_form("Arg::Parts")
            }
            (Arg::Parts(values), _) if are_of(dfg, values, part_types(self.parts)) => Ok(()),
            (Arg::Parts(_), _) if self.parts.is_empty() => no_form("Arg::Parts"),
            (Arg::Parts(values), _) => {
                let types = values.iter().map(|value| type_of(dfg, *value));
                if self.parts_as_fields(types).is_some() {
                    return Ok(());
                }
                let expected = format!("the parts {}", type_names(part_types(self.parts)));
                Err(self.error(expected, types_of(dfg, values)))
            }
            (Arg::Fields(_), PassMode::Lanes(_)) => no_form("Arg::Fields"),
            (Arg::Fields(values), _) => match config.fields(self.ty) {
                Err(why) => no_form(&format!("Arg::Fields of {why}")),
                Ok(fields) if are_of(dfg, values, fields.iter().map(|field| field.ty)) => Ok(()),
                Ok(fields) => {
                    let types = type_names(fields.iter().map(|field| field.ty));
                    Err(self.error(format!("the fields {types}"), types_of(dfg, values)))
                }
            },
        }
    }
}

/// Returns the signature that `func` was imported with.
pub(super) fn imported(dfg: &DataFlowGraph, func: FuncRef) -> Result<SigRef, LowerError> {
    let import = dfg.ext_funcs.get(func);
    let signature = import.map(|import| import.signature);
    let signature = signature.filter(|own| dfg.signatures.is_valid(*own));
    signature.ok_or(LowerError::Function("it has not imported the callee"))
}

/// Refuses arguments that are not those of the plan. Returns `true` if objects are given away.
pub(super) fn arguments(
    (dfg, config): (&DataFlowGraph, MemoryConfig),
    plan: &CallPlan,
    args: &[Arg],
) -> Result<bool, LowerError> {
    let (expected, found) = (plan.args.modes().len(), args.len());
    if found > expected && plan.sig.is_variadic() && expected == plan.sig.n_named() {
        let named = expected;
        return Err(LowerError::Unnamed { named, found });
    }
    if found != expected {
        return Err(LowerError::ArgumentCount { expected, found });
    }
    let (mut copied, mut gives_away) = (0, false);
    for (i, arg) in args.iter().enumerate() {
        let Some(value) = CValue::argument(plan, i) else {
            continue;
        };
        if let PassMode::Indirect { .. } = value.mode {
            match arg {
                Arg::Memory { owned: true, .. } => gives_away = true,
                _ => copied = with_copy(&value, copied)?,
            }
        }
        value.check((dfg, config), arg)?;
    }
    Ok(gives_away)
}

/// Refuses a plan whose calls need objects that no stack frame has room for. These are copies of
/// arguments, as in [`arguments`], and the result of a function that never returns.
pub(crate) fn objects(plan: &CallPlan) -> Result<(), LowerError> {
    let mut values = (0..plan.args.modes().len()).filter_map(|i| CValue::argument(plan, i));
    values.try_fold(0, |copied, value| with_copy(&value, copied))?;
    match plan.sig.is_noreturn() {
        true => unused_result(plan, Ret::Ignore),
        false => Ok(()),
    }
}

/// Refuses a call without room for its result, if the callee writes the result in any case and no
/// stack frame has room for it.
fn unused_result(plan: &CallPlan, ret: Ret) -> Result<(), LowerError> {
    let result = CValue::result(plan);
    match result.mode {
        PassMode::Indirect { size, align }
            if !fits_a_frame(size, align.max(result.ty.canonical_align())) =>
        {
            let expected = "Ret::Memory, because it does not fit in a stack frame".to_string();
            Err(result.error(expected, format!("Ret::{ret:?}")))
        }
        _ => Ok(()),
    }
}

/// Returns the bytes of the copies that a call makes up to this value, after `copied` bytes before
/// it. Refuses a copy that no stack frame has room for with them: Cranelift would panic, or fail
/// without a word about the value.
fn with_copy(value: &CValue<'_>, copied: u64) -> Result<u64, LowerError> {
    let PassMode::Indirect { size, align } = value.mode else {
        return Ok(copied);
    };
    if fits_a_frame(copied.saturating_add(size), align) {
        return Ok(copied + size + u64::from(align));
    }
    let expected = "an object whose copy fits in a stack frame".into();
    let mut found = format!("{size} bytes aligned to {align}");
    if copied > 0 {
        found += &format!(" after {copied} bytes of other copies");
    }
    Err(value.error(expected, found))
}

/// Checks whether a stack frame has room for such an object.
pub(crate) fn fits_a_frame(size: u64, align: u32) -> bool {
    size.saturating_add(u64::from(align)) <= u64::from(MAX_STACK_BYTES)
}

/// Checks whether the callee writes the result to memory, and a call can load fields from there.
pub(super) fn has_fields_in_memory(plan: &CallPlan, config: MemoryConfig) -> bool {
    let result = CValue::result(plan);
    !plan.sig.is_noreturn()
        && matches!(result.mode, PassMode::Indirect { .. })
        && config.fields(result.ty).is_ok()
}

/// Refuses a form that the result of a call cannot have.
pub(super) fn result_form(
    (dfg, config): (&DataFlowGraph, MemoryConfig),
    plan: &CallPlan,
    ret: Ret,
) -> Result<(), LowerError> {
    let result = CValue::result(plan);
    let fits = match (ret, result.mode) {
        (_, PassMode::Ignore) => true,
        (Ret::Memory(to), _) => return address(dfg, to, &result, result.ty),
        (Ret::Ignore, _) => return unused_result(plan, ret),
        (_, PassMode::Indirect { .. }) if plan.sig.is_noreturn() => {
            return unused_result(plan, ret);
        }
        (_, PassMode::Indirect { .. }) => false,
        (Ret::Value, mode) => mode == PassMode::Parts && result.single_type().is_some(),
        (Ret::Fields, _) => {
            (config.fields(result.ty)).is_ok_and(|own| fields::are_in(&own, result.parts))
        }
        (Ret::Parts, _) => true,
    };
    if fits {
        return Ok(());
    }
    let expected = memory_or(result.parts, "Ret");
    Err(result.error(expected, format!("Ret::{ret:?}")))
}

/// Refuses values that are not the results of the plan's CLIF signature.
pub(super) fn results(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    results: &[Value],
) -> Result<(), LowerError> {
    let declared = plan.signature.returns.iter();
    let declared = declared.map(|result| clif_type(result.ty));
    if are_of(dfg, results, declared.clone()) {
        return Ok(());
    }
    let expected = format!("the results {} of the call", type_names(declared));
    Err(CValue::result(plan).error(expected, types_of(dfg, results)))
}
