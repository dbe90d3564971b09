//! The example `apple_variadic`: a call of `printf` for macOS on Apple's processors.

use clif_cabi::cabi::{FnSig, Type};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind};

use super::system::{System, folder_of};
use example::{main, object as example_object};

#[path = "../../../crates/clif-cabi/examples/apple_variadic.rs"]
mod example;

/// Text stub of the C library of macOS, for the one function that is called.
const LIB_SYSTEM: &str = "--- !tapi-tbd\ntbd-version: 4\ntargets: [ arm64-macos ]\n\
    install-name: /usr/lib/libSystem.B.dylib\ncurrent-version: 1292\n\
    exports:\n  - targets: [ arm64-macos ]\n    symbols: [ _printf ]\n...\n";

/// Checks that the function `main` stores a double and a long in the first two words of the
/// argument area: `stur dN, [sp]`, `stur xN, [sp, #8]`. The stores come before it takes the address
/// of `printf`.
fn unnamed_on_stack(bytes: &[u8]) -> bool {
    let file = object::File::parse(bytes).unwrap();
    let code = file.sections().find(|s| s.kind() == SectionKind::Text);
    let code = code.unwrap();
    let called = code.relocations().find(|(_, reloc)| {
        matches!(reloc.target(), RelocationTarget::Symbol(symbol)
            if file.symbol_by_index(symbol).unwrap().name() == Ok("_printf"))
    });
    let (call, _) = called.unwrap();
    let before = &code.data().unwrap()[..usize::try_from(call).unwrap()];
    let words: Vec<u32> = before
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect();
    // STUR of 64 bits at sp and at sp + 8, with 0 for the register stored.
    let stores = |instruction: u32| words.iter().any(|word| word & !31 == instruction);
    stores(0xfc00_03e0) && stores(0xf800_83e0)
}

#[test]
fn apple_variadic_passes_unnamed_arguments_on_the_stack() {
    main().unwrap();
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let at_call = printf.at_call([Type::F64, Type::I64]).unwrap();
    let bytes = example_object(&at_call).unwrap();
    assert!(unnamed_on_stack(&bytes));
    // The guess that unnamed arguments are passed as named ones.
    let named = FnSig::new([Type::PTR, Type::F64, Type::I64], Type::I32);
    assert!(!unnamed_on_stack(&example_object(&named).unwrap()));

    let folder = folder_of(&[("main.o", bytes), ("libSystem.tbd", LIB_SYSTEM.into())]);
    let system = System {
        triple: "aarch64-apple-darwin",
        compiler: "",
        runner: "",
    };
    let link =
        "ld64.lld -fatal_warnings -arch arm64 -platform_version macos 11.0 11.0 main.o -o main";
    let Some(linked) = system.commands(folder.path(), &format!("{link} -L. -lSystem")) else {
        return;
    };
    linked.unwrap();
    let refused = system.commands(folder.path(), link).unwrap();
    assert!(refused.is_err(), "linked without libSystem");
}
