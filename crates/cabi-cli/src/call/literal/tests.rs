//! Constants as C has them, and what is none.

use super::*;

fn number(text: &str) -> Number {
    match Init::parse(text) {
        Ok(Init::Value(Value::Number(number))) => number,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn integers() {
    for (text, value) in [
        ("0", 0),
        ("42", 42),
        ("- -7", 7),
        ("- 18446744073709551616", 1 << 64),
    ] {
        assert_eq!(number(text).kind, NumberKind::Int(value), "{text}");
    }
    assert!(number("-1").negative);
    // What clang is asked, and may refuse.
    for text in [
        "017",
        "0x1Fu",
        "42ull",
        "'a'",
        "08",
        "1x",
        "0x",
        "1_000",
        "1.5x",
        "0x1.8",
        "1e",
        "1.2.3",
        "1e1234567",
    ] {
        let other = Init::Value(Value::Other(text.into()));
        assert_eq!(Init::parse(text), Ok(other));
    }
}

#[test]
fn floating_constants() {
    for (text, expected) in [
        ("1.5L", "1.5"),
        (".5f", ".5"),
        ("1e-5", "1e-5"),
        ("0x1.8p+3f", "0x1.8p+3"),
        ("1.f16", "1."),
        ("2.5q", "2.5"),
        ("-INFINITY", "INFINITY"),
    ] {
        assert_eq!(number(text).kind, NumberKind::Float(expected.into()));
    }
}

#[test]
fn everything_else() {
    let parse = |text: &str| Init::parse(text).unwrap();
    let text = |text: &str, bits: u64| match parse(text) {
        Init::Value(Value::Text(text)) => text.encode(bits).unwrap(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(text(r#""a\n" "b\0\x41""#, 8), b"a\nb\0A");
    assert_eq!(text(r#""{,\"}""#, 8), b"{,\"}");
    assert_eq!(text(r#"u8"\u00e9é\351""#, 8), b"\xc3\xa9\xc3\xa9\xe9");
    assert_eq!(
        text(r#"u"A" "\xffff\U0001f600""#, 16),
        b"A\0\xff\xff\x3d\xd8\x00\xde"
    );
    assert_eq!(
        text(r#"U"\xffffffff" U"é""#, 32),
        b"\xff\xff\xff\xff\xe9\0\0\0"
    );
    for wrong in [r#""\x100""#, r#"u"a" L"b""#, r#"L"a" 1"#] {
        assert!(Init::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(parse("NULL"), Init::Value(Value::Null));
    assert_eq!(parse("A|B"), Init::Value(Value::Other("A|B".into())));
    assert_eq!(
        parse("(x) + {"),
        Init::Value(Value::Other("(x) + {".into()))
    );
    assert!(matches!(parse("1 + 2i"), Init::Value(Value::Complex(..))));
    assert!(matches!(
        parse("1.5L - 2.iL"),
        Init::Value(Value::Complex(..))
    ));
    assert!(matches!(parse("3*I"), Init::Value(Value::Complex(..))));
    assert!(matches!(parse("3*Ix"), Init::Value(Value::Other(_))));
    assert!(matches!(parse("&(int){0}"), Init::Value(Value::Address(ty, _)) if ty == "int"));
    assert!(matches!(
        parse("(s){.a = {1}}"),
        Init::Value(Value::Compound(..))
    ));
    let Init::List(items) = parse("{1, .a[2].b = 3, [4] = {5},}") else {
        panic!("a list");
    };
    let designators: Vec<usize> = items.iter().map(|item| item.at.len()).collect();
    assert_eq!(designators, [0, 3, 1]);
    for wrong in [
        "",
        "{1",
        "{1}}",
        "{,}",
        "{.a 1}",
        "{[x] = 1}",
        "\"a",
        "{1} 2",
        "\"\\q\"",
    ] {
        assert!(Init::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Init::parse(&"{".repeat(100_000)).is_err());
}
