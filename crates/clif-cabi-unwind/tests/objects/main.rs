//! Tables in ELF objects: a C++ program throws through compiled functions and stubs, and into their handlers. x86-64, and AArch64 under qemu-user.
#![cfg(all(feature = "object", target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

mod build;

use build::{Build, Folder, X86_64, library, linked_mach_o, machines, run};
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

/// Both in one object would be two tables for one function, of which the first knows no handlers.
#[test]
fn a_second_table_is_refused() {
    let build = Build::with(X86_64, |builder| {
        builder.unwind_info(true);
    });
    let refused = build.tables(|_| true).try_object();
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("unwind_info off"), "{refused}");
}

/// Mach-O, linked by lld: its `__unwind_info` sends the unwinder to each function's own entry, which has landing pads where there are handlers. Nothing runs it
/// here.
#[test]
fn mach_o_is_linked() {
    // On AArch64 no stub aligns the stack.
    for (triple, n_functions) in [("x86_64-apple-darwin", 6), ("aarch64-apple-darwin", 5)] {
        let folder = Folder::new(triple);
        let read = |left_out: &str| -> Option<(usize, usize)> {
            let object = Build::mach_o(triple, |name| name != left_out);
            let text = linked_mach_o(triple, &folder, &object)?;
            // Three functions have handlers, and the address of the personality.
            let words = ["zLPR", "Personality Address: ", "LSDA Address: "];
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
            assert!(!text.contains("Address: 0000000000000000"), "{text}");
            let (_, pads) = text.split_once("LSDA descriptors:").unwrap();
            let (pads, functions) = pads.split_once("Second level").unwrap();
            let pads = pads.matches("function offset=").count();
            // The mode that has an entry of its own, by machine.
            let mode = if triple.starts_with("x86_64") {
                "]=0x04"
            } else {
                "]=0x03"
            };
            Some((pads, functions.matches(mode).count()))
        };
        let Some(whole) = read("") else {
            return;
        };
        assert_eq!(whole, (3, n_functions), "{triple}");
        assert_eq!(read("pass"), Some((3, n_functions - 1)));
        assert_eq!(read("catch_int"), Some((2, n_functions - 1)));
    }
}
