//! The facts of layout as a table of data in a shared object, of which nothing runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};

use super::{Answer, Fact, How, Member, Probe, Question, VARIABLE, ask_about, questions, walk};
use crate::build::bisect::{Blame, build_without_refused};
use crate::build::object_data::read_table;
use crate::build::{Built, Reference, ReferenceError, Refused, first_error};
use crate::case::Subject;
use crate::emit::c::TABLE;

/// What `reference` says to the facts of `subject`, whose text is `preamble`; and to the bytes that objects have when one of their members is 1, its type and
/// the order of its bytes, and whether members are signed. Nothing of the reference compiler's runs, so flags that change its calls do no harm. A type whose
/// members have other names for the reference compiler is asked for its size and alignment only; what it refuses altogether has its reason.
///
/// # Errors
/// [`ReferenceError::Io`] if the reference compiler cannot be started, or what it makes cannot be read.
pub fn ask_data(
    reference: &Reference,
    flags: &[&str],
    preamble: &str,
    subject: &Subject,
) -> Result<Vec<(Fact, Reply)>, ReferenceError> {
    Asking {
        reference,
        flags,
        preamble,
        questions: &questions(subject),
    }
    .replies()
}

/// Makes the probes of a type, of a block of this name.
type About = fn(&str, &Question) -> Vec<Probe>;

/// What is asked about a type: all; where a compiler refuses that, only the places of its members; then only what names no member.
const STEPS: [About; 3] = [all_about, ask_about, about_itself];

/// What a reference compiler says to a [`Fact`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Its own answer.
    Is(Answer),
    /// It has the type, but no such member: its message.
    NoMember(String),
    /// It refuses the type: its message.
    Refuses(String),
}

/// Questions, the compiler that answers them, and its flags.
struct Asking<'a> {
    reference: &'a Reference,
    flags: &'a [&'a str],
    preamble: &'a str,
    questions: &'a [Question],
}

impl Asking<'_> {
    /// Asks about all, and about less where a compiler refuses that.
    fn replies(&self) -> Result<Vec<(Fact, Reply)>, ReferenceError> {
        let mut answers: BTreeMap<usize, Result<Vec<Answer>, String>> = BTreeMap::new();
        let mut left: Vec<usize> = (0..self.questions.len()).collect();
        for about in STEPS {
            let build = |chosen: &[usize]| self.table(chosen, about);
            let blame = |error: &ReferenceError, _: &[usize]| match error.messages() {
                Some(_) => Blame::Items(Vec::new()),
                None => Blame::System,
            };
            let parts = build_without_refused(std::mem::take(&mut left), build, blame)?;
            let built = parts.built.into_iter().flatten().map(Ok);
            answers.extend(parts.cases.into_iter().zip(built));
            for Refused { cases, why } in parts.refused {
                let why = first_error(why.messages().unwrap_or_default());
                let refused = cases.into_iter().map(|at| (at, Err(why.clone())));
                answers.extend(refused.inspect(|(at, _)| left.push(*at)));
            }
        }
        let mut replies = Vec::new();
        for (at, answers) in answers {
            let probes = self.probes(at, all_about).into_iter().enumerate();
            replies.extend(probes.map(|(n, probe)| {
                let missing = || Reply::NoMember("it has other members".to_owned());
                let reply = match &answers {
                    Ok(answers) => answers.get(n).cloned().map_or_else(missing, Reply::Is),
                    Err(why) => Reply::Refuses(why.clone()),
                };
                (probe.fact, reply)
            }));
        }
        Ok(replies)
    }

    fn probes(&self, question: usize, about: About) -> Vec<Probe> {
        let question = self.questions.get(question);
        question.map_or(Vec::new(), |question| about("", question))
    }

    /// The answers to the probes of each question, out of one shared object of data.
    fn table(&self, chosen: &[usize], about: About) -> Result<Vec<Vec<Answer>>, ReferenceError> {
        let mut table = Table::default();
        let questions = chosen.iter().filter_map(|at| self.questions.get(*at));
        let questions: Vec<&Question> = questions.collect();
        for question in &questions {
            table.declare(&question.declaration);
        }
        let mut sizes = Vec::new();
        for &at in chosen {
            let probes = self.probes(at, about);
            probes.iter().for_each(|probe| table.ask(probe, ""));
            sizes.push(probes.len());
        }
        let text = format!(
            "{}\n{}{}",
            self.preamble,
            without_macros(&questions),
            table.text()
        );
        let built = self.reference.build(&text, self.flags)?;
        let mut answers = table.answers(&built)?.into_iter();
        let own = |n: usize| answers.by_ref().take(n).collect();
        Ok(sizes.into_iter().map(own).collect())
    }
}

