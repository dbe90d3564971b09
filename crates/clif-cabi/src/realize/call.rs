//! The plan of a call.

use cabi::{FnAbi, FnSig, Loc, Place, Target};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, types};
use smallvec::SmallVec;

use super::{Params, RetPlan, check_args, stack_pieces};
use crate::error::LowerError;
use crate::pieces::{Piece, Pieces, pieces_of};
use crate::replay::ClifPlace;

/// A gap between stack arguments is filled word by word. The alignment of System V leaves 8 bytes at most.
const MAX_GAP_BYTES: u64 = 1024;

const TOO_LARGE: &str = "the argument area is too large";

/// What goes into one parameter of the CLIF signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    /// The address of the result.
    Sret,
    /// Piece `piece` of argument `arg`.
    Piece { arg: usize, piece: usize },
    /// Anything: it only keeps an integer register from being used, or a word of the area empty.
    Filler,
    /// The address of argument `arg`, which Cranelift copies.
    Block { arg: usize },
    /// Lane `lane` of argument `arg`.
    Lane { arg: usize, lane: u16 },
}

/// How the value of one argument gets into slots.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Passing {
    /// Nothing travels.
    Nothing,
    /// Piece by piece.
    Pieces(Pieces),
    /// The first bytes are copied by Cranelift, the rest are pieces.
    Block(Pieces),
    /// Lane by lane.
    Lanes(u16),
}

/// What a call of a signature looks like in CLIF. Made by [`Lowering::call_plan`](crate::Lowering::call_plan).
///
/// # Example
/// ```
/// # use clif_cabi::cranelift_codegen::{isa, settings};
/// # let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap().finish(settings::Flags::new(settings::builder())).unwrap();
/// use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
/// use clif_cabi::SysVAggregateLowering;
///
/// let lower = SysVAggregateLowering::new(&*isa)?;
/// // struct pair { double x; long n; };  struct pair f(int, struct pair);
/// let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
/// let pair = pair.build(lower.target().data_model())?;
/// let plan = lower.call_plan(&FnSig::new([Type::I32, pair.clone()], pair))?;
/// assert_eq!(plan.signature().to_string(), "(i32, f64, i64) -> f64, i64 system_v");
/// // Bytes from the start of the structure.
/// assert_eq!(plan.pieces(1).iter().map(|piece| piece.offset).collect::<Vec<_>>(), [0, 8]);
/// assert_eq!(plan.result_pieces(), plan.pieces(1));
/// assert_eq!(plan.abi().args[1].place.to_string(), "xmm0 rsi");
/// assert_eq!(plan.sig().params().len(), 2);
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallPlan {
    pub(crate) sig: FnSig,
    pub(crate) abi: FnAbi,
    pub(crate) signature: Signature,
    pub(crate) slots: Vec<Slot>,
    pub(crate) args: SmallVec<[Passing; 8]>,
    pub(crate) ret: RetPlan,
    /// For a variadic call through an address: the signature with the address as its last word, and the fillers before it.
    pub(crate) indirect: Option<(Signature, usize)>,
}

impl CallPlan {
    /// The C signature, arrays and functions among its parameters as the pointers they decay to.
    #[must_use]
    pub fn sig(&self) -> &FnSig {
        &self.sig
    }

    /// Where everything is.
    #[must_use]
    pub fn abi(&self) -> &FnAbi {
        &self.abi
    }

    /// The CLIF signature that the callee is called with. A call of a variadic function also needs AL, which
    /// [`Lowering::call`](crate::Lowering::call) and [`Lowering::callee`](crate::Lowering::callee) see to.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The pieces argument `arg` is made of when it is given as such: [`Arg::Pieces`](crate::Arg::Pieces). None for a value of more than 64
    /// bytes and for a vector of bools that is passed lane by lane, which are given in memory.
    #[must_use]
    pub fn pieces(&self, arg: usize) -> &[Piece] {
        match self.args.get(arg) {
            Some(Passing::Pieces(pieces)) => pieces,
            _ => &[],
        }
    }

