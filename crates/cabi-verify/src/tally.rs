//! Results of signatures under one compiler: counts by reason, and differences as blocks of the
//! corpus. They can be written, read, joined and reported.

use std::collections::{BTreeMap, BTreeSet};

use cabi::{Policy, Profile, Target, VectorLevel};
use serde::{Deserialize, Serialize};

use crate::build::Capability;
use crate::generate::CSignature;
use crate::report::{Item, Section, Status, members};
use crate::signatures::SignatureOutcome;
use crate::verdict::Verdict;
use crate::verify::Compiler;

mod results;

pub use results::{Results, Span};

/// Number of times that each reason was met.
type Reasons = BTreeMap<String, u64>;

/// Results under one compiler.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// A word for it, unique in a run: `gcc`, and `gcc-2` for the second one.
    pub label: String,
    /// Its command.
    pub command: String,
    /// The first line of its `--version`.
    pub version: String,
    /// The target that it compiles for.
    pub target: String,
    /// The profile it was checked under.
    #[serde(default)]
    pub profile: String,
    /// The policy bits it was checked under.
    pub policy: Vec<String>,
    /// `baseline`, `avx` or `avx512`: the widest vectors in registers.
    pub vectors: String,
    /// `true` if the functions are those of Win64.
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
    /// Cases without a difference of which only one direction is lowered yet, by the reason for the
    /// other.
    pub one_direction: Reasons,
    /// Signatures of which neither direction is lowered yet, by reason.
    pub not_lowered: Reasons,
    /// Signatures that were not run, by what refuses them and why.
    pub not_run: Reasons,
    /// Signatures in which the compiler disagrees with itself.
    #[serde(default)]
    pub inconsistent: Vec<Finding>,
    /// Differences that nothing explains.
    pub failures: Vec<Finding>,
    /// Numbers of a list's signatures that were compared in both directions.
    #[serde(skip)]
    pub(crate) settled: BTreeSet<u64>,
    /// Transitions that were to be shown, and were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
}

/// A difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// A name for it, of the compiler and the signature.
    pub name: String,
    /// The subcommand and options that try this signature again.
    #[serde(default)]
    pub again: String,
    /// The difference.
    pub why: String,
    /// The signature as a block of the corpus, minimized.
    pub block: String,
}

impl Tally {
    /// Makes a tally of no signatures yet.
    pub(crate) fn new(compiler: &Compiler, label: String) -> Self {
        Self {
            label,
            command: compiler.reference.command(),
            version: compiler.reference.version().to_owned(),
            target: compiler.target().name().to_owned(),
            profile: compiler.policy_name(),
            policy: compiler.policy.names().map(str::to_owned).collect(),
            vectors: match compiler.level {
                VectorLevel::Baseline => "baseline",
                VectorLevel::Avx => "avx",
                VectorLevel::Avx512 => "avx512",
            }
            .to_owned(),
            ms_abi: compiler.ms_abi,
            ..Self::default()
        }
    }

    /// Counts the outcome of one signature.
    pub(crate) fn take(&mut self, compared: &SignatureOutcome) {
        self.signatures += 1;
        let count = |reasons: &mut Reasons, why: &str| {
            *reasons.entry(why.to_owned()).or_default() += 1;
        };
        if let Some(why) = &compared.one_direction {
            count(&mut self.one_direction, why);
        }
        match &compared.verdict {
            Verdict::Passed(calls) => {
                self.same += u64::from(*calls > 0);
                self.calls += *calls as u64;
            }
            Verdict::NotLowered(why) => count(&mut self.not_lowered, why),
            Verdict::NotRun(why) => {
                let (who, why) = why.split_once(": ").unwrap_or(("", why));
                // Errors of `cabi` begin with the type.
                let why = match why.split_once(": ") {
                    Some((_, of_type)) if who == "cabi" => of_type,
                    _ => why,
                };
                count(&mut self.not_run, &format!("{who}: {}", general(why)));
            }
            Verdict::SelfInconsistent(_) | Verdict::Differs(_) => {}
        }
    }

    /// Returns the list of differences like this outcome, if it is one.
    pub(crate) fn findings(&mut self, compared: &SignatureOutcome) -> Option<&mut Vec<Finding>> {
        match compared.verdict {
            Verdict::Differs(_) => Some(&mut self.failures),
            Verdict::SelfInconsistent(_) => Some(&mut self.inconsistent),
            _ => None,
        }
    }

