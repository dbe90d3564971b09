//! Zig's calling conventions by the names they have in `std.builtin.CallingConvention` (Zig
//! 0.15.2).

use alloc::string::ToString;

use super::super::{sysv::X86_64_SYSV, win64::X86_64_WIN64};
use super::{AUTO, NAKED};
use crate::convention::Convention;
use crate::scalar::Scalar;
use crate::types::Type;
use crate::types::error::Error;

/// The members of `std.builtin.CallingConvention` in their order.
const NAMES: &str = "\
    auto async naked inline x86_64_sysv x86_64_win x86_64_regcall_v3_sysv x86_64_regcall_v4_win \
    x86_64_vectorcall x86_64_interrupt x86_sysv x86_win x86_stdcall x86_fastcall x86_thiscall \
    x86_thiscall_mingw x86_regcall_v3 x86_regcall_v4_win x86_vectorcall x86_interrupt \
    aarch64_aapcs aarch64_aapcs_darwin aarch64_aapcs_win aarch64_vfabi aarch64_vfabi_sve \
    arm_aapcs arm_aapcs_vfp arm_interrupt mips64_n64 mips64_n32 mips64_interrupt mips_o32 \
    mips_interrupt riscv64_lp64 riscv64_lp64_v riscv64_interrupt riscv32_ilp32 riscv32_ilp32_v \
    riscv32_interrupt sparc64_sysv sparc_sysv powerpc64_elf powerpc64_elf_altivec \
    powerpc64_elf_v2 powerpc_sysv powerpc_sysv_altivec powerpc_aix powerpc_aix_altivec wasm_mvp \
    arc_sysv avr_gnu avr_builtin avr_signal avr_interrupt bpf_std csky_sysv csky_interrupt \
    hexagon_sysv hexagon_sysv_hvx lanai_sysv loongarch64_lp64 loongarch32_ilp32 m68k_sysv \
    m68k_gnu m68k_rtd m68k_interrupt msp430_eabi or1k_sysv propeller_sysv s390x_sysv \
    s390x_sysv_vx ve_sysv xcore_xs1 xcore_xs2 xtensa_call0 xtensa_windowed amdgcn_device \
    amdgcn_kernel amdgcn_cs nvptx_device nvptx_kernel spirv_device spirv_kernel spirv_fragment \
    spirv_vertex";

/// Returns the names of all calling conventions that Zig has, in the order of
/// `std.builtin.CallingConvention`.
pub fn conventions() -> impl Iterator<Item = &'static str> {
    NAMES.split(' ')
}

/// Returns the convention that Zig calls `name`: `auto`, `naked`, `x86_64_sysv` and `x86_64_win`.
/// In a compilation with error tracing `auto` is [`AUTO_TRACED`](super::AUTO_TRACED), which has no
/// name of its own.
///
/// # Errors
/// [`Error::UnknownConvention`] for every other of [`conventions`], and for any other name.
///
/// # Example
/// ```
/// use cabi::zig;
///
/// assert_eq!(zig::convention("x86_64_win")?.name, cabi::X86_64_WIN64.name);
/// let refused = zig::convention("x86_64_vectorcall").unwrap_err();
/// let why = "x86_64_vectorcall: this calling convention of Zig is not supported";
/// assert_eq!(refused.to_string(), why);
/// # Ok::<(), cabi::Error>(())
/// ```
pub fn convention(name: &str) -> Result<&'static Convention, Error> {
    let why = match name {
        "auto" => return Ok(&AUTO),
        "naked" => return Ok(&NAKED),
        "x86_64_sysv" => return Ok(&X86_64_SYSV),
        "x86_64_win" => return Ok(&X86_64_WIN64),
        "c" | "winapi" | "kernel" => {
            "in Zig this name is a different convention on each target: use that convention's name, or a `Target`"
        }
        "inline" => "Zig expands an `inline` function in its callers and never calls it",
        _ if conventions().any(|known| known == name) => {
            "this calling convention of Zig is not supported"
        }
        _ => "Zig has no calling convention of this name",
    };
    Err(Error::UnknownConvention {
        name: name.to_string(),
        why,
    })
}

/// Returns the type as which Zig passes an unnamed argument of type `ty` of a variadic function.
/// Its promotions are C's, and an `f16` becomes an `f64` too, where C passes a `_Float16` as it is.
/// For [`FnSig::at_call_unpromoted`](crate::FnSig::at_call_unpromoted).
#[must_use]
pub fn promote(ty: &Type) -> Type {
    match ty.as_scalar() {
        Some(Scalar::F16) => Type::F64,
        _ => crate::sig::promote(ty),
    }
}
