//! The grid of records about which gcc and clang may differ: bit-fields of types whose alignment a typedef changed, and attributes at every
//! place of a declarator. Each is built by the rules of the reference compiler that is asked; read through libclang it is the same, or left out where the
//! compilers differ and none was named.

use std::collections::BTreeMap;

use cabi::{RecordRules, Type};
use cabi_header::{Header, HeaderError, Options, parse};
use cabi_verify::build::Reference;
use cabi_verify::case::Subject;
use cabi_verify::check::layout::{Answer, Fact, ask, facts};
use cabi_verify::report::Report;
use cabi_verify::threads::{at_once, in_threads};

use super::declare::{LINUX, Place, Record, Spec};
use super::{Asked, compare};

/// Alignments that the typedefs ask for.
const ALIGNS: [u32; 5] = [1, 2, 4, 8, 16];

/// Of the product of types, widths, shapes and attributes, one in so many is taken, with and without `ms_struct`.
const STRIDE: usize = 37;

/// C's names of the base types, the part of a typedef's name, and the types.
fn bases() -> Vec<(&'static str, &'static str, Type, u16)> {
    let color = Type::enumeration(&Type::I32).expect("an enumeration of int");
    vec![
        ("signed char", "char", Type::I8, 8),
        ("short", "short", Type::I16, 16),
        ("int", "int", Type::I32, 32),
        ("unsigned", "unsigned", Type::U32, 32),
        ("long long", "long", Type::I64, 64),
        ("_Bool", "bool", Type::BOOL, 1),
        ("enum color", "color", color, 32),
        ("__int128", "int128", Type::I128, 128),
    ]
}

/// What the records of the grid are declared with.
pub(super) fn preamble() -> String {
    let mut text = "enum color { RED = -1, GREEN };\n".to_owned();
    for (c, name, ..) in bases() {
        for align in ALIGNS {
            text += &format!("typedef {c} {name}_{align} __attribute__((aligned({align})));\n");
        }
    }
    text
}

/// Bit-fields and ordinary members of every type, width, shape and attribute.
fn bit_fields(ms_struct: bool) -> Vec<Record> {
    let mut records = Vec::new();
    let mut n = 0;
    for (c, name, base, bits) in bases() {
        let mut types = vec![(c.to_owned(), base.clone())];
        for align in ALIGNS {
            let ty = base.with_align(align).expect("a power of two");
            types.push((format!("{name}_{align}"), ty));
        }
        let widths = [1, 3, 8, 16, 32, 64, 128, bits / 2].into_iter();
        let widths = widths.filter(|width| (1..=bits).contains(width)).map(Some);
        let widths: Vec<Option<u16>> = widths.chain([None]).collect();
        for (text, ty) in &types {
            for width in &widths {
                for shape in 0..6 {
                    for variant in 0..11 {
                        n += 1;
                        if n % STRIDE == usize::from(ms_struct) {
                            let members = members(shape, text, ty, *width);
                            let mut record = record(format!("bits_{n}"), members, variant);
                            record.is_union = shape == 3;
                            record.ms_struct = ms_struct;
                            record.tag += if ms_struct { "_ms" } else { "" };
                            records.push(record);
                        }
                    }
                }
            }
        }
    }
    records
}

fn members(shape: usize, text: &str, ty: &Type, width: Option<u16>) -> Vec<Spec> {
    let of = |name| {
        let spec = Spec::new(name, text, ty.clone());
        Spec { width, ..spec }
    };
    let zero = Spec::new("", text, ty.clone()).bits(0);
    let narrow = |name, bits| Spec::new(name, "signed char", Type::I8).bits(bits);
    let byte = |name| Spec::new(name, "signed char", Type::I8);
    let unnamed = if width.is_some() {
        of("")
    } else {
        zero.clone()
    };
    match shape {
        0 => vec![of("a"), of("b")],
        1 => vec![byte("c"), of("a"), byte("d")],
        2 => vec![
            narrow("c", 3),
            of("a"),
            zero,
            Spec::new("b", text, ty.clone()).bits(1),
        ],
        3 => vec![of("a"), byte("c")],
        4 => vec![of("a"), unnamed, Spec::new("d", "int", Type::I32)],
        _ => vec![narrow("c", 5), of("a"), of("b"), narrow("d", 4)],
    }
}

/// `members` with attributes and pragmas.
fn record(tag: String, mut members: Vec<Spec>, variant: usize) -> Record {
    let at = usize::from(members.len() > 2);
    if let Some(member) = members.get_mut(at) {
        member.packed = variant == 1;
        member.align = match variant {
            2 | 8 => Some(2),
            3 | 9 | 10 => Some(16),
            _ => None,
        };
    }
    Record {
        tag,
        packed: variant == 4 || variant == 9,
        pack: match variant {
            5 => Some(1),
            6 | 8 | 10 => Some(2),
            _ => None,
        },
        align: (variant == 7).then_some(8),
        members,
        ..Record::default()
    }
}

