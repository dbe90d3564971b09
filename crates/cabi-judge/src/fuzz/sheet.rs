//! Many signatures as one file of C: read through libclang at once, compiled at once.
//!
//! The names of signature `i` start with `r<i>_`. Which lines are its own is known, to a compiler as those of a file `r<i>`: so what libclang
//! or a compiler objects to costs that signature, and no other one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, Policy, Target, VectorLevel};
use cabi_header::{Header, HeaderError, Options, Prototype, Reason};

use super::copies::body;
use super::{Verdict, Who};
use crate::case::{Case, Subject};
use crate::corpus::Block;
use crate::ctext::CText;
use crate::generate::{Declared, Signature};
use crate::halves::FRAME;
use crate::layout::Table;

/// Signatures that were understood, and the verdicts on those that were not.
pub(super) struct Sheet {
    pub(super) entries: Vec<Entry>,
    /// One per signature; `None` for those that are entries.
    pub(super) verdicts: Vec<Option<Verdict>>,
}

/// A signature that was understood.
#[derive(Clone)]
pub(super) struct Entry {
    /// Its place in the list of signatures.
    pub(super) index: usize,
    case: Case,
    declared: Declared,
    /// Its types and the case, as layouts are asked.
    subject: Subject,
}

impl Entry {
    pub(super) fn case(&self) -> &Case {
        &self.case
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(super) fn into_case(self) -> Case {
        self.case
    }
}

impl Sheet {
    /// Reads `signatures`, for a judge of this policy whose vectors travel as `level` says.
    ///
    /// # Errors
    /// libclang is missing.
    pub(super) fn read(
        signatures: &[Signature],
        policy: Policy,
        level: VectorLevel,
    ) -> Result<Self, HeaderError> {
        let mut sheet = Self {
            entries: Vec::new(),
            verdicts: vec![None; signatures.len()],
        };
        let numbered: Vec<(usize, Declared)> = signatures
            .iter()
            .enumerate()
            .map(|(i, signature)| (i, signature.declared(&format!("r{i}_"))))
            .collect();
        sheet.read_some(&numbered, policy, level)?;
        sheet.entries.sort_by_key(|entry| entry.index);
        Ok(sheet)
    }

    fn read_some(
        &mut self,
        numbered: &[(usize, Declared)],
        policy: Policy,
        level: VectorLevel,
    ) -> Result<(), HeaderError> {
        let (mut text, mut lines) = (String::new(), Lines::default());
        for (i, declared) in numbered {
            let own = declarations(*i, declared);
            lines.add(*i, &own);
            text.push_str(&own);
        }
        let options = Options::new().name("random.c").arg("-std=gnu2x");
        let options = options.arg("--target=x86_64-linux-gnu");
        let read = catch_unwind(AssertUnwindSafe(|| {
            let header = cabi_header::parse(&text, &options)?;
            Ok(understood(numbered, header, &lines, policy, level))
        }));
        let verdict = match read {
            Ok(Ok(understood)) => {
                for (i, entry) in understood {
                    match entry {
                        Ok(entry) => self.entries.push(entry),
                        Err(verdict) => self.decide(i, verdict),
                    }
                }
                return Ok(());
            }
            Ok(Err(error @ HeaderError::Source { .. })) => Verdict::NotRun {
                who: Who::Libclang,
                why: error.to_string(),
            },
            Ok(Err(error)) => return Err(error),
            Err(_) => Verdict::Differs("panic: while it was read or classified".into()),
        };
        // An error that belongs to no declaration costs all, so the one whose it is has to be found.
        match numbered {
            [] => {}
            [(i, _)] => self.decide(*i, verdict),
            several => {
                let (left, right) = several.split_at(several.len() / 2);
                self.read_some(left, policy, level)?;
                self.read_some(right, policy, level)?;
            }
        }
        Ok(())
    }

    fn decide(&mut self, i: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(i) {
            *place = Some(verdict);
        }
    }

    /// Takes the entries out that have a verdict.
    pub(super) fn decide_all(&mut self, verdicts: BTreeMap<usize, Verdict>) {
        self.entries
            .retain(|entry| !verdicts.contains_key(&entry.index));
        for (i, verdict) in verdicts {
            self.decide(i, verdict);
        }
    }

    /// A sheet of the one entry with this number.
    pub(super) fn alone(&self, index: usize) -> Self {
        let mine = self.entries.iter().filter(|entry| entry.index == index);
        Self {
            entries: mine.cloned().collect(),
            verdicts: self.verdicts.clone(),
        }
    }

    /// The facts of all layouts.
    pub(super) fn table(&self) -> Table {
        let subjects: Vec<&Subject> = self.entries.iter().map(|entry| &entry.subject).collect();
        Table::of(&subjects)
    }

    /// The file for the C compiler: both halves of every entry, and the table.
    pub(super) fn text(&self, table: &Table) -> String {
        let mut text = FRAME.to_owned();
        for entry in &self.entries {
            let own = declarations(entry.index, &entry.declared);
            let _ = write!(text, "{}{own}", marker(entry.index));
        }
        text.push_str(&table.text());
        for entry in &self.entries {
            let _ = write!(text, "{}{}", marker(entry.index), body(&entry.case));
        }
        text
    }
}

fn marker(i: usize) -> String {
    format!("# 1 \"r{i}\"\n")
}

/// The signature a file's name stands for.
pub(super) fn marked(file: &str) -> Option<usize> {
    file.strip_prefix('r')?.parse().ok()
}

/// Types, prototype, and a prototype with the unnamed arguments as parameters.
fn declarations(i: usize, declared: &Declared) -> String {
    let mut text = declared.types.clone() + &declared.prototype();
    if let Some(unnamed) = &declared.unnamed {
        let list = if unnamed.is_empty() {
            "void".to_owned()
        } else {
            unnamed.join(", ")
        };
        let _ = writeln!(text, "void r{i}_u({list});");
    }
    text
}

/// Whose line of a text is whose.
#[derive(Default)]
struct Lines {
    /// The last line, counted from 1, and the signature.
    ends: Vec<(u32, usize)>,
    n: u32,
}

impl Lines {
    fn add(&mut self, i: usize, text: &str) {
        let n = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        self.n = self.n.saturating_add(n);
        self.ends.push((self.n, i));
    }

