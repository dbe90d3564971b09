//! Static chains: C calls our functions with one (`__builtin_call_with_static_chain`), and ours call functions that read its
//! register. Where the chain of a function goes whose other arguments take the registers, closures show: their contexts are chains, and the suite `interop`
//! has C call one of each signature.

use std::sync::OnceLock;

use crate::common::*;

/// A function of ours returns its chain plus its argument; each of C's does the same.
const C: &str = r#"
typedef long f(long);
long plain(f *ours) { return ours(1); }
long with_chain(f *ours, long chain) { return __builtin_call_with_static_chain(ours(1), (void *)chain); }

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

fn library() -> &'static Library {
    static BUILT: OnceLock<Library> = OnceLock::new();
    BUILT.get_or_init(|| crate::common::library(&cc(), &[], "static_chain", C))
}

/// `long f(long)` that adds its chain.
fn entered(engine: &mut Engine) -> *const c_void {
    let lower = Lowering::new(engine.isa()).unwrap();
    let sig = FnSig::new([Type::I64], Type::I64).static_chain(&DataModel::LP64);
    let function = exported(engine, &lower, "ours", &sig, |engine, builder, entry| {
        let [n, chain] = [0, 1].map(|i| entry.value(builder, i).unwrap());
        let sum = Arg::value(builder.ins().iadd(n, chain));
        entry.ret(engine, builder, Some(&sum)).unwrap();
    });
    engine.finalize().unwrap();
    // SAFETY: the engine lives as long as the test.
    unsafe { engine.code(function.id).unwrap().as_ptr() }
}

/// C's callers of a bound function know nothing of its chain. The slot of one that is dropped is used again.
#[test]
fn c_calls_ours_with_a_chain_and_bound_functions_without() {
    for settings in all_settings() {
        let mut engine = Engine::new(&settings).unwrap();
        engine.add_library(library());
        let ours = entered(&mut engine);
        let with_chain = engine.symbol("with_chain").unwrap();
        // SAFETY: `long with_chain(function, long)` of the library.
        let with_chain: extern "C" fn(*const c_void, i64) -> i64 =
            unsafe { core::mem::transmute(with_chain) };
        assert_eq!(with_chain(ours, 500), 501);
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
