//! clang's messages about the whole text: errors that end the reading, attributes that clang
//! ignores, and errors in single declarations.
//!
//! After an error clang goes on with another text than was written: a member is missing, a constant
//! is 0, a declaration ends early. So an error costs the declaration that contains it, and what
//! depends on that declaration. An error that no named declaration accounts for costs the header.

use std::collections::HashMap;

use clang_sys::{
    CXCursor_DeclRefExpr, CXCursor_EnumDecl, CXCursor_FieldDecl, CXCursor_TypeRef,
    CXCursor_TypedefDecl, CXCursor_UnionDecl,
};

use crate::clang::{Cursor, Diagnostic, NO_DECLARATION, SourcePlace, Unit};
use crate::header_error::{HeaderError, SourceError};
use crate::parse::ignored::IGNORED;
use crate::parse::kinds::{RECORDS, innermost};
use crate::parse::prelude;
use crate::reason::Reason;

/// Depth to which expressions are searched. clang bounds the nesting of brackets, but not that of
/// operators.
const MAX_NESTING: u32 = 512;

/// Reason for which an expression that refers to a type is left out.
const DISPUTED: &str = "an expression depends on it, and gcc may lay it out differently from clang";

/// Places of one kind, ordered, so that those within a declaration are found without looking at the
/// others.
#[derive(Default)]
pub(crate) struct Places {
    /// File, offset and index.
    all: Vec<(String, u32, usize)>,
}

impl Places {
    fn new<'p>(places: impl IntoIterator<Item = &'p SourcePlace>) -> Self {
        let all = places.into_iter().enumerate();
        let all = all.map(|(i, place)| (place.file.clone(), place.offset, i));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        Self { all }
    }

    /// Returns whether one of the places is in the text of `declaration`.
    pub(crate) fn is_in(&self, declaration: Cursor<'_>) -> bool {
        if self.all.is_empty() {
            return false;
        }
        let (start, end) = declaration.full_extent();
        self.within(&start, &end).next().is_some()
    }

    /// Returns whether one of the places is in the text of `declaration` after its first byte.
    pub(crate) fn is_inside(&self, declaration: Cursor<'_>) -> bool {
        let (mut start, end) = declaration.full_extent();
        start.offset = start.offset.saturating_add(1);
        self.within(&start, &end).next().is_some()
    }

    /// Returns the places from `start` to `end`, by their index.
    fn within(&self, start: &SourcePlace, end: &SourcePlace) -> impl Iterator<Item = usize> {
        let is_before = |(file, offset, _): &(String, u32, usize)| {
            (file, *offset) < (&start.file, start.offset)
        };
        let first = self.all.partition_point(is_before);
        let rest = self.all.get(first..).unwrap_or_default().iter();
        let within =
            rest.take_while(|(file, offset, _)| *file == start.file && *offset <= end.offset);
        within.map(|(.., i)| *i)
    }

    /// Returns the last place at or before `place`.
    fn last_before(&self, place: &SourcePlace) -> Option<usize> {
        let is_before = |(file, offset, _): &(String, u32, usize)| {
            (file, *offset) <= (&place.file, place.offset)
        };
        let n = self.all.partition_point(is_before);
        let (file, _, i) = self.all.get(n.checked_sub(1)?)?;
        (*file == place.file).then_some(*i)
    }
}

