//! What a fuzz run found under one compiler, in a form that can be written, read and joined.

use std::collections::BTreeMap;

use cabi::{Policy, Target, VectorLevel};
use serde::{Deserialize, Serialize};

use super::Compared;
use crate::build::Capability;
use crate::generate::Signature;
use crate::states::Coverage;
use crate::verdict::Verdict;
use crate::verify::Compiler;

/// How many samples of a compiler's known bugs are kept as blocks.
pub(super) const KEPT: usize = 16;

/// The results of a fuzz run, or of several.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Which signatures were tried.
    pub spans: Vec<Span>,
    /// One per compiler.
    pub compilers: Vec<Stats>,
}

/// Signatures of one seed, from `first` up to `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The seed.
    pub seed: u64,
    /// The first number.
    pub first: u64,
    /// The number after the last.
    pub end: u64,
}

/// What was found under one compiler.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    /// A word for it, unique in a run: `gcc`, and `gcc-2` for the second one.
    pub label: String,
    /// Its command.
    pub command: String,
    /// The first line of its `--version`.
    pub version: String,
    /// The target that it compiles for.
    pub target: String,
    /// The policy bits it was checked under.
    pub policy: Vec<String>,
    /// `baseline`, `avx` or `avx512`: the widest vectors in registers.
    pub vectors: String,
    /// Whether the functions are those of Win64.
    #[serde(default)]
    pub ms_abi: bool,
    /// Signatures tried.
    pub signatures: u64,
    /// Signatures without a difference.
    pub same: u64,
    /// Calls made.
    pub calls: u64,
    /// Seconds that all processes at once took together, shared evenly with the other compilers.
    pub seconds: f64,
    /// Of these, signatures of which only one direction is lowered yet, by the reason for the other.
    pub one_direction: BTreeMap<String, u64>,
    /// Signatures of which neither direction is lowered yet, by reason.
    pub not_lowered: BTreeMap<String, u64>,
    /// Signatures that were not run, by what refuses them and why.
    pub not_run: BTreeMap<String, u64>,
    /// Differences that are explained, by the policy bit by which the compiler differs from another one.
    pub explained: BTreeMap<String, u64>,
    /// Signatures in which the compiler disagrees with itself, by the known bug of it.
    #[serde(default)]
    pub known: BTreeMap<String, u64>,
    /// Samples of those.
    pub theirs: Vec<Found>,
    /// Signatures in which the compiler disagrees with itself, shown by a program of it alone, and no known bug says so.
    #[serde(default)]
    pub inconsistent: Vec<Found>,
    /// Differences that nothing explains.
    pub failures: Vec<Found>,
    /// Transitions of argument assignment that its calls made.
    #[serde(with = "as_text")]
    pub coverage: Coverage,
}

/// A difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// A name for it: compiler, seed and number.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// The signature's number.
    pub number: u64,
    /// What differs.
    pub why: String,
    /// The signature as a block of the corpus, minimized.
    pub block: String,
}

impl Found {
    pub(super) fn new(
        asked: &Compiler,
        label: &str,
        seed: u64,
        number: u64,
        signature: &Signature,
        why: &str,
    ) -> Self {
        let name = format!("fuzz-{label}-{seed}-{number}");
        let mut keys = Vec::new();
        if asked.policy == Policy::CLANG {
            keys.push("policy: clang".to_owned());
        }
        let target = asked.target();
        if target != Target::X86_64_LINUX {
            keys.push(format!("target: {}", target.name()));
        }
        let vectors = Capability::of_level(asked.level);
        keys.extend(vectors.map(|vectors| format!("features: {vectors}")));
        Self {
            block: signature.block(&name, "psABI 3.2.3: found by cabi fuzz", &keys),
            name,
            seed,
            number,
            why: why.to_owned(),
        }
    }
}

impl Stats {
    fn new(asked: &Compiler, label: String) -> Self {
        Self {
            label,
            command: asked.reference.command(),
            version: asked.reference.version().to_owned(),
            target: asked.target().name().to_owned(),
            policy: asked.policy.names().map(str::to_owned).collect(),
            vectors: match asked.level {
                VectorLevel::Baseline => "baseline",
                VectorLevel::Avx => "avx",
                VectorLevel::Avx512 => "avx512",
            }
            .to_owned(),
            ms_abi: asked.ms_abi,
            ..Self::default()
        }
    }

    /// Counts what became of one signature.
    pub(super) fn take(&mut self, compared: &Compared, policy: Policy) {
        self.signatures += 1;
        let count = |reasons: &mut BTreeMap<String, u64>, why: &str| {
            *reasons.entry(why.to_owned()).or_default() += 1;
        };
        if let Some(why) = &compared.one_direction {
            count(&mut self.one_direction, why);
        }
        match (&compared.verdict, compared.known) {
            (Verdict::Passed(calls), _) => {
                self.same += u64::from(*calls > 0);
                self.calls += *calls as u64;
                if let Some(case) = compared.case.as_ref().filter(|_| *calls > 0) {
                    self.coverage.note(case, policy);
                }
            }
            (Verdict::NotLowered(why), _) => count(&mut self.not_lowered, why),
            (Verdict::NotRun(why), _) => {
                let (who, why) = why.split_once(": ").unwrap_or(("", why));
                // Errors of `cabi` begin with the type.
                let why = match why.split_once(": ") {
                    Some((_, of_type)) if who == "cabi" => of_type,
                    _ => why,
                };
                count(&mut self.not_run, &format!("{who}: {}", general(why)));
            }
            (Verdict::SelfInconsistent(_), Some(bug)) => count(&mut self.known, bug),
            (Verdict::SelfInconsistent(_), None) | (Verdict::Differs(_), _) => {}
        }
    }

