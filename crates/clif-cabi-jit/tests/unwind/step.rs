//! At each instruction of a stub the unwinder finds its caller, with the registers that the caller had.
#![cfg(target_arch = "x86_64")]

use core::ffi::{c_int, c_long, c_void};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type, VectorLevel};
use clif_cabi_jit::clif_cabi::{Arg, Lowering, Stub, stub_code, stubs_of};
use clif_cabi_jit::cranelift_module::{FuncId, Module};
use clif_cabi_jit::{Closures, Engine, Library, Settings};
use clif_cabi_unwind::UnwindTables;

use crate::backtrace::nested;
use crate::common::{adder, again, exported, library};
use crate::cxx::{compilers, gxx};
use crate::kinds::{FORMS, Room, build, has_avx, kinds, own, shim, symbol};
use crate::unknown::Unknown;

unsafe extern "C" {
    fn __register_frame(begin: *const u8);
    fn __deregister_frame(begin: *const u8);
}

const CHILD: &str = "CLIF_CABI_JIT_STEP";

/// The library that steps.
struct Stepper {
    engine: Engine,
    _library: Library,
}

type Stepped =
    unsafe extern "C" fn(*const c_void, *const c_void, *const c_void, *const c_void) -> c_long;

impl Stepper {
    fn new(name: &str, (cxx, flags): &(&str, Vec<&str>)) -> Self {
        let flags = [flags, &["-mno-red-zone"][..]].concat();
        let library = library(cxx, &flags, name, include_str!("step.cc"));
        let mut engine = Engine::new(&Settings::default()).unwrap();
        engine.add_library(&library);
        Self {
            engine,
            _library: library,
        }
    }

    fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: each use below names the type that the C++ text has.
        unsafe { symbol(&self.engine, name) }
    }

    fn watch(&self, start: *const c_void, bytes: usize) {
        self.function::<extern "C" fn(*const c_void, usize)>("watch")(start, bytes);
    }

    /// How often the unwinder was asked in the `i`-th stub, and how often it was wrong.
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
    fn step(&self, code: *const c_void, [a, b, c]: [*const c_void; 3]) {
        let stepped: Stepped = self.function("stepped");
        // SAFETY: the caller's functions take no more than three words.
        unsafe { stepped(code, a, b, c) };
    }
}

/// Calls each kind of function in `engine` by a shim of its, stepped.
fn step_kinds(stepper: &Stepper, engine: &Engine, shims: &[(&str, FuncId)]) {
    for (name, id) in shims {
        let mut room = Room([0; 64]);
        let to = (&raw mut room).cast::<c_void>().cast_const();
        // SAFETY: as the C++ text declares it.
        let args: extern "C" fn(c_int) -> *const c_void =
            unsafe { symbol(engine, &format!("args_{name}")) };
        let target = engine.symbol(name).unwrap().cast();
        // SAFETY: the engine lives until after the call.
        let code = unsafe { engine.code(*id).unwrap().as_ptr() };
        stepper.step(code, [target, args(0), to]);
    }
}

/// Functions that load their results by stubs: on the x87 stack, and in a wide vector.
fn with_results(engine: &mut Engine) -> Vec<FuncId> {
    let lower = Lowering::new(engine.isa()).unwrap();
    let v4 = Type::vector(&Type::F64, 4).unwrap();
    let mut all = vec![FnSig::new([Type::PTR], Type::F80)];
    if has_avx() {
        all.push(FnSig::new([Type::PTR], v4).features(VectorLevel::Avx));
    }
    let define = |sig: &FnSig| {
        let name = format!("result {sig}");
        let function = exported(engine, &lower, &name, sig, |engine, builder, entry| {
            let from = entry.value(builder, 0).unwrap();
            entry
                .ret(engine, builder, Some(&Arg::memory(from)))
                .unwrap();
        });
        function.id
    };
    all.iter().map(define).collect()
}

