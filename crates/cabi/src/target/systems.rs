//! The table of systems: C's data model and convention, the compiler of the system's own libraries,
//! and clang's choices that depend on the system.

use target_lexicon::Aarch64Architecture::Aarch64 as Little;
use target_lexicon::Architecture::{Aarch64, Riscv32, Riscv64, S390x, X86_32, X86_64};
use target_lexicon::Environment::{Android, Gnu, GnuIlp32, GnuLlvm, Gnux32, Msvc, Ohos};
use target_lexicon::OperatingSystem::{
    Cygwin, Freebsd, Fuchsia, Linux, Netbsd, None_, Openbsd, Uefi, Unknown, Windows,
};
use target_lexicon::{OperatingSystem, Triple};
use target_lexicon::{Riscv32Architecture, Riscv64Architecture};

use super::aarch64::{AAPCS64, APPLE_ARM64, WINDOWS_ARM64, X18};
use super::riscv::{ILP32, ILP32D, ILP32F, LP64, LP64D};
use super::s390x::S390X;
use super::x86_64::sysv::X86_64_SYSV;
use super::x86_64::win64::X86_64_WIN64;
use crate::Reg;
use crate::convention::Convention;
use crate::policy::Policy;
use crate::types::data_model::{DataModel, LongDouble};

/// C on a machine and system: its data model, and its convention where places were compared with
/// a compiler's.
type C = (DataModel, Option<&'static Convention>);

/// LP64 with the `wchar_t` of Windows.
const CYGWIN: DataModel = DataModel {
    wchar: 2,
    ..DataModel::LP64
};

/// LP64 with a `long double` of binary128.
const MOBILE: DataModel = DataModel {
    long_double: LongDouble::F128,
    ..DataModel::LP64
};

/// Returns C of a triple: the table of systems. A RISC-V that names no extensions passes floats in
/// registers on a system, as gcc and clang have it. Without a system they do not agree.
pub(super) fn c_of(triple: &Triple) -> Option<C> {
    let (system, environment) = (triple.operating_system, triple.environment);
    let is_apple = system.is_like_darwin();
    Some(match (triple.architecture, system, environment) {
        (_, _, GnuIlp32) => return None,
        (X86_64, Uefi, _) | (X86_64, Windows, Msvc) => (DataModel::LLP64, Some(&X86_64_WIN64)),
        (X86_64, Windows, Gnu | GnuLlvm) => (DataModel::LLP64_GNU, Some(&X86_64_WIN64)),
        // Microsoft's `long double` differs from GNU's.
        (X86_64, Windows, _) => return None,
        (X86_64, Cygwin, _) => (CYGWIN, Some(&X86_64_WIN64)),
        (X86_64, _, Gnux32) => (DataModel::X32, None),
        (X86_64, _, Android | Ohos) => (MOBILE, Some(&X86_64_SYSV)),
        (X86_64, _, _) => (DataModel::LP64, Some(&X86_64_SYSV)),
        (Aarch64(Little), Windows, Msvc) => (DataModel::LLP64_ARM64, Some(&WINDOWS_ARM64)),
        (_, Windows | Uefi | Cygwin, _) => return None,
        (Aarch64(Little), _, _) if is_apple => (DataModel::APPLE_ARM64, Some(&APPLE_ARM64)),
        // Their `long double` has another format.
        (X86_32(_), _, Android | Ohos) => return None,
        (X86_32(_) | Aarch64(_), _, _) if is_apple => return None,
        (X86_32(_), _, _) => (DataModel::ILP32, None),
        (Aarch64(Little), Linux | Freebsd | Netbsd | Openbsd, _) => {
            (DataModel::AARCH64, Some(&AAPCS64))
        }
        (Aarch64(_), _, _) => (DataModel::AARCH64, None),
        (S390x, Linux, _) => (DataModel::S390X, Some(&S390X)),
        (Riscv64(machine), _, _) => (DataModel::RISCV64, lp64(machine, system)),
        (Riscv32(machine), _, _) => (DataModel::RISCV32, ilp32(machine, system)),
        _ => return None,
    })
}

fn lp64(machine: Riscv64Architecture, system: OperatingSystem) -> Option<&'static Convention> {
    use Riscv64Architecture::{Riscv64, Riscv64a23, Riscv64gc, Riscv64imac};
    match machine {
        Riscv64gc | Riscv64a23 => Some(&LP64D),
        Riscv64 => (!matches!(system, Unknown | None_)).then_some(&LP64D),
        Riscv64imac => Some(&LP64),
        _ => None,
    }
}

fn ilp32(machine: Riscv32Architecture, system: OperatingSystem) -> Option<&'static Convention> {
    use Riscv32Architecture::{
        Riscv32, Riscv32gc, Riscv32i, Riscv32im, Riscv32ima, Riscv32imac, Riscv32imafc, Riscv32imc,
    };
    match machine {
        Riscv32gc => Some(&ILP32D),
        Riscv32 => (!matches!(system, Unknown | None_)).then_some(&ILP32D),
        Riscv32imafc => Some(&ILP32F),
        Riscv32i | Riscv32im | Riscv32ima | Riscv32imac | Riscv32imc => Some(&ILP32),
        _ => None,
    }
}

/// Returns whether the libraries of the system of `triple` are clang's; else they are gcc's.
pub(super) fn has_clang(triple: &Triple) -> bool {
    let os = triple.operating_system;
    os.is_like_darwin()
        || matches!(os, Freebsd | Fuchsia | Openbsd | Uefi)
        || matches!(triple.environment, Android | GnuLlvm | Msvc | Ohos)
}

/// Returns the register that clang leaves to the system of `triple`: its `isX18ReservedByDefault`.
pub(super) fn reserved_register(triple: &Triple) -> Option<Reg> {
    let os = triple.operating_system;
    let is_its = os.is_like_darwin()
        || matches!(os, Fuchsia | Windows)
        || matches!(triple.environment, Android | Ohos);
    (is_its && matches!(triple.architecture, Aarch64(_))).then_some(X18)
}

/// Returns clang's policy on the system of `triple`: `X86_64ABIInfo` in its `X86.cpp`, and for
/// results of Darwin LLVM's `getTypeForExtReturn`.
pub(super) fn clang_policy(triple: &Triple) -> Policy {
    let os = triple.operating_system;
    let common = Policy::CLANG.without(Policy::WIDE_INT128_VECTORS_IN_MEMORY)
        | Policy::INT128_VECTORS_IN_GPR;
    match os {
        Linux | Netbsd => Policy::CLANG,
        Freebsd => common | Policy::INTEGER_VECTORS_IN_GPR,
        _ if os.is_like_darwin() => {
            common
                | Policy::INTEGER_VECTORS_IN_GPR
                | Policy::NARROW_RESULTS_EXTENDED
                | Policy::LONE_X87UP_KEPT
        }
        _ => common,
    }
}
