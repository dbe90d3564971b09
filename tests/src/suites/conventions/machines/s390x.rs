//! s390x: gcc and clang, without the vector facility.

use cabi::convention::Features;
use cabi::{Target, s390x};
use cabi_verify::emulated::{Emulated, Stubs};
use cabi_verify::generate::Absent;

use super::super::shapes::WITHOUT_VECTORS;
use super::{ABSENT_64, C, Compiler, Machine};

pub(super) fn machine() -> Machine {
    Machine {
        name: "s390x",
        convention: &s390x::S390X,
        target: || Target::named("s390x-unknown-linux-gnu"),
        features: Features::default(),
        signatures: C,
        absent: Absent {
            names: ABSENT_64,
            vectors: true,
            bit_int: true,
            // Beyond it clang's copies are on a stack of unknown alignment.
            align: 8,
            fill: 6,
        },
        shapes: &[WITHOUT_VECTORS],
        compilers: &[
            Compiler {
                name: "gcc",
                command: "s390x-linux-gnu-gcc -march=zEC12 -O2 -S -w -fno-pic -fno-section-anchors -fomit-frame-pointer \
                          -fno-optimize-sibling-calls -o @s @c",
                isa: None,
                bugs: &[],
                bit_int: false,
            },
            Compiler {
                name: "clang",
                command: "clang-19 --target=s390x-linux-gnu -march=zEC12 -O2 -S -w -fno-crash-diagnostics -fno-pic -fomit-frame-pointer \
                          -fno-optimize-sibling-calls -o @s @c",
                isa: None,
                bugs: &[],
                bit_int: false,
            },
        ],
        emulated: Some((
            Emulated {
                emulator: "qemu-s390x",
                stubs: Stubs::S390X,
            },
            "s390x-linux-gnu-gcc -march=zEC12",
        )),
        equivalent: &[
            (
                "promote to I64`",
                "the bytes of a value, and those above it, are at the same place",
            ),
            (
                "results, `if type in [F32, F64]: first free of f0` without its guard",
                "the rule before it places integers",
            ),
        ],
    }
}
