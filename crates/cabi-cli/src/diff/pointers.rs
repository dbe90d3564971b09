//! Types as they were written: what pointers lead to, which records, and functions without names.

use cabi_header::{WrittenType, tag};

use super::call::value;
use super::layouts::layouts;
use super::report::{BOTH, MissingReason, Point};
use super::side::Side;

/// Comparison of two sides: the differences, and the reason if a type could not be compared.
pub(super) struct Pointers<'s> {
    sides: [&'s Side; 2],
    pub(super) points: Vec<Point>,
    unknown: Option<String>,
}

impl<'s> Pointers<'s> {
    pub(super) fn new(sides: [&'s Side; 2]) -> Self {
        let (points, unknown) = (Vec::new(), None);
        Self {
            sides,
            points,
            unknown,
        }
    }

    /// Returns `points`, unless there are none and a type could not be compared.
    pub(super) fn settle(self, points: Vec<Point>) -> Result<Vec<Point>, MissingReason<'s>> {
        match self.unknown.filter(|_| points.is_empty()) {
            None => Ok(points),
            Some(why) => Err(("unsupported", why, None)),
        }
    }

    /// Compares two types that stand `at` one place. Records with names are compared by these, and
    /// a pointer to `void` may lead to anything.
    pub(super) fn compare(
        &mut self,
        at: &str,
        by: &'static [&'static str],
        a: &WrittenType,
        b: &WrittenType,
    ) {
        match (a, b) {
            _ if a == b => {}
            (WrittenType::Array(..), WrittenType::Array(..)) => {
                let [(a, of_a), (b, of_b)] = [a, b].map(elements);
                if let (Some(n), Some(m)) = (of_a, of_b) {
                    let sides = [n, m].map(|n| format!("array of {n}"));
                    self.points.extend(Point::between(at, sides, by));
                }
                self.compare(at, by, a, b);
            }
            (WrittenType::Array(a, _), b) => self.compare(at, by, a, b),
            (a, WrittenType::Array(b, _)) => self.compare(at, by, a, b),
            (WrittenType::Pointer(a), WrittenType::Pointer(b)) => {
                if **a != WrittenType::Void && **b != WrittenType::Void {
                    self.compare(&format!("pointee of {at}"), BOTH, a, b);
                }
            }
            (WrittenType::Function { .. }, WrittenType::Function { .. }) => {
                self.functions(at, a, b)
            }
            _ => self.values(at, by, a, b),
        }
    }

    fn functions(&mut self, at: &str, a: &WrittenType, b: &WrittenType) {
        let [Some((of_a, ret_a, more_a)), Some((of_b, ret_b, more_b))] = [a, b].map(parts) else {
            return;
        };
        self.compare(&format!("result of {at}"), BOTH, ret_a, ret_b);
        if (of_a.is_empty() && more_a) || (of_b.is_empty() && more_b) {
            self.unknown = Some(format!("the {at} has no prototype"));
            return;
        }
        let counts = [(of_a, more_a), (of_b, more_b)].map(|(params, more)| {
            let more = if more { " and more" } else { "" };
            format!("{}{more}", params.len())
        });
        let at_count = format!("number of arguments of {at}");
        self.points.extend(Point::between(&at_count, counts, BOTH));
        for (i, (a, b)) in of_a.iter().zip(of_b).enumerate() {
            self.compare(&format!("argument {i} of {at}"), BOTH, a, b);
        }
    }

    fn values(&mut self, at: &str, by: &'static [&'static str], a: &WrittenType, b: &WrittenType) {
        let [left, right] = self.sides;
        let tags = [a, b].map(|written| match written {
            WrittenType::Named(name) if name.starts_with("enum ") => None,
            WrittenType::Named(name) => tag(name).map(|_| name),
            _ => None,
        });
        let (ty_a, ty_b) = (left.header.written_type(a), right.header.written_type(b));
        match (tags, ty_a, ty_b) {
            ([Some(a), Some(b)], ..) => {
                let sides = [a.clone(), b.clone()];
                self.points.push(Point::new(at, sides, by));
            }
            (_, Some(a), Some(b)) if a.as_record().is_some() && b.as_record().is_some() => {
                let points = layouts(&a, &b).into_iter().map(|point| Point {
                    at: format!("{} of {at}", point.at),
                    noticed_by: by,
                    ..point
                });
                self.points.extend(points);
            }
            (_, Some(a), Some(b)) => {
                let point = value(&a, &b).map(|sides| Point::new(at, sides, by));
                self.points.extend(point);
            }
            _ => self.unknown = Some(format!("the {at} cannot be compared")),
        }
    }
}

/// Returns the type at the end of arrays, and the number of its elements, if that is known.
fn elements(written: &WrittenType) -> (&WrittenType, Option<u64>) {
    match written {
        WrittenType::Array(inner, n) => {
            let (end, each) = elements(inner);
            (end, each.zip(*n).map(|(each, n)| each.saturating_mul(n)))
        }
        other => (other, Some(1)),
    }
}

/// Returns parameters, result, and whether more arguments may follow.
fn parts(function: &WrittenType) -> Option<(&[WrittenType], &WrittenType, bool)> {
    match function {
        WrittenType::Function {
            params,
            ret,
            variadic,
        } => Some((params, ret, *variadic)),
        _ => None,
    }
}
