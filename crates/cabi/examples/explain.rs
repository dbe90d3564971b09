//! Explains signatures, one for each rule of `docs/x86-64-sysv.md`, which shows what this prints.
//!
//! `cargo run -q -p cabi --example explain` lists the names; with a name, that signature is explained.

use cabi::{
    ArgFlags, BoolVector, DataModel, Error, FnSig, Member, RecordBuilder, Target, Type,
    VectorLevel, explain,
};

/// A signature: its name here, its C text, the names of its parameters, and how it is made.
pub(crate) type Sample = (
    &'static str,
    &'static str,
    &'static [&'static str],
    fn() -> Result<FnSig, Error>,
);

/// All of them, in the order of the page.
pub(crate) const SAMPLES: &[Sample] = &[
    (
        "scalars",
        "double f(int n, double d, _Bool b, short s, float x, void *p);",
        &["n", "d", "b", "s", "x", "p"],
        || {
            let params = [
                Type::I32,
                Type::F64,
                Type::BOOL,
                Type::I16,
                Type::F32,
                Type::PTR,
            ];
            Ok(FnSig::new(params, Type::F64))
        },
    ),
    (
        "int128",
        "__int128 f(__int128 a, long b, long c, long d, __int128 e, long g);",
        &["a", "b", "c", "d", "e", "g"],
        || {
            let long = Type::I64;
            let params = [
                Type::I128,
                long.clone(),
                long.clone(),
                long.clone(),
                Type::I128,
                long,
            ];
            Ok(FnSig::new(params, Type::I128))
        },
    ),
    (
        "large",
        "struct s { char c[65]; }; void f(struct s a);",
        &["a"],
        || one(structure(&[("c", Type::array(&Type::I8, 65)?)])?),
    ),
    (
        "unaligned",
        "struct __attribute__((packed)) s { char c; long n; }; void f(struct s a);",
        &["a"],
        || {
            let s = RecordBuilder::structure("s")
                .field("c", Type::I8)
                .field("n", Type::I64);
            one(s.packed().build(&DataModel::LP64)?)
        },
    ),
    (
        "pair",
        "struct s { double x; long n; }; struct s f(struct s a);",
        &["a"],
        || {
            let s = structure(&[("x", Type::F64), ("n", Type::I64)])?;
            Ok(FnSig::new([s.clone()], s))
        },
    ),
    (
        "shared",
        "struct s { float x; int n; float y, z; }; void f(struct s a);",
        &["a"],
        || {
            one(structure(&[
                ("x", Type::F32),
                ("n", Type::I32),
                ("y", Type::F32),
                ("z", Type::F32),
            ])?)
        },
    ),
    (
        "padding",
        "struct s { __attribute__((aligned(16))) float x; }; void f(struct s a);",
        &["a"],
        || {
            let x = Member::named("x", Type::F32).aligned(16);
            one(RecordBuilder::structure("s")
                .member(x)
                .build(&DataModel::LP64)?)
        },
    ),
    (
        "bit-fields",
        "struct s { int a : 20, b : 20; long c : 40; }; void f(struct s x);",
        &["x"],
        || {
            let s = RecordBuilder::structure("s")
                .member(Member::bit_field("a", Type::I32, 20))
                .member(Member::bit_field("b", Type::I32, 20))
                .member(Member::bit_field("c", Type::I64, 40));
            one(s.build(&DataModel::LP64)?)
        },
    ),
    (
        "x87-and-sse",
        "union u { long double x; double d; }; void f(union u a);",
        &["a"],
        || one(union(&[("x", Type::F80), ("d", Type::F64)])?),
    ),
    (
        "x87-and-integer",
        "union u { long double x; int n; }; void f(union u a);",
        &["a"],
        || one(union(&[("x", Type::F80), ("n", Type::I32)])?),
    ),
    (
        "three-words",
        "struct s { long a, b, c; }; void f(struct s x);",
        &["x"],
        || {
            one(structure(&[
                ("a", Type::I64),
                ("b", Type::I64),
                ("c", Type::I64),
            ])?)
        },
    ),
    (
        "lone-sseup",
        "union u { __m128 v; long n; }; void f(union u a);",
        &["a"],
        || {
            one(union(&[
                ("v", Type::vector(&Type::F32, 4)?),
                ("n", Type::I64),
            ])?)
        },
    ),
    (
        "vector",
        "__m128 f(__m128 a, __m256 b); /* baseline */",
        &["a", "b"],
        || vectors(VectorLevel::Baseline),
    ),
    (
        "vector-avx",
        "__m128 f(__m128 a, __m256 b); /* AVX */",
        &["a", "b"],
        || vectors(VectorLevel::Avx),
    ),
    (
        "reverted",
        "struct s { long a, b; }; long f(long, long, long, long, long, struct s p, long last);",
        &["", "", "", "", "", "p", "last"],
        || {
            let s = structure(&[("a", Type::I64), ("b", Type::I64)])?;
            let mut params = vec![Type::I64; 5];
            params.extend([s, Type::I64]);
            Ok(FnSig::new(params, Type::I64))
        },
    ),
    (
        "long-double",
        "long double f(char c, long double x);",
        &["c", "x"],
        || Ok(FnSig::new([Type::I8, Type::F80], Type::F80)),
    ),
    (
        "complex",
        "_Complex long double f(_Complex float a, _Complex double b, _Complex long double c);",
        &["a", "b", "c"],
        || {
            let long = Type::complex(&Type::F80)?;
            let params = [
                Type::complex(&Type::F32)?,
                Type::complex(&Type::F64)?,
                long.clone(),
            ];
            Ok(FnSig::new(params, long))
        },
    ),
    (
        "sret",
        "struct s { long a, b, c; }; struct s f(int n);",
        &["n"],
        || {
            let s = structure(&[("a", Type::I64), ("b", Type::I64), ("c", Type::I64)])?;
            Ok(FnSig::new([Type::I32], s))
        },
    ),
    (
        "variadic",
        "int f(const char *format, ...); /* called with a float, a char, a long double and a __m256 */",
        &["format"],
        || {
            let f = FnSig::new([Type::PTR], Type::I32)
                .variadic()
                .features(VectorLevel::Avx);
            f.at_call([Type::F32, Type::I8, Type::F80, Type::vector(&Type::F64, 4)?])
        },
    ),
    (
        "static-chain",
        "void f(long n); /* a nested function: its static chain is one more argument */",
        &["chain", "n"],
        || Ok(FnSig::new([Type::PTR, Type::I64], Type::VOID).flags(0, ArgFlags::NEST)),
    ),
    (
        "bools",
        "void f(long n, @Vector(128, bool) v); /* Zig's */",
        &["n", "v"],
        || {
            let v = Type::bool_vector(128, BoolVector::Zig)?;
            Ok(FnSig::new([Type::I64, v], Type::VOID))
        },
    ),
];

