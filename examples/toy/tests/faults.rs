//! How a program ends that fails while it runs: the message says what was wrong, in which line and function, and the process ends by
//! SIGABRT; what fails in a function of C is said to, and keeps its signal.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::MACHINES;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

const SIGILL: i32 = 4;
const SIGABRT: i32 = 6;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;

/// What all programs here begin with; it is one line.
const HEAD: &str = "extern { fn strlen(s: *u8) -> usize; fn printf(f: *u8, ...) -> i32; fn raise(n: i32) -> i32; } \
    extern { fn exit(n: i32) -> !; fn abs(n: i32) -> !; fn div(a: i32, b: i32) -> i64; } \
    extern { fn qsort(p: *void, n: usize, s: usize, f: fn(*void, *void) -> i32); } \
    struct large { a: [i64; 100] } struct small { a: i64, b: i64, c: i64 } union both { p: *i32, n: i64, f: fn() -> i32 } \
    fn zero(n: i32) -> i32 { return n - n; } fn take(l: large) -> i64 { return l.a[0]; } fn pair(s: small) -> i64 { return s.a; } \
    fn none() -> *large { return null; }\n";

/// A program after the first line, what it says on standard error after `toy: `, the signal that ends it.
const CASES: &[(&str, &str, i32)] = &[
    (
        "fn main() { let x =\n 7 / zero(7); }",
        "division by zero at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let x = 1 +\n 2 *\n (7u32 / zero(7) as u32); }",
        "division by zero at f.toy:4, in main",
        SIGABRT,
    ),
    (
        "fn f(n: i8) -> i8 {\n return 7 % n; }\nfn main() { f(0); }",
        "division by zero at f.toy:3, in f",
        SIGABRT,
    ),
    (
        "fn f(n: u16) -> u16 {\n return 7 % n; }\nfn main() { f(0); }",
        "division by zero at f.toy:3, in f",
        SIGABRT,
    ),
    (
        "fn main() {\n let x: i64 = 5;\n x /= zero(1) as i64; }",
        "division by zero at f.toy:4, in main",
        SIGABRT,
    ),
    (
        "fn main() {\n let x = 5u128 / zero(1) as u128; }",
        "division by zero at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() {\n let x = -5i128 %\n zero(1) as i128; }",
        "division by zero at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() {\n let x: bitint<77> = 5; x %= zero(1) as bitint<77>; }",
        "division by zero at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let v: i32x4; let w: i32x4;\n v = v / w; }",
        "division by zero at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let m: i32 = -2147483648;\n m /= zero(5) - 1; }",
        "overflow in a division at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let m: i8 = -128;\n m /= (zero(5) - 1) as i8; }",
        "overflow in a division at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let p: *i32 = null;\n *p = 1; }",
        "null pointer dereference at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let p: *small = null;\n\n let n = p.c; if n == 0 { exit(1); } }",
        "null pointer dereference at f.toy:4, in main",
        SIGABRT,
    ),
    (
        "fn main() {\n take(*none()); }",
        "null pointer dereference at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let p: *small = null;\n pair(*p); }",
        "null pointer dereference at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let l = large {}; let p = none();\n *p = l; }",
        "null pointer dereference at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let l =\n *none(); }",
        "null pointer dereference at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let b = both { n: 1 << 60 };\n *b.p = 3; }",
        "access to memory that is not there at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let b = both { n: 1 << 40 };\n *b.p = 3; }",
        "access to memory that is not there at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let f: fn(i32) -> i32 = null;\n f(3); }",
        "call of a null function pointer at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let f: fn(*u8, ...) -> i32 = null;\n f(\"\", 1.5); }",
        "call of a null function pointer at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn f(n: i32) -> i32 {\n return f(n + 1) + 1; }\nfn main() { f(1); }",
        "stack overflow in f at f.toy:2",
        SIGABRT,
    ),
    (
        "fn f(n: i32) -> i32 { let a: [i32; 5000];\n a[n & 7] = n; return f(n + 1) + a[n & 3]; }\nfn main() { f(1); }",
        "stack overflow in f at f.toy:2",
        SIGABRT,
    ),
    (
        "fn f(n: i32) -> i32 { printf(\"\", n);\n return f(n + 1) + 1; }\nfn main() { f(1); }",
        "stack overflow in f at f.toy:2",
        SIGABRT,
    ),
    (
        "fn compare(a: *void, b: *void) -> i32 { let n = [2, 1];\n qsort(n, 2, 4, compare); return 0; }\nfn main() { compare(null, null); }",
        "stack overflow in compare at f.toy:2",
        SIGABRT,
    ),
    (
        "fn compare(a: *void, b: *void) -> i32 {\n return *(null as *i32); }\nfn main() { let n = [2, 1]; qsort(n, 2, 4, compare); }",
        "null pointer dereference at f.toy:3, in compare",
        SIGABRT,
    ),
    (
        "fn main() {\n abs(1); }",
        "a function that never returns has returned at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let m: bitint<5> = -16;\n m /= (zero(5) - 1) as bitint<5>; }",
        "overflow in a division at f.toy:3, in main",
        SIGABRT,
    ),
    (
        "fn main() { let m: bitint<63> = 1; m <<= 62;\n m /= (zero(5) - 1) as bitint<63>; }",
        "overflow in a division at f.toy:3, in main",
        SIGABRT,
    ),
    // An address on the stack is no stack overflow.
    (
        "fn main() { let n: u64 = 0xc3; let f = &n as u64 as fn() -> i32;\n f(); }",
        "call of what is no function outside of the program, in a function of C",
        SIGSEGV,
    ),
    // What C does.
    (
        "fn main() { strlen(null); }",
        "null pointer dereference outside of the program, in a function of C",
        SIGSEGV,
    ),
    (
        "fn main() { div(1, 0); }",
        "arithmetic exception outside of the program, in a function of C",
        SIGFPE,
    ),
    (
        "fn main() { let n = [2, 1]; qsort(n, 2, 4, null); }",
        "call of a null function pointer outside of the program, in a function of C",
        SIGSEGV,
    ),
    // What nobody did: the signals are sent.
    ("fn main() { raise(11); }", "", SIGSEGV),
    ("fn main() { raise(8); }", "", SIGFPE),
    ("fn main() { raise(4); }", "", SIGILL),
    // The controls: nothing is wrong.
    (
        "fn main() { let x = 7 / (zero(1) + 1); let m: i32 = -2147483648; m %= zero(1) - 1; m /= zero(1) + 1; }",
        "",
        0,
    ),
    (
        "fn f(n: i32) -> i32 { if n == 0 { return 0; } return f(n - 1) + 1; }\nfn main() { if f(20000) != 20000 { exit(1); } }",
        "",
        0,
    ),
];

#[test]
fn faults_are_reported_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("f.toy");
    for (text, message, signal) in CASES {
        fs::write(&program, format!("{HEAD}{text}\n")).unwrap();
        for machine in MACHINES {
            expect(directory.path(), machine, text, message, *signal);
        }
    }
}

fn expect(directory: &Path, machine: &[&str], text: &str, message: &str, signal: i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toy"));
    command.arg("run").args(machine).arg("f.toy");
    let output = command.current_dir(directory).output().unwrap();
    let expected = match message {
        "" => String::new(),
        message => format!("toy: {message}\n"),
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, expected, "{machine:?} {text}");
    let ended = output.status.signal().unwrap_or(0);
    assert_eq!(
        (ended, output.status.code().unwrap_or(0)),
        (signal, 0),
        "{machine:?} {text}"
    );
}
