use super::*;
use crate::corpus::Block;

#[test]
fn every_signature_is_a_block() {
    for dialect in [Dialect::GCC, Dialect::CLANG] {
        for index in 0..2000 {
            let text = signature(1, index, dialect).block("r", "random", &[]);
            let blocks = Block::parse("random.abi".as_ref(), &text).unwrap();
            assert_eq!(blocks.len(), 1, "{text}");
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

/// A seed in a bug report must mean the same signature tomorrow: what is drawn changes only on
/// purpose, and then this text does.
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
