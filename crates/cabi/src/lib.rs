//! Places of the parts of C values in a call, with the reasons.
//!
//! ```text
//! Type ──layout──▶ size, offsets ──leaves──▶ scalars ──classify──▶ Group ──assign──▶ FnAbi
//!     ──▶ explain
//! ```
//!
//! [`Type`] is a C type with its layout, made by constants, by [`DataModel`]'s methods, by
//! [`RecordBuilder`], or from text ([`Type::parse`]). [`FnSig`] is a signature of such types, from
//! text too: [`FnSig::parse`] and [`Declaration`] read `double hypot(double, double)`.
//! [`FnAbi::new`] says where everything is: registers, offsets in the argument area, hidden
//! pointers; [`explain`] says why. Conventions are tables ([`convention`]), and a language can
//! write its own. Nothing here knows a code generator.
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
//! `serde` (not by default): `Serialize` for everything that [`explain`] returns, [`Explanation`]
//! with its [`Step`]s, registers, classes and [`Policy`], so that an explanation can be written as
//! JSON. Types and signatures are not serialized, and nothing is read back.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

mod build_record;
pub mod convention;
mod declaration;
mod explain;
mod fn_abi;
mod layout;
mod leaf;
mod leaves;
mod policy;
mod record_builder;
mod scalar;
mod sig;
mod target;
mod types;

pub use convention::{
    ArgFlags, Bank, Convention, Extension, Loc, Part, PartType, Place, PlacedPart, PlacedParts,
    Reg, Register, State, Step, VectorLevel,
};
pub use declaration::Declaration;
pub use explain::{
    ExplainedMember, ExplainedPart, ExplainedPlace, ExplainedValue, Explanation, PlaceKind,
    explain, members,
};
pub use fn_abi::{ArgAbi, FnAbi, RetAbi, Returns};
pub use leaves::{Leaf, LeafKind, Leaves, leaves};
pub use policy::{Policy, Profile};
pub use record_builder::RecordBuilder;
pub use scalar::{BoolVector, Scalar, Vector};
pub use sig::{FnSig, Param, promote};
pub use target::known::{KnownConvention, conventions};
pub use target::x86_64::lang::{X86_64_LANG, X86_64_LANG_CONTEXT};
pub use target::x86_64::preserve_all::X86_64_PRESERVE_ALL;
pub use target::x86_64::registers as x86_64;
pub use target::x86_64::sysv::{Class, X86_64_SYSV};
pub use target::x86_64::win64::X86_64_WIN64;
pub use target::x86_64::zig;
pub use target::{Target, aarch64, csky, riscv, s390x, xcore};
pub use target_lexicon::{self, Triple};
pub use types::data_model::{BitFieldStyle, DataModel, Language, LongDouble, RecordRules};
pub use types::error::Error;
pub use types::record::{Attributes, BitField, Field, Member, Record, RecordKind};
pub use types::{Array, Kind, MAX_ALIGN, MAX_DEPTH, MAX_NODES, Type};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
