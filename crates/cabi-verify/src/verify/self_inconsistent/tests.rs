//! What a program of the compiler alone shows, and what it does not.

use super::*;
use crate::build::Installed;
use crate::case::Subject;
use crate::corpus::CorpusFile;
use crate::report::references_required;

/// What clang's program of each block says of it: its first case. `None` where there is no clang or no libclang.
fn shown_by_clang(text: &str, flags: &[&str]) -> Option<Vec<Option<Shown>>> {
    let mut here = Installed::find().references.into_iter();
    let clang = here.find(|one| one.name() == "clang");
    let Some(clang) = clang else {
        assert!(!references_required(), "there is no clang");
        eprintln!("not run: there is no clang");
        return None;
    };
    let file = CorpusFile::parse("own.abi".as_ref(), text).unwrap();
    let shown = |block| match Subject::read(block) {
        Err(error) if error.is_missing_libclang() => {
            assert!(!references_required(), "{error}");
            eprintln!("not run: {error}");
            None
        }
        subject => {
            let subject = subject.unwrap();
            Some(show(&clang, flags, &subject.cases[0]).unwrap())
        }
    };
    file.blocks.iter().map(shown).collect()
}

/// The caller of an argument whose first eightbyte is padding has copies of its second one in more registers than one: not optimized, the byte that
/// `va_arg` takes from the wrong one is right by chance.
#[test]
fn what_agrees_by_chance_is_shown_by_another_caller() {
    let text = "== by-chance\nproves: nothing\npolicy: clang\nunnamed: struct a, struct s\n\
                struct a { char x[3]; };\nstruct r { long n[4]; };\nstruct bits { unsigned long : 13; };\n\
                struct s { struct { unsigned long : 64; signed char m; struct bits rest[3]; }; };\n\
                struct r f(double, ...);\n";
    let Some(shown) = shown_by_clang(text, &["-O0"]) else {
        return;
    };
    let bug = shown[0].as_ref().and_then(|shown| shown.known);
    assert_eq!(bug, Some("clang-padding-before-integer-va-arg"));
}

/// The same type as a named argument, and the same unnamed one without padding: clang agrees with itself, so a difference stays one of ours.
#[test]
fn nothing_is_shown_where_a_compiler_agrees_with_itself() {
    let text = "== named\nproves: nothing\npolicy: clang\n\
                struct s { unsigned long : 64; char m; };\nvoid f(double, struct s);\n\n\
                == no-padding\nproves: nothing\npolicy: clang\nunnamed: struct s\n\
                struct s { unsigned long n; char m; };\nvoid f(double, ...);\n";
    let Some(shown) = shown_by_clang(text, &["-O0"]) else {
        return;
    };
    assert_eq!(shown, [None, None]);
}
