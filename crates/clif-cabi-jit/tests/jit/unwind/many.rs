//! Many engines, one after another and side by side: their tables are unregistered, and tables of
//! several rounds do not hide each other.

use super::kinds::build;
use super::nested::Outer;

use crate::common::*;

const CALLS: &str = "(i64, i32) -> i32 system_v {\n sig0 = () -> i32 system_v\nblock0(v0: i64, v1: i32):\n v2 = call_indirect sig0, v0()\n return v2\n}";

/// Defines `int name(int (*g)(), int n)`, which calls `g`, with `bytes` of code more.
fn calls(engine: &mut Engine, name: &str, bytes: usize) -> FuncId {
    let adds: String = (0..bytes / 4)
        .map(|i| format!(" v{} = iadd v{}, v1\n", i + 3, i + 2))
        .collect();
    let last = bytes / 4 + 2;
    let text = CALLS.replace(" return v2", &format!("{adds} return v{last}"));
    add(engine, name, &format!("function %{name}{text}"))
}

fn code(engine: &Engine, id: FuncId) -> Outer {
    let code = engine.code(id).unwrap();
    // SAFETY: `int (int (*)(), int)`.
    unsafe { core::mem::transmute(code.as_ptr()) }
}

/// Statistics of glibc's `malloc`.
#[repr(C)]
struct Mallinfo([usize; 7], InUse, [usize; 2]);
#[repr(C)]
struct InUse(usize);

unsafe extern "C" {
    safe fn mallinfo2() -> Mallinfo;
}

/// Returns the bytes given out more after so many engines, each of which has thrown or not; libgcc
/// allocates a record for each table. Some code is `kept` for ever.
fn grown_by(n: usize, kept: bool) -> usize {
    let library = build("unwind_many", &cxx_compilers().pop().unwrap());
    let throw = |i: usize| {
        let settings = Settings::default().memory(1 << 20).personality(gxx());
        let mut engine = Engine::new(&settings).unwrap();
        engine.add_library(&library);
        let id = calls(&mut engine, "calls", 0);
        engine.finalize().unwrap();
        if i.is_multiple_of(10) {
            // SAFETY: as the C++ text declares it.
            let caught_of: extern "C" fn(Outer) -> c_int = unsafe { symbol(&engine, "caught_of") };
            assert_eq!(caught_of(code(&engine, id)), 1005);
        }
        if kept {
            core::mem::forget(engine.code(id).unwrap());
        }
    };
    (0..100).for_each(throw);
    let before = mallinfo2().1.0;
    (0..n).for_each(throw);
    mallinfo2().1.0.saturating_sub(before)
}

/// In a child, where nothing else allocates.
#[test]
fn engines_come_and_go() {
    if let Some(task) = child_task() {
        let kept = task == "kept";
        let n = if kept { 2_000 } else { repeated(10_000) };
        println!("grown by {}.", grown_by(n, kept));
        return;
    }
    if cxx_compilers().is_empty() {
        return;
    }
    let grown = |task: &str| -> usize {
        let (child, text) = again("unwind::many::engines_come_and_go", task);
        assert!(child.status.success(), "{text}");
        let number = text.split("grown by ").nth(1).unwrap();
        number.split('.').next().unwrap().parse().unwrap()
    };
    let [gone, kept] = ["gone", "kept"].map(grown);
    // As much after 10,000 as after 40,000.
    assert!(gone < 65_536, "{gone} bytes");
    assert!(kept > 2 * 65_536, "{kept} bytes");
}

/// The pages of later rounds lie between those of earlier ones: what is left of a run of pages is
/// given out again.
#[test]
fn rounds_do_not_hide_each_other() {
    let Some(compiler) = cxx_compilers().pop() else {
        return;
    };
    let library = build("unwind_rounds", &compiler);
    let mut engine = engine();
    engine.add_library(&library);
    // SAFETY: as the C++ text declares it.
    let caught_of: extern "C" fn(Outer) -> c_int = unsafe { symbol(&engine, "caught_of") };
    let mut ids = Vec::new();
    for round in 0..6 {
        // A small one is in the first run of pages, a large one in another: data is between them.
        ids.push(calls(&mut engine, &format!("small_{round}"), 16));
        if round == 0 {
            let data = engine
                .declare_data("data", Linkage::Local, false, false)
                .unwrap();
            let mut content = DataDescription::new();
            content.define(vec![1; 16].into());
            engine.define_data(data, &content).unwrap();
        }
        ids.push(calls(&mut engine, &format!("large_{round}"), 50_000));
        engine.finalize().unwrap();
        for id in &ids {
            assert_eq!(caught_of(code(&engine, *id)), 1005, "round {round}");
        }
    }
    let addresses: Vec<usize> = ids.iter().map(|id| code(&engine, *id) as usize).collect();
    // With larger pages a round has no two runs of them.
    assert!(
        page() > 4096 || !addresses.is_sorted(),
        "the pages of rounds are not mixed"
    );
}
