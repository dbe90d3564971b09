//! Runs a convention's rules over groups. This is the only place where registers and stack slots
//! are counted.

pub(crate) mod no_place;
mod registers;
mod whole;

use self::no_place::NoPlace;
use self::whole::{StackSlot, pointer_group};
use super::frame::Frame;
use super::group::{ArgFlags, Group, GroupKind, Part, PartType, Role};
use super::place::{Loc, Place, PlacedPart, PlacedParts};
use super::registers::{Features, State};
use super::rules::{CustomFn, GuardInput, Rule};
use super::trace::{Step, Tracer};

/// Depth to which lists may delegate and guards may nest. A convention may refer to itself.
pub(crate) const MAX_NESTING: u8 = 16;

/// Number of times that the rules of one value may go on with another list.
const MAX_DELEGATIONS: u32 = 1 << 12;

/// Runs the lists of one signature.
pub(crate) struct Assigner<'t> {
    pub(crate) state: State,
    pub(crate) tracer: Tracer<'t>,
    variadic: bool,
    features: Features,
    frame: &'static Frame,
    /// A pointer of the target, as a part.
    pointer: PartType,
    /// State before the value that is being placed. A group that does not fit restores it.
    before: State,
    /// Place that a custom rule decided on.
    custom: Option<Place>,
    /// Number of times that rules of this value went on with another list.
    delegations: u32,
    /// `true` while rules are run for their answer alone: their functions are not called.
    is_trial: bool,
}

/// The value that rules are run for.
#[derive(Clone, Copy)]
struct Value<'g> {
    group: &'g Group,
    role: Role,
    /// Index of the part that rules are run for.
    index: usize,
}

impl<'g> Value<'g> {
    /// Returns the value at its first part.
    fn new(group: &'g Group, role: Role) -> Self {
        let index = 0;
        Self { group, role, index }
    }
}

/// Outcome of a list for one part.
enum Outcome<'r> {
    /// A register, or two that hold the same, and the type that the part has there.
    Located(Loc, PartType),
    /// The rule that places the value as a whole, and the rules after it, which may place a pointer
    /// to the value. The type is that which the part has become.
    Whole(&'r Rule, &'r [Rule], Option<PartType>),
    /// A custom rule placed the value.
    Custom,
    /// No rule placed it.
    Nowhere,
}

/// Outcome of a list for a part of a value that asks for registers.
enum PartOutcome<'r> {
    Placed(PlacedPart),
    /// The value is placed as a whole, or not at all.
    Whole(Outcome<'r>),
}

impl<'t> Assigner<'t> {
    pub(crate) fn new(
        frame: &'static Frame,
        stack_align: u32,
        features: Features,
        variadic: bool,
        pointer: u8,
        tracer: Tracer<'t>,
    ) -> Self {
        let state = State::new(frame.shadow_space, stack_align);
        let pointer = match pointer {
            ..=4 => PartType::I32,
            _ => PartType::I64,
        };
        Self {
            state,
            tracer,
            variadic,
            features,
            frame,
            pointer,
            before: state,
            custom: None,
            delegations: 0,
            is_trial: false,
        }
    }

    /// Returns the bytes of a pointer of the target in its place.
    pub(crate) fn pointer_bytes(&self) -> u64 {
        self.pointer.bytes().into()
    }

    /// Places the hidden pointer to a result by `rules`.
    ///
    /// # Errors
    /// As [`Assigner::place`].
    #[inline]
    pub(crate) fn place_sret(&mut self, rules: &'static [Rule]) -> Result<Option<Loc>, NoPlace> {
        let mut group = pointer_group(self.pointer);
        group.flags = ArgFlags::SRET;
        let mut place = Place::Ignore;
        let has_place = self.place(rules, &group, Role::Named, &mut place)?;
        Ok(place.as_pointer().filter(|_| has_place))
    }

    /// Places one value by `rules`, in `place`; `false` if no rule has a place for it.
    ///
    /// # Errors
    /// [`NoPlace`]: the argument area grows out of bounds, or the rules refer to themselves.
    #[inline(always)]
    pub(crate) fn place(
        &mut self,
        rules: &'static [Rule],
        group: &Group,
        role: Role,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        self.before = self.state;
        self.delegations = 0;
        match (group.kind, &group.otherwise) {
            (GroupKind::Registers, None) => self.place_parts(rules, group, role, place),
            (GroupKind::Memory, None) => self.place_whole(rules, group, role, place),
            _ => self.place_otherwise(rules, group, role, place),
        }
    }

