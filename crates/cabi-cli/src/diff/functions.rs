//! Functions of both sides: which arguments and results differ, in type or in place.

use std::collections::{HashMap, HashSet};

use cabi::{Error, FnSig, Type};
use cabi_header::Prototype;

use super::call::places;
use super::pointers::Pointers;
use super::report::{BOTH, CALLEE, CALLER, MissingReason, Point, Report};
use super::side::Side;

/// Compares the functions of both headers that are chosen.
pub(super) fn compare(
    left: &Side,
    right: &Side,
    is_chosen: &dyn Fn(&str) -> bool,
    report: &mut Report,
) {
    let of_left: HashMap<&str, &Prototype> = left.functions().into_iter().collect();
    let of_right: HashMap<&str, &Prototype> = right.functions().into_iter().collect();
    for name in names(left, right)
        .into_iter()
        .filter(|name| is_chosen(name))
    {
        let [a, b] = [&of_left, &of_right].map(|all| all.get(name).copied());
        let describe = |one: &Prototype| (one.declaration(), one.location.to_string());
        let Some((a, b)) = report.both(name, (left, a), (right, b), describe) else {
            continue;
        };
        let points = function((left, a), (right, b), report.one_convention);
        report.settle((name, true), points, |difference| {
            difference.declaration = a.declaration();
            difference.location = a.location.to_string();
        });
    }
}

/// Returns the functions of both sides, those left out among them, each once.
fn names<'s>(left: &'s Side, right: &'s Side) -> Vec<&'s str> {
    let mut names: Vec<&str> = Vec::new();
    for side in [left, right] {
        names.extend(side.functions().into_iter().map(|(name, _)| name));
    }
    let types = [left.types(), right.types()];
    let is_type = |name: &str| types.iter().any(|types| types.contains_key(name));
    for side in [left, right] {
        let skipped = side.header.skipped.iter().map(|one| one.name.as_str());
        names.extend(skipped.filter(|name| !name.contains(' ') && !is_type(name)));
    }
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// Returns the arguments and the other parts in which a function differs.
pub(super) fn function<'s>(
    (left, a): (&'s Side, &Prototype),
    (right, b): (&'s Side, &Prototype),
    one_convention: bool,
) -> Result<Vec<Point>, MissingReason<'s>> {
    let no_place = |(side, error): (&'s Side, Error)| ("place", error.to_string(), Some(side));
    let of = |side: &Side, one: &Prototype| {
        let own = one.convention.or(side.target.convention());
        own.map_or("none", |convention| convention.name).to_owned()
    };
    let mut points = Vec::new();
    let mut compare = |at: &str, sides, by| points.extend(Point::between(at, sides, by));
    let has_own = |one: &Prototype| one.convention.is_some();
    if has_own(a) || has_own(b) {
        compare("convention", [of(left, a), of(right, b)], BOTH);
    }
    compare("symbol", [a.symbol.clone(), b.symbol.clone()], CALLER);
    let kind = |one: &Prototype| match (one.unprototyped, one.variadic) {
        (true, _) => "no prototype".to_owned(),
        (_, true) => format!("{} and more", one.params.len()),
        _ => one.params.len().to_string(),
    };
    compare("number of arguments", [kind(a), kind(b)], BOTH);
    if a.params.len() != b.params.len() {
        return Ok(points);
    }
    let same_convention = one_convention && of(left, a) == of(right, b);
    let sigs = [a, b].map(Prototype::signature);
    let [of_a, of_b] = &sigs;
    let mut found = places((left, of_a), (right, of_b), same_convention).map_err(no_place)?;
    let name = |i: usize| match a.params.get(i) {
        Some((Some(name), _)) => format!(" ({name})"),
        _ => String::new(),
    };
    for point in &mut found {
        let index = point
            .at
            .strip_prefix("argument ")
            .and_then(|i| i.parse::<usize>().ok());
        point.at += &index.map_or_else(String::new, name);
    }
    if a.variadic && b.variadic && !same_convention {
        found.extend(unnamed((left, a), (right, b)).map_err(no_place)?);
    }
    points.extend(found);
    let mut pointers = Pointers::new([left, right]);
    for (i, written) in a.written_params.iter().zip(&b.written_params).enumerate() {
        let at = format!("argument {i}{}", name(i));
        if is_new(&points, &at) {
            pointers.compare(&at, CALLEE, written.0, written.1);
        }
    }
    if is_new(&points, "result") {
        pointers.compare("result", CALLER, &a.written_ret, &b.written_ret);
    }
    points.append(&mut pointers.points);
    pointers.settle(points)
}

/// Returns whether nothing but the place is known to differ `at` this value.
fn is_new(points: &[Point], at: &str) -> bool {
    !points.iter().any(|point| point.at == at && !point.moved)
}

/// Returns the differences of arguments after the `...`, between functions of the same conventions
/// that have registers left for them.
fn unnamed<'s>(
    (left, a): (&'s Side, &Prototype),
    (right, b): (&'s Side, &Prototype),
) -> Result<Vec<Point>, (&'s Side, Error)> {
    let mut points = Vec::new();
    for (at, ty) in [("unnamed int", Type::I32), ("unnamed double", Type::F64)] {
        let call = |one: &Prototype| {
            let any = FnSig::new([Type::I32], Type::VOID).variadic();
            let any = one.convention.into_iter().fold(any, FnSig::convention);
            any.at_call([ty.clone()])
        };
        let (Ok(a), Ok(b)) = (call(a), call(b)) else {
            continue;
        };
        let found = places((left, &a), (right, &b), false)?;
        points.extend(found.into_iter().map(|point| Point {
            at: at.to_owned(),
            ..point
        }));
    }
    Ok(points)
}
