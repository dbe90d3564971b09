//! What `toy emit` makes, for this machine and other targets: CLIF, the places of values, and object files that C programs are linked with.
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

fn emit(form: &str) -> Option<String> {
    let args = ["emit", form, "--target", "x86_64-unknown-linux-gnu"];
    let program = common::root().join("tests/emit/shown.toy");
    Some(common::toy(&args, &program)?.output(form))
}

/// The part of the text that is about one function.
fn part<'t>(text: &'t str, begin: &str, next: &str) -> &'t str {
    let start = text
        .find(begin)
        .unwrap_or_else(|| panic!("no {begin:?} in {text}"));
    let rest = &text[start + begin.len()..];
    &rest[..rest.find(next).unwrap_or(rest.len())]
}

#[test]
fn clif_has_no_memory_for_records_of_up_to_16_scalars() {
    let Some(text) = emit("clif") else { return };
    for name in ["translate", "pair", "words", "calls"] {
        let clif = part(&text, &format!("; {name}\n"), "\n; ");
        assert!(
            !clif.contains("Mem") && !clif.contains("stack_addr"),
            "{clif}"
        );
    }
    // The control: one word more is in memory, and copied by libc.
    assert!(
        part(&text, "; more\n", "\n; ").contains("%Memmove"),
        "{text}"
    );
}

#[test]
fn clif_is_that_of_the_registers() {
    let Some(text) = emit("clif") else { return };
    let translate = part(&text, "; translate\n", "\n; ");
    assert!(
        translate.contains("function %translate(f64, f64, i32"),
        "{translate}"
    );
    assert!(translate.contains("-> f64, f64 system_v"), "{translate}");
    let own = part(&text, "; own\n", "\n; ");
    assert!(
        own.contains("function %own(i64 sret, f64, f64, f64, i64, i32) tail"),
        "{own}"
    );
    assert!(
        own.contains("return_call fn0(") && own.contains("fn0 is toy.own"),
        "{own}"
    );
    assert!(!translate.contains("return_call"), "{translate}");
    let print = part(&text, "; print\n", "\n; ");
    assert!(print.contains("is __clif_cabi_al1_jump"), "{print}");
}

#[test]
fn abi_names_the_place_of_each_part() {
    let Some(text) = emit("abi") else { return };
    let translate = part(&text, "\nfn translate(", "\nfn ");
    for line in [
        "arg 0 v: struct Vec2, 16 bytes -> xmm0 xmm1",
        "ret: struct Vec2, 16 bytes -> xmm0 xmm1",
    ] {
        assert!(translate.contains(line), "{translate}");
    }
    let words = part(&text, "\nfn words(", "\nfn ");
    assert!(
        words.contains("arg 0 w: struct Words, 48 bytes -> "),
        "{words}"
    );
}

/// A target, how its object files begin, and whether it has 80-bit floats.
const TARGETS: [(&str, &[u8], bool); 5] = [
    ("x86_64-unknown-linux-gnu", b"\x7fELF\x02\x01", true),
    ("x86_64-pc-windows-gnu", b"\x64\x86", true),
    ("x86_64-pc-windows-msvc", b"\x64\x86", true),
    ("aarch64-unknown-linux-gnu", b"\x7fELF\x02\x01", false),
    ("aarch64-apple-darwin", b"\xcf\xfa\xed\xfe\x0c", false),
];

/// Every form of the tour, and of the file what its system begins files with.
#[test]
fn the_tour_is_compiled_for_every_target() {
    let tour = fs::read_to_string(common::root().join("programs/tour.toy")).unwrap();
    for (target, magic, _) in TARGETS {
        let [clif, abi] = ["clif", "abi"].map(|form| {
            let ran = toy_text(&["emit", form, "--target", target], &tour);
            ran.unwrap().output(target)
        });
        let convention = match target {
            "aarch64-apple-darwin" => "apple_aarch64",
            _ if target.contains("windows") => "windows_fastcall",
            _ => "system_v",
        };
        assert!(clif.contains(convention), "{target}: {clif}");
        let register = match target {
            _ if target.starts_with("aarch64") => "-> x0",
            _ if target.contains("windows") => "-> rcx",
            _ => "-> rdi",
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
        "x86_64-unknown-plan9",
        "nonsense",
    ] {
        for form in ["clif", "abi", "obj"] {
            let ran = toy_text(&["emit", form, "--target", target], "fn main() {}").unwrap();
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{target}");
            assert!(ran.stderr.contains(target), "{}", ran.stderr);
        }
    }
}

/// A `try` that would catch nothing is not compiled.
#[test]
fn targets_without_unwind_tables_have_no_try() {
    let text = "extern { fn f(); } fn main() { try { f(); } catch { } }";
    for (target, said) in [
        ("x86_64-unknown-linux-gnu", ""),
        ("aarch64-unknown-linux-gnu", ""),
        ("x86_64-pc-windows-gnu", "Cranelift has no try_call"),
        ("aarch64-apple-darwin", ""),
        ("x86_64-apple-darwin", ""),
    ] {
        let args = ["emit", "obj", "--target", target];
        let (ran, without) = (
            toy_text(&args, text).unwrap(),
            toy_text(&args, &text.replace("try { f(); } catch", "f();")).unwrap(),
        );
        assert_eq!(ran.code == 0, said.is_empty(), "{target}: {}", ran.stderr);
        assert!(ran.stderr.contains(said), "{target}: {}", ran.stderr);
        assert_eq!(without.output(target), "");
    }
}

/// Linked with C by the target's own compiler, and run, under qemu if it is another machine's.
#[test]
fn object_files_are_linked_with_c() {
    let from = |name: &str| common::root().join("tests/emit").join(name);
    let library = fs::read_to_string(from("library.toy")).unwrap();
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
            let mut build = Command::new(compiler);
            let build = build
                .args([from("caller.c"), at("p.o")])
                .arg("-o")
                .arg(at("run"));
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
        let Some(printed) = run(&library) else {
            continue;
        };
        assert_eq!(printed, "exit status: 0: 1.75 42 77 33.5\n", "{target}");
        let control = library.replace("n: c_long }", "n: c_long, more: i64 }");
        assert_ne!(run(&control), Some(printed), "{target}");
    }
}
