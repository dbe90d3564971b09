//! The frame of the format: reading, refusals and their places, and blessing, which changes
//! expected lines only.

use super::*;

const TWO: &str = "\
# comment

== first
proves: psABI 3.2.3, Passing: a rule
        told in two lines
target: x86_64-linux-gnu      kills: no-rollback, split-group
compilers: clang, bitint (gcc 12 lacks them)
struct pair { long a, b; };

long f(struct pair);
> arg 0  Integer
> ret    Integer

== second
proves: nothing
unnamed: double, long
int g(int, ...);

";

fn parse(text: &str) -> Result<CorpusFile, CorpusError> {
    CorpusFile::parse("t.abi".as_ref(), text)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn reads_keys_code_and_expected_lines() {
    let file = parse(TWO).unwrap();
    let [first, second] = &file.blocks[..] else {
        panic!("{:?}", file.blocks)
    };
    assert_eq!(
        first.proves,
        "psABI 3.2.3, Passing: a rule told in two lines"
    );
    assert_eq!(first.kills, ["no-rollback", "split-group"]);
    assert_eq!(first.references, ["clang", "bitint"]);
    assert_eq!(
        first.references_reason.as_deref(),
        Some("gcc 12 lacks them")
    );
    assert_eq!(
        first.code,
        "struct pair { long a, b; };\n\nlong f(struct pair);\n"
    );
    assert_eq!(first.line, 3);
    assert_eq!(first.expected, ["arg 0  Integer", "ret    Integer"]);
    assert_eq!(second.unnamed.as_deref(), Some("double, long"));
    assert_eq!(second.target, DEFAULT_TARGET);
    assert!(second.expected.is_empty());
}

#[test]
fn blessing_changes_expected_lines_only() {
    let file = parse(TWO).unwrap();
    assert_eq!(file.blessed(&BTreeMap::new()), TWO);
    let texts = BTreeMap::from([
        ("first".to_owned(), vec!["new".to_owned()]),
        ("second".to_owned(), vec!["a".to_owned(), String::new()]),
    ]);
    let expected = TWO
        .replace("> arg 0  Integer\n> ret    Integer\n", "> new\n")
        .replace("int g(int, ...);\n", "int g(int, ...);\n> a\n>\n");
    assert_eq!(file.blessed(&texts), expected);
}

/// Text, and after `!` why it is refused.
#[test]
fn refuses_what_is_not_in_the_format() {
    let mut text = String::new();
    for line in include_str!("refused.txt").lines() {
        match line.strip_prefix("! ") {
            Some(message) => assert_eq!(error(&std::mem::take(&mut text)), message),
            None => text += &format!("{line}\n"),
        }
    }
}
