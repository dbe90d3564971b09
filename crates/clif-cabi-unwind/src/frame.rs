//! Unwind rules of a function: Cranelift's rules for what it compiled, and the rows of stubs, as a
//! frame description entry (FDE).

use clif_cabi::StubCode;
use clif_cabi::cabi::target_lexicon::Architecture;
use clif_cabi::clif_cabi_plan::UnwindRow;

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::write::{
    Address, CallFrameInstruction, FrameDescriptionEntry,
};
use crate::cranelift::codegen::gimli::{Register, X86_64};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::isa::unwind::{CfaUnwindInfo, UnwindInfo};
use crate::error::{NO_TABLES, UnwindError};
use crate::windows_arm::Fragment;
use crate::{rows, windows, windows_arm};

/// The rules of one function.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Compiled {
        rules: CfaUnwindInfo,
        lowered: Option<LoweredFrame>,
        /// Rules of vectors, of which Cranelift has none: [`rows::vectors`].
        vectors: Vec<(u32, CallFrameInstruction)>,
    },
    Stub {
        len: u32,
        instructions: Vec<(u32, CallFrameInstruction)>,
    },
    /// An UNWIND_INFO; none for a function that leaves the stack pointer and all registers that are
    /// preserved as they are.
    Windows(Vec<u8>),
    /// The records on AArch64's Windows; none for such a function.
    WindowsArm(Vec<Fragment>),
}

/// A frame on x86-64 that the prologue moves down, because a tail call of the function needs more
/// bytes of arguments than the function has. Cranelift (0.132 to 0.137) counts places from the old
/// frame, and names the new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoweredFrame {
    /// Offset of the first call.
    at: u32,
    bytes: i32,
}

impl LoweredFrame {
    /// Finds `sub rsp, bytes`, `mov rbp, rsp`, `mov r11, [rsp + bytes]` in `code`; none if it calls
    /// nothing.
    pub(crate) fn of(isa: &dyn TargetIsa, code: &CompiledCode) -> Option<Self> {
        let call = code.buffer.call_sites().next()?.ret_addr;
        let prologue = code.code_buffer().get(..call.try_into().ok()?)?;
        let immediate = |instruction: &[u8], short: &[u8], long: &[u8]| {
            let byte = |rest: &[u8]| Some((i32::from(i8::from_le_bytes([*rest.first()?])), 1));
            let word = |rest: &[u8]| Some((i32::from_le_bytes(*rest.first_chunk()?), 4));
            let short = instruction.strip_prefix(short).and_then(byte);
            let (number, n) = short.or_else(|| instruction.strip_prefix(long).and_then(word))?;
            Some((number, long.len() + n))
        };
        let bytes = |at: usize| {
            let start = prologue.get(at..)?;
            let (bytes, n) = immediate(start, &[0x48, 0x83, 0xec], &[0x48, 0x81, 0xec])?;
            let rest = start.get(n..)?.strip_prefix(&[0x48, 0x89, 0xe5])?;
            let load = ([0x4c, 0x8b, 0x5c, 0x24], [0x4c, 0x8b, 0x9c, 0x24]);
            let (from, _) = immediate(rest, &load.0, &load.1)?;
            (from == bytes).then_some(bytes)
        };
        let is_x86_64 = isa.triple().architecture == Architecture::X86_64;
        let bytes = (0..prologue.len()).filter(|_| is_x86_64).find_map(bytes)?;
        let at = call.saturating_sub(1);
        Some(Self { at, bytes })
    }

    /// Appends the places from the first call on.
    fn write(self, fde: &mut FrameDescriptionEntry) {
        let bytes = self.bytes;
        for instruction in [
            CallFrameInstruction::CfaOffset(16 + bytes),
            CallFrameInstruction::Offset(X86_64::RA, -8 - bytes),
            CallFrameInstruction::Offset(X86_64::RBP, -16 - bytes),
        ] {
            fde.add_instruction(self.at, instruction);
        }
    }
}

impl Frame {
    /// Returns the rules of `code`. `None` if Cranelift makes none (its flag `unwind_info`).
    pub(crate) fn compiled(
        isa: &dyn TargetIsa,
        code: &CompiledCode,
    ) -> Result<Option<Self>, UnwindError> {
        if windows_arm::is_target(isa.triple()) {
            return windows_arm::compiled(isa, code).map(|own| Some(Self::WindowsArm(own)));
        }
        match code.create_unwind_info(isa).map_err(windows::refusal)? {
            Some(UnwindInfo::SystemV(rules)) => Ok(Some(Self::Compiled {
                rules,
                lowered: LoweredFrame::of(isa, code),
                vectors: vectors(isa, code)?,
            })),
            Some(UnwindInfo::WindowsX64(rules)) => {
                let mut bytes = vec![0; rules.emit_size()];
                rules.emit(&mut bytes);
                let code = code.code_buffer();
                Ok(Some(Self::Windows(windows::compiled(&bytes, code)?)))
            }
            Some(_) => Err(UnwindError::Target {
                target: isa.triple().to_string(),
                why: NO_TABLES,
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

    /// Returns the records on AArch64's Windows.
    pub(crate) fn fragments(&self) -> &[Fragment] {
        match self {
            Self::WindowsArm(fragments) => fragments,
            _ => &[],
        }
    }

    pub(crate) fn fde(&self, address: Address) -> FrameDescriptionEntry {
        match self {
            Self::Compiled {
                rules,
                lowered,
                vectors,
            } => {
                let mut fde = rules.to_fde(address);
                if let Some(lowered) = lowered {
                    lowered.write(&mut fde);
                }
                append(&mut fde, vectors);
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

/// Returns the rules of [`rows::vectors`].
fn vectors(
    isa: &dyn TargetIsa,
    code: &CompiledCode,
) -> Result<Vec<(u32, CallFrameInstruction)>, UnwindError> {
    let rule = |(end, register, at): (usize, u16, i64)| {
        let (end, at) = (u32::try_from(end).ok()?, i32::try_from(at).ok()?);
        Some((end, CallFrameInstruction::Offset(Register(register), at)))
    };
    let saved = rows::vectors(isa, code)?.into_iter();
    Ok(saved.filter_map(rule).collect())
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
