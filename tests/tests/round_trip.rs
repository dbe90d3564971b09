//! `cabi` types to C and back: libclang, gcc and clang give the text of [`Emitter`] the layout that
//! `cabi` computed. The types are those that `cabi_verify::generate` draws, the same each time: a
//! bug of one compiler release shall not come and go.

#![allow(
    clippy::panic,
    reason = "a difference stops a test, also outside the functions marked #[test]"
)]

use cabi::{
    BitFieldStyle, DataModel, Kind, Member, RecordBuilder, RecordRules, Target, Type, leaves,
};
use cabi_header::{Emitter, Header, Options, parse};
use cabi_tests::dialect_types::{ALL, DialectTypes};
use cabi_verify::build::{InstalledCompilers, Reference};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{TESTED_LIBCLANG, libclang};
use cabi_verify::generate::{Dialect, Random};
use cabi_verify::layout::{Fact, Reply, ask_data, facts};
use cabi_verify::report::missing;

const LINUX: &str = "x86_64-linux-gnu";

/// Number of types that are tried.
const N_CASES: usize = 300;

/// Returns a property of `ours`, of those that C text can show and of leaves, that differs in
/// `theirs`. `theirs` may have more: padding is spelled as members where gcc and clang would lay a
/// record out differently.
fn difference(ours: &Type, theirs: &Type) -> Option<String> {
    let facts_of = |ty: &Type| {
        let named = vec![("object".to_owned(), ty.clone())];
        let (target, code) = (&Target::X86_64_LINUX, String::new());
        facts(&Subject::of_types("", target, code, named))
    };
    let leaves = |ty: &Type| -> Vec<_> {
        let kept = leaves(ty).filter(|leaf| leaf.width_bits > 0 && !leaf.unnamed);
        kept.map(|leaf| (leaf.offset_bits, leaf.width_bits, leaf.kind))
            .collect()
    };
    let (have, have_leaves) = (facts_of(theirs), leaves(theirs));
    let lost = facts_of(ours).into_iter().find(|fact| !have.contains(fact));
    let lost = lost.map(|fact| format!("{} = {}", fact.what, fact.ours));
    let mut own_leaves = leaves(ours).into_iter();
    let mut lost_leaf = || own_leaves.find(|leaf| !have_leaves.contains(leaf));
    let lost = lost.or_else(|| lost_leaf().map(|leaf| format!("{leaf:?}")));
    lost.map(|lost| format!("{lost} of {ours} is different in {theirs}"))
}

/// Returns libclang's options for text of `model`; `None` without libclang.
fn options(model: &DataModel, target: &str) -> Option<Options> {
    let mut options = Options::new().arg(format!("--target={target}"));
    // LP64 alone has to show that gcc and clang lay a text out alike, which may be refused.
    if *model != DataModel::LP64 {
        options = options.records(model.records);
    }
    if let Err(why) = libclang(TESTED_LIBCLANG) {
        missing(&why);
        return None;
    }
    let header = parse("", &options).unwrap_or_else(|error| panic!("{target}: {error}"));
    assert_eq!(header.model.with_records(model.records), *model, "{target}");
    Some(options)
}

/// Sends `types`, each in a text of its own, through C of `model`.
fn survive(model: &DataModel, target: &str, types: impl Iterator<Item = Type>) {
    let Some(options) = options(model, target) else {
        return;
    };
    // By gcc's rules there is no such vector.
    let is_as_gcc = *model != DataModel::LP64 && model.records == RecordRules::Gcc;
    for ty in types.take(N_CASES) {
        let text = text_of(&ty, model);
        let header = parse(&text, &options);
        let header = header.unwrap_or_else(|error| panic!("{error}\n{text}"));
        if text.contains("ext_vector_type") && is_as_gcc {
            let why = header.reason("object").map(ToString::to_string);
            assert!(why.is_some_and(|why| why.contains("gcc ignores")), "{text}");
            continue;
        }
        if let Some(what) = difference(&ty, read_back(&header)) {
            panic!("{what}\n{text}");
        }
    }
}

