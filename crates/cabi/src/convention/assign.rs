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

/// Why a value cannot be placed: the rules have no place for it, or cannot be run. One pointer, so that results with it are returned in registers.
pub(crate) struct NoPlace(pub(crate) &'static &'static str);

/// [`MAX_AREA`](super::state::MAX_AREA) in words.
pub(crate) const TOO_MUCH_STACK: &&str = &"the arguments take more than 2 GiB of stack";

/// How deep lists may delegate, and guards nest: a convention that refers to itself is not followed forever.
const MAX_NESTING: u8 = 16;

/// How often the rules of one value may go on with another list.
const MAX_DELEGATIONS: u32 = 1 << 12;

const TOO_DEEP: NoPlace = NoPlace(
    &"lists of the convention delegate to each other, or guards nest, more than 16 deep, or go on with other lists more than 4096 times",
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
    pub(crate) before: State,
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
    #[inline(always)]
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
        let parts: &[Part] = match group.kind {
            GroupKind::Ignore => return Ok(true),
            GroupKind::Registers => &group.parts,
            _ => &[],
        };
        let index = 0;
        let mut value = Value { group, role, index };
        if parts.is_empty() {
            return match self.run(rules, value, None, 0) {
                Outcome::Nowhere => Ok(false),
                outcome => self.whole(rules, outcome, value, place),
            };
        }
        // Written where the value's place is: moving them there costs more than finding them.
        *place = Place::Parts(Placed::new());
        let Place::Parts(placed) = place else {
            return Ok(false);
        };
        for (index, part) in parts.iter().enumerate() {
            value.index = index;
            match self.run(rules, value, Some(part.ty), 0) {
                Outcome::Located(loc, ty) => {
                    let part = Part { ty, ..*part };
                    placed.push(PlacedPart { part, loc });
                }
                Outcome::Whole(rule, _, ty) if group.may_split && Slot::of(rule).is_some() => {
                    placed.push(self.split_off(part, ty, group.align, rule)?);
                }
                outcome => {
                    let took_some = !placed.is_empty();
                    *place = Place::Ignore;
                    // A function was given the state as it was before the group, and what it made of it stands.
                    if !matches!(outcome, Outcome::Custom) {
                        self.revert(group, took_some);
                    }
                    return self.whole(rules, outcome, value, place);
                }
            }
        }
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
            // The first guard of most rules, tested before all others.
            if let Rule::IfType(types, then) = rule {
                if !ty.is_some_and(|ty| types.has(ty)) {
                    continue;
                }
                (action, guards) = (then, 1);
            }
            while let Some((holds, then)) = self.guard(action, value, ty) {
                guards += 1;
                if !holds {
                    continue 'rules;
                }
                if guards == MAX_NESTING {
                    return Outcome::Refused(TOO_DEEP);
                }
                action = then;
            }
            let outcome = match action {
                Rule::AssignToReg(list) => match self.register(list, &[], ty) {
                    Outcome::Nowhere => Outcome::Nowhere,
                    located => {
                        self.tracer.rule(rule, true);
                        return located;
                    }
                },
                Rule::AssignToRegWithShadow(list, shadow) => self.register(list, shadow, ty),
                Rule::AssignToBoth(pairs) => self.both(pairs, ty),
                Rule::AssignToRegPair(list) => self.pair(list, value.index, ty),
                Rule::Custom(_, place) => self.custom(*place, value.group),
                Rule::Promote(other) | Rule::BitConvert(other) => {
                    ty = ty.and(Some(*other));
                    continue;
                }
                Rule::DelegateTo(list) => match self.delegate(list, value, ty, nesting) {
                    Outcome::Nowhere => continue,
                    outcome => return outcome,
                },
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

    /// Whether `rule`, if it is a guard, lets a part of `value` pass, and what it guards.
    #[inline(always)]
    fn guard(
        &self,
        rule: &Rule,
        value: Value<'_>,
        ty: Option<PartType>,
    ) -> Option<(bool, &'static Rule)> {
        Some(match rule {
            Rule::IfType(types, then) => (ty.is_some_and(|ty| types.has(ty)), then),
            Rule::IfFlag(flag, then) => (value.group.flags.has(*flag), then),
            Rule::IfWants(want, then) => (want.matches(value.group.kind), then),
            Rule::If(_, holds, then) => (holds(&self.given(value)), then),
            Rule::IfNotVariadic(then) => (!self.variadic, then),
            Rule::IfUnnamed(then) => (value.role == Role::Unnamed, then),
            _ => return None,
        })
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
                return Outcome::Refused(NoPlace(&"a place outside the argument area"));
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

/// A part of type `ty` at `loc`, which is or starts with `reg`.
#[inline]
fn located<'r>(loc: Loc, reg: Reg, ty: PartType) -> Outcome<'r> {
    if is_wide_enough(reg, ty) {
        Outcome::Located(loc, ty)
    } else {
        Outcome::Refused(NoPlace(
            &"a rule gives a part a register that is too narrow",
        ))
    }
}

fn is_wide_enough(reg: Reg, ty: PartType) -> bool {
    8 * u16::from(ty.bytes()) <= reg.bits()
}
