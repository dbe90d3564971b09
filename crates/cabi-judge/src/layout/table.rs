//! The facts of layout as a table of data in a shared object, of which nothing runs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cabi::{Kind, Scalar, Type};

use super::{Answer, Fact, How, Member, Probe, Question, ask_about, questions, walk};
use crate::case::Subject;
use crate::halves::{TABLE, read_table};
use crate::judge::{Built, Judge, JudgeError, first_error};

/// As [`ask`](super::ask) for one subject, whose text is `preamble`; but nothing of the judge's runs, so flags that change its calls do no harm. A
/// type whose members have other names for the judge is asked for its size and alignment only; what it refuses altogether has its reason.
///
/// # Errors
/// [`JudgeError::Io`] if the judge cannot be started, or what it makes cannot be loaded.
pub fn ask_data(
    judge: &Judge,
    flags: &[&str],
    preamble: &str,
    subject: &Subject,
) -> Result<Vec<(Fact, Reply)>, JudgeError> {
    let asking = Asking {
        judge,
        flags,
        preamble,
        about: |question| ask_about("", question),
        n_without_members: 2,
    };
    let mut replies = Vec::new();
    asking.some(&questions(subject), true, &mut replies)?;
    Ok(replies)
}

/// The same about the bytes that objects have when one of their members is 1: its type, and the order of its bytes.
///
/// # Errors
/// As [`ask_data`].
pub fn ask_bytes(
    judge: &Judge,
    flags: &[&str],
    preamble: &str,
    subject: &Subject,
) -> Result<Vec<(Fact, Reply)>, JudgeError> {
    let asking = Asking {
        judge,
        flags,
        preamble,
        about: |question| ones("", question),
        n_without_members: 0,
    };
    let mut replies = Vec::new();
    asking.some(&questions(subject), true, &mut replies)?;
    Ok(replies)
}

/// What a judge says to a [`Fact`].
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

/// What is asked of whom.
struct Asking<'a> {
    judge: &'a Judge,
    flags: &'a [&'a str],
    preamble: &'a str,
    about: fn(&Question) -> Vec<Probe>,
    /// How many of the probes of a type, the first, name no member.
    n_without_members: usize,
}

impl Asking<'_> {
    fn some(
        &self,
        questions: &[Question],
        members: bool,
        replies: &mut Vec<(Fact, Reply)>,
    ) -> Result<(), JudgeError> {
        let probes: Vec<Probe> = questions.iter().flat_map(self.about).collect();
        let n_asked = match members {
            true => probes.len(),
            false => self.n_without_members,
        };
        let asked = probes.get(..n_asked).unwrap_or(&probes);
        let messages = match table(self.judge, self.flags, self.preamble, questions, asked) {
            Ok(answers) => {
                let mut answers = answers.into_iter().map(Reply::Is);
                for probe in probes {
                    let missing = Reply::NoMember("it has other members".to_owned());
                    replies.push((probe.fact, answers.next().unwrap_or(missing)));
                }
                return Ok(());
            }
            Err(other) => match other.messages() {
                Some(messages) => messages.to_owned(),
                None => return Err(other),
            },
        };
        match questions {
            [_, _, ..] => {
                let (left, right) = questions.split_at(questions.len() / 2);
                self.some(left, true, replies)?;
                self.some(right, true, replies)
            }
            _ if members && probes.len() > self.n_without_members => {
                self.some(questions, false, replies)
            }
            _ => {
                let refuses = Reply::Refuses(first_error(&messages));
                let all = probes.into_iter();
                replies.extend(all.map(|probe| (probe.fact, refuses.clone())));
                Ok(())
            }
        }
    }
}

/// The answers to `probes`, which are about `questions`, out of one shared object of data.
fn table(
    judge: &Judge,
    flags: &[&str],
    preamble: &str,
    questions: &[Question],
    probes: &[Probe],
) -> Result<Vec<Answer>, JudgeError> {
    let mut table = Table::default();
    for question in questions {
        table.declare(&question.declaration);
    }
    probes.iter().for_each(|probe| table.ask(probe, ""));
    let (members, text) = (without_macros(questions), table.text());
    let built = judge.build(&format!("{preamble}\n{members}{text}"), flags)?;
    table.answers(&built)
}

