//! Handlers of `try_call`: entered by exceptions of C++, panics of Rust, RaiseException and faults.

use std::cell::Cell;
use std::ffi::{CStr, c_char};

use clif_cabi_jit::clif_cabi::Function as Declared;
use clif_cabi_jit::cranelift_codegen::ir::{Block, ExceptionTag, types::F64};

use super::*;

thread_local! {
    static NOTED: Cell<i64> = const { Cell::new(0) };
}

extern "C" fn note(n: i64) {
    NOTED.set(NOTED.get() + n);
}

/// Work of a handler.
#[derive(Clone, Copy, Debug)]
enum Handler {
    /// Ends an exception of C++: with a tag, of its type. Returns 1000 times the selector.
    Ends(Option<u32>),
    /// Gives numbers to `note`, and goes on (tag 0).
    Cleanup,
    /// Returns 1000.
    Returns,
}

/// Functions that handlers call, and those that throw.
struct Functions {
    callee: Declared,
    begin: Declared,
    end: Declared,
    resume: Declared,
    note: Declared,
}

impl Functions {
    fn import(lower: &Lowering, engine: &mut Engine, (callee, sig): (&str, &FnSig)) -> Self {
        let mut import = |name: &str, sig: &FnSig| lower.declare_import(engine, name, sig).unwrap();
        Self {
            callee: import(callee, sig),
            begin: import("__cxa_begin_catch", &FnSig::new([Type::PTR], Type::PTR)),
            end: import("__cxa_end_catch", &FnSig::new([], Type::VOID)),
            resume: import("_Unwind_Resume", &FnSig::new([Type::PTR], Type::VOID)),
            note: import("note", &FnSig::new([Type::I64], Type::VOID)),
        }
    }
}

/// Defines `i64 f(i64 n, i64 a, i64 b, i64 c)`, which returns what `callee(n, ..)` or its handler
/// returns, and `a + 2 b + 3 c` more.
fn caller(engine: &mut Engine, callee: (&str, &FnSig), handler: Handler) -> FuncId {
    let own = FnSig::new(vec![Type::I64; 4], Type::I64);
    let functions = Functions::import(&Lowering::new(engine.isa()).unwrap(), engine, callee);
    let name = format!("{} {handler:?}", callee.0);
    let function = exported(engine, &name, &own, |lower, engine, builder, entry| {
        let [n, a, b, c] = [0, 1, 2, 3].map(|i| entry.value(builder, i).unwrap());
        let thrown = builder.create_block();
        let result = try_call(
            lower,
            engine,
            builder,
            (&functions.callee, n),
            (handler, thrown),
        );
        let finish = |engine: &mut Engine, builder: &mut FunctionBuilder<'_>, result| {
            let [ab, bc, cc] = [[a, b], [b, c], [c, c]].map(|[x, y]| builder.ins().iadd(x, y));
            let parts = [ab, bc, cc].into_iter();
            let all = parts.fold(result, |sum, own| builder.ins().iadd(sum, own));
            entry.ret(engine, builder, Some(&Arg::value(all))).unwrap();
        };
        finish(engine, builder, result);

        builder.switch_to_block(thrown);
        let [exception, selector] = [0; 2].map(|_| builder.append_block_param(thrown, I64));
        let mut call = |function: &Declared, args: &[Value]| {
            let args: Vec<Arg> = args.iter().copied().map(Arg::value).collect();
            let call = lower.call(engine, builder, function, &args, Ret::Ignore);
            call.unwrap();
        };
        let is_typed = matches!(handler, Handler::Ends(Some(_)));
        match handler {
            Handler::Ends(_) => {
                call(&functions.begin, &[exception]);
                call(&functions.end, &[]);
            }
            Handler::Cleanup => {
                call(&functions.note, &[a]);
                call(&functions.note, &[c]);
                call(&functions.resume, &[exception]);
            }
            Handler::Returns => {}
        }
        let thousand = builder.ins().iconst(I64, 1000);
        let result = match is_typed {
            true => {
                let selector = builder.ins().ireduce(I32, selector);
                let selector = builder.ins().sextend(I64, selector);
                builder.ins().imul(thousand, selector)
            }
            false => thousand,
        };
        finish(engine, builder, result);
    });
    function.id
}

/// Makes such functions ready to run.
fn finalized<const N: usize>(engine: &mut Engine, callers: [FuncId; N]) -> [TypedCode<Four>; N] {
    engine.finalize().unwrap();
    // SAFETY: `caller` has compiled them so.
    callers.map(|id| unsafe { function(engine, id) })
}

