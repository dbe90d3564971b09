//! The conventions that are compared, and their compilers: the blocks of
//! `tests/corpus/conventions.txt`, which explains its keys.

use std::str::FromStr;
use std::sync::OnceLock;

use cabi::convention::{Convention, Features, FloatLevel};
use cabi::{Policy, Target, conventions};
use cabi_verify::generate::{
    Absent, CSignature, boundaries_for_machine, signature_for_machine, states_for_machine,
};
use cabi_verify::probe::{self, AARCH64, I386, RISCV, S390X, X86_64};
use cabi_verify::question::Question;
use cabi_verify::states::Measure;

use super::shapes::{self, Shape};
use super::{Signatures, ir};

#[path = "../../../../crates/cabi/tests/support/i386.rs"]
mod i386;

/// A convention, and the compilers whose code is compared with it.
pub(super) struct Machine {
    /// Its name in reports.
    pub(super) name: &'static str,
    pub(super) convention: &'static Convention,
    pub(super) target: Target,
    pub(super) features: Features,
    pub(super) signatures: Signatures,
    pub(super) absent: Absent,
    /// Shapes that some of them must have.
    pub(super) shapes: Vec<&'static Shape>,
    pub(super) compilers: Vec<Compiler>,
    /// Machine on which the code runs, and the command that compiles and links the rest of a
    /// program; none if only kept facts are compared.
    pub(super) runs: Option<(probe::ProbeMachine, String)>,
    /// Number of drawn signatures whose facts are stored, besides all others.
    pub(super) stored: u64,
    /// Folder of the facts.
    pub(super) facts: &'static str,
    /// Mutations, by a part of their names, that are no mistakes or that no signature shows: of
    /// every compiler, or of one.
    pub(super) equivalent: Vec<(&'static str, Option<&'static str>)>,
    /// Signatures at the boundaries of registers that are about its rules, and of each state, once
    /// they are known.
    pub(super) directed: OnceLock<Vec<Question>>,
}

impl Machine {
    /// Checks whether its questions are the corpus, which the suite `probe` measures.
    pub(super) fn is_of_corpus(&self) -> bool {
        self.stored == 0
    }

    /// Returns questions about each state of assignment, if they are known, with numbers from
    /// `first`.
    pub(super) fn states(&self, first: usize) -> Vec<Question> {
        let Some(measure) = Measure::of(self.convention) else {
            return Vec::new();
        };
        let with_vectors = Absent {
            vectors: false,
            ..self.absent
        };
        let signatures = states_for_machine(&with_vectors, measure);
        let all = questions(&signatures, &self.target, first);
        all.filter(|one| self.abi(self.convention, one).is_ok())
            .collect()
    }

    /// Returns calls of functions without a prototype, with numbers from `first`; none if only kept
    /// facts are compared.
    pub(super) fn unprototyped(&self, first: usize) -> Vec<Question> {
        if self.runs.is_none() {
            return Vec::new();
        }
        let all = (self.signatures.unprototyped)(&self.absent, &self.target, first).into_iter();
        all.filter(|one| self.abi(self.convention, one).is_ok())
            .collect()
    }
}

/// Compiler of C, or of LLVM IR.
pub(super) struct Compiler {
    pub(super) name: &'static str,
    /// The program, and its own options.
    command: String,
    /// `true` if it has `_BitInt`, and `cabi` places for it.
    pub(super) bit_int: bool,
    /// Its choices where compilers differ.
    policy: Policy,
}

/// Shared flags: values are where the convention has them, not where an optimizer may leave them.
pub(super) const FLAGS: [&str; 5] = [
    "-O2",
    "-w",
    "-fno-pic",
    "-fomit-frame-pointer",
    "-fno-optimize-sibling-calls",
];

impl Compiler {
    /// Returns `question` as one about this compiler.
    pub(super) fn with_policy(&self, mut question: Question) -> Question {
        question.sig = question.sig.policy(self.policy);
        question
    }

    /// Returns the program and its own flags.
    pub(super) fn words(&self) -> (&str, Vec<&str>) {
        words(&self.command)
    }

    /// Returns the program and all its flags.
    pub(super) fn command_line(&self) -> (&str, Vec<&str>) {
        let (program, options) = self.words();
        (program, [&options[..], &FLAGS].concat())
    }
}

/// Returns the program of a command, and its arguments.
pub(super) fn words(command: &str) -> (&str, Vec<&str>) {
    let mut words = command.split_whitespace();
    (words.next().unwrap_or_default(), words.collect())
}

/// A prime: calls at this distance differ in all their components.
const UNPROTOTYPED_STRIDE: usize = 61;

