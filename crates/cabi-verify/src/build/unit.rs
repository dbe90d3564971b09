//! Translation units of several cases, and how a C compiler builds them.

use std::fmt::Write as _;

use cabi::VectorLevel;

use super::bisect::{Bisection, Blame, build_without_refused};
use super::{Built, Reference, ReferenceError, feature_flags};
use crate::case::{Case, Subject, SubjectCase};
use crate::emit::c::{self, FRAME, TRUNCATION, ValueAccess};

/// Text made from the cases, by their indexes.
pub(crate) type More<'a> = dyn Fn(&[usize]) -> String + Sync + 'a;

/// Cases that share one translation unit.
#[derive(Clone)]
pub struct Unit<'a> {
    /// Its compiler.
    pub reference: &'a Reference,
    /// Flags after the compiler's own.
    pub flags: Vec<&'a str>,
    /// Declarations that all cases need; without them each case has the text of its subject, under
    /// names of its own.
    pub declarations: Option<&'a str>,
    /// The cases. Functions after common declarations have different names.
    pub cases: Vec<SubjectCase<'a>>,
    /// Way in which both sides move values.
    pub values: ValueAccess,
    /// Further text of the file, for the cases with these indices.
    pub(crate) more: Option<&'a More<'a>>,
}

impl<'a> Unit<'a> {
    /// Makes a unit of cases of `subject`, whose functions have different names, after
    /// `declarations`. It is compiled with `-O1` unless the compiler's command sets a level.
    pub fn after_declarations(
        reference: &'a Reference,
        flags: &[&'a str],
        declarations: &'a str,
        (subject, cases): (&'a Subject, &[&'a Case]),
    ) -> Self {
        let optimize = match reference.says_how_to_optimize() {
            true => None,
            false => Some("-O1"),
        };
        Self {
            reference,
            flags: optimize.into_iter().chain(flags.iter().copied()).collect(),
            declarations: Some(declarations),
            cases: cases.iter().map(|&case| (subject, case)).collect(),
            values: ValueAccess::ThroughVariables,
            more: None,
        }
    }

    /// Makes a unit of cases with subjects of their own, of one vector level, compiled with the
    /// flag `optimize`.
    pub fn of_entries(
        reference: &'a Reference,
        optimize: &'a str,
        entries: &[SubjectCase<'a>],
    ) -> Self {
        let mut flags = vec![optimize];
        if let Some((subject, case)) = entries.first()
            && case.vectors != VectorLevel::Baseline
        {
            flags.extend(feature_flags(&subject.block.features));
        }
        Self {
            reference,
            flags,
            declarations: None,
            cases: entries.to_vec(),
            values: ValueAccess::ThroughVariables,
            more: None,
        }
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.cases.len()).collect()
    }

    /// Returns the name of the callee of case `at` in the compiled code; that of its caller ends in
    /// `_call`.
    pub fn symbol(&self, at: usize) -> String {
        let name = self.cases.get(at).map(|(_, case)| &case.function.name);
        self.prefix(at) + name.map_or("", String::as_str)
    }

    /// The subject whose text is for case `at` alone.
    fn own(&self, at: usize) -> Option<&'a Subject> {
        let own = self.cases.get(at).filter(|_| self.declarations.is_none());
        own.map(|(subject, _)| *subject)
    }

    /// Returns the prefix of the names of case `at` in the file.
    fn prefix(&self, at: usize) -> String {
        match self.own(at) {
            Some(own) if !own.text.names.is_empty() => format!("c{at}_"),
            _ => String::new(),
        }
    }

    /// Returns the file name that the compiler is told for the lines of case `at`: so its messages
    /// name the case.
    fn file(&self, at: usize) -> String {
        match self.own(at) {
            Some(own) if own.text.names.is_empty() => own.block.name.clone(),
            _ => format!("case-{at}"),
        }
    }

    /// The translation unit of the cases with these indices.
    pub(crate) fn text(&self, chosen: &[usize]) -> String {
        let mut text = format!(
            "{TRUNCATION}{FRAME}{}",
            self.declarations.unwrap_or_default()
        );
        for &at in chosen {
            let Some((_, case)) = self.cases.get(at) else {
                continue;
            };
            let prefix = self.prefix(at);
            let body = c::sides(case, &prefix, self.values);
            let _ = writeln!(text, "\n# 1 {:?}", self.file(at));
            match self.own(at) {
                Some(own) => text.push_str(&c::scoped(own, &prefix, &body)),
                None => text.push_str(&body),
            }
        }
        if let Some(more) = self.more {
            text.push_str(&more(chosen));
        }
        text
    }

    /// Compiles the cases with these indices, which must all be accepted.
    fn compile_all(&self, chosen: &[usize]) -> Result<Built, ReferenceError> {
        let text = self.text(chosen);
        self.reference.build(&text, &self.build_flags())
    }

    /// Returns the flags by which it reports all errors at once.
    pub(crate) fn build_flags(&self) -> Vec<&'a str> {
        let mut flags = vec!["-fno-lto"];
        flags.extend(&self.flags);
        if self.reference.name() == "clang" {
            flags.push("-ferror-limit=0");
        }
        flags
    }

    /// Compiles the unit without the cases that are refused.
    ///
    /// # Errors
    /// [`ReferenceError::Io`]: the compiler gave no answer.
    pub fn compile(&self) -> Result<Bisection<Built>, ReferenceError> {
        let build = |chosen: &[usize]| self.compile_all(chosen);
        build_without_refused(self.all(), build, |error, chosen| self.blame(error, chosen))
    }

    /// The cases that the compiler's messages name.
    pub(crate) fn blame(&self, error: &ReferenceError, chosen: &[usize]) -> Blame<ReferenceError> {
        Blame::of_files(error, chosen, |at| self.file(at))
    }
}
