//! Cranelift's flags: which of them a front end may set. Every flag is decided here; one that is not named cannot be set.

use crate::cranelift::codegen::isa::{OwnedTargetIsa, TargetIsa};
use crate::cranelift::codegen::settings::{self, Configurable, SetError};
use crate::cranelift::native;

use crate::error::{Error, Result, unsupported_host};
use crate::host::machine;

/// Flags that a front end may set to any value on every machine. They change what a function consists of, and nothing of how it is called, what it calls, or what
/// memory it touches.
const FREE: [&str; 10] = [
    // Also chosen by `Settings::opt_level` and `Settings::register_allocator`.
    "opt_level",
    "regalloc_algorithm",
    // They check or describe the result of a compilation, and change nothing of it.
    "regalloc_checker",
    "regalloc_verbose_logs",
    "machine_code_cfg_info",
    // Without it a wrong function is compiled to wrong code, or is a panic of Cranelift's, which is an error. Whoever runs the code answers for it.
    "enable_verifier",
    // It removes loads of what was just stored or loaded.
    "enable_alias_analysis",
    // It rewrites results of float arithmetic. Moving a float, which is all that a call does, is none.
    "enable_nan_canonicalization",
    // Up to a page, which is the most that memory is aligned to: `MAX_LOG2_ALIGN`.
    "log2_min_function_alignment",
    // It allows one more instruction, `stack_switch`, in functions that the front end builds.
    "stack_switch_model",
];

/// The largest `log2_min_function_alignment`: the smallest page of any host.
const MAX_LOG2_ALIGN: u8 = 12;

/// Flags that are not a front end's to set on any machine, each with its value and the reason.
const FIXED: [(&str, &str, &str); 12] = [
    (
        "is_pic",
        "false",
        "JIT code is not moved after it is written",
    ),
    (
        "use_colocated_libcalls",
        "false",
        "library routines can be at any distance",
    ),
    (
        "libcall_call_conv",
        "isa_default",
        "library routines are C functions of this machine",
    ),
    (
        "enable_multi_ret_implicit_sret",
        "false",
        "its result area is not C's sret",
    ),
    (
        "unwind_info",
        "true",
        "exceptions and backtraces have to get through JIT code",
    ),
    // A frame larger than a guard page must not step over it; only the inline kind needs no routine of ours.
    (
        "enable_probestack",
        "true",
        "large frames must not step over the guard page",
    ),
    (
        "probestack_strategy",
        "inline",
        "there is no probe routine to call",
    ),
    (
        "probestack_size_log2",
        "12",
        "a guard page may have 4096 bytes, and no frame may step over it",
    ),
    (
        "tls_model",
        "none",
        "there is no thread-local data in JIT code",
    ),
    (
        "bb_padding_log2_minus_one",
        "0",
        "it tests Cranelift itself, and ends the process where memory does",
    ),
    // What does nothing here is refused, so that nobody relies on it.
    (
        "enable_heap_access_spectre_mitigation",
        "true",
        "only Wasmtime reads it",
    ),
    (
        "enable_incremental_compilation_cache_checks",
        "false",
        "an engine has no such cache",
    ),
];

/// The ISA of this machine with the flags that are `given`; it optimizes for speed.
pub(crate) fn isa(given: &[(String, String)], host: bool) -> Result<OwnedTargetIsa> {
    let mut shared = settings::builder();
    let mut isa = native::builder_with_options(host).map_err(unsupported_host)?;
    let fixed = fixed().map(|(name, value, _)| (*name, *value));
    for (name, value) in fixed.chain([("opt_level", "speed")]) {
        let set = match shared.set(name, value) {
            Err(SetError::BadName(_)) => isa.set(name, value),
            set => set,
        };
        match set {
            // Not every release has every flag.
            Ok(()) | Err(SetError::BadName(_)) => {}
            Err(error) => return Err(refused(name, value, error.to_string())),
        }
    }
    for (name, value) in given {
        check(name).map_err(|why| refused(name, value, why))?;
        let set = match name.starts_with(INSTRUCTIONS) {
            true => isa.set(name, value),
            false => shared.set(name, value),
        };
        set.map_err(|error| refused(name, value, error.to_string()))?;
    }
    let shared = settings::Flags::new(shared);
    let log2 = shared.log2_min_function_alignment();
    if log2 > MAX_LOG2_ALIGN {
        let why = format!("at most {MAX_LOG2_ALIGN}: memory is aligned to pages");
        return Err(refused(
            "log2_min_function_alignment",
            &log2.to_string(),
            why,
        ));
    }
    let isa = isa
        .finish(shared)
        .map_err(|error| unsupported_host(&error.to_string()))?;
    if given.iter().any(|(name, _)| name.starts_with(INSTRUCTIONS)) {
        check_instructions(&*isa)?;
    }
    Ok(isa)
}

