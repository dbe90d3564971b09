//! Mistakes on s390x: byte order, extension, slots, and a rule of variadic functions.

use cabi::convention::{PartTypes, Rule, WantedKind};
use cabi::s390x::{F0, F2, F4, F6, R2, R3, R4, R5, R6, S390X as ELF};
use cabi::{Extension, PartType};
use clif_cabi::cranelift_codegen::ir::{self, Endianness, InstructionData, MemFlagsData, types};

use super::{Change, Mutant, groups, insts, mutants, regrouped, stored_constant_grows};

const INTS: PartTypes = PartTypes::of(&[PartType::I8, PartType::I16, PartType::I32, PartType::I64]);
const FLOATS: PartTypes = PartTypes::of(&[PartType::F32, PartType::F64]);

/// All of them.
pub(super) const S390X: &[Mutant] = mutants! {
    "s390x-no-extension": regrouped!(ELF, |group, _ty, _role| {
        for part in &mut group.parts {
            part.extension = Extension::None;
        }
    }), "Parameter Passing: the caller extends integers to 64 bits";
    "s390x-slots-of-16": Change::Of(&ELF, |own| {
        own.rules.args = &[
            Rule::IfWants(WantedKind::Memory, &Rule::PassIndirect { align: 8 }),
            Rule::IfType(INTS, &Rule::AssignToReg(&[R2, R3, R4, R5, R6])),
            Rule::IfType(FLOATS, &Rule::AssignToReg(&[F0, F2, F4, F6])),
            Rule::AssignToStack { size: 16, align: 8 },
        ];
    }), "Parameter Passing: a slot of 8 bytes for each argument on the stack";
    "s390x-count-late": Change::Function(|func| stored_constant_grows(func, (types::I64, 0), 1)), "Variable Argument Lists: __gpr counts the registers of named arguments";
    "s390x-tail-reversed": Change::Function(tail_reversed), "the bytes of a part are in memory order";
};

/// Reverses the byte order of words of two and four bytes in memory.
fn tail_reversed(func: &mut ir::Function) {
    let other = MemFlagsData::new().with_endianness(Endianness::Little);
    for inst in insts(func) {
        let dfg = &mut func.stencil.dfg;
        let ty = match dfg.insts[inst] {
            InstructionData::Load { .. } => dfg.value_type(dfg.first_result(inst)),
            InstructionData::Store { args, .. } => dfg.value_type(args[0]),
            _ => continue,
        };
        if [types::I16, types::I32].contains(&ty)
            && let Ok(other) = dfg.mem_flags.insert(other)
            && let InstructionData::Load { flags, .. } | InstructionData::Store { flags, .. } =
                &mut dfg.insts[inst]
        {
            *flags = other;
        }
    }
}
