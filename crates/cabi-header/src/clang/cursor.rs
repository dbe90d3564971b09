//! Declarations, attributes, macros and types of a unit: thin methods over libclang's functions.

use std::ffi::{c_int, c_longlong, c_uint, c_ulonglong, c_void};
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ptr;

use clang_sys::*;

use super::{SourcePlace, after, expanded, expansion, text};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// A number, a character or a string.
    pub(crate) is_literal: bool,
    /// Bytes from the start of its file.
    pub(crate) offset: u32,
}

/// A declaration, attribute or macro of a [`Unit`](super::Unit).
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'u> {
    raw: CXCursor,
    unit: PhantomData<&'u ()>,
}

impl PartialEq for Cursor<'_> {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: comparing two cursors reads their fields only.
        unsafe { clang_equalCursors(self.raw, other.raw) != 0 }
    }
}

impl Eq for Cursor<'_> {}

impl Hash for Cursor<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // SAFETY: as in `eq`.
        state.write_u32(unsafe { clang_hashCursor(self.raw) });
    }
}

/// Methods that pass the cursor or type to one function of libclang each.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $function:ident -> $result:ty, $convert:expr;)*) => {
        $($(#[$doc])*
        pub(crate) fn $name(self) -> $result {
            // SAFETY: a `Cursor` or `Ty` borrows its live unit, which is all these functions
            // require of it.
            let raw = unsafe { $function(self.raw) };
            #[allow(clippy::redundant_closure_call)]
            ($convert)(raw)
        })*
    };
}

impl<'u> Cursor<'u> {
    pub(super) fn new(raw: CXCursor) -> Self {
        Self {
            raw,
            unit: PhantomData,
        }
    }

    methods! {
        kind = clang_getCursorKind -> CXCursorKind, |kind| kind;
        /// The declared name; empty for none. clang invents text for some unnamed records.
        name = clang_getCursorSpelling -> String, owned;
        ty = clang_getCursorType -> Ty<'u>, Ty::new;
        storage = clang_Cursor_getStorageClass -> CX_StorageClass, |class| class;
        is_inline = clang_Cursor_isFunctionInlined -> bool, is_true;
        /// Definition of the entity, if it has one.
        definition_or_null = clang_getCursorDefinition -> Cursor<'u>, Cursor::new;
        is_null = clang_Cursor_isNull -> bool, |is: c_int| is != 0;
        /// `true` if clang marked the declaration as wrong.
        is_invalid = clang_isInvalidDeclaration -> bool, is_true;
        /// Type that a typedef names.
        underlying = clang_getTypedefDeclUnderlyingType -> Ty<'u>, Ty::new;
        /// Integer type of an enumeration.
        integer_type = clang_getEnumDeclIntegerType -> Ty<'u>, Ty::new;
        /// Value of an enumerator.
        enum_value = clang_getEnumConstantDeclValue -> c_longlong, |value| value;
        /// Value of an enumerator of an unsigned type.
        enum_unsigned_value = clang_getEnumConstantDeclUnsignedValue -> c_ulonglong, |value| value;
        /// The name the linker knows, as the target's C++ ABI makes it.
        mangled = clang_Cursor_getMangling -> String, owned;
        linkage = clang_getCursorLinkage -> CXLinkageKind, |linkage| linkage;
        /// The namespace or class a declaration belongs to.
        parent = clang_getCursorSemanticParent -> Cursor<'u>, Cursor::new;
        is_virtual = clang_CXXMethod_isVirtual -> bool, is_true;
        is_virtual_base = clang_isVirtualBase -> bool, is_true;
        is_function_macro = clang_Cursor_isMacroFunctionLike -> bool, is_true;
        is_bit_field = clang_Cursor_isBitField -> bool, is_true;
        bit_width = clang_getFieldDeclBitWidth -> c_int, |width| width;
        access = clang_getCXXAccessSpecifier -> CX_CXXAccessSpecifier, |access| access;
        /// Template of which the class is an instance, if it is one.
        template_or_null = clang_getSpecializedCursorTemplate -> Cursor<'u>, Cursor::new;
        /// Offset of a member in bits from the start of its record; negative for an error.
        offset_bits = clang_Cursor_getOffsetOfField -> c_longlong, |at| at;
    }

