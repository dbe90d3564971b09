//! Halves that meet each other: a judge's caller calls the same judge's callee, so what arrives is what was sent, but for that
//! compiler's own bugs.

use super::*;
use crate::corpus::CorpusFile;
use crate::graffiti::{Painter, Pattern};
use crate::judge::{Bench, Judge};

/// Has `judge` call its own function with graffiti: what is wrong with the arguments or the result it gets.
fn exchange(judge: &Judge, text: &str) -> Result<(), String> {
    let file = CorpusFile::parse("t.abi".as_ref(), text).unwrap();
    let subject = match Subject::read(&file.blocks[0]) {
        Err(error) if error.is_missing_libclang() => return Err(error.to_string()),
        subject => subject.unwrap(),
    };
    let case = &subject.cases[0];
    let types = argument_types(case);
    let mut painter = Painter::default();
    let sent: Vec<Pattern> = types.iter().map(|ty| painter.paint(ty)).collect();
    let given = painter.paint(&case.prototype.ret);
    let body = format!("{}{}", callee(case), caller_through(case, "t_"));
    let name = &case.function.name;
    let list = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte},"))
            .collect::<String>()
    };
    let mut main =
        String::from("int main(void) {\n  static unsigned char images[65536], out[65536];\n");
    for (pattern, offset) in sent.iter().zip(Images::of(&types).offsets) {
        main += &format!(
            "  {{ static unsigned char a[] = {{{}0}}; __builtin_memcpy(images + {offset}, a, sizeof a - 1); }}\n",
            list(&pattern.bytes)
        );
    }
    main += &format!(
        "  {{ static unsigned char r[] = {{{}0}}; __builtin_memcpy(cabi_result, r, sizeof r - 1); }}\n",
        list(&given.bytes)
    );
    main += &format!(
        "  t_{name}_call((void (*)(void))t_{name}, images, out);\n  for (int i = 0; i < 4096; i++) printf(\"%d %d\\n\", cabi_seen[i], out[i]);\n  return 0;\n}}\n"
    );
    let source = format!(
        "int printf(const char *, ...);\n{BUFFERS}{}{main}",
        scoped(&subject, "t_", &body)
    );
    let output = judge
        .execute(&source, &["-O1"])
        .map_err(|error| error.to_string())?;
    let pairs = output.lines().filter_map(|line| line.split_once(' '));
    let (seen, out): (Vec<u8>, Vec<u8>) = pairs
        .map(|(a, b)| (a.parse::<u8>().unwrap(), b.parse::<u8>().unwrap()))
        .unzip();
    let arrived = promoted_types(case);
    for ((pattern, ty), offset) in sent.iter().zip(&types).zip(Images::of(&arrived).offsets) {
        let pattern = if arrived == types {
            pattern.clone()
        } else {
            pattern.promoted(ty).1
        };
        pattern.check_all(&seen[offset..])?;
    }
    if has_result(case) {
        given.check_all(&out)
    } else {
        Ok(())
    }
}

const KEYS: &str = "== one\nproves: x\n";

#[test]
fn what_is_sent_arrives() {
    let blocks = [
        "struct pair { long a, b; };\nstruct pair f(int, struct pair p, int (*cb)(int), int a[4], char c);\n",
        "struct s { double d; int n : 5; };\nstruct s f(long double, struct s, _Bool);\n",
        "unnamed: char, float, struct s, void (*)(void)\nstruct s { char c[20]; };\nint f(struct s, ...);\n",
        "void f(void);\n",
    ];
    for judge in Bench::find().judges {
        for text in blocks {
            let outcome = exchange(&judge, &format!("{KEYS}{text}"));
            assert!(
                outcome.is_ok() || outcome.as_ref().is_err_and(|why| why.contains("libclang")),
                "{judge}: {text}{outcome:?}"
            );
        }
    }
}

#[test]
fn a_compiler_that_contradicts_itself_is_seen() {
    // Found in clang 19: of a union whose first member starts with a lone float, only that float travels.
    let text = "union u { struct { float a; long b; } s; double d; };\nunion u f(union u);\n";
    for judge in Bench::find().judges {
        let outcome = exchange(&judge, &format!("{KEYS}{text}"));
        if judge.version().contains("clang version 19.") && outcome != Ok(()) {
            let why = outcome.unwrap_err();
            assert!(why.contains("byte 4") || why.contains("libclang"), "{why}");
        } else if judge.name() == "gcc" {
            assert!(
                outcome.is_ok() || outcome.as_ref().is_err_and(|why| why.contains("libclang")),
                "{outcome:?}"
            );
        }
    }
}
