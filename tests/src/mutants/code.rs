//! Mistakes in compiled code: stubs of other steps, functions changed after they were lowered.

use clif_cabi::cranelift_codegen::ir::{self, ArgumentPurpose, InstructionData};
use clif_cabi::cranelift_codegen::isa::CallConv;
use clif_cabi::{MoveWidth, RegisterMove, Stub, StubStep};

/// Returns `stub` with other steps in place of each of its own.
pub(super) fn with_steps(stub: Stub, change: impl Fn(StubStep) -> Vec<StubStep>) -> Stub {
    let steps: Vec<StubStep> = stub.steps().iter().copied().flat_map(change).collect();
    Stub::new(&steps).unwrap_or(stub)
}

pub(super) fn swapped(own: RegisterMove) -> RegisterMove {
    RegisterMove {
        register: own.register ^ 1,
        ..own
    }
}

pub(super) fn halved(own: RegisterMove) -> RegisterMove {
    let width = match own.width {
        MoveWidth::V512 => MoveWidth::V256,
        _ => MoveWidth::V128,
    };
    RegisterMove { width, ..own }
}

/// Leaves out the first of equal arguments, or of addresses. It is padding, which has the value of
/// an argument in the argument area, or an address.
pub(super) fn padding_lost(func: &mut ir::Function) {
    let dfg = &func.dfg;
    let is_sum = |inst| dfg.insts[inst].opcode() == ir::Opcode::Iadd;
    let is_address = |value: &ir::Value| dfg.value_def(*value).inst().is_none_or(is_sum);
    let addresses: Vec<ir::Value> = dfg.values().filter(is_address).collect();
    change_call(func, CallConv::SystemV, |args, signature, pool| {
        let values = args.as_slice(pool);
        let is_padding =
            |i: &usize| values[i + 1..].contains(&values[*i]) || addresses.contains(&values[*i]);
        if let Some(i) = (0..values.len()).find(is_padding) {
            args.remove(i, pool);
            signature.params.remove(i);
        }
    });
}

/// Swaps the first two words.
pub(super) fn registers_swapped(func: &mut ir::Function) {
    change_call(func, CallConv::SystemV, |args, signature, pool| {
        let words = signature.params.iter().enumerate();
        let words = words.filter(|(_, param)| param.value_type == ir::types::I64);
        let words: Vec<usize> = words.map(|(i, _)| i).collect();
        if let [first, second, ..] = words[..] {
            args.as_mut_slice(pool).swap(first, second);
        }
    });
}

pub(super) fn insts(func: &ir::Function) -> Vec<ir::Inst> {
    let blocks = func.layout.blocks();
    blocks
        .flat_map(|block| func.layout.block_insts(block))
        .collect()
}

/// Puts a field in the upper half of a word 16 bits too low.
pub(super) fn fields_misplaced(func: &mut ir::Function) {
    let insts = insts(func);
    let dfg = &mut func.stencil.dfg;
    for inst in insts {
        let InstructionData::Binary {
            opcode: ir::Opcode::Ishl,
            args: [_, by],
        } = dfg.insts[inst]
        else {
            continue;
        };
        let Some(by) = dfg.value_def(by).inst() else {
            continue;
        };
        if let InstructionData::UnaryImm { imm, .. } = &mut dfg.insts[by]
            && imm.bits() == 32
        {
            *imm = 16.into();
        }
    }
}

/// Changes the arguments of each call of a C function of `call_conv`, and its signature.
pub(super) fn change_call(
    func: &mut ir::Function,
    call_conv: CallConv,
    change: impl Fn(&mut ir::ValueList, &mut ir::Signature, &mut ir::ValueListPool),
) {
    let insts = insts(func);
    let dfg = &mut func.stencil.dfg;
    for inst in insts {
        let Some(sig) = dfg.call_signature(inst) else {
            continue;
        };
        let (signature, pool) = (&mut dfg.signatures[sig], &mut dfg.value_lists);
        if signature.call_conv != call_conv {
            continue;
        }
        match &mut dfg.insts[inst] {
            InstructionData::Call { args, .. } => change(args, signature, pool),
            InstructionData::CallIndirect { args, .. } => {
                // The first argument is the callee.
                let callee = args.first(pool);
                args.remove(0, pool);
                change(args, signature, pool);
                if let Some(callee) = callee {
                    args.insert(0, callee, pool);
                }
            }
            _ => {}
        }
    }
}

/// Adds `by` to each constant of type `ty` that is stored `at` bytes after an address.
pub(super) fn stored_constant_grows(func: &mut ir::Function, (ty, at): (ir::Type, i32), by: i64) {
    for inst in insts(func) {
        let dfg = &mut func.stencil.dfg;
        let InstructionData::Store { args, offset, .. } = dfg.insts[inst] else {
            continue;
        };
        if i32::from(offset) == at
            && dfg.value_type(args[0]) == ty
            && let Some(constant) = dfg.value_def(args[0]).inst()
            && let InstructionData::UnaryImm { imm, .. } = &mut dfg.insts[constant]
        {
            *imm = (imm.bits() + by).into();
        }
    }
}

/// Takes the argument area that a `va_list` starts in for the register save area, whose address is
/// stored after it.
pub(super) fn area_is_save_area(func: &mut ir::Function) {
    let mut area = None;
    for inst in insts(func) {
        let InstructionData::Store { args, offset, .. } = func.dfg.insts[inst] else {
            continue;
        };
        let of_frame = func.dfg.value_def(args[0]).inst();
        let of_frame = of_frame.map(|inst| func.dfg.insts[inst].opcode());
        match (i32::from(offset), area) {
            (8, _) => area = Some((inst, args[1])),
            (16, Some((store, base)))
                if base == args[1] && of_frame == Some(ir::Opcode::StackAddr) =>
            {
                if let InstructionData::Store { args: own, .. } = &mut func.dfg.insts[store] {
                    own[0] = args[0];
                }
            }
            _ => {}
        }
    }
}

/// Aligns a value in the argument area to 8 bytes instead of 16.
pub(super) fn list_unaligned(func: &mut ir::Function) {
    for inst in insts(func) {
        if let InstructionData::UnaryImm { imm, .. } = &mut func.dfg.insts[inst]
            && imm.bits() == -16
        {
            *imm = (-8).into();
        }
    }
}

/// Replaces the first word of a vector by the second.
pub(super) fn pair_in_one_lane(func: &mut ir::Function) {
    for inst in insts(func) {
        if let InstructionData::TernaryImm8 { opcode, imm, .. } = &mut func.dfg.insts[inst]
            && *opcode == ir::Opcode::Insertlane
        {
            *imm = 0;
        }
    }
}

/// Makes the address of the result an argument like any other, which is not returned.
pub(super) fn sret_not_returned(func: &mut ir::Function) {
    for param in &mut func.signature.params {
        if param.purpose == ArgumentPurpose::StructReturn {
            param.purpose = ArgumentPurpose::Normal;
        }
    }
}
