//! Machines on which the probe runs.

use cabi::Target;

use crate::run::{HERE, starts};

/// A machine on which the probe runs.
#[derive(Clone, Copy, Debug)]
pub struct ProbeMachine {
    /// The text of its assembly file.
    pub assembly: &'static str,
    /// Its table of registers.
    pub registers: &'static str,
    /// Bits after its place at which each bit-field is looked for: in a control, else none.
    pub shift: u64,
    /// A register of callers that Cranelift's functions change: fs1 on RISC-V, which
    /// `DEFAULT_CALLEE_SAVES` lacks in 0.132 to 0.137.
    pub spoiled: Option<&'static str>,
    /// The command of an emulator; none where this machine runs its programs.
    pub emulator: &'static [&'static str],
}

macro_rules! machine {
    ($name:literal, $emulator:expr) => {
        ProbeMachine {
            assembly: include_str!(concat!("../../probe/", $name, ".S")),
            registers: include_str!(concat!("../../probe/", $name, ".h")),
            emulator: $emulator,
            shift: 0,
            spoiled: None,
        }
    };
}

/// x86-64, with the vector registers that the processor has.
pub const X86_64: ProbeMachine = machine!("x86_64", &[]);
/// i386, whose programs an x86-64 machine runs.
pub const I386: ProbeMachine = machine!("i386", &[]);
/// AArch64.
pub const AARCH64: ProbeMachine = machine!("aarch64", &["qemu-aarch64"]);
/// RISC-V of 64 bits; of 32 bits by another emulator. The linker's flags say which registers there
/// are.
pub const RISCV: ProbeMachine = ProbeMachine {
    spoiled: Some("fs1"),
    ..machine!("riscv", &["qemu-riscv64"])
};
/// s390x.
pub const S390X: ProbeMachine = machine!("s390x", &["qemu-s390x"]);

impl ProbeMachine {
    /// Returns the machine of a target.
    pub(super) fn of(target: &Target) -> Self {
        match target.name().split('-').next() {
            Some("aarch64") => AARCH64,
            Some("riscv64") => RISCV,
            Some("s390x") => S390X,
            _ => X86_64,
        }
    }

    /// Checks whether programs of it run here.
    ///
    /// # Errors
    /// The reason why they do not.
    pub fn is_there(&self) -> Result<(), String> {
        let Some(emulator) = self.emulator.first() else {
            let is_here = HERE == Target::X86_64_LINUX;
            return is_here
                .then_some(())
                .ok_or("this machine is not x86-64 Linux".to_owned());
        };
        starts(emulator)
    }
}
