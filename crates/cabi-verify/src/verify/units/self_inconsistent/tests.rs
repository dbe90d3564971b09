//! Cases that a program of the compiler alone shows, and cases that it does not.

use super::*;
use crate::build::{Capability, Installed};
use crate::case::tests::subject;
use crate::report::missing;

/// Returns the result of clang's program of the first case of a block with this text. `None`
/// without clang or libclang.
fn shown_by_clang(text: &str, flags: &[&str]) -> Option<Option<Shown>> {
    let mut here = Installed::find().references.into_iter();
    let Some(clang) = here.find(|one| one.name() == "clang") else {
        missing("clang");
        return None;
    };
    let subject = subject(&format!("policy: clang\n{text}"))?;
    Some(show(&clang, flags, &subject.cases[0]).unwrap())
}

/// Blocks of which programs show nothing by chance, unless callers are compiled in several ways and nothing is left in registers and on the stack: the
/// caller of an argument whose first eightbyte is padding has copies of its second one in more registers than one; that of a wide union loads it into
/// the very register that is read, unless it knows the argument before; the two bytes that `va_arg` of seven 16-bit floats writes over its list are
/// zero, as what they overwrite.
const BY_CHANCE: [(&str, &[&str], &str); 3] = [
    (
        "clang-padding-before-integer-va-arg",
        &["-O0"],
        "unnamed: struct a, struct s\n\
         struct a { char x[3]; };\nstruct r { long n[4]; };\nstruct bits { unsigned long : 13; };\n\
         struct s { struct { unsigned long : 64; signed char m; struct bits rest[3]; }; };\n\
         struct r f(double, ...);\n",
    ),
    (
        "clang-unnamed-padded-union",
        &["-mavx", "-O0"],
        "features: avx\nunnamed: union u\n\
         union u { __float128 m __attribute__((aligned(32))); };\nvoid f(double, ...);\n",
    ),
    (
        "clang-short-record-va-arg",
        &["-O1"],
        "unnamed: struct s, int\nstruct s { _Float16 m[7]; };\nvoid f(double, ...);\n",
    ),
];

#[test]
fn what_agrees_by_chance_is_shown_by_another_caller() {
    for (bug, flags, text) in BY_CHANCE {
        let has_registers = !flags.contains(&"-mavx") || Capability::Avx.runs_here();
        if !has_registers {
            eprintln!("not run: {bug}: no AVX");
        } else if let Some(shown) = shown_by_clang(text, flags) {
            let known = shown.and_then(|shown| shown.known);
            assert_eq!(known, Some(bug));
        }
    }
}

/// A type of those above as a named argument, and one without padding as an unnamed one: clang agrees with itself, so a difference stays one of ours.
#[test]
fn nothing_is_shown_where_a_compiler_agrees_with_itself() {
    for text in [
        "struct s { unsigned long : 64; char m; };\nvoid f(double, struct s);",
        "unnamed: struct s\nstruct s { unsigned long n; char m; };\nvoid f(double, ...);",
    ] {
        assert_eq!(shown_by_clang(text, &["-O0"]).flatten(), None);
    }
}
