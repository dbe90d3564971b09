//! Emits calls, entries and returns: what the plans of `realize` say, as CLIF.

mod call;
mod convert;
mod entry;
mod lanes;
mod memory;

pub(crate) use call::CallSite;
pub use call::{Arg, Callee, Ret, Returned};
pub use entry::Entry;

use cranelift_codegen::ir::Value;
use smallvec::SmallVec;

/// A few CLIF values.
pub type Values = SmallVec<[Value; 4]>;
