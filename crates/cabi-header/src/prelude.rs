//! What every header is read behind: constants from which the data model is known, and stand-ins for types clang lacks.
//!
//! The compiler is asked for the widths and layout rules of C, so `--target`, `-m32`, `-funsigned-char` or `-mlong-double-64` need no
//! table here. clang has no decimal floating point on most targets; typedefs of the same size and alignment take its place, and are
//! known by their names when types are read. The names of TS 18661-3 (`_Float128`), which are gcc's keywords, are typedefs as in glibc.

use std::collections::HashMap;

use cabi::{BitFieldStyle, DataModel, LongDouble, Type};

use crate::clang::{Cursor, Unit};

/// The name under which the text is included; no real file has it.
pub(crate) const NAME: &str = "/cabi-header/prelude.h";

pub(crate) const TEXT: &str = "
typedef float __cabi_decimal32;
typedef double __cabi_decimal64;
typedef char __cabi_decimal128 __attribute__((__vector_size__(16)));
#define _Decimal32 __cabi_decimal32
#define _Decimal64 __cabi_decimal64
#define _Decimal128 __cabi_decimal128
#ifdef __cplusplus
enum { __cabi_cplusplus = 1 };
#else
typedef float _Float32;
typedef double _Float64;
typedef double _Float32x;
#if __LDBL_MANT_DIG__ == 64
typedef long double _Float64x;
#endif
#ifdef __SIZEOF_FLOAT128__
typedef __float128 _Float128;
#elif __LDBL_MANT_DIG__ == 113
typedef long double _Float128;
#endif
#endif
enum { __cabi_long = sizeof(long) };
enum { __cabi_pointer = sizeof(void *) };
enum { __cabi_wchar = sizeof(__WCHAR_TYPE__) };
enum { __cabi_char_signed = (char)-1 < (char)1 };
enum { __cabi_long_double = __LDBL_MANT_DIG__ };
struct __cabi_struct_ms { char a : 4; int b : 4; };
enum { __cabi_ms = sizeof(struct __cabi_struct_ms) == 8 };
struct __cabi_struct_unnamed { char a; int : 3; };
enum { __cabi_unnamed = __alignof__(struct __cabi_struct_unnamed) == 4 };
struct __cabi_struct_8 { char a; double b; };
enum { __cabi_align_8 = __builtin_offsetof(struct __cabi_struct_8, b) };
struct __cabi_struct_ld { char a; long double b; };
enum { __cabi_align_ld = __builtin_offsetof(struct __cabi_struct_ld, b) };
enum { __cabi_size_ld = sizeof(long double) };
#ifdef __SIZEOF_INT128__
struct __cabi_struct_16 { char a; __int128 b; };
enum { __cabi_align_16 = __builtin_offsetof(struct __cabi_struct_16, b) };
#endif
struct __cabi_struct_empty {};
enum { __cabi_empty = sizeof(struct __cabi_struct_empty) };
struct __cabi_struct_bit { char a; _BitInt(128) b; };
enum { __cabi_align_bit = __builtin_offsetof(struct __cabi_struct_bit, b) };
";

/// The stand-in's type, if `typedef` is the name of one.
pub(crate) fn stand_in(typedef: &str) -> Option<Type> {
    match typedef {
        "__cabi_decimal32" => Some(Type::DEC32),
        "__cabi_decimal64" => Some(Type::DEC64),
        "__cabi_decimal128" => Some(Type::DEC128),
        _ => None,
    }
}

/// Reads the constants back.
///
/// # Errors
/// A sentence saying what this crate cannot model.
pub(crate) fn data_model(unit: &Unit<'_>) -> Result<DataModel, String> {
    let constants: HashMap<String, i64> = unit
        .cursor()
        .children()
        .into_iter()
        .take_while(|top| top.place().file == NAME || top.place().file.is_empty())
        .filter(|top| top.kind() == clang_sys::CXCursor_EnumDecl)
        .flat_map(Cursor::children)
        .map(|constant| (constant.name(), constant.enum_value()))
        .collect();
    let byte = |name: &str| {
        constants
            .get(name)
            .and_then(|value| u8::try_from(*value).ok())
            .ok_or_else(|| format!("clang did not say what {name} is"))
    };
    if constants.contains_key("__cabi_cplusplus") {
        return Err("C++ is not supported yet: declarations are read as C".to_owned());
    }
    let mut model = DataModel::LP64;
    model.long = byte("__cabi_long")?;
    model.pointer = byte("__cabi_pointer")?;
    model.wchar = byte("__cabi_wchar")?;
    model.char_signed = byte("__cabi_char_signed")? == 1;
    model.long_double = match byte("__cabi_long_double")? {
        53 => LongDouble::F64,
        64 => LongDouble::F80,
        113 => LongDouble::F128,
        digits => {
            return Err(format!(
                "a `long double` of {digits} binary digits is not supported"
            ));
        }
    };
    model.bit_fields = if byte("__cabi_ms")? == 1 {
        BitFieldStyle::Ms
    } else {
        BitFieldStyle::SysV
    };
    // Microsoft's rules give every bit-field's container its type's alignment.
    model.unnamed_bit_fields_align =
        model.bit_fields == BitFieldStyle::SysV && byte("__cabi_unnamed")? == 1;
    model.max_align_8 = byte("__cabi_align_8")?;
    model.max_align_16 = if byte("__cabi_size_ld")? > 8 {
        byte("__cabi_align_ld")?
    } else {
        byte("__cabi_align_16").unwrap_or(16)
    };
    model.empty_record = byte("__cabi_empty")?;
    model.big_bit_int_align = byte("__cabi_align_bit").unwrap_or(8);
    Ok(model)
}
