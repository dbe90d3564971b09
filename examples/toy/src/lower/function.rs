//! One function: its variables, and the state that all of its lowering shares.

use super::{Declared, Lower, LowerError, StackReserve, ssa_type};
use crate::diag::Span;
use crate::typed::{Body, Checked, Function, LocalId};
use crate::types::{Ty, Types};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, InstBuilder, SourceLoc, StackSlot, StackSlotData, StackSlotKind, TrapCode, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use cranelift_module::Module;
use std::collections::HashMap;

/// The greatest frame; Cranelift counts it in 32 bits, and threads have stacks of a few MiB.
const MAX_FRAME: u64 = 4 << 20;

/// Cranelift aligns stack slots to 16 bytes at most.
const MAX_SLOT_ALIGN: u32 = 16;

/// Where a variable lives.
#[derive(Clone, Copy)]
pub(super) enum Home {
    Variable(Variable),
    Slot(Slot),
    /// Where the caller has put it.
    Pointer(Value),
}

/// Memory in the frame.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    slot: StackSlot,
    /// Greater than what Cranelift gives: the address is rounded up, inside a larger slot.
    align: u32,
}

/// A value: in SSA form, or at an address; or none, of type `void`.
#[derive(Clone, Copy)]
pub(super) enum Val {
    None,
    Ssa(Value),
    Memory(Value),
}

pub(super) struct FnLowerer<'a, 'f, M: Module> {
    pub(super) checked: &'a Checked,
    pub(super) types: &'a Types,
    pub(super) module: &'a mut M,
    pub(super) declared: &'a mut Declared,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) function: &'a Function,
    body: &'a Body,
    homes: HashMap<LocalId, Home>,
    frame: u64,
    /// Targets of `continue` and `break`, innermost last.
    pub(super) loops: Vec<(ir::Block, ir::Block)>,
    /// What an updated place held before.
    pub(super) old: Option<Val>,
    pub(super) entry: Option<clif_cabi::Entry>,
}

pub(super) fn lower<M: Module>(
    checked: &Checked,
    function: &Function,
    body: &Body,
    module: &mut M,
    declared: &mut Declared,
    context: &mut Context,
    frontend: &mut FunctionBuilderContext,
) -> Lower<()> {
    let sig = super::signature(&checked.types, function)?;
    let config = module.target_config();
    let plan = declared
        .lowering
        .entry_plan(&sig)
        .map_err(|error| LowerError {
            span: function.span,
            message: error.to_string(),
        })?;
    context.func.signature = plan.signature().clone();
    let builder = FunctionBuilder::new(&mut context.func, frontend);
    let types = &checked.types;
    let mut lowerer = FnLowerer {
        checked,
        types,
        module,
        declared,
        builder,
        function,
        body,
        homes: HashMap::new(),
        frame: 0,
        loops: Vec::new(),
        old: None,
        entry: None,
    };
    if let Some(span) = function.span {
        lowerer.builder.set_srcloc(SourceLoc::new(span.start));
    }
    let params = lowerer.enter(&sig)?;
    for (&id, param) in body.params.iter().zip(params) {
        lowerer.bind_param(id, param)?;
    }
    lowerer.stmts(&body.stmts)?;
    if lowerer.builder.is_unreachable() {
        lowerer.abandon();
    } else {
        lowerer.leave(Val::None)?;
    }
    lowerer.builder.seal_all_blocks();
    lowerer.builder.finalize(config);
    Ok(())
}

