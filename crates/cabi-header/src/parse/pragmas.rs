//! Pragmas that change layouts and calls. libclang shows none, so all texts that were read are
//! searched, with the parts that `#if` leaves out.

use crate::clang::NO_DECLARATION;
use crate::parse::ignored::{IGNORED, occurs};
use crate::parse::members::DeclaredMember;

/// Words of a `target` attribute or pragma that disable registers of the C convention.
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
    /// `-fpack-struct` without a number: to gcc every record is `packed`, to clang the number is 1.
    pub(crate) packed_argument: bool,
    /// `#pragma options align` and `#pragma align`, which pack for clang alone.
    pub(crate) align: bool,
    /// `#pragma scalar_storage_order`, which is gcc's alone.
    pub(crate) storage_order: bool,
    /// `true` for each attribute of [`IGNORED`] whose name occurs.
    pub(crate) ignored: [bool; IGNORED.len()],
    /// A pragma that may silence clang about an attribute that it does not know.
    pub(crate) ignores_unknown: bool,
    transparent_union: bool,
    /// A pragma that may silence clang about declarations in records that declare no member.
    pub(crate) ignores_nameless: bool,
    /// The name of the attribute `target`.
    target_attribute: bool,
    /// A pragma that may silence clang about an attribute that it ignores.
    ignores_attributes: bool,
    /// `#pragma GCC target`, which gcc alone follows, or `#pragma clang attribute`, which clang
    /// alone follows.
    pub(crate) target: bool,
    /// A pragma of `target` that disables the vector registers.
    pub(crate) without_sse: bool,
}

impl Pragmas {
    /// Returns whether functions may have a `target` attribute that clang ignores and does not
    /// show.
    pub(crate) fn may_hide_target(self) -> bool {
        self.target_attribute && self.ignores_attributes
    }

    /// Returns whether unions may have a `transparent_union` that clang ignores and does not show.
    pub(crate) fn may_hide_transparent(self) -> bool {
        self.transparent_union && self.ignores_attributes
    }

