//! Flags of Cranelift, every one with every value: refused, or calls are still C's. Nothing here knows which are refused; with what words, lines of `uses` say.

use clif_cabi_jit::cranelift_codegen::settings::{self, Setting, SettingKind};

use crate::common::*;

/// `f` calls back, with values in registers of both kinds, on the stack, and in memory of the caller's.
const C: &str = "
typedef struct { double x; long n; } pair;
typedef struct { long a[9]; } big;
big f(pair p, big b, pair (*back)(pair, big)) {
  pair q = back(p, b);
  b.a[0] += q.n;
  b.a[8] = q.x;
  return b;
}
long sum(big b) {
  long all = 0;
  for (int i = 0; i < 9; i++) all = 10 * all + b.a[i];
  return all;
}
";

/// Every flag with the values that are tried.
fn values(setting: &Setting) -> Vec<String> {
    match setting.kind {
        SettingKind::Bool => ["false", "true"].map(str::to_owned).to_vec(),
        SettingKind::Num => [0, 1, 5, 11, 12, 13, 16, 30, 31, 32, 63, 255]
            .map(|n: u8| n.to_string())
            .to_vec(),
        SettingKind::Enum => setting
            .values
            .unwrap()
            .iter()
            .map(|s| (*s).to_owned())
            .collect(),
        SettingKind::Preset => vec!["true".to_owned()],
    }
}

/// Shared flags, and those of the ISA.
fn all_flags() -> Vec<Setting> {
    let isa = cranelift_native::builder_with_options(false).unwrap();
    settings::builder().iter().chain(isa.iter()).collect()
}

/// Calls of C, calls by C, and a routine of Cranelift's own, each of which gives the right values.
fn calls_are_c(library: &Library, settings: &Settings) -> Result<(), Error> {
    let mut invokers = Invokers::new(settings)?;
    let closures = Closures::new(settings)?;
    let (pair, big) = (pair(), record(&vec![Type::I64; 9]));
    let back = FnSig::new([pair.clone(), big.clone()], pair.clone());
    let back = closures.interface(&back)?.closure("back", |args, result| {
        let (p, b) = (args.bytes(0).unwrap(), args.bytes(1).unwrap());
        let n = i64::from(p[8]) + i64::from(b[64]);
        result.bytes()[..8].copy_from_slice(&6.0_f64.to_le_bytes());
        result.bytes()[8..].copy_from_slice(&n.to_le_bytes());
    })?;
    let f = FnSig::new([pair, big.clone(), Type::FN_PTR], big);
    let call = CallInterface::new(&mut invokers, &f)?;
    let p: Vec<u8> = [1.5_f64.to_le_bytes(), 7_i64.to_le_bytes()].concat();
    let b: Vec<u8> = (1..=9_i64).flat_map(i64::to_le_bytes).collect();
    let mut result = [0; 72];
    let back = back.code();
    let args = [CallArg::bytes(&p), CallArg::bytes(&b), CallArg::new(&back)];
    let code = library.symbol("f").unwrap().cast();
    // SAFETY: a function of this signature.
    unsafe { call.call_bytes(code, args, &mut result)? };
    let expected: Vec<u8> = [17, 2, 3, 4, 5, 6, 7, 8, 6_i64]
        .into_iter()
        .flat_map(i64::to_le_bytes)
        .collect();
    assert_eq!(result[..], expected);
    #[cfg(target_arch = "x86_64")]
    copies(library, settings)?;
    Ok(())
}

