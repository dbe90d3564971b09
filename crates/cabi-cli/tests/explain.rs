//! `cabi explain` explains what was asked, or says why it cannot.

mod support;

use std::process::Command;

use support::{cabi, libclang, missing, refusal, stdout};

const LINUX: [&str; 2] = ["--target", "x86_64-unknown-linux-gnu"];

fn summary(args: &[&str]) -> String {
    stdout(&cabi(&[&["explain", "--summary"], args].concat()))
}

#[test]
fn never_an_earlier_function() {
    if !libclang() {
        return;
    }
    let refused = [
        (
            "int g(double); foo_t f(int);",
            "f: clang says: unknown type name 'foo_t'",
        ),
        (
            "#include <stdlib.h>\nfoo_t f(int);",
            "<declaration>:2: f: clang says",
        ),
        ("#include <stdlib.h>\n", "declares no function"),
        (
            "int g(double); static int f(int);",
            "f: a static function has no symbol",
        ),
        (
            "int g(double); static inline int f(int x) { return x; }",
            "f: ",
        ),
        (
            "int g(double); __attribute__((vectorcall)) int f(int);",
            "f: the calling convention vectorcall",
        ),
        (
            "int g(double); int f(struct s x);",
            "f: parameter 1 (x): struct s is incomplete",
        ),
        ("int g(double); _Complex _Float64 f(int);", "f: clang says"),
        ("int g(double); int x;", "x: int: this is no function type"),
        (
            "int g(double); struct s { int x; };",
            "struct s: this is no function type",
        ),
        (
            "int g(double); typedef long t;",
            "t: long: this is no function type",
        ),
        (
            "struct s { int x; int z y; }; void f(struct s x);",
            "struct s: clang says",
        ),
        ("int g(double); int f(int", "<declaration>:1"),
        ("int g(double); }", "<declaration>:1:16: "),
    ];
    for (text, why) in refused {
        let message = refusal(&["explain", text]);
        assert!(message.contains(why), "{text}: {message}");
    }
    // What was asked is explained: the last one, with others before it.
    for text in [
        "int g(double); int f(int a);",
        "#include <stdlib.h>\nint f(int a);",
        "foo_t g(double); int f(int a);",
    ] {
        let text = summary(&[text]);
        assert!(
            text.contains("arg 0 a         Integer          rdi"),
            "{text}"
        );
    }
}

