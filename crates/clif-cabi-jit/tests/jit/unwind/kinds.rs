//! Calls of each kind, with their stubs on the stack. The callee's exception passes, and enters a
//! handler. If the callee returns, its result is right.

use clif_cabi_jit::clif_cabi::Callable;
use clif_cabi_jit::clif_cabi::cabi::X86_64_WIN64;

use crate::common::*;

#[cfg(unix)]
pub(crate) const TEXT: &str = include_str!("kinds.cc");

/// Returns the functions of the C++ file, and how a call of them is made.
pub(crate) fn kinds() -> Vec<(&'static str, FnSig)> {
    let big = || record(&[Type::array(&Type::I64, 5).unwrap()]);
    let wide = || aligned(Type::array(&Type::I64, 8).unwrap(), 64);
    let sig = |params: &[Type], result| FnSig::new([&[Type::I32], params].concat(), result);
    let mut list = vec![
        ("scalar", sig(&[], Type::I32)),
        ("chained", sig(&[], Type::I32).static_chain(MODEL)),
        ("registers", sig(&[pair()], pair())),
        ("memory", sig(&[big(), Type::F64], big())),
        // More words than registers, on each machine.
        ("words", sig(&vec![Type::I64; 9], big())),
        ("x87", sig(&[long_double()], long_double())),
        (
            "x87_complex",
            sig(&[long_double()], Type::complex(&long_double()).unwrap()),
        ),
        ("over_aligned", sig(&[Type::F64, wide()], Type::I64)),
        ("over_aligned_memory", sig(&[wide(), big()], big())),
        (
            "variadic",
            sig(&[], Type::F64)
                .variadic()
                .at_call([Type::F64, long_double(), big()])
                .unwrap(),
        ),
    ];
    if has_avx() {
        let v4 = Type::vector(&Type::F64, 4).unwrap();
        let vector = sig(std::slice::from_ref(&v4), v4.clone());
        list.push(("vector", vector.features(VectorLevel::Avx)));
    }
    if cfg!(all(target_arch = "x86_64", unix)) {
        let words = [
            Type::F64,
            Type::I64,
            Type::F64,
            pair(),
            Type::I64,
            Type::F64,
        ];
        let win64 = |sig: FnSig| sig.convention(&X86_64_WIN64);
        list.push(("win64", win64(sig(&words, Type::F64))));
        list.push(("win64_memory", win64(sig(&[big()], big()))));
        let variadic = win64(sig(&[], Type::F64).variadic());
        let unnamed = [Type::F64, Type::I64, big(), Type::F64];
        list.push(("win64_variadic", variadic.at_call(unnamed).unwrap()));
    }
    list
}

/// Checks whether functions with vectors of 32 bytes are among the kinds.
pub(crate) fn has_avx() -> bool {
    #[cfg(all(target_arch = "x86_64", unix))]
    let has = std::arch::is_x86_feature_detected!("avx");
    #[cfg(not(all(target_arch = "x86_64", unix)))]
    let has = false;
    has
}

/// Callee of a function, and its treatment of exceptions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Form {
    is_direct: bool,
    catches: bool,
}

/// Defines a shim of each kind and form.
pub(crate) fn all_shims(engine: &mut Engine) -> Vec<(&'static str, FuncId, Form)> {
    let mut shims = Vec::new();
    for (name, sig) in kinds() {
        for (is_direct, catches) in [(false, false), (false, true), (true, false), (true, true)] {
            let form = Form { is_direct, catches };
            let id = define_shim(engine, (name, &sig), form, |step| vec![step]);
            shims.push((name, id, form));
        }
    }
    shims
}

/// Replacement for a step of a stub.
pub(crate) type Steps = fn(StubStep) -> Vec<StubStep>;

/// Returns the function that [`define_shim`] defines for a call through an address without a
/// handler. Its stubs have the steps that `steps` gives in the place of each step.
#[cfg(all(target_arch = "x86_64", unix))] // for stubs that no other machine has
pub(crate) fn shim(engine: &mut Engine, callee: (&str, &FnSig), steps: Steps) -> Shim {
    let id = define_shim(engine, callee, Form::default(), steps);
    engine.finalize().unwrap();
    // SAFETY: it is one.
    unsafe { *engine.code(id).unwrap().typed::<Shim>() }
}

