//! Registers and stack slots, and what is in them at the call and on return.

use cabi::convention::Rule;
use cabi::{Bank, Convention, FnAbi, Loc, Place, PlacedPart, Reg, x86_64};

use super::canvas::{Area, Canvas, Fill, Font, LEFT};
use super::object::Object;

/// Pixels of a register or slot, and between two of them.
const BOX: u64 = 86;
const STEP: u64 = 89;
const HEIGHT: u64 = 24;
const PER_ROW: u64 = 8;
/// Slots drawn at most.
const MAX_SLOTS: u64 = 32;

/// Bytes of an object somewhere.
#[derive(Clone, Debug)]
struct Content {
    label: String,
    /// Fills from the lowest byte on, with their bytes.
    fills: Vec<(Fill, u64)>,
}

/// What is where at the call.
pub(crate) struct Places<'a> {
    abi: &'a FnAbi,
    regs: Vec<(Reg, Content)>,
    /// By the offset in the argument area.
    slots: Vec<(u64, Content)>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(abi: &'a FnAbi) -> Self {
        Self {
            abi,
            regs: Vec::new(),
            slots: Vec::new(),
        }
    }

    fn slot_bytes(&self) -> u64 {
        u64::from(self.abi.convention.frame.slot).max(1)
    }

    /// Puts an argument where it goes.
    pub(crate) fn argument(&mut self, object: &Object<'_>, place: &Place) {
        match place {
            Place::Parts(parts) => parts.iter().for_each(|placed| self.part(object, placed)),
            Place::Stack { offset, size, .. } => {
                for (i, from) in (0..*size).step_by(8).enumerate().take(64) {
                    let to = (from + 8).min(*size);
                    let content = content(object, from, to);
                    self.slots.push((offset + i as u64 * 8, content));
                }
            }
            Place::Indirect { pointer, .. } => {
                let label = format!("&{}", object.name);
                let content = Content {
                    label,
                    fills: vec![(Fill::Free, 8)],
                };
                self.put(*pointer, &content);
            }
            Place::PerElement {
                lanes,
                regs,
                offset,
                slot,
            } => {
                let lane = |i: u64| Content {
                    label: format!("{}[{i}]", object.name),
                    fills: vec![(object.colour(i / 64), 1)],
                };
                for (i, reg) in (0..).zip(*regs) {
                    self.regs.push((*reg, lane(i)));
                }
                let in_regs = regs.len() as u64;
                for i in in_regs..u64::from(*lanes).min(in_regs + MAX_SLOTS) {
                    let at = offset + (i - in_regs) * u64::from(*slot);
                    self.slots.push((at, lane(i)));
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, object: &Object<'_>, placed: &PlacedPart) {
        self.put(placed.loc, &part_content(object, placed));
    }

    fn put(&mut self, loc: Loc, content: &Content) {
        match loc {
            Loc::Reg(reg) => self.regs.push((reg, content.clone())),
            Loc::Both(&[a, b]) => {
                self.regs.extend([a, b].map(|reg| (reg, content.clone())));
            }
            Loc::Stack(offset) => self.slots.push((offset, content.clone())),
            _ => {}
        }
    }

    /// The hidden pointer to a result that finds no registers.
    pub(crate) fn result_pointer(&mut self) {
        if let Place::Indirect { pointer, .. } = self.abi.ret.place {
            self.put(pointer, &result_address());
        }
    }

    /// Registers and argument area when the function is entered.
    pub(crate) fn draw_call(&self, canvas: &mut Canvas) {
        let count = self.abi.variadic_count;
        if self.regs.is_empty() && self.slots.is_empty() && count.is_none() {
            return;
        }
        canvas.section("at the call");
        let all = argument_registers(self.abi.convention);
        for bank in [Bank::Int, Bank::Vector, Bank::X87] {
            let used = |reg: &Reg| self.regs.iter().any(|(r, _)| r == reg);
            let extra = self.regs.iter().map(|(reg, _)| *reg);
            let extra = extra.filter(|reg| reg.bank() == bank && !all.contains(reg));
            // The static chain's register is there only if it is used.
            let usual = all.iter().copied().filter(|reg| reg.bank() == bank);
            let usual: Vec<Reg> = usual
                .filter(|reg| used(reg) || *reg != x86_64::R10)
                .collect();
            let mut row: Vec<Cell> = Vec::new();
            if usual.iter().any(used) {
                row.extend(usual.iter().map(|reg| self.register(*reg)));
            }
            row.extend(extra.map(|reg| self.register(reg)));
            if let (Bank::Int, Some(_)) = (bank, count) {
                row.push(self.vector_count());
            }
            draw_row(canvas, &row);
        }
        self.draw_area(canvas);
    }

    fn register(&self, reg: Reg) -> Cell {
        let found = self.regs.iter().find(|(r, _)| *r == reg);
        Cell::new(reg, found.map(|(_, content)| content.clone()))
    }

    /// AL, which counts the vector registers of a variadic call.
    fn vector_count(&self) -> Cell {
        let content = Content {
            label: format!("{} xmm", self.abi.used.vector),
            fills: Vec::new(),
        };
        Cell {
            name: "al".into(),
            bytes: 1,
            content: Some(content),
        }
    }

    fn draw_area(&self, canvas: &mut Canvas) {
        let n_slots = self.abi.area_bytes.div_ceil(self.slot_bytes());
        if n_slots == 0 {
            return;
        }
        canvas.y += 18;
        let bytes = self.abi.area_bytes;
        let what = format!("argument area, {bytes} bytes from where rsp points at the call");
        canvas.text(LEFT, canvas.y, Font::Muted, &what);
        canvas.y += 6;
        for first in (0..n_slots.min(MAX_SLOTS)).step_by(8) {
            for i in first..(first + PER_ROW).min(n_slots.min(MAX_SLOTS)) {
                let area = cell(canvas.y, i - first);
                let at = i * self.slot_bytes();
                let content = self.slots.iter().find(|(offset, _)| *offset == at);
                let shadow = at < u64::from(self.abi.convention.frame.shadow_space);
                match content {
                    Some((_, content)) => draw_content(canvas, area, content, self.slot_bytes()),
                    None => {
                        let fill = if shadow { Fill::Free } else { Fill::Hatched };
                        canvas.fill(area, fill);
                        canvas.frame(area, if shadow { "shadow" } else { "" });
                    }
                }
                canvas.text(area.x, area.y + HEIGHT + 10, Font::Small, &at.to_string());
            }
            canvas.y += HEIGHT + 16;
        }
        if n_slots > MAX_SLOTS {
            let more = bytes - MAX_SLOTS * self.slot_bytes();
            canvas.text(
                LEFT,
                canvas.y + 8,
                Font::Small,
                &format!("and {more} bytes more"),
            );
            canvas.y += 12;
        }
    }

    /// The registers that hold the result, or the address of it.
    pub(crate) fn draw_return(&self, canvas: &mut Canvas, object: &Object<'_>) {
        let mut row = Vec::new();
        let ret = &self.abi.ret;
        match (&ret.place, ret.sret_returned_in) {
            (Place::Parts(parts), _) => {
                for placed in parts {
                    if let Loc::Reg(reg) = placed.loc {
                        row.push(Cell::new(reg, Some(part_content(object, placed))));
                    }
                }
            }
            (_, Some(reg)) => row.push(Cell::new(reg, Some(result_address()))),
            _ => {}
        }
        draw_row(canvas, &row);
    }
}

/// A register with what is in it.
struct Cell {
    name: String,
    bytes: u64,
    content: Option<Content>,
}

impl Cell {
    fn new(reg: Reg, content: Option<Content>) -> Self {
        let bytes = match reg.bank() {
            Bank::Int => 8,
            Bank::Vector => 16,
            Bank::X87 => 10,
        };
        let name = reg.to_string();
        Self {
            name,
            bytes,
            content,
        }
    }
}

fn result_address() -> Content {
    Content {
        label: "&result".into(),
        fills: vec![(Fill::Free, 8)],
    }
}

fn part_content(object: &Object<'_>, placed: &PlacedPart) -> Content {
    let from = u64::from(placed.part.offset);
    content(object, from, from + u64::from(placed.part.size))
}

/// Bytes `from` to `to` of an object.
fn content(object: &Object<'_>, from: u64, to: u64) -> Content {
    let mut fills = Vec::new();
    let mut at = from;
    while at < to {
        let next = ((at / 8 + 1) * 8).min(to);
        fills.push((object.colour(at), next - at));
        at = next;
    }
    Content {
        label: object.label(from, to),
        fills,
    }
}

/// Registers side by side, each under its name.
fn draw_row(canvas: &mut Canvas, row: &[Cell]) {
    for chunk in row.chunks(8) {
        canvas.y += 14;
        for (i, register) in (0..).zip(chunk) {
            let area = cell(canvas.y + 4, i);
            canvas.text(area.x, canvas.y, Font::Small, &register.name);
            match &register.content {
                Some(content) => draw_content(canvas, area, content, register.bytes),
                None => {
                    canvas.fill(area, Fill::Free);
                    canvas.frame(area, "");
                }
            }
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

/// A place of `bytes`, the lowest at the left; what holds more is drawn to scale of its own.
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

/// The registers that a convention gives to arguments, in the order of its rules.
fn argument_registers(convention: &Convention) -> Vec<Reg> {
    let mut regs = Vec::new();
    convention
        .rules
        .args
        .iter()
        .for_each(|rule| collect(rule, &mut regs));
    regs
}

fn collect(rule: &Rule, regs: &mut Vec<Reg>) {
    let lists: &[&[Reg]] = match rule {
        Rule::IfType(_, then)
        | Rule::IfWants(_, then)
        | Rule::If(_, _, then)
        | Rule::IfFlag(_, then)
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
