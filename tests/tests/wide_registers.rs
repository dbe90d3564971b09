//! Vectors of 32 and 64 bytes in registers, on any machine: where gcc's and clang's code has them, as its assembly says. Of AVX-512 most machines can run
//! nothing.
//!
//! The unions are those of a vector and an array: which of their eightbytes have a class is where the compilers differ most. Controls are the profile
//! of the other compiler, and clang's without the bits that the unions are about.
#![allow(
    clippy::unwrap_used,
    reason = "an unexpected error ends the test, also outside the functions marked #[test]"
)]

use std::collections::HashMap;
use std::process::Command;

use cabi::{DataModel, Error, FnAbi, Place, Policy, Target, VectorLevel};
use cabi_verify::assembly::{Function, Isa, Question, functions};
use cabi_verify::build::{Installed, Reference};
use cabi_verify::generate::{CMember, CRecord, CType, Form, Signature};

const FLAGS: [&str; 7] = [
    "-O2",
    "-w",
    "-S",
    "-fno-pic",
    "-fomit-frame-pointer",
    "-fno-optimize-sibling-calls",
    "-fno-stack-protector",
];

const LEVELS: [(&str, VectorLevel); 2] = [
    ("-mavx", VectorLevel::Avx),
    ("-mavx512f", VectorLevel::Avx512),
];

fn plain(ty: &CType, lengths: &[u32]) -> CMember {
    CMember::of(Form::Plain {
        ty: ty.clone(),
        lengths: lengths.to_vec(),
    })
}

fn record(is_union: bool, packed: bool, members: Vec<CMember>) -> CType {
    CType::Record(Box::new(CRecord {
        is_union,
        packed,
        members,
        ..CRecord::default()
    }))
}

fn vector(bytes: u32) -> CType {
    CType::Vector {
        lane: "float",
        bytes,
    }
}

/// What fills the first eightbytes of the unions.
fn firsts() -> Vec<CMember> {
    let of = |ty| plain(&ty, &[]);
    vec![
        of(vector(16)),
        of(vector(32)),
        of(vector(64)),
        of(CType::Name("__float128")),
        of(vector(16)).aligned(32),
        of(vector(16)).aligned(64),
    ]
}

/// What the arrays beside it are made of: scalars, vectors, and records of fewer and more than 16 bytes.
fn elements() -> Vec<CType> {
    let (char, long) = (CType::Name("char"), CType::Name("long"));
    let chars = |n| plain(&char, &[n]);
    let of = |ty: &CType, n| record(false, false, vec![plain(ty, &[]); n]);
    let bits = CMember::of(Form::Bits {
        ty: long.clone(),
        width: 40,
        named: true,
    });
    let atomic = CType::Atomic(Box::new(CType::Name("int")));
    let ten = record(false, false, vec![chars(10)]);
    vec![
        char.clone(),
        CType::Name("float"),
        CType::Name("long double"),
        vector(16),
        record(false, false, vec![chars(15)]),
        record(false, false, vec![chars(17)]),
        record(false, false, vec![chars(30)]),
        record(false, false, vec![chars(30).aligned(4)]),
        record(false, false, vec![plain(&ten, &[2])]),
        record(false, false, vec![bits; 3]),
        record(false, false, vec![plain(&atomic, &[5])]),
        record(
            false,
            true,
            vec![plain(&char, &[]), plain(&long, &[]), chars(9)],
        ),
        record(
            true,
            false,
            vec![chars(20), plain(&CType::Name("int"), &[])],
        ),
        of(&long, 3),
        of(&CType::Name("double"), 2),
        of(&CType::Name("double"), 3),
        of(&vector(16), 1),
        of(&vector(16), 2),
    ]
}

