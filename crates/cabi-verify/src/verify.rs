//! Headers against compilers. Every prototype, size and offset is compared, and every case is
//! observed in both directions. Every omission is counted.
//!
//! `cabi verify` runs and prints this; tests run the same with a [`Mistake`]. Its engine is
//! [`units`], which runs cases of other sources too.
//!
//! ```text
//! headers x compilers ──▶ parts ──▶ prototypes, sizes and offsets ──▶ C sides, in units
//!                         ──▶ facts of both sides ──▶ verdicts
//! ```

use std::sync::{Arc, OnceLock};

use cabi::{Convention, Policy, Target, VectorLevel};
use cabi_header::{Location, Options};

use crate::build::program::{File, Program, SECONDS, runner};
use crate::build::zig::{Mode, Zig};
use crate::build::{ProgramTarget, Reference, ReferenceError};
use crate::emit::c::FRAME;
use crate::header;

use crate::probe::Probe;
use crate::process;
use crate::run::HERE;
use crate::threads::{at_once, in_threads};

mod error;
mod missing_types;
mod part;
mod prototypes;
pub(crate) mod report;
mod skip_reasons;
pub mod units;

pub use crate::header::ReadHeader;
pub use crate::verdict::Verdict;
pub use error::VerifyError;
pub use part::HeaderRun;
pub use skip_reasons::{
    CRASHES, NOT_LOWERED, OTHER_MEMBERS, REFERENCE_LACKS, REFUSED, may_be_skipped, not_compared,
};
use units::{BATCH, CompiledUnit, Turn, Unit};
pub use units::{CaseVerdict, Mistake, SelfDifference};

/// Headers and compilers to be compared, and settings.
#[derive(Debug)]
pub struct Verification {
    /// The headers.
    pub headers: Vec<ReadHeader>,
    /// The compilers; each compiles each header.
    pub compilers: Vec<Compiler>,
    /// Flags that the headers were read with, for the compilers too.
    pub flags: Vec<String>,
    /// Compilers and programs at once.
    pub at_once: usize,
}

/// A compiler and how it is checked.
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The compiler; for Zig's functions, that of the frame around them.
    pub reference: Reference,
    /// Zig in one of its modes, if both sides are its.
    pub zig: Option<(Arc<Zig>, Mode)>,
    /// Its choices where compilers disagree.
    pub policy: Policy,
    /// The widest vectors that are passed in registers under its flags.
    pub level: VectorLevel,
    /// The vector level of the narrower compiler, if this one is that compiler with flags for wider
    /// vectors.
    pub narrower: Option<VectorLevel>,
    /// `true` if functions that are made, not read from a header, are those of Win64 (`ms_abi`).
    pub ms_abi: bool,
    /// The target whose code it makes, if that is not this machine's.
    pub programs: Option<Arc<ProgramTarget>>,
    /// The probe of its code, once it is needed.
    pub probe: Arc<OnceLock<Result<Probe, String>>>,
}

/// Results of a run.
#[derive(Debug)]
pub struct Run<'a> {
    /// The plan.
    pub plan: &'a Verification,
    /// One per compiler and header.
    pub parts: Vec<HeaderRun<'a>>,
}

/// Step of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunStep {
    /// Prototypes and layouts are compared; headers are counted, for each compiler.
    Ask,
    /// C sides are compiled; units are counted.
    Compile,
    /// Code of ours is observed; cases are counted, each direction for itself.
    Call,
}

/// Receives the step of a run, how much of it is done and how much there is. Threads in which
/// compilers work call it too.
pub type Progress<'a> = &'a (dyn Fn(RunStep, usize, usize) + Sync);

impl Verification {
    /// Plans all headers against all compilers, one process per processor. The flags are those that
    /// the headers were read with.
    pub fn new(headers: Vec<ReadHeader>, compilers: Vec<Compiler>, flags: Vec<String>) -> Self {
        Self {
            headers,
            compilers,
            flags,
            at_once: at_once(),
        }
    }