/// The size and the alignment of a type.
fn about_itself(block: &str, question: &Question) -> Vec<Probe> {
    let probes = ask_about(block, question).into_iter();
    probes.take(2).collect()
}

/// All probes of a type.
fn all_about(block: &str, question: &Question) -> Vec<Probe> {
    let mut probes = ask_about(block, question);
    probes.extend(values(block, question));
    probes
}

/// What compilers make of the bytes of members: which bytes an object has when a member, a number of several bytes, is 1, for a compiler may store
/// members in the other order; and whether a member is signed, for a compiler may have another `char`, and plain bit-fields, of the other kind.
fn values(block: &str, question: &Question) -> Vec<Probe> {
    let mut members = Vec::new();
    walk(&question.ty, "", 0, &question.known, &mut members);
    let probe = |what: String, ours: Answer, how: How| Probe {
        fact: Fact {
            block: block.to_owned(),
            what,
            ours,
        },
        how,
    };
    let one = |member: &Member| {
        let value = one_in_bytes(&member.ty).filter(|_| member.width.is_none())?;
        let size = usize::try_from(question.ty.size()).ok()?;
        let at = usize::try_from(member.offset_bits / 8).ok()?;
        let mut bytes = vec![0; size];
        bytes.get_mut(at..at + value.len())?.copy_from_slice(&value);
        let what = format!("the bytes of {} with {} = 1", question.spelled, member.path);
        let how = How::Set {
            variable: question.variable.clone(),
            path: member.path.clone(),
            value: 1,
        };
        Some(probe(what, Answer::Bits(bytes), how))
    };
    let sign = |member: &Member| {
        let (Kind::Scalar(scalar) | Kind::Enum(scalar)) = member.ty.kind() else {
            return None;
        };
        let is_integer = matches!(scalar, Scalar::Int { .. } | Scalar::BitInt { .. });
        let signed = is_integer.then(|| scalar.is_signed())?;
        let (variable, path) = (&question.variable, &member.path);
        // After a comma a bit-field has a type that can be named, of as many bits to gcc.
        let expression = format!("(__typeof__((0, ((__typeof__({variable}) *)0)->{path})))-1 < 0");
        let what = format!("the sign of {}, {path}", question.spelled);
        Some(probe(
            what,
            Answer::Signed(signed),
            How::Constant(expression),
        ))
    };
    members
        .iter()
        .flat_map(|member| [one(member), sign(member)])
        .flatten()
        .collect()
}

/// The bytes of 1, of types whose byte order shows.
fn one_in_bytes(ty: &Type) -> Option<Vec<u8>> {
    match ty.kind() {
        Kind::Scalar(Scalar::F32) => Some(1_f32.to_le_bytes().to_vec()),
        Kind::Scalar(Scalar::F64) => Some(1_f64.to_le_bytes().to_vec()),
        Kind::Scalar(Scalar::Int { bits, .. }) | Kind::Enum(Scalar::Int { bits, .. }) => {
            let bytes = usize::from(*bits / 8);
            (bytes > 1).then(|| (0..bytes).map(|at| u8::from(at == 0)).collect())
        }
        _ => None,
    }
}

/// A header may have a macro with the name of a member (`#define si_pid _sifields._kill.si_pid`): a path has names after such macros.
fn without_macros(questions: &[&Question]) -> String {
    let mut members = Vec::new();
    for question in questions {
        walk(&question.ty, "", 0, &question.known, &mut members);
    }
    let names: BTreeSet<&str> = members
        .iter()
        .flat_map(|member| member.path.split(['.', '[', ']']))
        .filter(|name| name.starts_with(|c: char| !c.is_ascii_digit()))
        .collect();
    names
        .iter()
        .map(|name| format!("#undef {name}\n"))
        .collect()
}

