//! The command as a user runs it.

mod support;

use support::{cabi, libclang, refusal, stdout};

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
        assert!(refusal(&["explain", "int x"]).contains("x: int: this is no function type"));
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
        text.contains("first free of rcx rdx r8 r9, taking also xmm0 xmm1 xmm2 xmm3"),
        "{text}"
    );
}

#[test]
fn a_convention_has_a_name() {
    let by_name = stdout(&cabi(&["rules", "x86-64 System V"]));
    let by_target = stdout(&cabi(&["rules", "x86_64-unknown-linux-gnu"]));
    let tables = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned());
    assert_eq!(tables(&by_name), tables(&by_target));
    assert_ne!(
        tables(&by_name),
        tables(&stdout(&cabi(&["rules", "x64 windows"])))
    );
}

#[test]
fn every_subcommand_shows_examples() {
    for subcommand in ["explain", "call", "rules", "completions", "man"] {
        let text = stdout(&cabi(&[subcommand, "--help"]));
        assert!(text.contains("Examples:\n  cabi "), "{subcommand}: {text}");
        // Nobody looks at colours here.
        assert!(!text.contains('\x1b'), "{subcommand}: {text}");
    }
    assert!(stdout(&cabi(&["--help"])).contains("Exit status"));
}

#[test]
fn completions_and_manual_pages() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef cabi"),
        ("fish", "complete -c cabi"),
    ] {
        let script = stdout(&cabi(&["completions", shell]));
        assert!(
            script.contains(word) && script.contains("policy"),
            "{shell}: {script}"
        );
    }
    assert!(stdout(&cabi(&["man"])).contains(".TH cabi 1"));
    assert!(stdout(&cabi(&["man", "call"])).contains(".TH cabi-call 1"));
    assert!(refusal(&["man", "woman"]).contains("woman is not a subcommand"));
    assert!(refusal(&["completions", "cmd"]).contains("cmd"));
}
