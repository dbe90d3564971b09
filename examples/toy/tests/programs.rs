//! Every program in `programs/` and `tests/interop/` runs and prints what stands beside it, and so
//! does what `toy build` makes of it. Programs in `tests/interop/` pass values to and from a C library
//! of their name, built here by each C compiler, and are called back by it; those with a C program
//! of their name in `tests/c` print what that prints. Other uses of the command, and its refusals, are
//! in `tests/scripts.txt`.
//! `CABI_BLESS=1` rewrites the expected output of programs and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::env::{var, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a program, also with all functions in C's convention, and is built and run.
const RUN: &str = "toy run -L . $P.toy";
const RUN_IN_C: &str = "sed 's/^fn /extern \"C\" fn /' $P.toy > c.toy; toy run c.toy";
const BUILD: &str = "toy build $TARGET -L . -o built.exe $P.toy; $RUN ./built.exe";

/// Copies a program and its header, and builds its library.
const PREPARE: &str = r#"
for file in "$FROM.toy" "$FROM.h"; do test ! -e "$file" || cp "$file" .; done
for file in "$FROM.c" "$FROM.cpp"; do
    test -e "$file" || continue
    case $file in *.c) more=-std=gnu11 ;; *) more=-lstdc++ ;; esac
    $CC -O1 -Wall -Wno-psabi "$file" -shared -fPIC -o lib$P.so $more
done
"#;

/// Programs that other machines than x86-64 do not run here, with the reasons.
const NOT_ON_AARCH64: [(&str, &str); 4] = [
    ("scalars", "its gcc has no __float128"),
    ("tail", "tail calls without a stack are x86-64's"),
    ("header", "reading C headers takes an AArch64 libclang"),
    ("parts", "C's char is unsigned there"),
];

const QEMU: &str = "qemu-aarch64 -L /usr/aarch64-linux-gnu";

/// Commands that build and run programs of a machine here.
#[derive(Clone, Debug)]
struct Machine {
    /// Option that tells `toy` the target, if it is not this machine.
    target: &'static str,
    compiler: String,
    runner: String,
}

impl Machine {
    fn this(compiler: &str) -> Machine {
        Machine {
            target: "",
            compiler: compiler.to_owned(),
            runner: var("CABI_RUNNER").unwrap_or_default(),
        }
    }

    /// Returns the machines called so: `this`, `compilers` for this one once with each of its C
    /// compilers, or another whose compiler and emulator are here.
    fn named(name: &str) -> Vec<Machine> {
        let first = match cfg!(all(target_arch = "aarch64", target_os = "linux")) {
            true => "aarch64-linux-gnu-gcc".to_owned(),
            false => var("CC").unwrap_or("cc".to_owned()),
        };
        let (target, compiler, runner) = match name {
            "this" => return vec![Machine::this(&first)],
            "compilers" => {
                // clang is a second reference compiler.
                let clang = ["clang-19", "clang"].into_iter().find(|name| runs(name));
                let clang = clang.filter(|_| cfg!(target_arch = "x86_64"));
                let first = Some(&*first).filter(|name| has(name));
                return first.into_iter().chain(clang).map(Machine::this).collect();
            }
            "aarch64" => (
                "--target aarch64-unknown-linux-gnu",
                "aarch64-linux-gnu-gcc",
                QEMU,
            ),
            _ => (
                "--target x86_64-pc-windows-gnu",
                "x86_64-w64-mingw32-gcc",
                "wine",
            ),
        };
        let is_here = has(compiler) && has(runner.split(' ').next().unwrap());
        let machine = Machine {
            target,
            runner: runner.to_owned(),
            ..Machine::this(compiler)
        };
        is_here.then_some(machine).into_iter().collect()
    }

    /// The exit code, output and errors of a shell script in a folder. `toy` is the command,
    /// `$TARGET` its options and `$CC` the C compiler for this machine, `$RUN` is before a program
    /// of it, `$T` is the folder of these tests. None where it needs libclang, and there is none.
    fn ran(&self, script: &str, folder: &Path) -> Option<(i32, String, String)> {
        let toy = env!("CARGO_BIN_EXE_toy");
        let script = format!("toy() {{ $CABI_RUNNER '{toy}' \"$@\"; }}\n{script}");
        let mut shell = Command::new("sh");
        shell.args(["-ec", &script]).current_dir(folder);
        shell.env("CC", &self.compiler).env("RUN", &self.runner);
        shell.env("TARGET", self.target).env("WINEDEBUG", "-all");
        // wine has its registry in the folder.
        shell.env("WINEPREFIX", folder.join("wine"));
        let output = shell.env("T", root().join("tests")).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if output.status.code() == Some(2) && stderr.contains("libclang") {
            oracle_missing(&stderr);
            return None;
        }
        let killed = || panic!("{}: {stdout}{stderr}", output.status);
        Some((output.status.code().unwrap_or_else(killed), stdout, stderr))
    }

    /// The output of a script, which must be all that happened, in a folder with a program, its
    /// header and its library. None where the machine lacks what they need: C compilers of other
    /// machines come without C++.
    fn printed(&self, program: &Path, script: &str, folder: &Path) -> Option<String> {
        let name = name(program);
        let cpp = "$CC -fsyntax-only -xc++ -include exception /dev/null";
        if program.with_extension("cpp").exists() && self.ran(cpp, folder)?.0 != 0 {
            oracle_missing(&format!("{name}: {} has no C++", self.compiler));
            return None;
        }
        let from = program.with_extension("");
        let script = format!("P='{name}' FROM='{}'\n{script}", from.display());
        let (code, stdout, stderr) = self.ran(&script, folder)?;
        assert_eq!((code, &*stderr), (0, ""), "{name} by {self:?}");
        Some(stdout)
    }

