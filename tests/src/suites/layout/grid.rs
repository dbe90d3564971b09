//! The grid of records about which gcc and clang may differ: bit-fields of types whose alignment a typedef changed, and attributes at every
//! place of a declarator. Read through libclang each is as it is built by the rules that are named, or left out where the compilers differ and none is.

use cabi::{DataModel, Error, Member, RecordBuilder, RecordRules, Type};
use cabi_header::{Header, HeaderError, Options, parse};
use cabi_verify::generate::{CMember, CRecord, CType, Form, Signature};
use cabi_verify::report::Report;

/// A record as C declares it, and as a model lays it out.
pub(super) struct Record {
    /// As C spells it.
    pub(super) name: String,
    /// What declares it, after [`PREAMBLE`].
    pub(super) text: String,
    pub(super) ty: Result<Type, Error>,
}

/// What the records are declared with.
pub(super) const PREAMBLE: &str = "typedef long long long_2 __attribute__((aligned(2)));\n";

/// Of the product of types, widths, shapes and attributes, one in so many is taken, with and without `ms_struct`.
const STRIDE: usize = 37;

/// The base types, and their bits.
const BASES: [(CType, u16); 8] = [
    (CType::Name("signed char"), 8),
    (CType::Name("short"), 16),
    (CType::Name("int"), 32),
    (CType::Name("unsigned"), 32),
    (CType::Name("long long"), 64),
    (CType::Name("_Bool"), 1),
    (CType::Enum("-1"), 32),
    (CType::Name("__int128"), 128),
];

pub(super) fn all(model: &DataModel) -> Vec<Record> {
    let bit_fields = [false, true].into_iter().flat_map(bit_fields).enumerate();
    let bit_fields = bit_fields.map(|(i, record)| {
        let returning = Signature::returning(&CType::Record(Box::new(record)));
        let declared = returning.declared(&format!("g{i}_"), model);
        Record {
            name: declared.function.result,
            text: declared.types,
            ty: declared.case.map(|case| case.prototype.ret),
        }
    });
    bit_fields.chain(declarators(model)).collect()
}

/// Bit-fields and ordinary members of every type, width, shape and attribute.
fn bit_fields(ms_struct: bool) -> Vec<CRecord> {
    let (mut records, mut n) = (Vec::new(), 0);
    for (base, bits) in BASES {
        let aligned = [1, 2, 4, 8, 16].map(|align| CType::Aligned(Box::new(base.clone()), align));
        let widths = [1, 3, 8, 16, 32, 64, 128, bits / 2].into_iter();
        let widths = widths.filter(|width| (1..=bits).contains(width)).map(Some);
        let widths: Vec<Option<u16>> = widths.chain([None]).collect();
        for ty in [base].iter().chain(&aligned) {
            for width in &widths {
                for shape in 0..6 {
                    for variant in 0..11 {
                        n += 1;
                        if n % STRIDE == usize::from(ms_struct) {
                            let members = members(shape, ty, *width);
                            records.push(CRecord {
                                is_union: shape == 3,
                                ms_struct,
                                ..record(members, variant)
                            });
                        }
                    }
                }
            }
        }
    }
    records
}

fn members(shape: usize, ty: &CType, width: Option<u16>) -> Vec<CMember> {
    let bits = |ty: &CType, width, named| {
        let ty = ty.clone();
        CMember::of(Form::Bits { ty, width, named })
    };
    let plain = |ty: CType| {
        let lengths = Vec::new();
        CMember::of(Form::Plain { ty, lengths })
    };
    let of = || match width {
        Some(width) => bits(ty, width, true),
        None => plain(ty.clone()),
    };
    let zero = || bits(ty, 0, false);
    let char = CType::Name("signed char");
    let narrow = |width| bits(&char, width, true);
    let byte = || plain(char.clone());
    match shape {
        0 => vec![of(), of()],
        1 => vec![byte(), of(), byte()],
        2 => vec![narrow(3), of(), zero(), bits(ty, 1, true)],
        3 => vec![of(), byte()],
        4 => {
            let unnamed = width.map_or_else(zero, |width| bits(ty, width, false));
            vec![of(), unnamed, plain(CType::Name("int"))]
        }
        _ => vec![narrow(5), of(), of(), narrow(4)],
    }
}