    /// Returns why gcc may pack a record otherwise, given its members, its alignment, and the
    /// values that clang may have packed it by.
    pub(crate) fn packs_otherwise(
        self,
        members: &[DeclaredMember],
        align: i64,
        packs: &[u32],
    ) -> Option<&'static str> {
        let is_empty = |member: &DeclaredMember| member.width == Some(0);
        if self.packed_argument {
            Some("gcc reads `-fpack-struct` as `packed`, clang as `-fpack-struct=1`")
        } else if self.pack_argument && self.pack {
            Some("gcc and clang combine `-fpack-struct` and `#pragma pack` differently")
        } else if self.pack_argument && members.iter().any(is_empty) {
            Some("gcc packs bit-fields of width 0 by `-fpack-struct` and clang does not")
        } else if self.disputed_pack && (align > 1 || !packs.is_empty()) {
            Some("only one of gcc and clang obeys a `#pragma pack` in the text")
        } else if packs.iter().any(|pack| self.packs_by_macro & pack != 0) {
            Some("gcc does not expand the macro in a `#pragma pack`, clang does")
        } else {
            None
        }
    }

    /// Adds the pragmas in `texts`, which are all texts that were read.
    pub(crate) fn look(&mut self, texts: &[String]) {
        let texts = texts.iter().map(|text| without_comments(&joined(text)));
        let texts: Vec<String> = texts.collect();
        for text in &texts {
            self.look_at(text);
        }
        let remainders: Vec<String> = texts.iter().map(|text| without_lines(text)).collect();
        let of_operators = texts.iter().flat_map(|text| operators(text).flatten());
        let mut forms: Vec<PackForm<'_>> = of_operators.filter_map(pack_form).collect();
        let makes_one = |text: &String| operators(text).any(|string| string.is_none());
        if texts.iter().any(makes_one) {
            // A macro may make a pragma of its argument, which stands anywhere but in a pragma.
            let args = remainders.iter().flat_map(|text| arguments(text));
            forms.extend(args.filter_map(pack_form).filter(|form| !form.disputed));
            self.pack |= !forms.is_empty();
        }
        let of_operators_push = forms.iter().any(|form| form.pushes);
        // The order of pragmas is known for lines only.
        self.disputed_pack |= forms.iter().any(|form| form.pops && form.entry.is_some());
        let of_lines = texts.iter().flat_map(|text| lines(text));
        forms.extend(of_lines.filter_map(pack_form));
        let values = |name| macro_values(&texts, name);
        for form in &forms {
            let value = form.value.and_then(values).unwrap_or(Some(0));
            let is_macro = |name| values(name).is_some();
            self.disputed_pack |=
                form.disputed || value.is_none() || form.entry.is_some_and(is_macro);
            self.packs_by_macro |= value.unwrap_or(0);
        }
        // Without the macro's value, gcc packs by the number in force, also through an `#include`.
        let is_macro = |name| values(name).is_some();
        let is_expanded = forms.iter().filter_map(|form| form.value).any(is_macro);
        let packed: Vec<PackedLines<'_>> = texts
            .iter()
            .map(|text| PackedLines::in_text(text))
            .collect();
        self.disputed_pack |= packed.iter().any(|packed| {
            packed.includes && is_expanded || packed.names.iter().copied().any(is_macro)
        });
        self.disputed_pack |= pops_another(&packed, of_operators_push);
    }

    fn look_at(&mut self, text: &str) {
        for ((name, ..), is) in IGNORED.iter().zip(&mut self.ignored) {
            *is = *is || occurs(text, name);
        }
        self.transparent_union |= text.contains("transparent_union");
        self.target_attribute |= text.contains("target");
        for pragma in after_pragma(text) {
            self.storage_order |= words(pragma, &["scalar_storage_order"]).is_some();
            let ignored = pragma.contains("ignored");
            let ignores =
                |option| ignored && (pragma.contains(option) || pragma.contains("-Weverything"));
            self.ignores_nameless |= ignores(NO_DECLARATION);
            self.ignores_attributes |= ignores("attributes");
            self.ignores_unknown |= ignores("-Wattributes") || ignores("-Wunknown-attributes");
            self.pack |= words(pragma, &["pack"]).is_some();
            self.align |= words(pragma, &["options"])
                .or(words(pragma, &["align"]))
                .is_some();
            self.target |= words(pragma, &["clang", "attribute"]).is_some();
            let Some(target) = words(pragma, &["GCC", "target"]) else {
                continue;
            };
            self.target = true;
            let is_string = |c: char| !c.is_whitespace() && !['"', '\\'].contains(&c);
            let target: String = target.chars().filter(|c| is_string(*c)).collect();
            self.without_sse |= WITHOUT_SSE.iter().any(|word| target.contains(word));
        }
    }
}

/// Sum of all values of `#pragma pack`, in place of a value that is not known.
const ANY_PACK: u32 = 1 + 2 + 4 + 8 + 16;

/// A `#pragma pack`.
struct PackForm<'t> {
    /// Name in the place of a number, or of an entry that is pushed. clang expands a macro there.
    value: Option<&'t str>,
    /// Name of an entry of the stack, which to clang must be no macro.
    entry: Option<&'t str>,
    pushes: bool,
    /// `true` if the entry is popped; without one of this name, gcc pops the last entry.
    pops: bool,
    /// `true` if it has a number.
    is_number: bool,
    /// `true` if nothing packs after the pragma.
    resets: bool,
    /// `true` if gcc and clang do not obey the pragma alike.
    disputed: bool,
}

