//! Pragmas that change layouts and calls: libclang shows none, so the texts that were read are
//! searched, be they left out by `#if` or not.

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
        } else if self.disputed_pack && (align > 1 || !packs.is_empty()) {
            Some("a `#pragma pack` in the text packs by gcc or by clang alone")
        } else if packs.iter().any(|pack| self.packs_by_macro & pack != 0) {
            Some("gcc does not expand the macro in a `#pragma pack`, clang does")
        } else {
            None
        }
    }

    /// Adds the pragmas in `texts`, all that were read.
    pub(crate) fn look(&mut self, texts: &[String]) {
        let texts = texts.iter().map(|text| without_comments(&joined(text)));
        let texts: Vec<String> = texts.collect();
        for text in &texts {
            self.look_at(text);
        }
        let others: Vec<String> = texts.iter().map(|text| without_lines(text)).collect();
        let of_operators = texts.iter().flat_map(|text| operators(text).flatten());
        let mut forms: Vec<PackForm<'_>> = of_operators.filter_map(pack_form).collect();
        let makes_one = |text: &String| operators(text).any(|string| string.is_none());
        if texts.iter().any(makes_one) {
            // A macro may make a pragma of its argument, which stands anywhere but in a pragma.
            let all = others.iter().flat_map(|text| arguments(text));
            forms.extend(all.filter_map(pack_form).filter(|form| !form.disputed));
            self.pack |= !forms.is_empty();
        }
        let of_operators_push = forms.iter().any(|form| form.pushes);
        // Only lines are followed in their order.
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
        // gcc goes on with the number that packs there, also through an `#include`.
        let is_macro = |name| values(name).is_some();
        let is_expanded = forms.iter().filter_map(|form| form.value).any(is_macro);
        let packed: Vec<Packed<'_>> = texts.iter().map(|text| Packed::in_text(text)).collect();
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

/// Sum of the values of `#pragma pack`, for one that is not seen.
const ANY_PACK: u32 = 1 + 2 + 4 + 8 + 16;

/// A `#pragma pack`.
struct PackForm<'t> {
    /// Name in the place of a number, or of an entry that is pushed: clang expands it if it is a
    /// macro.
    value: Option<&'t str>,
    /// Name of an entry of the stack, which to clang must be no macro.
    entry: Option<&'t str>,
    pushes: bool,
    /// `true` if the entry is popped: to gcc the last of any name, if none has this one.
    pops: bool,
    /// `true` if it has a number.
    is_number: bool,
    /// `true` if nothing packs after it.
    resets: bool,
    /// `true` if gcc and clang do not obey it alike.
    disputed: bool,
}

/// Lines of a text where the number of a `#pragma pack` before them packs.
#[derive(Default)]
struct Packed<'t> {
    /// Names in the place of a number there.
    names: Vec<&'t str>,
    /// `true` if an `#include` is there.
    includes: bool,
    /// Names whose entries are popped that are on no stack of this text, and `true` if others are.
    unknown: Vec<(&'t str, bool)>,
    /// Names of the entries that other texts find on the stack.
    others_find: Vec<Option<&'t str>>,
}

impl<'t> Packed<'t> {
    fn in_text(text: &'t str) -> Self {
        let (mut found, mut stack, mut packs) = (Self::default(), Vec::new(), false);
        for line in text.lines() {
            if directive(line, "include").is_some() {
                found.includes |= packs;
                found
                    .others_find
                    .extend(stack.iter().map(|(name, _)| *name));
            }
            let Some(form) = directive(line, "pragma").and_then(pack_form) else {
                continue;
            };
            found.names.extend(form.value.filter(|_| packs));
            let entry = form.entry.or(form.value);
            if form.pushes {
                stack.push((entry, packs));
            }
            if form.pops
                && let Some(own) = entry
            {
                let named = stack.iter().rposition(|(name, _)| *name == entry);
                if named.is_none() {
                    found.unknown.push((own, !stack.is_empty()));
                }
                stack.truncate(named.map_or(stack.len(), |at| at + 1));
            }
            packs = match form.pops {
                true => stack.pop().is_some_and(|(_, packs)| packs),
                false => (packs || form.is_number) && !form.resets,
            };
        }
        found
            .others_find
            .extend(stack.iter().map(|(name, _)| *name));
        found
    }
}

/// Returns whether the entry of a name may be popped that is on no stack: gcc then pops the last
/// one, if there is any, and clang none. All entries that a text finds may have that name.
fn pops_another(packed: &[Packed<'_>], operators_push: bool) -> bool {
    let mut unknown = packed.iter().flat_map(|packed| &packed.unknown);
    unknown.any(|&(name, has_others)| {
        let mut found = packed.iter().flat_map(|packed| &packed.others_find);
        has_others || operators_push || found.any(|other| *other != Some(name))
    })
}

/// Returns the text of `line` after the directive `word`, if it is one.
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
    let others = text.split_inclusive('\n');
    others
        .filter(|line| directive(line, "pragma").is_none())
        .collect()
}

/// Returns the string of each `_Pragma` in `text`; none where it is that of a macro.
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
        let (len, kept) = if let Some(comment) = from.strip_prefix("/*") {
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
        plain += kept;
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
        [own] | ["push", own] => (Some(own), None, true),
        ["push", entry, own] if !is_number(entry) => (Some(own), Some(entry), true),
        ["pop", entry] if !is_number(entry) && entry != "push" => (None, Some(entry), true),
        _ => (None, None, false),
    };
    Some(PackForm {
        value: value.filter(|own| !is_number(own)),
        entry,
        pushes: args[0] == "push",
        pops: args[0] == "pop",
        is_number: args.last().is_some_and(|own| is_number(own)),
        resets: args == [""],
        disputed: !is_known || !rest.trim().is_empty(),
    })
}

/// Returns the sum of the values for `#pragma pack` that the macro `name` may have by its
/// definitions in `texts`: `Some(None)` if one is empty, none if `name` is no macro.
fn macro_values(texts: &[String], name: &str) -> Option<Option<u32>> {
    let defined = texts.iter().flat_map(|text| values_in(text, name));
    let defined: Vec<Option<u32>> = defined.collect();
    match &defined[..] {
        // A macro of the compiler's own.
        [] => name.starts_with("__").then_some(Some(ANY_PACK)),
        all => Some(all.iter().try_fold(0, |sum, pack| Some(sum | (*pack)?))),
    }
}

/// Returns the value for `#pragma pack` of each definition of the macro `name` in `text`, if it is
/// not empty.
fn values_in<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = Option<u32>> {
    let is_definition = |(at, _): &(usize, &str)| {
        let before = text[..*at].trim_end();
        before.is_empty() || before.ends_with("-D") || before.ends_with("define")
    };
    let found = text.match_indices(name).filter(is_definition);
    found.filter_map(|(at, _)| {
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
