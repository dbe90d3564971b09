//! Types in every position of an argument and a result: a block of `tests/corpus/positions` declares each under the name `t`.

use cabi::{FnAbi, FnSig, Type};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{Block, CorpusError, read_folder};
use cabi_verify::generate::argument_positions::positions;

use crate::corpus::folder;
use crate::suite::Result;

/// The name under which a block declares its type.
const NAME: &str = "t";

/// Returns each type that has a place on the target `triple`, with a function for each position.
pub(crate) fn subjects(triple: &str) -> Result<Vec<Subject>> {
    let mut all = Vec::new();
    for file in read_folder(&folder().join("positions"))? {
        for mut block in file.blocks {
            triple.clone_into(&mut block.target);
            all.extend(in_positions(block)?);
        }
    }
    Ok(all)
}

fn in_positions(mut block: Block) -> Result<Option<Subject>, CorpusError> {
    let alone = Subject::read(&block)?;
    let Some(ty) = alone.header.ty(NAME) else {
        return Ok(None);
    };
    let sig = FnSig::new([ty.clone()], Type::VOID);
    let Ok(abi) = FnAbi::new(&sig, &alone.target) else {
        return Ok(None);
    };
    for case in positions((NAME, ty), &abi, None, alone.target.data_model()) {
        block.code.push_str(&case.function.prototype());
        if case.prototype.variadic {
            block.unnamed = Some(case.unnamed_text.join(", "));
        }
    }
    Subject::read(&block).map(Some)
}