    fn owner(&self, line: u32) -> Option<usize> {
        let at = self.ends.partition_point(|(end, _)| *end < line);
        self.ends.get(at).map(|(_, i)| *i)
    }
}

type Understood = (usize, Result<Entry, Verdict>);

/// What became of each of `numbered` in `header`.
fn understood(
    numbered: &[(usize, Declared)],
    mut header: Header,
    lines: &Lines,
    policy: Policy,
    level: VectorLevel,
) -> Vec<Understood> {
    let mut own: BTreeMap<usize, Own> = BTreeMap::new();
    for prototype in std::mem::take(&mut header.prototypes) {
        if let Some(i) = lines.owner(prototype.location.line) {
            own.entry(i).or_default().prototypes.push(prototype);
        }
    }
    for skipped in std::mem::take(&mut header.skipped) {
        if let Some(i) = lines.owner(skipped.location.line) {
            // Of a wrong type and the function that uses it, the type comes first and has the better words.
            own.entry(i)
                .or_default()
                .reason
                .get_or_insert(skipped.reason);
        }
    }
    let lists = [
        std::mem::take(&mut header.records),
        std::mem::take(&mut header.typedefs),
        std::mem::take(&mut header.enums),
    ];
    for (at, list) in lists.into_iter().enumerate() {
        for named in list {
            if let Some(i) = lines.owner(named.location.line) {
                own.entry(i).or_default().types[at].push(named);
            }
        }
    }
    header.constants.clear();
    numbered
        .iter()
        .map(|(i, declared)| {
            let own = own.remove(i).unwrap_or_default();
            (*i, own.entry(*i, declared, &header, policy, level))
        })
        .collect()
}

/// What a header has of one signature.
#[derive(Default)]
struct Own {
    prototypes: Vec<Prototype>,
    reason: Option<Reason>,
    /// Records, typedefs, enumerations.
    types: [Vec<cabi_header::NamedType>; 3],
}

impl Own {
    fn entry(
        self,
        index: usize,
        declared: &Declared,
        shell: &Header,
        policy: Policy,
        level: VectorLevel,
    ) -> Result<Entry, Verdict> {
        if let Some(reason) = &self.reason {
            return Err(refusal(reason));
        }
        let not_run = |why: &str| Verdict::NotRun {
            who: Who::Libclang,
            why: why.to_owned(),
        };
        let find = |name: String| self.prototypes.iter().find(|one| one.name == name);
        let Some(prototype) = find(declared.function.name.clone()) else {
            return Err(not_run("its function is not understood"));
        };
        let unnamed = match &declared.unnamed {
            None => Vec::new(),
            Some(_) => match find(format!("r{index}_u")) {
                Some(list) => list.params.iter().map(|(_, ty)| ty.clone()).collect(),
                None => return Err(not_run("its unnamed arguments are not understood")),
            },
        };
        let case = Case {
            name: format!("r{index}"),
            function: declared.function.clone(),
            prototype: prototype.clone(),
            unnamed,
            unnamed_text: declared.unnamed.clone().unwrap_or_default(),
            vectors: level,
            target: Target::X86_64_LINUX,
        };
        let case = case.at_level(level);
        let sig = case.sig_under(policy);
        let placed = sig.and_then(|sig| FnAbi::new(&sig, &case.target));
        placed.map_err(|error| by_cabi(&error.to_string()))?;
        let mut header = shell.clone();
        let [records, typedefs, enums] = self.types;
        (header.records, header.typedefs, header.enums) = (records, typedefs, enums);
        let mut block = Block::default();
        block.name = case.name.clone();
        block.code = declarations(index, declared);
        Ok(Entry {
            index,
            declared: declared.clone(),
            subject: Subject {
                block,
                header,
                text: CText::default(),
                target: Target::X86_64_LINUX,
                cases: vec![case.clone()],
            },
            case,
        })
    }
}

fn refusal(reason: &Reason) -> Verdict {
    match reason.key() {
        // Here clang is one more judge of layout.
        "mismatch" => Verdict::Differs(format!("libclang: {reason}").into()),
        "type" => by_cabi(&reason.to_string()),
        _ => Verdict::NotRun {
            who: Who::Libclang,
            why: reason.to_string(),
        },
    }
}

/// What `cabi` is known to refuse of what is drawn, by words of its errors. Any other refusal hides something.
const REFUSALS: [&str; 4] = [
    "clang counts other registers than it uses",
    "`_Atomic` needs a scalar, or a record of",
    "clang 18 and 19 take a record apart",
    "clang returns a wide vector whose lanes are no power of two",
];

fn by_cabi(why: &str) -> Verdict {
    if REFUSALS.iter().any(|words| why.contains(words)) {
        return Verdict::NotRun {
            who: Who::Cabi,
            why: why.to_owned(),
        };
    }
    Verdict::Differs(format!("refused without need: {why}").into())
}
