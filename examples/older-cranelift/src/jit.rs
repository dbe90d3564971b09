//! The functions that the emitter is tried with: callers of C functions, and functions that C calls. What they give and see is in memory at fixed addresses.

use clif_cabi_plan::cabi::{FnSig, Target, Type};
use clif_cabi_plan::{CallPlan, EntryPlan, ResultPlan};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};

use crate::emit::entry::{self, Entry};
use crate::emit::{Callee, Emitter, Operand, Result, Stubs};

/// How values are given to the emitter and taken from it, and how functions are called.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Form {
    MemoryByName,
    PartsByAddress,
}

/// Where values are: each argument, and the result.
pub struct Objects {
    pub args: Vec<*const u8>,
    pub result: *const u8,
}

/// A JIT module, and the stubs in it.
pub struct Jit {
    pub module: JITModule,
    stubs: Stubs,
}

impl Jit {
    /// `imports`: the functions that its code calls by name.
    pub fn new(opt_level: &str, imports: &[(String, *const u8)]) -> Result<Self> {
        let flags = [
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("opt_level", opt_level),
        ];
        let mut builder = JITBuilder::with_flags(&flags, default_libcall_names())?;
        builder.symbols(imports.iter().cloned());
        let (module, stubs) = (JITModule::new(builder), Stubs::new());
        Ok(Self { module, stubs })
    }

    /// Defines function `id` as what `emit` emits.
    fn define(
        &mut self,
        id: FuncId,
        emit: impl FnOnce(&mut Emitter<'_, '_>) -> Result<()>,
    ) -> Result<()> {
        let mut ctx = self.module.make_context();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        let (module, stubs, builder_) = (&mut self.module, &mut self.stubs, &mut builder);
        emit(&mut Emitter {
            module,
            stubs,
            builder: builder_,
        })?;
        builder.finalize();
        Ok(self.module.define_function(id, &mut ctx)?)
    }

    /// `void name(void)`, which calls the function `callee` at `address` as `plan` says.
    pub fn caller(
        &mut self,
        name: &str,
        (callee, address, plan): (&str, *const u8, &CallPlan),
        (given, form): (&Objects, Form),
    ) -> Result<FuncId> {
        let empty = self.module.make_signature();
        let callee = self
            .module
            .declare_function(callee, Linkage::Import, &empty)?;
        let id = self.module.declare_function(name, Linkage::Local, &empty)?;
        let own = EntryPlan::new(&FnSig::new([], Type::VOID), &Target::host()?)?;
        self.define(id, |e| {
            let entry = Entry::new(e, &own)?;
            let from: Vec<Value> = given.args.iter().map(|own| constant(e, *own)).collect();
            let mut parts = Vec::new();
            for (arg, from) in plan.args.iter().zip(&from) {
                let own = match form {
                    Form::MemoryByName => &[],
                    Form::PartsByAddress => arg.parts,
                };
                parts.push(e.load_all(own, *from)?);
            }
            let args = parts.iter().zip(&from);
            let args: Vec<Operand<'_>> = args.map(|(own, from)| operand(own, *from)).collect();
            let to = constant(e, given.result);
            let in_memory = form == Form::MemoryByName || plan.result == ResultPlan::Sret;
            let wanted = in_memory.then_some(to);
            let callee = match form {
                Form::MemoryByName => Callee::Function(callee),
                Form::PartsByAddress => Callee::Address(constant(e, address)),
            };
            let results = e.call((callee, plan), &args, wanted)?;
            e.store_all(plan.result.parts(), &results, to)?;
            entry.ret(e, None)
        })?;
        Ok(id)
    }

    /// The function `name`, which C calls as `plan` says: it stores its arguments, and returns the result. One that is variadic has `rest` see the others.
    pub fn callee(
        &mut self,
        name: &str,
        (plan, rest): (&EntryPlan, Option<*const u8>),
        (seen, result, form): (&Objects, *const u8, Form),
    ) -> Result<FuncId> {
        let (id, body) = entry::declare(&mut self.module, (name, Linkage::Export), plan)?;
        let see_rest = CallPlan::new(&FnSig::new([Type::PTR], Type::VOID), &Target::host()?)?;
        self.define(body, |e| {
            let entry = Entry::new(e, plan)?;
            let mut from = constant(e, result);
            if let (Some(to), Form::PartsByAddress) = (entry.sret(), form) {
                // The result is built where it is wanted.
                copy(e, (to, from), plan.sig.result())?;
                from = to;
            }
            for (i, (param, to)) in plan.sig.params().iter().zip(&seen.args).enumerate() {
                let to = constant(e, *to);
                let parts = plan.args.get(i).map_or(&[][..], |arg| arg.parts);
                if form == Form::PartsByAddress && !parts.is_empty() {
                    let values = entry.parts(e, i)?;
                    e.store_all(parts, &values, to)?;
                } else {
                    let from = entry.address(e, i)?;
                    copy(e, (to, from), &param.ty)?;
                }
            }
            if let Some(rest) = rest {
                let list = e.slot(24, 8)?;
                entry.va_start(e, list)?;
                let rest = Callee::Address(constant(e, rest));
                e.call((rest, &see_rest), &[Operand::Parts(&[list])], None)?;
            }
            let parts = match form {
                Form::MemoryByName => &[],
                Form::PartsByAddress => plan.result.parts(),
            };
            let parts = e.load_all(parts, from)?;
            entry.ret(e, Some(operand(&parts, from)))
        })?;
        Ok(id)
    }

    /// Calls `void f(void)`, which has been finalized.
    pub fn run(&self, id: FuncId) {
        let code = self.module.get_finalized_function(id);
        // SAFETY: the functions that `caller` made have this type, and call what their plans are of.
        unsafe { std::mem::transmute::<*const u8, extern "C" fn()>(code)() }
    }
}

fn operand(parts: &[Value], from: Value) -> Operand<'_> {
    match parts {
        [] => Operand::Memory(from),
        _ => Operand::Parts(parts),
    }
}

fn copy(e: &mut Emitter<'_, '_>, (to, from): (Value, Value), ty: &Type) -> Result<()> {
    let size = i64::try_from(ty.size())?;
    let size = e.builder.ins().iconst(types::I64, size);
    let config = e.module.target_config();
    e.builder.call_memcpy(config, to, from, size);
    Ok(())
}

fn constant(e: &mut Emitter<'_, '_>, address: *const u8) -> Value {
    e.builder.ins().iconst(types::I64, address as i64)
}
