//! The `.abi` corpus: C text, what it proves, and the lines that an explanation of it prints.
//!
//! ```text
//! # Comments stand before the first block.
//! == rollback-pair
//! proves: psABI 3.2.3, Passing: no register for one eightbyte, so all of it goes to the stack
//! target: x86_64-linux-gnu      kills: no-rollback
//! struct pair { long a, b; };
//! long f(long, long, long, long, long, struct pair p, long last);
//! > arg 0..4      Integer          rdi rsi rdx rcx r8
//! ```
//!
//! A block is a name, keys, C text and expected lines, in that order. A key's text goes on in indented lines; several keys may share a line
//! with two spaces or more between them:
//!
//! | key | meaning | default |
//! |---|---|---|
//! | `proves` | the rule, with its section; every block has one | |
//! | `target` | the triple | `x86_64-linux-gnu` |
//! | `kills` | mutations that must fail on this block | none |
//! | `judges` | judges that may be asked, or capabilities a judge must have, then the reason in parentheses | all |
//! | `policy` | the profile the expected lines are written under: `default`, `gcc`, `clang`, `zig` | `default` |
//! | `features` | vector levels of the signature: `avx`, `avx512f` | none |
//! | `convention` | `ms_abi`: the functions are declared with this attribute | the target's own |
//! | `unnamed` | the types of the unnamed arguments in a call of the variadic function declared | none |
//!
//! What the C text means is found out elsewhere (`case.rs`); this file knows the frame only, and rewrites the expected lines
//! ([`CorpusFile::bless`]) without touching anything else.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The triple of a block that names none.
pub const DEFAULT_TARGET: &str = "x86_64-linux-gnu";

/// One `.abi` file.
#[derive(Clone, Debug)]
pub struct CorpusFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its blocks in order.
    pub blocks: Vec<Block>,
    lines: Vec<String>,
}

/// One block of a file.
#[derive(Clone, Debug)]
pub struct Block {
    /// The name after `==`, unique in the corpus.
    pub name: String,
    /// The file it stands in.
    pub file: PathBuf,
    /// The line of its name, from 1.
    pub line: usize,
    /// The rule it proves, with its section.
    pub proves: String,
    /// The triple.
    pub target: String,
    /// Mutations that must fail on it.
    pub kills: Vec<String>,
    /// Names of judges or capabilities it is restricted to.
    pub judges: Vec<String>,
    /// Why it is restricted.
    pub judges_reason: Option<String>,
    /// The profile of the expected lines.
    pub policy: Profile,
    /// Vector levels of its signatures.
    pub features: Vec<String>,
    /// The convention its functions are declared with, by the name of its attribute.
    pub convention: Option<String>,
    /// The types of the unnamed arguments, as C spells them.
    pub unnamed: Option<String>,
    /// The C text.
    pub code: String,
    /// The line at which the C text starts, from 1.
    pub code_line: usize,
    /// The expected lines without their `> `.
    pub expected: Vec<String>,
    /// Which lines of the file, from 0, hold the expected text, or the place where it would stand.
    span: Range<usize>,
}

/// A policy profile by its name in the corpus.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Profile {
    /// What the target's compilers agree on, and gcc's way where they do not.
    #[default]
    Default,
    /// gcc's.
    Gcc,
    /// clang's.
    Clang,
    /// Zig's.
    Zig,
}

/// What is wrong with a corpus file.
#[derive(Debug)]
#[non_exhaustive]
pub enum CorpusError {
    /// A file or folder cannot be read or written.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Text that is not in the format.
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Syntax { file, line, why } => write!(f, "{}:{line}: {why}", file.display()),
        }
    }
}

impl std::error::Error for CorpusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Syntax { .. } => None,
        }
    }
}

