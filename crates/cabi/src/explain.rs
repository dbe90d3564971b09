//! Why each piece of a call goes where it goes: an [`FnAbi`] with the steps that led to it, as data and as text.

mod words;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::class::{Class, Classes, Cleanup};
use crate::error::Error;
use crate::fn_abi::{FnAbi, RetAbi};
use crate::leaves::{Leaf, LeafKind};
use crate::policy::Policy;
use crate::rules::{Group, GroupKind, Rule};
use crate::sig::FnSig;
use crate::target::Target;

/// One step of classification or assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "step", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Step {
    /// The whole value is one eightbyte or less, of this class.
    Whole {
        /// Its class.
        class: Class,
    },
    /// A leaf met an eightbyte (rule 4).
    Merge {
        /// The leaf, as C spells its type.
        leaf: String,
        /// Its first bit.
        offset_bits: u64,
        /// Its bits.
        width_bits: u64,
        /// Which eightbyte.
        eightbyte: usize,
        /// The class before.
        before: Class,
        /// The class the leaf brings.
        own: Class,
        /// The class after.
        after: Class,
    },
    /// The value goes to memory before any merge.
    Memory {
        /// Why.
        why: &'static str,
    },
    /// Rule 5 changed something.
    Cleanup {
        /// Which letter.
        rule: Cleanup,
        /// The eightbyte that changed; `None` if all did.
        eightbyte: Option<usize>,
    },
    /// A rule of the convention was tried.
    Rule {
        /// The rule.
        rule: String,
        /// Whether it placed the part.
        taken: bool,
    },
    /// A choice between compilers mattered.
    Policy {
        /// The bit's name.
        bit: &'static str,
        /// Whether it is set.
        set: bool,
    },
    /// Merges and choices that are not listed, so that a value of thousands of leaves has a bounded explanation.
    More {
        /// How many.
        steps: u64,
    },
    /// Anything else.
    Note {
        /// What happened.
        text: &'static str,
    },
}

/// One argument, or the result.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explained {
    /// The parameter's name, where one is known.
    pub name: Option<String>,
    /// Its type, as C spells it.
    pub ty: String,
    /// Bytes.
    pub size: u64,
    /// The classes of its eightbytes, or what stands in their stead.
    pub classes: String,
    /// Where it travels.
    pub place: String,
    /// What led there.
    pub steps: Vec<Step>,
}

