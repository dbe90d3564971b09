//! Everything that can be done wrong with an engine, each with its exact error; nothing panics, and the engine goes on
//! working afterwards.

use crate::common::*;

mod code;
mod declarations;
mod relocations;
#[cfg(target_arch = "x86_64")]
mod stubs;
mod symbols;

fn message<T>(result: Result<T>) -> String {
    result.err().expect("refused").to_string()
}

/// An engine is sound after an error: it still compiles and runs.
fn works(engine: &mut Engine) {
    let id = engine.declare_local(&signature("() -> i32 system_v"));
    let id = id.unwrap();
    define(
        engine,
        id,
        "function %seven() -> i32 system_v {\nblock0:\n v0 = iconst.i32 7\n return v0\n}",
    )
    .unwrap();
    engine.finalize().unwrap();
    // SAFETY: an `int(void)`.
    let seven = unsafe { function::<extern "C" fn() -> i32>(engine, id) };
    assert_eq!(seven(), 7);
}

const CALLS_0: &str = "function %f() system_v {
    sig0 = () system_v
    fn0 = u0:0 sig0
block0:
    call fn0()
    return
}";

#[test]
fn memory_runs_out_with_an_error_and_what_fits_still_fits() {
    let page = page();
    let all = 2 * page;
    let mut engine = Engine::new(&Settings::default().memory(all)).unwrap();
    let sig = signature("() system_v");
    let big = engine.declare_export("big", &sig).unwrap();
    assert_eq!(
        message(engine.define_bytes(big, &vec![0xc3; 3 * page], &[])),
        format!(
            "the engine's memory of {all} bytes is exhausted: {} bytes wanted, {all} free",
            3 * page
        )
    );
    engine
        .define_bytes(big, &vec![0xc3; page + 1], &[])
        .unwrap();
    works(&mut engine);
    let mut rounds = 0;
    let text = loop {
        let id = engine.declare_local(&sig).unwrap();
        match engine.define_bytes(id, &[0xc3; 100], &[]) {
            Ok(()) => rounds += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(rounds, 0, "the rest of the second page is sealed");
    assert_eq!(
        text,
        format!("the engine's memory of {all} bytes is exhausted: 100 bytes wanted, 0 free")
    );
    for (size, expected) in [
        (0, "memory of 0 bytes: must be between 1 and 2147483648"),
        (
            usize::MAX,
            "memory of 18446744073709551615 bytes: must be between 1 and 2147483648",
        ),
    ] {
        assert_eq!(
            message(Engine::new(&Settings::default().memory(size))),
            expected
        );
    }
}
