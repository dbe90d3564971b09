//! What `toy emit` shows: the CLIF of a function, and the placement of each function and call.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

const PROGRAM: &str = "
struct Vec2 { x: f64, y: f64 }
struct Pair { x: f64, n: i64 }
struct Words { words: [i64; 8] }
struct More { words: [i64; 17] }
extern { fn printf(format: *u8, ...) -> i32; }
fn translate(v: Vec2, by: i32) -> Vec2 { return Vec2 { x: v.x + by as f64, y: v.y }; }
fn pair(a: i64, p: Pair, f: fn(Pair) -> i64) -> i64 { return a + f(p); }
fn words(w: Words) -> Words { let copy = w; copy.words[1] = 2; return copy; }
fn calls(w: Words) -> i64 { return words(words(w)).words[7]; }
fn more(m: More) -> More { let copy = m; return copy; }
fn own(v: Vec2, p: Pair, by: i32) -> More { return own(v, p, by - 1); }
fn passed() -> fn(Vec2, i32) -> Vec2 { return translate; }
fn print(x: f32, y: f80) { printf(\"%g %Lg\", x, y); }
fn narrow(n: *i8) -> i64 { return *n as i64; }
";

fn emit(form: &str) -> Option<String> {
    Some(common::toy_text(&["emit", form], PROGRAM)?.output(form))
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
        let clif = part(&text, &format!("; fn {name}("), "\n; fn ");
        assert!(
            !clif.contains("Mem") && !clif.contains("stack_addr"),
            "{clif}"
        );
    }
    // The control: one word more is in memory, and copied by libc.
    assert!(
        part(&text, "; fn more(", "\n; fn ").contains("%Memmove"),
        "{text}"
    );
}

#[test]
fn clif_is_that_of_the_registers() {
    let Some(text) = emit("clif") else { return };
    let translate = part(&text, "; fn translate(", "\n; fn ");
    assert!(
        translate.contains("function %translate(f64, f64, i32"),
        "{translate}"
    );
    assert!(translate.contains("-> f64, f64 system_v"), "{translate}");
    let own = part(&text, "; fn own(", "\n; fn ");
    assert!(
        own.contains("function %own(i64 sret, f64, f64, f64, i64, i32) tail"),
        "{own}"
    );
    assert!(
        own.contains("return_call fn0(") && own.contains("fn0 is toy.own"),
        "{own}"
    );
    assert!(!translate.contains("return_call"), "{translate}");
    assert!(
        part(&text, "; fn narrow(", "\n; fn ").contains("sload8.i64"),
        "{text}"
    );
    let print = part(&text, "; fn print(", "\n; fn ");
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
    let pair = part(&text, "\nfn pair(", "\nfn ");
    assert!(
        pair.contains("line 8: call of a pointer, fn(Pair) -> i64"),
        "{pair}"
    );
    let print = part(&text, "\nfn print(", "\nfn ");
    let call = part(print, "line 14: call of printf", "line ");
    for words in ["xmm0", "stack 0..16", "al 1"] {
        assert!(call.contains(words), "{words}: {call}");
    }
}

/// What is shown does not run, so it may be for other processors than this one. To run it is refused where this one has no such registers.
#[test]
fn clif_is_shown_of_vectors_that_no_register_here_holds() {
    let text = "
type Wide = vec<f64, 8>;
extern \"avx512\" fn add(a: Wide, b: Wide) -> Wide { return a + b; }
fn main() { let v: Wide; v[0] = 1.5; v = add(v, v); }
";
    let Some(shown) = common::toy_text(&["emit", "clif"], text) else {
        return;
    };
    let shown = shown.output("clif");
    assert!(
        part(&shown, "; fn main(", "\n; fn ").contains("storezmm0"),
        "{shown}"
    );
    let ran = common::toy_text(&["run"], text).unwrap();
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if processor.contains(" avx512f ") {
        return assert_eq!(ran.output("run"), "");
    }
    let refusal = "toy: code cannot be run on x86_64-linux: a vector of 64 bytes is passed or returned by toy.add in registers of AVX-512, which this machine \
                   does not have\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, refusal));
}

/// What a shell does with `command`, in which `toy` is the command: its exit code, and what it prints on standard error.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
))]
fn shell(command: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.toy"), PROGRAM).unwrap();
    let endless = "extern { fn puts(s: *u8) -> i32; } fn main() { while true { puts(\"y\"); } }";
    std::fs::write(folder.path().join("endless.toy"), endless).unwrap();
    let text = format!(
        "toy() {{ {} \"$@\"; }}; {command}",
        env!("CARGO_BIN_EXE_toy")
    );
    let mut shell = std::process::Command::new("sh");
    let ran = shell
        .args(["-c", &text])
        .current_dir(folder.path())
        .output();
    let ran = ran.unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    (ran.status.code().unwrap(), errors)
}

#[test]
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
))]
fn what_cannot_be_written_is_an_error() {
    for command in [
        "toy emit clif p.toy",
        "toy emit abi p.toy",
        "toy --help",
        "toy --version",
    ] {
        for output in [">&-", "1</dev/null", ">/dev/full"] {
            let (code, errors) = shell(&format!("{command} {output}"));
            assert_eq!(code, 2, "{command} {output}");
            let is_said = errors.starts_with("toy: standard output: ");
            assert!(is_said, "{command} {output}: {errors}");
        }
        let quietly = format!("{{ sleep 0.2; {command}; echo $? >&2; }} | true");
        assert_eq!(shell(&quietly), (0, "141\n".to_owned()), "{command}");
        assert_eq!(shell(&format!("{command} >/dev/null")), (0, String::new()));
    }
    // A program ends as one of C does: by the signal.
    let endless = "{ toy run endless.toy; echo $? >&2; } | head -1 >/dev/null";
    assert_eq!(shell(endless), (0, "141\n".to_owned()));
}
