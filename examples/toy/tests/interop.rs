//! Programs that pass values to and from small C libraries, built here by each C compiler, and are called back by them: structs, scalars, what a
//! header says, variadic functions, nested functions and closures. What they print was computed by hand or is what a C program prints that does
//! the same; a program that declares something otherwise than the library has it prints something else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod common;

use common::{compile, skip};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A program `name.toy` with the library `name.c`.
struct Case {
    name: &'static str,
    /// What goes wrong: in which of the case's files, what is replaced by what.
    changes: &'static [(&'static str, &'static str, &'static str)],
}

static CASES: [Case; 8] = [
    Case {
        name: "shapes",
        changes: &[
            (
                "toy",
                "struct Pair { x: f64, n: i64 }",
                "struct Pair { n: i64, x: f64 }",
            ),
            ("toy", "c: f32 }", "c: f32, d: i32 }"),
            ("toy", "#[packed] struct Loose", "struct Loose"),
            ("toy", "b: i32 : 7", "b: i32 : 8"),
            ("toy", "text: [u8; 7] }", "text: [u8; 7], more: [u8; 10] }"),
        ],
    },
    Case {
        name: "scalars",
        changes: &[("toy", "Green = -4", "Green = 4")],
    },
    Case {
        name: "parts",
        changes: &[
            ("h", "pack(push, 2)", "pack(push, 4)"),
            ("h", "short low, high;", "signed char low, high;"),
            ("h", "long count : 40;", "long count : 41;"),
        ],
    },
    Case {
        name: "char",
        changes: &[("toy", "as i32 + kind", "as i32 - kind")],
    },
    Case {
        name: "win64",
        changes: &[
            ("toy", "extern \"win64\" fn mixed", "fn mixed"),
            (
                "toy",
                "struct Small { a: i32, b: f32 }",
                "struct Small { b: f32, a: i32 }",
            ),
            ("toy", "va_arg(list, Small).b", "va_arg(list, f64)"),
        ],
    },
    Case {
        name: "avx",
        changes: &[("toy", "extern \"avx\" fn sums", "fn sums")],
    },
    Case {
        name: "avx512",
        changes: &[("toy", "extern \"avx512\" fn sums", "fn sums")],
    },
    Case {
        name: "callers",
        changes: &[
            ("toy", "n: i64, x: f64 }", "x: f64, n: i64 }"),
            ("toy", "va_arg(list, i128) >> 64", "va_arg(list, i64)"),
            (
                "toy",
                "'v' { value = va_arg(list, f32x4)[2]",
                "'v' { value = va_arg(list, Three).c",
            ),
            ("toy", "return n + by;", "return n;"),
            (
                "toy",
                "own_list(letters, va_start())",
                "list_of(\"\", va_start())",
            ),
        ],
    },
];

/// The cases that this processor has the registers for.
fn cases() -> impl Iterator<Item = &'static Case> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    CASES.iter().filter(move |Case { name, .. }| {
        let feature = match *name {
            "avx" => " avx ",
            "avx512" => " avx512f ",
            _ => return true,
        };
        let is_there = processor.contains(feature);
        if !is_there {
            eprintln!("not run: {name}, which this processor does not have");
        }
        is_there
    })
}

impl Case {
    /// What the program in `directory` prints, with the library that is there.
    fn output(&self, machine: &[&str], directory: &Path) -> Option<String> {
        let program = directory.join(self.name).with_extension("toy");
        let program = program.display().to_string();
        let directory = directory.display().to_string();
        let args = [&["-L", &directory], machine, &[&program]].concat();
        let ran = common::toy_args("run", &args)?;
        let said = (ran.code, ran.stderr.as_str());
        assert_eq!(said, (0, ""), "{} {machine:?}", self.name);
        Some(ran.stdout)
    }

    /// Builds the library, copies the program, and returns what it is to print.
    fn prepare(&self, compiler: &str, directory: &Path) -> String {
        // One program for both sizes of wide vectors.
        let files = self.name.trim_end_matches("512");
        let source = common::root().join("tests/interop").join(files);
        let library = directory.join(format!("lib{}.so", self.name));
        let c = source.with_extension("c");
        let lanes: &[&str] = match self.name {
            "avx" => &["-mavx", "-DLANES=4"],
            "avx512" => &["-mavx512f", "-DLANES=8"],
            _ => &[],
        };
        let flags = [&["-shared", "-fPIC"], lanes].concat();
        compile(compiler, &c, &library, &flags);
        for extension in ["toy", "h"] {
            let to = directory.join(self.name).with_extension(extension);
            if let Ok(mut text) = fs::read_to_string(source.with_extension(extension)) {
                if self.name == "avx512" {
                    text = text
                        .replace("avx", "avx512")
                        .replace("LANES: i32 = 4", "LANES: i32 = 8");
                }
                fs::write(to, text).unwrap();
            }
        }
        if let Ok(expected) = fs::read_to_string(source.with_extension("out")) {
            return expected;
        }
        let reference = directory.join("main");
        let main = source.with_file_name("main.c");
        compile(compiler, &main, &reference, &[&c.display().to_string()]);
        let ran = Command::new(&reference).output().unwrap();
        assert!(ran.status.success());
        String::from_utf8(ran.stdout).unwrap()
    }
}

#[test]
fn values_go_to_c_and_come_back() {
    let compilers = common::compilers();
    if compilers.is_empty() {
        skip("there is no C compiler");
    }
    for compiler in compilers {
        for case in cases() {
            let directory = tempfile::tempdir().unwrap();
            let expected = case.prepare(&compiler, directory.path());
            assert!(expected.lines().count() >= 3, "{}", case.name);
            for machine in common::MACHINES {
                let Some(printed) = case.output(machine, directory.path()) else {
                    break;
                };
                assert_eq!(printed, expected, "{} {compiler} {machine:?}", case.name);
            }
        }
    }
}

/// The negative control.
#[test]
fn what_is_declared_otherwise_goes_wrong() {
    let Some(compiler) = common::compilers().into_iter().next() else {
        return skip("there is no C compiler");
    };
    for case in cases() {
        let directory = tempfile::tempdir().unwrap();
        let expected = case.prepare(&compiler, directory.path());
        for (extension, from, to) in case.changes {
            let changed = directory.path().join(case.name).with_extension(extension);
            let text = fs::read_to_string(&changed).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(&changed, text.replace(from, to)).unwrap();
            let Some(printed) = case.output(&[], directory.path()) else {
                break;
            };
            assert_ne!(printed, expected, "{from} -> {to}");
            fs::write(&changed, text).unwrap();
        }
    }
}
