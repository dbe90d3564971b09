//! Facts that are kept, `tests/facts/<convention>/<compiler>.txt`: the suite `conventions` measures
//! them where the compiler is, and the suite `facts` judges them where it is not. The values of
//! C-SKY and XCore, which nothing here runs, were read once in LLVM's machine code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cabi_verify::facts::Facts;
use cabi_verify::probe::Observed as CaseFacts;
use cabi_verify::question::Question;

use super::machines;
use super::observer::Compiled;
use super::{DIRECTED, Drawn, Engine, PRINTED};
use crate::kept::same;
use crate::suite::{Result, Suite};

/// Seed of the signatures of which the first are kept ([`Machine::stored`]).
///
/// [`Machine::stored`]: super::machines::Machine::stored
pub(super) const SEED: u64 = 1;

/// Prefix of the line with the numbers of the cases that the compiler refuses.
const REFUSED: &str = "# refused:";

/// Prefix of the reason why a case has no facts.
const ENDED: &str = "ended: ";

/// A file of facts.
pub(super) struct Stored {
    /// The first line, without its `# `: the compiler's version.
    pub(super) version: String,
    /// Numbers of the cases that the compiler refuses.
    refused: BTreeSet<usize>,
    /// By the numbers of cases, the hash of each one's text and its facts.
    cases: BTreeMap<usize, (String, CaseFacts)>,
}

/// The suite `facts`: no compiler is asked, and nothing runs.
pub(in crate::suites) fn run(suite: &mut Suite) -> Result<()> {
    let machines = machines::all()?;
    let engines: Vec<Engine<'_>> = Engine::all("facts", &machines)
        .filter(|one| suite.wants(&one.name))
        .collect();
    suite.each(&engines, Engine::judge_stored)?;
    if suite.only.is_none() {
        let unused = unused_files(&engines)?;
        let why = format!("no compiler of the suite has {}", unused.join(", "));
        suite.report.check("facts", "files", unused.is_empty(), why);
        let is_noticed = !unused_files(&engines[1..])?.is_empty();
        (suite.report).check(
            "facts control",
            "a file without a row",
            is_noticed,
            "it is not",
        );
    }
    Ok(())
}

/// Returns the files of facts that belong to none of `engines`.
fn unused_files(engines: &[Engine<'_>]) -> Result<Vec<String>> {
    let used: BTreeSet<PathBuf> = engines.iter().map(Engine::stored_at).collect();
    let mut unused = Vec::new();
    for folder in std::fs::read_dir(folder())? {
        for file in std::fs::read_dir(folder?.path())? {
            let path = file?.path();
            if !used.contains(&path) {
                unused.push(path.display().to_string());
            }
        }
    }
    Ok(unused)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("facts")
}

/// Returns a hash (FNV-1a) of the text, types and all.
fn hash(question: &Question) -> String {
    let hash = (question.text.bytes()).fold(0x811c_9dc5_u32, |hash, byte| {
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
            Some((number.parse().ok()?, (hash.to_owned(), facts)))
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

    /// The facts of the first `n` of `compiled`, and of those that are not drawn, as text.
    pub(super) fn text(version: &str, compiled: &Compiled, n: u64) -> String {
        let is_stored = |number: usize| number >= DIRECTED || (number as u64) < n;
        let mut text = format!("# {version}\n");
        let refused = compiled.refused.iter().filter(|number| is_stored(**number));
        let refused: String = refused.map(|number| format!(" {number}")).collect();
        if !refused.is_empty() {
            let _ = writeln!(text, "{REFUSED}{refused}");
        }
        let stored = |one: &&Question| is_stored(one.number());
        for question in compiled.questions.iter().filter(stored) {
            let facts = compiled.facts.get(&question.number());
            let _ = writeln!(text, "== {} {}", question.number(), hash(question));
            let _ = match facts {
                Some(Ok(facts)) => write!(text, "{}", facts.to_stored()),
                Some(Err(why)) => writeln!(text, "{ENDED}{why}"),
                None => Ok(()),
            };
        }
        text
    }

    /// The questions that the compiler took, with their facts.
    ///
    /// # Errors
    /// A question that the file does not have, or has with another text.
    fn compiled(mut self, questions: Vec<Question>) -> Result<Compiled, String> {
        let mut compiled = Compiled::default();
        for question in questions {
            let number = question.number();
            let Some((kept, facts)) = self.cases.remove(&number) else {
                match self.refused.remove(&number) {
                    true => drop(compiled.refused.insert(number)),
                    false => return Err(format!("case {number}, {}, is missing", question.sig)),
                }
                continue;
            };
            if hash(&question) != kept {
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

impl Engine<'_> {
    pub(super) fn stored_at(&self) -> PathBuf {
        let file = format!("{}.txt", self.compiler.name);
        folder().join(self.machine.facts).join(file)
    }

    fn judge_stored(&self, suite: &mut Suite) -> Result<()> {
        let drawn = Drawn::with_directed(self, (SEED, self.machine.stored));
        let path = self.stored_at();
        let read = || Stored::read(&path);
        let stored = read()?;
        self.note(&stored.version, suite);
        let shortened = read()?.shortened().compiled(drawn.questions.clone());
        let controls = [
            ("an argument left out", stored.holds(&read()?.altered())),
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
