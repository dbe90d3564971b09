//! The conventions that are compared, and their compilers.

mod aarch64;
mod csky;
mod riscv;
mod s390x;
mod xcore;

use std::sync::OnceLock;

use cabi::convention::{Convention, Features};
use cabi::{Error, Policy, Target};
use cabi_verify::emulated::Emulated;
use cabi_verify::generate::{Absent, Signature, boundaries_for_machine, signature_for_machine};
use cabi_verify::places::{Isa, Question};

use super::shapes::{OF_C, Shape};
use super::{KnownBug, Signatures};

/// What the machines' code is observed by.
pub(super) enum Observed {
    /// Its machine code is read, before registers are assigned to it.
    Read(Isa),
    /// It runs, compiled and linked with the rest of a program by this command.
    Run(Emulated, String),
}

/// A convention, and the compilers that are asked about it.
pub(super) struct Machine {
    /// What reports call it.
    pub(super) name: &'static str,
    pub(super) convention: &'static Convention,
    pub(super) target: Target,
    pub(super) features: Features,
    pub(super) signatures: Signatures,
    pub(super) absent: Absent,
    /// What some of them must have.
    pub(super) shapes: &'static [&'static [Shape]],
    pub(super) compilers: Vec<Compiler>,
    pub(super) observed: Observed,
    /// Mutations, by a part of their names, that are no mistakes, and why.
    pub(super) equivalent: &'static [(&'static str, &'static str)],
    /// Signatures at the boundaries of registers that are about its rules, once they are known.
    pub(super) directed: OnceLock<Vec<Question>>,
}

impl Machine {
    /// A machine whose compilers are asked about signatures of C; its questions are not made yet.
    fn of_c(
        name: &'static str,
        convention: &'static Convention,
        target: Target,
        observed: Observed,
    ) -> Self {
        Self {
            name,
            convention,
            target,
            features: Features::default(),
            signatures: C,
            absent: scalars(USUAL_ABSENT, 4, 5),
            shapes: &[OF_C],
            compilers: Vec::new(),
            observed,
            equivalent: &[],
            directed: OnceLock::new(),
        }
    }
}

/// What makes assembly of C, or of LLVM IR.
pub(super) struct Compiler {
    pub(super) name: &'static str,
    /// The program, and what it is told beside what all are.
    command: String,
    /// It makes LLVM IR, of which `llc` makes assembly when it is told machine and attributes.
    pub(super) llc: Option<[&'static str; 2]>,
    /// What its own `va_arg` gets wrong.
    pub(super) bugs: &'static [KnownBug],
    /// Whether it has `_BitInt`, and `cabi` places for it.
    pub(super) bit_int: bool,
    /// What it does where others do not.
    policy: Policy,
}

/// What all are told: values are where the convention has them, not where an optimizer may leave them.
const FLAGS: [&str; 5] = [
    "-O2",
    "-w",
    "-fno-pic",
    "-fomit-frame-pointer",
    "-fno-optimize-sibling-calls",
];

impl Compiler {
    fn new(name: &'static str, command: String, policy: Policy) -> Self {
        Self {
            name,
            command,
            llc: None,
            bugs: &[],
            bit_int: false,
            policy,
        }
    }

    /// `question` as one about this compiler.
    pub(super) fn asked(&self, mut question: Question) -> Question {
        question.sig = question.sig.policy(self.policy);
        question
    }

    fn gcc(command: &str) -> Self {
        Self::new("gcc", linker(command), Policy::GCC)
    }

    /// clang, told `flags`.
    fn clang(flags: &str) -> Self {
        let command = format!("clang-19 -fno-crash-diagnostics {flags}");
        Self::new("clang", command, Policy::CLANG)
    }

    /// The program and its own flags.
    pub(super) fn words(&self) -> (&str, Vec<&str>) {
        words(&self.command)
    }

    /// The program and all its flags.
    pub(super) fn told(&self) -> (&str, Vec<&str>) {
        let (program, own) = self.words();
        (program, [&own[..], &FLAGS].concat())
    }
}

/// The command of a gcc, for what it compiles and links.
fn linker(command: &str) -> String {
    format!("{command} -fno-section-anchors")
}

/// The program of a command, and its arguments.
pub(super) fn words(command: &str) -> (&str, Vec<&str>) {
    let mut words = command.split_whitespace();
    (words.next().unwrap_or_default(), words.collect())
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

pub(super) fn all() -> Result<Vec<Machine>, Error> {
    let mut all = Vec::from(xcore::all());
    all.extend(aarch64::all()?);
    all.push(s390x::machine()?);
    all.extend(csky::all());
    all.extend(riscv::all()?);
    Ok(all)
}

/// C without these types, vectors and `_BitInt`; the greatest alignment, and the most registers of one kind that are filled.
const fn scalars(names: &'static [(&'static str, &'static str)], align: u32, fill: u32) -> Absent {
    Absent {
        names,
        vectors: true,
        bit_int: true,
        align,
        fill,
    }
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

/// Types that machines with integers of 16 bytes lack, and what stands for them.
const ABSENT_64: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Float16", "short"),
    ("_Complex _Float16", "_Complex float"),
    ("_Complex __float128", "_Complex long double"),
];
