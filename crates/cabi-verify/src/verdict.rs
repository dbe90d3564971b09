//! What became of a case: every byte was right, it is not supported, or what is wrong, told so that a parent process and a report can make
//! something of it.

use clif_cabi::{LowerError, NotLowered, PlanError};
use thiserror::Error;

use crate::pattern::{Pattern, hex};

/// The value of a call that a failure is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// The argument with this index.
    Argument(usize),
    /// The result.
    Result,
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Argument(i) => write!(f, "argument {i}"),
            Self::Result => f.write_str("result"),
        }
    }
}

/// What is wrong with a call.
#[derive(Clone, PartialEq, Eq, Debug, Default, Error)]
#[error("{why}")]
pub struct Difference {
    /// Which value differs, if it is one.
    pub value: Option<Value>,
    /// The bytes it should have.
    pub expected: Vec<u8>,
    /// The bytes it has.
    pub got: Vec<u8>,
    /// Its parts that the compiler has elsewhere than where they belong, as far as that is known.
    pub moved: Vec<Moved>,
    /// All of it in words.
    pub why: String,
}

/// A part of a value that a compiler passes, reads or returns elsewhere than where it belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// From the first of its bytes to the one after its last.
    pub bytes: (usize, usize),
    /// The registers or slots in which these bytes were found; none if they were not.
    pub found: Vec<String>,
    /// Where they belong.
    pub expected: String,
}

impl Moved {
    /// As a word without tabs and semicolons, which [`read`](Self::read) reads.
    fn line(&self) -> String {
        let ((from, to), found) = (self.bytes, self.found.join("|"));
        format!("{from}={to}={found}={}", self.expected)
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.splitn(4, '=');
        let (from, to) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let found = fields.next()?.split('|').filter(|place| !place.is_empty());
        Some(Self {
            bytes: (from, to),
            found: found.map(str::to_owned).collect(),
            expected: fields.next()?.to_owned(),
        })
    }
}

impl From<String> for Difference {
    fn from(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }
}

impl From<&str> for Difference {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

impl Difference {
    /// Compares a value with what it should be; `place` says in words where it was seen.
    pub(crate) fn check(
        pattern: &Pattern,
        got: &[u8],
        value: Value,
        place: &str,
    ) -> Result<(), Self> {
        pattern.check_all(got).map_err(|why| Self {
            value: Some(value),
            expected: pattern.bytes.clone(),
            got: got.to_vec(),
            moved: Vec::new(),
            why: format!("{value} {place}: {why}"),
        })
    }

    /// The same, found in the circumstances that `how` names.
    pub fn inside(mut self, how: &str) -> Self {
        self.why = format!("{how}: {}", self.why);
        self
    }

    /// As one line, which [`read`](Self::read) reads.
    pub fn line(&self) -> String {
        let value = match self.value {
            Some(Value::Argument(i)) => i.to_string(),
            Some(Value::Result) => "result".to_owned(),
            None => String::new(),
        };
        let (expected, got) = (hex(&self.expected), hex(&self.got));
        let moved: Vec<String> = self.moved.iter().map(Moved::line).collect();
        let moved = moved.join(";");
        format!("{value}\t{expected}\t{got}\t{moved}\t{}", self.why)
    }

