//! Explanations of the places of a call: an [`FnAbi`] with the steps that led to it, as data and as
//! text.

mod members;
mod place;
mod words;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

pub use self::members::{ExplainedMember, members};
pub use self::place::{ExplainedPart, ExplainedPlace, PlaceKind};
use crate::convention::trace::{Log, Step, Tracer, ValueLog, touched};
use crate::convention::{Place, Reg, RegCounts};
use crate::fn_abi::{FnAbi, Returns};
use crate::policy::Policy;
use crate::sig::FnSig;
use crate::target::Target;
use crate::types::Type;
use crate::types::error::Error;

/// One argument, or the result.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainedValue {
    /// The parameter's name, where one is known.
    pub name: Option<String>,
    /// Its type, as C spells it.
    pub ty: String,
    /// Bytes.
    pub size: u64,
    /// The classes of its eightbytes on x86-64 System V; elsewhere the kinds of its parts.
    pub classes: String,
    /// Place in which it is passed.
    pub place: ExplainedPlace,
    /// Its members, those that start within the first 64 bytes.
    pub members: Vec<ExplainedMember>,
    /// Steps that led to the place.
    pub steps: Vec<Step>,
}

/// An [`FnAbi`] with its reasons. `Display` writes all of it; [`Explanation::summary`] only the
/// outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The target's name.
    pub target: String,
    /// The convention's name.
    pub convention: String,
    /// The compiler and version whose choices were made ([`Policy::name_on`]).
    pub profile: String,
    /// The policy bits that are set.
    pub policy: Policy,
    /// The policy bits that mattered, with their setting.
    pub touched: Vec<(&'static str, bool)>,
    /// The policy bits that would give this signature other places if changed alone, with their
    /// setting.
    pub deciding: Vec<(&'static str, bool)>,
    /// The arguments.
    pub args: Vec<ExplainedValue>,
    /// The result.
    pub ret: ExplainedValue,
    /// Bytes of the argument area.
    pub area_bytes: u64,
    /// Registers used.
    pub used: RegCounts,
    /// The machine's name for its floating-point and vector registers.
    pub vector_bank: &'static str,
    /// The register that holds the number of vector registers used, at a call of a variadic
    /// function.
    pub variadic_count: Option<&'static str>,
    /// The register that holds an address of the language's through the call
    /// ([`Frame::carried`](crate::convention::Frame::carried)), if one does.
    pub carried: Option<&'static str>,
}

/// Bits of a value within which members are listed: a larger value is passed in memory.
const MEMBER_BITS: u64 = 512;

/// Explains where everything in a call of `sig` goes. `names` are the parameters' names, as many as
/// are known.
///
/// # Errors
/// As [`FnAbi::new`].
///
/// # Example
/// ```
/// use cabi::{DataModel, FnSig, RecordBuilder, Target, Type, explain};
///
/// let pair = RecordBuilder::structure("pair")
///     .field("a", Type::F32)
///     .field("b", Type::I32)
///     .build(&DataModel::LP64)?;
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
    let log = RefCell::new(Log::default());
    let abi = FnAbi::traced(sig, target, Tracer::on(&log))?;
    let frame = &abi.convention.frame;
    let log = log.into_inner();
    let touched = touched(log.iter().skip(1).chain(log.first()));
    let mut log = log.into_iter();
    let result_log = log.next().unwrap_or_default();
    let args = sig.params().iter().zip(&abi.args).zip(log);
    let args = args.enumerate().map(|(i, ((param, arg), entry))| {
        // Arrays and functions are passed as pointers.
        let members = members(&target.data_model().decay(&param.ty), "", MEMBER_BITS);
        let place = ExplainedPlace::of_argument(&arg.place.of_own_bytes(frame), &members);
        let name = names.get(i).copied().flatten().map(ToString::to_string);
        ExplainedValue::new(name, &param.ty, (place, members), entry)
    });
    let args = args.collect();
    let of_result = members(sig.result(), "", MEMBER_BITS);
    let place = ExplainedPlace::of_result(&abi.ret, &of_result);
    let mut ret = ExplainedValue::new(None, sig.result(), (place, of_result), result_log);
    if let (Place::Ignore, Returns::Void | Returns::Never) = (&abi.ret.place, abi.ret.returns) {
        ret.classes = "-".to_string();
    }
    let mut explanation = Explanation {
        target: target.name().to_string(),
        convention: abi.convention.name.to_string(),
        profile: sig.policy_on(target).name_on(target),
        policy: sig.policy_on(target),
        touched,
        deciding: words::deciding(sig, target, &abi),
        args,
        ret,
        area_bytes: abi.area_bytes,
        used: abi.used,
        vector_bank: frame.vector_bank,
        // The number is in the lowest byte.
        variadic_count: abi.variadic_count.map(|reg| match reg {
            crate::x86_64::RAX => "al",
            reg => reg.name(),
        }),
        carried: frame.carried.map(Reg::name),
    };
    words::spell(&mut explanation, target.data_model());
    Ok(explanation)
}

