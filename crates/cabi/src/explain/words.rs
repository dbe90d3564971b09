//! Types as C spells them under the target's model, and the policy bits that decide.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::members::members_and_padding;
use super::{Explanation, MEMBER_BITS};
use crate::convention::trace::Step;
use crate::fn_abi::FnAbi;
use crate::policy::Policy;
use crate::sig::FnSig;
use crate::target::Target;
use crate::types::Type;
use crate::types::data_model::{DataModel, LongDouble};

/// Returns the policy bits that would give this signature other places if changed alone, with their
/// setting.
pub(super) fn deciding(sig: &FnSig, target: &Target, abi: &FnAbi) -> Vec<(&'static str, bool)> {
    let (mut bits, policy) = (Vec::new(), sig.policy_on(target));
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
            bits.push((*name, set));
        }
    }
    bits
}

/// Spells integers as C does most often. One of 8 bytes is `long` if `long` has as many, and one
/// byte is `char` if it has the sign of `char`. A type knows its width only.
pub(super) fn spell(explanation: &mut Explanation, model: &DataModel) {
    let spell = |ty: &mut String| match ty.as_str() {
        "long long" if model.long == 8 => *ty = "long".to_string(),
        "unsigned long long" if model.long == 8 => *ty = "unsigned long".to_string(),
        "signed char" if model.char_signed => *ty = "char".to_string(),
        "unsigned char" if !model.char_signed => *ty = "char".to_string(),
        // The format has this name on x86-64; elsewhere it may be that of `long double`.
        "__float128" if model.long_double == LongDouble::F128 => *ty = "long double".to_string(),
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

/// Names the leaves of the merges among `steps` after the members of `ty`; both are in the order of
/// the walk over the value.
pub(super) fn name_leaves(steps: &mut [Step], ty: &Type) {
    let members = members_and_padding(ty, "", MEMBER_BITS);
    let (mut index, mut latest) = (0, None);
    for step in steps {
        let Step::Merge {
            member,
            offset_bits: start,
            width_bits,
            eightbyte,
            ..
        } = step
        else {
            continue;
        };
        // An array of narrow elements is one member of many leaves, and a leaf of two eightbytes
        // has two merges.
        let is_after = latest.is_none_or(|before| before < (*start, *eightbyte));
        index += usize::from(!is_after);
        let end = start.saturating_add(*width_bits);
        let mut rest = members.iter().skip(index);
        let Some(i) = rest.position(|(one, _)| one.offset_bits <= *start && end <= one.end())
        else {
            continue;
        };
        index += i;
        if let Some((found, _)) = members.get(index) {
            member.clone_from(&found.name);
        }
        latest = Some((*start, *eightbyte));
    }
}

/// Returns the document with the rules of a convention, which its steps cite.
pub(super) fn document(convention: &str) -> Option<&'static str> {
    Some(match convention {
        "x86-64 System V" => "psABI 3.2.3, Parameter Passing",
        "x64 Windows" => "Microsoft's x64 calling convention, Parameter passing",
        "AAPCS64" => "AAPCS64 6.8.2, Parameter passing rules",
        "Apple arm64" => "AAPCS64 6.8.2 as Apple's platforms change it",
        "s390x ELF" => "zSeries ELF ABI Supplement, Parameter Passing",
        name if name.starts_with("C-SKY") => "LLVM's CSKYCallingConv.td",
        name if name.starts_with("XCore") => "LLVM's XCoreCallingConv.td",
        name if name.starts_with("RISC-V ") => "RISC-V psABI, Procedure Calling Convention",
        _ => return None,
    })
}
