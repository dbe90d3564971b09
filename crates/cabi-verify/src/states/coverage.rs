//! Transitions of argument assignment that calls have shown: a set that files carry and runs join.

use std::collections::BTreeSet;
use std::fmt;

use cabi::Policy;
use serde::{Deserialize, Serialize};

use super::{Measure, Shape, Transition};
use crate::case::Case;

/// Transitions that were seen.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Coverage {
    measure: &'static Measure,
    seen: BTreeSet<Transition>,
    outside: u64,
}

impl Coverage {
    /// Returns the coverage of `measure` without any transition.
    pub fn of(measure: &'static Measure) -> Self {
        Self {
            measure,
            ..Self::default()
        }
    }

    /// Notes the arguments of `case` under `policy`: for each, its shape and the state before it.
    /// Nothing is noted where [`FnAbi`](cabi::FnAbi) refuses the signature.
    pub fn note(&mut self, case: &Case, policy: Policy) {
        let (Ok(abi), Ok(shown)) = (case.abi_under(policy), Transition::of_case(case, policy))
        else {
            return;
        };
        let is_own = Measure::of(abi.convention) == Some(self.measure);
        for shown in shown {
            match shown.filter(|_| is_own) {
                Some(transition) => self.mark(transition),
                None => self.outside = self.outside.saturating_add(1),
            }
        }
    }

    /// Notes `transition`; as outside of the measure where named arguments cannot lead to its
    /// state.
    pub fn mark(&mut self, transition: Transition) {
        match self.measure.states().any(|state| state == transition.state) {
            true => _ = self.seen.insert(transition),
            false => self.outside = self.outside.saturating_add(1),
        }
    }

    /// Notes what `other` has noted.
    pub fn merge(&mut self, other: &Self) {
        self.seen.extend(&other.seen);
        self.outside = self.outside.saturating_add(other.outside);
    }

    /// Returns the shapes of the measure of which no transition was noted.
    pub fn shapes_left(&self) -> impl Iterator<Item = Shape> {
        let shapes = self.measure.shapes.iter().copied();
        shapes.filter(|shape| self.seen.iter().all(|seen| seen.shape != *shape))
    }

    /// Returns the number of noted transitions.
    pub fn covered(&self) -> usize {
        self.seen.len()
    }

    /// Returns the number of all transitions.
    pub fn total(&self) -> usize {
        self.measure.transitions().count()
    }

    /// Writes a line of text, for files: [`decode`](Self::decode) reads it. A digit stands for four
    /// transitions.
    pub fn encode(&self) -> String {
        let all: Vec<Transition> = self.measure.transitions().collect();
        let bit = |(i, one): (u32, &Transition)| u32::from(self.seen.contains(one)) << i;
        let digit = |four: &[Transition]| (0..).zip(four).map(bit).sum::<u32>();
        let digits = all.chunks(4).map(|four| format!("{:x}", digit(four)));
        let (digits, name) = (digits.collect::<String>(), self.measure.name());
        format!("{name}:{}:{}", self.outside, digits.trim_end_matches('0'))
    }

    /// Reads the text of [`encode`](Self::encode). `None` for any other text.
    pub fn decode(text: &str) -> Option<Self> {
        let (name, text) = text.split_once(':')?;
        let (outside, digits) = text.split_once(':')?;
        let mut coverage = Self::of(Measure::named(name)?);
        coverage.outside = outside.parse().ok()?;
        let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
        let bits = digits?
            .into_iter()
            .flat_map(|digit| (0..4).map(move |i| digit >> i & 1));
        let mut all = coverage.measure.transitions();
        for bit in bits {
            match (all.next(), bit) {
                (Some(transition), 1) => coverage.mark(transition),
                (None, 1) => return None,
                _ => {}
            }
        }
        Some(coverage)
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
