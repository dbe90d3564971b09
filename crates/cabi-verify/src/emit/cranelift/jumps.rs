//! Callees that are reached by tail calls.

use cabi::convention::CalleePops;
use cabi::{FnSig, Loc, Place, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, types};
use clif_cabi::cranelift_frontend::FunctionBuilder;
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Callee, Function, LowerError, clif_signature};

use super::{CallSide, CraneliftObject, Mutation, VARIANTS};
use crate::verdict::Fault;

/// Words that a function between has after the arguments, most of them on the stack.
const MORE: usize = 9;

impl CraneliftObject {
    /// Checks whether the callee of `side` is reached by tail calls, as half of the callees are for
    /// which that is possible. An address of a copy in the argument area is lost with the area.
    pub(super) fn jumps(&self, side: &CallSide<'_>) -> Result<bool, Fault> {
        let plan = self.lower.entry_plan(side.sig)?;
        let is_lost = |place: &Place| {
            let pointer = match place {
                Place::Indirect { pointer, .. } => pointer,
                _ => return false,
            };
            matches!(pointer, Loc::Stack(_))
        };
        Ok(side.index / VARIANTS % 2 == 1
            && plan.abi.convention.frame.callee_pops == CalleePops::EverythingAligned
            && self.module.isa().flags().preserve_frame_pointers()
            && !side.sig.is_noreturn()
            && !plan.abi.args.iter().any(|arg| is_lost(&arg.place)))
    }

    /// Adds a function, called `name`, that ends by a call of another one, which ends by a call of
    /// `NAME_body`. The argument area grows, and shrinks again.
    pub(super) fn jump_to_body(&mut self, name: &str, side: &CallSide<'_>) -> Result<(), Fault> {
        let sig = side.sig;
        let params = sig.params().iter().map(|param| param.ty.clone());
        let types: Vec<Type> = params.chain(vec![Type::I64; MORE]).collect();
        let grown = FnSig::new(types, sig.result().clone()).features(sig.assumed());
        let grown = grown.convention(self.lower.entry_plan(sig)?.abi.convention);
        let by_address = side.index / (2 * VARIANTS) % 2 == 1;
        let body = format!("{name}_body");
        let body = (self.lower).declare_export(&mut self.module, &body, sig)?;
        let between = (&*format!("{name}_between"), &grown);
        let between = self.jump(between, &body, by_address)?;
        self.jump((name, sig), &between, !by_address).map(drop)
    }

    /// Adds a function that calls `callee` with its own arguments, as far as `callee` has so many,
    /// and with further words.
    fn jump(
        &mut self,
        (name, sig): (&str, &FnSig),
        callee: &Function,
        by_address: bool,
    ) -> Result<Function, Fault> {
        let signature = clif_signature(&self.lower.entry_plan(sig)?.signature);
        let declare = |this: &mut Self| {
            let declared = this.lower.declare_export(&mut this.module, name, sig)?;
            Ok(declared.body)
        };
        let build = |this: &mut Self, builder: &mut FunctionBuilder<'_>, block| {
            let entry = this.lower.enter(builder, block, sig)?;
            let mut args = Vec::new();
            for i in 0..callee.sig.params().len() {
                args.push(match entry.parts(builder, i) {
                    _ if i >= sig.params().len() => {
                        Arg::value(builder.ins().iconst(types::I64, -1))
                    }
                    Ok(parts) => Arg::Parts(parts),
                    Err(_) => Arg::memory(entry.address(builder, i)?),
                });
            }
            let mut to = Callee::from(callee.id);
            if by_address {
                let callee = this.module.declare_func_in_func(callee.id, builder.func);
                to = builder.ins().func_addr(types::I64, callee).into();
            }
            let stubs = &mut this.module;
            this.lower
                .tail_call(stubs, builder, &entry, to, &callee.sig, &args)?;
            let last = builder.func.layout.last_inst(block);
            let opcode = last.map(|last| builder.func.dfg.insts[last].opcode());
            match opcode.is_some_and(|opcode| opcode.is_call() && opcode.is_return()) {
                true => Ok(()),
                false => Err(LowerError::TailCall("the frame stays".to_owned())),
            }
        };
        self.define(declare, &signature, Mutation::default(), build)?;
        Ok((self.lower).declare_export(&mut self.module, name, sig)?)
    }
}
