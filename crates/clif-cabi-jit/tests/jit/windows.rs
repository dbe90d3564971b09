//! Windows itself: its memory, its unwinder, its C library. `CABI_WINDOWS_DLL` names the DLL of
//! windows.cc and of other modules' text, because no compiler starts under wine. Modules of other
//! systems compile shared objects of ELF as they run, read `/proc`, or catch SIGSEGV.

mod handlers;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use crate::common::*;
pub(crate) use handlers::bind_cxx;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualQuery(at: *const c_void, to: *mut Region, bytes: usize) -> usize;
    fn RtlLookupFunctionEntry(at: u64, base: *mut u64, history: *mut c_void) -> *const c_void;
    fn RtlCaptureStackBackTrace(skip: u32, n: u32, to: *mut usize, hash: *mut u32) -> u16;
    fn GetLastError() -> u32;
    fn SetLastError(error: u32);
}

unsafe extern "C" {
    fn _errno() -> *mut c_int;
}

/// MEMORY_BASIC_INFORMATION.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: usize,
    reservation: usize,
    first_protection: u32,
    partition: u32,
    bytes: usize,
    state: u32,
    protection: u32,
    kind: u32,
}

const MEM_COMMIT: u32 = 0x1000;
const PAGE_EXECUTE_READ: u32 = 0x20;
/// And PAGE_EXECUTE_WRITECOPY.
const PAGE_EXECUTE_READWRITE: u32 = 0x40 | 0x80;

type FourFn = extern "C-unwind" fn(i64, i64, i64, i64) -> i64;

/// Seven integers and two doubles are alive across the call of `callback`.
const PASS: &str = "function %pass(i64, i64, i64, i64) -> i64 windows_fastcall {
        fn0 = %callback(i64) -> i64 windows_fastcall
    block0(v0: i64, v1: i64, v2: i64, v3: i64):
        v30 = iconst.i64 3
        v4 = imul v0, v30
        v5 = imul v1, v30
        v6 = imul v2, v30
        v7 = imul v3, v0
        v20 = fcvt_from_sint.f64 v1
        v21 = fcvt_from_sint.f64 v2
        v8 = call fn0(v0)
        v22 = fadd v20, v21
        v23 = fcvt_to_sint.i64 v22
        v9 = iadd v4, v5
        v10 = iadd v9, v6
        v11 = iadd v10, v7
        v12 = iadd v11, v8
        v13 = iadd v12, v1
        v14 = iadd v13, v2
        v15 = iadd v14, v3
        v16 = iadd v15, v23
        return v16
    }";

/// Returns the result of `pass` where its callback returns 0.
fn passed([a, b, c, d]: [i64; 4]) -> i64 {
    3 * (a + b + c) + d * a + b + c + d + b + c
}

fn passing(settings: &Settings, callback: extern "C-unwind" fn(i64) -> i64) -> Engine {
    let mut engine = Engine::new(settings).unwrap();
    engine.bind("callback", callback as *const u8).unwrap();
    program(&mut engine, PASS).unwrap();
    engine.finalize().unwrap();
    engine
}

fn pass(engine: &Engine) -> TypedCode<FourFn> {
    // SAFETY: compiled so in `PASS`.
    unsafe { named::<FourFn>(engine, "pass") }
}

extern "C-unwind" fn zero(_: i64) -> i64 {
    0
}

/// Returns the addresses to which the functions on this thread's stack return.
fn returns() -> Vec<usize> {
    let mut all = vec![0; 62];
    // SAFETY: room for 62.
    let n = unsafe { RtlCaptureStackBackTrace(0, 62, all.as_mut_ptr(), std::ptr::null_mut()) };
    all.truncate(n.into());
    all
}

thread_local! {
    static SEEN: std::cell::RefCell<Vec<usize>> = const { std::cell::RefCell::new(Vec::new()) };
}

extern "C-unwind" fn look(_: i64) -> i64 {
    SEEN.set(returns());
    0
}

/// The callers of this function are found through the engine's, up to the start of the thread.
#[test]
fn a_backtrace_passes_code() {
    let engine = passing(&Settings::default(), look);
    assert_eq!(pass(&engine)(1, 2, 3, 4), passed([1, 2, 3, 4]));
    let (here, seen) = (returns(), SEEN.take());
    // This function's own place differs.
    let callers = &here[here.len() - 4..];
    assert!(seen.ends_with(callers), "{seen:x?} {here:x?}");
    // SAFETY: only looked at.
    let start = unsafe { pass(&engine).code().as_ptr() }.addr();
    let own = start..start + pass(&engine).code().size();
    assert!(seen.iter().any(|at| own.contains(at)), "{seen:x?} {own:x?}");
}

