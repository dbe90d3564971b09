//! Values and their places while a function is lowered.

use crate::types::Ty;
use cabi::Scalar;
use cranelift_codegen::ir::{Type, Value, types};
use cranelift_frontend::Variable;
use std::rc::Rc;

/// The scalars of a value, or its address. A number has one scalar, and `void` has none.
#[derive(Clone)]
pub(super) enum Val<S> {
    Scalars(Rc<[S]>),
    Memory(Value),
}

/// A value and its type.
#[derive(Clone)]
pub(super) struct Operand {
    pub(super) ty: Ty,
    pub(super) val: Val<Value>,
}

impl Operand {
    pub(super) fn scalars(ty: Ty, values: impl Into<Rc<[Value]>>) -> Operand {
        let val = Val::Scalars(values.into());
        Operand { ty, val }
    }

    pub(super) fn ssa(ty: Ty, value: Value) -> Operand {
        Operand::scalars(ty, [value])
    }

    pub(super) fn memory(ty: Ty, address: Value) -> Operand {
        let val = Val::Memory(address);
        Operand { ty, val }
    }
}

/// Returns the CLIF type of values that are one SSA value.
pub(super) fn ssa_type(ty: Ty) -> Option<Type> {
    match ty {
        Ty::Scalar(Scalar::Bool) => Some(types::I8),
        Ty::Scalar(Scalar::F32) => Some(types::F32),
        Ty::Scalar(Scalar::F64) => Some(types::F64),
        Ty::Scalar(Scalar::Int { bits, .. }) => Type::int(u16::from(bits)),
        _ if ty.is_pointer_like() => Some(types::I64),
        _ => None,
    }
}

/// A place, evaluated, and the type of its value.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) ty: Ty,
    pub(super) val: Val<Variable>,
    /// `true` for a variable, or the target of a pointer: only these are assigned to.
    pub(super) has_name: bool,
}

impl Place {
    pub(super) fn memory(ty: Ty, address: Value) -> Place {
        let (val, has_name) = (Val::Memory(address), true);
        Place { ty, val, has_name }
    }
}
