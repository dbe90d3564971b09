//! Moves of vector registers.

use crate::machine::stub::{StubCode, VectorMove, VectorWidth};

/// The opcode of `movups xmm, [..]` and its wider kin.
pub(super) const LOAD: u8 = 0x10;
/// The opcode of `movups [..], xmm`.
pub(super) const STORE: u8 = 0x11;

/// `movups` or `vmovups` of the object at r11.
pub(super) fn of_r11(opcode: u8, own: VectorMove, code: &mut StubCode) {
    code.bytes.extend(match own.width {
        VectorWidth::V128 => &[0x41, 0x0f][..],
        VectorWidth::V256 => &[0xc4, 0xc1, 0x7c],
        VectorWidth::V512 => &[0x62, 0xd1, 0x7c, 0x48],
    });
    operands(opcode, own, 3, code);
}

/// `movups` or `vmovups` of the object at rdi.
pub(super) fn of_rdi(opcode: u8, own: VectorMove, code: &mut StubCode) {
    code.bytes.extend(match own.width {
        VectorWidth::V128 => &[0x0f][..],
        VectorWidth::V256 => &[0xc5, 0xfc],
        VectorWidth::V512 => &[0x62, 0xf1, 0x7c, 0x48],
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
