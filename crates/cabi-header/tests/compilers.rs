//! Records that gcc and clang lay out differently: by the rules asked for, and without any left out by name. What the compilers do is
//! measured by the suite `layout`; here is what does not decide a place, and what is said then.

use cabi::RecordRules;
use cabi_header::{Header, HeaderError, Options, parse};

/// The header by some compiler's rules; `None` without libclang.
fn read(text: &str, rules: Option<RecordRules>) -> Option<Header> {
    let options = Options::new().arg("--target=x86_64-linux-gnu");
    match parse(text, &rules.into_iter().fold(options, Options::records)) {
        Err(HeaderError::NoLibclang { .. }) => None,
        header => Some(header.expect("the text is right as a whole")),
    }
}

/// Size and alignment of `struct s`, or why it is missing.
fn layout(text: &str, rules: Option<RecordRules>) -> Option<Result<(u64, u32), String>> {
    let header = read(text, rules)?;
    let reason = || {
        header
            .reason("struct s")
            .map_or("missing".to_owned(), ToString::to_string)
    };
    let found = header.ty("struct s");
    Some(found.map_or_else(|| Err(reason()), |ty| Ok((ty.size(), ty.align()))))
}

const GCC: Option<RecordRules> = Some(RecordRules::Gcc);
const CLANG: Option<RecordRules> = Some(RecordRules::Clang);

#[test]
fn what_compilers_lay_out_differently_is_left_out_unless_one_is_named() {
    let text = "typedef int loose __attribute__((aligned(1))); struct s { loose a : 32; };";
    let Some(agreed) = layout(text, None) else {
        return;
    };
    assert_eq!(
        agreed.unwrap_err(),
        "struct s: gcc's alignment is 4, clang's 1"
    );
    assert_eq!(layout(text, GCC).unwrap(), Ok((4, 4)));
    assert_eq!(layout(text, CLANG).unwrap(), Ok((4, 1)));
}

#[test]
fn what_contains_such_a_record_follows_it() {
    let text = "struct in { char a; void *__attribute__((aligned(1))) c; };
        typedef struct in pair[2]; struct s { char x; pair y; };";
    let Some(gcc) = layout(text, GCC) else {
        return;
    };
    assert_eq!(gcc, Ok((19, 1)));
    assert_eq!(layout(text, CLANG).unwrap(), Ok((40, 8)));
    let agreed = layout(text, None).unwrap().unwrap_err();
    assert_eq!(
        agreed,
        "field y: struct in: gcc's offset of c in bits is 8, clang's 64"
    );
}

#[test]
fn a_place_that_a_macro_hides_is_not_guessed() {
    let hidden = "#define MEMBER(name) void *name __attribute__((aligned(16)))
        struct s { char a; MEMBER(c); };";
    let Some(agreed) = layout(hidden, None) else {
        return;
    };
    let why = "struct s: the place of an attribute, or the value of `#pragma pack`, on which gcc's layout depends, does not show in clang's";
    assert_eq!(agreed.unwrap_err(), why);
    assert_eq!(layout(hidden, GCC).unwrap().unwrap_err(), why);
    assert_eq!(layout(hidden, CLANG).unwrap(), Ok((32, 16)));
    // Visible places, whatever the attribute's own text is.
    for text in [
        "struct s { char a; void *c ALIGNED; };",
        "struct s { char a; ALIGNED void *c; };",
        "struct s { char a; void ALIGNED *c; };",
    ] {
        let text = format!("#define ALIGNED __attribute__((aligned(16)))\n{text}");
        assert_eq!(layout(&text, None).unwrap(), Ok((32, 16)), "{text}");
    }
    // All that the macro may hide gives the same layout.
    let same = "#define MEMBER(name) char *name __attribute__((aligned(8)))
        struct s { long a; MEMBER(c); };";
    assert_eq!(layout(same, None).unwrap(), Ok((16, 8)));
}

#[test]
fn a_pragma_whose_value_does_not_show_is_not_guessed() {
    let text = "#pragma pack(2)
        typedef int loose __attribute__((aligned(1))); struct s { loose a : 32, b : 32; };";
    let Some(gcc) = layout(text, GCC) else {
        return;
    };
    // gcc: 2 under the pragma, and 4 without it or with 4 and more.
    assert!(gcc.unwrap_err().contains("`#pragma pack`"));
    assert_eq!(layout(text, CLANG).unwrap(), Ok((8, 1)));
}

#[test]
fn a_typedef_s_alignment_inside_of_its_declarator() {
    let text = "typedef char *__attribute__((aligned(16))) *pp; struct s { char a; pp p; };";
    let Some(gcc) = layout(text, GCC) else {
        return;
    };
    assert_eq!(gcc, Ok((16, 8)));
    assert_eq!(layout(text, CLANG).unwrap(), Ok((32, 16)));
    let agreed = layout(text, None).unwrap().unwrap_err();
    assert!(agreed.contains("inside of a declarator"), "{agreed}");
}

#[test]
fn an_alignment_of_the_record_that_only_gcc_shows() {
    let text = "typedef void *loose; struct s { char a; void *__attribute__((aligned(1))) c; } __attribute__((aligned(4)));";
    let Some(gcc) = layout(text, GCC) else {
        return;
    };
    assert_eq!(gcc, Ok((12, 4)));
    assert_eq!(layout(text, CLANG).unwrap(), Ok((16, 8)));
}
