//! The grid of records about which gcc and clang may differ, as text of C, which libclang reads. It
//! has bit-fields of types whose alignment a typedef changed, and attributes at every place of a
//! declarator.

use std::collections::BTreeMap;

use cabi::{RecordRules, Type};
use cabi_header::{HeaderError, Options, parse};
use cabi_verify::report::Report;

/// A record as C declares it.
pub(super) struct Record {
    /// As C spells it.
    pub(super) name: String,
    /// Its declaration, after [`PREAMBLE`].
    pub(super) text: String,
}

/// Declarations that the records need.
pub(super) const PREAMBLE: &str = "typedef long long long_2 __attribute__((aligned(2)));\n";

/// One in so many of the product of types, widths, shapes and attributes is taken, with and without
/// `ms_struct`.
const STRIDE: usize = 37;

/// The base types, and their bits; `@` is the number of the record.
const BASES: [(&str, u16); 8] = [
    ("signed char", 8),
    ("short", 16),
    ("int", 32),
    ("unsigned", 32),
    ("long long", 64),
    ("_Bool", 1),
    ("enum { low_@ = -1 }", 32),
    ("__int128", 128),
];

/// Alignments of the typedef of a base type.
const ALIGNED: [&str; 6] = [
    "",
    "aligned(1)",
    "aligned(2)",
    "aligned(4)",
    "aligned(8)",
    "aligned(16)",
];

/// Records. `$T` is the type. `$W` is the width of a bit-field, and `$U` that of an unnamed one.
/// `$A` is the attribute of a member, and `$R` are those of the record.
const MEMBERS: [&str; 6] = [
    "struct $R { $T a $W $A; $T b $W; }",
    "struct $R { signed char a; $T b $W $A; signed char c; }",
    "struct $R { signed char a : 3; $T b $W $A; $T : 0; $T c : 1; }",
    "union $R { $T a $W $A; signed char b; }",
    "struct $R { $T a $W; $T $U $A; int c; }",
    "struct $R { signed char a : 5; $T b $W $A; $T c $W; signed char d : 4; }",
];

/// The attribute of a member, that of the record, and the value of a pragma around it.
const ATTRIBUTES: [(&str, &str, Option<u32>); 11] = [
    ("", "", None),
    ("packed", "", None),
    ("aligned(2)", "", None),
    ("aligned(16)", "", None),
    ("", "packed", None),
    ("", "", Some(1)),
    ("", "", Some(2)),
    ("", "aligned(8)", None),
    ("aligned(2)", "", Some(2)),
    ("aligned(16)", "packed", None),
    ("aligned(16)", "", Some(2)),
];

/// Bit-fields and ordinary members of every type, width, shape and attribute. `@` stands for the
/// number of a record, `$M` for one more attribute of it.
fn bit_fields() -> Vec<String> {
    let mut records = Vec::new();
    for (base, bits) in BASES {
        let widths = [1, 3, 8, 16, 32, 64, 128, bits / 2].into_iter();
        let widths = widths.filter(|width| (1..=bits).contains(width));
        let widths = widths.map(|width| format!(": {width}"));
        let widths: Vec<String> = widths.chain([String::new()]).collect();
        for (aligned, width) in ALIGNED
            .iter()
            .flat_map(|one| widths.iter().map(move |width| (one, width)))
        {
            let unnamed = if width.is_empty() { ": 0" } else { width };
            for (members, (of_member, of_record, pack)) in MEMBERS
                .iter()
                .flat_map(|one| ATTRIBUTES.iter().map(move |attributes| (one, attributes)))
            {
                let record = members
                    .replace("$R", &format!("__attribute__(({of_record}, $M)) grid_@"))
                    .replace("$A", &format!("__attribute__(({of_member}))"))
                    .replace("$T", "type_@")
                    .replace("$W", width)
                    .replace("$U", unnamed);
                let record = match pack {
                    Some(n) => format!("#pragma pack(push, {n})\n{record};\n#pragma pack(pop)"),
                    None => format!("{record};"),
                };
                records.push(format!(
                    "typedef {base} type_@ __attribute__(({aligned}));\n{record}\n"
                ));
            }
        }
    }
    records
}

/// Declarators of a member, with the place of an attribute (`@`) in them.
const DECLARATORS: [&str; 22] = [
    "@ void *a",
    "void @ *a",
    "void *a @",
    "void *@ a",
    "int *@ *a",
    "int **@ a",
    "int *(*@ a)",
    "int *@ (*a)",
    "int *@ const a",
    "int *const @ a",
    "int *(@ a)",
    "long long (@ a)",
    "long long ((@ a))",
    "long_2 (@ a)",
    "int (@ a)[2]",
    "int (*@ a)[3]",
    "void *@ a[2]",
    "int (*@ a)(int *, char)",
    "int (@ *a)(int *, char)",
    "int (*a)(int *, char) @",
    "struct { int *x; } *@ a",
    "__typeof__(int *) @ a",
];

/// Text around the members: before the record, its keyword, after it.
const SHAPES: [(&str, &str, &str); 5] = [
    ("", "struct", ";"),
    ("", "union", ";"),
    ("", "struct", "__attribute__((packed));"),
    ("#pragma pack(push, 2)\n", "struct", ";\n#pragma pack(pop)"),
    ("", "struct", "__attribute__((aligned(16)));"),
];

