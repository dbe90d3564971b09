//! Targets whose programs run on this machine: under an emulator of user mode, or directly, where
//! only system and convention differ.
//!
//! clang writes ELF object files in another system's convention if the triple ends in `-elf`. Its
//! functions for Apple's and Microsoft's systems are therefore linked and run without these
//! systems. Both gcc for Windows and clang for Windows on Arm write COFF: their assembly is made
//! into ELF.

use std::sync::OnceLock;

use cabi::Target;
use clif_cabi::cranelift_codegen::isa;
use target_lexicon::Triple;

use super::reference::{Reference, TIME_LIMIT};
use crate::run::{HERE, starts};

/// A target whose programs run here.
#[derive(Clone, Debug)]
pub struct ProgramTarget {
    /// The target.
    pub target: Target,
    /// Command of an emulator, which a program's name follows. Empty where this machine runs them.
    pub emulator: Vec<String>,
    /// Compiler that compiles the parts of a program beside both sides, and links it.
    pub(crate) linker: Reference,
}

/// Tools for the programs of a known target.
struct Tools {
    triple: &'static str,
    emulator: &'static [&'static str],
    linker: &'static str,
    compilers: &'static [&'static str],
}

/// Compiler for AArch64. The global instruction selection of its -O0 disagrees with its other one:
/// docs/conventions/aarch64.md. No library here has the functions that it calls for atomic objects.
pub(super) const AARCH64_CLANG: &str =
    "clang-19 --target=aarch64-linux-gnu -mllvm -global-isel=0 -mno-outline-atomics";

/// Known targets with their tools. Under strict aliasing, gcc's `va_arg` loses an HFA of `_Float16`
/// or an HVA, because it stores them by way of another type. Units of a fuzz run are compiled
/// without strict aliasing.
const KNOWN: [Tools; 7] = [
    Tools {
        triple: "aarch64-unknown-linux-gnu",
        emulator: &["qemu-aarch64"],
        linker: "aarch64-linux-gnu-gcc",
        compilers: &["aarch64-linux-gnu-gcc", AARCH64_CLANG],
    },
    Tools {
        triple: "aarch64-apple-darwin",
        emulator: &["qemu-aarch64"],
        linker: "aarch64-linux-gnu-gcc",
        // clang 19's global instruction selection ends without a message on `alloca` in ELF of this
        // system.
        compilers: &[
            "clang-19 --target=arm64-apple-macosx13-elf -ffreestanding -fno-stack-protector -mllvm -global-isel=0",
        ],
    },
    Tools {
        triple: "riscv64-unknown-linux-gnu",
        emulator: &["qemu-riscv64"],
        linker: "riscv64-linux-gnu-gcc",
        compilers: &[
            "riscv64-linux-gnu-gcc",
            "clang-19 --target=riscv64-linux-gnu",
        ],
    },
    Tools {
        triple: "s390x-unknown-linux-gnu",
        emulator: &["qemu-s390x"],
        linker: "s390x-linux-gnu-gcc",
        compilers: &["s390x-linux-gnu-gcc", "clang-19 --target=s390x-linux-gnu"],
    },
    Tools {
        triple: "aarch64-pc-windows-msvc",
        emulator: &["qemu-aarch64"],
        linker: "aarch64-linux-gnu-gcc",
        // clang writes COFF, even if the triple ends in `-elf`: its assembly is made into ELF.
        compilers: &[
            "clang-19 --target=aarch64-pc-windows-msvc -ffreestanding -fno-stack-protector -mno-stack-arg-probe -fno-asynchronous-unwind-tables -fno-addrsig -mllvm -global-isel=0",
        ],
    },
    Tools {
        triple: "x86_64-pc-windows-msvc",
        emulator: &[],
        linker: "gcc",
        compilers: &["clang-19 --target=x86_64-pc-windows-msvc-elf -fno-stack-protector"],
    },
    Tools {
        triple: "x86_64-pc-windows-gnu",
        emulator: &[],
        linker: "gcc",
        compilers: &[
            "clang-19 --target=x86_64-pc-windows-gnu-elf -fno-stack-protector",
            // With unwind tables gcc 12 reads arguments on the stack 8 bytes too low in functions
            // that align it: docs/conventions/x86-64-windows.md.
            "x86_64-w64-mingw32-gcc -fno-asynchronous-unwind-tables",
        ],
    },
];

