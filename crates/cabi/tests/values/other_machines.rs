//! Tests of clang's behaviour on other machines than x86-64: registers of floats for a name without
//! extensions, and extension of integers.
//!
//! Without `clang-19` nothing is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes
//! that a failure.

use crate::support::compile;
use cabi::{FnAbi, FnSig, Policy, Target, Type};

/// Compiles `c` with clang, and returns the output or the message; `None` if there is no compiler.
fn clang(c: &str, triple: &str, options: &str) -> Option<Result<String, String>> {
    let target = format!("--target={triple}");
    let options = options.split_whitespace();
    let options: Vec<&str> = options
        .chain(["-O2", "-S", "-ffreestanding", &target])
        .collect();
    compile("clang-19", &options, c)
}

/// Tests RISC-V names without extensions. gcc and clang have registers for floats on systems. No
/// convention is known where there is no system.
#[test]
fn risc_v_without_extensions() {
    for (triple, is_placed) in [
        ("riscv64-unknown-linux-gnu", true),
        ("riscv64-unknown-freebsd", true),
        ("riscv32-unknown-linux-gnu", true),
        ("riscv64-unknown-elf", false),
    ] {
        let Some(code) = clang("double g; void f(double x) { g = x; }", triple, "") else {
            return;
        };
        let target = Target::named(triple).unwrap();
        let double = target.data_model().adapt(&Type::F64);
        let abi = FnAbi::new(&FnSig::new([double], Type::VOID), &target);
        let place = abi.map(|abi| abi.args[0].place.to_string());
        assert_eq!(
            place.ok().as_deref(),
            is_placed.then_some("fa0"),
            "{triple}"
        );
        assert_eq!(code.unwrap().contains("fa0"), is_placed, "{triple}");
    }
}

/// Tests that clang extends an integer that is passed, unless it is `_Atomic`; gcc extends both.
#[test]
fn atomic_integers_of_clang() {
    let c = "_Atomic signed char x; void a(_Atomic signed char); void p(signed char); void c(void) { a(x); p(x); }";
    for name in [
        "riscv64gc-unknown-linux-gnu",
        "riscv32gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
        "xcore",
        "csky",
    ] {
        let Some(ir) = clang(c, &name.replace("gc-", "-"), "-emit-llvm") else {
            return;
        };
        let ir = ir.unwrap();
        let target = Target::named(name).unwrap();
        for (function, ty) in [("@a(", Type::I8.atomic().unwrap()), ("@p(", Type::I8)] {
            let mut lines = ir.lines().filter(|line| line.starts_with("declare"));
            let declared = lines.find(|line| line.contains(function)).unwrap();
            let extends = |policy| {
                let sig = FnSig::new([ty.clone()], Type::VOID).policy(policy);
                let abi = FnAbi::new(&sig, &target).unwrap();
                format!("{:?}", abi.args[0].place).contains("extension: Sign")
            };
            // To gcc `_Atomic` changes nothing.
            assert!(extends(Policy::GCC), "{name}");
            let extends = extends(Policy::CLANG);
            assert_eq!(declared.contains("signext"), extends, "{name}: {declared}");
            assert_eq!(extends, function == "@p(", "{name}");
        }
    }
}
