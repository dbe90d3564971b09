//! From members to a record with its layout.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::layout::{self, RecordLayout};
use crate::record_builder::RecordBuilder;
use crate::scalar::Scalar;
use crate::types::data_model::{DataModel, Language, RecordRules};
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;
use crate::types::record::{Attributes, Field, Member, Record};
use crate::types::{Kind, MAX_DEPTH, MAX_NODES, Type, check_align};

/// Reason against an `_Atomic` of 16 bytes on a machine that aligns its plain type to 8.
pub(crate) const WIDE_ATOMIC: &str = "gcc aligns an `_Atomic` of 16 bytes to 8, clang to 16";

impl RecordBuilder {
    /// Lays the record out by the rules of `model`.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for a member C does not allow there, [`Error::InvalidAlign`],
    /// [`Error::TooLarge`], [`Error::TooComplex`].
    pub fn build(self, model: &DataModel) -> Result<Type, Error> {
        self.check_members()?;
        self.check_atomics(model)?;
        if let Some(member) = self.members.iter().find(|m| m.offset_bits.is_some()) {
            let why = "the member has an offset: use `build_checked` or `build_at`";
            return Err(self.bad_field(member.label(), why));
        }
        let layout = layout::record(&self, model)?;
        self.finish(layout, Some(model))
    }

    /// Lays the record out as [`RecordBuilder::build`] does, and compares the result with the
    /// caller's layout. The caller states the size, the alignment if it has one, both in bytes, and
    /// the offsets of any members ([`Member::at`](crate::Member::at)).
    ///
    /// # Example
    /// ```
    /// use cabi::{DataModel, Member, RecordBuilder, Type};
    ///
    /// let wrong = RecordBuilder::structure("s")
    ///     .member(Member::named("a", Type::I8).at(0))
    ///     .member(Member::named("b", Type::I32).at(1))
    ///     .build_checked(&DataModel::LP64, 8, Some(4));
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "struct s, field b: the given offset is 1, and C's is 4"
    /// );
    /// ```
    ///
    /// # Errors
    /// As [`RecordBuilder::build`], and [`Error::Layout`] for the first difference.
    pub fn build_checked(
        mut self,
        model: &DataModel,
        size: u64,
        align: Option<u32>,
    ) -> Result<Type, Error> {
        let members = self.members.iter_mut();
        let offsets: Vec<_> = members.map(|member| member.offset_bits.take()).collect();
        let ty = self.build(model)?;
        let fields = ty.as_record().map_or(&[][..], |record| &record.fields);
        for (offset, field) in offsets.into_iter().zip(fields) {
            let (given, computed) = (offset.unwrap_or(field.offset_bits), field.offset_bits);
            let subject = || format!("{ty}, field {}", field.declared.label());
            match field.declared.bits.is_some() || given % 8 != 0 {
                true => alike(subject, "offset in bits", given, computed)?,
                false => alike(subject, "offset", given / 8, computed / 8)?,
            }
        }
        let subject = || ty.to_string();
        alike(subject, "size", size, ty.size())?;
        let align = align.unwrap_or(ty.align());
        alike(subject, "alignment", align.into(), ty.align().into())?;
        Ok(ty)
    }