fn structure(fields: &[(&str, Type)]) -> Result<Type, Error> {
    record(RecordBuilder::structure("s"), fields)
}

fn union(fields: &[(&str, Type)]) -> Result<Type, Error> {
    record(RecordBuilder::union("u"), fields)
}

fn record(builder: RecordBuilder, fields: &[(&str, Type)]) -> Result<Type, Error> {
    let add = |builder: RecordBuilder, (name, ty): &(&str, Type)| builder.field(name, ty.clone());
    fields.iter().fold(builder, add).build(&DataModel::LP64)
}

/// `void f(ty)`
fn one(ty: Type) -> Result<FnSig, Error> {
    Ok(FnSig::new([ty], Type::VOID))
}

fn vectors(level: VectorLevel) -> Result<FnSig, Error> {
    let m128 = Type::vector(&Type::F32, 4)?;
    let m256 = Type::vector(&Type::F32, 8)?;
    Ok(FnSig::new([m128.clone(), m256], m128).features(level))
}

/// What the page shows of `sample`.
pub(crate) fn text(sample: &Sample) -> Result<String, Error> {
    let (_, c, names, sig) = sample;
    let names: Vec<Option<&str>> = names
        .iter()
        .map(|name| (!name.is_empty()).then_some(*name))
        .collect();
    let explanation = explain(&sig()?, &names, &Target::X86_64_LINUX)?;
    Ok(format!("{c}\n{explanation}"))
}

fn main() -> Result<(), Error> {
    let wanted = std::env::args().nth(1);
    match SAMPLES
        .iter()
        .find(|sample| Some(sample.0) == wanted.as_deref())
    {
        Some(sample) => print!("{}", text(sample)?),
        None => SAMPLES
            .iter()
            .for_each(|(name, c, ..)| println!("{name:<16} {c}")),
    }
    Ok(())
}