fn text_of(ty: &Type, model: &DataModel) -> String {
    let mut emitter = Emitter::new(model);
    let declared = emitter
        .declaration(ty, "object")
        .expect("C has words for it");
    format!("{}typedef {declared};\n", emitter.definitions())
}

fn read_back(header: &Header) -> &Type {
    let skipped = || format!("{:?}", header.skipped);
    let read = header.ty("object");
    read.unwrap_or_else(|| panic!("{}", skipped()))
}

#[test]
fn random_types_survive_the_way_through_c() {
    survive(&DataModel::LP64, LINUX, ALL.drawn());
    for (target, model, said) in other_data_models() {
        survive(&model, target, DialectTypes { model, ..said }.drawn());
    }
}

/// Chosen offsets; and for `ms_struct`, Microsoft's bit-fields with everything else as in System V.
#[test]
fn layouts_of_no_data_model_are_spelled_out() {
    survive(&DataModel::LP64, LINUX, placed(ALL));
    let mut model = DataModel::LP64;
    model.bit_fields = BitFieldStyle::Ms;
    let attributes = false;
    let dialect = DialectTypes {
        model,
        attributes,
        ..ALL
    };
    survive(&DataModel::LP64, LINUX, dialect.drawn());
}

/// Targets with their data models, and what may be said about types there.
fn other_data_models() -> [(&'static str, DataModel, DialectTypes); 7] {
    let no_bf16 = Dialect {
        bf16: false,
        ..ALL.dialect
    };
    let narrow = DialectTypes { widest: 128, ..ALL };
    let i386 = DialectTypes {
        dialect: no_bf16,
        // clang has `_Float16` with SSE2 only, which i686 lacks.
        unknown: &["__int128", "_Float16"],
        largest_atomic: 8,
        ..narrow
    };
    let elsewhere = DialectTypes {
        dialect: Dialect {
            decimal: false,
            ..no_bf16
        },
        unknown: &["_Float16", "__float128"],
        ..narrow
    };
    // Attributes under Microsoft's rules: clang's two Windows targets differ from each other.
    // A record that the reader builds by clang's rules first may have a size there that no
    // `_Atomic` has.
    let windows = DialectTypes {
        dialect: Dialect {
            decimal: false,
            ..ALL.dialect
        },
        largest_atomic: 1,
        attributes: false,
        ..elsewhere
    };
    [
        ("i686-linux-gnu", DataModel::ILP32, i386),
        ("x86_64-linux-gnux32", DataModel::X32, narrow),
        ("aarch64-linux-gnu", DataModel::AARCH64, elsewhere),
        ("riscv64-linux-gnu", DataModel::RISCV64, elsewhere),
        ("s390x-linux-gnu", DataModel::S390X, elsewhere),
        ("x86_64-pc-windows-msvc", DataModel::LLP64, windows),
        ("x86_64-w64-windows-gnu", DataModel::LLP64_GNU, windows),
    ]
}

/// Checks whether the size of a type differs from that of its objects: no other member may follow.
fn is_flexible(ty: &Type) -> bool {
    let last = ty.as_record().and_then(|record| record.fields().last());
    last.is_some_and(|last| {
        matches!(last.ty().kind(), Kind::Array(array) if array.len.is_none())
            || is_flexible(last.ty())
    })
}

/// Records whose offsets were chosen, not computed, of the types that `dialect` draws.
fn placed(dialect: DialectTypes) -> impl Iterator<Item = Type> {
    let mut types = dialect.drawn().filter(|ty| !is_flexible(ty));
    (0..).map(move |i| {
        let mut random = Random::new(1, i);
        let is_union = random.chance(50);
        let builder = match is_union {
            true => RecordBuilder::union("placed"),
            false => RecordBuilder::structure("placed"),
        };
        let (mut members, mut end, mut greatest) = (Vec::new(), 0, 0);
        for (n, ty) in types
            .by_ref()
            .take(1 + random.below(4) as usize)
            .enumerate()
        {
            let at = if is_union {
                0
            } else {
                end + u64::from(random.below(20))
            };
            end = at + ty.size();
            greatest = greatest.max(end);
            members.push(Member::named(&format!("m{n}"), ty).at(at));
        }
        let align = 1 << random.below(5);
        let size = (greatest + u64::from(random.below(600))).next_multiple_of(align.into());
        // A front end may declare members in another order than they lie in.
        if random.chance(50) {
            members.reverse();
        }
        let builder = members.into_iter().fold(builder, RecordBuilder::member);
        builder.build_at(size, align).expect("members lie inside")
    })
}

/// Returns the properties of `types`, as C writes them, that `reference` has and `ours` lacks.
fn objections(reference: &Reference, types: &[Type], ours: &[Type]) -> Vec<String> {
    let (mut emitter, mut text, mut named) =
        (Emitter::new(&DataModel::LP64), String::new(), Vec::new());
    for (i, (ty, ours)) in types.iter().zip(ours).enumerate() {
        let declared = emitter.declaration(ty, &format!("object_{i}"));
        text += &format!("typedef {};\n", declared.expect("C has words for it"));
        named.push((format!("object_{i}"), ours.clone()));
    }
    let text = format!("{}{text}", emitter.definitions());
    let subject = Subject::of_types("drawn", &Target::X86_64_LINUX, String::new(), named);
    let flags = ["-Wno-psabi", "-Wno-attributes"];
    let replies = ask_data(reference, &flags, &text, &subject).expect("a compiler that runs");
    let differs = |(fact, reply): &(Fact, Reply)| *reply != Reply::Is(fact.ours.clone());
    let differ = replies.into_iter().filter(differs);
    differ
        .map(|(fact, reply)| format!("{}: {reply:?}, ours {}\n{text}", fact.what, fact.ours))
        .collect()
}

/// Returns the compilers that are here, each with what it has words for.
fn references() -> Vec<(Reference, DialectTypes)> {
    if cfg!(not(target_arch = "x86_64")) {
        missing("the compilers of this machine are asked for the layouts of x86-64's");
        return Vec::new();
    }
    let installed = InstalledCompilers::find();
    for (name, why) in &installed.absent {
        missing(&format!("{name}: {why}"));
    }
    let with_types = |reference: Reference| {
        let dialect = match reference.name() {
            "gcc" => Dialect::GCC,
            _ => Dialect::CLANG,
        };
        (reference, DialectTypes { dialect, ..ALL })
    };
    installed.references.into_iter().map(with_types).collect()
}

#[test]
fn compilers_agree_on_random_types() {
    for (reference, dialect) in references() {
        let types: Vec<Type> = dialect.drawn().take(600).collect();
        let placed: Vec<Type> = placed(dialect).take(600).collect();
        for types in [types, placed] {
            let reasons = objections(&reference, &types, &types);
            assert!(reasons.is_empty(), "{reference}: {}", reasons[0]);
            // The control: each type is held to the layout of the next.
            let mut rotated = types[..20].to_vec();
            rotated.rotate_left(1);
            let n = objections(&reference, &types[..20], &rotated).len();
            assert!(n >= 20, "{reference}: {n} facts of other types are noticed");
        }
    }
}

#[test]
fn a_wrong_layout_is_noticed() {
    let Some(options) = options(&DataModel::LP64, LINUX) else {
        return;
    };
    let fields = [("a", Type::I8), ("b", Type::I32)].into_iter();
    let record = fields.fold(RecordBuilder::structure("s"), |record, (name, ty)| {
        record.field(name, ty)
    });
    let ty = record.build(&DataModel::LP64).expect("a record");
    for (wrong, is_noticed) in [("int", false), ("short", true), ("float", true)] {
        let text = text_of(&ty, &DataModel::LP64).replace("int b", &format!("{wrong} b"));
        let header = parse(&text, &options).expect("C");
        assert_eq!(
            difference(&ty, read_back(&header)).is_some(),
            is_noticed,
            "{wrong}"
        );
    }
}
