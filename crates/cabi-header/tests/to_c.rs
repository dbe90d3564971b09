//! The exact text that types become, and what C has no word for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use cabi::{BoolVector, DataModel, Error, Language, Member, RecordBuilder, Type};
use cabi_header::{Emitter, declaration};
use support::Compiler;

const MODEL: DataModel = DataModel::LP64;

fn emitter() -> Emitter {
    Emitter::new(&MODEL)
}

fn text(ty: &Type) -> String {
    declaration(ty, "x", &MODEL).unwrap()
}

fn record(builder: RecordBuilder) -> Type {
    builder.build(&MODEL).unwrap()
}

/// Checks text with every compiler that is here and knows the types in it.
fn compiles(text: &str) {
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        if let Some(command) = compiler.find() {
            compiler
                .check(command, text)
                .unwrap_or_else(|message| panic!("{message}\n{text}"));
        }
    }
}

#[test]
fn declarations() {
    let array = |elem: &Type, len| Type::array(elem, len).unwrap();
    let cases = [
        (Type::I32, "int x"),
        (Type::I64, "long x"),
        (Type::U64, "unsigned long x"),
        (Type::I8, "signed char x"),
        (Type::BOOL, "_Bool x"),
        (Type::U128, "unsigned __int128 x"),
        (Type::F80, "long double x"),
        (Type::F128, "__float128 x"),
        (Type::DEC64, "_Decimal64 x"),
        (Type::PTR, "void *x"),
        (Type::FN_PTR, "void (*x)(void)"),
        (Type::FUNCTION, "void x(void)"),
        (MODEL.bit_int(17, false).unwrap(), "unsigned _BitInt(17) x"),
        (Type::complex(&Type::F32).unwrap(), "_Complex float x"),
        (Type::F64.atomic().unwrap(), "_Atomic(double) x"),
        (array(&array(&Type::F32, 3), 2), "float x[2][3]"),
        (array(&Type::FN_PTR, 4), "void (*x[4])(void)"),
        (Type::flexible_array(&Type::PTR).unwrap(), "void *x[]"),
    ];
    for (ty, text) in cases {
        let mut emitter = emitter();
        assert_eq!(emitter.declaration(&ty, "x").unwrap(), text);
        assert_eq!(emitter.definitions(), "", "{text}");
    }
}

#[test]
fn typedefs() {
    let v4 = Type::vector(&Type::F32, 4).unwrap();
    let under = Type::I32.with_align(1).unwrap();
    let tiny = Type::enumeration(&Type::I8).unwrap();
    let cases = [
        (
            &v4,
            "typedef float cabi_float_x4 __attribute__((vector_size(16)));\ncabi_float_x4 x;\n",
        ),
        (
            &under,
            "typedef int cabi_aligned __attribute__((aligned(1)));\ncabi_aligned x;\n",
        ),
        (
            &tiny,
            "enum __attribute__((packed)) cabi_enum_i8 { cabi_i8_low = -127 - 1, cabi_i8_high = 127 };\nenum cabi_enum_i8 x;\n",
        ),
        (
            &Type::vector(&Type::U32, 3).unwrap(),
            "typedef unsigned int cabi_unsigned_int_x3 __attribute__((ext_vector_type(3)));\ncabi_unsigned_int_x3 x;\n",
        ),
        (
            &Type::bool_vector(9, BoolVector::Clang).unwrap(),
            "typedef _Bool cabi_bool_x9 __attribute__((ext_vector_type(9)));\ncabi_bool_x9 x;\n",
        ),
    ];
    for (ty, expected) in cases {
        assert_eq!(text(ty), expected);
    }
    compiles(&[&v4, &under, &tiny].map(text).join("").replace(" x;", ";"));

    // Long double and 64-bit integers are spelled for the data model.
    let windows = DataModel::LLP64;
    for (ty, model, expected) in [
        (Type::I64, windows, "long long x;\n"),
        (windows.long_double(), windows, "double x;\n"),
        (Type::F128, DataModel::AARCH64, "long double x;\n"),
    ] {
        assert_eq!(declaration(&ty, "x", &model).unwrap(), expected);
    }
}

#[test]
fn records() {
    let inner = record(
        RecordBuilder::union("")
            .field("i", Type::I32)
            .field("f", Type::F32),
    );
    let packed = record(
        RecordBuilder::structure("")
            .field("c", Type::I8)
            .field("l", Type::I64)
            .pack(2),
    );
    let outer = record(
        RecordBuilder::structure("outer")
            .member(Member::bit_field("bits", Type::U32, 5))
            .member(Member::unnamed_bit_field(Type::U32, 0))
            .member(Member::anonymous(inner))
            .member(Member::anonymous(packed.clone()))
            .member(Member::named("line", Type::I8).aligned(64))
            .member(Member::named("tight", Type::F64).packed())
            .field("again", packed)
            .field("tail", Type::flexible_array(&Type::I16).unwrap()),
    );
    let text = text(&outer);
    assert_eq!(
        text,
        "#pragma pack(push, 2)
struct cabi_record {
    signed char c;
    long l;
};
#pragma pack(pop)
struct outer {
    unsigned int bits : 5;
    unsigned int : 0;
    union {
        int i;
        float f;
    };
#pragma pack(push, 2)
    struct {
        signed char c;
        long l;
    };
#pragma pack(pop)
    signed char line __attribute__((aligned(64)));
    double tight __attribute__((packed));
    struct cabi_record again;
    short tail[];
};
struct outer x;
"
    );
    compiles(&text);
}

