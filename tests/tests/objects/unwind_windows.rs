//! Unwind tables in COFF objects: under wine Windows walks through the functions, and a C++ program
//! throws through them and into their handlers.

use std::fmt::Write;
use std::path::Path;

use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_module::{Linkage, Module};
use clif_cabi_unwind::{Personality, UnwindModule};
use cranelift_object::ObjectModule;

use super::system::WINDOWS;
use super::unwind::{PRINTED, Tables, object, of_windows};
use super::{System, builder};

const GCC: &str = "x86_64-w64-mingw32-gcc -O1 -x c";
const GXX: &str = "x86_64-w64-mingw32-g++ -O2 -static -x c++";

/// Returns a function `int NAME(int (*g)(int), int n)` which calls `g(n)`. Across the call it keeps
/// so many integers and doubles, each in a register as long as there are some.
pub(super) fn keeping(
    name: &str,
    n_integers: usize,
    n_doubles: usize,
    slot_bytes: usize,
) -> String {
    let mut text = format!(
        "function %{name}(i64, i32) -> i32 windows_fastcall {{
            ss0 = explicit_slot {slot_bytes}
            sig0 = (i32) -> i32 windows_fastcall
        block0(v0: i64, v1: i32):
            v2 = stack_addr.i64 ss0
            store v1, v2
            v3 = iconst.i32 3
            v99 = imul v1, v3\n"
    );
    let [integers, doubles] =
        [(100, n_integers), (200, n_doubles)].map(|(first, n)| first..first + n);
    for i in integers.clone() {
        writeln!(text, "v{i} = imul v{}, v3", i - 1).unwrap();
    }
    for i in doubles.clone() {
        writeln!(text, "v{i} = fcvt_from_sint.f64 v99").unwrap();
    }
    text += "v300 = call_indirect sig0, v0(v1)\n";
    let mut sum = 300;
    for i in integers {
        writeln!(text, "v{} = iadd v{sum}, v{i}", sum + 1).unwrap();
        sum += 1;
    }
    for i in doubles {
        writeln!(text, "v{} = fcvt_to_sint.i32 v{i}", sum + 1).unwrap();
        writeln!(text, "v{} = iadd v{sum}, v{}", sum + 2, sum + 1).unwrap();
        sum += 2;
    }
    text + &format!("return v{sum}\n}}\n")
}

/// Returns functions that save one register, all integer ones, all vector ones and all 17 (224
/// bytes). The frame of the last one is larger than an allocation of 16 bits can say.
fn saving() -> String {
    [
        keeping("one", 1, 0, 8),
        keeping("integers", 7, 0, 8),
        keeping("vectors", 0, 10, 8),
        keeping("all", 7, 10, 8),
        keeping("large", 7, 10, 600_000),
    ]
    .concat()
}

