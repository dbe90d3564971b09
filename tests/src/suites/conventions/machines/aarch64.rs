//! AArch64: clang.

use cabi::convention::Features;
use cabi::{Leaf, LeafKind, Scalar, Target, aarch64, leaves};
use cabi_verify::assembly::{Isa, Question};
use cabi_verify::emulated::{Emulated, Stubs};
use cabi_verify::generate::{Absent, CType, signature_for_machine};

use super::super::emulated::KnownBug;
use super::super::shapes::{HALVES, OF_C, VECTORS_IN_REGISTERS};
use super::{Compiler, Machine};

const ABSENT: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Complex __float128", "_Complex long double"),
];

const GCC_BUGS: &[KnownBug] = &[KnownBug {
    what: "va_arg at -O2 loses an HFA of several _Float16",
    meets: |sig| {
        let unnamed = sig.params().iter().skip(sig.n_named());
        { unnamed }.any(|param| {
            let is_half = |leaf: Leaf| leaf.kind == LeafKind::Scalar(Scalar::F16);
            let n = leaves(&param.ty).count();
            (2..=4).contains(&n) && leaves(&param.ty).all(is_half)
        })
    },
}];

/// Signatures of C. Every eighth has a float after an HFA at each boundary of the registers: there is none for it where the HFA found too few.
fn draw(absent: &Absent, target: &Target, seed: u64, index: u64) -> Option<Question> {
    let mut signature = signature_for_machine(seed, index, absent);
    let n = usize::try_from(index).ok()?;
    if n.is_multiple_of(8) {
        signature.params = vec![CType::Name("double"); n / 8 % 9];
        let last = ["_Complex double", "float", "int"].map(CType::Name);
        signature.params.extend(last);
    }
    Question::new(
        n,
        &signature.declared(&format!("p{n}_"), target.data_model()),
    )
}

pub(super) fn machine() -> Machine {
    Machine {
        name: "aapcs64",
        convention: &aarch64::AAPCS64,
        target: || Target::named("aarch64-unknown-linux-gnu"),
        features: Features::default(),
        draw,
        absent: Absent {
            names: ABSENT,
            vectors: true,
            bit_int: true,
            align: 16,
            fill: 9,
        },
        shapes: &[OF_C, &[HALVES, VECTORS_IN_REGISTERS]],
        isa: Isa::AARCH64,
        compilers: &[
            Compiler {
                name: "gcc",
                command: "aarch64-linux-gnu-gcc -O2 -S -w -fno-pic -fno-section-anchors -fomit-frame-pointer -fno-optimize-sibling-calls \
                          -o @s @c",
                is_read: false,
                bugs: GCC_BUGS,
                bit_int: false,
            },
            Compiler {
                name: "clang",
                command: "clang-19 --target=aarch64-linux-gnu -O2 -S -w -fno-crash-diagnostics -fno-pic -fomit-frame-pointer \
                          -fno-optimize-sibling-calls -o @s @c",
                is_read: true,
                bugs: &[],
                bit_int: true,
            },
        ],
        emulated: Some((
            Emulated {
                emulator: "qemu-aarch64",
                stubs: Stubs::AArch64,
                isa: Isa::AARCH64,
            },
            "aarch64-linux-gnu-gcc",
        )),
        equivalent: &[
            ("`if nest: ", "C has no static chain there"),
            (
                "taking also v0 v1 v2 v3 v4 v5 v6 v7` without its guard",
                "the rule before it places integers",
            ),
            (
                "results, `if type in [F16, F32, F64, V128]: first free of v0 v1 v2 v3` without its guard",
                "the same",
            ),
        ],
    }
}
