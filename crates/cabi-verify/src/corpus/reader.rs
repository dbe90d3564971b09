//! One block of an `.abi` file: its name, keys, C text and expected lines, read line by line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::{Block, CorpusError, DEFAULT_TARGET, Profile, syntax};

/// Reads the lines `at..end` as one block.
pub(super) struct BlockReader<'a> {
    pub(super) path: &'a Path,
    pub(super) lines: &'a [String],
    pub(super) at: usize,
    pub(super) end: usize,
}

const KEYS: [&str; 7] = [
    "proves",
    "target",
    "kills",
    "compilers",
    "policy",
    "features",
    "unnamed",
];

impl BlockReader<'_> {
    pub(super) fn read(mut self) -> Result<Block, CorpusError> {
        let start = self.at;
        let name = self.name()?;
        self.at += 1;
        let keys = self.keys()?;
        let code_start = self.at;
        let (code, span, expected) = self.code_and_expected(&name)?;
        let take = |key: &str| keys.get(key).map(|(_, text)| text.clone());
        let list = |key: &str| {
            let text = take(key).unwrap_or_default();
            let items = text.split(',').map(|item| item.trim().to_owned());
            items.filter(|item| !item.is_empty()).collect::<Vec<_>>()
        };
        let proves = take("proves").unwrap_or_default();
        if proves.is_empty() {
            return self.wrong(
                start,
                format!("block `{name}` does not say what it `proves`"),
            );
        }
        let (references, references_reason) = self.references(&keys)?;
        Ok(Block {
            name,
            file: self.path.to_path_buf(),
            line: start + 1,
            proves,
            target: take("target").unwrap_or_else(|| DEFAULT_TARGET.to_owned()),
            kills: list("kills"),
            references,
            references_reason,
            policy: self.profile(&keys)?,
            features: self.features(&keys, list("features"))?,
            unnamed: take("unnamed"),
            code,
            code_line: code_start + 1,
            expected,
            span,
        })
    }

    fn wrong<T>(&self, line_idx: usize, why: impl Into<String>) -> Result<T, CorpusError> {
        Err(syntax(self.path, line_idx, why))
    }

    fn line(&self) -> Option<&str> {
        let line = if self.at < self.end {
            self.lines.get(self.at)
        } else {
            None
        };
        line.map(String::as_str)
    }

    fn name(&self) -> Result<String, CorpusError> {
        let name = self
            .line()
            .and_then(|line| line.strip_prefix("=="))
            .unwrap_or_default()
            .trim();
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(good) {
            return self.wrong(self.at, "a block's name is made of a-z, 0-9 and `-`");
        }
        Ok(name.to_owned())
    }

    /// The keys from here on, each with its line; leaves `at` at the C text.
    fn keys(&mut self) -> Result<BTreeMap<&'static str, (usize, String)>, CorpusError> {
        let mut keys: BTreeMap<&'static str, (usize, String)> = BTreeMap::new();
        let mut last = None;
        while let Some(line) = self.line() {
            if line.starts_with([' ', '\t']) {
                let Some((_, text)) = last.and_then(|key| keys.get_mut(key)) else {
                    break;
                };
                text.push(' ');
                text.push_str(line.trim());
            } else if key_of(line).is_some() {
                for entry in entries(line) {
                    let key = key_of(entry).unwrap_or_default();
                    let Some(known) = KEYS.iter().find(|known| **known == key) else {
                        return self.wrong(self.at, format!("unknown key `{key}`"));
                    };
                    let text = entry
                        .get(key.len() + 1..)
                        .unwrap_or_default()
                        .trim()
                        .to_owned();
                    if keys.insert(known, (self.at, text)).is_some() {
                        return self.wrong(self.at, format!("a second `{key}`"));
                    }
                    last = Some(known);
                }
            } else {
                break;
            }
            self.at += 1;
        }
        Ok(keys)
    }

    fn code_and_expected(
        &mut self,
        name: &str,
    ) -> Result<(String, Range<usize>, Vec<String>), CorpusError> {
        let mut code = String::new();
        let mut expected = Vec::new();
        let mut span: Option<Range<usize>> = None;
        let mut code_end = self.at;
        while let Some(line) = self.line() {
            let next = self.at + 1;
            if let Some(text) = line.strip_prefix('>') {
                expected.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
                match &mut span {
                    Some(span) if span.end != self.at => {
                        return self.wrong(self.at, "a gap between expected lines");
                    }
                    Some(span) => span.end = next,
                    None => span = Some(self.at..next),
                }
            } else if !line.trim().is_empty() {
                if span.is_some() {
                    return self.wrong(self.at, "C text after the expected lines");
                }
                code.push_str(line);
                code.push('\n');
                code_end = next;
            } else if span.is_none() && !code.is_empty() {
                code.push('\n');
            }
            self.at = next;
        }
        if code.trim().is_empty() {
            return self.wrong(
                code_end.saturating_sub(1),
                format!("block `{name}` has no C text"),
            );
        }
        let kept = code.trim_end().len();
        code.truncate(kept);
        code.push('\n');
        Ok((code, span.unwrap_or(code_end..code_end), expected))
    }

    fn references(
        &self,
        keys: &BTreeMap<&str, (usize, String)>,
    ) -> Result<(Vec<String>, Option<String>), CorpusError> {
        let Some((line, text)) = keys.get("compilers") else {
            return Ok((Vec::new(), None));
        };
        let (names, reason) = match text.split_once('(') {
            Some((names, reason)) => match reason.trim_end().strip_suffix(')') {
                Some(reason) => (names, Some(reason.to_owned())),
                None => {
                    return self.wrong(*line, "the reason in `compilers` is not closed");
                }
            },
            None => (text.as_str(), None),
        };
        let names: Vec<String> = names
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect();
        for name in &names {
            let capability = crate::corpus::capability::Capability::named(name).is_some();
            if !capability && !crate::corpus::capability::KNOWN_REFERENCES.contains(&name.as_str())
            {
                return self.wrong(
                    *line,
                    format!("`{name}` is neither a compiler nor a capability"),
                );
            }
        }
        Ok((names, reason))
    }

    fn profile(&self, keys: &BTreeMap<&str, (usize, String)>) -> Result<Profile, CorpusError> {
        match keys
            .get("policy")
            .map(|(line, text)| (*line, text.as_str()))
        {
            None | Some((_, "default")) => Ok(Profile::Default),
            Some((_, "gcc")) => Ok(Profile::Gcc),
            Some((_, "clang")) => Ok(Profile::Clang),
            Some((_, "zig")) => Ok(Profile::Zig),
            Some((line, other)) => self.wrong(
                line,
                format!("no profile is called `{other}`: default, gcc, clang, zig"),
            ),
        }
    }

    fn features(
        &self,
        keys: &BTreeMap<&str, (usize, String)>,
        list: Vec<String>,
    ) -> Result<Vec<String>, CorpusError> {
        for feature in &list {
            if !matches!(feature.as_str(), "avx" | "avx512f") {
                let line = keys.get("features").map_or(self.at, |(line, _)| *line);
                return self.wrong(
                    line,
                    format!("`{feature}` is no vector level: avx, avx512f"),
                );
            }
        }
        Ok(list)
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
    let mut cuts = vec![0];
    for (i, _) in line.match_indices("  ") {
        let text = line.get(i + 2..).unwrap_or_default();
        if key_of(text).is_some_and(|key| KEYS.contains(&key)) {
            cuts.push(i + 2);
        }
    }
    cuts.push(line.len());
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        if let [from, to] = *pair {
            out.push(line.get(from..to).unwrap_or_default());
        }
    }
    out
}