/// clang's messages about one unit.
#[derive(Default)]
pub(crate) struct Errors {
    /// Errors, each with `true` if a declaration was left out for it by name.
    all: Vec<(Diagnostic, bool)>,
    places: Places,
    /// Names of types that are declared again differently, with clang's message about it. clang has
    /// the first declaration.
    contradicted: HashMap<String, String>,
    /// Names on whose declarations expressions must not depend, as expressions spell them: `A` of
    /// an enumeration, `struct s`. Each has the reason to leave out such an expression.
    pub(crate) spoilt: HashMap<String, Reason>,
    /// Places of each attribute of [`IGNORED`], and the starts of the declarations that these
    /// follow.
    pub(crate) ignored: Vec<Places>,
    /// Places where a record or a typedef declares no member to clang, and an anonymous one to gcc
    /// for Windows, whose default is `-fms-extensions`. `None` for other compilers.
    pub(crate) nameless_members: Option<Places>,
    /// Places of members for which clang ignores the `transparent_union` of their union.
    opaque_unions: Places,
    /// As `ignored`, for ignored `target` attributes of functions.
    pub(crate) ignored_targets: Places,
    /// As `ignored`, for attributes in a type's name that gcc heeds.
    pub(crate) ignored_in_names: [(&'static str, Places); 3],
}

impl Errors {
    /// Sorts clang's messages about `unit`, whose declarations are `declarations`.
    ///
    /// # Errors
    /// An error of clang's after which nothing can be read.
    pub(crate) fn new(unit: &Unit<'_>, declarations: &[Cursor<'_>]) -> Result<Self, HeaderError> {
        let diagnostics = unit.diagnostics();
        refuse(diagnostics.iter().filter(|diagnostic| diagnostic.is_fatal))?;
        // gcc's `malloc(free)`, an error to clang before 21, changes no call.
        let is_of_malloc = |message: &str| {
            message.ends_with("attribute takes no arguments") && is_named(message, "malloc")
        };
        let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics
            .into_iter()
            .filter(|own| own.place.file != prelude::NAME && !is_of_malloc(&own.message))
            .partition(|diagnostic| diagnostic.is_error);
        let ignored = |option: &str, attribute: &str| {
            let is = |warning: &&Diagnostic| {
                // gcc too ignores an attribute before `struct`.
                let is_heeded = !warning.message.contains("place it after");
                warning.option == option && is_heeded && is_named(&warning.message, attribute)
            };
            let places = warnings.iter().filter(is).map(|found| found.place.clone());
            with_starts(places.collect(), declarations)
        };
        let is_enum = |rest: &str| {
            let after = rest.strip_prefix("enum");
            after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let is_nameless =
            |warning: &&Diagnostic| warning.option == NO_DECLARATION && !is_enum(&warning.rest);
        let nameless = warnings.iter().filter(is_nameless).map(|one| &one.place);
        let is_windows_gnu = unit.triple().contains("windows-gnu");
        let is_opaque = |warning: &&Diagnostic| {
            (warning.message).ends_with("; transparent_union attribute ignored")
        };
        let opaque = warnings.iter().filter(is_opaque);
        let unknown = IGNORED
            .iter()
            .map(|(name, ..)| ignored("-Wunknown-attributes", name));
        let places = Places::new(errors.iter().map(|error| &error.place));
        let types = declarations
            .iter()
            .filter(|own| is_type(**own) && !errors.is_empty());
        let contradicted = types.filter_map(|declaration| {
            let (start, end) = declaration.full_extent();
            let error = errors.get(places.within(&start, &end).next()?)?;
            Some((declaration.name(), error.message.clone()))
        });
        // The second definition of an enumeration has no name.
        let tags = errors.iter().filter_map(|error| {
            let name = error.message.strip_prefix("redefinition of '")?;
            Some((
                name.trim_end_matches('\'').to_owned(),
                error.message.clone(),
            ))
        });
        let contradicted = contradicted.chain(tags);
        Ok(Self {
            contradicted: contradicted.collect(),
            nameless_members: is_windows_gnu.then(|| Places::new(nameless)),
            ignored: unknown.collect(),
            ignored_targets: ignored("-Wignored-attributes", "target"),
            ignored_in_names: ["aligned", "mode", "vector_size"]
                .map(|name| (name, ignored("-Wignored-attributes", name))),
            opaque_unions: Places::new(opaque.map(|warning| &warning.place)),
            spoilt: HashMap::new(),
            places,
            all: errors.into_iter().map(|error| (error, false)).collect(),
        })
    }

    /// Returns whether clang ignores the `transparent_union` of `definition`.
    pub(crate) fn has_opaque_union(&self, definition: Cursor<'_>) -> bool {
        let is_union = |cursor: Cursor<'_>| cursor.kind() == CXCursor_UnionDecl;
        let mut inner = definition.children().into_iter();
        is_union(definition)
            && self.opaque_unions.is_in(definition)
            && !inner.any(|inner| is_union(inner) && self.opaque_unions.is_in(inner))
    }

    /// Returns why clang's reading of the declaration `cursor` is not what was written. Its text
    /// has an error, or an expression in it refers to a declaration left out for one.
    pub(crate) fn reason(&self, cursor: Cursor<'_>) -> Option<Reason> {
        if !self.all.is_empty() {
            let (start, end) = cursor.full_extent();
            let mut within = self.places.within(&start, &end);
            if let Some((error, _)) = within.next().and_then(|i| self.all.get(i)) {
                return Some(Reason::Invalid(error.message.clone()));
            }
            let message = self.contradicted.get(&cursor.name());
            if let Some(message) = message.filter(|_| is_type(cursor)) {
                return Some(Reason::Invalid(message.clone()));
            }
        }
        mentioned(cursor, &self.spoilt).cloned()
    }

    /// Marks the errors in the text of `cursor`, which is left out by name, as explained. Returns
    /// the declarations that clang skipped after these errors: names and messages.
    pub(crate) fn explain(&mut self, cursor: Cursor<'_>) -> Vec<(String, String)> {
        let (start, end) = cursor.full_extent();
        let own_end = cursor.extent().1;
        let mut skipped = Vec::new();
        for i in self.places.within(&start, &end) {
            let Some((error, explained)) = self.all.get_mut(i) else {
                continue;
            };
            // clang goes on after the next semicolon, so a declaration that starts at the error has
            // no cursor.
            if !*explained
                && error.place.offset >= own_end.offset
                && let Some(name) = declared(&error.rest)
            {
                skipped.push((name.to_owned(), error.message.clone()));
            }
            *explained = true;
        }
        skipped
    }

    /// Records that `name` is left out for `reason`, or differs for gcc. Both change the
    /// expressions that refer to the name.
    pub(crate) fn spoils(&mut self, name: &str, reason: &Reason) {
        let why = match reason {
            Reason::Invalid(_) => Reason::Invalid(format!("{name} is not validly declared")),
            Reason::Unsupported { why: DISPUTED, .. } => reason.clone(),
            _ => Reason::Unsupported {
                ty: name.to_owned(),
                why: DISPUTED,
            },
        };
        if !name.is_empty() {
            self.spoilt.insert(name.to_owned(), why);
        }
    }

    /// Refuses the errors that no declaration was left out for.
    pub(crate) fn finish(&self) -> Result<(), HeaderError> {
        let all = self.all.iter().filter(|(_, explained)| !explained);
        refuse(all.map(|(error, _)| error))
    }
}

fn refuse<'d>(errors: impl Iterator<Item = &'d Diagnostic>) -> Result<(), HeaderError> {
    let errors: Vec<_> = errors.map(SourceError::from).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(HeaderError::Source { errors }),
    }
}

