//! Classes of C++: which are passed as C's records are, and which by invisible reference (Itanium
//! C++ ABI 3.1.1 and 3.1.2).
//!
//! A class is passed by value unless it is non-trivial for the purposes of calls. This fact is one
//! bit in clang, shown as the value of `__is_trivially_relocatable`, which the prelude checks.
//! Methods, templates and virtual functions are not read.

use std::collections::HashSet;

use cabi::{Member, Type};
use clang_sys::{
    CXCursor_CXXBaseSpecifier, CXCursor_FieldDecl, CXCursor_Namespace, CXType_ConstantArray,
    CXType_Record,
};

use crate::clang::{Cursor, Ty};
use crate::parse::attributes::{has_attribute, head};
use crate::parse::kinds::METHODS;
use crate::parse::prelude;
use crate::parse::types::{Reader, is_unnamed, unsupported};
use crate::reason::Reason;

impl<'u> Reader<'u> {
    /// Returns whether objects of type `ty` are passed by invisible reference.
    pub(crate) fn is_by_reference(&mut self, ty: Ty<'u>) -> Result<bool, Reason> {
        let class = ty.canonical();
        if !self.facts.cxx || class.kind() != CXType_Record {
            return Ok(false);
        }
        let name = class.declaration().ty().canonical().spelling();
        if prelude::stand_in(&name).is_some() {
            return Ok(false);
        }
        if class.declaration().definition_or_null().is_null() {
            if name.contains('<') {
                // Declaring a function does not instantiate the types of its parameters.
                return Err(Reason::Cxx("a class template that is not instantiated"));
            }
            return Err(Reason::Incomplete(name));
        }
        if is_unnamed(&name) || !self.facts.knows_calls {
            return Err(unsupported(
                class,
                "cannot find out whether this class is trivial for calls",
            ));
        }
        let definitions = definitions(class.declaration());
        // To clang no invalid class is trivial.
        let mut invalid = definitions
            .iter()
            .filter_map(|one| self.errors.reason(*one));
        if let Some(reason) = invalid.next() {
            return Err(reason);
        }
        let has_trivial_abi = |one: &Cursor<'_>| has_attribute(&head(*one), "trivial_abi");
        match self.value(&format!("__is_trivially_relocatable({name})")) {
            Some(Some(0)) => Ok(true),
            Some(Some(_)) if !self.is_as_clang() && definitions.iter().any(has_trivial_abi) => Err(
                unsupported(class, "gcc ignores `trivial_abi`, clang does not"),
            ),
            Some(Some(_)) => Ok(false),
            // A private class, or one local to a scope.
            Some(None) => Err(unsupported(
                class,
                "this class is private or local, so clang cannot test whether it is trivial",
            )),
            None => Err(unsupported(class, "not known yet")),
        }
    }

    /// Returns the base classes of `definition` as members without a name; an empty base has no
    /// bytes.
    pub(crate) fn bases(&mut self, definition: Cursor<'u>) -> Result<Vec<Member>, Reason> {
        let mut bases = Vec::new();
        if !self.facts.cxx {
            return Ok(Vec::new());
        }
        // Its members have no bytes. A class without members has one.
        if definition.ty().size() == 0 {
            return Err(Reason::Cxx("a class of 0 bytes"));
        }
        let mut n_bases = 0;
        for child in definition.children() {
            let kind = child.kind();
            let is_base = kind == CXCursor_CXXBaseSpecifier;
            if METHODS.contains(&kind) && child.is_virtual() || is_base && child.is_virtual_base() {
                return Err(Reason::Cxx("a class with virtual functions or bases"));
            }
            if is_base {
                let base = self
                    .ty(child.ty())
                    .map_err(|reason| reason.inside("base class".to_owned()))?;
                let is_empty = base.as_record().is_some_and(|base| {
                    base.fields().iter().all(|field| match field.bit_field() {
                        Some(bits) => bits.width == 0,
                        None => field.ty().size() == 0,
                    })
                });
                n_bases += 1;
                self.check_base(class_of(child.ty()), &base)?;
                if !is_empty {
                    bases.push(base);
                }
            }
        }
        // libclang gives no offset of a base. A single one is at the start.
        if n_bases > 1 && !bases.is_empty() {
            return Err(Reason::Cxx(
                "a class with several bases, one of them not empty,",
            ));
        }
        Ok(bases.into_iter().map(Member::anonymous).collect())
    }

    /// Returns the type that is passed for an object of type `ty`, and `true` if that type is a
    /// pointer to the object.
    pub(crate) fn passed(&mut self, ty: Ty<'u>) -> Result<(Type, bool), Reason> {
        if self.is_by_reference(ty)? {
            Ok((self.model.pointer(), true))
        } else {
            Ok((self.ty(ty)?, false))
        }
    }
}

/// Returns the definitions of a class, and of its bases and members.
fn definitions(class: Cursor<'_>) -> Vec<Cursor<'_>> {
    let (mut names, mut classes, mut definitions) = (HashSet::new(), vec![class], Vec::new());
    while let Some(class) = classes.pop() {
        let definition = class.definition_or_null();
        if definition.is_null() || !names.insert(definition.ty().canonical().spelling()) {
            continue;
        }
        definitions.push(definition);
        let is_part = |child: &Cursor<'_>| {
            [CXCursor_CXXBaseSpecifier, CXCursor_FieldDecl].contains(&child.kind())
        };
        let parts = definition.children().into_iter().filter(is_part);
        classes.extend(parts.map(|part| class_of(part.ty())));
    }
    definitions
}

/// Returns the declaration of the class `ty`, or of the class of an array's elements.
pub(crate) fn class_of(ty: Ty<'_>) -> Cursor<'_> {
    element_of(ty).declaration()
}

/// Returns the canonical type of an array's innermost elements, or of `ty` itself.
pub(crate) fn element_of(ty: Ty<'_>) -> Ty<'_> {
    let mut ty = ty.canonical();
    while ty.kind() == CXType_ConstantArray {
        ty = ty.element().canonical();
    }
    ty
}

/// Returns the name of a declaration with its namespaces, `space::name`.
pub(crate) fn qualified_name(cursor: Cursor<'_>) -> String {
    let mut name = cursor.name();
    let mut parent = cursor.parent();
    while !parent.is_null() && parent.kind() == CXCursor_Namespace {
        name = format!("{}::{name}", parent.name());
        parent = parent.parent();
    }
    name
}
