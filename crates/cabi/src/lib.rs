//! Where each piece of a C value travels in a call, and why.
//!
//! ```text
//! Type ──layout──▶ size, offsets ──leaves──▶ scalars ──classify──▶ Shape ──assign──▶ FnAbi ──▶ explain
//! ```
//!
//! [`Type`] is a C type with its layout, made by constants, by [`DataModel`]'s methods, or by [`RecordBuilder`]. [`FnSig`] is a signature of
//! such types. [`FnAbi::new`] says where everything is: registers, offsets in the argument area, hidden pointers; [`explain`] says
//! why. Conventions are tables ([`rules`]), and a language can write its own. Nothing here knows a code generator.
//!
//! ```
//! use cabi::{DataModel, FnAbi, FnSig, RecordBuilder, Target, Type, explain};
//!
//! // struct pair { double x; long n; };  struct pair f(int, struct pair);
//! let target = Target::X86_64_LINUX;
//! let pair = RecordBuilder::structure("pair")
//!     .field("x", Type::F64)
//!     .field("n", Type::I64)
//!     .build(target.data_model())?;
//! let sig = FnSig::new([Type::I32, pair.clone()], pair);
//! let abi = FnAbi::new(&sig, &target)?;
//! assert_eq!(abi.args[1].place.to_string(), "xmm0 rsi");
//! assert_eq!(abi.ret.to_string(), "xmm0 rax");
//! println!("{}", explain(&sig, &[], &target)?);
//! # Ok::<(), cabi::Error>(())
//! ```
//!
//! `no_std` with `alloc`; no `unsafe`; nothing a caller can build panics.
//!
//! # Features
//!
//! `serde` (not by default): `Serialize` for everything that [`explain`] returns, [`Explanation`] with its [`Step`]s, registers, classes and
//! [`Policy`], so that an explanation can be written as JSON. Types and signatures are not serialized, and nothing is read back.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod assign;
mod class;
mod data_model;
mod error;
mod explain;
mod fn_abi;
mod layout;
mod leaves;
mod model_facts;
mod plain;
mod policy;
mod record;
mod record_builder;
mod reg;
pub mod rules;
mod scalar;
mod sig;
mod target;
mod types;

pub use assign::State;
pub use class::{Class, Classes, Cleanup, MAX_EIGHTBYTES, Shape};
pub use data_model::{BitFieldStyle, DataModel, Language, LongDouble, RecordRules};
pub use error::Error;
pub use explain::{Explained, Explanation, Step, explain};
pub use fn_abi::{ArgAbi, FnAbi, Loc, Place, Placed, PlacedPart, RetAbi};
pub use leaves::{Context, EmptyArray, Leaf, LeafKind, Leaves, RecordArray, leaves};
pub use policy::Policy;
pub use record::{Attributes, BitField, Field, Record, RecordKind};
pub use record_builder::{Member, RecordBuilder};
pub use reg::{Bank, Reg};
pub use rules::{ArgFlags, Convention, Extension, Part, PartType, VectorLevel};
pub use scalar::{BoolVector, Scalar, Vector};
pub use sig::{FnSig, Param, promote};
pub use target::Target;
pub use target::x86_64_sysv::X86_64_SYSV;
pub use target::x86_64_win64::X86_64_WIN64;
pub use types::{Array, Kind, MAX_ALIGN, MAX_DEPTH, MAX_NODES, Type};
