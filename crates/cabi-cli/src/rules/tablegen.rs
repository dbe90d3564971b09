//! Rules as LLVM's TableGen files spell them, to be compared with those by a person. What LLVM has no word for is spelled in its manner.

use std::fmt::{self, Write};

use cabi::convention::{PartTypes, Rule, Want};
use cabi::{ArgFlags, PartType, Reg};

/// How deep rules are written: a static rule may contain itself.
const MAX_DEPTH: u8 = 16;

/// A list that is written as the items of TableGen's brackets.
struct List<'a, T>(&'a [T]);

impl<T: Copy> List<'_, T> {
    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        mut item: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        f.write_char('[')?;
        for (i, each) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            item(f, *each)?;
        }
        f.write_char(']')
    }
}

fn regs(f: &mut fmt::Formatter<'_>, list: &[Reg]) -> fmt::Result {
    List(list).write(f, |f, reg| upper(f, reg.name()))
}

fn upper(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    name.chars()
        .try_for_each(|c| f.write_char(c.to_ascii_uppercase()))
}

fn types(f: &mut fmt::Formatter<'_>, set: PartTypes) -> fmt::Result {
    let list: Vec<PartType> = set.iter().collect();
    List(&list).write(f, ty)
}

fn ty(f: &mut fmt::Formatter<'_>, ty: PartType) -> fmt::Result {
    let kind = match ty {
        _ if ty.is_int() => 'i',
        PartType::V128 | PartType::V256 | PartType::V512 => 'v',
        _ => 'f',
    };
    write!(f, "{kind}{}", 8 * u16::from(ty.bytes()))
}

/// A rule, at this depth of others around it.
pub(super) struct TableGen<'a>(pub(super) &'a Rule, pub(super) u8);

impl fmt::Display for TableGen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self(rule, depth) = self;
        if depth == MAX_DEPTH {
            return f.write_str("...");
        }
        let then = match rule {
            Rule::IfType(list, then) => {
                f.write_str("CCIfType<")?;
                types(f, *list)?;
                f.write_str(", ")?;
                then
            }
            Rule::IfWants(want, then) => {
                f.write_str(match want {
                    Want::Memory => "CCIf<\"in memory\", ",
                    Want::PerElement => "CCIf<\"lane by lane\", ",
                    _ => "CCIf<\"of another kind\", ",
                })?;
                then
            }
            Rule::If(name, _, then) => {
                write!(f, "CCIf<\"{name}\", ")?;
                then
            }
            Rule::IfFlag(flag, then) => {
                f.write_str(match *flag {
                    ArgFlags::IN_REG => "CCIfInReg<",
                    ArgFlags::NEST => "CCIfNest<",
                    ArgFlags::BYVAL => "CCIfByVal<",
                    ArgFlags::SRET => "CCIfSRet<",
                    ArgFlags::SPLIT => "CCIfSplit<",
                    _ => "CCIf<\"flags\", ",
                })?;
                then
            }
            Rule::IfNotVariadic(then) => {
                f.write_str("CCIfNotVarArg<")?;
                then
            }
            Rule::IfUnnamed(then) => {
                f.write_str("CCIf<\"unnamed\", ")?;
                then
            }
            _ => return action(rule, f, depth),
        };
        write!(f, "{}>", TableGen(then, depth + 1))
    }
}

fn action(rule: &Rule, f: &mut fmt::Formatter<'_>, depth: u8) -> fmt::Result {
    match rule {
        Rule::Promote(to) => {
            f.write_str("CCPromoteToType<")?;
            ty(f, *to)?;
        }
        Rule::BitConvert(to) => {
            f.write_str("CCBitConvertToType<")?;
            ty(f, *to)?;
        }
        Rule::AssignToReg(list) => {
            f.write_str("CCAssignToReg<")?;
            regs(f, list)?;
        }
        Rule::AssignToRegWithShadow(list, shadow) => {
            f.write_str("CCAssignToRegWithShadow<")?;
            regs(f, list)?;
            f.write_str(", ")?;
            regs(f, shadow)?;
        }
        Rule::AssignToBoth(pairs) => {
            f.write_str("CCAssignToBoth<")?;
            List(pairs).write(f, |f, pair| regs(f, &pair))?;
        }
        Rule::AssignToRegPair(list) => {
            f.write_str("CCAssignToAlignedPair<")?;
            regs(f, list)?;
        }
        Rule::AssignToStack { size, align } => write!(f, "CCAssignToStack<{size}, {align}")?,
        Rule::AssignToStackWithShadow {
            size,
            align,
            shadow,
        } => {
            write!(f, "CCAssignToStackWithShadow<{size}, {align}, ")?;
            regs(f, shadow)?;
        }
        Rule::PassByVal { size, align } => write!(f, "CCPassByVal<{size}, {align}")?,
        Rule::PassIndirect { align } => write!(f, "CCPassIndirect<ptr, {align}")?,
        Rule::DelegateTo(list) => {
            f.write_str("CCDelegateTo<")?;
            List(list).write(f, |f, rule| write!(f, "{}", TableGen(&rule, depth + 1)))?;
        }
        Rule::AssignLanes { regs: list, slot } => {
            f.write_str("CCAssignLanes<")?;
            regs(f, list)?;
            write!(f, ", {slot}")?;
        }
        Rule::Custom(name, _) => write!(f, "CCCustom<\"{name}\"")?,
        // A guard, which was written.
        _ => {}
    }
    f.write_char('>')
}
