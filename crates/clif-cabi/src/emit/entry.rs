//! Entries and returns: what arrived, and what is handed back.

use std::fmt;
use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::forms::Arg;
use super::memory::{self, Address};
use super::{Values, convert, lanes};
use crate::bridge::{Bridge, Bridges};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};
use crate::realize::{Arrival, EntryPlan, RetPlan};

/// The arguments of the function being built, as they arrived. Made by [`Lowering::enter`](crate::Lowering::enter).
#[derive(Clone)]
pub struct Entry {
    plan: Arc<EntryPlan>,
    params: SmallVec<[Value; 16]>,
    config: TargetFrontendConfig,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Takes the parameters of `block`, the function's first, to which they have been appended.
    pub(crate) fn new(
        plan: Arc<EntryPlan>,
        builder: &FunctionBuilder<'_>,
        block: Block,
        config: TargetFrontendConfig,
    ) -> Result<Self, LowerError> {
        let params = SmallVec::from_slice(builder.block_params(block));
        let expected = plan.signature.params.len();
        if params.len() != expected || builder.func.signature != plan.signature {
            return Err(LowerError::ArgumentCount {
                expected,
                found: params.len(),
            });
        }
        Ok(Self {
            plan,
            params,
            config,
        })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &EntryPlan {
        &self.plan
    }

    /// The hidden pointer to where the result goes, if there is one: a result built right there needs no copy.
    #[must_use]
    pub fn sret(&self) -> Option<Value> {
        match self.plan.ret {
            RetPlan::Sret => self.params.first().copied(),
            _ => None,
        }
    }

    /// Argument `index` as one SSA value of the type [`value_type`] names.
    ///
    /// # Errors
    /// [`LowerError::Value`] if it has none, [`LowerError::ArgumentCount`] if there is no such argument.
    pub fn value(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        let ty = self.ty(index)?;
        let refuse = || LowerError::Value {
            what: format!("argument {index}"),
            ty: ty.to_string(),
            expected: "an address or pieces".into(),
            found: "one value".into(),
        };
        let clif = value_type(ty).ok_or_else(refuse)?;
        match self.arrival(index)? {
            Arrival::Pieces { first, pieces } => {
                let values = self.range(*first, pieces.len());
                if let Some(value) = convert::join(builder, values, pieces, clif) {
                    return Ok(value);
                }
                let address = self.address(builder, index)?;
                Ok(builder.ins().load(clif, MemFlagsData::new(), address, 0))
            }
            Arrival::Area { offset } => {
                let from = self.in_area(*offset)?;
                Ok(builder
                    .ins()
                    .load(clif, MemFlagsData::new(), from.base, from.offset))
            }
            _ => Err(refuse()),
        }
    }

    /// The pieces of argument `index`, those of [`EntryPlan::pieces`]; `None` if it arrived in memory.
    #[must_use]
    pub fn pieces(&self, index: usize) -> Option<Values> {
        match self.plan.args.get(index) {
            Some(Arrival::Pieces { first, pieces }) => {
                Some(Values::from_slice(self.range(*first, pieces.len())))
            }
            _ => None,
        }
    }

    /// The address of argument `index`. What arrived in memory is used in place (C lets the callee write there); what arrived in
    /// registers is stored to a slot first.
    ///
    /// # Errors
    /// [`LowerError::ArgumentCount`] if there is no such argument.
    pub fn address(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        if let Arrival::Area { offset } = self.arrival(index)? {
            return Ok(self.in_area(*offset)?.value(builder));
        }
        let ty = self.ty(index)?;
        let slot = memory::slot(builder, ty.size(), ty.align());
        self.store(builder, index, slot.base)?;
        Ok(slot.base)
    }

    /// Stores argument `index` to the object at `to`.
    ///
    /// # Errors
    /// [`LowerError::ArgumentCount`] if there is no such argument.
    pub fn store(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
        to: Value,
    ) -> Result<(), LowerError> {
        let to = Address {
            base: to,
            offset: 0,
        };
        match self.arrival(index)? {
            Arrival::Nothing => {}
            Arrival::Pieces { first, pieces } => {
                for (piece, value) in pieces.iter().zip(self.range(*first, pieces.len())) {
                    memory::store(builder, piece, *value, to);
                }
            }
            Arrival::Area { offset } => {
                let from = self.in_area(*offset)?;
                memory::copy(self.config, builder, self.ty(index)?.size(), from, to);
            }
            Arrival::Lanes {
                first,
                in_params,
                lanes,
                offset,
            } => {
                let mut values = Values::from_slice(self.range(*first, usize::from(*in_params)));
                for i in 0..u32::from(lanes.saturating_sub(*in_params)) {
                    let slot = self.in_area(offset.saturating_add(8 * i))?;
                    values.push(builder.ins().load(
                        types::I64,
                        MemFlagsData::new(),
                        slot.base,
                        slot.offset,
                    ));
                }
                lanes::gather(builder, &values, to);
            }
        }
        Ok(())
    }

    /// Returns from the function: `value` is its result, `None` for a function without. Ends the block.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `value` is not of the result's form.
    pub fn ret(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        let values = match (&self.plan.ret, value) {
            (RetPlan::Nothing, _) => Values::new(),
            (RetPlan::Never, _) => {
                return Err(self.bad_result("nothing: the function does not return"));
            }
            (_, None) => return Err(self.bad_result("nothing")),
            (RetPlan::Pieces(pieces), Some(value)) => self.result_pieces(builder, pieces, value)?,
            (RetPlan::X87(pieces), Some(value)) => {
                self.load_x87(bridges, builder, pieces, value)?;
                Values::new()
            }
            (RetPlan::Sret, Some(value)) => {
                self.result_to_memory(builder, value)?;
                Values::new()
            }
        };
        builder.ins().return_(&values);
        Ok(())
    }

    fn result_pieces(
        &self,
        builder: &mut FunctionBuilder<'_>,
        pieces: &[Piece],
        value: &Arg,
    ) -> Result<Values, LowerError> {
        match value {
            Arg::Memory { base, offset } => {
                let from = Address {
                    base: *base,
                    offset: *offset,
                };
                Ok(pieces
                    .iter()
                    .map(|piece| memory::load(builder, piece, from))
                    .collect())
            }
            Arg::Pieces(values) => {
                let types_match = values.len() == pieces.len()
                    && values
                        .iter()
                        .zip(pieces)
                        .all(|(v, p)| builder.func.dfg.value_type(*v) == p.ty);
                if types_match {
                    Ok(values.clone())
                } else {
                    Err(self.bad_result("other pieces"))
                }
            }
            Arg::Value(value) => {
                let found = builder.func.dfg.value_type(*value);
                let fits =
                    value_type(self.plan.sig.result()).is_some_and(|ty| ty.bits() == found.bits());
                let split = if fits {
                    convert::split(builder, *value, pieces)
                        .or_else(|| convert::split_in_memory(builder, *value, pieces))
                } else {
                    None
                };
                split.ok_or_else(|| self.bad_result("a value of another type"))
            }
        }
    }

    /// The last thing before the return: nothing Cranelift emits touches the x87 stack afterwards.
    fn load_x87(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        pieces: &[Piece],
        value: &Arg,
    ) -> Result<(), LowerError> {
        let complex = pieces.len() > 2;
        let from = match value {
            Arg::Memory { base, offset } => Address {
                base: *base,
                offset: *offset,
            },
            Arg::Pieces(values) if values.len() == pieces.len() => {
                let slot = memory::slot(builder, if complex { 32 } else { 16 }, 16);
                for (piece, value) in pieces.iter().zip(values) {
                    if builder.func.dfg.value_type(*value) != piece.ty {
                        return Err(self.bad_result("other pieces"));
                    }
                    memory::store(builder, piece, *value, slot);
                }
                slot
            }
            _ => return Err(self.bad_result("a value of another form")),
        };
        let from = from.value(builder);
        let signature = builder.import_signature(Bridge::address_signature());
        let bridge = if complex {
            Bridge::LoadComplexX87
        } else {
            Bridge::LoadX87
        };
        let func = bridges.bridge(bridge, signature, builder.func)?;
        builder.ins().call(func, &[from]);
        Ok(())
    }

    fn result_to_memory(
        &self,
        builder: &mut FunctionBuilder<'_>,
        value: &Arg,
    ) -> Result<(), LowerError> {
        let Some(to) = self.sret() else {
            return Err(self.bad_result("no place for it"));
        };
        let ty = self.plan.sig.result();
        match value {
            Arg::Memory { base, offset: 0 } if *base == to => {} // built in place
            Arg::Memory { base, offset } => {
                let from = Address {
                    base: *base,
                    offset: *offset,
                };
                memory::copy(
                    self.config,
                    builder,
                    ty.size(),
                    from,
                    Address {
                        base: to,
                        offset: 0,
                    },
                );
            }
            Arg::Value(value) => {
                let found = builder.func.dfg.value_type(*value);
                if value_type(ty).is_none_or(|ty| ty.bits() != found.bits()) {
                    return Err(self.bad_result("a value of another type"));
                }
                builder.ins().store(MemFlagsData::new(), *value, to, 0);
            }
            Arg::Pieces(_) => return Err(self.bad_result("pieces")),
        }
        Ok(())
    }

    fn ty(&self, index: usize) -> Result<&cabi::Type, LowerError> {
        let params = self.plan.sig.params();
        let missing = LowerError::ArgumentCount {
            expected: params.len(),
            found: index.saturating_add(1),
        };
        params.get(index).map(|param| &param.ty).ok_or(missing)
    }

    fn arrival(&self, index: usize) -> Result<&Arrival, LowerError> {
        let expected = self.plan.args.len();
        let missing = LowerError::ArgumentCount {
            expected,
            found: index.saturating_add(1),
        };
        self.plan.args.get(index).ok_or(missing)
    }

    fn range(&self, first: usize, n: usize) -> &[Value] {
        self.params
            .get(first..first.saturating_add(n))
            .unwrap_or_default()
    }

    fn in_area(&self, offset: u32) -> Result<Address, LowerError> {
        let area = self.plan.area.and_then(|i| self.params.get(i));
        let missing = LowerError::Bridge {
            why: "the function has no argument area",
        };
        let base = *area.ok_or(missing)?;
        Ok(Address {
            base,
            offset: i32::try_from(offset).unwrap_or(i32::MAX),
        })
    }

    fn bad_result(&self, found: &str) -> LowerError {
        let expected: Vec<String> = self
            .plan
            .result_pieces()
            .iter()
            .map(|piece| piece.ty.to_string())
            .collect();
        LowerError::Value {
            what: "result".into(),
            ty: self.plan.sig.result().to_string(),
            expected: format!("an address or the pieces [{}]", expected.join(", ")),
            found: found.into(),
        }
    }
}
