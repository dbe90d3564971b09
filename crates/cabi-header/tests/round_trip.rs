//! `cabi` types to C and back: libclang, gcc and clang give what [`Emitter`] writes the layout that `cabi` computed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use cabi::{BitFieldStyle, DataModel, Kind, RecordRules, Type};
use cabi_header::{Emitter, Header, Options};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};
use support::generate::{Dialect, placed_record, record};
use support::{Compiler, read_with};

const MODEL: DataModel = DataModel::LP64;

/// The first difference between two types' layouts, members included.
fn difference(ours: &Type, theirs: &Type) -> Option<String> {
    if (ours.size(), ours.align()) != (theirs.size(), theirs.align()) {
        return Some(format!(
            "{ours}: {}/{} bytes, read back {}/{}",
            ours.size(),
            ours.align(),
            theirs.size(),
            theirs.align()
        ));
    }
    match (ours.kind(), theirs.kind()) {
        // What gcc and clang would lay out differently is spelled out, with padding as members.
        (Kind::Record(own), Kind::Record(spelled_out))
            if spelled_out.fields().len() > own.fields().len() =>
        {
            placed_difference(ours, theirs)
        }
        (Kind::Record(ours), Kind::Record(theirs)) => {
            if ours.fields().len() != theirs.fields().len() {
                return Some(format!(
                    "{} members became {}",
                    ours.fields().len(),
                    theirs.fields().len()
                ));
            }
            ours.fields()
                .iter()
                .zip(theirs.fields())
                .find_map(|(a, b)| {
                    if (a.name(), a.offset_bits(), a.bit_field())
                        != (b.name(), b.offset_bits(), b.bit_field())
                    {
                        return Some(format!("{a:?} became {b:?}"));
                    }
                    difference(a.ty(), b.ty())
                })
        }
        (Kind::Array(ours), Kind::Array(theirs)) if theirs.len == ours.len => {
            difference(&ours.elem, &theirs.elem)
        }
        // gcc wants a named member before a flexible array.
        (Kind::Array(ours), Kind::Array(theirs)) if ours.len.is_none() => {
            difference(&ours.elem, &theirs.elem)
        }
        (a, b) => (a != b || ours.is_atomic() != theirs.is_atomic())
            .then(|| format!("{ours} became {theirs}")),
    }
}

fn text_of(ty: &Type, model: &DataModel) -> String {
    let mut emitter = Emitter::new(model);
    let declared = emitter.declaration(ty, "object").unwrap();
    format!("{}typedef {declared};\n", emitter.definitions())
}

fn read_back<'h>(header: &'h Header, text: &str) -> Result<&'h Type, String> {
    header.ty("object").ok_or_else(|| {
        let reasons: Vec<String> = header
            .skipped
            .iter()
            .map(|s| format!("{}: {}", s.name, s.reason))
            .collect();
        format!("{}\n{text}", reasons.join("\n"))
    })
}

/// Random types to C, and read back for `target`: `same` says what differs.
fn round_trip(
    types: impl Strategy<Value = Type>,
    model: DataModel,
    target: &str,
    same: fn(&Type, &Type) -> Option<String>,
) {
    let mut options = Options::new().arg(format!("--target={target}"));
    // Elsewhere all text is laid out alike by gcc and clang. Whether it shows that it is, which may be refused, is asked of LP64 alone.
    if model.bit_fields == BitFieldStyle::Ms {
        options = options.records(model.records);
    } else if model != MODEL {
        options = options.records(RecordRules::Clang);
    }
    let Some(header) = read_with("", &options) else {
        return;
    };
    assert_eq!(header.model.with_records(model.records), model, "{target}");
    let cases = std::env::var("CABI_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    // The same types each time: what one compiler release does wrong shall not come and go.
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let result = TestRunner::new_with_rng(config, rng).run(&types, |ty| {
        let text = text_of(&ty, &model);
        let header = cabi_header::parse(&text, &options)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let back = read_back(&header, &text).map_err(TestCaseError::fail)?;
        match same(&ty, back) {
            None => Ok(()),
            Some(what) => Err(TestCaseError::fail(format!("{what}\n{text}"))),
        }
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, _)) => panic!("{target}: {reason}"),
        Err(error) => panic!("{target}: {error}"),
    }
}

#[test]
fn random_types_survive_the_way_through_c() {
    round_trip(
        record("outer", Dialect::ALL),
        MODEL,
        "x86_64-linux-gnu",
        difference,
    );
}

#[test]
fn random_types_of_other_data_models() {
    let ilp32 = Dialect {
        bf16: false,
        // clang has it with SSE2 only, which i686 lacks.
        f16: false,
        largest_atomic: 8,
        model: DataModel::ILP32,
        int128: false,
        ..Dialect::ALL
    };
    let x32 = Dialect {
        model: DataModel::X32,
        ..Dialect::ALL
    };
    let aarch64 = Dialect {
        bf16: false,
        largest_vector: 16,
        model: DataModel::AARCH64,
        f16: false,
        f128: false,
        decimal: false,
        ..Dialect::ALL
    };
    // Attributes under Microsoft's rules: clang's two Windows targets differ from each other.
    // A record that the reader builds by clang's rules first may have a size there that no `_Atomic` has.
    let windows = Dialect {
        largest_atomic: 1,
        f16: false,
        f128: false,
        decimal: false,
        enums: false,
        attributes: false,
        ..Dialect::ALL
    };
    let msvc = Dialect {
        model: DataModel::LLP64,
        ..windows
    };
    let mingw = Dialect {
        model: DataModel::LLP64_GNU,
        ..windows
    };
    for (target, dialect) in [
        ("i686-linux-gnu", ilp32),
        ("x86_64-linux-gnux32", x32),
        ("aarch64-linux-gnu", aarch64),
        ("x86_64-pc-windows-msvc", msvc),
        ("x86_64-w64-windows-gnu", mingw),
    ] {
        round_trip(record("outer", dialect), dialect.model, target, difference);
    }
}

