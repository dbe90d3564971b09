//! Static chains: C calls our functions with one (`__builtin_call_with_static_chain`), and ours call functions that read its
//! register.

use std::sync::OnceLock;

use crate::common::*;

/// Each function of ours returns its chain plus what it is told to; each of C's does the same.
const C: &str = r#"
typedef struct { double x; long n; } pair;
typedef struct { long a[5]; } big;
typedef long f1(long);
typedef pair f2(long, pair, big);
typedef long f3(long, long, long, long, long, long, long);
typedef long f5(long, long, long, long, long, long, double, double, double, double, double, double, double, double, big);
typedef long f6(long, ...);
typedef long double f4(double, double, double, double, double, double, double, double, long);
#define WITH(chain, call) __builtin_call_with_static_chain(call, (void *)chain)
long plain(f1 *f) { return f(1); }
long call1(f1 *f, long chain) { return WITH(chain, f(1)); }
long call2(f2 *f, long chain) {
  pair p = { 0.5, 20 };
  big b = { { 1, 2, 3, 4, 5 } };
  pair r = WITH(chain, f(1, p, b));
  return r.x == 1.5 ? r.n : -1;
}
long call3(f3 *f, long chain) { return WITH(chain, f(1, 2, 3, 4, 5, 6, 7)); }
long call4(f4 *f, long chain) { return (long)WITH(chain, f(1, 2, 3, 4, 5, 6, 7, 8, 9)); }
long call5(f5 *f, long chain) {
  big b = { { 1, 2, 3, 4, 5 } };
  return WITH(chain, f(1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8, b));
}
long call6(f6 *f, long chain) {
  big b = { { 1, 2, 3, 4, 5 } };
  return WITH(chain, f(1, 2L, 0.5, 3L, 4L, 5L, 6L, 7L, b, 8L));
}

#ifdef __aarch64__
__asm__(".pushsection .text\n"
        ".globl read_chain, read_chain_and_al\n"
        "read_chain: mov x0, x18\n ret\n"
        "read_chain_and_al: add x0, x18, #2\n ret\n"
        ".popsection");
#else
__asm__(".pushsection .text\n"
        "read_chain: movq %r10, %rax\n ret\n"
        "read_chain_and_al: movzbl %al, %eax\n leaq (%r10, %rax), %rax\n ret\n"
        ".popsection");
#endif
long read_chain(void), read_chain_and_al(void);
void *chain_reader(void) { return (void *)read_chain; }
void *chain_and_al_reader(void) { return (void *)read_chain_and_al; }
"#;

/// `struct { long a[5]; }`
fn big() -> Type {
    record(&[Type::array(&Type::I64, 5).unwrap()])
}

fn library() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| crate::common::library(&cc(), &[], "static_chain", C))
}

/// A function of `sig`, whose last argument is the chain; `body` gives its result from the chain.
fn entered(engine: &mut Engine, lower: &Lowering, sig: &FnSig) -> *const c_void {
    let name = format!("ours {sig}");
    let function = exported(engine, lower, &name, sig, |engine, builder, entry| {
        let chain = entry.value(builder, sig.n_named() - 1).unwrap();
        let result = match sig.result() {
            ty if *ty == Type::F80 => {
                // The first eight bytes of a long double are its mantissa: (1 << 63) with the exponent of 2^12 is 4096.
                let top = builder.ins().iconst(I64, i64::MIN);
                let exponent = builder.ins().iconst(I64, 0x3fff);
                let exponent = builder.ins().iadd(exponent, chain);
                Arg::parts(&[top, exponent])
            }
            ty if ty.as_record().is_some() => {
                let from = entry.address(builder, 1).unwrap();
                let flags = MemFlagsData::new();
                let x = builder.ins().load(F64, flags, from, 0);
                let one = builder.ins().f64const(1.0);
                let mut x = builder.ins().fadd(x, one);
                if cfg!(target_arch = "aarch64") {
                    x = builder.ins().bitcast(I64, MemFlagsData::new(), x); // all of it is in integer registers
                }
                let n = builder.ins().load(I64, flags, from, 8);
                let n = builder.ins().iadd(n, chain);
                Arg::parts(&[x, n])
            }
            _ => {
                let first = entry.value(builder, 0).unwrap();
                let sum = builder.ins().iadd(first, chain);
                let rest = match (sig.is_variadic(), sig.params().len()) {
                    (true, _) => unnamed(lower, &entry, builder, sig),
                    // The last word of the record after 14 numbers.
                    (false, 16) => {
                        let big = entry.address(builder, 14).unwrap();
                        builder.ins().load(I64, MemFlagsData::new(), big, 32)
                    }
                    _ => builder.ins().iconst(I64, 0),
                };
                Arg::value(builder.ins().iadd(sum, rest))
            }
        };
        entry.ret(engine, builder, Some(&result)).unwrap();
    });
    assert_ne!(function.body, function.id);
    engine.finalize().unwrap();
    // SAFETY: the engine lives as long as the test.
    unsafe { engine.code(function.id).unwrap().as_ptr() }
}

