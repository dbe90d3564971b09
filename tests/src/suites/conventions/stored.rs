//! Facts that are kept, `tests/facts/<convention>/<compiler>.txt`: the suite `conventions` measures
//! them where the compiler is, and the suite `facts` judges them where it is not. The values of
//! C-SKY and XCore, which nothing here runs, were read once in LLVM's machine code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cabi_verify::facts::Facts;
use cabi_verify::probe::Observed as CaseFacts;
use cabi_verify::question::Question;

use super::observer::Compiled;
use super::{DIRECTED, Drawn, Engine, PRINTED};
use crate::kept::{held, same};
use crate::suite::{Result, Suite, is_blessed};

/// Seed of the signatures of which the first are kept ([`Machine::stored`]).
///
/// [`Machine::stored`]: super::machines::Machine::stored
pub(super) const SEED: u64 = 1;

/// Prefix of the line with the numbers of the cases that the compiler refuses.
const REFUSED: &str = "# refused:";

/// Prefix of the reason why a case has no facts.
const ENDED: &str = "ended: ";

/// A file of facts.
#[derive(Clone)]
pub(in crate::suites) struct Stored {
    /// The first line, without its `# `: the compiler's version.
    pub(super) version: String,
    /// Numbers of the cases that the compiler refuses.
    refused: BTreeSet<usize>,
    /// By the numbers of cases, or their names in the corpus, the hash of each one's text and its
    /// facts.
    pub(super) cases: BTreeMap<String, (String, CaseFacts)>,
}

/// The folder `tests/facts`.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("facts")
}

/// Returns a hash (FNV-1a) of a case's text, types and all.
pub(super) fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

impl Stored {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path);
        let stored = text.map_err(|why| why.to_string());
        let stored = stored.and_then(|text| Self::parse(&text));
        stored.map_err(|why| format!("{}: {why}", path.display()))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (version, rest) = text.split_once('\n').unwrap_or((text, ""));
        let refused = rest
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(REFUSED));
        let refused = refused.unwrap_or_default().split_whitespace();
        let refused = refused.map(str::parse).collect::<Result<_, _>>();
        let cases = rest.split("== ").skip(1).map(|case| {
            let (head, lines) = case.split_once('\n')?;
            let (number, hash) = head.split_once(' ')?;
            let facts = match lines.strip_prefix(ENDED) {
                Some(why) => Err(why.trim_end().to_owned()),
                None => Facts::of_stored(lines),
            };
            Some((number.to_owned(), (hash.to_owned(), facts)))
        });
        let cases = cases.collect::<Option<_>>();
        Ok(Self {
            version: version.trim_start_matches("# ").to_owned(),
            refused: refused.map_err(|why| format!("{REFUSED} {why}"))?,
            cases: cases.ok_or("it is no file of facts")?,
        })
    }

    /// Checks whether `now` has the same facts; the error has the first cases with others.
    pub(super) fn holds(&self, now: &Self) -> Result<(), String> {
        let numbers: BTreeSet<_> = self.cases.keys().chain(now.cases.keys()).collect();
        let text = |of: &Self, number| match of.cases.get(number) {
            Some((hash, Ok(facts))) => format!("{hash}\n{facts}"),
            Some((hash, Err(why))) => format!("{hash}\n{ENDED}{why}\n"),
            None => String::new(),
        };
        let changed = numbers.into_iter().filter_map(|number| {
            let why = same(&text(self, number), &text(now, number)).err()?;
            Some(format!("case {number}: {why}"))
        });
        let changed: Vec<String> = changed.collect();
        match changed.len() {
            0 if self.refused == now.refused => Ok(()),
            0 => Err(format!(
                "refused are {:?}, kept {:?}",
                now.refused, self.refused
            )),
            n => Err(format!(
                "{n} cases:\n{}",
                changed[..n.min(PRINTED)].join("\n")
            )),
        }
    }

    /// The same, with an argument left out of a case.
    fn altered(mut self) -> Self {
        let mut cases = self.cases.values_mut();
        let facts = cases.find_map(|(_, facts)| facts.as_mut().ok());
        facts.map(|facts| facts.callee.args.pop());
        self
    }

    /// The same, without its first case.
    fn shortened(mut self) -> Self {
        self.cases.pop_first();
        self
    }

    /// Returns the text of a file: the version of the compiler, the numbers of cases that it
    /// refuses, and of each other case the number or name, the hash and the facts.
    pub(in crate::suites) fn text<'f>(
        version: &str,
        refused: &[usize],
        cases: impl Iterator<Item = (String, String, Option<&'f CaseFacts>)>,
    ) -> String {
        let mut text = format!("# {version}\n");
        if !refused.is_empty() {
            let refused: String = refused.iter().map(|number| format!(" {number}")).collect();
            let _ = writeln!(text, "{REFUSED}{refused}");
        }
        for (name, hash, facts) in cases {
            let _ = writeln!(text, "== {name} {hash}");
            let _ = match facts {
                Some(Ok(facts)) => write!(text, "{}", facts.to_stored()),
                Some(Err(why)) => writeln!(text, "{ENDED}{why}"),
                None => Ok(()),
            };
        }
        text
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
        let (kept, version) = (&stored.version, &now.version);
        if kept == version {
            let outcome = stored.holds(&now);
            suite.report.outcome(engine, "facts", outcome);
        } else {
            let why = format!("facts are stored of {kept}, this is {version}");
            suite.report.absent(engine, &why);
        }
        Ok(())
    }

    /// The questions that the compiler took, with their facts.
    ///
    /// # Errors
    /// A question that the file does not have, or has with another text.
    fn compiled(mut self, questions: Vec<Question>) -> Result<Compiled, String> {
        let mut compiled = Compiled::default();
        for question in questions {
            let number = question.number();
            let Some((kept, facts)) = self.cases.remove(&number.to_string()) else {
                match self.refused.remove(&number) {
                    true => drop(compiled.refused.insert(number)),
                    false => return Err(format!("case {number}, {}, is missing", question.sig)),
                }
                continue;
            };
            if hash(&question.text) != kept {
                return Err(format!(
                    "case {number}, {}, has another text than the file's: CABI_BLESS=1 cargo test -p cabi-tests --test suites -- conventions",
                    question.sig
                ));
            }
            compiled.facts.insert(number, facts);
            compiled.questions.push(question);
        }
        match self.cases.len() + self.refused.len() {
            0 => Ok(compiled),
            n => Err(format!("the file has {n} cases that are not drawn")),
        }
    }
}

