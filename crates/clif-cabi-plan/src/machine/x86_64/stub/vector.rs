//! Moves of vector registers.

use crate::machine::stub::{StubCode, VectorMove, VectorWidth};

/// The opcode of `movups xmm, [..]` and its wider kin.
pub(super) const LOAD: u8 = 0x10;
/// The opcode of `movups [..], xmm`.
pub(super) const STORE: u8 = 0x11;

/// A register with an address: what instructions of the three widths begin with, and its number, of three bits.
pub(super) type Base = ([&'static [u8]; 3], u8);

pub(super) const R11: Base = (
    [
        &[0x41, 0x0f],
        &[0xc4, 0xc1, 0x7c],
        &[0x62, 0xd1, 0x7c, 0x48],
    ],
    3,
);
pub(super) const RDI: Base = ([&[0x0f], &[0xc5, 0xfc], &[0x62, 0xf1, 0x7c, 0x48]], 7);

/// `movups` or `vmovups` of the object at `base`: its opcode, then the register and the address.
pub(super) fn moved(opcode: u8, own: VectorMove, (begin, base): Base, code: &mut StubCode) {
    const DISP32: u8 = 0x80;
    let [v128, v256, v512] = begin;
    code.bytes.extend(match own.width {
        VectorWidth::V128 => v128,
        VectorWidth::V256 => v256,
        VectorWidth::V512 => v512,
    });
    let modrm = ((own.register & 7) << 3) | base;
    if own.offset == 0 {
        code.bytes.extend([opcode, modrm]);
    } else {
        code.bytes.extend([opcode, modrm | DISP32]);
        code.bytes.extend(own.offset.to_le_bytes());
    }
}
