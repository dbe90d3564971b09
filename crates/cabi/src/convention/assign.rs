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
        pointer: PartType,
        tracer: &'v mut Tracer<'t>,
    ) -> Self {
        let state = State::new(frame.shadow_space, stack_align);
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

    /// Places the hidden pointer to a result by `rules`.
    ///
    /// # Errors
    /// As [`Assigner::place`].
    #[inline]
    pub(crate) fn place_sret(&mut self, rules: &'static [Rule]) -> Result<Option<Loc>, NoPlace> {
        let mut group = pointer_group(self.pointer);
        group.flags = ArgFlags::SRET;
        match self.place(rules, &group, Role::Named) {
            Ok(Some(ref place)) => Ok(place.as_pointer()),
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Places one value by `rules`; `None` if no rule has a place for it.
    ///
    /// # Errors
    /// [`NoPlace`]: the argument area grows out of bounds, or the rules refer to themselves.
    pub(crate) fn place(
        &mut self,
        rules: &'static [Rule],
        mut group: &Group,
        role: Role,
    ) -> Result<Option<Place>, NoPlace> {
        self.delegations = 0;
        self.before = self.state;
        while let Some(otherwise) = &group.otherwise {
            if self.fits(rules, group, role) {
                break;
            }
            group = otherwise;
        }
        let mut value = Value {
            group,
            role,
            index: 0,
        };
        match group.kind {
            GroupKind::Ignore => return Ok(Some(Place::Ignore)),
            GroupKind::Registers if !group.parts.is_empty() => {}
            _ => {
                let outcome = self.run(rules, value, None, 0);
                return self.whole(rules, outcome, value);
            }
        }
        let mut placed = Placed::new();
        for (index, part) in group.parts.iter().enumerate() {
            if let Some(reg) = self.plain_register(rules, group, part.ty) {
                placed.push(PlacedPart {
                    part: *part,
                    loc: Loc::Reg(reg),
                });
                continue;
            }
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
                // It was given the state as it was before the group, and what it made of it stands.
                Outcome::Custom => return Ok(self.custom.take()),
                outcome => {
                    self.revert(group, !placed.is_empty());
                    return self.whole(rules, outcome, value);
                }
            }
        }
        Ok(Some(Place::Parts(placed)))
    }

    /// The register that [`run`](Self::run) would find for a part, now taken, where only guards on flags and types stand before the rule that
    /// gives it: most parts are placed so, in a third of the time. An explanation is told each rule, by `run`.
    #[inline]
    fn plain_register(&mut self, rules: &[Rule], group: &Group, ty: PartType) -> Option<Reg> {
        if self.tracer.is_on() {
            return None;
        }
        for rule in rules {
            let list = match rule {
                Rule::IfFlag(flag, _) if !group.flags.has(*flag) => continue,
                Rule::IfType(types, _) if !types.contains(&ty) => continue,
                Rule::IfType(_, Rule::AssignToReg(list)) => list,
                _ => return None,
            };
            let free = |reg: &&Reg| self.state.is_free(**reg);
            if let Some(reg) = list.iter().find(free) {
                return is_wide_enough(*reg, ty).then(|| {
                    self.state.take(*reg);
                    *reg
                });
            }
        }
        None
    }

    /// Whether every part of `group` finds a register. Only asked: nothing is taken.
    #[cold]
    fn fits(&mut self, rules: &'static [Rule], group: &Group, role: Role) -> bool {
        let (state, log) = (self.state, self.tracer.pause());
        self.asking = true;
        let finds = group.parts.iter().enumerate().all(|(index, part)| {
            let value = Value { group, role, index };
            let outcome = self.run(rules, value, Some(part.ty), 0);
            matches!(outcome, Outcome::Located(..))
        });
        self.asking = false;
        self.state = state;
        self.tracer.resume(log);
        if !finds {
            self.tracer
                .note("not every part would find a register: the value asks for something else");
        }
        finds
    }

    /// Where the list would send a part, had `prepare` been done to the state. Only asked: nothing is taken, and no explanation tells of it.
    #[inline(never)]
    fn ask<'r>(
        &mut self,
        rules: &'r [Rule],
        value: Value<'_>,
        ty: PartType,
        prepare: fn(&mut State),
    ) -> Outcome<'r> {
        let (state, log) = (self.state, self.tracer.pause());
        self.asking = true;
        prepare(&mut self.state);
        let outcome = self.run(rules, value, Some(ty), 0);
        self.asking = false;
        self.state = state;
        self.tracer.resume(log);
        outcome
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
    #[inline]
    fn run<'r>(
        &mut self,
        mut rules: &'r [Rule],
        value: Value<'_>,
        mut ty: Option<PartType>,
        nesting: u8,
    ) -> Outcome<'r> {
        while let [rule, rest @ ..] = rules {
            rules = rest;
            let Some(action) = self.open(rule, value, ty) else {
                continue;
            };
            let outcome = match action {
                Rule::Promote(other) | Rule::BitConvert(other) => {
                    ty = ty.and(Some(*other));
                    continue;
                }
                Rule::DelegateTo(list) => match self.delegate(list, value, ty, nesting) {
                    Outcome::Nowhere => continue,
                    outcome => return outcome,
                },
                Rule::Custom(_, place) => self.custom(*place, value.group),
                Rule::AssignToReg(list) => self.register(list, &[], ty),
                Rule::AssignToRegWithShadow(list, shadow) => self.register(list, shadow, ty),
                Rule::AssignToBoth(pairs) => self.both(pairs, ty),
                Rule::AssignToRegPair(list) => self.pair(list, value.index, ty),
                _ => Outcome::Whole(action, rest, ty),
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

    /// The action after the guards of `rule`, if they all hold; a guard if there are too many.
    #[inline]
    fn open<'r>(
        &self,
        mut rule: &'r Rule,
        value: Value<'_>,
        ty: Option<PartType>,
    ) -> Option<&'r Rule> {
        let group = value.group;
        for _ in 0..MAX_NESTING {
            let (holds, then) = match rule {
                Rule::IfType(types, then) => (types.iter().any(|other| ty == Some(*other)), then),
                Rule::IfWants(want, then) => (want.matches(group.kind), then),
                Rule::IfFlag(flag, then) => (group.flags.has(*flag), then),
                Rule::If(_, holds, then) => (holds(&self.given(group, value.role)), then),
                Rule::IfNotVariadic(then) => (!self.variadic, then),
                Rule::IfVariadic(then) => (self.variadic, then),
                Rule::IfUnnamed(then) => (value.role == Role::Unnamed, then),
                _ => return Some(rule),
            };
            if !holds {
                return None;
            }
            rule = then;
        }
        Some(rule)
    }

    /// What a predicate is given of a value.
    #[cold]
    fn given<'g>(&'g self, group: &'g Group, role: Role) -> Given<'g> {
        Given {
            group,
            role,
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
    fn first_free(&mut self, list: &[Reg], ty: Option<PartType>) -> Option<(usize, Reg, PartType)> {
        let ty = ty?;
        let i = list.iter().position(|reg| self.state.is_free(*reg))?;
        let reg = *list.get(i)?;
        self.state.take(reg);
        Some((i, reg, ty))
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
