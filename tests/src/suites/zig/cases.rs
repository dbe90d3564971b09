//! The cases beside those of the corpus: vectors of bools, random ones.

use cabi::{BoolVector, DataModel, Error, RecordBuilder, Type};
use cabi_verify::case::{Case, Subject};
use cabi_verify::generate::signature_for_zig;
use cabi_verify::threads::{at_once, in_threads};

/// Draws random signatures, of those libclang can read.
pub(crate) fn random(seed: u64, first: u64, count: u64) -> Vec<Subject> {
    let one = |index: &u64| {
        let index = *index;
        let name = format!("random-{seed}-{index}");
        Subject::parse(&signature_for_zig(seed, index).block(&name, "psABI 3.2.3", &[])).ok()
    };
    let all: Vec<u64> = (first..first + count).collect();
    let read = in_threads(&all, at_once(), one, |_| ());
    read.into_iter().flatten().collect()
}

/// More of them are passed lane by lane: `tests/tests/zig_bools.rs`.
const LANES: [u16; 5] = [1, 8, 17, 32, 64];

/// Integers before the vector: from all registers free to none.
const BEFORE: [usize; 5] = [0, 1, 4, 6, 8];

/// Returns vectors of bools, which C's text cannot express. They are arguments (with integers
/// before, and a double and a pointer after), results, members of a record, and two arguments of a
/// function.
pub(crate) fn bool_vectors() -> Result<Vec<Subject>, Error> {
    let mut subjects = Vec::new();
    let mut add = |name: String, params: Vec<Type>, ret: &Type| {
        let cases = vec![case(name.clone(), params, ret.clone())];
        subjects.push(Subject::of_cases(&name, cases));
    };
    for lanes in LANES {
        let vector = &Type::bool_vector(lanes, BoolVector::Zig)?;
        for before in BEFORE {
            let mut params = vec![Type::U64; before];
            params.extend([vector.clone(), Type::F64, Type::PTR]);
            add(format!("bools-{lanes}-after-{before}"), params, &Type::U64);
        }
        add(format!("bools-{lanes}-returned"), vec![Type::I32], vector);
        let params = vec![vector.clone(), Type::I8, vector.clone(), Type::I16];
        add(format!("bools-{lanes}-twice"), params, &Type::VOID);
        let record = RecordBuilder::structure("s").field("v", vector.clone());
        let record = record.field("n", Type::I8).build(&DataModel::LP64)?;
        let params = vec![Type::I64, record.clone()];
        add(format!("bools-{lanes}-in-record"), params, &record);
    }
    Ok(subjects)
}

/// Returns a function of these types, of which there is no text.
pub(crate) fn case(name: String, params: Vec<Type>, ret: Type) -> Case {
    let untold = |ty| (String::new(), ty);
    let params = params.into_iter().map(untold).collect();
    Case::of_spelled((&name, "f"), None, untold(ret), params, None)
}