/// Facts as data in a shared object that may have other things in it too.
#[derive(Default, Debug)]
pub struct Table {
    declarations: String,
    constants: Vec<String>,
    /// Symbols and bytes.
    objects: Vec<(String, usize)>,
    facts: Vec<Fact>,
}

impl Table {
    /// The facts of `subjects`, whose declarations stand before the table's text in one file: a type is asked about once, also where it is a member's.
    pub fn of(subjects: &[&Subject]) -> Self {
        let (mut table, mut asked) = (Self::default(), BTreeSet::new());
        for (i, subject) in subjects.iter().enumerate() {
            let own = |text: &str| text.replace(VARIABLE, &format!("{VARIABLE}{i}_"));
            // What a compiler has to say about these lines, it says about this block.
            let marker = format!("# 1 {:?}", subject.block.name);
            let _ = writeln!(table.declarations, "{marker}");
            let records = || subject.header.records.iter().map(|named| named.ty.clone());
            for mut question in questions(subject) {
                if !asked.insert(question.spelled.clone()) {
                    continue;
                }
                question.known = records().filter(|ty| *ty != question.ty).collect();
                table.declare(&own(&question.declaration));
                for probe in all_about(&subject.block.name, &question) {
                    table.ask(&probe, &format!("{i}_"));
                }
            }
        }
        table
    }

    fn declare(&mut self, declaration: &str) {
        // Of the variable only the type is asked about, and a type is less work for a compiler.
        let _ = writeln!(self.declarations, "typedef {declaration};");
    }

    /// Adds a probe, to whose variables' names `own` is added.
    fn ask(&mut self, probe: &Probe, own: &str) {
        let renamed = |text: &str| text.replace(VARIABLE, &format!("{VARIABLE}{own}"));
        match (&probe.how, &probe.fact.ours) {
            (
                How::Set {
                    variable,
                    path,
                    value,
                },
                Answer::Bits(bytes),
            ) => {
                let name = format!("cabi_bits_{}", self.objects.len());
                // In a union, so that no byte is read that is not there, whatever its size is to the reference compiler.
                let _ = writeln!(
                    self.declarations,
                    "union {{ __typeof__({}) object; char bytes[{}]; }} {name} = {{ .object = {{ .{path} = {value} }} }};",
                    renamed(variable),
                    bytes.len().max(1)
                );
                self.objects.push((name, bytes.len()));
            }
            (How::Constant(expression), _) => {
                self.constants.push(renamed(expression));
            }
            (How::Set { .. }, _) => return,
        }
        self.facts.push(probe.fact.clone());
    }

    /// The table as C.
    pub fn text(&self) -> String {
        let rows: String = self
            .constants
            .iter()
            .map(|row| format!("{row},\n"))
            .collect();
        // Never empty: C has no empty arrays. An error of its lines is not that of the last case: what it is about may have been refused above.
        format!(
            "{}\n# 1 \"{TABLE}\"\nconst unsigned long long {TABLE}[] = {{\n{rows}0\n}};\n",
            self.declarations
        )
    }

    /// The facts, in the order of the answers.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The answers in `built`, which has the table's text in it: one for each of [`facts`](Self::facts).
    ///
    /// # Errors
    /// [`ReferenceError::Io`] if it cannot be loaded.
    pub fn answers(&self, built: &Built) -> Result<Vec<Answer>, ReferenceError> {
        let (numbers, bytes) = read_table(built, self.constants.len(), &self.objects)?;
        let (mut numbers, mut bytes) = (numbers.into_iter(), bytes.into_iter());
        let answer = |fact: &Fact| match fact.ours {
            Answer::Bytes(_) => numbers.next().map(Answer::Bytes),
            Answer::Bits(_) => bytes.next().map(Answer::Bits),
            Answer::Signed(_) => numbers.next().map(|n| Answer::Signed(n != 0)),
        };
        Ok(self.facts.iter().filter_map(answer).collect())
    }
}