/// Declarators of a member, with the place of an attribute (`@`) in them.
fn declarator_forms() -> Vec<(&'static str, Place, Type)> {
    use Place::{Member, Pointee, Type as OfType};
    let array = |elem: &Type| Type::array(elem, 2).expect("a small array");
    vec![
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
        (
            "long_2 (@ a)",
            OfType,
            Type::I64.with_align(2).expect("a power of two"),
        ),
        ("int (@ a)[2]", OfType, array(&Type::I32)),
        ("int (*@ a)[3]", OfType, Type::PTR),
        ("void *@ a[2]", OfType, array(&Type::PTR)),
        ("int (*@ a)(int *, char)", OfType, Type::FN_PTR),
        ("int (@ *a)(int *, char)", Pointee, Type::FN_PTR),
        ("int (*a)(int *, char) @", Member, Type::FN_PTR),
        ("struct { int *x; } *@ a", OfType, Type::PTR),
        ("__typeof__(int *) @ a", Member, Type::PTR),
    ]
}

/// Attributes at every place of a declarator.
fn declarators() -> Vec<Record> {
    let mut records = Vec::new();
    for (i, (text, place, ty)) in declarator_forms().into_iter().enumerate() {
        for align in [Some(1), Some(2), Some(4), Some(16), None] {
            // An element may not be aligned to more than its size.
            if text.ends_with("a[2]") && align == Some(16) {
                continue;
            }
            for shape in 0..5 {
                let member = Spec {
                    text: text.to_owned(),
                    packed: align.is_none(),
                    align,
                    place: Some(place),
                    ..Spec::new("a", "", ty.clone())
                };
                let first = Spec::new("c", "signed char", Type::I8);
                let tag = format!("declarator_{i}_{}_{shape}", align.unwrap_or(0));
                records.push(Record {
                    tag,
                    is_union: shape == 1,
                    packed: shape == 2,
                    pack: (shape == 3).then_some(2),
                    align: (shape == 4).then_some(16),
                    members: vec![first, member],
                    ..Record::default()
                });
            }
        }
    }
    records
}

pub(super) fn all() -> Vec<Record> {
    let mut records = bit_fields(false);
    records.extend(bit_fields(true));
    records.extend(declarators());
    records
}

/// By the rules of each compiler that is there, the facts are the compiler's; by the other one's rules they are not.
pub(crate) fn check_references(references: &[Reference], report: &mut Report) {
    let grids = in_threads(references, at_once(), Grid::ask, |_| {});
    grids.iter().for_each(|grid| grid.check(report));
}

/// The records as one compiler's rules lay them out, with what the compiler says.
struct Grid {
    engine: String,
    /// The other compiler's rules.
    other: RecordRules,
    records: Vec<(Subject, Record)>,
    n_refused: usize,
    asked: Result<(Vec<Fact>, Vec<Option<Answer>>), String>,
}

impl Grid {
    fn ask(reference: &Reference) -> Self {
        let (rules, other) = match reference.name() {
            "gcc" => (RecordRules::Gcc, RecordRules::Clang),
            _ => (RecordRules::Clang, RecordRules::Gcc),
        };
        let records = all();
        let n_records = records.len();
        let built = |record: Record| Some((record.subject(rules).ok()?, record));
        let records: Vec<(Subject, Record)> = records.into_iter().filter_map(built).collect();
        let mut subjects: Vec<&Subject> = records.iter().map(|(ours, _)| ours).collect();
        let declared = Subject::of_cases("preamble", preamble(), Vec::new(), &[], Vec::new());
        subjects.insert(0, &declared);
        let answers = ask(reference, None, &subjects).map_err(|error| error.to_string());
        Self {
            engine: format!("layout grid {}", reference.name()),
            other,
            n_refused: n_records - records.len(),
            asked: answers.map(|answers| (facts(&subjects), answers)),
            records,
        }
    }

