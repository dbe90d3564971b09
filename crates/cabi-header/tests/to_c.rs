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

/// Checks text with every compiler that is here and knows the types in it.
fn compiles(text: &str, compilers: &[Compiler]) {
    for compiler in compilers {
        if let Some(command) = compiler.find() {
            compiler
                .check(command, text)
                .unwrap_or_else(|message| panic!("{message}\n{text}"));
        }
    }
}

const BOTH: &[Compiler] = &[Compiler::Gcc, Compiler::Clang];

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
    let text = |ty: &Type| declaration(ty, "x", &MODEL).unwrap();
    let v4 = Type::vector(&Type::F32, 4).unwrap();
    assert_eq!(
        text(&v4),
        "typedef float cabi_float_x4 __attribute__((vector_size(16)));\ncabi_float_x4 x;\n"
    );
    let v3 = Type::vector(&Type::U32, 3).unwrap();
    assert_eq!(
        text(&v3),
        "typedef unsigned int cabi_unsigned_int_x3 __attribute__((ext_vector_type(3)));\ncabi_unsigned_int_x3 x;\n"
    );
    let bools = Type::bool_vector(9, BoolVector::Clang).unwrap();
    assert_eq!(
        text(&bools),
        "typedef _Bool cabi_bool_x9 __attribute__((ext_vector_type(9)));\ncabi_bool_x9 x;\n"
    );
    let under = Type::I32.with_align(1).unwrap();
    assert_eq!(
        text(&under),
        "typedef int cabi_aligned __attribute__((aligned(1)));\ncabi_aligned x;\n"
    );
    let tiny = Type::enumeration(&Type::I8).unwrap();
    assert_eq!(
        text(&tiny),
        "enum __attribute__((packed)) cabi_enum_i8 { cabi_i8_low = -127 - 1, cabi_i8_high = 127 };\nenum cabi_enum_i8 x;\n"
    );
    compiles(
        &[&v4, &under, &tiny].map(text).join("").replace(" x;", ";"),
        BOTH,
    );

    // Long double and 64-bit integers are spelled for the data model.
    let windows = DataModel::LLP64;
    assert_eq!(
        declaration(&Type::I64, "x", &windows).unwrap(),
        "long long x;\n"
    );
    assert_eq!(
        declaration(&windows.long_double(), "x", &windows).unwrap(),
        "double x;\n"
    );
    assert_eq!(
        declaration(&Type::F128, "x", &DataModel::AARCH64).unwrap(),
        "long double x;\n"
    );
}

#[test]
fn records() {
    let inner = RecordBuilder::union("")
        .field("i", Type::I32)
        .field("f", Type::F32)
        .build(&MODEL)
        .unwrap();
    let packed = RecordBuilder::structure("")
        .field("c", Type::I8)
        .field("l", Type::I64)
        .pack(2)
        .build(&MODEL)
        .unwrap();
    let outer = RecordBuilder::structure("outer")
        .member(Member::bit_field("bits", Type::U32, 5))
        .member(Member::unnamed_bit_field(Type::U32, 0))
        .member(Member::anonymous(inner))
        .member(Member::anonymous(packed.clone()))
        .member(Member::named("line", Type::I8).aligned(64))
        .member(Member::named("tight", Type::F64).packed())
        .field("again", packed)
        .field("tail", Type::flexible_array(&Type::I16).unwrap())
        .build(&MODEL)
        .unwrap();
    let text = declaration(&outer, "x", &MODEL).unwrap();
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
    compiles(&text, BOTH);
}

#[test]
fn attributes_of_records() {
    let both = RecordBuilder::structure("s")
        .field("c", Type::I8)
        .field("i", Type::I32)
        .packed()
        .aligned(4)
        .build(&MODEL)
        .unwrap();
    assert_eq!(
        declaration(&both, "x", &MODEL).unwrap(),
        "struct s {\n    signed char c;\n    int i;\n} __attribute__((packed, aligned(4)));\nstruct s x;\n"
    );
    let any = RecordBuilder::union("any")
        .field("i", Type::PTR)
        .field("l", Type::I64)
        .transparent()
        .build(&MODEL)
        .unwrap();
    let text = declaration(&any, "x", &MODEL).unwrap();
    assert_eq!(
        text,
        "union any {\n    void *i;\n    long l;\n} __attribute__((transparent_union));\nunion any x;\n"
    );
    compiles(&text, BOTH);
}

