//! Transitions of argument assignment as signatures.
//!
//! Each state and shape has a function `f(arguments, VALUE, long, double, record in memory)`. The
//! arguments before the value make the state, those after it show the next state. Several drawn
//! types of the shape take turns as the value's type. The result is nothing, in a register, or in
//! memory, whose address takes a register too.

use std::collections::{BTreeMap, HashSet};

use cabi::VectorLevel;

use super::{Campaign, drawn};
use crate::build::{feature_flags, needs};
use crate::generate::{CRecord, CSignature, CType, Form};
use crate::signatures::subject;
use crate::states::{Measure, SYSV, Shape, Transition};
use crate::tally::Tally;
use crate::verify::{Compiler, VerifyError};

/// The transitions that one compiler shows, each with its signature.
#[derive(Debug)]
pub(super) struct Transitions {
    /// Shapes of its vector level that no type of it has.
    pub lacking: Vec<Shape>,
    /// Transitions without a type that shows them.
    pub without: Vec<Transition>,
    /// Transitions and signatures.
    pub all: Vec<(Transition, CSignature)>,
}

/// Returns the compiler and its variants with flags for wider vectors. The levels that this machine
/// or the compiler lacks follow, with the reason.
///
/// # Errors
/// [`VerifyError`] if a compiler cannot be run.
pub fn levels(compiler: Compiler) -> Result<(Vec<Compiler>, Vec<String>), VerifyError> {
    let (mut compilers, mut absent) = (vec![compiler], Vec::new());
    // Wider vectors that are passed by reference are like any record.
    let measure = Measure::of_target(&compilers[0].target(), compilers[0].ms_abi);
    let has_wider = std::ptr::eq(measure, &SYSV);
    for feature in ["avx", "avx512f"].into_iter().filter(|_| has_wider) {
        let base = &compilers[0];
        let flags = feature_flags(&[feature.to_owned()]);
        match Compiler::new(base.reference.with_flags(&flags), Some(base.policy)) {
            // The command may have the level itself.
            Ok(compiler) if compilers.iter().all(|one| one.level < compiler.level) => {
                let narrower = compilers.iter().map(|one| one.level).max();
                compilers.push(Compiler {
                    narrower,
                    ..compiler
                });
            }
            Ok(_) => {}
            Err(error @ (VerifyError::Machine { .. } | VerifyError::Reference(_))) => {
                absent.push(format!("{feature}: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((compilers, absent))
}

/// Suffix of the reason for which no transition of a shape is run.
pub const NO_TYPE: &str = ": this compiler has no type of this shape";

/// Signatures of a list after which another convention is recognized.
const SAMPLE: u64 = 400;

/// Checks whether more than half of a sample differs: a process ends at nearly each case of another
/// convention.
pub(super) fn is_another_convention(tally: &Tally) -> bool {
    let n_failed = tally.failures.len() as u64;
    tally.signatures >= SAMPLE && 2 * n_failed > tally.signatures
}

/// Notes the transitions that were not compared in both directions, and the shapes that no type
/// has.
pub(super) fn note_missed(lists: &[Transitions], tallies: &mut [Tally]) {
    for (tally, list) in tallies.iter_mut().zip(lists) {
        let transitions = (0..).zip(&list.all);
        let missed = transitions.filter(|(number, _)| !tally.settled.contains(number));
        let missed = missed.map(|(_, (transition, _))| transition);
        let missed: Vec<String> = missed
            .chain(&list.without)
            .map(ToString::to_string)
            .collect();
        tally.missed = match is_another_convention(tally) {
            true => vec![format!(
                "{} transitions: stopped, more than half of a sample differs",
                missed.len()
            )],
            false => missed,
        };
        for shape in &list.lacking {
            tally.not_run.insert(format!("{shape}{NO_TYPE}"), 1);
        }
    }
}

/// Returns the transitions that each compiler shows, if `plan` has a stride. A compiler with flags
/// for a wider vector level has only those of shapes that need this level.
pub(super) fn lists(plan: &Campaign, references: &[Compiler]) -> Vec<Transitions> {
    let compilers = plan.stride.iter().flat_map(|_| references);
    let of = |compiler| Transitions::of(compiler, plan.stride.unwrap_or(1));
    compilers.map(of).collect()
}

impl Transitions {
    /// Returns transitions of each shape that `compiler` has and the narrower compiler lacks. They
    /// start from every `stride`-th state that arguments can leave, beginning with another one for
    /// each shape.
    fn of(compiler: &Compiler, stride: usize) -> Self {
        let measure = Measure::of_target(&compiler.target(), compiler.ms_abi);
        let types = types_by_shape(compiler);
        let is_own = |shape: &Shape| {
            let level = level_of(shape);
            level <= compiler.level && compiler.narrower.is_none_or(|narrower| narrower < level)
        };
        let (mut all, mut without) = (Vec::new(), Vec::new());
        for (i, state) in measure.states().enumerate() {
            for (at, shape) in measure.shapes().enumerate() {
                let Some(of_shape) = types.get(shape).filter(|_| is_own(&shape)) else {
                    continue;
                };
                if !(i + at).is_multiple_of(stride.max(1)) {
                    continue;
                }
                let transition = Transition { state, shape };
                let shows = |turn| signature(compiler, measure, transition, (of_shape, turn));
                match (0..of_shape.len()).find_map(shows) {
                    Some(signature) => all.push((transition, signature)),
                    None => without.push(transition),
                }
            }
        }
        let lacking = measure.shapes().filter(is_own);
        Self {
            lacking: lacking.filter(|shape| !types.contains_key(shape)).collect(),
            without,
            all,
        }
    }
}

/// Returns the level of the vector registers that a shape needs.
fn level_of(shape: Shape) -> VectorLevel {
    match (shape.contains('Z'), shape.contains('W')) {
        (true, _) => VectorLevel::Avx512,
        (_, true) => VectorLevel::Avx,
        _ => VectorLevel::Baseline,
    }
}

/// Signatures whose types are tried.
const DRAWN: u64 = 384;

/// Returns vectors, a type that is drawn for few targets, and drawn types. Each is there once
/// alone, and once as the member of each kind of record and array.
fn types(compiler: &Compiler) -> impl Iterator<Item = CType> {
    // As in fuzz runs: on AArch64 compilers align wider ones to 16 bytes.
    let widest = match compiler.target().name().starts_with("x86_64") {
        true => 64,
        false => 16,
    };
    let bytes = [4, 8, 16, 32, 64].into_iter().filter(move |n| *n <= widest);
    let lanes = ["char", "float", "double", "_Float16", "__int128"];
    let vectors = bytes.flat_map(move |bytes| lanes.map(|lane| CType::Vector { lane, bytes }));
    let drawn = (0..DRAWN).flat_map(|number| {
        let mut drawn = drawn(compiler, 1, number);
        drawn.types_mut().map(|ty| ty.clone()).collect::<Vec<_>>()
    });
    let rare = ["__float128".into()];
    let mut before = HashSet::new();
    let bases = vectors.chain(rare).chain(drawn);
    let bases = bases.filter(move |ty| before.insert(ty.clone()));
    bases.flat_map(|ty| {
        let records = [
            (true, None, 0),
            (true, Some(16), 0),
            (true, Some(32), 0),
            (false, Some(64), 0),
            (false, None, 2),
            (false, None, 3),
            (false, None, 4),
        ];
        let record = |(packed, aligned, len)| CRecord {
            packed,
            aligned,
            ..CRecord::of([match len {
                0 => Form::plain(ty.clone()),
                len => Form::array(ty.clone(), &[len]),
            }])
        };
        let records = records.into_iter().map(|how| record(how).into());
        records.chain([ty.clone()]).collect::<Vec<_>>()
    })
}

/// Returns the types that `compiler` has, by their shapes.
fn types_by_shape(compiler: &Compiler) -> BTreeMap<Shape, Vec<CType>> {
    let mut by_shape: BTreeMap<Shape, Vec<CType>> = BTreeMap::new();
    for (number, ty) in types(compiler).enumerate() {
        let signature = CSignature {
            params: vec![ty.clone()],
            ms_abi: compiler.ms_abi,
            ..CSignature::default()
        };
        let Ok(subject) = subject(number, &signature, compiler) else {
            continue;
        };
        let lacks = |need| compiler.reference.has(need).is_err();
        if needs(&subject.block).into_iter().any(lacks) {
            continue;
        }
        let case = subject.cases.first();
        let transition = case.and_then(|case| Transition::of_argument(case, 0, compiler.policy));
        if let Some(Transition { shape, .. }) = transition {
            by_shape.entry(shape).or_default().push(ty);
        }
    }
    by_shape
}

/// Returns a value of `n` stack slots, passed in memory.
fn slots(n: u32) -> CType {
    CType::structure([Form::array("long".into(), &[n])])
}

/// Returns the signature that shows `transition` with the type whose turn it is; `None` if that
/// shows another one.
fn signature(
    compiler: &Compiler,
    measure: &Measure,
    transition: Transition,
    (types, turn): (&[CType], usize),
) -> Option<CSignature> {
    let (number, before) = measure.arguments_before(transition.state)?;
    let before = before.iter();
    let before = before.map(|&(name, len)| len.map_or(name.into(), slots));
    let mut params: Vec<CType> = before.collect();
    // The phase changes fastest. With the factor, each phase meets other types than it would with
    // the registers alone.
    let phase = usize::from(transition.state.phase);
    let first = number / usize::from(measure.n_phases) + 3 * phase;
    let ret = match (number / 3 + phase + turn) % 4 {
        // The address for it takes the register of a `long`.
        0 if measure.result_takes_register => {
            let at = params.iter().position(|ty| *ty == "long".into());
            at.map(|at| {
                params.remove(at);
                slots(10)
            })
        }
        0 => Some(slots(10)),
        1 => Some("long".into()),
        2 => Some("double".into()),
        _ => None,
    };
    let at = params.len();
    let value = types.get((first + turn) % types.len())?.clone();
    params.extend([value, "long".into(), "double".into(), slots(3)]);
    let signature = CSignature {
        ret,
        params,
        unnamed: None,
        ms_abi: compiler.ms_abi,
    };
    let subject = subject(0, &signature, compiler).ok()?;
    let case = subject.cases.first()?;
    let is_shown = Transition::of_argument(case, at, compiler.policy) == Some(transition);
    is_shown.then_some(signature)
}
