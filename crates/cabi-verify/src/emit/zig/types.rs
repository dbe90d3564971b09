//! Types in Zig: `extern struct`, `extern union`, `@Vector`, and the types that Zig cannot express.
//!
//! `align(N)` places members; in Zig it lowers an alignment too. A packed record of C can thus be
//! expressed where some alignment gives each member its offset. The Zig type has the size and the
//! offsets of the C type by Zig's own rules; otherwise it is not expressible.

use std::fmt::Write as _;

use cabi::{BoolVector, Kind, Record, RecordKind, Scalar, Type, Vector, VectorLevel};

use thiserror::Error;

use super::Backend;

/// Reason why Zig cannot express a type or a function.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Error)]
#[error("not expressible in Zig: {0}")]
pub(crate) struct NotExpressible(pub(super) String);

pub(crate) fn not_expressible<T>(why: impl Into<String>) -> Result<T, NotExpressible> {
    Err(NotExpressible(why.into()))
}

/// One of Zig's two names of a number: parameters take C's (`c_int`), members Zig's (`i32`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    C,
    Zig,
}

/// Properties that the layout of vectors depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VectorRules {
    pub(super) backend: Backend,
    pub(super) level: VectorLevel,
    /// `true` if the function has Zig's own convention, which passes slices, and any vector.
    pub(super) auto: bool,
}

/// Declares records once each, under names that start with a prefix.
#[derive(Debug)]
pub(super) struct Speller<'a> {
    prefix: &'a str,
    place: VectorRules,
    /// Records and enumerations with the names they have here. A typedef may give one of them other
    /// alignments.
    pub(super) declared: Vec<(Type, String)>,
    /// The text of their declarations, in order.
    pub(super) text: String,
}

/// A type as Zig has it.
#[derive(Clone, Debug)]
struct Word {
    text: String,
    size: u64,
    align: u32,
}

impl<'a> Speller<'a> {
    pub(super) fn new(prefix: &'a str, place: VectorRules) -> Self {
        Self {
            prefix,
            place,
            declared: Vec::new(),
            text: String::new(),
        }
    }

    /// Returns the text of a parameter or result of type `ty`.
    pub(super) fn value(&mut self, ty: &Type) -> Result<String, NotExpressible> {
        if *ty.kind() == Kind::Void {
            return Ok("void".to_owned());
        }
        let word = self.word(ty, Names::C)?;
        if word.align != ty.align() {
            return not_expressible("an alignment of its own on a type that is passed");
        }
        Ok(word.text)
    }

    fn word(&mut self, ty: &Type, names: Names) -> Result<Word, NotExpressible> {
        if ty.is_atomic() {
            return not_expressible("_Atomic");
        }
        // Without the alignment that a typedef may set.
        let plain = |text: String| Word {
            text,
            size: ty.size(),
            align: u32::try_from(ty.size()).unwrap_or(u32::MAX),
        };
        match ty.kind() {
            Kind::Slice if self.place.auto => Ok(Word {
                text: "[]u8".to_owned(),
                size: ty.size(),
                align: ty.align(),
            }),
            Kind::Scalar(scalar) => Ok(plain(number(*scalar, names)?)),
            Kind::Enum(scalar) => {
                let text = format!("enum({}) {{ _ }}", number(*scalar, Names::Zig)?);
                Ok(plain(self.name_of(ty, &text)))
            }
            Kind::Vector(vector) => Ok(plain(self.lanes(*vector, ty.size())?)),
            Kind::Complex(_) => not_expressible("_Complex: Zig has records of two instead"),
            Kind::Array(array) => {
                let elem = self.word(&array.elem, Names::Zig)?;
                let Some(len) = array.len else {
                    return not_expressible("a flexible array member");
                };
                if elem.size != array.elem.size() {
                    return not_expressible("array elements of another size than in Zig");
                }
                Ok(Word {
                    text: format!("[{len}]{}", elem.text),
                    size: ty.size(),
                    align: elem.align,
                })
            }
            Kind::Record(record) => self.record(ty, record),
            _ => not_expressible("a slice or a function as a value"),
        }
    }

    fn record(&mut self, ty: &Type, record: &Record) -> Result<Word, NotExpressible> {
        if let Some(text) = own_type(record) {
            return Ok(Word {
                text: self.name_of(ty, text),
                size: ty.size(),
                align: record.align(),
            });
        }
        if record.is_transparent() {
            return not_expressible("a transparent union");
        }
        let mut words = Vec::new();
        for field in record.fields() {
            if field.bit_field().is_some() {
                return not_expressible("a bit-field");
            }
            words.push((field.offset(), self.word(field.ty(), Names::Zig)?));
        }
        // The first member sets the record's own alignment, where the members have less.
        let body = body(record, &words, 1)?;
        let body = match body.align < record.align() {
            true => self::body(record, &words, record.align())?,
            false => body,
        };
        if body.size != ty.size() || body.align != record.align() {
            return not_expressible("a size or an alignment that the members do not give");
        }
        Ok(Word {
            text: self.name_of(ty, &body.text),
            ..body
        })
    }

