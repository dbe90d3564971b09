//! One header under one compiler: what the compiler says to its prototypes and layouts, and what became of its cases.

use std::collections::BTreeSet;

use cabi::Type;
use cabi_header::{Location, NamedType};

use super::missing_types::{MissingTypes, stand_ins};
use super::prototypes::{self, Reading};
use super::skip_reasons::{
    CRASHES, KNOWN_BUG, NOT_LOWERED, OTHER_MEMBERS, REFERENCE_LACKS, REFUSED, names_one_of,
    refusal, refusal_with_place, undeclared,
};
use super::units::Refused;
use super::{Called, Read, Verdict, VerifyError};
use crate::build::{Reference, ReferenceError};
use crate::case::{Case, Subject, convention_attribute};
use crate::check::calls::Difference;
use crate::check::layout::{self, Fact, Reply};
use crate::header::{OF_RECORD, Omitted};

/// One header under one compiler.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The compiler's index in the plan.
    pub compiler: usize,
    /// The header's index in the plan.
    pub header: usize,
    /// How many prototypes were compared with what the compiler reads.
    pub n_compared: usize,
    /// Those that the compiler reads otherwise.
    pub prototypes: Vec<Differing>,
    /// How many sizes, offsets and bytes were asked.
    pub n_facts: usize,
    /// Those that differ.
    pub layouts: Vec<Differing>,
    /// Cases, each in one direction.
    pub called: Vec<Called>,
    /// Cases about which the compiler disagrees with itself, and no known bug of it says so.
    pub itself: Vec<Called>,
    /// What was not run, after what was not read.
    pub skipped: Vec<Omitted>,
    /// The cases that are to be run, by their places in the header's list.
    pub(super) cases: Vec<usize>,
    /// What they are compiled after.
    pub(super) preamble: String,
}

/// A prototype, size, offset or byte that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Differing {
    /// What it is of, in words of C.
    pub what: String,
    /// As the compiler has it.
    pub theirs: String,
    /// As `cabi` has it.
    pub ours: String,
}

impl Called {
    /// What is wrong, if something is.
    pub fn difference(&self) -> Option<&Difference> {
        match &self.verdict {
            Verdict::Differs(difference) => Some(difference),
            _ => None,
        }
    }
}

impl Part {
    pub(super) fn new(compiler: usize, header: usize) -> Self {
        Self {
            compiler,
            header,
            ..Self::default()
        }
    }

    /// The cases in which something is wrong.
    pub fn differences(&self) -> impl Iterator<Item = (&Called, &Difference)> {
        let differs = |called| Called::difference(called).map(|difference| (called, difference));
        self.called.iter().filter_map(differs)
    }

    /// Takes what the compiler says to the header, to its prototypes and to the layouts of its types.
    pub(super) fn ask(
        &mut self,
        reference: &Reference,
        flags: &[&str],
        read: &Read,
    ) -> Result<(), VerifyError> {
        let subject = &read.found.subject;
        // Otherwise it would be refused once for each type and each case.
        let (before, warnings) = match self.check(reference, flags, read)? {
            Some(checked) => checked,
            None => return Ok(()),
        };
        self.preamble = format!("{before}{}", subject.block.code);
        let lacking = MissingTypes::new(reference, subject, &warnings);
        let named = self.within(subject, &lacking);
        self.compare(reference, flags, &format!("{before}{}", read.text), subject)?;
        let subject = asked(subject, &named, &self.cases);
        for ask in [layout::ask_data, layout::ask_bytes] {
            for (fact, reply) in ask(reference, flags, &self.preamble, &subject)? {
                self.take_fact(fact, reply);
            }
        }
        Ok(())
    }

    /// What stands before the header, and the compiler's warnings. `None` if it is refused as a whole.
    fn check(
        &mut self,
        reference: &Reference,
        flags: &[&str],
        read: &Read,
    ) -> Result<Option<(String, String)>, VerifyError> {
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
        // Each function, and each record type, once; but what refuses an empty file refuses the flags, whatever a header declares.
        let subject = &read.found.subject;
        let refuses_flags = reference.check("", flags).is_err();
        let mut lost = BTreeSet::new();
        for case in subject.cases.iter().filter(|_| !refuses_flags) {
            let name = case.name.split(OF_RECORD).next().unwrap_or(&case.name);
            if lost.insert(name) {
                self.leave_out(name.to_owned(), key, why.clone(), location(subject, name));
            }
        }
        if lost.is_empty() {
            self.leave_out(read.name.clone(), key, why, None);
        }
        Ok(None)
    }

    fn leave_out(&mut self, name: String, key: &'static str, why: String, at: Option<Location>) {
        self.skipped.push(Omitted {
            name,
            key,
            why,
            location: at,
        });
    }

    /// Takes the cases whose types the compiler has, and says which named types it has.
    fn within(&mut self, subject: &Subject, lacking: &MissingTypes<'_>) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        let header = &subject.header;
        let lists = [&header.records, &header.typedefs, &header.enums];
        for one in lists.into_iter().flatten() {
            match lacking.why(&one.ty) {
                Some(why) => self.lacks(subject, &one.name, why),
                None => {
                    named.insert(one.name.clone());
                }
            }
        }
        for (at, case) in subject.cases.iter().enumerate() {
            let ret = &case.prototype.ret;
            let types = case.argument_types();
            let why = types
                .iter()
                .chain([ret])
                .find_map(|ty: &Type| lacking.why(ty));
            match why {
                Some(why) => self.lacks(subject, &case.name, why),
                None => self.cases.push(at),
            }
        }
        named
    }

    fn lacks(&mut self, subject: &Subject, name: &str, why: String) {
        self.leave_out(
            name.to_owned(),
            REFERENCE_LACKS,
            why,
            location(subject, name),
        );
    }

