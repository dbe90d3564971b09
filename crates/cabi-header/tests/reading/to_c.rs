//! Text of types that no header has, and types for which C has no word. Types of headers are in the
//! table `to_c`. Types that `tests/tests/round_trip.rs` draws are read back by libclang and
//! compilers.

use crate::support::Compiler;
use cabi::{BoolVector, DataModel, Error, Language, Member, RecordBuilder, Type};
use cabi_header::{Emitter, declaration};

const MODEL: DataModel = DataModel::LP64;

fn text(ty: &Type) -> String {
    declaration(ty, "x", &MODEL).unwrap()
}

fn record(builder: RecordBuilder) -> Type {
    builder.build(&MODEL).unwrap()
}

/// Checks text with every compiler that is here and knows the types in it.
fn compiles(text: &str) {
    is_read(text, "x86_64-unknown-linux-gnu").unwrap();
}

/// Returns the message of a compiler for `target` that refuses `text`. The compilers are gcc and
/// clang for this system, clang elsewhere, if they are here.
pub(crate) fn is_read(text: &str, target: &str) -> Result<(), String> {
    let is_linux = target == "x86_64-unknown-linux-gnu";
    let asked = [Compiler::Gcc, Compiler::Clang].into_iter();
    for compiler in asked.filter(|asked| is_linux || *asked == Compiler::Clang) {
        if let Some(command) = compiler.find() {
            let command = match is_linux {
                true => command.to_owned(),
                false => format!("{command} --target={target} -w"),
            };
            let checked = compiler.check(&command, text);
            checked.map_err(|message| format!("{message}\n{text}"))?;
        }
    }
    Ok(())
}

/// Tests that a union that is larger than its members is spelled out with padding. If unnamed
/// bit-fields align their record, that of the padding is packed.
#[test]
fn unions_of_a_given_size() {
    let model = DataModel::AARCH64;
    let union = RecordBuilder::union("u").member(Member::named("n", Type::I32).at(0));
    let text = declaration(&union.build_at(12, 4).unwrap(), "x", &model).unwrap();
    let is_of = |bytes| {
        let text = format!("{text}_Static_assert(sizeof x == {bytes}, \"\");\n");
        is_read(&text, "aarch64-linux-gnu")
    };
    is_of(12).unwrap();
    assert_eq!(is_of(16).is_err(), Compiler::Clang.find().is_some());
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
    let mut emitter = Emitter::new(&MODEL);
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
fn refused_declarations() {
    let empty = RecordBuilder::structure("e").language(Language::Cxx);
    let nothing = record(RecordBuilder::structure("nothing"));
    let inside = RecordBuilder::structure("inside")
        .member(Member::named("n", Type::I32).at(0))
        .member(Member::named("nothing", nothing).at(1));
    let inner = RecordBuilder::structure("inner")
        .member(Member::named("n", Type::I64).at(0))
        .member(Member::named("flag", Type::I8).at(8));
    let inner = inner.build_at(9, 8).unwrap();
    // In C it would be at 16.
    let outer = RecordBuilder::structure("outer")
        .member(Member::named("inner", inner).at(0))
        .member(Member::named("next", Type::I8).at(9));
    let (ilp32, aarch64) = (DataModel::ILP32, DataModel::AARCH64);
    for (ty, model, why) in [
        (
            Type::bool_vector(3, BoolVector::Zig).unwrap(),
            MODEL,
            "@Vector(3, bool): C has no vector of bools that is passed like this one",
        ),
        (
            record(empty),
            MODEL,
            "struct e: an empty record has size 0 in C",
        ),
        (
            inside.build_at(4, 4).unwrap(),
            MODEL,
            "struct inside: a member without bytes cannot lie inside another one",
        ),
        (
            outer.build_at(16, 8).unwrap(),
            MODEL,
            "struct inner: its size is not a multiple of its alignment: C does not have this type",
        ),
        (
            Type::PTR,
            ilp32,
            "void *: pointers have another size in this data model",
        ),
        (
            Type::FN_PTR.atomic().unwrap(),
            ilp32,
            "_Atomic void (*)(): pointers have another size in this data model",
        ),
        (
            Type::F80,
            aarch64,
            "long double: `long double` has another format in this data model",
        ),
    ] {
        let error = declaration(&ty, "x", &model).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
    for name in ["while", "a b"] {
        let error = declaration(&Type::I32, name, &MODEL).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{name:?} is not an identifier of C")
        );
    }
}

#[test]
fn refused_prototypes() {
    let array = Type::array(&Type::I32, 3).unwrap();
    for (params, ret, why) in [
        (
            &[][..],
            array,
            "int[3]: a function of C cannot return this type",
        ),
        (
            &[Type::VOID],
            Type::VOID,
            "void: a parameter needs a complete type",
        ),
    ] {
        let mut emitter = Emitter::new(&MODEL);
        let error = emitter.prototype("f", params, &ret, false).unwrap_err();
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