/// An [`FnAbi`] with its reasons. `Display` writes all of it; [`Explanation::summary`] only the outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The target's name.
    pub target: String,
    /// The convention's name.
    pub convention: String,
    /// The policy bits that are set.
    pub policy: Policy,
    /// The policy bits that mattered, with their setting.
    pub touched: Vec<(&'static str, bool)>,
    /// The policy bits any of which, changed alone, would give this signature other places, with their setting.
    pub deciding: Vec<(&'static str, bool)>,
    /// The arguments.
    pub args: Vec<Explained>,
    /// The result.
    pub ret: Explained,
    /// Bytes of the argument area.
    pub area_bytes: u64,
    /// Integer registers used.
    pub n_gp: u8,
    /// Vector registers used.
    pub n_sse: u8,
    /// The register that holds `n_sse` at the call, if it is one of a variadic function.
    pub variadic_count: Option<&'static str>,
}

/// Explains where everything in a call of `sig` goes. `names` are the parameters' names, as many as are known.
///
/// # Errors
/// As [`FnAbi::new`].
///
/// # Example
/// ```
/// use cabi::{DataModel, FnSig, RecordBuilder, Target, Type, explain};
///
/// let pair = RecordBuilder::structure("pair").field("a", Type::F32).field("b", Type::I32).build(&DataModel::LP64)?;
/// let why = explain(&FnSig::new([pair], Type::VOID), &[Some("p")], &Target::X86_64_LINUX)?;
/// assert_eq!(why.summary(), "\
/// arg 0 p         Integer          rdi
/// ret             -                void
/// area 0 bytes, gp 1, sse 0
/// ");
/// assert!(why.to_string().contains("Sse + Integer = Integer"));
/// # Ok::<(), cabi::Error>(())
/// ```
pub fn explain(sig: &FnSig, names: &[Option<&str>], target: &Target) -> Result<Explanation, Error> {
    let mut log = Log::default();
    let abi = FnAbi::traced(sig, target, &mut Tracer::on(&mut log))?;
    let mut touched: Vec<(&'static str, bool)> = Vec::new();
    let every = log
        .args
        .iter()
        .chain([&log.result])
        .flat_map(|entry| &entry.steps);
    for step in every {
        if let Step::Policy { bit, set } = step
            && !touched.contains(&(*bit, *set))
        {
            touched.push((bit, *set));
        }
    }
    let args = sig
        .params()
        .iter()
        .zip(&abi.args)
        .zip(log.args)
        .enumerate()
        .map(|(i, ((param, arg), entry))| Explained {
            name: names.get(i).copied().flatten().map(ToString::to_string),
            ty: param.ty.to_string(),
            size: param.ty.size(),
            classes: entry.classes,
            place: arg.place.to_string(),
            steps: entry.steps,
        })
        .collect();
    let ret = Explained {
        name: None,
        ty: sig.result().to_string(),
        size: sig.result().size(),
        classes: match abi.ret {
            RetAbi::Void | RetAbi::NoReturn => "-".to_string(),
            _ => log.result.classes,
        },
        place: abi.ret.to_string(),
        steps: log.result.steps,
    };
    let mut explanation = Explanation {
        target: target.name().to_string(),
        convention: abi.convention.name.to_string(),
        policy: sig.policy,
        touched,
        deciding: words::deciding(sig, target, &abi),
        args,
        ret,
        area_bytes: abi.area_bytes,
        n_gp: abi.n_gp,
        n_sse: abi.n_sse,
        // The number is in the lowest byte.
        variadic_count: abi.variadic_count.map(|reg| match reg {
            crate::Reg::Rax => "al",
            reg => reg.name(),
        }),
    };
    words::spell_longs(&mut explanation, target.data_model());
    Ok(explanation)
}

impl Explanation {
    /// One line per argument and for the result, then the totals. Equal neighbours without names share a line.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let mut i = 0;
        while let Some(arg) = self.args.get(i) {
            let run = self.run_from(i);
            let label = match (&arg.name, run.len()) {
                (Some(name), _) => alloc::format!("arg {i} {name}"),
                (None, 1) => alloc::format!("arg {i}"),
                (None, n) => alloc::format!("arg {i}..{}", i + n - 1),
            };
            let places: Vec<&str> = run.iter().map(|arg| arg.place.as_str()).collect();
            text += &line(&label, &arg.classes, &places.join(" "));
            i += run.len();
        }
        text += &line("ret", &self.ret.classes, &self.ret.place);
        text += &alloc::format!(
            "area {} bytes, gp {}, sse {}",
            self.area_bytes,
            self.n_gp,
            self.n_sse
        );
        if self.variadic_count.is_some() {
            text += &alloc::format!(", al {}", self.n_sse);
        }
        text.push('\n');
        text
    }

    /// The arguments from `i` on that can share a line: unnamed, of one class, each in one register.
    fn run_from(&self, i: usize) -> &[Explained] {
        let rest = self.args.get(i..).unwrap_or_default();
        let simple = |arg: &&Explained| arg.name.is_none() && !arg.place.contains(' ');
        let alike = |arg: &&Explained| {
            simple(arg) && rest.first().is_some_and(|a| a.classes == arg.classes)
        };
        let n = rest.iter().take_while(alike).count().max(1);
        rest.get(..n).unwrap_or_default()
    }
}

fn line(label: &str, classes: &str, place: &str) -> String {
    alloc::format!("{label:<15} {classes:<16} {place}\n")
}

/// What a traced walk writes down.
#[derive(Default, Debug)]
pub(crate) struct Log {
    args: Vec<Entry>,
    result: Entry,
    in_result: bool,
}

/// What was written about one value.
#[derive(Default, Debug)]
struct Entry {
    classes: String,
    steps: Vec<Step>,
    /// How many of the steps are of single leaves.
    of_leaves: usize,
}

/// How many merges and choices of one value are listed. The others are counted; a choice is listed once in any case.
const MAX_LEAF_STEPS: usize = 256;

impl Entry {
    fn push(&mut self, step: Step) {
        let is_new = match step {
            Step::Merge { .. } => false,
            Step::Policy { .. } => self.of_leaves < MAX_LEAF_STEPS || !self.steps.contains(&step),
            _ => return self.steps.push(step),
        };
        self.of_leaves = self.of_leaves.saturating_add(1);
        if is_new || self.of_leaves <= MAX_LEAF_STEPS {
            self.steps.push(step);
        } else if let Some(Step::More { steps }) = self.steps.last_mut() {
            *steps += 1;
        } else {
            self.steps.push(Step::More { steps: 1 });
        }
    }
}

/// Hears of each step; off, it costs one test.
#[derive(Debug)]
pub(crate) struct Tracer<'t>(Option<&'t mut Log>);