/// Signatures of C.
const C: Signatures = Signatures {
    random: |absent, target, seed, index| {
        let signature = signature_for_machine(seed, index, absent);
        question(&signature, target, usize::try_from(index).ok()?)
    },
    boundaries: |absent, target, first| {
        questions(&boundaries_for_machine(absent), target, first).collect()
    },
    unprototyped,
};

/// No signatures: the questions are cases of the corpus.
const CORPUS: Signatures = Signatures {
    random: |_, _, _, _| None,
    boundaries: |_, _, _| Vec::new(),
    unprototyped: |_, _, _| Vec::new(),
};

/// Calls of functions without a prototype, with values at some of the boundaries of registers.
fn unprototyped(absent: &Absent, target: &Target, first: usize) -> Vec<Question> {
    let variadic = boundaries_for_machine(absent).into_iter();
    let calls = variadic.filter_map(|signature| {
        let params = [signature.params, signature.unnamed?].concat();
        let unnamed = None;
        Some(CSignature {
            params,
            unnamed,
            ..signature
        })
    });
    let questions = calls.step_by(UNPROTOTYPED_STRIDE).zip(first..);
    questions
        .filter_map(|(call, n)| {
            Question::unprototyped(n, &call.declared(&format!("p{n}_"), target.data_model()))
        })
        .collect()
}

/// Questions about `all`, with numbers from `first`.
fn questions(all: &[CSignature], target: &Target, first: usize) -> impl Iterator<Item = Question> {
    let all = all.iter().zip(first..);
    all.filter_map(|(signature, n)| question(signature, target, n))
}

fn question(signature: &CSignature, target: &Target, n: usize) -> Option<Question> {
    let declared = signature.declared(&format!("p{n}_"), target.data_model());
    Question::new(n, &declared)
}

/// The keys that blocks may have, and those that commands have for themselves.
const KEYS: &str = "convention target floats signatures absent unnamed align fill shapes stored kept run probe link gcc clang \
                    bit_int equivalent abi arch triple llvm";

/// A block of the table: its keys, those of others first.
struct Block {
    name: &'static str,
    keys: Vec<(&'static str, &'static str)>,
}

pub(super) fn all() -> Result<Vec<Machine>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let text = include_str!("../../../corpus/conventions.txt").trim_end();
    let (table, count) = text.rsplit_once("\n== total: ").unwrap_or((text, ""));
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    for key in lines.flat_map(|line| line.split("  ").filter(|key| !key.is_empty())) {
        if let Some(name) = key.strip_prefix("== ") {
            let keys = Vec::new();
            blocks.push(Block { name, keys });
            continue;
        }
        let wrong = || format!("conventions.txt: {key}");
        let (key, value) = key.split_once(": ").ok_or_else(wrong)?;
        let is_known = |key: &str| KEYS.split_whitespace().any(|known| known == key);
        let named = value.split('{').skip(1);
        let mut named = named.map(|after| after.split('}').next().unwrap_or_default());
        let (block, before) = blocks.split_last_mut().ok_or_else(wrong)?;
        if key == "like" {
            let mut before = before.iter();
            let base = before.find(|base| base.name == value);
            block.keys.extend_from_slice(&base.ok_or_else(wrong)?.keys);
        } else if is_known(key) && named.all(is_known) {
            block.keys.push((key, value));
        } else {
            return Err(wrong());
        }
    }
    let machines = blocks.iter().filter(|block| !block.name.starts_with('*'));
    let machine = |block: &Block| {
        let machine = block.machine();
        machine.map_err(|why| format!("conventions.txt, {}: {why}", block.name))
    };
    let machines: Vec<Machine> = machines.map(machine).collect::<Result<_, _>>()?;
    match machines.len() {
        n if count == n.to_string() => Ok(machines),
        n => Err(format!(
            "conventions.txt: {n} conventions, its last line says {count:?}"
        )),
    }
}

