//! Formats of unwind tables, and the common entry of functions in `.eh_frame`.

use clif_cabi::cabi::Triple;
use clif_cabi::cabi::target_lexicon::{Architecture, OperatingSystem};

use crate::cranelift::codegen::gimli;
use crate::cranelift::codegen::gimli::write::{CallFrameInstruction, CommonInformationEntry};
use crate::error::{NO_TABLES, UnwindError};
use crate::machine::Machine;
use crate::windows_arm;

/// Format of the unwind tables of a target.
pub(crate) enum Format {
    /// `.eh_frame`, with the common entry of functions without handlers.
    EhFrame(Box<CommonInformationEntry>),
    WindowsX64,
    WindowsArm,
}

impl Format {
    /// Returns the format of `target`; `cie` is the common entry that Cranelift has for it.
    pub(crate) fn of(
        target: &Triple,
        cie: Option<CommonInformationEntry>,
    ) -> Result<Self, UnwindError> {
        let format = match (target.operating_system, target.architecture) {
            (OperatingSystem::Windows, Architecture::X86_64) => Some(Self::WindowsX64),
            _ if windows_arm::is_target(target) => Some(Self::WindowsArm),
            (OperatingSystem::Windows, _) => None,
            _ => cie.map(|cie| Self::EhFrame(Box::new(cie))),
        };
        format.ok_or_else(|| UnwindError::Target {
            target: target.to_string(),
            why: NO_TABLES,
        })
    }

    /// Returns the common entry of functions without handlers; none for Windows.
    pub(crate) fn cie(&self) -> Option<CommonInformationEntry> {
        match self {
            Self::EhFrame(cie) => Some((**cie).clone()),
            _ => None,
        }
    }
}

/// Returns the common entry that Cranelift has for functions of this machine: the state at their
/// first instruction.
pub(crate) fn stub_cie(architecture: Architecture) -> Option<CommonInformationEntry> {
    let machine = Machine::of(architecture)?;
    let encoding = gimli::Encoding {
        address_size: 8,
        format: gimli::Format::Dwarf32,
        version: 1,
    };
    let [link, stack] = [machine.return_address, machine.stack_pointer].map(gimli::Register);
    let mut cie = CommonInformationEntry::new(encoding, machine.code_align, -8, link);
    let at = machine.entry_bytes;
    cie.add_instruction(CallFrameInstruction::Cfa(stack, at));
    if machine.pushes_return_address {
        cie.add_instruction(CallFrameInstruction::Offset(link, -at));
    }
    Some(cie)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cranelift::codegen::{isa, settings};

    #[test]
    fn stubs_begin_as_compiled_functions_do() {
        for name in [
            "x86_64-linux",
            "aarch64-linux",
            "riscv64-linux",
            "riscv64gc-linux",
            "s390x-linux",
        ] {
            let triple: Triple = name.parse().unwrap();
            let flags = settings::Flags::new(settings::builder());
            let isa = isa::lookup(triple.clone()).unwrap().finish(flags).unwrap();
            let own = stub_cie(triple.architecture);
            let theirs = isa.create_systemv_cie();
            assert!(theirs.is_some());
            assert_eq!(format!("{own:?}"), format!("{theirs:?}"), "{name}");
        }
        assert!(crate::UnwindTables::of_stubs(&"m68k-linux".parse().unwrap()).is_err());
    }
}
