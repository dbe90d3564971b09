//! The steps of stubs: what each is called, where it can stand, and its bytes.

use std::fmt;

use cabi::{Reg, x86_64};

use super::operand::Operand;
use super::vector::{self, VectorMove};
use super::{Reloc, RelocKind, StubCode, frame};
use crate::error::PlanError;
use crate::machine::counting::Class;
use crate::machine::x86_64::counting::{SYSTEM_V, WINDOWS_FASTCALL};
use crate::parts::X87_BYTES;

/// The most values that the x87 stack holds.
const X87_DEPTH: u8 = 8;
/// The greatest alignment of an argument area, in bytes, so that masks have 32 bits.
const MAX_ALIGN: u32 = 1 << 28;

/// Makes [`Step`] from a table with a row for each step: its name, its operand, its word in the names of stubs, and where it may stand.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $(($own:ident: $operand:ty))? $word:literal $stands:ident,)*) => {
        /// One step of a [`Stub`](super::Stub).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Step { $($(#[$doc])* $name $(($operand))?,)* }

        impl Step {
            /// Whether it stands in a frame (`Some(true)`), outside of one, or anywhere (`None`).
            pub(super) fn in_frame(self) -> Option<bool> {
                match self { $(Self::$name { .. } => $stands,)* }
            }

            /// Writes how the name of a stub spells it: a word, and its operand.
            pub(super) fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
                match self {
                    $(Self::$name $(($own))? => {
                        to.write_str($word)?;
                        $($own.write(to)?;)?
                    })*
                }
                Ok(())
            }

            /// The step that [`Step::write`] spells so.
            pub(super) fn read(text: &str) -> Option<Self> {
                $(if let Some(operand) = text.strip_prefix($word)
                    && let Some(step) = steps!(@read operand $name $($operand)?)
                {
                    return Some(step);
                })*
                None
            }
        }
    };
    (@read $text:ident $name:ident) => { $text.is_empty().then_some(Self::$name) };
    (@read $text:ident $name:ident $operand:ty) => { <$operand>::read($text).map(Self::$name) };
}

const ANYWHERE: Option<bool> = None;
const BEFORE_FRAME: Option<bool> = Some(false);
const IN_FRAME: Option<bool> = Some(true);

steps! {
    /// Sets AL to the number of vector registers that a variadic call uses, 0 to 8.
    SetAl(n: u8) "al" ANYWHERE,
    /// Copies vector registers to the integer registers of the same positions, for a variadic function of Win64: bit n of the number is
    /// position n, counted from 0.
    VectorsToInts(n: u8) "both" ANYWHERE,
    /// Stores so many x87 values to 10 bytes each, 16 bytes apart, from the address in rdi on, and pops them; st0 is the first.
    Pop(n: u8) "pop" ANYWHERE,
    /// Pushes so many x87 values from there; the first becomes st0.
    Push(n: u8) "push" ANYWHERE,
    /// Loads the static chain from the word after an argument area of so many bytes.
    LoadChain(n: u32) "chain" BEFORE_FRAME,
    /// Moves the static chain to the n-th integer register of System V's parameters, counted from 0.
    ChainToInt(n: u8) "chainint" ANYWHERE,
    /// Moves the static chain to the n-th vector register of System V's parameters, counted from 0.
    ChainToVector(n: u8) "chainvector" ANYWHERE,
    /// Opens a frame: saves rbp, and points it there.
    Frame "frame" BEFORE_FRAME,
    /// Aligns rsp downwards to a multiple of so many bytes, a power of two.
    Align(n: u32) "align" IN_FRAME,
    /// Leaves so many bytes below rsp unused.
    Skip(n: u32) "skip" IN_FRAME,
    /// Pushes a copy of an argument area of so many bytes, which the stub was called with.
    Copy(n: u32) "copy" IN_FRAME,
    /// Pushes the static chain.
    PushChain "pushchain" IN_FRAME,
    /// Pushes the address so many bytes from the start of the argument area that the stub was called with: of what follows its shadow space.
    PushArea(n: u32) "pusharea" IN_FRAME,
    /// Calls a function, by the emitter's id.
    Call(n: u32) "call" IN_FRAME,
    /// Calls the address in the word after an argument area of so many bytes, which the stub was called with.
    CallAfter(n: u32) "callafter" IN_FRAME,
    /// Loads r11 from the word after an argument area of so many bytes: the address of an object.
    Address(n: u32) "address" BEFORE_FRAME,
    /// The same in a frame.
    AddressInFrame(n: u32) "addressinframe" IN_FRAME,
    /// Sets r11 to the address of what [`Step::Skip`] has left unused.
    AddressOfSkipped "addressofskipped" IN_FRAME,
    /// Pushes r11.
    PushAddress "pushaddress" IN_FRAME,
    /// Loads a vector register from the object at r11.
    Load(own: VectorMove) "load" ANYWHERE,
    /// Stores a vector register to the object at r11.
    Store(own: VectorMove) "store" ANYWHERE,
    /// Loads a vector register from the object at rdi.
    LoadResult(own: VectorMove) "result" ANYWHERE,
    /// Zeroes what the vector registers have above their first 16 bytes: SSE instructions would wait for it.
    ZeroUpper "zeroupper" ANYWHERE,
    /// Sets rax to r11.
    ReturnAddress "returnaddress" IN_FRAME,
    /// Closes the frame and returns to the caller.
    Leave "leave" IN_FRAME,
    /// Jumps to a function, by the emitter's id.
    Jump(n: u32) "jump" BEFORE_FRAME,
    /// Jumps to the address in the word after an argument area of so many bytes.
    JumpAfter(n: u32) "jumpafter" BEFORE_FRAME,
    /// Jumps to the address in the n-th integer register of System V's parameters, counted from 0.
    JumpInt(n: u8) "jumpint" BEFORE_FRAME,
    /// Returns to the caller.
    Return "ret" BEFORE_FRAME,
}

