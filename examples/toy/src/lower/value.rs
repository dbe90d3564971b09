//! Where values and variables are while a function is lowered.

use crate::types::{Ty, Types};
use cabi::Scalar;
use clif_cabi::Arg;
use cranelift_codegen::ir::{Type, Value, types};
use cranelift_frontend::Variable;
use std::rc::Rc;

/// A value: in SSA form, an aggregate's scalars in SSA form, or at an address; or none, of type `void`.
#[derive(Clone)]
pub(super) enum Val {
    None,
    Ssa(Value),
    Fields(Rc<[Value]>),
    Memory(Value),
}

impl Val {
    /// As clif-cabi takes it: an aggregate's scalars are the leaves that it knows.
    pub(super) fn arg(&self) -> Option<Arg> {
        match self {
            Val::None => None,
            Val::Ssa(value) => Some(Arg::value(*value)),
            Val::Fields(values) => Some(Arg::fields(values)),
            Val::Memory(address) => Some(Arg::memory(*address)),
        }
    }
}

/// An address: a value, and bytes from there that are known here.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub(super) base: Value,
    pub(super) offset: u64,
}

impl Address {
    pub(super) fn plus(self, bytes: u64) -> Address {
        let offset = self.offset.saturating_add(bytes);
        Address { offset, ..self }
    }
}

impl From<Value> for Address {
    fn from(base: Value) -> Address {
        Address { base, offset: 0 }
    }
}

/// A scalar inside an aggregate.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) offset: u64,
    pub(super) ty: Ty,
    pub(super) ssa: Type,
}

/// The CLIF type of what is an SSA value; None for what lives in memory, and for nothing at all.
pub(super) fn ssa_type(all: &Types, ty: Ty) -> Option<Type> {
    if all.is_pointer_like(ty) {
        return Some(types::I64);
    }
    match all.as_scalar(ty)? {
        Scalar::Bool => Some(types::I8),
        Scalar::F32 => Some(types::F32),
        Scalar::F64 => Some(types::F64),
        Scalar::Int { bits, .. } => Type::int(u16::from(bits)),
        _ => None,
    }
}

/// A value and its type.
#[derive(Clone)]
pub(super) struct Typed {
    pub(super) ty: Ty,
    pub(super) val: Val,
}

impl Typed {
    pub(super) fn ssa(ty: Ty, value: Value) -> Typed {
        let val = Val::Ssa(value);
        Typed { ty, val }
    }

    pub(super) fn memory(ty: Ty, address: Value) -> Typed {
        let val = Val::Memory(address);
        Typed { ty, val }
    }
}

/// A place, evaluated.
#[derive(Clone)]
pub(super) enum Target {
    Variable(Variable),
    /// The scalars of an aggregate.
    Fields(Rc<[Variable]>),
    Memory(Address),
    Bits(FieldBits),
    /// A value that has no place.
    Value(Val),
}

/// A bit-field: the bytes that it has a part of are accessed, and no others.
#[derive(Clone, Copy)]
pub(super) struct FieldBits {
    /// The first of those bytes.
    pub(super) address: Address,
    pub(super) bytes: u64,
    /// Bits from there to the field.
    pub(super) shift: u64,
    pub(super) width: u64,
}

/// A place and the type of what it holds.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) ty: Ty,
    pub(super) target: Target,
}
