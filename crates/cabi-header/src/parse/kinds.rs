//! Kinds of declarations: types, those that are walked into, and those of C++ that this crate does
//! not read. Also kinds of types.

use cabi::{DataModel, Type};
use clang_sys::*;

use crate::clang::{Cursor, Ty};
use crate::reason::Reason;

pub(crate) const RECORDS: [CXCursorKind; 3] =
    [CXCursor_StructDecl, CXCursor_UnionDecl, CXCursor_ClassDecl];

pub(crate) const METHODS: [CXCursorKind; 4] = [
    CXCursor_CXXMethod,
    CXCursor_Constructor,
    CXCursor_Destructor,
    CXCursor_ConversionFunction,
];

pub(crate) const SCOPES: [CXCursorKind; 3] =
    [CXCursor_LinkageSpec, OLD_LINKAGE_SPEC, CXCursor_Namespace];

/// An `extern "C" { .. }` of libclang 17 and older.
const OLD_LINKAGE_SPEC: CXCursorKind = CXCursor_UnexposedDecl;

pub(crate) const TYPEDEFS: [CXCursorKind; 2] = [CXCursor_TypedefDecl, CXCursor_TypeAliasDecl];

pub(crate) fn is_type(kind: CXCursorKind) -> bool {
    RECORDS.contains(&kind) || kind == CXCursor_EnumDecl
}

pub(crate) fn is_function(kind: CXTypeKind) -> bool {
    matches!(kind, CXType_FunctionProto | CXType_FunctionNoProto)
}

pub(crate) fn is_array(kind: CXTypeKind) -> bool {
    matches!(
        kind,
        CXType_ConstantArray | CXType_IncompleteArray | CXType_VariableArray
    )
}

/// Returns the type of an array's innermost elements, or `ty` itself if it is no array.
pub(crate) fn innermost(mut ty: Ty<'_>) -> Ty<'_> {
    while is_array(ty.kind()) {
        ty = ty.array_element();
    }
    ty
}

/// Returns whether `kind` is a pointer, or a reference of C++, which is passed as a pointer.
pub(crate) fn is_pointer(kind: CXTypeKind) -> bool {
    [
        CXType_Pointer,
        CXType_LValueReference,
        CXType_RValueReference,
    ]
    .contains(&kind)
}

/// Returns the refusal of `ty`, which is no supported type of C.
pub(crate) fn not_of_c(ty: Ty<'_>, target: &str) -> Reason {
    let (ty, target) = (ty.spelling(), target.to_owned());
    let why = match () {
        () if ty.contains("__rvv_") => {
            "the size of a scalable vector of RISC-V's V extension is not known when compiling"
        }
        () if ty.contains("__SV") || ty.contains("__clang_sv") => {
            "the size of a scalable vector of SVE is not known when compiling"
        }
        () => "this is not a supported type of C",
    };
    cabi::Error::Unsupported { ty, why, target }.into()
}

/// Returns whether a declaration of kind `child` is looked at inside of `outer`.
pub(crate) fn is_walked(outer: Cursor<'_>, child: CXCursorKind) -> bool {
    match outer.kind() {
        // Declarations in an unnamed namespace have no symbol that others can refer to.
        CXCursor_Namespace => !outer.name().is_empty(),
        CXCursor_LinkageSpec | OLD_LINKAGE_SPEC => true,
        k if RECORDS.contains(&k) => is_type(child) || METHODS.contains(&child),
        _ => false,
    }
}

/// Returns the name of `kind`, if declarations of this kind are left out.
pub(crate) fn unsupported_cxx(kind: CXCursorKind) -> Option<&'static str> {
    match kind {
        k if METHODS.contains(&k) => Some("a member function"),
        CXCursor_FunctionTemplate => Some("a function template"),
        CXCursor_ClassTemplate | CXCursor_ClassTemplatePartialSpecialization => {
            Some("a class template")
        }
        _ => None,
    }
}

/// Returns whether `kind` is a directive or a macro, which are kept next to the declarations. An
/// error within them costs the whole header.
pub(crate) fn is_preprocessing(kind: CXCursorKind) -> bool {
    (CXCursor_PreprocessingDirective..=CXCursor_InclusionDirective).contains(&kind)
}

/// Returns whether names in `scope`, a class, a namespace or the whole text, may have other
/// meanings than after the end of the text.
pub(crate) fn has_own_names(scope: Cursor<'_>) -> bool {
    match scope.kind() {
        CXCursor_TranslationUnit => false,
        CXCursor_LinkageSpec | OLD_LINKAGE_SPEC => has_own_names(scope.parent()),
        kind if RECORDS.contains(&kind) => {
            let is_plain = |child: &Cursor<'_>| {
                let kind = child.kind();
                let plain = [CXCursor_FieldDecl, CXCursor_CXXAccessSpecifier];
                plain.contains(&kind) || METHODS.contains(&kind) || child.is_attribute()
            };
            !scope.children().iter().all(is_plain) || has_own_names(scope.parent())
        }
        _ => true,
    }
}

/// Returns the integer type of a kind that integer constants have: at most 64 bits.
pub(crate) fn integer(model: &DataModel, kind: CXTypeKind) -> Option<Type> {
    Some(match kind {
        CXType_Bool => Type::BOOL,
        CXType_Char_S | CXType_Char_U => model.char(),
        CXType_SChar => Type::I8,
        CXType_UChar => Type::U8,
        CXType_Short => Type::I16,
        CXType_UShort => Type::U16,
        CXType_Int => Type::I32,
        CXType_UInt => Type::U32,
        CXType_Long => model.long(),
        CXType_ULong => model.unsigned_long(),
        CXType_LongLong => Type::I64,
        CXType_ULongLong => Type::U64,
        _ => return None,
    })
}
