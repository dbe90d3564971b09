//! `cabi verify` as a user runs it: real headers without a mismatch, and compilers told to use another ABI, each of which must be noticed.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use support::{cabi_in, printed};

/// A header with something for every control to break.
const HEADER: &str = "
#include <stddef.h>
typedef struct { double x; long n; } mixed;
struct small { char c; short s; int i; };
enum color { RED, GREEN, BLUE };
struct flags { unsigned a : 3; unsigned b : 7; enum color color; long tail : 40; };
typedef struct { long a[13]; } roomy __attribute__((aligned(16)));
union word { int i; float f; char text[12]; };
mixed scale(mixed m, double by);
struct small pick(const struct small *from, size_t at);
long double exact(long double x, int n);
enum color next(enum color now);
int count(struct flags f, union word w, void (*done)(enum color));
int say(const char *format, ...);
_Noreturn void quit(int code);
static inline int twice(int x) { return 2 * x; }
";

fn verify(folder: &Path, args: &[&str]) -> Output {
    cabi_in(folder, &[&["verify"], args].concat())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("own.h"), HEADER).expect("a file");
    folder
}

/// Whether libclang and `program` are here. Without them the tests say so, and fail where they are required.
fn here(program: &str) -> bool {
    let folder = folder();
    let output = verify(
        folder.path(),
        &["--cc", program, "--only", "^quit$", "own.h"],
    );
    let here = output.status.code() == Some(0);
    if !here {
        support::absent(&output);
    }
    here
}

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

/// A control: gcc with `flag` differs in what `only` names, and the report says so.
fn control(flag: &str, only: &str, says: &[&str]) {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let command = format!("gcc {flag}");
    let output = verify(folder.path(), &["--cc", &command, "--only", only, "own.h"]);
    let text = printed(&output, 1);
    for says in says {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn another_convention_is_noticed() {
    let says = [
        "MISMATCH scale, C calls our code",
        "mixed scale(mixed, double);",
        "argument 0, struct mixed, belongs in: xmm0 rdi",
        "expected 10 11 12 13",
        "arg 0: struct mixed, 16 bytes -> xmm0 rdi",
        "reproduction, repro.c:",
        "0 of layout",
    ];
    control("-mabi=ms", "^scale$", &says);
}

#[test]
fn another_packing_is_noticed() {
    control(
        "-fpack-struct=1",
        "",
        &["MISMATCH sizeof(struct small): 7 with gcc -fpack-struct=1, 8 here"],
    );
}

#[test]
fn another_long_double_is_noticed() {
    let says = [
        "MISMATCH sizeof(long double): 8 with gcc -mlong-double-64, 16 here",
        "argument 0, long double, belongs in: stack 0..16 align 16",
    ];
    control("-mlong-double-64", "^exact$", &says);
}

#[test]
fn other_enumerations_are_noticed() {
    let says = [
        "MISMATCH sizeof(enum color): 1 with gcc -fshort-enums, 4 here",
        "MISMATCH next, our code calls C",
    ];
    control("-fshort-enums", "", &says);
}

/// The program printed for a mismatch shows that mismatch, and none where both parts are by one compiler.
#[test]
fn the_reproduction_reproduces() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
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
        std::fs::write(folder.path().join("repro.c"), program.as_str().unwrap()).unwrap();
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
    if !here("gcc") {
        return;
    }
    let folder = folder();
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
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let text = "#ifndef __clang__\n#error for clang only\n#endif\nstruct s { int i; };\nint f(struct s);\n";
    std::fs::write(folder.path().join("other.h"), text).unwrap();
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

/// A type that the header has for another compiler only is left out, and the rest is verified.
#[test]
fn a_type_for_another_compiler_is_left_out() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let text = "#ifdef __clang__\ntypedef struct { long a; } theirs;\ntheirs g(theirs);\n#endif\nstruct s { int i; };\nint f(struct s);\n";
    std::fs::write(folder.path().join("other.h"), text).unwrap();
    let output = verify(folder.path(), &["--cc", "gcc", "other.h"]);
    let text = printed(&output, 0);
    assert!(
        text.contains("left out: not in this compiler 13 "),
        "{text}"
    );
    assert!(text.contains("0 of layout, 0 of 17 cases"), "{text}");
}

#[test]
fn results_are_written_as_xml() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let args = ["--cc", "gcc", "--junit", "out.xml", "own.h"];
    printed(&verify(folder.path(), &args), 0);
    let xml = std::fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testsuite name=\"own.h gcc\""), "{xml}");
    assert!(xml.contains(" failures=\"0\""), "{xml}");
    let case = "name=\"struct small, one integer register short, C calls our code\"";
    assert!(xml.contains(case), "{xml}");
}

#[test]
fn what_cannot_be_done_is_said() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
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
    if !here("gcc") {
        return;
    }
    let (folder, scratch) = (folder(), tempfile::tempdir().unwrap());
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

/// A control: gcc under `command` differs in the header `text`, and the report says so.
fn control_of(text: &str, command: &str, hook: &str, says: &[&str]) {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write("calls.h", text);
    write("hook.h", hook);
    let hook = folder.path().join("hook.h");
    let command = command.replace("HOOK", &hook.display().to_string());
    let output = verify(
        folder.path(),
        &["--types=false", "--cc", &command, "calls.h"],
    );
    let text = printed(&output, 1);
    for says in says {
        assert!(text.contains(says), "{command}: {says}: {text}");
    }
}

const CALLS: &str = "long f(long x); void g(int x); double h(double x);\n";

