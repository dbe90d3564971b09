//! s390x: gcc and clang, without the vector facility.

use cabi::{Error, Target, s390x};
use cabi_verify::emulated::{Emulated, Stubs};

use super::super::shapes::WITHOUT_VECTORS;
use super::{ABSENT_64, Compiler, Machine, Observed, linker, scalars};

pub(super) fn machine() -> Result<Machine, Error> {
    const GCC: &str = "s390x-linux-gnu-gcc -march=zEC12";
    let target = Target::named("s390x-unknown-linux-gnu")?;
    let emulated = Emulated {
        emulator: "qemu-s390x",
        stubs: Stubs::S390X,
    };
    let observed = Observed::Run(emulated, linker(GCC));
    Ok(Machine {
        // Beyond 8 bytes of alignment clang's copies are on a stack of unknown alignment.
        absent: scalars(ABSENT_64, 8, 6),
        shapes: &[WITHOUT_VECTORS],
        compilers: vec![
            Compiler::gcc(GCC),
            Compiler::clang("--target=s390x-linux-gnu -march=zEC12"),
        ],
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
        ..Machine::of_c("s390x", &s390x::S390X, target, observed)
    })
}
