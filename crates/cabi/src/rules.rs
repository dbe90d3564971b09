//! The words conventions are written in: LLVM's `CallingConv` actions, over groups instead of single scalars.
//!
//! A convention is data: a classifier that turns a value into a [`Group`] of [`Part`]s, and two lists of [`Rule`]s, one for
//! arguments and one for results. `assign.rs` runs the lists. All parts of a group belong to one C value: either each finds its
//! register or, in all-or-nothing groups, the value as a whole goes where the first part without one is sent.
//!
//! # Example: a convention of one's own
//! ```
//! use cabi::rules::{Convention, Rule, PartType};
//! use cabi::{DataModel, FnAbi, FnSig, Reg, Target, Type, X86_64_SYSV};
//!
//! // Like System V, but the first integer is a context pointer in r10 when it is flagged `nest`, and r12, r13 come first.
//! static MINE: Convention = Convention {
//!     name: "mine",
//!     args: &[
//!         Rule::IfType(&[PartType::I64], &Rule::AssignToReg(&[Reg::R12, Reg::R13])),
//!         Rule::DelegateTo(X86_64_SYSV.args),
//!     ],
//!     ..X86_64_SYSV
//! };
//! let sig = FnSig::new([Type::I64, Type::F64, Type::I64, Type::I64], Type::VOID).convention(&MINE);
//! let abi = FnAbi::new(&sig, &Target::X86_64_LINUX)?;
//! assert_eq!(abi.args[3].place.to_string(), "rdi");
//! # Ok::<(), cabi::Error>(())
//! ```

mod display;

use smallvec::SmallVec;

use crate::assign::State;
use crate::class::Class;
use crate::error::Error;
use crate::explain::Tracer;
use crate::policy::Policy;
use crate::reg::{Bank, Reg};
use crate::sig::FnSig;
use crate::types::Type;

/// How a part sits in its location.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the names say it: integers, floats and vectors of so many bits"
)]
pub enum PartType {
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    F80,
    V128,
    V256,
    V512,
}

impl PartType {
    /// Bytes of a register or slot that the type fills; 10 for `F80`.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
            Self::F80 => 10,
            Self::V128 => 16,
            Self::V256 => 32,
            Self::V512 => 64,
        }
    }

    /// Whether it is an integer.
    #[must_use]
    pub const fn is_int(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }
}

/// How the bits above a narrow value are filled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Extension {
    /// They are whatever they were.
    #[default]
    None,
    /// With copies of the sign.
    Sign,
    /// With zeros.
    Zero,
}

/// A piece of a value that travels as a unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Part {
    /// Its class.
    pub class: Class,
    /// How it sits in its location.
    pub ty: PartType,
    /// Where it starts in the object, in bytes.
    pub offset: u8,
    /// How many bytes of the object it holds; may be less than its type has, then the rest of the location is unspecified.
    pub size: u8,
    /// How a narrow integer is extended.
    pub extension: Extension,
}

/// What an argument is besides its type; LLVM's `ArgFlagsTy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ArgFlags(u8);

impl ArgFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// `inreg`.
    pub const IN_REG: Self = Self(1);
    /// The static chain.
    pub const NEST: Self = Self(2);
    /// By value in the argument area, whatever its class.
    pub const BYVAL: Self = Self(4);
    /// The hidden pointer to where a result goes. Set by `FnAbi`, not by callers.
    pub const SRET: Self = Self(8);
    /// Part of a value that was split. Set by classifiers.
    pub const SPLIT: Self = Self(16);
    /// In a vector register and a copy in an integer register. Set by classifiers.
    pub const IN_BOTH: Self = Self(32);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// A list of up to four parts without the heap: the most any convention known here makes of one value.
pub type Parts = SmallVec<[Part; 4]>;

/// The parts of one C value, as the classifier of a convention makes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// What kind of place the value asks for.
    pub kind: GroupKind,
    /// Its parts, if it asks for registers.
    pub parts: Parts,
    /// Bytes of the value.
    pub size: u64,
    /// Its alignment in the argument area, before the area's own minimum, in bytes.
    pub align: u32,
    /// Flags of the argument.
    pub flags: ArgFlags,
    /// Whether some parts may be in registers and others on the stack, where each part is as aligned as it is in the value.
    pub may_split: bool,
    /// The registers that are used up when they do not suffice.
    pub uses_up: &'static [Reg],
    /// Whether the compiler counts the first part, an integer, as one in a vector register; of a result in memory, whether it does not count the
    /// register of the pointer.
    pub miscounted: bool,
    /// Whether the compiler does not count the registers of the parts: it takes them for free where it decides about later values.
    pub uncounted: bool,
}