/// Each union of both, with arrays of one and two dimensions, as argument and as result. gcc aligns a vector of 64 bytes to 32 without AVX-512.
fn unions(level: VectorLevel) -> Vec<Question> {
    const LENGTHS: [&[u32]; 7] = [&[1], &[2], &[3], &[8], &[1, 2], &[2, 1], &[2, 2]];
    let mut all = Vec::new();
    let is_there =
        |first: &CMember| level == VectorLevel::Avx512 || *first != plain(&vector(64), &[]);
    for first in firsts().iter().filter(|first| is_there(first)) {
        for element in &elements() {
            for lengths in LENGTHS {
                let members = vec![first.clone(), plain(element, lengths)];
                let union = record(true, false, members);
                let signature = Signature {
                    params: vec![CType::Name("double"), union.clone(), CType::Name("float")],
                    ..Signature::returning(&union)
                };
                let n = all.len();
                let declared = signature.declared(&format!("u{n}_"), &DataModel::LP64);
                all.extend(Question::new(n, &declared));
            }
        }
    }
    all
}

/// The functions that `reference` makes of `questions`.
fn compiled(
    reference: &Reference,
    flag: &str,
    questions: &[Question],
) -> HashMap<String, Function> {
    let folder = tempfile::tempdir().unwrap();
    let [source, assembly] = ["a.c", "a.s"].map(|name| folder.path().join(name));
    let text: String = questions
        .iter()
        .map(|question| question.text.as_str())
        .collect();
    std::fs::write(&source, text).unwrap();
    let command = reference.command();
    let mut words = command.split_whitespace();
    let mut compiler = Command::new(words.next().unwrap());
    compiler.args(words).args(FLAGS).arg(flag);
    let output = compiler
        .arg("-o")
        .args([&assembly, &source])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {errors}");
    functions(&std::fs::read_to_string(assembly).unwrap(), &Isa::X86_64)
}

fn placed(question: &Question, policy: Policy, level: VectorLevel) -> Result<FnAbi, Error> {
    let sig = question.sig.clone().policy(policy).features(level);
    FnAbi::new(&sig, &Target::X86_64_LINUX)
}

/// How many of `questions` the code contradicts under `policy`.
fn contradicted(
    questions: &[Question],
    code: &HashMap<String, Function>,
    policy: Policy,
    level: VectorLevel,
) -> usize {
    let is_wrong = |question: &&Question| {
        placed(question, policy, level).is_ok_and(|abi| question.check(&abi, code).is_err())
    };
    questions.iter().filter(is_wrong).count()
}

#[test]
fn unions_of_a_vector_and_an_array_are_where_compilers_have_them() {
    let installed = Installed::find();
    for (flag, level) in LEVELS {
        let questions = unions(level);
        for reference in &installed.references {
            let own = reference.profile().policy();
            let code = compiled(reference, flag, &questions);
            let what = format!("{} {flag}", reference.name());
            let (mut in_registers, mut refused) = (0, 0);
            for question in &questions {
                match placed(question, own, level) {
                    Ok(abi) => {
                        if let Err(why) = question.check(&abi, &code) {
                            panic!("{what}: {why}\n{}", question.text);
                        }
                        in_registers += usize::from(matches!(abi.args[1].place, Place::Parts(_)));
                    }
                    // clang's code reads 64 bytes of such a union.
                    Err(why) => {
                        let size = question.sig.result().size();
                        assert_eq!(size, 48, "{what}: {why}\n{}", question.text);
                        refused += 1;
                    }
                }
            }
            let n = questions.len();
            println!("{what}: {n} unions, {in_registers} of them in registers, {refused} refused");
            let wrong = |policy| contradicted(&questions, &code, policy, level);
            let (other, bits) = match own {
                Policy::GCC => (Policy::CLANG, &[][..]),
                _ => (
                    Policy::GCC,
                    &[
                        Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS,
                        Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES,
                    ][..],
                ),
            };
            for broken in bits.iter().map(|bit| own.without(*bit)).chain([other]) {
                assert!(wrong(broken) >= 20, "{what}: {broken:?} is not noticed");
            }
        }
    }
}
