//! Stubs: a few bytes of machine code for what CLIF cannot express. A [`Stub`] is a list of
//! [`StubStep`]s, each with a name, bytes and unwind rules. Each machine encodes those that it
//! needs, and refuses the others.
//!
//! Every stub keeps these invariants (`docs/stubs.md`):
//! - Call and return stay paired.
//! - Scratch registers are neither arguments nor preserved.
//! - Linkage is local, and no stub is entered through a PLT.
//! - Control words are untouched. Every page of a frame is touched.
//! - A stub that pops reads only the results that the call declares, or the x87 stack, which no
//!   Cranelift instruction touches.

mod moves;
mod step;

use std::fmt;

use smallvec::SmallVec;

use super::registers::Registers;
use crate::error::PlanError;
use crate::parts::narrow;

pub use moves::{MoveWidth, RegisterMove};
pub use step::StubStep;

/// List of steps, on which alone the stub's bytes and name depend.
///
/// # Example
/// ```
/// use clif_cabi_plan::{Machine, StubStep, Stub, cabi::Target};
/// let stub = Stub::new(&[StubStep::SetVectorCount(1), StubStep::Jump(7)]).unwrap();
/// // mov eax, 1; jmp 0
/// let code = stub.code(Machine::of(&Target::X86_64_LINUX)?, true)?;
/// assert_eq!(code.bytes, [0xb8, 1, 0, 0, 0, 0xe9, 0, 0, 0, 0]);
/// assert_eq!(code.reloc.map(|reloc| (reloc.offset, reloc.callee)), Some((6, 7)));
///
/// assert_eq!(stub.name(), "__clif_cabi_al1_jump7");
/// assert_eq!(Stub::from_name("__clif_cabi_al1_jump7"), Some(stub));
/// // Nothing can follow a jump, and nothing is between two functions.
/// assert_eq!(Stub::new(&[StubStep::Jump(7), StubStep::Return]), None);
/// assert_eq!(Stub::new(&[StubStep::SetVectorCount(1)]), None);
/// # Ok::<(), clif_cabi_plan::PlanError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stub {
    steps: SmallVec<[StubStep; 8]>,
}

/// Prefix of the names of stubs.
const PREFIX: &str = "__clif_cabi_";
/// Suffix of the names of functions that stubs enter under names of the user's.
const BODY: &str = ".body";

impl Stub {
    /// Makes the stub of `steps`. `None` unless these conditions hold:
    /// - The last step alone leaves the stub, and at most one step has a function.
    /// - Steps that read the argument area by the stack pointer are before the frame is opened.
    /// - Steps that need the frame are after that.
    /// - Each step can have its number, unlike 9 results to pop, or an alignment that is no power
    ///   of two from 16 on.
    #[must_use]
    pub fn new(steps: &[StubStep]) -> Option<Self> {
        let (last, before) = steps.split_last()?;
        let leaves_last = last.is_last() && !before.iter().any(|step| step.is_last());
        let mut in_frame = false;
        let fits = |step: &StubStep| {
            let fits = step.in_frame().is_none_or(|needed| needed == in_frame);
            in_frame |= *step == StubStep::Frame;
            fits && step.is_valid()
        };
        let n_callees = steps.iter().filter(|step| step.callee().is_some()).count();
        if !leaves_last || !steps.iter().all(fits) || n_callees > 1 {
            return None;
        }
        Some(Self {
            steps: SmallVec::from_slice(steps),
        })
    }

    /// Returns the stub that does the steps `before`, jumps by `go`, or calls if they open a frame,
    /// and then does the steps `after`. `None` without steps.
    pub(crate) fn to(before: &[StubStep], go: StubStep, after: &[StubStep]) -> Option<Self> {
        let is_framed = before.contains(&StubStep::Frame);
        let go = match go {
            _ if before.is_empty() => return None,
            StubStep::Jump(id) if is_framed => StubStep::Call(id),
            StubStep::JumpAfter(area) if is_framed => StubStep::CallAfter(area),
            go => go,
        };
        let leave = is_framed.then_some(StubStep::Leave);
        let rest = after.iter().copied().chain(leave);
        let steps = before.iter().copied().chain([go]).chain(rest);
        Self::new(&steps.collect::<SmallVec<[StubStep; 8]>>())
    }

