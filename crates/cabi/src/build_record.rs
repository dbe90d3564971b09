//! From members to a record with its layout.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::layout;
use crate::record_builder::RecordBuilder;
use crate::types::data_model::{DataModel, Language};
use crate::types::error::Error;
use crate::types::model_facts::ModelFacts;
use crate::types::names::Names;
use crate::types::record::{Attributes, Field, Record};
use crate::types::{Kind, MAX_DEPTH, MAX_NODES, Type, check_align};

impl RecordBuilder {
    /// Lays the record out by the rules of `model`.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for a member C does not allow there, [`Error::InvalidAlign`], [`Error::TooLarge`], [`Error::TooComplex`].
    pub fn build(self, model: &DataModel) -> Result<Type, Error> {
        self.check_members()?;
        if let Some(i) = self.members.iter().position(|m| m.offset_bits.is_some()) {
            return Err(self.bad_field(
                i,
                "it has an offset of its own, which only `build_at` takes",
            ));
        }
        let placed = layout::record(&self, model)?;
        self.finish(placed, Some(model))
    }

    /// Takes the layout from the caller: every member has its offset ([`Member::at`](crate::Member::at)), and the record the given size and alignment in bytes.
    ///
    /// # Errors
    /// As [`RecordBuilder::build`], and [`Error::InvalidField`] for a member without offset, one that ends after the record, and structure
    /// members that overlap.
    pub fn build_at(self, size: u64, align: u32) -> Result<Type, Error> {
        self.check_members()?;
        let placed = layout::given(&self, size, check_align(align)?)?;
        self.finish(placed, None)
    }

    fn finish(self, placed: layout::Placed, model: Option<&DataModel>) -> Result<Type, Error> {
        let facts = self.facts(model);
        let required_align = self.required_align();
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
        let fields: Box<[Field]> = self
            .members
            .into_iter()
            .zip(placed.fields)
            .map(|(m, (offset_bits, bits))| Field {
                name: m.name,
                ty: m.ty,
                offset_bits,
                bits,
                packed: m.packed,
                align: m.align,
            })
            .collect();
        let record = Record {
            kind: self.kind,
            tag: self.tag,
            size: placed.size,
            align: placed.align,
            required_align,
            transparent: self.transparent,
            attributes: Attributes {
                packed: self.packed,
                pack: self.pack,
                align: self.align,
                language: self.language,
                given: model.is_none(),
            },
            depth: depth + 1,
            nodes,
            hash: 0,
            names: Names::of(&fields),
            fields,
            wide_leaf: false,
            all_padding: false,
        }
        .sealed();
        let (size, align) = (record.size, record.align);
        let kind = Kind::Record(Arc::new(record));
        Ok(Type::new(kind, size, align, facts))
    }

    /// The alignment that its declaration and those of its members insist on.
    pub(crate) fn required_align(&self) -> u32 {
        let members = self.members.iter();
        let members = members.filter(|member| member.bits.is_none());
        let asked = members.map(layout::msvc::required_align).max();
        asked.unwrap_or(1).max(self.align.unwrap_or(1))
    }

    /// What of a data model the layout depends on, by the rules of `model` unless it was given.
    fn facts(&self, model: Option<&DataModel>) -> ModelFacts {
        let of_members = self.members.iter().map(|member| member.ty.facts());
        let of_members = of_members.fold(ModelFacts::NONE, ModelFacts::and);
        let Some(model) = model else {
            return of_members;
        };
        let mut questions = ModelFacts::NONE;
        let mut empty = true;
        for member in &self.members {
            let ty = &member.ty;
            // Microsoft's compilers pack and align otherwise what asks for an alignment.
            let packed = self.packed || self.pack.is_some() || member.packed;
            let asks = packed && layout::msvc::required_align(member) > 1;
            if member.bits.is_some() || asks || ty.align() < ty.canonical_align() {
                questions = questions.and(ModelFacts::BIT_FIELDS);
                questions = questions.and(ModelFacts::MSVC);
            }
            if self.pack.is_some_and(|pack| pack > 8 && ty.align() > 8) {
                questions = questions.and(ModelFacts::MSVC);
            }
            if member.bits.is_some() && member.name.is_none() {
                questions = questions.and(ModelFacts::UNNAMED_BIT_FIELDS);
            }
            empty &= member.bits.map_or(ty.size() == 0, |width| width == 0);
        }
        if empty && self.language == Language::C {
            questions = questions.and(ModelFacts::EMPTY_RECORD);
        }
        of_members.and(ModelFacts::of(model).only(questions))
    }
}