impl Block {
    fn get(&self, key: &str) -> Option<&'static str> {
        let mut keys = self.keys.iter().rev();
        Some(keys.find(|(own, _)| *own == key)?.1)
    }

    /// Checks whether `name` is in the list of `key`.
    fn has(&self, key: &str, name: &str) -> bool {
        let list = self.get(key).unwrap_or_default();
        list.split(", ").any(|one| one == name)
    }

    fn required(&self, key: &str) -> Result<&'static str, String> {
        self.get(key).ok_or_else(|| format!("no {key}"))
    }

    fn number<N: FromStr>(&self, key: &str) -> Result<N, String> {
        let number = self.required(key)?;
        number.parse().map_err(|_| format!("{key}: {number}"))
    }

    /// Returns `text` with the values of the keys that it names.
    fn expanded(&self, text: &str) -> String {
        let named = text.split_once('{');
        let named = named.and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        named.map_or_else(
            || text.to_owned(),
            |(before, (key, after))| {
                let value = self.expanded(self.get(key).unwrap_or_default());
                format!("{before}{value}{}", self.expanded(after))
            },
        )
    }

    fn machine(&self) -> Result<Machine, String> {
        let name = self.get("convention").unwrap_or(self.name);
        let shipped = conventions().iter().find(|shipped| shipped.name == name);
        let shipped = shipped.map(|shipped| shipped.convention);
        let not_shipped = Some(&i386::I386).filter(|own| own.name == name);
        let target = Target::named(self.required("target")?);
        let floats = match self.required("floats")? {
            "soft" => FloatLevel::Soft,
            "single" => FloatLevel::Single,
            "double" => FloatLevel::Double,
            other => return Err(format!("floats: {other}")),
        };
        let signatures = match self.required("signatures")? {
            "C" => C,
            "values" => ir::VALUES,
            "fastcc" => ir::FASTCC,
            "corpus" => CORPUS,
            other => return Err(format!("signatures: {other}")),
        };
        let shapes = self.required("shapes")?.split(", ").map(shapes::named);
        let keys = self.keys.iter();
        let equivalent = keys.filter(|(key, _)| *key == "equivalent");
        let equivalent: Option<Vec<_>> = equivalent
            .map(|(_, one)| {
                let (part, why) = one.split_once(" | ")?;
                Some((part, why.split_once(" | ").map(|(_, compiler)| compiler)))
            })
            .collect();
        Ok(Machine {
            name: self.name,
            convention: shipped.or(not_shipped).ok_or("unknown convention")?,
            target: target.map_err(|why| why.to_string())?,
            features: Features::from(floats),
            signatures,
            absent: Absent {
                names: replacements(self.required("absent")?)?,
                unnamed: self.get("unnamed").map_or(Ok(&[][..]), replacements)?,
                vectors: true,
                bit_int: true,
                align: self.number("align")?,
                fill: self.number("fill")?,
            },
            shapes: shapes.collect::<Result<_, _>>()?,
            compilers: self.compilers()?,
            runs: match self.get("kept") {
                Some(_) => None,
                None => Some(self.runs()?),
            },
            stored: self.number("stored")?,
            facts: self.get("kept").unwrap_or(self.name),
            equivalent: equivalent.ok_or("a mutation without a reason")?,
            directed: OnceLock::new(),
        })
    }

    fn compilers(&self) -> Result<Vec<Compiler>, String> {
        let known = ["gcc", "clang"];
        let compilers = known.iter().filter_map(|name| self.compiler(name));
        let compilers: Vec<Compiler> = compilers.collect();
        for (key, value) in &self.keys {
            let mut names = value.split(", ");
            if *key == "bit_int" && !names.all(|name| known.contains(&name)) {
                return Err(format!("{key}: {value}"));
            }
        }
        match compilers.is_empty() {
            true => Err("no compiler is named".to_owned()),
            false => Ok(compilers),
        }
    }

    fn compiler(&self, name: &'static str) -> Option<Compiler> {
        let own = self.expanded(self.get(name)?);
        let is_gcc = name == "gcc";
        Some(Compiler {
            name,
            command: match is_gcc {
                true => format!("{own} -fno-section-anchors"),
                false => format!("clang-19 -fno-crash-diagnostics {own}"),
            },
            bit_int: self.has("bit_int", name),
            policy: if is_gcc { Policy::GCC } else { Policy::CLANG },
        })
    }

    fn runs(&self) -> Result<(probe::ProbeMachine, String), String> {
        let mut probe = match self.required("probe")? {
            "aarch64" => AARCH64,
            "i386" => I386,
            "s390x" => S390X,
            "riscv" => RISCV,
            "x86_64" => X86_64,
            other => return Err(format!("probe: {other}")),
        };
        probe.emulator = self.get("run").into_iter().collect::<Vec<_>>().leak();
        let link = self.expanded(self.required("link")?);
        Ok((probe, format!("{link} -fno-section-anchors")))
    }
}

/// Returns the types of a list, each with what stands for it.
fn replacements(list: &'static str) -> Result<&'static [(&'static str, &'static str)], String> {
    let pairs = list.split(", ").map(|one| one.split_once(" = "));
    let pairs: Option<Vec<_>> = pairs.collect();
    Ok(pairs.ok_or("a type without a replacement")?.leak())
}
