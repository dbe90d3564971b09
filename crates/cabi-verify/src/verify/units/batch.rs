//! Cases that share a file, compiled: by C compilers, or by Zig.

use std::sync::OnceLock;

use super::{CompiledBatch, Turn};
use crate::build::zig::ZigNumber;
use crate::build::{Bisection, Built, ReferenceError, Unit};
use crate::case::{Case, SubjectCase};
use crate::threads::in_threads;
use crate::verify::{Compiler, Progress, RunStep, VerifyError, check_interrupt};

/// Cases whose C sides share one file.
#[derive(Clone)]
pub struct Batch<'a> {
    /// The index of the part that its cases are of.
    pub part: usize,
    /// Their compiler.
    pub compiler: &'a Compiler,
    /// The file that it compiles.
    pub unit: Unit<'a>,
    /// `true` if the compiler's sizes and offsets are ours. Otherwise its own two sides are not
    /// asked whether they agree about our bytes.
    pub same_layout: bool,
    /// Turns our side of its calls.
    pub turn: Turn,
}

/// Cases of a batch that failed for one reason: usually a single one, which the compiler refuses.
#[derive(Debug)]
pub struct RefusedCases<'a> {
    /// The index of the part that they are of.
    pub part: usize,
    /// The cases.
    pub cases: Vec<&'a Case>,
    /// The compiler's words.
    pub why: ReferenceError,
}

/// Compiles the units of all batches, up to `at_once` compilers at a time. The results stand in the
/// order of the batches.
///
/// # Errors
/// [`VerifyError::Interrupted`]; [`VerifyError::Reference`] if a compiler cannot be asked: the disk
/// is full, it hangs.
pub fn compile<'a>(
    batches: &[Batch<'a>],
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<CompiledBatch>, Vec<RefusedCases<'a>>), VerifyError> {
    progress(RunStep::Compile, 0, batches.len());
    let told = |done| progress(RunStep::Compile, done, batches.len());
    let compiled = in_threads(batches, at_once, Batch::compile, told);
    check_interrupt()?;
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for (batch, compiled) in batches.iter().zip(compiled) {
        let (compiled, missing, layout) = compiled?;
        let of = |at: &usize| batch.unit.cases.get(*at).map(|(_, case)| *case);
        let own = compiled.refused.into_iter().map(|own| RefusedCases {
            part: batch.part,
            cases: own.cases.iter().filter_map(of).collect(),
            why: own.why,
        });
        refused.extend(own);
        if let Some(built) = compiled.built {
            all.push(CompiledBatch {
                part: batch.part,
                cases: batch.named(&compiled.cases),
                turn: batch.turn,
                missing,
                layout,
                policy: batch.compiler.policy,
                same_layout: batch.same_layout,
                built,
                compiler: batch.compiler.clone(),
                seen: OnceLock::new(),
            });
        }
    }
    Ok((all, refused))
}

/// The two sides of the cases of a batch; which are missing, and what is said of their layouts, as
/// [`CompiledBatch`] has it.
type Sides = (Bisection<Built>, Vec<[Option<String>; 2]>, Vec<ZigNumber>);

impl Batch<'_> {
    fn compile(&self) -> Result<Sides, ReferenceError> {
        let Some((zig, mode)) = &self.compiler.zig else {
            return Ok((self.unit.compile()?, Vec::new(), Vec::new()));
        };
        let all = self.unit.all();
        let compiled = zig.compile(&self.compiler.reference, *mode, &self.named(&all))?;
        let parts = Bisection {
            built: Some(compiled.built),
            cases: all,
            refused: Vec::new(),
        };
        Ok((parts, compiled.missing, compiled.layout))
    }

    /// The cases with these indices, under the names that they have in the code, at the compiler's
    /// vector level.
    fn named(&self, chosen: &[usize]) -> Vec<Case> {
        let cases = &self.unit.cases;
        let named = |&at: &usize| {
            let (subject, case) = cases[at];
            let mut case = case.clone();
            case.function.name = match self.compiler.zig {
                None => self.unit.symbol(at),
                // Functions of one block keep their order by name, on which it depends which of two
                // Zig's optimizer merges.
                Some(_) => {
                    let is_own = |(other, _): &SubjectCase<'_>| std::ptr::eq(*other, subject);
                    let first = cases.iter().position(is_own);
                    format!("c{}_{}", first.unwrap_or(at), case.function.name)
                }
            };
            let level = self.compiler.level.max(case.vectors);
            case.at_level(level)
        };
        chosen.iter().map(named).collect()
    }
}
