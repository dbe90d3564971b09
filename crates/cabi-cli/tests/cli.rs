//! The command as a user runs it.

use std::process::{Command, Output};

fn cabi(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cabi"))
        .args(args)
        .output()
        .expect("the command was built")
}

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The message of a refusal, and that it exits with 2.
fn refusal(args: &[&str]) -> String {
    let output = cabi(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether headers can be read. Without libclang the tests that need it say so, and fail where it is required.
fn libclang() -> bool {
    let output = cabi(&["explain", "int f(void)"]);
    let missing = String::from_utf8_lossy(&output.stderr).contains("not installed or not found");
    if missing {
        println!("not run: no libclang");
        assert!(
            std::env::var_os("CABI_REQUIRE_ORACLES").is_none(),
            "libclang is required"
        );
    }
    !missing
}

#[test]
fn explains_a_declaration() {
    if !libclang() {
        return;
    }
    let declaration = "struct p { double x; long n; }; struct p f(int i, struct p p)";
    let target = ["--target", "x86_64-unknown-linux-gnu"];
    let summary = [&["explain", "--summary", declaration][..], &target].concat();
    assert_eq!(
        stdout(&cabi(&summary)),
        "\
arg 0 i         Integer          rdi
arg 1 p         Sse Integer      xmm0 rsi
ret             Sse Integer      xmm0 rax
area 0 bytes, gp 2, sse 1
"
    );
    let json = [&["explain", "--json", declaration][..], &target].concat();
    let json: serde_json::Value = serde_json::from_str(&stdout(&cabi(&json))).expect("JSON");
    assert_eq!(json["args"][1]["place"], "xmm0 rsi");
}

#[test]
fn explains_a_call_of_printf() {
    if !libclang() {
        return;
    }
    let args = [
        "explain",
        "--summary",
        "-i",
        "stdio.h",
        "printf",
        "--unnamed",
        "float",
    ];
    let text = stdout(&cabi(&args));
    assert!(text.contains("xmm0"), "{text}");
    assert!(text.contains("al 1"), "{text}");
}

#[test]
fn policies_differ() {
    if !libclang() {
        return;
    }
    let declaration = "struct s { int n; char rest[]; }; void f(struct s s)";
    let place = |policy| {
        stdout(&cabi(&[
            "explain",
            "--summary",
            "--policy",
            policy,
            declaration,
        ]))
    };
    assert!(place("gcc").contains("rdi"));
    assert!(place("clang").contains("stack 0..4"));
    assert!(place("gcc,flexible_array_in_memory").contains("stack 0..4"));
}

#[test]
fn refusals_name_what_is_wrong() {
    assert!(refusal(&["rules", "m68k-unknown-linux-gnu"]).contains("no C calling convention"));
    assert!(refusal(&["rules", "nonsense"]).contains("nonsense"));
    assert!(refusal(&["explain", "--policy", "msvc", "int f(void)"]).contains("msvc"));
    if libclang() {
        assert!(refusal(&["explain", "int x"]).contains("declares no function"));
        assert!(
            refusal(&["explain", "-i", "stdlib.h", "nope"]).contains("declares no function nope")
        );
        assert!(refusal(&["explain", "struct s; void f(struct s s)"]).contains("incomplete"));
    }
}

#[test]
fn prints_tables() {
    let text = stdout(&cabi(&["rules", "x86_64-pc-windows-gnu"]));
    assert!(text.contains("shadow space 32 bytes"), "{text}");
    assert!(
        text.contains("first free of rcx rdx r8 r9, burning xmm0 xmm1 xmm2 xmm3"),
        "{text}"
    );
}