    /// The pieces of the result, in the order of [`Returned::Pieces`](crate::Returned::Pieces).
    #[must_use]
    pub fn result_pieces(&self) -> &[Piece] {
        self.ret.pieces()
    }

    pub(crate) fn new(sig: FnSig, abi: FnAbi, target: &Target) -> Result<Self, LowerError> {
        check_args(&sig, &abi, target)?;
        let ret = RetPlan::of(&sig, &abi, target)?;
        let mut params = Params::new(&abi);
        ret.declare(&abi, &mut params.signature, &mut params.expect);
        let mut slots: Vec<Slot> = params.signature.params.iter().map(|_| Slot::Sret).collect();
        let mut args = SmallVec::new();
        let mut stack = Vec::new();
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            let passing = passing(&param.ty, &arg.place, &abi);
            registers(i, &arg.place, &passing, &mut params, &mut slots);
            on_stack(i, &arg.place, &passing, &mut stack);
            args.push(passing);
        }
        if let Some(why) = area(stack, &mut params, &mut slots) {
            return Err(LowerError::Unsupported {
                what: format!("the convention {}", abi.convention.name),
                why,
                target: target.name().to_string(),
            });
        }
        params.expect.area_bytes = abi.area_bytes;
        params.expect.check(&params.signature)?;
        let signature = params.signature.clone();
        let indirect = match abi.variadic_count {
            Some(_) => Some(with_callee(params, &abi)?),
            None => None,
        };
        Ok(Self {
            sig,
            abi,
            signature,
            slots,
            args,
            ret,
            indirect,
        })
    }
}

/// How a value at `place` gets into slots.
fn passing(ty: &cabi::Type, place: &Place, abi: &FnAbi) -> Passing {
    match place {
        Place::Ignore => Passing::Nothing,
        Place::PerElement { lanes, .. } => Passing::Lanes(*lanes),
        Place::Stack { size, .. } => {
            if let Some(pieces) = stack_pieces(ty, place, *size, abi) {
                return Passing::Pieces(pieces);
            }
            let mut tail = Pieces::new();
            let rest = u8::try_from(size % 8).unwrap_or(0);
            if rest > 0 {
                // A value of more than 2 GiB has no place.
                let offset = u32::try_from(size - u64::from(rest)).unwrap_or(u32::MAX);
                tail.push(Piece {
                    offset,
                    size: rest,
                    ty: types::I64,
                    extension: ArgumentExtension::None,
                });
            }
            Passing::Block(tail)
        }
        _ => Passing::Pieces(pieces_of(ty, place)),
    }
}

/// Declares what of argument `arg` is in registers.
fn registers(
    arg: usize,
    place: &Place,
    passing: &Passing,
    params: &mut Params,
    slots: &mut Vec<Slot>,
) {
    match (place, passing) {
        (Place::Parts(parts), Passing::Pieces(pieces)) => {
            for (i, (piece, placed)) in pieces.iter().zip(parts).enumerate() {
                if let Loc::Reg(reg) = placed.loc {
                    params.push_piece(piece, ClifPlace::Reg(reg));
                    slots.push(Slot::Piece { arg, piece: i });
                }
            }
        }
        (Place::PerElement { regs, .. }, Passing::Lanes(_)) => {
            for (lane, reg) in (0..).zip(*regs) {
                params.push(AbiParam::new(types::I64), Some(ClifPlace::Reg(*reg)));
                params.n_int += 1;
                slots.push(Slot::Lane { arg, lane });
            }
        }
        _ => {}
    }
}

/// A word, block or scalar of the argument area.
struct OnStack {
    /// Bytes from the start of the area.
    offset: u64,
    slot: Slot,
    param: AbiParam,
    bytes: u64,
}

