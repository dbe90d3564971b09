//! The frame of the format: reading, refusals and their places.

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

== second
proves: nothing
unnamed: double, long
refused: int: no place
int g(int, ...);

";

fn parse(text: &str) -> Result<Vec<Block>, CorpusError> {
    Block::parse("t.abi".as_ref(), text)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn reads_keys_and_code() {
    let blocks = parse(TWO).unwrap();
    let [first, second] = &blocks[..] else {
        panic!("{blocks:?}")
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
    assert_eq!(first.refused, None);
    assert_eq!(second.unnamed.as_deref(), Some("double, long"));
    assert_eq!(second.target, DEFAULT_TARGET);
    assert_eq!(second.refused.as_deref(), Some("int: no place"));
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
