//! The conventions that are compared, and their compilers.

mod aarch64;
mod csky;
mod riscv;
mod s390x;

use cabi::convention::{Convention, Features};
use cabi::{Error, Target, xcore};
use cabi_verify::assembly::{Isa, Question};
use cabi_verify::emulated::Emulated;
use cabi_verify::generate::{Absent, signature_for_machine};

use super::ir;

/// A convention, and who is asked about it.
pub(super) struct Machine {
    /// What reports call it.
    pub(super) name: &'static str,
    pub(super) convention: &'static Convention,
    pub(super) target: fn() -> Result<Target, Error>,
    pub(super) features: Features,
    /// Signatures: what C does not have there, the target, a seed and a number.
    pub(super) draw: fn(&Absent, &Target, u64, u64) -> Option<Question>,
    pub(super) absent: Absent,
    pub(super) isa: Isa,
    pub(super) compilers: &'static [Compiler],
    /// How its programs run, if there is an emulator, and who links them.
    pub(super) emulated: Option<(Emulated, &'static str)>,
    /// Mutations, by a part of their names, that are no mistakes, and why.
    pub(super) equivalent: &'static [(&'static str, &'static str)],
}

/// A command that reads C from a file, `@c`, and writes assembly to another, `@s`. Several are separated by `|`, with LLVM IR in between, `@l`.
pub(super) struct Compiler {
    pub(super) name: &'static str,
    pub(super) command: &'static str,
    /// Whether its assembly is read: else its programs are run alone.
    pub(super) is_read: bool,
}

/// Signatures of C.
fn c(absent: &Absent, target: &Target, seed: u64, index: u64) -> Option<Question> {
    let signature = signature_for_machine(seed, index, absent);
    let n = usize::try_from(index).ok()?;
    Question::new(
        n,
        &signature.declared(&format!("p{n}_"), target.data_model()),
    )
}

pub(super) fn all() -> Vec<Machine> {
    let xcore = || Machine {
        name: "xcore",
        convention: &xcore::XCORE,
        target: || Ok(Target::XCORE),
        features: Features::default(),
        draw: c,
        absent: Absent {
            names: USUAL_ABSENT,
            vectors: true,
            align: 4,
            fill: 5,
        },
        isa: Isa::XCORE,
        compilers: &[Compiler {
            name: "clang",
            command: "clang-19 --target=xcore -O2 -S -w -fno-crash-diagnostics -fomit-frame-pointer -o @s @c",
            is_read: true,
        }],
        emulated: None,
        equivalent: &[
            (
                "`if nest: first free of r11`",
                "C has no static chain there: xcore-values",
            ),
            (
                "results, without `if type in [I32]: stack slot",
                "C has no results of several words there: xcore-values",
            ),
            (
                "results, `if type in [I32]: stack slot of 4, align 4` with wider slots",
                "the same",
            ),
            ("results of any place", "the same"),
            (WITHOUT_TYPE, "every part is a word then"),
            (WITHOUT_SLOT_TYPE, "the same"),
            (
                "promote to I32` without its guard",
                "a word is promoted to a word",
            ),
        ],
    };
    let values = Machine {
        name: "xcore-values",
        convention: &xcore::XCORE_VALUES,
        draw: ir::question,
        compilers: &[Compiler {
            name: "clang",
            command: "clang-19 --target=xcore -O2 -S -w -fno-crash-diagnostics -fomit-frame-pointer -o @s -x ir @c",
            is_read: true,
        }],
        equivalent: &[
            ("if it wants Memory", "no value here is in memory"),
            (WITHOUT_TYPE, "every part is a word then"),
            (WITHOUT_SLOT_TYPE, "the same"),
            (
                "promote to I32` without its guard",
                "a word is promoted to a word",
            ),
        ],
        ..xcore()
    };
    let mut all = vec![xcore(), values, aarch64::machine(), s390x::machine()];
    all.extend(csky::all());
    all.extend(riscv::all());
    all
}

/// Guards of the one type that parts have.
const WITHOUT_TYPE: &str = "[I32]: first free of r0 r1 r2 r3` without its guard";
const WITHOUT_SLOT_TYPE: &str = "[I32]: stack slot of 4, align 4` without its guard";

/// Types that few machines have, and what stands for them.
const USUAL_ABSENT: &[(&str, &str)] = &[
    ("__int128", "long long"),
    ("unsigned __int128", "long long"),
    ("__float128", "double"),
    ("_Float16", "short"),
    ("_Complex _Float16", "_Complex float"),
    ("_Complex __float128", "_Complex double"),
];

/// The same where there are integers of 16 bytes.
const ABSENT_64: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Float16", "short"),
    ("_Complex _Float16", "_Complex float"),
    ("_Complex __float128", "_Complex long double"),
];
