//! From an [`FnAbi`] to a CLIF signature and the plan of what goes into each of its parameters.
//!
//! Cranelift counts the integer and the vector class separately and gives nothing back, so any placement can be spelled out:
//!
//! ```text
//! call:  sret, the register pieces in order, integer dummies up to six if there is a stack, then the argument area word by word
//! entry: sret, the register pieces in order, then the whole argument area as one `sarg`
//! ```
//!
//! Stack arguments that are scalars keep their own type where their class is exhausted anyway: then nothing differs from what a person would
//! write. `replay` has the last word: a plan that Cranelift would place differently is an error.

mod call;
mod entry;

pub use call::CallPlan;
pub(crate) use call::{Passing, Slot};
pub(crate) use entry::Arrival;
pub use entry::EntryPlan;

use cabi::{Convention, FnAbi, FnSig, Loc, Place, Reg, RetAbi, Scalar, Target};
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, types};
use cranelift_codegen::isa::CallConv;

use crate::error::LowerError;
use crate::pieces::{Piece, Pieces, objection, pieces_of, placed_pieces, x87_pieces};
use crate::replay::{ClifPlace, replay};

/// The integer registers System V passes arguments in, the class a stack word must find exhausted.
pub(crate) const ARG_GPRS: usize = 6;

/// What becomes of a result.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum RetPlan {
    /// Nothing travels.
    Nothing,
    /// The call does not come back.
    Never,
    /// These pieces, in this order.
    Pieces(Pieces),
    /// One x87 value, or two, which need a bridge. The pieces are theirs in memory.
    X87(Pieces),
    /// Through the hidden pointer.
    Sret,
}

impl RetPlan {
    fn of(sig: &FnSig, abi: &FnAbi, target: &Target) -> Result<Self, LowerError> {
        let parts = match &abi.ret {
            RetAbi::Void | RetAbi::Ignore => return Ok(Self::Nothing),
            RetAbi::NoReturn => return Ok(Self::Never),
            RetAbi::Indirect {
                pointer: Loc::Reg(_),
                ..
            } => return Ok(Self::Sret),
            RetAbi::Parts(parts) => parts,
            _ => {
                return Err(unsupported(
                    format!("result, {}", sig.result()),
                    "this kind of result is not lowered",
                    target,
                ));
            }
        };
        if let Some(why) = parts.iter().find_map(objection) {
            return Err(unsupported(
                format!("result, {}", sig.result()),
                why,
                target,
            ));
        }
        if parts
            .iter()
            .any(|part| matches!(part.loc, Loc::Reg(Reg::Xmm2 | Reg::Xmm3)))
        {
            let why = "results in more than two vector registers are not lowered yet";
            return Err(unsupported(
                format!("result, {}", sig.result()),
                why,
                target,
            ));
        }
        if matches!(parts.first().map(|part| part.loc), Some(Loc::Reg(Reg::St0))) {
            return Ok(Self::X87(x87_pieces(if parts.len() == 2 { 2 } else { 1 })));
        }
        Ok(Self::Pieces(placed_pieces(sig.result(), parts)))
    }

    /// The pieces of the result, where it has some.
    fn pieces(&self) -> &[Piece] {
        match self {
            Self::Pieces(pieces) | Self::X87(pieces) => pieces,
            _ => &[],
        }
    }

    /// Appends the results to `signature`, and says where each must be.
    fn declare(&self, abi: &FnAbi, signature: &mut Signature, expect: &mut Expect) {
        let (Self::Pieces(pieces), RetAbi::Parts(parts)) = (self, &abi.ret) else {
            return;
        };
        for (piece, placed) in pieces.iter().zip(parts) {
            let mut result = AbiParam::new(piece.ty);
            result.extension = piece.extension;
            signature.returns.push(result);
            if let Loc::Reg(reg) = placed.loc {
                expect.results.push(reg);
            }
        }
    }
}

/// Where the convention has the parameters and results of a CLIF signature.
#[derive(Default)]
pub(crate) struct Expect {
    /// `None`: it does not matter.
    params: Vec<Option<ClifPlace>>,
    results: Vec<Reg>,
    /// Where a function that is entered hands the pointer to its result back.
    sret_echo: Option<Reg>,
    /// Bytes of the argument area that a caller must reserve.
    area_bytes: u64,
}

