//! Unions of a vector and an array, in registers of 32 and 64 bytes. Compilers differ most about
//! which eightbytes of these have a class. Controls are the profile of the other compiler, and
//! clang's without the bits that the unions are about.

use std::fmt::Write as _;

use cabi::Policy;
use cabi_verify::build::Reference;
use cabi_verify::case::{Case, Subject};
use cabi_verify::corpus::Block;

use super::{Part, Verdicts};
use crate::corpus::read_blocks;
use crate::suite::{Result, Suite};

/// Prefix of the names of the cases.
const NAME: &str = "wide-union";

/// Number of cases that have to differ under a wrong policy.
const NOTICED: usize = 20;

const LEVELS: [&str; 2] = ["avx", "avx512f"];

/// Members that fill the first eightbytes of the unions.
const FIRSTS: [&str; 6] = [
    "v4 first",
    "v8 first",
    "v16 first",
    "__float128 first",
    "v4 first __attribute__((aligned(32)))",
    "v4 first __attribute__((aligned(64)))",
];

/// Elements of the arrays beside it: scalars, vectors, and records of fewer and more than 16 bytes.
const ELEMENTS: [&str; 18] = [
    "char",
    "float",
    "long double",
    "v4",
    "struct { char c[15]; }",
    "struct { char c[17]; }",
    "struct { char c[30]; }",
    "struct { char c[30] __attribute__((aligned(4))); }",
    "struct { struct { char c[10]; } s[2]; }",
    "struct { long a : 40; long b : 40; long c : 40; }",
    "struct { _Atomic int i[5]; }",
    "struct __attribute__((packed)) { char a; long b; char c[9]; }",
    "union { char c[20]; int i; }",
    "struct { long a, b, c; }",
    "struct { double a, b; }",
    "struct { double a, b, c; }",
    "struct { v4 a; }",
    "struct { v4 a, b; }",
];

const LENGTHS: [&str; 7] = ["[1]", "[2]", "[3]", "[8]", "[1][2]", "[2][1]", "[2][2]"];

/// Returns each union of both, as argument and as result; none without libclang. gcc aligns a
/// vector of 64 bytes to 32 without AVX-512.
pub(super) fn subjects(suite: &Suite) -> Result<Vec<Subject>> {
    let (mut text, mut n) = (String::new(), 0);
    for (level, first) in LEVELS
        .iter()
        .flat_map(|level| FIRSTS.map(|first| (level, first)))
    {
        if *level == "avx" && first.starts_with("v16") {
            continue;
        }
        for (element, length) in ELEMENTS.iter().flat_map(|one| LENGTHS.map(|n| (one, n))) {
            n += 1;
            let _ = writeln!(
                text,
                "== {NAME}-{n}\nproves: psABI 3.2.3\nfeatures: {level}\n\
                 typedef float v4 __attribute__((vector_size(16)));\n\
                 typedef float v8 __attribute__((vector_size(32)));\n\
                 typedef float v16 __attribute__((vector_size(64)));\n\
                 union u {{ {first}; {element} array{length}; }};\nunion u f(double, union u, float);\n"
            );
        }
    }
    let blocks = Block::parse("unions".as_ref(), &text)?;
    let mut subjects = Vec::new();
    let blocks = blocks.iter().filter(|one| suite.wants(&one.name));
    for read in read_blocks(&blocks.collect::<Vec<_>>()) {
        match read {
            Err(why) if why.is_missing_libclang => return Ok(Vec::new()),
            subject => subjects.push(subject?),
        }
    }
    Ok(subjects)
}

/// Returns why `cabi` refuses the case, if it is one of the unions of 48 bytes of which clang's
/// code reads 64.
pub(super) fn refused(reference: &Reference, case: &Case) -> Option<String> {
    let is_such = case.name.starts_with(NAME) && case.prototype.ret.size() == 48;
    let abi = case.abi_under(reference.profile().policy());
    abi.err().filter(|_| is_such).map(|why| why.to_string())
}

/// Reports whether enough of the cases that pass by `verdicts` differ under each wrong policy.
pub(super) fn control(part: &Part<'_>, verdicts: &Verdicts, suite: &mut Suite) {
    let right = part.compiler.policy;
    let level = part.cases.iter().map(|case| case.vectors).max();
    let wrong = match right {
        Policy::GCC => vec![Policy::CLANG],
        _ => vec![
            Policy::GCC,
            right.without(Policy::WIDE_ARRAYS_IN_UNIONS_HAVE_NO_CLASS),
            right.without(Policy::UNIONS_GO_BY_FIRST_EIGHTBYTES),
        ],
    };
    for policy in wrong {
        let n = part.n_noticed(verdicts, policy);
        let noticed = n >= NOTICED || suite.only.is_some();
        let what = format!("{NAME}, {level:?} under {policy:?}");
        let engine = format!("{} control", part.engine);
        (suite.report).check(&engine, &what, noticed, format!("{n} differ"));
    }
}
