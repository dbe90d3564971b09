//! The words of an explanation: rules as sentences, types as C spells them under the target's model, and the choices that decide.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Explanation, Step};
use crate::data_model::DataModel;
use crate::fn_abi::FnAbi;
use crate::policy::Policy;
use crate::rules::{PartType, Rule};
use crate::sig::FnSig;
use crate::target::Target;

/// How many guards are followed: a static rule may guard itself.
const MAX_GUARDS: usize = 16;

/// What `rule` does, for which parts, and under which conditions: `first free of rax rdx for integers`.
pub(super) fn rule(rule: &Rule) -> String {
    let (mut action, mut types, mut conditions) = (rule, String::new(), String::new());
    for _ in 0..MAX_GUARDS {
        action = match action {
            Rule::IfType(list, then) => {
                types = format!(" for {}", of_types(list));
                then
            }
            // What it wants is what a step before this one says.
            Rule::IfWants(_, then) => then,
            Rule::If(name, _, then) => {
                conditions += &format!(", if {name}");
                then
            }
            Rule::IfConvention(name, then) => {
                conditions += &format!(", if the convention is {name}");
                then
            }
            Rule::IfNotVariadic(then) => {
                conditions += ", if the function is not variadic";
                then
            }
            Rule::IfVariadic(then) => {
                conditions += ", if the function is variadic";
                then
            }
            Rule::IfUnnamed(then) => {
                conditions += ", if the argument is unnamed";
                then
            }
            _ => break,
        };
    }
    format!("{action}{types}{conditions}")
}

/// What parts of `types` are: integers, or floating point and vectors where all of a kind are among them.
fn of_types(types: &[PartType]) -> String {
    use PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
    let kinds = [
        ("integers", &[I8, I16, I32, I64][..]),
        ("floating-point numbers", &[F16, F32, F64]),
        ("vectors", &[V128, V256, V512]),
        ("x87 numbers", &[F80]),
    ];
    let mut rest = types.to_vec();
    let mut words: Vec<String> = Vec::new();
    for (word, kind) in kinds {
        if kind.iter().all(|ty| types.contains(ty)) {
            rest.retain(|ty| !kind.contains(ty));
            words.push(word.to_string());
        }
    }
    words.extend(rest.iter().map(|ty| format!("{ty:?}")));
    words.join(" and ")
}

/// The policy bits any of which, changed alone, would give this signature other places, with their setting.
pub(super) fn deciding(sig: &FnSig, target: &Target, abi: &FnAbi) -> Vec<(&'static str, bool)> {
    let mut found = Vec::new();
    for (bit, name) in Policy::NAMES {
        let set = sig.policy.has(*bit);
        let flipped = if set {
            sig.policy.without(*bit)
        } else {
            sig.policy | *bit
        };
        let other = FnAbi::new(&sig.clone().policy(flipped), target);
        let is_same = other.is_ok_and(|other| {
            (&other.args, &other.ret, other.area_bytes, other.n_sse)
                == (&abi.args, &abi.ret, abi.area_bytes, abi.n_sse)
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