/// Lines of a text on which the number of an earlier `#pragma pack` is in force.
#[derive(Default)]
struct PackedLines<'t> {
    /// Names in the place of a number on these lines.
    names: Vec<&'t str>,
    /// `true` if an `#include` is among these lines.
    includes: bool,
    /// Names that are popped and are on no stack of this text, with `true` if the stack has others.
    unknown: Vec<(&'t str, bool)>,
    /// Names of the entries that other texts find on the stack.
    others_find: Vec<Option<&'t str>>,
}

impl<'t> PackedLines<'t> {
    fn in_text(text: &'t str) -> Self {
        let (mut packed, mut stack, mut packs) = (Self::default(), Vec::new(), false);
        for line in text.lines() {
            if directive(line, "include").is_some() {
                packed.includes |= packs;
                packed
                    .others_find
                    .extend(stack.iter().map(|(name, _)| *name));
            }
            let Some(form) = directive(line, "pragma").and_then(pack_form) else {
                continue;
            };
            packed.names.extend(form.value.filter(|_| packs));
            let entry = form.entry.or(form.value);
            if form.pushes {
                stack.push((entry, packs));
            }
            if form.pops
                && let Some(name) = entry
            {
                let index = stack.iter().rposition(|(name, _)| *name == entry);
                if index.is_none() {
                    packed.unknown.push((name, !stack.is_empty()));
                }
                stack.truncate(index.map_or(stack.len(), |at| at + 1));
            }
            packs = match form.pops {
                true => stack.pop().is_some_and(|(_, packs)| packs),
                false => (packs || form.is_number) && !form.resets,
            };
        }
        packed
            .others_find
            .extend(stack.iter().map(|(name, _)| *name));
        packed
    }
}

/// Returns whether an entry may be popped whose name is on no stack. Then gcc pops the last entry,
/// if there is any, and clang none. Entries of that name from other texts are no difference: both
/// compilers pop one.
fn pops_another(packed: &[PackedLines<'_>], operators_push: bool) -> bool {
    let mut unknown = packed.iter().flat_map(|packed| &packed.unknown);
    unknown.any(|&(name, has_others)| {
        let mut entries = packed.iter().flat_map(|packed| &packed.others_find);
        has_others || operators_push || entries.any(|other| *other != Some(name))
    })
}

/// Returns the text of `line` after the directive `word`, if the line is one.
fn directive<'t>(line: &'t str, word: &str) -> Option<&'t str> {
    let line = line.trim_start();
    let line = line.strip_prefix('#').or(line.strip_prefix("%:"))?;
    line.trim_start().strip_prefix(word)
}

/// Returns the text of each line of `text` that is a `#pragma`, after that word.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| directive(line, "pragma"))
}

/// Returns `text` without its lines that are a `#pragma`.
fn without_lines(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| directive(line, "pragma").is_none())
        .collect()
}

/// Returns the string of each `_Pragma` in `text`, or none for one without a string, as in a macro.
fn operators(text: &str) -> impl Iterator<Item = Option<&str>> {
    text.split("_Pragma").skip(1).map(|rest| {
        let rest = rest.trim_start().strip_prefix('(')?.trim_start();
        let rest = rest.trim_start_matches(['L', 'u', 'U', '8']);
        rest.strip_prefix('"')?.split('"').next()
    })
}

/// Returns each `pack(..)` of `text`, up to the first parenthesis that closes.
fn arguments(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("pack").filter_map(|(at, _)| {
        let end = text[at..].find(')')?;
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        (!text[..at].ends_with(is_part)).then(|| &text[at..=at + end])
    })
}

/// Returns `text` with each line joined to those before it that end with a backslash.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        match line.trim_end().strip_suffix('\\') {
            Some(line) => joined.push_str(line),
            None => joined.extend([line, "\n"]),
        }
    }
    joined
}

