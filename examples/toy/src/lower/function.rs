//! How clif-cabi is used, second part: a function that C may call. [`FnLowerer::lower`] begins it, [`FnLowerer::body`] takes its parameters and ends it;
//! [`FnLowerer::leave`] returns. The first part is `call.rs`, the third `jit.rs`.

use super::signature::{of_convention, signature};
use super::value::{Home, Val};
use super::{Declared, Lower, LowerError, StackReserve};
use crate::ast::Convention;
use crate::diag::Span;
use crate::typed::{Body, Checked, Function, LocalId};
use crate::types::{Ty, Types};
use cabi::{FnSig, Place, Type};
use clif_cabi::Entry;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, SourceLoc, TrapCode, Value, types};
use cranelift_frontend::{FuncInstBuilder, FunctionBuilder};
use cranelift_module::Module;
use std::collections::HashMap;

/// Bytes of variables that the stack reserve has room for in a function that calls none.
const SMALL_FRAME: u64 = 4096;

/// One function, and the state that all of its lowering shares.
pub(super) struct FnLowerer<'a, 'f, M: Module> {
    pub(super) checked: &'a Checked,
    pub(super) types: &'a Types,
    pub(super) module: &'a mut M,
    pub(super) declared: &'a mut Declared,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) function: &'a Function,
    pub(super) body: &'a Body,
    pub(super) homes: HashMap<LocalId, Home>,
    /// Bytes of variables and temporaries.
    pub(super) frame: u64,
    /// Targets of `continue` and `break`, innermost last.
    pub(super) loops: Vec<(Block, Block)>,
    /// What an updated place held before.
    pub(super) old: Option<Val>,
    pub(super) entry: Entry,
}

impl<'a, 'f, M: Module> FnLowerer<'a, 'f, M> {
    /// The whole function.
    pub(super) fn lower(
        checked: &'a Checked,
        (function, body): (&'a Function, &'a Body),
        module: &'a mut M,
        declared: &'a mut Declared,
        mut builder: FunctionBuilder<'f>,
    ) -> Lower<()> {
        let span = function.span;
        let wrong = |error: clif_cabi::LowerError| LowerError::at(span, error);
        // Cranelift keeps locations as distances from this one, and takes -1 for none: no location comes before the text's first byte.
        let params = &mut builder.func.params;
        params.ensure_base_srcloc(SourceLoc::new(0));
        if let Some(span) = span {
            builder.set_srcloc(SourceLoc::new(span.start));
        }
        // The CLIF signature and the first block, whose parameters are the registers that C callers pass arguments in.
        let sig = signature(&checked.types, function)?;
        let begun = declared.lowering.begin(&mut builder, &sig);
        let (block, entry) = begun.map_err(wrong)?;
        let lowerer = FnLowerer {
            checked,
            types: &checked.types,
            module,
            declared,
            builder,
            function,
            body,
            homes: HashMap::new(),
            frame: 0,
            loops: Vec::new(),
            old: None,
            entry,
        };
        lowerer.body(block)
    }

    /// What follows the first `block` is made: parameters become variables, and the statements their code.
    fn body(mut self, block: Block) -> Lower<()> {
        let n = self.body.params.len();
        let params: Vec<Val> = (0..n).map(|i| self.param(i)).collect::<Lower<_>>()?;
        if self.body.is_nested {
            let chain = self.entry.value(&mut self.builder, n);
            let chain = chain.map_err(|error| LowerError::at(self.function.span, error))?;
            self.bind_captures(chain);
        }
        for (&id, param) in self.body.params.iter().zip(params) {
            self.bind_param(id, param)?;
        }
        self.stmts(&self.body.stmts)?;
        if self.builder.is_unreachable() {
            self.abandon();
        } else {
            self.leave(Val::None)?;
        }
        self.check_stack(block);
        self.builder.seal_all_blocks();
        self.builder.finalize(self.module.target_config());
        Ok(())
    }

