//! AArch64: gcc and clang, and Apple's clang.

use cabi::{Error, Target, aarch64};
use cabi_verify::emulated::{Emulated, Stubs};

use super::super::shapes::{FLOAT16, OF_C, VECTORS_IN_REGISTERS};
use super::{Compiler, Machine, Observed, linker, scalars};

const ABSENT: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Complex __float128", "_Complex long double"),
];

pub(super) fn all() -> Result<[Machine; 2], Error> {
    Ok([linux()?, apple()?])
}

fn qemu(gcc: &str) -> Observed {
    let emulated = Emulated {
        emulator: "qemu-aarch64",
        stubs: Stubs::AArch64,
    };
    Observed::Run(emulated, linker(gcc))
}

/// By strict aliasing its `va_arg` loses an HFA of `_Float16` or an HVA, which it stores by way of another type.
const GCC: &str = "aarch64-linux-gnu-gcc -fno-strict-aliasing";

fn linux() -> Result<Machine, Error> {
    let target = Target::named("aarch64-unknown-linux-gnu")?;
    Ok(Machine {
        absent: scalars(ABSENT, 16, 9),
        shapes: &[OF_C, &[FLOAT16, VECTORS_IN_REGISTERS]],
        compilers: vec![
            Compiler::gcc(GCC),
            Compiler {
                bit_int: true,
                ..Compiler::clang("--target=aarch64-linux-gnu")
            },
        ],
        equivalent: &[
            ("`if nest: ", "C has no static chain there"),
            (
                "taking also v0 v1 v2 v3 v4 v5 v6 v7` without its guard",
                "the rule before it places integers",
            ),
            (
                "results, `if type in [F16, F32, F64, V128]: first free of v0 v1 v2 v3` without its guard",
                "the same",
            ),
        ],
        ..Machine::of_c("aapcs64", &aarch64::AAPCS64, target, qemu(GCC))
    })
}

/// clang's code of Apple's convention in ELF files, which the Linux linker takes.
fn apple() -> Result<Machine, Error> {
    let target = Target::named("aarch64-apple-darwin")?;
    Ok(Machine {
        absent: scalars(ABSENT, 16, 9),
        shapes: &[OF_C, &[FLOAT16, VECTORS_IN_REGISTERS]],
        compilers: vec![Compiler {
            bit_int: true,
            ..Compiler::clang(
                "--target=arm64-apple-macosx13-elf -ffreestanding -fno-stack-protector",
            )
        }],
        equivalent: &[
            (
                "unnamed arguments on the stack",
                "that is where Apple's are",
            ),
            (
                "results, `if type in [F16, F32, F64, V128]: first free of v0 v1 v2 v3` without its guard",
                "the rule before it places integers",
            ),
        ],
        ..Machine::of_c("apple-arm64", &aarch64::APPLE_ARM64, target, qemu(GCC))
    })
}
