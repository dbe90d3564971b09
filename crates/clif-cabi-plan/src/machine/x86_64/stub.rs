//! The steps of stubs as x86-64's instructions. Only r11 is scratch: steps call it the address. The
//! static chain is in r10. An invoker has `target` in r10 and `args` in rax.

mod frame;
mod moves;

use cabi::Reg;

use super::conventions::{MOVED, SYSTEM_V, WINDOWS_FASTCALL};
use crate::error::PlanError;
use crate::machine::registers::RegClass;
use crate::machine::stub::{RelocKind, Stub, StubCode, StubStep, TOO_FAR};
use crate::parts::{WORD, X87_BYTES};
use crate::signature::{CallConv, ClifParam, Signature};

/// The integer registers of System V's parameters, as steps number them.
const PARAMS: &[Reg] = SYSTEM_V.params.int;

/// DWARF numbers (psABI 3.6.2).
const RBP: u16 = 6;
const RSP: u16 = 7;

/// Canonical frame address of a function before its first instruction: only the return address has
/// been pushed.
pub(super) const ENTRY: (u16, i32) = (RSP, 8);

impl Stub {
    /// Returns the CLIF signature of the stubs that take one address. `PreserveAll`: they clobber
    /// nothing Cranelift knows.
    #[must_use]
    pub fn address_signature() -> Signature {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(ClifParam::new(WORD));
        signature
    }
}

/// Steps without operands and unwind rows.
const FIXED: [(StubStep, &[u8]); 11] = [
    // push r10
    (StubStep::PushChain, &[0x41, 0x52]),
    // mov r11, rsp
    (StubStep::AddressOfSkipped, &[0x49, 0x89, 0xe3]),
    // push r11
    (StubStep::PushAddress, &[0x41, 0x53]),
    // mov r10, rdi; mov rax, rsi
    (
        StubStep::KeepInvocation,
        &[0x49, 0x89, 0xfa, 0x48, 0x89, 0xf0],
    ),
    // push rdx; push rdx
    (StubStep::KeepRet, &[0x52, 0x52]),
    // mov r11, [rbp - 8]
    (StubStep::RetAddress, &[0x4c, 0x8b, 0x5d, 0xf8]),
    // mov rdi, [rbp - 8]
    (StubStep::PassRet, &[0x48, 0x8b, 0x7d, 0xf8]),
    // call r10
    (StubStep::CallTarget, &[0x41, 0xff, 0xd2]),
    // vzeroupper
    (StubStep::ZeroUpper, &[0xc5, 0xf8, 0x77]),
    // mov rax, r11
    (StubStep::ReturnAddress, &[0x4c, 0x89, 0xd8]),
    // ret
    (StubStep::Return, &[0xc3]),
];

/// Appends the instructions of `step`, and a row for each that changes how the caller is found.
pub(super) fn encode(step: StubStep, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
    if let Some((_, bytes)) = FIXED.iter().find(|(own, _)| *own == step) {
        code.bytes.extend(*bytes);
        return Ok(());
    }
    match step {
        // mov eax, n
        StubStep::SetVectorCount(n) => code.bytes.extend([0xb8, n, 0, 0, 0]),
        StubStep::VectorsToInts(positions) => vectors_to_ints(positions, code),
        // fstp tbyte [rdi + 16 i]
        StubStep::Pop(n) => (0..n).for_each(|i| code.bytes.extend(x87(i, 0x3f))),
        // fld tbyte [rdi + 16 i]: the last one first, so that the first is st0
        StubStep::Push(n) => (0..n).rev().for_each(|i| code.bytes.extend(x87(i, 0x2f))),
        // mov r10, [rsp + 8 + area]
        StubStep::LoadChain(area) => with_disp32(code, &[0x4c, 0x8b, 0x94, 0x24], area, 8)?,
        // mov reg, r10
        StubStep::ChainToInt(n) => {
            let (high, low) = number(PARAMS, step, n)?;
            code.bytes.extend([0x4c | high, 0x89, 0xd0 | low]);
        }
        // movq xmm, r10
        StubStep::ChainToVector(n) => {
            (code.bytes).extend([0x66, 0x49, 0x0f, 0x6e, 0xc2 | ((n & 7) << 3)]);
        }
        StubStep::Frame => frame::open(code),
        StubStep::Align(align) => frame::align(align, code),
        StubStep::Skip(bytes) => frame::skip(bytes, code),
        StubStep::Copy(area) => frame::copy(area, code),
        StubStep::PushArea(shadow) if shadow <= frame::MAX_SHADOW => {
            frame::push_area(shadow, code);
        }
        // call callee; call r11
        StubStep::Call(callee) => to_function(callee, pic, (0xe8, 0xd3), code),
        // call [rbp + 16 + area]
        StubStep::CallAfter(area) => with_disp32(code, &[0xff, 0x95], area, 16)?,
        // mov r11, [rsp + 8 + area]
        StubStep::Address(area) => with_disp32(code, &[0x4c, 0x8b, 0x9c, 0x24], area, 8)?,
        // mov r11, [rbp + 16 + area]
        StubStep::AddressInFrame(area) => with_disp32(code, &[0x4c, 0x8b, 0x9d], area, 16)?,
        StubStep::Load(reg_move) => moves::load(step, reg_move, code)?,
        StubStep::Store(reg_move) => moves::store(step, reg_move, code)?,
        StubStep::LoadResult(reg_move) => moves::load_result(step, reg_move, code)?,
        // mov r11, [rax + 8 n]
        StubStep::ArgAddress(n) => with_disp32(code, &[0x4c, 0x8b, 0x98], n.saturating_mul(8), 0)?,
        // mov [rsp + offset], rdi
        StubStep::StackWord(offset) => with_disp32(code, &[0x48, 0x89, 0xbc, 0x24], offset, 0)?,
        StubStep::Leave => frame::close(code),
        // jmp callee; jmp r11
        StubStep::Jump(callee) => to_function(callee, pic, (0xe9, 0xe3), code),
        // jmp [rsp + 8 + area]
        StubStep::JumpAfter(area) => with_disp32(code, &[0xff, 0xa4, 0x24], area, 8)?,
        StubStep::JumpInt(n) => jump_int(number(PARAMS, step, n)?, code),
        _ => return Err(step.refused("x86-64")),
    }
    Ok(())
}

