//! One header under one compiler: the compiler's answers about its prototypes and layouts, and the
//! outcomes of its cases.

use std::collections::BTreeSet;

use cabi::Type;
use cabi_header::Location;
use serde_json::json;

use super::missing_types::{MissingTypes, stand_ins};
use super::prototypes::{self, PrototypeReading};
use super::skip_reasons::{
    CRASHES, NOT_LOWERED, REFERENCE_LACKS, REFUSED, may_be_skipped, names_one_of, not_compared,
    refusal, refusal_with_place, undeclared,
};
use super::units::RefusedCases;
use super::{CaseVerdict, Compiler, ReadHeader, Verdict, VerifyError};
use crate::build::ReferenceError;
use crate::case::{Case, Subject, convention_attribute};
use crate::header::{NO_PLACE, OF_RECORD, OmittedDeclaration};
use crate::layout::{self, Fact, Reply};
use crate::report::{Item, Status};
use crate::verdict::Difference;

/// One header under one compiler.
#[derive(Clone, Debug)]
pub struct HeaderRun<'a> {
    /// The compiler.
    pub compiler: &'a Compiler,
    /// The header.
    pub read: &'a ReadHeader,
    /// Number of prototypes that were compared with the compiler's reading.
    pub n_compared: usize,
    /// Number of sizes, offsets and bytes that were compared.
    pub n_facts: usize,
    /// The prototypes, sizes, offsets and bytes that differ.
    pub differing: Vec<Item>,
    /// Cases, each in one direction.
    pub verdicts: Vec<CaseVerdict>,
    /// Cases about which the compiler disagrees with itself.
    pub itself: Vec<CaseVerdict>,
    /// Declarations that were not read, then those that were not run.
    pub skipped: Vec<OmittedDeclaration>,
    /// The cases that are to be run.
    pub(super) cases: Vec<&'a Case>,
    /// Text before them in the file.
    pub(super) preamble: String,
}

/// The kinds of what differs in a [`HeaderRun`].
pub(super) const PROTOTYPE: &str = "prototype";
pub(super) const LAYOUT: &str = "layout";

impl<'a> HeaderRun<'a> {
    pub(super) fn new(compiler: &'a Compiler, read: &'a ReadHeader) -> Self {
        Self {
            compiler,
            read,
            n_compared: 0,
            n_facts: 0,
            differing: Vec::new(),
            verdicts: Vec::new(),
            itself: Vec::new(),
            skipped: read.skipped.clone(),
            cases: Vec::new(),
            preamble: String::new(),
        }
    }