/// The sum of the unnamed longs of `call6`, and of the last word of its record.
fn unnamed(
    lower: &Lowering,
    entry: &Entry,
    builder: &mut FunctionBuilder<'_>,
    sig: &FnSig,
) -> Value {
    let (long, double, big) = (Type::I64, Type::F64, big());
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 3);
    let slot = builder.create_sized_stack_slot(slot);
    let list = builder.ins().stack_addr(I64, slot, 0);
    entry.va_start(builder, list).unwrap();
    let mut sum = builder.ins().iconst(I64, 0);
    let longs = |n| std::iter::repeat_n(long.clone(), n);
    let types = longs(1)
        .chain([double])
        .chain(longs(5))
        .chain([big])
        .chain(longs(1));
    for ty in types {
        let address = lower.va_arg(builder, list, sig, &ty).unwrap();
        let word = match ty.size() {
            40 => 32,
            _ if ty == Type::F64 => continue,
            _ => 0,
        };
        let word = builder.ins().load(I64, MemFlagsData::new(), address, word);
        sum = builder.ins().iadd(sum, word);
    }
    sum
}

#[test]
fn c_calls_ours_with_a_chain() {
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        engine.add_library(library());
        let lower = Lowering::new(engine.isa()).unwrap();
        let (pair, big) = (pair(), big());
        let floats = vec![Type::F64; 8].into_iter().chain([Type::I64]);
        let all = [vec![Type::I64; 6], vec![Type::F64; 8], vec![big.clone()]].concat();
        let cases = [
            ("call1", FnSig::new([Type::I64], Type::I64), 500, 501),
            (
                "call2",
                FnSig::new([Type::I64, pair.clone(), big.clone()], pair),
                500,
                520,
            ),
            // The chain is in a vector register, since all integer registers are taken.
            ("call3", FnSig::new(vec![Type::I64; 7], Type::I64), 500, 501),
            ("call4", FnSig::new(floats, Type::F80), 12, 4096),
            // The chain finds no register: all have named arguments, or are saved for unnamed ones.
            ("call5", FnSig::new(all, Type::I64), 500, 506),
            (
                "call6",
                FnSig::new([Type::I64], Type::I64).variadic(),
                500,
                501 + 2 + 3 + 4 + 5 + 6 + 7 + 5 + 8,
            ),
        ];
        for (name, sig, chain, expected) in cases {
            if sig.result() == &Type::F80 && cfg!(not(target_arch = "x86_64")) {
                continue; // long double is another type
            }
            let ours = entered(&mut engine, &lower, &sig.static_chain(&DataModel::LP64));
            let call = engine.symbol(name).unwrap();
            // SAFETY: `long callN(function, long)` of the library.
            let call: extern "C" fn(*const c_void, i64) -> i64 =
                unsafe { core::mem::transmute(call) };
            assert_eq!(call(ours, chain), expected, "{name}");
        }
    }
}

/// C's callers of a bound function know nothing of its chain. The slot of one that is dropped is used again.
#[test]
fn bound_functions_bring_their_chain() {
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        engine.add_library(library());
        let lower = Lowering::new(engine.isa()).unwrap();
        let sig = FnSig::new([Type::I64], Type::I64).static_chain(&DataModel::LP64);
        let ours = entered(&mut engine, &lower, &sig);
        let plain = engine.symbol("plain").unwrap();
        // SAFETY: `long plain(function)` of the library.
        let plain: extern "C" fn(*const c_void) -> i64 = unsafe { core::mem::transmute(plain) };
        let closures = clif_cabi_jit::Closures::new(&settings).unwrap();
        let bind = |chain: usize| {
            // SAFETY: the engine lives as long as what is bound, and the function takes any chain for a number.
            unsafe { closures.bind(ours, core::ptr::without_provenance(chain)) }.unwrap()
        };
        let bound = [500, 600, 700].map(bind);
        let results = bound.each_ref().map(|bound| plain(bound.code()));
        assert_eq!(results, [501, 601, 701]);
        let last = bound[2].code();
        drop(bound);
        let again = bind(800);
        assert_eq!((again.code(), plain(again.code())), (last, 801));
    }
}

#[test]
fn ours_call_c_with_a_chain() {
    for settings in all_settings() {
        let mut invokers = Invokers::new(&settings).unwrap();
        invokers.engine_mut().add_library(library());
        let reader = |invokers: &Invokers, name: &str| {
            let reader = invokers.engine().symbol(name).unwrap();
            // SAFETY: `void *reader(void)` of the library.
            let reader: extern "C" fn() -> *const c_void = unsafe { core::mem::transmute(reader) };
            reader()
        };
        let chain = 0x1234_5678_9abc_i64 as *const c_void;
        for n in 0..12 {
            let args = vec![7_i64; n];
            let args = args.iter().map(CallArg::new).chain([CallArg::new(&chain)]);
            let args: Vec<_> = args.collect();
            let sig = FnSig::new(vec![Type::I64; n], Type::I64).static_chain(&DataModel::LP64);
            let code = reader(&invokers, "chain_reader");
            let call = CallInterface::new(&mut invokers, &sig).unwrap();
            // SAFETY: it reads the register of the chain and nothing else.
            let read: i64 = unsafe { call.call(code, &args).unwrap() };
            assert_eq!(read, chain.addr() as i64, "{n} integers");
        }
        // A variadic call, with al on x86-64, which tells of two doubles.
        let sig = FnSig::new([Type::I64], Type::I64)
            .variadic()
            .static_chain(&DataModel::LP64);
        let sig = sig.at_call([Type::F64, Type::F64]).unwrap();
        let code = reader(&invokers, "chain_and_al_reader");
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        let args = [
            CallArg::new(&1_i64),
            CallArg::new(&chain),
            CallArg::new(&1.0),
            CallArg::new(&2.0),
        ];
        // SAFETY: it reads the register of the chain, al, and nothing else.
        let read: i64 = unsafe { call.call(code, args).unwrap() };
        assert_eq!(read, chain.addr() as i64 + 2);
    }
}
