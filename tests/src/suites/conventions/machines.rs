//! The conventions that are compared, and their compilers.

mod aarch64;
mod csky;
mod riscv;
mod s390x;
mod windows;
mod xcore;

use cabi::convention::{Convention, Features};
use cabi::{BitFieldStyle, Error, Policy, RecordRules, Target};
use cabi_verify::assembly::{Isa, Question};
use cabi_verify::emulated::Emulated;
use cabi_verify::generate::{Absent, Signature, boundaries_for_machine, signature_for_machine};

use super::shapes::{OF_C, Shape};
use super::{KnownBug, Signatures};

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
    /// How its programs run, if there is an emulator.
    pub(super) emulated: Option<Emulated>,
    /// What compiles and links the rest of them, where it is none of its compilers: else its gcc.
    pub(super) linker: Option<Compiler>,
    /// Mutations, by a part of their names, that are no mistakes, and why.
    pub(super) equivalent: &'static [(&'static str, &'static str)],
}

impl Machine {
    /// One that is asked about signatures of C, so far by nobody.
    fn of_c(name: &'static str, convention: &'static Convention, target: Target) -> Self {
        Self {
            name,
            convention,
            target,
            features: Features::default(),
            signatures: C,
            absent: scalars(USUAL_ABSENT, 4, 5),
            shapes: &[OF_C],
            compilers: Vec::new(),
            emulated: None,
            linker: None,
            equivalent: &[],
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
    /// How its assembly is read: else its programs are run alone.
    pub(super) isa: Option<Isa>,
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
            isa: None,
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
        let command = format!("{command} -fno-section-anchors");
        Self::new("gcc", command, Policy::GCC)
    }

    /// clang, told `flags`.
    fn clang(flags: &str) -> Self {
        let command = format!("clang-19 -fno-crash-diagnostics {flags}");
        Self::new("clang", command, Policy::CLANG)
    }

    /// The program and its own flags.
    pub(super) fn words(&self) -> (&str, Vec<&str>) {
        let mut words = self.command.split_whitespace();
        (words.next().unwrap_or_default(), words.collect())
    }

    /// The program and all its flags.
    pub(super) fn told(&self) -> (&str, Vec<&str>) {
        let (program, own) = self.words();
        (program, [&own[..], &FLAGS].concat())
    }
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
    let model = target.data_model();
    // Of mingw's records with bit-fields each compiler has its own layout, and clang alone is asked about them.
    let model = match (model.records, model.bit_fields) {
        (RecordRules::Gcc, BitFieldStyle::Ms) => model.with_records(RecordRules::Clang),
        _ => *model,
    };
    Question::new(n, &signature.declared(&format!("p{n}_"), &model))
}

pub(super) fn all() -> Result<Vec<Machine>, Error> {
    let mut all = Vec::from(xcore::all());
    all.extend(aarch64::all()?);
    all.push(s390x::machine()?);
    all.extend(csky::all());
    all.extend(riscv::all()?);
    all.extend(windows::all()?);
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

/// The same where there are integers of 16 bytes.
const ABSENT_64: &[(&str, &str)] = &[
    ("__float128", "long double"),
    ("_Float16", "short"),
    ("_Complex _Float16", "_Complex float"),
    ("_Complex __float128", "_Complex long double"),
];