/// `members` with attributes and pragmas.
fn record(mut members: Vec<CMember>, variant: usize) -> CRecord {
    let at = usize::from(members.len() > 2);
    if let Some(member) = members.get_mut(at) {
        member.packed = variant == 1;
        member.aligned = match variant {
            2 | 8 => Some(2),
            3 | 9 | 10 => Some(16),
            _ => None,
        };
    }
    CRecord {
        packed: variant == 4 || variant == 9,
        pack: match variant {
            5 => Some(1),
            6 | 8 | 10 => Some(2),
            _ => None,
        },
        aligned: (variant == 7).then_some(8),
        members,
        ..CRecord::default()
    }
}

/// To what of a member gcc gives an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Member,
    Type,
    Pointee,
}

/// Declarators of a member, with the place of an attribute (`@`) in them.
fn declarator_forms() -> Result<Vec<(&'static str, Place, Type)>, Error> {
    use Place::{Member, Pointee, Type as OfType};
    Ok(vec![
        ("@ void *a", Member, Type::PTR),
        ("void @ *a", Member, Type::PTR),
        ("void *a @", Member, Type::PTR),
        ("void *@ a", OfType, Type::PTR),
        ("int *@ *a", Pointee, Type::PTR),
        ("int **@ a", OfType, Type::PTR),
        ("int *(*@ a)", OfType, Type::PTR),
        ("int *@ (*a)", Pointee, Type::PTR),
        ("int *@ const a", OfType, Type::PTR),
        ("int *const @ a", OfType, Type::PTR),
        ("int *(@ a)", OfType, Type::PTR),
        ("long long (@ a)", OfType, Type::I64),
        ("long long ((@ a))", OfType, Type::I64),
        ("long_2 (@ a)", OfType, Type::I64.with_align(2)?),
        ("int (@ a)[2]", OfType, Type::array(&Type::I32, 2)?),
        ("int (*@ a)[3]", OfType, Type::PTR),
        ("void *@ a[2]", OfType, Type::array(&Type::PTR, 2)?),
        ("int (*@ a)(int *, char)", OfType, Type::FN_PTR),
        ("int (@ *a)(int *, char)", Pointee, Type::FN_PTR),
        ("int (*a)(int *, char) @", Member, Type::FN_PTR),
        ("struct { int *x; } *@ a", OfType, Type::PTR),
        ("__typeof__(int *) @ a", Member, Type::PTR),
    ])
}

/// Attributes at every place of a declarator.
fn declarators(model: &DataModel) -> Vec<Record> {
    let mut records = Vec::new();
    let forms = declarator_forms().unwrap_or_default();
    for (i, (text, place, ty)) in forms.into_iter().enumerate() {
        for align in [Some(1), Some(2), Some(4), Some(16), None] {
            // An element may not be aligned to more than its size.
            if text.ends_with("a[2]") && align == Some(16) {
                continue;
            }
            let attribute = align.map_or("packed".to_owned(), |align| format!("aligned({align})"));
            let member = text.replace('@', &format!("__attribute__(({attribute}))"));
            for (shape, (before, keyword, after)) in SHAPES.into_iter().enumerate() {
                let name = format!("{keyword} declarator_{i}_{}_{shape}", align.unwrap_or(0));
                let text = format!("{before}{name} {{ signed char c; {member}; }} {after}\n");
                let ty = built(shape, model, (place, align), &ty);
                records.push(Record { name, text, ty });
            }
        }
    }
    records
}

/// What stands around the members: before the record, its keyword, after it.
const SHAPES: [(&str, &str, &str); 5] = [
    ("", "struct", ";"),
    ("", "union", ";"),
    ("", "struct", "__attribute__((packed));"),
    ("#pragma pack(push, 2)\n", "struct", ";\n#pragma pack(pop)"),
    ("", "struct", "__attribute__((aligned(16)));"),
];

/// A byte and a member of type `ty` with an attribute, in one of [`SHAPES`].
fn built(
    shape: usize,
    model: &DataModel,
    (place, align): (Place, Option<u32>),
    ty: &Type,
) -> Result<Type, Error> {
    let builder = match shape {
        1 => RecordBuilder::union("s"),
        2 => RecordBuilder::structure("s").packed(),
        3 => RecordBuilder::structure("s").pack(2),
        4 => RecordBuilder::structure("s").aligned(16),
        _ => RecordBuilder::structure("s"),
    };
    let place = match model.records {
        RecordRules::Gcc => place,
        _ => Place::Member,
    };
    let mut member = match (place, align) {
        (Place::Type, Some(align)) => Member::named("a", ty.with_align(align)?),
        _ => Member::named("a", ty.clone()),
    };
    if place == Place::Member {
        member = align.map_or_else(
            || member.clone().packed(),
            |align| member.clone().aligned(align),
        );
    }
    let builder = builder.member(Member::named("c", Type::I8));
    builder.member(member).build(model)
}

