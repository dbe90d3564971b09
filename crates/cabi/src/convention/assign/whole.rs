//! Actions for values as a whole, and slots of the argument area.

use super::no_place::{self, NoPlace};
use super::{Assigner, MAX_NESTING, Outcome, Value};
use crate::convention::group::{ArgFlags, Extension, Group, GroupKind, Part, PartType};
use crate::convention::place::{Loc, Place, PlacedPart, PlacedParts};
use crate::convention::registers::Reg;
use crate::convention::rules::Rule;
use crate::types::is_align;

/// Slot that a stack action asks for.
#[derive(Clone, Copy)]
pub(super) struct StackSlot {
    /// Unit of the value's size, in bytes; 0 for its own size.
    size: u32,
    /// Least alignment in bytes; 0 for the value's own.
    align: u32,
    /// Registers that are used up with the slot.
    shadow: &'static [Reg],
}

impl StackSlot {
    /// Returns the slot that `rule` gives, if it is a stack action.
    pub(super) fn of(rule: &Rule) -> Option<Self> {
        match *rule {
            Rule::AssignToStack { size, align } | Rule::PassByVal { size, align } => Some(Self {
                size,
                align,
                shadow: &[],
            }),
            Rule::AssignToStackWithShadow {
                size,
                align,
                shadow,
            } => Some(Self {
                size,
                align,
                shadow,
            }),
            _ => None,
        }
    }
}

/// Returns the alignment of what is `offset` bytes after an address that is aligned to `align`.
fn align_at(offset: u64, align: u32) -> u32 {
    match offset.trailing_zeros() {
        zeros @ ..32 => align.min(1 << zeros),
        _ => align,
    }
}

