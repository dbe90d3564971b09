//! Runs a convention's rules over groups. This is the only place where registers and stack slots are counted.

mod whole;

use self::whole::{Slot, pointer_group};
use super::features::Features;
use super::frame::Frame;
use super::group::{ArgFlags, Group, GroupKind, Part, PartType, Role};
use super::place::{Loc, Place, Placed, PlacedPart};
use super::registers::Reg;
use super::rules::{CustomFn, Given, Rule};
use super::state::State;
use super::trace::Tracer;

/// Why a value cannot be placed: the rules have no place for it, or cannot be run.
pub(crate) struct NoPlace(pub(crate) &'static str);

/// [`MAX_AREA`](super::state::MAX_AREA) in words.
pub(crate) const TOO_MUCH_STACK: &str = "the arguments take more than 2 GiB of stack";

/// How deep lists may delegate, and guards nest: a convention that refers to itself is not followed forever.
const MAX_NESTING: u8 = 16;

/// How often the rules of one value may go on with another list.
const MAX_DELEGATIONS: u32 = 1 << 12;

const TOO_DEEP: NoPlace = NoPlace(
    "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 times",
);

/// Runs the lists of one signature.
pub(crate) struct Assigner<'t, 'v> {
    pub(crate) state: State,
    pub(crate) tracer: &'v mut Tracer<'t>,
    variadic: bool,
    features: Features,
    big_endian: bool,
    /// A pointer of the target, as a part.
    pointer: PartType,
    /// The state in which the value that is being placed found it: where a group that does not fit goes back to.
    before: State,
    /// What a custom rule decided.
    custom: Option<Place>,
    /// How often rules of this value went on with another list.
    delegations: u32,
    /// Whether rules are only asked where a part would go: functions are not called.
    asking: bool,
}

/// The value that rules are run for.
#[derive(Clone, Copy)]
struct Value<'g> {
    group: &'g Group,
    role: Role,
    /// Which part rules are run for, counted from 0.
    index: usize,
}

/// What running a list for one part gave.
enum Outcome<'r> {
    /// A register, or two that hold the same; the part sits there as this type.
    Located(Loc, PartType),
    /// This rule places the value as a whole; the rules after it may place a pointer to it. The part that came here has become this type.
    Whole(&'r Rule, &'r [Rule], Option<PartType>),
    /// A custom rule placed the value.
    Custom,
    /// No rule placed it.
    Nowhere,
    /// The rules cannot be run.
    Refused(NoPlace),
}

