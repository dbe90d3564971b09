//! Mistakes in functions of Win64: one for each rule of its table (`cabi/src/target/x86_64/win64.rs`), and for what caller and callee owe each other
//! beside values.

use cabi::convention::{ArgFlags, Group, GroupKind, PartTypes, Role, Rule, Rules, Want};
use cabi::{Bank, Convention, PartType, Reg, X86_64_WIN64, x86_64};
use clif_cabi::StubStep;
use clif_cabi::cranelift_codegen::ir::{self, InstructionData, Opcode};
use clif_cabi::cranelift_codegen::isa::CallConv;

use super::{
    Mistake, Mutant, change_call, changed, function, has_float, in_registers, insts, mutants, step,
    stub, with_steps,
};

/// All of them. A stub that stores vectors moves r10 to a register as well where one is changed.
pub const WIN64: &[Mutant] = mutants! {
    "win64-registers-swapped": Mistake::of_convention(&SWAPPED), "x64 calling convention (Microsoft), Parameter passing: rcx, rdx, r8, r9 in this order";
    "win64-slots-of-16": Mistake::of_convention(&WIDE_SLOTS), "Parameter passing: a slot of 8 bytes for each argument on the stack";
    "win64-word-by-reference": Mistake::of_convention(&WORD_BY_REFERENCE), "Parameter passing: records of 1, 2, 4 and 8 bytes as integers";
    "win64-odd-record-by-value": Mistake::of_convention(&ODD_BY_VALUE), "Parameter passing: records of other sizes by reference";
    "win64-record-in-vector": Mistake::of_convention(&RECORD_IN_VECTOR), "Parameter passing: a record is an integer, whatever is in it";
    "win64-result-in-two": Mistake::of_convention(&RESULT_IN_TWO), "Return values: 16 bytes through the hidden pointer";
    "win64-float-once": Mistake::of_convention(&FLOAT_ONCE), "Varargs: a float is in both registers of its position";
    "win64-copy-left-out": function(copy_left_out), "Parameter passing: the callee is given a copy of its own";
    "win64-no-shadow": function(no_shadow), "Stack allocation: the 32 bytes after the return address are the callee's";
    "win64-no-shadow-of-body": step!(StubStep::Skip(32) => [StubStep::Skip(16)]), "a stub calls a function of Win64 with shadow space";
    "win64-rdi-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToInt(0)]), "Caller/callee saved registers: rdi is the caller's";
    "win64-rsi-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToInt(1)]), "Caller/callee saved registers: rsi is the caller's";
    "win64-xmm6-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToVector(6)]), "Caller/callee saved registers: xmm6 is the caller's";
    "win64-xmm7-changed": step!(StubStep::Store(own) => [StubStep::Store(own), StubStep::ChainToVector(7)]), "Caller/callee saved registers: xmm7 is the caller's";
};

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const VECTORS: &[Reg] = &[x86_64::XMM0, x86_64::XMM1, x86_64::XMM2, x86_64::XMM3];

/// Win64 with other rules for arguments.
const fn args(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            ..X86_64_WIN64.rules
        },
        ..X86_64_WIN64
    }
}

static SWAPPED: Convention = args(
    "Win64 with rdx before rcx",
    &[
        Rule::IfType(
            INTS,
            &Rule::AssignToRegWithShadow(
                &[x86_64::RDX, x86_64::RCX, x86_64::R8, x86_64::R9],
                &[x86_64::XMM1, x86_64::XMM0, x86_64::XMM2, x86_64::XMM3],
            ),
        ),
        Rule::DelegateTo(X86_64_WIN64.rules.args),
    ],
);

static WIDE_SLOTS: Convention = args(
    "Win64 with slots of 16 bytes",
    &[
        Rule::IfWants(Want::Memory, &Rule::PassIndirect { align: 16 }),
        Rule::IfType(
            INTS,
            &Rule::AssignToRegWithShadow(
                &[x86_64::RCX, x86_64::RDX, x86_64::R8, x86_64::R9],
                VECTORS,
            ),
        ),
        Rule::AssignToStack {
            size: 16,
            align: 16,
        },
    ],
);

static WORD_BY_REFERENCE: Convention = changed!(
    X86_64_WIN64,
    "Win64, words by reference",
    |group, ty, role| {
        if ty.as_record().is_some() && ty.size() == 8 && role != Role::Result {
            group = Group::new(GroupKind::Memory, group.size, group.align);
        }
    }
);

static ODD_BY_VALUE: Convention = changed!(
    X86_64_WIN64,
    "Win64, 3 bytes by value",
    |group, ty, role| {
        if ty.as_record().is_some() && matches!(ty.size(), 3 | 5..=7) && role != Role::Result {
            group = in_registers(ty, &group);
        }
    }
);

static RECORD_IN_VECTOR: Convention = changed!(
    X86_64_WIN64,
    "Win64, floats in vectors",
    |group, ty, _role| {
        if ty.as_record().is_some() && has_float(ty, 0) {
            for part in &mut group.parts {
                if part.ty == PartType::I64 {
                    (part.bank, part.ty) = (Bank::Vector, PartType::F64);
                }
            }
        }
    }
);

static RESULT_IN_TWO: Convention =
    changed!(X86_64_WIN64, "Win64, rax and rdx", |group, ty, role| {
        if ty.as_record().is_some() && ty.size() == 16 && role == Role::Result {
            group = in_registers(ty, &group);
        }
    });

static FLOAT_ONCE: Convention =
    changed!(X86_64_WIN64, "Win64, floats once", |group, _ty, _role| {
        group.flags = ArgFlags::NONE;
    });

/// The callee is given the address of what its caller has copied, not of the copy.
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

/// The addresses of stack slots whose first bytes are loaded from somewhere, and from where.
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

/// Calls with integers in registers alone are made as System V's, which leave no shadow space: rcx and rdx are its fourth and third register.
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