impl<M: Module> FnLowerer<'_, '_, M> {
    /// Ends the program if the stack is nearly used up. Other threads have stacks elsewhere, which are not checked.
    pub(super) fn check_stack(&mut self) {
        let Some(StackReserve { start, size }) = self.declared.reserve else {
            return;
        };
        let (Ok(start), Ok(size)) = (i64::try_from(start), i64::try_from(size)) else {
            return;
        };
        let stack = self.builder.ins().get_stack_pointer(types::I64);
        let left = self.builder.ins().iadd_imm_s(stack, -start);
        let overflow = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::UnsignedLessThan, left, size);
        self.builder
            .ins()
            .trapnz(overflow, TrapCode::STACK_OVERFLOW);
    }

    pub(super) fn local_ty(&self, id: LocalId) -> Ty {
        self.body
            .locals
            .get(id.0)
            .map_or(Ty::ERROR, |local| local.ty)
    }

    /// Gives a variable its home, when its statement is reached.
    pub(super) fn declare(&mut self, id: LocalId) -> Lower<Home> {
        if let Some(&home) = self.homes.get(&id) {
            return Ok(home);
        }
        let ty = self.local_ty(id);
        let addressed = self
            .body
            .locals
            .get(id.0)
            .is_none_or(|local| local.addressed);
        let home = match ssa_type(self.types, ty) {
            Some(ssa) if !addressed => Home::Variable(self.builder.declare_var(ssa)),
            _ => Home::Slot(self.slot(ty)?),
        };
        self.homes.insert(id, home);
        Ok(home)
    }

    fn bind_param(&mut self, id: LocalId, value: Val) -> Lower<()> {
        if let Val::Memory(address) = value {
            // The caller has made this copy for us, or clif-cabi has.
            self.homes.insert(id, Home::Pointer(address));
            return Ok(());
        }
        let home = self.declare(id)?;
        let ty = self.local_ty(id);
        match (home, value) {
            (Home::Variable(variable), Val::Ssa(value)) => self.builder.def_var(variable, value),
            (home, value) => {
                let address = self.home_address(home)?;
                self.store(value, address, 0, ty)?;
            }
        }
        Ok(())
    }

    /// Memory for a value of type `ty`.
    pub(super) fn slot(&mut self, ty: Ty) -> Lower<Slot> {
        let align = self.types.layout(ty).map_or(1, cabi::Type::align);
        self.slot_of(self.types.size(ty), align)
    }

    pub(super) fn slot_of(&mut self, size: u64, align: u32) -> Lower<Slot> {
        let slack = if align > MAX_SLOT_ALIGN {
            u64::from(align)
        } else {
            0
        };
        let bytes = size.saturating_add(slack).max(1);
        self.frame = self.frame.saturating_add(bytes);
        if self.frame > MAX_FRAME {
            let message = format!(
                "the variables of `{}` need more than {MAX_FRAME} bytes of stack",
                self.function.name
            );
            return Err(LowerError {
                span: self.function.span,
                message,
            });
        }
        let bytes = u32::try_from(bytes).map_err(LowerError::new)?;
        let shift = u8::try_from(align.min(MAX_SLOT_ALIGN).trailing_zeros()).unwrap_or(0);
        let slot = self.builder.create_sized_stack_slot(StackSlotData::new(
            StackSlotKind::ExplicitSlot,
            bytes,
            shift,
        ));
        Ok(Slot { slot, align })
    }

    pub(super) fn slot_address(&mut self, slot: Slot) -> Value {
        let address = self.builder.ins().stack_addr(types::I64, slot.slot, 0);
        if slot.align <= MAX_SLOT_ALIGN {
            return address;
        }
        let mask = i64::from(slot.align) - 1;
        let beyond = self.builder.ins().iadd_imm_s(address, mask);
        self.builder.ins().band_imm_s(beyond, !mask)
    }

    pub(super) fn home_address(&mut self, home: Home) -> Lower<Value> {
        match home {
            Home::Slot(slot) => Ok(self.slot_address(slot)),
            Home::Pointer(address) => Ok(address),
            Home::Variable(_) => Err(LowerError::new(
                "a variable without an address is pointed to",
            )),
        }
    }

    /// The SSA value in `value`.
    pub(super) fn ssa(&self, value: Val, span: Span) -> Lower<Value> {
        match value {
            Val::Ssa(value) => Ok(value),
            Val::None | Val::Memory(_) => {
                Err(LowerError::at(span, "this value is not a register's"))
            }
        }
    }
}