impl Expect {
    /// Asks `replay` where Cranelift has them.
    fn check(&self, signature: &Signature) -> Result<(), LowerError> {
        let replayed = replay(signature)?;
        for (i, (expected, found)) in self.params.iter().zip(&replayed.params).enumerate() {
            if let Some(expected) = expected
                && expected != found
            {
                return Err(LowerError::Mismatch {
                    what: format!("CLIF parameter {i}"),
                    expected: format!("{expected:?}"),
                    found: format!("{found:?}"),
                });
            }
        }
        if self.results[..] != replayed.results[..] {
            return Err(LowerError::Mismatch {
                what: "CLIF results".into(),
                expected: format!("{:?}", self.results),
                found: format!("{:?}", replayed.results),
            });
        }
        if self.sret_echo.is_some() && self.sret_echo != replayed.sret_echo {
            return Err(LowerError::Mismatch {
                what: "the returned pointer to the result".into(),
                expected: format!("{:?}", self.sret_echo),
                found: format!("{:?}", replayed.sret_echo),
            });
        }
        if self.area_bytes > u64::from(replayed.stack_bytes) {
            return Err(LowerError::Mismatch {
                what: "the argument area".into(),
                expected: format!("{} bytes", self.area_bytes),
                found: format!("{}", replayed.stack_bytes),
            });
        }
        Ok(())
    }
}

/// The parameters of a CLIF signature on the way.
pub(crate) struct Params {
    pub(crate) signature: Signature,
    pub(crate) expect: Expect,
    /// Integer registers in use so far.
    pub(crate) n_int: usize,
}

impl Params {
    fn new(abi: &FnAbi) -> Self {
        let mut params = Self {
            signature: Signature::new(CallConv::SystemV),
            expect: Expect::default(),
            n_int: 0,
        };
        if let RetAbi::Indirect {
            pointer: Loc::Reg(reg),
            ..
        } = abi.ret
        {
            let sret = AbiParam::special(types::I64, ArgumentPurpose::StructReturn);
            params.push(sret, Some(ClifPlace::Reg(reg)));
            params.n_int += 1;
        }
        params
    }

    /// Fills the integer registers, so that every further word is on the stack.
    fn fill_registers(&mut self) {
        while self.n_int < ARG_GPRS {
            self.push(AbiParam::new(types::I64), None);
            self.n_int += 1;
        }
    }

    fn push(&mut self, param: AbiParam, place: Option<ClifPlace>) {
        self.signature.params.push(param);
        self.expect.params.push(place);
    }

    fn push_piece(&mut self, piece: &Piece, place: ClifPlace) {
        let mut param = AbiParam::new(piece.ty);
        param.extension = piece.extension;
        self.push(param, Some(place));
        if piece.ty.is_int() && matches!(place, ClifPlace::Reg(_)) {
            self.n_int += 1;
        }
    }
}

/// Objects in memory up to this many bytes are passed as words; larger ones are copied by Cranelift (`sarg`).
const MAX_WORDS_BYTES: u64 = 64;

/// The pieces of a stack argument of `size` bytes, the same for caller and callee: its own type or its words. `None` for a large one, which
/// is in memory only.
pub(crate) fn stack_pieces(
    ty: &cabi::Type,
    place: &Place,
    size: u64,
    abi: &FnAbi,
) -> Option<Pieces> {
    if let Some(own) = own_type(ty, abi) {
        return Some(Pieces::from_slice(&[own]));
    }
    (size <= MAX_WORDS_BYTES).then(|| pieces_of(ty, place))
}

