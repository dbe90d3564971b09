//! Types as C spells them under the target's model, and the policy bits that decide.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Explanation;
use crate::convention::trace::Step;
use crate::fn_abi::FnAbi;
use crate::policy::Policy;
use crate::sig::FnSig;
use crate::target::Target;
use crate::types::data_model::DataModel;

/// The policy bits any of which, changed alone, would give this signature other places, with their setting.
pub(super) fn deciding(sig: &FnSig, target: &Target, abi: &FnAbi) -> Vec<(&'static str, bool)> {
    let (mut found, policy) = (Vec::new(), sig.policy_on(target));
    for (bit, name) in Policy::NAMES {
        let set = policy.has(*bit);
        let flipped = if set {
            policy.without(*bit)
        } else {
            policy | *bit
        };
        let other = FnAbi::new(&sig.clone().policy(flipped), target);
        let is_same = other.is_ok_and(|other| {
            (&other.args, &other.ret, other.area_bytes, other.used.vector)
                == (&abi.args, &abi.ret, abi.area_bytes, abi.used.vector)
        });
        if !is_same {
            found.push((*name, set));
        }
    }
    found
}

/// Spells the integers of `long`'s size as C does where it is 8 bytes: a type knows its width only.
pub(super) fn spell_longs(explanation: &mut Explanation, model: &DataModel) {
    if model.long != 8 {
        return;
    }
    let spell = |ty: &mut String| match ty.as_str() {
        "long long" => *ty = "long".to_string(),
        "unsigned long long" => *ty = "unsigned long".to_string(),
        _ => {}
    };
    for explained in explanation.args.iter_mut().chain([&mut explanation.ret]) {
        spell(&mut explained.ty);
        for step in &mut explained.steps {
            if let Step::Merge { leaf, .. } = step {
                spell(leaf);
            }
        }
    }
}