/// Emits the call of `callee` with `n` and numbers for its other parameters. Returns its result as
/// an integer.
fn try_call(
    lower: &Lowering,
    engine: &mut Engine,
    builder: &mut FunctionBuilder<'_>,
    (callee, n): (&Declared, Value),
    (handler, thrown): (Handler, Block),
) -> Value {
    let args = (1..).zip(&callee.sig.params()[1..]).map(|(i, param)| {
        let int = |builder: &mut FunctionBuilder<'_>, n| builder.ins().iconst(I64, n);
        match param.ty.size() {
            16 => {
                let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 3);
                let slot = builder.create_sized_stack_slot(slot);
                let address = builder.ins().stack_addr(I64, slot, 0);
                for (at, n) in [(0, 41), (8, 42)] {
                    let n = int(builder, n);
                    let flags = MemFlagsData::new();
                    builder.ins().store(flags, n, address, at);
                }
                Arg::memory(address)
            }
            _ if param.ty == Type::F64 => {
                let n = int(builder, i);
                Arg::value(builder.ins().fcvt_from_sint(F64, n))
            }
            _ => Arg::value(int(builder, i)),
        }
    });
    let args: Vec<Arg> = [Arg::value(n)].into_iter().chain(args).collect();
    let plan = lower.try_call_plan(&callee.sig).unwrap();
    let callable = lower.callee(engine, builder, &plan, callee.id).unwrap();
    let values = lower.values_in(builder, &plan, &args, Ret::Value).unwrap();
    let returned = builder.create_block();
    let ty = builder.func.dfg.signatures[callable.signature].returns[0].value_type;
    let result = builder.append_block_param(returned, ty);
    let pool = &mut builder.func.dfg.value_lists;
    let normal = BlockCall::new(returned, [BlockArg::TryCallRet(0)], pool);
    let caught = BlockCall::new(thrown, [0, 1].map(BlockArg::TryCallExn), pool);
    let tagged = |tag| ExceptionTableItem::Tag(ExceptionTag::from_u32(tag), caught);
    let item = match handler {
        Handler::Ends(Some(tag)) => tagged(tag),
        Handler::Cleanup => tagged(0),
        Handler::Ends(None) | Handler::Returns => ExceptionTableItem::Default(caught),
    };
    let table = ExceptionTableData::new(callable.signature, normal, [item]);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(builder, &values, table).unwrap();

    builder.switch_to_block(returned);
    let returned = lower.values_out(engine, builder, &plan, &[result], Ret::Value);
    match (returned.unwrap().value().unwrap(), ty) {
        (result, F64) => builder.ins().fcvt_to_sint(I64, result),
        (result, _) => result,
    }
}

