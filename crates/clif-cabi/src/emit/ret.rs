//! Returns: the result of the function being built, in whichever form it is.

use clif_cabi_plan::{ResultPlan, Stub};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type};
use cranelift_frontend::FunctionBuilder;

use super::entry::Entry;
use super::forms::Arg;
use super::memory::{self, Address};
use super::{Values, check, convert};
use crate::bridge::{Bridges, address_signature};
use crate::error::LowerError;
use crate::pieces::{Piece, value_type};

impl Entry {
    /// Returns from the function: `value` is its result, `None` for a function without. Ends the block. A result that is returned in memory is
    /// copied to where the caller wants it, unless `value` is [`Entry::sret`] itself.
    ///
    /// # Errors
    /// [`LowerError::Value`] if `value` is not of the result's form, [`LowerError::Function`] if `builder` builds another function.
    pub fn ret(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.about(self.return_(bridges, builder, value))
    }

    fn return_(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        value: Option<&Arg>,
    ) -> Result<(), LowerError> {
        self.check(builder)?;
        if self.plan.sig().is_noreturn() {
            return Err(LowerError::Function {
                why: "it is declared never to return",
            });
        }
        if let Some(Arg::Memory { base, .. }) = value
            && *self.plan.result() != ResultPlan::Nothing
        {
            let ty = self.plan.sig().result();
            check::address(&builder.func.dfg, *base, "result", ty)?;
        }
        let values = match (self.plan.result(), value) {
            (ResultPlan::Nothing | ResultPlan::Never, _) => Values::new(),
            (_, None) => return Err(self.bad_result("nothing".into())),
            (ResultPlan::Parts(_), Some(value)) => {
                self.result_pieces(builder, self.plan.result_pieces(), value)?
            }
            (ResultPlan::Stub { push, bytes, .. }, Some(value)) => {
                self.push(bridges, builder, (*push, *bytes), value)?;
                Values::new()
            }
            (ResultPlan::Sret, Some(value)) => {
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
                let size = self.plan.sig().result().size();
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
                    let found = check::types_of(&builder.func.dfg, values);
                    Err(self.bad_result(format!("the pieces {found}")))
                }
            }
            Arg::Value(value) => {
                let found = check::type_of(&builder.func.dfg, *value);
                let fits = value_type(self.plan.sig().result())
                    .is_some_and(|ty| ty.bits() == found.bits());
                let split = if fits {
                    convert::split(builder, *value, pieces)
                        .or_else(|| convert::split_in_memory(builder, *value, pieces))
                } else {
                    None
                };
                split.ok_or_else(|| self.bad_value(found))
            }
        }
    }

    /// The last thing before the return: nothing Cranelift emits touches the x87 stack afterwards.
    fn push(
        &self,
        bridges: &mut dyn Bridges,
        builder: &mut FunctionBuilder<'_>,
        (push, bytes): (Stub, u32),
        value: &Arg,
    ) -> Result<(), LowerError> {
        let pieces = self.plan.result_pieces();
        let fits = match value {
            Arg::Memory { .. } => true,
            Arg::Pieces(values) => check::are_pieces(&builder.func.dfg, values, pieces),
            Arg::Value(_) => false,
        };
        if !fits {
            return Err(match value {
                Arg::Pieces(values) => {
                    let found = check::types_of(&builder.func.dfg, values);
                    self.bad_result(format!("the pieces {found}"))
                }
                _ => self.bad_result("Arg::Value".into()),
            });
        }
        let signature = builder.import_signature(address_signature());
        let func = bridges.bridge(push, signature, builder.func)?;
        check::bridged(&builder.func.dfg, func, signature)?;
        let from = match value {
            Arg::Memory { base, offset } => Address {
                base: *base,
                offset: *offset,
            },
            Arg::Value(_) | Arg::Pieces(_) => memory::slot(builder, u64::from(bytes), 16),
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
            return Err(self.bad_result("no place for it".into()));
        };
        let ty = self.plan.sig().result();
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
                    return Err(self.bad_value(found));
                }
                builder.ins().store(MemFlagsData::new(), *value, to, 0);
            }
            Arg::Pieces(_) => return Err(self.bad_result("Arg::Pieces".into())),
        }
        Ok(())
    }

    /// Refuses one value of the CLIF type `found` as the result.
    fn bad_value(&self, found: Type) -> LowerError {
        let ty = self.plan.sig().result();
        match value_type(ty) {
            Some(clif) => LowerError::value("result".into(), ty, clif.to_string(), found),
            None => self.bad_result("Arg::Value".into()),
        }
    }

    fn bad_result(&self, found: String) -> LowerError {
        LowerError::Value {
            what: "result".into(),
            ty: self.plan.sig().result().to_string(),
            expected: check::memory_or(self.plan.result_pieces(), "Arg"),
            found,
        }
    }
}