/// Returns `text` with a space for each comment. A quote ends at the end of its line at the latest.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        let (before, from) = rest.split_at(at);
        plain += before;
        let line = from.lines().next().unwrap_or("");
        let (len, replacement) = if let Some(comment) = from.strip_prefix("/*") {
            (comment.find("*/").map_or(from.len(), |end| 4 + end), " ")
        } else if from.starts_with("//") {
            (line.len(), " ")
        } else {
            let len = if from.starts_with('/') {
                1
            } else {
                quoted(line)
            };
            (len, &from[..len])
        };
        plain += replacement;
        rest = &from[len..];
    }
    plain + rest
}

/// Returns the bytes of the string or character at the start of `line`.
fn quoted(line: &str) -> usize {
    let quote = line.chars().next();
    let mut is_escaped = false;
    let end = line.char_indices().skip(1).find(|(_, c)| {
        let is_end = !is_escaped && Some(*c) == quote;
        is_escaped = !is_escaped && *c == '\\';
        is_end
    });
    end.map_or(line.len(), |(at, _)| at + 1)
}

/// Returns the form of the `#pragma pack` that `pragma` is.
fn pack_form(pragma: &str) -> Option<PackForm<'_>> {
    let pragma = pragma.trim_start().strip_prefix("pack")?.trim_start();
    let (args, rest) = pragma.strip_prefix('(')?.split_once(')')?;
    let args: Vec<&str> = args.split(',').map(str::trim).collect();
    let is_number = |arg: &str| arg.starts_with(|c: char| c.is_ascii_digit());
    let (value, entry, is_known) = match args[..] {
        ["" | "push" | "pop" | "show"] => (None, None, true),
        [value] | ["push", value] => (Some(value), None, true),
        ["push", entry, value] if !is_number(entry) => (Some(value), Some(entry), true),
        ["pop", entry] if !is_number(entry) && entry != "push" => (None, Some(entry), true),
        _ => (None, None, false),
    };
    Some(PackForm {
        value: value.filter(|value| !is_number(value)),
        entry,
        pushes: args[0] == "push",
        pops: args[0] == "pop",
        is_number: args.last().is_some_and(|arg| is_number(arg)),
        resets: args == [""],
        disputed: !is_known || !rest.trim().is_empty(),
    })
}

/// Returns the sum of the values for `#pragma pack` in the definitions of the macro `name` in
/// `texts`. Returns `Some(None)` if a definition is empty, and none if `name` is no macro.
fn macro_values(texts: &[String], name: &str) -> Option<Option<u32>> {
    let defined = texts.iter().flat_map(|text| values_in(text, name));
    let defined: Vec<Option<u32>> = defined.collect();
    match &defined[..] {
        // A macro of the compiler's own.
        [] => name.starts_with("__").then_some(Some(ANY_PACK)),
        values => Some(values.iter().try_fold(0, |sum, pack| Some(sum | (*pack)?))),
    }
}

/// Returns the value for `#pragma pack` of each definition of the macro `name` in `text`, if it is
/// not empty.
fn values_in<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = Option<u32>> {
    let is_definition = |(at, _): &(usize, &str)| {
        let before = text[..*at].trim_end();
        before.is_empty() || before.ends_with("-D") || before.ends_with("define")
    };
    let definitions = text.match_indices(name).filter(is_definition);
    definitions.filter_map(|(at, _)| {
        let rest = &text[at + name.len()..];
        let value = rest.trim_start_matches(['=', ' ', '\t', '(']);
        let is_empty = value.is_empty() || value.starts_with('\n');
        let is_longer = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let digits = value.split(|c: char| !c.is_alphanumeric()).next();
        let number = digits.and_then(|digits| digits.parse().ok());
        (!is_longer).then(|| (!is_empty).then(|| number.unwrap_or(ANY_PACK)))
    })
}

/// Returns the text after each `#pragma` and `_Pragma` of `text` on its line.
fn after_pragma(text: &str) -> impl Iterator<Item = &str> {
    let rests = text.split("ragma").skip(1);
    rests.map(|rest| rest.lines().next().unwrap_or(""))
}

/// Returns the text after `words` at the start of `rest`. After `_Pragma` the words are in a
/// string.
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
