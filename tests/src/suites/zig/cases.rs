//! The cases: of the corpus, vectors of bools, random ones.

use cabi::{BoolVector, DataModel, RecordBuilder, Type};
use cabi_verify::case::{Case, Subject};
use cabi_verify::corpus::CorpusFile;
use cabi_verify::generate::signature_for_zig;

/// A case with its text in C, where it has one.
#[derive(Clone)]
pub(crate) struct ZigCase {
    pub(crate) case: Case,
    pub(crate) code: String,
}

/// Every signature of `subjects`.
pub(crate) fn of_corpus(subjects: &[Subject]) -> Vec<ZigCase> {
    let all = subjects
        .iter()
        .filter(|subject| subject.target == cabi::Target::X86_64_LINUX)
        .flat_map(|subject| subject.cases.iter().map(move |case| (subject, case)));
    all.map(|(subject, case)| ZigCase {
        case: case.clone(),
        code: subject.block.code.clone(),
    })
    .collect()
}

/// Random signatures, of those libclang can read.
pub(crate) fn random(seed: u64, first: u64, count: u64) -> Vec<ZigCase> {
    let mut asked = Vec::new();
    for index in first..first + count {
        let name = format!("random-{seed}-{index}");
        let text = signature_for_zig(seed, index).block(&name, "psABI 3.2.3", &[]);
        if let Ok(mut subject) = read(&text) {
            let cases = subject.cases.drain(..);
            asked.extend(cases.map(|case| ZigCase {
                case,
                code: text.clone(),
            }));
        }
    }
    asked
}

fn read(text: &str) -> Result<Subject, String> {
    let file = CorpusFile::parse("zig.abi".as_ref(), text).map_err(|error| error.to_string())?;
    let block = file.blocks.first().ok_or("no block")?;
    Subject::read(block).map_err(|error| error.to_string())
}

const LANES: [u16; 8] = [1, 8, 17, 32, 64, 65, 100, 128];

/// Integers before the vector: from all registers free to none.
const BEFORE: [usize; 5] = [0, 1, 4, 6, 8];

/// Vectors of bools, which C's text cannot say: as arguments, with integers before and a double and a pointer after, as results, in a record, twice.
///
/// # Errors
/// A message, without libclang.
pub(crate) fn bool_vectors() -> Result<Vec<ZigCase>, String> {
    let subject = read("== f\nproves: Zig\nlong f(void);\n")?;
    let base = subject.cases.first().ok_or("no case")?;
    let mut asked = Vec::new();
    let mut add = |name: String, params: Vec<Type>, ret: Type| {
        let mut case = base.clone();
        case.name = name;
        case.prototype.params = params.into_iter().map(|ty| (None, ty)).collect();
        case.prototype.ret = ret;
        asked.push(ZigCase {
            case,
            code: String::new(),
        });
    };
    let error = |error: cabi::Error| error.to_string();
    for lanes in LANES {
        let vector = Type::bool_vector(lanes, BoolVector::Zig).map_err(error)?;
        for before in BEFORE {
            let params = std::iter::repeat_n(Type::U64, before);
            let params = params.chain([vector.clone(), Type::F64, Type::PTR]);
            add(
                format!("bools-{lanes}-after-{before}"),
                params.collect(),
                Type::U64,
            );
        }
        add(
            format!("bools-{lanes}-returned"),
            vec![Type::I32],
            vector.clone(),
        );
        add(
            format!("bools-{lanes}-twice"),
            vec![vector.clone(), Type::I8, vector.clone(), Type::I16],
            Type::VOID,
        );
        let record = RecordBuilder::structure("s")
            .field("v", vector)
            .field("n", Type::I8);
        let record = record.build(&DataModel::LP64).map_err(error)?;
        add(
            format!("bools-{lanes}-in-record"),
            vec![Type::I64, record.clone()],
            record,
        );
    }
    Ok(asked)
}
