//! The types that are tried: one block of `tests/corpus/conformance` each, which declares it under the name `t`. A file is a group; what
//! a block `proves` is the line that describes the type.

use cabi::{FnAbi, FnSig, Target, Type, VectorLevel};
use cabi_verify::case::{Case, CaseError, Subject};
use cabi_verify::corpus::{Block, CorpusFile, read_folder};
use cabi_verify::emit::c;
use cabi_verify::generate::argument_positions::{Position, Slot, positions};

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
    /// The block with a function for each position, and the case of each; or why there is none.
    pub tried: Result<Tried, Untried>,
}

/// Why a type cannot be tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Untried {
    /// Nobody reads it.
    Unread(String),
    /// The convention has no place for it.
    NoPlace(String),
}

/// A type in every position.
#[derive(Clone, Debug)]
pub struct Tried {
    /// One case per position, in their order.
    pub subject: Subject,
    /// The positions.
    pub positions: Vec<Position>,
}

/// The blocks of each group with its title, in the order of the page.
///
/// # Errors
/// A file that is not in the format.
pub fn blocks() -> Result<Vec<(String, Vec<Block>)>, String> {
    let files = read_folder(&folder().join("conformance")).map_err(|error| error.to_string())?;
    Ok(files
        .into_iter()
        .map(|file| (title(&file), file.blocks))
        .collect())
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

/// Reads all types.
///
/// # Errors
/// A file that is not in the format.
pub fn read() -> Result<Vec<Group>, String> {
    let feature = |block: Block| Feature {
        tried: tried(&block),
        block,
    };
    let group = |(title, blocks): (String, Vec<Block>)| Group {
        title,
        features: blocks.into_iter().map(feature).collect(),
    };
    Ok(blocks()?.into_iter().map(group).collect())
}

/// What the positions are called.
#[must_use]
pub fn position_names(groups: &[Group]) -> Vec<&'static str> {
    let mut features = groups.iter().flat_map(|group| &group.features);
    let tried = features.find_map(|feature| feature.tried.as_ref().ok());
    let positions = tried.map(|tried| tried.positions.as_slice());
    let positions = positions.unwrap_or_default();
    positions.iter().map(|position| position.name).collect()
}

fn tried(block: &Block) -> Result<Tried, Untried> {
    let unread = |error: CaseError| Untried::Unread(error.to_string());
    let alone = Subject::read(block).map_err(unread)?;
    let Some(ty) = alone.header.ty(TRIED) else {
        let why = format!("{}: it declares no type `{TRIED}`", block.name);
        return Err(Untried::Unread(why));
    };
    let sig = FnSig::new([ty.clone()], Type::VOID);
    let abi = FnAbi::new(&sig, &Target::X86_64_LINUX);
    let abi = abi.map_err(|error| Untried::NoPlace(error.to_string()))?;
    let positions = positions(&abi).to_vec();
    let mut block = block.clone();
    for (i, position) in positions.iter().enumerate() {
        let (result, list) = (result(position, ""), list(position, ""));
        block
            .code
            .push_str(&format!("{result} {};\n", call(i, "", &list)));
        if !position.unnamed.is_empty() {
            block.unnamed = Some(texts(&position.unnamed, "").join(", "));
        }
    }
    let subject = Subject::read(&block).map_err(unread)?;
    Ok(Tried { subject, positions })
}

fn call(i: usize, prefix: &str, list: &str) -> String {
    format!("{prefix}p{i}({list})")
}

fn texts(slots: &[Slot], prefix: &str) -> Vec<String> {
    let tried = format!("{prefix}{TRIED}");
    slots.iter().map(|slot| slot.text(&tried)).collect()
}

fn result(position: &Position, prefix: &str) -> String {
    if position.returned {
        format!("{prefix}{TRIED}")
    } else {
        "void".to_owned()
    }
}

fn list(position: &Position, prefix: &str) -> String {
    let mut list = texts(&position.params, prefix);
    if !position.unnamed.is_empty() {
        list.push("...".to_owned());
    } else if list.is_empty() {
        list.push("void".to_owned());
    }
    list.join(", ")
}

impl Tried {
    /// The vector level of its signatures.
    #[must_use]
    pub fn level(&self) -> VectorLevel {
        let first = self.subject.cases.first();
        first.map_or(VectorLevel::Baseline, |case| case.vectors)
    }

    /// The declarations with `prefix` before every name, so that many types share a file, and the cases in these words.
    #[must_use]
    pub fn under(&self, prefix: &str) -> (String, Vec<Case>) {
        let rename = |(case, position): (&Case, &Position)| {
            let mut case = case.clone();
            case.function.name.insert_str(0, prefix);
            case.function.result = result(position, prefix);
            case.function.list = list(position, prefix);
            case.function.params = texts(&position.params, prefix);
            case.unnamed_text = texts(&position.unnamed, prefix);
            case
        };
        let cases = self.subject.cases.iter().zip(&self.positions).map(rename);
        (c::scoped(&self.subject, prefix, ""), cases.collect())
    }
}

impl Feature {
    /// The declaration in one line; without the words around it where it is one typedef.
    #[must_use]
    pub fn declaration(block: &Block) -> String {
        let line = block.code.split_whitespace().collect::<Vec<_>>().join(" ");
        let inner = line.strip_prefix("typedef ");
        let inner = inner.and_then(|rest| rest.strip_suffix("t;"));
        match inner {
            Some(inner) if !inner.contains("typedef ") && inner.ends_with([' ', '*']) => {
                inner.trim_end().to_owned()
            }
            _ => line,
        }
    }
}
