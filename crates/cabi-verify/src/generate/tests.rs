use cabi::{DataModel, Leaf, Type, leaves};
use cabi_header::{HeaderError, Options, Prototype};

use super::*;
use crate::corpus::CorpusFile;

#[test]
fn every_signature_is_a_block() {
    for dialect in [Dialect::GCC, Dialect::CLANG] {
        for index in 0..2000 {
            let text = signature(1, index, dialect).block("r", "random", &[]);
            let file = CorpusFile::parse("random.abi".as_ref(), &text).unwrap();
            assert_eq!(file.blocks.len(), 1, "{text}");
        }
    }
}

#[test]
fn shrinking_ends() {
    for index in 0..50 {
        let mut signature = signature(2, index, Dialect::CLANG);
        let mut steps = 0;
        while let Some(smaller) = signature.smaller().into_iter().next_back() {
            signature = smaller;
            steps += 1;
            assert!(steps < 10_000);
        }
        assert_eq!(signature.ret, None);
    }
}

/// A seed in a bug report must mean the same signature tomorrow: what is drawn changes only on purpose, and then this text does.
#[test]
fn a_seed_keeps_its_meaning() {
    let text = signature(7, 3, Dialect::GCC).block("r", "x", &[]);
    assert_eq!(
        text,
        "== r\nproves: x\n\
         union u0 { double m0; };\n\
         typedef _Float16 t1 __attribute__((vector_size(16)));\n\
         typedef t1 t2 __attribute__((aligned(64)));\n\
         union u3 { float m0; _Complex double m1; };\n\
         union u0 f(long, long, long, long, double, double, double, double, double, double, t2, union u3, long, double);\n"
    );
}

/// All that classification sees of a type. Which of two attributes that ask for the same a record has, it does not.
fn seen(ty: &Type) -> (u64, u32, Vec<Leaf>) {
    (ty.size(), ty.align(), leaves(ty).collect())
}

/// What is built here is what libclang reads in the text: of 2,000 signatures in each dialect, but for those that libclang refuses.
#[test]
fn types_are_those_of_the_text() {
    let options = Options::new()
        .arg("-std=gnu2x")
        .arg("--target=x86_64-linux-gnu");
    let (mut n_same, mut n_refused, mut n_both) = (0, 0, 0);
    for dialect in [Dialect::GCC, Dialect::CLANG] {
        for first in (0..2000).step_by(50) {
            let all: Vec<Declared> = (first..first + 50)
                .map(|i| signature(3, i, dialect).declared(&format!("r{i}_"), &DataModel::LP64))
                .collect();
            let text: String = all
                .iter()
                .map(|one| one.types.clone() + &one.prototype())
                .collect();
            let header = match cabi_header::parse(&text, &options) {
                Err(error @ HeaderError::NoLibclang { .. }) => {
                    crate::report::missing(&error.to_string());
                    return;
                }
                Err(HeaderError::Source { .. }) => {
                    n_refused += all.len();
                    continue;
                }
                header => header.unwrap(),
            };
            for declared in all {
                let read = header.prototype(&declared.function.name);
                match (read, &declared.case) {
                    (Some(read), Ok(case)) => {
                        let all = |one: &Prototype| -> Vec<_> {
                            let params = one.params.iter().map(|(_, ty)| ty);
                            params.chain([&one.ret]).map(seen).collect()
                        };
                        let same = all(read) == all(&case.prototype);
                        assert!(same, "{}{}", declared.types, declared.prototype());
                        n_same += 1;
                    }
                    (None, Ok(_)) => {
                        println!(
                            "{} {:?}\n{}",
                            declared.prototype(),
                            header.reason(&declared.function.name),
                            declared.types
                        );
                        n_refused += 1
                    }
                    (Some(_), Err(error)) => panic!("{error}: {}", declared.types),
                    (None, Err(_)) => n_both += 1,
                }
            }
        }
    }
    println!("{n_same} {n_refused} {n_both}");
    assert!(
        n_same > 3800 && n_refused < 100,
        "{n_same} the same, libclang refuses {n_refused}, both refuse {n_both}"
    );
}
