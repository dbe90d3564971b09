//! Reasons for stubs in words, for front ends whose modules cannot define any.

use super::call::CallPlan;
use super::entry::EntryPlan;
use crate::machine::{ResultPlan, StubStep};

/// Reason for a stub that does none of the things that [`reason`] names.
const ALIGNS: &str = "a stack that is aligned otherwise than CLIF aligns it";

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
        _ => steps.find_map(reason).or(Some(ALIGNS)),
    }
}

/// Returns the reason for a step that only one need has.
fn reason(step: &StubStep) -> Option<&'static str> {
    use StubStep as Step;
    Some(match step {
        Step::SetVectorCount(_) => "the count of vector registers of a variadic call",
        Step::VectorsToInts(_) => "an unnamed float in two registers",
        Step::LoadChain(_) | Step::ChainToInt(_) | Step::ChainToVector(_) | Step::PushChain => {
            "a static chain"
        }
        Step::Load(_) | Step::Store(_) => "an argument in registers that CLIF cannot express",
        Step::SaveInts => "integer registers that a variadic function keeps beside its arguments",
        _ => return None,
    })
}