/// Reads the records through libclang: by either compiler's rules as they are built, and without any only those that both lay out alike.
pub(super) fn check_read(report: &mut Report) {
    let by = |rules| all(&DataModel::LP64.with_records(rules)).into_iter();
    let both: Vec<(Record, Record)> = by(RecordRules::Gcc).zip(by(RecordRules::Clang)).collect();
    let options = Options::new()
        .arg("-std=gnu17")
        .arg("--target=x86_64-linux-gnu");
    let is_packed = |record: &Record| record.text.contains("#pragma");
    let (packs, plain): (Vec<_>, Vec<_>) = both.iter().partition(|(record, _)| is_packed(record));
    for rules in [Some(RecordRules::Gcc), Some(RecordRules::Clang), None] {
        let engine = match rules {
            Some(rules) => format!("layout grid read as {rules:?}"),
            None => "layout grid read".to_owned(),
        };
        let options = rules.into_iter().fold(options.clone(), Options::records);
        let mut hidden = 0;
        for records in [&plain, &packs] {
            let mut text = PREAMBLE.to_owned();
            text.extend(records.iter().map(|(record, _)| record.text.as_str()));
            let header = match parse(&text, &options) {
                Ok(header) => header,
                Err(missing @ HeaderError::NoLibclang { .. }) => {
                    return report.absent(&engine, &missing.to_string());
                }
                Err(error) => {
                    report.outcome(&engine, "all", Err(error.to_string()));
                    continue;
                }
            };
            for (gcc, clang) in records {
                let reason = header.reason(&gcc.name);
                // The value of the pragma shows in clang's layout alone.
                if is_packed(gcc) && reason.is_some_and(|why| why.key() == "unsupported") {
                    hidden += 1;
                    continue;
                }
                let outcome = read_as_built((gcc, clang), &header, rules);
                let outcome = outcome.map_err(|why| format!("{why}\n{}", gcc.text));
                report.outcome(&engine, &gcc.name, outcome);
            }
        }
        let found = format!("{hidden} of {} with a pragma are refused", packs.len());
        report.note(format!("{engine}: {found}"));
        let few = (hidden * 3 <= packs.len()).then_some(()).ok_or(found);
        report.outcome("layout grid control", &engine, few);
    }
}

/// Whether `header` has the record with the layout that it has by `rules`, or none where there is none.
fn read_as_built(
    (gcc, clang): (&Record, &Record),
    header: &Header,
    rules: Option<RecordRules>,
) -> Result<(), String> {
    let expected = match (rules, &gcc.ty, &clang.ty) {
        // Without clang's layout there is nothing to hold what was read to.
        (_, _, Err(_)) | (_, Err(_), _) => None,
        (Some(RecordRules::Gcc), Ok(gcc), _) => Some(gcc),
        (Some(_), _, Ok(clang)) => Some(clang),
        (None, Ok(gcc), Ok(clang)) => (places(gcc) == places(clang)).then_some(clang),
    };
    match (header.ty(&gcc.name), expected) {
        (Some(read), Some(built)) if places(read) == places(built) => Ok(()),
        (Some(_), Some(_)) => Err("it is read with another layout".to_owned()),
        (None, None) => Ok(()),
        (Some(_), None) => Err("compilers differ, and it was read".to_owned()),
        (None, Some(_)) => Err(header
            .reason(&gcc.name)
            .map_or("it is missing".to_owned(), ToString::to_string)),
    }
}

/// All that layout says about the declaration of a record.
fn places(ty: &Type) -> (u64, u32, Vec<u64>) {
    let fields = ty.as_record().map_or(&[][..], |record| record.fields());
    let counts = |field: &&cabi::Field| field.bit_field().is_none_or(|bits| bits.width != 0);
    let places = fields
        .iter()
        .filter(counts)
        .map(|field| field.offset_bits());
    (ty.size(), ty.align(), places.collect())
}
