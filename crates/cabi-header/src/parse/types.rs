//! Conversion of clang's types to [`Type`]s. Each type's size and alignment are compared with
//! clang's.
//!
//! Types are followed as they were written, not in their canonical form: clang drops the alignment
//! of a typedef inside an array there.

use std::collections::HashMap;

use cabi::{DataModel, Kind, Member, Record, RecordBuilder, RecordRules, Scalar, Type};
use clang_sys::*;

use crate::clang::{Cursor, Ty};
use crate::parse::attributes::{
    Position, has_alignment, head, is_mode_of_sign, keeps_alignment, may_align_otherwise,
    may_drop_alignment, position,
};
use crate::parse::clang_record::{difference, size_mismatch};
use crate::parse::errors::Errors;
use crate::parse::ignored::Subject;
use crate::parse::kinds::{integer, is_function, is_pointer, not_of_c};
use crate::parse::pragmas::Pragmas;
use crate::parse::prelude::{self, Facts};
use crate::parse::questions::{Answers, Questions};
use crate::reason::Reason;

/// Most typedefs, arrays and records that may wrap each other.
const MAX_NESTING: u32 = 256;

/// Returns the reason for an attribute that gcc heeds and clang ignores.
pub(crate) fn ignored_in_name(attribute: &str) -> Reason {
    Reason::Attribute(format!("{attribute} in the name of a type"))
}

/// Reason for which a record or typedef with several alignments is refused.
pub(crate) const SEVERAL_ALIGNED: &str =
    "gcc heeds the last of several `aligned` on it, clang the greatest";

/// Reads types of one unit, each record and typedef once.
pub(crate) struct Reader<'u> {
    pub(crate) model: DataModel,
    pub(crate) facts: Facts,
    pub(crate) target: String,
    /// Rules of the layout that is wanted; `None` for types that gcc and clang lay out alike.
    pub(crate) records: Option<RecordRules>,
    answers: Answers,
    /// Questions that have no answer yet.
    pub(crate) questions: Questions,
    /// Types of the declarations of records and typedefs that were read.
    known: HashMap<Cursor<'u>, Result<Type, Reason>>,
    /// Pragmas that occur in the text.
    pub(crate) pragmas: Pragmas,
    pub(crate) errors: Errors,
    nesting: u32,
    /// Number of nodes of the [`WrittenType`](crate::WrittenType) being made.
    pub(crate) n_written: u32,
}

/// Returns whether clang's spelling of a record or enumeration means that it has no name.
pub(crate) fn is_unnamed(spelling: &str) -> bool {
    spelling.contains('(')
}

impl<'u> Reader<'u> {
    /// Returns a reader. `facts` have clang's rules for records, or Microsoft's.
    pub(crate) fn new(
        facts: Facts,
        target: &str,
        answers: &Answers,
        errors: Errors,
        pragmas: Pragmas,
        records: Option<RecordRules>,
    ) -> Self {
        let stated = facts.model.records;
        let as_gcc =
            records == Some(RecordRules::Gcc) && stated == RecordRules::Clang && !facts.cxx;
        let rules = if as_gcc { RecordRules::Gcc } else { stated };
        Self {
            model: facts.model.with_records(rules),
            facts,
            target: target.to_owned(),
            records,
            answers: answers.clone(),
            questions: Questions::default(),
            known: HashMap::new(),
            pragmas,
            errors,
            nesting: 0,
            n_written: 0,
        }
    }

    /// Returns the value of a constant expression: `None` until it is known, `Some(None)` if it has
    /// none.
    pub(crate) fn value(&mut self, expression: &str) -> Option<Option<u32>> {
        let Some(answer) = self.answers.values.get(expression) else {
            self.questions.values.push(expression.to_owned());
            return None;
        };
        // `_Alignof` of an expression is clang's extension and means something else.
        let value = answer.value.or(answer.align);
        Some(value.and_then(|value| u32::try_from(value.min(u32::MAX.into())).ok()))
    }

    /// Returns the type `ty`, checked against clang's size and alignment.
    pub(crate) fn ty(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        if self.nesting >= MAX_NESTING {
            return Err(Reason::Unsupported {
                ty: ty.spelling(),
                why: "its declaration nests too deep",
            });
        }
        // For a reference, clang gives the size of the type that it refers to.
        if [CXType_LValueReference, CXType_RValueReference].contains(&ty.canonical().kind()) {
            return Ok(self.pointer(ty.canonical().pointee()));
        }
        self.nesting += 1;
        let result = self.unchecked(ty);
        self.nesting -= 1;
        let result = result?;
        // A type that clang lays out otherwise is reported, never used.
        match self.is_as_gcc() && may_differ(ty, &result) {
            true => Ok(result),
            false => size_mismatch(ty, &result).map_or(Ok(result), Err),
        }
    }