#[test]
fn attributes_of_records() {
    let both = record(
        RecordBuilder::structure("s")
            .field("c", Type::I8)
            .field("i", Type::I32)
            .packed()
            .aligned(4),
    );
    assert_eq!(
        text(&both),
        "struct s {\n    signed char c;\n    int i;\n} __attribute__((packed, aligned(4)));\nstruct s x;\n"
    );
    let any = record(
        RecordBuilder::union("any")
            .field("i", Type::PTR)
            .field("l", Type::I64)
            .transparent(),
    );
    let text = text(&any);
    assert_eq!(
        text,
        "union any {\n    void *i;\n    long l;\n} __attribute__((transparent_union));\nunion any x;\n"
    );
    compiles(&text);
}

#[test]
fn chosen_offsets() {
    let placed = RecordBuilder::structure("s")
        .member(Member::named("b", Type::I32).at(12))
        .member(Member::named("a", Type::I16).at(1))
        .build_at(24, 8)
        .unwrap();
    let text = text(&placed);
    assert_eq!(
        text,
        "struct s {
    unsigned long long : 8;
    short a;
    unsigned long long : 64;
    unsigned long long : 8;
    int b;
    unsigned long long : 64;
} __attribute__((packed, aligned(8)));
struct s x;
"
    );
    compiles(&format!(
        "{text}_Static_assert(sizeof x == 24 && __builtin_offsetof(struct s, b) == 12, \"\");"
    ));
}

#[test]
fn each_definition_once_under_its_own_name() {
    let a = record(RecordBuilder::structure("s").field("a", Type::I32));
    let b = record(RecordBuilder::structure("s").field("b", Type::F64));
    let odd = record(
        RecordBuilder::structure("while")
            .field("int", Type::I8)
            .field("0", Type::I8)
            .field("m0", Type::I8),
    );
    let mut emitter = emitter();
    let text = emitter
        .prototype("f", &[a.clone(), b, a.clone(), odd], &a, true)
        .unwrap();
    assert_eq!(
        text,
        "struct s f(struct s a0, struct s_2 a1, struct s a2, struct cabi_record a3, ...)"
    );
    assert_eq!(
        emitter.definitions(),
        "struct s {\n    int a;\n};\nstruct s_2 {\n    double b;\n};\n\
         struct cabi_record {\n    signed char m0;\n    signed char m1;\n    signed char m2;\n};\n"
    );
    let again = emitter
        .prototype("g", &[Type::FN_PTR], &Type::FN_PTR, false)
        .unwrap();
    assert_eq!(again, "void (*g(void (*a0)(void)))(void)");
    assert_eq!(
        emitter.prototype("h", &[], &Type::VOID, false).unwrap(),
        "void h(void)"
    );
    compiles(&format!("{}{text};{again};", emitter.definitions()));
}

#[test]
fn refusals() {
    let empty = RecordBuilder::structure("e").language(Language::Cxx);
    let (ilp32, aarch64) = (DataModel::ILP32, DataModel::AARCH64);
    for (ty, name, model, why) in [
        (
            Type::bool_vector(3, BoolVector::Zig).unwrap(),
            "x",
            MODEL,
            "@Vector(3, bool): C has no vectors of bool that are passed like these",
        ),
        (
            record(empty),
            "x",
            MODEL,
            "struct e: an empty record has size 0 in C",
        ),
        (
            Type::PTR,
            "x",
            ilp32,
            "void *: pointers have another size in this data model",
        ),
        (
            Type::F80,
            "x",
            aarch64,
            "long double: `long double` is another format in this data model",
        ),
        (Type::I32, "while", MODEL, "\"while\" is no identifier of C"),
        (Type::I32, "a b", MODEL, "\"a b\" is no identifier of C"),
    ] {
        let error = declaration(&ty, name, &model).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
    let array = Type::array(&Type::I32, 3).unwrap();
    for (params, ret, why) in [
        (&[][..], array, "int[3]: a function of C cannot return this"),
        (
            &[Type::VOID],
            Type::VOID,
            "void: a parameter needs a complete type",
        ),
    ] {
        let error = emitter().prototype("f", params, &ret, false).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

#[test]
fn a_slice_is_its_two_words() -> Result<(), Error> {
    let slice = MODEL.slice();
    let text = text(&slice);
    assert_eq!(
        text,
        "struct cabi_slice {\n    void *ptr;\n    __SIZE_TYPE__ len;\n};\nstruct cabi_slice x;\n"
    );
    compiles(&text);
    Ok(())
}

#[test]
fn deep_types() {
    // As deep as `cabi` lets types be.
    let mut named = Type::I32;
    let mut anonymous = record(RecordBuilder::structure("").field("x", Type::I32));
    for _ in 0..cabi::MAX_DEPTH - 2 {
        named = record(RecordBuilder::structure("s").field("x", named));
        anonymous = record(RecordBuilder::structure("").member(Member::anonymous(anonymous)));
    }
    for ty in [named, anonymous] {
        let text = text(&ty);
        compiles(&text);
    }
}