/// Whether a stack argument can be a CLIF parameter of its own type: a scalar or 16-byte vector whose class is exhausted before it.
pub(crate) fn own_type(ty: &cabi::Type, abi: &FnAbi) -> Option<Piece> {
    let value = crate::pieces::value_type(ty)?;
    let int = value.is_int();
    let exhausted = if int {
        usize::from(abi.n_gp) >= ARG_GPRS
    } else {
        abi.n_sse >= 8
    };
    if !exhausted || value.bits() > 64 && int || ty.as_record().is_some() {
        return None;
    }
    let signed = ty.as_scalar().is_some_and(Scalar::is_signed);
    let extension = match value {
        types::I8 | types::I16 if signed => cranelift_codegen::ir::ArgumentExtension::Sext,
        types::I8 | types::I16 => cranelift_codegen::ir::ArgumentExtension::Uext,
        _ => cranelift_codegen::ir::ArgumentExtension::None,
    };
    // At most 16.
    let size = u8::try_from(value.bytes()).unwrap_or(16);
    Some(Piece {
        offset: 0,
        size,
        ty: value,
        extension,
    })
}

/// Refuses what no plan can be made for.
pub(crate) fn check_args(sig: &FnSig, abi: &FnAbi, target: &Target) -> Result<(), LowerError> {
    if abi.area_align > 16 {
        let over_aligned =
            sig.params().iter().zip(&abi.args).enumerate().find(
                |(_, (_, arg))| matches!(arg.place, Place::Stack { align, .. } if align > 16),
            );
        let what = over_aligned.map_or_else(
            || "the stack".to_string(),
            |(i, (param, _))| format!("argument {i}, {}", param.ty),
        );
        return Err(LowerError::Unsupported {
            what,
            why: "arguments aligned to more than 16 bytes are not lowered yet",
            target: target.name().to_string(),
        });
    }
    if let Some(why) = convention_objection(abi.convention) {
        return Err(LowerError::Unsupported {
            what: format!("the convention {}", abi.convention.name),
            why,
            target: target.name().to_string(),
        });
    }
    for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
        let nest = param.flags.has(cabi::ArgFlags::NEST);
        let why = if nest && arg.place != Place::Ignore {
            Some("a static chain is not lowered yet")
        } else {
            place_objection(&arg.place, abi.area_bytes)
        };
        if let Some(why) = why {
            return Err(unsupported(
                format!("argument {i}, {}", param.ty),
                why,
                target,
            ));
        }
    }
    Ok(())
}

/// What a convention asks for that no signature of `CallConv::SystemV` says, so that replay cannot miss it.
fn convention_objection(convention: &Convention) -> Option<&'static str> {
    if convention.shadow_space != 0 {
        // Nor would the registers be preserved that Win64 preserves.
        Some("shadow space is not lowered yet")
    } else if convention.stack_align < 16 {
        Some("Cranelift needs a stack aligned to 16 bytes")
    } else if !matches!(convention.variadic_count, None | Some(Reg::Rax)) {
        Some("vector registers are counted in rax only")
    } else {
        None
    }
}

/// Why a value at `place` cannot be lowered, if so. Places may come from a rule of the user's.
fn place_objection(place: &Place, area_bytes: u64) -> Option<&'static str> {
    let ends_inside = |offset: u64, bytes: u64| {
        let end = offset.checked_add(bytes);
        end.is_some_and(|end| end <= area_bytes)
    };
    match place {
        Place::Ignore => None,
        Place::Parts(parts) => parts.iter().find_map(objection),
        Place::Stack { offset, size, .. } if ends_inside(*offset, *size) => None,
        Place::Stack { .. } => Some("a place outside the argument area"),
        Place::PerElement {
            lanes,
            regs,
            offset,
            slot,
        } => match usize::from(*lanes).checked_sub(regs.len()) {
            None => Some("more registers than lanes"),
            Some(0) => None,
            Some(_) if *slot != 8 => Some("lanes in slots of other than 8 bytes are not lowered"),
            Some(left) if ends_inside(*offset, 8 * left as u64) => None,
            Some(_) => Some("a place outside the argument area"),
        },
        Place::Indirect { .. } => Some("arguments by reference to a copy are not lowered yet"),
        _ => Some("this kind of place is not lowered"),
    }
}

pub(crate) fn unsupported(what: String, why: &'static str, target: &Target) -> LowerError {
    LowerError::Unsupported {
        what,
        why,
        target: target.name().to_string(),
    }
}
