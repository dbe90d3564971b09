//! One call as both sides make it: where each value is, or how it is passed.

use cabi::convention::{Extension, Group, GroupKind, Role};
use cabi::{Bank, Error, FnAbi, FnSig, Kind, Loc, Place, Scalar, Type, members};

use super::report::{BOTH, CALLEE, CALLER, Point};
use super::side::Side;
use crate::output::count;

/// Returns the values of a call that have other places, or, under two conventions, are passed
/// differently.
pub(super) fn places<'s>(
    (left, a): (&'s Side, &FnSig),
    (right, b): (&'s Side, &FnSig),
    same_convention: bool,
) -> Result<Vec<Point>, (&'s Side, Error)> {
    let [a, b] = [(left, a), (right, b)].map(|(side, sig)| Call::new(side, sig));
    let (a, b) = (a?, b?);
    let mut points = Vec::new();
    let mut before = a.has_sret() != b.has_sret();
    for (at, role) in a.values() {
        let point = point((&a, &b), (at, role), same_convention, before);
        before |= point.is_some();
        // Nobody reads a record of padding alone, but it takes registers from the next value.
        let is_read = |call: &Call<'_>| {
            let ty = call.value(at).map(|(ty, _)| ty);
            ty.is_some_and(|ty| ty.as_record().is_none() || !members(ty, "", u64::MAX).is_empty())
        };
        points.extend(point.filter(|_| is_read(&a) || is_read(&b)));
    }
    if !same_convention {
        return Ok(points);
    }
    let abis = [&a.abi, &b.abi];
    let popped = abis.map(|abi| bytes(abi.callee_pops));
    points.extend(Point::between("popped by the callee", popped, CALLER));
    let count = |abi: &FnAbi| match abi.variadic_count {
        Some(reg) => format!("{reg} = {}", abi.used.vector),
        None => "none".to_owned(),
    };
    let counts = abis.map(count);
    points.extend(Point::between("count of vector registers", counts, CALLEE));
    Ok(points)
}

/// Returns the difference of the value `at`. `before` is `true` if an earlier value differs.
fn point(
    (a, b): (&Call<'_>, &Call<'_>),
    (at, role): (Option<usize>, Role),
    same_convention: bool,
    before: bool,
) -> Option<Point> {
    let (of_a, of_b) = (a.value(at)?, b.value(at)?);
    let place = match same_convention {
        true => [a.place(of_a, role), b.place(of_b, role)],
        false => [a.how(of_a, role), b.how(of_b, role)],
    };
    let types = value(of_a.0, of_b.0);
    let [first, second] = &place;
    let is_same = first == second;
    let sides = match &types {
        None if is_same => return None,
        None => place,
        Some(types) if is_same => types.clone(),
        Some([ty_a, ty_b]) => [format!("{ty_a}, {first}"), format!("{ty_b}, {second}")],
    };
    let by = match role {
        Role::Result if a.has_sret() != b.has_sret() => BOTH,
        Role::Result => CALLER,
        _ => CALLEE,
    };
    let is_alike = types.is_none() && a.group(of_a.0, role) == b.group(of_b.0, role);
    let name = at.map_or_else(|| "result".to_owned(), |i| format!("argument {i}"));
    Some(Point {
        moved: same_convention && at.is_some() && is_alike && before,
        ..Point::new(name, sides, by)
    })
}

/// A call as one side makes it.
struct Call<'a> {
    side: &'a Side,
    sig: FnSig,
    abi: FnAbi,
}

type Value<'a> = (&'a Type, &'a Place);

impl<'a> Call<'a> {
    fn new(side: &'a Side, sig: &FnSig) -> Result<Self, (&'a Side, Error)> {
        let sig = side.signature(sig.clone());
        let abi = side.abi(&sig).map_err(|error| (side, error))?;
        Ok(Self { side, sig, abi })
    }

    /// Returns the result and the arguments. The result is first, as its address is if it has one.
    fn values(&self) -> Vec<(Option<usize>, Role)> {
        let n_named = self.sig.n_named();
        let args = 0..self.abi.args.len();
        let args = args.map(|i| (Some(i), Role::of_argument(i < n_named)));
        [(None, Role::Result)].into_iter().chain(args).collect()
    }

    fn has_sret(&self) -> bool {
        matches!(self.abi.ret.place, Place::Indirect { .. })
    }

