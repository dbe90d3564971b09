//! Differences, declarations that could not be compared, and the printing of both.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::side::Side;
use crate::output::count;

/// The answer: the number of compared functions and types, and the differences.
#[derive(Serialize)]
pub(super) struct Report {
    /// The header of both sides, or none if each side has its own and is named by it.
    header: Option<String>,
    sides: [SideInfo; 2],
    /// `true` if both sides have one convention. Then places are compared, otherwise the way in
    /// which each value is passed.
    pub(super) one_convention: bool,
    pub(super) functions: Counts,
    pub(super) types: Counts,
    pub(super) differences: Vec<Difference>,
    pub(super) not_compared: Vec<MissingAnswer>,
}

#[derive(Serialize)]
struct SideInfo {
    name: String,
    target: String,
    convention: Option<&'static str>,
    /// Nothing where the order of bytes is not known.
    big_endian: Option<bool>,
    profile: String,
    policy: Vec<&'static str>,
}

#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Counts {
    pub(super) compared: usize,
    pub(super) differ: usize,
}

/// One function or type that differs.
#[derive(Serialize)]
pub(super) struct Difference {
    pub(super) name: String,
    /// The type's name, or the function as C declares it.
    pub(super) declaration: String,
    pub(super) is_function: bool,
    /// The side that alone declares it.
    pub(super) only: Option<String>,
    pub(super) location: String,
    pub(super) points: Vec<Point>,
    /// Functions that take or return the type by value.
    pub(super) by_value: Vec<String>,
    /// Functions that take or return pointers to the type.
    pub(super) by_pointer: Vec<String>,
}

/// Point in which the sides differ.
#[derive(PartialEq, Serialize)]
pub(super) struct Point {
    /// `member x`, `argument 0 (a)`, `result`.
    pub(super) at: String,
    pub(super) left: String,
    pub(super) right: String,
    /// The one that finds another value than was meant: `caller`, `callee`, or both.
    pub(super) noticed_by: &'static [&'static str],
    /// `true` if only values before this one are passed otherwise.
    pub(super) moved: bool,
}

/// Declaration for which one side, or neither, has an answer.
#[derive(Serialize)]
pub(super) struct MissingAnswer {
    pub(super) name: String,
    /// A word for the kind of reason, as `cabi verify` has them.
    pub(super) key: &'static str,
    pub(super) reason: String,
    /// The side without an answer; none for both.
    pub(super) side: Option<String>,
}

/// Reason why there is no answer: a word for its kind, the text, and the side without one.
pub(super) type MissingReason<'s> = (&'static str, String, Option<&'s Side>);

pub(super) const CALLER: &[&str] = &["caller"];
pub(super) const CALLEE: &[&str] = &["callee"];
pub(super) const BOTH: &[&str] = &["caller", "callee"];

/// Number of points and names that the text lists.
const SHOWN: usize = 8;

impl Difference {
    pub(super) fn new(name: &str, is_function: bool, points: Vec<Point>) -> Self {
        Self {
            name: name.to_owned(),
            declaration: name.to_owned(),
            is_function,
            only: None,
            location: String::new(),
            points,
            by_value: Vec::new(),
            by_pointer: Vec::new(),
        }
    }
}

impl Point {
    pub(super) fn new(
        at: impl Into<String>,
        sides: [String; 2],
        noticed_by: &'static [&'static str],
    ) -> Self {
        let [left, right] = sides;
        Self {
            at: at.into(),
            left,
            right,
            noticed_by,
            moved: false,
        }
    }

    /// Returns a point if the sides differ.
    pub(super) fn between(
        at: &str,
        sides: [String; 2],
        noticed_by: &'static [&'static str],
    ) -> Option<Self> {
        let [left, right] = &sides;
        (left != right).then(|| Self::new(at, sides, noticed_by))
    }
}

