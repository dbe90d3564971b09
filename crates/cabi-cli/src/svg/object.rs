//! The bytes of one value: members side by side, those of a union below each other, padding
//! hatched.

use std::ops::Range;

use cabi::{ExplainedMember as Member, Kind, Type, members};

use super::canvas::{Area, Canvas, Fill, LABEL, LEFT, MUTED, SMALL, fits};
use crate::output::count;

/// Pixels of a bit.
const BIT: u64 = 3;
/// Bits in a row.
const ROW: u64 = 128;
/// Pixels from top to bottom of a member.
const HEIGHT: u64 = 24;
/// Rows at most, of an argument and of a type alone.
const MAX_ROWS: u64 = 4;
const MAX_ROWS_ALONE: u64 = 64;
/// Characters of a label that fit a register or slot.
const LABEL_CHARS: usize = 12;
/// Members of a union at most.
const MAX_LANES: usize = 6;

/// A value and its name.
pub(crate) struct Object<'a> {
    pub(crate) name: &'a str,
    pub(crate) ty: &'a Type,
    /// Type of the value as it is declared.
    pub(crate) spelled: &'a str,
    /// Bits of each part. Each part has a colour.
    pub(crate) parts: Vec<Range<u64>>,
    /// Index of the first part's colour in the picture.
    pub(crate) first_colour: usize,
}

impl Object<'_> {
    /// Returns the bits `from` to `to` by the parts that have them, each with its fill.
    pub(crate) fn runs(&self, from: u64, to: u64) -> Vec<(Fill, Range<u64>)> {
        let all = stretches(&self.parts, from, to).into_iter();
        let fill = |part: Option<usize>| match part {
            Some(i) => Fill::Part(self.first_colour + i),
            None => Fill::Free,
        };
        all.map(|(part, bits)| (fill(part), bits)).collect()
    }

    /// Returns the label of a place that holds bytes `from` to `to`.
    pub(crate) fn label(&self, from: u64, to: u64) -> String {
        if is_one_scalar(self.ty) || (from == 0 && to >= self.ty.size()) {
            return self.name.to_owned();
        }
        let bytes = format!(" {from}..{to}");
        // The bytes matter more than the end of the name.
        let n_chars = LABEL_CHARS.saturating_sub(bytes.len());
        let mut name: String = self.name.chars().take(n_chars).collect();
        if name != self.name {
            name.pop();
            name.push('…');
        }
        name + &bytes
    }

    /// Draws name and type, the bytes, and `lines` to their right.
    pub(crate) fn draw(&self, canvas: &mut Canvas, lines: &[String; 2]) {
        canvas.y += 20;
        let size = self.ty.size();
        let title = format!("{}: {}, {}", self.name, self.spelled, count(size, "byte"));
        canvas.text(LEFT, canvas.y, LABEL, &title);
        let [place, classes] = lines;
        let right = LEFT + ROW * BIT + 24;
        canvas.text(right, canvas.y + 20, LABEL, &format!("→ {place}"));
        canvas.text(right, canvas.y + 34, MUTED, classes);
        canvas.y += 6;
        if size == 0 {
            canvas.y += 28;
            return;
        }
        self.bytes(canvas, MAX_ROWS);
    }

    /// Draws the bytes alone, up to [`MAX_ROWS_ALONE`] rows.
    pub(crate) fn draw_alone(&self, canvas: &mut Canvas) {
        canvas.y += 10;
        self.bytes(canvas, MAX_ROWS_ALONE);
    }

    /// Draws the bytes, and below them the names for which their boxes have no space.
    fn bytes(&self, canvas: &mut Canvas, max_rows: u64) {
        let size = self.ty.size();
        let limit = (size * 8).min(max_rows * ROW);
        // A member without a name of its own is called as the value is.
        let name = if self.ty.is_aggregate() || self.is_complex() {
            ""
        } else {
            self.name
        };
        let members = members(self.ty, name, limit);
        let lanes = lanes(&members);
        let mut start = 0;
        while start < limit {
            let end = (start + ROW).min(limit);
            self.row(canvas, &lanes, start, end);
            start = end;
        }
        // The name of a single scalar stands above it.
        if !is_one_scalar(self.ty) {
            self.footnote(canvas, &members);
        }
        if limit < size * 8 {
            let more = format!("and {} more", count(size - limit / 8, "byte"));
            canvas.text(LEFT, canvas.y + 10, SMALL, &more);
            canvas.y += 14;
        }
    }

    fn is_complex(&self) -> bool {
        matches!(self.ty.kind(), Kind::Complex(_) | Kind::Slice)
    }

    /// Draws bits `start` to `end`.
    fn row(&self, canvas: &mut Canvas, lanes: &[Vec<Member>], start: u64, end: u64) {
        let top = canvas.y;
        let x = |bit: u64| LEFT + (bit.clamp(start, end) - start) * BIT;
        let n_lanes = lanes.len().max(1) as u64;
        let area = |from: u64, to: u64, lane: u64, n: u64| Area {
            x: x(from),
            y: top + lane * HEIGHT,
            width: x(to) - x(from),
            height: n * HEIGHT,
        };
        canvas.fill(area(start, end, 0, n_lanes), Fill::Free);
        let all = lanes.iter().flatten();
        let members: Vec<Range<u64>> = all.map(|m| m.offset_bits..m.end()).collect();
        for (member, bits) in stretches(&members, start, end) {
            if member.is_none() {
                canvas.fill(area(bits.start, bits.end, 0, n_lanes), Fill::Hatched);
            }
        }
        canvas.frame(area(start, end, 0, n_lanes), "");
        for (lane, list) in (0..).zip(lanes) {
            for member in list
                .iter()
                .filter(|m| m.offset_bits < end && m.end() > start)
            {
                self.member(canvas, member, start, end, &|from, to| {
                    area(from, to, lane, 1)
                });
            }
        }
        canvas.y += n_lanes * HEIGHT;
        self.offsets(canvas, lanes, start, end);
    }

    fn member(
        &self,
        canvas: &mut Canvas,
        member: &Member,
        start: u64,
        end: u64,
        area: &dyn Fn(u64, u64) -> Area,
    ) {
        let (from, to) = (member.offset_bits.max(start), member.end().min(end));
        // A bit-field, a vector or a long double may be several parts.
        for (fill, bits) in self.runs(from, to) {
            canvas.fill(area(bits.start, bits.end), fill);
        }
        canvas.frame(area(from, to), &member.name);
    }

    /// Writes where the members are whose boxes are too narrow for their names.
    fn footnote(&self, canvas: &mut Canvas, members: &[Member]) {
        let narrow = |m: &&Member| !fits(&m.name, m.width_bits.min(ROW) * BIT);
        let notes: Vec<String> = members
            .iter()
            .filter(narrow)
            .take(8)
            .map(|m| match m.width_bits {
                1 => format!("{} bit {}", m.name, m.offset_bits),
                _ => format!("{} bits {}..{}", m.name, m.offset_bits, m.end()),
            })
            .collect();
        if !notes.is_empty() {
            canvas.text(LEFT, canvas.y + 10, SMALL, &notes.join(", "));
            canvas.y += 14;
        }
    }

    /// Draws, under the row, the byte at which each member starts, and where the row ends.
    fn offsets(&self, canvas: &mut Canvas, lanes: &[Vec<Member>], start: u64, end: u64) {
        let mut starts: Vec<u64> = lanes.iter().flatten().map(|m| m.offset_bits).collect();
        starts.extend([start, end]);
        starts.retain(|at| (start..=end).contains(at));
        starts.sort_unstable();
        starts.dedup();
        let mut free_from = 0;
        for at in starts {
            let (byte, bit) = (at / 8, at % 8);
            let text = match bit {
                0 => byte.to_string(),
                _ => format!("{byte}:{bit}"),
            };
            let x = LEFT + (at - start) * BIT;
            if x >= free_from {
                canvas.text(x, canvas.y + 10, SMALL, &text);
                free_from = x + text.len() as u64 * 6 + 4;
            }
        }
        canvas.y += 14;
    }
}

