//! Copies of lists. Lines of `uses` test functions, data and symbols across definitions, functions
//! that compiled code calls by itself, and code that is given as bytes. The suite `emission` and
//! [`unwind`](crate::unwind) test calls of each kind under every setting.

use crate::common::*;

/// `long own(int, ...)`: the first two words of its list, and the first of a copy that was made
/// before.
#[test]
fn a_copy_of_a_list_goes_on_by_itself() {
    let mut engine = engine();
    let sig = FnSig::new([Type::I32], Type::I64).variadic();
    let own = exported(&mut engine, "own", &sig, |lower, engine, builder, entry| {
        let [list, copy] = [0; 2].map(|_| {
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 32, 3);
            let slot = builder.create_sized_stack_slot(slot);
            builder.ins().stack_addr(I64, slot, 0)
        });
        entry.va_start(builder, list).unwrap();
        lower.va_copy(builder, copy, list, &sig).unwrap();
        let mut words = builder.ins().iconst(I64, 0);
        for from in [list, list, copy] {
            let at = lower.va_arg(builder, from, &sig, &Type::I64).unwrap();
            let word = builder.ins().load(I64, MemFlagsData::new(), at, 0);
            words = builder.ins().imul_imm_s(words, 10);
            words = builder.ins().iadd(words, word);
        }
        let words = Arg::value(words);
        entry.ret(engine, builder, Some(&words)).unwrap();
    });
    engine.finalize().unwrap();
    type VariadicFn = unsafe extern "C" fn(c_int, ...) -> i64;
    // SAFETY: compiled so, and passed two words.
    let words = unsafe { function::<VariadicFn>(&engine, own.id)(0, 1_i64, 2_i64) };
    assert_eq!(words, 121);
}

/// Results on the x87 stack are popped, or there would be no room for the last one. A result in
/// memory has a place to go to.
#[test]
fn results_that_are_ignored_leave_nothing() {
    let numbers = Type::array(&Type::F64, 3).unwrap();
    let record = RecordBuilder::structure("big").field("numbers", numbers);
    let complex = Type::complex(&long_double()).unwrap();
    let n = if long_double() == Type::F80 { 10 } else { 16 };
    for (ty, meaning) in [
        (Type::F64, vec![(0, 8)]),
        (long_double(), vec![(0, n.min(long_double().size()))]),
        (
            complex,
            vec![(0, 8), (long_double().size(), long_double().size() + 8)],
        ),
        (record.build(&DataModel::LP64).unwrap(), vec![(0, 24)]),
    ] {
        let mut engine = engine();
        let sig = FnSig::new([Type::PTR], ty.clone());
        let made = exported(&mut engine, "made", &sig, |_, engine, builder, entry| {
            let object = Arg::memory(entry.value(builder, 0).unwrap());
            entry.ret(engine, builder, Some(&object)).unwrap();
        });
        let own = FnSig::new([Type::PTR, Type::PTR], Type::VOID);
        let call = exported(&mut engine, "own", &own, |lower, engine, builder, entry| {
            let [object, to] = [0, 1].map(|i| entry.value(builder, i).unwrap());
            let args = [Arg::value(object)];
            for ret in [Ret::Ignore; 9].into_iter().chain([Ret::memory(to)]) {
                lower.call(engine, builder, &made, &args, ret).unwrap();
            }
            entry.ret(engine, builder, None).unwrap();
        });
        engine.finalize().unwrap();
        type Call = unsafe extern "C" fn(*const [f64; 8], *mut [f64; 8]);
        // Each double has the integer bit of an x87 number where that has it.
        let (object, mut result) = ([-1.5; 8], [0.0; 8]);
        // SAFETY: compiled so; no object is larger.
        unsafe { function::<Call>(&engine, call.id)(&raw const object, &raw mut result) };
        let bytes = |values: [f64; 8]| values.map(f64::to_ne_bytes).concat();
        for (start, end) in meaning {
            let part = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
            assert_eq!(bytes(result)[part.clone()], bytes(object)[part], "{ty}");
        }
    }
}

/// Callees take narrow integers as their callers have to extend them, in a register and on the
/// stack.
#[cfg(target_os = "linux")]
const NARROW: &str = "
#define OF(NAME, TYPE, SEEN) \
  long in_##NAME(TYPE x) { return (SEEN)x; } \
  long on_##NAME(long a, long b, long c, long d, long e, long f, long g, long h, TYPE x) { return (SEEN)x; } \
  long from_##NAME(TYPE (*f)(void)) { return (SEEN)f(); }
OF(I8, signed char, signed char) OF(U8, unsigned char, unsigned char) OF(I16, short, short)
OF(U16, unsigned short, unsigned short) OF(I32, int, int) OF(U32, unsigned, int)
";