    /// Whether the signature that was taken last is the first one of this known bug, and there is room for one more sample.
    pub(super) fn is_first_of(&self, known: Option<&str>) -> bool {
        let n = known.and_then(|bug| self.known.get(bug));
        n == Some(&1) && self.theirs.len() < KEPT
    }

    pub(super) fn explain(&mut self, explanation: &str) {
        *self.explained.entry(explanation.to_owned()).or_default() += 1;
    }

    /// How many signatures one process tried in a second.
    pub fn rate(&self) -> f64 {
        self.signatures as f64 / self.seconds.max(1e-9)
    }

    fn join(&mut self, other: Self) {
        self.signatures += other.signatures;
        self.same += other.same;
        self.calls += other.calls;
        self.seconds += other.seconds;
        let maps = [
            (&mut self.one_direction, other.one_direction),
            (&mut self.not_lowered, other.not_lowered),
            (&mut self.not_run, other.not_run),
            (&mut self.explained, other.explained),
            (&mut self.known, other.known),
        ];
        for (all, more) in maps {
            for (key, n) in more {
                *all.entry(key).or_default() += n;
            }
        }
        self.theirs.extend(other.theirs);
        self.theirs.truncate(KEPT);
        self.failures.extend(other.failures);
        self.inconsistent.extend(other.inconsistent);
        self.coverage.merge(&other.coverage);
    }
}

impl Results {
    /// Results of nothing yet.
    pub(super) fn new(seed: u64, first: u64, references: &[Compiler]) -> Self {
        let end = first;
        let stats = |(reference, label)| Stats::new(reference, label);
        Self {
            spans: vec![Span { seed, first, end }],
            compilers: references
                .iter()
                .zip(labels(references))
                .map(stats)
                .collect(),
        }
    }

    /// Says up to where they go now, and how long that took under each compiler.
    pub(super) fn advance(&mut self, end: u64, seconds: f64) {
        for span in &mut self.spans {
            span.end = end;
        }
        for stats in &mut self.compilers {
            stats.seconds = seconds;
        }
    }

    /// How many signatures were tried.
    pub fn count(&self) -> u64 {
        self.spans.iter().map(|span| span.end - span.first).sum()
    }

    /// Joins `other` to these: the same compiler under the same policy is one.
    ///
    /// # Errors
    /// Results of two targets, a span that ends before it begins, or spans that would be counted twice.
    pub fn join(&mut self, other: Self) -> Result<(), String> {
        // A span says for all compilers which signatures were tried.
        let target = |results: &Self| results.compilers.first().map(|one| one.target.clone());
        if let (Some(own), Some(new)) = (target(self), target(&other))
            && own != new
        {
            return Err(format!(
                "these are results of {new}, and those before of {own}"
            ));
        }
        for new in &other.spans {
            if new.end < new.first {
                return Err(format!("signatures {}..{} are none", new.first, new.end));
            }
            let overlaps =
                |old: &&Span| old.seed == new.seed && old.first < new.end && new.first < old.end;
            if let Some(old) = self.spans.iter().find(overlaps) {
                return Err(format!(
                    "signatures {}..{} and {}..{} of seed {} would be counted twice",
                    old.first, old.end, new.first, new.end, new.seed
                ));
            }
        }
        self.spans.extend(other.spans);
        self.spans.sort_by_key(|span| (span.seed, span.first));
        for stats in other.compilers {
            let same = |own: &&mut Stats| {
                (&own.command, &own.version, &own.policy, &own.vectors)
                    == (
                        &stats.command,
                        &stats.version,
                        &stats.policy,
                        &stats.vectors,
                    )
                    && own.ms_abi == stats.ms_abi
            };
            match self.compilers.iter_mut().find(same) {
                Some(own) => own.join(stats),
                None => self.compilers.push(stats),
            }
        }
        Ok(())
    }
}

/// A word for each of `references`.
fn labels(references: &[Compiler]) -> impl Iterator<Item = String> {
    references.iter().enumerate().map(|(i, one)| {
        let name = one.reference.name();
        let before = references.iter().take(i);
        match before
            .filter(|other| other.reference.name() == name)
            .count()
        {
            0 => name.to_owned(),
            n => format!("{name}-{}", n + 1),
        }
    })
}

/// A reason without the names and numbers of one case.
fn general(why: &str) -> String {
    let mut out = String::new();
    for c in why.chars().take(240) {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

/// A coverage in a file is one word.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::states::Coverage;

    pub(super) fn serialize<S: Serializer>(it: &Coverage, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&it.encode())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Coverage, D::Error> {
        let text = String::deserialize(from)?;
        Coverage::decode(&text).ok_or_else(|| Error::custom("this is no coverage"))
    }
}