/// Collects what of argument `arg` is in the argument area.
fn on_stack(arg: usize, place: &Place, passing: &Passing, stack: &mut Vec<OnStack>) {
    match (place, passing) {
        (Place::Stack { offset, .. }, Passing::Pieces(pieces)) => {
            for (i, piece) in pieces.iter().enumerate() {
                stack.push(piece_on_stack(*offset, arg, i, piece));
            }
        }
        (Place::Stack { offset, size, .. }, Passing::Block(tail)) => {
            let bytes = size - size % 8;
            // Checked to be less than 2 GiB when it was assigned.
            let purpose = ArgumentPurpose::StructArgument(u32::try_from(bytes).unwrap_or(u32::MAX));
            let param = AbiParam::special(types::I64, purpose);
            stack.push(OnStack {
                offset: *offset,
                slot: Slot::Block { arg },
                param,
                bytes,
            });
            for (i, piece) in tail.iter().enumerate() {
                stack.push(piece_on_stack(*offset, arg, i, piece));
            }
        }
        (
            Place::PerElement {
                lanes,
                regs,
                offset,
                slot,
            },
            Passing::Lanes(_),
        ) => {
            let first = u16::try_from(regs.len()).unwrap_or(u16::MAX);
            for (i, lane) in (0_u64..).zip(first..*lanes) {
                stack.push(OnStack {
                    offset: offset + i * u64::from(*slot),
                    slot: Slot::Lane { arg, lane },
                    param: AbiParam::new(types::I64),
                    bytes: 8,
                });
            }
        }
        _ => {}
    }
}

fn piece_on_stack(area_offset: u64, arg: usize, i: usize, piece: &Piece) -> OnStack {
    let mut param = AbiParam::new(piece.ty);
    param.extension = piece.extension;
    OnStack {
        offset: area_offset + u64::from(piece.offset),
        slot: Slot::Piece { arg, piece: i },
        param,
        bytes: u64::from(piece.ty.bytes()).max(8),
    }
}

/// Declares the argument area in the order of its offsets, with fillers for the registers before it and the gaps in it. What it returns is
/// why that cannot be done.
fn area(stack: Vec<OnStack>, params: &mut Params, slots: &mut Vec<Slot>) -> Option<&'static str> {
    if stack.is_empty() {
        return None;
    }
    // Only words find registers that are free: floats and vectors have their own type where theirs are used up, blocks never take one.
    if stack.iter().any(is_word) || has_gaps(&stack) {
        params.fill_registers();
    }
    slots.resize(params.signature.params.len(), Slot::Filler);
    let filler = AbiParam::new(types::I64);
    let mut next = 0;
    for item in stack {
        if item.offset.saturating_sub(next) > MAX_GAP_BYTES {
            return Some("wide gaps in the argument area are not lowered");
        }
        while next + 8 <= item.offset {
            params.push(filler, None);
            slots.push(Slot::Filler);
            next += 8;
        }
        let Ok(offset) = u32::try_from(item.offset) else {
            return Some(TOO_LARGE);
        };
        let place = match item.param.purpose {
            ArgumentPurpose::StructArgument(size) => ClifPlace::Area { offset, size },
            _ => ClifPlace::Stack { offset },
        };
        params.push(item.param, Some(place));
        slots.push(item.slot);
        next = item.offset + item.bytes;
    }
    None
}

fn is_word(item: &OnStack) -> bool {
    item.param.purpose == ArgumentPurpose::Normal && item.param.value_type.is_int()
}

fn has_gaps(stack: &[OnStack]) -> bool {
    let mut next = 0;
    stack.iter().any(|item| {
        let gap = next + 8 <= item.offset;
        next = item.offset + item.bytes;
        gap
    })
}

/// The signature with the callee's address as the first word behind the argument area, and how many fillers stand before it.
fn with_callee(mut params: Params, abi: &FnAbi) -> Result<(Signature, usize), LowerError> {
    let before = params.signature.params.len();
    params.fill_registers();
    let fillers = params.signature.params.len() - before;
    let too_large = |_| LowerError::Bridge { why: TOO_LARGE };
    let offset = u32::try_from(abi.area_bytes).map_err(too_large)?;
    params.push(AbiParam::new(types::I64), Some(ClifPlace::Stack { offset }));
    params.expect.check(&params.signature)?;
    Ok((params.signature, fillers))
}
