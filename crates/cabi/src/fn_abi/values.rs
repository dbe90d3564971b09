//! An argument, and the result, with their places.

use core::fmt;

use crate::convention::{Place, Reg};

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
    /// hidden pointer to an object of the caller's (sret). A function that never returns is passed
    /// this pointer too, because it decides the places of the arguments after it.
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
