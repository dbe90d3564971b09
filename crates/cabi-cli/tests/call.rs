//! `cabi call` as a user types it, with the C library and libraries built here as the other side.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;

use support::{cabi, libclang, library, refusal, stdout};

fn call(args: &[&str]) -> String {
    stdout(&cabi(&[&["call", "-i"], args].concat()))
}

#[test]
fn results_of_the_c_library() {
    if !libclang() {
        return;
    }
    let cases: &[(&[&str], &str)] = &[
        (&["stdlib.h", "div", "17", "5"], "{ .quot = 3, .rem = 2 }\n"),
        (
            &["stdlib.h", "div", "-17", "5"],
            "{ .quot = -3, .rem = -2 }\n",
        ),
        (
            &["stdlib.h", "ldiv", "17000000000", "6"],
            "{ .quot = 2833333333, .rem = 2 }\n",
        ),
        (&["complex.h", "cabs", "{3, 4}"], "5.0\n"),
        (&["math.h", "-l", "libm.so.6", "hypot", "3", "4"], "5.0\n"),
        (&["complex.h", "conj", "1.5 - 2*I"], "1.5 + 2.0i\n"),
        (&["complex.h", "csqrtl", "-4.0L + 0i"], "0.0L + 2.0Li\n"),
        (&["math.h", "sqrtl", "2"], "1.4142135623730950488L\n"),
        (&["math.h", "ldexpf", ".75f", "-3"], "0.09375f\n"),
        (&["math.h", "fabs", "-INFINITY"], "INFINITY\n"),
        (
            &["math.h", "frexp", "12.0", "&(int){0}"],
            "0.75\n*__exponent = 4\n",
        ),
        (&["string.h", "strlen", "\"h\\x41\\303\\251\""], "4\n"),
        (&["unistd.h", "sysconf", "_SC_CHAR_BIT"], "8\n"),
        (&["stdlib.h", "strtold", "\"1.1\"", "NULL"], "1.1L\n"),
        (&["stdlib.h", "getenv", "\"CABI_NOT_SET\""], "NULL\n"),
        (&["stdlib.h", "srand", "(1 << 3)|1"], ""),
    ];
    for (args, expected) in cases {
        assert_eq!(call(args), *expected, "{args:?}");
    }
}

#[test]
fn printf_prints_before_the_result() {
    if !libclang() {
        return;
    }
    let args = [
        "stdio.h",
        "printf",
        "\"%d %.2f %Lg %s %c %lu\\n\"",
        "1",
        "2.5f",
        "1.5L",
        "\"str\"",
        "'x'",
        "0xffffffffff",
    ];
    assert_eq!(call(&args), "1 2.50 1.5 str x 1099511627775\n31\n");
    // More doubles than vector registers: the rest are on the stack.
    let many = ["1.5"; 9];
    let format = format!("\"{}\\n\"", ["%g"; 9].join(" "));
    let args = [&["stdio.h", "printf", &format][..], &many].concat();
    assert_eq!(call(&args), "1.5 1.5 1.5 1.5 1.5 1.5 1.5 1.5 1.5\n36\n");
}

#[test]
fn results_that_are_strings() {
    if !libclang() {
        return;
    }
    let text = call(&["string.h", "strchr", "\"a\\tb\\x01\" \"2\"", "'\\t'"]);
    assert!(
        text.starts_with("0x") && text.ends_with(" \"\\tb\\x01\"\"2\"\n"),
        "{text}"
    );
}