/// Copies the vector arguments of Win64 at these positions to the integer registers of the same
/// positions.
fn vectors_to_ints(positions: u8, code: &mut StubCode) {
    let ints = WINDOWS_FASTCALL.params.of(RegClass::Int).iter();
    let copied = (0_u8..).zip(ints).filter(|(n, _)| positions >> n & 1 == 1);
    for (n, reg) in copied {
        // movq reg, xmm
        let number = reg.index();
        let (rex, modrm) = (0x48 | (number >> 3), 0xc0 | (n << 3) | (number & 7));
        code.bytes.extend([0x66, rex, 0x0f, 0x7e, modrm]);
    }
}

/// Jumps to the address in the integer register of this number.
fn jump_int((high, low): (u8, u8), code: &mut StubCode) {
    // jmp reg
    code.bytes.extend((high == 1).then_some(0x41));
    code.bytes.extend([0xff, 0xe0 | low]);
}

/// Returns a prefix's bit of the number of the n-th of `registers`, and the three of the
/// instruction.
fn number(registers: &[Reg], step: StubStep, n: u8) -> Result<(u8, u8), PlanError> {
    let own = registers.get(usize::from(n));
    let number = own.ok_or_else(|| step.refused("x86-64"))?.index();
    Ok((number >> 3, number & 7))
}

/// Appends an instruction that ends in a displacement: of the word after an argument area of `area`
/// bytes, which starts `from` bytes from the base.
fn with_disp32(
    code: &mut StubCode,
    instruction: &[u8],
    area: u32,
    from: i32,
) -> Result<(), PlanError> {
    let word = i32::try_from(area).ok().and_then(|n| n.checked_add(from));
    let word = word.ok_or(TOO_FAR)?;
    code.bytes.extend(instruction);
    code.bytes.extend(word.to_le_bytes());
    Ok(())
}

/// Returns the x87 instruction `db` on the i-th value, 10 bytes at `[rdi + 16 i]`. `modrm` is that
/// of `[rdi]`.
fn x87(i: u8, modrm: u8) -> impl Iterator<Item = u8> {
    const DISP8: u8 = 0x40;
    let (modrm, disp) = match i {
        0 => (modrm, None),
        i => (modrm | DISP8, Some(i * X87_BYTES)),
    };
    [0xdb, modrm].into_iter().chain(disp)
}

/// Appends a call of `callee`, or a jump there. `near` is the instruction with 4 bytes relative to
/// themselves. In the JIT the instruction goes through r11, by an absolute address, as a callee may
/// be far away. `modrm` is that of the instruction with r11.
fn to_function(callee: u32, pic: bool, (near, modrm): (u8, u8), code: &mut StubCode) {
    let (before, zeros, after, kind, addend): (&[u8], _, &[u8], _, _) = if pic {
        (&[near], 4, &[], RelocKind::X86CallPLTRel4, -4)
    } else {
        // movabs r11, callee
        (&[0x49, 0xbb], 8, &[0x41, 0xff, modrm], RelocKind::Abs8, 0)
    };
    code.bytes.extend(before);
    code.refer(callee, kind, addend);
    code.bytes.extend(std::iter::repeat_n(0, zeros));
    code.bytes.extend(after);
}
