//! The cases beside those of the corpus: vectors of bools, random ones.

use cabi::{BoolVector, DataModel, RecordBuilder, Type};
use cabi_verify::case::Subject;
use cabi_verify::corpus::CorpusFile;
use cabi_verify::generate::signature_for_zig;

/// Random signatures, of those libclang can read.
pub(crate) fn random(seed: u64, first: u64, count: u64) -> Vec<Subject> {
    let one = |index| {
        let name = format!("random-{seed}-{index}");
        read(&signature_for_zig(seed, index).block(&name, "psABI 3.2.3", &[])).ok()
    };
    (first..first + count).filter_map(one).collect()
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
pub(crate) fn bool_vectors() -> Result<Vec<Subject>, String> {
    let mut base = read("== f\nproves: Zig\nlong f(void);\n")?;
    base.block.code.clear();
    let mut asked = Vec::new();
    let mut add = |name: String, params: Vec<Type>, ret: Type| {
        let mut subject = base.clone();
        for case in &mut subject.cases {
            case.name.clone_from(&name);
            case.prototype.params = params.iter().map(|ty| (None, ty.clone())).collect();
            case.prototype.ret = ret.clone();
        }
        asked.push(subject);
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
