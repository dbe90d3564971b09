//! Runs a convention's rules over groups. This is the only place where registers and stack slots are counted.

mod state;
mod uncounted;
mod whole;

pub(crate) use self::state::MAX_AREA;
pub use self::state::State;
use self::whole::{Slot, pointer_group};
use crate::explain::Tracer;
use crate::fn_abi::{Loc, Place, Placed, PlacedPart};
use crate::reg::{Bank, Reg};
use crate::rules::{ArgFlags, Convention, CustomFn, Group, GroupKind, Part, PartType, Role, Rule};

/// Why a value cannot be placed.
pub(crate) enum NoPlace {
    /// The rules have no place for it, or cannot be run.
    Rules(&'static str),
    /// The compiler that is followed has a place for it that no rule says.
    NoKnownRule(&'static str),
}

/// [`MAX_AREA`] in words.
pub(crate) const TOO_MUCH_STACK: &str = "the arguments take more than 2 GiB of stack";

const MISCOUNTED: NoPlace = NoPlace::NoKnownRule(
    "clang counts other registers than it uses, here or for what stands before, and takes records apart where registers run out; no rule \
     describes where their parts go",
);

/// How deep lists may delegate, and guards nest: a convention that refers to itself is not followed forever.
const MAX_NESTING: u8 = 16;

/// How often the rules of one value may go on with another list.
const MAX_DELEGATIONS: u32 = 1 << 12;

const TOO_DEEP: NoPlace = NoPlace::Rules(
    "lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 times",
);

/// Runs the lists of one signature.
pub(crate) struct Assigner<'t, 'v> {
    pub(crate) convention: &'static Convention,
    pub(crate) variadic: bool,
    pub(crate) state: State,
    pub(crate) tracer: &'v mut Tracer<'t>,
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
        convention: &'static Convention,
        variadic: bool,
        pointer: PartType,
        tracer: &'v mut Tracer<'t>,
    ) -> Self {
        let state = State::new(convention);
        Self {
            convention,
            variadic,
            state,
            tracer,
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
    /// [`NoPlace`]: the argument area grows out of bounds, no rule describes what a compiler does, or the rules refer to themselves.
    pub(crate) fn place(
        &mut self,
        rules: &'static [Rule],
        group: &Group,
        role: Role,
    ) -> Result<Option<Place>, NoPlace> {
        if group.kind == GroupKind::Ignore {
            return Ok(Some(Place::Ignore));
        }
        let value = Value { group, role };
        self.delegations = 0;
        if group.kind != GroupKind::Registers || group.parts.is_empty() {
            self.state.miscounted |= group.miscounted;
            self.before = self.state;
            let outcome = self.run(rules, value, None, 0);
            return self.whole(rules, outcome, value);
        }
        self.before = self.state;
        let was_miscounted = self.state.miscounted;
        let mut placed = Placed::new();
        for part in &group.parts {
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
                    if group.miscounted || (was_miscounted && group.parts.len() > 1) {
                        return Err(MISCOUNTED);
                    }
                    let is_counted = self.is_counted(rules, value)?;
                    self.revert(group, !placed.is_empty());
                    if is_counted {
                        self.state.count_parts(group);
                    }
                    return self.whole(rules, outcome, value);
                }
            }
        }
        if group.uncounted {
            self.state.leave_uncounted(&placed);
        }
        if was_miscounted {
            self.check_miscounted(rules, value)?;
        }
        self.state.miscounted |= group.miscounted;
        Ok(Some(Place::Parts(placed)))
    }

    /// The compiler counts one vector register more than it used: who took the last one found none by its count.
    fn check_miscounted(
        &mut self,
        rules: &'static [Rule],
        value: Value<'_>,
    ) -> Result<(), NoPlace> {
        let is_vector = |part: &&Part| part.bank() == Bank::Vector;
        let Some(part) = value.group.parts.iter().find(is_vector) else {
            return Ok(());
        };
        let outcome = self.ask(rules, value, part.ty, |_| ());
        let is_left = matches!(outcome, Outcome::Located(..));
        is_left.then_some(()).ok_or(MISCOUNTED)
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
        if !group.uses_up.is_empty() {
            self.tracer
                .note("the registers left are used up by the attempt");
            for reg in group.uses_up {
                self.state.take_uncounted(*reg);
            }
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
                Rule::AssignToBoth(list, both) => self.both(list, both, ty),
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
                return Outcome::Refused(NoPlace::Rules("a place outside the argument area"));
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
                Rule::If(_, holds, then) => (holds(group), then),
                Rule::IfConvention(name, then) => (self.is_called(name), then),
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

    #[cold]
    fn is_called(&self, name: &str) -> bool {
        self.convention.name == name
    }

    /// The first free register of `list`, for a part; the one at its position in `shadow` is used up with it.
    fn register<'r>(&mut self, list: &[Reg], shadow: &[Reg], ty: Option<PartType>) -> Outcome<'r> {
        let Some((i, reg, ty)) = self.first_free(list, ty) else {
            return Outcome::Nowhere;
        };
        if let Some(shadowed) = shadow.get(i) {
            self.state.take(*shadowed);
        }
        Outcome::Located(Loc::Reg(reg), ty)
    }

    /// The first free register of `list` whose fellow in `both` is free too, for a part, and that one.
    fn both<'r>(&mut self, list: &[Reg], both: &[Reg], ty: Option<PartType>) -> Outcome<'r> {
        let free = |reg: &Reg| self.state.is_free(*reg);
        let found = list
            .iter()
            .enumerate()
            .find(|(i, reg)| free(reg) && both.get(*i).is_none_or(free));
        let (Some((i, reg)), Some(ty)) = (found, ty) else {
            return Outcome::Nowhere;
        };
        self.state.take(*reg);
        let Some(copy) = both.get(i) else {
            return Outcome::Located(Loc::Reg(*reg), ty);
        };
        self.state.take(*copy);
        Outcome::Located(Loc::Both(*reg, *copy), ty)
    }

    /// The first free register of `list`, now taken, with its position; none for a value without parts.
    fn first_free(&mut self, list: &[Reg], ty: Option<PartType>) -> Option<(usize, Reg, PartType)> {
        let ty = ty?;
        let i = list.iter().position(|reg| self.state.is_free(*reg))?;
        let reg = *list.get(i)?;
        self.state.take(reg);
        Some((i, reg, ty))
    }
}
