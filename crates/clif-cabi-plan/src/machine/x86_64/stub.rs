//! What CLIF cannot say, as a few bytes of machine code: a [`Stub`] is composed of [`Step`]s, of which each has a name, its bytes and its
//! unwind rules.
//!
//! Every stub keeps these invariants (`docs/stubs.md`): call and return stay paired; only r11 is scratch, rax by contract; local linkage,
//! never entered through a PLT; x87 and SSE control words untouched. A stub that pops reads only what the call declares, or what no
//! Cranelift instruction touches: the x87 stack.

use std::fmt;

use cabi::{Reg, x86_64};

use super::counting::SYSTEM_V;
use crate::error::PlanError;
use crate::machine::description::Class;
use crate::parts::WORD;
use crate::signature::{CallConv, Param, Signature};

/// The most values that the x87 stack holds.
const X87_DEPTH: u8 = 8;
/// Bytes from one x87 value in memory to the next.
const X87_STRIDE: u8 = 16;

/// One step of a [`Stub`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Step {
    /// Sets AL to the number of vector registers that a variadic call uses, 0 to 8.
    SetAl(u8),
    /// Stores so many x87 values to 10 bytes each, 16 bytes apart, from the address in rdi on, and pops them; st0 is the first.
    Pop(u8),
    /// Pushes so many x87 values from there; the first becomes st0.
    Push(u8),
    /// Loads the static chain from the word after an argument area of so many bytes.
    LoadChain(u32),
    /// Moves the static chain to the n-th integer register of parameters, counted from 0.
    ChainToInt(u8),
    /// Moves the static chain to the n-th vector register of parameters, counted from 0.
    ChainToVector(u8),
    /// Jumps to a function, by the emitter's id.
    Jump(u32),
    /// Jumps to the address in the word after an argument area of so many bytes.
    JumpAfter(u32),
    /// Returns to the caller.
    Return,
}

impl Step {
    /// Whether nothing can follow.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(self, Self::Jump(_) | Self::JumpAfter(_) | Self::Return)
    }

    /// How the name of a stub spells it: a word, and its number.
    fn word(self) -> (&'static str, Option<u32>) {
        match self {
            Self::SetAl(n) => ("al", Some(n.into())),
            // One value is the rule, as `long double`; two are a complex number.
            Self::Pop(n) => ("pop", (n != 1).then_some(n.into())),
            Self::Push(n) => ("push", (n != 1).then_some(n.into())),
            Self::LoadChain(area) => ("chain", Some(area)),
            Self::ChainToInt(n) => ("chainint", Some(n.into())),
            Self::ChainToVector(n) => ("chainvector", Some(n.into())),
            Self::Jump(callee) => ("jump", Some(callee)),
            Self::JumpAfter(area) => ("jumpafter", Some(area)),
            Self::Return => ("ret", None),
        }
    }

    /// The step that [`Step::word`] spells so.
    fn from_word(word: &str) -> Option<Self> {
        let digits = word.find(|c: char| c.is_ascii_digit());
        let (name, number) = word.split_at(digits.unwrap_or(word.len()));
        let number: Option<u32> = match number {
            "" => None,
            number => Some(number.parse().ok()?),
        };
        let count = || u8::try_from(number.unwrap_or(1)).ok();
        Some(match name {
            "al" => Self::SetAl(u8::try_from(number?).ok()?),
            "pop" => Self::Pop(count()?),
            "push" => Self::Push(count()?),
            "chain" => Self::LoadChain(number?),
            "chainint" => Self::ChainToInt(u8::try_from(number?).ok()?),
            "chainvector" => Self::ChainToVector(u8::try_from(number?).ok()?),
            "jump" => Self::Jump(number?),
            "jumpafter" => Self::JumpAfter(number?),
            "ret" => Self::Return,
            _ => return None,
        })
    }

    fn is_valid(self) -> bool {
        match self {
            Self::Pop(n) | Self::Push(n) => (1..=X87_DEPTH).contains(&n),
            Self::ChainToInt(n) => usize::from(n) < SYSTEM_V.params.of(Class::Int).len(),
            Self::ChainToVector(n) => usize::from(n) < SYSTEM_V.params.of(Class::Vector).len(),
            _ => true,
        }
    }

    /// Appends the instructions.
    fn emit(self, pic: bool, code: &mut StubCode) -> Result<(), PlanError> {
        match self {
            // mov eax, n
            Self::SetAl(n) => code.bytes.extend([0xb8, n, 0, 0, 0]),
            // fstp tbyte [rdi + 16 i]
            Self::Pop(n) => (0..n).for_each(|i| code.bytes.extend(x87(i, 0x3f))),
            // fld tbyte [rdi + 16 i]: the last one first, so that the first is st0
            Self::Push(n) => (0..n).rev().for_each(|i| code.bytes.extend(x87(i, 0x2f))),
            Self::Jump(callee) => jump(callee, pic, code),
            Self::JumpAfter(area) => {
                // jmp [rsp + 8 + area]
                code.bytes.extend([0xff, 0xa4, 0x24]);
                code.bytes.extend(word_after(area)?.to_le_bytes());
            }
            Self::LoadChain(area) => {
                // mov r10, [rsp + 8 + area]
                code.bytes.extend([0x4c, 0x8b, 0x94, 0x24]);
                code.bytes.extend(word_after(area)?.to_le_bytes());
            }
            Self::ChainToInt(n) => {
                // mov reg, r10
                let reg = SYSTEM_V.params.of(Class::Int).get(usize::from(n));
                let number = reg.map_or(0, |reg| encoding(*reg));
                let rex = 0x4c | (number >> 3);
                code.bytes.extend([rex, 0x89, 0xd0 | (number & 7)]);
            }
            // movq xmm, r10
            Self::ChainToVector(n) => {
                let modrm = 0xc2 | ((n & 7) << 3);
                code.bytes.extend([0x66, 0x49, 0x0f, 0x6e, modrm]);
            }
            // ret
            Self::Return => code.bytes.push(0xc3),
        }
        Ok(())
    }

    /// How the frame changes inside the step: bytes from its start, and the rule from there on. No step moves rsp yet.
    fn unwind(self) -> &'static [(u32, Cfa)] {
        match self {
            Self::SetAl(_)
            | Self::Pop(_)
            | Self::Push(_)
            | Self::LoadChain(_)
            | Self::ChainToInt(_)
            | Self::ChainToVector(_)
            | Self::Jump(_)
            | Self::JumpAfter(_)
            | Self::Return => &[],
        }
    }
}

