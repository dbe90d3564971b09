//! Flags of Cranelift, every one with every value, in the ISA of a front end: refused, or calls and
//! entries are still C's. Only the list at the end knows which are refused.

#[cfg(target_arch = "x86_64")]
use cabi::{FnSig, Type, X86_64_PRESERVE_ALL};
use clif_cabi::Lowering;
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable, Setting, SettingKind};

use super::conventions::{PLAIN, TARGET};
use super::jit::Jit;
use super::probe::Rng;
use super::{run, signatures};

/// Cranelift calls `memcpy` of these systems by another convention than C's.
#[test]
fn systems_with_other_routines_are_refused() {
    for triple in ["x86_64-unknown-uefi", "x86_64-unknown-cygwin"] {
        let isa = isa::lookup_by_name(triple).unwrap();
        let isa = isa.finish(settings::Flags::new(settings::builder()));
        let error = Lowering::new(&*isa.unwrap()).unwrap_err().to_string();
        let why = "Cranelift calls library routines such as memcpy by its system_v, and C's functions there have its windows_fastcall";
        assert_eq!(error, format!("{triple}: {why}"));
    }
}

/// An outline probe changes rax, which a function of `preserve_all` keeps.
#[cfg(target_arch = "x86_64")]
#[test]
fn outline_probes_are_refused_where_rax_is_kept() {
    let sig = FnSig::new([], Type::VOID).convention(&X86_64_PRESERVE_ALL);
    for (strategy, is_fine) in [("outline", false), ("inline", true)] {
        let mut flags = settings::builder();
        flags.set("enable_probestack", "true").unwrap();
        flags.set("probestack_strategy", strategy).unwrap();
        let isa = cranelift_native::builder().unwrap();
        let lower = Lowering::new(&*isa.finish(settings::Flags::new(flags)).unwrap()).unwrap();
        assert!(lower.call_plan(&sig).is_ok());
        assert_eq!(lower.entry_plan(&sig).is_ok(), is_fine, "{strategy}");
    }
}

fn values(setting: &Setting) -> Vec<String> {
    match setting.kind {
        SettingKind::Bool => ["false", "true"].map(str::to_owned).to_vec(),
        SettingKind::Num => [0, 1, 5, 12].map(|n: u8| n.to_string()).to_vec(),
        _ => (setting.values.unwrap().iter())
            .map(|value| (*value).to_owned())
            .collect(),
    }
}

#[test]
fn a_flag_is_refused_or_calls_are_c() {
    // Each type alone, and some signatures of several.
    let sigs = signatures(&mut Rng::new(1), &PLAIN, 20);
    let mut refused = Vec::new();
    for setting in settings::builder().iter() {
        for value in values(&setting) {
            // cranelift-jit refuses these, or has no routine for them.
            let of_jit = matches!(setting.name, "is_pic" | "use_colocated_libcalls");
            if of_jit && value == "true" {
                continue;
            }
            let mut flags = settings::builder();
            flags.set("use_colocated_libcalls", "false").unwrap();
            flags.set("probestack_strategy", "inline").unwrap();
            flags.set(setting.name, &value).unwrap();
            let isa = cranelift_native::builder().unwrap();
            match Jit::of(isa.finish(settings::Flags::new(flags)).unwrap()) {
                Ok(jit) => assert!(run(jit, &sigs, false) > 100),
                Err(why) => refused.push(format!("{value}: {why}")),
            }
        }
    }
    let libcall =
        "libcall_call_conv calls library routines such as memcpy by a convention that is not C's";
    let results = "enable_multi_ret_implicit_sret returns results as no C function does";
    let expected = [
        ("apple_aarch64", libcall),
        ("fast", libcall),
        ("preserve_all", libcall),
        ("probestack", libcall),
        (
            "true",
            "enable_llvm_abi_extensions returns a third integer in rcx, which is not C",
        ),
        ("true", results),
        ("windows_fastcall", libcall),
    ];
    let expected = expected.map(|(value, why)| format!("{value}: {TARGET}: the setting {why}"));
    refused.sort();
    assert_eq!(refused, expected);
}