extern "C-unwind" fn panics(_: i64) -> i64 {
    std::panic::resume_unwind(Box::new(7))
}

/// Catches what passes through `f`, and keeps eight numbers in registers meanwhile.
#[inline(never)]
fn keeps(f: FourFn, numbers: &[i64; 8]) -> Option<[i64; 8]> {
    let [a, b, c, d, e, g, h, i] = std::hint::black_box(*numbers);
    let caught = catch_unwind(AssertUnwindSafe(|| f(a, b, c, d)));
    caught.err().map(|_| [a, b, c, d, e, g, h, i])
}

#[test]
fn panics_pass_and_registers_are_kept() {
    for level in [OptLevel::None, OptLevel::Speed] {
        let engine = passing(&Settings::default().opt_level(level), panics);
        for n in 0..30 {
            let numbers = [1, 2, 3, 4, 5, 6, 7, 8].map(|own| own << n);
            assert_eq!(keeps(*pass(&engine), &numbers), Some(numbers), "{level:?}");
        }
    }
}

type InvokerFn = unsafe extern "C-unwind" fn(*const c_void, *const *const c_void, *mut c_void);

thread_local! {
    static INVOKED: Cell<Option<(InvokerFn, *const c_void)>> = const { Cell::new(None) };
}

/// Calls what is [`INVOKED`] by its invoker.
extern "C-unwind" fn invokes(n: i64, _: i64, _: i64, _: i64) -> i64 {
    let (invoker, throws) = INVOKED.get().unwrap();
    let mut result = 0_i64;
    // SAFETY: the invoker of `i64 throws(i64)`.
    unsafe { invoker(throws, &(&raw const n).cast(), (&raw mut result).cast()) };
    result
}

/// Exceptions of C++ pass too, through functions and through an invoker.
#[test]
fn exceptions_pass_and_registers_are_kept() {
    let Some(dll) = dll() else {
        return;
    };
    let mut engine = engine();
    engine.add_library(&dll);
    program(&mut engine, &PASS.replace("%callback", "%throws")).unwrap();
    engine.finalize().unwrap();
    let mut invokers = invokers();
    let invoker = invokers.get(&FnSig::new([Type::I64], Type::I64)).unwrap();
    // SAFETY: what an invoker takes; it lives until the last call.
    let invoker = unsafe { *invoker.code().typed::<InvokerFn>() };
    INVOKED.set(Some((invoker, dll.symbol("throws").unwrap().cast())));
    for f in [*pass(&engine), invokes] {
        let wrong = |n| wrong_registers(&engine, f, n);
        assert_eq!([0, 1, 2, 3].map(wrong), [100, 0, 0, 0]);
    }
}

/// Returns the DLL of windows.cc.
pub(crate) fn dll() -> Option<Library> {
    let Some(dll) = std::env::var_os("CABI_WINDOWS_DLL") else {
        not_run("exceptions of C++: CABI_WINDOWS_DLL names no DLL of windows.cc");
        return None;
    };
    // SAFETY: it has the C++ library's constructors alone.
    Some(unsafe { Library::open(dll) }.unwrap())
}

/// Returns how many registers of the caller of `f(n, 2, 3, 4)` are wrong after the call. The number
/// is 100 more if the exception `n` did not come out of the call.
fn wrong_registers(engine: &Engine, f: FourFn, n: c_int) -> c_int {
    type Wrong = unsafe extern "C-unwind" fn(FourFn, c_int) -> c_int;
    // SAFETY: as windows.cc declares it.
    unsafe { symbol::<Wrong>(engine, "wrong_registers")(f, n) }
}

/// The pages of one engine: most are reserved alone, and none is writable and executable. Its
/// functions are known to the unwinder as long as it is there.
#[test]
fn memory_is_committed_as_it_is_used_and_tables_go_with_it() {
    let engine = passing(&Settings::default(), zero);
    assert_eq!(pass(&engine)(1, 2, 3, 4), passed([1, 2, 3, 4]));
    // SAFETY: only looked at.
    let at = unsafe { pass(&engine).code().as_ptr() };
    let is_known = || {
        let mut base = 0;
        // SAFETY: looks an address up.
        let entry = unsafe {
            RtlLookupFunctionEntry(at.addr() as u64, &raw mut base, std::ptr::null_mut())
        };
        !entry.is_null()
    };
    let query = |at: *const c_void| {
        let mut region = Region::default();
        // SAFETY: room for what it writes.
        let n = unsafe { VirtualQuery(at, &raw mut region, size_of::<Region>()) };
        (n > 0).then_some(region)
    };
    let reservation = query(at).unwrap().reservation;
    let (mut next, mut committed, mut reserved, mut executable) = (reservation, 0, 0, 0);
    while let Some(region) =
        query(std::ptr::without_provenance(next)).filter(|own| own.reservation == reservation)
    {
        let is_committed = region.state == MEM_COMMIT;
        *if is_committed {
            &mut committed
        } else {
            &mut reserved
        } += region.bytes;
        assert!(!is_committed || region.protection & PAGE_EXECUTE_READWRITE == 0);
        executable += usize::from(is_committed && region.protection == PAGE_EXECUTE_READ);
        next += region.bytes;
    }
    assert_eq!(committed + reserved, 64 << 20);
    assert!(
        (1..=256 << 10).contains(&committed) && executable == 1,
        "{committed} {executable}"
    );
    assert!(is_known());
    drop(engine);
    assert!(!is_known());
}

