//! Calls one measured signature many times, for callgrind to count: a loop, the shim, and a callee built by `cc -O2` that does next to
//! nothing. The difference of two runs is what one call costs, and how the tables of performance are made.
//!
//! ```text
//! cargo build --release -p cabi-tests --example calls
//! for n in 10000 20000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/calls mix10 $n 2>&1 | grep Collected
//! done
//! ```

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    match run::calls() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("calls: {why}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("calls: not run: only x86-64 System V is lowered yet");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod run {
    use cabi::FnSig;
    use cabi_tests::shims::{self, Measured, asked_for};
    use cabi_verify::build::Installed;
    use cabi_verify::emit::cranelift::shim_signature;
    use clif_cabi::Lowering;
    use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
    use clif_cabi::cranelift_module::Module;
    use clif_cabi_jit::{Code, Cpu, Engine, Settings};

    /// Callees that use each argument once, and the loop.
    const SOURCE: &str = r#"
typedef struct { double x, y; } dd;
typedef struct { long a, b; } ll;
typedef struct { double x; long n; } dl;
typedef struct { int n; float x; } si;
typedef struct { float x, y, z; } fff;
typedef struct { float a[4]; } f4;
typedef struct { int a[3]; } i3;
typedef struct { char b[3]; } c3;
typedef struct { char b[9]; } c9;
typedef struct { char b[17]; } c17;
typedef struct { long a[4]; } l4;
typedef struct { long double x; } ld;
int i32_2(int a, int b) { return a + b; }
double f64_2(double a, double b) { return a + b; }
void *ptr(void *p) { return p; }
signed char i8_2(signed char a, signed char b) { return a + b; }
long i64_8(long a, long b, long c, long d, long e, long f, long g, long h) { return a + b + c + d + e + f + g + h; }
double f64_10(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j) { return a + b + c + d + e + f + g + h + i + j; }
dd s_dd(dd v) { return v; }
ll s_ll(ll v) { return v; }
dl s_dl(dl v) { return v; }
si s_if(si v) { return v; }
fff s_fff(fff v) { return v; }
f4 s_f4(f4 v) { return v; }
i3 s_i3(i3 v) { return v; }
c3 s_c3(c3 v) { return v; }
c9 s_c9(c9 v) { return v; }
c17 s_c17(c17 v) { return v; }
l4 s_l4(l4 v) { return v; }
double _Complex cplx(double _Complex v) { return v; }
float _Complex cplxf(float _Complex v) { return v; }
__int128 i128(__int128 a, __int128 b) { return a + b; }
long double ld_2(long double a, long double b) { return a + b; }
ld s_ld(ld v) { return v; }
long double _Complex cplxl(long double _Complex v) { return v; }
double mix10(int a, double b, dl c, long d, float e, signed char f, short g, ll h, ll i, unsigned j) {
  return b + c.x + e + (double)(a + c.n + d + f + g + h.a + h.b + i.a + i.b + j);
}
double vsum4(int n, ...) {
  double sum = 0;
  __builtin_va_list list;
  __builtin_va_start(list, n);
  for (int i = 0; i < n; i++) sum += __builtin_va_arg(list, double);
  __builtin_va_end(list);
  return sum;
}
void repeat(void (*shim)(const void *, void *, void *), const void *args, void *ret, void *callee, long n) {
  for (long i = 0; i < n; i++) shim(args, ret, callee);
}
"#;

    pub(crate) fn calls() -> Result<String, String> {
        let (Measured { name, sig, .. }, n) = asked_for()?;
        let bench = Installed::find();
        let reference = bench.references.first().ok_or("no C compiler")?;
        let built = reference
            .build(SOURCE, &["-O2"])
            .map_err(|error| error.to_string())?;

        let code = shim(&sig)?;
        // A variadic function adds up as many as its first argument says: 4.
        let mut args = [0_u8; 256];
        args[0] = 4;
        let mut ret = [0_u8; 64];
        // SAFETY: the library is made of SOURCE, whose functions have the types of `measured`; the buffers are larger than any
        // arguments and results there.
        unsafe {
            type Repeat = extern "C" fn(*const u8, *const u8, *mut u8, *const u8, u64);
            let library =
                libloading::Library::new(&built.object).map_err(|error| error.to_string())?;
            let callee = library.get::<extern "C" fn()>(name.as_bytes());
            let callee = *callee.map_err(|error| error.to_string())?;
            let repeat = library
                .get::<Repeat>(b"repeat")
                .map_err(|error| error.to_string())?;
            let shim = code.as_ptr().cast::<u8>();
            repeat(
                shim,
                args.as_ptr(),
                ret.as_mut_ptr(),
                callee as *const u8,
                n,
            );
        }
        Ok(format!("{name}: {n} calls by {}", reference.name()))
    }

    fn shim(sig: &FnSig) -> Result<Code, String> {
        let settings = Settings::default().cpu(Cpu::Baseline);
        let mut engine = Engine::new(&settings).map_err(|error| error.to_string())?;
        let lower = Lowering::new(engine.isa()).map_err(|error| error.to_string())?;
        let signature = shim_signature();
        let id = engine
            .declare_local(&signature)
            .map_err(|error| error.to_string())?;
        let mut ctx = engine.make_context();
        ctx.func.signature = signature;
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        shims::emit(&mut engine, &lower, &mut builder, sig).map_err(|error| error.to_string())?;
        builder.finalize(engine.isa().frontend_config());
        engine
            .define(id, &mut ctx)
            .map_err(|error| error.to_string())?;
        engine.finalize().map_err(|error| error.to_string())?;
        engine.code(id).map_err(|error| error.to_string())
    }
}
