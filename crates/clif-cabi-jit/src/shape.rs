//! Plans as keys of tables: by their shape, so that all signatures that are passed alike share code.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use clif_cabi::EntryPlan;
use clif_cabi::clif_cabi_plan::{CallPlan, CallShape, EntryShape};

/// A plan that is compared by its shape. Nothing of it is copied, neither to look for it nor to keep it.
pub(crate) struct ByShape<P>(pub(crate) Arc<P>);

/// A plan with a shape.
pub(crate) trait Shaped {
    type Shape<'a>: Eq + Hash
    where
        Self: 'a;

    fn shape_of(&self) -> Self::Shape<'_>;
}

impl Shaped for CallPlan {
    type Shape<'a> = CallShape<'a>;

    fn shape_of(&self) -> Self::Shape<'_> {
        self.shape()
    }
}

impl Shaped for EntryPlan {
    type Shape<'a> = EntryShape<'a>;

    fn shape_of(&self) -> Self::Shape<'_> {
        self.shape()
    }
}

impl<P: Shaped> PartialEq for ByShape<P> {
    fn eq(&self, other: &Self) -> bool {
        self.0.shape_of() == other.0.shape_of()
    }
}

impl<P: Shaped> Eq for ByShape<P> {}

impl<P: Shaped> Hash for ByShape<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.shape_of().hash(state);
    }
}