/// An UNWIND_INFO lies at a multiple of 4 bytes, however its code is aligned: an odd offset would
/// name another entry.
#[test]
fn rules_are_aligned() {
    let mut engine = engine();
    let sig = engine.make_signature();
    let odd = engine.declare_local(&sig).unwrap();
    engine.define_function_bytes(odd, 1, &[0xc3], &[]).unwrap();
    let name = format!("__clif_cabi_frame_align64_call{}_leave", odd.as_u32());
    let code = stub_code(engine.isa(), &Stub::from_name(&name).unwrap()).unwrap();
    let reloc = code.reloc.unwrap();
    let reloc = ModuleReloc {
        offset: reloc.offset,
        kind: Reloc::Abs8,
        name: ModuleRelocTarget::user(0, reloc.callee),
        addend: reloc.addend,
    };
    let id = engine.declare_export(&name, &sig).unwrap();
    engine
        .define_function_bytes(id, 1, &code.bytes, &[reloc])
        .unwrap();
    engine.finalize().unwrap();
    let mut base = 0;
    // SAFETY: looks the address of the stub up; its entry stays as long as the engine.
    let [start, _, info] = unsafe {
        let at = engine.code(id).unwrap().as_ptr().addr() as u64;
        let entry = RtlLookupFunctionEntry(at, &raw mut base, std::ptr::null_mut());
        entry.cast::<[u32; 3]>().read()
    };
    let info = base + u64::from(info);
    assert!(info.is_multiple_of(4), "{base:x} {start} {info:x}");
}

/// The stack grows page by page: a large frame touches each.
#[test]
fn large_frames_are_probed() {
    let mut engine = engine();
    let text = "function %large(i64) -> i64 windows_fastcall {
            ss0 = explicit_slot 600000
        block0(v0: i64):
            v1 = stack_addr.i64 ss0
            store v0, v1
            v2 = load.i64 v1
            return v2
        }";
    program(&mut engine, text).unwrap();
    engine.finalize().unwrap();
    // SAFETY: compiled so just above.
    let large = unsafe { named::<extern "C" fn(i64) -> i64>(&engine, "large") };
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let result = thread.spawn(move || large(42)).unwrap().join();
    assert_eq!(result.unwrap(), 42);
}

/// The process has one `errno`: that of the C library that this program is linked with.
#[test]
fn the_c_library_is_that_of_the_program() {
    // SAFETY: `int *_errno(void)`, in both.
    let [own, found] = unsafe {
        let found: unsafe extern "C" fn() -> *mut c_int = symbol(&engine(), "_errno");
        [_errno(), found()]
    };
    assert_eq!(own, found);
    assert_eq!(
        Library::process().symbol("printf").is_ok(),
        cfg!(target_env = "gnu")
    );
}

/// A closure finds the last error as its caller has set it, and its caller as the closure has.
#[test]
fn closures_keep_the_last_error() {
    let interface = closures().function("unsigned f(void)").unwrap();
    let itself = Arc::new(Mutex::new(None::<Closure<'static>>));
    let inside = Arc::clone(&itself);
    let body = move |_: &ClosureArgs<'_>, result: &mut ClosureResult<'_>| {
        // SAFETY: a number of this thread.
        result.set(unsafe { GetLastError() }).unwrap();
        drop(inside.lock().unwrap().take());
        // SAFETY: as above.
        unsafe { SetLastError(7) };
    };
    let local = interface.local("of this thread", body.clone()).unwrap();
    let closure = interface.closure("drops itself", body).unwrap();
    let codes = [closure.code(), local.code()];
    *itself.lock().unwrap() = Some(closure);
    for code in codes {
        // SAFETY: `unsigned f(void)`, and numbers of this thread.
        unsafe {
            let f: unsafe extern "C" fn() -> u32 = core::mem::transmute(code);
            SetLastError(42);
            assert_eq!([f(), GetLastError()], [42, 7]);
        }
    }
}