    fn unchecked(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let kind = ty.kind();
        if kind == CXType_Half && self.facts.x86 {
            let why = "in records clang passes it in memory by the System V convention, and gcc for x86 does not have this type";
            return Err(unsupported(ty, why));
        }
        if let Some(scalar) = self.scalar(kind) {
            if self.facts.without_x87 && scalar == Type::F80 {
                let why = "the arguments for clang (-mno-80387) turn off the x87 registers, which it is passed in";
                return Err(unsupported(ty, why));
            }
            return Ok(self.model.adapt(&scalar));
        }
        let pointer = i64::from(self.model.pointer);
        if is_pointer(ty.canonical().kind()) && ty.size() > 0 && ty.size() != pointer {
            return Err(unsupported(ty, "it has another size than other pointers"));
        }
        match kind {
            CXType_Typedef => {
                let typedef = ty.declaration();
                self.once(typedef, |reader| reader.typedef(ty, typedef))
            }
            CXType_Elaborated => self.aligned_as(ty, ty.named()),
            CXType_Attributed => self.aligned_as(ty, ty.modified()),
            k if is_pointer(k) => Ok(self.pointer(ty.pointee())),
            CXType_Record => self.record(ty.declaration()),
            CXType_Enum => self.enumeration(ty),
            CXType_ConstantArray => {
                let element = self.ty(ty.array_element())?;
                // libclang's number has a sign, and the bits of the target's `size_t`.
                let len = u64::try_from(ty.array_len()).ok();
                let array = len.map(|len| Type::array(&element, len)).transpose()?;
                let ptrdiff_bits = 8 * u32::from(self.model.pointer) - 1;
                array
                    .filter(|array| array.size() >> ptrdiff_bits == 0)
                    .ok_or_else(|| {
                        unsupported(
                            ty,
                            "it has more bytes than `ptrdiff_t` can count, and gcc refuses it",
                        )
                    })
            }
            CXType_IncompleteArray => Ok(Type::flexible_array(&self.ty(ty.array_element())?)?),
            CXType_Complex => Ok(Type::complex(&self.ty(ty.element())?)?),
            CXType_Vector | CXType_ExtVector => self.vector(ty),
            CXType_Atomic => self.atomic(ty),
            CXType_FunctionProto | CXType_FunctionNoProto => Ok(Type::FUNCTION),
            CXType_Unexposed => self.unexposed(ty),
            CXType_MemberPointer => Err(Reason::Cxx("a pointer to a member")),
            CXType_BlockPointer => Ok(self.model.pointer()),
            CXType_VariableArray => {
                Err(unsupported(ty, "an array of variable length has no layout"))
            }
            _ => Err(not_of_c(ty, &self.target)),
        }
    }

    /// Returns the type `ty`, an `_Atomic`. clang gives it no alignment of a typedef.
    fn atomic(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let value = self.ty(ty.atomic_value())?;
        let plain = self.ty(ty.atomic_value().canonical())?;
        if !self.is_as_clang() && value.align() != plain.align() {
            let why = "gcc may give `_Atomic` the alignment of the typedef, clang does not";
            return Err(unsupported(ty, why));
        }
        let atomic = plain.atomic()?;
        let clang = self.as_clang(ty.atomic_value().canonical(), &plain)?;
        size_mismatch(ty, &clang.atomic()?).map_or(Ok(atomic), Err)
    }

    fn scalar(&self, kind: CXTypeKind) -> Option<Type> {
        let model = &self.model;
        if let Some(integer) = integer(model, kind) {
            return Some(integer);
        }
        Some(match kind {
            CXType_Void => Type::VOID,
            CXType_Int128 => Type::I128,
            CXType_UInt128 => Type::U128,
            CXType_Half | CXType_Float16 => Type::F16,
            CXType_BFloat16 => Type::BF16,
            CXType_Float => Type::F32,
            CXType_Double => Type::F64,
            CXType_LongDouble => model.long_double(),
            CXType_Float128 => Type::F128,
            CXType_NullPtr => Type::PTR,
            CXType_Char16 => Type::U16,
            CXType_Char32 => Type::U32,
            CXType_WChar => match (model.wchar, self.facts.wchar_signed) {
                (2, _) => Type::U16,
                (_, true) => Type::I32,
                (_, false) => Type::U32,
            },
            _ => return None,
        })
    }