#[test]
fn registers_that_a_callee_spoils_are_noticed() {
    for (flag, register) in [
        ("-fcall-used-rbx", "rbx"),
        ("-fcall-used-r12", "r12"),
        ("-O0 -fcall-used-r15", "r15"),
        ("-O2 -fcall-used-r13", "r13"),
    ] {
        let callee = format!("the C callee changes {register}, which is its caller's: 0x");
        let caller = format!("the C caller changes {register}, which is its caller's: 0x");
        control_of(CALLS, &format!("gcc {flag}"), "", &[&callee, &caller]);
    }
}

#[test]
fn registers_that_a_caller_takes_for_kept_are_noticed() {
    for (flag, register) in [
        ("-fcall-saved-rdi", "rdi"),
        ("-fcall-saved-r8", "r8"),
        ("-fcall-saved-xmm8", "an xmm register"),
    ] {
        let says = format!(
            "the C caller loses a value that it keeps during the call: it relies on {register}, which the callee may change"
        );
        control_of(CALLS, &format!("gcc {flag}"), "", &[&says]);
    }
}

#[test]
fn control_words_and_the_direction_flag_are_noticed() {
    let hook = |after: &str| {
        format!("#define __builtin_memcpy(d, s, n) (__builtin_memmove(d, s, n), ({{ {after} }}))\n")
    };
    let flip = |store: &str, load: &str, ty: &str, bit: &str| {
        hook(&format!(
            "{ty} cabi_m; __asm__ volatile(\"{store} %0\" : \"=m\"(cabi_m)); cabi_m ^= {bit}; __asm__ volatile(\"{load} %0\" : : \"m\"(cabi_m));"
        ))
    };
    for (hook, what) in [
        (
            flip("stmxcsr", "ldmxcsr", "unsigned", "0x8000"),
            "changes control bits of MXCSR, which is its caller's: 0x1f80 became 0x9f80",
        ),
        (
            flip("fnstcw", "fldcw", "unsigned short", "0x100"),
            "changes the x87 control word, which is its caller's: 0x37f became 0x27f",
        ),
        (
            hook("__asm__ volatile(\"std\");"),
            "returns with the direction flag set",
        ),
    ] {
        let callee = format!("the C callee {what}");
        control_of("void g(int x);\n", "gcc -include HOOK", &hook, &[&callee]);
    }
}

#[test]
fn a_large_record_that_a_callee_does_not_write_is_noticed() {
    // All but the first 8 KiB are left out in every other pair of calls, so that right bytes are there from the one before.
    let hook = "static unsigned cabi_times;
#define __builtin_memcpy(d, s, n) __builtin_memmove(d, s, (#d)[5] == 's' && (n) > 8192 && (cabi_times++ & 2) ? 8192 : (n))
";
    control_of(
        "struct big { char a[10000]; }; void f(struct big x);\n",
        "gcc -include HOOK",
        hook,
        &["argument 0 in C: byte 8192 is ee, expected 10"],
    );
}

#[test]
fn atomic_objects_that_need_a_library_are_loaded() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let text = "_Atomic __int128 f(_Atomic __int128 x);\n";
    std::fs::write(folder.path().join("atomic.h"), text).unwrap();
    let text = printed(&verify(folder.path(), &["--cc", "gcc", "atomic.h"]), 0);
    assert!(text.contains("2 of 2 cases pass"), "{text}");
}

#[test]
fn code_under_test_runs_in_children_only() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let early =
        "void _exit(int);\nstatic void __attribute__((constructor)) early(void) { _exit(0); }\n";
    write("early.h", &format!("{early}int f(int x);\n"));
    let hook = folder.path().join("early.h");
    let command = format!("gcc -include {}", hook.display());
    for args in [
        &["--cc", "gcc", "early.h"][..],
        &["--cc", &command, "own.h"],
    ] {
        let output = verify(folder.path(), args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        let says = "cannot be loaded: that ends the process, exit code 0";
        assert!(text.contains(says), "{args:?}: {text}");
    }
    // The loader's own words.
    write(
        "missing.h",
        "int f(int x);\nvoid nowhere(void);\nstatic void (*const at)(void) __attribute__((used)) = nowhere;\n",
    );
    let output = verify(folder.path(), &["--cc", "gcc", "missing.h"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("undefined symbol: nowhere"), "{text}");
}

#[test]
fn a_file_that_cannot_be_loaded_costs_its_own_case_only() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    // What copies a hundred bytes needs a function that is nowhere.
    let hook = "void nowhere(void);
#define __builtin_memcpy(d, s, n) ((n) == 100 ? nowhere() : (void)0, __builtin_memmove(d, s, n))
";
    write("hook.h", hook);
    let text =
        "struct s { char a[100]; }; long one(long x); void two(struct s x); long three(long x);\n";
    write("three.h", text);
    let hook = folder.path().join("hook.h");
    let command = format!("gcc -include {}", hook.display());
    let args = ["--types=false", "--cc", &command, "three.h"];
    let text = printed(&verify(folder.path(), &args), 1);
    assert!(text.contains("4 of 4 cases pass"), "{text}");
    let says = "two: the compiled C code cannot be loaded: ";
    assert!(text.contains(says), "{text}");
    assert!(text.contains("undefined symbol: nowhere"), "{text}");
}

#[test]
fn a_compiler_that_hangs_is_ended_in_time() {
    if !here("gcc") {
        return;
    }
    let folder = folder();
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
    if !here("gcc") {
        return;
    }
    let (folder, scratch) = (folder(), tempfile::tempdir().unwrap());
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
    std::fs::write(folder.path().join("transparent.h"), header).unwrap();
    for cc in ["gcc", clang()] {
        if here(cc) {
            // gcc passes `pair` after a `...` as its first member, and its va_arg reads the union.
            let args = ["--allow-self-inconsistent", "--cc", cc, "transparent.h"];
            let text = printed(&verify(folder.path(), &args), 0);
            assert!(text.contains("0 mismatches"), "{text}");
        }
    }
}
