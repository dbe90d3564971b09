//! Reasons for stubs in words, for front ends whose modules cannot define any.

use super::call::CallPlan;
use super::entry::EntryPlan;
use crate::machine::{ResultPlan, StubStep};

/// Need for a stub whose steps have no need of their own.
const ALIGNS: &str = "a stack alignment that CLIF does not provide";

impl CallPlan {
    /// Returns the property of a call that CLIF cannot express and a stub has to provide. `None`:
    /// the call instruction is the whole call.
    ///
    /// # Example
    /// ```
    /// use clif_cabi_plan::{CallPlan, cabi::{FnSig, Target, Type}};
    /// let printf = FnSig::new([Type::PTR], Type::I32).variadic().at_call([Type::F64])?;
    /// let plan = CallPlan::new(&printf, &Target::X86_64_LINUX)?;
    /// assert_eq!(plan.stub_need(), Some("the count of vector registers of a variadic call"));
    /// let arm = Target::named("aarch64-unknown-linux-gnu")?;
    /// assert_eq!(CallPlan::new(&printf, &arm)?.stub_need(), None);
    /// # Ok::<(), clif_cabi_plan::PlanError>(())
    /// ```
    #[must_use]
    pub fn stub_need(&self) -> Option<&'static str> {
        need(&self.result, self.before.iter().chain(&self.after))
    }
}

impl EntryPlan {
    /// Returns the property of a function that CLIF cannot express and a stub has to provide: at
    /// its entry, or at its return.
    #[must_use]
    pub fn stub_need(&self) -> Option<&'static str> {
        need(&self.result, self.before.iter())
    }
}

fn need<'s>(
    result: &ResultPlan,
    steps: impl Iterator<Item = &'s StubStep>,
) -> Option<&'static str> {
    let mut steps = steps.peekable();
    match result {
        ResultPlan::Stub { .. } => Some("a result on the x87 stack"),
        ResultPlan::Registers { .. } => Some("a result in registers that CLIF cannot express"),
        _ if steps.peek().is_none() => None,
        _ => steps.find_map(|step| step.need()).or(Some(ALIGNS)),
    }
}
