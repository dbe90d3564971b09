//! `cabi` types to C and back: libclang, gcc and clang give what [`Emitter`] writes the layout that `cabi` computed. The types are those that
//! `cabi_verify::generate` draws, the same each time: what one compiler release does wrong shall not come and go.

#![allow(
    clippy::panic,
    reason = "a difference stops a test, also outside the functions marked #[test]"
)]

use cabi::{BitFieldStyle, DataModel, Kind, Member, RecordBuilder, RecordRules, Type};
use cabi_header::{Emitter, Header, HeaderError, Options, parse};
use cabi_tests::said::{ALL, Said, typed};
use cabi_verify::build::{Installed, Reference};
use cabi_verify::case::Subject;
use cabi_verify::check::layout::assertions;
use cabi_verify::generate::{Dialect, Random, Signature, smallest};
use cabi_verify::report::missing;

/// How many types are tried.
fn n_cases() -> usize {
    let asked = std::env::var("CABI_CASES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(300)
}

/// The first difference between two types' layouts, members included.
fn difference(ours: &Type, theirs: &Type) -> Option<String> {
    let layout = |ty: &Type| format!("{}/{} bytes", ty.size(), ty.align());
    if layout(ours) != layout(theirs) {
        return Some(format!(
            "layout: {ours} of {} became {}",
            layout(ours),
            layout(theirs)
        ));
    }
    match (ours.kind(), theirs.kind()) {
        // What gcc and clang would lay out differently is spelled out, with padding as members.
        (Kind::Record(own), Kind::Record(spelled))
            if spelled.fields().len() > own.fields().len() =>
        {
            placed_difference(ours, theirs)
        }
        (Kind::Record(ours), Kind::Record(theirs))
            if ours.fields().len() == theirs.fields().len() =>
        {
            let mut both = ours.fields().iter().zip(theirs.fields());
            both.find_map(|(a, b)| {
                let seen = |field: &cabi::Field| {
                    (
                        field.name().map(str::to_owned),
                        field.offset_bits(),
                        field.bit_field(),
                    )
                };
                match seen(a) == seen(b) {
                    true => difference(a.ty(), b.ty()),
                    false => Some(format!("layout: {a:?} became {b:?}")),
                }
            })
        }
        // gcc wants a named member before a flexible array.
        (Kind::Array(ours), Kind::Array(theirs))
            if theirs.len == ours.len || ours.len.is_none() =>
        {
            difference(&ours.elem, &theirs.elem)
        }
        (a, b) if a == b && ours.is_atomic() == theirs.is_atomic() => None,
        _ => Some(format!("layout: {ours} became {theirs}")),
    }
}

/// What differs between a record with chosen offsets and the one that spells them out: padding there is members of its own.
fn placed_difference(ours: &Type, theirs: &Type) -> Option<String> {
    if (ours.size(), ours.align()) != (theirs.size(), theirs.align()) {
        return difference(ours, theirs);
    }
    let Some(record) = ours.as_record() else {
        return difference(ours, theirs);
    };
    let theirs = theirs.as_record()?;
    record.fields().iter().find_map(|field| {
        let place = theirs.field(field.name()?).map(|(_, at)| at);
        (place != Some(field.offset_bits())).then(|| format!("layout: {field:?} is at {place:?}"))
    })
}

/// A way through C: the text's data model, and how libclang is asked to read it.
struct Way {
    model: DataModel,
    options: Options,
    same: fn(&Type, &Type) -> Option<String>,
}

impl Way {
    /// `None` without libclang.
    fn new(
        model: DataModel,
        target: &str,
        same: fn(&Type, &Type) -> Option<String>,
    ) -> Option<Self> {
        let mut options = Options::new().arg(format!("--target={target}"));
        // Elsewhere all text is laid out alike by gcc and clang. Whether it shows that it is, which may be refused, is asked of LP64 alone.
        if model.bit_fields == BitFieldStyle::Ms {
            options = options.records(model.records);
        } else if model != DataModel::LP64 {
            options = options.records(RecordRules::Clang);
        }
        match parse("", &options) {
            Ok(header) => assert_eq!(header.model.with_records(model.records), model, "{target}"),
            Err(error @ HeaderError::NoLibclang { .. }) => {
                missing(&error.to_string());
                return None;
            }
            Err(error) => panic!("{target}: {error}"),
        }
        Some(Self {
            model,
            options,
            same,
        })
    }

    /// What became of `ty`, and in which text.
    fn check(&self, ty: &Type) -> Result<(), String> {
        let text = text_of(ty, &self.model);
        let header =
            parse(&text, &self.options).map_err(|error| format!("refused: {error}\n{text}"))?;
        let back = read_back(&header).map_err(|why| format!("refused: {why}\n{text}"))?;
        (self.same)(ty, back).map_or(Ok(()), |what| Err(format!("{what}\n{text}")))
    }
}

fn text_of(ty: &Type, model: &DataModel) -> String {
    let mut emitter = Emitter::new(model);
    let declared = emitter
        .declaration(ty, "object")
        .expect("C has words for it");
    format!("{}typedef {declared};\n", emitter.definitions())
}

fn read_back(header: &Header) -> Result<&Type, String> {
    header.ty("object").ok_or_else(|| {
        let skipped = header.skipped.iter();
        let reasons: Vec<String> = skipped
            .map(|s| format!("{}: {}", s.name, s.reason))
            .collect();
        reasons.join("\n")
    })
}

/// What `said` draws, to C and back.
fn round_trip(said: Said, target: &str) {
    let Some(way) = Way::new(said.model, target, difference) else {
        return;
    };
    for (drawn, ty) in said.drawn().take(n_cases()) {
        if let Err(why) = way.check(&ty) {
            let differs = |some: &[Signature]| {
                let one = |signature: &Signature| {
                    let ty = signature.ret.as_ref().filter(|ty| said.admits(ty))?;
                    way.check(&typed(ty, &said.model)?).err()
                };
                Ok::<_, ()>(some.iter().map(one).collect())
            };
            let (_, why) =
                smallest(&Signature::returning(&drawn), &why, 200, differs).expect("no error");
            panic!("{target}: {why}");
        }
    }
}

#[test]
fn random_types_survive_the_way_through_c() {
    round_trip(ALL, "x86_64-linux-gnu");
}

#[test]
fn random_types_of_other_data_models() {
    for (target, said) in other_data_models() {
        round_trip(said, target);
    }
}

/// Targets, and what may be said about types there.
fn other_data_models() -> [(&'static str, Said); 5] {
    let no_bf16 = Dialect {
        bf16: false,
        ..ALL.dialect
    };
    let ilp32 = Said {
        model: DataModel::ILP32,
        dialect: no_bf16,
        // clang has `_Float16` with SSE2 only, which i686 lacks.
        unknown: &["__int128", "_Float16"],
        largest_atomic: 8,
        widest: 128,
        ..ALL
    };
    let x32 = Said {
        model: DataModel::X32,
        widest: 128,
        ..ALL
    };
    let aarch64 = Said {
        model: DataModel::AARCH64,
        dialect: Dialect {
            decimal: false,
            ..no_bf16
        },
        unknown: &["_Float16", "__float128"],
        largest_vector: 16,
        widest: 128,
        ..ALL
    };
    // Attributes under Microsoft's rules: clang's two Windows targets differ from each other.
    // A record that the reader builds by clang's rules first may have a size there that no `_Atomic` has.
    let windows = Said {
        dialect: Dialect {
            decimal: false,
            ..ALL.dialect
        },
        unknown: &["_Float16", "__float128"],
        largest_atomic: 1,
        widest: 128,
        attributes: false,
        ..ALL
    };
    let msvc = Said {
        model: DataModel::LLP64,
        ..windows
    };
    let mingw = Said {
        model: DataModel::LLP64_GNU,
        ..windows
    };
    [
        ("i686-linux-gnu", ilp32),
        ("x86_64-linux-gnux32", x32),
        ("aarch64-linux-gnu", aarch64),
        ("x86_64-pc-windows-msvc", msvc),
        ("x86_64-w64-windows-gnu", mingw),
    ]
}

/// Whether the size of a type is not that of its objects: no other member may follow.
fn is_flexible(ty: &Type) -> bool {
    let last = ty.as_record().and_then(|record| record.fields().last());
    last.is_some_and(|last| {
        matches!(last.ty().kind(), Kind::Array(array) if array.len.is_none())
            || is_flexible(last.ty())
    })
}

/// Records whose offsets were chosen, not computed, of the types that `said` draws.
fn placed(said: Said) -> impl Iterator<Item = Type> {
    let mut types = said.drawn().map(|(_, ty)| ty).filter(|ty| !is_flexible(ty));
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

#[test]
fn chosen_offsets_are_spelled_out() {
    let way = Way::new(DataModel::LP64, "x86_64-linux-gnu", placed_difference);
    for (way, ty) in way
        .iter()
        .flat_map(|way| placed(ALL).take(n_cases()).map(move |ty| (way, ty)))
    {
        way.check(&ty).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// `ms_struct` on Linux: Microsoft's bit-fields, everything else as System V has it.
#[test]
fn layouts_of_another_data_model_are_spelled_out() {
    let mut model = DataModel::LP64;
    model.bit_fields = BitFieldStyle::Ms;
    let said = Said {
        model,
        attributes: false,
        ..ALL
    };
    let way = Way::new(DataModel::LP64, "x86_64-linux-gnu", placed_difference);
    for (way, (_, ty)) in way
        .iter()
        .flat_map(|way| said.drawn().take(n_cases()).map(move |ty| (way, ty)))
    {
        way.check(&ty).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// `types` as C writes them, to be asked about.
fn subject(types: &[Type]) -> Subject {
    let mut emitter = Emitter::new(&DataModel::LP64);
    let named = types.iter().map(|ty| {
        let spelled = emitter.spelling(ty).expect("C has words for it");
        (spelled, ty.clone())
    });
    let named = named.collect();
    let code = emitter.definitions().to_owned();
    Subject::of_cases("drawn", code, named, &[], Vec::new())
}

/// What `reference` says to `types` whose sizes, alignments and offsets are told it with `off` added.
fn objections(reference: &Reference, types: &[Type], off: u64) -> Vec<String> {
    let unlimited = (reference.name() == "clang").then_some("-ferror-limit=0");
    let flags: Vec<&str> = SILENT.into_iter().chain(unlimited).collect();
    let asked = assertions(reference, &flags, &[&subject(types)], off);
    asked.unwrap_or_else(|why| vec![why.to_string()])
}

const SILENT: [&str; 2] = ["-Wno-psabi", "-Wno-attributes"];

/// The compilers that are here, each with what it has words for.
fn references() -> Vec<(Reference, Said)> {
    let installed = Installed::find();
    for (name, why) in &installed.absent {
        missing(&format!("{name}: {why}"));
    }
    let said = |reference: Reference| {
        let dialect = match reference.name() {
            "gcc" => Dialect::GCC,
            _ => Dialect::CLANG,
        };
        (reference, Said { dialect, ..ALL })
    };
    installed.references.into_iter().map(said).collect()
}

#[test]
fn compilers_agree_on_random_types() {
    for (reference, said) in references() {
        let types: Vec<Type> = said.drawn().map(|(_, ty)| ty).take(600).collect();
        let placed: Vec<Type> = placed(said).take(600).collect();
        for types in [types, placed] {
            if objections(&reference, &types, 0).is_empty() {
                continue;
            }
            // The first that fails alone.
            for ty in &types {
                let alone = std::slice::from_ref(ty);
                let failed = objections(&reference, alone, 0);
                assert!(
                    failed.is_empty(),
                    "{failed:?}\n{}",
                    subject(alone).block.code
                );
            }
            panic!("{reference}: all types fail together, and none alone");
        }
    }
}

#[test]
fn a_wrong_assertion_is_noticed() {
    for (reference, said) in references() {
        let types: Vec<Type> = said.drawn().map(|(_, ty)| ty).take(20).collect();
        let failed = objections(&reference, &types, 1);
        assert!(failed.len() >= 40, "{failed:?}");
        assert!(failed[0].contains("sizeof("), "{failed:?}");
    }
}

#[test]
fn a_wrong_layout_is_noticed() {
    let Some(way) = Way::new(DataModel::LP64, "x86_64-linux-gnu", difference) else {
        return;
    };
    let ty = RecordBuilder::structure("s")
        .field("a", Type::I8)
        .field("b", Type::I32);
    let ty = ty.build(&DataModel::LP64).expect("a record");
    let text = text_of(&ty, &DataModel::LP64).replace("int b", "short b");
    let header = parse(&text, &way.options).expect("C");
    assert!(difference(&ty, read_back(&header).expect("a type")).is_some());
}
