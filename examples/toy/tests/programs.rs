//! Runs every program in `programs/` and `tests/interop/`, and what `toy build` makes of it. Each
//! prints the text of the `.out` file beside it. Programs in `tests/interop/` pass values to and
//! from a C library of their name, which calls them back. Each C compiler builds the libraries. A
//! program with a C program of its name in `tests/c` prints the same as that. Other uses of the
//! command, and its refusals, are in `tests/scripts.txt`. `CABI_BLESS=1` rewrites the expected
//! output of programs and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::env::{var, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Scripts that run a program, run it with all functions in C's convention, and build and run it.
const RUN: &str = "toy run -L . $P.toy";
const RUN_IN_C: &str = "sed 's/^fn /extern \"C\" fn /' $P.toy > c.toy; toy run c.toy";
const BUILD: &str = "toy build $TARGET -L . -o built.exe $P.toy; $RUN ./built.exe";

/// Script that runs the C program of the same name. A linker may warn of its executable stack.
const RUN_C: &str =
    "$CC -std=gnu11 -O1 -Wall -Wno-psabi $T/c/$P.c -lm -o $P 2> said || cat said; $RUN ./$P";

/// Script that copies a program and its header, unless they are there, and builds its library. On
/// two machines gcc has no C++ compiler, only the C++ library.
const PREPARE: &str = r#"
for file in "$P.toy" "$P.h"; do test -e $file || test ! -e "$FROM/$file" || cp "$FROM/$file" .; done
for file in "$FROM/$P.c" "$FROM/$P.cpp"; do
    test -e "$file" || continue
    compiler=$CC gnu=${CC%-gcc}
    case $CC$file in
        *.c) more=-std=gnu11 ;;
        riscv64*|s390x*) compiler="clang++-19 --target=$gnu" more="-nostdlib++ -L/usr/$gnu/lib -l:libstdc++.so.6" ;;
        *) more=-lstdc++ ;;
    esac
    $compiler -O1 -Wall -Wno-psabi "$file" -shared -fPIC -o lib$P.so $more
done
"#;

/// Programs that do not run here on other machines than x86-64, the machines if not all, and the
/// reasons.
const NOT_ELSEWHERE: [(&str, &[&str], &str); 8] = [
    ("scalars", &[], "its gcc has no __float128"),
    ("tail", &[], "only x86-64 has tail calls without a stack"),
    ("header", &[], "it needs a libclang that runs there"),
    ("parts", &[], "C's char is unsigned there"),
    ("numbers", SMALL, "it has no f16"),
    ("passing", SMALL, "it has no f16"),
    ("shapes", SMALL, "it has no vectors"),
    ("records", &["s390x"], "its byte order is big-endian"),
];
const SMALL: &[&str] = &["riscv64", "s390x"];

/// Commands that build and run programs of a machine here.
#[derive(Clone, Debug)]
struct Machine {
    /// Option of `toy` with the target, if it is not this machine.
    target: String,
    compiler: String,
    runner: String,
}

impl Machine {
    fn this(compiler: &str) -> Machine {
        Machine {
            target: String::new(),
            compiler: compiler.to_owned(),
            runner: var("CABI_RUNNER").unwrap_or_default(),
        }
    }

    /// Returns the machines called `name`: `this`, or `compilers` for this one once with each of
    /// its C compilers. Another one is returned if its compiler and emulator are here.
    fn named(name: &str) -> Vec<Machine> {
        let first = match cfg!(all(target_arch = "aarch64", target_os = "linux")) {
            true => "aarch64-linux-gnu-gcc".to_owned(),
            false => var("CC").unwrap_or("cc".to_owned()),
        };
        let other = |triple: &str, gnu: &str, runner: &str| Machine {
            target: format!("--target {triple}"),
            compiler: format!("{gnu}-gcc"),
            runner: runner.to_owned(),
        };
        let other = match name {
            "this" => return vec![Machine::this(&first)],
            "compilers" => {
                // clang is a second reference compiler.
                let clang = ["clang-19", "clang"].into_iter().find(|name| runs(name));
                let clang = clang.filter(|_| cfg!(target_arch = "x86_64"));
                let first = Some(&*first).filter(|name| has(name));
                return first.into_iter().chain(clang).map(Machine::this).collect();
            }
            "windows" => other("x86_64-pc-windows-gnu", "x86_64-w64-mingw32", "wine"),
            machine => {
                let gnu = format!("{machine}-linux-gnu");
                let own = machine.replace("riscv64", "riscv64gc");
                let triple = format!("{own}-unknown-linux-gnu");
                other(&triple, &gnu, &format!("qemu-{machine} -L /usr/{gnu}"))
            }
        };
        let tools = [&*other.compiler, other.runner.split(' ').next().unwrap()];
        let is_here = tools.into_iter().all(has);
        is_here.then_some(other).into_iter().collect()
    }

