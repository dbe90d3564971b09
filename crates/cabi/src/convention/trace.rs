//! The steps of a classification and an assignment, written down while they happen.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use super::group::{Group, GroupKind};

/// One step of classification or assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "step", rename_all = "snake_case"))]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Step {
    /// The whole value is one part, of this class.
    Whole { class: &'static str },
    /// A leaf met an eightbyte of x86-64 System V (psABI 3.2.3, rule 4, with its letter).
    Merge {
        /// The leaf's type, as C spells it.
        leaf: String,
        /// Name of the leaf in the value, as in [`ExplainedMember`](crate::ExplainedMember); empty
        /// where it has none.
        member: String,
        offset_bits: u64,
        width_bits: u64,
        eightbyte: usize,
        letter: char,
        before: &'static str,
        /// The class the leaf brings.
        own: &'static str,
        after: &'static str,
    },
    /// The value goes to memory before any merge.
    Memory { why: &'static str },
    /// The post-merger cleanup (rule 5) changed something.
    Cleanup {
        /// The rule's letter, and what it does.
        rule: &'static str,
        /// The eightbyte that changed; `None` if all did.
        eightbyte: Option<usize>,
    },
    /// A rule of the convention was tried.
    Rule {
        rule: String,
        /// `true` if it placed the part.
        taken: bool,
    },
    /// A choice between compilers mattered.
    Policy { bit: &'static str, set: bool },
    /// Merges and choices that are not listed. The explanation of a value of thousands of leaves is
    /// thus bounded.
    More { steps: u64 },
    /// Anything else.
    Note { text: &'static str },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { class } => write!(f, "one part: {class}"),
            Self::Merge {
                leaf,
                member,
                offset_bits,
                width_bits,
                eightbyte,
                letter,
                before,
                own,
                after,
            } => {
                if !member.is_empty() {
                    write!(f, "{member}: ")?;
                }
                let end = offset_bits.saturating_add(*width_bits);
                if offset_bits % 8 == 0 && end % 8 == 0 {
                    write!(f, "{leaf}, bytes {}..{}: ", offset_bits / 8, end / 8)?;
                } else {
                    write!(f, "{leaf}, bits {offset_bits}..{end}: ")?;
                }
                write!(
                    f,
                    "eightbyte {eightbyte}, rule 4({letter}): {before} + {own} = {after}"
                )
            }
            Self::Memory { why } => write!(f, "Memory: {why}"),
            Self::Cleanup {
                rule,
                eightbyte: Some(i),
            } => write!(f, "eightbyte {i}, rule {rule}"),
            Self::Cleanup {
                rule,
                eightbyte: None,
            } => write!(f, "rule {rule}"),
            Self::Rule { rule, taken: true } => write!(f, "took: {rule}"),
            Self::Rule { rule, taken: false } => write!(f, "none free: {rule}"),
            Self::Policy { bit, set: true } => write!(f, "policy {bit} is set"),
            Self::Policy { bit, set: false } => write!(f, "policy {bit} is not set"),
            Self::More { steps: 1 } => f.write_str("and 1 more step of this kind"),
            Self::More { steps } => write!(f, "and {steps} more steps of this kind"),
            Self::Note { text } => f.write_str(text),
        }
    }
}

/// Returns the policy bits that mattered, each once, with their setting.
pub(crate) fn touched<'l>(
    values: impl IntoIterator<Item = &'l ValueLog>,
) -> Vec<(&'static str, bool)> {
    let mut touched = Vec::new();
    for step in values.into_iter().flat_map(|value| &value.steps) {
        if let Step::Policy { bit, set } = step
            && !touched.contains(&(*bit, *set))
        {
            touched.push((*bit, *set));
        }
    }
    touched
}

/// Log of one value.
#[derive(Default, Debug)]
pub(crate) struct ValueLog {
    /// Its classes, or the banks of its parts.
    pub(crate) classes: String,
    /// Steps that led to its place.
    pub(crate) steps: Vec<Step>,
    /// Number of the steps for single leaves, those that are not listed included.
    of_leaves: usize,
}

/// Number of merges and choices of one value that are listed. The others are counted; a choice is
/// listed once in any case.
const MAX_LEAF_STEPS: usize = 256;

