//! Errors between a declaration and running code.
//!
//! The engine is also a `cranelift_module::Module`, whose methods must fail with a
//! [`ModuleError`]. The conversion keeps Cranelift's own variant where one fits and wraps the rest
//! as [`ModuleError::Backend`].

use core::fmt;
use std::any::Any;
use std::io;

use crate::cranelift::codegen::CodegenError;
use crate::cranelift::module::ModuleError;
use clif_cabi::LowerError;
use clif_cabi_unwind::UnwindError;

/// The result of everything in this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Reason why the engine refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Code cannot be run on this machine.
    UnsupportedHost {
        /// The host's target triple.
        host: String,
        /// The missing feature.
        why: String,
    },
    /// A Cranelift flag does not exist, does not take this value, or is fixed by the engine.
    Setting {
        /// The flag.
        name: String,
        /// The value it was to have.
        value: String,
        /// Reason of the error.
        why: String,
    },
    /// A file for a profiler could not be written.
    Profile {
        /// The file.
        path: std::path::PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The size set for the engine's memory, in bytes, is zero or too large.
    MemorySize {
        /// Bytes set.
        size: usize,
        /// The most there can be, in bytes.
        most: usize,
    },
    /// The engine's memory is used up.
    OutOfMemory {
        /// Bytes wanted for one function or data object.
        wanted: usize,
        /// Bytes not yet given out, in whole pages.
        free: usize,
        /// Bytes the engine was made with.
        size: usize,
    },
    /// An alignment that is not a power of two, or larger than a page.
    Alignment {
        /// The alignment, in bytes.
        align: u64,
    },
    /// The operating system refused to reserve memory or to change its protection.
    Memory {
        /// The attempt.
        action: &'static str,
        /// The system's error.
        source: region::Error,
    },
    /// A shared library cannot be opened.
    Library {
        /// Its name, as it was given.
        name: String,
        /// The dynamic linker's message.
        why: String,
    },
    /// A name with a NUL byte in it: no symbol can be called so.
    SymbolName {
        /// The name.
        name: String,
    },
    /// Symbols that are found nowhere.
    MissingSymbols {
        /// The symbols, each once.
        missing: Vec<MissingSymbol>,
        /// The places searched, in order.
        searched: Vec<String>,
    },
    /// Functions or data objects of this module that are used but were never defined.
    Undefined {
        /// The names, each once.
        missing: Vec<MissingSymbol>,
    },
    /// A name is bound to one address, or already in use with it, and was to be bound to another.
    Rebound {
        /// The name.
        name: String,
    },
    /// A function or data object that this engine never declared, likely one of another engine.
    UnknownId {
        /// The id as Cranelift writes it: `funcid7`.
        id: String,
    },
    /// A function is declared again or defined with another signature.
    IncompatibleSignature {
        /// The function.
        name: String,
        /// The signature it has.
        declared: String,
        /// The signature it was to have.
        wanted: String,
    },
    /// A function and a data object with the same name, a thread-local data object, or a null
    /// address.
    IncompatibleDeclaration {
        /// The name.
        name: String,
        /// The reason why they conflict.
        why: &'static str,
    },
    /// A function or data object is defined a second time.
    DuplicateDefinition {
        /// Its name.
        name: String,
    },
    /// A definition for something declared as an import, or already used as one.
    ImportDefinition {
        /// Its name.
        name: String,
    },
    /// A Cranelift signature that Cranelift cannot compile.
    Signature {
        /// The function with it, or calling with it.
        function: String,
        /// The unsupported property.
        why: String,
    },
    /// Cranelift cannot compile a function.
    Compile {
        /// The function.
        function: String,
        /// Cranelift's error.
        source: CodegenError,
    },
    /// Cranelift panicked on a function.
    CompilerPanic {
        /// The function.
        function: String,
        /// The message of the panic.
        message: String,
    },
    /// A relocation that cannot be applied.
    Relocation {
        /// The function or data object with it.
        name: String,
        /// Offset of the place that it changes, in bytes from the start.
        offset: u32,
        /// Reason of the error.
        why: String,
    },
    /// Bytes or a data object that cannot be defined.
    Content {
        /// The function or data object.
        name: String,
        /// Reason of the error.
        why: &'static str,
    },
    /// The code of a function was requested before it was defined and finalized.
    NotFinalized {
        /// The function.
        name: String,
    },
    /// A signature that is not lowered.
    Lowering(Box<LowerError>),
    /// No unwind table can express the handlers of a function.
    Unwind {
        /// The function.
        function: String,
        /// Reason why not.
        source: UnwindError,
    },
    /// A value of another kind or size than its C type.
    Value {
        /// The argument, or the result.
        what: String,
        /// Its C type.
        ty: String,
        /// The error.
        why: String,
    },
    /// Any other error of cranelift-jit.
    Module(Box<ModuleError>),
}

