//! The functions that C calls: they write down all arguments.

use clif_cabi_jit::Engine;
use clif_cabi_jit::clif_cabi::cabi::{FnSig, Policy, Type};
use clif_cabi_jit::clif_cabi::{Arg, Ret, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use clif_cabi_jit::cranelift_frontend::FunctionBuilder;
use clif_cabi_jit::cranelift_module::FuncId;

use super::common::{exported, record};
use super::kinds::Kind;
use super::random::{Call, Mode, STEP};
use super::va_list;

/// What is made wrong on purpose.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Wrong {
    Nothing,
    /// `fp_offset` starts one vector register later.
    FpOffset,
    /// `gp_offset` starts one integer register later.
    GpOffset,
    /// The argument area is not aligned for what is aligned to 16 bytes and in memory.
    Alignment,
    /// The argument area starts a word later.
    Overflow,
}

/// What C calls: writes down all arguments.
pub(crate) struct Emit<'a> {
    pub(crate) lower: &'a SysVAggregateLowering,
    pub(crate) kinds: &'a [Kind],
    pub(crate) wrong: Wrong,
    pub(crate) policy: Policy,
    /// C's readers, by kind. `None` for what the compiler's own `va_arg` does not read as its callers pass it.
    pub(crate) readers: Vec<Option<FuncId>>,
}

impl Emit<'_> {
    pub(crate) fn function(&self, engine: &mut Engine, call: &Call, i: usize) -> FuncId {
        let sig = call.sig(self.kinds, self.policy);
        let own = match call.mode {
            Mode::Received => FnSig::new([Type::PTR, Type::PTR], Type::VOID),
            _ => sig.clone(),
        };
        let name = format!("own{i}");
        let own = exported(engine, self.lower, &name, &own, |engine, builder, entry| {
            let seen = entry.value(builder, 0).unwrap();
            let list = if call.mode == Mode::Received {
                entry.value(builder, 1).unwrap()
            } else {
                for j in 0..call.named.len() {
                    let to = at(builder, seen, j);
                    entry.store(builder, j + 1, to).unwrap();
                }
                let first = va_list(builder);
                entry.va_start(builder, first).unwrap();
                let list = va_list(builder);
                self.lower.va_copy(builder, list, first, &sig).unwrap();
                list
            };
            self.spoil(builder, list);
            for (j, kind) in call.unnamed.iter().enumerate() {
                let to = at(builder, seen, call.named.len() + j);
                let by_c = call.mode != Mode::Own && j % 2 == 1;
                match self.readers[*kind].filter(|_| by_c) {
                    Some(reader) => {
                        let sig = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
                        let args = [list, to].map(Arg::value);
                        (self.lower)
                            .call_sig(engine, builder, reader, &sig, &args, Ret::Ignore)
                            .unwrap();
                    }
                    None => self.read(builder, list, &sig, *kind, to),
                }
            }
            let result = call.sret.then(|| Arg::memory(seen));
            entry.ret(engine, builder, result.as_ref()).unwrap();
        });
        own.id
    }

    fn read(
        &self,
        builder: &mut FunctionBuilder<'_>,
        list: Value,
        sig: &FnSig,
        kind: usize,
        to: Value,
    ) {
        let kind = &self.kinds[kind];
        let unaligned = || record(&[Type::array(&Type::I64, 4).unwrap()]);
        let ty = match kind.c {
            "s_mem16" if self.wrong == Wrong::Alignment => unaligned(),
            _ => kind.ty.clone(),
        };
        let from = self.lower.va_arg(builder, list, sig, &ty).unwrap();
        copy(builder, from, to, ty.size());
    }

    fn spoil(&self, builder: &mut FunctionBuilder<'_>, list: Value) {
        let (ty, offset, by) = match self.wrong {
            Wrong::GpOffset => (types::I32, 0, 8),
            Wrong::FpOffset => (types::I32, 4, 16),
            Wrong::Overflow => (types::I64, 8, 8),
            Wrong::Nothing | Wrong::Alignment => return,
        };
        let flags = MemFlagsData::new();
        let value = builder.ins().load(ty, flags, list, offset);
        let value = builder.ins().iadd_imm_s(value, by);
        builder.ins().store(flags, value, list, offset);
    }
}

/// Copies an object byte by byte.
pub(crate) fn copy(builder: &mut FunctionBuilder<'_>, from: Value, to: Value, size: u64) {
    for byte in 0..i32::try_from(size).unwrap() {
        let flags = MemFlagsData::new();
        let value = builder.ins().load(types::I8, flags, from, byte);
        builder.ins().store(flags, value, to, byte);
    }
}

pub(crate) fn at(builder: &mut FunctionBuilder<'_>, base: Value, i: usize) -> Value {
    builder
        .ins()
        .iadd_imm_s(base, i64::try_from(i * STEP).unwrap())
}
