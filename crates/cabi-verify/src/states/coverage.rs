//! Which transitions of argument assignment calls have shown: a set that files carry and runs join.

use std::fmt;

use cabi::{Error, Policy};
use serde::{Deserialize, Serialize};

use super::{Measure, Transition};
use crate::case::Case;

/// Which transitions were seen.
///
/// # Example
/// ```
/// use cabi::Policy;
/// use cabi_verify::states::Coverage;
/// use cabi_verify::{case::Subject, corpus::CorpusFile};
///
/// let text = "== one\nproves: psABI 3.2.3\nint f(long, double, int, __int128);\n";
/// let file = CorpusFile::parse("a.abi".as_ref(), text).unwrap();
/// match Subject::read(&file.blocks[0]) {
///     Err(error) if error.is_missing_libclang() => println!("{error}"),
///     subject => {
///         let mut seen = Coverage::default();
///         seen.note(&subject.unwrap().cases[0], Policy::GCC);
///         assert_eq!(seen.to_string(), "transitions 4/13104");
///         assert_eq!(Coverage::decode(&seen.encode()), Some(seen));
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Coverage {
    measure: &'static Measure,
    bits: Vec<u64>,
    outside: u64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self::of(&super::SYSV)
    }
}

impl Coverage {
    /// Of the transitions of `measure` none.
    pub fn of(measure: &'static Measure) -> Self {
        Self {
            bits: vec![0; measure.n_transitions().div_ceil(64)],
            measure: measure.numbering(),
            outside: 0,
        }
    }

    /// Notes the arguments of `case` under `policy`: for each, its shape and the state before it. Nothing is noted where [`FnAbi`](cabi::FnAbi) refuses
    /// the signature.
    pub fn note(&mut self, case: &Case, policy: Policy) {
        let mut seen = Self::of(self.measure);
        if seen.walk(case, policy).is_ok() {
            self.merge(&seen);
        }
    }

    fn walk(&mut self, case: &Case, policy: Policy) -> Result<(), Error> {
        let convention = case.prototype.convention.or(case.target.convention());
        let measure = convention.and_then(Measure::of).map(Measure::numbering);
        for i in 0..case.prototype.params.len() + case.unnamed.len() {
            let shown = Transition::of_argument(case, policy, i)?;
            match shown.filter(|_| measure == Some(self.measure)) {
                Some(transition) => self.mark(transition),
                None => self.outside = self.outside.saturating_add(1),
            }
        }
        // What follows the last argument decides whether all of it is a signature.
        case.abi_under(policy).map(drop)
    }

    /// Notes `transition`.
    pub fn mark(&mut self, transition: Transition) {
        if let Some(number) = self.measure.number(transition)
            && let Some(word) = self.bits.get_mut(number / 64)
        {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether `transition` was noted.
    pub fn has(&self, transition: Transition) -> bool {
        let number = self.measure.number(transition);
        number.is_some_and(|number| {
            let word = self.bits.get(number / 64).copied().unwrap_or(0);
            word >> (number % 64) & 1 == 1
        })
    }

    /// Notes what `other` has noted.
    pub fn merge(&mut self, other: &Self) {
        for (word, more) in self.bits.iter_mut().zip(&other.bits) {
            *word |= more;
        }
        self.outside = self.outside.saturating_add(other.outside);
    }

    /// How many transitions were noted.
    pub fn covered(&self) -> usize {
        let ones = self.bits.iter().map(|word| word.count_ones());
        ones.sum::<u32>().try_into().unwrap_or(usize::MAX)
    }

    /// How many transitions there are from states that arguments can leave.
    pub fn total(&self) -> usize {
        let all = self.measure.transitions();
        all.filter(|one| self.measure.reaches(one.state)).count()
    }

    /// How many arguments were outside of the measure.
    pub fn outside(&self) -> u64 {
        self.outside
    }

    /// As a word without spaces, for files: [`decode`](Self::decode) reads it.
    pub fn encode(&self) -> String {
        let digits: String = self
            .bits
            .iter()
            .map(|word| format!("{word:016x}"))
            .collect();
        format!("{}:{}", self.outside, digits.trim_end_matches('0'))
    }

    /// What [`encode`](Self::encode) wrote of System V's transitions. `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let (outside, digits) = text.split_once(':')?;
        let mut coverage = Self {
            outside: outside.parse().ok()?,
            ..Self::default()
        };
        let mut words = coverage.bits.iter_mut();
        for digits in digits.as_bytes().chunks(16) {
            let digits = std::str::from_utf8(digits).ok()?;
            let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let word = u64::from_str_radix(&format!("{digits:0<16}"), 16).ok()?;
            *words.next().filter(|_| hex)? = word;
        }
        let last = coverage.bits.last().copied().unwrap_or(0);
        let before = (coverage.bits.len() - 1) * 64;
        let spare = last >> (coverage.measure.n_transitions() - before - 1) >> 1;
        (spare == 0).then_some(coverage)
    }
}

impl From<Coverage> for String {
    fn from(coverage: Coverage) -> Self {
        coverage.encode()
    }
}

impl TryFrom<String> for Coverage {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::decode(&text).ok_or("this is no coverage")
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transitions {}/{}", self.covered(), self.total())?;
        if self.outside > 0 {
            write!(f, ", {} arguments outside of the measure", self.outside)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coverage({self})")
    }
}