    fn check(&self, report: &mut Report) {
        let (asked, answers) = match &self.asked {
            Ok(asked) => asked,
            Err(why) => return report.outcome(&self.engine, "all", Err(why.clone())),
        };
        let mut asked_of: BTreeMap<&str, Vec<Asked<'_>>> = BTreeMap::new();
        for (fact, answer) in asked.iter().zip(answers) {
            let of_block = asked_of.entry(&fact.block).or_default();
            of_block.push((fact, answer));
        }
        let mut differ = 0;
        for (ours, record) in &self.records {
            let asked = asked_of.get(record.tag.as_str());
            let asked = asked.map_or(&[][..], Vec::as_slice);
            let with_text = |why| format!("{why}\n{}", record.text());
            let outcome = compare(asked).map_err(with_text);
            report.outcome(&self.engine, &record.tag, outcome);
            let Ok(theirs) = record.subject(self.other) else {
                continue;
            };
            if same_layout(&ours.header.records[0].ty, &theirs.header.records[0].ty) {
                continue;
            }
            differ += 1;
            let wrong = facts(&[&theirs]);
            let answers = asked.iter().map(|(_, answer)| *answer);
            let noticed = match compare(&wrong.iter().zip(answers).collect::<Vec<_>>()) {
                Err(_) => Ok(()),
                Ok(()) => Err(with_text(format!(
                    "{:?}'s rules were not noticed",
                    self.other
                ))),
            };
            report.outcome("layout grid control", &record.tag, noticed);
        }
        let (n, n_refused) = (self.records.len(), self.n_refused);
        let found = format!(
            "{n} records, {differ} otherwise by the other compiler's rules, {n_refused} refused"
        );
        let enough = differ >= 300 && n >= 1000 && n_refused <= 20;
        report.note(format!("{}: {found}", self.engine));
        let enough = enough.then_some(()).ok_or(found);
        report.outcome("layout grid control", &self.engine, enough);
    }
}

/// The same records through libclang: by either compiler's rules as they are built, and without any only those that both lay out alike.
pub(crate) fn check_read(report: &mut Report) {
    let options = Options::new()
        .arg("-std=gnu17")
        .arg("--target=x86_64-linux-gnu");
    let (packs, plain): (Vec<_>, Vec<_>) =
        all().into_iter().partition(|record| record.pack.is_some());
    for rules in [Some(RecordRules::Gcc), Some(RecordRules::Clang), None] {
        let engine = match rules {
            Some(rules) => format!("layout grid read as {rules:?}"),
            None => "layout grid read".to_owned(),
        };
        let options = rules.into_iter().fold(options.clone(), Options::records);
        let mut hidden = 0;
        for records in [&plain, &packs] {
            let mut text = preamble();
            text.extend(records.iter().map(Record::text));
            let header = match parse(&text, &options) {
                Ok(header) => header,
                Err(missing @ HeaderError::NoLibclang { .. }) => {
                    report.absent(&engine, &missing.to_string());
                    return;
                }
                Err(error) => {
                    report.outcome(&engine, "all", Err(error.to_string()));
                    continue;
                }
            };
            for record in records {
                let reason = header.reason(&record.spelled());
                // The value of the pragma shows in clang's layout alone.
                if record.pack.is_some() && reason.is_some_and(|why| why.key() == "unsupported") {
                    hidden += 1;
                    continue;
                }
                let outcome = read_as_built(record, &header, rules);
                let outcome = outcome.map_err(|why| format!("{why}\n{}", record.text()));
                report.outcome(&engine, &record.tag, outcome);
            }
        }
        let found = format!("{hidden} of {} with a pragma are refused", packs.len());
        report.note(format!("{engine}: {found}"));
        let few = hidden * 3 <= packs.len();
        report.outcome(
            "layout grid control",
            &engine,
            few.then_some(()).ok_or(found),
        );
    }
}

/// Whether `header` has the record with the layout that it has by `rules`, or none where there is none.
fn read_as_built(
    record: &Record,
    header: &Header,
    rules: Option<RecordRules>,
) -> Result<(), String> {
    let (gcc, clang) = (
        record.build(&LINUX.with_records(RecordRules::Gcc)),
        record.build(&LINUX.with_records(RecordRules::Clang)),
    );
    let expected = match (rules, gcc, clang) {
        // Without clang's layout there is nothing to hold what was read to.
        (_, _, Err(_)) | (_, Err(_), _) => None,
        (Some(RecordRules::Gcc), Ok(gcc), _) => Some(gcc),
        (Some(_), _, Ok(clang)) => Some(clang),
        (None, Ok(gcc), Ok(clang)) => same_layout(&gcc, &clang).then_some(clang),
    };
    let name = record.spelled();
    match (header.ty(&name), expected) {
        (Some(read), Some(built)) if same_layout(read, &built) => Ok(()),
        (Some(_), Some(_)) => Err("it is read with another layout".to_owned()),
        (None, None) => Ok(()),
        (Some(_), None) => Err("compilers differ, and it was read".to_owned()),
        (None, Some(_)) => Err(header
            .reason(&name)
            .map_or("it is missing".to_owned(), ToString::to_string)),
    }
}

/// Whether all that layout says about two declarations of a record is the same.
fn same_layout(a: &Type, b: &Type) -> bool {
    let places = |ty: &Type| {
        let fields = ty.as_record().map_or(&[][..], |record| record.fields());
        let counts = |field: &&cabi::Field| field.bit_field().is_none_or(|bits| bits.width != 0);
        let places = fields
            .iter()
            .filter(counts)
            .map(|field| field.offset_bits());
        places.collect::<Vec<_>>()
    };
    (a.size(), a.align(), places(a)) == (b.size(), b.align(), places(b))
}
