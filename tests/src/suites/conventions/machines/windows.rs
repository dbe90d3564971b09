//! x64 Windows: clang's code for both of its systems.

use cabi::{Error, Policy, Target, X86_64_WIN64};
use cabi_verify::assembly::Isa;

use super::{Compiler, Machine, scalars};

/// clang has no `__float128` for Microsoft's system.
const MSVC_ABSENT: &[(&str, &str)] = &[
    ("__float128", "double"),
    ("_Complex __float128", "_Complex double"),
    ("_Float16", "short"),
    ("_Complex _Float16", "_Complex float"),
];

pub(super) fn all() -> Result<[Machine; 2], Error> {
    let system = |name, target, triple: &str, absent| -> Result<Machine, Error> {
        let target = Target::named(target)?;
        Ok(Machine {
            absent: scalars(absent, 16, 4),
            compilers: vec![Compiler {
                isa: Some(Isa::WIN64),
                policy: Policy::CLANG.on(&target),
                ..Compiler::clang(&format!("--target={triple}"))
            }],
            equivalent: &[
                ("`if nest: ", "C has no static chain there"),
                ("[V128]", "`__float128`, which the suites of `ms_abi` have"),
                (
                    "without `if flags: ",
                    "what is in both registers is in the vector register too",
                ),
                (
                    "[V256, V512]",
                    "vectors of more than 16 bytes, which the suites of `ms_abi` have",
                ),
                (
                    "[F80]",
                    "gcc's result of `ms_abi`, where `long` has 8 bytes",
                ),
                ("without its guard", "the rules before it place integers"),
            ],
            ..Machine::of_c(name, &X86_64_WIN64, target)
        })
    };
    Ok([
        system(
            "win64-msvc",
            "x86_64-pc-windows-msvc",
            "x86_64-pc-windows-msvc-elf",
            MSVC_ABSENT,
        )?,
        system(
            "win64-gnu",
            "x86_64-pc-windows-gnu",
            "x86_64-pc-windows-gnu-elf",
            MSVC_ABSENT,
        )?,
    ])
}