    /// What [`line`](Self::line) wrote; of any other text, that text is all it says.
    pub fn read(line: &str) -> Self {
        let bytes = |text: &str| {
            let digits = text.split_whitespace();
            digits
                .filter_map(|digits| u8::from_str_radix(digits, 16).ok())
                .collect()
        };
        let fields: Vec<&str> = line.splitn(5, '\t').collect();
        let [value, expected, got, moved, why] = fields.as_slice() else {
            return Self::from(line);
        };
        Self {
            value: match *value {
                "result" => Some(Value::Result),
                index => index.parse().ok().map(Value::Argument),
            },
            expected: bytes(expected),
            got: bytes(got),
            moved: moved.split(';').filter_map(Moved::read).collect(),
            why: (*why).to_owned(),
        }
    }
}

/// Why a case did not pass.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(transparent)]
pub enum Fault {
    /// `cabi` or the lowering says that it does not support it.
    Refused(#[from] Refusal),
    /// Anything else.
    Failed(#[from] Difference),
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Failed(why.into())
    }
}

impl From<LowerError> for Fault {
    fn from(error: LowerError) -> Self {
        let refusal = match error.cause() {
            LowerError::Plan(PlanError::Unsupported { why: kind, .. }) => {
                let (kind, why) = (*kind, kind.why());
                Refusal::NotLowered { kind, why }
            }
            LowerError::Plan(PlanError::Abi(cabi::Error::NoKnownRule { why, .. })) => {
                Refusal::NoKnownRule(why)
            }
            _ => return Self::Failed(error.to_string().into()),
        };
        Self::Refused(refusal)
    }
}

impl From<clif_cabi_jit::Error> for Fault {
    fn from(error: clif_cabi_jit::Error) -> Self {
        match error {
            clif_cabi_jit::Error::Lowering(error) => Self::from(*error),
            error => Self::Failed(error.to_string().into()),
        }
    }
}

/// Why a case is not supported.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The convention says where it goes, but it is not lowered.
    #[error("{why}")]
    NotLowered {
        /// Which kind of thing.
        kind: NotLowered,
        /// In words.
        why: &'static str,
    },
    /// No rule is known by which the compiler places it.
    #[error("{0}")]
    NoKnownRule(&'static str),
    /// It was not tried, for this reason.
    #[error("{0}")]
    Untried(String),
}

/// The result of a case in one direction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Every byte was right in so many calls.
    Passed(usize),
    /// The lowering says that it does not support it, for this reason.
    NotLowered(String),
    /// It was not tried, because the compiler or `cabi` refuses it for this reason.
    NotRun(String),
    /// It failed, and so it does between the compiler's own caller and callee: its bug.
    SelfInconsistent(Difference),
    /// It failed.
    Differs(Difference),
}

impl From<Result<usize, Fault>> for Verdict {
    fn from(made: Result<usize, Fault>) -> Self {
        match made {
            Ok(calls) => Self::Passed(calls),
            Err(Fault::Refused(why)) => Self::NotLowered(why.to_string()),
            Err(Fault::Failed(difference)) => Self::Differs(difference),
        }
    }
}

impl<E: Into<Difference>> From<Result<(), E>> for Verdict {
    fn from(checked: Result<(), E>) -> Self {
        checked.map_or_else(|why| Self::Differs(why.into()), |()| Self::Passed(1))
    }
}

impl Verdict {
    /// What is wrong, whoever's fault it is.
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Self::Differs(difference) | Self::SelfInconsistent(difference) => Some(difference),
            Self::Passed(_) | Self::NotLowered(_) | Self::NotRun(_) => None,
        }
    }

    /// How many calls were right.
    ///
    /// # Errors
    /// Why it did not pass.
    pub fn passed(self) -> Result<usize, String> {
        match self {
            Self::Passed(calls) => Ok(calls),
            Self::NotLowered(why) | Self::NotRun(why) => Err(why),
            Self::SelfInconsistent(difference) | Self::Differs(difference) => Err(difference.why),
        }
    }

    /// As one line, which [`read`](Self::read) reads.
    pub(crate) fn line(&self) -> String {
        let (letter, text) = match self {
            Self::Passed(calls) => ('p', calls.to_string()),
            Self::NotLowered(why) => ('l', why.clone()),
            Self::NotRun(why) => ('n', why.clone()),
            Self::SelfInconsistent(difference) => ('s', difference.line()),
            Self::Differs(difference) => ('d', difference.line()),
        };
        format!("{letter}{}", text.replace(['\n', '\r'], " "))
    }

    /// What [`line`](Self::line) wrote.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let text = line.get(1..)?;
        Some(match line.chars().next()? {
            'p' => Self::Passed(text.parse().ok()?),
            'l' => Self::NotLowered(text.to_owned()),
            'n' => Self::NotRun(text.to_owned()),
            's' => Self::SelfInconsistent(Difference::read(text)),
            _ => Self::Differs(Difference::read(text)),
        })
    }

    /// That of a case that ends the process.
    pub fn died(why: &str) -> Self {
        Self::Differs(Difference::from(format!("it ends the process: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let difference = Difference {
            value: Some(Value::Argument(3)),
            expected: vec![0x10, 0xff],
            got: vec![0, 1],
            moved: vec![Moved {
                bytes: (0, 2),
                found: vec!["rdi".to_owned(), "stack 0..2".to_owned()],
                expected: "xmm0".to_owned(),
            }],
            why: "variant 0:\tno".to_owned(),
        };
        assert_eq!(Difference::read(&difference.line()), difference);
        let result = Difference {
            value: Some(Value::Result),
            ..difference
        };
        assert_eq!(Difference::read(&result.line()), result);
        let words = Difference::from("rsp was changed");
        assert_eq!(Difference::read(&words.line()), words);
        let text = Difference::from("panicked: no");
        assert_eq!(Difference::read("panicked: no"), text);
        for verdict in [
            Verdict::Passed(3),
            Verdict::NotLowered("no".to_owned()),
            Verdict::NotRun("why".to_owned()),
            Verdict::SelfInconsistent(result),
            Verdict::Differs(text),
        ] {
            assert_eq!(Verdict::read(&verdict.line()), Some(verdict));
        }
    }
}
