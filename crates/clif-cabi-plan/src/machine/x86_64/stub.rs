//! What CLIF cannot say, as a few bytes of machine code: one function per recipe.
//!
//! Every stub keeps these invariants (`docs/bridges.md`): call and return stay paired; only r11 is scratch, rax by contract; local linkage,
//! never entered through a PLT; x87 and SSE control words untouched. A stub that pops reads only what the call declares, or what no
//! Cranelift instruction touches: the x87 stack.

use crate::error::PlanError;
use crate::parts::WORD;
use crate::signature::{CallConv, Param, Signature};

/// A stub: what it does, and all its bytes depend on.
///
/// # Example
/// ```
/// use clif_cabi_plan::Stub;
/// let stub = Stub::VariadicDirect { n_sse: 1, callee: 7 };
/// // mov eax, 1; jmp 0
/// let code = stub.code(true)?;
/// assert_eq!(code.bytes, [0xb8, 1, 0, 0, 0, 0xe9, 0, 0, 0, 0]);
/// assert_eq!(code.reloc.map(|reloc| (reloc.offset, reloc.callee)), Some((6, 7)));
/// # Ok::<(), clif_cabi_plan::PlanError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Stub {
    /// Entered instead of a variadic function: sets AL and jumps to it.
    VariadicDirect {
        /// Vector registers in use, 0 to 8.
        n_sse: u8,
        /// The function, by the emitter's id.
        callee: u32,
    },
    /// The same for any address, which the caller passes as one more word after the argument area.
    VariadicIndirect {
        /// Vector registers in use, 0 to 8.
        n_sse: u8,
        /// Bytes of the argument area.
        area: u32,
    },
    /// `fn(to)`: stores st0 to 10 bytes at `to` and pops it.
    PopX87,
    /// `fn(to)`: the same for st0, and for st1 to 10 bytes at `to + 16`.
    PopComplexX87,
    /// `fn(from)`: pushes 10 bytes at `from` as st0; the last thing before a return.
    PushX87,
    /// `fn(from)`: the same, with 10 bytes at `from + 16` as st1.
    PushComplexX87,
}

/// The machine code of a stub.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StubCode {
    /// The bytes, to be placed at a multiple of [`StubCode::ALIGN`].
    pub bytes: Vec<u8>,
    /// The one address in it, if there is one.
    pub reloc: Option<Reloc>,
}

impl StubCode {
    /// Bytes: as functions of a C compiler are aligned.
    pub const ALIGN: u64 = 16;
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

impl Stub {
    /// A name no other stub has.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::VariadicDirect { n_sse, callee } => {
                format!("__clif_cabi_variadic_{n_sse}_f{callee}")
            }
            Self::VariadicIndirect { n_sse, area } => {
                format!("__clif_cabi_variadic_{n_sse}_indirect_{area}")
            }
            Self::PopX87 => "__clif_cabi_drain_x87".into(),
            Self::PopComplexX87 => "__clif_cabi_drain_complex_x87".into(),
            Self::PushX87 => "__clif_cabi_load_x87".into(),
            Self::PushComplexX87 => "__clif_cabi_load_complex_x87".into(),
        }
    }

    /// The machine code, `pic` for objects and without for the JIT.
    ///
    /// # Errors
    /// [`PlanError::Stub`] when the argument area is too large to be jumped over.
    pub fn code(&self, pic: bool) -> Result<StubCode, PlanError> {
        let plain = |bytes: &[u8]| {
            Ok(StubCode {
                bytes: bytes.to_vec(),
                reloc: None,
            })
        };
        match *self {
            Self::VariadicDirect { n_sse, callee } => Ok(variadic_direct(n_sse, callee, pic)),
            Self::VariadicIndirect { n_sse, area } => variadic_indirect(n_sse, area),
            // fstp tbyte [rdi]; ret
            Self::PopX87 => plain(&[0xdb, 0x3f, 0xc3]),
            // fstp tbyte [rdi]; fstp tbyte [rdi+16]; ret
            Self::PopComplexX87 => plain(&[0xdb, 0x3f, 0xdb, 0x7f, 0x10, 0xc3]),
            // fld tbyte [rdi]; ret
            Self::PushX87 => plain(&[0xdb, 0x2f, 0xc3]),
            // fld tbyte [rdi+16]; fld tbyte [rdi]; ret
            Self::PushComplexX87 => plain(&[0xdb, 0x6f, 0x10, 0xdb, 0x2f, 0xc3]),
        }
    }

    /// The CLIF signature of the stubs that take one address. `PreserveAll`: they clobber nothing Cranelift knows.
    #[must_use]
    pub fn address_signature() -> Signature {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.push(Param::new(WORD));
        signature
    }
}

/// mov eax, n; jmp callee. In the JIT by an absolute address in r11, because a callee may be any distance away.
fn variadic_direct(n_sse: u8, callee: u32, pic: bool) -> StubCode {
    let mut bytes = vec![0xb8, n_sse, 0, 0, 0];
    let reloc = if pic {
        bytes.extend([0xe9, 0, 0, 0, 0]);
        Reloc {
            offset: 6,
            kind: RelocKind::CallPlt4,
            addend: -4,
            callee,
        }
    } else {
        bytes.extend([0x49, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3]);
        Reloc {
            offset: 7,
            kind: RelocKind::Abs8,
            addend: 0,
            callee,
        }
    };
    let reloc = Some(reloc);
    StubCode { bytes, reloc }
}

/// mov eax, n; jmp [rsp + 8 + area]
fn variadic_indirect(n_sse: u8, area: u32) -> Result<StubCode, PlanError> {
    let word = i32::try_from(area)
        .ok()
        .and_then(|area| area.checked_add(8));
    let Some(word) = word else {
        return Err(PlanError::Stub {
            why: "the argument area of a variadic call is too large",
        });
    };
    let mut bytes = vec![0xb8, n_sse, 0, 0, 0, 0xff, 0xa4, 0x24];
    bytes.extend(word.to_le_bytes());
    Ok(StubCode { bytes, reloc: None })
}
