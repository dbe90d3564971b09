//! Calling conventions: the words they are written in, and what runs them.
//!
//! A [`Convention`] is data. Its [`Rules`] have a classifier, which turns a value into a [`Group`]
//! of [`Part`]s. They have a list of [`Rule`]s for arguments, and one for results. The [`Frame`]
//! describes the stack. All parts of a group belong to one C value. In all-or-nothing groups, the
//! whole value goes where the first part without a register is sent.
//!
//! # Example: a convention of one's own
//! ```
//! use cabi::convention::{Convention, PartType, PartTypes, Rule, Rules};
//! use cabi::{FnAbi, FnSig, Target, Type, X86_64_SYSV, x86_64};
//!
//! // Like System V, but the first integer is a context pointer in r10 when it is flagged `nest`,
//! // and r12, r13 come first.
//! static MINE: Convention = Convention {
//!     name: "mine",
//!     rules: Rules {
//!         args: &[
//!             Rule::IfType(
//!                 PartTypes::of(&[PartType::I64]),
//!                 &Rule::AssignToReg(&[x86_64::R12, x86_64::R13]),
//!             ),
//!             Rule::DelegateTo(X86_64_SYSV.rules.args),
//!         ],
//!         ..X86_64_SYSV.rules
//!     },
//!     ..X86_64_SYSV
//! };
//! let sig =
//!     FnSig::new([Type::I64, Type::F64, Type::I64, Type::I64], Type::VOID).convention(&MINE);
//! let abi = FnAbi::new(&sig, &Target::X86_64_LINUX)?;
//! assert_eq!(abi.args[3].place.to_string(), "rdi");
//! # Ok::<(), cabi::Error>(())
//! ```

pub(crate) mod assign;
mod classify;
mod frame;
mod group;
mod place;
pub(crate) mod registers;
mod rules;
mod tables;
pub(crate) mod trace;

pub use self::classify::{Classifier, Classify};
pub use self::frame::{CalleePops, Frame, FrameKind, VaField, VaListType};
pub use self::group::{
    ArgFlags, Extension, Group, GroupKind, Part, PartType, PartTypes, Parts, Role,
};
pub use self::place::{Loc, Place, PlacedPart, PlacedParts};
pub use self::registers::{
    Bank, Features, FloatLevel, Reg, RegCounts, Register, State, VectorLevel,
};
pub use self::rules::{CustomFn, GuardInput, Rule, WantedKind};
pub use self::tables::{Convention, GroupAdjustment, Lists, Rules, VaArgCheck};
pub use self::trace::Step;
