//! Types of both sides: size, alignment and members; and where records are passed, alone and beside
//! other values.

use std::collections::HashSet;

use cabi::{FnSig, Type};
use cabi_header::{NamedType, Written, tag};
use cabi_verify::generate::argument_positions::positions;

use super::call::{bytes, format, places};
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
    let mut compare = |at: &str, a, b| points.extend(Point::between(at, [a, b], BOTH));
    compare("size", bytes(a.size()), bytes(b.size()));
    compare(
        "alignment",
        bytes(a.align().into()),
        bytes(b.align().into()),
    );
    if let [Some(a), Some(b)] = [a, b].map(format) {
        compare("format", a, b);
    }
    let [mut of_a, mut of_b] = [Vec::new(), Vec::new()];
    members(a, "", 0, &mut of_a);
    members(b, "", 0, &mut of_b);
    for (path, place, format) in &of_a {
        let at = format!("member {path}");
        match of_b.iter().find(|(other, ..)| other == path) {
            None => compare(&at, place.clone(), "none".to_owned()),
            Some((_, other, _)) if place != other => compare(&at, place.clone(), other.clone()),
            Some((.., other)) => compare(&at, format.clone(), other.clone()),
        }
    }
    for (path, place, _) in &of_b {
        if !of_a.iter().any(|(other, ..)| other == path) {
            compare(&format!("member {path}"), "none".to_owned(), place.clone());
        }
    }
    points
}

/// Returns the members of `ty`, which starts at bit `at`, those of members without names among
/// them; each with its place, and its format.
fn members(ty: &Type, path: &str, at: u64, found: &mut Vec<(String, String, String)>) {
    let Some(record) = ty.as_record() else {
        return;
    };
    for field in record.fields() {
        let from = at + field.offset_bits();
        let Some(name) = field.name() else {
            if field.bit_field().is_none() {
                members(field.ty(), path, from, found);
            }
            continue;
        };
        let path = match path {
            "" => name.to_owned(),
            outer => format!("{outer}.{name}"),
        };
        let place = match field.bit_field() {
            None => format!("offset {}, {}", from / 8, bytes(field.ty().size())),
            Some(bits) => format!("bits {from}..{}", from + u64::from(bits.width)),
        };
        let format = format(field.ty()).unwrap_or_default();
        found.push((path.clone(), place, format));
        // One with a tag is compared by its own name.
        if field
            .ty()
            .as_record()
            .is_some_and(|record| record.tag().is_none())
        {
            members(field.ty(), &path, from, found);
        }
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
