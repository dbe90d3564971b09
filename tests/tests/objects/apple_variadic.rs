//! The example `apple_variadic`: a call of `printf` for macOS on Apple's processors.

use clif_cabi::cabi::{FnSig, Type};

use super::system::{System, folder_of};
use example::{main, object as example_object};

#[path = "../../../crates/clif-cabi/examples/apple_variadic.rs"]
mod example;

/// Text stub of the C library of macOS, for the one function that is called.
const LIB_SYSTEM: &str = "--- !tapi-tbd\ntbd-version: 4\ntargets: [ arm64-macos ]\n\
    install-name: /usr/lib/libSystem.B.dylib\ncurrent-version: 1292\n\
    exports:\n  - targets: [ arm64-macos ]\n    symbols: [ _printf ]\n...\n";

#[test]
fn the_example_is_linked_with_the_system_alone() {
    main().unwrap();
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let at_call = printf.at_call([Type::F64, Type::I64]).unwrap();
    let bytes = example_object(&at_call).unwrap();
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
