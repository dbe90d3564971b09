//! Registers and stack slots, and the values in them at the call and on return.

use std::collections::BTreeMap;
use std::ops::Range;

use cabi::convention::Rule;
use cabi::{Bank, Convention, ExplainedPart, ExplainedPlace, Explanation, PlaceKind, Reg};

use super::canvas::{Area, Canvas, Fill, LEFT, MUTED, SMALL};
use super::object::Object;
use crate::output::count;

/// Pixels of a register or slot, and between two of them.
const BOX: u64 = 86;
const STEP: u64 = 89;
const HEIGHT: u64 = 24;
const PER_ROW: usize = 8;
/// Slots of the argument area drawn at most.
const MAX_SLOTS: usize = 32;
/// Bytes of a register, as far as they are drawn.
const MAX_BYTES: u64 = 16;

/// Bytes of an object in a place; a free register has none.
#[derive(Clone)]
struct Content {
    label: String,
    /// Fills from the lowest byte on, with their bytes.
    fills: Vec<(Fill, u64)>,
}

/// A register or slot, and what is drawn in it.
struct Cell {
    name: String,
    bytes: u64,
    content: Content,
}

/// Contents of the places at the call: by the register's name, or by the offset in the argument
/// area.
pub(crate) struct Places<'a> {
    why: &'a Explanation,
    convention: &'a Convention,
    /// Bytes of a pointer.
    pointer: u64,
    regs: Vec<(&'static str, Content)>,
    /// Contents of slots by the first byte, at most one slot each.
    slots: BTreeMap<u64, Content>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(why: &'a Explanation, convention: &'a Convention, pointer: u64) -> Self {
        Self {
            why,
            convention,
            pointer,
            regs: Vec::new(),
            slots: BTreeMap::new(),
        }
    }

    fn slot(&self) -> u64 {
        u64::from(self.convention.frame.slot).max(1)
    }

    /// Returns the first byte of the slot after the one that has byte `at`.
    fn next_slot(&self, at: u64) -> u64 {
        (at / self.slot() + 1) * self.slot()
    }

    /// Adds a value to the places in which it is passed.
    pub(crate) fn add(&mut self, object: &Object<'_>, place: &ExplainedPlace) {
        for (i, part) in place.parts.iter().enumerate() {
            let content = |bytes| content(object, place.kind, (i, part), bytes);
            match (part.register, part.stack) {
                (Some(reg), _) => self.regs.push((reg, content(0..part.size))),
                (_, Some(start)) => {
                    let size = match part.is_address {
                        true => self.pointer,
                        false => part.size.max(1),
                    };
                    let (mut at, end) = (start, start + size);
                    while at < end && self.slots.len() < MAX_SLOTS {
                        let next = self.next_slot(at).min(end);
                        self.slots.insert(at, content(at - start..next - start));
                        at = next;
                    }
                }
                _ => {}
            }
        }
    }

    /// Draws the registers and the argument area when the function is entered.
    pub(crate) fn draw_call(&self, canvas: &mut Canvas) {
        let count = self.why.variadic_count;
        if self.regs.is_empty() && self.slots.is_empty() && count.is_none() {
            return;
        }
        canvas.section("at the call");
        let registers = registers(self.convention.rules.args);
        for bank in [Bank::Int, Bank::Vector, Bank::X87] {
            let used = |name: &str| self.regs.iter().any(|(reg, _)| *reg == name);
            let usual = registers.iter().filter(|reg| reg.bank() == bank);
            let usual: Vec<&str> = usual.map(|reg| reg.name()).collect();
            let is_extra = |name: &&str| {
                self.named(name).map_or(Bank::Int, Reg::bank) == bank
                    && !registers.iter().any(|reg| reg.name() == *name)
            };
            let extra = self.regs.iter().map(|(name, _)| *name).filter(is_extra);
            let is_used = usual.iter().any(|name| used(name));
            let names = usual.into_iter().filter(|_| is_used).chain(extra);
            let mut row: Vec<Cell> = names.map(|name| self.register(name, &self.regs)).collect();
            if let (Bank::Int, Some(name)) = (bank, count) {
                let label = format!("{} xmm", self.why.used.vector);
                row.push(Cell {
                    name: name.to_owned(),
                    bytes: 1,
                    content: Content::new(label, Vec::new()),
                });
            }
            draw_row(canvas, &row);
        }
        self.draw_area(canvas);
    }

    /// Returns the register of this name, if a rule for arguments or results names it. Other
    /// registers have integers: a static chain, the address of a result.
    fn named(&self, name: &str) -> Option<Reg> {
        let rules = &self.convention.rules;
        let mut all = [rules.args, rules.results].into_iter().flat_map(registers);
        all.find(|reg| reg.name() == name)
    }

    fn register(&self, name: &str, regs: &[(&str, Content)]) -> Cell {
        let found = regs.iter().find(|(reg, _)| *reg == name);
        let bytes = |reg: Reg| u64::from(reg.bits() / 8).min(MAX_BYTES);
        Cell {
            name: name.to_owned(),
            bytes: self.named(name).map_or(self.pointer, bytes),
            content: found.map_or_else(Content::free, |(_, content)| content.clone()),
        }
    }

    /// Draws the argument area: the values passed in it, each from its first byte on, and empty
    /// slots.
    fn draw_area(&self, canvas: &mut Canvas) {
        let bytes = self.why.area_bytes;
        let end = bytes.next_multiple_of(self.slot());
        if end == 0 {
            return;
        }
        canvas.y += 18;
        let title = format!(
            "argument area: {} above the stack pointer at the call",
            count(bytes, "byte")
        );
        canvas.text(LEFT, canvas.y, MUTED, &title);
        canvas.y += 6;
        let mut at = 0;
        for i in 0..MAX_SLOTS {
            let x = (i % PER_ROW) as u64;
            let next = self.slots.range(at + 1..).next().map(|(next, _)| *next);
            let next = self.next_slot(at).min(next.unwrap_or(end));
            let area = cell(canvas.y, x);
            let is_shadow = at < u64::from(self.convention.frame.shadow_space);
            match self.slots.get(&at) {
                Some(content) => draw_content(canvas, area, content, next - at),
                None => {
                    let fill = if is_shadow { Fill::Free } else { Fill::Hatched };
                    canvas.fill(area, fill);
                    canvas.frame(area, if is_shadow { "shadow" } else { "" });
                }
            }
            canvas.text(area.x, area.y + HEIGHT + 10, SMALL, &at.to_string());
            at = next;
            if at == end || i % PER_ROW == PER_ROW - 1 {
                canvas.y += HEIGHT + 16;
            }
            if at == end {
                return;
            }
        }
        let more = format!("and {} more", count(bytes - at, "byte"));
        canvas.text(LEFT, canvas.y + 8, SMALL, &more);
        canvas.y += 12;
    }

    /// Draws the registers that hold the result, or its address.
    pub(crate) fn draw_return(&self, canvas: &mut Canvas, object: &Object<'_>) {
        let place = &self.why.ret.place;
        let mut own = Places::new(self.why, self.convention, self.pointer);
        match place.returned_in {
            Some(reg) => own.regs.push((reg, Content::address(object))),
            None if place.kind == PlaceKind::Parts => own.add(object, place),
            None => {}
        }
        let row = own.regs.iter().map(|(reg, _)| own.register(reg, &own.regs));
        draw_row(canvas, &row.collect::<Vec<_>>());
    }
}

