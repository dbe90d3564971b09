//! The facts of layout as a table of data in a shared object, of which nothing runs.

use std::fmt::Write as _;

use super::{Answer, Fact, How, Probe, Question, ask_about, questions};
use crate::case::Subject;
use crate::halves::{TABLE, read_table};
use crate::judge::{Judge, JudgeError, first_error};

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
    let questions = questions(subject);
    let mut replies = Vec::new();
    ask_some(judge, flags, preamble, &questions, true, &mut replies)?;
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

fn ask_some(
    judge: &Judge,
    flags: &[&str],
    preamble: &str,
    questions: &[Question],
    members: bool,
    replies: &mut Vec<(Fact, Reply)>,
) -> Result<(), JudgeError> {
    let probes: Vec<Probe> = questions.iter().flat_map(|q| ask_about("", q)).collect();
    let n_asked = if members { probes.len() } else { 2 };
    let asked = probes.get(..n_asked).unwrap_or(&probes);
    let messages = match table(judge, flags, preamble, questions, asked) {
        Ok(answers) => {
            let mut answers = answers.into_iter().map(Reply::Is);
            for probe in probes {
                let missing = Reply::NoMember("it has other members".to_owned());
                replies.push((probe.fact, answers.next().unwrap_or(missing)));
            }
            return Ok(());
        }
        Err(JudgeError::Refused { messages, .. }) => messages,
        Err(other) => return Err(other),
    };
    match questions {
        [_, _, ..] => {
            let (left, right) = questions.split_at(questions.len() / 2);
            ask_some(judge, flags, preamble, left, true, replies)?;
            ask_some(judge, flags, preamble, right, true, replies)
        }
        _ if members && probes.len() > 2 => {
            ask_some(judge, flags, preamble, questions, false, replies)
        }
        _ => {
            let refuses = Reply::Refuses(first_error(&messages));
            replies.extend(
                probes
                    .into_iter()
                    .map(|probe| (probe.fact, refuses.clone())),
            );
            Ok(())
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
    let mut text = format!("{preamble}\n");
    for question in questions {
        let _ = writeln!(text, "extern {};", question.declaration);
    }
    let (mut constants, mut objects) = (Vec::new(), Vec::new());
    for probe in probes {
        match (&probe.how, &probe.fact.ours) {
            (How::Set { variable, path }, Answer::Bits(bytes)) => {
                let name = format!("cabi_bits_{}", objects.len());
                // In a union, so that no byte is read that is not there, whatever its size is to the judge.
                let _ = writeln!(
                    text,
                    "union {{ __typeof__({variable}) object; char bytes[{}]; }} {name} = {{ .object = {{ .{path} = -1 }} }};",
                    bytes.len().max(1)
                );
                objects.push((name, bytes.len()));
            }
            (How::Constant(expression), _) => {
                constants.push(format!("(unsigned long)({expression})"));
            }
            (How::Set { .. }, Answer::Bytes(_)) => {}
        }
    }
    // Never empty: C has no empty arrays.
    constants.push("0".to_owned());
    let _ = writeln!(
        text,
        "const unsigned long {TABLE}[] = {{\n{}\n}};",
        constants.join(",\n")
    );
    let built = judge.build(&text, flags)?;
    let read = read_table(&built, constants.len(), &objects);
    let (numbers, bytes) = read.map_err(|error| JudgeError::Io {
        what: "the table of layouts".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let (mut numbers, mut bytes) = (numbers.into_iter(), bytes.into_iter());
    let answer = |probe: &Probe| match probe.fact.ours {
        Answer::Bytes(_) => numbers.next().map(Answer::Bytes),
        Answer::Bits(_) => bytes.next().map(Answer::Bits),
    };
    Ok(probes.iter().filter_map(answer).collect())
}
