//! `cabi verify` as a user runs it: real headers without a mismatch, and compilers told to use another ABI, each of which must be noticed.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::printed;
use support::verify::{folder, here, verify, with_gcc, write};

fn clang() -> &'static str {
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    ["clang-19", "clang"]
        .iter()
        .find(is_there)
        .unwrap_or(&"clang-19")
}

#[test]
fn real_headers_have_no_mismatch() {
    let folder = folder();
    for compiler in ["gcc", clang()] {
        if !here(compiler) {
            continue;
        }
        // More of them: tests/tests/headers.rs.
        let headers = ["stdlib.h", "own.h"];
        let args = [&["--cc", compiler], &headers[..]].concat();
        let text = printed(&verify(folder.path(), &args), 0);
        assert!(
            text.contains("0 mismatches (0 of prototypes, 0 of layout, 0 of "),
            "{text}"
        );
        assert!(text.contains("left out: static"), "{text}");
        assert!(
            text.contains("\nargument assignment: transitions "),
            "{text}"
        );
    }
}

/// Controls: flags by which gcc has another ABI, what they break, and what the report says.
const FLAGS: [(&str, &str, &[&str]); 4] = [
    (
        "-mabi=ms",
        "^scale$",
        &[
            "MISMATCH scale, C calls our code",
            "mixed scale(mixed, double);",
            "argument 0, struct mixed, belongs in: xmm0 rdi",
            "expected 10 11 12 13",
            "arg 0: struct mixed, 16 bytes -> xmm0 rdi",
            "reproduction, repro.c:",
            "0 of layout",
        ],
    ),
    (
        "-fpack-struct=1",
        "",
        &["MISMATCH sizeof(struct small): 7 with gcc -fpack-struct=1, 8 here"],
    ),
    (
        "-mlong-double-64",
        "^exact$",
        &[
            "MISMATCH sizeof(long double): 8 with gcc -mlong-double-64, 16 here",
            "argument 0, long double, belongs in: stack 0..16 align 16",
        ],
    ),
    (
        "-fshort-enums",
        "",
        &[
            "MISMATCH sizeof(enum color): 1 with gcc -fshort-enums, 4 here",
            "MISMATCH next, our code calls C",
        ],
    ),
];

#[test]
fn flags_that_change_the_abi_are_noticed() {
    let Some(folder) = with_gcc() else { return };
    for (flag, only, says) in FLAGS {
        let command = format!("gcc {flag}");
        let output = verify(folder.path(), &["--cc", &command, "--only", only, "own.h"]);
        let text = printed(&output, 1);
        for says in says {
            assert!(text.contains(says), "{flag}: {says}: {text}");
        }
    }
}

