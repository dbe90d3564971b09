//! Runs a convention's rules over groups. This is the only place where registers and stack slots are counted.

use crate::explain::Tracer;
use crate::fn_abi::{Loc, Place, Placed, PlacedPart};
use crate::reg::{Bank, Reg};
use crate::rules::{ArgFlags, Convention, Extension, Group, GroupKind, Part, PartType, Role, Rule};

/// What is used up so far. `Copy`: trying a group and going back is an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// One bit per register.
    used: u64,
    /// Bytes of the argument area in use.
    stack: u64,
    /// Greatest alignment of a value in the area, in bytes.
    align: u32,
    /// Integer registers that were free when an attempt used them up.
    burnt: u8,
    /// Whether an argument or the result took an integer register that the compiler did not count.
    miscounted: bool,
}

/// The most a signature's arguments may take of the stack, in bytes.
const MAX_AREA: u64 = 1 << 31;

impl State {
    pub(crate) fn new(convention: &Convention) -> Self {
        Self {
            used: 0,
            stack: u64::from(convention.shadow_space),
            align: convention.stack_align,
            burnt: 0,
            miscounted: false,
        }
    }

    /// Whether `reg` is free.
    #[must_use]
    pub fn is_free(&self, reg: Reg) -> bool {
        self.used & reg.bit() == 0
    }

    /// Uses `reg` up.
    pub fn take(&mut self, reg: Reg) {
        self.used |= reg.bit();
    }

    /// Uses up the next slot that is a multiple of `size` bytes for `bytes` bytes, aligned to `align`; its offset.
    pub fn take_stack(&mut self, bytes: u64, size: u32, align: u32) -> Option<u64> {
        let offset = self.stack.checked_next_multiple_of(u64::from(align))?;
        let bytes = bytes.checked_next_multiple_of(u64::from(size))?;
        self.stack = offset.checked_add(bytes).filter(|end| *end <= MAX_AREA)?;
        self.align = self.align.max(align);
        Some(offset)
    }

    /// Notes that the compiler does not count what is taken next, if it does not count what led to `after`.
    pub(crate) fn miscount_as(&mut self, after: Self) {
        self.miscounted |= after.miscounted;
    }

    /// Number of registers of `bank` used.
    #[must_use]
    pub fn count(&self, bank: Bank) -> u8 {
        // At most 64.
        u8::try_from((self.used & bank.bits()).count_ones()).unwrap_or(u8::MAX)
    }

    /// Bytes and alignment of the argument area so far.
    pub(crate) fn area(&self) -> (u64, u32) {
        (self.stack, self.align)
    }
}