/// Returns whether a declaration is that of a typedef or an enumeration.
fn is_type(declaration: Cursor<'_>) -> bool {
    [CXCursor_TypedefDecl, CXCursor_EnumDecl].contains(&declaration.kind())
}

/// Returns `places` and the starts of the declarations that these places belong to. An attribute
/// after the closing brace, or in brackets at the start, is outside of the declaration's own text.
fn with_starts(mut places: Vec<SourcePlace>, declarations: &[Cursor<'_>]) -> Places {
    if places.is_empty() {
        return Places::default();
    }
    let extents = declarations.iter().map(|own| own.full_extent());
    let extents: Vec<(SourcePlace, SourcePlace)> = extents.collect();
    let by_place = Places::new(extents.iter().map(|(start, _)| start));
    let mut starts = Vec::new();
    for place in &places {
        let before = by_place.last_before(place);
        let at = before.and_then(|i| extents.get(i));
        starts.extend(at.map(|(start, _)| start.clone()));
        if at.is_none_or(|(_, end)| end.offset < place.offset) {
            let mut after = extents.iter().map(|(start, _)| start);
            let is_next =
                |start: &&SourcePlace| start.file == place.file && start.offset > place.offset;
            starts.extend(after.find(is_next).cloned());
        }
    }
    places.extend(starts);
    Places::new(&places)
}

/// Returns the reason in `spoilt` for the first expression within `cursor` that refers to one of
/// its names or has such a type.
pub(crate) fn mentioned<'s>(
    cursor: Cursor<'_>,
    spoilt: &'s HashMap<String, Reason>,
) -> Option<&'s Reason> {
    match spoilt.is_empty() {
        true => None,
        false => mentioned_at(cursor, spoilt, false, 0),
    }
}

fn mentioned_at<'s>(
    cursor: Cursor<'_>,
    spoilt: &'s HashMap<String, Reason>,
    is_inside: bool,
    depth: u32,
) -> Option<&'s Reason> {
    let is_inside = is_inside || cursor.is_expression();
    let is_name = [CXCursor_DeclRefExpr, CXCursor_TypeRef].contains(&cursor.kind());
    if is_inside {
        let name = is_name.then(|| cursor.name());
        let types = [cursor.ty(), cursor.ty().canonical()];
        let types = types.map(|ty| innermost(ty).unqualified());
        let mut names = name.into_iter().chain(types);
        if let Some(reason) = names.find_map(|name| spoilt.get(&name)) {
            return Some(reason);
        }
    }
    if depth >= MAX_NESTING {
        return None;
    }
    // The record of a member is a child of the record around it too.
    let is_field = cursor.kind() == CXCursor_FieldDecl;
    let children = cursor.children().into_iter();
    children
        .filter(|child| !is_field || !RECORDS.contains(&child.kind()))
        .find_map(|child| mentioned_at(child, spoilt, is_inside, depth + 1))
}

/// Returns the name that `text`, the rest of a declaration, declares. The name is the last of the
/// words at the start of `text`, with only blanks and stars between them.
fn declared(text: &str) -> Option<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut last = None;
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        if !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) {
            last = Some(word);
        }
        let after = after.trim_start();
        match after.chars().next() {
            Some(c) if is_word(c) => rest = after,
            Some('*') => rest = after.strip_prefix('*')?.trim_start(),
            _ => return last,
        }
    }
}

/// Returns whether `message` has the quoted name of an attribute: `name`, `__name__` or
/// `gnu::name`.
fn is_named(message: &str, name: &str) -> bool {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    quoted.any(|one| one.trim_start_matches("gnu::").trim_matches('_') == name)
}
