//! Random signatures that share one translation unit: their types as `cabi` builds them, and the verdicts on those that it refuses.
//!
//! The names of signature `i` start with `r<i>_`, and a compiler takes its lines for those of a file `r<i>`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{Error, Policy, RecordRules, Target};

use super::Compared;
use crate::build::{Reference, Unit};
use crate::case::{Entry, Subject};
use crate::emit::c::Values;
use crate::generate::Signature;
use crate::verdict::Verdict;
use crate::verify::Compiler;

/// The types and the case of a signature, whose names start with `r<index>_`. An error is the verdict on what `cabi` refuses.
pub fn subject(
    index: usize,
    signature: &Signature,
    compiler: &Compiler,
) -> Result<Subject, Verdict> {
    let name = format!("r{index}");
    let target = compiler.target();
    let mut model = *target.data_model();
    if target != Target::X86_64_LINUX
        && compiler.policy == Policy::CLANG
        && model.records == RecordRules::Gcc
    {
        model = model.with_records(RecordRules::Clang);
    }
    let declared = signature.declared(&format!("{name}_"), &model);
    let placed = declared.case(&name, compiler.level).and_then(|mut case| {
        case.target = target;
        case.abi_under(compiler.policy)?;
        Ok(case)
    });
    let case = placed.map_err(|error| by_cabi(&error, compiler))?;
    let code = declared.types.clone() + &declared.prototype();
    let (named, cases) = (declared.named, vec![case]);
    Ok(Subject::of_cases(&name, code, named, &[], cases))
}

/// Signatures of a unit, each with one case: those that are still to be tried, and what became of the others.
pub(super) struct Signatures(pub(super) Vec<Result<Subject, Box<Compared>>>);

impl Signatures {
    /// Builds the types of `signatures` for `compiler`.
    pub(super) fn build(signatures: &[Signature], compiler: &Compiler) -> Self {
        let one = |(i, signature): (usize, &Signature)| {
            let panicked = |_| Err(Verdict::Differs("panic: while it was classified".into()));
            let built = catch_unwind(AssertUnwindSafe(|| subject(i, signature, compiler)));
            let built = built.unwrap_or_else(panicked);
            built.map_err(|verdict| Box::new(verdict.into()))
        };
        Self(signatures.iter().enumerate().map(one).collect())
    }

    /// Those that are still to be tried, with their places among all.
    pub(super) fn left(&self) -> impl Iterator<Item = (usize, &Subject)> {
        let all = self.0.iter().enumerate();
        all.filter_map(|(i, one)| Some((i, one.as_ref().ok()?)))
    }

    /// What became of signature `i`.
    pub(super) fn decide(&mut self, i: usize, compared: impl Into<Compared>) {
        if let Some(place) = self.0.get_mut(i) {
            *place = Err(Box::new(compared.into()));
        }
    }

    /// Those with these places among the ones left.
    pub(super) fn chosen(&self, places: &[usize]) -> Vec<(usize, &Subject)> {
        let left: Vec<_> = self.left().collect();
        let chosen = places.iter().filter_map(|at| left.get(*at));
        chosen.copied().collect()
    }

    /// Both sides of every one that is left, and `layouts`, a text about the types of those that are in the file.
    pub(super) fn unit<'a>(
        &'a self,
        reference: &'a Reference,
        optimize: Option<&'a str>,
        layouts: &'a (dyn Fn(&[usize]) -> String + Sync),
    ) -> Unit<'a> {
        let entry = |(_, one): (usize, &'a Subject)| Some((one, one.cases.first()?));
        let entries: Vec<Entry<'a>> = self.left().filter_map(entry).collect();
        let mut unit = Unit::of_entries(reference, "-w", &entries);
        // What is not asked about need not be made. See `emit/c/sides.rs` for aliasing.
        let flags = [
            "-fno-asynchronous-unwind-tables",
            "-Wno-psabi",
            "-fno-strict-aliasing",
        ];
        unit.flags.extend(flags.into_iter().chain(optimize));
        unit.values = Values::ThroughLvalues;
        unit.more = Some(layouts);
        unit
    }
}

/// The signature that a file's name stands for.
pub(super) fn signature_of(file: &str) -> Option<usize> {
    file.strip_prefix('r')?.parse().ok()
}

/// What `cabi` is known to refuse of what is drawn has errors of its own. Any other refusal hides something.
/// On other targets than x86-64 Linux it refuses by name what nobody has compared, which is counted.
fn by_cabi(why: &Error, compiler: &Compiler) -> Verdict {
    let is_known = matches!(why, Error::NoKnownRule { .. } | Error::InvalidAtomic { .. });
    if is_known || compiler.target() != Target::X86_64_LINUX {
        return Verdict::NotRun(format!("cabi: {why}"));
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}