    /// Places a value that asks for registers, part by part.
    #[inline(always)]
    fn place_parts(
        &mut self,
        all_rules: &'static [Rule],
        group: &Group,
        role: Role,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        // Written where the value's place is: moving them there costs more than finding them.
        *place = Place::Parts(PlacedParts::new());
        let Place::Parts(parts) = place else {
            return Ok(false);
        };
        for (index, part) in group.parts.iter().enumerate() {
            let rules = first_for(all_rules, Some(part.ty), group.flags);
            if let Some(loc) = self.first_register(rules, part.ty) {
                parts.push(PlacedPart { part: *part, loc });
                continue;
            }
            let value = Value { group, role, index };
            match self.place_part(rules, &value, part)? {
                PartOutcome::Placed(part) => parts.push(part),
                PartOutcome::Whole(outcome) => {
                    return self.place_instead(all_rules, outcome, &value, place);
                }
            }
        }
        if group.parts.is_empty() {
            return self.place_whole(all_rules, group, role, place);
        }
        Ok(true)
    }

    /// Runs rules for a part of `value`.
    #[inline(never)]
    fn place_part<'r>(
        &mut self,
        rules: &'r [Rule],
        value: &Value<'_>,
        part: &Part,
    ) -> Result<PartOutcome<'r>, NoPlace> {
        let outcome = self.run_here(rules, value, Some(part.ty), 0)?;
        if let Outcome::Located(loc, ty) = outcome {
            let part = Part { ty, ..*part };
            return Ok(PartOutcome::Placed(PlacedPart { part, loc }));
        }
        if let Outcome::Whole(rule, _, ty) = outcome
            && value.group.may_split
            && let Some(slot) = StackSlot::of(rule)
        {
            let placed = self.part_on_stack(part, ty, value.group.align, slot);
            return placed.map(PartOutcome::Placed);
        }
        Ok(PartOutcome::Whole(outcome))
    }

    /// Places as a whole a value that asks for registers, after one part has found none.
    fn place_instead(
        &mut self,
        rules: &'static [Rule],
        outcome: Outcome<'_>,
        value: &Value<'_>,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        *place = Place::Ignore;
        // A custom rule started from the state before the group, and its changes stand.
        if !matches!(outcome, Outcome::Custom) {
            self.revert(value.group, value.index > 0);
        }
        self.apply_whole(rules, outcome, value, place)
    }

    /// Places a value that asks for no registers, or for another place if it finds none.
    #[inline(never)]
    fn place_otherwise(
        &mut self,
        rules: &'static [Rule],
        mut group: &Group,
        role: Role,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        while let Some(otherwise) = &group.otherwise {
            if self.fits(rules, group, role) {
                break;
            }
            group = otherwise;
        }
        match group.kind {
            GroupKind::Ignore => Ok(true),
            GroupKind::Registers => self.place_parts(rules, group, role, place),
            _ => self.place_whole(rules, group, role, place),
        }
    }

    /// Places a value that has no parts, or asks for none.
    #[inline(never)]
    fn place_whole(
        &mut self,
        rules: &'static [Rule],
        group: &Group,
        role: Role,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        *place = Place::Ignore;
        let value = Value::new(group, role);
        let outcome = self.run_here(first_for(rules, None, group.flags), &value, None, 0)?;
        self.apply_whole(rules, outcome, &value, place)
    }

    /// Checks whether every part of `group` would find a register. Takes none.
    #[cold]
    fn fits(&mut self, rules: &'static [Rule], group: &Group, role: Role) -> bool {
        let finds = self.trial(|assigner| {
            group.parts.iter().enumerate().all(|(index, part)| {
                let value = Value {
                    index,
                    ..Value::new(group, role)
                };
                let outcome = assigner.run(rules, &value, Some(part.ty), 0);
                matches!(outcome, Ok(Outcome::Located(..)))
            })
        });
        if !finds {
            self.tracer
                .note("not every part would find a register: the value takes its other form");
        }
        finds
    }

    /// Runs rules for their answer alone: nothing is taken, and no step is logged.
    fn trial<T>(&mut self, attempt: impl FnOnce(&mut Self) -> T) -> T {
        let (state, tracer) = (self.state, self.tracer);
        self.tracer = Tracer::OFF;
        self.is_trial = true;
        let result = attempt(self);
        self.is_trial = false;
        self.state = state;
        self.tracer = tracer;
        result
    }

    /// Frees the registers of a group that does not fit (psABI 3.2.3, Passing: "assignments get
    /// reverted"). Takes those that the group uses up by its attempt ([`Group::exhausts`]).
    fn revert(&mut self, group: &Group, took_some: bool) {
        if took_some {
            self.state = self.before;
            self.tracer
                .note("not every part found a register: the registers taken are free again");
        }
        if !group.exhausts.is_empty() {
            self.tracer.note("the attempt uses up the registers left");
            group.exhausts.iter().for_each(|reg| self.state.take(*reg));
        }
    }

    /// Runs `rules` until one places a part of `value`, of type `ty`, or the whole value.
    #[inline(never)]
    fn run<'r>(
        &mut self,
        rules: &'r [Rule],
        value: &Value<'_>,
        ty: Option<PartType>,
        nesting: u8,
    ) -> Result<Outcome<'r>, NoPlace> {
        self.run_here(rules, value, ty, nesting)
    }

    /// Runs rules as [`run`](Self::run) does, inlined: a value in memory costs 60 instructions
    /// less.
    #[inline(always)]
    fn run_here<'r>(
        &mut self,
        mut rules: &'r [Rule],
        value: &Value<'_>,
        mut ty: Option<PartType>,
        nesting: u8,
    ) -> Result<Outcome<'r>, NoPlace> {
        'rules: while let [rule, rest @ ..] = rules {
            rules = rest;
            let (mut action, mut guards) = (rule, 0);
            let outcome = loop {
                let (holds, then) = match action {
                    Rule::IfType(types, then) => (ty.is_some_and(|ty| types.has(ty)), then),
                    Rule::IfFlag(flag, then) => (value.group.flags.has(*flag), then),
                    Rule::IfWants(want, then) => (want.matches(value.group.kind), then),
                    Rule::If(_, holds, then) => (self.holds(*holds, value), then),
                    Rule::IfNotVariadic(then) => (!self.variadic, then),
                    Rule::IfUnnamed(then) => (value.role == Role::Unnamed, then),
                    Rule::Promote(other) | Rule::BitConvert(other) => {
                        ty = ty.and(Some(*other));
                        continue 'rules;
                    }
                    Rule::DelegateTo(list) => match self.delegate(list, value, ty, nesting)? {
                        Outcome::Nowhere => continue 'rules,
                        outcome => return Ok(outcome),
                    },
                    Rule::AssignToReg(list) => break self.register(list, &[], ty)?,
                    Rule::AssignToRegWithShadow(list, shadow) => {
                        break self.register(list, shadow, ty)?;
                    }
                    Rule::AssignToBoth(pairs) => break self.both(pairs, ty)?,
                    Rule::AssignToRegPair(list) => break self.pair(list, value.index, ty)?,
                    Rule::Custom(_, place) => break self.custom(*place, value.group)?,
                    _ => break Outcome::Whole(action, rest, ty),
                };
                guards += 1;
                if !holds {
                    continue 'rules;
                }
                if guards == MAX_NESTING {
                    return Err(no_place::TOO_DEEP);
                }
                action = then;
            };
            let taken = !matches!(outcome, Outcome::Nowhere);
            self.tracer.push(|| Step::Rule {
                rule: rule.sentence(),
                taken,
            });
            if taken {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Nowhere)
    }

    /// Goes on with another list, unless lists delegate to each other in circles.
    #[inline(never)]
    fn delegate<'r>(
        &mut self,
        rules: &'r [Rule],
        value: &Value<'_>,
        ty: Option<PartType>,
        nesting: u8,
    ) -> Result<Outcome<'r>, NoPlace> {
        self.delegations += 1;
        if nesting == MAX_NESTING || self.delegations > MAX_DELEGATIONS {
            return Err(no_place::TOO_DEEP);
        }
        self.run(rules, value, ty, nesting + 1)
    }

    /// Calls a function of the convention on the state before the first part of the value.
    /// Registers that the function takes stay taken, even if it places nothing.
    #[inline(never)]
    fn custom<'r>(&mut self, place: CustomFn, group: &Group) -> Result<Outcome<'r>, NoPlace> {
        if self.is_trial {
            return Ok(Outcome::Nowhere);
        }
        let mut state = self.before;
        self.custom = place(group, &mut state);
        if let Some(place) = &self.custom {
            self.state = state;
            if !place.is_inside(state.area().0, self.pointer_bytes()) {
                return Err(no_place::OUTSIDE_OF_AREA);
            }
            return Ok(Outcome::Custom);
        }
        self.state.add(&self.before, &state);
        self.before = state;
        Ok(Outcome::Nowhere)
    }

    /// Checks whether a predicate of the convention holds for `value`.
    #[inline(never)]
    fn holds(&self, predicate: fn(&GuardInput<'_>) -> bool, value: &Value<'_>) -> bool {
        predicate(&GuardInput {
            group: value.group,
            role: value.role,
            state: &self.state,
            variadic: self.variadic,
            features: self.features,
        })
    }
}

/// Returns `rules` without the leading ones for parts of other types than `ty`, or for other
/// `flags`. Most rules of most conventions begin with one of these two guards.
#[inline(always)]
fn first_for(mut rules: &[Rule], ty: Option<PartType>, flags: ArgFlags) -> &[Rule] {
    while let [rule, rest @ ..] = rules {
        match rule {
            Rule::IfType(types, _) if !ty.is_some_and(|ty| types.has(ty)) => rules = rest,
            Rule::IfFlag(flag, _) if !flags.has(*flag) => rules = rest,
            _ => break,
        }
    }
    rules
}
