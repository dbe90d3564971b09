//! Runs a convention's rules over groups. This is the only place where registers and stack slots are counted.

use crate::error::Error;
use crate::explain::Tracer;
use crate::fn_abi::{Loc, Place, Placed, PlacedPart};
use crate::reg::{Bank, Reg};
use crate::rules::{
    ArgFlags, Convention, Extension, Group, GroupKind, Part, PartType, Role, Rule, Want,
};

/// What is used up so far. `Copy`: trying a group and going back is an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// One bit per register and bank.
    used: [u32; Bank::COUNT],
    /// Bytes of the argument area in use.
    stack: u64,
    /// Greatest alignment of a value in the area, in bytes.
    align: u32,
}

/// The most a signature's arguments may take of the stack, in bytes.
const MAX_AREA: u64 = 1 << 31;

impl State {
    pub(crate) fn new(convention: &Convention) -> Self {
        Self {
            used: [0; Bank::COUNT],
            stack: u64::from(convention.shadow_space),
            align: convention.stack_align,
        }
    }

    /// Whether `reg` is free.
    #[must_use]
    pub fn is_free(&self, reg: Reg) -> bool {
        self.used[reg.bank() as usize] & (1 << reg.encoding()) == 0
    }

    /// Uses `reg` up.
    pub fn take(&mut self, reg: Reg) {
        self.used[reg.bank() as usize] |= 1 << reg.encoding();
    }

    /// Uses up the next slot that is a multiple of `size` bytes for `bytes` bytes, aligned to `align`; its offset.
    pub fn take_stack(&mut self, bytes: u64, size: u32, align: u32) -> Option<u64> {
        let offset = self.stack.checked_next_multiple_of(u64::from(align))?;
        let bytes = bytes.checked_next_multiple_of(u64::from(size))?;
        self.stack = offset.checked_add(bytes).filter(|end| *end <= MAX_AREA)?;
        self.align = self.align.max(align);
        Some(offset)
    }

    /// Number of registers of `bank` used.
    #[must_use]
    pub fn count(&self, bank: Bank) -> u8 {
        // At most 32.
        u8::try_from(self.used[bank as usize].count_ones()).unwrap_or(u8::MAX)
    }

    /// Bytes and alignment of the argument area so far.
    pub(crate) fn area(&self) -> (u64, u32) {
        (self.stack, self.align)
    }
}

/// One list of rules, to be run for one signature.
pub(crate) struct Assigner<'a, 't, 'v> {
    pub(crate) convention: &'a Convention,
    pub(crate) rules: &'static [Rule],
    pub(crate) variadic: bool,
    pub(crate) state: State,
    pub(crate) tracer: &'v mut Tracer<'t>,
}

/// What running a list for one part gave.
enum Outcome {
    /// A register, or two that hold the same.
    Located(Loc, Part),
    /// The value as a whole goes to the stack.
    Block { size: u32, align: u32 },
    /// The value as a whole has its place.
    Whole(Place),
    /// No rule placed it.
    Nowhere,
}

