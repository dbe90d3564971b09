//! Unwind rules of a function: Cranelift's rules for what it compiled, and the rows of stubs, as a
//! frame description entry (FDE).

use clif_cabi::StubCode;
use clif_cabi::clif_cabi_plan::UnwindRow;

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::Register;
use crate::cranelift::codegen::gimli::write::{
    Address, CallFrameInstruction, FrameDescriptionEntry,
};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::isa::unwind::{CfaUnwindInfo, UnwindInfo};
use crate::error::{OTHER_TABLES, UnwindError};
use crate::windows;

/// The rules of one function.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Compiled(CfaUnwindInfo),
    Stub {
        len: u32,
        instructions: Vec<(u32, CallFrameInstruction)>,
    },
    /// An UNWIND_INFO; none for a function that leaves the stack pointer and all registers that are
    /// preserved as they are.
    Windows(Vec<u8>),
}

impl Frame {
    /// Returns the rules of `code`. `None` if Cranelift makes none (its flag `unwind_info`).
    pub(crate) fn compiled(
        isa: &dyn TargetIsa,
        code: &CompiledCode,
    ) -> Result<Option<Self>, UnwindError> {
        match code.create_unwind_info(isa).map_err(UnwindError::Compile)? {
            Some(UnwindInfo::SystemV(rules)) => Ok(Some(Self::Compiled(rules))),
            Some(UnwindInfo::WindowsX64(rules)) => {
                let mut bytes = vec![0; rules.emit_size()];
                rules.emit(&mut bytes);
                let code = code.code_buffer();
                Ok(Some(Self::Windows(windows::compiled(&bytes, code)?)))
            }
            Some(_) => Err(UnwindError::Target {
                target: isa.triple().to_string(),
                why: OTHER_TABLES,
            }),
            None => Ok(None),
        }
    }

    /// Returns the rows of a stub. Its first one is that of every function's first instruction,
    /// which the common entry has.
    pub(crate) fn stub(code: &StubCode) -> Result<Self, UnwindError> {
        let mut instructions = Vec::new();
        for rows in code.unwind.windows(2) {
            if let [before, row] = rows {
                step(before, row, &mut instructions);
            }
        }
        let len = u32::try_from(code.bytes.len());
        let len = len.map_err(|_| UnwindError::Table("the stub is too large".to_owned()))?;
        Ok(Self::Stub { len, instructions })
    }

    pub(crate) fn fde(&self, address: Address) -> FrameDescriptionEntry {
        match self {
            Self::Compiled(rules) => rules.to_fde(address),
            Self::Windows(_) => FrameDescriptionEntry::new(address, 0),
            Self::Stub { len, instructions } => {
                let mut fde = FrameDescriptionEntry::new(address, *len);
                for (offset, instruction) in instructions {
                    fde.add_instruction(*offset, instruction.clone());
                }
                fde
            }
        }
    }
}

/// Appends the changes from one row to the next.
fn step(before: &UnwindRow, row: &UnwindRow, to: &mut Vec<(u32, CallFrameInstruction)>) {
    if before.cfa != row.cfa {
        let (register, offset) = row.cfa;
        let cfa = CallFrameInstruction::Cfa(Register(register), offset);
        to.push((row.offset, cfa));
    }
    for (register, at) in row.saved {
        if !before.saved.contains(&(*register, *at)) {
            let saved = CallFrameInstruction::Offset(Register(*register), *at);
            to.push((row.offset, saved));
        }
    }
    for (register, _) in before.saved {
        if !row.saved.iter().any(|(other, _)| other == register) {
            let restored = CallFrameInstruction::Restore(Register(*register));
            to.push((row.offset, restored));
        }
    }
}