/// Cranelift copies a structure that it passes by a call of `memcpy`, and rounds by a routine where there is no instruction.
#[cfg(target_arch = "x86_64")]
fn copies(library: &Library, settings: &Settings) -> Result<(), Error> {
    let mut engine = Engine::new(settings)?;
    engine.add_library(library);
    let text = "function %g(i64, f64) -> i64, f64 system_v {
        fn0 = %sum(i64 sarg(72)) -> i64 system_v
    block0(v0: i64, v1: f64):
        v2 = call fn0(v0)
        v3 = ceil v1
        return v2, v3
    }";
    program(&mut engine, text).unwrap();
    engine.finalize()?;
    #[repr(C)]
    struct Two(i64, f64);
    // SAFETY: compiled so.
    let g = unsafe { named::<extern "C" fn(*const i64, f64) -> Two>(&engine, "g") };
    let two = g([1, 2, 3, 4, 5, 6, 7, 8, 9].as_ptr(), 1.25);
    assert_eq!((two.0, two.1), (123_456_789, 2.0));
    Ok(())
}

/// Some instructions, and whether this processor has them.
fn instructions_here() -> Vec<(&'static str, bool)> {
    #[cfg(target_arch = "aarch64")]
    let here = vec![
        (
            "has_lse=true",
            std::arch::is_aarch64_feature_detected!("lse"),
        ),
        (
            "has_fp16=true",
            std::arch::is_aarch64_feature_detected!("fp16"),
        ),
    ];
    #[cfg(target_arch = "x86_64")]
    let here = vec![
        ("has_lzcnt=true", is_x86_feature_detected!("lzcnt")),
        ("has_bmi2=true", is_x86_feature_detected!("bmi2")),
        ("has_avx2=true", is_x86_feature_detected!("avx2")),
        ("has_avx512f=true", is_x86_feature_detected!("avx512f")),
        (
            "has_avx512vbmi=true",
            is_x86_feature_detected!("avx512vbmi"),
        ),
    ];
    here
}

#[test]
fn a_flag_is_refused_or_calls_are_c() {
    let library = library(&cc(), &[], "flags", C);
    calls_are_c(&library, &Settings::default()).unwrap();
    let mut accepted = Vec::new();
    for setting in all_flags() {
        for value in values(&setting) {
            for cpu in [Cpu::Host, Cpu::Baseline] {
                let settings = Settings::default().cpu(cpu).flag(setting.name, &value);
                match calls_are_c(&library, &settings) {
                    Ok(()) => accepted.push(format!("{}={value}", setting.name)),
                    Err(Error::Setting { .. }) => {}
                    Err(error) => panic!("{}={value}: {error}", setting.name),
                }
            }
        }
    }
    accepted.sort();
    accepted.dedup();
    let (instructions, shared): (Vec<_>, Vec<_>) =
        (accepted.iter().map(String::as_str)).partition(|flag| flag.starts_with("has_"));
    let free = "
        regalloc_checker=false regalloc_checker=true regalloc_verbose_logs=false regalloc_verbose_logs=true
        regalloc_algorithm=backtracking regalloc_algorithm=single_pass opt_level=none opt_level=speed opt_level=speed_and_size
        enable_alias_analysis=false enable_alias_analysis=true enable_verifier=false enable_verifier=true
        enable_nan_canonicalization=false enable_nan_canonicalization=true
        stack_switch_model=none stack_switch_model=basic stack_switch_model=update_windows_tib
        machine_code_cfg_info=false machine_code_cfg_info=true
        log2_min_function_alignment=0 log2_min_function_alignment=1 log2_min_function_alignment=5
        log2_min_function_alignment=11 log2_min_function_alignment=12";
    let mut free: Vec<_> = free.split_whitespace().collect();
    if cfg!(target_arch = "x86_64") {
        free.extend([
            "preserve_frame_pointers=false",
            "preserve_frame_pointers=true",
        ]);
    }
    free.sort_unstable();
    assert_eq!(shared, free);
    // Instructions can be left out, and let in where the processor has them.
    let off = instructions.iter().filter(|flag| flag.ends_with("=false"));
    let names = all_flags()
        .iter()
        .filter(|flag| flag.name.starts_with("has_"))
        .count();
    assert_eq!(off.count(), names);
    for (flag, here) in instructions_here() {
        assert_eq!(instructions.contains(&flag), here, "{flag}");
    }
}
