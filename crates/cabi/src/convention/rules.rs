//! Rules of a convention's lists: LLVM's `CallingConv` actions, over groups instead of single
//! scalars.

mod display;

use super::group::{ArgFlags, Group, GroupKind, PartType, PartTypes, Role};
use super::place::Place;
use super::registers::{Features, Reg, State};

/// The kinds of group that a guard lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum WantedKind {
    /// [`GroupKind::Memory`].
    Memory,
    /// [`GroupKind::PerElement`].
    PerElement,
}

impl WantedKind {
    pub(crate) fn matches(self, kind: GroupKind) -> bool {
        match self {
            Self::Memory => kind == GroupKind::Memory,
            Self::PerElement => matches!(kind, GroupKind::PerElement { .. }),
        }
    }
}

/// Input of a convention's predicate.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuardInput<'a> {
    /// Group of the value.
    pub group: &'a Group,
    /// Role of the value in the call.
    pub role: Role,
    /// Registers and stack that earlier values, and parts of this one, have taken.
    pub state: &'a State,
    /// `true` if the function is variadic.
    pub variadic: bool,
    /// Assumptions of the signature about the machine.
    pub features: Features,
}

/// One rule. The first action in a list that places the part, or the whole value, wins. `Display`
/// writes it in words.
///
/// # Example
/// ```
/// use cabi::convention::{PartType, PartTypes, Rule};
///
/// let rule = Rule::IfType(
///     PartTypes::of(&[PartType::I8, PartType::I16]),
///     &Rule::Promote(PartType::I32),
/// );
/// assert_eq!(rule.to_string(), "if type in [I8, I16]: promote to I32");
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Rule {
    /// Guard on the part's type (`CCIfType`).
    IfType(PartTypes, &'static Rule),
    /// Guard on what the value asks for.
    IfWants(WantedKind, &'static Rule),
    /// Guard on any predicate (`CCIf`), with a name for explanations.
    If(&'static str, fn(&GuardInput<'_>) -> bool, &'static Rule),
    /// Guard on an argument flag (`CCIfInReg`, `CCIfNest`, `CCIfByVal`, `CCIfSRet`, `CCIfSplit`).
    IfFlag(ArgFlags, &'static Rule),
    /// Guard: the function is not variadic (`CCIfNotVarArg`).
    IfNotVariadic(&'static Rule),
    /// Guard: this argument is after the `...`.
    IfUnnamed(&'static Rule),
    /// Widen the part and go on (`CCPromoteToType`), to a register or to the stack.
    Promote(PartType),
    /// Take the part's bits as another type and go on (`CCBitConvertToType`), to a register or to
    /// the stack.
    BitConvert(PartType),
    /// First free register of the list (`CCAssignToReg`).
    AssignToReg(&'static [Reg]),
    /// First free register of the list, and the register at the same position of the second list,
    /// which is taken too (`CCAssignToRegWithShadow`).
    AssignToRegWithShadow(&'static [Reg], &'static [Reg]),
    /// The first pair of registers that are both free: the value is in both.
    AssignToBoth(&'static [[Reg; 2]]),
    /// Two parts in an aligned pair of registers. The first, third and so on part takes the first
    /// free register at an even position, if the next one is free too. The registers before it are
    /// taken as well. The other parts take the first free register.
    AssignToRegPair(&'static [Reg]),
    /// Next slot of the argument area (`CCAssignToStack`). Size and alignment in bytes.
    AssignToStack {
        /// The part takes a multiple of this; 0: the bytes of its type.
        size: u32,
        /// At least; 0: the alignment of its type.
        align: u32,
    },
    /// [`Rule::AssignToStack`], and take registers (`CCAssignToStackWithShadow`).
    AssignToStackWithShadow {
        /// As in [`Rule::AssignToStack`].
        size: u32,
        /// As in [`Rule::AssignToStack`].
        align: u32,
        /// The registers.
        shadow: &'static [Reg],
    },
    /// A copy of the whole value in the argument area, its own size and alignment but at least
    /// these (`CCPassByVal`).
    PassByVal {
        /// The size is a multiple of this.
        size: u32,
        /// At least.
        align: u32,
    },
    /// Pass a pointer to a copy of the caller's, of the target's width, and go on with the pointer
    /// (`CCPassIndirect`).
    PassIndirect {
        /// The copy's alignment, at least.
        align: u32,
    },
    /// Go on with another list, and keep the places that it finds (`CCDelegateTo`).
    DelegateTo(&'static [Rule]),
    /// One integer register of the list per lane, all that are left after the last one used, then
    /// one slot per lane.
    AssignLanes {
        /// The registers.
        regs: &'static [Reg],
        /// Bytes of a slot.
        slot: u32,
    },
    /// Anything else (`CCCustom`), with a name for explanations.
    Custom(&'static str, CustomFn),
}

/// Function of a [`Rule::Custom`]. Its arguments are the whole value, and the state before the
/// value: registers that other parts of the value had found are free in it. The place it returns is
/// final. The registers and bytes it takes stay taken, even if it returns `None` and the list goes
/// on. A place outside the part of the argument area that is taken so far is refused.
pub type CustomFn = fn(&Group, &mut State) -> Option<Place>;

impl Rule {
    /// Checks whether `is` holds for one of `rules`, or for a rule that they guard or delegate to,
    /// up to `depth` levels deep.
    pub(crate) fn any(rules: &[Self], depth: u8, is: &impl Fn(&Self) -> bool) -> bool {
        let inside = |rules: &[Self]| depth > 0 && Self::any(rules, depth - 1, is);
        rules.iter().any(|rule| match (rule, rule.guarded()) {
            _ if is(rule) => true,
            (Self::DelegateTo(list), _) => inside(list),
            (_, then) => then.is_some_and(|then| inside(core::slice::from_ref(then))),
        })
    }

    /// Returns the rule that this one guards; `None` for an action.
    pub(crate) fn guarded(&self) -> Option<&'static Self> {
        match self {
            Self::IfType(_, then)
            | Self::IfWants(_, then)
            | Self::If(_, _, then)
            | Self::IfFlag(_, then)
            | Self::IfNotVariadic(then)
            | Self::IfUnnamed(then) => Some(then),
            _ => None,
        }
    }
}