impl<'t, 'v> Assigner<'t, 'v> {
    pub(crate) fn new(
        frame: &Frame,
        stack_align: u32,
        features: Features,
        variadic: bool,
        pointer: u8,
        tracer: &'v mut Tracer<'t>,
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
            big_endian: frame.big_endian,
            pointer,
            before: state,
            custom: None,
            delegations: 0,
            asking: false,
        }
    }

    /// Bytes of a pointer of the target in its place.
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
        let found = self.place(rules, &group, Role::Named, &mut place)?;
        Ok(place.as_pointer().filter(|_| found))
    }

    /// Places one value by `rules`, in `place`; `false` if no rule has a place for it.
    ///
    /// # Errors
    /// [`NoPlace`]: the argument area grows out of bounds, or the rules refer to themselves.
    pub(crate) fn place(
        &mut self,
        rules: &'static [Rule],
        mut group: &Group,
        role: Role,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        self.delegations = 0;
        self.before = self.state;
        while let Some(otherwise) = &group.otherwise {
            if self.fits(rules, group, role) {
                break;
            }
            group = otherwise;
        }
        let index = 0;
        let mut value = Value { group, role, index };
        match group.kind {
            GroupKind::Ignore => {
                *place = Place::Ignore;
                return Ok(true);
            }
            GroupKind::Registers if !group.parts.is_empty() => {}
            _ => {
                let outcome = self.run(rules, value, None, 0);
                return found(place, self.whole(rules, outcome, value)?);
            }
        }
        let mut placed = Placed::new();
        for (index, part) in group.parts.iter().enumerate() {
            value.index = index;
            let outcome = self.run(rules, value, Some(part.ty), 0);
            if group.may_split
                && let Outcome::Whole(rule, _, ty) = outcome
                && let Some(slot) = Slot::of(rule)
            {
                let ty = ty.unwrap_or(part.ty);
                placed.push(self.part_on_stack(part, ty, group.align, slot)?);
                continue;
            }
            match outcome {
                Outcome::Located(loc, ty) => {
                    placed.push(PlacedPart {
                        part: Part { ty, ..*part },
                        loc,
                    });
                }
                outcome => {
                    // A function was given the state as it was before the group, and what it made of it stands.
                    if !matches!(outcome, Outcome::Custom) {
                        self.revert(group, !placed.is_empty());
                    }
                    return found(place, self.whole(rules, outcome, value)?);
                }
            }
        }
        *place = Place::Parts(placed);
        Ok(true)
    }

    /// Whether every part of `group` finds a register. Only asked: nothing is taken.
    #[cold]
    fn fits(&mut self, rules: &'static [Rule], group: &Group, role: Role) -> bool {
        let finds = self.ask(|assigner| {
            group.parts.iter().enumerate().all(|(index, part)| {
                let value = Value { group, role, index };
                let outcome = assigner.run(rules, value, Some(part.ty), 0);
                matches!(outcome, Outcome::Located(..))
            })
        });
        if !finds {
            self.tracer
                .note("not every part would find a register: the value asks for something else");
        }
        finds
    }

    /// Runs rules for their answer only: nothing is taken, and no explanation tells of it.
    fn ask<T>(&mut self, what: impl FnOnce(&mut Self) -> T) -> T {
        let (state, log) = (self.state, self.tracer.pause());
        self.asking = true;
        let answer = what(self);
        self.asking = false;
        self.state = state;
        self.tracer.resume(log);
        answer
    }

    /// Gives back what a group took that does not fit (psABI 3.2.3, Passing: "assignments get reverted"), or uses up the rest of its
    /// registers where the convention says so.
    fn revert(&mut self, group: &Group, took_some: bool) {
        if took_some {
            self.state = self.before;
            self.tracer
                .note("not every part found a register: those taken are free again");
        }
        if !group.exhausts.is_empty() {
            self.tracer
                .note("the registers left are used up by the attempt");
            group.exhausts.iter().for_each(|reg| self.state.take(*reg));
        }
    }

    /// Runs `rules` for one part of `value`, of type `ty`, or for the whole of it, until one places it.
    #[inline(always)]
    fn run<'r>(
        &mut self,
        mut rules: &'r [Rule],
        value: Value<'_>,
        mut ty: Option<PartType>,
        nesting: u8,
    ) -> Outcome<'r> {
        'rules: while let [rule, rest @ ..] = rules {
            rules = rest;
            let (mut action, mut guards) = (rule, 0);
            let outcome = loop {
                let (holds, then) = match action {
                    Rule::IfType(types, then) => {
                        (types.iter().any(|other| ty == Some(*other)), then)
                    }
                    Rule::IfFlag(flag, then) => (value.group.flags.has(*flag), then),
                    Rule::IfWants(want, then) => (want.matches(value.group.kind), then),
                    Rule::If(_, holds, then) => (holds(&self.given(value)), then),
                    Rule::IfNotVariadic(then) => (!self.variadic, then),
                    Rule::IfUnnamed(then) => (value.role == Role::Unnamed, then),
                    Rule::Promote(other) | Rule::BitConvert(other) => {
                        ty = ty.and(Some(*other));
                        continue 'rules;
                    }
                    Rule::DelegateTo(list) => match self.delegate(list, value, ty, nesting) {
                        Outcome::Nowhere => continue 'rules,
                        outcome => return outcome,
                    },
                    Rule::Custom(_, place) => break self.custom(*place, value.group),
                    Rule::AssignToReg(list) => break self.register(list, &[], ty),
                    Rule::AssignToRegWithShadow(list, shadow) => {
                        break self.register(list, shadow, ty);
                    }
                    Rule::AssignToBoth(pairs) => break self.both(pairs, ty),
                    Rule::AssignToRegPair(list) => break self.pair(list, value.index, ty),
                    _ => break Outcome::Whole(action, rest, ty),
                };
                guards += 1;
                if !holds {
                    continue 'rules;
                }
                if guards == MAX_NESTING {
                    break Outcome::Refused(TOO_DEEP);
                }
                action = then;
            };
            let taken = !matches!(outcome, Outcome::Nowhere);
            self.tracer.rule(rule, taken);
            if taken {
                return outcome;
            }
        }
        Outcome::Nowhere
    }

    /// Goes on with another list, unless lists delegate to each other in circles.
    #[inline(never)]
    fn delegate<'r>(
        &mut self,
        rules: &'r [Rule],
        value: Value<'_>,
        ty: Option<PartType>,
        nesting: u8,
    ) -> Outcome<'r> {
        self.delegations += 1;
        if nesting == MAX_NESTING || self.delegations > MAX_DELEGATIONS {
            return Outcome::Refused(TOO_DEEP);
        }
        self.run(rules, value, ty, nesting + 1)
    }

    /// Calls a function of the convention, on the state as it was before the first part of the value. What it takes stays taken, also
    /// where it places nothing.
    #[inline(never)]
    fn custom<'r>(&mut self, place: CustomFn, group: &Group) -> Outcome<'r> {
        if self.asking {
            return Outcome::Nowhere;
        }
        let mut state = self.before;
        self.custom = place(group, &mut state);
        if let Some(place) = &self.custom {
            self.state = state;
            if !place.is_inside(state.area().0) {
                return Outcome::Refused(NoPlace("a place outside the argument area"));
            }
            return Outcome::Custom;
        }
        self.state.add(&self.before, &state);
        self.before = state;
        Outcome::Nowhere
    }

    /// What a predicate is given of a value.
    #[cold]
    fn given<'g>(&'g self, value: Value<'g>) -> Given<'g> {
        Given {
            group: value.group,
            role: value.role,
            state: &self.state,
            variadic: self.variadic,
            features: self.features,
        }
    }

    /// The first free register of `list`, for a part; the one at its position in `shadow` is used up with it.
    fn register<'r>(&mut self, list: &[Reg], shadow: &[Reg], ty: Option<PartType>) -> Outcome<'r> {
        let Some((i, reg, ty)) = self.first_free(list, ty) else {
            return Outcome::Nowhere;
        };
        if let Some(shadowed) = shadow.get(i) {
            self.state.take(*shadowed);
        }
        located(Loc::Reg(reg), reg, ty)
    }

    /// The first of `pairs` of which both registers are free, for a part.
    fn both<'r>(&mut self, pairs: &'static [[Reg; 2]], ty: Option<PartType>) -> Outcome<'r> {
        let is_free = |pair: &&[Reg; 2]| pair.iter().all(|reg| self.state.is_free(*reg));
        let (Some(pair), Some(ty)) = (pairs.iter().find(is_free), ty) else {
            return Outcome::Nowhere;
        };
        pair.iter().for_each(|reg| self.state.take(*reg));
        located(Loc::Both(pair), pair[0], ty)
    }

    /// The first free register of `list`, now taken, with its position; none for a value without parts.
    #[inline]
    fn first_free(&mut self, list: &[Reg], ty: Option<PartType>) -> Option<(usize, Reg, PartType)> {
        let ty = ty?;
        let mut all = list.iter().enumerate();
        let (i, reg) = all.find(|(_, reg)| self.state.is_free(**reg))?;
        self.state.take(*reg);
        Some((i, *reg, ty))
    }

    /// A register of `list` for part `index` of a value whose parts are in aligned pairs.
    #[cold]
    fn pair<'r>(&mut self, list: &[Reg], index: usize, ty: Option<PartType>) -> Outcome<'r> {
        if index.is_multiple_of(2) {
            let used = list.iter().rposition(|reg| !self.state.is_free(*reg));
            let start = used.map_or(0, |used| used + 1).next_multiple_of(2);
            // Both of the pair.
            if start + 1 >= list.len() {
                return Outcome::Nowhere;
            }
            let skipped = list.get(..start).unwrap_or_default();
            skipped.iter().for_each(|reg| self.state.take(*reg));
        }
        self.register(list, &[], ty)
    }
}

/// Puts what was found in `place`.
fn found(place: &mut Place, found: Option<Place>) -> Result<bool, NoPlace> {
    match found {
        Some(found) => {
            *place = found;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// A part of type `ty` at `loc`, which is or starts with `reg`.
#[inline]
fn located<'r>(loc: Loc, reg: Reg, ty: PartType) -> Outcome<'r> {
    if is_wide_enough(reg, ty) {
        Outcome::Located(loc, ty)
    } else {
        Outcome::Refused(NoPlace("a rule gives a part a register that is too narrow"))
    }
}

fn is_wide_enough(reg: Reg, ty: PartType) -> bool {
    8 * u16::from(ty.bytes()) <= reg.bits()
}
