//! Errors of lowering a signature, a call or an entry.

use std::fmt;

use crate::cranelift::module::ModuleError;
use cabi::FnSig;
pub use clif_cabi_plan::{NotLowered, PlanError};

/// Reason why lowering was refused. No instruction has been emitted for the call or return in
/// question.
///
/// An error about one function is wrapped in [`LowerError::In`], so match it through
/// [`LowerError::cause`].
#[derive(Debug)]
#[non_exhaustive]
pub enum LowerError {
    /// The refusal, and the function it is about.
    In {
        /// Its name where it is known, and its C signature.
        function: String,
        /// The refusal.
        error: Box<LowerError>,
    },
    /// A name is declared again, and the two declarations have different CLIF signatures.
    Redeclared {
        /// The name.
        name: String,
        /// The C signature it has; its CLIF signature if it was not declared through this lowering.
        first: String,
        /// The C signature it was to have.
        now: String,
        /// Advice, if the two look alike.
        hint: &'static str,
    },
    /// No plan could be made.
    Plan(PlanError),
    /// The instruction set or its flags are not supported: the target and the error.
    Isa(String),
    /// The call has another number of arguments than the signature.
    ArgumentCount {
        /// Number in the signature.
        expected: usize,
        /// Number given.
        found: usize,
    },
    /// The function being built has no argument of this index.
    NoArgument {
        /// Counted from 0.
        index: usize,
        /// Number of arguments that the signature has.
        n: usize,
    },
    /// A variadic function is called with unnamed arguments, whose types are not known.
    Unnamed {
        /// Named parameters of the signature.
        named: usize,
        /// Arguments given.
        found: usize,
    },
    /// A value that is not of the form or type its parameter needs.
    Value {
        /// `argument 2`, `result`.
        what: String,
        /// The C type.
        ty: String,
        /// The value or form that is needed.
        expected: String,
        /// The value or form given instead.
        found: String,
    },
    /// Values of a call instruction that are not of its signature.
    Values {
        /// The types of the signature's parameters.
        expected: String,
        /// The types of the values.
        found: String,
    },
    /// The function being built does not fit the request: what is wrong with it.
    Function(&'static str),
    /// A tail call that the two functions cannot make, and why.
    TailCall(String),
    /// Declaring or defining a function in the module failed.
    Module(Box<ModuleError>),
    /// The module has another function or object under this name of a stub. These names begin with
    /// `__clif_cabi_`.
    StubName(String),
    /// The stubs cannot do this, or a function is called without its stub.
    Stub(&'static str),
    /// Calls or functions of the signature need a stub for this, and the lowering is
    /// [without stubs](crate::Lowering::without_stubs).
    NeedsStub {
        /// Part of the signature that needs it.
        need: &'static str,
        /// The target.
        target: String,
    },
    /// A mistake of this crate: a plan and its emission disagree.
    Internal(&'static str),
}

impl LowerError {
    /// Makes a [`LowerError::Value`] of `what`, the type, `expected` and `found`.
    #[cold]
    pub(crate) fn value(words: [&dyn fmt::Display; 4]) -> Self {
        let [what, ty, expected, found] = words.map(|word| word.to_string());
        Self::Value {
            what,
            ty,
            expected,
            found,
        }
    }

    /// Returns the refusal itself, without the function it is about.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::In { error, .. } => error.cause(),
            other => other,
        }
    }

    /// Returns the kind of thing that is not lowered, if that was refused.
    ///
    /// ```
    /// use cabi::{FnSig, Type};
    /// use clif_cabi::Lowering;
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let isa = linux_isa();
    ///
    /// static MINE: cabi::Convention = cabi::Convention {
    ///     frame: cabi::convention::Frame { shadow_space: 64, ..cabi::X86_64_WIN64.frame },
    ///     ..cabi::X86_64_WIN64
    /// };
    /// let lower = Lowering::new(&*isa).unwrap();
    /// let callback = FnSig::new([Type::PTR], Type::I32);
    /// assert!(lower.entry_plan(&callback.clone().convention(&cabi::X86_64_WIN64)).is_ok());
    /// let error = lower.entry_plan(&callback.convention(&MINE)).unwrap_err();
    /// let why = error.not_lowered().map(|kind| kind.why());
    /// assert_eq!(
    ///     why,
    ///     Some(
    ///         "its shadow space differs from that of Cranelift's functions: 32 bytes on x64 \
    ///             Windows, none elsewhere"
    ///     )
    /// );
    /// ```
    #[must_use]
    pub fn not_lowered(&self) -> Option<NotLowered> {
        match self.cause() {
            Self::Plan(PlanError::Unsupported { why, .. }) => Some(*why),
            _ => None,
        }
    }

    /// Returns this error, about the function `name` of `sig`.
    pub(crate) fn of(self, name: Option<&str>, sig: &FnSig) -> Self {
        let error = match self {
            Self::In { error, .. } => error,
            // The message names the function itself.
            Self::Redeclared { .. } => return self,
            other => Box::new(other),
        };
        let function = match name {
            Some(name) => format!("{name}, {sig}"),
            None => sig.to_string(),
        };
        Self::In { function, error }
    }
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In { function, error } => write!(f, "{function}: {error}"),
            Self::Redeclared {
                name,
                first,
                now,
                hint,
            } => {
                write!(f, "{name} is declared as {first}, and now as {now}")?;
                match *hint {
                    "" => Ok(()),
                    hint => write!(f, ": {hint}"),
                }
            }
            Self::Plan(error) => error.fmt(f),
            Self::Isa(why) => f.write_str(why),
            Self::ArgumentCount { expected, found } => write!(
                f,
                "the signature has {}, and {} given",
                count(*expected, "parameter"),
                given_arguments(*found)
            ),
            Self::NoArgument { index, n } => write!(
                f,
                "argument {index}, counted from 0: the signature has {}",
                count(*n, "parameter")
            ),
            Self::Unnamed { named, found } => write!(
                f,
                "it is variadic with {}, and {} given: pass the types of the unnamed ones with `call_variadic` or `FnSig::at_call`",
                count(*named, "named parameter"),
                given_arguments(*found)
            ),
            Self::Value {
                what,
                ty,
                expected,
                found,
            } => write!(f, "{what}, {ty}: expected {expected}, found {found}"),
            Self::Values { expected, found } => {
                write!(f, "the call takes the values {expected}, found {found}")
            }
            Self::Function(why) => write!(f, "the function being built: {why}"),
            Self::TailCall(why) => write!(f, "a tail call: {why}"),
            Self::Module(error) => write!(f, "module: {error}"),
            Self::Stub(why) => f.write_str(why),
            Self::NeedsStub { need, target } => write!(
                f,
                "it has {need}, which needs a stub on {target}, and the module defines no stubs"
            ),
            Self::Internal(why) => {
                write!(f, "internal error of clif-cabi: {why}, please report it")
            }
            Self::StubName(name) => write!(
                f,
                "{name} is the name of a stub, and the module has declared that name differently"
            ),
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn given_arguments(n: usize) -> String {
    let verb = if n == 1 { "is" } else { "are" };
    format!("{} {verb}", count(n, "argument"))
}

impl std::error::Error for LowerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::In { error, .. } => error.source(),
            Self::Plan(error) => error.source(),
            Self::Module(error) => Some(error),
            _ => None,
        }
    }
}

impl From<cabi::Error> for LowerError {
    fn from(error: cabi::Error) -> Self {
        Self::Plan(error.into())
    }
}

impl From<PlanError> for LowerError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Target { .. } | PlanError::Step { .. } => Self::Isa(error.to_string()),
            error => Self::Plan(error),
        }
    }
}

impl From<ModuleError> for LowerError {
    fn from(error: ModuleError) -> Self {
        Self::Module(Box::new(error))
    }
}