impl Assigner<'_> {
    /// Applies the rule for the whole value, in `place`; returns `false` if there is none.
    #[inline(never)]
    pub(super) fn apply_whole(
        &mut self,
        rules: &'static [Rule],
        outcome: Outcome<'_>,
        value: &Value<'_>,
        place: &mut Place,
    ) -> Result<bool, NoPlace> {
        let (rule, rest, ty) = match outcome {
            Outcome::Whole(rule, rest, ty) => (rule, rest, ty),
            Outcome::Custom => return Ok(set_place(place, self.custom.take())),
            Outcome::Located(..) | Outcome::Nowhere => return Ok(false),
        };
        if let Some(slot) = StackSlot::of(rule) {
            *place = match self.converted(rules, value, slot, ty)? {
                Some(parts) => Place::Parts(parts),
                None => self.block(value.group, slot)?,
            };
            return Ok(true);
        }
        match *rule {
            Rule::PassIndirect { align } => {
                Ok(set_place(place, self.indirect(rest, value, align)?))
            }
            Rule::AssignLanes { regs, slot } => {
                let GroupKind::PerElement { lanes } = value.group.kind else {
                    return Ok(false);
                };
                *place = self.lanes(lanes, regs, slot)?;
                Ok(true)
            }
            // `run` stops at no guard.
            _ => Err(no_place::TOO_DEEP),
        }
    }

    /// Copies the whole value into the area.
    fn block(&mut self, group: &Group, slot: StackSlot) -> Result<Place, NoPlace> {
        // Padding that has parts has no place in memory.
        if group.size == 0 && !group.parts.is_empty() {
            return Ok(Place::Ignore);
        }
        let align = group.align.max(slot.align);
        // A value in memory has a slot, even if it has no bytes.
        let bytes = group.size.max(u64::from(group.kind == GroupKind::Memory));
        let mut offset = self.stack(bytes, slot, align)?;
        if group.size == 0 {
            return Ok(Place::Ignore);
        }
        // A scalar is at the end of its slot, a record at the start.
        if group.kind == GroupKind::Registers && group.parts.len() == 1 {
            offset += self.slot_padding(bytes, slot);
        }
        Ok(Place::Stack {
            offset,
            size: group.size,
            align: align_at(offset, align),
        })
    }

    /// Places the parts of a value on the stack one by one if a rule converts one of them. A
    /// promotion holds on the stack too. `ty` is the type that the part at hand has become.
    fn converted(
        &mut self,
        rules: &'static [Rule],
        value: &Value<'_>,
        slot: StackSlot,
        ty: Option<PartType>,
    ) -> Result<Option<PlacedParts>, NoPlace> {
        let group = value.group;
        let asks = match &group.parts[..] {
            [] => false,
            [part] => ty != Some(part.ty),
            _ => Rule::any(rules, MAX_NESTING, &may_convert),
        };
        if group.kind != GroupKind::Registers || !asks {
            return Ok(None);
        }
        let mut converts = false;
        for part in &group.parts {
            converts |= self.way_to_stack(rules, value, part, (slot, ty))?.1 != part.ty;
        }
        if !converts {
            return Ok(None);
        }
        let mut parts = PlacedParts::new();
        for part in &group.parts {
            let (slot, ty) = self.way_to_stack(rules, value, part, (slot, ty))?;
            parts.push(self.part_on_stack(part, Some(ty), group.align, slot)?);
        }
        Ok(Some(parts))
    }

    /// Returns the slot that the list has for `part` if no register is free, and the type that the
    /// part has become there. For the only part of a value, both are known.
    fn way_to_stack(
        &mut self,
        rules: &'static [Rule],
        value: &Value<'_>,
        part: &Part,
        (slot, ty): (StackSlot, Option<PartType>),
    ) -> Result<(StackSlot, PartType), NoPlace> {
        if value.group.parts.len() == 1 {
            return Ok((slot, ty.unwrap_or(part.ty)));
        }
        let outcome = self.trial(|assigner| {
            assigner.state.take_all();
            assigner.run(rules, value, Some(part.ty), 0)
        });
        Ok(match outcome? {
            Outcome::Whole(rule, _, Some(ty)) => (StackSlot::of(rule).unwrap_or(slot), ty),
            _ => (slot, part.ty),
        })
    }

    /// Places one part of a value aligned to `align` in a slot of its own, as `ty` if a rule
    /// converted it.
    #[inline(never)]
    pub(super) fn part_on_stack(
        &mut self,
        part: &Part,
        ty: Option<PartType>,
        align: u32,
        slot: StackSlot,
    ) -> Result<PlacedPart, NoPlace> {
        let ty = ty.unwrap_or(part.ty);
        let own = u32::from(ty.bytes()).next_power_of_two();
        let align =
            align_at(part.offset.into(), align).max(if slot.align == 0 { own } else { slot.align });
        let bytes = part.size.max(ty.bytes());
        let size = if slot.size == 0 { own } else { slot.size };
        let slot = StackSlot { size, ..slot };
        let offset = self.stack(u64::from(bytes), slot, align)?;
        Ok(PlacedPart {
            part: Part { ty, ..*part },
            loc: Loc::Stack(offset + self.slot_padding(bytes.into(), slot)),
        })
    }

    /// Returns how many bytes of a slot are before a scalar of `bytes` bytes in it.
    fn slot_padding(&self, bytes: u64, slot: StackSlot) -> u64 {
        if self.frame.big_endian {
            bytes.next_multiple_of(slot.size.max(1).into()) - bytes
        } else {
            0
        }
    }

    /// Takes `bytes` bytes of the area, aligned to `align`.
    fn stack(&mut self, bytes: u64, slot: StackSlot, align: u32) -> Result<u64, NoPlace> {
        if !is_align(align.max(1)) {
            return Err(no_place::NO_ALIGNMENT);
        }
        slot.shadow.iter().for_each(|reg| self.state.take(*reg));
        self.state
            .take_stack(bytes, slot.size, align)
            .ok_or(no_place::TOO_MUCH_STACK)
    }

    /// Places the pointer to a caller's copy by the rest of the list.
    #[inline(never)]
    fn indirect(
        &mut self,
        rest: &[Rule],
        value: &Value<'_>,
        align: u32,
    ) -> Result<Option<Place>, NoPlace> {
        let align = value.group.align.max(align);
        let mut pointer = pointer_group(self.pointer);
        // The pointer keeps the flags that say how it is passed: it is neither split nor by value.
        let flags = [ArgFlags::IN_REG, ArgFlags::NEST];
        for flag in flags.into_iter().filter(|f| value.group.flags.has(*f)) {
            pointer.flags = pointer.flags.and(flag);
        }
        let stand_in = Value::new(&pointer, value.role);
        self.before = self.state;
        let loc = match self.run(rest, &stand_in, Some(self.pointer), 0)? {
            Outcome::Located(loc, _) => loc,
            Outcome::Whole(rule, _, ty) => match (StackSlot::of(rule), &pointer.parts[..]) {
                (Some(slot), [part]) => self.part_on_stack(part, ty, pointer.align, slot)?.loc,
                _ => return Ok(None),
            },
            Outcome::Custom => match self.custom.take().as_ref().and_then(Place::as_pointer) {
                Some(loc) => loc,
                None => return Ok(None),
            },
            Outcome::Nowhere => return Ok(None),
        };
        Ok(Some(Place::Indirect {
            pointer: loc,
            size: value.group.size,
            align,
        }))
    }

    /// Gives each lane one of the registers left of `regs`, then a slot. Takes all of `regs`.
    fn lanes(&mut self, lanes: u16, regs: &'static [Reg], slot: u32) -> Result<Place, NoPlace> {
        if slot == 0 {
            return Err(no_place::EMPTY_SLOT);
        }
        let last = regs.iter().rposition(|reg| !self.state.is_free(*reg));
        let regs = regs
            .get(last.map_or(0, |last| last + 1)..)
            .unwrap_or_default();
        regs.iter().for_each(|reg| self.state.take(*reg));
        let in_regs = usize::from(lanes).min(regs.len());
        let on_stack = u64::from(lanes) - in_regs as u64;
        let (size, align, shadow) = (slot, slot, [].as_slice());
        let area = StackSlot {
            size,
            align,
            shadow,
        };
        let offset = self.stack(on_stack * u64::from(slot), area, align)?;
        let regs = regs.get(..in_regs).unwrap_or_default();
        Ok(Place::PerElement {
            lanes,
            regs,
            offset,
            slot,
        })
    }
}

/// Returns whether `rule` changes the type of a part, or goes on with a list that may.
fn may_convert(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::Promote(_) | Rule::BitConvert(_) | Rule::DelegateTo(_)
    )
}

/// Returns a pointer as a value: to a copy of an argument, or to the object of a result.
#[inline]
pub(super) fn pointer_group(ty: PartType) -> Group {
    let part = Part::int(ty, Extension::None);
    Group::new(GroupKind::Registers, part.size.into(), part.size.into()).with(part)
}

/// Puts what was found in `place`.
fn set_place(place: &mut Place, value: Option<Place>) -> bool {
    let is_found = value.is_some();
    if let Some(value) = value {
        *place = value;
    }
    is_found
}
