//! Static chains: calls of functions that read its register, and pointers to such functions that
//! bring one. Closures show how our functions receive theirs: their contexts are chains, and the
//! suite `run_time` calls one of each signature.

use std::sync::OnceLock;

use crate::common::*;

#[cfg(unix)]
const C: &str = include_str!("static_chain.c");

#[cfg(unix)]
fn library() -> Option<&'static Library> {
    static BUILT: OnceLock<Library> = OnceLock::new();
    Some(BUILT.get_or_init(|| crate::common::library(&cc(), &[], "static_chain", C)))
}

/// Returns the DLL, which has this C text too.
#[cfg(windows)]
fn library() -> Option<&'static Library> {
    static OPENED: OnceLock<Option<Library>> = OnceLock::new();
    OPENED.get_or_init(crate::windows::dll).as_ref()
}

/// Callers of a bound function know nothing of its chain. The slot of one that is dropped is used
/// again.
#[test]
fn bound_functions_bring_their_chain() {
    let Some(library) = library() else {
        return;
    };
    let closures = closures();
    let code = library.symbol("add_chain").unwrap().cast();
    let bind = |chain: usize| {
        // SAFETY: the library stays open, and the function takes any chain for a number.
        unsafe { closures.bind(code, core::ptr::without_provenance(chain)) }.unwrap()
    };
    let call = |code: *const c_void| {
        // SAFETY: `long add_chain(long)`, which may bring its chain.
        let code: extern "C" fn(i64) -> i64 = unsafe { core::mem::transmute(code) };
        code(1)
    };
    let called = library.symbol("called").unwrap().cast();
    assert_eq!(call(called), 501);
    let bound = [500, 600, 700].map(bind);
    let chains = bound.each_ref().map(|bound| call(bound.code()));
    assert_eq!(chains, [501, 601, 701]);
    let last = bound[2].code();
    drop(bound);
    let rebound = bind(800);
    assert_eq!((rebound.code(), call(rebound.code())), (last, 801));
}

/// A variadic call, with al on System V of x86-64, which counts two doubles. The suite `emission`
/// has others.
#[test]
fn ours_call_c_with_a_chain() {
    let Some(library) = library() else {
        return;
    };
    let chain = 0x1234_5678_9abc_i64 as *const c_void;
    let sig = FnSig::new([Type::I64], Type::I64)
        .variadic()
        .static_chain(MODEL);
    let sig = sig.at_call([Type::F64, Type::F64]).unwrap();
    let code = library.symbol("read_chain_and_al").unwrap().cast();
    for settings in all_settings() {
        let mut invokers = Invokers::new(&settings).unwrap();
        let call = CallInterface::new(&mut invokers, &sig).unwrap();
        // SAFETY: it reads the register of the chain, al, and nothing else.
        let result: i64 = unsafe { call.call(code, (1_i64, chain, 1.0, 2.0)).unwrap() };
        assert_eq!(result, chain.addr() as i64 + 2);
    }
}
