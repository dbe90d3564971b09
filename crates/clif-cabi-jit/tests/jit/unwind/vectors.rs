//! Vectors that Cranelift saves without a rule.

use crate::common::*;

/// Throws, and catches what passes through `f` with eight numbers in registers.
const KEEPS: &str = r#"
extern "C" void throws() { throw 7; }
extern "C" double keeps(void (*f)(double), const double *from) {
  double a = from[0], b = from[1], c = from[2], d = from[3];
  double e = from[4], g = from[5], h = from[6], i = from[7];
  try { f(0.5); } catch (int) { return a + b + c + d + e + g + h + i; }
  return -1;
}
"#;

type Passes = extern "C" fn(f64);
type Keeps = extern "C" fn(Passes, *const f64) -> f64;

/// Returns a function that is `preserve_all`, has such a frame and uses every vector register, and
/// one that calls it.
fn text(n_bytes: u32) -> String {
    let makes: String = (1..=40)
        .map(|n| format!("v{n} = fmul v{}, v0\n", n - 1))
        .collect();
    let sums: String = (1..40)
        .map(|n| format!("v{} = fadd v{}, v{}\n", 40 + n, 39 + n, 40 - n))
        .collect();
    format!(
        "function %uses_all(f64) preserve_all {{
            fn0 = %throws() system_v
            ss0 = explicit_slot {n_bytes}
        block0(v0: f64):
            {makes}
            {sums}
            v80 = stack_addr.i64 ss0
            store v79, v80
            call fn0()
            return
        }}
        function %passes(f64) system_v {{
            fn0 = %uses_all(f64) preserve_all
        block0(v0: f64):
            call fn0(v0)
            return
        }}"
    )
}

/// Cranelift has no rule for d8 to d15 on AArch64 and for f8 to f15 on s390x. Large frames have
/// other instructions on s390x.
#[test]
fn vectors_survive_preserve_all() {
    for (cxx, flags) in cxx_compilers() {
        let keeping = library(cxx, &[&flags[..], &["-O2"]].concat(), "keeps", KEEPS);
        for (settings, n_bytes) in all_settings()
            .iter()
            .flat_map(|own| [8, 5_000, 600_000].map(|n_bytes| (own, n_bytes)))
        {
            let mut engine = Engine::new(settings).unwrap();
            engine.add_library(&keeping);
            program(&mut engine, &text(n_bytes)).unwrap();
            engine.finalize().unwrap();
            let keeps = engine.symbol("keeps").unwrap();
            // SAFETY: the library's function and the compiled one have these signatures.
            let (keeps, passes) = unsafe {
                (
                    std::mem::transmute::<*const u8, Keeps>(keeps),
                    named::<Passes>(&engine, "passes"),
                )
            };
            let numbers: [f64; 8] = std::array::from_fn(|i| f64::from(1 << i));
            let sum = keeps(*passes, numbers.as_ptr());
            assert_eq!(sum, 255.0, "{cxx} {n_bytes} {settings:?}");
        }
    }
}
