//! Rules in words, for explanations.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{ArgFlags, PartType, PartTypes, Rule};
use crate::convention::registers::Reg;

/// Number of guards that are written: a static rule may guard itself.
const MAX_GUARDS: usize = 16;

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rule = self;
        for _ in 0..MAX_GUARDS {
            match rule {
                Self::IfType(types, _) => write!(f, "if type in {types:?}: ")?,
                Self::IfWants(want, _) => write!(f, "if it wants {want:?}: ")?,
                Self::If(name, ..) => write!(f, "if {name}: ")?,
                Self::IfFlag(flag, _) => write!(f, "if {}: ", flag.name())?,
                Self::IfNotVariadic(_) => f.write_str("if not variadic: ")?,
                Self::IfUnnamed(_) => f.write_str("if unnamed: ")?,
                _ => return rule.write_action(f),
            }
            rule = rule.guarded().unwrap_or(rule);
        }
        f.write_str("...")
    }
}

impl Rule {
    /// Returns the rule in words, with its parts and conditions:
    /// `first free of rax rdx for integers`.
    pub(crate) fn sentence(&self) -> String {
        let (mut action, mut types, mut conditions) = (self, String::new(), String::new());
        for _ in 0..MAX_GUARDS {
            match action {
                Self::IfType(list, _) => types = format!(" for {}", of_types(*list)),
                Self::If(name, ..) => conditions += &format!(", if {name}"),
                Self::IfNotVariadic(_) => conditions += ", if the function is not variadic",
                Self::IfUnnamed(_) => conditions += ", if the argument is unnamed",
                // A step before this one says it.
                Self::IfWants(..) => {}
                _ => break,
            }
            action = action.guarded().unwrap_or(action);
        }
        format!("{action}{types}{conditions}")
    }

    fn write_action(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promote(ty) => write!(f, "promote to {ty:?}"),
            Self::BitConvert(ty) => write!(f, "take the bits as {ty:?}"),
            Self::AssignToReg(list) => write_regs(f, "first free of ", list),
            Self::AssignToRegWithShadow(list, shadow) => {
                write_regs(f, "first free of ", list)?;
                write_regs(f, ", taking also ", shadow)
            }
            Self::AssignToRegPair(list) => write_regs(f, "an aligned pair of ", list),
            Self::AssignToBoth(pairs) => {
                let half = |i: usize| pairs.iter().map(move |pair| pair[i]).collect::<Vec<_>>();
                write_regs(f, "first free of ", &half(0))?;
                write_regs(f, ", and also in ", &half(1))
            }
            Self::AssignToStack { size: 0, align: 0 } => {
                f.write_str("stack slot of its own size and alignment")
            }
            Self::AssignToStack { size, align } => write!(f, "stack slot of {size}, align {align}"),
            Self::AssignToStackWithShadow {
                size,
                align,
                shadow,
            } => {
                write!(f, "stack slot of {size}, align {align}")?;
                write_regs(f, ", taking also ", shadow)
            }
            Self::PassByVal { size, align } => {
                write!(
                    f,
                    "by value in the argument area, multiples of {size}, align {align} at least"
                )
            }
            Self::PassIndirect { align } => {
                write!(f, "pointer to a copy, align {align} at least")
            }
            Self::DelegateTo(_) => f.write_str("go on with another list"),
            Self::AssignLanes { regs: list, slot } => {
                write_regs(f, "a lane each: ", list)?;
                write!(f, ", then slots of {slot}")
            }
            Self::Custom(name, _) => f.write_str(name),
            // A guard, which `fmt` has written.
            _ => Ok(()),
        }
    }
}

/// Writes `before`, then `regs`, with a blank between each two.
fn write_regs(f: &mut fmt::Formatter<'_>, before: &str, regs: &[Reg]) -> fmt::Result {
    f.write_str(before)?;
    let mut blank = "";
    regs.iter().try_for_each(|reg| {
        write!(f, "{blank}{reg}")?;
        blank = " ";
        Ok(())
    })
}

/// Returns the name of parts of `types`: integers, or floating point and vectors where all of a
/// kind are among them.
fn of_types(types: PartTypes) -> String {
    use PartType::{F16, F32, F64, F80, I8, I16, I32, I64, V128, V256, V512};
    let kinds = [
        ("integers", &[I8, I16, I32, I64][..]),
        ("floating-point numbers", &[F16, F32, F64]),
        ("vectors", &[V128, V256, V512]),
        ("x87 numbers", &[F80]),
    ];
    let mut rest: Vec<PartType> = types.iter().collect();
    let mut words: Vec<String> = Vec::new();
    for (word, kind) in kinds {
        if kind.iter().all(|ty| types.has(*ty)) {
            rest.retain(|ty| !kind.contains(ty));
            words.push(word.to_string());
        }
    }
    words.extend(rest.iter().map(|ty| format!("{ty:?}")));
    words.join(" and ")
}

impl ArgFlags {
    fn name(self) -> &'static str {
        match self {
            Self::IN_REG => "inreg",
            Self::NEST => "nest",
            Self::BYVAL => "byval",
            Self::SRET => "sret",
            Self::SPLIT => "split",
            _ => "flags",
        }
    }
}