/// Returns lists of members that do not overlap, as few as the first fit gives.
fn lanes(members: &[Member]) -> Vec<Vec<Member>> {
    let mut lanes: Vec<Vec<Member>> = Vec::new();
    for member in members {
        let free = |lane: &Vec<Member>| {
            lane.last()
                .is_none_or(|last| last.end() <= member.offset_bits)
        };
        let lane = lanes.iter().position(free).unwrap_or(lanes.len());
        if lane == lanes.len() && lane < MAX_LANES {
            lanes.push(Vec::new());
        }
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push(member.clone());
        }
    }
    lanes
}

/// Returns the bits `from` to `to`, cut wherever one of `ranges` starts or ends. Each stretch has
/// the index of the first range that contains it.
fn stretches(ranges: &[Range<u64>], from: u64, to: u64) -> Vec<(Option<usize>, Range<u64>)> {
    let ends = ranges.iter().flat_map(|range| [range.start, range.end]);
    let mut cuts: Vec<u64> = ends.filter(|at| (from..to).contains(at)).collect();
    cuts.extend([from, to]);
    cuts.sort_unstable();
    cuts.dedup();
    let starts = cuts.iter().zip(cuts.iter().skip(1));
    let has = |at: u64| ranges.iter().position(|range| range.contains(&at));
    starts.map(|(at, end)| (has(*at), *at..*end)).collect()
}

/// Returns whether a value is a single scalar, which its name alone describes.
fn is_one_scalar(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Scalar(_) | Kind::Enum(_)) && ty.size() <= 8
}
