//! Types in every position of an argument and a result: a block of `tests/corpus/positions`
//! declares each under the name `t`.

use cabi::{FnAbi, FnSig, Target, Type};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{Block, read_folder};
use cabi_verify::generate::argument_positions::positions;
use cabi_verify::threads::{at_once, in_threads};

use crate::corpus::folder;
use crate::suite::{Result, Suite};

/// The name under which a block declares its type.
const NAME: &str = "t";

/// Returns each type that has a place on x86-64 Linux, with a function for each position. The
/// report says which have none.
pub(crate) fn subjects(engine: &str, suite: &mut Suite) -> Result<Vec<Subject>> {
    let mut blocks = read_folder(&folder().join("positions"))?;
    for block in &mut blocks {
        Target::X86_64_LINUX.name().clone_into(&mut block.target);
    }
    let read = |block: &Block| in_positions(block.clone()).map_err(|why| why.to_string());
    let mut subjects = Vec::new();
    for (block, read) in blocks
        .iter()
        .zip(in_threads(&blocks, at_once(), read, |_| ()))
    {
        match read? {
            Ok(subject) => subjects.push(subject),
            Err(why) => suite.report.not_run(engine, &block.name, &why.to_string()),
        }
    }
    Ok(subjects)
}

/// Returns the block with a function for each position, or why the type has no place.
fn in_positions(mut block: Block) -> Result<std::result::Result<Subject, cabi::Error>> {
    let alone = Subject::read(&block)?;
    let ty = alone.header.ty(NAME);
    let ty = ty.ok_or_else(|| format!("{}: the block declares no type `{NAME}`", block.name))?;
    let sig = FnSig::new([ty.clone()], Type::VOID);
    let abi = match FnAbi::new(&sig, &alone.target) {
        Ok(abi) => abi,
        Err(why) => return Ok(Err(why)),
    };
    for case in positions((NAME, ty), &abi, None, alone.target.data_model()) {
        block.code.push_str(&case.declaration());
        if case.prototype.variadic {
            block.unnamed = Some(case.unnamed_text.join(", "));
        }
    }
    Ok(Ok(Subject::read(&block)?))
}
