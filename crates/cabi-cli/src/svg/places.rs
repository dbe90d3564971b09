//! Registers and stack slots, and what is in them at the call and on return.

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
/// Slots drawn at most.
const MAX_SLOTS: u64 = 32;

/// Bytes of an object somewhere; a free register has none.
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

/// What is where at the call: by the register's name, or by the offset in the argument area.
pub(crate) struct Places<'a> {
    why: &'a Explanation,
    convention: &'a Convention,
    regs: Vec<(&'static str, Content)>,
    slots: Vec<(u64, Content)>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(why: &'a Explanation, convention: &'a Convention) -> Self {
        Self {
            why,
            convention,
            regs: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Puts a value where it goes.
    pub(crate) fn add(&mut self, object: &Object<'_>, place: &ExplainedPlace) {
        for (i, part) in place.parts.iter().enumerate() {
            let content = |from| content(object, place.kind, i, part, from);
            match (part.register, part.stack) {
                (Some(reg), _) => self.regs.push((reg, content(part.offset))),
                (_, Some(at)) => {
                    let size = if part.is_address { 8 } else { part.size.max(1) };
                    let slots = (0..size.min(8 * MAX_SLOTS)).step_by(8);
                    let slots = slots.map(|from| (at + from, content(part.offset + from)));
                    self.slots.extend(slots);
                }
                _ => {}
            }
        }
    }

    /// Registers and argument area when the function is entered.
    pub(crate) fn draw_call(&self, canvas: &mut Canvas) {
        let count = self.why.variadic_count;
        if self.regs.is_empty() && self.slots.is_empty() && count.is_none() {
            return;
        }
        canvas.section("at the call");
        let all = registers(self.convention.rules.args);
        for bank in [Bank::Int, Bank::Vector, Bank::X87] {
            let used = |name: &str| self.regs.iter().any(|(reg, _)| *reg == name);
            let usual = all.iter().filter(|reg| reg.bank() == bank);
            let usual: Vec<&str> = usual.map(|reg| reg.name()).collect();
            let is_extra =
                |name: &&str| self.bank(name) == bank && !all.iter().any(|reg| reg.name() == *name);
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

    /// The bank of a register that no rule for arguments or results names holds integers: a static chain, the address of a result.
    fn bank(&self, name: &str) -> Bank {
        let rules = &self.convention.rules;
        let mut all = [rules.args, rules.results].into_iter().flat_map(registers);
        let found = all.find(|reg| reg.name() == name);
        found.map_or(Bank::Int, Reg::bank)
    }

    fn register(&self, name: &str, regs: &[(&str, Content)]) -> Cell {
        let found = regs.iter().find(|(reg, _)| *reg == name);
        let free = || Content::new(String::new(), Vec::new());
        Cell {
            name: name.to_owned(),
            bytes: match self.bank(name) {
                Bank::Int => 8,
                Bank::Vector => 16,
                Bank::X87 => 10,
            },
            content: found.map_or_else(free, |(_, content)| content.clone()),
        }
    }

    fn draw_area(&self, canvas: &mut Canvas) {
        let frame = &self.convention.frame;
        let (slot, bytes) = (u64::from(frame.slot).max(1), self.why.area_bytes);
        let n_slots = bytes.div_ceil(slot);
        if n_slots == 0 {
            return;
        }
        canvas.y += 18;
        let what = format!(
            "argument area, {} from where the stack pointer points at the call",
            count(bytes, "byte")
        );
        canvas.text(LEFT, canvas.y, MUTED, &what);
        canvas.y += 6;
        let slots: Vec<u64> = (0..n_slots.min(MAX_SLOTS)).map(|i| i * slot).collect();
        for row in slots.chunks(PER_ROW) {
            for (i, at) in (0..).zip(row) {
                let area = cell(canvas.y, i);
                let found = self.slots.iter().find(|(offset, _)| offset == at);
                let is_shadow = *at < u64::from(frame.shadow_space);
                match found {
                    Some((_, content)) => draw_content(canvas, area, content, slot),
                    None => {
                        let fill = if is_shadow { Fill::Free } else { Fill::Hatched };
                        canvas.fill(area, fill);
                        canvas.frame(area, if is_shadow { "shadow" } else { "" });
                    }
                }
                canvas.text(area.x, area.y + HEIGHT + 10, SMALL, &at.to_string());
            }
            canvas.y += HEIGHT + 16;
        }
        if n_slots > MAX_SLOTS {
            let more = format!("and {} more", count(bytes - MAX_SLOTS * slot, "byte"));
            canvas.text(LEFT, canvas.y + 8, SMALL, &more);
            canvas.y += 12;
        }
    }

    /// The registers that hold the result, or the address of it.
    pub(crate) fn draw_return(&self, canvas: &mut Canvas, object: &Object<'_>) {
        let place = &self.why.ret.place;
        let mut own = Places::new(self.why, self.convention);
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

    fn address(object: &Object<'_>) -> Self {
        Self::new(format!("&{}", object.name), vec![(Fill::Free, 8)])
    }
}

/// What of an object is in part `i` of its place, or in the eight bytes of that from byte `from` on.
fn content(
    object: &Object<'_>,
    kind: PlaceKind,
    i: usize,
    part: &ExplainedPart,
    from: u64,
) -> Content {
    if part.is_address {
        return Content::address(object);
    }
    if kind == PlaceKind::Lanes {
        let fill = Fill::Part(object.first_colour);
        return Content::new(format!("{}[{i}]", object.name), vec![(fill, 1)]);
    }
    let end = part.offset + part.size;
    let to = match part.stack {
        Some(_) => end.min(from + 8),
        None => end,
    };
    let runs = object.runs(from * 8, to * 8).into_iter();
    let fills = runs.map(|(fill, bits)| (fill, (bits.end - bits.start) / 8));
    Content::new(object.label(from, to), fills.collect())
}

/// Registers side by side, each under its name.
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

/// The registers that `rules` name, in their order.
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
