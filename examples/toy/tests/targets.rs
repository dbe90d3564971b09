//! Programs for other targets than this machine: the types that C has there, what is refused, and object files that C programs are linked with.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::toy_text;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A target, how its object files begin, and whether it has 80-bit floats.
const TARGETS: [(&str, &[u8], bool); 5] = [
    ("x86_64-unknown-linux-gnu", b"\x7fELF\x02\x01", true),
    ("x86_64-pc-windows-gnu", b"\x64\x86", true),
    ("x86_64-pc-windows-msvc", b"\x64\x86", true),
    ("aarch64-unknown-linux-gnu", b"\x7fELF\x02\x01", false),
    ("aarch64-apple-darwin", b"\xcf\xfa\xed\xfe\x0c", false),
];

const C_TYPES: &str = "
extern \"C\" fn size_of_long() -> i32 { return sizeof(c_long); }
extern \"C\" fn size_of_long_double() -> i32 { return sizeof(c_longdouble); }
extern \"C\" fn align_of_long_double() -> i32 { return alignof(c_longdouble); }
extern \"C\" fn char_is_signed() -> bool { return 255u8 as c_char < 0 as c_char; }
";

/// What `C_TYPES` returns, as C says it.
const IN_C: [(&str, &str); 4] = [
    ("size_of_long", "sizeof(long)"),
    ("size_of_long_double", "sizeof(long double)"),
    ("align_of_long_double", "_Alignof(long double)"),
    ("char_is_signed", "(char)-1 < 0"),
];

/// Every form of the tour, and of the file what its system begins files with.
#[test]
fn the_tour_is_compiled_for_every_target() {
    let tour = fs::read_to_string(common::root().join("programs/tour.toy")).unwrap();
    for (target, magic, _) in TARGETS {
        let clif = toy_text(&["emit", "clif", "--target", target], &tour).unwrap();
        let clif = clif.output(target);
        let abi = toy_text(&["emit", "abi", "--target", target], &tour).unwrap();
        let abi = abi.output(target);
        let convention = match target {
            "aarch64-apple-darwin" => "apple_aarch64",
            _ if target.contains("windows") => "windows_fastcall",
            _ => "system_v",
        };
        assert!(clif.contains(convention), "{target}: {clif}");
        let register = if target.starts_with("aarch64") {
            "-> x0"
        } else {
            "-> rdi"
        };
        let register = if target.contains("windows") {
            "-> rcx"
        } else {
            register
        };
        assert!(abi.contains(register), "{target}: {abi}");
        let folder = tempfile::tempdir().unwrap();
        assert!(
            object(&tour, target, folder.path()).starts_with(magic),
            "{target}"
        );
    }
}

/// The object file `p.o` of a program in `folder`.
fn object(text: &str, target: &str, folder: &Path) -> Vec<u8> {
    let program = folder.join("p.toy");
    fs::write(&program, text).unwrap();
    let made = common::toy(&["emit", "obj", "--target", target], &program).unwrap();
    assert_eq!(made.output(target), "");
    fs::read(folder.join("p.o")).unwrap()
}

/// What the functions of `C_TYPES` return, which their CLIF says as a constant, is asserted in C; the control asserts that it is one more.
#[test]
fn types_of_c_are_those_of_the_target() {
    for (target, ..) in TARGETS {
        let clif = toy_text(&["emit", "clif", "--target", target], C_TYPES).unwrap();
        let clif = clif.output(target);
        for (name, in_c) in IN_C {
            let (_, body) = clif.split_once(&format!("function %{name}(")).unwrap();
            let constants = body.split("iconst.").skip(1);
            let value = |text: &str| text.split_whitespace().nth(1).unwrap().parse::<i32>();
            let is_signed = || i32::from(body.split("\n}").next().unwrap().contains("slt"));
            let found = match name {
                "char_is_signed" => is_signed(),
                _ => constants.map(|text| value(text).unwrap()).next().unwrap(),
            };
            let Some(agrees) = holds(target, &format!("({in_c}) == {found}")) else {
                return;
            };
            assert!(agrees, "{target}: {name} {found}");
            let agrees = holds(target, &format!("({in_c}) == {}", found + 1));
            assert_eq!(agrees, Some(false), "{target}: {name}");
        }
    }
}