impl<'t> Tracer<'t> {
    /// Writes nothing down.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Writes into `log`.
    pub(crate) fn on(log: &'t mut Log) -> Self {
        Self(Some(log))
    }

    /// Takes the log away: until [`resume`](Self::resume) nothing is written down.
    pub(crate) fn pause(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Goes on with the log of `paused`.
    pub(crate) fn resume(&mut self, paused: Self) {
        *self = paused;
    }

    /// Whether steps are written down.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn begin_result(&mut self) {
        if let Some(log) = &mut self.0 {
            log.in_result = true;
        }
    }

    #[inline]
    pub(crate) fn begin_arg(&mut self) {
        if let Some(log) = &mut self.0 {
            log.in_result = false;
            log.args.push(Entry::default());
        }
    }

    fn entry(&mut self) -> Option<&mut Entry> {
        let log = self.0.as_mut()?;
        if log.in_result {
            Some(&mut log.result)
        } else {
            log.args.last_mut()
        }
    }

    #[inline]
    fn push(&mut self, step: impl FnOnce() -> Step) {
        if self.is_on() {
            self.write(step);
        }
    }

    /// Out of line, so that the walk is short where nothing is written.
    #[cold]
    #[inline(never)]
    fn write(&mut self, step: impl FnOnce() -> Step) {
        if let Some(entry) = self.entry() {
            entry.push(step());
        }
    }

    /// The classes of a value that may ask for registers.
    pub(crate) fn classes(&mut self, classes: &Classes) {
        if let Some(entry) = self.entry() {
            let names: Vec<String> = classes.as_slice().iter().map(Class::to_string).collect();
            entry.classes = names.join(" ");
        }
    }

    /// What the classifier made of the value.
    #[inline]
    pub(crate) fn group(&mut self, group: &Group) {
        if self.is_on() {
            self.write_group(group);
        }
    }

    #[cold]
    fn write_group(&mut self, group: &Group) {
        let Some(entry) = self.entry() else {
            return;
        };
        let class = group.parts.first().map(|part| part.class);
        entry.classes = match (group.kind, class) {
            (GroupKind::Ignore, _) => Class::NoClass.to_string(),
            (GroupKind::Memory, _) => Class::Memory.to_string(),
            (GroupKind::PerElement { .. }, _) => "PerElement".to_string(),
            (GroupKind::Registers, Some(class)) if entry.classes.is_empty() => class.to_string(),
            (GroupKind::Registers, _) => return,
        };
    }

    #[inline]
    pub(crate) fn whole(&mut self, class: Class) {
        self.push(|| Step::Whole { class });
    }

    #[inline]
    pub(crate) fn merge(
        &mut self,
        leaf: &Leaf,
        eightbyte: usize,
        before: Class,
        own: Class,
        after: Class,
    ) {
        self.push(|| Step::Merge {
            leaf: match leaf.kind {
                LeafKind::Scalar(scalar) => scalar.to_string(),
                LeafKind::Vector(vector) => vector.to_string(),
                LeafKind::Empty | LeafKind::FlexibleArray => String::new(),
            },
            offset_bits: leaf.offset_bits,
            width_bits: leaf.width_bits,
            eightbyte,
            before,
            own,
            after,
        });
    }

