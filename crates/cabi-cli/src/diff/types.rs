//! Types of both sides: size, alignment and members; and where records are passed, alone and beside
//! other values.

use std::collections::HashSet;

use cabi::{Field, FnSig, Record, Type};
use cabi_header::{NamedType, Written, tag};
use cabi_verify::generate::argument_positions::positions;

use super::call::{bytes, element, format, places};
use super::report::{BOTH, Point, Report};
use super::side::Side;

/// Compares the types of both headers that are chosen.
pub(super) fn compare(
    left: &Side,
    right: &Side,
    is_chosen: &dyn Fn(&str) -> bool,
    report: &mut Report,
) {
    let (of_left, of_right) = (left.types(), right.types());
    let mut names: Vec<&str> = Vec::new();
    for side in [left, right] {
        let header = &side.header;
        let all = [&header.records, &header.enums, &header.typedefs];
        names.extend(all.into_iter().flatten().map(|named| named.name.as_str()));
        let skipped = header.skipped.iter().map(|skipped| skipped.name.as_str());
        names.extend(skipped.filter(|name| tag(name).is_some()));
    }
    let mut seen = HashSet::new();
    names.retain(|name| is_chosen(name) && seen.insert(*name));
    for name in names {
        let [a, b] = [&of_left, &of_right].map(|all| all.get(name).copied());
        let says = |one: &NamedType| (name.to_owned(), one.location.to_string());
        let Some((a, b)) = report.both(name, (left, a), (right, b), says) else {
            continue;
        };
        // A typedef of a record with a name is that record.
        let is_alias = |one: &NamedType| matches!(&one.written, Written::Named(own) if own != name);
        if is_alias(a) && is_alias(b) && a.written == b.written && a.ty.align() == b.ty.align() {
            continue;
        }
        let mut points = layouts(&a.ty, &b.ty);
        if points.is_empty() && report.one_convention {
            points = passed(&a.ty, (left, right));
        }
        report.take((name, false), points, |found| {
            found.location = a.location.to_string();
            [found.by_value, found.by_pointer] = users(name, left);
        });
    }
}

/// Returns the size, alignment or member in which the layouts differ.
fn layouts(a: &Type, b: &Type) -> Vec<Point> {
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

/// Returns the format of a number, or which record it is.
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

/// Adds the members of `ty`, which starts at bit `at`, those of members without names among them;
/// each with its first bit.
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

/// Returns the positions in which records of `ty`, which both sides lay out alike, have other
/// places, among the positions in which `cabi verify` passes each.
fn passed(ty: &Type, (left, right): (&Side, &Side)) -> Vec<Point> {
    if ty.as_record().is_none() {
        return Vec::new();
    }
    let alone = left.signature(FnSig::new([ty.clone()], Type::VOID));
    let Ok(abi) = left.abi(&alone) else {
        return Vec::new();
    };
    let mut points = Vec::new();
    for case in positions(("", ty), &abi, None, left.target.data_model()) {
        let mut sig = case.prototype.signature();
        if sig.is_variadic() {
            match sig.at_call(case.unnamed) {
                Ok(call) => sig = call,
                Err(_) => continue,
            }
        }
        let Ok(found) = places((left, &sig), (right, &sig), true) else {
            continue;
        };
        points.extend(found.into_iter().map(|point| Point {
            at: format!("{}, {}", case.name, point.at),
            ..point
        }));
    }
    points
}

/// Returns the functions that take or return `name` by value, and those that have pointers to it.
fn users(name: &str, side: &Side) -> [Vec<String>; 2] {
    let (mut by_value, mut by_pointer) = (Vec::new(), Vec::new());
    let is = |written: &Written| matches!(written, Written::Named(own) if own == name);
    for one in &side.header.prototypes {
        let written = || one.written_params.iter().chain([&one.written_ret]);
        if written().any(is) {
            by_value.push(one.name.clone());
        } else if written().any(|written| is(pointee(written))) {
            by_pointer.push(one.name.clone());
        }
    }
    [by_value, by_pointer]
}

/// Returns the type at the end of pointers and arrays.
fn pointee(written: &Written) -> &Written {
    match written {
        Written::Pointer(inner) | Written::Array(inner, _) => pointee(inner),
        other => other,
    }
}