    /// Compares the prototypes of the cases with what the compiler reads, and takes those cases out that it reads otherwise or not at all.
    fn compare(
        &mut self,
        reference: &Reference,
        flags: &[&str],
        include: &str,
        subject: &Subject,
    ) -> Result<(), VerifyError> {
        let (mut places, mut asked) = (Vec::new(), Vec::new());
        for at in &self.cases {
            let case = subject
                .cases
                .get(*at)
                .filter(|case| !case.name.contains(OF_RECORD));
            if let Some(prototype) = case.and_then(|case| subject.header.prototype(&case.name)) {
                places.push(*at);
                asked.push(prototype);
            }
        }
        self.n_compared = asked.len();
        let readings = prototypes::compare(reference, flags, include, &asked)?;
        for ((at, prototype), reading) in places.into_iter().zip(asked).zip(readings) {
            let (key, why) = match reading {
                Reading::Same => continue,
                Reading::Other(theirs) => {
                    self.cases.retain(|case| *case != at);
                    self.prototypes.push(Differing {
                        what: format!("prototype of {}", prototype.name),
                        theirs,
                        ours: convention_attribute(prototype.convention).to_owned()
                            + &prototype.spelled,
                    });
                    continue;
                }
                Reading::Absent(why) => (REFERENCE_LACKS, why),
                Reading::Unnamed => (
                    "spelling",
                    format!("{} has a type without a name", prototype.spelled),
                ),
                Reading::Unasked(why) => (REFUSED, format!("{}: {why}", prototype.spelled)),
            };
            self.cases.retain(|case| *case != at);
            self.leave_out(
                prototype.name.clone(),
                key,
                why,
                Some(prototype.location.clone()),
            );
        }
        Ok(())
    }

    fn take_fact(&mut self, fact: Fact, reply: Reply) {
        self.n_facts += 1;
        let (key, why) = match reply {
            Reply::Is(answer) => {
                if answer != fact.ours {
                    self.layouts.push(Differing {
                        what: fact.what,
                        theirs: answer.to_string(),
                        ours: fact.ours.to_string(),
                    });
                }
                return;
            }
            Reply::NoMember(why) => (OTHER_MEMBERS, why),
            Reply::Refuses(why) if undeclared(&why).is_some() => (REFERENCE_LACKS, why),
            Reply::Refuses(why) => (REFUSED, why),
        };
        self.leave_out(fact.what, key, why, None);
    }

    /// The types that the header does not declare for this compiler.
    fn undeclared(&self) -> Vec<String> {
        let refused = self
            .skipped
            .iter()
            .filter(|left| left.key == REFERENCE_LACKS);
        let names = refused.filter_map(|left| undeclared(&left.why));
        names.map(str::to_owned).collect()
    }

    /// What is left out of cases that `reference` does not compile.
    pub(super) fn refused(&self, reference: &Reference, refused: &Refused<'_>) -> Vec<Omitted> {
        let absent = self.undeclared();
        let why = match refused.cases.len() {
            1 => refusal(&refused.why),
            n => format!(
                "{}, in a file of {n} cases that were not tried one by one",
                refusal(&refused.why)
            ),
        };
        let left = |case: &&Case| {
            let known = super::known_bug(reference.name(), case);
            let (key, why) = match (key(&refused.why), known) {
                (CRASHES, Some(bug)) => (KNOWN_BUG, format!("{bug}: {why}")),
                (CRASHES, None) => (CRASHES, why.clone()),
                _ if names_one_of(case, &absent) => (REFERENCE_LACKS, why.clone()),
                (key, _) => (key, why.clone()),
            };
            Omitted {
                name: case.name.clone(),
                key,
                why,
                location: Some(case.prototype.location.clone()),
            }
        };
        refused.cases.iter().map(left).collect()
    }

    /// Takes what became of a case in one direction.
    pub(super) fn take(&mut self, called: Called) {
        let (key, why) = match (&called.verdict, &called.shown) {
            (Verdict::NotLowered(why) | Verdict::NotRun(why), _) => (NOT_LOWERED, why.clone()),
            (Verdict::SelfInconsistent(_), Some(shown)) => match shown.known {
                Some(bug) => (KNOWN_BUG, format!("{bug}: {}", shown.says)),
                None => return self.itself.push(called),
            },
            _ => return self.called.push(called),
        };
        self.leave_out(
            format!("{} ({})", called.case.name, called.direction.name()),
            key,
            why,
            None,
        );
    }
}

/// The kind of reason of what a compiler does not compile.
fn key(error: &ReferenceError) -> &'static str {
    match error {
        ReferenceError::Crashed { .. } => CRASHES,
        _ => REFUSED,
    }
}

/// Where `name`, a function or a type, is declared.
fn location(subject: &Subject, name: &str) -> Option<Location> {
    let header = &subject.header;
    let types = header
        .records
        .iter()
        .chain(&header.typedefs)
        .chain(&header.enums);
    let named = types.map(|named: &NamedType| (&named.name, &named.location));
    let functions = header
        .prototypes
        .iter()
        .map(|one| (&one.name, &one.location));
    let mut all = named.chain(functions);
    all.find(|(own, _)| *own == name)
        .map(|(_, location)| location.clone())
}

/// The subject with only the types called `named` and the cases at `cases`.
fn asked(subject: &Subject, named: &BTreeSet<String>, cases: &[usize]) -> Subject {
    let mut asked = subject.clone();
    let header = &mut asked.header;
    for list in [&mut header.records, &mut header.typedefs, &mut header.enums] {
        list.retain(|one| named.contains(&one.name));
    }
    asked.cases = cases
        .iter()
        .filter_map(|at| subject.cases.get(*at).cloned())
        .collect();
    asked
}
