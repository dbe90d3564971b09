//! An argument, and the result, with their places.

use core::fmt;

use smallvec::SmallVec;

use super::FnAbi;
use crate::convention::{Loc, Place, Reg};
use crate::sig::FnSig;

/// An argument and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ArgAbi {
    /// Place in which it is passed.
    pub place: Place,
    /// `true` if a parameter names it.
    pub named: bool,
}

/// The result and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RetAbi {
    /// Place in which it is returned: [`Place::Ignore`] if nothing is. [`Place::Indirect`] is the
    /// hidden pointer to an object of the caller's (sret); it is passed even to a function that
    /// never returns, because the arguments after it are where they would be otherwise.
    pub place: Place,
    /// The register in which the callee returns the sret pointer, if it does.
    pub sret_returned_in: Option<Reg>,
    /// State of the result: present, absent, or never returned.
    pub returns: Returns,
}

/// State of a call's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returns {
    /// A value.
    Value,
    /// None: the result is `void`.
    Void,
    /// None: the call never returns.
    Never,
}

impl fmt::Display for RetAbi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.returns) {
            (Place::Ignore, Returns::Never) => f.write_str("never"),
            (Place::Ignore, Returns::Void) => f.write_str("void"),
            (Place::Indirect { pointer, .. }, _) => {
                write!(f, "sret {pointer}")?;
                self.sret_returned_in
                    .map_or(Ok(()), |reg| write!(f, ", returned in {reg}"))
            }
            (place, _) => place.fmt(f),
        }
    }
}

impl FnAbi {
    /// Returns the room after the argument area for each argument in registers, in bytes from the
    /// area's start; and the end of that room, up to which a caller reserves it. Without such room
    /// ([`Frame::spills`](crate::convention::Frame::spills)) the end is [`FnAbi::area_bytes`].
    /// `sig` is the signature that this is of.
    ///
    /// # Example
    /// ```
    /// use cabi::convention::{Classify, Convention, Extension, Frame, Group, GroupKind, Part, PartType, PartTypes, Rule, Rules};
    /// use cabi::{DataModel, Error, FnAbi, FnSig, LeafKind, RecordBuilder, Reg, Scalar, Target, Type, leaves, x86_64};
    ///
    /// const INTS: &[Reg] = &[x86_64::RAX, x86_64::RBX, x86_64::RCX, x86_64::RDI];
    /// const FLOATS: &[Reg] = &[x86_64::XMM0, x86_64::XMM1];
    /// const RULES: &[Rule] = &[
    ///     Rule::IfType(PartTypes::of(&[PartType::I64]), &Rule::AssignToReg(INTS)),
    ///     Rule::IfType(PartTypes::of(&[PartType::F64]), &Rule::AssignToReg(FLOATS)),
    ///     Rule::AssignToStack { size: 8, align: 8 },
    /// ];
    ///
    /// // Go's internal convention, much shortened: words and doubles in registers of their own, all of a value or none of it.
    /// static GO: Convention = Convention {
    ///     name: "go in short",
    ///     rules: Rules::new(classify, RULES, RULES),
    ///     frame: Frame { spills: true, ..Frame::new(8, 8) },
    /// };
    ///
    /// fn classify(ty: &Type, _: &mut Classify<'_, '_>) -> Result<Group, Error> {
    ///     let group = Group::new(GroupKind::Registers, ty.size(), ty.align());
    ///     Ok(leaves(ty).fold(group, |group, leaf| {
    ///         let part = match leaf.kind {
    ///             LeafKind::Scalar(Scalar::F64) => Part::float(PartType::F64),
    ///             _ => Part::int(PartType::I64, Extension::None),
    ///         };
    ///         group.with(part.at((leaf.offset_bits / 8) as u8))
    ///     }))
    /// }
    ///
    /// fn main() -> Result<(), Error> {
    ///     let pair = RecordBuilder::structure("pair").field("x", Type::F64).field("n", Type::I64);
    ///     let pair = pair.build(&DataModel::LP64)?;
    ///     let three = RecordBuilder::structure("three").field("n", Type::array(&Type::F64, 3)?);
    ///     let three = three.build(&DataModel::LP64)?;
    ///     let sig = FnSig::new([pair, three, Type::I64], Type::I64).convention(&GO);
    ///     let abi = FnAbi::new(&sig, &Target::X86_64_LINUX)?;
    ///     let places: Vec<String> = abi.args.iter().map(|arg| arg.place.to_string()).collect();
    ///     assert_eq!(places, ["xmm0 rax", "stack 0..24 align 8", "rbx"]);
    ///     let (room, end) = abi.spill_area(&sig);
    ///     assert_eq!((&room[..], end), (&[Some(24), None, Some(40)][..], 48));
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn spill_area(&self, sig: &FnSig) -> (SmallVec<[Option<u64>; 10]>, u64) {
        let frame = &self.convention.frame;
        let slot = u64::from(frame.slot.max(1));
        let mut end = self.area_bytes;
        let in_register = |place: &Place| match place {
            Place::Parts(parts) => !parts.iter().any(|own| matches!(own.loc, Loc::Stack(_))),
            _ => false,
        };
        let offsets = self.args.iter().zip(sig.params()).map(|(arg, param)| {
            (frame.spills && in_register(&arg.place)).then(|| {
                let offset = end.next_multiple_of(param.ty.align().into());
                end = offset + param.ty.size();
                offset
            })
        });
        let offsets = offsets.collect();
        (offsets, end.next_multiple_of(slot))
    }
}
