//! Holds the table of `docs/lang.md` to the code. `CABI_BLESS=1` rewrites it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::fmt::Write;

use cabi::{
    Convention, DataModel, FnAbi, FnSig, RecordBuilder, Target, Type, X86_64_LANG, X86_64_SYSV,
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lang.md");
const START: &str = "|---|---|---|---|---|\n";

static SYSV: Convention = X86_64_SYSV;
static LANG: Convention = X86_64_LANG;

fn record(fields: &[(&Type, usize)]) -> Type {
    let all = fields.iter().flat_map(|(ty, n)| vec![*ty; *n]);
    let builder = RecordBuilder::structure("s");
    let builder = (all.enumerate()).fold(builder, |builder, (i, ty)| {
        builder.field(&format!("f{i}"), ty.clone())
    });
    builder.build(&DataModel::LP64).unwrap()
}

/// A value as argument and as result, in C's convention and in that of a language.
fn row(text: &str, ty: &Type) -> String {
    let places = |convention| {
        let sig = FnSig::new([ty.clone()], ty.clone()).convention(convention);
        let abi = FnAbi::new(&sig, &Target::X86_64_LINUX).unwrap();
        [abi.args[0].place.to_string(), abi.ret.to_string()]
    };
    let ([c, c_result], [own, own_result]) = (places(&SYSV), places(&LANG));
    format!("| {text} | {c} | {own} | {c_result} | {own_result} |\n")
}

fn table() -> String {
    let words = |n| record(&[(&Type::I64, n)]);
    let bytes = |n| record(&[(&Type::array(&Type::U8, n).unwrap(), 1)]);
    let vector = Type::vector(&Type::F32, 8).unwrap();
    [
        row("`long`", &Type::I64),
        row("`double`", &Type::F64),
        row("`__int128`", &Type::I128),
        row("`long double`", &Type::F80),
        row(
            "a slice: `struct { char *at; long n; }`",
            &record(&[(&Type::PTR, 1), (&Type::I64, 1)]),
        ),
        row("`struct { float x, y, z; }`", &record(&[(&Type::F32, 3)])),
        row("`struct { int a, b, c, d; }`", &record(&[(&Type::I32, 4)])),
        row(
            "`struct { char a; short b; float c; }`",
            &record(&[(&Type::I8, 1), (&Type::I16, 1), (&Type::F32, 1)]),
        ),
        row("`struct { char text[12]; }`", &bytes(12)),
        row("three words", &words(3)),
        row("eight words", &words(8)),
        row(
            "eight words, eight doubles",
            &record(&[(&Type::I64, 8), (&Type::F64, 8)]),
        ),
        row("a vector of eight `float`", &vector),
        row("200 bytes", &bytes(200)),
    ]
    .concat()
}

/// `page` with the table as it is today.
fn rewritten(page: &str) -> String {
    let (before, after) = page.split_once(START).unwrap();
    let rest: Vec<&str> = after
        .lines()
        .skip_while(|line| line.starts_with('|'))
        .collect();
    let mut text = format!("{before}{START}{}", table());
    for line in rest {
        writeln!(text, "{line}").unwrap();
    }
    text
}

#[test]
fn the_page_has_the_places() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let text = rewritten(&page);
    if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(PAGE, text).unwrap();
        return;
    }
    let changed = page.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        page == text,
        "docs/lang.md (CABI_BLESS=1 rewrites it): {changed:?}"
    );
}

#[test]
fn a_changed_place_is_noticed() {
    let page = rewritten(&std::fs::read_to_string(PAGE).unwrap());
    let wrong = page.replacen("| rdi | rdi |", "| rdi | rsi |", 1);
    assert_ne!(wrong, page);
    assert_ne!(rewritten(&wrong), wrong);
}