/// Reads every `.abi` file of `folder`, in the order of their names, and checks that no two blocks share a name.
///
/// # Errors
/// [`CorpusError`] for a file that cannot be read or is not in the format.
pub fn read_folder(folder: &Path) -> Result<Vec<CorpusFile>, CorpusError> {
    let io = |source| CorpusError::Io {
        path: folder.to_path_buf(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|ext| ext == "abi") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut first_seen: BTreeMap<String, (PathBuf, usize)> = BTreeMap::new();
    let mut files = Vec::new();
    for path in paths {
        let file = CorpusFile::read(&path)?;
        for block in &file.blocks {
            let here = (path.clone(), block.line);
            if let Some((other, line)) = first_seen.insert(block.name.clone(), here) {
                return Err(CorpusError::Syntax {
                    file: path,
                    line: block.line,
                    why: format!(
                        "`{}` is also the name of {}:{line}",
                        block.name,
                        other.display()
                    ),
                });
            }
        }
        files.push(file);
    }
    Ok(files)
}

impl CorpusFile {
    /// Reads one file.
    ///
    /// # Errors
    /// [`CorpusError`] if it cannot be read or is not in the format.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let text = std::fs::read_to_string(path).map_err(|source| CorpusError::Io {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads `text` as the content of the file `path`, which need not exist.
    ///
    /// # Errors
    /// [`CorpusError::Syntax`] naming the line.
    ///
    /// # Example
    /// ```
    /// use cabi_judge::corpus::CorpusFile;
    ///
    /// let text = "== one\nproves: psABI 3.2.3\nint f(int);\n> arg 0  Integer  rdi\n";
    /// let file = CorpusFile::parse("a.abi".as_ref(), text)?;
    /// assert_eq!(file.blocks[0].code, "int f(int);\n");
    /// assert_eq!(file.blocks[0].expected, ["arg 0  Integer  rdi"]);
    ///
    /// let refused = CorpusFile::parse("a.abi".as_ref(), "== one\nint f(int);\n").unwrap_err();
    /// assert_eq!(refused.to_string(), "a.abi:1: block `one` does not say what it `proves`");
    /// # Ok::<(), cabi_judge::corpus::CorpusError>(())
    /// ```
    pub fn parse(path: &Path, text: &str) -> Result<Self, CorpusError> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut starts: Vec<usize> = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            if line.starts_with("==") {
                starts.push(i);
            } else if starts.is_empty() && !line.trim().is_empty() && !line.starts_with('#') {
                return Err(syntax(
                    path,
                    i,
                    "text before the first block; comments start with `#`",
                ));
            }
        }
        let mut blocks: Vec<Block> = Vec::new();
        for (n, &start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(lines.len());
            let block = BlockReader {
                path,
                lines: &lines,
                at: start,
                end,
            }
            .read()?;
            if let Some(other) = blocks.iter().find(|other| other.name == block.name) {
                let why = format!(
                    "`{}` is also the name of the block in line {}",
                    block.name, other.line
                );
                return Err(syntax(path, start, why));
            }
            blocks.push(block);
        }
        Ok(Self {
            path: path.to_path_buf(),
            blocks,
            lines,
        })
    }

    /// The file's text with the expected lines of the blocks named in `texts` replaced; all else stays as it is.
    #[must_use]
    pub fn blessed(&self, texts: &BTreeMap<String, Vec<String>>) -> String {
        let mut out = String::new();
        let mut at = 0;
        let copy = |out: &mut String, range: Range<usize>| {
            for line in self.lines.get(range).unwrap_or_default() {
                out.push_str(line);
                out.push('\n');
            }
        };
        for block in &self.blocks {
            copy(&mut out, at..block.span.start);
            match texts.get(&block.name) {
                Some(text) => {
                    for line in text {
                        out.push_str(format!("> {line}").trim_end());
                        out.push('\n');
                    }
                }
                None => copy(&mut out, block.span.clone()),
            }
            at = block.span.end;
        }
        copy(&mut out, at..self.lines.len());
        out
    }

    /// Writes [`CorpusFile::blessed`] to the file, if that changes it. Returns whether it did.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn bless(&self, texts: &BTreeMap<String, Vec<String>>) -> Result<bool, CorpusError> {
        let io = |source| CorpusError::Io {
            path: self.path.clone(),
            source,
        };
        let new = self.blessed(texts);
        if std::fs::read_to_string(&self.path).map_err(io)? == new {
            return Ok(false);
        }
        std::fs::write(&self.path, new).map_err(io)?;
        Ok(true)
    }
}

fn syntax(path: &Path, line_idx: usize, why: impl Into<String>) -> CorpusError {
    CorpusError::Syntax {
        file: path.to_path_buf(),
        line: line_idx + 1,
        why: why.into(),
    }
}