/// Why a value cannot be placed.
pub(crate) struct NoPlace(pub(crate) &'static str);

const MISCOUNTED: NoPlace = NoPlace(
    "clang counts other registers than it uses, here or for what stands before, and takes records apart where registers run out; no rule \
     describes where their parts go",
);

/// How deep lists may delegate, and guards nest: a convention that refers to itself is not followed forever.
const MAX_NESTING: u8 = 16;

/// Runs the lists of one signature.
pub(crate) struct Assigner<'t, 'v> {
    pub(crate) convention: &'static Convention,
    pub(crate) variadic: bool,
    pub(crate) state: State,
    pub(crate) tracer: &'v mut Tracer<'t>,
    /// What a custom rule decided.
    custom: Option<Place>,
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
    /// This rule places the value as a whole; the rules behind it may place a pointer to it.
    Whole(&'r Rule, &'r [Rule]),
    /// A custom rule placed the value.
    Custom,
    /// No rule placed it.
    Nowhere,
}

impl<'t, 'v> Assigner<'t, 'v> {
    pub(crate) fn new(
        convention: &'static Convention,
        variadic: bool,
        tracer: &'v mut Tracer<'t>,
    ) -> Self {
        Self {
            convention,
            variadic,
            state: State::new(convention),
            tracer,
            custom: None,
        }
    }

    /// Places one value by `rules`; `None` if no rule has a place for it.
    ///
    /// # Errors
    /// [`NoPlace`]: the argument area grows out of bounds, or no rule describes what a compiler does.
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
        if group.kind != GroupKind::Registers || group.parts.is_empty() {
            self.state.miscounted |= group.miscounted;
            let outcome = self.run(rules, value, None, 0);
            return self.whole(outcome, value);
        }
        self.count_burnt(group)?;
        let before = self.state;
        let mut placed = Placed::new();
        for part in &group.parts {
            match self.run(rules, value, Some(part.ty), 0) {
                Outcome::Located(loc, ty) => {
                    placed.push(PlacedPart {
                        part: Part { ty, ..*part },
                        loc,
                    });
                }
                Outcome::Whole(
                    Rule::AssignToStack { size, align } | Rule::PassByVal { size, align },
                    _,
                ) if group.may_split => {
                    let offset = self.stack(u64::from(part.size), *size, *align)?;
                    placed.push(PlacedPart {
                        part: *part,
                        loc: Loc::Stack(offset),
                    });
                }
                outcome => {
                    if group.miscounted || (before.miscounted && group.parts.len() > 1) {
                        return Err(MISCOUNTED);
                    }
                    self.revert(before, group, !placed.is_empty());
                    return self.whole(outcome, value);
                }
            }
        }
        if before.miscounted {
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
        // Only asked: no register is taken, and no explanation tells of it.
        let (before, log) = (self.state, self.tracer.pause());
        let is_left = matches!(
            self.run(rules, value, Some(part.ty), 0),
            Outcome::Located(..)
        );
        self.state = before;
        self.tracer.resume(log);
        is_left.then_some(()).ok_or(MISCOUNTED)
    }

    /// Gives back what a group took that does not fit (psABI 3.2.3, Passing: "assignments get reverted"), or uses up the rest of its
    /// registers where the convention says so.
    fn revert(&mut self, before: State, group: &Group, took_some: bool) {
        if took_some {
            self.state = before;
            self.tracer
                .note("not every part found a register: those taken are free again");
        }
        if !group.uses_up.is_empty() {
            self.tracer
                .note("the registers left are used up by the attempt");
            for reg in group.uses_up {
                self.state.burnt += u8::from(self.state.is_free(*reg));
                self.state.take(*reg);
            }
        }
    }

    /// The compilers that let an attempt use up registers still count these as free where they decide about a record, and split it then.
    fn count_burnt(&mut self, group: &Group) -> Result<(), NoPlace> {
        if self.state.burnt == 0 {
            return Ok(());
        }
        let is_int = |part: &&Part| part.bank() == Bank::Int;
        let n = u8::try_from(group.parts.iter().filter(is_int).count()).unwrap_or(u8::MAX);
        if n == 0 || n > self.state.burnt {
            return Ok(());
        }
        // What is left to the back end goes to the stack part by part. That is where the whole would go, unless some of it does not.
        let only_words = group.size <= 8 * u64::from(n) && group.align <= 8;
        if usize::from(n) < group.parts.len() || !only_words {
            return Err(NoPlace(
                "clang 18 and 19 take a record apart when it stands behind an __int128 that found one integer register left; no rule describes \
                 where its parts go",
            ));
        }
        self.state.burnt -= n;
        Ok(())
    }

    /// Does what a rule for the whole value says.
    fn whole(&mut self, outcome: Outcome<'_>, value: Value<'_>) -> Result<Option<Place>, NoPlace> {
        let (rule, rest) = match outcome {
            Outcome::Whole(rule, rest) => (rule, rest),
            Outcome::Custom => return Ok(self.custom.take()),
            Outcome::Located(..) | Outcome::Nowhere => return Ok(None),
        };
        match *rule {
            Rule::AssignToStack { size, align } | Rule::PassByVal { size, align } => {
                self.block(value.group, size, align).map(Some)
            }
            Rule::AssignToStackWithShadow {
                size,
                align,
                shadow,
            } => {
                shadow.iter().for_each(|burnt| self.state.take(*burnt));
                self.block(value.group, size, align).map(Some)
            }
            Rule::PassIndirect { align } => {
                let align = value.group.align.max(align);
                self.indirect(rest, value, align)
            }
            Rule::AssignLanes { regs, slot } => match value.group.kind {
                GroupKind::PerElement { lanes } => self.lanes(lanes, regs, slot).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn block(&mut self, group: &Group, size: u32, align: u32) -> Result<Place, NoPlace> {
        if group.size == 0 {
            return Ok(Place::Ignore);
        }
        let align = group.align.max(align);
        let offset = self.stack(group.size, size, align)?;
        Ok(Place::Stack {
            offset,
            size: group.size,
            align,
        })
    }

    fn stack(&mut self, bytes: u64, size: u32, align: u32) -> Result<u64, NoPlace> {
        self.state
            .take_stack(bytes, size, align)
            .ok_or(NoPlace("the arguments take more than 2 GiB of stack"))
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
                Rule::Custom(_, place) => {
                    self.custom = place(value.group, &mut self.state);
                    if self.custom.is_some() {
                        Outcome::Custom
                    } else {
                        Outcome::Nowhere
                    }
                }
                Rule::AssignToReg(list) => self.register(list, &[], ty),
                Rule::AssignToRegWithShadow(list, shadow) => self.register(list, shadow, ty),
                Rule::AssignToBoth(list, both) => self.both(list, both, ty),
                _ => Outcome::Whole(action, rest),
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
        if nesting == MAX_NESTING {
            return Outcome::Nowhere;
        }
        self.run(rules, value, ty, nesting + 1)
    }

    /// The action behind the guards of `rule`, if they all hold.
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
        None
    }

    #[cold]
    fn is_called(&self, name: &str) -> bool {
        self.convention.name == name
    }

    /// The first free register of `list`, for a part; the one at its position in `shadow` is burnt.
    fn register<'r>(&mut self, list: &[Reg], shadow: &[Reg], ty: Option<PartType>) -> Outcome<'r> {
        let Some((i, reg, ty)) = self.first_free(list, ty) else {
            return Outcome::Nowhere;
        };
        if let Some(burnt) = shadow.get(i) {
            self.state.take(*burnt);
        }
        Outcome::Located(Loc::Reg(reg), ty)
    }

    /// The first free register of `list`, for a part, and the one at its position in `both`.
    fn both<'r>(&mut self, list: &[Reg], both: &[Reg], ty: Option<PartType>) -> Outcome<'r> {
        let Some((i, reg, ty)) = self.first_free(list, ty) else {
            return Outcome::Nowhere;
        };
        let Some(copy) = both.get(i) else {
            return Outcome::Located(Loc::Reg(reg), ty);
        };
        self.state.take(*copy);
        Outcome::Located(Loc::Both(reg, *copy), ty)
    }

    /// The first free register of `list`, now taken, with its position; none for a value without parts.
    fn first_free(&mut self, list: &[Reg], ty: Option<PartType>) -> Option<(usize, Reg, PartType)> {
        let ty = ty?;
        let i = list.iter().position(|reg| self.state.is_free(*reg))?;
        let reg = *list.get(i)?;
        self.state.take(reg);
        Some((i, reg, ty))
    }

    /// Places the pointer to a caller's copy by the rest of the list.
    fn indirect(
        &mut self,
        rest: &[Rule],
        value: Value<'_>,
        align: u32,
    ) -> Result<Option<Place>, NoPlace> {
        let mut stand_in = Group::new(GroupKind::Registers, 8, 8);
        stand_in.flags = value.group.flags;
        let stand_in = Value {
            group: &stand_in,
            role: value.role,
        };
        let pointer = match self.run(rest, stand_in, Some(PartType::I64), 0) {
            Outcome::Located(loc, _) => loc,
            Outcome::Whole(Rule::AssignToStack { size, align }, _) => {
                Loc::Stack(self.stack(8, *size, *align)?)
            }
            _ => return Ok(None),
        };
        Ok(Some(Place::Indirect {
            pointer,
            size: value.group.size,
            align,
        }))
    }

    fn lanes(&mut self, lanes: u16, regs: &'static [Reg], slot: u32) -> Result<Place, NoPlace> {
        let first = regs
            .iter()
            .position(|reg| self.state.is_free(*reg))
            .unwrap_or(regs.len());
        let regs = regs.get(first..).unwrap_or_default();
        regs.iter().for_each(|reg| self.state.take(*reg));
        let in_regs = usize::from(lanes).min(regs.len());
        let on_stack = u64::from(lanes) - in_regs as u64;
        let offset = self.stack(on_stack * u64::from(slot), slot, slot)?;
        let regs = regs.get(..in_regs).unwrap_or_default();
        Ok(Place::PerElement {
            lanes,
            regs,
            offset,
            slot,
        })
    }
}

/// The place of the hidden pointer to a result.
pub(crate) fn sret_group() -> Group {
    let mut group =
        Group::new(GroupKind::Registers, 8, 8).with(Part::int(PartType::I64, Extension::None));
    group.flags = ArgFlags::SRET;
    group
}
