//! Shapes of plans: keys for code that calls or is entered with every argument and the result in memory.
//!
//! Such code depends on its plan, and on C types only by the layout of objects. So a shape has all
//! fields of a plan, and only that layout of its C signature. Plans are taken apart field by field:
//! a new one does not compile until it is here.

use std::hash::{Hash, Hasher};

use cabi::{FnAbi, FnSig};

use super::call::{CallPlan, IndirectCall};
use super::entry::{EntryPlan, IncomingArea};
use super::signature_plan::SignaturePlan;
use super::table::ArgTable;
use super::variadic::VariadicEntry;
use crate::machine::{ResultPlan, StubStep};
use crate::signature::Signature;

/// Shape of a call. The same instructions call signatures of one shape, with arguments and result
/// in memory. It borrows from the plan: a table of shapes keeps plans, and hashes and compares
/// their shapes.
///
/// # Example
/// ```
/// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
/// let plan = |ty| CallPlan::new(&FnSig::new([ty], Type::VOID), &Target::X86_64_LINUX);
/// let (long, pointer, int) = (plan(Type::I64)?, plan(Type::PTR)?, plan(Type::I32)?);
/// assert!(long.shape() == pointer.shape() && long.shape() != int.shape());
/// # Ok::<(), clif_cabi_plan::PlanError>(())
/// ```
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct CallShape<'a> {
    plan: SignatureShape<'a>,
    rest: Unhashed<CallRest<'a>>,
}

/// Shape of an entry. The same instructions enter functions of one shape, with arguments and result
/// in memory. It borrows from the plan, as [`CallShape`] does.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct EntryShape<'a> {
    plan: SignatureShape<'a>,
    rest: Unhashed<EntryRest<'a>>,
}

/// Fields that are compared and not hashed: those that are hashed tell nearly all shapes apart.
#[derive(PartialEq, Eq, Debug)]
struct Unhashed<T>(T);

impl<T> Hash for Unhashed<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The objects that the arguments of a signature and its result are: their layouts.
#[derive(Debug)]
struct Objects<'a>(&'a FnSig);

impl Objects<'_> {
    fn layouts(&self) -> impl Iterator<Item = (u64, u32, u32)> {
        let types = self.0.params().iter().map(|param| &param.ty);
        let types = types.chain([self.0.result()]);
        types.map(|ty| (ty.size(), ty.align(), ty.canonical_align()))
    }
}

impl PartialEq for Objects<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.layouts().eq(other.layouts())
    }
}

impl Eq for Objects<'_> {}

impl Hash for Objects<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.layouts().for_each(|layout| layout.hash(state));
    }
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct SignatureShape<'a> {
    is_noreturn: bool,
    objects: Objects<'a>,
    signature: &'a Signature,
    rest: Unhashed<(&'a FnAbi, &'a ArgTable, &'a ResultPlan)>,
}

#[derive(PartialEq, Eq, Debug)]
struct CallRest<'a> {
    is_in_order: bool,
    indirect: &'a Option<IndirectCall>,
    steps: [&'a [StubStep]; 2],
}

#[derive(PartialEq, Eq, Debug)]
struct EntryRest<'a> {
    sret: Option<usize>,
    area: Option<IncomingArea>,
    saved: Option<usize>,
    variadic: &'a Option<VariadicEntry>,
    shadow_bytes: u32,
    before: &'a [StubStep],
}

impl SignaturePlan {
    fn shape(&self) -> SignatureShape<'_> {
        let Self {
            sig,
            abi,
            signature,
            args,
            result,
        } = self;
        SignatureShape {
            is_noreturn: sig.is_noreturn(),
            objects: Objects(sig),
            signature,
            rest: Unhashed((abi, args, result)),
        }
    }
}

impl CallPlan {
    /// Returns the shape of the call.
    #[must_use]
    pub fn shape(&self) -> CallShape<'_> {
        let Self {
            plan,
            is_in_order,
            indirect,
            before,
            after,
        } = self;
        CallShape {
            plan: plan.shape(),
            rest: Unhashed(CallRest {
                is_in_order: *is_in_order,
                indirect,
                steps: [before, after],
            }),
        }
    }
}

impl EntryPlan {
    /// Returns the shape of the entry.
    #[must_use]
    pub fn shape(&self) -> EntryShape<'_> {
        let Self {
            plan,
            sret,
            area,
            saved,
            variadic,
            shadow_bytes,
            before,
        } = self;
        EntryShape {
            plan: plan.shape(),
            rest: Unhashed(EntryRest {
                sret: *sret,
                area: *area,
                saved: *saved,
                variadic,
                shadow_bytes: *shadow_bytes,
                before,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use cabi::{RecordBuilder, Target, Type, VectorLevel, X86_64_WIN64};

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
                assert!(changed.shape() != own.shape(), stringify!($field));
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
        let plans: Vec<SignaturePlan> = calls.iter().map(|call| call.plan.clone()).collect();
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
                variadic,
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
                result
            }
        );
    }
}