/// Returns the error for a machine that the engine does not run on.
pub(crate) fn unsupported_host(why: &str) -> Error {
    Error::UnsupportedHost {
        host: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        why: why.to_owned(),
    }
}

/// Returns the error for a declaration.
pub(crate) fn incompatible(name: &str, why: &'static str) -> Error {
    Error::IncompatibleDeclaration {
        name: name.to_owned(),
        why,
    }
}

/// A symbol that was not found, and what refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingSymbol {
    /// The symbol.
    pub name: String,
    /// The functions and data objects that refer to it; empty when it was looked up directly.
    pub wanted_by: Vec<String>,
}

impl Error {
    /// Writes errors about memory.
    fn fmt_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile { path, source } => write!(f, "{}: {source}", path.display()),
            Self::MemorySize { size, most } => {
                write!(f, "memory of {size} bytes: must be between 1 and {most}")
            }
            Self::OutOfMemory { wanted, free, size } => write!(
                f,
                "the engine's memory of {size} bytes is exhausted: {wanted} bytes wanted, {free} free \
                 (each round takes whole pages)"
            ),
            Self::Alignment { align } => write!(
                f,
                "an alignment of {align} bytes is not a power of two up to the size of a page"
            ),
            Self::Memory { action, source } => write!(f, "cannot {action}: {source}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedHost { host, why } => write!(f, "code cannot be run on {host}: {why}"),
            Self::Setting { name, value, why } => write!(f, "setting {name}={value}: {why}"),
            Self::MemorySize { .. }
            | Self::Profile { .. }
            | Self::OutOfMemory { .. }
            | Self::Alignment { .. }
            | Self::Memory { .. } => self.fmt_memory(f),
            Self::Library { name, why } => write!(f, "cannot open library {name}: {why}"),
            Self::SymbolName { name } => write!(f, "symbol name {name:?} contains a NUL byte"),
            Self::MissingSymbols { missing, searched } => {
                write_missing(f, "cannot find", missing)?;
                write_searched(f, searched)
            }
            Self::Undefined { missing } => {
                write_missing(f, "declared here but never defined:", missing)
            }
            Self::Rebound { name } => write!(f, "symbol {name} already has another address"),
            Self::UnknownId { id } => write!(f, "{id} was not declared by this engine"),
            Self::IncompatibleSignature {
                name,
                declared: first,
                wanted: now,
            } => write!(
                f,
                "function {name} is declared as {first}, and now as {now}"
            ),
            Self::IncompatibleDeclaration { name, why } => {
                write!(f, "declaration of {name}: {why}")
            }
            Self::DuplicateDefinition { name } => write!(f, "{name} is already defined"),
            Self::ImportDefinition { name } => {
                write!(f, "{name} is an import and cannot be defined")
            }
            Self::Signature { function, why } => write!(f, "function {function}: {why}"),
            Self::Compile { function, source } => {
                write!(f, "cannot compile function {function}:")?;
                write_codegen(f, source)
            }
            Self::CompilerPanic { function, message } => {
                write!(f, "Cranelift panicked on function {function}: {message}")
            }
            Self::Relocation { name, offset, why } => {
                write!(f, "relocation at byte {offset} of {name}: {why}")
            }
            Self::Content { name, why } => write!(f, "definition of {name}: {why}"),
            Self::NotFinalized { name } => {
                write!(
                    f,
                    "function {name} has no code yet: define it, then finalize"
                )
            }
            Self::Lowering(error) => error.fmt(f),
            Self::Unwind { function, source } => write!(f, "function {function}: {source}"),
            Self::Value { what, ty, why } => write!(f, "{what}, {ty}: {why}"),
            Self::Module(error) => error.fmt(f),
        }
    }
}

