//! `toy build`: programs that the system's C compiler links print what they print by `toy run`; for AArch64 under qemu, for Windows under wine, where these
//! are. `toy emit`: C calls the functions of an object file by their header, CLIF for this machine and other targets.

use crate::common::{self, NOT_ON_AARCH64, Ran, compilers, name, oracle_missing, root};
use crate::run::programs_print;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How programs of a machine are built and run here.
pub(crate) struct Machine {
    target: Option<&'static str>,
    compiler: String,
    runner: String,
}

impl Machine {
    /// This one.
    fn host(compiler: String) -> Machine {
        let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
        Machine {
            target: None,
            compiler,
            runner,
        }
    }

    /// None where its compiler or what runs its programs is not here.
    fn other(target: &'static str, compiler: &str, runner: &str) -> Option<Machine> {
        let program = runner.split_whitespace().next()?;
        for tool in [compiler, program] {
            if let Err(why) = Command::new(tool).arg("--version").output() {
                oracle_missing(&format!("programs of {target}: {tool}: {why}"));
                return None;
            }
        }
        Some(Machine {
            target: Some(target),
            compiler: compiler.to_owned(),
            runner: runner.to_owned(),
        })
    }

    pub(crate) fn aarch64() -> Option<Machine> {
        let runner = "qemu-aarch64 -L /usr/aarch64-linux-gnu";
        Self::other("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", runner)
    }

    pub(crate) fn windows() -> Option<Machine> {
        Self::other("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc", "wine")
    }

    /// How `toy words.. -o output program` ends, in the folder of the program, where its library is too.
    pub(crate) fn toy(&self, words: &str, program: &Path, output: &str) -> Ran {
        let folder = program.parent().unwrap();
        let mut toy = common::under_runner(env!("CARGO_BIN_EXE_toy"));
        toy.env("CC", &self.compiler).current_dir(folder);
        toy.args(words.split(' '));
        toy.args(["-o", output, "-L"]).arg(folder);
        if let Some(target) = self.target {
            toy.args(["--target", target]);
        }
        Ran::of(&toy.arg(program.file_name().unwrap()).output().unwrap())
    }

    fn run(&self, program: &Path) -> Ran {
        let words = self.runner.split_whitespace().map(Path::new);
        let words: Vec<&Path> = words.chain([program]).collect();
        // wine has its registry, and what it says of it, in the folder.
        let mut run = Command::new(words[0]);
        run.args(&words[1..]).env("WINEDEBUG", "-all");
        run.env("WINEPREFIX", program.with_extension("wine"));
        Ran::of(&run.output().unwrap())
    }

    /// How the program of a text ends. None where it uses a C header and there is no libclang to read it.
    fn built(&self, program: &Path) -> Option<Ran> {
        let built = self.toy("build", program, "built.exe");
        if built.code == 2 && built.stderr.contains("libclang") {
            oracle_missing(&built.stderr);
            return None;
        }
        assert_eq!(built.output(&program.display().to_string()), "");
        Some(self.run(&program.with_file_name("built.exe")))
    }

    /// Builds each program of `programs/` and `tests/interop/`, linked with its library if it has one.
    fn programs_print_the_same(&self, has: impl Fn(&str) -> bool) {
        let has = |program: &Path| has(&name(program));
        let count = programs_print(&self.compiler, has, |program| self.built(program));
        assert!(count >= 12, "{count} programs");
    }
}

#[test]
fn built_programs_print_the_same() {
    for compiler in compilers() {
        Machine::host(compiler).programs_print_the_same(|_| true);
    }
}

#[test]
fn programs_of_aarch64_print_the_same() {
    let is_not = |name: &str, (own, why): &(&str, &str)| name != *own || why.contains("libclang");
    if let Some(machine) = Machine::aarch64() {
        machine.programs_print_the_same(|name| NOT_ON_AARCH64.iter().all(|row| is_not(name, row)));
    }
}

