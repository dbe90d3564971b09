//! Cranelift's flags that a front end may set. Every flag is decided here; one that is not named
//! cannot be set.

use crate::cranelift::codegen::isa::{OwnedTargetIsa, TargetIsa};
use crate::cranelift::codegen::settings::{self, Configurable, SetError};
use crate::cranelift::native;

use crate::error::{Error, Result, unsupported_host};

/// Decision about each flag.
const TABLE: &str = include_str!("flags.txt");

/// In place of a value, in the table: the flag is not fixed.
const ANY: &str = "any";

/// The largest `log2_min_function_alignment`: the smallest page of any host.
const MAX_LOG2_ALIGN: u8 = 12;

/// Returns the ISA of this machine with `flags`; it optimizes for speed.
pub(crate) fn isa(flags: &[(String, String)], host: bool) -> Result<OwnedTargetIsa> {
    let mut shared = settings::builder();
    let mut isa = native::builder_with_options(host).map_err(unsupported_host)?;
    let fixed = fixed().map(|(name, value, _)| (name, value));
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
    for (name, value) in flags {
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
        let why = format!("must be at most {MAX_LOG2_ALIGN}: memory is aligned to pages");
        return Err(refused(
            "log2_min_function_alignment",
            &log2.to_string(),
            why,
        ));
    }
    let isa = isa
        .finish(shared)
        .map_err(|error| unsupported_host(&error.to_string()))?;
    if flags.iter().any(|(name, _)| name.starts_with(INSTRUCTIONS)) {
        check_instructions(&*isa)?;
    }
    Ok(isa)
}

/// Prefix of the names of ISA flags for instructions.
const INSTRUCTIONS: &str = "has_";

/// Returns the rows of the table for this machine: name, value and reason.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let is_here = |machine: &str| match machine {
        "all" => true,
        "aarch64-apple" => cfg!(all(target_arch = "aarch64", target_vendor = "apple")),
        "aarch64-other" => cfg!(all(target_arch = "aarch64", not(target_vendor = "apple"))),
        machine => machine == std::env::consts::ARCH,
    };
    TABLE.lines().filter_map(move |row| {
        let (_, row) = row.split_once(' ').filter(|(own, _)| is_here(own))?;
        let (name, row) = row.split_once(' ')?;
        let (value, why) = row.split_once(' ')?;
        Some((name, value, why))
    })
}

fn free() -> impl Iterator<Item = &'static str> {
    rows().filter_map(|(name, value, _)| (value == ANY).then_some(name))
}

fn fixed() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    rows().filter(|(_, value, _)| *value != ANY)
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

/// Refuses instructions that this machine does not have. Not all of them end the process: `lzcnt`
/// runs as `bsr` then, and gives another number.
fn check_instructions(isa: &dyn TargetIsa) -> Result<()> {
    let host = native::builder_with_options(true).map_err(unsupported_host)?;
    let host = host
        .finish(settings::Flags::new(settings::builder()))
        .map_err(|error| unsupported_host(&error.to_string()))?;
    let is_on = |flag: &settings::Value| flag.as_bool() == Some(true);
    let available: Vec<&str> = (host.isa_flags().iter().filter(|flag| is_on(flag)))
        .map(|flag| flag.name)
        .collect();
    match (isa.isa_flags().iter()).find(|flag| is_on(flag) && !available.contains(&flag.name)) {
        Some(flag) => {
            let why = "this machine does not have these instructions".to_owned();
            Err(refused(flag.name, "true", why))
        }
        None => Ok(()),
    }
}