impl ValueLog {
    /// Adds a note of the kind of `group`, if no classifier gave a reason.
    fn give_reason(&mut self, group: &Group) {
        let is_reason = |step: &Step| !matches!(step, Step::Policy { .. });
        if self.steps.iter().any(is_reason) {
            return;
        }
        let text = match (group.kind, group.parts.len()) {
            (GroupKind::Ignore, _) => "no bytes are passed",
            (GroupKind::Memory, _) => "in memory",
            (GroupKind::PerElement { .. }, _) => "each lane by itself",
            (GroupKind::Registers, 1) => "one part",
            (GroupKind::Registers, _) if group.may_split => {
                "in words, some in registers and others on the stack if registers run out"
            }
            (GroupKind::Registers, _) => "in several parts, all in registers or none",
        };
        self.steps.push(Step::Note { text });
    }

    /// Sets the classes of a value from `group`, if no classifier has named them.
    fn name_classes(&mut self, group: &Group) {
        self.classes = match group.kind {
            GroupKind::Memory => "Memory".to_string(),
            GroupKind::PerElement { .. } => "PerElement".to_string(),
            GroupKind::Ignore | GroupKind::Registers if !self.classes.is_empty() => return,
            GroupKind::Ignore => "Ignore".to_string(),
            GroupKind::Registers => {
                let banks = group.parts.iter().map(|part| format!("{:?}", part.bank));
                banks.collect::<Vec<_>>().join(" ")
            }
        };
    }

    fn push(&mut self, step: Step) {
        let is_new = match step {
            Step::Merge { .. } => false,
            Step::Policy { .. } => self.of_leaves < MAX_LEAF_STEPS || !self.steps.contains(&step),
            _ => return self.steps.push(step),
        };
        self.of_leaves = self.of_leaves.saturating_add(1);
        if is_new || self.of_leaves <= MAX_LEAF_STEPS {
            self.steps.push(step);
        } else if let Some(Step::More { steps }) = self.steps.last_mut() {
            *steps += 1;
        } else {
            self.steps.push(Step::More { steps: 1 });
        }
    }
}

/// Log of the result, then of each argument, in the order in which they are placed.
pub(crate) type Log = Vec<ValueLog>;

/// Writer of the log. A step costs one test if no log is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracer<'t>(Option<&'t RefCell<Log>>);

impl<'t> Tracer<'t> {
    /// Tracer that writes nothing down.
    pub(crate) const OFF: Self = Self(None);

    /// Returns a tracer that writes into `log`.
    pub(crate) fn on(log: &'t RefCell<Log>) -> Self {
        Self(Some(log))
    }

    /// Starts the log of the next value.
    #[inline]
    pub(crate) fn begin_value(self) {
        self.in_log(|log| log.push(ValueLog::default()));
    }

    #[inline]
    fn in_log(self, write: impl FnOnce(&mut Log)) {
        if let Some(log) = self.0 {
            write_in(log, write);
        }
    }

    #[inline]
    fn in_value(self, write: impl FnOnce(&mut ValueLog)) {
        self.in_log(|log| {
            if let Some(value) = log.last_mut() {
                write(value);
            }
        });
    }

    #[inline]
    pub(crate) fn push(self, step: impl FnOnce() -> Step) {
        self.in_value(|value| value.push(step()));
    }

    /// Logs the classes of a value that may ask for registers.
    #[inline]
    pub(crate) fn classes(self, classes: impl IntoIterator<Item: Into<&'static str>>) {
        self.in_value(|value| {
            let names: Vec<&str> = classes.into_iter().map(Into::into).collect();
            value.classes = names.join(" ");
        });
    }

    /// Adds the classifier's group of the value.
    #[inline]
    pub(crate) fn group(self, group: &Group) {
        self.in_value(|value| {
            value.name_classes(group);
            value.give_reason(group);
        });
    }

    #[inline]
    pub(crate) fn whole(self, class: impl Into<&'static str>) {
        let class = class.into();
        self.push(|| Step::Whole { class });
        self.classes([class]);
    }

    #[inline]
    pub(crate) fn memory(self, why: &'static str) {
        self.push(|| Step::Memory { why });
    }

    #[inline]
    pub(crate) fn note(self, text: &'static str) {
        self.push(|| Step::Note { text });
    }
}

/// Writes out of line, to keep the walk short if nothing is written.
#[cold]
#[inline(never)]
fn write_in(log: &RefCell<Log>, write: impl FnOnce(&mut Log)) {
    if let Ok(mut log) = log.try_borrow_mut() {
        write(&mut log);
    }
}
