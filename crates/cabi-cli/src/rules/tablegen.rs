//! Rules as LLVM's TableGen files spell them, for a person to compare with those files. Rules for
//! which LLVM has no word are spelled in the same manner.

use cabi::convention::{Rule, WantedKind};
use cabi::{ArgFlags, PartType, Reg};

/// Depth to which rules are written, since a static rule may contain itself.
const MAX_DEPTH: u8 = 16;

/// Returns the text of a rule that is nested `depth` deep.
pub(super) fn text(rule: &Rule, depth: u8) -> String {
    if depth == MAX_DEPTH {
        return "...".to_owned();
    }
    let (name, args) = match rule {
        Rule::Promote(to) => ("CCPromoteToType", vec![ty(*to)]),
        Rule::BitConvert(to) => ("CCBitConvertToType", vec![ty(*to)]),
        Rule::AssignToReg(list) => ("CCAssignToReg", vec![regs(list)]),
        Rule::AssignToRegWithShadow(list, shadow) => {
            ("CCAssignToRegWithShadow", vec![regs(list), regs(shadow)])
        }
        Rule::AssignToBoth(pairs) => {
            let pairs = pairs.iter().map(|pair| regs(pair));
            ("CCAssignToBoth", vec![list(pairs)])
        }
        Rule::AssignToRegPair(list) => ("CCAssignToAlignedPair", vec![regs(list)]),
        Rule::AssignToStack { size, align } => {
            ("CCAssignToStack", vec![size.to_string(), align.to_string()])
        }
        Rule::AssignToStackWithShadow {
            size,
            align,
            shadow,
        } => {
            let args = vec![size.to_string(), align.to_string(), regs(shadow)];
            ("CCAssignToStackWithShadow", args)
        }
        Rule::PassByVal { size, align } => {
            ("CCPassByVal", vec![size.to_string(), align.to_string()])
        }
        Rule::PassIndirect { align } => ("CCPassIndirect", vec!["ptr".into(), align.to_string()]),
        Rule::DelegateTo(rules) => {
            let rules = rules.iter().map(|rule| text(rule, depth + 1));
            ("CCDelegateTo", vec![list(rules)])
        }
        Rule::AssignLanes { regs: list, slot } => {
            ("CCAssignLanes", vec![regs(list), slot.to_string()])
        }
        Rule::Custom(name, _) => ("CCCustom", vec![format!("\"{name}\"")]),
        guard => return guarded(guard, depth),
    };
    format!("{name}<{}>", args.join(", "))
}

/// Returns the text of a guard with the rule that is tried where the guard holds.
fn guarded(rule: &Rule, depth: u8) -> String {
    let (guard, then) = match rule {
        Rule::IfType(types, then) => (format!("CCIfType<{}, ", list(types.iter().map(ty))), then),
        Rule::If(name, _, then) => (format!("CCIf<\"{name}\", "), then),
        Rule::IfWants(want, then) => {
            let what = match want {
                WantedKind::Memory => "in memory",
                WantedKind::PerElement => "lane by lane",
                _ => "of another kind",
            };
            (format!("CCIf<\"{what}\", "), then)
        }
        Rule::IfFlag(flag, then) => {
            let guard = match *flag {
                ArgFlags::IN_REG => "CCIfInReg<",
                ArgFlags::NEST => "CCIfNest<",
                ArgFlags::BYVAL => "CCIfByVal<",
                ArgFlags::SRET => "CCIfSRet<",
                ArgFlags::SPLIT => "CCIfSplit<",
                _ => "CCIf<\"flags\", ",
            };
            (guard.to_owned(), then)
        }
        Rule::IfNotVariadic(then) => ("CCIfNotVarArg<".to_owned(), then),
        Rule::IfUnnamed(then) => ("CCIf<\"unnamed\", ".to_owned(), then),
        _ => return String::new(),
    };
    format!("{guard}{}>", text(then, depth + 1))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn regs(regs: &[Reg]) -> String {
    list(regs.iter().map(|reg| reg.name().to_ascii_uppercase()))
}

fn ty(ty: PartType) -> String {
    let kind = match ty {
        _ if ty.is_int() => 'i',
        PartType::V128 | PartType::V256 | PartType::V512 => 'v',
        _ => 'f',
    };
    format!("{kind}{}", 8 * u16::from(ty.bytes()))
}