    /// Returns the stub `fn(to)` or `fn(from)` that does these steps and returns.
    pub(super) fn returning(steps: impl IntoIterator<Item = StubStep>) -> Self {
        let steps = steps.into_iter().chain([StubStep::Return]).collect();
        Self { steps }
    }

    /// Returns the steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[StubStep] {
        &self.steps
    }

    /// Returns the function that the stub calls or jumps to, by the emitter's id.
    #[must_use]
    pub fn callee(&self) -> Option<u32> {
        self.steps().iter().find_map(|step| step.callee())
    }

    /// Returns a name that spells the steps, and is no other stub's.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = String::new();
        // A string takes all that is written.
        self.write_name(&mut name).unwrap_or_default();
        name
    }

    /// Writes [`Stub::name`].
    ///
    /// # Errors
    /// Errors of `to`.
    pub fn write_name(&self, to: &mut dyn fmt::Write) -> fmt::Result {
        to.write_str(PREFIX)?;
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                to.write_char('_')?;
            }
            step.write(to)?;
        }
        Ok(())
    }

    /// Returns the stub of that name, or `None` for a name that [`Stub::name`] never gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::of_steps(name.strip_prefix(PREFIX)?)
    }

    /// Returns the stub whose steps are spelled so.
    fn of_steps(words: &str) -> Option<Self> {
        let steps: Option<Vec<StubStep>> = words.split('_').map(StubStep::read).collect();
        // A number can be spelled in other ways: `al01`.
        Self::new(&steps?).filter(|stub| stub.name().strip_prefix(PREFIX) == Some(words))
    }

    /// Returns a name for the function that the stub enters, where the stub is called `name`. The
    /// function's name spells the steps, as `name` does not. No C function has a dot in its name.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{StubStep, Stub};
    /// let stub = Stub::new(&[StubStep::ChainToInt(1), StubStep::Jump(7)]).unwrap();
    /// assert_eq!(stub.entered_name("f"), "f.chainint1_jump7.body");
    /// assert_eq!(Stub::of_entered_name("f.chainint1_jump7.body", 7), Some(("f", stub)));
    /// assert_eq!(Stub::of_entered_name("f.body", 7), None);
    /// ```
    #[must_use]
    pub fn entered_name(&self, name: &str) -> String {
        let own = self.name();
        let steps = own.strip_prefix(PREFIX).unwrap_or_default();
        format!("{name}.{steps}{BODY}")
    }

    /// Returns the name of the stub, and the stub, that enters the function `callee` of this name.
    /// `None` for a name that [`Stub::entered_name`] never gives.
    #[must_use]
    pub fn of_entered_name(name: &str, callee: u32) -> Option<(&str, Self)> {
        let (name, steps) = name.strip_suffix(BODY)?.rsplit_once('.')?;
        let mut stub = Self::of_steps(steps)?;
        // The name was made before the function had an id.
        for step in &mut stub.steps {
            match step {
                StubStep::Jump(id) | StubStep::Call(id) => *id = callee,
                _ => {}
            }
        }
        Some((name, stub))
    }

    /// Returns the width of the widest vector that the function of this name moves, if it is a stub
    /// or is entered by one.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{Stub, MoveWidth};
    /// assert_eq!(Stub::widest_vector_of("__clif_cabi_resultymm0_ret"), Some(MoveWidth::V256));
    /// assert_eq!(Stub::widest_vector_of("f.chainint1_jump7.body"), None);
    /// ```
    #[must_use]
    pub fn widest_vector_of(name: &str) -> Option<MoveWidth> {
        let entering = || Some(Self::of_entered_name(name, 0)?.1);
        Self::from_name(name).or_else(entering)?.widest_vector()
    }

    fn widest_vector(&self) -> Option<MoveWidth> {
        let width = |step: &StubStep| match step {
            StubStep::Load(own) | StubStep::Store(own) | StubStep::LoadResult(own) => {
                Some(own.width)
            }
            _ => None,
        };
        let vector = |width: &MoveWidth| *width >= MoveWidth::V128;
        self.steps().iter().filter_map(width).filter(vector).max()
    }
}