    /// Returns the output of a shell script in a folder. The script has to succeed without error
    /// output. `toy` is the command, and `$TARGET` has its options. `$CC` is the C compiler for
    /// this machine, `$RUN` runs a program of it, and `$T` is the folder of these tests. Returns
    /// `None` on Windows, and if the script needs libclang or a C++ compiler or library that is not
    /// here.
    fn printed(&self, title: &str, script: &str, folder: &Path) -> Option<String> {
        if cfg!(not(unix)) {
            oracle_missing("a Unix, where the scripts run");
            return None;
        }
        let toy = env!("CARGO_BIN_EXE_toy");
        let script = format!("toy() {{ $CABI_RUNNER '{toy}' \"$@\"; }}\n{script}");
        let mut shell = Command::new("sh");
        shell.args(["-ec", &script]).current_dir(folder);
        shell.env("CC", &self.compiler).env("RUN", &self.runner);
        shell.env("TARGET", &self.target).env("WINEDEBUG", "-all");
        // wine has its registry in the folder.
        shell.env("WINEPREFIX", folder.join("wine"));
        let output = shell.env("T", root().join("tests")).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let [stdout, stderr] = [output.stdout, output.stderr].map(text);
        let tools = ["libclang", "cc1plus", "clang++-19"];
        let lacks = tools.iter().any(|name| stderr.contains(name));
        if !output.status.success() && lacks {
            oracle_missing(&stderr);
            return None;
        }
        let ended = (output.status.code(), &*stderr);
        assert_eq!(ended, (Some(0), ""), "{title} by {self:?}: {stdout}");
        Some(stdout)
    }

    /// Returns the output of a script for a program, in a folder with its library.
    fn program_prints(&self, program: &Path, script: &str, folder: &Path) -> Option<String> {
        let (name, from) = (name(program), program.parent().unwrap().display());
        let script = format!("P='{name}' FROM='{from}'\n{PREPARE}{script}");
        self.printed(&name, &script, folder)
    }