impl Assigner<'_, '_, '_> {
    /// Places one value; `None` if no rule has a place for it.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] when the argument area grows out of bounds.
    pub(crate) fn place(&mut self, group: &Group, role: Role) -> Result<Option<Place>, Error> {
        match group.kind {
            GroupKind::Ignore => return Ok(Some(Place::Ignore)),
            GroupKind::Registers if !group.parts.is_empty() => {}
            _ => {
                // Nothing to place part by part: a word stands for the value, and only rules for the whole apply.
                let word = Part::int(PartType::I64, Extension::None);
                return match self.run(self.rules, group, word, role, true)? {
                    Outcome::Whole(place) => Ok(Some(place)),
                    Outcome::Block { size, align } => self.block(group, size, align).map(Some),
                    Outcome::Located(..) | Outcome::Nowhere => Ok(None),
                };
            }
        }
        let before = self.state;
        let mut placed = Placed::new();
        for part in &group.parts {
            match self.run(self.rules, group, *part, role, false)? {
                Outcome::Located(loc, part) => placed.push(PlacedPart { part, loc }),
                Outcome::Whole(place) => return Ok(Some(place)),
                Outcome::Block { size, align } if group.may_split => {
                    let offset = self.stack(u64::from(part.size), size, align)?;
                    placed.push(PlacedPart {
                        part: *part,
                        loc: Loc::Stack(offset),
                    });
                }
                Outcome::Block { size, align } => {
                    self.revert(before, group, !placed.is_empty());
                    return self.block(group, size, align).map(Some);
                }
                Outcome::Nowhere => {
                    self.revert(before, group, !placed.is_empty());
                    return Ok(None);
                }
            }
        }
        Ok(Some(Place::Parts(placed)))
    }

    /// Gives back what a group took that does not fit (psABI 3.2.3, Passing: "assignments get reverted"), or uses up the rest of its
    /// registers where the convention says so.
    fn revert(&mut self, before: State, group: &Group, took_some: bool) {
        self.state = before;
        if took_some {
            self.tracer
                .note("not every part found a register: those taken are free again");
        }
        if !group.uses_up.is_empty() {
            self.tracer
                .note("the registers left are used up by the attempt");
            group.uses_up.iter().for_each(|reg| self.state.take(*reg));
        }
    }

    fn block(&mut self, group: &Group, size: u32, align: u32) -> Result<Place, Error> {
        let align = group.align.max(align);
        let offset = self.stack(group.size, size, align)?;
        Ok(Place::Stack {
            offset,
            size: group.size,
            align,
        })
    }

    fn stack(&mut self, bytes: u64, size: u32, align: u32) -> Result<u64, Error> {
        self.state
            .take_stack(bytes, size, align)
            .ok_or(Error::InvalidSignature {
                why: "the arguments take more than 2 GiB of stack",
            })
    }

    /// Runs `rules` for one part. `whole`: the group has no parts, only rules for the whole value apply.
    fn run(
        &mut self,
        rules: &[Rule],
        group: &Group,
        mut part: Part,
        role: Role,
        whole: bool,
    ) -> Result<Outcome, Error> {
        for (i, rule) in rules.iter().enumerate() {
            let Some(action) = self.open(rule, group, part, role, whole) else {
                continue;
            };
            match *action {
                Rule::Promote(ty) | Rule::BitConvert(ty) => {
                    part.ty = ty;
                    continue;
                }
                Rule::DelegateTo(list) => match self.run(list, group, part, role, whole)? {
                    Outcome::Nowhere => continue,
                    outcome => return Ok(outcome),
                },
                Rule::PassIndirect { align } => {
                    self.tracer.rule(rule, true);
                    let align = group.align.max(align);
                    return self.indirect(&rules[i + 1..], group, align, role);
                }
                _ => {}
            }
            let outcome = self.act(action, group, part, whole)?;
            let taken = !matches!(outcome, Outcome::Nowhere);
            self.tracer.rule(rule, taken);
            if taken {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Nowhere)
    }

    /// The action behind the guards of `rule`, if they all hold.
    fn open<'r>(
        &self,
        mut rule: &'r Rule,
        group: &Group,
        part: Part,
        role: Role,
        whole: bool,
    ) -> Option<&'r Rule> {
        loop {
            let (holds, then) = match *rule {
                Rule::IfType(types, then) => (!whole && types.contains(&part.ty), then),
                Rule::IfWants(want, then) => {
                    let has = match want {
                        Want::Memory => group.kind == GroupKind::Memory,
                        Want::PerElement => matches!(group.kind, GroupKind::PerElement { .. }),
                    };
                    (has, then)
                }
                Rule::If(_, holds, then) => (holds(group), then),
                Rule::IfConvention(name, then) => (self.convention.name == name, then),
                Rule::IfFlag(flag, then) => (group.flags.has(flag), then),
                Rule::IfNotVariadic(then) => (!self.variadic, then),
                Rule::IfVariadic(then) => (self.variadic, then),
                Rule::IfUnnamed(then) => (role == Role::Unnamed, then),
                _ => return Some(rule),
            };
            if !holds {
                return None;
            }
            rule = then;
        }
    }

    /// Tries one action that places something.
    fn act(
        &mut self,
        action: &Rule,
        group: &Group,
        part: Part,
        whole: bool,
    ) -> Result<Outcome, Error> {
        Ok(match *action {
            Rule::AssignToReg(list) if !whole => match self.first_free(list) {
                Some((_, reg)) => Outcome::Located(Loc::Reg(reg), part),
                None => Outcome::Nowhere,
            },
            Rule::AssignToRegWithShadow(list, shadow) if !whole => match self.first_free(list) {
                Some((i, reg)) => {
                    shadow
                        .get(i)
                        .into_iter()
                        .for_each(|burnt| self.state.take(*burnt));
                    Outcome::Located(Loc::Reg(reg), part)
                }
                None => Outcome::Nowhere,
            },
            Rule::AssignToBoth(list, both) if !whole => match self.first_free(list) {
                Some((i, reg)) => match both.get(i) {
                    Some(copy) => {
                        self.state.take(*copy);
                        Outcome::Located(Loc::Both(reg, *copy), part)
                    }
                    None => Outcome::Located(Loc::Reg(reg), part),
                },
                None => Outcome::Nowhere,
            },
            Rule::AssignToStack { size, align } | Rule::PassByVal { size, align } => {
                Outcome::Block { size, align }
            }
            Rule::AssignToStackWithShadow {
                size,
                align,
                shadow,
            } => {
                shadow.iter().for_each(|burnt| self.state.take(*burnt));
                Outcome::Block { size, align }
            }
            Rule::AssignLanes { regs, slot } => match group.kind {
                GroupKind::PerElement { lanes } => Outcome::Whole(self.lanes(lanes, regs, slot)?),
                _ => Outcome::Nowhere,
            },
            Rule::Custom(_, place) => match place(group, &mut self.state) {
                Some(place) => Outcome::Whole(place),
                None => Outcome::Nowhere,
            },
            _ => Outcome::Nowhere,
        })
    }

    /// The first free register of `list`, now taken, with its position.
    fn first_free(&mut self, list: &[Reg]) -> Option<(usize, Reg)> {
        let i = list.iter().position(|reg| self.state.is_free(*reg))?;
        let reg = *list.get(i)?;
        self.state.take(reg);
        Some((i, reg))
    }

    /// Places the pointer to a caller's copy by the rest of the list.
    fn indirect(
        &mut self,
        rest: &[Rule],
        group: &Group,
        align: u32,
        role: Role,
    ) -> Result<Outcome, Error> {
        let pointer = Part::int(PartType::I64, Extension::None);
        let mut stand_in = Group::new(GroupKind::Registers, 8, 8);
        stand_in.flags = group.flags;
        let pointer = match self.run(rest, &stand_in, pointer, role, false)? {
            Outcome::Located(loc, _) => loc,
            Outcome::Block { size, align } => Loc::Stack(self.stack(8, size, align)?),
            Outcome::Whole(_) | Outcome::Nowhere => return Ok(Outcome::Nowhere),
        };
        Ok(Outcome::Whole(Place::Indirect {
            pointer,
            size: group.size,
            align,
        }))
    }

    fn lanes(&mut self, lanes: u16, regs: &'static [Reg], slot: u32) -> Result<Place, Error> {
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
