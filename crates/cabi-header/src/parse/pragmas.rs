//! Pragmas that change layouts and calls: libclang shows none, so the texts that were read are
//! searched, be they comments or left out by `#if`.

use std::collections::HashSet;

use crate::clang::NO_DECLARATION;
use crate::parse::ignored::{IGNORED, occurs};
use crate::parse::members::DeclaredMember;

/// Words of a `target` attribute or pragma that take registers of the C convention away.
pub(crate) const WITHOUT_SSE: [&str; 4] = ["no-sse", "no-sse2", "general-regs-only", "soft-float"];

/// Pragmas and attributes that occur anywhere.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Pragmas {
    /// `#pragma pack`.
    pub(crate) pack: bool,
    /// `#pragma pack` that gcc obeys and clang ignores, or the other way round.
    pub(crate) disputed_pack: bool,
    /// Sum of the values of `#pragma pack` with a macro, which clang alone expands.
    pub(crate) packs_by_macro: u32,
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

    /// Returns why a record may be packed otherwise for gcc, given its members, its alignment, and
    /// the values that clang may have packed it by.
    pub(crate) fn packs_otherwise(
        self,
        members: &[DeclaredMember],
        align: i64,
        packs: &[u32],
    ) -> Option<&'static str> {
        let is_empty = |member: &DeclaredMember| member.width == Some(0);
        if self.packed_argument {
            Some("to gcc `-fpack-struct` makes it `packed`, to clang it is `-fpack-struct=1`")
        } else if self.pack_argument && self.pack {
            Some("gcc and clang combine `-fpack-struct` and `#pragma pack` differently")
        } else if self.pack_argument && members.iter().any(is_empty) {
            Some("gcc packs bit-fields of width 0 by `-fpack-struct` and clang does not")
        } else if self.disputed_pack && align > 1 {
            Some("a `#pragma pack` in the text packs by gcc or by clang alone")
        } else if packs.iter().any(|pack| self.packs_by_macro & pack != 0) {
            Some("gcc does not expand the macro in a `#pragma pack`, clang does")
        } else {
            None
        }
    }

    /// Adds the pragmas in `texts`, all that were read.
    pub(crate) fn look(&mut self, texts: &[String]) {
        let mut names = HashSet::new();
        for text in texts {
            self.look_at(text);
            for form in { lines(text).chain(operators(text)) }.filter_map(pack_form) {
                match form {
                    PackForm::Alike => {}
                    PackForm::ByName(name) => _ = names.insert(name),
                    PackForm::Disputed => self.disputed_pack = true,
                }
            }
        }
        self.packs_by_macro = names
            .iter()
            .flat_map(|name| texts.iter().flat_map(|text| macro_values(text, name)))
            .fold(0, |all, pack| all | pack);
    }

    fn look_at(&mut self, text: &str) {
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

/// How gcc and clang obey a `#pragma pack`.
enum PackForm<'t> {
    Alike,
    /// Alike if the name in the place of a number is no macro.
    ByName(&'t str),
    Disputed,
}

/// Returns the text of each line of `text` that is a `#pragma`, after that word.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start().strip_prefix('#')?.trim_start();
        line.strip_prefix("pragma")
    })
}

/// Returns the string of each `_Pragma` in `text`.
fn operators(text: &str) -> impl Iterator<Item = &str> {
    text.split("_Pragma").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('(')?.trim_start();
        rest.strip_prefix('"')?.split('"').next()
    })
}

/// Returns the form of the `#pragma pack` that `pragma` is.
fn pack_form(pragma: &str) -> Option<PackForm<'_>> {
    let pragma = pragma.trim_start().strip_prefix("pack")?.trim_start();
    let (args, rest) = pragma.strip_prefix('(')?.split_once(')')?;
    let rest = rest.trim();
    if !(rest.is_empty() || rest.starts_with("//") || rest.starts_with("/*")) {
        return Some(PackForm::Disputed);
    }
    let args: Vec<&str> = args.split(',').map(str::trim).collect();
    let is_number = |arg: &str| arg.starts_with(|c: char| c.is_ascii_digit());
    Some(match args[..] {
        ["" | "push" | "pop" | "show"] => PackForm::Alike,
        ["push", name, own] if !is_number(name) => match is_number(own) {
            true => PackForm::Alike,
            false => PackForm::ByName(own),
        },
        [own] | ["push", own] if is_number(own) => PackForm::Alike,
        ["pop", name] if !is_number(name) && name != "push" => PackForm::Alike,
        [name] | ["push", name] => PackForm::ByName(name),
        _ => PackForm::Disputed,
    })
}

/// Returns the values for `#pragma pack` that definitions of the macro `name` in `text`, a file or
/// an argument, may have.
fn macro_values<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = u32> {
    let is_definition = |(at, _): &(usize, &str)| {
        let before = text[..*at].trim_end();
        before.is_empty() || before.ends_with("-D") || before.ends_with("define")
    };
    let found = text.match_indices(name).filter(is_definition);
    found.filter_map(|(at, _)| {
        let rest = &text[at + name.len()..];
        let value = rest.trim_start_matches(['=', ' ', '\t', '(']);
        let is_longer = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let digits = value.split(|c: char| !c.is_alphanumeric()).next();
        let number = digits.and_then(|digits| digits.parse().ok());
        // The sum of all, for a value that is not seen.
        (!is_longer).then(|| number.unwrap_or(31))
    })
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