/// The program printed for a mismatch shows that mismatch, and none where both parts are by one compiler.
#[test]
fn the_reproduction_reproduces() {
    let Some(folder) = with_gcc() else { return };
    for (flag, only) in [
        ("-mabi=ms", "scale"),
        ("-mlong-double-64", "exact"),
        ("-fshort-enums", "next"),
        ("-fpack-struct=1", "count"),
    ] {
        let command = format!("gcc {flag}");
        let args = [
            "--cc", &command, "--only", only, "--json", "out.json", "own.h",
        ];
        printed(&verify(folder.path(), &args), 1);
        let json = std::fs::read_to_string(folder.path().join("out.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["clean"], false);
        let results = json["parts"][0]["results"].as_array().unwrap();
        let callee = |result: &&serde_json::Value| {
            result["direction"] == "our code calls C" && result["reproduction"].is_string()
        };
        let program = results.iter().find(callee).unwrap()["reproduction"].clone();
        write(&folder, "repro.c", program.as_str().unwrap());
        for (flag, differs) in [(flag, true), ("", false)] {
            let build = format!(
                "gcc {flag} -DCALLEE -c -o a.o repro.c && gcc -DCALLER -c -o b.o repro.c && gcc -DMAIN -o repro repro.c a.o b.o"
            );
            let mut sh = Command::new("sh");
            let built = sh.args(["-c", &build]).current_dir(folder.path()).output();
            let built = built.unwrap();
            let messages = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{program}: {messages}");
            let ran = Command::new(folder.path().join("repro")).output().unwrap();
            assert_eq!(!ran.status.success(), differs, "{only} {flag}: {ran:?}");
        }
    }
}

/// A path and a macro with blanks in them.
#[test]
fn commands_are_quoted_as_in_a_shell() {
    let Some(folder) = with_gcc() else { return };
    let own = folder.path().join("my flags");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("only.h"), "#pragma pack(1)\n").unwrap();
    let command = "gcc -include 'my flags/only.h' '-DUNUSED=a b'";
    let output = verify(folder.path(), &["--cc", command, "own.h"]);
    let text = printed(&output, 1);
    let says = format!("MISMATCH sizeof(struct small): 7 with {command}, 8 here");
    assert!(text.contains(&says), "{text}");
}

/// A header that a compiler refuses is said once, and not that nothing differs.
#[test]
fn a_header_that_a_compiler_refuses_is_named() {
    let Some(folder) = with_gcc() else { return };
    let text = "#ifndef __clang__\n#error for clang only\n#endif\nstruct s { int i; };\nint f(struct s);\n";
    write(&folder, "other.h", text);
    let output = verify(folder.path(), &["--cc", "gcc", "other.h"]);
    let says = "nothing was verified of other.h with gcc: f: ";
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(says), "{message}");
    assert!(
        message.contains("other.h:2: #error for clang only"),
        "{message}"
    );
    let output = verify(folder.path(), &["--cc", "gcc", "other.h", "own.h"]);
    let text = printed(&output, 1);
    // Both that it declares, each with its line.
    for says in [
        "NOT ON THE LIST: refused by the compiler 2 (f: ",
        "other.h:2: #error for clang only; declared at ",
        "other.h:5; struct s: ",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// A standard that the compiler does not know is said once, not for each declaration.
#[test]
fn flags_that_a_compiler_refuses_are_said_once() {
    let Some(folder) = with_gcc() else { return };
    let output = verify(folder.path(), &["--cc", "gcc", "--std", "gnu2y", "own.h"]);
    // gcc has it since 15.
    if output.status.code() != Some(0) {
        let text = printed(&output, 2);
        let says =
            "NOT ON THE LIST: refused by the compiler 1 (own.h: unrecognized command-line option";
        assert!(text.contains(says), "{text}");
    }
}

/// A type that the header has for another compiler only is left out, and the rest is verified.
#[test]
fn a_type_for_another_compiler_is_left_out() {
    let Some(folder) = with_gcc() else { return };
    let text = "#ifdef __clang__\ntypedef struct { long a; } theirs;\ntheirs g(theirs);\n#endif\nstruct s { int i; };\nint f(struct s);\n";
    write(&folder, "other.h", text);
    let output = verify(folder.path(), &["--cc", "gcc", "other.h"]);
    let text = printed(&output, 0);
    assert!(
        text.contains("left out: not in this compiler 13 "),
        "{text}"
    );
    assert!(text.contains("0 of layout, 0 of 18 cases"), "{text}");
}

#[test]
fn results_are_written_as_xml() {
    let Some(folder) = with_gcc() else { return };
    let args = ["--cc", "gcc", "--junit", "out.xml", "own.h"];
    printed(&verify(folder.path(), &args), 0);
    let xml = std::fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"own.h gcc\""), "{xml}");
    assert!(xml.contains(" failures=\"0\""), "{xml}");
    let case = "name=\"struct small, one integer register short, C calls our code\"";
    assert!(xml.contains(case), "{xml}");
}

/// A file named `-` is standard output, which then has nothing but the results.
#[test]
fn results_are_printed_instead_of_the_report() {
    let Some(folder) = with_gcc() else { return };
    for mode in [&["own.h", "--only", "^next$"][..], &["missing.h"]] {
        let code = if mode == ["missing.h"] { 2 } else { 0 };
        let args = [&["--cc", "gcc", "--json", "-", "--junit", "out.xml"], mode].concat();
        let text = printed(&verify(folder.path(), &args), code);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON alone");
        assert_eq!(json["clean"], code == 0);
        let args = [&["--cc", "gcc", "--junit", "-"], mode].concat();
        let xml = printed(&verify(folder.path(), &args), code);
        assert!(
            xml.starts_with("<?xml") && xml.ends_with("</testsuites>\n"),
            "{xml}"
        );
    }
    let output = verify(folder.path(), &["--json", "-", "--junit", "-", "own.h"]);
    assert_eq!(printed(&output, 2), "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("--json and --junit cannot both be standard output"),
        "{errors}"
    );
    assert!(!folder.path().join("-").exists());
}

