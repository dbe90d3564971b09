//! Debug information in object files.

use super::{DebugInfo, Sources};
use crate::cranelift::codegen::gimli::SectionId;
use crate::cranelift::codegen::gimli::write::RelocationTarget;
use crate::cranelift::object::ObjectProduct;
use crate::cranelift::object::object::write::SectionId as Id;
use crate::cranelift::object::object::write::StandardSegment;
use crate::cranelift::object::object::{BinaryFormat, RelocationKind, SectionKind};
use crate::error::UnwindError;
use crate::object;

impl DebugInfo {
    /// Writes the sections into an object file: after `ObjectModule::finish`, before `emit`.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for a function that is not in the object, [`UnwindError::Target`]
    /// for Mach-O, [`UnwindError::Table`] for what a format has no relocation for.
    pub fn write_object(
        &self,
        sources: &Sources,
        product: &mut ObjectProduct,
    ) -> Result<(), UnwindError> {
        // How an offset in a section is written.
        let offset = match product.object.format() {
            BinaryFormat::Elf => RelocationKind::Absolute,
            BinaryFormat::Coff => RelocationKind::SectionOffset,
            format => {
                let target = format!("{format:?} of {:?}", product.object.architecture());
                let why = "debug information is written into ELF and COFF objects alone";
                return Err(UnwindError::Target { target, why });
            }
        };
        let sections = self.sections(sources)?;
        let mut made: Vec<(SectionId, Id)> = Vec::new();
        sections.for_each(|id, section| {
            if !section.bytes.slice().is_empty() {
                let object = &mut product.object;
                let segment = object.segment_name(StandardSegment::Debug).to_vec();
                let name = id.name().as_bytes().to_vec();
                let own = object.add_section(segment, name, SectionKind::Debug);
                object.append_section_data(own, section.bytes.slice(), 1);
                made.push((id, own));
            }
            Ok::<(), UnwindError>(())
        })?;
        for (id, own) in &made {
            let section = sections.get(*id);
            for relocation in section.into_iter().flat_map(|section| &section.relocations) {
                let (of, value, kind) = match relocation.target {
                    RelocationTarget::Symbol(index) => {
                        let (section, value) = object::place(product, self.function(index)?)?;
                        (section, value, RelocationKind::Absolute)
                    }
                    RelocationTarget::Section(of) => {
                        let of = made.iter().find(|(id, _)| *id == of);
                        let missing = || UnwindError::Table("a section is not there".to_owned());
                        (of.ok_or_else(missing)?.1, 0, offset)
                    }
                };
                let symbol = product.object.section_symbol(of);
                let addend = relocation.addend.wrapping_add_unsigned(value);
                let place = (relocation.offset as u64, relocation.size);
                let added = object::relocation(place, symbol, addend, kind);
                let added = product.object.add_relocation(*own, added);
                added.map_err(object::refused)?;
            }
        }
        Ok(())
    }
}
