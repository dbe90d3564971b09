//! Types of both sides: size, alignment and members. Records are also compared by where they are
//! passed, alone and beside other values.

use std::collections::{HashMap, HashSet};

use cabi::{FnSig, Record, Type};
use cabi_header::{NamedType, Reason, WrittenType, tag};
use cabi_verify::generate::argument_positions::positions;

use super::call::places;
use super::functions::function;
use super::layouts::layouts;
use super::pointers::Pointers;
use super::report::{BOTH, MissingReason, Point, Report};
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
        let lists = [&header.records, &header.enums, &header.typedefs];
        names.extend(lists.into_iter().flatten().map(|named| named.name.as_str()));
        let skipped = header.skipped.iter().map(|skipped| skipped.name.as_str());
        names.extend(skipped.filter(|name| tag(name).is_some()));
    }
    let mut seen = HashSet::new();
    names.retain(|name| is_chosen(name) && seen.insert(*name));
    for name in names {
        let [a, b] = [&of_left, &of_right].map(|all| all.get(name).copied());
        let describe = |one: &NamedType| (name.to_owned(), one.location.to_string());
        let Some((a, b)) = report.both(name, (left, a), (right, b), describe) else {
            continue;
        };
        // A typedef of a record with a name is that record.
        let is_alias =
            |one: &NamedType| matches!(&one.written, WrittenType::Named(own) if own != name);
        if is_alias(a) && is_alias(b) && a.written == b.written && a.ty.align() == b.ty.align() {
            continue;
        }
        let points = of_type((left, a), (right, b), report.one_convention);
        report.settle((name, false), points, |difference| {
            difference.location = a.location.to_string();
            [difference.by_value, difference.by_pointer] = users(name, left);
        });
    }
}

/// Returns the differences of two types of one name.
fn of_type<'s>(
    (left, a): (&'s Side, &NamedType),
    (right, b): (&'s Side, &NamedType),
    one_convention: bool,
) -> Result<Vec<Point>, MissingReason<'s>> {
    let functions = [(left, a), (right, b)].map(|(side, one)| side.function_type(&one.name));
    if let [Some(a), Some(b)] = functions {
        let left_out = |side| move |reason: &Reason| (reason.key(), reason.to_string(), Some(side));
        let (a, b) = (a.map_err(left_out(left))?, b.map_err(left_out(right))?);
        return function((left, a), (right, b), one_convention);
    }
    let mut points = layouts(&a.ty, &b.ty);
    let mut pointers = Pointers::new([left, right]);
    if points.is_empty() {
        pointers.compare("type", BOTH, &a.written, &b.written);
    }
    for (name, [of_a, of_b]) in pointer_members(a, b) {
        pointers.compare(&format!("member {name}"), BOTH, of_a, of_b);
    }
    points.append(&mut pointers.points);
    if points.is_empty() && one_convention {
        points = passed(&a.ty, (left, right));
    }
    pointers.settle(points)
}

/// Returns the members of both records that are or contain pointers, as they were written.
fn pointer_members<'t>(a: &'t NamedType, b: &'t NamedType) -> Vec<(&'t str, [&'t WrittenType; 2])> {
    let members = |one: &'t NamedType| {
        let fields = one.ty.as_record().into_iter().flat_map(Record::fields);
        let named = fields.zip(&one.members);
        named.filter_map(|(field, written)| Some((field.name()?, written)))
    };
    let of_b: HashMap<&str, &WrittenType> = members(b).collect();
    let pairs = members(a).filter_map(|(name, of_a)| Some((name, [of_a, *of_b.get(name)?])));
    { pairs.filter(|(_, pair)| pair.iter().all(|one| is_pointer(one))) }.collect()
}

fn is_pointer(written: &WrittenType) -> bool {
    match written {
        WrittenType::Array(element, _) => is_pointer(element),
        other => matches!(other, WrittenType::Pointer(_)),
    }
}

/// Returns the positions in which records of `ty`, which both sides lay out alike, have other
/// places. The positions are those in which `cabi verify` passes each record type.
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

/// Returns the functions that take or return `name` by value, and those that do so by pointer.
fn users(name: &str, side: &Side) -> [Vec<String>; 2] {
    let (mut by_value, mut by_pointer) = (Vec::new(), Vec::new());
    let is = |written: &WrittenType| matches!(written, WrittenType::Named(own) if own == name);
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
fn pointee(written: &WrittenType) -> &WrittenType {
    match written {
        WrittenType::Pointer(inner) | WrittenType::Array(inner, _) => pointee(inner),
        other => other,
    }
}
