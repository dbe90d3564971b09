//! The steps of stubs: the name of each, its operand, and where it can stand. Each machine has its
//! own bytes for those that it needs.

use std::fmt;

use super::moves::{MoveWidth, RegisterMove};

/// The most registers of one class that any machine has for parameters.
const MAX_REGISTERS: u8 = 8;
/// The most positions that any convention has a register of each class at.
const MAX_POSITIONS: u8 = 4;
/// The most results that are popped or pushed.
const MAX_RESULTS: u8 = 8;
/// The greatest alignment of an argument area, in bytes, so that masks have 32 bits.
const MAX_ALIGN: u32 = 1 << 28;
/// Most shadow space before the address that [`StubStep::PushArea`] pushes, of any machine.
const MAX_SHADOW: u32 = 160;

/// Makes [`StubStep`] from a table with a row for each step: its name, operand, word in the names
/// of stubs, and where it may stand.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $(($own:ident: $operand:ty))? $word:literal $stands:ident,)*) => {
        /// One step of a [`Stub`](super::Stub).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum StubStep { $($(#[$doc])* $name $(($operand))?,)* }

        impl StubStep {
            /// Returns `Some(true)` for a step in a frame, `Some(false)` for one outside of a
            /// frame, `None` for one that stands anywhere.
            pub(super) fn in_frame(self) -> Option<bool> {
                match self { $(Self::$name { .. } => $stands,)* }
            }

            /// Returns the word for it in the name of a stub.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$name { .. } => $word,)* }
            }

            /// Writes how the name of a stub spells it: a word, and its operand.
            pub(super) fn write(self, to: &mut dyn fmt::Write) -> fmt::Result {
                to.write_str(self.word())?;
                match self {
                    $(Self::$name $(($own))? => { $(write!(to, "{}", $own)?;)? })*
                }
                Ok(())
            }

            /// Returns the step that [`StubStep::write`] spells so.
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
    (@read $text:ident $name:ident $operand:ty) => { $text.parse::<$operand>().ok().map(Self::$name) };
}

const ANYWHERE: Option<bool> = None;
const BEFORE_FRAME: Option<bool> = Some(false);
const IN_FRAME: Option<bool> = Some(true);

steps! {
    /// Sets the count of vector registers that a variadic call uses, where the callee reads one
    /// (al).
    SetVectorCount(n: u8) "al" ANYWHERE,
    /// Copies vector registers to the integer registers of the same positions, where a variadic
    /// function looks in either (Win64). Bit n of the number is position n, counted from 0.
    VectorsToInts(n: u8) "both" ANYWHERE,
    /// Pops so many results off a stack of registers (x87), the top one first. Stores them 16 bytes
    /// apart, from the address in the first integer register of parameters on.
    Pop(n: u8) "pop" ANYWHERE,
    /// Pushes so many results from the same places; the first becomes the top one.
    Push(n: u8) "push" ANYWHERE,
    /// Loads the static chain from the word after an argument area of so many bytes.
    LoadChain(n: u32) "chain" BEFORE_FRAME,
    /// Moves the static chain to the n-th integer register of parameters, counted from 0.
    ChainToInt(n: u8) "chainint" ANYWHERE,
    /// Moves the static chain to the n-th vector register of parameters, counted from 0.
    ChainToVector(n: u8) "chainvector" ANYWHERE,
    /// Opens a frame: saves the frame pointer, and sets it to the place where it is saved.
    Frame "frame" BEFORE_FRAME,
    /// Aligns the stack pointer downwards to a multiple of so many bytes, a power of two.
    Align(n: u32) "align" IN_FRAME,
    /// Leaves so many bytes below the stack pointer unused.
    Skip(n: u32) "skip" IN_FRAME,
    /// Pushes a copy of an argument area of so many bytes, which the stub was called with.
    Copy(n: u32) "copy" IN_FRAME,
    /// Stores all integer registers of parameters in the words right before the argument area that
    /// the stub was called with.
    SaveInts "saveints" IN_FRAME,
    /// Pushes the static chain.
    PushChain "pushchain" IN_FRAME,
    /// Pushes the address so many bytes from the start of the argument area that the stub was
    /// called with: the end of its shadow space.
    PushArea(n: u32) "pusharea" IN_FRAME,
    /// Calls a function, by the emitter's id.
    Call(n: u32) "call" IN_FRAME,
    /// Calls the address in the word after an argument area of so many bytes, which the stub was
    /// called with.
    CallAfter(n: u32) "callafter" IN_FRAME,
    /// Loads a scratch register, the address, from the word after an argument area of so many
    /// bytes.
    Address(n: u32) "address" BEFORE_FRAME,
    /// [`StubStep::Address`] in a frame.
    AddressInFrame(n: u32) "addressinframe" IN_FRAME,
    /// Sets the address to the bytes that [`StubStep::Skip`] has left unused.
    AddressOfSkipped "addressofskipped" IN_FRAME,
    /// Moves the address to the n-th integer register of parameters, counted from 0: a stub that
    /// closures share has brought their context there.
    AddressToInt(n: u8) "addressint" ANYWHERE,
    /// Moves the address to the n-th vector register of parameters, counted from 0.
    AddressToVector(n: u8) "addressvector" ANYWHERE,
    /// Pushes the address.
    PushAddress "pushaddress" IN_FRAME,
    /// Loads a register of parameters from the object at the address.
    Load(own: RegisterMove) "load" ANYWHERE,
    /// Stores a register to the object at the address: an integer register of results, a vector
    /// register, or st0, which it pops.
    Store(own: RegisterMove) "store" ANYWHERE,
    /// Loads a register of results from the object whose address is in the first integer register
    /// of parameters.
    LoadResult(own: RegisterMove) "result" ANYWHERE,
    /// Zeroes the vector registers above their first 16 bytes: instructions on those would wait for
    /// the rest.
    ZeroUpper "zeroupper" ANYWHERE,
    /// Returns the address: moves it to the first integer register of results.
    ReturnAddress "returnaddress" IN_FRAME,
    /// Keeps `target` and `args`, of the parameters of an invoker, `void (target, args, ret)`, in
    /// scratch registers.
    KeepInvocation "keep" IN_FRAME,
    /// Keeps `ret` in the first 16 bytes of the frame.
    KeepRet "keepret" IN_FRAME,
    /// Loads the address from the n-th of `args`, counted from 0.
    ArgAddress(n: u32) "arg" IN_FRAME,
    /// Sets the address to `ret`.
    RetAddress "retaddress" IN_FRAME,
    /// Moves `ret` to the register of the address where a result goes.
    PassRet "passret" IN_FRAME,
    /// Stores the first integer register of parameters so many bytes above the stack pointer.
    StackWord(n: u32) "stack" IN_FRAME,
    /// Calls `target`.
    CallTarget "calltarget" IN_FRAME,
    /// Closes the frame and returns to the caller.
    Leave "leave" IN_FRAME,
    /// Jumps to a function, by the emitter's id.
    Jump(n: u32) "jump" BEFORE_FRAME,
    /// Jumps to the address in the word after an argument area of so many bytes.
    JumpAfter(n: u32) "jumpafter" BEFORE_FRAME,
    /// Jumps to the address in the n-th integer register of parameters, counted from 0.
    JumpInt(n: u8) "jumpint" BEFORE_FRAME,
    /// Returns to the caller.
    Return "ret" BEFORE_FRAME,
}

