//! Every program in `programs/` and `tests/interop/` runs and prints what stands beside it, and so
//! does what `toy build` makes of it. Those in `tests/interop/` pass values to and from a C library
//! of their name, built here by each C compiler, and are called back by it; those with a C program
//! of their name in `tests/c` print what that prints. `CABI_BLESS=1` rewrites the expected output
//! and nothing else. What else the command does is in `tests/scripts.txt`.

use crate::common::{
    Machine, NOT_ON_AARCH64, Ran, has, name, oracle_missing, programs, ran_with, root, rows,
};
use std::fs;
use std::path::{Path, PathBuf};

/// How a program runs, and is built and run.
const RUN: &str = "toy run -L . $P.toy";
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

fn has_library(program: &Path) -> bool {
    let files = ["c", "cpp"].map(|extension| program.with_extension(extension));
    files.iter().any(|file| file.exists())
}

/// How a script ends in a folder with a program, its header and its library. None where the machine
/// lacks what they need: C compilers of other machines come without C++.
fn ran(machine: &Machine, program: &Path, script: &str, folder: &Path) -> Option<Ran> {
    let name = name(program);
    let is_cpp = program.with_extension("cpp").exists();
    let cpp = "$CC -fsyntax-only -xc++ -include exception /dev/null";
    if is_cpp && machine.ran(cpp, folder)?.code != 0 {
        oracle_missing(&format!("{name}: {} has no C++", machine.compiler));
        return None;
    }
    let from = program.with_extension("").display().to_string();
    let script = format!("P='{name}' FROM='{from}'\n{script}");
    machine.ran(&script, folder)
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

/// Compares what each program that `is_chosen` prints by a script, in a folder of its own with its
/// library; how many have run.
fn programs_print(machine: &Machine, script: &str, is_chosen: impl Fn(&Path) -> bool) -> usize {
    let mut count = 0;
    for program in programs().into_iter().filter(|program| is_chosen(program)) {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("{PREPARE}{script}");
        if let Some(ran) = ran(machine, &program, &script, folder.path()) {
            compare(&program, &ran.output(&name(&program)));
            count += 1;
        }
    }
    count
}

#[test]
fn programs_print_what_is_expected() {
    for (n, machine) in Machine::named("compilers").iter().enumerate() {
        // Programs without a library are the same for each compiler.
        programs_print(machine, RUN, |program| n == 0 || has_library(program));
    }
}

#[test]
fn built_programs_print_the_same() {
    for machine in Machine::named("compilers") {
        let count = programs_print(&machine, BUILD, |_| true);
        assert!(count >= 12, "{count} programs");
    }
}

#[test]
fn programs_of_aarch64_print_the_same() {
    let is_not = |own: &str, (name, why): &(&str, &str)| own != *name || why.contains("libclang");
    let is_there = |path: &Path| NOT_ON_AARCH64.iter().all(|row| is_not(&name(path), row));
    for machine in Machine::named("aarch64") {
        let count = programs_print(&machine, BUILD, is_there);
        assert!(count >= 12, "{count} programs");
    }
}

#[test]
fn c_programs_print_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // A linker may warn of closures.c: its stack is executable.
    let script =
        "$CC -std=gnu11 -O1 -Wall -Wno-psabi $T/c/$P.c -lm -o $P 2> said || cat said; $RUN ./$P";
    for (program, machine) in programs().iter().flat_map(|program| {
        let machines = Machine::named("compilers").into_iter();
        machines.map(move |machine| (program, machine))
    }) {
        let name = name(program);
        if machine.compiler.contains("clang") && name == "closures" {
            eprintln!("clang has no functions in functions: {name}");
        } else if root().join(format!("tests/c/{name}.c")).exists() {
            let printed = ran(&machine, program, script, folder.path()).unwrap();
            let expected = fs::read_to_string(program.with_extension("out")).unwrap();
            assert_eq!(printed.output(&name), expected, "{name} by {machine:?}");
        }
    }
}

/// In C's convention too, where the language's own is not the only one that does it without a
/// stack, and with variables in memory.
#[test]
fn c_functions_print_the_same() {
    let is_own = |program: &PathBuf| !has_library(program) && name(program) != "tail";
    for program in programs().into_iter().filter(is_own) {
        let text = fs::read_to_string(&program).unwrap();
        let text = text.replace("\nfn ", "\nextern \"C\" fn ");
        let Some(ran) = ran_with(&text, "toy run -g p.toy") else {
            break;
        };
        compare(&program, &ran.output(&name(&program)));
    }
}

/// The negative control: a program, or its header, that says something else than the library is
/// prints something else.
#[test]
fn what_is_declared_otherwise_goes_wrong() {
    let rows = rows("interop/changes.txt");
    assert!(rows.len() >= 17);
    let Some(machine) = Machine::named("compilers").into_iter().next() else {
        return;
    };
    for program in programs() {
        let folder = tempfile::tempdir().unwrap();
        let expected = fs::read_to_string(program.with_extension("out")).unwrap();
        let prefix = format!("{}.", name(&program));
        let own: Vec<_> = rows.iter().filter(|row| row.starts_with(&prefix)).collect();
        if own.is_empty() || ran(&machine, &program, PREPARE, folder.path()).is_none() {
            continue;
        }
        for row in own {
            let (file, change) = row.split_once(": ").unwrap();
            let (from, to) = change.split_once(" => ").unwrap();
            let changed = folder.path().join(file);
            let text = fs::read_to_string(&changed).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(&changed, text.replace(from, to)).unwrap();
            let Some(ran) = ran(&machine, &program, RUN, folder.path()) else {
                break;
            };
            assert_ne!(ran.output(row), expected, "{row}");
            fs::write(&changed, text).unwrap();
        }
    }
}

#[test]
fn scripts_print_what_is_expected() {
    let text = fs::read_to_string(root().join("tests/scripts.txt")).unwrap();
    let scripts: Vec<&str> = text.split("\n== ").skip(1).collect();
    assert_eq!(scripts.len(), 11);
    for script in scripts {
        let (script, expected) = script.split_once("\n--\n").unwrap();
        let (title, script) = script.split_once('\n').unwrap();
        let (machines, script) = script.split_once('\n').unwrap();
        let mut machines = machines.strip_prefix("on: ").unwrap().split(", with ");
        let (machines, tool) = (machines.next().unwrap(), machines.next());
        if !tool.is_none_or(has) {
            continue;
        }
        for machine in machines.split(' ').flat_map(Machine::named) {
            let folder = tempfile::tempdir().unwrap();
            if let Some(ran) = machine.ran(script, folder.path()) {
                let printed = ran.output(title);
                assert_eq!(
                    printed.trim_end(),
                    expected.trim_end(),
                    "{title}: {machine:?}"
                );
            }
        }
    }
}