    /// Compares all layouts, compiles all C sides and makes all calls.
    ///
    /// # Example
    /// ```no_run
    /// use cabi::{Target, X86_64_SYSV};
    /// use cabi_header::Options;
    /// use cabi_verify::build::Reference;
    /// use cabi_verify::verify::{Compiler, ReadHeader, Verification};
    ///
    /// let flags = vec!["-std=gnu17".to_owned()];
    /// let records = (&Target::X86_64_LINUX, Some(&X86_64_SYSV));
    /// let options = Options::new().args(&flags);
    /// let header = ReadHeader::header("stdlib.h", &options, records, |_, _| true)?;
    /// let compiler = Compiler::new(Reference::of_command("gcc -O2")?, None)?;
    /// let plan = Verification::new(vec![header], vec![compiler], flags);
    /// let run = plan.run(&|_, _, _| {})?;
    /// assert!(run.report(false).is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&self, progress: Progress<'_>) -> Result<Run<'_>, VerifyError> {
        self.prepare(progress)?.run(Mistake::NONE, progress)
    }

    /// Does all but the calls.
    pub fn prepare<'a>(&'a self, progress: Progress<'_>) -> Result<PreparedRun<'a>, VerifyError> {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let pairs = self.compilers.iter().flat_map(|compiler| {
            let headers = self.headers.iter();
            headers.map(move |read| (compiler, read))
        });
        let pairs: Vec<(&Compiler, &ReadHeader)> = pairs.collect();
        let ask = |&(compiler, read): &(&'a Compiler, &'a ReadHeader)| {
            check_interrupt()?;
            let mut part = HeaderRun::new(compiler, read);
            part.ask(&flags)?;
            Ok(part)
        };
        progress(RunStep::Ask, 0, pairs.len());
        let report = |done| progress(RunStep::Ask, done, pairs.len());
        let runs = in_threads(&pairs, self.at_once, ask, report).into_iter();
        let mut parts: Vec<HeaderRun<'_>> = runs.collect::<Result<_, VerifyError>>()?;
        let mut units = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let optimize = match part.compiler.reference.says_how_to_optimize() {
                true => None,
                false => Some("-O1"),
            };
            let subject = &part.read.subject;
            for cases in part.cases.chunks(BATCH) {
                units.push(Unit {
                    flags: optimize.into_iter().chain(flags.iter().copied()).collect(),
                    declarations: Some(&part.preamble),
                    same_layout: part.same_layout(),
                    turn: Turn::of(units.len()),
                    ..Unit::new(
                        number,
                        part.compiler,
                        cases.iter().map(|&case| (subject, case)).collect(),
                    )
                });
            }
        }
        let (compiled, refused) = units::compile(&units, self.at_once, progress)?;
        let omitted = refused.iter();
        let omitted = omitted.map(|one| (one.part, parts[one.part].refused(one)));
        for (number, omitted) in omitted.collect::<Vec<_>>() {
            parts[number].skipped.extend(omitted);
        }
        Ok(PreparedRun {
            plan: self,
            parts,
            compiled,
        })
    }
}

/// A plan of which only the calls are left; they can be made many times, right or with mistakes.
#[derive(Debug)]
pub struct PreparedRun<'a> {
    plan: &'a Verification,
    /// Without their calls.
    parts: Vec<HeaderRun<'a>>,
    compiled: Vec<CompiledUnit>,
}

