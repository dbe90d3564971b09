//! The types of unnamed arguments.

use clif_cabi_jit::clif_cabi::cabi::{DataModel, Member, RecordBuilder, Type};

use super::common::record;

/// A type of unnamed arguments: how C spells each, and which bytes of an object count.
pub(crate) struct Kind {
    pub(crate) c: &'static str,
    pub(crate) ty: Type,
    /// First byte and number of bytes of each run that is no padding.
    pub(crate) bytes: &'static [(usize, usize)],
}

pub(crate) const TYPEDEFS: &str = r"
#include <stdarg.h>
#include <string.h>
typedef unsigned char u8;
typedef __int128 i128;
typedef long double x87;
typedef float _Complex cf;
typedef double _Complex cd;
typedef long double _Complex cx;
typedef float v4f __attribute__((vector_size(16)));
typedef struct { int a; } s_i;
typedef struct { double a; } s_d;
typedef struct { char c[3]; } s_c3;
typedef struct { double a; long b; } s_dl;
typedef struct { long a; double b; } s_ld;
typedef struct { long a, b; } s_ll;
typedef struct { double a, b; } s_dd;
typedef struct { float a, b, c; } s_fff;
typedef struct { long a, b, c; } s_lll;
typedef struct { char c[17]; } s_c17;
typedef struct { long a[9]; } s_l9;
typedef struct { x87 a; } s_x;
typedef struct { _Float16 a; } s_h;
typedef struct { _Float16 a, b, c, d, e; } s_h5;
typedef struct { float a; int b; _Float16 c; } s_fih;
typedef struct { v4f a; } s_v;
typedef struct { long a __attribute__((aligned(16))); } s_al16;
typedef struct { long a[4] __attribute__((aligned(16))); } s_mem16;
typedef struct { long a __attribute__((aligned(32))); } s_al32;
typedef struct { long a[7] __attribute__((aligned(64))); } s_mem64;
typedef struct { } s_0;
";

pub(crate) fn kinds() -> Vec<Kind> {
    let array = |ty: &Type, n| Type::array(ty, n).unwrap();
    let complex = |ty: &Type| Type::complex(ty).unwrap();
    let vector = || Type::vector(&Type::F32, 4).unwrap();
    let kind = |c, ty, bytes| Kind { c, ty, bytes };
    vec![
        kind("int", Type::I32, &[(0, 4)]),
        kind("long", Type::I64, &[(0, 8)]),
        kind("double", Type::F64, &[(0, 8)]),
        kind("x87", Type::F80, &[(0, 10)]),
        kind("i128", Type::I128, &[(0, 16)]),
        kind("cf", complex(&Type::F32), &[(0, 8)]),
        kind("cd", complex(&Type::F64), &[(0, 16)]),
        kind("cx", complex(&Type::F80), &[(0, 10), (16, 10)]),
        kind("v4f", vector(), &[(0, 16)]),
        kind("s_i", record(&[Type::I32]), &[(0, 4)]),
        kind("s_d", record(&[Type::F64]), &[(0, 8)]),
        kind("s_c3", record(&[array(&Type::I8, 3)]), &[(0, 3)]),
        kind("s_dl", record(&[Type::F64, Type::I64]), &[(0, 16)]),
        kind("s_ld", record(&[Type::I64, Type::F64]), &[(0, 16)]),
        kind("s_ll", record(&[Type::I64, Type::I64]), &[(0, 16)]),
        kind("s_dd", record(&[Type::F64, Type::F64]), &[(0, 16)]),
        kind(
            "s_fff",
            record(&[Type::F32, Type::F32, Type::F32]),
            &[(0, 12)],
        ),
        kind(
            "s_lll",
            record(&[Type::I64, Type::I64, Type::I64]),
            &[(0, 24)],
        ),
        kind("s_c17", record(&[array(&Type::I8, 17)]), &[(0, 17)]),
        kind("s_l9", record(&[array(&Type::I64, 9)]), &[(0, 72)]),
        kind("s_x", record(&[Type::F80]), &[(0, 10)]),
        kind("s_h", record(&[Type::F16]), &[(0, 2)]),
        kind("s_h5", record(&[array(&Type::F16, 5)]), &[(0, 10)]),
        kind(
            "s_fih",
            record(&[Type::F32, Type::I32, Type::F16]),
            &[(0, 10)],
        ),
        kind("s_v", record(&[vector()]), &[(0, 16)]),
        kind("s_al16", aligned(16, &Type::I64), &[(0, 8)]),
        kind("s_mem16", aligned(16, &array(&Type::I64, 4)), &[(0, 32)]),
        kind("s_al32", aligned(32, &Type::I64), &[(0, 8)]),
        kind("s_mem64", aligned(64, &array(&Type::I64, 7)), &[(0, 56)]),
        kind("s_0", record(&[]), &[]),
    ]
}

fn aligned(align: u32, ty: &Type) -> Type {
    let field = Member::named("a", ty.clone()).aligned(align);
    let builder = RecordBuilder::structure("s").member(field);
    builder.build(&DataModel::LP64).unwrap()
}
