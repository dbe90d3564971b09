//! Equality of plans, which are keys for code that calls or is entered with every argument and the
//! result in memory.
//!
//! Such code depends on its plan. It depends on C types only by the layout of objects and the bits
//! of integers, so nothing else of a C signature is compared.

use std::hash::{Hash, Hasher};

use super::call::CallPlan;
use super::entry::EntryPlan;
use super::signature_plan::SignaturePlan;

impl SignaturePlan {
    /// Returns the layouts of the arguments and of the result as objects, and their bits that are
    /// extended.
    fn layouts(&self) -> impl Iterator<Item = impl Hash + Eq> {
        let types = self.sig.params().iter().map(|param| &param.ty);
        let types = types.chain([self.sig.result()]);
        types.map(|ty| {
            let aligns = (ty.align(), ty.canonical_align());
            (ty.size(), aligns, self.extended_bits(ty))
        })
    }
}

impl PartialEq for SignaturePlan {
    fn eq(&self, other: &Self) -> bool {
        // A new field does not compile until it is here.
        let Self {
            sig,
            abi,
            signature,
            args,
            result,
            extends_bit_ints,
        } = self;
        *extends_bit_ints == other.extends_bit_ints
            && sig.is_noreturn() == other.sig.is_noreturn()
            && self.layouts().eq(other.layouts())
            && (signature, abi) == (&other.signature, &other.abi)
            && (args, result) == (&other.args, &other.result)
    }
}

impl Eq for SignaturePlan {}

/// Hashes the layouts of objects and the CLIF signature, which tell nearly all plans apart.
impl Hash for SignaturePlan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.layouts().for_each(|layout| layout.hash(state));
        (self.sig.is_noreturn(), &self.signature).hash(state);
    }
}

impl Hash for CallPlan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plan.hash(state);
    }
}

impl Hash for EntryPlan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plan.hash(state);
    }
}
