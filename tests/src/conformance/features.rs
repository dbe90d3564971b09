//! The types that are tried: one block of `tests/corpus/conformance` each, which declares it under the name `t`. A file is a group; what
//! a block `proves` is the line that describes the type.

use cabi::{DataModel, FnAbi, FnSig, Target, Type};
use cabi_verify::case::Subject;
use cabi_verify::corpus::{Block, CorpusError, CorpusFile, read_folder};
pub use cabi_verify::generate::argument_positions::N_POSITIONS;
use cabi_verify::generate::argument_positions::positions;

use crate::corpus::folder;

/// The name under which a block declares its type.
const TRIED: &str = "t";

/// The types of one file.
#[derive(Clone, Debug)]
pub struct Group {
    /// From the file's name.
    pub title: String,
    /// Its types.
    pub features: Vec<Feature>,
}

/// A type that is tried.
#[derive(Clone, Debug)]
pub struct Feature {
    /// The block that declares it.
    pub block: Block,
    /// The block with a function for each position, and the case of each, in their order; or why there is none.
    pub tried: Result<Subject, String>,
}

/// `3-bit-fields.abi` is about `Bit fields`.
fn title(file: &CorpusFile) -> String {
    let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
    let words = stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    let mut words = words.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// Reads all types as the target `triple` has them, in the order of the page.
///
/// # Errors
/// A file that is not in the format.
pub fn read_for(triple: &str) -> Result<Vec<Group>, String> {
    let files = read_folder(&folder().join("conformance")).map_err(|error| error.to_string())?;
    let feature = |mut block: Block| {
        triple.clone_into(&mut block.target);
        Feature {
            tried: tried(&block),
            block,
        }
    };
    let group = |file: CorpusFile| Group {
        title: title(&file),
        features: file.blocks.into_iter().map(feature).collect(),
    };
    Ok(files.into_iter().map(group).collect())
}

/// What the positions are called.
pub fn position_names() -> Result<Vec<String>, cabi::Error> {
    let sig = FnSig::new([Type::I64], Type::VOID);
    let abi = FnAbi::new(&sig, &Target::X86_64_LINUX)?;
    let positions = positions(("long", &Type::I64), &abi, None, &DataModel::LP64);
    Ok(positions.into_iter().map(|case| case.name).collect())
}

fn tried(block: &Block) -> Result<Subject, String> {
    let unread = |error: CorpusError| error.to_string();
    let alone = Subject::read(block).map_err(unread)?;
    let Some(ty) = alone.header.ty(TRIED) else {
        return Err(format!("{}: it declares no type `{TRIED}`", block.name));
    };
    let sig = FnSig::new([ty.clone()], Type::VOID);
    let abi = FnAbi::new(&sig, &alone.target);
    let abi = abi.map_err(|error| error.to_string())?;
    let mut block = block.clone();
    for case in positions((TRIED, ty), &abi, None, alone.target.data_model()) {
        block.code.push_str(&case.function.prototype());
        if case.prototype.variadic {
            block.unnamed = Some(case.unnamed_text.join(", "));
        }
    }
    Subject::read(&block).map_err(unread)
}
