//! Records that gcc and clang lay out differently: by the rules asked for, and without any left out by name. What the compilers do is
//! measured by the suite `layout`; here is what does not decide a place, and what is said then.

mod support;

use cabi::RecordRules;
use cabi_header::Options;
use support::{header_with, needs_libclang};

/// Size and alignment of `struct s`, or a part of the reason why it is missing.
type Layout = Result<(u64, u32), &'static str>;

const HIDDEN: Layout = Err(
    "struct s: the place of an attribute, or the value of `#pragma pack`, on which gcc's layout depends, does not show in clang's",
);

/// Texts, and `struct s` by gcc's rules, by clang's, and where no compiler is named.
const CASES: [(&str, Layout, Layout, Layout); 10] = [
    (
        "typedef int loose __attribute__((aligned(1))); struct s { loose a : 32; };",
        Ok((4, 4)),
        Ok((4, 1)),
        Err("struct s: gcc's alignment is 4, clang's 1"),
    ),
    // What contains such a record follows it.
    (
        "struct in { char a; void *__attribute__((aligned(1))) c; }; typedef struct in pair[2]; struct s { char x; pair y; };",
        Ok((19, 1)),
        Ok((40, 8)),
        Err("field y: struct in: gcc's offset of c in bits is 8, clang's 64"),
    ),
    // A place that a macro hides is not guessed.
    (
        "#define MEMBER(name) void *name __attribute__((aligned(16)))\nstruct s { char a; MEMBER(c); };",
        HIDDEN,
        Ok((32, 16)),
        HIDDEN,
    ),
    // Visible places, whatever the attribute's own text is.
    (
        "#define ALIGNED __attribute__((aligned(16)))\nstruct s { char a; void *c ALIGNED; };",
        Ok((32, 16)),
        Ok((32, 16)),
        Ok((32, 16)),
    ),
    (
        "#define ALIGNED __attribute__((aligned(16)))\nstruct s { char a; ALIGNED void *c; };",
        Ok((32, 16)),
        Ok((32, 16)),
        Ok((32, 16)),
    ),
    (
        "#define ALIGNED __attribute__((aligned(16)))\nstruct s { char a; void ALIGNED *c; };",
        Ok((32, 16)),
        Ok((32, 16)),
        Ok((32, 16)),
    ),
    // All that the macro may hide gives the same layout.
    (
        "#define MEMBER(name) char *name __attribute__((aligned(8)))\nstruct s { long a; MEMBER(c); };",
        Ok((16, 8)),
        Ok((16, 8)),
        Ok((16, 8)),
    ),
    // A pragma whose value does not show is not guessed. gcc: 2 under the pragma, and 4 without it or with 4 and more.
    (
        "#pragma pack(2)\ntypedef int loose __attribute__((aligned(1))); struct s { loose a : 32, b : 32; };",
        Err("`#pragma pack`"),
        Ok((8, 1)),
        Err("struct s"),
    ),
    // A typedef's alignment inside of its declarator.
    (
        "typedef char *__attribute__((aligned(16))) *pp; struct s { char a; pp p; };",
        Ok((16, 8)),
        Ok((32, 16)),
        Err("inside of a declarator"),
    ),
    // An alignment of the record that only gcc shows.
    (
        "typedef void *loose; struct s { char a; void *__attribute__((aligned(1))) c; } __attribute__((aligned(4)));",
        Ok((12, 4)),
        Ok((16, 8)),
        Err("struct s"),
    ),
];

#[test]
fn what_compilers_lay_out_differently_is_left_out_unless_one_is_named() {
    needs_libclang!();
    for (text, gcc, clang, agreed) in CASES {
        for (rules, expected) in [
            (Some(RecordRules::Gcc), gcc),
            (Some(RecordRules::Clang), clang),
            (None, agreed),
        ] {
            let options = Options::new().arg("--target=x86_64-linux-gnu");
            let options = rules.into_iter().fold(options, Options::records);
            let header = header_with(text, &options);
            let found = header.ty("struct s").map(|ty| (ty.size(), ty.align()));
            let reason = header.reason("struct s").map(ToString::to_string);
            let as_expected = match expected {
                Ok(layout) => found == Some(layout),
                Err(why) => found.is_none() && reason.iter().any(|said| said.contains(why)),
            };
            assert!(
                as_expected,
                "{rules:?}: {found:?}, {reason:?}, expected {expected:?}\n{text}"
            );
        }
    }
}
