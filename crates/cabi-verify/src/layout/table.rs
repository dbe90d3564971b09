//! The facts of layout as a table of data in a shared object, of which nothing runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path};
use std::sync::Arc;

use cabi::Type;
use cabi_header::{Header, NamedType};

use super::{About, Answer, Fact, MAX_OBJECT, Question, questions};
use crate::build::bisect::{build_without_refused, rejected_files};
use crate::build::object_data::read_table;
use crate::build::{Built, Reference, ReferenceError, Rejection, first_error, makes_errors};
use crate::case::Subject;
use crate::emit::c::{TABLE, VISIBLE, scoped, undefine};

/// Returns the answers of `reference` to the facts of `subject`, whose text is `preamble`, and to
/// further ones. These are the signs of members, and the bytes of objects when one member is 1, by
/// its type and byte order. No code of the reference compiler runs, so flags that change its calls
/// do no harm. A type whose members have other names for the reference compiler has answers about
/// its size and alignment only. A type that the compiler refuses altogether has its reason.
///
/// # Errors
/// [`ReferenceError::Io`] if the reference compiler cannot be started, or its output cannot be
/// read.
pub fn ask_data(
    reference: &Reference,
    flags: &[&str],
    preamble: &str,
    subject: &Subject,
) -> Result<Vec<(Fact, Reply)>, ReferenceError> {
    let mut questions = questions(subject, "");
    if flags.iter().any(|flag| flag.starts_with("-fpack-struct")) {
        // Alignment shows in a record, which would be packed too.
        let packed = questions.iter_mut();
        packed.for_each(|question| question.after_char = None);
    }
    let flags = flags.iter().copied().filter(|flag| !makes_errors(flag));
    let flags: Vec<&str> = flags.collect();
    let mut answers: BTreeMap<usize, Vec<Answer>> = BTreeMap::new();
    let mut refusals: BTreeMap<usize, String> = BTreeMap::new();
    let mut remaining: Vec<usize> = (0..questions.len()).collect();
    // All facts of a type; where the compiler refuses that, only the places of its members; then
    // only those that name no member.
    for about in [About::Values, About::Places, About::Itself] {
        let build = |chosen: &[usize]| {
            let mut table = Table::default();
            let ask = |&at: &usize| table.ask(&file(at), &questions[at], about);
            let sizes: Vec<usize> = chosen.iter().map(ask).collect();
            // A text may leave a `#pragma pack` open, which the questions are not about.
            let names = without_macros(chosen.iter().map(|&at| &questions[at]));
            let text = format!("{preamble}\n#pragma pack()\n{names}{}", table.text());
            let mut answers = table
                .answers(&reference.build_data(&text, &flags)?)?
                .into_iter();
            let take = |n: usize| answers.by_ref().take(n).collect();
            Ok(sizes.into_iter().map(take).collect::<Vec<Vec<Answer>>>())
        };
        let blame = |error: &ReferenceError, chosen: &[usize]| rejected_files(error, chosen, file);
        let parts = build_without_refused(std::mem::take(&mut remaining), build, blame)?;
        let built = parts.built.into_iter().flatten();
        answers.extend(parts.cases.into_iter().zip(built));
        for Rejection { cases, why } in parts.refused {
            let why = first_error(why.messages().unwrap_or_default());
            remaining.extend(&cases);
            refusals.extend(cases.into_iter().map(|at| (at, why.clone())));
        }
    }
    let (mut replies, own_types) = (Vec::new(), own_types(&subject.header));
    for (at, question) in questions.iter().enumerate() {
        let answers = answers.get(&at);
        let missing = || {
            // The message about the last question, for those facts that have no answer.
            let why = refusals.get(&at).cloned().unwrap_or_default();
            let is_own = question.ty.contains(&|ty, _| own_types.contains(&ty));
            match answers {
                Some(_) if is_own => Reply::NoMember(why),
                _ => Reply::Refuses(why),
            }
        };
        let probes = question.probes(About::Values).into_iter().enumerate();
        replies.extend(probes.map(|(n, probe)| {
            let answer = answers.and_then(|answers| answers.get(n));
            let reply = match is_too_large(&probe.fact) {
                true => Reply::TooLarge(too_large(question)),
                false => answer.cloned().map_or_else(missing, Reply::Is),
            };
            (probe.fact, reply)
        }));
    }
    Ok(replies)
}