    /// Returns the definition of the record or enumeration, or a null cursor. An enumeration with
    /// only an integer type is complete (C23 6.7.3.3); its first declaration defines it.
    pub(crate) fn type_definition(self) -> Self {
        let (definition, first) = (self.definition_or_null(), self.ty().declaration());
        match definition.is_null() && first.integer_type().kind() != CXType_Invalid {
            true => first,
            false => definition,
        }
    }

    /// Returns the constants of an enumeration with their values.
    pub(crate) fn enumerators(self) -> Vec<(Cursor<'u>, i128)> {
        let kind = self.integer_type().canonical().kind();
        // clang extends the value by a sign whatever the type.
        let is_unsigned = (CXType_Bool..=CXType_UInt128).contains(&kind);
        let constants = self.children().into_iter();
        constants
            .filter(|child| child.kind() == CXCursor_EnumConstantDecl)
            .map(|constant| {
                let value = if is_unsigned {
                    i128::from(constant.enum_unsigned_value())
                } else {
                    i128::from(constant.enum_value())
                };
                (constant, value)
            })
            .collect()
    }

    pub(crate) fn is_attribute(self) -> bool {
        // SAFETY: takes a number.
        unsafe { clang_isAttribute(self.kind()) != 0 }
    }

    pub(crate) fn is_expression(self) -> bool {
        // SAFETY: takes a number.
        unsafe { clang_isExpression(self.kind()) != 0 }
    }

    /// Returns the declaration of parameter `i` of a function.
    pub(crate) fn arg(self, i: u32) -> Cursor<'u> {
        // SAFETY: the cursor's unit is live; an index too large gives a null cursor.
        Cursor::new(unsafe { clang_Cursor_getArgument(self.raw, i) })
    }

    /// Returns the declaration as clang prints it, attributes included.
    ///
    /// clang prints the strings of attributes without escapes, so a quote need not end a string.
    pub(crate) fn printed_with_strings(self) -> String {
        // SAFETY: the cursor's unit is live; a null policy stands for the default.
        unsafe { text(clang_getCursorPrettyPrinted(self.raw, ptr::null_mut())) }
    }

    /// Returns the declaration as clang prints it, attributes included. Spaces replace the strings,
    /// whose words are no attributes.
    pub(crate) fn printed(self) -> String {
        without_strings(&self.printed_with_strings())
    }

    /// Returns the tokens of the source text that the cursor covers, without comments. An extent
    /// that starts or ends in a macro's expansion starts or ends at the macro's name. An extent
    /// across files has no tokens.
    pub(crate) fn tokens(self) -> Vec<Token> {
        // SAFETY: the cursor's unit, and so its extent, is live.
        unsafe {
            let unit = clang_Cursor_getTranslationUnit(self.raw);
            let range = expanded(unit, clang_getCursorExtent(self.raw));
            range.map_or_else(Vec::new, |range| tokens(unit, range))
        }
    }

    pub(crate) fn place(self) -> SourcePlace {
        // SAFETY: the cursor's unit, and so the location, is live.
        unsafe { SourcePlace::new(clang_getCursorLocation(self.raw)) }
    }

    /// Returns the first and the last position of the declaration.
    pub(crate) fn extent(self) -> (SourcePlace, SourcePlace) {
        // SAFETY: as in `place`.
        unsafe {
            let range = clang_getCursorExtent(self.raw);
            (
                SourcePlace::new(clang_getRangeStart(range)),
                SourcePlace::new(clang_getRangeEnd(range)),
            )
        }
    }

    /// Returns the extent, up to the semicolon that ends the declaration. If a declarator is wrong,
    /// clang's own extent ends before the error.
    pub(crate) fn full_extent(self) -> (SourcePlace, SourcePlace) {
        let (start, mut end) = self.extent();
        let (before, rest) = self.after();
        // A body or a list of members ends a declaration too.
        if before != Some(b'}') {
            end.offset = end
                .offset
                .saturating_add(u32::try_from(rest.len()).unwrap_or(0));
        }
        (start, end)
    }

    /// Returns the byte before the end of the extent, and the source from there up to the next
    /// semicolon or brace.
    pub(crate) fn after(self) -> (Option<u8>, String) {
        // SAFETY: the cursor's unit is live, and the location belongs to it.
        unsafe {
            let unit = clang_Cursor_getTranslationUnit(self.raw);
            after(unit, clang_getRangeEnd(clang_getCursorExtent(self.raw)))
        }
    }

    pub(crate) fn children(self) -> Vec<Cursor<'u>> {
        extern "C" fn visit(
            cursor: CXCursor,
            _: CXCursor,
            nodes: CXClientData,
        ) -> CXChildVisitResult {
            // SAFETY: `nodes` is the vector below, borrowed by nobody else while libclang calls
            // this.
            unsafe { &mut *nodes.cast::<Vec<CXCursor>>() }.push(cursor);
            CXChildVisit_Continue
        }
        let mut nodes: Vec<CXCursor> = Vec::new();
        // SAFETY: the cursor's unit is live; `visit` casts the pointer back to what it points to,
        // during this call only.
        unsafe { clang_visitChildren(self.raw, visit, ptr::from_mut(&mut nodes).cast::<c_void>()) };
        nodes.into_iter().map(Cursor::new).collect()
    }
}