/// The displacement from rsp, inside a stub, of the word after an argument area of `area` bytes.
fn word_after(area: u32) -> Result<i32, PlanError> {
    let word = i32::try_from(area).ok().and_then(|n| n.checked_add(8));
    let why = "the argument area is too large for a stub";
    word.ok_or(PlanError::Stub { why })
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
        i => (modrm | DISP8, Some(i * X87_STRIDE)),
    };
    [0xdb, modrm].into_iter().chain(disp)
}

/// jmp callee. In the JIT by an absolute address in r11, because a callee may be any distance away.
fn jump(callee: u32, pic: bool, code: &mut StubCode) {
    let (before, zeros, after, kind, addend): (&[u8], _, &[u8], _, _) = if pic {
        (&[0xe9], 4, &[], RelocKind::CallPlt4, -4)
    } else {
        // movabs r11, callee; jmp r11
        (&[0x49, 0xbb], 8, &[0x41, 0xff, 0xe3], RelocKind::Abs8, 0)
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

/// The most steps of a stub.
const MAX_STEPS: usize = 3;

/// A stub: its steps, on which alone its bytes and its name depend.
///
/// # Example
/// ```
/// use clif_cabi_plan::{Step, Stub};
/// let stub = Stub::new(&[Step::SetAl(1), Step::Jump(7)]).unwrap();
/// // mov eax, 1; jmp 0
/// let code = stub.code(true)?;
/// assert_eq!(code.bytes, [0xb8, 1, 0, 0, 0, 0xe9, 0, 0, 0, 0]);
/// assert_eq!(code.reloc.map(|reloc| (reloc.offset, reloc.callee)), Some((6, 7)));
///
/// assert_eq!(stub.name(), "__clif_cabi_al1_jump7");
/// assert_eq!(Stub::from_name("__clif_cabi_al1_jump7"), Some(stub));
/// // Nothing can follow a jump, and nothing is between two functions.
/// assert_eq!(Stub::new(&[Step::Jump(7), Step::Return]), None);
/// assert_eq!(Stub::new(&[Step::SetAl(1)]), None);
/// # Ok::<(), clif_cabi_plan::PlanError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stub {
    /// After the last one: `Step::Return`.
    steps: [Step; MAX_STEPS],
    n_steps: u8,
}

/// What the names of stubs begin with.
const PREFIX: &str = "__clif_cabi_";

impl Stub {
    /// The stub of `steps`. `None` unless it is the last one that leaves the stub, and for more than three steps, or more than 8 x87 values.
    #[must_use]
    pub fn new(steps: &[Step]) -> Option<Self> {
        let (last, before) = steps.split_last()?;
        let leaves_last = last.is_last() && !before.iter().any(|step| step.is_last());
        if !leaves_last || !steps.iter().all(|step| step.is_valid()) {
            return None;
        }
        let mut all = [Step::Return; MAX_STEPS];
        all.get_mut(..steps.len())?.copy_from_slice(steps);
        Some(Self {
            steps: all,
            n_steps: u8::try_from(steps.len()).ok()?,
        })
    }

    const fn two(first: Step, last: Step) -> Self {
        Self {
            steps: [first, last, Step::Return],
            n_steps: 2,
        }
    }

    /// `fn(to)`: pops `n` x87 values.
    pub(super) const fn pop(n: u8) -> Self {
        Self::two(Step::Pop(n), Step::Return)
    }

    /// `fn(from)`: pushes `n` x87 values; the last thing before a return.
    pub(super) const fn push(n: u8) -> Self {
        Self::two(Step::Push(n), Step::Return)
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.steps.get(..usize::from(self.n_steps)).unwrap_or(&[])
    }

    /// The function that the stub jumps to, by the emitter's id.
    #[must_use]
    pub fn callee(&self) -> Option<u32> {
        match self.steps().last() {
            Some(Step::Jump(callee)) => Some(*callee),
            _ => None,
        }
    }

    /// A name no other stub has: its steps.
    #[must_use]
    pub fn name(&self) -> String {
        let words = self.steps().iter().map(|step| match step.word() {
            (word, Some(number)) => format!("{word}{number}"),
            (word, None) => word.to_string(),
        });
        format!("{PREFIX}{}", words.collect::<Vec<_>>().join("_"))
    }

    /// The stub of that name. `None` for a name that [`Stub::name`] never gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let words = name.strip_prefix(PREFIX)?.split('_');
        let steps: Option<Vec<Step>> = words.map(Step::from_word).collect();
        // A number can be spelled in other ways: `pop1`, `al01`.
        Self::new(&steps?).filter(|stub| stub.name() == name)
    }

    /// The machine code, `pic` for objects and without for the JIT.
    ///
    /// # Errors
    /// [`PlanError::Stub`] when the argument area is too large to be jumped over.
    pub fn code(&self, pic: bool) -> Result<StubCode, PlanError> {
        let mut code = StubCode {
            bytes: Vec::new(),
            reloc: None,
            unwind: vec![UnwindRow {
                offset: 0,
                cfa: Cfa::AT_ENTRY,
            }],
        };
        for step in self.steps() {
            let start = code.len();
            let rows = step.unwind().iter().map(|(offset, cfa)| UnwindRow {
                offset: start + offset,
                cfa: *cfa,
            });
            code.unwind.extend(rows);
            step.emit(pic, &mut code)?;
        }
        Ok(code)
    }

    /// The CLIF signature of the stubs that take one address. `PreserveAll`: they clobber nothing Cranelift knows.
    #[must_use]
    pub fn address_signature() -> Signature {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(Param::new(WORD));
        signature
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stub").field(&self.steps()).finish()
    }
}