/// What kind of place a value asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GroupKind {
    /// None: it has no bytes that travel.
    Ignore,
    /// Registers for its parts.
    Registers,
    /// Memory.
    Memory,
    /// One register or slot for each lane.
    PerElement {
        /// Number of lanes.
        lanes: u16,
    },
}

/// Which kinds of group a guard lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Want {
    /// [`GroupKind::Memory`].
    Memory,
    /// [`GroupKind::PerElement`].
    PerElement,
}

impl Want {
    pub(crate) fn matches(self, kind: GroupKind) -> bool {
        match self {
            Self::Memory => kind == GroupKind::Memory,
            Self::PerElement => matches!(kind, GroupKind::PerElement { .. }),
        }
    }
}

/// One rule. The first action in a list that places the part, or the whole value, wins.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Rule {
    /// Guard on the part's type (`CCIfType`).
    IfType(&'static [PartType], &'static Rule),
    /// Guard on what the value asks for.
    IfWants(Want, &'static Rule),
    /// Guard on any predicate over the group (`CCIf`), with a name for explanations.
    If(&'static str, fn(&Group) -> bool, &'static Rule),
    /// Guard on the convention in force, by name (`CCIfCC`).
    IfConvention(&'static str, &'static Rule),
    /// Guard on an argument flag (`CCIfInReg`, `CCIfNest`, `CCIfByVal`, `CCIfSRet`, `CCIfSplit`).
    IfFlag(ArgFlags, &'static Rule),
    /// Guard: the function is not variadic (`CCIfNotVarArg`).
    IfNotVariadic(&'static Rule),
    /// Guard: the function is variadic.
    IfVariadic(&'static Rule),
    /// Guard: this argument is behind the `...`.
    IfUnnamed(&'static Rule),
    /// Widen the part and go on (`CCPromoteToType`), to a register or to the stack.
    Promote(PartType),
    /// Take the part's bits as another type and go on (`CCBitConvertToType`), to a register or to the stack.
    BitConvert(PartType),
    /// First free register of the list (`CCAssignToReg`).
    AssignToReg(&'static [Reg]),
    /// The same, and burn the register at the same position of the second list (`CCAssignToRegWithShadow`).
    AssignToRegWithShadow(&'static [Reg], &'static [Reg]),
    /// The same, and the value is in both registers: the first pair of which both are free.
    AssignToBoth(&'static [Reg], &'static [Reg]),
    /// Next slot of the argument area (`CCAssignToStack`). Size and alignment in bytes.
    AssignToStack {
        /// The part takes a multiple of this; 0: the bytes of its type.
        size: u32,
        /// At least; 0: the alignment of its type.
        align: u32,
    },
    /// The same, and burn registers (`CCAssignToStackWithShadow`).
    AssignToStackWithShadow {
        /// As in [`Rule::AssignToStack`].
        size: u32,
        /// As in [`Rule::AssignToStack`].
        align: u32,
        /// Burnt.
        shadow: &'static [Reg],
    },
    /// A copy of the whole value in the argument area, its own size and alignment but at least these (`CCPassByVal`).
    PassByVal {
        /// The size is a multiple of this.
        size: u32,
        /// At least.
        align: u32,
    },
    /// Pass a pointer to a copy of the caller's, of the target's width, and go on with the pointer (`CCPassIndirect`).
    PassIndirect {
        /// The copy's alignment, at least.
        align: u32,
    },
    /// Go on with another list; what it places stands (`CCDelegateTo`).
    DelegateTo(&'static [Rule]),
    /// One integer register of the list per lane, all that are left after the last one used, then one slot per lane.
    AssignLanes {
        /// The registers.
        regs: &'static [Reg],
        /// Bytes of a slot.
        slot: u32,
    },
    /// Anything else (`CCCustom`), with a name for explanations.
    Custom(&'static str, CustomFn),
}

/// What a [`Rule::Custom`] does. It is given the whole value, and the state in which the value found it: registers that other parts of the value
/// had found are free in it. The place it returns is final, and so is what it takes of the state, also where it returns `None` and the list
/// goes on. A place outside the argument area that it has taken so far is refused.
pub type CustomFn = fn(&Group, &mut State) -> Option<crate::Place>;

/// A value on its way into a convention's classifier.
#[derive(Debug)]
#[non_exhaustive]
pub struct Classify<'a, 't> {
    /// Choices where compilers disagree.
    pub policy: Policy,
    /// Widest vectors the ABI of this signature passes in registers.
    pub vectors: VectorLevel,
    /// What the value is.
    pub role: Role,
    /// Whether the function is variadic.
    pub variadic: bool,
    /// The target's data model.
    pub model: &'a crate::DataModel,
    pub(crate) tracer: &'a mut Tracer<'t>,
}

impl<'a, 't> Classify<'a, 't> {
    /// A value in a function like `sig`.
    #[inline]
    pub(crate) fn new(
        sig: &FnSig,
        model: &'a crate::DataModel,
        role: Role,
        tracer: &'a mut Tracer<'t>,
    ) -> Self {
        Self {
            policy: sig.policy,
            vectors: sig.vectors,
            role,
            variadic: sig.variadic,
            model,
            tracer,
        }
    }
}

impl Classify<'_, '_> {
    /// Whether asking if `bit` matters is worth a walk: it is set, or an explanation is being written.
    pub(crate) fn may_touch(&self, bit: Policy) -> bool {
        self.policy.has(bit) || self.tracer.is_on()
    }

    /// Whether `bit` is set; explanations list it as touched.
    pub fn choose(&mut self, bit: Policy) -> bool {
        let set = self.policy.has(bit);
        self.tracer.policy(bit, set);
        set
    }
}

/// What a value is to a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Role {
    /// An argument with a parameter.
    Named,
    /// An argument behind the `...`.
    Unnamed,
    /// The result.
    Result,
}

/// The widest vectors that travel in one register: a property of the signature, never of the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum VectorLevel {
    /// 16 bytes: SSE2, x86-64's baseline.
    #[default]
    Baseline,
    /// 32 bytes.
    Avx,
    /// 64 bytes.
    Avx512,
}

impl VectorLevel {
    /// Bytes of the widest vector register.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Baseline => 16,
            Self::Avx => 32,
            Self::Avx512 => 64,
        }
    }
}

/// The classifier of a convention: what a value asks for.
pub type Classifier = fn(&Type, &mut Classify<'_, '_>) -> Result<Group, Error>;

/// A calling convention as data.
#[derive(Clone, Copy)]
pub struct Convention {
    /// What explanations and errors call it.
    pub name: &'static str,
    /// What values ask for.
    pub classify: Classifier,
    /// Where arguments go.
    pub args: &'static [Rule],
    /// Where results go: in registers, or, by a stack action, in the argument area after the arguments. What finds no place is returned
    /// through a hidden pointer (sret demotion).
    pub results: &'static [Rule],
    /// Bytes at the start of the argument area that belong to the callee.
    pub shadow_space: u32,
    /// Alignment of the stack pointer where a call is made, in bytes.
    pub stack_align: u32,
    /// Size of a stack slot, in bytes.
    pub slot: u32,
    /// The register in which the callee hands the sret pointer back.
    pub sret_echo: Option<Reg>,
    /// The register in which the caller of a variadic function counts the vector registers used.
    pub variadic_count: Option<Reg>,
}

impl PartialEq for Convention {
    /// Conventions are compared by name: two with the same name and different rules are a mistake.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Convention {}

impl core::fmt::Debug for Convention {
    /// The name alone: lists of rules may refer to themselves.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Convention").field(&self.name).finish()
    }
}

impl core::hash::Hash for Convention {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Group {
    /// A value that asks for nothing.
    #[must_use]
    pub fn ignore() -> Self {
        Self::new(GroupKind::Ignore, 0, 1)
    }

    /// A value of `size` bytes, aligned to `align` in the argument area, that has no parts yet.
    #[must_use]
    pub fn new(kind: GroupKind, size: u64, align: u32) -> Self {
        Self {
            kind,
            parts: Parts::new(),
            size,
            align,
            flags: ArgFlags::NONE,
            may_split: false,
            uses_up: &[],
            miscounted: false,
            uncounted: false,
        }
    }

    /// With one more part.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl Part {
    /// An integer of `ty` at the start of the object.
    #[must_use]
    pub const fn int(ty: PartType, extension: Extension) -> Self {
        Self {
            class: Class::Integer,
            ty,
            offset: 0,
            size: ty.bytes(),
            extension,
        }
    }

    /// The bank its class belongs to.
    #[must_use]
    pub const fn bank(&self) -> Bank {
        match self.class {
            Class::Sse | Class::SseUp => Bank::Vector,
            Class::X87 | Class::X87Up | Class::ComplexX87 => Bank::X87,
            _ => Bank::Int,
        }
    }
}