    /// Compares what each program that `is_chosen` prints by a script, in a folder of its own with
    /// its library; how many have run.
    fn programs_print(&self, script: &str, is_chosen: impl Fn(&Path) -> bool) -> usize {
        let mut count = 0;
        for program in programs().into_iter().filter(|program| is_chosen(program)) {
            let folder = tempfile::tempdir().unwrap();
            let script = format!("{PREPARE}{script}");
            if let Some(printed) = self.printed(&program, &script, folder.path()) {
                compare(&program, &printed);
                count += 1;
            }
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
    assert!(!is_required, "required, but not here: {what}");
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

/// The programs for this machine. Others are printed with the reason.
fn programs() -> Vec<PathBuf> {
    let folders = ["programs", "tests/interop"].map(|folder| root().join(folder));
    let files = folders.iter();
    let files = files.flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut found: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|own| own == "toy"));
    found.sort();
    assert!(found.len() >= 16, "there are few programs: {found:?}");
    found.retain(|path| cfg!(target_arch = "x86_64") || is_on_aarch64(path));
    found
}

fn is_on_aarch64(program: &Path) -> bool {
    let mut reasons = NOT_ON_AARCH64.iter();
    let reason = reasons.find(|(own, _)| *own == name(program));
    let print = |(name, why): &&(&str, &str)| eprintln!("not run: {name}: {why}");
    reason.inspect(print).is_none()
}

fn has_library(program: &Path) -> bool {
    let is_there = |extension| program.with_extension(extension).exists();
    ["c", "cpp"].into_iter().any(is_there)
}

/// Compares with a file, or rewrites it when blessing.
fn compare(program: &Path, found: &str) {
    let expected = program.with_extension("out");
    if var_os("CABI_BLESS").is_some() {
        return fs::write(expected, found).unwrap();
    }
    let text = fs::read_to_string(&expected).unwrap();
    assert_eq!(text, found, "{}", expected.display());
}

#[test]
fn programs_print_what_is_expected() {
    for (n, machine) in Machine::named("compilers").iter().enumerate() {
        // Programs without a library are the same for each compiler.
        machine.programs_print(RUN, |program| n == 0 || has_library(program));
        // Calls without a stack are the language's own.
        let is_own = |program: &Path| !has_library(program) && name(program) != "tail";
        machine.programs_print(RUN_IN_C, |program| n == 0 && is_own(program));
    }
}

#[test]
fn built_programs_print_the_same() {
    for machine in ["compilers", "aarch64"]
        .into_iter()
        .flat_map(Machine::named)
    {
        // The libclang of this machine reads headers for that one.
        let is_here = |path: &Path| machine.target.is_empty() || name(path) == "header";
        let count = machine.programs_print(BUILD, |path| is_here(path) || is_on_aarch64(path));
        assert!(count >= 11, "{count} programs");
    }
}

#[test]
fn c_programs_print_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // A linker may warn of closures.c: its stack is executable.
    let script =
        "$CC -std=gnu11 -O1 -Wall -Wno-psabi $T/c/$P.c -lm -o $P 2> said || cat said; $RUN ./$P";
    for machine in Machine::named("compilers") {
        for program in programs() {
            let name = name(&program);
            // clang has no functions in functions.
            let is_there = name != "closures" || !machine.compiler.contains("clang");
            if is_there && root().join(format!("tests/c/{name}.c")).exists() {
                let printed = machine.printed(&program, script, folder.path()).unwrap();
                let expected = fs::read_to_string(program.with_extension("out")).unwrap();
                assert_eq!(printed, expected, "{name} by {machine:?}");
            }
        }
    }
}

/// The negative control: a program, or its header, that says something else than the library is
/// prints something else.
#[test]
fn what_is_declared_otherwise_goes_wrong() {
    let rows = fs::read_to_string(root().join("tests/interop/changes.txt")).unwrap();
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert!(rows.len() >= 15);
    let Some(machine) = Machine::named("compilers").into_iter().next() else {
        return;
    };
    for program in programs() {
        let folder = tempfile::tempdir().unwrap();
        let expected = fs::read_to_string(program.with_extension("out")).unwrap();
        let prefix = format!("{}.", name(&program));
        let own: Vec<_> = rows.iter().filter(|row| row.starts_with(&prefix)).collect();
        if own.is_empty() || machine.printed(&program, PREPARE, folder.path()).is_none() {
            continue;
        }
        for row in own {
            let (file, change) = row.split_once(": ").unwrap();
            let (from, to) = change.split_once(" => ").unwrap();
            let changed = folder.path().join(file);
            let text = fs::read_to_string(&changed).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(&changed, text.replace(from, to)).unwrap();
            let Some(printed) = machine.printed(&program, RUN, folder.path()) else {
                break;
            };
            assert_ne!(printed, expected, "{row}");
            fs::write(&changed, text).unwrap();
        }
    }
}

#[test]
fn scripts_print_what_is_expected() {
    let text = fs::read_to_string(root().join("tests/scripts.txt")).unwrap();
    let scripts: Vec<&str> = text.split("\n== ").skip(1).collect();
    assert_eq!(scripts.len(), 10);
    for script in scripts {
        let (script, expected) = script.split_once("\n--\n").unwrap();
        let (title, script) = script.split_once("\non: ").unwrap();
        let (machines, script) = script.split_once('\n').unwrap();
        for machine in machines.split(' ').flat_map(Machine::named) {
            let folder = tempfile::tempdir().unwrap();
            if let Some((code, stdout, stderr)) = machine.ran(script, folder.path()) {
                let found = (code, stdout.trim_end(), &*stderr);
                assert_eq!(found, (0, expected.trim_end(), ""), "{title}: {machine:?}");
            }
        }
    }
}
