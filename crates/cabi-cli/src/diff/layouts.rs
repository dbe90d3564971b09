//! Comparison of the layouts of two types: size, alignment and members.

use cabi::{Field, Record, Type};

use super::call::{bytes, element, format};
use super::report::{BOTH, Point};

/// Returns the size, alignment or member in which the layouts differ.
pub(super) fn layouts(a: &Type, b: &Type) -> Vec<Point> {
    let mut points = Vec::new();
    let mut compare = |at: &str, sides| points.extend(Point::between(at, sides, BOTH));
    compare("size", [a, b].map(|ty| bytes(ty.size())));
    compare("alignment", [a, b].map(|ty| bytes(ty.align().into())));
    match [a, b].map(|ty| element(ty).as_record()) {
        [Some(_), Some(_)] => members("", (a, 0), (b, 0), &mut points),
        _ => compare("format", [a, b].map(kind)),
    }
    points
}

/// Returns the format of a number, or the keyword and the tag of a record.
fn kind(ty: &Type) -> String {
    let elem = element(ty);
    let word = if elem.is_union() { "union" } else { "struct" };
    let record = elem.as_record().map(|record| match record.tag() {
        None => word.to_owned(),
        Some(tag) => format!("{word} {tag}"),
    });
    let number = format(ty);
    number.or(record).unwrap_or_else(|| ty.to_string())
}

/// Adds the differences between members of two records, or of arrays of them, that start at these
/// bits.
fn members(path: &str, (a, at_a): (&Type, u64), (b, at_b): (&Type, u64), points: &mut Vec<Point>) {
    let [mut of_a, mut of_b] = [Vec::new(), Vec::new()];
    fields(a, at_a, &mut of_a);
    fields(b, at_b, &mut of_b);
    let at = |name: &str| match path {
        "" => format!("member {name}"),
        outer => format!("member {outer}.{name}"),
    };
    let none = || "none".to_owned();
    for (name, from, field) in &of_a {
        let other = of_b.iter().find(|(other, ..)| other == name);
        let of_other = other.map_or_else(none, |(_, from, field)| place(*from, field));
        let sides = [place(*from, field), of_other];
        let is_same_place = sides[0] == sides[1];
        points.extend(Point::between(&at(name), sides, BOTH));
        let Some((_, from_b, other)) = other else {
            continue;
        };
        let (a, b) = (field.ty(), other.ty());
        match [a, b].map(|ty| element(ty).as_record().map(Record::tag)) {
            // Records with a tag are compared by their own names.
            [Some(tag_a), Some(tag_b)] if tag_a.is_none() || tag_b.is_none() => {
                let path = at(name).split_off("member ".len());
                members(&path, (a, *from), (b, *from_b), points);
            }
            _ if is_same_place => points.extend(Point::between(&at(name), [a, b].map(kind), BOTH)),
            _ => {}
        }
    }
    for (name, from, field) in &of_b {
        if !of_a.iter().any(|(other, ..)| other == name) {
            points.push(Point::new(at(name), [none(), place(*from, field)], BOTH));
        }
    }
}

/// Adds the members of `ty`, which starts at bit `at`, each with its first bit. The members of
/// members without names are among them.
fn fields<'t>(ty: &'t Type, at: u64, found: &mut Vec<(&'t str, u64, &'t Field)>) {
    let record = element(ty).as_record();
    for field in record.into_iter().flat_map(Record::fields) {
        let from = at + field.offset_bits();
        match field.name() {
            Some(name) => found.push((name, from, field)),
            None if field.bit_field().is_none() => fields(field.ty(), from, found),
            None => {}
        }
    }
}

fn place(from: u64, field: &Field) -> String {
    match field.bit_field() {
        None => format!("offset {}, {}", from / 8, bytes(field.ty().size())),
        Some(bits) => format!("bits {from}..{}", from + u64::from(bits.width)),
    }
}