impl<'a> PreparedRun<'a> {
    /// Observes both sides of all calls.
    ///
    /// # Errors
    /// [`VerifyError::Reference`], [`VerifyError::Interrupted`].
    pub fn run(&self, mistake: Mistake, progress: Progress<'_>) -> Result<Run<'a>, VerifyError> {
        let verdicts = units::run(&self.compiled, mistake, self.plan.at_once, progress)?;
        let mut parts = self.parts.clone();
        for (unit, verdicts) in self.compiled.iter().zip(verdicts) {
            let part = &mut parts[unit.part];
            verdicts.into_iter().for_each(|verdict| part.take(verdict));
        }
        let plan = self.plan;
        Ok(Run { plan, parts })
    }
}

impl ReadHeader {
    /// Reads a header named as after `#include`, or by its path from here, for a target. Each
    /// record type gets its positions in functions of the convention `records`, if there is one;
    /// `only` chooses functions and types by name and place.
    ///
    /// # Errors
    /// [`VerifyError::Header`], [`VerifyError::Interrupted`].
    pub fn header(
        name: &str,
        options: &Options,
        records: (&Target, Option<&'static Convention>),
        only: impl Fn(&str, &Location) -> bool,
    ) -> Result<Self, VerifyError> {
        check_interrupt()?;
        let include = match std::fs::canonicalize(name) {
            Ok(path) if path.is_file() => format!("#include \"{}\"\n", path.display()),
            _ => format!("#include <{name}>\n"),
        };
        Self::text(name, &include, options, records, only)
    }

    /// Reads a text of declarations and directives, as [`ReadHeader::header`] does a header.
    pub fn text(
        name: &str,
        text: &str,
        options: &Options,
        records: (&Target, Option<&'static Convention>),
        only: impl Fn(&str, &Location) -> bool,
    ) -> Result<Self, VerifyError> {
        let name = name.to_owned();
        match header::read(text, options, records, only) {
            Ok(read) => Ok(Self { name, ..read }),
            Err(source) => Err(VerifyError::Header { name, source }),
        }
    }
}

/// Checks whether a function that `reference` compiles returns the right value in a program of this
/// machine. If none does, every failure would look like the compiler's. A unit in which a case ran
/// to its end shows the same.
fn try_out(reference: &Reference) -> Result<(), ReferenceError> {
    let unusable = |why| ReferenceError::Unusable {
        what: format!("code by {}", reference.command()),
        why,
    };
    let built = reference.build(FRAME, &["-w"])?;
    let linker = Reference::of_machine().map_err(unusable)?;
    let main = File {
        by: &linker,
        source: "void *cabi_seen(void);\nextern void *const cabi_places[];\n\
                 int main(void) { return cabi_seen() == cabi_places[0] ? 22 : 1; }\n",
        flags: Vec::new(),
    };
    let object = built.object.to_string_lossy();
    let program = Program::build(&[main], &[&*object, "-Wl,-z,now"]);
    let output = program.and_then(|program| program.run(&runner(), &[], SECONDS));
    match output.map(|output| output.status) {
        Ok(status) if status.code() == Some(22) => Ok(()),
        Ok(status) => Err(unusable(format!("a program with it ends with {status}"))),
        Err(why) => Err(unusable(why.to_string())),
    }
}

impl Compiler {
    /// Makes a compiler of `reference` under `policy`, or else under its own.
    ///
    /// # Errors
    /// [`VerifyError::Reference`] if it cannot be run for its macros, [`VerifyError::Machine`] if
    /// its code cannot run.
    pub fn new(reference: Reference, policy: Option<Policy>) -> Result<Self, VerifyError> {
        let level = reference.vector_level()?;
        let lacking = reference.features_lacking()?;
        if !lacking.is_empty() {
            let (command, features) = (reference.command(), lacking.join(", "));
            return Err(VerifyError::Machine { command, features });
        }
        let own = Self::plain(reference, policy);
        Ok(Self { level, ..own })
    }

    /// Makes a compiler of `reference` at the baseline of vectors, whose code runs here.
    fn plain(reference: Reference, policy: Option<Policy>) -> Self {
        Self {
            policy: policy.unwrap_or(reference.profile().on(&HERE)),
            level: VectorLevel::Baseline,
            narrower: None,
            ms_abi: false,
            programs: None,
            zig: None,
            probe: Arc::default(),
            reference,
        }
    }

    /// Makes a compiler of Zig in the mode `mode`, with a frame by `frame`, under Zig's policy.
    pub fn of_zig(zig: &Arc<Zig>, mode: Mode, frame: &Reference) -> Self {
        Self {
            zig: Some((zig.clone(), mode)),
            ..Self::plain(frame.clone(), Some(Policy::ZIG))
        }
    }

    /// Makes a compiler of `reference` for a target whose code runs in programs, under `policy` or
    /// else under its own.
    pub fn of_programs(
        reference: Reference,
        programs: Arc<ProgramTarget>,
        policy: Option<Policy>,
    ) -> Self {
        let policy = policy.unwrap_or(reference.profile().on(&programs.target));
        Self {
            programs: Some(programs),
            ..Self::plain(reference.for_programs(), Some(policy))
        }
    }

    /// Returns the probe of its code.
    pub(crate) fn probe(&self) -> &Result<Probe, String> {
        self.probe.get_or_init(|| match &self.programs {
            Some(target) => Probe::of_target(target).map_err(|error| error.to_string()),
            None => Probe::of_here(),
        })
    }

    /// Returns the target whose code it makes.
    pub fn target(&self) -> Target {
        let own = self.programs.as_ref();
        own.map_or(HERE, |programs| programs.target.clone())
    }

    /// Its command, version and policy.
    pub(crate) fn title(&self) -> String {
        let version = self.reference.version();
        // gcc's begins with its own name.
        let version = match version.split_once(' ') {
            Some((name, rest)) if name.ends_with("gcc") => rest.to_owned(),
            _ => format!("({version})"),
        };
        let ms_abi = if self.ms_abi { ", ms_abi" } else { "" };
        format!(
            "{} {version}, policy {}{ms_abi}",
            self.reference.command(),
            self.policy_name()
        )
    }

    /// Returns the name of its policy. If that is the compiler's own and its version was not
    /// measured, a note says so.
    pub(crate) fn policy_name(&self) -> String {
        let (target, reference) = (self.target(), &self.reference);
        let note = match self.policy == reference.profile().on(&target) {
            true => reference.unmeasured(),
            false => String::new(),
        };
        self.policy.name_on(&target) + &note
    }
}

impl Run<'_> {
    /// Returns the reason why nothing was verified, or nothing of one of the headers with one of
    /// the compilers. If something fails, the reason is given only if nothing was called and
    /// nothing differs.
    fn nothing(&self, is_clean: bool) -> Option<String> {
        if self.parts.is_empty() {
            return Some("nothing was verified: no header, or no compiler".to_owned());
        }
        let says_something =
            |part: &HeaderRun<'_>| !(part.verdicts.is_empty() && part.differing.is_empty());
        let is_asked = is_clean || !self.parts.iter().any(says_something);
        let empty = self.parts.iter().find(|part| part.verdicts.is_empty());
        Some(empty.filter(|_| is_asked)?.why_nothing())
    }
}

pub(crate) fn check_interrupt() -> Result<(), VerifyError> {
    if process::was_interrupted() {
        return Err(VerifyError::Interrupted);
    }
    Ok(())
}