#[test]
fn chosen_offsets() {
    let placed = RecordBuilder::structure("s")
        .member(Member::named("b", Type::I32).at(12))
        .member(Member::named("a", Type::I16).at(1))
        .build_at(24, 8)
        .unwrap();
    let text = declaration(&placed, "x", &MODEL).unwrap();
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
    compiles(
        &format!(
            "{text}_Static_assert(sizeof x == 24 && __builtin_offsetof(struct s, b) == 12, \"\");"
        ),
        BOTH,
    );
}

#[test]
fn each_definition_once_under_its_own_name() {
    let a = RecordBuilder::structure("s")
        .field("a", Type::I32)
        .build(&MODEL)
        .unwrap();
    let b = RecordBuilder::structure("s")
        .field("b", Type::F64)
        .build(&MODEL)
        .unwrap();
    let odd = RecordBuilder::structure("while")
        .field("int", Type::I8)
        .field("0", Type::I8)
        .field("m0", Type::I8)
        .build(&MODEL)
        .unwrap();
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
    compiles(&format!("{}{text};{again};", emitter.definitions()), BOTH);
}

#[test]
fn refusals() {
    let refused = |ty: &Type| declaration(ty, "x", &MODEL).unwrap_err().to_string();
    let zig = Type::bool_vector(3, BoolVector::Zig).unwrap();
    assert_eq!(
        refused(&zig),
        "@Vector(3, bool): C has no vectors of bool that are passed like these"
    );
    let empty = RecordBuilder::structure("e")
        .language(Language::Cxx)
        .build(&MODEL)
        .unwrap();
    assert_eq!(refused(&empty), "struct e: an empty record has size 0 in C");
    let ilp32 = DataModel::ILP32;
    assert_eq!(
        declaration(&Type::PTR, "x", &ilp32)
            .unwrap_err()
            .to_string(),
        "void *: pointers have another size in this data model"
    );
    assert_eq!(
        declaration(&Type::F80, "x", &DataModel::AARCH64)
            .unwrap_err()
            .to_string(),
        "long double: `long double` is another format in this data model"
    );
    assert_eq!(
        declaration(&Type::I32, "while", &MODEL)
            .unwrap_err()
            .to_string(),
        "\"while\" is no identifier of C"
    );
    assert_eq!(
        declaration(&Type::I32, "a b", &MODEL)
            .unwrap_err()
            .to_string(),
        "\"a b\" is no identifier of C"
    );
    let array = Type::array(&Type::I32, 3).unwrap();
    let mut emitter = emitter();
    let prototype = |emitter: &mut Emitter, params: &[Type], ret: &Type| {
        emitter
            .prototype("f", params, ret, false)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        prototype(&mut emitter, &[], &array),
        "int[3]: a function of C cannot return this"
    );
    assert_eq!(
        prototype(&mut emitter, &[Type::VOID], &Type::VOID),
        "void: a parameter needs a complete type"
    );
}

#[test]
fn a_slice_is_its_two_words() -> Result<(), Error> {
    let slice = MODEL.slice();
    let text = declaration(&slice, "x", &MODEL).unwrap();
    assert_eq!(
        text,
        "struct cabi_slice {\n    void *ptr;\n    __SIZE_TYPE__ len;\n};\nstruct cabi_slice x;\n"
    );
    compiles(&text, BOTH);
    Ok(())
}

#[test]
fn deep_types() {
    // As deep as `cabi` lets types be.
    let mut named = Type::I32;
    let mut anonymous = RecordBuilder::structure("")
        .field("x", Type::I32)
        .build(&MODEL)
        .unwrap();
    for _ in 0..cabi::MAX_DEPTH - 2 {
        named = RecordBuilder::structure("s")
            .field("x", named)
            .build(&MODEL)
            .unwrap();
        anonymous = RecordBuilder::structure("")
            .member(Member::anonymous(anonymous))
            .build(&MODEL)
            .unwrap();
    }
    for ty in [named, anonymous] {
        let text = declaration(&ty, "x", &MODEL).unwrap();
        compiles(&text, BOTH);
    }
}