    /// Takes the layout from the caller: every member has its offset
    /// ([`Member::at`](crate::Member::at)), and the record the given size and alignment in bytes.
    ///
    /// The layout need not be one of C's:
    /// - A member may be in the padding at the end of another one, as in C++ and Swift. No call may
    ///   then write its result to that other member in place, because padding is written too.
    /// - The size may be no multiple of the alignment, as in Swift. Such a record can be a member.
    ///   As an argument, result or element of an array it is an error, because C has no rule for
    ///   it.
    /// - Members may be in another order than their offsets. They are passed as C passes them in
    ///   the order of the offsets.
    /// - An alignment above the members' is the record's own attribute. AAPCS64 looks at the
    ///   alignments of members alone ([`Member::aligned`](crate::Member)).
    ///
    /// # Example
    /// ```
    /// use cabi::{FnAbi, FnSig, Member, RecordBuilder, Target, Type};
    ///
    /// // struct Inner { n: Int64; flag: Int8 }: 9 bytes; struct Outer { inner: Inner; next: Int8 }
    /// let inner = RecordBuilder::structure("Inner")
    ///     .member(Member::named("n", Type::I64).at(0))
    ///     .member(Member::named("flag", Type::I8).at(8))
    ///     .build_at(9, 8)?;
    /// let refused = FnAbi::new(
    ///     &FnSig::new([inner.clone()], Type::VOID),
    ///     &Target::X86_64_LINUX,
    /// )
    /// .unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "struct Inner: its size is not a multiple of its alignment, and no convention passes \
    ///     such a value: round the size up (x86_64-unknown-linux-gnu)"
    /// );
    /// let outer = RecordBuilder::structure("Outer")
    ///     .member(Member::named("inner", inner).at(0))
    ///     .member(Member::named("next", Type::I8).at(9))
    ///     .build_at(16, 8)?;
    /// let abi = FnAbi::new(&FnSig::new([outer], Type::VOID), &Target::X86_64_LINUX)?;
    /// assert_eq!(abi.args[0].place.to_string(), "rdi rsi");
    /// # Ok::<(), cabi::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`RecordBuilder::build`], and [`Error::InvalidField`] for
    /// - a member without offset, or one that ends after the record,
    /// - a member inside a byte that is no bit-field,
    /// - structure members that overlap in more than padding at an end,
    /// - a union member at another offset than 0.
    pub fn build_at(self, size: u64, align: u32) -> Result<Type, Error> {
        self.check_members()?;
        let placed = layout::explicit_layout(&self, size, check_align(align)?)?;
        self.finish(placed, None)
    }

    fn finish(self, layout: RecordLayout, model: Option<&DataModel>) -> Result<Type, Error> {
        let RecordLayout {
            offsets,
            size,
            align,
        } = layout;
        let facts = match size.is_multiple_of(align.into()) {
            true => self.facts(model),
            false => ModelFacts::NO_MODEL,
        };
        let required_align = self.required_align();
        let (depth, nodes) = self.complexity()?;
        let place = |(member, offset_bits)| Field {
            declared: Member {
                offset_bits: None,
                ..member
            },
            offset_bits,
        };
        let record = Record {
            kind: self.kind,
            tag: self.tag,
            fields: self.members.into_iter().zip(offsets).map(place).collect(),
            size,
            align,
            required_align,
            transparent: self.transparent,
            attributes: Attributes {
                given: model.is_none(),
                ..self.attributes
            },
            depth: depth + 1,
            nodes,
            hash: 0,
            by_name: Box::default(),
            anonymous: Box::default(),
            wide_leaf: false,
            all_padding: false,
        };
        let kind = Kind::Record(Arc::new(record.sealed()));
        Ok(Type::new(kind, size, align, facts))
    }

    /// Refuses `_Atomic` members of 16 bytes where gcc aligns them to 8, and clang to 16.
    fn check_atomics(&self, model: &DataModel) -> Result<(), Error> {
        if model.max_align_16 != 8 || model.records == RecordRules::Clang {
            return Ok(());
        }
        let is_wide = |ty: &Type, _| ty.is_atomic() && ty.size() == 16;
        let wide = self
            .members
            .iter()
            .find(|member| member.ty.contains(&is_wide));
        wide.map_or(Ok(()), |member| {
            Err(Error::invalid_type(&member.ty, WIDE_ATOMIC))
        })
    }