impl StubStep {
    /// Checks whether no step can follow.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(
            self,
            Self::Jump(_) | Self::JumpAfter(_) | Self::JumpInt(_) | Self::Return | Self::Leave
        )
    }

    /// Returns the property of a call that CLIF cannot express, for a step that only one has.
    pub(crate) fn need(self) -> Option<&'static str> {
        Some(match self {
            Self::SetVectorCount(_) => "the count of vector registers of a variadic call",
            Self::VectorsToInts(_) => "an unnamed float in two registers",
            Self::LoadChain(_) | Self::ChainToInt(_) | Self::ChainToVector(_) | Self::PushChain => {
                "a static chain"
            }
            Self::Load(_) | Self::Store(_) => "an argument in registers that CLIF cannot express",
            Self::SaveInts => {
                "integer registers that a variadic function saves beside its arguments"
            }
            _ => return None,
        })
    }

    /// Returns the function that it calls or jumps to, by the emitter's id.
    pub(super) fn callee(self) -> Option<u32> {
        match self {
            Self::Jump(callee) | Self::Call(callee) => Some(callee),
            _ => None,
        }
    }

    pub(super) fn is_valid(self) -> bool {
        match self {
            Self::Pop(n) | Self::Push(n) => (1..=MAX_RESULTS).contains(&n),
            Self::VectorsToInts(positions) => (1..1 << MAX_POSITIONS).contains(&positions),
            Self::ChainToInt(n)
            | Self::ChainToVector(n)
            | Self::AddressToInt(n)
            | Self::AddressToVector(n)
            | Self::JumpInt(n) => n < MAX_REGISTERS,
            Self::LoadResult(reg_move) if reg_move.width < MoveWidth::U64 => false,
            Self::LoadResult(reg_move) if reg_move.width == MoveWidth::V32 => false,
            Self::Load(reg_move) if reg_move.width == MoveWidth::St64 => false,
            Self::Load(reg_move) | Self::Store(reg_move) | Self::LoadResult(reg_move) => {
                let n = match reg_move.width {
                    MoveWidth::St64 => 1,
                    _ => MAX_REGISTERS,
                };
                reg_move.register < n && i32::try_from(reg_move.offset).is_ok()
            }
            Self::PushArea(shadow) => shadow <= MAX_SHADOW,
            Self::Align(align) => align.is_power_of_two() && (16..=MAX_ALIGN).contains(&align),
            Self::Skip(bytes) | Self::Copy(bytes) => {
                bytes > 0 && bytes.is_multiple_of(8) && i32::try_from(bytes).is_ok()
            }
            _ => true,
        }
    }
}
