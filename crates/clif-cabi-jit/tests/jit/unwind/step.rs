//! At each instruction of a stub the unwinder finds its caller, with the registers that the caller
//! had. The test runs on x86-64, and on AArch64, RISC-V and s390x under qemu (`.ci/machines`).

use super::kinds::{Form, Room, all_shims, assert_result, build, has_avx, kinds};
use super::nested::{Outer, nested};
use super::unknown;
use clif_cabi_unwind::UnwindTables;
use core::ffi::c_long;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use crate::common::*;

unsafe extern "C" {
    fn __register_frame(begin: *const u8);
    fn __deregister_frame(begin: *const u8);
}

/// An engine with the library that steps.
struct Stepper(Engine);

type SteppedFn =
    unsafe extern "C" fn(*const c_void, *const c_void, *const c_void, *const c_void) -> c_long;

impl Stepper {
    fn new(name: &str, (cxx, flags): &(&str, Vec<&str>)) -> Self {
        // Stepping begins and ends by pushes.
        let red_zone = cfg!(target_arch = "x86_64").then_some("-mno-red-zone");
        let flags = [flags, red_zone.as_slice()].concat();
        let library = library(cxx, &flags, name, include_str!("step.cc"));
        let mut engine = engine();
        engine.add_library(&library);
        Self(engine)
    }

    fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: each use below names the type that the C++ text has.
        unsafe { symbol(&self.0, name) }
    }

    fn watch(&self, start: *const c_void, bytes: usize) {
        self.function::<extern "C" fn(*const c_void, usize)>("watch")(start, bytes);
    }

    /// Returns how often the unwinder was called in the `i`-th stub, and how often it was wrong.
    fn answers(&self, i: usize) -> (c_long, c_long) {
        let i = c_int::try_from(i).unwrap();
        let [asked, wrong] =
            ["asked", "wrong"].map(|name| self.function::<extern "C" fn(c_int) -> c_long>(name)(i));
        (asked, wrong)
    }

    fn forget(&self) {
        self.function::<extern "C" fn()>("forget")();
    }

    /// Calls the function at `code`, with up to three words.
    fn step(&self, code: *const c_void, [a, b, c]: [*const c_void; 3]) -> c_long {
        let stepped: SteppedFn = self.function("stepped");
        // SAFETY: the caller's functions take no more than three words.
        unsafe { stepped(code, a, b, c) }
    }
}

/// Calls each kind of function in `engine` by its shim, stepped.
fn step_kinds(stepper: &Stepper, engine: &Engine, shims: &[(&str, FuncId, Form)]) {
    for (name, id, _) in shims {
        // SAFETY: the engine lives until after the call.
        let code = unsafe { engine.code(*id).unwrap().as_ptr() };
        step_kind(stepper, engine, name, code);
    }
}

/// Calls the function `name` in `engine` by `code`, stepped.
fn step_kind(stepper: &Stepper, engine: &Engine, name: &str, code: *const c_void) {
    let mut room = Room([0; 64]);
    let to = (&raw mut room).cast::<c_void>().cast_const();
    // SAFETY: as the C++ text declares it.
    let args: extern "C" fn(c_int) -> *const c_void =
        unsafe { symbol(engine, &format!("args_{name}")) };
    let target = engine.symbol(name).unwrap().cast();
    stepper.step(code, [target, args(0), to]);
    assert_result(engine, name, room, name);
}

/// Defines functions that load their results by stubs: on the x87 stack, and in a wide vector.
fn with_results(engine: &mut Engine) -> Vec<FuncId> {
    let v4 = Type::vector(&Type::F64, 4).unwrap();
    let mut sigs = vec![FnSig::new([Type::PTR], Type::F80)];
    if has_avx() {
        sigs.push(FnSig::new([Type::PTR], v4).features(VectorLevel::Avx));
    }
    let define = |sig: &FnSig| {
        let name = format!("result {sig}");
        let function = exported(engine, &name, sig, |_, engine, builder, entry| {
            let from = entry.value(builder, 0).unwrap();
            entry
                .ret(engine, builder, Some(&Arg::memory(from)))
                .unwrap();
        });
        function.id
    };
    sigs.iter().map(define).collect()
}

