//! The C ABI for Cranelift: give it a C type and a Cranelift value, and the call is right.
//!
//! Cranelift passes scalars. This crate lowers calls, entries and returns of C functions to it:
//! structures, unions, `long double`, complex numbers, vectors, `__int128`, variadic calls. Three
//! levels stay separately usable:
//!
//! 1. [`cabi::FnAbi`]: where everything goes, without Cranelift.
//! 2. [`CallPlan`] and [`EntryPlan`]: the CLIF signature, [the callee](Lowering::callee), the
//!    values in and the values out. A front end issues its own `call`, `call_indirect` or
//!    `try_call` with them.
//! 3. [`Lowering::call`], [`Lowering::begin`], [`Entry::ret`]: one line each. [`Lowering`] is the
//!    entry point.
//!
//! A few bytes of machine code each do what Cranelift cannot (AL, the x87 stack), see [`Stub`].
//! Nothing is emitted that was not checked: [`Machine::places`](clif_cabi_plan::Machine::places)
//! proves that Cranelift places each part where C has it. Plans, check and stubs come from
//! [`clif_cabi_plan`], which has no Cranelift in it and serves other releases as well.
#![forbid(unsafe_code)]

mod clif_types;
mod cranelift;
mod emit;
mod error;
mod lowering;
mod stubs;
mod sysv;

pub use clif_types::{c_type, clif_signature, clif_type, plan_signature, value_type};
pub use emit::{
    Arg, CallCode, CallResult, Callable, Callee, Entry, FieldValue, Fields, Ret, Values,
    keep_arrived,
};
pub use error::{LowerError, NotLowered, PlanError};
pub use lowering::{Function, Lowering};
pub use stubs::{
    MoveWidth, RegisterMove, Stub, StubCode, StubStep, Stubs, stub_code, stub_id, stubs_of,
};
pub use sysv::SysVAggregateLowering;

pub use crate::cranelift::codegen as cranelift_codegen;
pub use crate::cranelift::frontend as cranelift_frontend;
pub use crate::cranelift::module as cranelift_module;
pub use cabi;
pub use clif_cabi_plan;
pub use clif_cabi_plan::{CallPlan, ClifPart, EntryPlan};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