/// Returns the output of a program of `compiler` that is linked with `object`.
fn printed(compiler: &str, source: &str, object: &[u8], wine: &Path) -> Option<String> {
    let system = System {
        compiler,
        ..WINDOWS
    };
    let files = [("main.txt", source.as_bytes()), ("own.o", object)];
    let ended = system.program(&files, "CC main.txt -x none own.o -o main.exe", wine)?;
    Some(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// `RtlVirtualUnwind` finds the caller of functions and of a stub with a frame, by .pdata.
#[test]
fn windows_finds_callers() {
    let wine = tempfile::tempdir().unwrap();
    let program = include_str!("walk_windows.c");
    let on_windows = |tables| {
        let object = object(WINDOWS.triple, tables, &saving()).unwrap();
        printed(GCC, program, &object, wine.path())
    };
    let Some(found) = on_windows(Tables::Without("")) else {
        return;
    };
    // `aligned` calls `pass` by a stub: four frames more, of two calls. `entered`, which a stub
    // enters, has two more and adds nothing.
    assert_eq!(found, "4 4 8 4 ");
    // The controls: functions without tables are not found, or taken for leaves.
    for (tables, expected) in [
        (Tables::None, [false, true, true, true]),
        (Tables::Without("stubs"), [false, false, true, true]),
    ] {
        let without = on_windows(tables).unwrap();
        let is_lost = without.split_whitespace().map(|n| n.starts_with('-'));
        assert_eq!(is_lost.collect::<Vec<_>>(), expected, "{without}");
    }
}

/// A C++ program that catches has its own values in all registers that calls preserve, whatever the
/// functions have saved through which it was thrown.
#[test]
fn windows_restores_registers() {
    let wine = tempfile::tempdir().unwrap();
    let program = include_str!("catch_windows.cc");
    let on_windows = |tables| {
        let object = object(WINDOWS.triple, tables, &saving()).unwrap();
        printed(GXX, program, &object, wine.path())
    };
    let Some(caught) = on_windows(Tables::Without("")) else {
        return;
    };
    let registers = "11 22 33 44 55 66 77, 1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5 9.5 10.5";
    let expected: String = (1..=14).map(|n| format!("{n}: {registers}\r\n")).collect();
    assert_eq!(caught, expected);
    // The control: without its table `one` is taken for a leaf, and the registers that it has saved
    // are lost.
    let without = on_windows(Tables::Without("one")).unwrap();
    let is_wrong = |(own, right): &(&str, &str)| own != right;
    let wrong = without.lines().zip(expected.lines()).filter(is_wrong);
    let wrong: Vec<&str> = wrong.map(|(own, _)| own).collect();
    let starts: Vec<&str> = wrong.iter().map(|own| &own[..2]).collect();
    assert_eq!(starts, ["5:", "6:"], "{without}");
}

/// The exceptions of a C++ program enter the handlers of functions and run their cleanups, by the
/// personality that its linker finds.
#[test]
fn windows_enters_handlers() {
    let wine = tempfile::tempdir().unwrap();
    let program = include_str!("unwind.cc");
    let on_windows = |tables| {
        let object = object(WINDOWS.triple, tables, "").unwrap();
        printed(GXX, program, &object, wine.path())
    };
    let Some(text) = on_windows(Tables::Without("")) else {
        return;
    };
    assert_eq!(text.replace("\r\n", "\n"), PRINTED);
    // The controls.
    for name in ["catch_all", "catch_int", "cleanup"] {
        let without = on_windows(Tables::Without(name)).unwrap();
        assert_ne!(without, text, "{name}");
    }
}

/// Returns an object of functions that call what they are given, and return one of these numbers
/// after an exception.
fn guarding(numbers: &[i32]) -> Vec<u8> {
    let module = ObjectModule::new(builder(WINDOWS.triple, "true"));
    let personality = Personality::new("__C_specific_handler");
    let mut module = UnwindModule::new(module, Some(personality)).unwrap();
    for (i, number) in numbers.iter().enumerate() {
        let text = format!(
            "function %guard(i64, i32) -> i32 system_v {{
    sig0 = (i32) -> i32 system_v
block0(v0: i64, v1: i32):
    try_call_indirect v0(v1), sig0, block1(ret0), [ default: block2 ]
block1(v2: i32):
    return v2
block2:
    v6 = iconst.i32 {number}
    return v6
}}"
        );
        let func = cranelift_reader::parse_functions(&of_windows(&text)).unwrap();
        let mut ctx = Context::for_function(func.into_iter().next().unwrap());
        let name = format!("guard{i}");
        let id = module.declare_function(&name, Linkage::Export, &ctx.func.signature);
        module.define_function(id.unwrap(), &mut ctx).unwrap();
    }
    module.finish().unwrap().emit().unwrap()
}

/// Exceptions of the system and faults enter handlers of Microsoft's personality of C.
#[test]
fn windows_enters_handlers_of_c() {
    let wine = tempfile::tempdir().unwrap();
    let program = "#include <stdio.h>
        #include <windows.h>
        int guard0(int (*)(int), int), guard1(int (*)(int), int);
        static int raises(int n) {
          if (n == 1) RaiseException(0xe0001234, 0, 0, 0);
          return n == 2 ? *(volatile int *)8 : n;
        }
        int main(void) {
          for (int n = 0; n < 4; n++) printf(\"%d %d \", guard0(raises, n), guard1(raises, n));
        }";
    let object = guarding(&[-5, -6]);
    if let Some(printed) = printed(GCC, program, &object, wine.path()) {
        assert_eq!(printed, "0 0 -5 -6 -5 -6 3 3 ");
    }
}