impl Reference {
    /// Returns a compiler of this machine for files that run beside the code of others. It is not
    /// one of the compilers that are compared. A process looks for it once.
    pub fn of_machine() -> Result<Self, String> {
        static FOUND: OnceLock<Result<Reference, String>> = OnceLock::new();
        FOUND.get_or_init(Self::find_for_machine).clone()
    }

    fn find_for_machine() -> Result<Self, String> {
        // Debian's clang has its version in its name.
        let mut names = vec!["gcc", "cc", "clang", "clang-22", "clang-20", "clang-19"];
        if std::env::var_os("CABI_RUNNER").is_some() {
            // Beside an emulator, `gcc` makes code of another machine.
            let is_here = |own: &&Tools| Target::named(own.triple).is_ok_and(|own| own == HERE);
            names.splice(..0, KNOWN.iter().filter(is_here).map(|own| own.linker));
        }
        let mut references = names.iter().map(|name| Self::unasked(TIME_LIMIT, name));
        references
            .find_map(Result::ok)
            .ok_or_else(|| format!("none of {} is installed", names.join(", ")))
    }
}

/// Checks whether the targets differ in the vendor at most, so that they have the same programs.
/// Any vendor is legal in a triple, and gcc and clang write `pc` for `unknown`.
pub fn is_same_but_vendor(one: &Target, other: &Target) -> bool {
    let parts = |target: &Target| -> Vec<String> {
        let parts = target.name().split('-').map(str::to_owned).enumerate();
        parts
            .filter_map(|(at, part)| (at != 1).then_some(part))
            .collect()
    };
    parts(one) == parts(other)
}

impl ProgramTarget {
    /// Returns the names of the known targets.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|tools| tools.triple)
    }

    /// Returns the target `triple`, and the commands of the compilers that its programs are
    /// compared with.
    ///
    /// # Errors
    /// A target that is not known here, whose programs nothing here links, or for which Cranelift
    /// was compiled without its back end (the feature `machines`).
    pub fn named(triple: &str) -> Result<(Self, &'static [&'static str]), String> {
        // The extensions of `riscv64gc` are those of `riscv64` to every compiler.
        let name = triple.replacen("riscv64gc-", "riscv64-", 1);
        let target = Target::named(&name).map_err(|error| error.to_string())?;
        let mut known = KNOWN.iter().filter_map(|tools| {
            let candidate = Target::named(tools.triple).ok()?;
            is_same_but_vendor(&candidate, &target).then_some((candidate, tools))
        });
        let (target, tools) = known.next().ok_or_else(|| {
            let known: Vec<&str> = Self::names().collect();
            format!(
                "{triple}: programs of this target do not run here; known targets: {}",
                known.join(", ")
            )
        })?;
        let parsed = target.name().parse::<Triple>();
        if !parsed.is_ok_and(|parsed| isa::lookup(parsed).is_ok()) {
            return Err(format!(
                "{triple}: Cranelift is compiled without the back end of this target: enable the feature `machines` of cabi-verify"
            ));
        }
        let emulator: Vec<String> = tools.emulator.iter().map(|&word| word.to_owned()).collect();
        if let Some(program) = emulator.first() {
            starts(program)?;
        }
        let linker = Reference::unasked(TIME_LIMIT, tools.linker)?;
        let program_target = Self {
            target,
            emulator,
            linker: linker.for_programs(),
        };
        Ok((program_target, tools.compilers))
    }

    /// Returns x86-64 Linux, whose programs `linker` links.
    pub fn x86_64_linux(linker: &Reference) -> Self {
        Self {
            target: Target::X86_64_LINUX,
            emulator: Vec::new(),
            linker: linker.clone().for_programs(),
        }
    }
}
