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
    /// Where it is passed.
    pub place: Place,
    /// Whether a parameter names it.
    pub named: bool,
}

/// The result and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RetAbi {
    /// Where it is returned: [`Place::Ignore`] if nothing is. [`Place::Indirect`] is the hidden pointer to an object of the caller's (sret);
    /// it is passed even to a function that never returns, because the arguments after it are where they would be otherwise.
    pub place: Place,
    /// The register in which the callee returns the sret pointer, if it does.
    pub sret_returned_in: Option<Reg>,
    /// Whether there is a result.
    pub returns: Returns,
}

/// Whether a call has a result.
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
    /// Where after the argument area a callee finds room for each argument that it has in registers, bytes from the area's start; and where that room
    /// ends, which is what a caller reserves. Without such room ([`Frame::spills`](crate::convention::Frame::spills)) that is
    /// [`FnAbi::area_bytes`]. `sig` is the signature that this is of.
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
