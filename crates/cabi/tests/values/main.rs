//! Tests of types, of values that are easy to place wrong, and of refusals. Most are rows of
//! `tests/tables`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

mod allocations;
mod conventions;
mod corners;
#[path = "../support/i386.rs"]
mod i386;
mod linear;
mod notation;
mod other_machines;
mod s390x_layout;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod zig;

use cabi::{DataModel, RecordBuilder, Target, Type};

const LP64: DataModel = DataModel::LP64;
const LINUX: Target = Target::X86_64_LINUX;

/// Returns `record` with members of these types.
fn with(record: RecordBuilder, types: &[Type]) -> RecordBuilder {
    let add = |record: RecordBuilder, ty: &Type| record.field("", ty.clone());
    types.iter().fold(record, add)
}
