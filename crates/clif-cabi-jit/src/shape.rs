//! Plans as keys of tables: by their shape, so that all signatures that are passed alike share
//! code.

use core::hash::{Hash, Hasher};
use core::ops::Deref;
use std::sync::Arc;

use clif_cabi::clif_cabi_plan::SignaturePlan;
use clif_cabi::{CallPlan, EntryPlan};

/// A plan that is compared by its shape. Nothing of it is copied, neither to look for it nor to
/// keep it.
pub(crate) struct ByShape<P>(pub(crate) Arc<P>);

impl PartialEq for ByShape<CallPlan> {
    fn eq(&self, other: &Self) -> bool {
        self.0.has_shape_of(&other.0)
    }
}

impl PartialEq for ByShape<EntryPlan> {
    fn eq(&self, other: &Self) -> bool {
        self.0.has_shape_of(&other.0)
    }
}

impl<P> Eq for ByShape<P> where Self: PartialEq {}

impl<P: Deref<Target = SignaturePlan>> Hash for ByShape<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_shape(state);
    }
}