#[test]
fn the_caller_is_found_at_each_instruction_of_a_stub() {
    for compiler in cxx_compilers() {
        let stepper = Stepper::new("unwind_step", &compiler);
        let library = build("unwind_step_kinds", &compiler);
        let mut engine = Engine::new(&Settings::default().personality(gxx())).unwrap();
        engine.add_library(&library);
        let shims = all_shims(&mut engine);
        // No other machine has such stubs.
        let results = match cfg!(target_arch = "x86_64") {
            true => with_results(&mut engine),
            false => Vec::new(),
        };
        let outer = nested(&mut engine);
        // SAFETY: as the C++ text declares it.
        let caught_of: extern "C" fn(Outer) -> c_int = unsafe { symbol(&engine, "caught_of") };
        for (name, code) in &outer {
            assert_eq!(caught_of(*code), 1005, "{name}");
        }
        let stubs: BTreeMap<String, FuncId> = stubs_of(engine.declarations())
            .map(|(id, stub)| (stub.name(), id))
            .collect();
        for id in stubs.values() {
            let code = engine.code(*id).unwrap();
            // SAFETY: only its address is looked at.
            stepper.watch(unsafe { code.as_ptr() }, code.size());
        }
        step_kinds(&stepper, &engine, &shims);
        let g: *const c_void = engine.symbol("seven").unwrap().cast();
        for id in results {
            // SAFETY: the engine lives until after the call.
            stepper.step(unsafe { engine.code(id).unwrap().as_ptr() }, [g; 3]);
        }
        for (_, code) in outer {
            let null = core::ptr::null();
            stepper.step(code as *const c_void, [g, null, null]);
        }
        step_closure(&stepper, g);
        let invoked = step_invokers(&stepper, &engine);
        let names = stubs.keys().map(String::as_str).chain(["closure"]);
        let names = names.chain(invoked);
        let mut n_asked = 0;
        for (i, name) in names.enumerate() {
            let (asked, wrong) = stepper.answers(i);
            assert!(
                asked > 0 && wrong == 0,
                "{name}: asked {asked} times, wrong {wrong}"
            );
            n_asked += asked;
        }
        println!("{}: {n_asked} instructions of {stubs:?}", compiler.0);
        let least = if cfg!(target_arch = "x86_64") { 15 } else { 4 };
        assert!(stubs.len() > least, "{stubs:?}");
        stepper.forget();
    }
}

/// Steps through the stub of a closure, which is no function of an engine.
fn step_closure(stepper: &Stepper, g: *const c_void) {
    let closures = closures();
    let sig = FnSig::new([Type::I64], Type::I64);
    let closure = adder(&closures.interface(&sig).unwrap(), 1);
    let bytes = match std::env::consts::ARCH {
        "x86_64" => 13,
        "riscv64" => 16,
        "s390x" => 14,
        _ => 12,
    };
    stepper.watch(closure.code(), bytes);
    let sum = g.addr().cast_signed() + 1;
    assert_eq!(stepper.step(closure.code(), [g; 3]), sum as c_long);
}

/// Returns the stub that the invoker of `sig` is, if it is one.
fn stub_of(sig: &FnSig) -> Option<Stub> {
    let engine = engine();
    let lower = Lowering::new(engine.isa()).unwrap();
    lower.call_plan(sig).unwrap().invoker(lower.target())
}

/// Calls each kind of function in `engine` by an invoker, if that is a stub. Returns which are.
fn step_invokers(stepper: &Stepper, engine: &Engine) -> Vec<&'static str> {
    let mut invokers = invokers();
    let mut stubs = Vec::new();
    for (name, sig) in kinds() {
        if stub_of(&sig).is_none() {
            continue;
        }
        let invoker = invokers.get(&sig).unwrap();
        // SAFETY: the invokers live until after the call.
        let code = unsafe { invoker.code().as_ptr() };
        stepper.watch(code, invoker.code().size());
        step_kind(stepper, engine, name, code);
        stubs.push(name);
    }
    println!("invokers that are stubs: {stubs:?}");
    // Records of more than 8 bytes are by address on s390x, and such calls are compiled.
    let least = if cfg!(target_arch = "s390x") { 2 } else { 3 };
    assert!(stubs.len() >= least);
    stubs
}