    /// Returns the depth to which its members nest, and the number of members with theirs and
    /// itself.
    fn complexity(&self) -> Result<(u16, u32), Error> {
        let (mut depth, mut nodes) = (0, 1_u32);
        for member in &self.members {
            let (d, n) = member.ty.complexity();
            depth = depth.max(d);
            nodes = nodes.saturating_add(n);
        }
        // The record is no member of itself.
        if depth >= MAX_DEPTH || nodes - 1 > MAX_NODES {
            return Err(Error::TooComplex {
                ty: self.spelling(),
            });
        }
        Ok((depth, nodes))
    }

    /// Returns the alignment that its declaration and those of its members insist on.
    pub(crate) fn required_align(&self) -> u32 {
        let members = self.members.iter();
        let members = members.filter(|member| member.bits.is_none());
        let align = members.map(layout::msvc::required_align).max();
        align.unwrap_or(1).max(self.attributes.align.unwrap_or(1))
    }

    /// Returns the facts of a data model that the layout depends on, by the rules of `model` unless
    /// the layout was given.
    fn facts(&self, model: Option<&DataModel>) -> ModelFacts {
        let of_members = self.members.iter().map(|member| of_member(&member.ty));
        let of_members = of_members.fold(ModelFacts::NONE, ModelFacts::and);
        let Some(model) = model else {
            return of_members;
        };
        let mut questions = ModelFacts::NONE;
        let mut empty = true;
        for member in &self.members {
            let ty = &member.ty;
            // Microsoft's compilers have other rules for a packed member that asks for an
            // alignment.
            let packed = self.attributes.packed || self.attributes.pack.is_some() || member.packed;
            let asks = packed && layout::msvc::required_align(member) > 1;
            if member.bits.is_some() || asks || ty.align() < ty.canonical_align() {
                questions = questions.and(ModelFacts::BIT_FIELDS);
                questions = questions.and(ModelFacts::MSVC);
            }
            if ty.align() > 8 && self.attributes.pack.is_some_and(|pack| pack > 8) {
                questions = questions.and(ModelFacts::MSVC);
            }
            if member.bits.is_some() && member.name.is_none() {
                questions = questions.and(ModelFacts::UNNAMED_BIT_FIELDS);
            }
            empty &= member.bits.map_or(ty.size() == 0, |width| width == 0);
        }
        if empty && self.attributes.language == Language::C {
            questions = questions.and(ModelFacts::EMPTY_RECORD);
        }
        of_members.and(ModelFacts::of(model).only(questions))
    }
}

/// Returns the facts of a data model that a member of type `ty` adds. A record that no model lays
/// out adds those of its members.
fn of_member(ty: &Type) -> ModelFacts {
    match ty.as_record() {
        Some(record) if ty.facts() == ModelFacts::NO_MODEL => {
            let members = record.fields.iter().map(|field| of_member(field.ty()));
            members.fold(ModelFacts::NONE, ModelFacts::and)
        }
        _ => match ty.kind() {
            Kind::Array(array) => of_member(&array.elem),
            Kind::Scalar(Scalar::F80 | Scalar::BitInt { .. }) => ty.facts(),
            Kind::Scalar(_) if ty.size() == 16 => ty.facts().and(sixteen(ty)),
            Kind::Complex(Scalar::F128) => ty.facts().and(sixteen(ty)),
            _ => ty.facts(),
        },
    }
}

/// Returns the answer about scalars of 16 bytes that fits the alignment of `ty`, or of its parts:
/// that of s390x or of LP64.
fn sixteen(ty: &Type) -> ModelFacts {
    match ty.facts().only(ModelFacts::NOT_SIXTEEN) {
        ModelFacts::NONE => ModelFacts::of(&DataModel::LP64).only(ModelFacts::SIXTEEN),
        own => own,
    }
}

/// Refuses a `quantity` that differs from what C makes it.
fn alike(
    subject: impl FnOnce() -> String,
    quantity: &'static str,
    given: u64,
    computed: u64,
) -> Result<(), Error> {
    if given == computed {
        return Ok(());
    }
    Err(Error::Layout {
        what: subject(),
        quantity,
        given,
        computed,
    })
}