/// A compiler's answers to the facts of a subject, or why it refuses the subject.
pub type Answers = Result<Vec<(Fact, Answer)>, Arc<ReferenceError>>;

/// Returns the answers of `reference` to the facts of each of `subjects`, which it reads in one
/// file, each under names of its own.
///
/// # Errors
/// [`ReferenceError`]: the compiler cannot be run.
pub fn ask_together(
    reference: &Reference,
    flags: &[&str],
    subjects: &[&Subject],
) -> Result<Vec<Answers>, ReferenceError> {
    let build = |chosen: &[usize]| {
        let (mut text, mut tables) = (VISIBLE.to_owned(), Vec::new());
        for &at in chosen {
            let mut table = Table {
                own: format!("{at}_"),
                ..Table::default()
            };
            for question in questions(subjects[at], &table.own) {
                table.ask(&file(at), &question, About::Values);
            }
            // A text may leave a `#pragma pack` open.
            let body = format!("\n#pragma pack()\n{}", table.text());
            let _ = writeln!(text, "# 1 {:?}", file(at));
            text += &scoped(subjects[at], &format!("c{at}_"), &body);
            tables.push(table);
        }
        let built = reference.build(&text, flags)?;
        let facts = tables.into_iter().map(|table| {
            let answers = table.answers(&built)?;
            Ok(table.facts.into_iter().zip(answers).collect())
        });
        facts.collect::<Result<Vec<_>, _>>()
    };
    let blame = |error: &ReferenceError, chosen: &[usize]| rejected_files(error, chosen, file);
    let parts = build_without_refused((0..subjects.len()).collect(), build, blame)?;
    let built = parts.built.into_iter().flatten().map(Ok);
    let mut answers: BTreeMap<usize, Answers> = parts.cases.into_iter().zip(built).collect();
    for Rejection { cases, why } in parts.refused {
        let why = Arc::new(why);
        answers.extend(cases.into_iter().map(|at| (at, Err(why.clone()))));
    }
    Ok(answers.into_values().collect())
}

/// Returns the name that the lines about a type or subject have as a file, by which a compiler's
/// messages name it.
fn file(at: usize) -> String {
    format!("cabi-layout-{at}")
}

/// Returns the records that headers of clang itself declare. Other compilers have their own headers
/// in the place of these, whose types may have members of other names.
fn own_types(header: &Header) -> Vec<&Type> {
    let named = header.records.iter().chain(&header.typedefs);
    let is_own = |one: &&NamedType| {
        // clang/19/include
        let folders = Path::new(&one.location.file).components().rev().skip(1);
        let folders: Vec<_> = folders.take(3).map(Component::as_os_str).collect();
        matches!(folders[..], [include, _, clang] if include == "include" && clang == "clang")
    };
    let types = named.filter(is_own).map(|one| &one.ty);
    types.filter(|ty| ty.as_record().is_some()).collect()
}

/// A reference compiler's answer to a [`Fact`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Its own answer.
    Is(Answer),
    /// It has the type, but no such member: its message.
    NoMember(String),
    /// It refuses the type: its message.
    Refuses(String),
    /// It was not asked, because the answer is the bytes of a large object.
    TooLarge(String),
}

/// Checks whether the answer is the bytes of an object that is too large.
fn is_too_large(fact: &Fact) -> bool {
    matches!(&fact.ours, Answer::Bits(bytes) if bytes.is_empty())
}