    fn value(&self, at: Option<usize>) -> Option<Value<'_>> {
        match at {
            None => Some((self.sig.result(), &self.abi.ret.place)),
            Some(i) => Some((&self.sig.params().get(i)?.ty, &self.abi.args.get(i)?.place)),
        }
    }

    /// Returns the place in words.
    fn place(&self, (_, place): Value<'_>, role: Role) -> String {
        let text = match role {
            Role::Result => self.abi.ret.to_string(),
            _ => place.of_own_bytes(&self.abi.convention.frame).to_string(),
        };
        let Place::Parts(parts) = place else {
            return text;
        };
        let extended = parts
            .iter()
            .find(|placed| placed.part.extension != Extension::None);
        extended.map_or(text.clone(), |placed| {
            let kind = format!("{:?}", placed.part.extension).to_lowercase();
            format!("{text}, {kind}-extended")
        })
    }

    fn group(&self, ty: &Type, role: Role) -> Option<Group> {
        FnAbi::classify(&self.sig, ty, role, &self.side.target).ok()
    }

    /// Returns how a value is passed, in words without the names and the number of the registers.
    fn how(&self, (ty, place): Value<'_>, role: Role) -> String {
        let group = match place {
            Place::Ignore => return "nothing".to_owned(),
            Place::Indirect { .. } if role == Role::Result => {
                return "through the caller's pointer".to_owned();
            }
            Place::Indirect { .. } => return "a pointer to a copy".to_owned(),
            // For named values the stack only means that the registers are used up.
            _ if role == Role::Unnamed && is_on_stack(place) => return "on the stack".to_owned(),
            _ => self.group(ty, role),
        };
        let Some(group) = group else {
            return place.to_string();
        };
        if group.kind != GroupKind::Registers {
            return "in memory".to_owned();
        }
        let mut runs: Vec<((Bank, u64), usize)> = Vec::new();
        let ends = group.parts.iter().skip(1).map(|part| part.offset.into());
        for (part, end) in group.parts.iter().zip(ends.chain([ty.size()])) {
            // An integer register has the padding too, which some conventions name and others do
            // not.
            let size = match part.bank {
                Bank::Int => end - u64::from(part.offset),
                _ => part.size.into(),
            };
            let kind = (part.bank, size);
            match runs.last_mut().filter(|(last, _)| *last == kind) {
                Some((_, n)) => *n += 1,
                None => runs.push((kind, 1)),
            }
        }
        let words = runs.into_iter().map(|((bank, size), n)| {
            let (one, many) = match bank {
                Bank::Int => ("integer", "integers"),
                Bank::X87 => ("x87 number", "x87 numbers"),
                _ => ("float or vector", "floats or vectors"),
            };
            match n {
                1 => format!("{one} of {}", bytes(size)),
                n => format!("{n} {many} of {}", bytes(size)),
            }
        });
        let twice = match place {
            Place::Parts(parts) if parts.iter().any(|one| matches!(one.loc, Loc::Both(_))) => {
                ", and in an integer register"
            }
            _ => "",
        };
        words.collect::<Vec<_>>().join(", ") + twice
    }
}

fn is_on_stack(place: &Place) -> bool {
    match place {
        Place::Parts(parts) => parts.iter().any(|one| matches!(one.loc, Loc::Stack(_))),
        _ => matches!(place, Place::Stack { .. }),
    }
}

pub(super) fn bytes(n: u64) -> String {
    count(n, "byte")
}

/// Returns the format of a number, or of the elements of an array or vector, in words that belong
/// to no machine.
pub(super) fn format(ty: &Type) -> Option<String> {
    let scalar = match ty.kind() {
        Kind::Scalar(scalar) | Kind::Enum(scalar) | Kind::Complex(scalar) => scalar,
        Kind::Array(_) => {
            let elem = element(ty);
            let each = match elem.kind() {
                Kind::Scalar(Scalar::Int { .. }) | Kind::Enum(_) if elem.size() != ty.size() => {
                    format!(", {} each", bytes(elem.size()))
                }
                _ => String::new(),
            };
            return format(elem).map(|word| word + &each);
        }
        Kind::Vector(vector) => {
            return Some(format!("{} lanes of {}", vector.lanes, word(vector.lane)));
        }
        _ => return None,
    };
    Some(word(*scalar))
}

/// Returns the type at the end of arrays.
pub(super) fn element(ty: &Type) -> &Type {
    match ty.kind() {
        Kind::Array(array) => element(&array.elem),
        _ => ty,
    }
}

fn word(scalar: Scalar) -> String {
    match scalar {
        Scalar::Int { signed: true, .. } => "signed integer".to_owned(),
        Scalar::Int { signed: false, .. } => "unsigned integer".to_owned(),
        Scalar::F80 => "x87 extended format".to_owned(),
        Scalar::F128 => "binary128".to_owned(),
        other => other.to_string(),
    }
}

/// Returns the difference of two types as values, in words; nothing if there is none.
pub(super) fn value(a: &Type, b: &Type) -> Option<[String; 2]> {
    let of = |ty: &Type| match format(ty) {
        Some(scalar) => format!("{scalar}, {}", bytes(ty.size())),
        None => bytes(ty.size()),
    };
    let words = [of(a), of(b)];
    let [first, second] = &words;
    (first != second).then_some(words)
}