    /// A parameter is taken as it is needed, however it arrives. A struct in registers is taken apart, unless something points to it: then it is put together
    /// in memory.
    fn param(&mut self, index: usize) -> Lower<Val> {
        let span = self.function.span;
        let wrong = |error: clif_cabi::LowerError| LowerError::at(span, error);
        let id = self.body.params[index];
        let ty = self.local_ty(id);
        if self.is_ssa(ty) {
            let value = self.entry.value(&mut self.builder, index).map_err(wrong)?;
            return Ok(Val::Ssa(self.normalize(value, ty)));
        }
        if !self.body.locals[id.0].addressed
            && matches!(self.entry.plan().abi().args[index].place, Place::Parts(_))
            && let Some(fields) = self.fields(ty)
        {
            let values = self.entry.fields(&mut self.builder, index).map_err(wrong)?;
            return Ok(self.normalized(&values, &fields));
        }
        let address = self.entry.address(&mut self.builder, index);
        address.map(Val::Memory).map_err(wrong)
    }

    /// `va_start`: writes the `va_list` of the arguments after the named ones.
    pub(super) fn va_start(&mut self, to: Value, span: Span) -> Lower<()> {
        let started = self.entry.va_start(&mut self.builder, to);
        started.map_err(|error| LowerError::at(span, error))
    }

    /// `va_arg`: the next argument of the `va_list` at `list`, which may be C's. Of a signature only the convention matters here.
    pub(super) fn va_arg(
        &mut self,
        list: Value,
        convention: Convention,
        ty: Ty,
        span: Span,
    ) -> Lower<Val> {
        let layout = self.types.layout(ty).cloned().unwrap_or(Type::VOID);
        let sig = of_convention(FnSig::new([Type::PTR], Type::VOID).variadic(), convention);
        let lowering = &self.declared.lowering;
        let address = lowering.va_arg(&mut self.builder, list, &sig, &layout);
        let address = address.map_err(|error| LowerError::at(span, error))?;
        self.load(address.into(), ty)
    }

    /// Returns `value`, and ends the block.
    pub(super) fn leave(&mut self, value: Val) -> Lower<()> {
        let returned = self
            .entry
            .ret(self.module, &mut self.builder, value.arg().as_ref());
        returned.map_err(|error| LowerError::at(self.function.span, error))
    }

    /// Ends the program, in the function's first block, if the stack is nearly used up. Other threads have stacks elsewhere, which are not checked. A function that
    /// calls none, with a small frame, has the reserve.
    fn check_stack(&mut self, first: Block) {
        let func = &mut *self.builder.func;
        let mut insts = (func.layout.blocks()).flat_map(|block| func.layout.block_insts(block));
        let makes_calls = insts.any(|inst| func.dfg.insts[inst].opcode().is_call());
        if !makes_calls && self.frame <= SMALL_FRAME {
            return;
        }
        let Some(StackReserve { start, size }) = self.declared.reserve else {
            return;
        };
        let (Ok(start), Ok(size)) = (i64::try_from(start), i64::try_from(size)) else {
            return;
        };
        let mut at = FuncCursor::new(func).at_first_insertion_point(first);
        if let Some(span) = self.function.span {
            at.set_srcloc(SourceLoc::new(span.start));
        }
        let stack = at.ins().get_stack_pointer(types::I64);
        let left = at.ins().iadd_imm_s(stack, -start);
        let overflow = at.ins().icmp_imm_s(IntCC::UnsignedLessThan, left, size);
        at.ins().trapnz(overflow, TrapCode::STACK_OVERFLOW);
    }

    /// Where the next instruction goes.
    pub(super) fn ins(&mut self) -> FuncInstBuilder<'_, 'f> {
        self.builder.ins()
    }

    /// Goes on in a block that nothing else will jump to.
    pub(super) fn begin(&mut self, block: Block) {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
    }

    pub(super) fn ssa(&self, value: Val, span: Span) -> Lower<Value> {
        match value {
            Val::Ssa(value) => Ok(value),
            Val::None | Val::Fields(_) | Val::Memory(_) => {
                Err(LowerError::at(span, "this value is not a register's"))
            }
        }
    }
}