#[test]
fn function_types_are_explained() {
    if !libclang() {
        return;
    }
    for text in [
        "int g(double); int (*fp)(int a);",
        "int g(double); typedef int f(int a);",
        "int g(double); typedef int (*f)(int a);",
        "typedef int t(int a); t *f;",
        "int g(double); extern int (*const fp)(int a);",
    ] {
        let text = summary(&[text]);
        assert!(text.starts_with("arg 0"), "{text}");
        assert!(text.contains("Integer          rdi"), "{text}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let header = folder.path().join("callbacks.h");
    std::fs::write(&header, "typedef double (*callback)(double d);").expect("a file");
    let path = header.to_str().expect("a path in UTF-8");
    let text = summary(&["-i", path, "callback"]);
    assert!(
        text.contains("arg 0 d         Sse              xmm0"),
        "{text}"
    );
}

#[test]
fn arguments_for_clang_decide_the_target() {
    if !libclang() {
        return;
    }
    let declaration = "long f(long a)";
    for args in [
        &["--", "-m32"][..],
        &["--", "-mx32"],
        &["--", "--target=aarch64-linux-gnu"],
    ] {
        let message = refusal(&[&["explain", declaration], args].concat());
        assert!(
            message.contains("no C calling convention is known"),
            "{message}"
        );
        let message = refusal(&[&["explain", declaration], &LINUX[..], args].concat());
        assert!(message.contains("another target"), "{message}");
    }
    let msvc = ["--target", "x86_64-pc-windows-msvc"];
    assert!(summary(&[&[declaration], &msvc[..]].concat()).contains("rcx"));
    let windows = summary(&[declaration, "--", "--target=x86_64-windows-gnu"]);
    assert!(windows.contains("rcx"), "{windows}");
    let both = [
        &["explain", declaration],
        &LINUX[..],
        &["--", "--target=x86_64-windows-gnu"],
    ];
    assert!(refusal(&both.concat()).contains("another target"));
    // gcc: "SSE register return with SSE disabled".
    for flag in ["-mno-sse", "-mno-sse2", "-mgeneral-regs-only"] {
        let message = refusal(&["explain", "double f(double)", "--", flag]);
        assert!(message.contains("vector registers"), "{message}");
    }
    let same = [
        &[declaration],
        &LINUX[..],
        &["--", "-mavx", "-funsigned-char"],
    ];
    assert!(summary(&same.concat()).contains("rdi"));
}

#[test]
fn errors_name_the_users_own_place() {
    if !libclang() {
        return;
    }
    let cases: [(&[&str], &str); 5] = [
        (
            &["int f(int);\n\n+;"],
            "cabi: <declaration>:3:1: expected external declaration",
        ),
        (
            &["-i", "nowhere.h", "f"],
            "cabi: <command line>:1:10: 'nowhere.h' file not found",
        ),
        (
            &["int f(int, ...)", "--unnamed", "nonsense"],
            "cabi: --unnamed nonsense: ",
        ),
        (
            &["int f(int, ...)", "--unnamed", "int", "--unnamed", "int)"],
            "cabi: --unnamed int): ",
        ),
        (
            &["int f(int, ...)", "--unnamed", "int, int"],
            "cabi: --unnamed int, int: ",
        ),
    ];
    for (args, message) in cases {
        let found = refusal(&[&["explain"], args].concat());
        assert!(found.starts_with(message), "{args:?}: {found}");
        assert!(!found.contains("header.h:1"), "{found}");
    }
}

/// The widths that gcc gives unnamed arguments: a register holds the bits of the number as it is, or of the `double` it was promoted to.
#[test]
fn unnamed_arguments_are_promoted_as_gcc_promotes() {
    if !libclang() {
        return;
    }
    let types = [
        ("float", "8"),
        ("_Float32", "4"),
        ("_Decimal32", "4"),
        ("_Decimal64", "8"),
        ("_Decimal128", "16"),
        ("__typeof__(_Decimal32)", "4"),
        ("short", "4"),
        ("_Bool", "4"),
        ("int[3]", "8"),
        ("int(int)", "8"),
    ];
    let mut args = vec!["explain", "--json", "int f(int, ...)"];
    args.extend(LINUX);
    for (ty, _) in types {
        args.extend(["--unnamed", ty]);
    }
    let json: serde_json::Value = serde_json::from_str(&stdout(&cabi(&args))).expect("JSON");
    for (i, (ty, size)) in types.iter().enumerate() {
        assert_eq!(json["args"][i + 1]["size"].to_string(), *size, "{ty}");
    }
    // `+x` does not promote a floating-point type; what gcc's own caller loads does: 0x3f800000 is 1 as a float of 32 bits.
    let c = "int f(int, ...); int g(void) { return f(0, (_Float32)1); } int h(void) { return f(0, 1.0f); }";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("promoted.c");
    std::fs::write(&path, c).expect("a file");
    let gcc = Command::new("gcc")
        .args(["-O1", "-S", "-o", "-"])
        .arg(&path)
        .output();
    let Ok(gcc) = gcc else {
        missing("gcc");
        return;
    };
    let assembly = String::from_utf8_lossy(&gcc.stdout).into_owned();
    let constants: Vec<&str> = assembly
        .lines()
        .filter(|line| line.contains(".long"))
        .map(str::trim)
        .collect();
    assert_eq!(
        constants,
        [".long\t1065353216", ".long\t0", ".long\t1072693248"],
        "{assembly}"
    );
}

#[test]
fn types_are_spelled_as_they_are_declared() {
    if !libclang() {
        return;
    }
    let declaration = "typedef unsigned long size; struct p { double x; long n; };
        const char *f(long a, unsigned long long b, const struct p c, const char *d, size e, int g[3], ...)";
    let args = ["explain", declaration, "--unnamed", "double"];
    let text = stdout(&cabi(&[&args[..], &LINUX].concat()));
    let lines = [
        "arg 0 a: long, 8 bytes -> rdi",
        "arg 1 b: unsigned long long, 8 bytes -> rsi",
        "arg 3 d: const char *, 8 bytes -> rcx",
        "arg 4 e: size, 8 bytes -> r8",
        "arg 5 g: int *, 8 bytes -> r9",
        "ret: const char *, 8 bytes -> rax",
        "took: first free of rdi rsi rdx rcx r8 r9 for integers",
        "took: first free of xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7 for floating-point numbers and vectors",
        "long, bytes 8..16: eightbyte 1, NoClass + Integer = Integer",
        "al = 2",
    ];
    for line in lines {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("if type in"), "{text}");
}
