//! What came of making the calls of a plan.

use std::collections::BTreeMap;

use super::Exhaustive;
use super::functions::Function;
use crate::case::Direction;
use crate::states::{Coverage, Transition};
use crate::verdict::{Difference, Verdict};
use crate::verify::units::{Called, OtherSide};

/// Calls of one way and direction. [`Direction::Call`] calls C.
#[derive(Clone, Debug)]
pub struct OneDirection {
    /// How.
    pub way: OtherSide,
    /// Which side calls which.
    pub direction: Direction,
    /// What was run without a difference.
    pub passed: Coverage,
    /// What was run and differs.
    pub differs: Coverage,
    /// What Cranelift's lowering does not support, by its reason.
    pub not_lowered: BTreeMap<String, Coverage>,
}

impl OneDirection {
    /// Whether a call was made for `transition`, with whatever outcome.
    pub fn ran(&self, transition: Transition) -> bool {
        self.passed.has(transition) || self.differs.has(transition)
    }
}

/// A difference.
#[derive(Clone, Debug)]
pub struct DifferingTransition {
    /// What was run.
    pub transition: Transition,
    /// How.
    pub way: OtherSide,
    /// The declaration of the value's type.
    pub ty: String,
    /// The function in one direction.
    pub called: Called,
    /// What differs.
    pub difference: Difference,
}

/// A function that was set aside; another one was tried for its transition, if there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// What it was to show.
    pub transition: Transition,
    /// The declaration of the value's type.
    pub ty: String,
    /// A word for the kind of reason: one of [`KEYS`].
    pub key: &'static str,
    /// The reason.
    pub why: String,
    /// The program that shows it, where the compiler disagrees with itself.
    pub program: Option<String>,
}

/// `FnAbi` has no place for something in the signature.
pub const REFUSED_HERE: &str = "refused by the rules";
/// The compiler refuses the function.
pub const REFUSED_THERE: &str = crate::verify::REFUSED;
/// The compiler's own caller and callee disagree, as a program shows: a failure.
pub const SELF_INCONSISTENT: &str = crate::verify::SELF_INCONSISTENT;
/// They do, which is a known bug of the compiler.
pub const KNOWN_BUG: &str = crate::verify::KNOWN_BUG;
/// Kinds of reasons for which functions are set aside.
pub const KEYS: [&str; 4] = [REFUSED_HERE, REFUSED_THERE, SELF_INCONSISTENT, KNOWN_BUG];

/// What came of a plan.
#[derive(Debug)]
pub struct ExhaustiveRun<'a> {
    /// What was to be run, and how.
    pub plan: &'a Exhaustive,
    /// What was to be run.
    pub wanted: Coverage,
    /// Each way and direction.
    pub directions: Vec<OneDirection>,
    /// The differences.
    pub found: Vec<DifferingTransition>,
    /// Functions that were set aside.
    pub aside: Vec<SetAside>,
    /// Whether it ended early, because most of a sample differed.
    pub stopped: bool,
}

impl<'a> ExhaustiveRun<'a> {
    pub(super) fn new(plan: &'a Exhaustive) -> Self {
        let none = || Coverage::of(plan.measure);
        let directions = plan.ways().iter().flat_map(|way| {
            Direction::ALL.map(|direction| OneDirection {
                way: *way,
                direction,
                passed: none(),
                differs: none(),
                not_lowered: BTreeMap::new(),
            })
        });
        Self {
            plan,
            wanted: none(),
            directions: directions.collect(),
            found: Vec::new(),
            aside: Vec::new(),
            stopped: false,
        }
    }

    /// Takes what became of `function` in one way and direction; whether it can be checked.
    pub(super) fn take(&mut self, function: &Function, way: OtherSide, called: Called) -> bool {
        let (transition, direction) = (function.transition, called.direction);
        let of = |one: &&mut OneDirection| (one.way, one.direction) == (way, direction);
        let Some(one) = self.directions.iter_mut().find(of) else {
            return true;
        };
        match &called.verdict {
            Verdict::Passed(_) => one.passed.mark(transition),
            Verdict::NotLowered(why) | Verdict::NotRun(why) => {
                let none = || Coverage::of(self.plan.measure);
                let of_reason = one.not_lowered.entry(why.clone());
                of_reason.or_insert_with(none).mark(transition);
            }
            Verdict::Differs(difference) => {
                one.differs.mark(transition);
                self.found.push(DifferingTransition {
                    transition,
                    way,
                    ty: function.ty(),
                    difference: difference.clone(),
                    called,
                });
            }
            Verdict::SelfInconsistent(_) => {
                if let Some(shown) = called.shown {
                    let (key, why) = match shown.known {
                        Some(bug) => (KNOWN_BUG, format!("{bug}: {}", shown.says)),
                        None => (SELF_INCONSISTENT, shown.says),
                    };
                    self.set_aside(function, key, why, Some(shown.program));
                }
                return false;
            }
        }
        true
    }

    /// Sets a function aside, for a kind of reason and this one, which a program may show.
    pub(super) fn set_aside(
        &mut self,
        function: &Function,
        key: &'static str,
        why: String,
        program: Option<String>,
    ) {
        let aside = SetAside {
            transition: function.transition,
            ty: function.ty(),
            key,
            why,
            program,
        };
        if self.aside.last() != Some(&aside) {
            self.aside.push(aside);
        }
    }

    /// What was run in both directions, by some way.
    pub fn both(&self) -> Coverage {
        let ran = |transition| {
            Direction::ALL.into_iter().all(|direction| {
                let mut of = self
                    .directions
                    .iter()
                    .filter(|one| one.direction == direction);
                of.any(|one| one.ran(transition))
            })
        };
        let mut both = Coverage::of(self.plan.measure);
        let all = self.plan.measure.transitions();
        all.filter(|one| ran(*one)).for_each(|one| both.mark(one));
        both
    }

    /// What was to be run and was not in some way and direction, though the lowering does not refuse it; and what was run in no way.
    pub fn missed(&self) -> impl Iterator<Item = Transition> {
        let both = self.both();
        let left_out = |one: &OneDirection, transition| {
            !one.ran(transition) && !one.not_lowered.values().any(|not| not.has(transition))
        };
        self.plan.measure.transitions().filter(move |transition| {
            let mut directions = self.directions.iter();
            let missing = directions.any(|one| left_out(one, *transition));
            self.wanted.has(*transition) && (missing || !both.has(*transition))
        })
    }

    /// In what the compiler disagrees with itself, and not by a known bug.
    pub fn inconsistent(&self) -> impl Iterator<Item = &SetAside> {
        self.aside
            .iter()
            .filter(|aside| aside.key == SELF_INCONSISTENT)
    }
}