/// Returns the error for a setting.
pub(crate) fn refused(name: &str, value: &str, why: String) -> Error {
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
            let is_instruction = setting.name.starts_with(INSTRUCTIONS);
            let preset = setting.kind == settings::SettingKind::Preset;
            let fixed = fixed().any(|fixed| fixed.0 == setting.name);
            assert_ne!(is_instruction || preset, fixed, "{}", setting.name);
        }
    }

    /// On x86-64 `clif-cabi` calls and is called under every value of each of these, in its own
    /// test of flags.
    #[test]
    fn these_may_be_set() {
        let mut names = vec![
            "opt_level",
            "regalloc_algorithm",
            "regalloc_checker",
            "regalloc_verbose_logs",
            "machine_code_cfg_info",
            "enable_verifier",
            "enable_alias_analysis",
            "enable_nan_canonicalization",
            "log2_min_function_alignment",
            "stack_switch_model",
        ];
        if cfg!(target_arch = "x86_64") {
            names.push("preserve_frame_pointers");
        }
        assert_eq!(free().collect::<Vec<_>>(), names);
    }

    /// Returns some instructions, and whether this processor has them.
    #[cfg(target_arch = "x86_64")]
    fn instructions_here() -> Vec<(&'static str, bool)> {
        vec![
            ("has_lzcnt", is_x86_feature_detected!("lzcnt")),
            ("has_bmi2", is_x86_feature_detected!("bmi2")),
            ("has_avx2", is_x86_feature_detected!("avx2")),
            ("has_avx512f", is_x86_feature_detected!("avx512f")),
            ("has_avx512vbmi", is_x86_feature_detected!("avx512vbmi")),
        ]
    }

    #[cfg(target_arch = "aarch64")]
    fn instructions_here() -> Vec<(&'static str, bool)> {
        use std::arch::is_aarch64_feature_detected as detected;
        vec![
            ("has_lse", detected!("lse")),
            ("has_fp16", detected!("fp16")),
        ]
    }

    #[cfg(target_arch = "riscv64")]
    fn instructions_here() -> Vec<(&'static str, bool)> {
        unsafe extern "C" {
            safe fn getauxval(kind: u64) -> u64;
        }
        // AT_HWCAP has a bit for each extension of one letter.
        let has = |letter: u8| getauxval(16) >> (letter - b'a') & 1 == 1;
        vec![("has_d", has(b'd')), ("has_v", has(b'v'))]
    }

    /// Returns the same by `stfle`: AT_HWCAP of an emulator lacks facilities that the emulator has.
    #[cfg(target_arch = "s390x")]
    fn instructions_here() -> Vec<(&'static str, bool)> {
        let mut facilities = [0_u64; 4];
        // SAFETY: it stores at most as many doublewords as r0 says, and one more.
        unsafe {
            core::arch::asm!(
                "stfle 0({})",
                in(reg_addr) facilities.as_mut_ptr(),
                inout("r0") 3_u64 => _,
                options(nostack)
            );
        }
        let has = |bit: usize| facilities[bit / 64] << (bit % 64) >> 63 == 1;
        vec![
            ("has_mie3", has(61)),
            ("has_vxrs_ext2", has(148)),
            ("has_vxrs_ext3", has(198)),
        ]
    }

    /// Instructions that Cranelift requires of every RISC-V.
    const BASIC: [&str; 6] = [
        "has_m",
        "has_a",
        "has_f",
        "has_d",
        "has_zicsr",
        "has_zifencei",
    ];

    #[test]
    fn instructions_can_be_left_out_and_let_in_where_they_are_here() {
        for host in [false, true] {
            let takes =
                |name: &str, value: &str| isa(&[(name.to_owned(), value.to_owned())], host).is_ok();
            let all = native::builder_with_options(host).unwrap();
            let is_bool = |own: &settings::Setting| own.kind == settings::SettingKind::Bool;
            let named = |own: &settings::Setting| own.name.starts_with(INSTRUCTIONS);
            for setting in all.iter().filter(|own| is_bool(own) && named(own)) {
                let taken = takes(setting.name, "false");
                assert_eq!(taken, !BASIC.contains(&setting.name), "{}", setting.name);
            }
            for (name, is_here) in instructions_here() {
                assert_eq!(takes(name, "true"), is_here, "{name}");
            }
        }
    }

    /// Fixed flags have Cranelift's default values, or have been set.
    #[test]
    fn fixed_flags_have_their_values() {
        let isa = isa(&[], false).unwrap();
        for flag in isa.flags().iter().chain(isa.isa_flags()) {
            if let Some((name, value, _)) = fixed().find(|fixed| fixed.0 == flag.name) {
                assert_eq!(flag.value_string(), value, "{name}");
            }
        }
    }
}
