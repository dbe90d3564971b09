//! Cases that share a file, compiled by a C compiler, or by Zig.

use std::fmt::Write as _;
use std::sync::OnceLock;

use cabi::VectorLevel;

use super::{CompiledUnit, Turn};
use crate::build::Rejection;
use crate::build::bisect::{build_without_refused, rejected_files};
use crate::build::{ReferenceError, feature_flags};
use crate::case::{Case, Subject, SubjectCase};
use crate::emit::c::{self, FRAME, TRUNCATION, VISIBLE};
use crate::threads::in_threads;
use crate::verify::{Compiler, Progress, RunStep, VerifyError, check_interrupt};

/// Cases whose sides share one file.
#[derive(Clone)]
pub struct Unit<'a> {
    /// The index of the part that its cases are of.
    pub part: usize,
    /// Its compiler.
    pub compiler: &'a Compiler,
    /// Flags after the compiler's own. Zig's mode has its own.
    pub flags: Vec<&'a str>,
    /// Declarations that all cases need; without them each case has the text of its subject, under
    /// names of its own.
    pub declarations: Option<&'a str>,
    /// The cases. Functions after common declarations have different names.
    pub cases: Vec<SubjectCase<'a>>,
    /// `true` if the compiler's sizes and offsets are ours. Otherwise its own two sides are not
    /// compared about our bytes.
    pub same_layout: bool,
    /// Turns our side of its calls.
    pub turn: Turn,
}

/// Cases of a unit that failed for one reason: usually a single one, which the compiler refuses.
#[derive(Debug)]
pub struct RefusedCases<'a> {
    /// The index of the part that they are of.
    pub part: usize,
    /// The cases.
    pub cases: Vec<&'a Case>,
    /// The compiler's words.
    pub why: ReferenceError,
}

/// Compiles all units, up to `at_once` compilers at a time. The results stand in the order of the
/// units.
///
/// # Errors
/// [`VerifyError::Interrupted`]; [`VerifyError::Reference`] if a compiler cannot be run: the disk
/// is full, it hangs.
pub fn compile<'a>(
    units: &[Unit<'a>],
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<CompiledUnit>, Vec<RefusedCases<'a>>), VerifyError> {
    progress(RunStep::Compile, 0, units.len());
    let report = |done| progress(RunStep::Compile, done, units.len());
    let compiled = in_threads(units, at_once, Unit::compile, report);
    check_interrupt()?;
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    for (unit, compiled) in units.iter().zip(compiled) {
        let (compiled, rejections) = compiled?;
        let of = |at: &usize| unit.cases.get(*at).map(|(_, case)| *case);
        refused.extend(rejections.into_iter().map(|rejection| RefusedCases {
            part: unit.part,
            cases: rejection.cases.iter().filter_map(of).collect(),
            why: rejection.why,
        }));
        all.extend(compiled);
    }
    Ok((all, refused))
}

impl<'a> Unit<'a> {
    /// Makes a unit of cases of one vector level, each with the text of its subject.
    pub fn new(part: usize, compiler: &'a Compiler, cases: Vec<SubjectCase<'a>>) -> Self {
        let mut flags = Vec::new();
        if let Some((subject, case)) = cases.first()
            && case.vectors != VectorLevel::Baseline
        {
            flags.extend(feature_flags(&subject.block.features));
        }
        Self {
            part,
            compiler,
            flags,
            declarations: None,
            cases,
            same_layout: true,
            turn: Turn::of(part),
        }
    }

    /// Compiles it without the cases that are refused, which it returns too.
    fn compile(&self) -> Result<(Option<CompiledUnit>, Vec<Rejection>), ReferenceError> {
        let all: Vec<usize> = (0..self.cases.len()).collect();
        let unit_of = |built, cases: &[usize], missing, layout| CompiledUnit {
            part: self.part,
            cases: self.named(cases),
            turn: self.turn,
            missing,
            layout,
            policy: self.compiler.policy,
            same_layout: self.same_layout,
            built,
            compiler: self.compiler.clone(),
            seen: OnceLock::new(),
        };
        if let Some((zig, mode)) = &self.compiler.zig {
            let unit = zig.compile(&self.compiler.reference, *mode, &self.named(&all))?;
            let unit = unit_of(unit.built, &all, unit.missing, unit.layout);
            return Ok((Some(unit), Vec::new()));
        }
        let build = |chosen: &[usize]| {
            let text = self.text(chosen);
            let flags = [&["-fno-lto"], &self.flags[..]].concat();
            self.compiler.reference.build_visible(&text, &flags)
        };
        let blame = |error: &ReferenceError, chosen: &[usize]| {
            rejected_files(error, chosen, |at| self.file(at))
        };
        let parts = build_without_refused(all, build, blame)?;
        let unit = parts
            .built
            .map(|built| unit_of(built, &parts.cases, Vec::new(), Vec::new()));
        Ok((unit, parts.refused))
    }

    /// Returns the cases with these indices, under the names that they have in the code, at the
    /// compiler's vector level.
    fn named(&self, chosen: &[usize]) -> Vec<Case> {
        let case_of = |&at: &usize| {
            let (subject, case) = self.cases[at];
            let mut case = case.clone();
            case.prototype.name = match self.compiler.zig {
                None => self.prefix(at) + &case.prototype.name,
                // Functions of one block keep their order by name, which decides which of two
                // functions Zig's optimizer merges.
                Some(_) => {
                    let is_own = |(other, _): &SubjectCase<'_>| std::ptr::eq(*other, subject);
                    let first = self.cases.iter().position(is_own);
                    format!("c{}_{}", first.unwrap_or(at), case.prototype.name)
                }
            };
            let level = self.compiler.level.max(case.vectors);
            case.at_level(level)
        };
        chosen.iter().map(case_of).collect()
    }

    /// Returns the subject whose text is for case `at` alone.
    fn own_subject(&self, at: usize) -> Option<&'a Subject> {
        let own = self.cases.get(at).filter(|_| self.declarations.is_none());
        own.map(|(subject, _)| *subject)
    }

    /// Returns the prefix of the names of case `at` in the file.
    fn prefix(&self, at: usize) -> String {
        match self.own_subject(at) {
            Some(own) if !own.names.is_empty() => format!("c{at}_"),
            _ => String::new(),
        }
    }

    /// Returns the file name of the lines of case `at`, by which the compiler's messages name the
    /// case.
    fn file(&self, at: usize) -> String {
        match self.own_subject(at) {
            Some(own) if own.names.is_empty() => own.block.name.clone(),
            _ => format!("case-{at}"),
        }
    }

    /// Returns the translation unit of the cases with these indices.
    fn text(&self, chosen: &[usize]) -> String {
        let mut text = format!(
            "{TRUNCATION}{FRAME}\n#pragma GCC visibility pop\n{}\n{VISIBLE}",
            self.declarations.unwrap_or_default()
        );
        for &at in chosen {
            let Some((_, case)) = self.cases.get(at) else {
                continue;
            };
            let prefix = self.prefix(at);
            let body = c::callee(case) + &c::caller(case, &prefix);
            let _ = writeln!(text, "\n# 1 {:?}", self.file(at));
            match self.own_subject(at) {
                Some(subject) => text.push_str(&c::scoped(subject, &prefix, &body)),
                None => text.push_str(&body),
            }
        }
        text
    }
}