impl Step {
    /// Moves the static chain to `reg`, if that is one of System V's registers of parameters.
    pub(crate) fn chain_to(reg: Reg) -> Option<Self> {
        let (class, n) = position(reg)?;
        Some(match class {
            Class::Int => Self::ChainToInt(n),
            Class::Vector => Self::ChainToVector(n),
        })
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(
            self,
            Self::Jump(_) | Self::JumpAfter(_) | Self::JumpInt(_) | Self::Return | Self::Leave
        )
    }

    /// The function that it calls or jumps to, by the emitter's id.
    pub(super) fn callee(self) -> Option<u32> {
        match self {
            Self::Jump(callee) | Self::Call(callee) => Some(callee),
            _ => None,
        }
    }

    pub(super) fn is_valid(self) -> bool {
        match self {
            Self::Pop(n) | Self::Push(n) => (1..=X87_DEPTH).contains(&n),
            Self::VectorsToInts(positions) => {
                let end = 1 << WINDOWS_FASTCALL.params.of(Class::Int).len();
                (1..end).contains(&positions)
            }
            Self::ChainToInt(n) | Self::JumpInt(n) => int(n).is_some(),
            Self::ChainToVector(n) => is_vector(n),
            Self::Load(own) | Self::Store(own) | Self::LoadResult(own) => {
                is_vector(own.register) && i32::try_from(own.offset).is_ok()
            }
            Self::PushArea(shadow) => shadow <= frame::MAX_SHADOW,
            Self::Align(align) => align.is_power_of_two() && (16..=MAX_ALIGN).contains(&align),
            Self::Skip(bytes) | Self::Copy(bytes) => {
                bytes > 0 && bytes.is_multiple_of(8) && i32::try_from(bytes).is_ok()
            }
            _ => true,
        }
    }

    /// Appends the instructions, and a row for each that changes how the caller is found.
    pub(super) fn emit(self, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
        match self {
            // mov eax, n
            Self::SetAl(n) => code.bytes.extend([0xb8, n, 0, 0, 0]),
            Self::VectorsToInts(positions) => vectors_to_ints(positions, code),
            // fstp tbyte [rdi + 16 i]
            Self::Pop(n) => (0..n).for_each(|i| code.bytes.extend(x87(i, 0x3f))),
            // fld tbyte [rdi + 16 i]: the last one first, so that the first is st0
            Self::Push(n) => (0..n).rev().for_each(|i| code.bytes.extend(x87(i, 0x2f))),
            // mov r10, [rsp + 8 + area]
            Self::LoadChain(area) => with_disp32(code, &[0x4c, 0x8b, 0x94, 0x24], area, 8)?,
            // mov reg, r10
            Self::ChainToInt(n) => {
                let (high, low) = number(n);
                code.bytes.extend([0x4c | high, 0x89, 0xd0 | low]);
            }
            // movq xmm, r10
            Self::ChainToVector(n) => {
                (code.bytes).extend([0x66, 0x49, 0x0f, 0x6e, 0xc2 | ((n & 7) << 3)]);
            }
            Self::Frame => frame::open(code),
            Self::Align(align) => frame::align(align, code),
            Self::Skip(bytes) => frame::skip(bytes, code),
            Self::Copy(area) => frame::copy(area, code),
            // push r10
            Self::PushChain => code.bytes.extend([0x41, 0x52]),
            Self::PushArea(shadow) => frame::push_area(shadow, code),
            // call callee; call r11
            Self::Call(callee) => to_function(callee, pic, (0xe8, 0xd3), code),
            // call [rbp + 16 + area]
            Self::CallAfter(area) => with_disp32(code, &[0xff, 0x95], area, 16)?,
            // mov r11, [rsp + 8 + area]
            Self::Address(area) => with_disp32(code, &[0x4c, 0x8b, 0x9c, 0x24], area, 8)?,
            // mov r11, [rbp + 16 + area]
            Self::AddressInFrame(area) => with_disp32(code, &[0x4c, 0x8b, 0x9d], area, 16)?,
            // mov r11, rsp
            Self::AddressOfSkipped => code.bytes.extend([0x49, 0x89, 0xe3]),
            // push r11
            Self::PushAddress => code.bytes.extend([0x41, 0x53]),
            Self::Load(own) => vector::of_r11(vector::LOAD, own, code),
            Self::Store(own) => vector::of_r11(vector::STORE, own, code),
            Self::LoadResult(own) => vector::of_rdi(vector::LOAD, own, code),
            // vzeroupper
            Self::ZeroUpper => code.bytes.extend([0xc5, 0xf8, 0x77]),
            // mov rax, r11
            Self::ReturnAddress => code.bytes.extend([0x4c, 0x89, 0xd8]),
            Self::Leave => frame::close(code),
            // jmp callee; jmp r11
            Self::Jump(callee) => to_function(callee, pic, (0xe9, 0xe3), code),
            // jmp [rsp + 8 + area]
            Self::JumpAfter(area) => with_disp32(code, &[0xff, 0xa4, 0x24], area, 8)?,
            Self::JumpInt(n) => jump_int(n, code),
            // ret
            Self::Return => code.bytes.push(0xc3),
        }
        Ok(())
    }
}

