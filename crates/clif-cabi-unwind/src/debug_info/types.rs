//! C types as debuggers know them.

use std::collections::HashMap;

use clif_cabi::cabi::{Field, Kind, RecordKind, Scalar, Type};

use crate::cranelift::codegen::gimli::write::{AttributeValue, Unit, UnitEntryId};
use crate::cranelift::codegen::gimli::{
    DW_AT_GNU_vector, DW_AT_bit_size, DW_AT_byte_size, DW_AT_count, DW_AT_data_bit_offset,
    DW_AT_data_member_location, DW_AT_encoding, DW_AT_name, DW_AT_type, DW_ATE_boolean,
    DW_ATE_complex_float, DW_ATE_decimal_float, DW_ATE_float, DW_ATE_signed, DW_ATE_unsigned,
    DW_TAG_array_type, DW_TAG_base_type, DW_TAG_member, DW_TAG_pointer_type, DW_TAG_structure_type,
    DW_TAG_subrange_type, DW_TAG_union_type, DwAte,
};

/// The types of a unit that are described in it.
#[derive(Default)]
pub(super) struct Types(HashMap<Type, UnitEntryId>);

impl Types {
    /// Returns the entry of `ty`; none for `void`, and for what a debugger could only show as
    /// bytes.
    pub(super) fn entry(&mut self, unit: &mut Unit, ty: &Type) -> Option<UnitEntryId> {
        if let Some(known) = self.0.get(ty) {
            return Some(*known);
        }
        let root = unit.root();
        let entry = match ty.kind() {
            Kind::Scalar(Scalar::Ptr | Scalar::FnPtr) => unit.add(root, DW_TAG_pointer_type),
            Kind::Scalar(scalar) | Kind::Enum(scalar) => base(unit, ty, encoding(*scalar)),
            Kind::Complex(_) => base(unit, ty, DW_ATE_complex_float),
            Kind::Vector(vector) if vector.bools.is_none() => {
                let lane = base(unit, &vector.lane, encoding(vector.lane));
                let size = ty.size() / u64::from(vector.lanes.next_power_of_two());
                let size = AttributeValue::Udata(size);
                unit.get_mut(lane).set(DW_AT_byte_size, size);
                let entry = array(unit, lane, Some(vector.lanes.into()));
                let entry_of = unit.get_mut(entry);
                entry_of.set(DW_AT_GNU_vector, AttributeValue::FlagPresent);
                entry
            }
            Kind::Array(own) => {
                let elem = self.entry(unit, &own.elem)?;
                array(unit, elem, own.len)
            }
            Kind::Record(record) => {
                let tag = match record.kind() {
                    RecordKind::Struct => DW_TAG_structure_type,
                    _ => DW_TAG_union_type,
                };
                let entry = unit.add(root, tag);
                if let Some(tag) = record.tag() {
                    unit.get_mut(entry).set(DW_AT_name, text(tag));
                }
                for field in record.fields() {
                    self.member(unit, entry, field);
                }
                entry
            }
            _ => return None,
        };
        let size = AttributeValue::Udata(ty.size());
        unit.get_mut(entry).set(DW_AT_byte_size, size);
        self.0.insert(ty.clone(), entry);
        Some(entry)
    }

    /// Adds a member. One whose type is not described is left out.
    fn member(&mut self, unit: &mut Unit, of: UnitEntryId, field: &Field) {
        let Some(ty) = self.entry(unit, field.ty()) else {
            return;
        };
        let member = unit.add(of, DW_TAG_member);
        let member = unit.get_mut(member);
        if let Some(name) = field.name() {
            member.set(DW_AT_name, text(name));
        }
        member.set(DW_AT_type, AttributeValue::UnitRef(ty));
        let offset_bits = field.offset_bits();
        match field.bit_field() {
            None => {
                let offset = AttributeValue::Udata(offset_bits / 8);
                member.set(DW_AT_data_member_location, offset);
            }
            Some(bits) => {
                let width = AttributeValue::Udata(bits.width.into());
                member.set(DW_AT_bit_size, width);
                member.set(DW_AT_data_bit_offset, AttributeValue::Udata(offset_bits));
            }
        }
    }
}

fn array(unit: &mut Unit, of: UnitEntryId, len: Option<u64>) -> UnitEntryId {
    let array = unit.add(unit.root(), DW_TAG_array_type);
    let of = AttributeValue::UnitRef(of);
    unit.get_mut(array).set(DW_AT_type, of);
    let range = unit.add(array, DW_TAG_subrange_type);
    if let Some(len) = len {
        let len = AttributeValue::Udata(len);
        unit.get_mut(range).set(DW_AT_count, len);
    }
    array
}

fn base(unit: &mut Unit, ty: &dyn ToString, encoding: DwAte) -> UnitEntryId {
    let entry = unit.add(unit.root(), DW_TAG_base_type);
    let base = unit.get_mut(entry);
    base.set(DW_AT_name, text(&ty.to_string()));
    base.set(DW_AT_encoding, AttributeValue::Encoding(encoding));
    entry
}

fn encoding(scalar: Scalar) -> DwAte {
    match scalar {
        Scalar::Bool => DW_ATE_boolean,
        Scalar::Dec32 | Scalar::Dec64 | Scalar::Dec128 => DW_ATE_decimal_float,
        scalar if scalar.is_float() => DW_ATE_float,
        scalar if scalar.is_signed() => DW_ATE_signed,
        _ => DW_ATE_unsigned,
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::String(text.replace('\0', "").into_bytes())
}
