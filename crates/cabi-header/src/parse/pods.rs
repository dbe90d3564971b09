//! Classes of C++ that are a POD to clang and not to gcc (Itanium C++ ABI 1.1, "POD for the purpose
//! of layout").
//!
//! The tail padding of a POD is never reused, and only a POD can be packed. gcc and clang differ:
//!
//! - To gcc a POD is an aggregate in the language's version; to clang the effect of a constructor
//!   decides. They disagree about constructors that are defaulted or deleted where they are
//!   declared: in C++20 about each, before about `explicit` ones.
//! - To gcc a class with a `[[no_unique_address]]` member is no POD.
//! - Only clang packs references and arrays of classes that are no POD.

use cabi::Type;
use clang_sys::{
    CX_CXXPublic, CXCursor_CXXBaseSpecifier, CXCursor_CXXMethod, CXCursor_Constructor,
    CXCursor_Destructor, CXCursor_FunctionTemplate, CXType_LValueReference, CXType_RValueReference,
};

use crate::clang::{Cursor, Ty};
use crate::parse::clang_record::fields;
use crate::parse::classes::class_of;
use crate::parse::kinds::is_array;
use crate::parse::members::DeclaredMember;
use crate::parse::types::{Reader, unsupported};
use crate::reason::Reason;

/// The compilers to which a type is a POD.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PodTo {
    Both,
    Clang,
    Neither,
}

/// Returns whether a member has the attribute `[[no_unique_address]]`.
pub(crate) fn may_overlap(field: Cursor<'_>) -> bool {
    field.printed().contains("no_unique_address")
}

fn is_reference(ty: Ty<'_>) -> bool {
    [CXType_LValueReference, CXType_RValueReference].contains(&ty.canonical().kind())
}

/// Returns whether a member has a value where it is declared.
fn has_initializer(field: Cursor<'_>) -> bool {
    let printed = field.printed();
    printed.contains(" = ") || !field.name().is_empty() && printed.ends_with('}')
}

/// Returns the declarations in the text of `definition`. For an instance of a template, libclang
/// shows them in the template alone.
fn declared_in(definition: Cursor<'_>) -> Vec<Cursor<'_>> {
    let mut class = definition;
    loop {
        let template = class.template_or_null();
        // A specialization stands in another place.
        if template.is_null() || template.place() != class.place() {
            return class.children();
        }
        class = template;
    }
}

/// Returns whether bits after the last member of `ty` belong to no member.
fn has_tail_padding(ty: &Type) -> bool {
    let end = |field: &cabi::Field| {
        let width = field.bit_field().map(|bits| u64::from(bits.width));
        field.offset_bits() + width.unwrap_or(8 * field.ty().size())
    };
    fields(ty).iter().map(end).max().unwrap_or(0) < 8 * ty.size()
}

impl<'u> Reader<'u> {
    /// Refuses to derive from `class`, whose type is `base`, if gcc alone puts members into its
    /// tail padding.
    pub(crate) fn check_base(&self, class: Cursor<'u>, base: &Type) -> Result<(), Reason> {
        match has_tail_padding(base) && self.pod_to(class) == PodTo::Clang {
            true => {
                let why =
                    "this base is a POD to clang but not to gcc, which reuses its tail padding";
                Err(unsupported(class.ty(), why))
            }
            false => Ok(()),
        }
    }

    /// Refuses the member `field` if gcc alone packs it less or lets others into its tail padding.
    /// `in_packed` is `true` if the record is packed, not the member alone.
    pub(crate) fn check_pod_member(
        &self,
        field: Cursor<'u>,
        member: &DeclaredMember,
        in_packed: bool,
    ) -> Result<(), Reason> {
        let pod_to = match is_reference(field.ty()) {
            true => PodTo::Neither,
            false => self.pod_to(class_of(field.ty())),
        };
        let is_packed_by_clang_alone = match pod_to {
            PodTo::Both => false,
            PodTo::Clang => in_packed || !member.packed.is_empty(),
            PodTo::Neither => {
                let is_array = is_array(field.ty().canonical().kind());
                in_packed && (is_array || is_reference(field.ty()))
            }
        };
        let ty = &member.ty;
        let has_others = has_tail_padding(ty) && may_overlap(field) && pod_to == PodTo::Clang;
        let why = match ty.align() > 1 && is_packed_by_clang_alone {
            true => "gcc does not pack it, clang does",
            false if has_others => {
                "this class is a POD to clang but not to gcc, which reuses its tail padding"
            }
            false => return Ok(()),
        };
        match self.facts.cxx && !self.is_as_clang() {
            true => Err(unsupported(field.ty(), why)),
            false => Ok(()),
        }
    }

    fn pod_to(&self, class: Cursor<'u>) -> PodTo {
        let definition = class.definition_or_null();
        if !self.facts.cxx || self.is_as_clang() || definition.is_null() {
            return PodTo::Both;
        }
        let (declared, fields) = (declared_in(definition), definition.ty().fields());
        let name = class.name();
        let name = name.split('<').next().unwrap_or("");
        let is_constructor = |child: &Cursor<'_>| match child.kind() {
            CXCursor_Constructor => true,
            CXCursor_FunctionTemplate => child.name().split('<').next() == Some(name),
            _ => false,
        };
        let is_provided = |child: &Cursor<'_>| {
            let printed = child.printed();
            !printed.contains("= default") && !printed.contains("= delete")
        };
        let is_to_neither = |child: &Cursor<'_>| match child.kind() {
            CXCursor_CXXBaseSpecifier => true,
            CXCursor_Destructor => is_provided(child),
            CXCursor_CXXMethod => child.name() == "operator=" && is_provided(child),
            _ => is_constructor(child) && is_provided(child),
        };
        let parts = fields.iter().map(|field| self.pod_to(class_of(field.ty())));
        let parts: Vec<PodTo> = parts.collect();
        let is_no_part = |field: &Cursor<'_>| {
            field.access() != CX_CXXPublic || is_reference(field.ty()) || has_initializer(*field)
        };
        if declared.iter().any(is_to_neither)
            || fields.iter().any(is_no_part)
            || parts.contains(&PodTo::Neither)
        {
            return PodTo::Neither;
        }
        let is_disputed = |child: &Cursor<'_>| {
            is_constructor(child) && (self.facts.cxx20 || child.printed().contains("explicit"))
        };
        match declared.iter().any(is_disputed)
            || fields.iter().any(|field| may_overlap(*field))
            || parts.contains(&PodTo::Clang)
        {
            true => PodTo::Clang,
            false => PodTo::Both,
        }
    }
}
