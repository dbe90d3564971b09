//! Values and their places while a function is lowered.

use crate::types::Ty;
use cabi::Scalar;
use cranelift_codegen::ir::{Type, Value, types};
use cranelift_frontend::Variable;
use std::rc::Rc;

/// The scalars of a value, one of a number and none of `void`, or its address.
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

/// The CLIF type of what is one SSA value.
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

/// A place, evaluated, and the type of what it holds.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) ty: Ty,
    pub(super) val: Val<Variable>,
    /// `true` for a variable, or the target of a pointer: nothing else is assigned to.
    pub(super) has_name: bool,
}

impl Place {
    pub(super) fn memory(ty: Ty, address: Value) -> Place {
        let (val, has_name) = (Val::Memory(address), true);
        Place { ty, val, has_name }
    }
}
