//! One side: a header as it is read for a target, under a policy, a standard and flags.

use std::collections::HashMap;

use cabi::{Error, FnAbi, FnSig, Policy, Target};
use cabi_header::{DeclaredKind, Header, NamedType, Prototype, Reason};

use crate::reading;

/// A header as one side has it.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) policy: Option<Policy>,
    pub(super) header: Header,
}

impl Side {
    /// Returns `sig` under this side's policy.
    pub(super) fn signature(&self, sig: FnSig) -> FnSig {
        self.policy.into_iter().fold(sig, FnSig::policy)
    }

    pub(super) fn abi(&self, sig: &FnSig) -> Result<FnAbi, Error> {
        FnAbi::new(sig, &self.target)
    }

    pub(super) fn is_big_endian(&self) -> Option<bool> {
        let triple: target_lexicon::Triple = self.target.name().parse().ok()?;
        Some(triple.endianness().ok()? == target_lexicon::Endianness::Big)
    }

    /// Returns the choices where compilers disagree.
    pub(super) fn policy(&self) -> Policy {
        self.policy.unwrap_or_else(|| Policy::of(&self.target))
    }

    /// Returns the types by name. A record hides a typedef of the same name.
    pub(super) fn types(&self) -> HashMap<&str, &NamedType> {
        let header = &self.header;
        let all = [&header.typedefs, &header.enums, &header.records];
        { all.into_iter().flatten() }
            .map(|named| (named.name.as_str(), named))
            .collect()
    }

    /// Returns the function type that is called `name`, or that a pointer of this name leads to.
    pub(super) fn function_type(&self, name: &str) -> Option<Result<&Prototype, &Reason>> {
        self.header.declared.iter().find_map(|one| match &one.kind {
            DeclaredKind::FunctionType(read) if one.name == name => {
                Some(read.as_ref().map(AsRef::as_ref))
            }
            _ => None,
        })
    }

    /// Returns the functions by name, or by symbol where several have the name.
    pub(super) fn functions(&self) -> Vec<(&str, &Prototype)> {
        let prototypes = self.header.prototypes.iter();
        let prototypes = prototypes.filter(|one| one.name != reading::END);
        let key = |one: &'_ Prototype| self.header.prototype(&one.name).is_some();
        let name = |one| if key(one) { &one.name } else { &one.symbol };
        prototypes.map(|one| (name(one).as_str(), one)).collect()
    }
}