/// Records by address, closures, functions of two DLLs, the exit code.
#[test]
fn a_program_for_windows_runs() {
    let Some(machine) = Machine::windows() else {
        return;
    };
    let text = fs::read_to_string(root().join("tests/built/windows.toy")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("p.toy");
    let run = |text: &str| {
        fs::write(&program, text).unwrap();
        let ran = machine.built(&program).unwrap();
        (ran.code, ran.stdout)
    };
    let printed = "-4 15 31 92, 1, 2.5 5 1.25, 4\r\n".to_owned();
    assert_eq!(run(&text), (7, printed.clone()));
    // The control: another factor.
    assert_ne!(run(&text.replace("2.5)", "3.5)")), (7, printed));
}

/// Ctrl-C, which all processes of a terminal get, ends the C compiler, and toy tidies up.
#[test]
#[cfg(unix)]
fn an_interrupted_build_leaves_nothing() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    fs::write(folder.path().join("p.toy"), "fn main() {}").unwrap();
    let mut build = common::under_runner(env!("CARGO_BIN_EXE_toy"));
    build.args(["build", "p.toy"]).current_dir(folder.path());
    build.env("TMPDIR", &temporary);
    build.env("CC", "sh -c ls${IFS}tmp>&2;kill${IFS}-INT${IFS}0");
    let ended = Ran::of(&build.process_group(0).output().unwrap());
    assert_eq!(ended.code, 2);
    let (had, left) = (ended.stderr, fs::read_dir(temporary).unwrap());
    assert!(had.contains("signal") && had.contains("\ntoy-"), "{had}");
    assert_eq!(left.count(), 0);
}

#[test]
fn c_calls_functions_of_an_object() {
    let from = |name: &str| root().join("tests/emit").join(name);
    let library = fs::read_to_string(from("library.toy")).unwrap();
    let machines = compilers().into_iter().map(Machine::host);
    for machine in machines.chain(Machine::aarch64()) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let run = |library: &str, member: &str| {
            fs::write(at("library.toy"), library).unwrap();
            for (form, file) in [("emit obj", "library.o"), ("emit header", "library.h")] {
                let made = machine.toy(form, &at("library.toy"), file);
                assert_eq!(made.output(form), "");
            }
            let header = fs::read_to_string(at("library.h")).unwrap();
            assert!(!header.contains("main"), "{header}");
            fs::write(at("library.h"), header.replace("double x;", member)).unwrap();
            let [object, folder] = [at("library.o"), at("")].map(|path| path.display().to_string());
            let more = ["-Werror", "-I", &folder, &object];
            common::compile(&machine.compiler, &from("caller.c"), &at("run"), &more);
            machine.run(&at("run")).stdout
        };
        assert_eq!(run(&library, "double x;"), "1.75 42 77 33.5\n");
        // The controls: another element, and another member of the header.
        let control = library.replace("f(l, 4)", "f(l, 3)");
        for (library, member) in [(&control, "double x;"), (&library, "float x;")] {
            assert_ne!(run(library, member), "1.75 42 77 33.5\n");
        }
    }
}

/// What is in the CLIF of functions for x86-64 Linux: records of up to 16 scalars are SSA values, the language's own functions end by calls, `printf` is called
/// through a stub.
#[test]
fn clif_is_that_of_the_registers() {
    let clif = |option| {
        let args = ["emit", "clif", option, "--target=x86_64-unknown-linux-gnu"];
        let ran = common::toy(&args, &root().join("tests/emit/shown.toy"));
        ran.unwrap().output(option)
    };
    let text = clif("-I.");
    let table = fs::read_to_string(root().join("tests/emit/shown.txt")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with("# "));
    assert_eq!(rows.clone().count(), 11);
    for row in rows {
        let [function, has, part] = row.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("three columns: {row}");
        };
        let (_, rest) = text.split_once(&format!("; {function}\n")).unwrap();
        let clif = rest.split("\n; ").next().unwrap();
        assert_eq!(clif.contains(part), has == "+", "{part}: {clif}");
    }
    // The places of instructions, and variables in memory.
    assert!(!text.contains("@000e") && clif("-g").contains("@000e"));
}

/// The tour, of whose object file what its system begins files with.
#[test]
fn the_tour_is_compiled_for_every_target() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("tour.toy");
    fs::copy(root().join("programs/tour.toy"), &program).unwrap();
    for (target, magic, convention) in [
        (
            "x86_64-unknown-linux-gnu",
            &b"\x7fELF\x02\x01"[..],
            "system_v",
        ),
        ("x86_64-pc-windows-gnu", b"\x64\x86", "windows_fastcall"),
        ("x86_64-pc-windows-msvc", b"\x64\x86", "windows_fastcall"),
        ("aarch64-unknown-linux-gnu", b"\x7fELF\x02\x01", "system_v"),
        (
            "aarch64-apple-darwin",
            b"\xcf\xfa\xed\xfe\x0c",
            "apple_aarch64",
        ),
    ] {
        let clif = common::toy(&["emit", "clif", "--target", target], &program).unwrap();
        assert!(clif.output(target).contains(convention), "{target}");
        let made = common::toy(&["emit", "obj", "--target", target], &program).unwrap();
        assert_eq!(made.output(target), "");
        let object = fs::read(folder.path().join("tour.o")).unwrap();
        assert!(object.starts_with(magic), "{target}");
    }
}
