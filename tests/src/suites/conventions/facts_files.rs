//! Facts that are kept, `tests/facts/<convention>/<compiler>.txt`. The suites `conventions`,
//! `probe` and `layout` measure them where the compiler is, and the suite `facts` compares them
//! where it is not. The values of C-SKY and XCore, which nothing here runs, were read once in
//! LLVM's machine code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cabi_verify::facts::Facts;
use cabi_verify::probe::CaseFacts;
use cabi_verify::question::Question;
use cabi_verify::verdict::Fault;

use super::observer::CompiledQuestions;
use super::{DrawnQuestions, Engine, PRINTED};
use crate::golden_text::{held, same};
use crate::suite::{Result, Suite, is_blessed};

/// Seed of the signatures of which the first are kept ([`Machine::stored`]).
///
/// [`Machine::stored`]: super::machines::Machine::stored
pub(super) const SEED: u64 = 1;

/// Prefix of the line with the names of the cases that the compiler refuses, or does not get. The
/// line goes on with a hash of the names, a colon and the names.
const REFUSED: &str = "# refused ";

/// Prefix of the reason why a case has no facts.
const ENDED: &str = "ended: ";

/// A file of facts.
#[derive(Clone)]
pub(in crate::suites) struct FactsFile {
    /// The first line, without its `# `: the compiler's version.
    version: String,
    /// Names of the cases that the compiler refuses, or does not get.
    refused: BTreeSet<String>,
    /// By the names of cases the hash of each one's text and lines, and its lines.
    cases: BTreeMap<String, (String, String)>,
}

/// Returns the folder `tests/facts`.
pub(in crate::suites) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("facts")
}

/// Returns a hash (FNV-1a) of a case's text, types and all, and of its lines.
fn hash(text: &str, lines: &str) -> String {
    let hash = text.bytes().chain(lines.bytes());
    let hash = hash.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

impl FactsFile {
    fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path);
        let stored = text.map_err(|why| why.to_string());
        let stored = stored.and_then(|text| Self::parse(&text));
        stored.map_err(|why| format!("{}: {why}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (version, rest) = text.split_once('\n').unwrap_or((text, ""));
        let first = rest.lines().next();
        let refused = first.and_then(|line| line.strip_prefix(REFUSED)?.split_once(':'));
        let refused = match refused {
            Some((stored, names)) if stored == hash(names, "") => names,
            Some(_) => return Err("the refused cases are not those that were measured".to_owned()),
            None => "",
        };
        let refused = refused.split_whitespace();
        let cases = rest.split("== ").skip(1).map(|case| {
            let (head, lines) = case.split_once('\n')?;
            let (name, hash) = head.split_once(' ')?;
            Some((name.to_owned(), (hash.to_owned(), lines.to_owned())))
        });
        let cases = cases.collect::<Option<_>>();
        Ok(Self {
            version: version.trim_start_matches("# ").to_owned(),
            refused: refused.map(str::to_owned).collect(),
            cases: cases.ok_or("this is not a file of facts")?,
        })
    }

    /// Checks whether `now` has the same facts; the error has the first cases with others.
    fn holds(&self, now: &Self) -> Result<(), String> {
        let names: BTreeSet<_> = self.cases.keys().chain(now.cases.keys()).collect();
        let text = |of: &Self, name| match of.cases.get(name) {
            Some((hash, lines)) => format!("{hash}\n{lines}"),
            None => String::new(),
        };
        let changed = names.into_iter().filter_map(|name| {
            let why = same(&text(self, name), &text(now, name)).err()?;
            Some(format!("case {name}: {why}"))
        });
        let changed: Vec<String> = changed.collect();
        match changed.len() {
            0 if self.refused == now.refused => Ok(()),
            0 => Err(format!(
                "refused cases: {:?}, stored: {:?}",
                now.refused, self.refused
            )),
            n => Err(format!(
                "{n} cases:\n{}",
                changed[..n.min(PRINTED)].join("\n")
            )),
        }
    }

    /// Returns the text of a file. It has the compiler's version, the names of cases that are
    /// refused, and the name, the hash and the lines of each other case. `cases` have a name, a
    /// text, and lines unless the case is refused.
    pub(in crate::suites) fn text<'t>(
        version: &str,
        cases: impl Iterator<Item = (&'t str, &'t str, Option<String>)>,
    ) -> String {
        let (mut refused, mut rows) = (String::new(), String::new());
        for (name, text, lines) in cases {
            let _ = match lines {
                Some(lines) => write!(rows, "== {name} {}\n{lines}", hash(text, &lines)),
                None => write!(refused, " {name}"),
            };
        }
        if !refused.is_empty() {
            refused = format!("{REFUSED}{}:{refused}\n", hash(&refused, ""));
        }
        format!("# {version}\n{refused}{rows}")
    }

    /// Reports whether the file at `path` has the facts of `text`, if they are of the same version
    /// of the compiler.
    pub(in crate::suites) fn hold(
        path: &Path,
        text: &str,
        engine: &str,
        suite: &mut Suite,
    ) -> Result<()> {
        if is_blessed() {
            held(path, text)?;
        }
        let (stored, now) = (Self::read(path)?, Self::parse(text)?);
        let (old, version) = (&stored.version, &now.version);
        if old == version {
            let outcome = stored.holds(&now);
            suite.report.outcome(engine, "facts", outcome);
        } else {
            let why = format!("the stored facts are of {old}, the compiler is {version}");
            suite.report.absent(engine, &why);
        }
        Ok(())
    }

    /// Returns the lines of `cases`, each with its name and its text; `None` for one that
    /// the compiler refuses.
    ///
    /// # Errors
    /// The file lacks a case, has one with another text or other lines than were measured, or has
    /// one that is not among `cases`.
    fn lines<'t>(
        mut self,
        cases: impl Iterator<Item = (&'t str, &'t str)>,
    ) -> Result<Vec<Option<String>>, String> {
        let line = |(name, text): (&str, &str)| match self.cases.remove(name) {
            Some((stored, lines)) if stored == hash(text, &lines) => Ok(Some(lines)),
            Some(_) => Err(format!(
                "case {name} was measured with another text or other facts; measure again: CABI_BLESS=1 cargo test -p cabi-tests --test suites -- conventions probe layout"
            )),
            None if self.refused.remove(name) => Ok(None),
            None => Err(format!("case {name} is missing")),
        };
        let lines = cases.map(line).collect::<Result<_, _>>()?;
        let unused = self.cases.keys().chain(&self.refused);
        let unused: Vec<&str> = unused.map(String::as_str).collect();
        match unused.first() {
            None => Ok(lines),
            Some(first) => Err(format!(
                "{} cases of the file are unused, the first is {first}",
                unused.len()
            )),
        }
    }

    /// Reads the file at `path`. Returns the lines of `cases`, as [`lines`](Self::lines)
    /// does. The file without a case, and without the last word of one, must be noticed.
    pub(in crate::suites) fn compared_lines<'t>(
        path: &Path,
        cases: impl Iterator<Item = (&'t str, &'t str)> + Clone,
        engine: &str,
        suite: &mut Suite,
    ) -> Result<Vec<Option<String>>> {
        let stored = Self::read(path)?;
        suite.report.note(format!("{engine}: {}", stored.version));
        let (mut shortened, mut altered) = (stored.clone(), stored.clone());
        shortened.cases.pop_first();
        for (_, lines) in altered.cases.values_mut().take(1) {
            let end = lines.trim_end().rfind([' ', '\n']).unwrap_or(0);
            lines.truncate(end);
        }
        let controls = [
            ("a word left out of a new file", stored.holds(&altered)),
            ("a word left out", altered.lines(cases.clone()).map(drop)),
            ("a case left out", shortened.lines(cases.clone()).map(drop)),
        ];
        for (what, outcome) in controls {
            let control = format!("{engine} control");
            (suite.report).check(&control, what, outcome.is_err(), "was not noticed");
        }
        let lines = stored.lines(cases);
        Ok(lines.map_err(|why| format!("{}: {why}", path.display()))?)
    }
}