/// What an object's bytes are when one of its members, a number of several bytes, is 1: a compiler may store members in the other order.
fn ones(block: &str, question: &Question) -> Vec<Probe> {
    let mut members = Vec::new();
    walk(&question.ty, "", 0, &mut members);
    let one = |member: Member| {
        let value = one_in_bytes(&member.ty).filter(|_| member.width.is_none())?;
        let size = usize::try_from(question.ty.size()).ok()?;
        let at = usize::try_from(member.offset_bits / 8).ok()?;
        let mut bytes = vec![0; size];
        bytes.get_mut(at..at + value.len())?.copy_from_slice(&value);
        Some(Probe {
            fact: Fact {
                block: block.to_owned(),
                what: format!("the bytes of {} with {} = 1", question.spelled, member.path),
                ours: Answer::Bits(bytes),
            },
            how: How::Set {
                variable: question.variable.clone(),
                path: member.path,
                value: 1,
            },
        })
    };
    members.into_iter().filter_map(one).collect()
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

/// A header may have a macro with the name of a member (`#define si_pid _sifields._kill.si_pid`): a path has names behind such macros.
fn without_macros(questions: &[Question]) -> String {
    let mut members = Vec::new();
    for question in questions {
        walk(&question.ty, "", 0, &mut members);
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
    /// The facts of `subjects`, whose declarations stand before the table's text in one file.
    #[must_use]
    pub fn of(subjects: &[&Subject]) -> Self {
        let mut table = Self::default();
        for (i, subject) in subjects.iter().enumerate() {
            let own = |text: &str| text.replace(VARIABLE, &format!("{VARIABLE}{i}_"));
            // What a compiler has to say about these lines, it says about this block.
            let marker = format!("# 1 {:?}", subject.block.name);
            let _ = writeln!(table.declarations, "{marker}");
            for question in questions(subject) {
                table.declare(&own(&question.declaration));
                let mut probes = ask_about(&subject.block.name, &question);
                probes.extend(ones(&subject.block.name, &question));
                for probe in probes {
                    table.ask(&probe, &format!("{i}_"));
                }
            }
        }
        table
    }

    fn declare(&mut self, declaration: &str) {
        let _ = writeln!(self.declarations, "extern {declaration};");
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
                // In a union, so that no byte is read that is not there, whatever its size is to the judge.
                let _ = writeln!(
                    self.declarations,
                    "union {{ __typeof__({}) object; char bytes[{}]; }} {name} = {{ .object = {{ .{path} = {value} }} }};",
                    renamed(variable),
                    bytes.len().max(1)
                );
                self.objects.push((name, bytes.len()));
            }
            (How::Constant(expression), _) => {
                let expression = renamed(expression);
                self.constants
                    .push(format!("(unsigned long)({expression})"));
            }
            (How::Set { .. }, Answer::Bytes(_)) => return,
        }
        self.facts.push(probe.fact.clone());
    }

    /// The table as C.
    #[must_use]
    pub fn text(&self) -> String {
        let rows: String = self
            .constants
            .iter()
            .map(|row| format!("{row},\n"))
            .collect();
        // Never empty: C has no empty arrays.
        format!(
            "{}const unsigned long {TABLE}[] = {{\n{rows}0\n}};\n",
            self.declarations
        )
    }

    /// The facts, in the order of the answers.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The answers in `built`, which has the table's text in it: one for each of [`facts`](Self::facts).
    ///
    /// # Errors
    /// [`JudgeError::Io`] if it cannot be loaded.
    pub fn answers(&self, built: &Built) -> Result<Vec<Answer>, JudgeError> {
        let read = read_table(built, self.constants.len(), &self.objects);
        let (numbers, bytes) = read.map_err(|error| JudgeError::Io {
            what: "the table of layouts".to_owned(),
            source: std::io::Error::other(error),
        })?;
        let (mut numbers, mut bytes) = (numbers.into_iter(), bytes.into_iter());
        let answer = |fact: &Fact| match fact.ours {
            Answer::Bytes(_) => numbers.next().map(Answer::Bytes),
            Answer::Bits(_) => bytes.next().map(Answer::Bits),
        };
        Ok(self.facts.iter().filter_map(answer).collect())
    }
}

/// What the variables are called whose types are asked about.
const VARIABLE: &str = "cabi_x";
