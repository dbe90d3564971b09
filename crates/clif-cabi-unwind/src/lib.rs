//! Unwind tables for Cranelift: how exceptions and backtraces get through compiled functions and
//! stubs, and into the handlers of `try_call`.
//!
//! Cranelift knows the rules of what it compiles, `clif-cabi-plan` those of its stubs.
//! [`UnwindTables`] collects both and writes the sections that libgcc's and LLVM's unwinders read:
//! `.eh_frame`, and `.gcc_except_table` for functions with handlers. The [`Personality`] is the
//! front end's choice.
//!
#![cfg_attr(
    feature = "object",
    doc = "In an object file ([`UnwindTables::write_object`]):"
)]
#![cfg_attr(feature = "object", doc = include_str!("../object.md"))]
//!
//! For code in this process [`UnwindTables::in_memory`] gives bytes to register; `clif-cabi-jit`
//! does so by itself.
//!
//! COFF objects get the tables of Windows (`.pdata`, `.xdata`), and so does code of x86-64 in
//! memory. Handlers of Microsoft's C++, and all handlers on AArch64's Windows, are named errors.
//! Cranelift has no rules for the few instructions of a function's end. A debugger that stops
//! there, or a profiler, may lose the caller; exceptions and backtraces pass calls alone.
#![forbid(unsafe_code)]

mod cranelift;
mod error;
mod format;
mod frame;
mod lsda;
mod machine;
mod memory;
#[cfg(feature = "object")]
mod module;
#[cfg(feature = "object")]
mod object;
mod personality;
mod rows;
mod section;
mod tables;
mod tail_calls;
mod windows;
mod windows_arm;

pub use error::UnwindError;
pub use memory::{TablesInMemory, WindowsFunction};
#[cfg(feature = "object")]
pub use module::UnwindModule;
pub use personality::Personality;
pub use tables::UnwindTables;
