//! Emits calls, entries and returns: what the plans say, as CLIF.

mod call;
pub(crate) mod check;
mod convert;
mod entry;
mod forms;
mod lanes;
mod memory;
mod ret;

pub(crate) use call::CallSite;

pub use entry::Entry;
pub use forms::{Arg, Callable, Callee, Code, Ret, Returned};

use cranelift_codegen::ir::Value;
use smallvec::SmallVec;

/// A few CLIF values.
pub type Values = SmallVec<[Value; 4]>;
