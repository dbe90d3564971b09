//! `cabi call` as a user types it, with the C library and libraries built here as the other side.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;

use support::{cabi, libclang, library, refusal, stdout};

fn call(args: &[&str]) -> String {
    stdout(&cabi(&[&["call", "-i"], args].concat()))
}

/// The calls in a section of `calls.txt`, with what stands below each.
fn cases(section: &str) -> Vec<(Vec<&'static str>, String)> {
    const CALLS: &str = include_str!("calls.txt");
    let (_, rest) = CALLS
        .split_once(&format!("\n== {section}\n"))
        .expect("a section");
    let rest = rest.split("\n\n").next().unwrap_or(rest);
    let calls = format!("\n{}\n", rest.trim_end());
    let calls = calls.split("\n$ ").skip(1).map(|call| {
        let (words, below) = call.split_once('\n').unwrap_or((call, ""));
        let words = shell_words::split(words).expect("words of a shell");
        let words = words.into_iter().map(|word| &*word.leak()).collect();
        let end = if below.is_empty() || below.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        (words, format!("{below}{end}"))
    });
    let calls: Vec<_> = calls.collect();
    assert!(!calls.is_empty(), "{section}");
    calls
}

#[test]
fn results_of_the_c_library() {
    if !libclang() {
        return;
    }
    for (args, expected) in cases("of the C library") {
        assert_eq!(call(&args), expected, "{args:?}");
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
    for (args, expected) in cases("of the C library, refused") {
        let message = refusal(&[&["call", "-i"], &args[..]].concat());
        assert!(message.contains(expected.trim_end()), "{args:?}: {message}");
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
struct mixture { char tag[6]; struct vec2 at[2]; word w; struct bits bits; struct tagged t; float _Complex z; short s[2][2];
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
    for (args, expected) in cases("of a library") {
        let output = of_library(library.path(), &args);
        assert_eq!(stdout(&output), expected, "{args:?}");
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
    for (args, expected) in cases("of a library").into_iter().take(3) {
        let output = of_library(library.path(), &args);
        assert_ne!(
            String::from_utf8_lossy(&output.stdout),
            expected,
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
    for (args, expected) in cases("of a library, refused") {
        let output = of_library(library.path(), &args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(message.contains(expected.trim_end()), "{args:?}: {message}");
    }
}

/// Initialisers of `struct mixture`: the compiler reads each of them too, and compares the bytes.
const INITIALISERS: &[&str] = &[
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
    for (i, mixture) in INITIALISERS.iter().enumerate() {
        header += &format!("int is_{i}(struct mixture s);\n");
        c += &format!(
            "static const struct mixture mixture_{i} = {mixture};\n\
             int is_{i}(struct mixture s) {{ return memcmp(&s, &mixture_{i}, sizeof s) == 0; }}\n"
        );
    }
    let Some(library) = library(&header, &c, &[]) else {
        return;
    };
    for (i, mixture) in INITIALISERS.iter().enumerate() {
        let is = format!("is_{i}");
        let output = of_library(library.path(), &[&is, mixture]);
        assert_eq!(stdout(&output), "1\n", "{mixture}");
        // The control: its neighbour is another one.
        let other = INITIALISERS[(i + 1) % INITIALISERS.len()];
        let output = of_library(library.path(), &[&is, other]);
        assert_eq!(stdout(&output), "0\n", "{mixture} against {other}");
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