/// Returns the tokens of `range`, comments left out.
///
/// # Safety
/// `unit` is live, and `range` belongs to it.
unsafe fn tokens(unit: CXTranslationUnit, range: CXSourceRange) -> Vec<Token> {
    let (mut raw, mut n): (*mut CXToken, c_uint) = (ptr::null_mut(), 0);
    // SAFETY: the unit is live. The tokens, `n` of them unless null, are ours until they are
    // disposed of here, with their unit.
    unsafe {
        clang_tokenize(unit, range, &mut raw, &mut n);
        if raw.is_null() {
            return Vec::new();
        }
        let tokens = std::slice::from_raw_parts(raw, n as usize)
            .iter()
            .filter(|token| clang_getTokenKind(**token) != CXToken_Comment)
            .map(|token| Token {
                is_literal: clang_getTokenKind(*token) == CXToken_Literal,
                offset: expansion(clang_getTokenLocation(unit, *token)).1,
                text: text(clang_getTokenSpelling(unit, *token)),
            })
            .collect();
        clang_disposeTokens(unit, raw, n);
        tokens
    }
}

/// A type of a [`Unit`](super::Unit), with the typedefs and attributes it was written with.
#[derive(Clone, Copy)]
pub(crate) struct Ty<'u> {
    raw: CXType,
    unit: PhantomData<&'u ()>,
}

impl<'u> Ty<'u> {
    fn new(raw: CXType) -> Self {
        Self {
            raw,
            unit: PhantomData,
        }
    }

    pub(crate) fn kind(self) -> CXTypeKind {
        self.raw.kind
    }

    methods! {
        spelling = clang_getTypeSpelling -> String, owned;
        /// Type without typedefs and attributes, and so without the alignment that those set.
        canonical = clang_getCanonicalType -> Ty<'u>, Ty::new;
        declaration = clang_getTypeDeclaration -> Cursor<'u>, Cursor::new;
        /// Bytes; negative for an error.
        size = clang_Type_getSizeOf -> c_longlong, |size| size;
        /// Bytes; negative for an error.
        align = clang_Type_getAlignOf -> c_longlong, |align| align;
        pointee = clang_getPointeeType -> Ty<'u>, Ty::new;
        /// Element of a vector or complex type.
        element = clang_getElementType -> Ty<'u>, Ty::new;
        n_elements = clang_getNumElements -> c_longlong, |n| n;
        array_element = clang_getArrayElementType -> Ty<'u>, Ty::new;
        array_len = clang_getArraySize -> c_longlong, |n| n;
        named = clang_Type_getNamedType -> Ty<'u>, Ty::new;
        modified = clang_Type_getModifiedType -> Ty<'u>, Ty::new;
        /// Type that `_Atomic` was applied to.
        atomic_value = clang_Type_getValueType -> Ty<'u>, Ty::new;
        result = clang_getResultType -> Ty<'u>, Ty::new;
        n_params = clang_getNumArgTypes -> c_int, |n| n;
        is_variadic = clang_isFunctionTypeVariadic -> bool, is_true;
        convention = clang_getFunctionTypeCallingConv -> CXCallingConv, |convention| convention;
    }

