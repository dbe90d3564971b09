//! Members of records as they are declared, with the places of their attributes.

use cabi::{Member, Type};

use crate::parse::attributes::Position;

pub(crate) struct DeclaredMember {
    pub(crate) name: Option<String>,
    pub(crate) ty: Type,
    /// The type as clang has it.
    pub(crate) clang: Type,
    pub(crate) width: Option<u16>,
    /// Positions of each `packed`.
    pub(crate) packed: Vec<Position>,
    /// Positions of each `aligned` and `_Alignas`.
    pub(crate) aligned: Vec<Position>,
    /// Alignments that these set; not always in the order of `aligned`.
    pub(crate) asked: Vec<u32>,
}

impl DeclaredMember {
    pub(crate) fn to_clang(&self) -> Member {
        self.member(self.clang.clone(), !self.packed.is_empty(), &self.asked)
    }

    /// Returns the member as gcc has it, with `place` for each unknown place. Returns none for
    /// several alignments, one of them in the declarator, because it is not known which value that
    /// one has.
    pub(crate) fn to_gcc(&self, place: Position) -> Option<Member> {
        let resolve = |at: &Position| match at {
            Position::Unknown => place,
            known => *known,
        };
        let is_declared = |at: &Position| resolve(at) == Position::Declaration;
        let is_packed = self.packed.iter().any(is_declared);
        if self.aligned.iter().all(is_declared) {
            return Some(self.member(self.ty.clone(), is_packed, &self.asked));
        }
        let (&[at], &[align]) = (&self.aligned[..], &self.asked[..]) else {
            return None;
        };
        let ty = match resolve(&at) {
            Position::Type if align != 0 => self.ty.with_align(align).ok()?,
            _ => self.ty.clone(),
        };
        Some(self.member(ty, is_packed, &[]))
    }

    fn member(&self, ty: Type, is_packed: bool, aligns: &[u32]) -> Member {
        let mut member = match (&self.name, self.width) {
            (Some(name), Some(width)) => Member::bit_field(name, ty, width),
            (None, Some(width)) => Member::unnamed_bit_field(ty, width),
            (Some(name), None) => Member::named(name, ty),
            (None, None) => Member::anonymous(ty),
        };
        if is_packed {
            member = member.packed();
        }
        // `_Alignas(0)` has no effect.
        let aligns = aligns.iter().copied().filter(|align| *align != 0);
        aligns.fold(member, Member::aligned)
    }
}

/// Returns the places to try for attributes whose place is not known.
pub(crate) fn places(declared: &[DeclaredMember]) -> &'static [Position] {
    use Position::{Declaration, Pointee, Type, Unknown};
    let mut positions = declared
        .iter()
        .flat_map(|declared| declared.packed.iter().chain(&declared.aligned));
    if positions.any(|at| *at == Unknown) {
        &[Declaration, Type, Pointee]
    } else {
        &[Declaration]
    }
}
