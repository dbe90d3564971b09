//! Tables in ELF objects: a C++ program throws through compiled functions and stubs, and into their handlers. x86-64, and AArch64 under qemu-user.
#![cfg(all(feature = "object", target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod build;

use build::{Build, Folder, X86_64, library, machines, run};
use std::process::Command;

/// What the program prints.
const PRINTED: &str =
    "pass 7\ncatch_all -1\ncatch_int 42 passed 2.5\ncleanup 1 noted 1\naligned 9\n";

#[test]
fn exceptions_pass_and_are_caught() {
    for (machine, cxx) in machines() {
        let folder = Folder::new(&format!("catches.{}.{cxx}", machine.triple));
        let object = Build::new(machine).tables(|_| true).object();
        let library = library(machine, cxx, &folder, &object).unwrap();
        let (status, text) = run(machine, cxx, &folder, &library);
        assert!(status.success(), "{machine:?} {cxx}: {text}");
        assert_eq!(text, PRINTED);
        let read = Command::new("readelf")
            .arg("-d")
            .arg(library)
            .output()
            .unwrap();
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(
            read.contains("SYMTAB") && !read.contains("TEXTREL"),
            "{read}"
        );
    }
}

/// Without the table of one function, or of the stub, the same program ends.
#[test]
fn without_a_table_the_program_ends() {
    for left_out in [
        "pass",
        "catch_all",
        "catch_int",
        "cleanup",
        "aligned",
        "__clif_cabi",
    ] {
        let folder = Folder::new(left_out);
        let object = Build::new(X86_64).tables(|name| name != left_out).object();
        let library = library(X86_64, "g++", &folder, &object).unwrap();
        let (status, text) = run(X86_64, "g++", &folder, &library);
        assert!(!status.success(), "without that of {left_out}: {text}");
        assert!(PRINTED.starts_with(&text), "{text}");
    }
}

/// The tables of cranelift-object itself are what the linker refuses here: `-z text` sees relocations in read-only memory.
#[test]
fn addresses_in_read_only_memory_are_noticed() {
    let folder = Folder::new("textrel");
    let object = Build::with(X86_64, |builder| {
        builder.unwind_info(true);
    });
    let refused = library(X86_64, "g++", &folder, &object.object()).unwrap_err();
    assert!(refused.contains("text"), "{refused}");
}
