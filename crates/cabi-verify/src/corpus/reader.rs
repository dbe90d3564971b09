//! One block of an `.abi` file: its name, keys and C text.

use std::path::Path;

use cabi::Profile;

use super::capability::{Capability, KNOWN_REFERENCES};
use super::{Block, CorpusError, DEFAULT_TARGET};

const KEYS: [&str; 8] = [
    "proves",
    "target",
    "kills",
    "compilers",
    "policy",
    "features",
    "unnamed",
    "refused",
];

/// Reads the block whose name is line `start` of `lines`, which end with it.
pub(super) fn read(path: &Path, lines: &[String], start: usize) -> Result<Block, CorpusError> {
    let wrong = |line| move |why: String| CorpusError::at_line(path, line, why);
    let name = lines.get(start).and_then(|line| line.strip_prefix("=="));
    let name = name.unwrap_or_default().trim();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(good) {
        let why = "a block's name is made of a-z, 0-9 and `-`".to_owned();
        return Err(wrong(start)(why));
    }
    let (keys, code_start) = keys(lines, start + 1);
    let mut block = Block {
        name: name.to_owned(),
        file: path.to_path_buf(),
        line: start + 1,
        target: DEFAULT_TARGET.to_owned(),
        ..Block::default()
    };
    for (i, (line, key, text)) in keys.iter().enumerate() {
        if keys[..i].iter().any(|(_, other, _)| other == key) {
            return Err(wrong(*line)(format!("a second `{key}`")));
        }
        block.take_key(key, text).map_err(wrong(*line))?;
    }
    let code = lines.get(code_start..).unwrap_or_default().join("\n");
    block.code = code.trim_start_matches('\n').trim_end().to_owned() + "\n";
    let why = match (block.code.trim(), block.proves.as_str()) {
        ("", _) => "has no C text",
        (_, "") => "has no key `proves`",
        _ => return Ok(block),
    };
    Err(wrong(start)(format!("block `{name}` {why}")))
}

/// Returns the keys from line `at` on, each with its line and its text, and the line after them.
fn keys(lines: &[String], mut at: usize) -> (Vec<(usize, &str, String)>, usize) {
    let mut keys: Vec<(usize, &str, String)> = Vec::new();
    while let Some(line) = lines.get(at) {
        match keys.last_mut() {
            Some((.., text)) if line.starts_with([' ', '\t']) => {
                *text += " ";
                *text += line.trim();
            }
            _ if key_of(line).is_some() => keys.extend(entries(line).map(|entry| {
                let (key, text) = entry.split_once(':').unwrap_or((entry, ""));
                (at, key, text.trim().to_owned())
            })),
            _ => break,
        }
        at += 1;
    }
    (keys, at)
}

/// Returns the items of a list with commas.
fn items(text: &str) -> Vec<String> {
    let items = text.split(',').map(|item| item.trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

impl Block {
    fn take_key(&mut self, key: &str, text: &str) -> Result<(), String> {
        match key {
            "proves" => text.clone_into(&mut self.proves),
            "target" => text.clone_into(&mut self.target),
            "kills" => self.kills = items(text),
            "compilers" => self.take_references(text)?,
            "unnamed" => self.unnamed = Some(text.to_owned()),
            "refused" => self.refused = Some(text.to_owned()),
            "policy" => {
                self.policy = match Profile::named(text) {
                    None if text != "default" => {
                        let known: Vec<String> =
                            Profile::MEASURED.iter().map(ToString::to_string).collect();
                        let known = known.join(", ");
                        return Err(format!("unknown profile `{text}`; known: default, {known}"));
                    }
                    profile => profile,
                }
            }
            "features" => {
                self.features = items(text);
                let is_level = |feature: &&String| matches!(feature.as_str(), "avx" | "avx512f");
                if let Some(feature) = self.features.iter().find(|feature| !is_level(feature)) {
                    return Err(format!("unknown level `{feature}`; known: avx, avx512f"));
                }
            }
            other => return Err(format!("unknown key `{other}`")),
        }
        Ok(())
    }

    /// Takes names of compilers and capabilities, and the reason in parentheses after them.
    fn take_references(&mut self, text: &str) -> Result<(), String> {
        let (names, reason) = match text.split_once('(') {
            Some((names, reason)) => (names, Some(reason.trim_end())),
            None => (text, None),
        };
        self.references_reason = match reason.map(|reason| reason.strip_suffix(')')) {
            Some(None) => return Err("the reason in `compilers` has no `)`".to_owned()),
            reason => reason.flatten().map(str::to_owned),
        };
        self.references = items(names);
        let is_known = |name: &&String| {
            Capability::named(name).is_some() || KNOWN_REFERENCES.contains(&name.as_str())
        };
        match self.references.iter().find(|name| !is_known(name)) {
            Some(name) => Err(format!("unknown compiler or capability `{name}`")),
            None => Ok(()),
        }
    }
}

/// Returns the key that `text` starts with: letters before a colon and a space.
fn key_of(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase());
    (word && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}

/// Cuts a line of keys before each known key that two spaces or more precede.
fn entries(line: &str) -> impl Iterator<Item = &str> {
    let is_key = |at: &usize| key_of(&line[*at..]).is_some_and(|key| KEYS.contains(&key));
    let after_gaps = line.char_indices().map(|(at, _)| at);
    let after_gaps = after_gaps.filter(|at| line[..*at].ends_with("  "));
    let starts: Vec<usize> = after_gaps.filter(is_key).collect();
    let ends = starts.clone().into_iter().chain([line.len()]);
    let starts = [0].into_iter().chain(starts);
    starts.zip(ends).map(|(start, end)| &line[start..end])
}