    /// Returns how many signatures one process tried in a second.
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
        ];
        for (counts, added) in maps {
            for (key, n) in added {
                *counts.entry(key).or_default() += n;
            }
        }
        self.failures.extend(other.failures);
        self.inconsistent.extend(other.inconsistent);
        self.settled.extend(other.settled);
        self.missed.extend(other.missed);
    }

    fn section(&self) -> Section {
        let name = format!("{} signatures without a difference", self.same);
        let mut items = vec![Item::new(name, Status::Passed, "")];
        let lists = [
            (&self.failures, Status::Failed),
            (&self.inconsistent, Status::SelfInconsistent),
        ];
        for (findings, status) in lists {
            items.extend(findings.iter().map(|finding| {
                let mut item = Item::new(&finding.name, status, &finding.why);
                item.detail = self.block(finding);
                item
            }));
        }
        let not_run = |transition| Item::new(transition, Status::Unlisted, "").of_kind("NOT RUN");
        items.extend(self.missed.iter().map(not_run));
        Section {
            name: self.command.clone(),
            head: self.counts(),
            items,
            data: members(serde_json::to_value(self).unwrap_or_default()),
            seconds: Some(self.seconds),
            ..Section::default()
        }
    }

    /// Returns a difference as a file of the corpus.
    fn block(&self, finding: &Finding) -> String {
        let Finding {
            again, why, block, ..
        } = finding;
        let command = shell_words::quote(&self.command);
        let ms_abi = if self.ms_abi { " --ms-abi" } else { "" };
        let target = block.lines().find_map(|line| line.strip_prefix("target: "));
        let target = target.map_or(String::new(), |target| format!(" --target {target}"));
        let (subcommand, options) = again.split_once(' ').unwrap_or((again, ""));
        format!(
            "# {}: {why}\n# cabi {subcommand}{target}{ms_abi} {options} --cc {command}\n\n{block}",
            self.version
        )
    }

    /// Returns the results in numbers. Those at the left add up to the signatures; a number that is
    /// part of another is indented.
    fn counts(&self) -> Vec<String> {
        let Self {
            command,
            version,
            vectors,
            profile,
            ..
        } = self;
        let mut lines = vec![
            String::new(),
            format!("{command} ({version}), vectors {vectors}, policy {profile}"),
        ];
        let number = |n: u64, what: &str| format!("{n:>9}  {what}");
        let of = |reasons: &Reasons, what: &str| -> Vec<String> {
            let lines = reasons.iter();
            let lines = lines.map(|(why, n)| number(*n, &format!("{what}: {why}")));
            lines.collect()
        };
        let part = |reasons: &Reasons, what: &str| -> Vec<String> {
            let lines = reasons.iter();
            let lines = lines.map(|(why, n)| format!("{:>9}    {n} {what}: {why}", ""));
            lines.collect()
        };
        let same = format!("without a difference, in {} calls", self.calls);
        lines.extend([
            number(self.signatures, "signatures"),
            number(self.same, &same),
        ]);
        lines.extend(part(&self.one_direction, "in one direction only"));
        let itself = "the compiler is self-inconsistent";
        lines.extend([
            number(self.inconsistent.len() as u64, itself),
            number(self.failures.len() as u64, "differ, unexplained"),
        ]);
        lines.extend(of(&self.not_lowered, "not lowered"));
        lines.extend(of(&self.not_run, "not run"));
        let rate = self.rate();
        lines.push(format!("{rate:>9.0}  signatures per second and process"));
        lines
    }
}

impl Finding {
    /// Returns `signature`, which `compiler` passes differently, as a block of the corpus; `again`
    /// tries it again.
    pub(crate) fn new(
        compiler: &Compiler,
        name: String,
        again: String,
        signature: &CSignature,
        why: &str,
    ) -> Self {
        let mut keys = Vec::new();
        let target = compiler.target();
        let profile = Profile::named(&compiler.policy.name_on(&target));
        let profile = profile.filter(|own| own.on(&target) != Policy::of(&target));
        keys.extend(profile.map(|profile| format!("policy: {profile}")));
        if target != Target::X86_64_LINUX {
            keys.push(format!("target: {}", target.name()));
        }
        let vectors = Capability::of_level(compiler.level);
        keys.extend(vectors.map(|vectors| format!("features: {vectors}")));
        let (subcommand, _) = again.split_once(' ').unwrap_or((&again, ""));
        let section = format!("psABI 3.2.3: found by cabi {subcommand}");
        Self {
            block: signature.block(&name, &section, &keys),
            again,
            name,
            why: why.to_owned(),
        }
    }
}

/// Returns a reason without the numbers of one case; those of x86-64 stay.
fn general(why: &str) -> String {
    let mut out = String::new();
    for word in why.split_inclusive(' ') {
        let is_machine = word.trim_start_matches('(').starts_with("x86");
        for c in word.chars() {
            if is_machine || !c.is_ascii_digit() {
                out.push(c);
            } else if !out.ends_with('#') {
                out.push('#');
            }
        }
    }
    out.chars().take(240).collect()
}
