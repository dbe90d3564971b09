//! The conventions that have short names, for commands and tests.

use super::{aarch64, csky, riscv, s390x, x86_64, xcore};
use crate::convention::Convention;

/// A convention with a short name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KnownConvention {
    /// The name, as a command line spells it.
    pub name: &'static str,
    /// The convention.
    pub convention: &'static Convention,
    /// The name of a target whose types it is for, as [`Target::named`](crate::Target::named) takes
    /// it.
    pub target: &'static str,
}

/// Returns all conventions with names.
///
/// # Example
/// ```
/// let xcore = cabi::conventions().iter().find(|known| known.name == "xcore");
/// assert_eq!(xcore.map(|known| known.convention), Some(&cabi::xcore::XCORE));
/// ```
#[must_use]
pub const fn conventions() -> &'static [KnownConvention] {
    ALL
}

const LINUX: &str = "x86_64-unknown-linux-gnu";
const RV32: &str = "riscv32-unknown-linux-gnu";
const RV32GC: &str = "riscv32gc-unknown-linux-gnu";
const RV64: &str = "riscv64-unknown-linux-gnu";
const RV64GC: &str = "riscv64gc-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";

macro_rules! known {
    ($($name:literal $convention:path, $target:expr;)*) => {
        &[$(KnownConvention {
            name: $name,
            convention: &$convention,
            target: $target,
        },)*]
    };
}

const ALL: &[KnownConvention] = known! {
    "sysv" x86_64::sysv::X86_64_SYSV, LINUX;
    "win64" x86_64::win64::X86_64_WIN64, "x86_64-pc-windows-gnu";
    "zig-auto" x86_64::zig::AUTO, LINUX;
    "zig-auto-traced" x86_64::zig::AUTO_TRACED, LINUX;
    "zig-naked" x86_64::zig::NAKED, LINUX;
    "lang" x86_64::lang::X86_64_LANG, LINUX;
    "lang-context" x86_64::lang::X86_64_LANG_CONTEXT, LINUX;
    "preserve-all" x86_64::preserve_all::X86_64_PRESERVE_ALL, LINUX;
    "aapcs64" aarch64::AAPCS64, AARCH64;
    "apple-arm64" aarch64::APPLE_ARM64, "aarch64-apple-darwin";
    "windows-arm64" aarch64::WINDOWS_ARM64, "aarch64-pc-windows-msvc";
    "aarch64-lang" aarch64::AARCH64_LANG, AARCH64;
    "aarch64-lang-context" aarch64::AARCH64_LANG_CONTEXT, AARCH64;
    "csky" csky::CSKY, "csky-unknown-linux-gnuabiv2hf";
    "csky-soft" csky::CSKY_SOFT, "csky-unknown-linux-gnuabiv2";
    "ilp32" riscv::ILP32, RV32;
    "ilp32f" riscv::ILP32F, RV32;
    "ilp32d" riscv::ILP32D, RV32GC;
    "ilp32e" riscv::ILP32E, RV32;
    "lp64" riscv::LP64, RV64;
    "lp64f" riscv::LP64F, RV64;
    "lp64d" riscv::LP64D, RV64GC;
    // The ABI that Linux distributions have.
    "riscv64" riscv::LP64D, RV64GC;
    "riscv32-fastcc" riscv::FAST_32, RV32GC;
    "riscv32f-fastcc" riscv::FAST_32F, RV32;
    "riscv32-soft-fastcc" riscv::FAST_32_SOFT, RV32;
    "riscv32e-fastcc" riscv::FAST_32E, RV32;
    "riscv64-soft-fastcc" riscv::FAST_64_SOFT, RV64;
    "riscv64f-fastcc" riscv::FAST_64F, RV64;
    "riscv64-fastcc" riscv::FAST_64, RV64GC;
    "s390x" s390x::S390X, "s390x-unknown-linux-gnu";
    "xcore" xcore::XCORE, "xcore";
    "xcore-values" xcore::XCORE_VALUES, "xcore";
};
