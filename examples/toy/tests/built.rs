//! `toy build`: programs that the system's C compiler links print what they print by `toy run`; for AArch64 under qemu, for Windows under wine, where these
//! are. `toy emit header`: C that is compiled with the declarations calls the functions.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::under_runner;
use common::{
    NOT_ON_AARCH64, Ran, can_prepare, compilers, name, oracle_missing, prepare, programs, root,
};
use std::fs;
use std::io::Error;
use std::path::Path;
use std::process::Command;

/// How programs of a machine are built and run here.
struct Machine {
    target: Option<&'static str>,
    compiler: String,
    runner: Vec<String>,
}

impl Machine {
    /// This one.
    fn host(compiler: &str) -> Machine {
        let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
        Machine {
            target: None,
            compiler: compiler.to_owned(),
            runner: runner.split_whitespace().map(str::to_owned).collect(),
        }
    }

    fn other(target: &'static str, compiler: &str, runner: &[&str]) -> Machine {
        Machine {
            target: Some(target),
            compiler: compiler.to_owned(),
            runner: runner.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    /// Whether its compiler and what runs its programs are here.
    fn is_here(&self) -> bool {
        let tools = self.runner.first().into_iter().chain([&self.compiler]);
        let missing: Vec<(&String, Error)> = tools
            .filter_map(|tool| Some((tool, Command::new(tool).arg("--version").output().err()?)))
            .collect();
        for (tool, why) in &missing {
            oracle_missing(&format!("programs of {:?}: {tool}: {why}", self.target));
        }
        missing.is_empty()
    }

    /// The program of a text in `folder`, with the libraries that are there: how `toy build` ends, and how the program then does.
    fn built(&self, program: &Path, folder: &Path, more: &[&str]) -> (Ran, Option<Ran>) {
        let output = folder.join("built.exe");
        let _ = fs::remove_file(&output);
        let mut build = under_runner(env!("CARGO_BIN_EXE_toy"));
        build.env("CC", &self.compiler).arg("build").args(more);
        build.arg("-o").arg(&output).arg("-L").arg(folder);
        if let Some(target) = self.target {
            build.args(["--target", target]);
        }
        build.arg(program.file_name().unwrap()).current_dir(folder);
        let built = Ran::of(&build.output().unwrap());
        let words = self.runner.iter().map(Path::new).chain([output.as_path()]);
        let words: Vec<&Path> = words.collect();
        // wine has its registry, and what it says of it, in the folder.
        let mut run = Command::new(words[0]);
        run.args(&words[1..]).env("WINEDEBUG", "-all");
        run.env("WINEPREFIX", folder.join("wine"));
        let ran = output.exists().then(|| Ran::of(&run.output().unwrap()));
        (built, ran)
    }

    /// What it prints. None where it uses a C header and there is no libclang to read it.
    fn prints(&self, program: &Path, folder: &Path) -> Option<Ran> {
        let (built, ran) = self.built(program, folder, &[]);
        if built.code == 2 && built.stderr.contains("libclang") {
            oracle_missing(&built.stderr);
            return None;
        }
        assert_eq!(built.output(&program.display().to_string()), "");
        Some(ran.unwrap())
    }
}

/// Each program of `programs/` and `tests/interop/`, linked with its library if it has one.
fn programs_print_the_same(machine: &Machine, has: impl Fn(&str) -> bool) -> usize {
    let mut count = 0;
    for program in programs().into_iter().filter(|program| has(&name(program))) {
        if !can_prepare(&program, &machine.compiler) {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        prepare(&program, &machine.compiler, folder.path());
        let copy = folder.path().join(program.file_name().unwrap());
        let Some(ran) = machine.prints(&copy, folder.path()) else {
            continue;
        };
        let expected = fs::read_to_string(program.with_extension("out")).unwrap();
        assert_eq!(
            ran.output(&name(&program)),
            expected,
            "{}",
            program.display()
        );
        count += 1;
    }
    count
}

#[test]
fn built_programs_print_the_same() {
    for compiler in compilers() {
        let count = programs_print_the_same(&Machine::host(&compiler), |_| true);
        assert!(count >= 12, "{count} programs");
    }
}

#[test]
fn programs_of_aarch64_print_the_same() {
    let runner = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
    let compiler = "aarch64-linux-gnu-gcc";
    let machine = Machine::other("aarch64-unknown-linux-gnu", compiler, &runner);
    let has = |name: &str| {
        NOT_ON_AARCH64
            .iter()
            .all(|(own, why)| name != *own || why.contains("libclang"))
    };
    if machine.is_here() {
        let count = programs_print_the_same(&machine, has);
        assert!(count >= 12, "{count} programs");
    }
}

/// What a program says changes what is printed: the text, a call, a closure, a library's function.
#[test]
fn built_programs_that_say_something_else_print_something_else() {
    let Some(compiler) = compilers().into_iter().next() else {
        return;
    };
    for (program, from, to) in [
        ("tour", "div(-17, 5)", "div(-17, 6)"),
        ("closures", "compared += 1;", "compared += 100;"),
        ("records", "-> i32 {", "-> i32 { return 3; "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (
            root().join(format!("programs/{program}.toy")),
            folder.path().join("p.toy"),
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{program}");
        fs::write(&copy, text.replace(from, to)).unwrap();
        let (built, ran) = Machine::host(&compiler).built(&copy, folder.path(), &[]);
        assert_eq!(built.output(program), "");
        let expected = fs::read_to_string(path.with_extension("out")).unwrap();
        let ran = ran.unwrap();
        assert_ne!((ran.code, &*ran.stdout), (0, &*expected), "{program}");
    }
}

/// Records by address, closures, functions of two DLLs, the exit code.
#[test]
fn a_program_for_windows_runs() {
    let compiler = "x86_64-w64-mingw32-gcc";
    let machine = Machine::other("x86_64-pc-windows-gnu", compiler, &["wine"]);
    if !machine.is_here() {
        return;
    }
    let text = fs::read_to_string(root().join("tests/built/windows.toy")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("p.toy");
    let run = |text: &str| {
        fs::write(&program, text).unwrap();
        let ran = machine.prints(&program, folder.path()).unwrap();
        (ran.code, ran.stdout)
    };
    let printed = "-4 15 31 92, 1, 2.5 5 1.25, 4\r\n".to_owned();
    assert_eq!(run(&text), (7, printed.clone()));
    // The control: another factor.
    assert_ne!(run(&text.replace("2.5)", "3.5)")), (7, printed));
}

/// More closures than a block of stubs has places for, as many as there are frames; and places are used again.
#[test]
fn closures_are_made_as_long_as_there_is_memory() {
    let text = "extern { fn printf(format: *u8, ...) -> i32; }
fn depth(n: i32, outer: fn() -> i32) -> i32 {
    if n == 0 { return outer(); }
    return depth(n - 1, fn() -> i32 { return n % 2 + outer(); });
}
fn main() {
    let sum = 0;
    for i in 0..20000 { sum += depth(1, fn() -> i32 { return i % 3; }); }
    printf(\"%d %d\\n\", depth(9000, fn() -> i32 { return 7; }), sum);
}";
    let Some(compiler) = compilers().into_iter().next() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("p.toy");
    for (text, is_same) in [
        (text.to_owned(), true),
        (text.replace("n % 2", "n % 3"), false),
    ] {
        fs::write(&program, text).unwrap();
        let ran = Machine::host(&compiler).prints(&program, folder.path());
        let printed = ran.unwrap().output("closures");
        assert_eq!(printed == "4507 39999\n", is_same, "{printed}");
    }
}

#[test]
fn what_cannot_be_built_is_said() {
    let Some(own) = compilers().into_iter().next() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("p.toy");
    for (text, compiler, code, said) in [
        ("fn f() {}", &*own, 1, "there is no function `main`"),
        ("fn main() {}", "no-such-cc", 2, "no-such-cc: "),
        ("fn main() {}", "true", 2, "true has written nothing"),
        (
            "extern { fn nowhere_toy(); } fn main() { nowhere_toy(); }",
            &*own,
            2,
            "nowhere_toy",
        ),
        (
            "extern \"libnowhere_toy.so\" { fn f(); } fn main() { f(); }",
            &*own,
            2,
            "libnowhere_toy.so",
        ),
    ] {
        fs::write(&program, text).unwrap();
        let (built, ran) = Machine::host(compiler).built(&program, folder.path(), &[]);
        assert_eq!((built.code, ran.is_some()), (code, false), "{text}");
        assert!(built.stderr.contains(said), "{}", built.stderr);
    }
}

/// Nothing is left in the folder of temporary files, and nobody's file there is touched; the compiler may have flags. The program's text is never overwritten.
#[test]
fn a_build_writes_the_program_alone() {
    let Some(own) = compilers().into_iter().next() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let build = |args: &[&str], text: &str| {
        fs::write(folder.path().join("p.toy"), text).unwrap();
        let mut build = under_runner(env!("CARGO_BIN_EXE_toy"));
        build.args(args).current_dir(folder.path());
        build
            .env("CC", format!("{own} -g"))
            .env("TMPDIR", &temporary);
        Ran::of(&build.output().unwrap())
    };
    let text = "fn main() {}";
    assert_eq!(build(&["build", "p.toy"], text).code, 0);
    assert_eq!(
        build(
            &["build", "p.toy"],
            "extern { fn nowhere_toy(); } fn main() { nowhere_toy(); }"
        )
        .code,
        2
    );
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    for args in [
        ["build", "-o", "./p.toy", "p.toy"].as_slice(),
        &["emit", "obj", "-o", "./p.toy", "p.toy"],
    ] {
        let refused = build(args, text);
        assert!(
            refused.code == 2 && refused.stderr.contains("its text"),
            "{}",
            refused.stderr
        );
        assert_eq!(
            fs::read_to_string(folder.path().join("p.toy")).unwrap(),
            text
        );
    }
}

/// C that is compiled with the declarations calls functions of an object file.
#[test]
fn c_calls_functions_by_the_header() {
    const CALLER: &str = r#"
#include "library.h"
#include <stdio.h>
static long long word(struct Large l, int i) { return l.words[i]; }
int c_main(void)
{
    struct Point p = moved((struct Point){.x = 1.5, .n = 21}, 0.25);
    struct Large l = {{1, 2, 3, 4, 77}};
    printf("%g %ld %ld %g\n", p.x, p.n, last(l, (void (*)(void))word), sum(2, p, 10.0, p, 20.0));
    return 0;
}
"#;
    for compiler in compilers() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::copy(root().join("tests/emit/library.toy"), at("library.toy")).unwrap();
        let header = common::toy(&["emit", "header"], &at("library.toy")).unwrap();
        let header = header.output("header");
        common::toy(&["emit", "obj"], &at("library.toy")).unwrap();
        let run = |header: &str| {
            fs::write(at("library.h"), header).unwrap();
            fs::write(at("caller.c"), CALLER).unwrap();
            let object = at("library.o").display().to_string();
            common::compile(
                &compiler,
                &at("caller.c"),
                &at("run"),
                &["-Werror", &object],
            );
            Ran::of(
                &under_runner(&at("run").display().to_string())
                    .output()
                    .unwrap(),
            )
            .output("run")
        };
        assert_eq!(run(&header), "1.75 42 77 33.5\n");
        assert!(!header.contains("main"), "{header}");
        // The control: another member.
        let other = header.replace("double x;", "float x;");
        assert_ne!(other, header);
        assert_ne!(run(&other), "1.75 42 77 33.5\n");
    }
}