    fn subject(&self) -> &'a Subject {
        &self.read.subject
    }

    /// Checks whether the compiler's sizes and offsets are ours.
    pub(super) fn same_layout(&self) -> bool {
        self.differing.iter().all(|one| one.kind != LAYOUT)
    }

    /// Returns the cases with a difference.
    pub fn differences(&self) -> impl Iterator<Item = (&CaseVerdict, &Difference)> {
        let outcomes = self.verdicts.iter();
        outcomes.filter_map(|outcome| Some((outcome, outcome.verdict.difference()?)))
    }

    /// Takes the compiler's answers about the header, its prototypes and the layouts of its types.
    pub(super) fn ask(&mut self, flags: &[&str]) -> Result<(), VerifyError> {
        let (reference, subject) = (&self.compiler.reference, self.subject());
        // Otherwise it would be refused once for each type and each case.
        let (before, warnings) = match self.check(flags)? {
            Some(checked) => checked,
            None => return Ok(()),
        };
        self.preamble = format!("{before}{}", subject.block.code);
        let names = self.within(&MissingTypes::new(reference, subject, &warnings));
        self.compare(flags, &format!("{before}{}", self.read.text))?;
        let mut narrowed = subject.clone();
        let header = &mut narrowed.header;
        for list in [&mut header.records, &mut header.typedefs, &mut header.enums] {
            list.retain(|one| names.contains(&one.name));
        }
        narrowed.cases = self.cases.iter().copied().cloned().collect();
        for (fact, reply) in layout::ask_data(reference, flags, &self.preamble, &narrowed)? {
            self.take_fact(fact, reply);
        }
        Ok(())
    }

    /// Returns the text before the header, and the compiler's warnings. `None` if it is refused as
    /// a whole.
    fn check(&mut self, flags: &[&str]) -> Result<Option<(String, String)>, VerifyError> {
        let (reference, read) = (&self.compiler.reference, self.read);
        let error = match reference.check(&read.text, flags) {
            Ok(warnings) => return Ok(Some((String::new(), warnings))),
            Err(error) if error.is_about_the_system() => return Err(error.into()),
            Err(error) => error,
        };
        let before = stand_ins(reference);
        if !before.is_empty()
            && let Ok(warnings) = reference.check(&format!("{before}{}", read.text), flags)
        {
            return Ok(Some((before, warnings)));
        }
        let key = key(&error);
        let why = refusal_with_place(&error);
        // Each function and each record type, once. A compiler that refuses an empty file refuses
        // the flags, whatever a header declares.
        let refuses_flags = reference.check("", flags).is_err();
        let mut lost = BTreeSet::new();
        for case in self.subject().cases.iter().filter(|_| !refuses_flags) {
            let name = case.name.split(OF_RECORD).next().unwrap_or(&case.name);
            if lost.insert(name) {
                self.leave_out(name, key, why.clone());
            }
        }
        if lost.is_empty() {
            self.leave_out(&read.name, key, why);
        }
        Ok(None)
    }

    fn leave_out(&mut self, name: &str, key: &'static str, why: String) {
        let location = location(self.subject(), name);
        let omission = OmittedDeclaration::new(name, location, (key, why));
        self.skipped.push(omission);
    }

    /// Notes that the compiler's `what` is different.
    fn differ(&mut self, kind: &str, what: String, theirs: &str, ours: &str) {
        let command = self.compiler.reference.command();
        let why = format!("{theirs} with {command}, {ours} here");
        let item = Item::new(what, Status::Failed, why).of_kind(kind);
        self.differing
            .push(item.with(json!({ "theirs": theirs, "ours": ours })));
    }

    /// Takes the cases whose types the compiler has, and says which named types it has.
    fn within(&mut self, lacking: &MissingTypes<'_>) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let header = &self.subject().header;
        let lists = [&header.records, &header.typedefs, &header.enums];
        for named in lists.into_iter().flatten() {
            match lacking.why(&named.ty) {
                Some(why) => self.leave_out(&named.name, REFERENCE_LACKS, why),
                None => {
                    names.insert(named.name.clone());
                }
            }
        }
        for case in &self.subject().cases {
            let ret = &case.prototype.ret;
            let types = case.argument_types();
            let mut types = types.iter().chain([ret]);
            let lacks = types.find_map(|ty: &Type| lacking.why(ty));
            let omission = lacks.map(|why| (REFERENCE_LACKS, why));
            match omission.or_else(|| self.no_place(case)) {
                Some((key, why)) => self.leave_out(&case.name, key, why),
                None => self.cases.push(case),
            }
        }
        names
    }

    /// Returns the kind of reason, and the reason, if a value of `case` has no place by the
    /// compiler's policy. Another compiler's has one.
    fn no_place(&self, case: &Case) -> Option<(&'static str, String)> {
        let case = case.clone().at_level(self.compiler.level);
        let refused = case.abi_under(self.compiler.policy).err()?;
        Some((NO_PLACE, refused.to_string()))
    }

    /// Compares the prototypes of the cases with the compiler's reading. Takes out the cases that
    /// the compiler reads differently or not at all.
    fn compare(&mut self, flags: &[&str], include: &str) -> Result<(), VerifyError> {
        let header = &self.subject().header;
        let pairs = self
            .cases
            .iter()
            .copied()
            .filter(|case| !case.name.contains(OF_RECORD));
        let pairs = pairs.filter_map(|case| Some((case, header.prototype(&case.name)?)));
        let pairs = pairs.filter(|(_, prototype)| !prototype.spelled.is_empty());
        let (cases, prototypes): (Vec<_>, Vec<_>) = pairs.unzip();
        self.n_compared = prototypes.len();
        let readings = prototypes::compare(&self.compiler.reference, flags, include, &prototypes)?;
        for ((compared, prototype), reading) in cases.into_iter().zip(prototypes).zip(readings) {
            let spelled = &prototype.spelled;
            let omission = match reading {
                PrototypeReading::Same => continue,
                PrototypeReading::Other(theirs) => {
                    let ours = [convention_attribute(prototype.convention), spelled].concat();
                    let what = format!("prototype of {}", prototype.name);
                    self.differ(PROTOTYPE, what, &theirs, &ours);
                    None
                }
                PrototypeReading::Absent(why) => Some((REFERENCE_LACKS, why)),
                PrototypeReading::Unnamed => {
                    Some(("spelling", format!("{spelled} has a type without a name")))
                }
                PrototypeReading::Hidden => {
                    let why = format!("{spelled} declares a tag in its parameter list");
                    Some(("spelling", why))
                }
                PrototypeReading::Unasked(why) => Some((REFUSED, format!("{spelled}: {why}"))),
            };
            self.cases.retain(|case| !std::ptr::eq(*case, compared));
            if let Some((key, why)) = omission {
                self.leave_out(&prototype.name, key, why);
            }
        }
        Ok(())
    }

    fn take_fact(&mut self, fact: Fact, reply: Reply) {
        self.n_facts += 1;
        if let Some((key, why)) = not_compared(&reply) {
            return self.leave_out(&fact.what, key, why.to_owned());
        }
        if let Reply::Is(answer) = reply
            && answer != fact.ours
        {
            let (theirs, ours) = (answer.to_string(), fact.ours.to_string());
            self.differ(LAYOUT, fact.what, &theirs, &ours);
        }
    }

    /// Returns the types that the header does not declare for this compiler.
    fn undeclared(&self) -> Vec<String> {
        let refused = self
            .skipped
            .iter()
            .filter(|omission| omission.key == REFERENCE_LACKS);
        let names = refused.filter_map(|omission| undeclared(&omission.why));
        names.map(str::to_owned).collect()
    }

    /// Returns the items left out because the compiler does not compile their cases.
    pub(super) fn refused(&self, refused: &RefusedCases<'_>) -> Vec<OmittedDeclaration> {
        let absent = self.undeclared();
        let why = match refused.cases.len() {
            1 => refusal(&refused.why),
            n => format!(
                "{}, in a file of {n} cases that were not tried one by one",
                refusal(&refused.why)
            ),
        };
        let omission = |case: &&Case| {
            let key = match key(&refused.why) {
                REFUSED if names_one_of(case, &absent) => REFERENCE_LACKS,
                key => key,
            };
            OmittedDeclaration::new(
                &case.name,
                Some(&case.prototype.location),
                (key, why.clone()),
            )
        };
        refused.cases.iter().map(omission).collect()
    }

    /// Takes the outcome of a case in one direction.
    pub(super) fn take(&mut self, outcome: CaseVerdict) {
        match &outcome.verdict {
            Verdict::NotLowered(why) | Verdict::NotRun(why) => {
                let name = format!("{} ({})", outcome.case.name, outcome.direction.name());
                self.leave_out(&name, NOT_LOWERED, why.clone());
            }
            Verdict::SelfInconsistent(_) => self.itself.push(outcome),
            _ => self.verdicts.push(outcome),
        }
    }

    /// Returns a sentence that says that no case was run, and why.
    pub(super) fn why_nothing(&self) -> String {
        let itself = self.itself.first().map(|outcome| {
            let says = outcome.shown.as_ref().map_or("", |shown| &shown.says);
            let name = &outcome.case.name;
            (name.as_str(), format!("disagrees with itself, {says}"))
        });
        let (name, command) = (&self.read.name, self.compiler.reference.command());
        let mut skipped = self.skipped.iter();
        let unlisted = skipped.find(|omission| !may_be_skipped(omission.key));
        let omission = unlisted.or(self.skipped.first());
        let why = match (itself, omission) {
            (Some((case, why)), _) => format!("{case}: {command} {why}"),
            (None, Some(omission)) => format!("{}: {}", omission.name, omission.why),
            (None, None) => "the header declares nothing to call".to_owned(),
        };
        format!("nothing was verified of {name} with {command}: {why}")
    }
}

/// Returns the kind of reason for a case that a compiler does not compile.
fn key(error: &ReferenceError) -> &'static str {
    match error {
        ReferenceError::Refused { crashed: true, .. } => CRASHES,
        _ => REFUSED,
    }
}

/// Returns where `name`, a function or a type, is declared.
fn location<'s>(subject: &'s Subject, name: &str) -> Option<&'s Location> {
    let header = &subject.header;
    let types = [&header.records, &header.typedefs, &header.enums];
    let types = types.into_iter().flatten();
    let types = types.map(|one| (&one.name, &one.location));
    let functions = header.prototypes.iter();
    let functions = functions.map(|one| (&one.name, &one.location));
    let mut all = types.chain(functions);
    all.find(|(own, _)| *own == name)
        .map(|(_, location)| location)
}