/// The throwing functions of windows.cc, and the results of their callers for (0, 2, 3, 4).
fn callees() -> [(&'static str, FnSig, i64); 3] {
    let [i, f] = [Type::I64, Type::F64];
    let pair = record(&[Type::I64, Type::I64]);
    let many = [&i, &f, &i, &f, &pair, &i, &f].map(Clone::clone);
    let variadic = FnSig::new([i.clone()], f.clone()).variadic();
    let unnamed = [&f, &i, &f, &i].map(Clone::clone);
    [
        ("throws", FnSig::new([i.clone()], i), 20),
        (
            "throws_many",
            FnSig::new(many, f),
            20 + 1 + 4 + 9 + 4 * 41 + 5 * 42 + 30 + 42,
        ),
        (
            "throws_variadic",
            variadic.at_call(unnamed).unwrap(),
            20 + 1 + 4 + 9 + 16,
        ),
    ]
}

/// An engine with the functions of `dll`.
fn cxx(dll: &Library, personality: Personality, level: OptLevel) -> Engine {
    #[repr(C)]
    struct Named(*const c_char, *const u8);
    let settings = Settings::default()
        .opt_level(level)
        .personality(personality);
    let mut engine = Engine::new(&settings).unwrap();
    engine.add_library(dll);
    engine.bind("note", note as *const u8).unwrap();
    let all = engine.symbol("cxx_symbols").unwrap().cast::<[Named; 6]>();
    // SAFETY: six in windows.cc.
    for Named(name, address) in unsafe { &*all } {
        // SAFETY: a string literal there.
        let name = unsafe { CStr::from_ptr(*name) };
        engine.bind(name.to_str().unwrap(), *address).unwrap();
    }
    engine
}

fn gnu() -> Personality {
    let own = Personality::new("__gxx_personality_seh0").cleanup(0);
    own.catches(1, "_ZTId")
        .catches(1, "_ZTIi")
        .catches(2, "_ZTId")
}

/// Handlers of each kind are entered by the exceptions of functions of each kind, with the values
/// of the function that has them; the registers of its caller are kept, and arguments are right.
#[test]
fn exceptions_enter_handlers() {
    let Some(dll) = dll() else {
        return;
    };
    for level in [OptLevel::None, OptLevel::Speed] {
        let mut engine = cxx(&dll, gnu(), level);
        // Without handlers, before and between the others.
        program(&mut engine, &PASS.replace("%callback", "%throws")).unwrap();
        for (name, sig, result) in &callees() {
            let mut caller = |handler| caller(&mut engine, (name, sig), handler);
            let [all, typed, other, cleanup] = [
                Handler::Ends(None),
                Handler::Ends(Some(1)),
                Handler::Ends(Some(2)),
                Handler::Cleanup,
            ]
            .map(&mut caller);
            let callers = finalized(&mut engine, [all, typed, other, cleanup]);
            let [all, typed, other, cleanup] = &callers;
            for own in &callers {
                assert_eq!(own(0, 2, 3, 4), *result, "{name} {level:?}");
            }
            assert_eq!(all(3, 2, 3, 4), 1020, "{name}");
            assert_eq!(typed(3, 2, 3, 4), 3020, "{name}");
            if *name == "throws_many" {
                assert_eq!([typed(-3, 2, 3, 4), other(-3, 2, 3, 4)], [2020, 2020]);
            }
            for (own, wrong) in [(all, 100), (typed, 100), (other, 0), (cleanup, 0)] {
                NOTED.set(0);
                let wrong_of = |n| wrong_registers(&engine, **own, n);
                assert_eq!([0, 1, 2].map(wrong_of), [100, wrong, wrong], "{name}");
                let noted = if std::ptr::eq(own, cleanup) { 12 } else { 0 };
                assert_eq!(NOTED.get(), noted, "{name}");
            }
        }
    }
}

/// The control: a personality that enters nothing.
#[test]
fn the_personality_decides() {
    extern "C" fn passes_by() -> c_int {
        1 // ExceptionContinueSearch
    }
    let Some(dll) = dll() else {
        return;
    };
    let mut engine = cxx(&dll, Personality::new("passes_by"), OptLevel::Speed);
    engine.bind("passes_by", passes_by as *const u8).unwrap();
    let (name, sig, result) = &callees()[1];
    let all = caller(&mut engine, (name, sig), Handler::Ends(None));
    let [all] = finalized(&mut engine, [all]);
    assert_eq!(all(0, 2, 3, 4), *result);
    assert_eq!(wrong_registers(&engine, *all, 5), 0);
}

/// Panics of Rust run cleanups, and go on.
#[test]
fn panics_enter_cleanups() {
    extern "C-unwind" fn panics_unless_0(n: i64) -> i64 {
        if n == 0 { 5 } else { panics(n) }
    }
    // `extern "C"` would tell LLVM that the latter never unwinds.
    unsafe extern "C-unwind" {
        fn rust_eh_personality();
        fn _Unwind_Resume();
    }
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    for (name, address) in [
        ("rust_eh_personality", rust_eh_personality as *const u8),
        ("_Unwind_Resume", _Unwind_Resume as *const u8),
        ("panics", panics_unless_0 as *const u8),
        ("note", note as *const u8),
    ] {
        engine.bind(name, address).unwrap();
    }
    let sig = FnSig::new([Type::I64], Type::I64);
    let cleanup = caller(&mut engine, ("panics", &sig), Handler::Cleanup);
    let [cleanup] = finalized(&mut engine, [cleanup]);
    assert_eq!(cleanup(0, 2, 3, 4), 25);
    for n in 0..30 {
        NOTED.set(0);
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8].map(|own| own << n);
        assert_eq!(keeps(*cleanup, &numbers), Some(numbers));
        assert_eq!(NOTED.get(), (2 + 4) << n);
    }
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn RaiseException(code: u32, flags: u32, n: u32, values: *const usize);
}

/// Microsoft's personality of C enters handlers for all exceptions, faults of callees included.
#[test]
fn exceptions_of_the_system_enter_handlers() {
    /// Returns the address of a 5, or one that nothing is mapped at; or raises an exception.
    extern "C-unwind" fn address(n: i64) -> usize {
        static FIVE: i64 = 5;
        if n == 1 {
            // SAFETY: an exception without values.
            unsafe { RaiseException(0xe000_1234, 0, 0, std::ptr::null()) };
        }
        if n == 0 { (&raw const FIVE).addr() } else { 8 }
    }
    let personality = Personality::new("__C_specific_handler");
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    engine.bind("address", address as *const u8).unwrap();
    let text = "function %raises(i64) -> i64 windows_fastcall {
            fn0 = %address(i64) -> i64 windows_fastcall
        block0(v0: i64):
            v1 = call fn0(v0)
            v2 = load.i64 v1
            return v2
        }";
    program(&mut engine, text).unwrap();
    let sig = FnSig::new([Type::I64], Type::I64);
    let returns = caller(&mut engine, ("raises", &sig), Handler::Returns);
    let [returns] = finalized(&mut engine, [returns]);
    let results = [0, 1, 2, 0].map(|n| returns(n, 2, 3, 4));
    assert_eq!(results, [25, 1020, 1020, 25]);
}