impl Compiled {
    /// Returns the text of a file with the facts of the first `n`, and of those that are not drawn.
    pub(super) fn stored(&self, version: &str, n: u64) -> String {
        let is_stored = |number: usize| number >= DIRECTED || (number as u64) < n;
        let refused = self.refused.iter().copied();
        let refused: Vec<usize> = refused.filter(|number| is_stored(*number)).collect();
        let questions = self.questions.iter();
        let questions = questions.filter(|one| is_stored(one.number()));
        let cases = questions.map(|one| {
            let facts = self.facts.get(&one.number());
            (one.number().to_string(), hash(&one.text), facts)
        });
        Stored::text(version, &refused, cases)
    }
}

impl Engine<'_> {
    pub(super) fn stored_at(&self) -> PathBuf {
        let file = format!("{}.txt", self.compiler.name);
        folder().join(self.machine.facts).join(file)
    }

    pub(super) fn judge_stored(&self, suite: &mut Suite) -> Result<()> {
        let drawn = Drawn::with_directed(self, (SEED, self.machine.stored));
        let path = self.stored_at();
        let stored = Stored::read(&path)?;
        self.note(&stored.version, suite);
        let shortened = stored.clone().shortened();
        let shortened = shortened.compiled(drawn.questions.clone());
        let controls = [
            (
                "an argument left out",
                stored.holds(&stored.clone().altered()),
            ),
            ("a case left out", shortened.map(drop)),
        ];
        for (what, outcome) in controls {
            let noticed = outcome.err().map(drop).ok_or("was not noticed".to_owned());
            self.of_control(what, noticed, suite);
        }
        let compiled = stored.compiled(drawn.questions);
        let compiled = compiled.map_err(|why| format!("{}: {why}", path.display()))?;
        let placed = self.placed(&compiled)?;
        // The suite `conventions` asks this of the others, whose files have a part of the cases.
        if self.machine.runs.is_none() {
            self.shapes(&placed, suite)?;
        }
        let agreed = self.judge(&compiled, placed, &drawn.refused, suite);
        self.control(&compiled, &agreed, suite);
        Ok(())
    }
}
