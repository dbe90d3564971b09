//! The functions of a drive as C text, many to a sheet, and as cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cabi::{Policy, VectorLevel};

use super::types::{FILLERS, FRAME, TYPES};
use super::{Drive, Level};
use crate::automaton::{Shape, Transition};
use crate::case::{Case, Subject};
use crate::corpus::{Block, DEFAULT_TARGET};
use crate::verify::VerifyError;

/// So many functions share a file.
const SHEET: usize = 240;

/// A function that shows a transition.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) transition: Transition,
    /// How many types were tried before.
    pub(super) turn: usize,
    /// The value's type.
    number: usize,
    /// The level's number in the drive.
    level: usize,
}

/// Functions of one level that share a file.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) level: usize,
    pub(super) functions: Vec<Function>,
    pub(super) subject: Subject,
}

impl Function {
    /// The function that shows `transition` with the type whose turn it is; `None` if all had theirs.
    pub(super) fn new(drive: &Drive, transition: Transition, turn: usize) -> Option<Self> {
        let level = drive.level_of(transition.shape)?;
        let numbers = drive.levels().nth(level)?.shapes.get(&transition.shape)?;
        if turn >= numbers.len() {
            return None;
        }
        // Phases, which change fastest, meet other types than registers do.
        let first = transition.state.number() / 8 + 3 * usize::from(transition.state.phase);
        Some(Self {
            transition,
            turn,
            number: *numbers.get((first + turn) % numbers.len())?,
            level,
        })
    }

    /// The declaration of the value's type.
    pub(super) fn ty(&self) -> String {
        typedef(self.number).trim_end().to_owned()
    }

    /// The result's type, and how many integer registers the address for it takes.
    fn result(&self) -> (&'static str, u8) {
        let state = self.transition.state;
        match (state.number() / 3 + self.number) % 4 {
            0 if state.gp < 6 => ("two", 1),
            1 => ("long", 0),
            2 => ("double", 0),
            _ => ("void", 0),
        }
    }

    /// The index of the value among the parameters.
    pub(super) fn value_index(&self) -> usize {
        let state = self.transition.state;
        usize::from(6 - state.gp - self.result().1)
            + usize::from(8 - state.sse)
            + usize::from(state.phase > 0)
    }

    /// Its declaration under `name`.
    fn declaration(&self, name: &str) -> String {
        let state = self.transition.state;
        let (result, taken) = self.result();
        let mut params = vec!["long".to_owned(); usize::from(6 - state.gp - taken)];
        params.extend(vec!["double".to_owned(); usize::from(8 - state.sse)]);
        let filler = usize::from(state.phase).checked_sub(1);
        params.extend(
            filler
                .and_then(|at| FILLERS.get(at))
                .map(|name| (*name).to_owned()),
        );
        params.extend([format!("t{}", self.number), "long".to_owned()]);
        params.extend(["double".to_owned(), "behind".to_owned()]);
        format!("{result} {name}({});\n", params.join(", "))
    }
}

/// The typedef of type `number`.
pub(super) fn typedef(number: usize) -> String {
    let text = TYPES.get(number).copied().unwrap_or("int @");
    format!("typedef {};\n", text.replace('@', &format!("t{number}")))
}

/// The corpus feature that is the level of a compiler.
pub(super) fn feature_of(level: VectorLevel) -> Option<&'static str> {
    match level {
        VectorLevel::Baseline => None,
        VectorLevel::Avx => Some("avx"),
        VectorLevel::Avx512 => Some("avx512f"),
    }
}

/// The shapes of types; those outside of the measure are left out.
pub(super) fn shapes(
    numbers: &[usize],
    features: &[String],
    policy: Policy,
) -> Result<Vec<(usize, Shape)>, VerifyError> {
    let mut code: String = numbers.iter().map(|number| typedef(*number)).collect();
    for number in numbers {
        let _ = writeln!(code, "void f{number}(t{number});");
    }
    let subject = read(code, features)?;
    let mut shapes = Vec::new();
    for (number, case) in numbers.iter().zip(&subject.cases) {
        let ty = case.prototype.params.first().map(|(_, ty)| ty);
        let shape = ty.and_then(|ty| Shape::of(ty, false, case, policy).ok().flatten());
        shapes.extend(shape.map(|shape| (*number, shape)));
    }
    Ok(shapes)
}

/// All functions on sheets, each level on its own.
pub(super) fn sheets(drive: &Drive, functions: Vec<Function>) -> Result<Vec<Sheet>, VerifyError> {
    let mut levels: BTreeMap<usize, Vec<Function>> = BTreeMap::new();
    for function in functions {
        levels.entry(function.level).or_default().push(function);
    }
    let mut sheets = Vec::new();
    for (level, functions) in levels {
        for functions in functions.chunks(SHEET) {
            let features = drive
                .levels()
                .nth(level)
                .map(|level: &Level| level.features.as_slice());
            sheets.push(Sheet {
                level,
                subject: sheet(functions, features.unwrap_or_default())?,
                functions: functions.to_vec(),
            });
        }
    }
    Ok(sheets)
}

fn sheet(functions: &[Function], features: &[String]) -> Result<Subject, VerifyError> {
    let mut numbers: Vec<usize> = functions.iter().map(|function| function.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let typedefs: String = numbers.into_iter().map(typedef).collect();
    let mut code = format!("{FRAME}{typedefs}");
    for (i, function) in functions.iter().enumerate() {
        code.push_str(&function.declaration(&format!("f{i}")));
    }
    let mut subject = read(code, features)?;
    for (case, function) in subject.cases.iter_mut().zip(functions) {
        name(case, function);
    }
    Ok(subject)
}

fn name(case: &mut Case, function: &Function) {
    case.name = function.transition.to_string();
}

fn read(code: String, features: &[String]) -> Result<Subject, VerifyError> {
    let mut block = Block::default();
    block.name = "exhaustive".to_owned();
    block.file = "exhaustive.abi".into();
    block.target = DEFAULT_TARGET.to_owned();
    block.features = features.to_vec();
    block.code = code;
    Subject::read(&block).map_err(VerifyError::Case)
}
