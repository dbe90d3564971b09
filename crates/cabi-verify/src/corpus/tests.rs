//! The frame of the format: what is read, what is refused and where, and that blessing changes expected lines only.

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
    assert_eq!((first.line, first.code_line), (3, 8));
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

#[test]
fn refuses_what_is_not_in_the_format() {
    let cases = [
        (
            "x\n",
            "t.abi:1: text before the first block; comments start with `#`",
        ),
        (
            "== A\n",
            "t.abi:1: a block's name is made of a-z, 0-9 and `-`",
        ),
        (
            "== a\nint f(void);\n",
            "t.abi:1: block `a` does not say what it `proves`",
        ),
        ("== a\nproves: x\n", "t.abi:2: block `a` has no C text"),
        (
            "== a\nproof: x\nint f(void);\n",
            "t.abi:2: unknown key `proof`",
        ),
        (
            "== a\nproves: x\nproves: y\nint f(void);\n",
            "t.abi:3: a second `proves`",
        ),
        (
            "== a\nproves: x\nint f(void);\n> x\nint g(void);\n",
            "t.abi:5: C text after the expected lines",
        ),
        (
            "== a\nproves: x\nint f(void);\n> x\n\n> y\n",
            "t.abi:6: a gap between expected lines",
        ),
        (
            "== a\nproves: x\ncompilers: icc\nint f(void);\n",
            "t.abi:3: `icc` is neither a compiler nor a capability",
        ),
        (
            "== a\nproves: x\npolicy: msvc\nint f(void);\n",
            "t.abi:3: no profile is called `msvc`: default, gcc, clang, zig",
        ),
        (
            "== a\nproves: x\nfeatures: sse9\nint f(void);\n",
            "t.abi:3: `sse9` is no vector level: avx, avx512f",
        ),
        (
            "== a\nproves: x\nint f(void);\n== a\nproves: x\nint f(void);\n",
            "t.abi:4: `a` is also the name of the block in line 1",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(error(text), message);
    }
}