/// Defines `int shim(const void *target, const void *const *args, void *to)`, which calls a
/// function of `sig`: `target`, or `name` itself. It returns 0, or 1 where its handler has caught
/// the exception.
pub(crate) fn define_shim(
    engine: &mut Engine,
    (name, sig): (&str, &FnSig),
    form: Form,
    steps: Steps,
) -> FuncId {
    let lower = Lowering::new(engine.isa()).unwrap();
    let own = FnSig::new([Type::PTR, Type::PTR, Type::PTR], Type::I32);
    let begin = import(engine, "__cxa_begin_catch", "(i64) -> i64 system_v");
    let end = import(engine, "__cxa_end_catch", "() system_v");
    let callee = lower.declare_import(engine, name, sig).unwrap();
    let direct = if form.is_direct { "_direct" } else { "" };
    let catches = if form.catches { "_catches" } else { "" };
    let own_name = format!("shim_{name}{direct}{catches}");
    let function = exported(engine, &own_name, &own, |lower, engine, builder, entry| {
        let [target, pointers, to] = [0, 1, 2].map(|i| entry.value(builder, i).unwrap());
        let arg = |i| {
            let at = i32::try_from(8 * i).unwrap();
            Arg::memory(builder.ins().load(I64, MemFlagsData::new(), pointers, at))
        };
        let args: Vec<Arg> = (0..sig.params().len()).map(arg).collect();
        let plan = match form.catches {
            true => lower.try_call_plan(sig).unwrap(),
            false => lower.call_plan(sig).unwrap(),
        };
        let ret = Ret::memory(to);
        let catch = [begin, end].map(|id| engine.declare_func_in_func(id, builder.func));
        let mut stubs = ChangedStubs(engine, steps);
        let callable = match form.is_direct {
            true => lower.callee(&mut stubs, builder, &plan, callee.id),
            false => lower.callee(&mut stubs, builder, &plan, target),
        };
        let callable = callable.unwrap();
        let values = lower.values_in(builder, &plan, &args, ret).unwrap();
        let results = if form.catches {
            try_call(engine, builder, &callable, &values, &entry, catch)
        } else {
            let call = callable.call(builder, &values).unwrap();
            builder.inst_results(call).to_vec()
        };
        lower
            .values_out(
                &mut ChangedStubs(engine, steps),
                builder,
                &plan,
                &results,
                ret,
            )
            .unwrap();
        let zero = builder.ins().iconst(I32, 0);
        entry.ret(engine, builder, Some(&Arg::value(zero))).unwrap();
    });
    function.id
}

/// Emits the call with a handler that ends the exception and returns 1, and goes on where the call
/// returns. Returns the call's results.
fn try_call(
    engine: &mut Engine,
    builder: &mut FunctionBuilder<'_>,
    callable: &Callable,
    values: &[Value],
    entry: &Entry,
    catch: [FuncRef; 2],
) -> Vec<Value> {
    let (returned, thrown) = (builder.create_block(), builder.create_block());
    let returns = builder.func.dfg.signatures[callable.signature]
        .returns
        .clone();
    let results = returns
        .iter()
        .map(|own| builder.append_block_param(returned, own.value_type));
    let results: Vec<Value> = results.collect();
    let exception = builder.append_block_param(thrown, I64);
    let pool = &mut builder.func.dfg.value_lists;
    let rets = (0..u32::try_from(results.len()).unwrap()).map(BlockArg::TryCallRet);
    let normal = BlockCall::new(returned, rets, pool);
    let handler = BlockCall::new(thrown, [BlockArg::TryCallExn(0)], pool);
    let handler = ExceptionTableItem::Default(handler);
    let table = ExceptionTableData::new(callable.signature, normal, [handler]);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(builder, values, table).unwrap();

    builder.switch_to_block(thrown);
    for (catch, args) in [(catch[0], &[exception][..]), (catch[1], &[])] {
        builder.ins().call(catch, args);
    }
    let one = builder.ins().iconst(I32, 1);
    entry.ret(engine, builder, Some(&Arg::value(one))).unwrap();
    builder.switch_to_block(returned);
    results
}

#[cfg(unix)]
pub(crate) fn build(name: &str, (cxx, flags): &(&str, Vec<&str>)) -> Library {
    // clang passes vectors in registers that all functions of the file may use.
    let avx = if has_avx() { "-mavx" } else { "-w" };
    let flags = [flags, &["-w", "-Wno-psabi", avx][..]].concat();
    library(cxx, &flags, name, TEXT)
}

/// Returns the library of each compiler, with the compiler's name.
#[cfg(unix)]
pub(crate) fn libraries(name: &str) -> Vec<(&'static str, Library)> {
    let built = |cxx: (_, _)| (cxx.0, build(name, &cxx));
    cxx_compilers().into_iter().map(built).collect()
}

