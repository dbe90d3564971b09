//! Kinds of declarations: which are types, which are walked into, and which C++ has and this crate does not read.

use clang_sys::*;

use crate::clang::Cursor;

const RECORDS: [CXCursorKind; 3] = [CXCursor_StructDecl, CXCursor_UnionDecl, CXCursor_ClassDecl];

const METHODS: [CXCursorKind; 4] = [
    CXCursor_CXXMethod,
    CXCursor_Constructor,
    CXCursor_Destructor,
    CXCursor_ConversionFunction,
];

pub(crate) const SCOPES: [CXCursorKind; 2] = [CXCursor_LinkageSpec, CXCursor_Namespace];

pub(crate) const TYPEDEFS: [CXCursorKind; 2] = [CXCursor_TypedefDecl, CXCursor_TypeAliasDecl];

pub(crate) fn is_type(kind: CXCursorKind) -> bool {
    RECORDS.contains(&kind) || kind == CXCursor_EnumDecl
}

/// Whether a declaration of kind `child` is looked at inside of `outer`.
pub(crate) fn is_walked(outer: Cursor<'_>, child: CXCursorKind) -> bool {
    match outer.kind() {
        // What is in an unnamed namespace has no symbol others can refer to.
        k if k == CXCursor_Namespace => !outer.name().is_empty(),
        k if k == CXCursor_LinkageSpec => true,
        k if RECORDS.contains(&k) => is_type(child) || METHODS.contains(&child),
        _ => false,
    }
}

/// What a declaration is that is left out for its kind.
pub(crate) fn unsupported_cxx(kind: CXCursorKind) -> Option<&'static str> {
    match kind {
        k if METHODS.contains(&k) => Some("a member function"),
        k if k == CXCursor_FunctionTemplate => Some("a function template"),
        k if k == CXCursor_ClassTemplate || k == CXCursor_ClassTemplatePartialSpecialization => {
            Some("a class template")
        }
        _ => None,
    }
}

/// Directives and macros, which are kept next to the declarations. An error within them costs the whole header.
pub(crate) fn is_preprocessing(kind: CXCursorKind) -> bool {
    (CXCursor_PreprocessingDirective..=CXCursor_InclusionDirective).contains(&kind)
}
