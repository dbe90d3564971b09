//! Plans of C calls and function entries in CLIF, for any Cranelift release: this crate has no
//! Cranelift type.
//!
//! [`CallPlan`] and [`EntryPlan`] give the CLIF [`Signature`], the part of an argument in each
//! parameter, the padding arguments between them, and the necessary [`Stub`]s. Every plan has been
//! checked against a model of Cranelift's own machine ([`Machine::places`]). A signature whose
//! parameters Cranelift would place elsewhere than C is an error. An emitter maps the plan to the
//! types of its `cranelift-codegen` and moves the values: `clif-cabi` does so for Cranelift 0.132
//! to 0.137, `examples/older-cranelift` for 0.108.
//!
//! # Example
//! ```
//! use clif_cabi_plan::cabi::{FnSig, RecordBuilder, Target, Type};
//! use clif_cabi_plan::{CallPlan, What};
//!
//! // struct pair { double x; long n; };  struct pair f(int, struct pair);
//! let target = Target::X86_64_LINUX;
//! let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
//! let pair = pair.build(target.data_model())?;
//! let plan = CallPlan::new(&FnSig::new([Type::I32, pair.clone()], pair), &target)?;
//! assert_eq!(plan.signature.to_string(), "(i32, f64, i64) -> f64, i64 system_v");
//! let second = plan.args.slots(1)[1];
//! assert_eq!((second.what, second.param), (What::Part { arg: 1, part: 1 }, Some(2)));
//! # Ok::<(), clif_cabi_plan::PlanError>(())
//! ```
#![forbid(unsafe_code)]

mod check;
mod error;
mod from_parts;
mod machine;
mod parts;
mod plan;
mod signature;
mod slot;
mod solve;

pub use error::{NotLowered, PlanError};
pub use from_parts::{PartsSignature, PartsValue};
pub use machine::{
    Machine, MoveWidth, RegisterMove, Reloc, RelocKind, ResultPlan, Stub, StubCode, StubStep,
    UnwindRow, VaCounter,
};
pub use parts::{ClifPart, ClifParts, leaf_type, value_type};
pub use plan::{
    ArgTable, CallPlan, EntryPlan, IncomingArea, IndirectCall, SignaturePlan, VaArgPlan, VaCount,
    VaPart, VaPlace, VaRegisters, VaStart,
};
pub use signature::{
    CallConv, ClifParam, ClifPlace, Extension, MAX_STACK_BYTES, Params, Places, Purpose, Signature,
    ValueType,
};
pub use slot::{PassMode, Slot, What};

pub use cabi;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
