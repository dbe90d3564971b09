//! C compilers of systems: the one that a system's own libraries are built with, and clang's
//! behaviour that depends on the system.

use target_lexicon::{Architecture, Environment, OperatingSystem, Triple};

use crate::policy::Policy;

/// Returns whether the libraries of the system of `triple` are clang's; else they are gcc's.
pub(super) fn has_clang(triple: &Triple) -> bool {
    use Environment::{Android, Msvc, Ohos};
    use OperatingSystem::{Freebsd, Fuchsia, Openbsd, Uefi};
    let os = triple.operating_system;
    os.is_like_darwin()
        || matches!(os, Freebsd | Fuchsia | Openbsd | Uefi)
        || matches!(triple.environment, Android | Msvc | Ohos)
}

/// Returns clang's policy on the system of `triple`: `X86_64ABIInfo` in its `X86.cpp`, and for
/// results of Darwin LLVM's `getTypeForExtReturn`.
pub(super) fn clang_policy(triple: &Triple) -> Policy {
    use OperatingSystem::{Freebsd, Linux, Netbsd};
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

/// Windows on 64-bit Arm with Microsoft's tools.
pub(super) fn is_windows_arm64(triple: &Triple) -> bool {
    use target_lexicon::Aarch64Architecture::Aarch64;
    triple.operating_system == OperatingSystem::Windows
        && triple.environment == Environment::Msvc
        && triple.architecture == Architecture::Aarch64(Aarch64)
}