    /// Returns the type's spelling without qualifiers.
    pub(crate) fn unqualified(self) -> String {
        let spelling = self.spelling();
        let is_qualifier = |word: &&str| ["const", "volatile", "restrict"].contains(word);
        let words = spelling.split(' ').filter(|word| !is_qualifier(word));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the kind of an integer type; that of an enumeration is its underlying type's.
    pub(crate) fn integer_kind(self) -> CXTypeKind {
        let ty = self.canonical();
        match ty.kind() {
            CXType_Enum => ty.declaration().integer_type().canonical().kind(),
            kind => kind,
        }
    }

    /// Returns the type of parameter `i` of a function type, decayed.
    pub(crate) fn param(self, i: u32) -> Ty<'u> {
        // SAFETY: the type's unit is live; an index too large gives an invalid type.
        Ty::new(unsafe { clang_getArgType(self.raw, i) })
    }

    /// Returns the members of a record, unnamed bit-fields and anonymous records among them.
    pub(crate) fn fields(self) -> Vec<Cursor<'u>> {
        extern "C" fn visit(field: CXCursor, nodes: CXClientData) -> CXVisitorResult {
            // SAFETY: `nodes` is the vector below, borrowed by nobody else while libclang calls
            // this.
            unsafe { &mut *nodes.cast::<Vec<CXCursor>>() }.push(field);
            CXVisit_Continue
        }
        let mut nodes: Vec<CXCursor> = Vec::new();
        // SAFETY: as in `children`.
        unsafe {
            clang_Type_visitFields(self.raw, visit, ptr::from_mut(&mut nodes).cast::<c_void>())
        };
        nodes.into_iter().map(Cursor::new).collect()
    }
}

fn owned(string: CXString) -> String {
    // SAFETY: called only by the macros above, with what libclang has just returned.
    unsafe { text(string) }
}

fn is_true(flag: c_uint) -> bool {
    flag != 0
}

/// Returns `printed` with each quoted string replaced by as many spaces. A quote in a string, which
/// clang prints without its backslash, leaves `printed` as it is.
pub(crate) fn without_strings(printed: &str) -> String {
    match may_have_quotes_in_strings(printed) {
        true => printed.to_owned(),
        false => between_quotes_blank(printed),
    }
}

/// Returns `printed` with spaces in place of the text between each pair of quotes.
pub(crate) fn between_quotes_blank(printed: &str) -> String {
    let blank = |(i, part): (usize, &str)| match i % 2 {
        0 => part.to_owned(),
        _ => " ".repeat(part.len()),
    };
    let parts: Vec<String> = printed.split('"').enumerate().map(blank).collect();
    parts.join("\"")
}

/// Returns whether a string in `printed` may contain a quote, as it does not begin and end as an
/// argument does.
fn may_have_quotes_in_strings(printed: &str) -> bool {
    let parts: Vec<&str> = printed.split('"').collect();
    let outside = parts.iter().step_by(2);
    let (ends, starts) = (outside.clone().skip(1), outside.take(parts.len() / 2));
    parts.len().is_multiple_of(2)
        || ends.into_iter().any(|rest| !rest.starts_with([')', ',']))
        || starts
            .into_iter()
            .any(|text| !text.trim_end().ends_with(['(', ',', '=']))
}