/// Reads the lines `at..end` as one block.
struct BlockReader<'a> {
    path: &'a Path,
    lines: &'a [String],
    at: usize,
    end: usize,
}

const KEYS: [&str; 8] = [
    "proves",
    "target",
    "kills",
    "judges",
    "policy",
    "features",
    "unnamed",
    "convention",
];

impl BlockReader<'_> {
    fn read(mut self) -> Result<Block, CorpusError> {
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
            return Err(syntax(
                self.path,
                start,
                format!("block `{name}` does not say what it `proves`"),
            ));
        }
        let (judges, judges_reason) = self.judges(&keys)?;
        Ok(Block {
            name,
            file: self.path.to_path_buf(),
            line: start + 1,
            proves,
            target: take("target").unwrap_or_else(|| DEFAULT_TARGET.to_owned()),
            kills: list("kills"),
            judges,
            judges_reason,
            policy: self.profile(&keys)?,
            features: self.features(&keys, list("features"))?,
            convention: self.convention(&keys)?,
            unnamed: take("unnamed"),
            code,
            code_line: code_start + 1,
            expected,
            span,
        })
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
            return Err(syntax(
                self.path,
                self.at,
                "a block's name is made of a-z, 0-9 and `-`",
            ));
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
                for piece in pieces(line) {
                    let key = key_of(piece).unwrap_or_default();
                    let Some(known) = KEYS.iter().find(|known| **known == key) else {
                        return Err(syntax(self.path, self.at, format!("unknown key `{key}`")));
                    };
                    let text = piece
                        .get(key.len() + 1..)
                        .unwrap_or_default()
                        .trim()
                        .to_owned();
                    if keys.insert(known, (self.at, text)).is_some() {
                        return Err(syntax(self.path, self.at, format!("a second `{key}`")));
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
                        return Err(syntax(self.path, self.at, "a gap between expected lines"));
                    }
                    Some(span) => span.end = next,
                    None => span = Some(self.at..next),
                }
            } else if !line.trim().is_empty() {
                if span.is_some() {
                    return Err(syntax(
                        self.path,
                        self.at,
                        "C text after the expected lines",
                    ));
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
            return Err(syntax(
                self.path,
                code_end.saturating_sub(1),
                format!("block `{name}` has no C text"),
            ));
        }
        let kept = code.trim_end().len();
        code.truncate(kept);
        code.push('\n');
        Ok((code, span.unwrap_or(code_end..code_end), expected))
    }

    fn judges(
        &self,
        keys: &BTreeMap<&str, (usize, String)>,
    ) -> Result<(Vec<String>, Option<String>), CorpusError> {
        let Some((line, text)) = keys.get("judges") else {
            return Ok((Vec::new(), None));
        };
        let (names, reason) = match text.split_once('(') {
            Some((names, reason)) => match reason.trim_end().strip_suffix(')') {
                Some(reason) => (names, Some(reason.to_owned())),
                None => {
                    return Err(syntax(
                        self.path,
                        *line,
                        "the reason in `judges` is not closed",
                    ));
                }
            },
            None => (text.as_str(), None),
        };
        let names: Vec<String> = names
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect();
        for name in &names {
            let capability = crate::judge::Capability::named(name).is_some();
            if !capability && !crate::judge::KNOWN_JUDGES.contains(&name.as_str()) {
                return Err(syntax(
                    self.path,
                    *line,
                    format!("`{name}` is neither a judge nor a capability"),
                ));
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
            Some((line, other)) => Err(syntax(
                self.path,
                line,
                format!("no profile is called `{other}`: default, gcc, clang, zig"),
            )),
        }
    }

    fn convention(
        &self,
        keys: &BTreeMap<&str, (usize, String)>,
    ) -> Result<Option<String>, CorpusError> {
        match keys.get("convention") {
            None => Ok(None),
            Some((_, name)) if name == "ms_abi" => Ok(Some(name.clone())),
            Some((line, other)) => {
                let why = format!("no convention is called `{other}`: ms_abi");
                Err(syntax(self.path, *line, why))
            }
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
                return Err(syntax(
                    self.path,
                    line,
                    format!("`{feature}` is no vector level: avx, avx512f"),
                ));
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
fn pieces(line: &str) -> Vec<&str> {
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
