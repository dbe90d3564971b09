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
struct Words { a: i64, b: i64, c: i64, d: i64, e: f64, f: f64 }
struct More { words: [i64; 17] }
extern { fn printf(format: *u8, ...) -> i32; }
fn translate(v: Vec2, by: i32) -> Vec2 { return Vec2 { x: v.x + by as f64, y: v.y }; }
fn pair(a: i64, p: Pair, f: fn(Pair) -> i64) -> i64 { return a + f(p); }
fn words(w: Words) -> Words { let copy = w; copy.b = 2; return copy; }
fn calls(w: Words) -> i64 { return words(words(w)).d; }
fn more(m: More) -> More { let copy = m; return copy; }
fn own(v: Vec2, p: Pair, by: i32) -> More { return own(v, p, by - 1); }
fn passed() -> fn(Vec2, i32) -> Vec2 { return translate; }
fn print(x: f32, y: c_longdouble) { printf(\"%g %Lg\", x, y); }
";

fn emit(form: &str) -> Option<String> {
    let args = ["emit", form, "--target", "x86_64-unknown-linux-gnu"];
    Some(common::toy_text(&args, PROGRAM)?.output(form))
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
    let pair = part(&text, "\nfn pair(", "\nfn ");
    assert!(pair.contains("line 8: call of a pointer"), "{pair}");
    let print = part(&text, "\nfn print(", "\nfn ");
    let call = part(print, "line 14: call of printf", "line ");
    for words in ["xmm0", "stack 0..16", "al 1"] {
        assert!(call.contains(words), "{words}: {call}");
    }
}
