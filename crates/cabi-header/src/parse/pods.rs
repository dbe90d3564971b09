//! Classes of C++ that clang takes for a POD (Itanium C++ ABI 1.1, "POD for the purpose of layout")
//! and gcc does not.
//!
//! The tail padding of a POD is never reused, and only a POD can be packed. gcc takes no class for
//! one that is no aggregate in the language's version, clang goes by what a constructor does. So
//! they disagree about a constructor that is defaulted or deleted where it is declared: in C++20
//! about each, before about `explicit` ones. gcc's PODs have no `[[no_unique_address]]` member
//! either.

use cabi::Type;
use clang_sys::{
    CX_CXXPublic, CXCursor_CXXBaseSpecifier, CXCursor_Constructor, CXCursor_FunctionTemplate,
};

use crate::clang::Cursor;
use crate::parse::classes::class_of;
use crate::parse::types::{Reader, unsupported};
use crate::reason::Reason;

/// Returns whether a member has the attribute `[[no_unique_address]]`.
pub(crate) fn may_overlap(field: Cursor<'_>) -> bool {
    field.printed().contains("no_unique_address")
}

/// Returns whether bits after the last member of `ty` belong to no member.
fn has_tail_padding(ty: &Type) -> bool {
    let fields = ty.as_record().map_or(&[][..], |record| record.fields());
    let end = |field: &cabi::Field| {
        let width = field.bit_field().map(|bits| u64::from(bits.width));
        field.offset_bits() + width.unwrap_or(8 * field.ty().size())
    };
    fields.iter().map(end).max().unwrap_or(0) < 8 * ty.size()
}

impl<'u> Reader<'u> {
    /// Refuses to derive from `class`, whose type is `base`, if gcc alone puts members into its
    /// tail padding.
    pub(crate) fn check_base(&self, class: Cursor<'u>, base: &Type) -> Result<(), Reason> {
        match has_tail_padding(base) && self.is_pod_to_clang_alone(class) {
            true => {
                let why =
                    "this base is no POD to gcc, which reuses its tail padding, and one to clang";
                Err(unsupported(class.ty(), why))
            }
            false => Ok(()),
        }
    }

    /// Refuses the member `field` of type `ty` where gcc alone packs it less or lets others into
    /// its tail padding.
    pub(crate) fn check_pod_member(
        &self,
        field: Cursor<'u>,
        ty: &Type,
        is_packed: bool,
    ) -> Result<(), Reason> {
        let matters = is_packed && ty.align() > 1 || has_tail_padding(ty) && may_overlap(field);
        match matters && self.is_pod_to_clang_alone(class_of(field.ty())) {
            true => {
                let why = "this class is no POD to gcc, which does not pack it and reuses its tail padding, and one to clang";
                Err(unsupported(field.ty(), why))
            }
            false => Ok(()),
        }
    }

    fn is_pod_to_clang_alone(&self, class: Cursor<'u>) -> bool {
        let definition = class.definition_or_null();
        if !self.facts.cxx || self.is_as_clang() || definition.is_null() {
            return false;
        }
        // libclang shows the constructors of an instance in its template alone.
        let template = definition.template_or_null();
        let declared = match template.is_null() {
            true => definition.children(),
            false => template.children(),
        };
        let fields = definition.ty().fields();
        let is_private = |field: &Cursor<'_>| field.access() != CX_CXXPublic;
        if fields.iter().any(is_private) || { declared.iter() }
            .any(|child| child.kind() == CXCursor_CXXBaseSpecifier)
        {
            return false; // and to clang neither
        }
        let name = class.name();
        let name = name.split('<').next().unwrap_or("");
        let is_constructor = |child: &&Cursor<'_>| match child.kind() {
            CXCursor_Constructor => true,
            CXCursor_FunctionTemplate => child.name().split('<').next() == Some(name),
            _ => false,
        };
        let constructors = declared.iter().filter(is_constructor);
        let constructors: Vec<_> = constructors.map(|one| one.printed()).collect();
        let is_provided = |one: &String| !one.contains("= default") && !one.contains("= delete");
        if constructors.iter().any(is_provided) {
            return false;
        }
        let is_disputed = |one: &String| self.facts.cxx20 || one.contains("explicit");
        constructors.iter().any(is_disputed)
            || fields.iter().any(|field| {
                may_overlap(*field) || self.is_pod_to_clang_alone(class_of(field.ty()))
            })
    }
}