    /// Compares the outputs of a script for the chosen programs with their files, which
    /// `CABI_BLESS=1` rewrites. Returns how many have run.
    fn programs_print(&self, script: &str, is_chosen: impl Fn(&Path) -> bool) -> usize {
        let mut count = 0;
        for program in programs().into_iter().filter(|program| is_chosen(program)) {
            let folder = tempfile::tempdir().unwrap();
            let expected = program.with_extension("out");
            let Some(found) = self.program_prints(&program, script, folder.path()) else {
                continue;
            };
            if var_os("CABI_BLESS").is_some() {
                fs::write(&expected, &found).unwrap();
            }
            let wanted = fs::read_to_string(&expected).unwrap();
            assert_eq!(wanted, found, "{expected:?}");
            count += 1;
        }
        count
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Prints once what cannot run; fails where oracles are required.
fn oracle_missing(what: &str) {
    static SAID: std::sync::Once = std::sync::Once::new();
    // Straight to the stream: libtest hides what the print macros write when a test passes.
    let short = what.split(": install it").next().unwrap_or(what);
    let line = format!("not run: {}\n", short.trim_end());
    SAID.call_once(|| _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()));
    let is_required = var("CABI_REQUIRE_ORACLES").is_ok_and(|value| value == "1");
    assert!(!is_required, "required, but missing: {what}");
}

fn runs(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// Returns whether a tool is here, and prints the name of one that is not.
fn has(tool: &str) -> bool {
    let is_here = runs(tool);
    if !is_here {
        oracle_missing(tool);
    }
    is_here
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Returns the programs for this machine. Others are printed with the reason.
fn programs() -> Vec<PathBuf> {
    let folders = ["programs", "tests/interop"].into_iter();
    let files = folders.flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|own| own == "toy"));
    paths.sort();
    assert!(paths.len() >= 16, "there are few programs: {paths:?}");
    paths.retain(|path| cfg!(target_arch = "x86_64") || runs_on(path, std::env::consts::ARCH));
    paths
}

/// Returns whether `program` runs on `machine`, which is not x86-64.
fn runs_on(program: &Path, machine: &str) -> bool {
    let mut reasons = NOT_ELSEWHERE.iter();
    let is_its = |own: &&str| machine.contains(own);
    let reason = reasons.find(|(own, machines, _)| {
        *own == name(program) && (machines.is_empty() || machines.iter().any(is_its))
    });
    if let Some((name, _, why)) = reason {
        eprintln!("not run: {name} on {machine}: {why}");
    }
    reason.is_none()
}

fn has_library(program: &Path) -> bool {
    let mut ends = ["c", "cpp"].iter();
    ends.any(|end| program.with_extension(end).exists())
}

#[test]
fn programs_print_what_is_expected() {
    for (n, machine) in Machine::named("compilers").iter().enumerate() {
        // Programs without a library are the same for each compiler.
        machine.programs_print(RUN, |program| n == 0 || has_library(program));
        // Only the language's own convention has tail calls that need no stack.
        let is_own = |program: &Path| !has_library(program) && name(program) != "tail";
        machine.programs_print(RUN_IN_C, |program| n == 0 && is_own(program));
        machine.programs_print(RUN_C, |program| {
            let name = name(program);
            // clang has no functions in functions.
            let is_there = name != "closures" || !machine.compiler.contains("clang");
            is_there && root().join(format!("tests/c/{name}.c")).exists()
        });
    }
}

#[test]
fn built_programs_print_the_same() {
    let machines = ["compilers", "aarch64", "riscv64", "s390x"].into_iter();
    for machine in machines.flat_map(Machine::named) {
        // The libclang of this machine reads headers for that one.
        let is_here = |path: &Path| machine.target.is_empty() || name(path) == "header";
        let count = machine.programs_print(BUILD, |path| {
            is_here(path) || runs_on(path, &machine.target)
        });
        assert!(count >= 9, "{count} programs");
    }
}

/// Negative control: a program prints another output if it, or its header, declares the library
/// wrongly.
#[test]
fn wrong_declarations_change_the_output() {
    let rows = fs::read_to_string(root().join("tests/interop/changes.txt")).unwrap();
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert!(rows.len() >= 15);
    let machine = Machine::named("compilers").into_iter().next();
    for (row, machine) in rows.iter().zip(machine.iter().cycle()) {
        let (file, change) = row.split_once(": ").unwrap();
        let (from, to) = change.split_once(" => ").unwrap();
        let is_its = |program: &PathBuf| name(program) == name(Path::new(file));
        let Some(program) = programs().into_iter().find(is_its) else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(program.with_file_name(file)).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(folder.path().join(file), text.replace(from, to)).unwrap();
        if let Some(printed) = machine.program_prints(&program, RUN, folder.path()) {
            let expected = fs::read_to_string(program.with_extension("out")).unwrap();
            assert_ne!(printed, expected, "{row}");
        }
    }
}

#[test]
fn scripts_print_what_is_expected() {
    let text = fs::read_to_string(root().join("tests/scripts.txt")).unwrap();
    let scripts: Vec<&str> = text.split("\n== ").skip(1).collect();
    assert_eq!(scripts.len(), 12);
    for script in scripts {
        let (script, expected) = script.split_once("\n--\n").unwrap();
        let (title, script) = script.split_once("\non: ").unwrap();
        let (machines, script) = script.split_once('\n').unwrap();
        for machine in machines.split(' ').flat_map(Machine::named) {
            let folder = tempfile::tempdir().unwrap();
            if let Some(found) = machine.printed(title, script, folder.path()) {
                let [found, expected] = [&*found, expected].map(str::trim_end);
                assert_eq!(found, expected, "{title}: {machine:?}");
            }
        }
    }
}
