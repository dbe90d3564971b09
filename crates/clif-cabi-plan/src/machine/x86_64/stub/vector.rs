//! Moves of vector registers that CLIF has no types for, or that are no results of any of its calls.

use std::fmt;

use super::StubCode;
use super::operand::Operand;

/// A vector register of parameters, and the bytes of an object that it holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VectorMove {
    /// How much of the register.
    pub width: VectorWidth,
    /// The number of the register, which is one of System V's parameters.
    pub register: u8,
    /// Bytes from the start of the object.
    pub offset: u32,
}

/// How much of a vector register is moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VectorWidth {
    /// 16 bytes.
    Xmm,
    /// 32 bytes.
    Ymm,
    /// 64 bytes.
    Zmm,
}

impl VectorWidth {
    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Xmm => 16,
            Self::Ymm => 32,
            Self::Zmm => 64,
        }
    }

    /// What its registers are called, but for the number.
    const fn register(self) -> &'static str {
        match self {
            Self::Xmm => "xmm",
            Self::Ymm => "ymm",
            Self::Zmm => "zmm",
        }
    }

    /// The feature of the machines that have such registers, as `-m` and `target` attributes spell it; every x86-64 machine has those of 16 bytes.
    #[must_use]
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Xmm => None,
            Self::Ymm => Some("avx"),
            Self::Zmm => Some("avx512f"),
        }
    }
}

impl Operand for VectorMove {
    fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "{}{}", self.width.register(), self.register)?;
        match self.offset {
            0 => Ok(()),
            offset => write!(to, "at{offset}"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (register, offset) = text.split_once("at").unwrap_or((text, "0"));
        let widths = [VectorWidth::Xmm, VectorWidth::Ymm, VectorWidth::Zmm];
        widths.into_iter().find_map(|width| {
            let register = register.strip_prefix(width.register())?.parse().ok()?;
            let offset = offset.parse().ok()?;
            Some(Self {
                width,
                register,
                offset,
            })
        })
    }
}

/// The opcode of `movups xmm, [..]` and its wider kin.
pub(super) const LOAD: u8 = 0x10;
/// The opcode of `movups [..], xmm`.
pub(super) const STORE: u8 = 0x11;

/// `movups` or `vmovups` of the object at r11.
pub(super) fn of_r11(opcode: u8, own: VectorMove, code: &mut StubCode) {
    code.bytes.extend(match own.width {
        VectorWidth::Xmm => &[0x41, 0x0f][..],
        VectorWidth::Ymm => &[0xc4, 0xc1, 0x7c],
        VectorWidth::Zmm => &[0x62, 0xd1, 0x7c, 0x48],
    });
    operands(opcode, own, 3, code);
}

/// The same of the object at rdi.
pub(super) fn of_rdi(opcode: u8, own: VectorMove, code: &mut StubCode) {
    code.bytes.extend(match own.width {
        VectorWidth::Xmm => &[0x0f][..],
        VectorWidth::Ymm => &[0xc5, 0xfc],
        VectorWidth::Zmm => &[0x62, 0xf1, 0x7c, 0x48],
    });
    operands(opcode, own, 7, code);
}

/// The end of the instruction: its opcode, then the register and the address, whose base has the number `base`, of three bits.
fn operands(opcode: u8, own: VectorMove, base: u8, code: &mut StubCode) {
    const DISP32: u8 = 0x80;
    let modrm = ((own.register & 7) << 3) | base;
    if own.offset == 0 {
        code.bytes.extend([opcode, modrm]);
    } else {
        code.bytes.extend([opcode, modrm | DISP32]);
        code.bytes.extend(own.offset.to_le_bytes());
    }
}
