//! Frames of stubs: opened, filled from the top down, and closed. Only r11 is scratch. No
//! instruction moves rsp by a page or more without touching the memory between.

use super::{ENTRY, RBP, RSP};
use crate::machine::stub::{PAGE, StubCode};
use crate::parts::narrow;

/// An argument area of up to so many bytes is copied without a loop.
const UNROLLED: u32 = 128;
/// From rbp to the argument area: the saved rbp, and the return address.
const AREA: u32 = 16;

/// The caller's rbp, in bytes from the CFA.
const SAVED: &[(u16, i32)] = &[(RBP, -16)];

pub(super) fn open(code: &mut StubCode) {
    // push rbp
    code.bytes.push(0x55);
    code.row((RSP, 16), SAVED);
    // mov rbp, rsp
    code.bytes.extend([0x48, 0x89, 0xe5]);
    code.row((RBP, 16), SAVED);
}

pub(super) fn align(align: u32, code: &mut StubCode) {
    if align < PAGE {
        // and rsp, -align
        return with_immediate(0xe4, align.wrapping_neg(), code);
    }
    // test rsp, align - 1
    code.bytes.extend([0x48, 0xf7, 0xc4]);
    code.bytes.extend((align - 1).to_le_bytes());
    // je over the loop; push 0; jmp to the test
    code.bytes.extend([0x74, 4, 0x6a, 0, 0xeb, 0xf3]);
}

pub(super) fn skip(bytes: u32, code: &mut StubCode) {
    if bytes < PAGE {
        // sub rsp, bytes
        return with_immediate(0xec, bytes, code);
    }
    // push 0
    pushes(bytes, &[0x6a, 0], code);
}

pub(super) fn copy(area: u32, code: &mut StubCode) {
    if area > UNROLLED {
        // push [rbp + r11 + 8]
        return pushes(area, &[0x42, 0xff, 0x74, 0x1d, 8], code);
    }
    for offset in (0..area).step_by(8).rev() {
        // push [rbp + 16 + offset]
        match i8::try_from(AREA + offset) {
            Ok(disp) => code.bytes.extend([0xff, 0x75, disp.cast_unsigned()]),
            Err(_) => {
                code.bytes.extend([0xff, 0xb5]);
                code.bytes.extend((AREA + offset).to_le_bytes());
            }
        }
    }
}

/// Most shadow space of [`push_area`], so that the displacement is one byte.
pub(super) const MAX_SHADOW: u32 = 0x6f;

pub(super) fn push_area(shadow: u32, code: &mut StubCode) {
    // lea r11, [rbp + 16 + shadow]; push r11
    let disp = narrow(AREA + shadow);
    code.bytes.extend([0x4c, 0x8d, 0x5d, disp, 0x41, 0x53]);
}

pub(super) fn close(code: &mut StubCode) {
    // leave
    code.bytes.push(0xc9);
    code.row(ENTRY, &[]);
    // ret
    code.bytes.push(0xc3);
}

/// Appends `push` for each word of `bytes`, with r11 from `bytes` down to 8.
fn pushes(bytes: u32, push: &[u8], code: &mut StubCode) {
    // mov r11d, bytes
    code.bytes.extend([0x41, 0xbb]);
    code.bytes.extend(bytes.to_le_bytes());
    code.bytes.extend(push);
    // sub r11, 8
    code.bytes.extend([0x49, 0x83, 0xeb, 8]);
    // jne to the push, which has 2 bytes or 5
    let back = if push.len() == 2 { 0xf8 } else { 0xf5 };
    code.bytes.extend([0x75, back]);
}

/// Appends the instruction on rsp with `modrm`, and `value` as its sign-extended operand, in 1 byte
/// if it fits.
fn with_immediate(modrm: u8, value: u32, code: &mut StubCode) {
    match i8::try_from(value.cast_signed()) {
        Ok(value) => code
            .bytes
            .extend([0x48, 0x83, modrm, value.cast_unsigned()]),
        Err(_) => {
            code.bytes.extend([0x48, 0x81, modrm]);
            code.bytes.extend(value.to_le_bytes());
        }
    }
}