impl Content {
    fn new(label: String, fills: Vec<(Fill, u64)>) -> Self {
        Self { label, fills }
    }

    fn free() -> Self {
        Self::new(String::new(), Vec::new())
    }

    fn address(object: &Object<'_>) -> Self {
        Self::new(format!("&{}", object.name), vec![(Fill::Free, 8)])
    }
}

/// Returns the bits of an object in `bytes` of part `i` of its place.
fn content(
    object: &Object<'_>,
    kind: PlaceKind,
    (i, part): (usize, &ExplainedPart),
    bytes: Range<u64>,
) -> Content {
    if part.is_address {
        return Content::address(object);
    }
    if kind == PlaceKind::Lanes {
        let fill = Fill::Part(object.first_colour);
        return Content::new(format!("{}[{i}]", object.name), vec![(fill, 1)]);
    }
    let [from, to] = [bytes.start, bytes.end].map(|at| part.offset + at);
    let runs = object.runs(from * 8, to * 8).into_iter();
    let fills = runs.map(|(fill, bits)| (fill, (bits.end - bits.start) / 8));
    Content::new(object.label(from, to), fills.collect())
}

/// Draws registers side by side, each under its name.
fn draw_row(canvas: &mut Canvas, row: &[Cell]) {
    for chunk in row.chunks(PER_ROW) {
        canvas.y += 14;
        for (i, register) in (0..).zip(chunk) {
            let area = cell(canvas.y + 4, i);
            canvas.text(area.x, canvas.y, SMALL, &register.name);
            draw_content(canvas, area, &register.content, register.bytes);
        }
        canvas.y += HEIGHT + 6;
    }
}

fn cell(y: u64, i: u64) -> Area {
    Area {
        x: LEFT + i * STEP,
        y,
        width: BOX,
        height: HEIGHT,
    }
}

/// Draws a place of `bytes`, the lowest at the left. More bytes have a scale of their own.
fn draw_content(canvas: &mut Canvas, area: Area, content: &Content, bytes: u64) {
    canvas.fill(area, Fill::Free);
    let used: u64 = content.fills.iter().map(|(_, n)| n).sum();
    let scale = bytes.max(used).max(1);
    let mut before = 0;
    for (fill, n) in &content.fills {
        let from = area.width * before / scale;
        before += n;
        let to = area.width * before / scale;
        let part = Area {
            x: area.x + from,
            width: to - from,
            ..area
        };
        canvas.fill(part, *fill);
    }
    canvas.frame(area, &content.label);
}

/// Returns the registers that `rules` name, in their order.
fn registers(rules: &[Rule]) -> Vec<Reg> {
    let mut regs = Vec::new();
    rules.iter().for_each(|rule| collect(rule, &mut regs));
    regs
}

fn collect(rule: &Rule, regs: &mut Vec<Reg>) {
    let lists: &[&[Reg]] = match rule {
        Rule::IfType(_, then)
        | Rule::IfWants(_, then)
        | Rule::If(_, _, then)
        | Rule::IfNotVariadic(then)
        | Rule::IfUnnamed(then) => return collect(then, regs),
        Rule::AssignToBoth(pairs) => &[pairs.as_flattened()],
        Rule::DelegateTo(rules) => return rules.iter().for_each(|rule| collect(rule, regs)),
        Rule::AssignToReg(list) | Rule::AssignLanes { regs: list, .. } => &[list],
        Rule::AssignToRegWithShadow(list, other) => &[list, other],
        _ => &[],
    };
    for reg in lists.iter().copied().flatten() {
        if !regs.contains(reg) {
            regs.push(*reg);
        }
    }
}