fn too_large(question: &Question) -> String {
    let size = question.ty.size();
    format!("{size} bytes, an object whose bytes are compared may have {MAX_OBJECT}")
}

/// Returns the lines that undefine macros with names of members, as a header may have (`#define
/// si_pid _sifields._kill.si_pid`). A path has the names after expansion.
fn without_macros<'q>(questions: impl Iterator<Item = &'q Question>) -> String {
    let members: Vec<_> = questions.flat_map(Question::members).collect();
    let names: BTreeSet<&str> = members
        .iter()
        .flat_map(|member| member.path.split(['.', '[', ']']))
        .filter(|name| name.starts_with(|c: char| !c.is_ascii_digit()))
        .collect();
    names.into_iter().map(undefine).collect()
}

/// Facts as data in a shared object, which may have other data too.
#[derive(Default)]
struct Table {
    /// End of its symbol, and part of those of its objects.
    own: String,
    declarations: String,
    constants: Vec<String>,
    /// Symbols and bytes.
    objects: Vec<(String, usize)>,
    facts: Vec<Fact>,
}

impl Table {
    /// Adds the probes of a question, up to those of `about`, in lines of `file`. Returns how many
    /// they are.
    fn ask(&mut self, file: &str, question: &Question, about: About) -> usize {
        let probes = question.probes(about);
        let n = probes.len();
        // As `TABLE` in `text`: no warnings of the initializers.
        let mut marker = format!("# 1 {file:?} 3\n");
        // Only the type of the variable counts, and a type is less work for a compiler.
        let _ = writeln!(
            self.declarations,
            "{marker}typedef {};",
            question.declaration
        );
        for probe in probes {
            match &probe.fact.ours {
                Answer::Bits(_) if is_too_large(&probe.fact) => {}
                Answer::Bits(bytes) => {
                    let name = format!("cabi_bits_{}{}", self.own, self.objects.len());
                    // In a union, so that no byte is read that is not there, whatever its size is
                    // to the reference compiler.
                    let _ = writeln!(
                        self.declarations,
                        "union {{ __typeof__({}) object; char bytes[{}]; }} {name} = {{ .object = {{ {} }} }};",
                        question.variable,
                        bytes.len().max(1),
                        probe.text
                    );
                    self.objects.push((name, bytes.len()));
                }
                _ => self
                    .constants
                    .push(std::mem::take(&mut marker) + &probe.text),
            }
            self.facts.push(probe.fact);
        }
        n
    }

    /// Returns the table as C.
    fn text(&self) -> String {
        let rows: String = self
            .constants
            .iter()
            .map(|row| format!("{row},\n"))
            .collect();
        // Never empty: C has no empty arrays. An error of its lines is not that of the last case,
        // which may have been refused above. Warnings (3, a header of the system) show nothing of
        // layout, and `-Werror` may make errors of them.
        format!(
            "{}\n# 1 \"{TABLE}\" 3\nconst unsigned long long {TABLE}{}[] = {{\n{rows}0\n}};\n",
            self.declarations, self.own
        )
    }

    /// Reads the answers in `built`, which has the table's text in it: one for each of its facts.
    fn answers(&self, built: &Built) -> Result<Vec<Answer>, ReferenceError> {
        let numbers = (&*format!("{TABLE}{}", self.own), self.constants.len());
        let (numbers, bytes) = read_table(built, numbers, &self.objects)?;
        let (mut numbers, mut bytes) = (numbers.into_iter(), bytes.into_iter());
        let answer = |fact: &Fact| match fact.ours {
            Answer::Bytes(_) => numbers.next().map(Answer::Bytes),
            Answer::Bits(_) if is_too_large(fact) => Some(fact.ours.clone()),
            Answer::Bits(_) => bytes.next().map(Answer::Bits),
            Answer::Signed(_) => numbers.next().map(|n| Answer::Signed(n != 0)),
        };
        Ok(self.facts.iter().filter_map(answer).collect())
    }
}