#[test]
fn messages_name_parameter_and_type() {
    if !libclang() {
        return;
    }
    let cases: &[(&[&str], &str)] = &[
        (
            &["stdlib.h", "div", "17"],
            "div takes 2 arguments, (int __numer, int __denom), and 1 is given",
        ),
        (
            &["stdlib.h", "abs", "1", "2"],
            "abs takes 1 argument, (int __x), and 2 are given",
        ),
        (
            &["stdio.h", "printf"],
            "printf takes at least 1 argument, (const char *__format, ...), and 0 are given",
        ),
        (
            &["stdlib.h", "abs", "1.5"],
            "argument 1 (int __x): an integer is expected, not the floating constant 1.5",
        ),
        (
            &["stdlib.h", "abs", "5000000000"],
            "argument 1 (int __x): the integer 5000000000 does not fit it",
        ),
        (
            &["stdlib.h", "abs", "\"5\""],
            "argument 1 (int __x): an integer is expected, not a string",
        ),
        (
            &["stdlib.h", "labs", "1.5"],
            "argument 1 (long __x): an integer",
        ),
        (
            &["stdlib.h", "qsort", "NULL", "0", "0", "1"],
            "argument 4 (__compar_fn_t __compar): NULL",
        ),
        (
            &["stdlib.h", "abs", "nope"],
            "argument 1 (int __x): nope: clang says: use of undeclared identifier 'nope'",
        ),
        (
            &["stdlib.h", "abs", "{1, 2}"],
            "argument 1 (int __x): int has fewer members than it is given",
        ),
        (
            &["string.h", "strlen", "7"],
            "argument 1 (const char *__s): NULL, a string or &(type){...} is expected",
        ),
        (
            &["string.h", "strlen", "\"x"],
            "argument 1 (const char *__s): \"x: the closing \" is missing",
        ),
        (
            &["complex.h", "cabs", "{1, 2, 3}"],
            "_Complex double has fewer members",
        ),
        (
            &["math.h", "fabsf", "1e39"],
            "argument 1 (float __x): the floating constant 1e39 is too large for it",
        ),
        (
            &["stdio.h", "printf", "\"%d\"", "{1}"],
            "argument 2: an initialiser here needs its type",
        ),
        (&["stdlib.h", "nope"], "stdlib.h declares no function nope"),
        (&["nope.h", "nope"], "'nope.h' file not found"),
        (
            &["stdlib.h", "-l", "libnope.so.9", "abs", "1"],
            "libnope.so.9",
        ),
    ];
    for (args, expected) in cases {
        let message = refusal(&[&["call", "-i"], *args].concat());
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

#[test]
fn a_crash_is_reported() {
    if !libclang() {
        return;
    }
    let abort = refusal(&["call", "-i", "stdlib.h", "abort"]);
    assert!(abort.contains("abort was ended by SIGABRT"), "{abort}");
    let null = refusal(&["call", "-i", "string.h", "strlen", "NULL"]);
    assert!(null.contains("strlen was ended by SIGSEGV"), "{null}");
    let divided = refusal(&["call", "-i", "stdlib.h", "div", "1", "0"]);
    assert!(divided.contains("SIGFPE"), "{divided}");
    for code in ["0", "1", "3"] {
        let exit = refusal(&["call", "-i", "stdlib.h", "exit", code]);
        assert!(exit.contains(&format!("exit status {code}")), "{exit}");
    }
}

const HEADER: &str = "
#include <complex.h>
#include <stdbool.h>
struct vec2 { double x, y; };
typedef struct { float x; int n; } mixed;
typedef union { double d; long n; unsigned char c[8]; } word;
struct bits { unsigned a : 3; int b : 5; unsigned long c : 40; bool d : 1; };
struct tagged { int kind; union { int i; float f; }; };
struct soup { char tag[6]; struct vec2 at[2]; word w; struct bits bits; struct tagged t; float _Complex z; short s[2][2];
              const char *end; };
typedef float v4 __attribute__((vector_size(16)));
enum color { RED, GREEN = 7 };
struct over { _Alignas(64) int n; };
struct empty {};
struct vec2 rotate(struct vec2 v, double by);
mixed swap(mixed a);
word see(word w);
struct bits next(struct bits b);
struct tagged more(struct tagged t);
v4 add(v4 a, v4 b);
enum color other(enum color c);
long double _Complex twice(long double _Complex z);
__int128 square(__int128 a);
bool not(bool b);
_Float16 half(_Float16 x);
__float128 quad(__float128 x);
unsigned char byte(unsigned char c);
struct empty nothing(struct empty e);
struct over over(struct over o);
__attribute__((target(\"avx\"))) float first(float v __attribute__((vector_size(32))));
struct vec2 sum(int n, ...);
void fill(struct vec2 *p);
int old();
int same(const char *text, long double x);
static inline int inlined(int x) { return x; }
";

const C: &str = r#"
#include <stdarg.h>
#include <stdlib.h>
struct vec2 rotate(struct vec2 v, double by) { return (struct vec2){ -v.y * by, v.x * by }; }
mixed swap(mixed a) { return (mixed){ a.n, a.x }; }
word see(word w) { return w; }
struct bits next(struct bits b) { b.a++; b.b--; b.c += 1; b.d = !b.d; return b; }
struct tagged more(struct tagged t) { t.i++; return t; }
v4 add(v4 a, v4 b) { return a + b; }
enum color other(enum color c) { return c == RED ? GREEN : RED; }
long double _Complex twice(long double _Complex z) { return z * 2; }
__int128 square(__int128 a) { return a * a; }
bool not(bool b) { return !b; }
_Float16 half(_Float16 x) { return x / 2; }
__float128 quad(__float128 x) { return x * 4; }
unsigned char byte(unsigned char c) { return c + 1; }
struct empty nothing(struct empty e) { return e; }
struct over over(struct over o) { return o; }
float first(float v __attribute__((vector_size(32)))) { return v[0]; }
struct vec2 sum(int n, ...)
{
    va_list ap;
    struct vec2 sum = { 0, 0 };
    va_start(ap, n);
    while (n--) {
        struct vec2 v = va_arg(ap, struct vec2);
        sum.x += v.x;
        sum.y += v.y;
    }
    return sum;
}
void fill(struct vec2 *p) { p->x += 1; p->y = 2.5; }
int old(int a, double b) { return a + b; }
int same(const char *text, long double x) { return strtold(text, 0) == x; }
"#;

/// Function and arguments, and the result.
const CALLS: &[(&[&str], &str)] = &[
    (
        &["rotate", "{.y = 1, .x = 2}", "0.5"],
        "{ .x = -0.5, .y = 1.0 }\n",
    ),
    (
        &["rotate", "(struct vec2){2, 1}", "1 / 2 + 1"],
        "{ .x = -1.0, .y = 2.0 }\n",
    ),
    (&["swap", "{1.5, 3}"], "{ .x = 3.0f, .n = 1 }\n"),
    (
        &["see", "{2.5}"],
        "{ .d = 2.5, .n = 4612811918334230528, .c = { 0, 0, 0, 0, 0, 0, 4, 64 } }\n",
    ),
    (
        &["see", "{.c = {[6] = 0xf0, 63}}"],
        "{ .d = 1.0, .n = 4607182418800017408, .c = { 0, 0, 0, 0, 0, 0, 240, 63 } }\n",
    ),
    (
        &["next", "{1, -2, 99, 1}"],
        "{ .a = 2, .b = -3, .c = 100, .d = 0 }\n",
    ),
    (
        &["next", "{.c = 0xffffffffff, .b = -16}"],
        "{ .a = 1, .b = 15, .c = 0, .d = 1 }\n",
    ),
    (
        &["more", "{.f = 2, .kind = 1}"],
        "{ .kind = 1, .i = 1073741825, .f = 2.0000002f }\n",
    ),
    (
        &["add", "{1, 2, 3, 4}", "{10, 20, 30}"],
        "{ 11.0f, 22.0f, 33.0f, 4.0f }\n",
    ),
    (&["other", "RED"], "7\n"),
    (&["other", "GREEN"], "0\n"),
    (&["twice", "1.25L + 2.5iL"], "2.5L + 5.0Li\n"),
    (
        &["square", "-4294967296000"],
        "18446744073709551616000000\n",
    ),
    (&["not", "0"], "1\n"),
    (&["half", "3"], "1.5f16\n"),
    (&["quad", "0.1f128"], "0.4f128\n"),
    (&["byte", "'a'"], "98\n"),
    (&["byte", "-1"], "0\n"),
    (&["nothing", "{}"], "{}\n"),
    (
        &["sum", "2", "(struct vec2){1, 2}", "(struct vec2){.y = 5}"],
        "{ .x = 1.0, .y = 7.0 }\n",
    ),
    (
        &["fill", "&(struct vec2){4}"],
        "*p = { .x = 5.0, .y = 2.5 }\n",
    ),
    (&["old", "3", "2.5"], "5\n"),
    (
        &[
            "same",
            "\"1.18973149535723176502e+4932\"",
            "1.18973149535723176502e+4932L",
        ],
        "1\n",
    ),
    (
        &[
            "same",
            "\"3.6451995318824746025e-4951\"",
            "3.6451995318824746025e-4951L",
        ],
        "1\n",
    ),
    (
        &[
            "same",
            "\"0x1.921fb54442d1846ap+1\"",
            "3.14159265358979323846264338327950288L",
        ],
        "1\n",
    ),
];

/// What the library in `folder` gives for `args`.
fn of_library(folder: &Path, args: &[&str]) -> std::process::Output {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (header, library) = (path("lib.h"), path("lib.so"));
    cabi(&[&["call", "-i", &header, "-l", &library], args].concat())
}

#[test]
fn values_of_every_kind_pass_through_a_library() {
    if !libclang() {
        return;
    }
    let Some(library) = library(HEADER, C, &[]) else {
        return;
    };
    for (args, expected) in CALLS {
        assert_eq!(
            stdout(&of_library(library.path(), args)),
            *expected,
            "{args:?}"
        );
    }
}

/// The control: a library with another ABI gives other results.
#[test]
fn another_abi_is_noticed() {
    if !libclang() {
        return;
    }
    let Some(library) = library(HEADER, C, &["-mabi=ms"]) else {
        return;
    };
    for (args, expected) in CALLS.iter().take(3) {
        let output = of_library(library.path(), args);
        assert_ne!(
            String::from_utf8_lossy(&output.stdout),
            *expected,
            "{args:?}"
        );
    }
}

#[test]
fn refused_calls() {
    if !libclang() {
        return;
    }
    let Some(library) = library(HEADER, C, &[]) else {
        return;
    };
    let cases: &[(&[&str], &str)] = &[
        (&["over", "{1}"], "aligned to more than 16 bytes"),
        (&["first", "{1}"], "vector"),
        (&["inlined", "1"], "inlined: "),
        (
            &["rotate", "{1, 2, 3}", "1"],
            "argument 1 (struct vec2 v): struct vec2 has fewer members",
        ),
        (&["rotate", "{.z = 1}", "1"], "struct vec2 has no member z"),
        (
            &["rotate", "3", "1"],
            "the integer 3 is not an initialiser for it",
        ),
        (&["rotate", "(mixed){1}", "1"], "mixed is not struct vec2"),
        (
            &["next", "{.a = 8}"],
            ".a, a bit-field of 3 bits: the integer 8 does not fit it",
        ),
        (
            &["see", "{.c = {[8] = 1}}"],
            ".c: [8] is not one of 8 elements",
        ),
    ];
    for (args, expected) in cases {
        let output = of_library(library.path(), args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(message.contains(expected), "{args:?}: {message}");
    }
}

/// Initialisers of `struct soup`: the compiler reads each of them too, and compares the bytes.
const SOUPS: &[&str] = &[
    "{}",
    "{\"abc\"}",
    "{\"abcdef\", {{1, 2}, {3, 4}}, {5}, {1, -1, 3, 1}, {7, {8}}, 1.5f, {{1, 2}, {3, 4}}, 0}",
    "{'a', 'b', 'c', 'd', 'e', 'f', 1, 2, 3, 4, 5, 1, -1, 3, 0, 7, 8, 1.5f, 1, 2, 3, 4, 0}",
    "{.at[1].y = 2.5, .w.n = -1, .tag = {[1] = 'x', 'y'}, .t = {.f = 0.1f}}",
    "{.at = {[1] = {3}, [0].y = 4}, .s[1] = {5, 6}, .s[0][1] = 7,}",
    "{.bits = {.d = 1, .b = -16}, .t.i = 0x7fffffff, .s = {1, 2, 3, 4}}",
    "{.w = {.c = \"12345678\"}, .at = {1, 2, 3}, {4}}",
    "{.t = {1, .f = 0x1.8p-3f}, .z = -2.5f, .tag = \"\\x41\\102\\n\"}",
    "{{\"quoted\"}, .s = {{1}, 2}, .s[1][1] = -3}",
];

#[test]
fn initialisers_mean_what_they_mean_to_a_compiler() {
    if !libclang() {
        return;
    }
    let mut header = HEADER.to_owned();
    let mut c = C.to_owned() + "#include <string.h>\n";
    for (i, soup) in SOUPS.iter().enumerate() {
        header += &format!("int is_{i}(struct soup s);\n");
        c += &format!(
            "static const struct soup soup_{i} = {soup};\n\
             int is_{i}(struct soup s) {{ return memcmp(&s, &soup_{i}, sizeof s) == 0; }}\n"
        );
    }
    let Some(library) = library(&header, &c, &[]) else {
        return;
    };
    for (i, soup) in SOUPS.iter().enumerate() {
        let is = format!("is_{i}");
        let output = of_library(library.path(), &[&is, soup]);
        assert_eq!(stdout(&output), "1\n", "{soup}");
        // The control: its neighbour is another one.
        let other = SOUPS[(i + 1) % SOUPS.len()];
        let output = of_library(library.path(), &[&is, other]);
        assert_eq!(stdout(&output), "0\n", "{soup} against {other}");
    }
}

/// `_Float32` is passed after the `...` as it is, `float` as a `double`: gcc's own callee takes each with `va_arg`, and its caller with
/// the same values checks that it does.
#[test]
fn a_float32_is_not_promoted() {
    if !libclang() {
        return;
    }
    let header = "int is(int, ...);";
    let c = "
        #include <stdarg.h>
        int is(int wide, ...) {
            va_list list;
            va_start(list, wide);
            int same = wide ? va_arg(list, double) == 1.5 : va_arg(list, _Float32) == (_Float32)1.5;
            va_end(list);
            return same;
        }
        __attribute__((constructor)) static void check(void) {
            if (!is(1, 1.5f) || !is(0, (_Float32)1.5)) __builtin_trap();
        }
    ";
    let Some(folder) = library(header, c, &[]) else {
        return;
    };
    let is = |wide: &str, value: &str| {
        let args = ["call", "-l", "./lib.so", "-i", "lib.h", "is", wide, value];
        stdout(&support::cabi_in(folder.path(), &args))
    };
    assert_eq!(is("0", "(_Float32){1.5}"), "1\n");
    assert_eq!(is("1", "1.5f"), "1\n");
    // Each taken as the other is not.
    assert_eq!(is("1", "(_Float32){1.5}"), "0\n");
}