#[test]
fn the_caller_is_found_at_each_instruction_of_a_stub() {
    for compiler in compilers() {
        let stepper = Stepper::new("unwind_step", &compiler);
        let library = build("unwind_step_kinds", &compiler);
        let mut engine = Engine::new(&Settings::default().personality(gxx())).unwrap();
        engine.add_library(&library);
        let mut shims = Vec::new();
        for (name, sig) in kinds() {
            for form in FORMS {
                shims.push((name, shim(own, &mut engine, (name, &sig), form)));
            }
        }
        let results = with_results(&mut engine);
        let outer = nested(&mut engine);
        let stubs: BTreeMap<String, FuncId> = stubs_of(engine.declarations())
            .map(|(id, stub)| (stub.name(), id))
            .collect();
        for id in stubs.values() {
            let code = engine.code(*id).unwrap();
            // SAFETY: only its address is looked at.
            stepper.watch(unsafe { code.as_ptr() }, code.size());
        }
        step_kinds(&stepper, &engine, &shims);
        let g: *const c_void = engine.symbol("frames").unwrap().cast();
        for id in results {
            // SAFETY: the engine lives until after the call.
            stepper.step(unsafe { engine.code(id).unwrap().as_ptr() }, [g; 3]);
        }
        for own in outer {
            stepper.step(
                own.code as *const c_void,
                [g, core::ptr::null(), core::ptr::null()],
            );
        }
        // The stub of a closure, which is no function of an engine's.
        let closures = Closures::new(&Settings::default()).unwrap();
        let sig = FnSig::new([Type::I64], Type::I64);
        let closure = adder(&closures.interface(&sig).unwrap(), 1);
        stepper.watch(closure.code(), 13);
        stepper.step(closure.code(), [g; 3]);

        let names = stubs.keys().map(String::as_str).chain(["closure"]);
        for (i, name) in names.enumerate() {
            let (asked, wrong) = stepper.answers(i);
            assert!(
                asked > 0 && wrong == 0,
                "{name}: asked {asked} times, wrong {wrong}"
            );
        }
        println!("stubs: {stubs:?}");
        assert!(stubs.len() > 15, "{stubs:?}");
        stepper.forget();
    }
}

/// What the unwinder says about a stub with a frame of whose rows it is told all but `left_out`: how many, and how often it was wrong.
fn wrong_without(left_out: usize) -> (usize, c_long) {
    let compiler = compilers().pop().unwrap();
    let stepper = Stepper::new("unwind_row", &compiler);
    let library = build("unwind_row_kinds", &compiler);
    let mut engine = Engine::new(&Settings::default()).unwrap();
    engine.add_library(&library);
    let all = kinds();
    let (name, sig) = all
        .iter()
        .find(|(name, _)| *name == "over_aligned")
        .unwrap();
    let own = shim(
        |engine| Box::new(Unknown(engine)),
        &mut engine,
        (name, sig),
        FORMS[0],
    );
    engine.finalize().unwrap();
    let mut functions = engine.declarations().get_functions();
    let found = functions.find_map(|(id, own)| {
        let name = own.name.as_deref()?.strip_prefix("unknown ")?;
        Some((id, Stub::from_name(name)?))
    });
    let (id, stub) = found.unwrap();
    let mut told = stub_code(engine.isa(), &stub).unwrap();
    let n_rows = told.unwind.len();
    if left_out < n_rows {
        told.unwind.remove(left_out);
    }
    let code = engine.code(id).unwrap();
    // SAFETY: only its address is looked at.
    let start = unsafe { code.as_ptr() };
    let mut tables = UnwindTables::new(engine.isa(), None).unwrap();
    tables.add_stub(id, &told).unwrap();
    let address = |_| u64::try_from(start.addr()).ok();
    let tables = tables.in_memory(4096, address, |_| None).unwrap();
    // SAFETY: the table ends with four zeros, and is taken back before it goes.
    unsafe { __register_frame(tables.eh_frames[0].as_ptr()) };
    stepper.watch(start, code.size());
    step_kinds(&stepper, &engine, &[(name, own)]);
    let (asked, wrong) = stepper.answers(0);
    // SAFETY: as above.
    unsafe { __deregister_frame(tables.eh_frames[0].as_ptr()) };
    assert!(asked > 0);
    (n_rows, wrong)
}

/// With its rows told by the test itself the stub's caller is found; with one row left out it is not. A child for each: an unwinder that is told wrong reads
/// anywhere.
#[test]
fn a_missing_row_is_noticed() {
    if let Ok(left_out) = std::env::var(CHILD) {
        let (n_rows, wrong) = wrong_without(left_out.parse().unwrap());
        println!("rows: {n_rows}, wrong: {}", wrong > 0);
        return;
    }
    if compilers().is_empty() {
        return;
    }
    let ask = |left_out: usize| {
        again(
            "step::a_missing_row_is_noticed",
            CHILD,
            &left_out.to_string(),
        )
    };
    let (_, whole) = ask(usize::MAX);
    assert!(whole.contains("wrong: false"), "{whole}");
    let n_rows = (2..9)
        .find(|n| whole.contains(&format!("rows: {n},")))
        .unwrap();
    assert!(n_rows > 3);
    // The first one is that of every function.
    for left_out in 1..n_rows {
        let (child, text) = ask(left_out);
        let is_noticed = text.contains("wrong: true") || child.status.signal() == Some(11);
        assert!(is_noticed, "row {left_out}: {text}");
    }
}