/// Attributes at every place of a declarator; `@` stands for the number of a record.
fn declarators() -> Vec<String> {
    let mut records = Vec::new();
    for declarator in DECLARATORS {
        for attribute in [
            "packed",
            "aligned(1)",
            "aligned(2)",
            "aligned(4)",
            "aligned(16)",
        ] {
            // An element may not be aligned to more than its size.
            if declarator.ends_with("a[2]") && attribute == "aligned(16)" {
                continue;
            }
            let member = declarator.replace('@', &format!("__attribute__(({attribute}))"));
            let record = |(before, keyword, after): (&str, &str, &str)| {
                format!("{before}{keyword} grid_@ {{ signed char c; {member}; }} {after}\n")
            };
            records.extend(SHAPES.map(record));
        }
    }
    records
}

pub(super) fn all() -> Vec<Record> {
    let bit_fields = bit_fields();
    let with = |first: usize, attribute: &'static str| {
        let some = bit_fields.iter().skip(first).step_by(STRIDE);
        some.map(move |text| text.replace("$M", attribute))
    };
    let texts = with(STRIDE - 1, "").chain(with(0, "ms_struct"));
    let texts = texts.chain(declarators()).enumerate();
    let record = |(number, text): (usize, String)| {
        let keyword = if text.contains("union ") {
            "union"
        } else {
            "struct"
        };
        Record {
            name: format!("{keyword} grid_{number}"),
            text: text.replace('@', &number.to_string()),
        }
    };
    texts.map(record).collect()
}

/// Types that libclang reads of the records, by their names; for the others the reason.
pub(super) type ReadTypes = BTreeMap<String, Result<Type, &'static str>>;

/// Reads `records` for `target` by `rules`, or as far as gcc and clang lay them out alike.
pub(super) fn read(
    records: &[Record],
    target: &str,
    rules: Option<RecordRules>,
) -> Result<ReadTypes, HeaderError> {
    let options = Options::new()
        .arg("-std=gnu17")
        .arg(format!("--target={target}"));
    let options = rules.into_iter().fold(options, Options::records);
    let is_packed = |record: &&Record| record.text.contains("#pragma");
    let (packs, plain): (Vec<_>, Vec<_>) = records.iter().partition(is_packed);
    let mut read = ReadTypes::new();
    for records in [plain, packs] {
        let mut text = PREAMBLE.to_owned();
        text.extend(records.iter().map(|record| record.text.as_str()));
        let header = parse(&text, &options)?;
        for record in records {
            let why = || {
                header
                    .reason(&record.name)
                    .map_or("missing", |why| why.key())
            };
            let ty = header.ty(&record.name).cloned();
            read.insert(record.name.clone(), ty.ok_or_else(why));
        }
    }
    Ok(read)
}

/// Checks that without rules those are read, and those alone, that both compilers' rules lay out
/// alike. The value of a pragma shows in clang's layout alone: few records may be left out for it.
pub(super) fn check_read(records: &[Record], report: &mut Report) -> Result<(), HeaderError> {
    const LINUX: &str = "x86_64-linux-gnu";
    let by = |rules| read(records, LINUX, rules);
    let (gcc, clang) = (by(Some(RecordRules::Gcc))?, by(Some(RecordRules::Clang))?);
    let without = by(None)?;
    let (mut hidden, mut n_packed) = (0, 0);
    for record in records {
        let is_packed = record.text.contains("#pragma");
        n_packed += usize::from(is_packed);
        let readings = [&without, &gcc, &clang].map(|read| &read[&record.name]);
        if is_packed && readings.contains(&&Err("unsupported")) {
            hidden += 1;
            continue;
        }
        let outcome = match readings {
            [Ok(read), Ok(gcc), Ok(clang)] if places(gcc) == places(clang) => {
                match places(read) == places(clang) {
                    true => Ok(()),
                    false => Err("the layout that is read differs from the compilers'"),
                }
            }
            [Ok(_), ..] => Err("the compilers differ, but the record was not refused"),
            [Err(why), Ok(gcc), Ok(clang)] if places(gcc) == places(clang) => Err(*why),
            [Err(_), ..] => Ok(()),
        };
        let outcome = outcome.map_err(|why| format!("{why}\n{}", record.text));
        report.outcome("layout grid read", &record.name, outcome);
    }
    let note = format!("{hidden} of {n_packed} with a pragma are refused");
    report.note(format!("layout grid read: {note}"));
    let is_few = hidden * 3 <= n_packed;
    report.check("layout grid control", "read", is_few, note);
    Ok(())
}

/// Returns the layout of the declaration of a record.
fn places(ty: &Type) -> (u64, u32, Vec<u64>) {
    let fields = ty.as_record().map_or(&[][..], |record| record.fields());
    let counts = |field: &&cabi::Field| field.bit_field().is_none_or(|bits| bits.width != 0);
    let places = fields
        .iter()
        .filter(counts)
        .map(|field| field.offset_bits());
    (ty.size(), ty.align(), places.collect())
}