impl CompiledQuestions {
    /// Takes questions with their facts; the compiler refuses one without.
    fn of(questions: impl Iterator<Item = (Question, Option<CaseFacts>)>) -> Self {
        let mut compiled = Self::default();
        for (question, facts) in questions {
            let number = question.number();
            match facts {
                Some(facts) => {
                    compiled.facts.insert(number, facts);
                    compiled.questions.push(question);
                }
                None => drop(compiled.refused.insert(number)),
            }
        }
        compiled
    }
}

impl Engine<'_> {
    pub(super) fn stored_at(&self) -> PathBuf {
        let file = format!("{}.txt", self.compiler.name);
        folder().join(self.machine.facts).join(file)
    }

    /// Reports whether the file of this compiler has the measured `facts` of its questions.
    pub(super) fn hold<'f>(
        &self,
        version: &str,
        facts: impl Fn(&Question) -> Option<&'f CaseFacts>,
        suite: &mut Suite,
    ) -> Result<()> {
        let questions = DrawnQuestions::with_directed(self, (SEED, self.machine.stored)).questions;
        let cases = questions.iter().map(|question| {
            let lines = facts(question).map(|facts| match facts {
                Ok(facts) => facts.to_stored(),
                Err(why) => format!("{ENDED}{why}\n"),
            });
            (&*question.name, &*question.text, lines)
        });
        let text = FactsFile::text(version, cases);
        FactsFile::hold(&self.stored_at(), &text, &self.name, suite)
    }

    pub(super) fn check_stored(&self, suite: &mut Suite) -> Result<()> {
        let drawn = DrawnQuestions::with_directed(self, (SEED, self.machine.stored));
        let cases = drawn.questions.iter();
        let cases = cases.map(|question| (&*question.name, &*question.text));
        let lines = FactsFile::compared_lines(&self.stored_at(), cases, &self.name, suite)?;
        let facts = lines.iter().map(|lines| {
            let lines = lines.as_ref()?;
            Some(match lines.strip_prefix(ENDED) {
                Some(why) => Err(Fault::from(why.trim_end().to_owned())),
                None => Facts::of_stored(lines).map_err(Fault::from),
            })
        });
        let compiled = CompiledQuestions::of(drawn.questions.into_iter().zip(facts));
        let placed = self.placed(&compiled)?;
        // The suite `conventions` checks this for the others, whose files have a part of the cases.
        if self.machine.runs.is_none() {
            self.shapes(&placed, suite)?;
        }
        let agreed = self.agreeing(&compiled, placed, &drawn.refused, suite);
        self.control(&compiled, &agreed, suite);
        Ok(())
    }
}