/// Returns the DLL, which has the C++ text too.
#[cfg(windows)]
pub(crate) fn libraries(_: &str) -> Vec<(&'static str, Library)> {
    let dll = crate::windows::dll().map(|dll| ("mingw", dll));
    dll.into_iter().collect()
}

pub(crate) type Shim =
    unsafe extern "C-unwind" fn(*const c_void, *const *const c_void, *mut c_void) -> c_int;

/// A result, as aligned as any is.
#[repr(align(64))]
#[derive(PartialEq, Debug)]
pub(crate) struct Room(pub(crate) [u8; 64]);

/// Asserts that `result` is the right result of `name`.
pub(crate) fn assert_result(engine: &Engine, name: &str, mut result: Room, label: &str) {
    let mut expected = Room([0; 64]);
    // SAFETY: as the C++ text declares it, and room for any of its results.
    unsafe {
        let expect: unsafe extern "C" fn(*mut c_void) = symbol(engine, &format!("expect_{name}"));
        expect((&raw mut expected).cast());
    }
    if cfg!(target_arch = "x86_64") && name.starts_with("x87") {
        // Only ten bytes of sixteen are a `long double`.
        for room in [&mut result.0, &mut expected.0] {
            room[10..16].fill(0);
            room[26..32].fill(0);
        }
    }
    assert_eq!(result, expected, "{label}");
}

/// Calls `shim` of `name` with a callee that throws `thrown`, or returns if that is 0. Returns 1000
/// more than the number caught above it, or its return value; and the result.
pub(crate) fn catch(engine: &Engine, shim: Shim, name: &str, thrown: c_int) -> (c_int, Room) {
    type Catches =
        unsafe extern "C" fn(Shim, *const c_void, *const *const c_void, *mut c_void) -> c_int;
    let mut result = Room([0; 64]);
    let target = engine.symbol(name).unwrap().cast();
    // SAFETY: as the C++ text declares them; the library's own arguments, and room for any of its
    // results.
    let caught = unsafe {
        let catches: Catches = symbol(engine, "catches");
        let args: extern "C" fn(c_int) -> *const *const c_void =
            symbol(engine, &format!("args_{name}"));
        catches(shim, target, args(thrown), (&raw mut result).cast())
    };
    (caught, result)
}

/// Calls `id`, a shim of `name`: with a callee that returns, then with one that throws 7. Returns
/// the number of [`catch`] for the latter.
fn thrown(engine: &Engine, id: FuncId, name: &str, what: &str) -> c_int {
    // SAFETY: it is one.
    let shim = unsafe { *engine.code(id).unwrap().typed::<Shim>() };
    let (returned, got) = catch(engine, shim, name, 0);
    assert_eq!(returned, 0, "{what}");
    assert_result(engine, name, got, what);
    catch(engine, shim, name, 7).0
}

/// Exceptions pass through the invoker of each kind of call.
fn thrown_through_invokers(engine: &Engine, settings: &Settings) {
    let mut invokers = Invokers::new(settings).unwrap();
    for (name, sig) in kinds() {
        let invoker = invokers.get(&sig).unwrap();
        // SAFETY: it takes what a shim takes, and what it returns is not looked at.
        let shim = unsafe { *invoker.code().typed::<Shim>() };
        assert_result(engine, name, catch(engine, shim, name, 0).1, name);
        assert_eq!(catch(engine, shim, name, 7).0, 1007, "{name}");
    }
}

#[test]
fn every_kind_of_call_lets_exceptions_through_and_catches_them() {
    for (compiler, library) in libraries("unwind_kinds") {
        // Slower by far.
        let n_settings = if child_task().is_some() {
            1
        } else {
            usize::MAX
        };
        for settings in all_settings().into_iter().take(n_settings) {
            let mut engine = Engine::new(&settings.clone().personality(gxx())).unwrap();
            engine.add_library(&library);
            #[cfg(windows)]
            crate::windows::bind_cxx(&mut engine, &library);
            thrown_through_invokers(&engine, &settings);
            let shims = all_shims(&mut engine);
            engine.finalize().unwrap();
            for (name, id, Form { catches, .. }) in shims {
                let label = format!("{compiler} {}", engine.code(id).unwrap().name());
                let caught = thrown(&engine, id, name, &label);
                assert_eq!(caught, if catches { 1 } else { 1007 }, "{label}");
            }
            // On System V of x86-64 stubs with frames were on the stack: of arguments that are
            // aligned, and of vectors.
            let framed = stubs_of(engine.declarations())
                .filter(|(_, stub)| stub.steps().contains(&StubStep::Frame));
            assert!(framed.count() >= 2 || cfg!(any(not(target_arch = "x86_64"), windows)));
        }
    }
}
