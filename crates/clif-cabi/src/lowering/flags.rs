//! Cranelift's flags that the ISA of a front end may set. A flag that is not named here must have
//! its default value.

use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::codegen::settings::{self, Flags};
use cabi::Triple;
use clif_cabi_plan::Machine;

use crate::error::LowerError;

/// Flags that may have any value: they move no argument and no result, and no call of C becomes
/// wrong.
const FREE: [&str; 25] = [
    // Compilation and annotation of a function.
    "opt_level",
    "regalloc_algorithm",
    "regalloc_checker",
    "regalloc_verbose_logs",
    "enable_verifier",
    "enable_alias_analysis",
    "enable_incremental_compilation_cache_checks",
    "machine_code_cfg_info",
    "unwind_info",
    "enable_compact_unwind_abi",
    "preserve_frame_pointers",
    "log2_min_function_alignment",
    "bb_padding_log2_minus_one",
    // NaN canonicalization rewrites results of float arithmetic. Calls only move floats.
    "enable_nan_canonicalization",
    // Access to symbols; stubs are made for both values of `is_pic`.
    "is_pic",
    "use_colocated_libcalls",
    "tls_model",
    // Instructions for the front end's own functions. C keeps r15, and lowering changes it only for
    // a convention with a context.
    "enable_pinned_reg",
    "stack_switch_model",
    // Frames of the front end's own functions at the end of the stack: the front end knows
    // how large its guard is, except on Windows. Stubs probe their own frames.
    "enable_probestack",
    "probestack_size_log2",
    "probestack_strategy",
    // Mitigations that Wasmtime asks for.
    "enable_heap_access_spectre_mitigation",
    "enable_table_access_spectre_mitigation",
    // Refused below, unless it is the convention of C.
    "libcall_call_conv",
];

/// Flags that must have a value on every machine; [`Machine::flags`] has those of one machine.
const REQUIRED: [[&str; 3]; 2] = [
    [
        "enable_llvm_abi_extensions",
        "false",
        "returns a third integer in rcx, which is not C",
    ],
    [
        "enable_multi_ret_implicit_sret",
        "false",
        "returns results as no C function does",
    ],
];

/// Size of the pages by which Windows grows stacks: 4096 bytes.
const PAGE_LOG2: u8 = 12;

/// Size of what a probe writes: 4 bytes.
const PROBE_LOG2: u8 = 2;

/// Refuses `flags` that change what signatures mean on `machine`. Refuses also a target where
/// Cranelift calls routines such as `memcpy` by a convention, `default`, that is not C's `own`.
pub(super) fn check(
    triple: &Triple,
    flags: &Flags,
    target: &str,
    machine: Machine,
    (default, own): (CallConv, CallConv),
) -> Result<(), LowerError> {
    if default != own {
        return Err(LowerError::Isa(format!(
            "{target}: Cranelift calls library routines such as memcpy by {default}, and C's functions on this target have {own}"
        )));
    }
    let refuse = |flag: &str, what: &str| {
        let why = format!("{target}: the setting {flag} {what}");
        Err(LowerError::Isa(why))
    };
    let usual = Flags::new(settings::builder());
    for (flag, usual) in flags.iter().zip(usual.iter()) {
        let (name, value) = (flag.name, flag.value_string());
        let mut required = REQUIRED.iter().chain(machine.flags());
        match required.find(|[own, ..]| *own == name) {
            Some(_) if name.starts_with("probestack") && !flags.enable_probestack() => {}
            Some([_, own, why]) if value != *own => return refuse(name, why),
            None if !FREE.contains(&name) && value != usual.value_string() => {
                let why = "may change how C functions are called";
                return refuse(name, why);
            }
            _ => {}
        }
    }
    let grows_by_pages = triple.operating_system.to_string() == "windows";
    if grows_by_pages && (!flags.enable_probestack() || flags.probestack_size_log2() > PAGE_LOG2) {
        return refuse(
            "enable_probestack",
            "must be on, and probestack_size_log2 at most 12: Windows grows a stack page by page, and a frame that skips a page ends the process",
        );
    }
    if flags.enable_probestack() && flags.probestack_size_log2() < PROBE_LOG2 {
        return refuse(
            "probestack_size_log2",
            "must be at least 2: a probe writes 4 bytes, over the caller's frame pointer",
        );
    }
    match CallConv::for_libcall(flags, default) == own {
        true => Ok(()),
        false => refuse(
            "libcall_call_conv",
            "calls library routines such as memcpy by a convention that is not C's",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flag that a new release of Cranelift adds is refused until it stands in one of the lists.
    #[test]
    fn every_flag_is_decided() {
        for setting in settings::builder().iter() {
            let required = REQUIRED.iter().any(|[name, ..]| *name == setting.name);
            assert_ne!(required, FREE.contains(&setting.name), "{}", setting.name);
        }
    }
}
