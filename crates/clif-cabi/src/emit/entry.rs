//! Entries and returns: what arrived, and what is handed back.

use std::fmt;
use std::sync::Arc;

use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use smallvec::SmallVec;

use super::forms::Arg;
use super::memory::{self, Address};
use super::{Values, check, convert, lanes};
use crate::bridge::{Bridge, Bridges};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};
use crate::realize::{Arrival, EntryPlan, RetPlan};
use crate::replay::MAX_STACK_BYTES;

/// The arguments of the function being built, as they arrived. Made by [`Lowering::enter`](crate::Lowering::enter).
#[derive(Clone)]
pub struct Entry {
    plan: Arc<EntryPlan>,
    block: Block,
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
        let refuse = |why| Err(LowerError::Function { why });
        if builder.func.signature != plan.signature {
            return refuse("its signature is not that of the plan");
        }
        let dfg = &builder.func.dfg;
        if !dfg.block_is_valid(block) {
            return refuse("it has no such block");
        }
        let params = SmallVec::<[Value; 16]>::from_slice(dfg.block_params(block));
        let declared = plan.signature.params.iter().map(|param| param.value_type);
        if !declared.eq(params.iter().map(|param| dfg.value_type(*param))) {
            return refuse("its parameters have not been appended to the block");
        }
        Ok(Self {
            plan,
            block,
            params,
            config,
        })
    }

    /// Refuses the builder of another function, to which the parameters mean nothing.
    fn check(&self, builder: &FunctionBuilder<'_>) -> Result<(), LowerError> {
        check::position(builder)?;
        let dfg = &builder.func.dfg;
        // They were appended in one go, so their ends tell.
        let ends = |params: &[Value]| {
            (
                params.len(),
                params.first().copied(),
                params.last().copied(),
            )
        };
        let valid = dfg.block_is_valid(self.block);
        let here = valid.then(|| ends(dfg.block_params(self.block)));
        if here == Some(ends(&self.params)) {
            return Ok(());
        }
        Err(LowerError::Function {
            why: "it is not the one that was entered",
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
    /// [`LowerError::Value`] if it has none, [`LowerError::ArgumentCount`] if there is no such argument, [`LowerError::Function`] if
    /// `builder` builds another function.
    pub fn value(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        self.check(builder)?;
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
    /// As [`Entry::store`], and [`LowerError::Value`] for an object that no stack frame has room for.
    pub fn address(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
    ) -> Result<Value, LowerError> {
        self.check(builder)?;
        if let Arrival::Area { offset } = self.arrival(index)? {
            return Ok(self.in_area(*offset)?.value(builder));
        }
        let ty = self.ty(index)?;
        if u64::from(ty.align()) + ty.size() > u64::from(MAX_STACK_BYTES) {
            return Err(LowerError::Value {
                what: format!("argument {index}"),
                ty: ty.to_string(),
                expected: "an address to store it at".into(),
                found: "an alignment that no stack frame has room for".into(),
            });
        }
        let slot = memory::slot(builder, ty.size(), ty.align());
        self.store(builder, index, slot.base)?;
        Ok(slot.base)
    }

    /// Stores argument `index` to the object at `to`.
    ///
    /// # Errors
    /// [`LowerError::ArgumentCount`] if there is no such argument, [`LowerError::Value`] if `to` is no address, [`LowerError::Function`] if
    /// `builder` builds another function.
    pub fn store(
        &self,
        builder: &mut FunctionBuilder<'_>,
        index: usize,
        to: Value,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        let ty = self.ty(index)?;
        check::address(&builder.func.dfg, to, "where to store", ty)?;
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
                memory::copy(self.config, builder, ty.size(), from, to);
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
    /// [`LowerError::Value`] if `value` is not of the result's form, [`LowerError::Function`] if `builder` builds another function.
    pub fn ret(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        if self.plan.sig.is_noreturn() {
            return Err(LowerError::Function {
                why: "it is declared never to return",
            });
        }
        if let Some(Arg::Memory { base, .. }) = value
            && self.plan.ret != RetPlan::Nothing
        {
            let ty = self.plan.sig.result();
            check::address(&builder.func.dfg, *base, "result", ty)?;
        }
        let values = match (&self.plan.ret, value) {
            (RetPlan::Nothing | RetPlan::Never, _) => Values::new(),
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
                let size = self.plan.sig.result().size();
                let from = Address::of_object(builder, *base, *offset, size);
                Ok(pieces
                    .iter()
                    .map(|piece| memory::load(builder, piece, from))
                    .collect())
            }
            Arg::Pieces(values) => {
                if check::are_pieces(&builder.func.dfg, values, pieces) {
                    Ok(values.clone())
                } else {
                    Err(self.bad_result("other pieces"))
                }
            }
            Arg::Value(value) => {
                let found = check::type_of(&builder.func.dfg, *value);
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
        let fits = match value {
            Arg::Memory { .. } => true,
            Arg::Pieces(values) => check::are_pieces(&builder.func.dfg, values, pieces),
            Arg::Value(_) => false,
        };
        if !fits {
            return Err(self.bad_result("a value of another form"));
        }
        let signature = builder.import_signature(Bridge::address_signature());
        let bridge = if complex {
            Bridge::LoadComplexX87
        } else {
            Bridge::LoadX87
        };
        let func = bridges.bridge(bridge, signature, builder.func)?;
        let from = match value {
            Arg::Memory { base, offset } => Address {
                base: *base,
                offset: *offset,
            },
            Arg::Value(_) | Arg::Pieces(_) => {
                memory::slot(builder, if complex { 32 } else { 16 }, 16)
            }
        };
        if let Arg::Pieces(values) = value {
            for (piece, value) in pieces.iter().zip(values) {
                memory::store(builder, piece, *value, from);
            }
        }
        let from = from.value(builder);
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
                let from = Address::of_object(builder, *base, *offset, ty.size());
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
                let found = check::type_of(&builder.func.dfg, *value);
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
        LowerError::Value {
            what: "result".into(),
            ty: self.plan.sig.result().to_string(),
            expected: format!(
                "an address or the pieces [{}]",
                check::names(self.plan.result_pieces())
            ),
            found: found.into(),
        }
    }
}
