//! One block of an `.abi` file: its name, keys, C text and expected lines.

use std::collections::BTreeMap;
use std::path::Path;

use super::capability::{Capability, KNOWN_REFERENCES};
use super::{Block, CorpusError, DEFAULT_TARGET, Profile, syntax};

const KEYS: [&str; 7] = [
    "proves",
    "target",
    "kills",
    "compilers",
    "policy",
    "features",
    "unnamed",
];

/// Keys, each with its line and its text.
type Keys = BTreeMap<&'static str, (usize, String)>;

/// Reads the block whose name is line `start` of `lines`, which end with it.
pub(super) fn read(path: &Path, lines: &[String], start: usize) -> Result<Block, CorpusError> {
    let wrong = |line_idx, why: String| Err(syntax(path, line_idx, why));
    let name = lines.get(start).and_then(|line| line.strip_prefix("=="));
    let name = name.unwrap_or_default().trim();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(good) {
        return wrong(
            start,
            "a block's name is made of a-z, 0-9 and `-`".to_owned(),
        );
    }
    let (keys, code_start) = read_keys(path, lines, start + 1)?;
    let mut block = Block {
        name: name.to_owned(),
        file: path.to_path_buf(),
        line: start + 1,
        code_line: code_start + 1,
        ..Block::default()
    };
    block.take_body(path, lines, code_start)?;
    let take = |key: &str| keys.get(key).map(|(_, text)| text.clone());
    let line = |key: &str| keys.get(key).map_or(start, |(line, _)| *line);
    block.proves = take("proves").unwrap_or_default();
    if block.proves.is_empty() {
        return wrong(
            start,
            format!("block `{name}` does not say what it `proves`"),
        );
    }
    block.target = take("target").unwrap_or_else(|| DEFAULT_TARGET.to_owned());
    block.kills = items(&take("kills").unwrap_or_default());
    block.unnamed = take("unnamed");
    block
        .take_references(&take("compilers").unwrap_or_default())
        .map_err(|why| syntax(path, line("compilers"), why))?;
    block.policy = match take("policy").as_deref() {
        None | Some("default") => Profile::Default,
        Some("gcc") => Profile::Gcc,
        Some("clang") => Profile::Clang,
        Some("zig") => Profile::Zig,
        Some(other) => {
            let why = format!("no profile is called `{other}`: default, gcc, clang, zig");
            return wrong(line("policy"), why);
        }
    };
    block.features = items(&take("features").unwrap_or_default());
    let is_level = |feature: &&String| matches!(feature.as_str(), "avx" | "avx512f");
    if let Some(feature) = block.features.iter().find(|feature| !is_level(feature)) {
        let why = format!("`{feature}` is no vector level: avx, avx512f");
        return wrong(line("features"), why);
    }
    Ok(block)
}

/// The items of a list with commas.
fn items(text: &str) -> Vec<String> {
    let items = text.split(',').map(|item| item.trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// The keys from line `at` on, and the line after them.
fn read_keys(path: &Path, lines: &[String], mut at: usize) -> Result<(Keys, usize), CorpusError> {
    let (mut keys, mut last) = (Keys::new(), None);
    while let Some(line) = lines.get(at) {
        let more = last.filter(|_| line.starts_with([' ', '\t']));
        if let Some((_, text)) = more.and_then(|key| keys.get_mut(key)) {
            text.push(' ');
            text.push_str(line.trim());
        } else if key_of(line).is_some() {
            for entry in entries(line) {
                let key = key_of(entry).unwrap_or_default();
                let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
                    return Err(syntax(path, at, format!("unknown key `{key}`")));
                };
                let text = entry.get(key.len() + 1..).unwrap_or_default().trim();
                if keys.insert(known, (at, text.to_owned())).is_some() {
                    return Err(syntax(path, at, format!("a second `{key}`")));
                }
                last = Some(known);
            }
        } else {
            break;
        }
        at += 1;
    }
    Ok((keys, at))
}

impl Block {
    /// The C text from line `start` on, and the expected lines after it.
    fn take_body(
        &mut self,
        path: &Path,
        lines: &[String],
        start: usize,
    ) -> Result<(), CorpusError> {
        let is_text = |line: &String| !line.trim().is_empty();
        let is_expected = |line: &String| line.starts_with('>');
        let body = lines.get(start..).unwrap_or_default();
        let n_before = body.iter().position(is_expected).unwrap_or(body.len());
        let (before, after) = body.split_at(n_before);
        let n_code = before.iter().rposition(is_text).map_or(0, |last| last + 1);
        let n_expected = after.iter().take_while(|line| is_expected(line)).count();
        let (expected, rest) = after.split_at(n_expected);
        if let Some((i, line)) = rest.iter().enumerate().find(|(_, line)| is_text(line)) {
            let why = match is_expected(line) {
                true => "a gap between expected lines",
                false => "C text after the expected lines",
            };
            return Err(syntax(path, start + n_before + n_expected + i, why));
        }
        if n_code == 0 {
            let why = format!("block `{}` has no C text", self.name);
            return Err(syntax(path, start.saturating_sub(1), why));
        }
        let code = before.split_at(n_code).0.join("\n");
        self.code = code.trim_start_matches('\n').to_owned() + "\n";
        let first = start + if n_expected > 0 { n_before } else { n_code };
        self.span = first..first + n_expected;
        let bare = |line: &String| {
            line.strip_prefix("> ")
                .or(line.strip_prefix('>'))
                .unwrap_or(line)
                .to_owned()
        };
        self.expected = expected.iter().map(bare).collect();
        Ok(())
    }

    /// Takes names of compilers and capabilities, and the reason in parentheses after them.
    fn take_references(&mut self, text: &str) -> Result<(), String> {
        let (names, reason) = match text.split_once('(') {
            Some((names, reason)) => (names, Some(reason.trim_end())),
            None => (text, None),
        };
        self.references_reason = match reason.map(|reason| reason.strip_suffix(')')) {
            Some(None) => return Err("the reason in `compilers` is not closed".to_owned()),
            reason => reason.flatten().map(str::to_owned),
        };
        self.references = items(names);
        let is_known = |name: &&String| {
            Capability::named(name).is_some() || KNOWN_REFERENCES.contains(&name.as_str())
        };
        match self.references.iter().find(|name| !is_known(name)) {
            Some(name) => Err(format!("`{name}` is neither a compiler nor a capability")),
            None => Ok(()),
        }
    }
}

/// The key that `text` starts with: letters before a colon and a space.
fn key_of(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase());
    (word && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}

/// A line of keys cut before each known key that two spaces or more precede.
fn entries(line: &str) -> Vec<&str> {
    let (mut entries, mut rest, mut end) = (Vec::new(), line, line.len());
    for (i, _) in line
        .match_indices("  ")
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let (before, entry) = (line.get(..i + 2), line.get(i + 2..end));
        if let (Some(before), Some(entry)) = (before, entry)
            && key_of(entry).is_some_and(|key| KEYS.contains(&key))
        {
            entries.insert(0, entry);
            (rest, end) = (before, i + 2);
        }
    }
    entries.insert(0, rest);
    entries
}
