//! Vectors of 32 and 64 bytes in registers: the vector unit after stubs, and machines without such
//! registers.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

use crate::common::*;
use crate::unwind::kinds::{Form, Steps, define_shim, shim};

/// C function that the JIT's code calls.
const C: &str = r#"
typedef double v4 __attribute__((vector_size(32)));
v4 twice(v4 a, double b) { return a + a + b; }
"#;

/// Checks whether the machine has AVX, and can show whether the upper halves of vector registers
/// are in use. Prints the reason if not.
fn can_run() -> bool {
    let xgetbv = std::arch::is_x86_feature_detected!("avx") && __cpuid_count(13, 1).eax & 4 != 0;
    if !xgetbv {
        println!("not run: this machine has no AVX, or no xgetbv of XINUSE");
    }
    xgetbv
}

/// Checks whether a vector register has bits above its first 16 bytes in use.
fn upper_in_use() -> bool {
    let bits: u32;
    // SAFETY: `can_run` has looked for the instruction.
    unsafe { asm!("xgetbv", in("ecx") 1, out("eax") bits, out("edx") _) };
    bits & 4 != 0
}

fn v4() -> Type {
    Type::vector(&Type::F64, 4).unwrap()
}

fn sig() -> FnSig {
    FnSig::new([v4(), Type::F64], v4()).features(VectorLevel::Avx)
}

fn library(cc: &str) -> Library {
    crate::common::library(cc, &["-mavx"], "wide", C)
}

/// Returns the result of `twice` for a vector, and whether the upper halves are in use after the
/// call. The stub has the steps of `steps` in the place of each step.
fn doubled(settings: &Settings, library: &Library, steps: Steps) -> ([f64; 4], bool) {
    let mut engine = Engine::new(settings).unwrap();
    let call = shim(&mut engine, ("twice", &sig()), steps);
    let (from, by, mut to) = ([1.0, 2.0, 3.0, 4.0], 0.25, [0.0; 4]);
    let args = [(&raw const from).cast(), (&raw const by).cast()];
    let twice = library.symbol("twice").unwrap().cast();
    // SAFETY: a function of this signature, and its arguments.
    unsafe { call(twice, args.as_ptr(), (&raw mut to).cast()) };
    (to, upper_in_use())
}

/// A stub that takes a result zeroes the upper halves after its last store.
#[test]
fn no_upper_half_is_in_use_after_a_call() {
    if !can_run() {
        return;
    }
    for cc in reference_compilers() {
        let library = library(cc);
        for settings in all_settings() {
            let right = ([2.25, 4.25, 6.25, 8.25], false);
            assert_eq!(
                doubled(&settings, &library, |step| vec![step]),
                right,
                "{cc}"
            );
            let (result, in_use) = doubled(&settings, &library, |step| match step {
                StubStep::ZeroUpper => vec![],
                _ => vec![step],
            });
            assert_eq!((result, in_use), (right.0, true), "{cc}");
        }
    }
}

/// A machine without an instruction that moves a vector would end the process. On a machine that
/// has it, all of the code compiles.
#[test]
fn a_machine_without_the_registers_is_an_error() {
    let avx = std::arch::is_x86_feature_detected!("avx");
    let avx512 = std::arch::is_x86_feature_detected!("avx512f");
    if avx && avx512 {
        println!("not run: the refusals, since this machine has AVX and AVX-512");
    }
    for (level, bytes, feature, is_here) in [
        (VectorLevel::Avx, 32, "AVX", avx),
        (VectorLevel::Avx512, 64, "AVX-512", avx512),
    ] {
        let wide = Type::vector(&Type::F64, bytes / 8).unwrap();
        let takes = FnSig::new([Type::I32, wide.clone()], Type::VOID);
        let returns = FnSig::new([], wide.clone());
        for (sig, what) in [
            (takes, format!("argument 1, {wide}, is passed")),
            (returns, format!("the result, {wide}, is returned")),
        ] {
            // A vector in memory is no matter of registers.
            assert_eq!(refusals(&sig), [const { None }; 4], "{sig}");
            // A front end's code is compiled, and does not become executable.
            let by =
                |name: &str| format!("a vector of {bytes} bytes is passed or returned by {name}");
            let whats = [what.clone(), what, by("shim_abort"), by("wide")];
            let refused = whats.map(|what| {
                let why =
                    format!("{what} in registers of {feature}, which this machine does not have");
                (!is_here).then(|| format!("code cannot be run on x86_64-linux: {why}"))
            });
            let sig = sig.features(level);
            assert_eq!(refusals(&sig), refused, "{sig}");
        }
    }
}

/// Returns the words with which an invoker of `sig` is refused, a closure, a call, and a function
/// that returns the object at address 0.
fn refusals(sig: &FnSig) -> [Option<String>; 4] {
    let (mut invokers, closures) = (invokers(), closures());
    let [mut calls, mut enters] = [(); 2].map(|()| engine());
    define_shim(&mut calls, ("abort", sig), Form::default(), |step| {
        vec![step]
    });
    exported(&mut enters, "wide", sig, |_, engine, builder, entry| {
        let null = builder.ins().iconst(I64, 0);
        let result = (*sig.result() != Type::VOID).then(|| Arg::memory(null));
        entry.ret(engine, builder, result.as_ref()).unwrap();
    });
    [
        refused_by(|| invokers.get(sig).map(drop)),
        refused_by(|| closures.interface(sig).map(drop)),
        refused_by(|| calls.finalize()),
        refused_by(|| enters.finalize()),
    ]
}

/// Returns the words of a refusal, which is that of a machine. The second time they are the same:
/// nothing half done is left.
fn refused_by(mut make: impl FnMut() -> Result<()>) -> Option<String> {
    let [first, again] = [(); 2].map(|()| {
        let error = make().err()?;
        assert!(matches!(error, Error::UnsupportedHost { .. }), "{error}");
        Some(error.to_string())
    });
    assert_eq!(first, again);
    first
}
