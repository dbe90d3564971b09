//! The conventions that are compared, and their compilers.

mod aarch64;
mod csky;
mod riscv;
mod s390x;
mod xcore;

use cabi::convention::{Convention, Features};
use cabi::{Error, Target};
use cabi_verify::assembly::{Isa, Question};
use cabi_verify::emulated::Emulated;
use cabi_verify::generate::{Absent, Signature, boundaries_for_machine, signature_for_machine};

use super::shapes::Shape;
use super::{KnownBug, Signatures};

/// A convention, and the compilers that are asked about it.
pub(super) struct Machine {
    /// What reports call it.
    pub(super) name: &'static str,
    pub(super) convention: &'static Convention,
    pub(super) target: fn() -> Result<Target, Error>,
    pub(super) features: Features,
    pub(super) signatures: Signatures,
    pub(super) absent: Absent,
    /// What some of them must have.
    pub(super) shapes: &'static [&'static [Shape]],
    pub(super) compilers: &'static [Compiler],
    /// How its programs run, if there is an emulator, and what links them.
    pub(super) emulated: Option<(Emulated, &'static str)>,
    /// Mutations, by a part of their names, that are no mistakes, and why.
    pub(super) equivalent: &'static [(&'static str, &'static str)],
}

/// A command that reads C from a file, `@c`, and writes assembly to another, `@s`. Several are separated by `|`, with LLVM IR in between, `@l`.
pub(super) struct Compiler {
    pub(super) name: &'static str,
    pub(super) command: &'static str,
    /// How its assembly is read: else its programs are run alone.
    pub(super) isa: Option<Isa>,
    /// What its own `va_arg` gets wrong.
    pub(super) bugs: &'static [KnownBug],
    /// Whether it has `_BitInt`, and `cabi` places for it.
    pub(super) bit_int: bool,
}

/// Signatures of C.
const C: Signatures = Signatures {
    random: |absent, target, seed, index| {
        let signature = signature_for_machine(seed, index, absent);
        c(&signature, target, usize::try_from(index).ok()?)
    },
    boundaries: |absent, target, first| {
        let all = boundaries_for_machine(absent);
        let all = all.iter().zip(first..);
        all.filter_map(|(signature, n)| c(signature, target, n))
            .collect()
    },
};

fn c(signature: &Signature, target: &Target, n: usize) -> Option<Question> {
    Question::new(
        n,
        &signature.declared(&format!("p{n}_"), target.data_model()),
    )
}

pub(super) fn all() -> Vec<Machine> {
    let mut all = Vec::from(xcore::all());
    all.extend([aarch64::machine(), s390x::machine()]);
    all.extend(csky::all());
    all.extend(riscv::all());
    all
}

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