    /// Returns the type `inner` that the typedef or other wrapper `outer` names, with the alignment
    /// that `outer` has.
    fn aligned_as(&mut self, outer: Ty<'u>, inner: Ty<'u>) -> Result<Type, Reason> {
        let read = self.ty(inner)?;
        // If `read` agrees with clang about `inner`, a difference comes from an attribute of the
        // wrapper.
        let is_changed = |align: u32| match self.model.records {
            // In packed records, Microsoft's compilers also heed an alignment that changes nothing.
            RecordRules::Msvc => align != read.align() || has_alignment(outer),
            RecordRules::Gcc => outer.align() != inner.align() || has_alignment(outer),
            _ => align != read.align(),
        };
        match u32::try_from(outer.align()) {
            Ok(align)
                if is_changed(align) && !matches!(read.kind(), Kind::Void | Kind::Function) =>
            {
                Ok(read.with_align(align)?)
            }
            _ => Ok(read),
        }
    }

    /// Refuses the type that `declaration` declares if there is an error in the declaration.
    pub(crate) fn check_errors(&self, declaration: Cursor<'u>) -> Result<(), Reason> {
        let name = || declaration.ty().spelling();
        let reason = self.errors.reason(declaration);
        reason.map_or(Ok(()), |reason| Err(reason.inside(name())))
    }

    fn pointer(&self, pointee: Ty<'u>) -> Type {
        if is_function(pointee.canonical().kind()) {
            self.model.fn_pointer()
        } else {
            self.model.pointer()
        }
    }

    fn enumeration(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let definition = ty.declaration().type_definition();
        if definition.is_null() {
            return Err(Reason::Incomplete(ty.spelling()));
        }
        self.check_errors(definition)?;
        if !self.is_as_clang() && is_mode_of_sign(definition) {
            let why = "an enumeration with a `mode` is unsigned to gcc and signed to clang";
            return Err(unsupported(ty, why));
        }
        self.check_greatest(definition, &head(definition))?;
        let underlying = self.ty(definition.integer_type())?;
        let enumeration = Type::enumeration(&underlying)?;
        if i64::from(enumeration.align()) != definition.ty().align() {
            let why = "an enumeration with `aligned` is not supported: gcc heeds only a greater alignment, clang any";
            return Err(unsupported(ty, why));
        }
        Ok(enumeration)
    }

    /// Returns a type that libclang knows by its spelling only: `_BitInt(N)`, `__bf16`, and
    /// wrappers such as `typeof`.
    fn unexposed(&mut self, ty: Ty<'u>) -> Result<Type, Reason> {
        let canonical = ty.canonical();
        if canonical.kind() != CXType_Unexposed {
            if !self.is_as_clang() && may_align_otherwise(ty, self.facts.cxx) {
                let why = "gcc may give the type of this expression another alignment than clang";
                return Err(unsupported(ty, why));
            }
            return self.aligned_as(ty, canonical);
        }
        let spelling = canonical.unqualified();
        let (word, signed) = match spelling.split(' ').collect::<Vec<_>>()[..] {
            ["unsigned", word] => (word, false),
            [word] => (word, true),
            _ => ("", true),
        };
        let bits = word.strip_prefix("_BitInt(");
        match (word, bits.and_then(|bits| bits.strip_suffix(')'))) {
            ("__bf16", _) => Ok(Type::BF16),
            ("char8_t", _) => Ok(Type::U8),
            (_, Some(bits)) => match bits.parse() {
                Ok(bits) => self.bit_int(ty, bits, signed),
                Err(_) => Err(unsupported(ty, "a `_BitInt` has at most 65535 bits here")),
            },
            (_, None) => Err(not_of_c(ty, &self.target)),
        }
    }

    fn bit_int(&self, ty: Ty<'u>, bits: u16, signed: bool) -> Result<Type, Reason> {
        let of = |rules| self.model.with_records(rules).bit_int(bits, signed);
        let (gcc, clang) = (of(RecordRules::Gcc)?, of(self.facts.model.records)?);
        match self.is_as_gcc() {
            true => size_mismatch(ty, &clang).map_or(Ok(gcc), Err),
            false if self.is_as_clang() => Ok(clang),
            false => difference(ty, &gcc, &clang).map_or(Ok(clang), Err),
        }
    }

    pub(crate) fn record(&mut self, declaration: Cursor<'u>) -> Result<Type, Reason> {
        if let Some(stand_in) = prelude::stand_in(&declaration.name()) {
            return Ok(self.model.adapt(&stand_in));
        }
        let definition = declaration.definition_or_null();
        if definition.is_null() {
            return Err(Reason::Incomplete(declaration.ty().spelling()));
        }
        self.once(definition, |reader| reader.define(definition))
    }

