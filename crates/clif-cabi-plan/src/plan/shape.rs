//! Shapes of plans: keys for code that calls or is entered with every argument and the result in
//! memory.
//!
//! Such code depends on its plan, and on C types only by the layout of objects and the bits of
//! integers. So a shape is all fields of a plan, and only these of its C signature. Plans are taken
//! apart field by field: a new one does not compile until it is here.

use std::hash::{Hash, Hasher};

use super::call::CallPlan;
use super::entry::EntryPlan;
use super::signature_plan::SignaturePlan;

impl SignaturePlan {
    /// Hashes what tells nearly all shapes apart: the layouts of objects, and the CLIF signature.
    pub fn hash_shape<H: Hasher>(&self, state: &mut H) {
        self.layouts().for_each(|layout| layout.hash(state));
        (self.sig.is_noreturn(), &self.signature).hash(state);
    }

    /// Returns the layouts of the objects that the arguments and the result are, and their bits
    /// that are extended.
    fn layouts(&self) -> impl Iterator<Item = impl Hash + Eq> {
        let types = self.sig.params().iter().map(|param| &param.ty);
        let types = types.chain([self.sig.result()]);
        types.map(|ty| {
            let aligns = (ty.align(), ty.canonical_align());
            (ty.size(), aligns, self.extended_bits(ty))
        })
    }

    fn has_shape_of(&self, other: &Self) -> bool {
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

impl CallPlan {
    /// Checks whether the same instructions call both signatures, with arguments and result in
    /// memory. A table of such code hashes plans by [`SignaturePlan::hash_shape`].
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
    /// let plan = |ty| CallPlan::new(&FnSig::new([ty], Type::VOID), &Target::X86_64_LINUX);
    /// let (long, pointer, int) = (plan(Type::I64)?, plan(Type::PTR)?, plan(Type::I32)?);
    /// assert!(long.has_shape_of(&pointer) && !long.has_shape_of(&int));
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    #[must_use]
    pub fn has_shape_of(&self, other: &Self) -> bool {
        let Self {
            plan,
            is_in_order,
            indirect,
            before,
            after,
        } = self;
        plan.has_shape_of(&other.plan)
            && (is_in_order, indirect) == (&other.is_in_order, &other.indirect)
            && (before, after) == (&other.before, &other.after)
    }
}

impl EntryPlan {
    /// Checks whether the same instructions enter functions of both signatures, with arguments and
    /// result in memory, as [`CallPlan::has_shape_of`] does for calls.
    #[must_use]
    pub fn has_shape_of(&self, other: &Self) -> bool {
        let Self {
            plan,
            sret,
            area,
            saved,
            va_start,
            shadow_bytes,
            before,
        } = self;
        plan.has_shape_of(&other.plan)
            && (sret, area, saved) == (&other.sret, &other.area, &other.saved)
            && (va_start, shadow_bytes) == (&other.va_start, &other.shadow_bytes)
            && *before == other.before
    }
}

#[cfg(test)]
mod tests {
    use cabi::{FnSig, RecordBuilder, Target, Type, VectorLevel, X86_64_WIN64};

    use super::*;

    const LINUX: &Target = &Target::X86_64_LINUX;

    /// Asserts that a plan like the first one, with any field of another one, has another shape.
    macro_rules! assert_each_field_counts {
        ($plans:expr, $plan:ident { $($field:ident),* }) => {{
            let plans = $plans;
            let own: &$plan = &plans[0];
            // All fields, or it does not compile.
            let $plan { $($field: _),* } = own;
            $({
                let text = |plan: &$plan| format!("{:?}", plan.$field);
                let other = plans.iter().find(|other| text(other) != text(own));
                let mut changed = own.clone();
                changed.$field = other.expect(stringify!($field)).$field.clone();
                assert!(!changed.has_shape_of(own), stringify!($field));
            })*
        }};
    }

    /// `long (long)`, and functions of which each has something else.
    fn signatures() -> Vec<FnSig> {
        let vector = Type::vector(&Type::F64, 4).unwrap();
        let wide = |params: &[&Type], result| {
            FnSig::new(params.iter().copied().cloned(), result).features(VectorLevel::Avx)
        };
        let record = RecordBuilder::structure("s").field("x", Type::array(&Type::I64, 3).unwrap());
        let record = record.build(LINUX.data_model()).unwrap();
        let long = || FnSig::new([Type::I64], Type::I64);
        vec![
            long(),
            long().noreturn(),
            FnSig::new([record.clone()], record),
            wide(&[&vector], Type::VOID),
            wide(&[], vector),
            long().variadic(),
            long().static_chain(LINUX.data_model()),
            long().convention(&X86_64_WIN64),
        ]
    }

    #[test]
    fn each_field_of_a_plan_is_in_its_shape() {
        let sigs = signatures();
        let calls = sigs.iter().map(|sig| CallPlan::new(sig, LINUX).unwrap());
        let calls: Vec<CallPlan> = calls.collect();
        let entries = sigs.iter().map(|sig| EntryPlan::new(sig, LINUX).unwrap());
        let entries: Vec<EntryPlan> = entries.collect();
        let plans: Vec<SignaturePlan> = calls.iter().map(|call| (*call.plan).clone()).collect();
        assert_each_field_counts!(
            calls,
            CallPlan {
                plan,
                is_in_order,
                indirect,
                before,
                after
            }
        );
        assert_each_field_counts!(
            entries,
            EntryPlan {
                plan,
                sret,
                area,
                saved,
                va_start,
                shadow_bytes,
                before
            }
        );
        assert_each_field_counts!(
            plans,
            SignaturePlan {
                sig,
                abi,
                signature,
                args,
                result,
                extends_bit_ints
            }
        );
    }
}
