//! Variadic functions that are compiled here, called by C, beyond what the suites call: a loop around `va_arg`, a `va_list` that C reads, C's
//! `va_list` read here, and functions of a front end without C types.
#![allow(clippy::unwrap_used, clippy::panic)] // an unexpected error ends the test
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod closures;
#[path = "../common/mod.rs"]
mod common;
mod libc;
mod own_signatures;

use std::ffi::{c_int, c_void};

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::clif_cabi::{Arg, SysVAggregateLowering};
use clif_cabi_jit::cranelift_codegen::ir::condcodes::IntCC;
use clif_cabi_jit::cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use clif_cabi_jit::cranelift_frontend::FunctionBuilder;
use clif_cabi_jit::cranelift_module::Module;
use clif_cabi_jit::{Engine, Library};
use common::{all_settings, cc, exported, library};

/// Room for a `va_list`.
pub(crate) fn va_list(builder: &mut FunctionBuilder<'_>) -> Value {
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 24, 3);
    let slot = builder.create_sized_stack_slot(slot);
    builder.ins().stack_addr(types::I64, slot, 0)
}

/// A function of `library`, called with the address of `code`.
pub(crate) fn call_with(library: &Library, name: &str, code: *const c_void) -> c_int {
    let call = library.symbol(name).unwrap();
    // SAFETY: that is the signature of every function that is called so.
    let call =
        unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const c_void) -> c_int>(call) };
    call(code)
}

/// `long sum(int n, ...)`, with a loop around its `va_arg`.
#[test]
fn a_loop_sums_its_arguments() {
    let library = library(
        &cc(),
        &[],
        "variadic_sum",
        r"
        int call_sum(long (*sum)(int, ...))
        {
            return sum(0) == 0 && sum(3, 1L, 20L, 300L) == 321
                && sum(9, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 1L << 40) == 36 + (1L << 40);
        }
        ",
    );
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        let lower = SysVAggregateLowering::new(engine.isa()).unwrap();
        let sig = FnSig::new([Type::I32], Type::I64).variadic();
        let sum = exported(
            &mut engine,
            &lower,
            "sum",
            &sig,
            |engine, builder, entry| {
                let list = va_list(builder);
                entry.va_start(builder, list).unwrap();
                let n = entry.value(builder, 0).unwrap();
                let zero = builder.ins().iconst(types::I64, 0);
                let [head, body, done] = [(); 3].map(|()| builder.create_block());
                let left = builder.append_block_param(head, types::I32);
                let total = builder.append_block_param(head, types::I64);
                builder.ins().jump(head, &[n.into(), zero.into()]);
                builder.switch_to_block(head);
                let more = builder.ins().icmp_imm_s(IntCC::NotEqual, left, 0);
                builder.ins().brif(more, body, &[], done, &[]);
                builder.switch_to_block(body);
                let address = lower.va_arg(builder, list, &sig, &Type::I64).unwrap();
                let next = builder
                    .ins()
                    .load(types::I64, MemFlagsData::new(), address, 0);
                let next = builder.ins().iadd(total, next);
                let left = builder.ins().iadd_imm_s(left, -1);
                builder.ins().jump(head, &[left.into(), next.into()]);
                builder.switch_to_block(done);
                entry
                    .ret(engine, builder, Some(&Arg::value(total)))
                    .unwrap();
            },
        );
        engine.finalize().unwrap();
        let code = engine.code(sum.id).unwrap();
        // SAFETY: a function of that type.
        let code = unsafe { code.as_ptr() };
        assert_eq!(call_with(&library, "call_sum", code), 1, "{settings:?}");
    }
}
