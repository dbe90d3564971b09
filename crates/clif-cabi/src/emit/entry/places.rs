//! Where the arguments of the function being built are: in its parameters, in the argument area, or where a stub has stored them.

use crate::cranelift::codegen::ir::{Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use clif_cabi_plan::{Arrival, IncomingArea, PartPlace};

use super::Entry;
use crate::emit::Values;
use crate::emit::memory::{self, Address};
use crate::error::LowerError;
use crate::parts::Part;

impl Entry {
    /// Where an argument is that has an address already.
    pub(super) fn in_memory(
        &self,
        builder: &mut FunctionBuilder<'_>,
        arrival: &Arrival,
    ) -> Result<Option<Address>, LowerError> {
        Ok(match arrival {
            Arrival::Area { offset, .. } => Some(self.in_area(builder, *offset)?),
            Arrival::Saved { offset, .. } => {
                Some(after(&self.params, self.plan.inner.saved, *offset)?)
            }
            Arrival::Reference { param, offset } => {
                Some(Address::at(self.reference(builder, *param, *offset)?))
            }
            Arrival::Nothing | Arrival::Parts { .. } | Arrival::Lanes { .. } => None,
        })
    }

    /// The values of the parameters with these indexes.
    pub(super) fn values_of(&self, params: &[usize]) -> Values {
        let value = |index: &usize| self.params.get(*index).copied();
        params.iter().filter_map(value).collect()
    }

    /// The parts of an argument, which are at these places.
    pub(super) fn values_at(
        &self,
        builder: &mut FunctionBuilder<'_>,
        parts: &[Part],
        places: &[PartPlace],
    ) -> Result<Values, LowerError> {
        let values = parts.iter().zip(places).map(|(part, place)| match *place {
            PartPlace::Param(index) => Ok(self.params.get(index).copied()),
            PartPlace::Area(offset) => self.load(builder, part.ty, offset).map(Some),
        });
        values.filter_map(Result::transpose).collect()
    }

    /// The word that is `offset` bytes after where [`EntryPlan::area`](clif_cabi_plan::EntryPlan::area) points.
    pub(super) fn word(
        &self,
        builder: &mut FunctionBuilder<'_>,
        offset: u32,
    ) -> Result<Value, LowerError> {
        self.load(builder, types::I64, offset)
    }

    /// The value of type `ty` there.
    fn load(
        &self,
        builder: &mut FunctionBuilder<'_>,
        ty: Type,
        offset: u32,
    ) -> Result<Value, LowerError> {
        let from = self.in_area(builder, offset)?;
        Ok(memory::read(builder, ty, from.base, from.offset))
    }

    /// The address of an argument that is in a copy of the caller's: a parameter, or in the argument area.
    fn reference(
        &self,
        builder: &mut FunctionBuilder<'_>,
        param: Option<usize>,
        offset: u32,
    ) -> Result<Value, LowerError> {
        if let Some(address) = param.and_then(|i| self.params.get(i)) {
            return Ok(*address);
        }
        self.word(builder, offset)
    }

    /// The addresses of the copies that arguments are.
    pub(in crate::emit) fn copies(&self) -> Values {
        let args = self.plan.inner.args.iter();
        args.filter_map(|arg| match arg {
            Arrival::Reference { param, .. } => self.params.get((*param)?).copied(),
            _ => None,
        })
        .collect()
    }

    /// What is `offset` bytes after where [`EntryPlan::area`](clif_cabi_plan::EntryPlan::area) is.
    fn in_area(
        &self,
        builder: &mut FunctionBuilder<'_>,
        offset: u32,
    ) -> Result<Address, LowerError> {
        incoming_area(builder, &self.params, self.plan.inner.area, offset)
    }

    /// The address of [`EntryPlan::area`](clif_cabi_plan::EntryPlan::area).
    pub(in crate::emit) fn area(
        &self,
        builder: &mut FunctionBuilder<'_>,
    ) -> Result<Value, LowerError> {
        Ok(self.in_area(builder, 0)?.value(builder))
    }
}

/// What is `offset` bytes after the start of `area`, in a function with these parameters.
pub(crate) fn incoming_area(
    builder: &mut FunctionBuilder<'_>,
    params: &[Value],
    area: Option<IncomingArea>,
    offset: u32,
) -> Result<Address, LowerError> {
    match area {
        Some(IncomingArea::FrameOffset(start)) => Ok(Address {
            base: builder.ins().get_frame_pointer(types::I64),
            offset: i32::try_from(start.saturating_add(offset)).unwrap_or(i32::MAX),
        }),
        Some(IncomingArea::Param(index)) => after(params, Some(index), offset),
        None => after(params, None, offset),
    }
}

/// What is `offset` bytes after the address in a parameter.
fn after(params: &[Value], param: Option<usize>, offset: u32) -> Result<Address, LowerError> {
    let base = param.and_then(|i| params.get(i));
    let missing = LowerError::Stub {
        why: "the function has no argument area",
    };
    Ok(Address {
        base: *base.ok_or(missing)?,
        offset: i32::try_from(offset).unwrap_or(i32::MAX),
    })
}