/// Whether clang agrees; `None` where it is not there, which is said.
fn holds(target: &str, claim: &str) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("claim.c");
    fs::write(&file, format!("_Static_assert({claim}, \"\");\n")).unwrap();
    let clang = std::env::var("CABI_CLANG").unwrap_or("clang-19".into());
    let checked = Command::new(clang)
        .args(["-fsyntax-only", &format!("--target={target}")])
        .arg(&file)
        .output();
    match checked {
        Ok(checked) => Some(checked.status.success()),
        Err(why) => {
            common::oracle_missing(&format!("clang: {why}"));
            None
        }
    }
}

#[test]
fn what_a_target_does_not_have_is_refused_by_name() {
    for (target, _, has_f80) in TARGETS {
        let text = "extern { fn sqrtl(x: f80) -> f80; }";
        let ran = toy_text(&["emit", "abi", "--target", target], text).unwrap();
        assert_eq!(ran.code, i32::from(!has_f80), "{target}: {}", ran.stderr);
        let refusal = format!("Error: {target} has no `f80`");
        assert_eq!(
            ran.stderr.starts_with(&refusal),
            !has_f80,
            "{target}: {}",
            ran.stderr
        );
    }
    for target in [
        "riscv64gc-unknown-linux-gnu",
        "wasm32-unknown-unknown",
        "nonsense",
    ] {
        for form in ["clif", "abi", "obj"] {
            let ran = toy_text(&["emit", form, "--target", target], "fn main() {}").unwrap();
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{target}");
            assert!(ran.stderr.contains(target), "{}", ran.stderr);
        }
    }
}

const LIBRARY: &str = "
struct Point { x: f64, n: c_long }
struct Large { words: [i64; 5] }
extern \"C\" fn moved(p: Point, by: f64) -> Point { return Point { x: p.x + by, n: p.n * 2 }; }
extern \"C\" fn last(l: Large, f: fn(Large, i32) -> i64) -> i64 { return f(l, 4); }
extern \"C\" fn sum(n: i32, ...) -> f64 {
    let list = va_start();
    let total = 0.0;
    for i in 0..n { total += va_arg(list, Point).x + va_arg(list, f64); }
    return total;
}
fn main() -> i32 { return c_main(); }
extern { fn c_main() -> i32; }
";

const CALLER: &str = "
#include <stdio.h>
struct point { double x; long n; };
struct large { long long words[5]; };
struct point moved(struct point, double);
long long last(struct large, long long (*)(struct large, int));
double sum(int, ...);
static long long word(struct large l, int i) { return l.words[i]; }
int c_main(void)
{
    struct point p = moved((struct point){1.5, 21}, 0.25);
    struct large l = {{1, 2, 3, 4, 77}};
    printf(\"%g %ld %lld %g\\n\", p.x, p.n, last(l, word), sum(2, p, 10.0, p, 20.0));
    return 0;
}
";

/// Linked with C by the target's own compiler, and run, under qemu if it is another machine's.
#[test]
fn object_files_are_linked_with_c() {
    // Of what runs under qemu, `cc` is still the compiler of the machine around.
    let host = std::env::var("CC").unwrap_or("cc".into());
    let builds: [(&str, &str, &[&str]); 2] = [
        ("x86_64-unknown-linux-gnu", &host, &[]),
        (
            "aarch64-unknown-linux-gnu",
            "aarch64-linux-gnu-gcc",
            &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
        ),
    ];
    for (target, compiler, runner) in builds {
        let run = |library: &str| -> Option<String> {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            object(library, target, folder.path());
            fs::write(at("c.c"), CALLER).unwrap();
            let mut build = Command::new(compiler);
            let build = build.args([at("c.c"), at("p.o")]).arg("-o").arg(at("run"));
            let built = build.output().map_err(|why| format!("{compiler}: {why}"));
            let ran = built.and_then(|built| {
                let said = String::from_utf8_lossy(&built.stderr).into_owned();
                assert!(built.status.success(), "{target}: {said}");
                let program = at("run").display().to_string();
                let command: Vec<&str> = runner.iter().copied().chain([&*program]).collect();
                let ran = Command::new(command[0]).args(&command[1..]).output();
                ran.map_err(|why| format!("{}: {why}", command[0]))
            });
            ran.map_err(|why| common::oracle_missing(&why))
                .ok()
                .map(|ran| format!("{}: {}", ran.status, String::from_utf8_lossy(&ran.stdout)))
        };
        let Some(printed) = run(LIBRARY) else {
            continue;
        };
        assert_eq!(printed, "exit status: 0: 1.75 42 77 33.5\n", "{target}");
        let control = LIBRARY.replace("n: c_long }", "n: c_long, more: i64 }");
        assert_ne!(run(&control), Some(printed), "{target}");
    }
}