    fn lanes(&self, vector: Vector, size: u64) -> Result<String, NotExpressible> {
        if vector.bools == Some(BoolVector::Zig) {
            return Ok(format!("@Vector({}, bool)", vector.lanes));
        }
        if vector.bools.is_some() {
            return not_expressible("clang's vectors of bools");
        }
        let register = match self.place.level {
            VectorLevel::Baseline => 16,
            VectorLevel::Avx512 if self.place.auto => 64,
            _ => 32,
        };
        if self.place.backend == Backend::Own && !(16..=register).contains(&size) {
            return not_expressible(
                "a vector that Zig's own back end aligns differently from C, or crashes on",
            );
        }
        let lane = number(vector.lane, Names::Zig)?;
        Ok(format!("@Vector({}, {lane})", vector.lanes))
    }

    /// Returns the name of a type; `text` declares it if there is none yet.
    fn name_of(&mut self, ty: &Type, text: &str) -> String {
        let known = self
            .declared
            .iter()
            .find(|(known, _)| known.kind() == ty.kind());
        if let Some((_, name)) = known {
            return name.clone();
        }
        let name = format!("{}t{}", self.prefix, self.declared.len());
        let _ = writeln!(self.text, "const {name} = {text};");
        self.declared.push((ty.clone(), name.clone()));
        name
    }
}

/// Returns the text of the Zig type that the record stands for, if C has no such type. The record
/// has its size and alignment, and the tag `zig` with that text.
pub(super) fn own_type(record: &Record) -> Option<&str> {
    record.tag()?.strip_prefix("zig ")
}

/// Returns the declaration of a record whose members have these offsets. The first of them is
/// aligned to `minimum` bytes or more.
fn body(record: &Record, members: &[(u64, Word)], minimum: u32) -> Result<Word, NotExpressible> {
    let is_union = record.kind() == RecordKind::Union;
    let mut text = format!("extern {} {{", if is_union { "union" } else { "struct" });
    let (mut end, mut align) = (0, 1);
    for (i, (offset, member)) in members.iter().enumerate() {
        let before = if is_union { 0 } else { end };
        let minimum = if i == 0 { minimum } else { 1 };
        let Some(chosen) = placed(before, *offset, member.align, minimum, record.align()) else {
            return not_expressible("an offset or an alignment that no align(N) gives");
        };
        let _ = write!(text, " m{i}: {}", member.text);
        if chosen != member.align {
            let _ = write!(text, " align({chosen})");
        }
        text.push(',');
        align = align.max(chosen);
        end = end.max(offset + member.size);
    }
    text.push_str(" }");
    Ok(Word {
        text,
        size: end.next_multiple_of(u64::from(align)),
        align,
    })
}

/// Returns the alignment that puts a member at `offset` when `end` bytes are taken: its own if that
/// does it, else the smallest. It is at least `min`, at most `max`.
fn placed(end: u64, offset: u64, natural: u32, min: u32, max: u32) -> Option<u32> {
    let powers = (0..31).map(|shift| 1_u32 << shift);
    std::iter::once(natural)
        .chain(powers)
        .filter(|align| (min..=max).contains(align))
        .find(|align| end.next_multiple_of(u64::from(*align)) == offset)
}

fn number(scalar: Scalar, names: Names) -> Result<String, NotExpressible> {
    let c = names == Names::C;
    Ok(match scalar {
        Scalar::Bool => "bool",
        Scalar::F16 => "f16",
        Scalar::F32 => "f32",
        Scalar::F64 => "f64",
        Scalar::F80 if c => "c_longdouble",
        Scalar::F80 => "f80",
        Scalar::F128 => "f128",
        Scalar::Ptr => "?*anyopaque",
        Scalar::FnPtr => "?*const fn () callconv(.c) void",
        Scalar::Int { bits, signed } => return Ok(integer(bits, signed, c)),
        Scalar::BitInt { .. } => return not_expressible("_BitInt"),
        Scalar::BF16 => return not_expressible("__bf16"),
        _ => return not_expressible("a decimal float"),
    }
    .to_owned())
}

fn integer(bits: u8, signed: bool, c: bool) -> String {
    match (bits, signed) {
        (16, true) if c => "c_short".to_owned(),
        (16, false) if c => "c_ushort".to_owned(),
        (32, true) if c => "c_int".to_owned(),
        (32, false) if c => "c_uint".to_owned(),
        (64, true) if c => "c_long".to_owned(),
        (64, false) if c => "c_ulonglong".to_owned(),
        _ => format!("{}{bits}", if signed { "i" } else { "u" }),
    }
}
