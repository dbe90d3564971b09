//! An emitter of C calls and entries on Cranelift 0.108, x86-64 System V. A front end copies it to
//! use `clif-cabi-plan` on its release of Cranelift.
//!
//! A plan has all facts about C: the CLIF signature, the content of each parameter, and the bytes
//! of a value that each part has. The emitter moves values, calls stubs, and decides nothing. Stubs
//! are a few bytes of machine code for what CLIF cannot say (AL of a variadic call, the x87 stack).
//!
//! ```text
//! call:   Emitter::call   arguments and result as parts (SSA values) or as objects in memory
//! entry:  entry::declare  what C calls, and the body to define; in that Entry::new,
//!                         Entry::{parts, address, va_start} and Entry::ret
//! ```
//!
//! A scalar is one part, its value; `struct { double x; long n; }` is an `f64` and an `i64`;
//! 128-bit integers and `long double` are two `i64`. `_Float16` is the lower half of an `f32` and
//! `__float128` an `i8x16`, which are passed in the same places: 0.108 has neither type. Refused by
//! name: vectors of more than 16 bytes or of bools, and conventions other than C's.

pub mod entry;
mod values;

use std::collections::HashMap;

use clif_cabi_plan::{self as plan, CallPlan, ClifPart, PassMode, ResultPlan, ValueType, What};
use clif_cabi_plan::{Machine, RelocKind, Stub, StubCode, cabi};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, ExternalName, Function, Inst, InstBuilder};
use cranelift_codegen::ir::{MemFlags, Signature, Type, UserExternalName, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{FinalizedMachReloc, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Linkage, Module};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const NO_WIDE_VECTORS: &str = "this emitter has no vectors of more than 16 bytes";

/// A C value: an argument of a call, or the result of the function being built.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// Its parts.
    Parts(&'a [Value]),
    /// The object at this address.
    Memory(Value),
}

/// Target of a call.
#[derive(Clone, Copy)]
pub enum Callee {
    /// A function of the module, whatever signature it was declared with. Calls of a variadic
    /// function have signatures of their own.
    Function(FuncId),
    /// The function at this address.
    Address(Value),
}

/// The stubs that are defined in a module. Each module has its own.
pub type Stubs = HashMap<Stub, FuncId>;

/// State in which a function is built, while calls or entries of C are emitted.
pub struct Emitter<'a, 'f> {
    pub module: &'a mut dyn Module,
    pub stubs: &'a mut Stubs,
    pub builder: &'a mut FunctionBuilder<'f>,
}

impl Emitter<'_, '_> {
    /// Emits a call. The result is stored to the object at `to`, or its parts are returned; a
    /// result that C returns in memory needs `to`.
    pub fn call(
        &mut self,
        (callee, plan): (Callee, &CallPlan),
        args: &[Operand<'_>],
        to: Option<Value>,
    ) -> Result<Vec<Value>> {
        let (sig, parts) = (&plan.sig, plan.result.parts());
        if args.len() != plan.args.modes().len() {
            return Err(format!("{sig}: {} arguments were given", args.len()).into());
        }
        if plan.moves_vectors() {
            return Err(format!("{sig}: {NO_WIDE_VECTORS}").into());
        }
        // Nothing may happen between the call and the code that takes its result, so all loads and
        // stores come first.
        let mut values = Vec::new();
        for (i, (arg, mode)) in args.iter().zip(plan.args.modes()).enumerate() {
            let own = self.argument((mode, plan.args.parts(i)), &sig.params()[i].ty, *arg);
            values.push(own.map_err(|why| format!("{sig}: argument {i}: {why}"))?);
        }
        let mut params = vec![None; plan.signature.params.len()];
        for slot in &plan.args.slots {
            let index = slot.param.ok_or("a row without parameter")? as usize;
            params[index] = Some(match slot.what {
                What::Sret => to.ok_or_else(|| format!("{sig}: the result is in memory"))?,
                What::Part { arg, part } => values[arg as usize][part as usize],
                What::Words { arg, part, .. } => {
                    self.words(&values[arg as usize][part as usize..], slot.part.ty)?
                }
                // The bytes after the last whole word, then the address.
                What::Tail { arg } => values[arg as usize][0],
                What::Object { arg } => values[arg as usize][values[arg as usize].len() - 1],
                // Padding only takes up a register or a word: any value of the type will do.
                What::Padding => self.zero(slot.part.ty)?,
                other => return Err(format!("{sig}: {other:?} is not emitted").into()),
            });
        }
        let params: Option<Vec<Value>> = params.into_iter().collect();
        let params = params.ok_or("a parameter without value")?;
        let inst = self.call_inst((callee, plan), params)?;
        let results = self.builder.inst_results(inst).to_vec();
        let values = match &plan.result {
            ResultPlan::Parts { results: own, .. } => own.iter().map(|i| results[*i]).collect(),
            // The result is on the x87 stack, which no instruction of Cranelift's touches. It is
            // popped even if nobody wants it, and to a slot of the call's own. To compute the front
            // end's address, Cranelift might call a function between the two calls (`ceil`).
            ResultPlan::Stub { pop, bytes, .. } => {
                let from = self.slot(*bytes, 16)?;
                self.call_x87(pop, from)?;
                self.load_all(parts, from)?
            }
            _ => Vec::new(),
        };
        let Some(to) = to else {
            return Ok(values);
        };
        self.store_all(parts, &values, to)?;
        Ok(Vec::new())
    }

    /// Returns the values of an argument: its parts, or the bytes after an object's last whole word
    /// and the object's address.
    fn argument(
        &mut self,
        (mode, parts): (PassMode, &[ClifPart]),
        ty: &cabi::Type,
        arg: Operand<'_>,
    ) -> Result<Vec<Value>> {
        Ok(match mode {
            PassMode::Ignore => Vec::new(),
            PassMode::Parts | PassMode::Words => self.operand(parts, arg)?,
            // Cranelift copies all whole words of a large record.
            PassMode::Area => {
                let size = u32::try_from(ty.size())?;
                let from = self.in_memory(parts, arg, size, ty.align())?;
                let mut values = self.load_all(ClifPart::tail(size).as_slice(), from)?;
                values.push(from);
                values
            }
            mode => return Err(format!("{ty} is not emitted: {mode:?}").into()),
        })
    }

    /// Returns words of a record as a parameter: one word, or two as a vector.
    fn words(&mut self, words: &[Value], ty: ValueType) -> Result<Value> {
        let mut float = |word| self.ins().bitcast(types::F64, MemFlags::new(), word);
        Ok(match (words, clif_type(ty)?) {
            ([word, ..], types::I64) => *word,
            ([word, ..], types::F64) => float(*word),
            ([low, high, ..], vector) => {
                let (low, high) = (float(*low), float(*high));
                let low = self.ins().scalar_to_vector(vector, low);
                self.ins().insertlane(low, high, 1)
            }
            _ => return Err("a parameter without its words".into()),
        })
    }

    /// Emits the call instruction: of the function, or of a stub that sets AL, loads the static
    /// chain or aligns the stack first.
    fn call_inst(
        &mut self,
        (callee, plan): (Callee, &CallPlan),
        mut params: Vec<Value>,
    ) -> Result<Inst> {
        let stub = plan.indirect.as_ref().zip(plan.indirect_stub());
        let address = match (callee, &stub) {
            (Callee::Address(address), _) => address,
            (Callee::Function(id), None) => return self.call_id(id, &plan.signature, &params),
            (Callee::Function(id), Some(_)) => {
                let func = self.module.declare_func_in_func(id, self.builder.func);
                self.ins().func_addr(types::I64, func)
            }
        };
        let Some((indirect, stub)) = stub else {
            let signature = clif_signature(&plan.signature)?;
            let signature = self.builder.import_signature(signature);
            return Ok(self.ins().call_indirect(signature, address, &params));
        };
        // The stub finds the address in the last parameter. Padding, for which any value will do,
        // is before that.
        params.extend([address].repeat(indirect.padding + 1));
        self.call_stub(&stub, &indirect.signature, &params)
    }

    /// Calls `id` with this signature, which it may not have been declared with.
    fn call_id(&mut self, id: FuncId, own: &plan::Signature, params: &[Value]) -> Result<Inst> {
        let signature = self.builder.import_signature(clif_signature(own)?);
        let func = self.module.declare_func_in_func(id, self.builder.func);
        self.builder.func.dfg.ext_funcs[func].signature = signature;
        Ok(self.ins().call(func, params))
    }

    /// Calls a stub, which is defined the first time. A function of the front end's under its name
    /// (`__clif_cabi_...`) is an error of the module.
    fn call_stub(&mut self, stub: &Stub, own: &plan::Signature, params: &[Value]) -> Result<Inst> {
        if !self.stubs.contains_key(stub) {
            let (name, signature) = (stub.name(), clif_signature(own)?);
            let module = &mut *self.module;
            let id = module.declare_function(&name, Linkage::Local, &signature)?;
            define(module, id, stub)?;
            self.stubs.insert(stub.clone(), id);
        }
        self.call_id(self.stubs[stub], own, params)
    }

    /// Calls a stub that moves x87 values to or from `address`. Its signature is `preserve_all`,
    /// which 0.108 does not have. `system_v` is right as well: it passes the address in rdi too. It
    /// lets a callee change registers, and the stub changes none.
    fn call_x87(&mut self, stub: &Stub, address: Value) -> Result<Inst> {
        let mut signature = Stub::address_signature();
        signature.call_conv = plan::CallConv::SystemV;
        self.call_stub(stub, &signature, &[address])
    }
}

fn define(module: &mut dyn Module, id: FuncId, stub: &Stub) -> Result<()> {
    let code = stub.code(
        Machine::of(&cabi::Target::X86_64_LINUX)?,
        module.isa().flags().is_pic(),
    )?;
    // 0.108 looks the names in relocations up in a function.
    let mut names = Function::new();
    let reloc = code.reloc.map(|reloc| {
        let name = UserExternalName::new(0, reloc.callee);
        let name = ExternalName::user(names.declare_imported_user_function(name));
        let kind = match reloc.kind {
            RelocKind::X86CallPLTRel4 => Reloc::X86CallPLTRel4,
            RelocKind::Arm64Call => Reloc::Arm64Call,
            RelocKind::RiscvCallPlt => Reloc::RiscvCallPlt,
            RelocKind::S390xPLTRel32Dbl => Reloc::S390xPLTRel32Dbl,
            RelocKind::Abs8 => Reloc::Abs8,
        };
        let target = FinalizedRelocTarget::ExternalName(name);
        let (offset, addend) = (reloc.offset, reloc.addend);
        FinalizedMachReloc {
            offset,
            kind,
            target,
            addend,
        }
    });
    let relocs = reloc.as_slice();
    module.define_function_bytes(id, &names, StubCode::ALIGN, &code.bytes, relocs)?;
    Ok(())
}

fn clif_signature(signature: &plan::Signature) -> Result<Signature> {
    if signature.call_conv != plan::CallConv::SystemV {
        return Err(format!("this emitter has no {} functions", signature.call_conv).into());
    }
    let mut own = Signature::new(CallConv::SystemV);
    for (params, to) in [
        (&signature.params, &mut own.params),
        (&signature.returns, &mut own.returns),
    ] {
        for param in params {
            to.push(clif_param(param)?);
        }
    }
    Ok(own)
}

fn clif_param(param: &plan::ClifParam) -> Result<AbiParam> {
    let purpose = match param.purpose {
        plan::Purpose::Normal => ArgumentPurpose::Normal,
        plan::Purpose::StructReturn => ArgumentPurpose::StructReturn,
        plan::Purpose::StructArgument(size) => ArgumentPurpose::StructArgument(size),
    };
    let own = AbiParam::special(clif_type(param.ty)?, purpose);
    Ok(match param.extension {
        plan::Extension::None => own,
        plan::Extension::Zero => own.uext(),
        plan::Extension::Sign => own.sext(),
    })
}

/// Returns the type of 0.108 that is passed as C passes `ty`. A vector of less than 16 bytes takes
/// 16 on the stack in 0.108, and 8 in C; plans have `f64` for it.
fn clif_type(ty: ValueType) -> Result<Type> {
    macro_rules! by_name {
        ($($name:ident as $own:ident)*) => {
            match ty {
                $(ValueType::$name => types::$own,)*
                _ => return Err(format!("Cranelift 0.108 does not pass `{ty}` as C does").into()),
            }
        };
    }
    Ok(by_name! {
        I8 as I8  I16 as I16  I32 as I32  I64 as I64  F16 as F32  F32 as F32  F64 as F64  F128 as I8X16
        I8X16 as I8X16  I16X8 as I16X8  I32X4 as I32X4  I64X2 as I64X2  F32X4 as F32X4  F64X2 as F64X2
    })
}
