//! Text that clang reads before every header: constants from which the data model is known, and
//! stand-ins for types clang lacks.
//!
//! The widths and layout rules of C are constants that clang evaluates, so `--target`, `-m32`,
//! `-funsigned-char` or `-mlong-double-64` need no table here. The names of TS 18661-3
//! (`_Float128`), which are gcc's keywords, are typedefs as in glibc. Cygwin's `va_list` is a
//! pointer; clang 19 takes it for System V's.
//!
//! On most targets clang has no decimal floating point. Structures of the same size and alignment
//! take its place, and are known by their tags when types are read. Unlike a typedef's name, a tag
//! is part of the type by whatever way the type is reached.
//!
//! In C++ the three classes at the start check that calls go by clang's
//! `__is_trivially_relocatable` (Itanium C++ ABI 3.1.1, non-trivial for the purposes of calls).
//! Neither a destructor nor deleted copies may count as trivial, and an assignment operator may not
//! matter. The known versions of clang do so, except with Microsoft's C++ ABI.

use std::collections::HashMap;

use cabi::{BitFieldStyle, DataModel, LongDouble, RecordRules, Target, Type, VectorLevel};

use crate::clang::{Cursor, Unit};
use crate::parse::ignored::{self, IGNORED};

/// The name under which the text is included; no real file has it. On Windows a path without a
/// drive is relative, and clang searches for it.
pub(crate) const NAME: &str = match cfg!(windows) {
    true => "C:/cabi-header/prelude.h",
    false => "/cabi-header/prelude.h",
};

/// Returns the text of the prelude.
pub(crate) fn text() -> String {
    include_str!("prelude.h").to_owned() + &ignored::constants()
}

/// Returns the stand-in's type, if `tag` is the tag of one.
pub(crate) fn stand_in(tag: &str) -> Option<Type> {
    match tag {
        "__cabi_decimal32" => Some(Type::DEC32),
        "__cabi_decimal64" => Some(Type::DEC64),
        "__cabi_decimal128" => Some(Type::DEC128),
        _ => None,
    }
}

/// Returns `text`, a type as clang prints it, with C's names in place of the stand-ins'.
pub(crate) fn names_of_c(text: &str) -> String {
    let names = ["32", "64", "128"].into_iter();
    names.fold(text.to_owned(), |text, bits| {
        text.replace(&format!("__cabi_decimal{bits}"), &format!("_Decimal{bits}"))
    })
}

/// Facts that the constants state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) model: DataModel,
    pub(crate) cxx: bool,
    /// C++20 or later.
    pub(crate) cxx20: bool,
    /// `true` in C++ if calls go by `__is_trivially_relocatable`.
    pub(crate) knows_calls: bool,
    pub(crate) x86_64: bool,
    /// `true` for x86-64 and i386.
    pub(crate) x86: bool,
    /// `true` if the arguments turn the x87 registers off.
    pub(crate) without_x87: bool,
    /// `true` if `inline` has the meaning of GNU's older C: a function has no symbol with `extern`,
    /// and one without it.
    pub(crate) gnu_inline: bool,
    /// Signedness of `wchar_t` in C++, where it is a type of its own.
    pub(crate) wchar_signed: bool,
    /// The widest vectors that the arguments enable.
    pub(crate) vectors: VectorLevel,
    /// `true` for each attribute of [`IGNORED`] that the machine has and this libclang has not.
    pub(crate) ignored: [bool; IGNORED.len()],
}

/// Reads the constants back.
///
/// # Errors
/// A sentence that names what this crate cannot model.
pub(crate) fn facts(unit: &Unit<'_>) -> Result<Facts, String> {
    let constants: HashMap<String, i64> = unit
        .cursor()
        .children()
        .into_iter()
        .filter(|top| top.kind() == clang_sys::CXCursor_EnumDecl)
        .take_while(|top| top.place().file == NAME || top.place().file.is_empty())
        .flat_map(Cursor::children)
        .map(|constant| (constant.name(), constant.enum_value()))
        .collect();
    let byte = |name: &str| {
        constants
            .get(name)
            .and_then(|value| u8::try_from(*value).ok())
            .ok_or_else(|| format!("clang gave no value for {name}"))
    };
    let is = |name: &str| constants.get(name) == Some(&1);
    if is("__cabi_without_sse2") {
        let why = "the arguments for clang (-mno-sse2, -mgeneral-regs-only or the like) turn off the vector registers in which floats are passed";
        return Err(why.to_owned());
    }
    if is("__cabi_without_evex512") {
        let why = "the arguments for clang (-mno-evex512, -mavx10.1-256 or the like) turn off the registers of 64 bytes: clang then passes a vector of 64 bytes in two registers";
        return Err(why.to_owned());
    }
    let vectors = match constants.get("__cabi_vectors") {
        Some(2) => VectorLevel::Avx512,
        Some(1) => VectorLevel::Avx,
        _ => VectorLevel::Baseline,
    };
    let triple = unit.triple();
    let mut model = data_model(&byte, &triple)?;
    let is_msvc = triple.contains("-msvc") || triple.contains("-uefi");
    model.records = if is_msvc {
        RecordRules::Msvc
    } else {
        RecordRules::Clang
    };
    let cxx = is("__cabi_cplusplus");
    // The size is C's. clang does not show it in C++, where a record without members has a byte.
    model.empty_record = match (cxx, is_msvc) {
        (false, _) => byte("__cabi_empty")?,
        (true, true) => DataModel::LLP64.empty_record,
        (true, false) => DataModel::LP64.empty_record,
    };
    Ok(Facts {
        model,
        cxx,
        cxx20: is("__cabi_cplusplus20"),
        knows_calls: is("__cabi_knows_calls"),
        x86_64: is("__cabi_x86_64"),
        x86: is("__cabi_x86"),
        without_x87: is("__cabi_x87_off"),
        gnu_inline: is("__cabi_gnu_inline"),
        wchar_signed: is("__cabi_wchar_signed"),
        vectors,
        ignored: IGNORED.map(|(name, ..)| is(&format!("__cabi_ignores_{name}"))),
    })
}

fn data_model(
    byte: &impl Fn(&str) -> Result<u8, String>,
    triple: &str,
) -> Result<DataModel, String> {
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
    // clang does not state gcc's alignment, and an old clang does not state its own.
    let known = Target::named(triple).ok();
    let known = known.map(|target| *target.data_model());
    let clang = known.map_or(8, |known| known.clang_big_bit_int_align);
    model.clang_big_bit_int_align = byte("__cabi_align_bit").unwrap_or(clang);
    model.big_bit_int_align = match known {
        Some(known) => known.big_bit_int_align,
        None => model.clang_big_bit_int_align,
    };
    model.max_vector_align = byte("__cabi_align_vector").unwrap_or(64);
    Ok(model)
}
