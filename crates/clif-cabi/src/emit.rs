//! Emits calls, entries and returns: what the plans say, as CLIF.

mod call;
mod callable;
pub(crate) mod check;
mod convert;
pub(crate) mod entry;
mod fields;
mod forms;
mod lanes;
pub(crate) mod memory;
mod owned;
mod padding;
mod ret;
mod tail;
mod value;
pub(crate) mod variadic;

pub(crate) use call::CallSite;

pub use callable::{CallCode, Callable};
pub use entry::Entry;
pub use fields::{FieldValue, Fields};
pub use forms::{Arg, CallResult, Callee, Ret};
pub use padding::keep_arrived;

use crate::cranelift::codegen::ir::{Type, Value, types};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;
use memory::MemoryConfig;
use smallvec::SmallVec;

/// A few CLIF values.
pub type Values = SmallVec<[Value; 4]>;

/// Returns a value that only keeps a register unused: `ty` is the type of a padding argument, `i64`
/// or `f64`.
fn zero(builder: &mut FunctionBuilder<'_>, ty: Type) -> Value {
    match ty {
        types::F64 => builder.ins().f64const(0.0),
        ty => builder.ins().iconst(ty, 0),
    }
}

/// Returns the address of a stack slot for a result of `ty`. A typedef may align a record to less
/// than its own alignment, on which clang relies where it writes a result.
pub(crate) fn slot_of(
    config: MemoryConfig,
    builder: &mut FunctionBuilder<'_>,
    ty: &cabi::Type,
) -> Value {
    let align = ty.align().max(ty.canonical_align());
    memory::slot(config, builder, ty.size(), align).base
}