/// The machine code of a stub.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StubCode {
    /// The bytes, to be placed at a multiple of [`StubCode::ALIGN`].
    pub bytes: Vec<u8>,
    /// The one address in it, if there is one.
    pub reloc: Option<Reloc>,
    /// How an unwinder finds the caller from inside the stub: the first row from its start on, each further one from its own offset on. The
    /// return address is the word below the CFA; all registers of the caller's are as they are, but rsp, which was the CFA.
    pub unwind: Vec<UnwindRow>,
}

impl StubCode {
    /// Bytes: as functions of a C compiler are aligned.
    pub const ALIGN: u64 = 16;

    fn len(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }
}

/// Where the canonical frame address (CFA) of a stub is from an instruction on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct UnwindRow {
    /// Bytes from the start of the stub.
    pub offset: u32,
    /// The rule.
    pub cfa: Cfa,
}

/// The canonical frame address: rsp before the call, as DWARF's `DW_CFA_def_cfa` gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Cfa {
    /// The register.
    pub register: Reg,
    /// Added to it, in bytes.
    pub offset: i32,
}

impl Cfa {
    /// Of any function before its first instruction: only the return address has been pushed.
    const AT_ENTRY: Self = Self {
        register: x86_64::RSP,
        offset: 8,
    };
}

/// An address in a stub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reloc {
    /// Bytes from the start of the stub.
    pub offset: u32,
    /// What is written there.
    pub kind: RelocKind,
    /// Added to the address.
    pub addend: i64,
    /// The function, by the emitter's id.
    pub callee: u32,
}

/// What is written for an address. Exhaustive on purpose: an emitter that lacks a new one must not compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelocKind {
    /// 4 bytes relative to themselves, through the PLT if need be: Cranelift's `X86CallPLTRel4`.
    CallPlt4,
    /// The 8 bytes of the address: Cranelift's `Abs8`.
    Abs8,
}