    #[inline]
    pub(crate) fn memory(&mut self, why: &'static str) {
        self.push(|| Step::Memory { why });
    }

    #[inline]
    pub(crate) fn cleanup(&mut self, rule: Cleanup, eightbyte: Option<usize>) {
        self.push(|| Step::Cleanup { rule, eightbyte });
    }

    #[inline]
    pub(crate) fn rule(&mut self, rule: &Rule, taken: bool) {
        self.push(|| Step::Rule {
            rule: words::rule(rule),
            taken,
        });
    }

    #[inline]
    pub(crate) fn policy(&mut self, bit: Policy, set: bool) {
        self.push(|| Step::Policy {
            bit: bit.names().next().unwrap_or_default(),
            set,
        });
    }

    #[inline]
    pub(crate) fn note(&mut self, text: &'static str) {
        self.push(|| Step::Note { text });
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { class } => write!(f, "one part: {class}"),
            Self::Merge {
                leaf,
                offset_bits,
                width_bits,
                eightbyte,
                before,
                own,
                after,
            } => {
                let end = offset_bits.saturating_add(*width_bits);
                if offset_bits % 8 == 0 && end % 8 == 0 {
                    write!(f, "{leaf}, bytes {}..{}: ", offset_bits / 8, end / 8)?;
                } else {
                    write!(f, "{leaf}, bits {offset_bits}..{end}: ")?;
                }
                write!(f, "eightbyte {eightbyte}, {before} + {own} = {after}")
            }
            Self::Memory { why } => write!(f, "Memory: {why}"),
            Self::Cleanup {
                rule,
                eightbyte: Some(i),
            } => write!(f, "eightbyte {i}, {rule}"),
            Self::Cleanup {
                rule,
                eightbyte: None,
            } => write!(f, "{rule}"),
            Self::Rule { rule, taken: true } => write!(f, "took: {rule}"),
            Self::Rule { rule, taken: false } => write!(f, "none free: {rule}"),
            Self::Policy { bit, set: true } => write!(f, "policy {bit} is set"),
            Self::Policy { bit, set: false } => write!(f, "policy {bit} is not set"),
            Self::More { steps: 1 } => f.write_str("and 1 more step of this kind"),
            Self::More { steps } => write!(f, "and {steps} more steps of this kind"),
            Self::Note { text } => f.write_str(text),
        }
    }
}

/// The summary's lines, each followed by the steps that led to it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.convention, self.target)?;
        for (i, arg) in self.args.iter().enumerate() {
            write!(f, "\narg {i}")?;
            if let Some(name) = &arg.name {
                write!(f, " {name}")?;
            }
            writeln!(f, ": {}, {} bytes -> {}", arg.ty, arg.size, arg.place)?;
            write_steps(f, &arg.steps)?;
        }
        writeln!(
            f,
            "\nret: {}, {} bytes -> {}",
            self.ret.ty, self.ret.size, self.ret.place
        )?;
        write_steps(f, &self.ret.steps)?;
        write!(
            f,
            "\nargument area {} bytes, {} integer and {} vector registers",
            self.area_bytes, self.n_gp, self.n_sse
        )?;
        if let Some(reg) = self.variadic_count {
            write!(f, ", {reg} = {}", self.n_sse)?;
        }
        for (bit, set) in &self.deciding {
            let is = if *set {
                "set; without"
            } else {
                "not set; with"
            };
            write!(f, "\npolicy {bit} is {is} it the places are others")?;
        }
        writeln!(f)
    }
}

/// The steps in lines of their own. Choices are named at the end, once, and only those that decide.
fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    let steps = steps.iter();
    let mut steps = steps.filter(|step| !matches!(step, Step::Policy { .. }));
    steps.try_for_each(|step| writeln!(f, "    {step}"))
}