impl Report {
    pub(super) fn new(header: Option<String>, left: &Side, right: &Side) -> Self {
        let (a, b) = (left.target.convention(), right.target.convention());
        let info = |side: &Side| SideInfo {
            name: side.name.clone(),
            target: side.target.name().to_owned(),
            convention: side.target.convention().map(|convention| convention.name),
            big_endian: side.is_big_endian(),
            profile: side.policy().name_on(&side.target),
            policy: side.policy().names().collect(),
        };
        Self {
            header,
            sides: [info(left), info(right)],
            one_convention: a.map(|a| a.name) == b.map(|b| b.name),
            functions: Counts::default(),
            types: Counts::default(),
            differences: Vec::new(),
            not_compared: Vec::new(),
        }
    }

    /// Returns the declarations of both sides under `name`. A declaration of one side is a
    /// difference, with the text and the location that `describe` gives. If the other side has left
    /// it out, it is not compared.
    pub(super) fn both<'t, T>(
        &mut self,
        name: &str,
        (left, a): (&Side, Option<&'t T>),
        (right, b): (&Side, Option<&'t T>),
        describe: impl Fn(&T) -> (String, String),
    ) -> Option<(&'t T, &'t T)> {
        if let (Some(a), Some(b)) = (a, b) {
            return Some((a, b));
        }
        let reason = |side: &Side, item: Option<&T>| {
            let mut skipped = side.header.skipped.iter();
            let omission = skipped.find(|one| one.name == name);
            let omission = omission.filter(|_| item.is_none());
            omission.map(|one| (one.reason.key(), one.reason.to_string()))
        };
        match (reason(left, a), reason(right, b)) {
            (Some(why), Some(_)) => self.leave_out(name, why, None),
            (Some(why), None) => self.leave_out(name, why, Some(left)),
            (None, Some(why)) => self.leave_out(name, why, Some(right)),
            (None, None) => {
                let side = if a.is_some() { left } else { right };
                let unknown = || (name.to_owned(), String::new());
                let (declaration, location) = a.or(b).map_or_else(unknown, describe);
                let is_function = declaration.contains('(');
                self.differ(Difference {
                    declaration,
                    only: Some(side.name.clone()),
                    location,
                    ..Difference::new(name, is_function, Vec::new())
                });
            }
        }
        None
    }

    /// Adds an answer, or leaves out a declaration without one.
    pub(super) fn settle(
        &mut self,
        (name, is_function): (&str, bool),
        answer: Result<Vec<Point>, MissingReason<'_>>,
        complete: impl FnOnce(&mut Difference),
    ) {
        match answer {
            Ok(points) if points.is_empty() => self.counts(is_function).compared += 1,
            Ok(points) => {
                let mut difference = Difference::new(name, is_function, points);
                complete(&mut difference);
                self.differ(difference);
            }
            Err((key, reason, side)) => self.leave_out(name, (key, reason), side),
        }
    }

    fn differ(&mut self, found: Difference) {
        let counts = self.counts(found.is_function);
        counts.compared += 1;
        counts.differ += 1;
        self.differences.push(found);
    }

    fn counts(&mut self, is_function: bool) -> &mut Counts {
        match is_function {
            true => &mut self.functions,
            false => &mut self.types,
        }
    }

    /// Returns whether nothing was compared.
    pub(super) fn is_empty(&self) -> bool {
        self.functions.compared + self.types.compared == 0
    }

    pub(super) fn leave_out(
        &mut self,
        name: &str,
        (key, reason): (&'static str, String),
        side: Option<&Side>,
    ) {
        self.not_compared.push(MissingAnswer {
            name: name.to_owned(),
            key,
            reason,
            side: side.map(|side| side.name.clone()),
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = &self.sides;
        if let Some(header) = &self.header {
            write!(f, "{header}: ")?;
        }
        write!(f, "{} | {}", left.name, right.name)?;
        if left.target == right.target {
            write!(f, ", {}", left.target)?;
        }
        if left.profile == right.profile {
            write!(f, ", policy {}", left.profile)?;
        } else if [left, right]
            .iter()
            .any(|side| !side.name.contains(&side.profile))
        {
            write!(f, ", policies {} | {}", left.profile, right.profile)?;
        }
        writeln!(f)?;
        match [left, right].map(|side| side.convention) {
            _ if self.one_convention => {}
            [Some(left), Some(right)] => writeln!(
                f,
                "two conventions, {left} and {right}: how values are passed is compared, not where"
            )?,
            [of_left, _] => {
                let side = if of_left.is_none() { left } else { right };
                let target = &side.target;
                writeln!(
                    f,
                    "types alone are compared: no convention is known for {target}"
                )?;
            }
        }
        if left.big_endian != right.big_endian {
            writeln!(
                f,
                "two byte orders: the offsets of members are compared, not the order of their bytes"
            )?;
        }
        self.alike()
            .iter()
            .try_for_each(|alike| write_alike(alike, f))?;
        self.one_sided(f)?;
        let (functions, types) = (self.functions, self.types);
        if self.differences.is_empty() {
            let functions = count(functions.compared as u64, "function");
            let types = count(types.compared as u64, "type");
            writeln!(f, "{functions} and {types} are the same")?;
            return self.partly(f);
        }
        writeln!(
            f,
            "\n{} of {} functions and {} of {} types differ",
            functions.differ, functions.compared, types.differ, types.compared
        )?;
        self.partly(f)
    }
}

impl Report {
    /// Returns the differences between declarations of both sides, those in the same points
    /// together.
    fn alike(&self) -> Vec<Vec<&Difference>> {
        let mut groups: Vec<Vec<&Difference>> = Vec::new();
        for one in self.differences.iter().filter(|one| one.only.is_none()) {
            let is_same = |other: &&mut Vec<&Difference>| {
                let first = other.first();
                one.is_function && first.is_some_and(|first| first.points == one.points)
            };
            match groups.iter_mut().find(is_same) {
                Some(alike) => alike.push(one),
                None => groups.push(vec![one]),
            }
        }
        groups
    }

    /// Writes the declarations that one side alone has.
    fn one_sided(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for side in &self.sides {
            for (kind, is_function) in [("function", true), ("type", false)] {
                let differences = self.differences.iter().filter(|one| {
                    one.is_function == is_function && one.only.as_ref() == Some(&side.name)
                });
                let names: Vec<&str> = differences.map(|one| one.name.as_str()).collect();
                if !names.is_empty() {
                    let (count, list) = (count(names.len() as u64, kind), first_names(&names));
                    writeln!(f, "\nonly {} declares {count}: {list}", side.name)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the declarations that were not compared.
    fn partly(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<(&str, Option<&str>), Vec<&MissingAnswer>> = BTreeMap::new();
        for missing in &self.not_compared {
            let kind = (missing.key, missing.side.as_deref());
            kinds.entry(kind).or_default().push(missing);
        }
        for ((key, side), group) in kinds {
            let side = side.map_or_else(String::new, |side| format!(" by {side}"));
            let texts = group
                .iter()
                .take(2)
                .map(|missing| format!("{}: {}", missing.name, missing.reason));
            let texts: Vec<String> = texts.collect();
            let more = if group.len() > 2 { "; .." } else { "" };
            let (n, texts) = (group.len(), texts.join("; "));
            writeln!(f, "not compared{side}: {key} {n} ({texts}{more})")?;
        }
        Ok(())
    }
}

/// Writes the differences that have the same points.
fn write_alike(alike: &[&Difference], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let [first, others @ ..] = alike else {
        return Ok(());
    };
    writeln!(f, "\n{} ({})", first.declaration, first.location)?;
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|one| one.name.as_str()).collect();
        writeln!(f, "the same differences: {}", first_names(&names))?;
    }
    for point in first.points.iter().take(SHOWN) {
        let (at, left, right) = (&point.at, &point.left, &point.right);
        let by = point.noticed_by.join(" and the ");
        write!(f, "  {at}: {left} | {right}; noticed by the {by}")?;
        let why = match point.moved {
            true => ", moved by an earlier value",
            false => "",
        };
        writeln!(f, "{why}")?;
    }
    if let more @ 1.. = first.points.len().saturating_sub(SHOWN) {
        writeln!(f, "  and {more} more")?;
    }
    let passed = [
        ("value", &first.by_value),
        ("its address", &first.by_pointer),
    ];
    for (how, names) in passed.iter().filter(|(_, names)| !names.is_empty()) {
        writeln!(f, "  passed by {how} by {}", first_names(names))?;
    }
    Ok(())
}

/// Returns the first of `names`, and how many more there are.
fn first_names<N: AsRef<str>>(names: &[N]) -> String {
    let first: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
