//! Every program in `programs/` and `tests/interop/` runs and prints what stands beside it. Those in `tests/interop/` pass values to and from a C library of their
//! name, built here by each C compiler, and are called back by it; those with a C program of their name in `tests/c` print what that prints.
//! `CABI_BLESS=1` rewrites the expected output and nothing else.

use crate::common::{
    Ran, compile, compilers, library_of, name, prepare, programs, root, toy, toy_text, under_runner,
};
use std::fs;
use std::path::{Path, PathBuf};

/// How a program runs in the folder where it is, with its library.
fn ran(program: &Path) -> Option<Ran> {
    let folder = program.parent().unwrap().display().to_string();
    toy(&["run", "-L", &folder], program)
}

/// Compares with a file, or rewrites it when blessing.
fn compare(program: &Path, found: &str) {
    let expected = program.with_extension("out");
    if std::env::var_os("CABI_BLESS").is_some() {
        return fs::write(expected, found).unwrap();
    }
    let text = fs::read_to_string(&expected).unwrap();
    assert_eq!(text, found, "{}", expected.display());
}

/// Compares what each program that `is_chosen` prints, `run` in a folder of its own with its library, which `compiler` builds; how many have run.
pub(crate) fn programs_print(
    compiler: &str,
    is_chosen: impl Fn(&Path) -> bool,
    run: impl Fn(&Path) -> Option<Ran>,
) -> usize {
    let mut count = 0;
    for program in programs().into_iter().filter(|program| is_chosen(program)) {
        let folder = tempfile::tempdir().unwrap();
        if prepare(&program, compiler, folder.path()).is_none() {
            continue;
        }
        if let Some(ran) = run(&folder.path().join(program.file_name().unwrap())) {
            compare(&program, &ran.output(&name(&program)));
            count += 1;
        }
    }
    count
}

#[test]
fn programs_print_what_is_expected() {
    for (n, compiler) in compilers().iter().enumerate() {
        // Those without a library are the same for each compiler.
        programs_print(
            compiler,
            |program| n == 0 || library_of(program).is_some(),
            ran,
        );
    }
}

#[test]
fn c_programs_print_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for program in programs() {
        let name = name(&program);
        let reference = root().join(format!("tests/c/{name}.c"));
        for compiler in compilers() {
            if compiler.contains("clang") && name == "closures" {
                eprintln!("clang has no functions in functions: {name}");
            } else if reference.exists() {
                let built = folder.path().join(&name);
                compile(&compiler, &reference, &built, &["-lm"]);
                let ran = under_runner(&built.display().to_string()).output();
                let printed = Ran::of(&ran.unwrap()).output(&name);
                let expected = fs::read_to_string(program.with_extension("out")).unwrap();
                assert_eq!(printed, expected, "{name} by {compiler}");
            }
        }
    }
}

/// In C's convention too, where the language's own is not the only one that does it without a stack, and with variables in memory.
#[test]
fn c_functions_print_the_same() {
    let is_own = |program: &PathBuf| library_of(program).is_none() && name(program) != "tail";
    for program in programs().into_iter().filter(is_own) {
        let text = fs::read_to_string(&program).unwrap();
        let Some(ran) = toy_text(&["run", "-g"], &text.replace("\nfn ", "\nextern \"C\" fn "))
        else {
            break;
        };
        compare(&program, &ran.output(&name(&program)));
    }
}

/// The negative control: a program, or its header, that says something else than the library is prints something else.
#[test]
fn what_is_declared_otherwise_goes_wrong() {
    let text = fs::read_to_string(root().join("tests/interop/changes.txt")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(lines.len() >= 17);
    for program in programs() {
        let Some(compiler) = compilers().into_iter().next() else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        prepare(&program, &compiler, folder.path());
        let expected = fs::read_to_string(program.with_extension("out")).unwrap();
        let name = name(&program);
        for line in lines
            .iter()
            .filter(|line| line.starts_with(&format!("{name}.")))
        {
            let (file, change) = line.split_once(": ").unwrap();
            let (from, to) = change.split_once(" => ").unwrap();
            let changed = folder.path().join(file);
            let text = fs::read_to_string(&changed).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(&changed, text.replace(from, to)).unwrap();
            let copy = folder.path().join(program.file_name().unwrap());
            let Some(ran) = ran(&copy) else { break };
            let printed = ran.output(&format!("{from} -> {to}"));
            assert_ne!(printed, expected, "{from} -> {to}");
            fs::write(&changed, text).unwrap();
        }
    }
}

#[test]
fn the_result_of_main_is_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("code.toy").display().to_string();
    let text = "fn main(argc: i32, argv: **u8) -> i32 { return argc * 10; }";
    fs::write(&program, text).unwrap();
    for (args, code) in [(&[][..], 10), (&["a", "-b", "--help"], 40)] {
        let mut command = under_runner(env!("CARGO_BIN_EXE_toy"));
        let ran = command.args(["run", &program]).args(args).status().unwrap();
        assert_eq!(ran.code(), Some(code));
    }
}

/// The programs in README.md are programs.
#[test]
fn the_examples_of_the_readme_run() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    for (before, printed) in [
        (
            "## The language\n\n```rust\n",
            "1 -2.71828\n2 -2.71828\n3 -2.71828\n",
        ),
        ("## C headers\n\n```\n", "2i, hour 23, EOF -1\n"),
    ] {
        let (_, example) = text.split_once(before).unwrap();
        if let Some(ran) = toy_text(&["run"], example.split("```").next().unwrap()) {
            assert_eq!(ran.output(before), printed);
        }
    }
}