#[test]
fn what_cannot_be_done_is_said() {
    let Some(folder) = with_gcc() else { return };
    for (args, says) in [
        (&["--cc", "/nonexistent/cc", "own.h"][..], "/nonexistent/cc"),
        (&["--only", "(", "own.h"], "--only"),
        (
            &["--only", "^none$", "own.h"],
            "no function and no record type that matches ^none$",
        ),
        (&["missing.h"], "missing.h"),
        (&["--cc", "gcc 'own.h", "own.h"], "missing closing quote"),
        (&["--cc", "gcc -x c++", "own.h"], "compiles C++, not C"),
        (
            &["--cc", "gcc -m32", "own.h"],
            "`gcc -m32` compiles for another target",
        ),
        (
            &["--cc", "gcc -mx32", "own.h"],
            "`gcc -mx32` compiles for another target",
        ),
        (&["own.hpp"], "own.hpp: C++ cannot be verified, only C"),
        (
            &["--std", "c++17", "own.h"],
            "-std=c++17: C++ cannot be verified, only C",
        ),
        (
            &["--target", "aarch64-linux-gnu", "own.h"],
            "x86-64 Linux only",
        ),
    ] {
        let output = verify(folder.path(), args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(says), "{args:?}: {text}");
    }
}

#[test]
fn an_interrupt_leaves_nothing_behind() {
    let Some(folder) = with_gcc() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_cabi"))
        .args(["verify", "--cc", "gcc", "stdlib.h", "math.h", "complex.h"])
        .current_dir(folder.path())
        .env("TMPDIR", scratch.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Until a compiler works in its folder.
    let is_empty = || std::fs::read_dir(scratch.path()).unwrap().next().is_none();
    while is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(is_empty());
}

#[test]
fn a_compiler_that_hangs_is_ended_in_time() {
    let Some(folder) = with_gcc() else { return };
    let slow = folder.path().join("slow");
    let script = "#!/bin/sh\ncase \"$*\" in *-shared*) sleep 1000;; esac\nexec gcc \"$@\"\n";
    std::fs::write(&slow, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&slow, mode).unwrap();
    let slow = slow.display().to_string();
    let args = ["--compile-timeout", "1", "--cc", &slow, "own.h"];
    let output = verify(folder.path(), &args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("hangs: it was ended after 1 seconds"),
        "{text}"
    );
}

/// The command lines of processes that name `folder`.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&folder)).collect()
}

#[test]
fn what_a_killed_run_leaves_is_gone_with_the_next_one() {
    let Some(folder) = with_gcc() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let is_empty = || std::fs::read_dir(scratch.path()).unwrap().next().is_none();
    let run = |header: &str| {
        Command::new(env!("CARGO_BIN_EXE_cabi"))
            .args(["verify", "--cc", "gcc", header])
            .current_dir(folder.path())
            .env("TMPDIR", scratch.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut child = run("stdlib.h");
    while processes_in(scratch.path()).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!is_empty(), "nobody was left to remove it");
    // What a compiler's driver has started ends by itself.
    let start = std::time::Instant::now();
    while !processes_in(scratch.path()).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(run("own.h").wait().unwrap().code(), Some(0));
    assert!(is_empty());
}

/// Each compiler applies and ignores `transparent_union` by rules of its own, and passes what it applies it to by rules of its own.
#[test]
fn transparent_unions_are_passed_as_the_compiler_passes_them() {
    let folder = folder();
    let header = "
        typedef union { __int128 n; } wide __attribute__((transparent_union));
        typedef union { __int128 n; long parts[2]; } halves __attribute__((transparent_union));
        typedef union { int *i; float *f; } pointer __attribute__((transparent_union));
        typedef union { double d[1]; long n; } array __attribute__((transparent_union));
        typedef union { struct { double x; } s; long n; } inside __attribute__((transparent_union));
        typedef union { struct { float x, y; } s; int n[2]; } pair __attribute__((transparent_union));
        typedef union { struct { float x, y; } s; struct { char a[3]; int b; } __attribute__((packed)) n; char c[8]; } odd
            __attribute__((transparent_union));
        long apply(array, inside, pair, odd, double);
        void take(long, long, long, long, long, wide, long, long);
        void split(long, long, long, long, long, halves, long, long);
        int any(pointer, double);
    ";
    write(&folder, "transparent.h", header);
    for cc in ["gcc", clang()] {
        if here(cc) {
            // gcc passes `pair` after a `...` as its first member, and its va_arg reads the union.
            let args = ["--allow-self-inconsistent", "--cc", cc, "transparent.h"];
            let text = printed(&verify(folder.path(), &args), 0);
            assert!(text.contains("0 mismatches"), "{text}");
        }
    }
}
