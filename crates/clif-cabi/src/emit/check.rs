//! What is refused before the first instruction: values that are none, or not of the type or form that their place needs.

use cranelift_codegen::ir::{DataFlowGraph, FuncRef, Signature, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use super::forms::{Arg, Ret};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};
use crate::realize::{CallPlan, Passing, RetPlan};
use crate::replay::MAX_STACK_BYTES;

/// The type of `value`; `INVALID` for a value of another function, whose type would be a panic to ask for.
pub(super) fn type_of(dfg: &DataFlowGraph, value: Value) -> Type {
    if dfg.value_is_valid(value) {
        dfg.value_type(value)
    } else {
        types::INVALID
    }
}

/// Refuses a builder that stands nowhere: inserting an instruction would be a panic.
pub(super) fn position(builder: &FunctionBuilder<'_>) -> Result<(), LowerError> {
    let block = builder.current_block();
    block.map(|_| ()).ok_or(LowerError::Function {
        why: "no block has been switched to",
    })
}

/// Refuses what is not an address. `what` it is the address of: `argument 2`, `result`, `callee`.
pub(super) fn address(
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

/// Whether `values` have the types of `pieces`.
pub(super) fn are_pieces(dfg: &DataFlowGraph, values: &[Value], pieces: &[Piece]) -> bool {
    let alike = |(value, piece): (&Value, &Piece)| type_of(dfg, *value) == piece.ty;
    values.len() == pieces.len() && values.iter().zip(pieces).all(alike)
}

/// The types of `pieces`, for messages.
pub(super) fn names(pieces: &[Piece]) -> String {
    let names: Vec<String> = pieces.iter().map(|piece| piece.ty.to_string()).collect();
    names.join(", ")
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

/// Refuses arguments that are not those of the plan.
pub(super) fn arguments(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    args: &[Arg],
) -> Result<(), LowerError> {
    let (expected, found) = (plan.args.len(), args.len());
    if found != expected {
        return Err(LowerError::ArgumentCount { expected, found });
    }
    let params = plan.sig.params().iter().zip(&plan.args);
    for (i, (arg, (param, passing))) in args.iter().zip(params).enumerate() {
        argument(dfg, &format_args!("argument {i}"), &param.ty, passing, arg)?;
    }
    Ok(())
}

fn argument(
    dfg: &DataFlowGraph,
    what: &std::fmt::Arguments<'_>,
    ty: &cabi::Type,
    passing: &Passing,
    arg: &Arg,
) -> Result<(), LowerError> {
    let refuse = |expected: String, found: String| {
        Err(LowerError::Value {
            what: what.to_string(),
            ty: ty.to_string(),
            expected,
            found,
        })
    };
    match (arg, passing) {
        (_, Passing::Nothing) => Ok(()),
        (Arg::Memory { base, .. }, _) => match type_of(dfg, *base) {
            types::I64 => Ok(()),
            found => Err(LowerError::value(
                what.to_string(),
                ty,
                "an address".into(),
                found,
            )),
        },
        (Arg::Value(value), Passing::Pieces(_)) => {
            let found = type_of(dfg, *value);
            match value_type(ty) {
                Some(clif) if clif.bits() == found.bits() => Ok(()),
                Some(clif) => {
                    let expected = clif.to_string();
                    Err(LowerError::value(what.to_string(), ty, expected, found))
                }
                None => refuse("an address or pieces".into(), "one value".into()),
            }
        }
        (Arg::Pieces(values), Passing::Pieces(pieces)) if are_pieces(dfg, values, pieces) => Ok(()),
        (Arg::Pieces(values), Passing::Pieces(pieces)) => {
            refuse(names(pieces), format!("{} other pieces", values.len()))
        }
        _ => refuse("an address".into(), "values".into()),
    }
}

/// Refuses a form that the result of a call cannot have.
pub(super) fn result_form(
    dfg: &DataFlowGraph,
    plan: &CallPlan,
    ret: Ret,
) -> Result<(), LowerError> {
    let ty = plan.sig.result();
    let fits = match (ret, &plan.ret) {
        (_, RetPlan::Nothing | RetPlan::Never) => true,
        (Ret::Memory(to), _) => return address(dfg, to, "result", ty),
        // The callee writes it all the same.
        (_, RetPlan::Sret) if plan.sig.is_noreturn() || ret == Ret::Ignore => {
            ty.size().saturating_add(u64::from(ty.align())) <= u64::from(MAX_STACK_BYTES)
        }
        (Ret::Ignore, _) => true,
        (Ret::Value, RetPlan::Pieces(_)) => value_type(ty).is_some(),
        (Ret::Pieces, RetPlan::Pieces(_) | RetPlan::X87(_)) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(LowerError::Value {
        what: "result".into(),
        ty: ty.to_string(),
        expected: "an address to put it at".into(),
        found: format!("{ret:?}"),
    })
}