/// What differs between a record with chosen offsets and the one that spells them out: padding there is members of its own.
fn placed_difference(ours: &Type, theirs: &Type) -> Option<String> {
    if (ours.size(), ours.align()) != (theirs.size(), theirs.align()) {
        return Some(format!(
            "{}/{} became {}/{}",
            ours.size(),
            ours.align(),
            theirs.size(),
            theirs.align()
        ));
    }
    let theirs = theirs.as_record()?;
    ours.as_record()?.fields().iter().find_map(|field| {
        let place = theirs.field(field.name()?).map(|(_, at)| at);
        (place != Some(field.offset_bits())).then(|| format!("{field:?} is at {place:?}"))
    })
}

#[test]
fn chosen_offsets_are_spelled_out() {
    round_trip(
        placed_record(Dialect::ALL),
        MODEL,
        "x86_64-linux-gnu",
        placed_difference,
    );
}

#[test]
fn layouts_of_another_data_model_are_spelled_out() {
    // `ms_struct` on Linux: Microsoft's bit-fields, everything else as System V has it.
    let mut model = MODEL;
    model.bit_fields = cabi::BitFieldStyle::Ms;
    let dialect = Dialect {
        model,
        attributes: false,
        ..Dialect::ALL
    };
    round_trip(
        record("outer", dialect),
        MODEL,
        "x86_64-linux-gnu",
        placed_difference,
    );
}

/// Assertions on everything C can state about `ty`, called `name`.
fn assertions(emitter: &mut Emitter, ty: &Type, name: &str) -> String {
    let spelled = emitter.spelling(ty).unwrap();
    // gcc's `_Alignof` stops at the largest alignment of the registers it may use; an offset says what layout follows.
    let mut text = format!(
        "_Static_assert(sizeof({spelled}) == {}, \"size of {name}\");\n\
         _Static_assert(__builtin_offsetof(struct {{ char before; {spelled} it; }}, it) == {}, \"alignment of {name}\");\n",
        ty.size(),
        ty.align()
    );
    for field in ty
        .as_record()
        .into_iter()
        .flat_map(|record| record.fields())
    {
        if let (Some(member), None) = (field.name(), field.bit_field()) {
            text += &format!(
                "_Static_assert(__builtin_offsetof({spelled}, {member}) == {}, \"{name}.{member}\");\n",
                field.offset()
            );
        }
    }
    text
}

/// `n` random records in one file, with their layout asserted.
fn batch(n: usize, strategy: &BoxedStrategy<Type>) -> String {
    // The same types each time: what one compiler release does wrong shall not come and go.
    let mut runner = TestRunner::deterministic();
    let mut emitter = Emitter::new(&MODEL);
    let mut asserted = String::new();
    for i in 0..n {
        let ty = strategy.new_tree(&mut runner).unwrap().current();
        asserted += &assertions(&mut emitter, &ty, &format!("record {i}"));
    }
    format!("{}{asserted}", emitter.definitions())
}

/// One file with many types is fast; when it fails, types are tried one by one and the first that fails is shrunk.
fn agrees(compiler: Compiler, types: &BoxedStrategy<Type>) {
    let Some(command) = compiler.find() else {
        return;
    };
    let cases = 600;
    if compiler.check(command, &batch(cases, types)).is_ok() {
        return;
    }
    let config = Config {
        cases: 1 << 20,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, deterministic());
    let result = runner.run(types, |ty| {
        let mut emitter = Emitter::new(&MODEL);
        let asserted = assertions(&mut emitter, &ty, "outer");
        let text = format!("{}{asserted}", emitter.definitions());
        compiler
            .check(command, &text)
            .map_err(|message| TestCaseError::fail(format!("{message}\n{text}")))
    });
    match result {
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        _ => panic!("the batch failed, its types alone do not"),
    }
}

fn deterministic() -> TestRng {
    TestRng::deterministic_rng(Config::default().rng_algorithm)
}

#[test]
fn gcc_agrees_on_random_types() {
    agrees(Compiler::Gcc, &record("outer", Dialect::GCC));
    agrees(Compiler::Gcc, &placed_record(Dialect::GCC));
}

#[test]
fn clang_agrees_on_random_types() {
    agrees(Compiler::Clang, &record("outer", Dialect::CLANG));
    agrees(Compiler::Clang, &placed_record(Dialect::CLANG));
}

#[test]
fn a_wrong_assertion_is_noticed() {
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        let Some(command) = compiler.find() else {
            continue;
        };
        let text = batch(20, &record("outer", Dialect::GCC)).replacen(" == ", " == 1 + ", 1);
        let message = compiler.check(command, &text).unwrap_err();
        assert!(message.contains("size of record 0"), "{message}");
    }
}

#[test]
fn a_wrong_layout_is_noticed() {
    let ty = cabi::RecordBuilder::structure("s")
        .field("a", Type::I8)
        .field("b", Type::I32)
        .build(&MODEL)
        .unwrap();
    let text = text_of(&ty, &MODEL).replace("int b", "short b");
    let Some(header) = support::read(&text) else {
        return;
    };
    assert!(difference(&ty, header.ty("object").unwrap()).is_some());
}