impl ExplainedValue {
    fn new(
        name: Option<String>,
        ty: &Type,
        (place, members): (ExplainedPlace, Vec<ExplainedMember>),
        mut log: ValueLog,
    ) -> Self {
        words::name_leaves(&mut log.steps, ty);
        Self {
            name,
            ty: ty.to_string(),
            size: ty.size(),
            classes: log.classes,
            place,
            members,
            steps: log.steps,
        }
    }
}

impl Explanation {
    /// Returns one line per argument and for the result, then the totals. Equal neighbours without
    /// names share a line.
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
            let places: Vec<&str> = run.iter().map(|arg| arg.place.text.as_str()).collect();
            text += &line(&label, &arg.classes, &places.join(" "));
            i += run.len();
        }
        text += &line("ret", &self.ret.classes, &self.ret.place.text);
        text += &alloc::format!(
            "area {} bytes, gp {}, {} {}",
            self.area_bytes,
            self.used.int,
            self.vector_bank,
            self.used.vector
        );
        if let Some(reg) = self.variadic_count {
            text += &alloc::format!(", {reg} {}", self.used.vector);
        }
        text.push('\n');
        text
    }

    /// Returns the arguments from `i` on that can share a line: unnamed, of one class, each in one
    /// register.
    fn run_from(&self, i: usize) -> &[ExplainedValue] {
        let rest = self.args.get(i..).unwrap_or_default();
        let simple = |arg: &&ExplainedValue| arg.name.is_none() && !arg.place.text.contains(' ');
        let alike = |arg: &&ExplainedValue| {
            simple(arg) && rest.first().is_some_and(|a| a.classes == arg.classes)
        };
        let n = rest.iter().take_while(alike).count().max(1);
        rest.get(..n).unwrap_or_default()
    }
}

/// Returns three columns with at least two blanks between them.
fn line(label: &str, classes: &str, place: &str) -> String {
    alloc::format!("{label:<14}  {classes:<15}  {place}\n")
}

/// The summary's lines, each followed by the steps that led to it.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.convention, self.target)?;
        match words::document(&self.convention) {
            Some(document) => writeln!(f, ", {document}")?,
            None => writeln!(f)?,
        }
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
            self.area_bytes, self.used.int, self.used.vector
        )?;
        if let Some(reg) = self.variadic_count {
            write!(f, ", {reg} = {}", self.used.vector)?;
        }
        if let Some(reg) = self.carried {
            write!(f, "; {reg} holds an address that the language needs")?;
        }
        write!(f, "\npolicy {}", self.profile)?;
        for (bit, set) in &self.deciding {
            let is = if *set {
                "set; without"
            } else {
                "not set; with"
            };
            write!(f, "\npolicy {bit} is {is} it the places differ")?;
        }
        writeln!(f)
    }
}

/// Writes the steps in lines of their own. Choices are named at the end, once, and only those that
/// decide.
fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    let steps = steps.iter();
    let mut steps = steps.filter(|step| !matches!(step, Step::Policy { .. }));
    steps.try_for_each(|step| writeln!(f, "    {step}"))
}
