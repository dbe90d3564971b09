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
use crate::cranelift::codegen::isa::unwind::{CfaUnwindInfo, UnwindInfo, UnwindInfoKind};
use crate::error::UnwindError;
use crate::machine::{Machine, Rules};
use crate::windows_arm::Fragment;

/// The rules of one function.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Compiled {
        rules: CfaUnwindInfo,
        /// Rules that Cranelift lacks.
        missing: Rules,
    },
    Stub {
        len: u32,
        instructions: Rules,
    },
    /// An UNWIND_INFO; none for a function that leaves the stack pointer and all registers that are
    /// preserved as they are.
    Windows(Vec<u8>),
    /// The records on AArch64's Windows; none for such a function.
    WindowsArm(Vec<Fragment>),
}

impl Frame {
    /// Returns the rules of `code` for `.eh_frame`. `None` if Cranelift makes none (its flag
    /// `unwind_info`).
    pub(crate) fn compiled(
        isa: &dyn TargetIsa,
        code: &CompiledCode,
    ) -> Result<Option<Self>, UnwindError> {
        let rules = code.create_unwind_info_of_kind(isa, UnwindInfoKind::SystemV);
        let Some(UnwindInfo::SystemV(rules)) = rules.map_err(UnwindError::Compile)? else {
            return Ok(None);
        };
        let machine = Machine::of(isa.triple().architecture);
        let missing = machine.map_or(Ok(Rules::new()), |own| (own.missing)(isa, code))?;
        Ok(Some(Self::Compiled { rules, missing }))
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

    /// Returns the records on AArch64's Windows.
    pub(crate) fn fragments(&self) -> &[Fragment] {
        match self {
            Self::WindowsArm(fragments) => fragments,
            _ => &[],
        }
    }

    pub(crate) fn fde(&self, address: Address) -> FrameDescriptionEntry {
        match self {
            Self::Compiled { rules, missing } => {
                let mut fde = rules.to_fde(address);
                append(&mut fde, missing);
                fde
            }
            Self::Windows(_) | Self::WindowsArm(_) => FrameDescriptionEntry::new(address, 0),
            Self::Stub { len, instructions } => {
                let mut fde = FrameDescriptionEntry::new(address, *len);
                append(&mut fde, instructions);
                fde
            }
        }
    }
}

fn append(fde: &mut FrameDescriptionEntry, instructions: &[(u32, CallFrameInstruction)]) {
    for (offset, instruction) in instructions {
        fde.add_instruction(*offset, instruction.clone());
    }
}

/// Appends the changes from one row to the next.
fn step(before: &UnwindRow, row: &UnwindRow, to: &mut Rules) {
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