#[test]
#[cfg(target_os = "linux")]
fn narrow_integers_are_extended() {
    for cc in reference_compilers() {
        let library = library(cc, &[], "narrow", NARROW);
        let closures = closures();
        for mut invokers in [invokers(), invokers().without_stubs()] {
            for (name, ty, expected) in [
                ("I8", Type::I8, -2_i64),
                ("U8", Type::U8, 0xfe),
                ("I16", Type::I16, -2),
                ("U16", Type::U16, 0xfffe),
                ("I32", Type::I32, -2),
                ("U32", Type::U32, -2),
            ] {
                let (n, size) = (-2_i64, usize::try_from(ty.size()).unwrap());
                let bytes = match cfg!(target_endian = "big") {
                    true => &n.to_be_bytes()[8 - size..],
                    false => &n.to_le_bytes()[..size],
                };
                for n_before in [0, 8] {
                    let params = [vec![Type::I64; n_before], vec![ty.clone()]].concat();
                    let invoker = invokers.get(&FnSig::new(params, Type::I64)).unwrap();
                    let place = if n_before > 0 { "on" } else { "in" };
                    let code = library.symbol(&format!("{place}_{name}")).unwrap();
                    let mut got = 0_i64;
                    let mut args = vec![(&raw const n).cast(); n_before];
                    args.push(bytes.as_ptr());
                    // SAFETY: a function of this signature; each argument has its bytes.
                    unsafe { invoker.call(code.cast(), &args, (&raw mut got).cast()) };
                    assert_eq!(got, expected, "{cc}: {place}_{name}");
                }
                let sig = FnSig::new([], ty.clone());
                let closure = closures.interface(&sig).unwrap();
                let closure =
                    closure.closure("narrow", |_, result| result.set_bytes(bytes).unwrap());
                let closure = closure.unwrap();
                let from = library.symbol(&format!("from_{name}")).unwrap();
                // SAFETY: as the C text declares it.
                let from: extern "C" fn(*const c_void) -> i64 =
                    unsafe { core::mem::transmute(from) };
                assert_eq!(from(closure.code()), expected, "{cc}: from_{name}");
            }
        }
    }
}

/// Values in slots of the argument area that are larger: 8 integers and 8 doubles take all
/// registers of any machine.
#[cfg(target_os = "linux")]
const SPILLED: &str = "
typedef struct { short n; } two;
typedef struct { float x; } one;
typedef double spilled(long, long, long, long, long, long, long, long, double, double, double, double,
                       double, double, double, double, float, two, one);
double seen(long a, long b, long c, long d, long e, long f, long g, long h, double i, double j, double k, double l,
            double m, double n, double o, double p, float q, two r, one s) {
  return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + 100 * q + 1000 * r.n + 10000 * s.x;
}
double seen_by(spilled *f) {
  return f(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5f, (two){ -2 }, (one){ 0.25f });
}
";

#[test]
#[cfg(target_os = "linux")]
fn values_in_larger_slots() {
    let one = |ty: Type| record(&[ty]);
    let rest = vec![Type::F32, one(Type::I16), one(Type::F32)];
    let params = [vec![Type::I64; 8], vec![Type::F64; 8], rest].concat();
    let sig = FnSig::new(params, Type::F64);
    let expected = 16.0 + 50.0 - 2000.0 + 2500.0;
    for cc in reference_compilers() {
        let library = library(cc, &[], "spilled", SPILLED);
        let closures = closures();
        let closure = closures.interface(&sig).unwrap();
        let closure = closure.closure("spilled", |args, result| {
            let ints: i64 = (0..8).map(|i| args.get::<i64>(i).unwrap()).sum();
            let floats: f64 = (8..16).map(|i| args.get::<f64>(i).unwrap()).sum();
            let two = i16::from_ne_bytes(args.bytes(17).unwrap().try_into().unwrap());
            let one = f32::from_ne_bytes(args.bytes(18).unwrap().try_into().unwrap());
            let [q, s] = [args.get::<f32>(16).unwrap(), one].map(f64::from);
            let sum = ints as f64 + floats + 100.0 * q + 1000.0 * f64::from(two) + 10000.0 * s;
            result.set(sum).unwrap();
        });
        let closure = closure.unwrap();
        let seen_by = library.symbol("seen_by").unwrap();
        // SAFETY: as the C text declares it.
        let seen_by: extern "C" fn(*const c_void) -> f64 = unsafe { core::mem::transmute(seen_by) };
        assert_eq!(seen_by(closure.code()), expected, "{cc}");
        let seen = library.symbol("seen").unwrap();
        for mut invokers in [invokers(), invokers().without_stubs()] {
            let invoker = invokers.get(&sig).unwrap();
            let numbers = (1_i64, 1.0_f64, 0.5_f32, -2_i16, 0.25_f32);
            let mut args: Vec<*const u8> = vec![(&raw const numbers.0).cast(); 8];
            args.extend([(&raw const numbers.1).cast(); 8]);
            args.extend([
                (&raw const numbers.2).cast(),
                (&raw const numbers.3).cast(),
                (&raw const numbers.4).cast(),
            ]);
            let mut sum = 0.0_f64;
            // SAFETY: a function of this signature, and each argument is of its type.
            unsafe { invoker.call(seen.cast(), &args, (&raw mut sum).cast()) };
            assert_eq!(sum, expected, "{cc}");
        }
    }
}
