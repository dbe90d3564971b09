//! CLIF signatures, in types of this crate's own, so that a plan fits any Cranelift release. An
//! emitter maps each to the type of the same name in its `cranelift_codegen::ir`. Also Cranelift's
//! places of their parameters and results, which each `machine/` counts.

use std::fmt;

use cabi::Reg;
use smallvec::SmallVec;

pub use cabi::convention::Extension;

macro_rules! value_types {
    ($($name:ident $text:literal $bytes:literal,)*) => {
        /// A CLIF value type. Exhaustive on purpose: an emitter that lacks a new one must not
        /// compile.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum ValueType {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl ValueType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns its name in CLIF.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns its bytes.
            #[must_use]
            #[inline]
            pub const fn bytes(self) -> u32 {
                match self { $(Self::$name => $bytes,)* }
            }
        }
    };
}

value_types! {
    I8 "i8" 1, I16 "i16" 2, I32 "i32" 4, I64 "i64" 8, I128 "i128" 16,
    F16 "f16" 2, F32 "f32" 4, F64 "f64" 8, F128 "f128" 16,
    I8X2 "i8x2" 2, I8X4 "i8x4" 4, I8X8 "i8x8" 8, I8X16 "i8x16" 16,
    I16X2 "i16x2" 4, I16X4 "i16x4" 8, I16X8 "i16x8" 16,
    I32X2 "i32x2" 8, I32X4 "i32x4" 16, I64X2 "i64x2" 16,
    F16X2 "f16x2" 4, F16X4 "f16x4" 8, F16X8 "f16x8" 16,
    F32X2 "f32x2" 8, F32X4 "f32x4" 16, F64X2 "f64x2" 16,
}

impl ValueType {
    /// Returns its bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.bytes() * 8
    }

    /// Checks whether it is one integer.
    #[must_use]
    pub fn is_int(self) -> bool {
        matches!(
            self,
            Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::I128
        )
    }

    /// Checks whether it has lanes.
    #[must_use]
    pub fn is_vector(self) -> bool {
        !self.is_int() && !matches!(self, Self::F16 | Self::F32 | Self::F64 | Self::F128)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! call_convs {
    ($($name:ident $text:literal,)*) => {
        /// A calling convention of CLIF.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum CallConv {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl CallConv {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for CallConv {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

call_convs! {
    SystemV "system_v", Fast "fast", PreserveAll "preserve_all", WindowsFastcall "windows_fastcall", Tail "tail", AppleAarch64 "apple_aarch64",
}

/// Purpose of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// A value.
    Normal,
    /// `sret`: the address of the result.
    StructReturn,
    /// `sarg`: the address of so many bytes, which Cranelift copies to the argument area.
    StructArgument(u32),
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::StructReturn => f.write_str("sret"),
            Self::StructArgument(size) => write!(f, "sarg({size})"),
        }
    }
}

/// A parameter or result: CLIF's `AbiParam`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClifParam {
    /// Its type.
    pub ty: ValueType,
    /// Its purpose.
    pub purpose: Purpose,
    /// Its extension: `uext` and `sext`.
    pub extension: Extension,
}

impl ClifParam {
    /// Makes a parameter of type `ty`.
    #[must_use]
    pub const fn new(ty: ValueType) -> Self {
        Self::special(ty, Purpose::Normal)
    }

    /// Makes a parameter of type `ty` for `purpose`.
    pub(crate) const fn special(ty: ValueType, purpose: Purpose) -> Self {
        let extension = Extension::None;
        Self {
            ty,
            purpose,
            extension,
        }
    }
}

impl fmt::Display for ClifParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ty.fmt(f)?;
        f.write_str(match self.extension {
            Extension::None => "",
            Extension::Zero => " uext",
            Extension::Sign => " sext",
        })?;
        match self.purpose {
            Purpose::Normal => Ok(()),
            purpose => write!(f, " {purpose}"),
        }
    }
}

/// The parameters or results of a signature. Eight words with the padding before them need no
/// allocation.
pub type Params = SmallVec<[ClifParam; 16]>;

/// A CLIF signature. `Display` writes it as CLIF text does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Signature {
    /// The parameters, in order.
    pub params: Params,
    /// The results, in order.
    pub returns: Params,
    /// The convention.
    pub call_conv: CallConv,
}

impl Signature {
    /// Makes a signature without parameters and results under `call_conv`.
    #[must_use]
    pub fn new(call_conv: CallConv) -> Self {
        Self {
            params: Params::new(),
            returns: Params::new(),
            call_conv,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        list(f, &self.params)?;
        f.write_str(")")?;
        if !self.returns.is_empty() {
            f.write_str(" -> ")?;
            list(f, &self.returns)?;
        }
        write!(f, " {}", self.call_conv)
    }
}

fn list(f: &mut fmt::Formatter<'_>, params: &[ClifParam]) -> fmt::Result {
    for (i, param) in params.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{param}")?;
    }
    Ok(())
}

/// The place where Cranelift puts one parameter.
///
/// Offsets are bytes from the start of the argument area: at a function's entry offset 0 is just
/// above the return address. On `WindowsFastcall` the first 32 bytes are the shadow space, so no
/// parameter is below 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClifPlace {
    /// A register. A value narrower than the register is in its low bytes.
    Reg(Reg),
    /// The first byte of a value that is in a slot of its own.
    Stack {
        /// Bytes from the start of the argument area.
        offset: u32,
    },
    /// Bytes of a [`StructArgument`](crate::Purpose::StructArgument), in the argument area itself;
    /// the CLIF value is their address (in the caller: the address they are copied from).
    Area {
        /// Bytes from the start of the argument area.
        offset: u32,
        /// Bytes.
        size: u32,
    },
}

impl ClifPlace {
    /// Returns the register, if it is one.
    #[must_use]
    pub const fn reg(self) -> Option<Reg> {
        match self {
            Self::Reg(reg) => Some(reg),
            Self::Stack { .. } | Self::Area { .. } => None,
        }
    }

    /// Returns the first byte of the slot in the argument area, and the first byte after it. A slot
    /// has `bytes` bytes, of which `before` are before the value. `None` for a register.
    pub(crate) fn in_area(self, (bytes, before): (u32, u32)) -> Option<(u32, u32)> {
        let (offset, size) = match self {
            Self::Reg(_) => return None,
            Self::Stack { offset } => (offset.saturating_sub(before), bytes),
            Self::Area { offset, size } => (offset, size),
        };
        Some((offset, offset.saturating_add(size)))
    }
}

impl fmt::Display for ClifPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reg(reg) => reg.fmt(f),
            Self::Stack { offset } => write!(f, "stack {offset}"),
            Self::Area { offset, size } => {
                write!(f, "stack {offset}..{}", offset.saturating_add(*size))
            }
        }
    }
}

/// The places of a whole signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Places {
    /// One place for each parameter of the signature, in their order.
    pub params: SmallVec<[ClifPlace; 16]>,
    /// One register for each result of the signature, in their order.
    pub results: SmallVec<[Reg; 4]>,
    /// Register in which the function returns its [`StructReturn`](crate::Purpose::StructReturn)
    /// parameter, if it has one. Cranelift adds this result; a CLIF caller never sees it.
    pub sret_returned_in: Option<Reg>,
    /// Bytes of the argument area that a caller reserves: a multiple of 16, the shadow space
    /// included.
    pub stack_bytes: u32,
}

/// Cranelift's limit for the argument area, in bytes.
pub const MAX_STACK_BYTES: u32 = 128 << 20;
