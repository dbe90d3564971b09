//! The C library reads the `va_list` of functions compiled here, they read C's, and both take turns.

use super::{call_with, va_list};

use crate::common::*;

/// What C makes of each function. Every `check_` is 1 if it did what the C library does.
const C: &str = r#"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#define INTS 1, 2, 3, 4, 5, 6, 7, 8L
#define INTS_FORMAT "%d %d %d %d %d %d %d %ld"
#define ALL 1, 2.5, "three", 4L, '5', 6.25, 7LL, (char *)"eight", 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 1.6L, (void *)17, 18
#define ALL_FORMAT "%d %g %s %ld %c %g %lld %s %g %g %g %g %g %g %g %Lg %p %d"

/* Not known to the compiler, which warns of a result that is cut off. */
static volatile size_t few = 10;
int check_ints(int (*f)(char *, size_t, const char *, ...))
{
    char own[100], libc[100];
    int n = f(own, sizeof own, INTS_FORMAT, INTS);
    return n == snprintf(libc, sizeof libc, INTS_FORMAT, INTS) && !strcmp(own, libc);
}
int check_all(int (*f)(char *, size_t, const char *, ...))
{
    char own[200], libc[200];
    int n = f(own, sizeof own, ALL_FORMAT, ALL);
    int right = n == snprintf(libc, sizeof libc, ALL_FORMAT, ALL) && !strcmp(own, libc);
    n = f(own, few, ALL_FORMAT, ALL);
    return right && n == snprintf(libc, few, ALL_FORMAT, ALL) && !strcmp(own, libc);
}
static __attribute__((noinline)) int start(long (*f)(char *, size_t, const char *, va_list), char *to, size_t n, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    long seen = f(to, n, format, list);
    va_end(list);
    return seen == 41018;
}
#define TURNS 41, 2.5, 3L, "four", 5.5L, 18
#define TURNS_FORMAT "%g %ld %s %Lg"
int check_received(long (*f)(char *, size_t, const char *, va_list))
{
    char own[100];
    return start(f, own, sizeof own, TURNS_FORMAT, TURNS) && !strcmp(own, "2.5 3 four 5.5");
}
int check_turns(long (*f)(char *, size_t, const char *, ...))
{
    char own[100];
    return f(own, sizeof own, TURNS_FORMAT, TURNS) == 41018 && !strcmp(own, "2.5 3 four 5.5");
}
"#;

const FORMAT: [Type; 3] = [Type::PTR, Type::U64, Type::PTR];

/// Calls `vsnprintf`, which is passed a `va_list` by its address.
fn print(
    lower: &Lowering,
    engine: &mut Engine,
    builder: &mut FunctionBuilder<'_>,
    args: [Value; 4],
) -> Value {
    let params = FORMAT.into_iter().chain([Type::PTR]);
    let sig = FnSig::new(params, Type::I32);
    let function = lower.declare_import(engine, "vsnprintf", &sig).unwrap();
    let result = lower.call(
        engine,
        builder,
        &function,
        &args.map(Arg::value),
        Ret::Value,
    );
    result.unwrap().value().unwrap()
}

/// `int own(char *to, size_t n, const char *format, ...)`: a `va_list` that starts here, of which the first integer is lost if `is_spoiled`.
fn formats(lower: &Lowering, engine: &mut Engine, is_spoiled: bool) -> FuncId {
    let sig = FnSig::new(FORMAT, Type::I32).variadic();
    let own = format!("own_{is_spoiled}");
    let own = exported(engine, lower, &own, &sig, |engine, builder, entry| {
        let list = va_list(builder);
        entry.va_start(builder, list).unwrap();
        if is_spoiled {
            lower.va_arg(builder, list, &sig, &Type::I32).unwrap();
        }
        let [to, n, format] = [0, 1, 2].map(|i| entry.value(builder, i).unwrap());
        let n = print(lower, engine, builder, [to, n, format, list]);
        entry.ret(engine, builder, Some(&Arg::value(n))).unwrap();
    });
    own.id
}

/// `long own(char *to, size_t n, const char *format, ...)`, or with C's `va_list` as its last argument: reads an `int`, has `vsnprintf` read what
/// the format says, goes over that itself, and reads an `int` after it: 1000 times the first one and the second one.
fn takes_turns(lower: &Lowering, engine: &mut Engine, is_received: bool) -> FuncId {
    let variadic = FnSig::new(FORMAT, Type::I64).variadic();
    let sig = match is_received {
        true => FnSig::new(FORMAT.into_iter().chain([Type::PTR]), Type::I64),
        false => variadic.clone(),
    };
    let own = format!("turns_{is_received}");
    let own = exported(engine, lower, &own, &sig, |engine, builder, entry| {
        let list = if is_received {
            entry.value(builder, 3).unwrap()
        } else {
            let list = va_list(builder);
            entry.va_start(builder, list).unwrap();
            list
        };
        let next = |builder: &mut FunctionBuilder<'_>, ty: &Type| {
            lower.va_arg(builder, list, &variadic, ty).unwrap()
        };
        let int = |builder: &mut FunctionBuilder<'_>| {
            let from = next(builder, &Type::I32);
            let int = (builder.ins()).load(types::I32, MemFlagsData::new(), from, 0);
            builder.ins().sextend(types::I64, int)
        };
        let first = int(builder);
        let copy = va_list(builder);
        lower.va_copy(builder, copy, list, &variadic).unwrap();
        let [to, n, format] = [0, 1, 2].map(|i| entry.value(builder, i).unwrap());
        print(lower, engine, builder, [to, n, format, copy]);
        for ty in [Type::F64, Type::I64, Type::PTR, long_double()] {
            next(builder, &ty);
        }
        let last = int(builder);
        let first = builder.ins().imul_imm_s(first, 1000);
        let both = builder.ins().iadd(first, last);
        entry.ret(engine, builder, Some(&Arg::value(both))).unwrap();
    });
    own.id
}

#[test]
fn the_c_library_and_compiled_functions_read_one_list() {
    for cc in reference_compilers() {
        let library = library(cc, &[], "variadic_libc", C);
        for settings in all_settings() {
            let mut engine = Engine::new(&settings).unwrap();
            let lower = &Lowering::new(engine.isa()).unwrap();
            let format = formats(lower, &mut engine, false);
            let checks = [
                ("check_ints", format, 1),
                ("check_all", format, 1),
                ("check_received", takes_turns(lower, &mut engine, true), 1),
                ("check_turns", takes_turns(lower, &mut engine, false), 1),
                // A list that does not start at the first unnamed argument is noticed.
                ("check_ints", formats(lower, &mut engine, true), 0),
            ];
            engine.finalize().unwrap();
            for (check, id, expected) in checks {
                let code = engine.code(id).unwrap();
                // SAFETY: a function of the type that the check takes.
                let code = unsafe { code.as_ptr() };
                let found = call_with(&library, check, code);
                assert_eq!(found, expected, "{cc}, {check}, {settings:?}");
            }
        }
    }
}
