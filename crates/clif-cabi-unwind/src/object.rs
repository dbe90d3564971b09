//! Tables in an object file that cranelift-object writes, position-independent: the linker needs no relocation of read-only memory (`DT_TEXTREL`).

use crate::cranelift::codegen::gimli;
use crate::cranelift::codegen::gimli::write::Writer;
use crate::cranelift::object::ObjectProduct;
use crate::cranelift::object::object::write::{
    Object, Relocation, SectionId, StandardSection, StandardSegment, Symbol, SymbolId,
    SymbolSection,
};
use crate::cranelift::object::object::{
    BinaryFormat, RelocationEncoding, RelocationFlags, RelocationKind, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope,
};
use crate::error::UnwindError;
use crate::section::{Reference, Section, Target};
use crate::tables::{Encodings, UnwindTables};

/// 4 bytes relative to themselves; symbols by way of a word that has their address.
const ELF: Encodings = Encodings {
    address: pcrel(gimli::DW_EH_PE_sdata4),
    symbol: gimli::DwEhPe(gimli::DW_EH_PE_indirect.0 | pcrel(gimli::DW_EH_PE_sdata4).0),
};

const fn pcrel(format: gimli::DwEhPe) -> gimli::DwEhPe {
    gimli::DwEhPe(gimli::DW_EH_PE_pcrel.0 | format.0)
}

impl UnwindTables {
    /// Writes the tables into an object file: after `ObjectModule::finish`, before `emit`. The stubs of the module have to be among the functions
    /// ([`add_stubs`](Self::add_stubs)), and `ObjectBuilder::unwind_info` must be off.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for a function that is not in the object, [`UnwindError::Table`] for what its format has no relocation for.
    pub fn write_object(&self, product: &mut ObjectProduct) -> Result<(), UnwindError> {
        if self.is_empty() {
            return Ok(());
        }
        let encodings = match product.object.format() {
            BinaryFormat::Elf => ELF,
            format => {
                let why = format!("{format:?} objects are not written");
                return Err(UnwindError::Table(why));
            }
        };
        let (pads, starts) = self.landing_pads(encodings)?;
        let all: Vec<usize> = (0..starts.len()).collect();
        let frames = self.frames(encodings, &starts, &all)?;
        let pads_section = if pads.len() == 0 {
            None
        } else {
            Some(append(product, b".gcc_except_table", pads, None)?)
        };
        append(product, b".eh_frame", frames, pads_section)?;
        Ok(())
    }
}

/// Adds a section, with relocations for its addresses.
fn append(
    product: &mut ObjectProduct,
    name: &[u8],
    section: Section,
    pads: Option<SectionId>,
) -> Result<SectionId, UnwindError> {
    let (bytes, references) = section.finish();
    let object = &mut product.object;
    let segment = object.segment_name(StandardSegment::Data).to_vec();
    let id = object.add_section(segment, name.to_vec(), SectionKind::ReadOnlyData);
    object.append_section_data(id, &bytes, 8);
    for reference in references {
        let (symbol, addend) = target(product, &reference, pads)?;
        let relocation = Relocation {
            offset: u64::try_from(reference.offset).unwrap_or(u64::MAX),
            symbol,
            addend,
            flags: RelocationFlags::Generic {
                kind: RelocationKind::Relative,
                encoding: RelocationEncoding::Generic,
                size: 8 * reference.size,
            },
        };
        let added = product.object.add_relocation(id, relocation);
        added.map_err(|error| UnwindError::Table(error.to_string()))?;
    }
    Ok(id)
}

/// What a relocation names, and what it adds.
fn target(
    product: &mut ObjectProduct,
    reference: &Reference,
    pads: Option<SectionId>,
) -> Result<(SymbolId, i64), UnwindError> {
    match &reference.target {
        Target::Function(id) => {
            let missing = || UnwindError::Symbol {
                name: format!("function {}", id.as_u32()),
            };
            let symbol = product.functions.get(*id).copied().flatten();
            let (symbol, _) = symbol.ok_or_else(missing)?;
            let symbol = product.object.symbol(symbol);
            // The section, not the symbol: another module may define one of that name, which the linker then takes for a shared object.
            let SymbolSection::Section(section) = symbol.section else {
                return Err(missing());
            };
            let value = i64::try_from(symbol.value).map_err(|_| missing())?;
            Ok((product.object.section_symbol(section), value))
        }
        Target::LandingPads(start) => {
            let missing = || UnwindError::Symbol {
                name: "the table of landing pads".to_owned(),
            };
            let section = pads.ok_or_else(missing)?;
            let start = i64::try_from(*start).map_err(|_| missing())?;
            Ok((product.object.section_symbol(section), start))
        }
        Target::Symbol(name) => Ok((word_of(&mut product.object, name)?, 0)),
    }
}

/// A word with the address of `name`, which the dynamic linker writes: `DW.ref.name`, as C++ compilers have it.
fn word_of(object: &mut Object<'_>, name: &str) -> Result<SymbolId, UnwindError> {
    let word = format!("DW.ref.{name}");
    if let Some(known) = object.symbol_id(word.as_bytes()) {
        return Ok(known);
    }
    let symbol = |name: &str, kind, scope| Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind,
        scope,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    };
    let named = object.symbol_id(name.as_bytes());
    let named = named.unwrap_or_else(|| {
        object.add_symbol(symbol(name, SymbolKind::Unknown, SymbolScope::Unknown))
    });
    let section = object.section_id(StandardSection::ReadOnlyDataWithRel);
    let at = symbol(&word, SymbolKind::Data, SymbolScope::Compilation);
    let at = object.add_symbol(at);
    let offset = object.add_symbol_data(at, section, &[0; 8], 8);
    let relocation = Relocation {
        offset,
        symbol: named,
        addend: 0,
        flags: RelocationFlags::Generic {
            kind: RelocationKind::Absolute,
            encoding: RelocationEncoding::Generic,
            size: 64,
        },
    };
    let added = object.add_relocation(section, relocation);
    added.map_err(|error| UnwindError::Table(error.to_string()))?;
    Ok(at)
}
