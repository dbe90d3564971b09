//! The conventions that have names: for commands and tests that are asked for one.

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
    /// The name of a target whose types it is for, as [`Target::named`](crate::Target::named) takes it.
    pub target: &'static str,
}

const fn known(
    name: &'static str,
    convention: &'static Convention,
    target: &'static str,
) -> KnownConvention {
    KnownConvention {
        name,
        convention,
        target,
    }
}

/// All conventions with names.
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

const ALL: &[KnownConvention] = &[
    known("sysv", &x86_64::sysv::X86_64_SYSV, LINUX),
    known(
        "win64",
        &x86_64::win64::X86_64_WIN64,
        "x86_64-pc-windows-gnu",
    ),
    known("zig-auto", &x86_64::zig::AUTO, LINUX),
    known("zig-auto-traced", &x86_64::zig::AUTO_TRACED, LINUX),
    known("zig-naked", &x86_64::zig::NAKED, LINUX),
    known("lang", &x86_64::lang::X86_64_LANG, LINUX),
    known("lang-context", &x86_64::lang::X86_64_LANG_CONTEXT, LINUX),
    known(
        "preserve-all",
        &x86_64::preserve_all::X86_64_PRESERVE_ALL,
        LINUX,
    ),
    known("aapcs64", &aarch64::AAPCS64, "aarch64-unknown-linux-gnu"),
    known("apple-arm64", &aarch64::APPLE_ARM64, "aarch64-apple-darwin"),
    known(
        "aarch64-lang",
        &aarch64::AARCH64_LANG,
        "aarch64-unknown-linux-gnu",
    ),
    known(
        "aarch64-lang-context",
        &aarch64::AARCH64_LANG_CONTEXT,
        "aarch64-unknown-linux-gnu",
    ),
    known("csky", &csky::CSKY, "csky-unknown-linux-gnuabiv2hf"),
    known("csky-soft", &csky::CSKY_SOFT, "csky-unknown-linux-gnuabiv2"),
    known("ilp32", &riscv::ILP32, "riscv32-unknown-linux-gnu"),
    known("ilp32f", &riscv::ILP32F, "riscv32-unknown-linux-gnu"),
    known("ilp32d", &riscv::ILP32D, "riscv32gc-unknown-linux-gnu"),
    known("ilp32e", &riscv::ILP32E, "riscv32-unknown-linux-gnu"),
    known("lp64", &riscv::LP64, "riscv64-unknown-linux-gnu"),
    known("lp64f", &riscv::LP64F, "riscv64-unknown-linux-gnu"),
    known("lp64d", &riscv::LP64D, "riscv64gc-unknown-linux-gnu"),
    // The ABI that Linux distributions have.
    known("riscv64", &riscv::LP64D, "riscv64gc-unknown-linux-gnu"),
    known(
        "riscv32-fastcc",
        &riscv::FAST_32,
        "riscv32gc-unknown-linux-gnu",
    ),
    known(
        "riscv32f-fastcc",
        &riscv::FAST_32F,
        "riscv32-unknown-linux-gnu",
    ),
    known(
        "riscv32-soft-fastcc",
        &riscv::FAST_32_SOFT,
        "riscv32-unknown-linux-gnu",
    ),
    known(
        "riscv32e-fastcc",
        &riscv::FAST_32E,
        "riscv32-unknown-linux-gnu",
    ),
    known(
        "riscv64-soft-fastcc",
        &riscv::FAST_64_SOFT,
        "riscv64-unknown-linux-gnu",
    ),
    known(
        "riscv64f-fastcc",
        &riscv::FAST_64F,
        "riscv64-unknown-linux-gnu",
    ),
    known(
        "riscv64-fastcc",
        &riscv::FAST_64,
        "riscv64gc-unknown-linux-gnu",
    ),
    known("s390x", &s390x::S390X, "s390x-unknown-linux-gnu"),
    known("xcore", &xcore::XCORE, "xcore"),
    known("xcore-values", &xcore::XCORE_VALUES, "xcore"),
];