/// The place where a name is searched last.
pub(crate) const PROCESS: &str = "the process";

/// Advice about a symbol that the process does not have.
const NEXT: &str = ". If a library has it, open and add that first";

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(owned).unwrap_or("no message")
}

/// Writes Cranelift's error, the verifier's errors on lines of their own.
fn write_codegen(f: &mut fmt::Formatter<'_>, error: &CodegenError) -> fmt::Result {
    match error {
        CodegenError::Verifier(errors) => write!(f, "\n{errors}"),
        other => write!(f, " {other}"),
    }
}

fn write_searched(f: &mut fmt::Formatter<'_>, searched: &[String]) -> fmt::Result {
    let is_all = searched.last().is_some_and(|last| last == PROCESS);
    let next = if is_all { NEXT } else { "" };
    write!(f, "; searched: {}{next}", searched.join(", "))
}

fn write_missing(f: &mut fmt::Formatter<'_>, what: &str, missing: &[MissingSymbol]) -> fmt::Result {
    write!(f, "{what}")?;
    for (i, symbol) in missing.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(f, "{comma} {}", symbol.name)?;
        if !symbol.wanted_by.is_empty() {
            write!(f, " (used by {})", symbol.wanted_by.join(", "))?;
        }
    }
    Ok(())
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Memory { source, .. } => Some(source),
            Self::Profile { source, .. } => Some(source),
            Self::Compile { source, .. } => Some(source),
            Self::Lowering(source) => Some(&**source),
            Self::Unwind { source, .. } => Some(source),
            Self::Module(source) => source.source(),
            _ => None,
        }
    }
}

impl From<ModuleError> for Error {
    fn from(error: ModuleError) -> Self {
        match error {
            // The arena reports through an `io::Error`, which carries ours.
            ModuleError::Allocation { err } => match err.downcast::<Error>() {
                Ok(error) => error,
                Err(err) => Self::Module(Box::new(ModuleError::Allocation { err })),
            },
            ModuleError::Backend(error) => match error.downcast::<Error>() {
                Ok(error) => error,
                Err(error) => Self::Module(Box::new(ModuleError::Backend(error))),
            },
            ModuleError::DuplicateDefinition(name) => Self::DuplicateDefinition { name },
            ModuleError::InvalidImportDefinition(name) => Self::ImportDefinition { name },
            other => Self::Module(Box::new(other)),
        }
    }
}

impl From<LowerError> for Error {
    fn from(error: LowerError) -> Self {
        Self::Lowering(Box::new(error))
    }
}

impl From<Error> for ModuleError {
    fn from(error: Error) -> Self {
        match error {
            Error::Module(error) => *error,
            Error::DuplicateDefinition { name } => Self::DuplicateDefinition(name),
            Error::ImportDefinition { name } => Self::InvalidImportDefinition(name),
            Error::UnknownId { id } => Self::Undeclared(id),
            Error::Compile { source, .. } => Self::Compilation(source),
            Error::OutOfMemory { .. } | Error::Memory { .. } | Error::Alignment { .. } => {
                Self::Allocation {
                    err: io::Error::new(io::ErrorKind::OutOfMemory, error),
                }
            }
            other => Self::Backend(anyhow::Error::new(other)),
        }
    }
}