/// The machine code of a stub.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct StubCode {
    /// The bytes, to be placed at a multiple of [`StubCode::ALIGN`].
    pub bytes: Vec<u8>,
    /// The address in it, if there is one; there is never a second.
    pub reloc: Option<Reloc>,
    /// Rows by which an unwinder finds the caller from inside the stub. The first row holds from
    /// the stub's start, each further row from its own offset. The return address is where it is at
    /// a function's entry, unless it is saved. The caller's registers are unchanged, except for the
    /// saved ones and the stack pointer, which was the CFA.
    pub unwind: Vec<UnwindRow>,
}

impl StubCode {
    /// Alignment of stubs in bytes, that of a C compiler's functions.
    pub const ALIGN: u64 = 16;

    pub(super) fn len(&self) -> u32 {
        narrow(self.bytes.len())
    }

    /// Appends instructions of 4 bytes each.
    pub(super) fn words(&mut self, words: &[u32]) {
        self.bytes
            .extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    /// Makes the next bytes refer to `callee`.
    pub(super) fn refer(&mut self, callee: u32, kind: RelocKind, addend: i64) {
        self.reloc = Some(Reloc {
            offset: self.len(),
            kind,
            addend,
            callee,
        });
    }

    /// Appends a row that holds from the current end of the code on.
    pub(super) fn row(&mut self, cfa: (u16, i32), saved: &'static [(u16, i32)]) {
        self.unwind.push(UnwindRow {
            offset: self.len(),
            cfa,
            saved,
        });
    }
}

/// Rule for the canonical frame address (CFA) of a stub from an instruction on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UnwindRow {
    /// Bytes from the start of the stub.
    pub offset: u32,
    /// The CFA, the stack pointer before the call, as DWARF's `DW_CFA_def_cfa` gives it: a
    /// register's DWARF number, and the bytes that are added to it.
    pub cfa: (u16, i32),
    /// The caller's registers that the stub has changed, by their DWARF numbers, and where they are
    /// saved, in bytes from the CFA.
    pub saved: &'static [(u16, i32)],
}

/// An address in a stub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reloc {
    /// Bytes from the start of the stub.
    pub offset: u32,
    /// The kind of address written there.
    pub kind: RelocKind,
    /// Added to the address.
    pub addend: i64,
    /// The function, by the emitter's id.
    pub callee: u32,
}

/// Kind of address to write, by Cranelift's names. Exhaustive on purpose: an emitter that lacks a
/// new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelocKind {
    /// The 8 bytes of the address.
    Abs8,
    /// Operand of an x86-64 call or jump: 4 bytes relative to themselves, to the function or to an
    /// entry of the PLT.
    X86CallPLTRel4,
    /// Operand of AArch64's `b` and `bl`, to the function or to an entry of the PLT.
    Arm64Call,
    /// Operands of RISC-V's `auipc` and `jalr` after each other, to the function or to an entry of
    /// the PLT.
    RiscvCallPlt,
    /// Operand of s390x's `jg` and `brasl`: halfwords from itself to the function or to an entry of
    /// the PLT.
    S390xPLTRel32Dbl,
}

/// The bytes that a guard page has at least.
pub(super) const PAGE: u32 = 4096;

/// Error of a step for which no instruction reaches far enough.
pub(super) const TOO_FAR: PlanError = PlanError::Stub("the argument area is too large for a stub");

/// A machine's encoding of the steps of stubs.
#[derive(Debug)]
pub(super) struct Steps {
    /// The registers that steps number.
    pub(super) numbered: &'static Registers,
    /// The CFA when a function is entered.
    pub(super) entry: (u16, i32),
    /// `true` if it encodes all steps that plans of its calls and entries ask for. Otherwise
    /// `check_steps` encodes the steps to find out.
    pub(super) has_all: bool,
    /// Appends the instructions of a step, and a row for each that changes how the caller is found.
    /// [`PlanError::Step`] for one that the machine lacks.
    pub(super) encode: fn(StubStep, bool, &mut StubCode) -> Result<(), PlanError>,
}
