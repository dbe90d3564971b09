//! From an [`FnAbi`](cabi::FnAbi) to a CLIF signature and the contents of each of its parameters.
//!
//! ```text
//! call:  sret and the parts in registers, then the argument area word by word
//! entry: sret and the parts in registers, then the whole argument area as one `sarg`
//! ```
//!
//! The solver (`solve.rs`) brings both into the order of Cranelift's machine. Scalars on the stack
//! keep their own type where their class is exhausted anyway, as in CLIF written by hand. The check
//! comes last: a plan that Cranelift would place differently is an error.

mod call;
mod entry;
mod entry_stub;
mod invoker;
mod records;
mod shape;
mod signature_plan;
mod stub_need;
mod table;
mod va_arg;
mod value;
mod variadic;

pub use call::{CallPlan, IndirectCall};
pub use entry::{EntryPlan, IncomingArea};
pub use signature_plan::SignaturePlan;
pub use table::ArgTable;
pub use va_arg::{VaArgPlan, VaPart, VaPlace, VaRegisters};
pub use variadic::{VaCount, VaStart};