    /// Returns the type that `declaration` was read as, or reads it by `read`.
    fn once(
        &mut self,
        declaration: Cursor<'u>,
        read: impl FnOnce(&mut Self) -> Result<Type, Reason>,
    ) -> Result<Type, Reason> {
        if let Some(result) = self.known.get(&declaration) {
            return result.clone();
        }
        let result = read(self);
        self.known.insert(declaration, result.clone());
        result
    }

    fn typedef(&mut self, ty: Ty<'u>, typedef: Cursor<'u>) -> Result<Type, Reason> {
        self.check_errors(typedef)?;
        if typedef.is_invalid() {
            let name = typedef.name();
            return Err(Reason::Invalid(format!(
                "{name} is not declared as a valid type"
            )));
        }
        let underlying = typedef.underlying();
        self.check_ignored(typedef, Subject::Typedef)?;
        if has_alignment(ty) {
            self.check_greatest(typedef, &typedef.printed())?;
        } else if !self.is_as_clang() && may_drop_alignment(typedef) {
            return Err(ignored_in_name("aligned"));
        }
        if !self.is_as_clang() && has_alignment(ty) {
            let atomic = ty.canonical();
            if atomic.kind() == CXType_Atomic && ty.align() < atomic.align() {
                let why =
                    "gcc may drop this alignment of an `_Atomic` in arrays and qualified types";
                return Err(unsupported(ty, why));
            }
            let mut aligned = typedef.children();
            aligned.retain(|child| child.kind() == CXCursor_AlignedAttr);
            if aligned.len() > 1 {
                return Err(unsupported(ty, SEVERAL_ALIGNED));
            }
            for attribute in aligned {
                if ty.align() != ty.size() && !keeps_alignment(typedef, underlying, attribute) {
                    let why = "gcc drops `aligned` if a `vector_size` or `mode` after it makes another type, clang does not";
                    return Err(unsupported(ty, why));
                }
                match position(typedef, underlying, attribute) {
                    Position::Declaration | Position::Type => {}
                    Position::Pointee if self.is_as_gcc() => return self.ty(underlying),
                    _ if ty.align() == underlying.align() => {}
                    Position::Pointee | Position::Unknown => {
                        let why = "gcc applies `aligned` inside a declarator to the type built there, clang to the typedef";
                        return Err(unsupported(ty, why));
                    }
                }
            }
        }
        match self.is_neon(typedef) {
            true => self.any_vector(underlying),
            false => self.aligned_as(ty, underlying),
        }
    }

    /// Returns the type `ty`, which was `read`, as clang has it. A type that clang lays out
    /// otherwise is returned as its bytes.
    pub(crate) fn as_clang(&self, ty: Ty<'u>, read: &Type) -> Result<Type, Reason> {
        if !self.is_as_gcc() || size_mismatch(ty, read).is_none() {
            return Ok(read.clone());
        }
        let align = u32::try_from(ty.align()).unwrap_or(1);
        if let Some(Scalar::BitInt { bits, signed }) = read.as_scalar() {
            return Ok(self.facts.model.bit_int(bits, signed)?.with_align(align)?);
        }
        // A negative size is that of a flexible array, which has no bytes.
        let size = u64::try_from(ty.size()).unwrap_or(0);
        let bytes = Member::named("bytes", Type::array(&Type::U8, size)?);
        let tag = read.as_record().and_then(Record::tag).unwrap_or("");
        let record = RecordBuilder::structure(tag).member(bytes.at(0));
        Ok(record.build_at(size, align)?)
    }

    /// Returns whether gcc's layout and calls are wanted, whatever clang does.
    pub(crate) fn is_as_gcc(&self) -> bool {
        self.model.records == RecordRules::Gcc
    }

    /// Returns whether clang's layout is wanted, whatever gcc does.
    pub(crate) fn is_as_clang(&self) -> bool {
        self.facts.model.records != RecordRules::Clang || self.records == Some(RecordRules::Clang)
    }
}

/// Returns whether gcc may lay out `ty`, which was `read` by its rules, otherwise than clang. Then
/// the numbers of members, elements or parts are compared with clang's, not those of the whole.
fn may_differ(ty: Ty<'_>, read: &Type) -> bool {
    let is_written = ty.kind() != ty.canonical().kind();
    let is_bit_int = matches!(read.as_scalar(), Some(Scalar::BitInt { .. }));
    is_written || is_bit_int || matches!(read.kind(), Kind::Record(_) | Kind::Array(_))
}

pub(crate) fn unsupported(ty: Ty<'_>, why: &'static str) -> Reason {
    Reason::Unsupported {
        ty: ty.spelling(),
        why,
    }
}
