//! The plan of a function's entry.

use cabi::{FnAbi, FnSig, Loc, Place, RetAbi, Target};
use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, types};
use smallvec::SmallVec;

use super::{Params, RetPlan, check_args, own_type, stack_pieces, unsupported};
use crate::error::LowerError;
use crate::pieces::{Piece, Pieces, pieces_of};
use crate::replay::ClifPlace;

/// Where an argument is when the function is entered.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Arrival {
    /// Nothing of it travels.
    Nothing,
    /// Its pieces are the CLIF parameters from `first` on.
    Pieces { first: usize, pieces: Pieces },
    /// In the argument area, bytes from its start. The parameter that points to the area is the plan's. It can be asked for in these
    /// pieces, if it is not too large.
    Area { offset: u32, pieces: Option<Pieces> },
    /// Lanes in the CLIF parameters from `first` on, then in slots of 8 bytes of the argument area.
    Lanes {
        first: usize,
        in_params: u16,
        lanes: u16,
        offset: u32,
    },
}

/// What a function of a signature looks like from inside. Made by [`Lowering::entry_plan`](crate::Lowering::entry_plan).
#[derive(Clone, Debug)]
pub struct EntryPlan {
    pub(crate) sig: FnSig,
    pub(crate) abi: FnAbi,
    pub(crate) signature: Signature,
    pub(crate) args: SmallVec<[Arrival; 8]>,
    pub(crate) ret: RetPlan,
    /// The CLIF parameter that points to the argument area.
    pub(crate) area: Option<usize>,
}

impl EntryPlan {
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

    /// The CLIF signature to define the function with.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The pieces argument `arg` can be asked for in, wherever it is passed: those of [`CallPlan::pieces`](crate::CallPlan::pieces).
    #[must_use]
    pub fn pieces(&self, arg: usize) -> &[Piece] {
        match self.args.get(arg) {
            Some(Arrival::Pieces { pieces, .. }) => pieces,
            Some(Arrival::Area {
                pieces: Some(pieces),
                ..
            }) => pieces,
            _ => &[],
        }
    }

    /// The pieces that the result may be given as.
    #[must_use]
    pub fn result_pieces(&self) -> &[Piece] {
        self.ret.pieces()
    }

    pub(crate) fn new(sig: FnSig, abi: FnAbi, target: &Target) -> Result<Self, LowerError> {
        check_args(&sig, &abi, target)?;
        if sig.is_variadic() {
            let why = "the definition of a variadic function is not lowered yet";
            return Err(unsupported(cabi::Type::FUNCTION.to_string(), why, target));
        }
        let ret = RetPlan::of(&sig, &abi, target)?;
        let mut params = Params::new(&abi);
        ret.declare(&abi, &mut params.signature, &mut params.expect);
        // Stack arguments of their own types need no pointer to the area; the attempt is dropped if one of them has none.
        let own_types = Self::own_types(&sig, &abi);
        let mut args = SmallVec::new();
        for (param, arg) in sig.params().iter().zip(&abi.args) {
            args.push(registers(&param.ty, &arg.place, &abi, &mut params));
        }
        let area = match own_types {
            Some(own) => {
                Self::stack_params(own, &mut params, &mut args);
                None
            }
            None => Self::stack_area(&abi, &mut params),
        };
        if let RetAbi::Indirect { echo, .. } = abi.ret {
            params.expect.sret_echo = echo;
        }
        params.expect.check(&params.signature)?;
        Ok(Self {
            sig,
            abi,
            signature: params.signature,
            args,
            ret,
            area,
        })
    }

    /// The stack arguments as parameters of their own types, with their offsets, if that describes the whole area.
    fn own_types(sig: &FnSig, abi: &FnAbi) -> Option<SmallVec<[(usize, Piece, u32); 4]>> {
        let mut own = SmallVec::new();
        let mut next = 0;
        for (i, (param, arg)) in sig.params().iter().zip(&abi.args).enumerate() {
            match arg.place {
                Place::Stack { offset, .. } => {
                    let piece = own_type(&param.ty, abi)?;
                    if offset != next {
                        return None; // a gap that no parameter fills
                    }
                    own.push((i, piece, u32::try_from(offset).ok()?));
                    next = offset + u64::from(piece.ty.bytes()).max(8);
                }
                Place::PerElement { lanes, regs, .. } if usize::from(lanes) > regs.len() => {
                    return None;
                }
                _ => {}
            }
        }
        Some(own)
    }

    fn stack_params(
        own: SmallVec<[(usize, Piece, u32); 4]>,
        params: &mut Params,
        args: &mut SmallVec<[Arrival; 8]>,
    ) {
        for (i, piece, offset) in own {
            let first = params.signature.params.len();
            params.push_piece(&piece, ClifPlace::Stack { offset });
            if let Some(arg) = args.get_mut(i) {
                *arg = Arrival::Pieces {
                    first,
                    pieces: Pieces::from_slice(&[piece]),
                };
            }
        }
    }

    fn stack_area(abi: &FnAbi, params: &mut Params) -> Option<usize> {
        // Checked to be less than 2 GiB, and a multiple of 8, when it was assigned.
        let size = u32::try_from(abi.area_bytes).unwrap_or(!7);
        let first = params.signature.params.len();
        let param = AbiParam::special(types::I64, ArgumentPurpose::StructArgument(size));
        params.push(param, Some(ClifPlace::Area { offset: 0, size }));
        Some(first)
    }
}

/// Declares what of an argument is in registers.
fn registers(ty: &cabi::Type, place: &Place, abi: &FnAbi, params: &mut Params) -> Arrival {
    let first = params.signature.params.len();
    match place {
        Place::Parts(parts) => {
            let pieces = pieces_of(ty, place);
            for (piece, placed) in pieces.iter().zip(parts) {
                if let Loc::Reg(reg) = placed.loc {
                    params.push_piece(piece, ClifPlace::Reg(reg));
                }
            }
            Arrival::Pieces { first, pieces }
        }
        // Offsets were checked to be less than 2 GiB when they were assigned.
        Place::Stack { offset, size, .. } => Arrival::Area {
            offset: u32::try_from(*offset).unwrap_or(u32::MAX),
            pieces: stack_pieces(ty, place, *size, abi),
        },
        Place::PerElement {
            lanes,
            regs,
            offset,
            ..
        } => {
            for reg in *regs {
                params.push(AbiParam::new(types::I64), Some(ClifPlace::Reg(*reg)));
                params.n_int += 1;
            }
            Arrival::Lanes {
                first,
                in_params: u16::try_from(regs.len()).unwrap_or(u16::MAX),
                lanes: *lanes,
                offset: u32::try_from(*offset).unwrap_or(u32::MAX),
            }
        }
        _ => Arrival::Nothing,
    }
}
