//! AArch64 with Apple's variant of the stack: the argument area is packed by the types' own sizes.

use cabi::aarch64::{AAPCS64, X0, X1};
use cabi::convention::{PartType, Rule, Rules};
use cabi::{Convention, FnAbi, Target, Type};

use crate::assembly::Assembly;
use crate::{Case, Machine};

const fn with_args(name: &'static str, args: &'static [Rule]) -> Convention {
    Convention {
        name,
        rules: Rules {
            args,
            ..AAPCS64.rules
        },
        ..AAPCS64
    }
}

const ASSEMBLY: Assembly = Assembly {
    registers: &[
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
        "v7",
    ],
    operands: |register, slot| match (slot, register.split_at_checked(1)) {
        (Some(0), _) => vec!["[sp]".to_owned()],
        (Some(at), _) => vec![format!("[sp, #{at}]")],
        (None, Some(("v", n))) => ["s", "d"].map(|bank| format!("{bank}{n}")).into(),
        (None, Some((_, n))) => ["w", "x"].map(|bank| format!("{bank}{n}")).into(),
        (None, None) => Vec::new(),
    },
    results: ["x0", "v0", "v0"],
};

fn linux() -> Target {
    Target::named("aarch64-unknown-linux-gnu").unwrap()
}

/// Apple: "the caller doesn't pad the argument area", Arguments on the stack of the platform's ABI page.
#[test]
fn slots_of_the_types_own_size() {
    const SHIPPED: &[Rule] = AAPCS64.rules.args;
    // Its rules for results, large values, words and floats.
    const ARGS: &[Rule] = &[
        SHIPPED[0],
        SHIPPED[2],
        SHIPPED[4],
        SHIPPED[5],
        Rule::AssignToStack { size: 0, align: 0 },
    ];
    static APPLE: Convention = with_args("Apple's AArch64", ARGS);
    let apple = Machine {
        target: linux(),
        convention: &APPLE,
        options: &["--target=arm64-apple-darwin"],
        assembly: ASSEMBLY,
        cases: &[
            Case(
                "void long long long long long long long long char short int char long",
                "x0, x1, x2, x3, x4, x5, x6, x7, stack 0..1 align 1, stack 2..4 align 2, stack 4..8 align 4, stack 8..9 align 1, \
                 stack 16..24 align 8, void",
            ),
            Case(
                "void double double double double double double double double float float double",
                "v0, v1, v2, v3, v4, v5, v6, v7, stack 0..4 align 4, stack 4..8 align 4, stack 8..16 align 8, void",
            ),
        ],
    };
    apple.prove(&[("type-sized slots", &AAPCS64)]);
}

/// A register that is narrower than a part is refused, not given to it.
#[test]
fn registers_hold_what_they_are_given() {
    static NARROW: Convention = with_args(
        "vectors in words",
        &[Rule::Promote(PartType::V128), Rule::AssignToReg(&[X0, X1])],
    );
    let sig = cabi::FnSig::new([Type::I64], Type::VOID).convention(&NARROW);
    let why = FnAbi::new(&sig, &linux()).unwrap_err().to_string();
    assert!(
        why.contains("a rule gives a part a register that is too narrow"),
        "{why}"
    );
}
