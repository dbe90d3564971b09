//! Mistakes in functions of Win64: one for each rule of its table
//! (`cabi/src/target/x86_64/win64.rs`), and for what caller and callee owe each other beside
//! values.

use cabi::convention::{ArgFlags, Group, GroupKind, PartTypes, Role, Rule, WantedKind};
use cabi::{Bank, PartType, Reg, X86_64_WIN64, x86_64};
use clif_cabi::StubStep;
use clif_cabi::cranelift_codegen::ir::{self, InstructionData, Opcode};
use clif_cabi::cranelift_codegen::isa::CallConv;

use super::{
    Change, Mutant, change_call, groups, has_float, in_registers, insts, mutants, regrouped, step,
    with_steps,
};

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const REGS: &[Reg] = &[x86_64::RCX, x86_64::RDX, x86_64::R8, x86_64::R9];
const VECTORS: &[Reg] = &[x86_64::XMM0, x86_64::XMM1, x86_64::XMM2, x86_64::XMM3];

/// All of them. A stub that stores vectors moves r10 to a register as well where one is changed.
pub(super) const WIN64: &[Mutant] = mutants! {
    "win64-registers-swapped": Change::Of(&X86_64_WIN64, |own| {
        own.rules.args = const { &[
            Rule::IfType(
                INTS,
                &Rule::AssignToRegWithShadow(
                    &[x86_64::RDX, x86_64::RCX, x86_64::R8, x86_64::R9],
                    &[x86_64::XMM1, x86_64::XMM0, x86_64::XMM2, x86_64::XMM3],
                ),
            ),
            Rule::DelegateTo(X86_64_WIN64.rules.args),
        ] };
    }), "x64 calling convention (Microsoft), Parameter passing: rcx, rdx, r8, r9 in this order";
    "win64-slots-of-16": Change::Of(&X86_64_WIN64, |own| {
        own.rules.args = &[
            Rule::IfWants(WantedKind::Memory, &Rule::PassIndirect { align: 16 }),
            Rule::IfType(INTS, &Rule::AssignToRegWithShadow(REGS, VECTORS)),
            Rule::AssignToStack { size: 16, align: 16 },
        ];
    }), "Parameter passing: a slot of 8 bytes for each argument on the stack";
    "win64-word-by-reference": regrouped!(X86_64_WIN64, |group, ty, role| {
        if ty.as_record().is_some() && ty.size() == 8 && role != Role::Result {
            group = Group::new(GroupKind::Memory, group.size, group.align);
        }
    }), "Parameter passing: records of 1, 2, 4 and 8 bytes as integers";
    "win64-odd-record-by-value": regrouped!(X86_64_WIN64, |group, ty, role| {
        if ty.as_record().is_some() && matches!(ty.size(), 3 | 5..=7) && role != Role::Result {
            group = in_registers(ty, &group);
        }
    }), "Parameter passing: records of other sizes by reference";
    "win64-record-in-vector": regrouped!(X86_64_WIN64, |group, ty, _role| {
        if ty.as_record().is_some() && has_float(ty, 0) {
            for part in &mut group.parts {
                if part.ty == PartType::I64 {
                    (part.bank, part.ty) = (Bank::Vector, PartType::F64);
                }
            }
        }
    }), "Parameter passing: a record is an integer, whatever is in it";
    "win64-result-in-two": regrouped!(X86_64_WIN64, |group, ty, role| {
        if ty.as_record().is_some() && ty.size() == 16 && role == Role::Result {
            group = in_registers(ty, &group);
        }
    }), "Return values: 16 bytes through the hidden pointer";
    "win64-float-once": regrouped!(X86_64_WIN64, |group, _ty, _role| {
        group.flags = ArgFlags::NONE;
    }), "Varargs: a float is in both registers of its position";
    "win64-copy-left-out": Change::Function(copy_left_out), "Parameter passing: the callee is given a copy of its own";
    "win64-no-shadow": Change::Function(no_shadow), "Stack allocation: the 32 bytes after the return address are the callee's";
    "win64-no-shadow-of-body": step!(StubStep::Skip(32) => [StubStep::Skip(16)]), "a stub calls a function of Win64 with shadow space";
    "win64-rdi-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToInt(0)]), "Caller/callee saved registers: rdi is the caller's";
    "win64-rsi-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToInt(1)]), "Caller/callee saved registers: rsi is the caller's";
    "win64-xmm6-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToVector(6)]), "Caller/callee saved registers: xmm6 is the caller's";
    "win64-xmm7-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToVector(7)]), "Caller/callee saved registers: xmm7 is the caller's";
};

/// Passes the address of the object that the caller has copied, not of the copy.
fn copy_left_out(func: &mut ir::Function) {
    let originals = originals(func);
    change_call(func, CallConv::WindowsFastcall, |args, _, pool| {
        for arg in args.as_mut_slice(pool) {
            if let Some((_, original)) = originals.iter().find(|(copy, _)| copy == arg) {
                *arg = *original;
            }
        }
    });
}

/// Returns the addresses of stack slots whose first bytes are loaded from an object, and the
/// address of that object.
fn originals(func: &ir::Function) -> Vec<(ir::Value, ir::Value)> {
    let dfg = &func.dfg;
    let made_by = |value| {
        let inst = dfg.value_def(value).inst()?;
        Some(&dfg.insts[inst])
    };
    let is_slot = |address| made_by(address).is_some_and(|data| data.opcode() == Opcode::StackAddr);
    insts(func)
        .into_iter()
        .filter_map(|inst| {
            let InstructionData::Store {
                args: [value, to],
                offset,
                ..
            } = dfg.insts[inst]
            else {
                return None;
            };
            // A vector of two words begins with the first one.
            let first = match made_by(value)? {
                InstructionData::TernaryImm8 { args, .. } => match made_by(args[0])? {
                    InstructionData::Unary { arg, .. } => made_by(*arg)?,
                    _ => return None,
                },
                own => own,
            };
            match first {
                InstructionData::Load { arg: from, .. }
                    if is_slot(to) && i32::from(offset) == 0 =>
                {
                    Some((to, *from))
                }
                _ => None,
            }
        })
        .collect()
}

/// Calls with integers in registers alone are made as System V's, which leave no shadow space: rcx
/// and rdx are its fourth and third register.
fn no_shadow(func: &mut ir::Function) {
    change_call(func, CallConv::WindowsFastcall, |args, signature, pool| {
        let is_int = |param: &ir::AbiParam| {
            param.value_type.is_int() && param.purpose == ir::ArgumentPurpose::Normal
        };
        let n = signature.params.len();
        if !(1..=4).contains(&n) || !signature.params.iter().all(is_int) {
            return;
        }
        let order = [0, 0, n.min(2) - 1, 0].into_iter().chain(2..n);
        let order: Vec<usize> = order.collect();
        let old: Vec<ir::Value> = args.as_slice(pool).to_vec();
        args.clear(pool);
        args.extend(order.iter().map(|i| old[*i]), pool);
        signature.params = order.iter().map(|i| signature.params[*i]).collect();
        signature.call_conv = CallConv::SystemV;
    });
}