/// Steps through a stub with a frame, one of whose rows is left out or wrong. Returns the number of
/// rows, of the unwinder's answers, and of its wrong answers.
fn wrong_with(change: Option<(usize, &str)>) -> (usize, c_long, c_long) {
    let compiler = cxx_compilers().pop().unwrap();
    let stepper = Stepper::new("unwind_row", &compiler);
    let mut engine = engine();
    let text = "function %body() -> i32 system_v {\nblock0:\n v0 = iconst.i32 7\n return v0\n}";
    let body = add(&mut engine, "body", text).as_u32();
    let (id, mut stub) = unknown::framed(&mut engine, body);
    engine.finalize().unwrap();
    let n_rows = stub.unwind.len();
    match change {
        None => {}
        Some((row, "missing")) => _ = stub.unwind.remove(row),
        Some((row, "unsaved")) => stub.unwind[row..]
            .iter_mut()
            .for_each(|row| row.saved = &[]),
        Some((row, _)) => stub.unwind[row].cfa.1 += 8,
    }
    let code = engine.code(id).unwrap();
    // SAFETY: it is called as `long (const void *, const void *, const void *)`, and looks at no
    // argument.
    let start = unsafe { code.as_ptr() };
    let mut tables = UnwindTables::new(engine.isa(), None).unwrap();
    tables.add_stub(id, &stub).unwrap();
    let address = |_| u64::try_from(start.addr()).ok();
    let tables = tables.in_memory(4096, address, |_| None).unwrap();
    // SAFETY: the table ends with four zeros, and is taken back before it goes.
    unsafe { __register_frame(tables.eh_frames[0].as_ptr()) };
    stepper.watch(start, code.size());
    assert_eq!(stepper.step(start, [core::ptr::null(); 3]), 7);
    let (asked, wrong) = stepper.answers(0);
    // SAFETY: as above.
    unsafe { __deregister_frame(tables.eh_frames[0].as_ptr()) };
    (n_rows, asked, wrong)
}

/// The stub's caller is found if the test itself registers the stub's rows. It is not found with
/// one row left out or wrong, or no register saved. Each case has a child, because an unwinder with
/// a wrong row reads anywhere.
#[test]
fn a_row_that_is_missing_or_wrong_is_noticed() {
    if let Some(change) = child_task() {
        let change = change.split_once(' ');
        let change = change.map(|(row, change)| (row.parse().unwrap(), change));
        let (n_rows, asked, wrong) = wrong_with(change);
        println!("rows: {n_rows}, asked {asked}, wrong: {}", wrong > 0);
        return;
    }
    if cxx_compilers().is_empty() {
        return;
    }
    let test = "unwind::step::a_row_that_is_missing_or_wrong_is_noticed";
    let (_, whole) = again(test, "whole");
    assert!(whole.contains("wrong: false"), "{whole}");
    let n_rows = match std::env::consts::ARCH {
        // It has its stack pointer back before it has restored the frame pointer.
        "riscv64" => 5,
        // One instruction restores both.
        "s390x" => 3,
        _ => 4,
    };
    assert!(whole.contains(&format!("rows: {n_rows}, asked")), "{whole}");
    // The first one is that of every function.
    let rows = (1..n_rows).flat_map(|row| [(row, "missing"), (row, "wrong")]);
    for (row, change) in rows.chain([(1, "unsaved")]) {
        let (child, text) = again(test, &format!("{row} {change}"));
        let signal = child.status.signal();
        let is_noticed = text.contains("wrong: true") || matches!(signal, Some(6 | 11));
        assert!(is_noticed, "row {row} {change}: {text}");
    }
}