/// Copies the vector arguments of Win64 at these positions to the integer registers of the same positions.
fn vectors_to_ints(positions: u8, code: &mut StubCode) {
    let ints = WINDOWS_FASTCALL.params.of(Class::Int).iter();
    let copied = (0_u8..).zip(ints).filter(|(n, _)| positions >> n & 1 == 1);
    for (n, reg) in copied {
        // movq reg, xmm
        let number = encoding(*reg);
        let (rex, modrm) = (0x48 | (number >> 3), 0xc0 | (n << 3) | (number & 7));
        code.bytes.extend([0x66, rex, 0x0f, 0x7e, modrm]);
    }
}

/// Jumps to the address in the n-th integer register of System V's parameters.
fn jump_int(n: u8, code: &mut StubCode) {
    // jmp reg
    let (high, low) = number(n);
    code.bytes.extend((high == 1).then_some(0x41));
    code.bytes.extend([0xff, 0xe0 | low]);
}

/// Which register of System V's parameters `reg` is.
pub(super) fn position(reg: Reg) -> Option<(Class, u8)> {
    let (class, n) = SYSTEM_V.params.position(reg)?;
    Some((class, u8::try_from(n).ok()?))
}

/// The bit that a prefix has of the number of the n-th integer register of System V's parameters, and the three of the instruction.
fn number(n: u8) -> (u8, u8) {
    let number = int(n).map_or(0, encoding);
    (number >> 3, number & 7)
}

/// The n-th integer register of System V's parameters.
fn int(n: u8) -> Option<Reg> {
    let ints = SYSTEM_V.params.of(Class::Int);
    ints.get(usize::from(n)).copied()
}

/// Whether there is an n-th vector register of parameters.
fn is_vector(n: u8) -> bool {
    usize::from(n) < SYSTEM_V.params.of(Class::Vector).len()
}

/// An instruction that ends in a displacement: of the word after an argument area of `area` bytes, which starts `from` bytes from the base.
fn with_disp32(
    code: &mut StubCode,
    instruction: &[u8],
    area: u32,
    from: i32,
) -> Result<(), PlanError> {
    let word = i32::try_from(area).ok().and_then(|n| n.checked_add(from));
    let why = "the argument area is too large for a stub";
    let word = word.ok_or(PlanError::Stub { why })?;
    code.bytes.extend(instruction);
    code.bytes.extend(word.to_le_bytes());
    Ok(())
}

/// The number that instructions have for an integer register of parameters.
fn encoding(reg: Reg) -> u8 {
    match reg {
        x86_64::RDI => 7,
        x86_64::RSI => 6,
        x86_64::RDX => 2,
        x86_64::RCX => 1,
        x86_64::R8 => 8,
        x86_64::R9 => 9,
        _ => 0,
    }
}

/// The x87 instruction `db` whose operand is the i-th value, 10 bytes at [rdi + 16 i]; `modrm` is that of [rdi].
fn x87(i: u8, modrm: u8) -> impl Iterator<Item = u8> {
    const DISP8: u8 = 0x40;
    let (modrm, disp) = match i {
        0 => (modrm, None),
        i => (modrm | DISP8, Some(i * X87_BYTES)),
    };
    [0xdb, modrm].into_iter().chain(disp)
}

/// `near` callee, the instruction with 4 bytes relative to themselves. In the JIT through r11, by an absolute address, because a callee may be
/// any distance away; `modrm` is that of the instruction with r11.
fn to_function(callee: u32, pic: bool, (near, modrm): (u8, u8), code: &mut StubCode) {
    let (before, zeros, after, kind, addend): (&[u8], _, &[u8], _, _) = if pic {
        (&[near], 4, &[], RelocKind::CallPlt4, -4)
    } else {
        // movabs r11, callee
        (&[0x49, 0xbb], 8, &[0x41, 0xff, modrm], RelocKind::Abs8, 0)
    };
    code.bytes.extend(before);
    code.reloc = Some(Reloc {
        offset: code.len(),
        kind,
        addend,
        callee,
    });
    code.bytes.extend(std::iter::repeat_n(0, zeros));
    code.bytes.extend(after);
}