/// What the names of ISA flags begin with that say which instructions there are.
const INSTRUCTIONS: &str = "has_";

fn free() -> impl Iterator<Item = &'static str> {
    FREE.iter().chain(machine::FREE).copied()
}

fn fixed() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    FIXED.iter().chain(machine::FIXED)
}

/// Refuses flags that a front end may not set.
fn check(name: &str) -> Result<(), String> {
    if free().any(|free| free == name) || name.starts_with(INSTRUCTIONS) {
        return Ok(());
    }
    Err(match fixed().find(|fixed| fixed.0 == name) {
        Some((_, value, why)) => format!("fixed to {value}: {why}"),
        None => format!(
            "not one of the flags that may be set: {}, {INSTRUCTIONS}..",
            free().collect::<Vec<_>>().join(", ")
        ),
    })
}

/// Refuses instructions that this machine does not have. Not all of them end the process: `lzcnt` runs as `bsr` then, and gives another number.
fn check_instructions(isa: &dyn TargetIsa) -> Result<()> {
    let host = native::builder_with_options(true).map_err(unsupported_host)?;
    let host = host
        .finish(settings::Flags::new(settings::builder()))
        .map_err(|error| unsupported_host(&error.to_string()))?;
    let is_on = |flag: &settings::Value| flag.as_bool() == Some(true);
    let here: Vec<&str> = (host.isa_flags().iter().filter(|flag| is_on(flag)))
        .map(|flag| flag.name)
        .collect();
    match (isa.isa_flags().iter()).find(|flag| is_on(flag) && !here.contains(&flag.name)) {
        Some(flag) => {
            let why = "this machine does not have these instructions".to_owned();
            Err(refused(flag.name, "true", why))
        }
        None => Ok(()),
    }
}

fn refused(name: &str, value: &str, why: String) -> Error {
    Error::Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        why,
    }
}

#[cfg(all(test, has_engine))]
mod tests {
    use super::*;

    /// A flag that a new release of Cranelift adds is refused until somebody has decided about it.
    #[test]
    fn every_flag_is_decided() {
        for setting in settings::builder().iter() {
            let fixed = fixed().any(|fixed| fixed.0 == setting.name);
            let free = free().any(|free| free == setting.name);
            assert_ne!(fixed, free, "{}", setting.name);
        }
        for setting in native::builder_with_options(false).unwrap().iter() {
            let named = setting.name.starts_with(INSTRUCTIONS);
            let preset = setting.kind == settings::SettingKind::Preset;
            let fixed = fixed().any(|fixed| fixed.0 == setting.name);
            let decided = usize::from(named) + usize::from(preset) + usize::from(fixed);
            assert_eq!(decided, 1, "{}", setting.name);
        }
    }

    /// What is fixed are Cranelift's defaults, or has been set.
    #[test]
    fn fixed_flags_have_their_values() {
        let isa = isa(&[], false).unwrap();
        for flag in isa.flags().iter().chain(isa.isa_flags()) {
            if let Some((name, value, _)) = fixed().find(|fixed| fixed.0 == flag.name) {
                assert_eq!(flag.value_string(), *value, "{name}");
            }
        }
    }
}
