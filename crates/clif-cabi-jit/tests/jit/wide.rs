//! Vectors of 32 and 64 bytes in registers: what stubs leave in the vector unit, and machines without
//! such registers.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

use crate::common::*;

/// What a function of the JIT calls.
const C: &str = r#"
typedef double v4 __attribute__((vector_size(32)));
v4 twice(v4 a, double b) { return a + a + b; }
"#;

/// Whether the machine has AVX, and says whether the upper halves of vector registers are in use; says why not.
fn can_run() -> bool {
    let xgetbv = std::arch::is_x86_feature_detected!("avx") && __cpuid_count(13, 1).eax & 4 != 0;
    if !xgetbv {
        println!("not run: this machine has no AVX, or no xgetbv of XINUSE");
    }
    xgetbv
}

/// Whether a vector register has bits above its first 16 bytes in use.
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

/// What `twice` makes of a vector, and whether the upper halves are in use after the call. Instead of each step the stub has those that `steps` gives.
fn doubled(
    settings: &Settings,
    library: &Library,
    steps: fn(Step) -> Vec<Step>,
) -> ([f64; 4], bool) {
    let mut engine = Engine::new(settings).unwrap();
    let twice = library.symbol("twice").unwrap();
    let call = caller(&mut engine, twice.cast(), &sig(), steps);
    let (from, by, mut to) = ([1.0, 2.0, 3.0, 4.0], 0.25, [0.0; 4]);
    let [from, by]: [&[f64]; 2] = [&from, core::slice::from_ref(&by)];
    let data = [
        (&raw mut to).cast_const().cast(),
        from.as_ptr().cast(),
        by.as_ptr().cast(),
    ];
    call(data.as_ptr());
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
                Step::ZeroUpper => vec![],
                _ => vec![step],
            });
            assert_eq!((result, in_use), (right.0, true), "{cc}");
        }
    }
}

/// To run what moves a vector is the end of a process whose machine has no instruction for it. Where it has, all of it compiles.
#[test]
fn a_machine_without_the_registers_is_an_error() {
    let avx = std::arch::is_x86_feature_detected!("avx");
    let avx512 = std::arch::is_x86_feature_detected!("avx512f");
    if avx && avx512 {
        println!("not run: the refusals, since this machine has AVX and AVX-512");
    }
    let levels = [
        (VectorLevel::Avx, 32, "AVX", avx),
        (VectorLevel::Avx512, 64, "AVX-512", avx512),
    ];
    for (level, bytes, feature, is_here) in levels {
        let wide = Type::vector(&Type::F64, bytes / 8).unwrap();
        let takes = FnSig::new([Type::I32, wide.clone()], Type::VOID).features(level);
        let returns = FnSig::new([], wide.clone()).features(level);
        let refused = [
            (&takes, format!("argument 1, {wide}, is passed")),
            (&returns, format!("the result, {wide}, is returned")),
        ];
        for (sig, what) in refused {
            let refusal = (!is_here).then(|| {
                format!(
                    "code cannot be run on x86_64-linux: {what} in registers of {feature}, which this machine does not have"
                )
            });
            let mut invokers = invokers();
            let closures = closures();
            // Twice: nothing half done is left.
            for _ in 0..2 {
                assert_eq!(refused_by(invokers.get(sig)), refusal, "{sig}");
                assert_eq!(refused_by(closures.interface(sig)), refusal, "{sig}");
            }
            // A vector in memory is no matter of registers.
            let in_memory = sig.clone().features(VectorLevel::Baseline);
            assert_eq!(refused_by(invokers.get(&in_memory)), None, "{sig}");
            assert_eq!(refused_by(closures.interface(&in_memory)), None, "{sig}");

            // What a front end compiles is compiled, and does not become executable.
            for (emit, by) in [(compiled_call as Emit, "shim"), (compiled_function, "wide")] {
                let moved = format!("a vector of {bytes} bytes is passed or returned by {by}");
                let refusal = refusal
                    .as_ref()
                    .map(|refusal| refusal.replace(&what, &moved));
                let mut engine = engine();
                emit(&mut engine, sig);
                // Nor when it is tried again.
                for _ in 0..2 {
                    assert_eq!(refused_by(engine.finalize()), refusal, "{sig}");
                }
                let mut engine = crate::common::engine();
                emit(&mut engine, &in_memory);
                assert_eq!(refused_by(engine.finalize()), None, "{sig}");
            }
        }
    }
}

/// Compiles something of a signature into an engine.
type Emit = fn(&mut Engine, &FnSig);

/// The words of a refusal, which is that of a machine.
fn refused_by<T>(made: Result<T, Error>) -> Option<String> {
    let error = made.err()?;
    assert!(matches!(error, Error::UnsupportedHost { .. }), "{error}");
    Some(error.to_string())
}

/// Compiles a call of a function of `sig`, whose arguments are an integer and an object, as a front end does.
fn compiled_call(engine: &mut Engine, sig: &FnSig) {
    let lower = Lowering::new(engine.isa()).unwrap();
    let callee = lower.declare_import(engine, "abort", sig).unwrap();
    let shim = FnSig::new([Type::PTR], Type::VOID);
    exported(engine, &lower, "shim", &shim, |engine, builder, entry| {
        let object = entry.value(builder, 0).unwrap();
        let n = builder.ins().iconst(I32, 1);
        let args = [Arg::value(n), Arg::memory(object)];
        let args = &args[..sig.params().len()];
        lower
            .call(engine, builder, &callee, args, Ret::Ignore)
            .unwrap();
        entry.ret(engine, builder, None).unwrap();
    });
}

/// Compiles a function of `sig`, exported under a name of the user's. If it returns a vector, that is from address 0.
fn compiled_function(engine: &mut Engine, sig: &FnSig) {
    let lower = Lowering::new(engine.isa()).unwrap();
    exported(engine, &lower, "wide", sig, |engine, builder, entry| {
        let null = builder.ins().iconst(I64, 0);
        let result = (*sig.result() != Type::VOID).then(|| Arg::memory(null));
        entry.ret(engine, builder, result.as_ref()).unwrap();
    });
}
