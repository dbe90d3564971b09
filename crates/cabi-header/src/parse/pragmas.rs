//! Pragmas that change layouts and calls: libclang shows none, so the texts that were read are
//! searched, be they comments or left out by `#if`.

use crate::clang::NO_DECLARATION;
use crate::parse::ignored::{IGNORED, occurs};

/// Words of a `target` attribute or pragma that take registers of the C convention away.
pub(crate) const WITHOUT_SSE: [&str; 4] = ["no-sse", "no-sse2", "general-regs-only", "soft-float"];

/// Pragmas and attributes that occur anywhere.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Pragmas {
    /// `#pragma pack`.
    pub(crate) pack: bool,
    /// `-fpack-struct`, with a number or without.
    pub(crate) pack_argument: bool,
    /// `-fpack-struct` without a number: to gcc every record is `packed`, to clang a 1 follows.
    pub(crate) packed_argument: bool,
    /// `#pragma options align` and `#pragma align`, which pack for clang alone.
    pub(crate) align: bool,
    /// `#pragma scalar_storage_order`, which is gcc's alone.
    pub(crate) storage_order: bool,
    /// The name of each attribute of [`IGNORED`].
    pub(crate) ignored: [bool; IGNORED.len()],
    /// A pragma by which clang may say nothing of an attribute that it does not know.
    pub(crate) ignores_unknown: bool,
    transparent_union: bool,
    /// A pragma by which clang may say nothing of declarations in records that declare no member.
    pub(crate) ignores_nameless: bool,
    /// The name of an attribute of a target, and a pragma by which clang may not say that it
    /// ignores one.
    target_attribute: bool,
    ignores_attributes: bool,
    /// `#pragma GCC target`, which gcc follows and clang ignores, or `#pragma clang attribute`,
    /// with which it is the other way round.
    pub(crate) target: bool,
    /// A pragma of `target` that takes the vector registers away.
    pub(crate) without_sse: bool,
}

impl Pragmas {
    /// Returns whether some functions may have an attribute `target` that clang ignores, and does
    /// not show.
    pub(crate) fn may_hide_target(self) -> bool {
        self.target_attribute && self.ignores_attributes
    }

    /// Returns whether some unions may have a `transparent_union` that clang ignores, and does not
    /// show.
    pub(crate) fn may_hide_transparent(self) -> bool {
        self.transparent_union && self.ignores_attributes
    }

    /// Adds the pragmas in `text`.
    pub(crate) fn look(&mut self, text: &str) {
        for ((name, _), is) in IGNORED.iter().zip(&mut self.ignored) {
            *is = *is || occurs(text, name);
        }
        self.transparent_union |= text.contains("transparent_union");
        self.target_attribute |= text.contains("target");
        for rest in after_pragma(text) {
            self.storage_order |= words(rest, &["scalar_storage_order"]).is_some();
            let ignored = rest.contains("ignored");
            let ignores =
                |option| ignored && (rest.contains(option) || rest.contains("-Weverything"));
            self.ignores_nameless |= ignores(NO_DECLARATION);
            self.ignores_attributes |= ignores("attributes");
            self.ignores_unknown |= ignores("-Wattributes") || ignores("-Wunknown-attributes");
            self.pack |= words(rest, &["pack"]).is_some();
            self.align |= words(rest, &["options"])
                .or(words(rest, &["align"]))
                .is_some();
            self.target |= words(rest, &["clang", "attribute"]).is_some();
            let Some(target) = words(rest, &["GCC", "target"]) else {
                continue;
            };
            self.target = true;
            let is_string = |c: char| !c.is_whitespace() && !['"', '\\'].contains(&c);
            let target: String = target.chars().filter(|c| is_string(*c)).collect();
            self.without_sse |= WITHOUT_SSE.iter().any(|word| target.contains(word));
        }
    }
}

/// Returns the text after each `#pragma` and `_Pragma` of `text` on its line, which a backslash
/// continues.
fn after_pragma(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("ragma").map(|(at, word)| {
        let rest = text.get(at + word.len()..).unwrap_or("");
        let line = |(at, _)| rest.get(..at);
        let is_whole = |line: &&str| !line.trim_end_matches('\r').ends_with('\\');
        let mut lines = rest.match_indices('\n').filter_map(line);
        lines.find(is_whole).unwrap_or(rest)
    })
}

/// Returns the text after `words` at the start of `rest`, which `_Pragma` has in a string.
fn words<'t>(mut rest: &'t str, words: &[&str]) -> Option<&'t str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    for word in words {
        let start = rest.trim_start_matches([' ', '\t', '\r', '\n', '(', '"', '\\']);
        rest = start.strip_prefix(word)?;
        if rest.starts_with(is_part) {
            return None;
        }
    }
    Some(rest)
}
