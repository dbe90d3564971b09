//! Tables in an object file that cranelift-object writes, position-independent: the linker needs no
//! relocation of read-only memory (`DT_TEXTREL`).

use crate::cranelift::codegen::gimli;
use crate::cranelift::codegen::gimli::write::{Relocation as Reference, Writer};
use crate::cranelift::module::FuncId;
use crate::cranelift::object::ObjectProduct;
use crate::cranelift::object::object::write::{
    Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection,
};
use crate::cranelift::object::object::{
    Architecture, BinaryFormat, RelocationEncoding, RelocationFlags, RelocationKind, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope, macho,
};
use crate::error::{NO_TABLES, UnwindError};
use crate::section::{AddressTarget, Section};
use crate::tables::{Encodings, UnwindTables};

/// Symbols by way of a word that has their address, 4 bytes relative to themselves.
const INDIRECT: gimli::DwEhPe =
    gimli::DwEhPe(gimli::DW_EH_PE_indirect.0 | pcrel(gimli::DW_EH_PE_sdata4).0);

/// 4 bytes relative to themselves.
const ELF: Encodings = Encodings {
    address: pcrel(gimli::DW_EH_PE_sdata4),
    symbol: INDIRECT,
};

/// 8 bytes relative to themselves, as differences of two symbols; the word of a symbol is in the
/// global offset table.
const MACH_O: Encodings = Encodings {
    address: pcrel(gimli::DW_EH_PE_absptr),
    symbol: INDIRECT,
};

const fn pcrel(format: gimli::DwEhPe) -> gimli::DwEhPe {
    gimli::DwEhPe(gimli::DW_EH_PE_pcrel.0 | format.0)
}

impl UnwindTables {
    /// Writes the tables into an object file: after `ObjectModule::finish`, before `emit`. The
    /// stubs of the module have to be among the functions ([`add_stubs`](Self::add_stubs)), and
    /// `ObjectBuilder::unwind_info` must be off.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for a function that is not in the object. [`UnwindError::Target`]
    /// for another format. [`UnwindError::Table`] for an address that the format has no relocation
    /// for. Also [`UnwindError::Table`] for an object of ELF or Mach-O that has such a table
    /// already. A COFF object gets a second one.
    pub fn write_object(&self, product: &mut ObjectProduct) -> Result<(), UnwindError> {
        if self.is_empty() {
            return Ok(());
        }
        let object = &mut product.object;
        let encodings = match object.format() {
            BinaryFormat::Elf => ELF,
            BinaryFormat::MachO => MACH_O,
            BinaryFormat::Coff if self.is_windows() => return self.write_coff(product),
            format => {
                let target = format!("{format:?} of {:?}", object.architecture());
                let why = NO_TABLES;
                return Err(UnwindError::Target { target, why });
            }
        };
        let frames_id = object.section_id(StandardSection::EhFrame);
        if !object.section(frames_id).data().is_empty() {
            let why =
                "the object already has one without handlers: leave ObjectBuilder::unwind_info off";
            return Err(UnwindError::Table(why.to_owned()));
        }
        let (pads, starts) = self.landing_pads(encodings)?;
        let indices: Vec<usize> = (0..starts.len()).collect();
        let frames = self.frames(encodings, &starts, &indices)?;
        let pads_id = (pads.len() > 0).then(|| {
            let (segment, name): (&[u8], &[u8]) = match object.format() {
                BinaryFormat::MachO => (b"__TEXT", b"__gcc_except_tab"),
                _ => (b"", b".gcc_except_table"),
            };
            object.add_section(segment.to_vec(), name.to_vec(), SectionKind::ReadOnlyData)
        });
        if let Some(id) = pads_id {
            append(product, id, pads, None)?;
        }
        append(product, frames_id, frames, pads_id)
    }

    /// Writes `.pdata`, which has the start and the end of each function, and the place of its
    /// rules in `.xdata`. All count from the start of the image, as personalities in the rules do.
    /// On AArch64 the rules have the length of the function, or of a fragment.
    fn write_coff(&self, product: &mut ObjectProduct) -> Result<(), UnwindError> {
        let [xdata, pdata] = [".xdata", ".pdata"].map(|name| {
            let name = name.as_bytes().to_vec();
            let object = &mut product.object;
            object.add_section(Vec::new(), name, SectionKind::ReadOnlyData)
        });
        let in_image = |symbol, at: u64| (symbol, at, RelocationKind::ImageOffset);
        for function in self.functions() {
            let (code, start) = place(product, function.id)?;
            let object = &mut product.object;
            for (offset, record) in function.frame.fragments() {
                let at = object.append_section_data(xdata, record, 4);
                let entry = object.append_section_data(pdata, &[0; 8], 4);
                let [code, rules_symbol] = [code, xdata].map(|id| object.section_symbol(id));
                let code = in_image(code, start.saturating_add(*offset as u64));
                relocate(object, pdata, (entry, 4), code)?;
                relocate(object, pdata, (entry + 4, 4), in_image(rules_symbol, at))?;
            }
            let Some(rules) = self.windows_rules(function, INDIRECT)? else {
                continue;
            };
            let at = object.append_section_data(xdata, rules.bytes.slice(), 4);
            let entry = object.append_section_data(pdata, &[0; 12], 4);
            let end = start.saturating_add(function.len as u64);
            let [code, rules_symbol] = [code, xdata].map(|id| object.section_symbol(id));
            let mut fields = vec![
                (pdata, (entry, 4), in_image(code, start)),
                (pdata, (entry + 4, 4), in_image(code, end)),
                (pdata, (entry + 8, 4), in_image(rules_symbol, at)),
            ];
            for relocation in &rules.relocations {
                let to = match (rules.target(relocation.target), relocation.eh_pe) {
                    (Some(AddressTarget::Symbol(name)), Some(_)) => {
                        (word_of(object, name)?, 0, RelocationKind::Relative)
                    }
                    (Some(AddressTarget::Symbol(name)), None) => in_image(named(object, name), 0),
                    _ => in_image(code, start.saturating_add_signed(relocation.addend)),
                };
                fields.push((xdata, (at + relocation.offset as u64, relocation.size), to));
            }
            for (section, place, to) in fields {
                relocate(object, section, place, to)?;
            }
        }
        Ok(())
    }
}

fn relocate(
    object: &mut Object<'_>,
    section: SectionId,
    place: (u64, u8),
    (symbol, at, kind): (SymbolId, u64, RelocationKind),
) -> Result<(), UnwindError> {
    let addend = i64::try_from(at).map_err(|_| missing(".pdata"))?;
    let relocation = relocation(place, symbol, addend, kind);
    object.add_relocation(section, relocation).map_err(refused)
}

/// Returns the place of a function: its section, and bytes from the start of that.
pub(crate) fn place(product: &ObjectProduct, id: FuncId) -> Result<(SectionId, u64), UnwindError> {
    let symbol = product.object.symbol(function(product, id)?);
    match symbol.section {
        SymbolSection::Section(section) => Ok((section, symbol.value)),
        _ => Err(missing(format!("function {}", id.as_u32()))),
    }
}

/// Fills a section, with relocations for its addresses.
fn append(
    product: &mut ObjectProduct,
    id: SectionId,
    section: Section,
    pads: Option<SectionId>,
) -> Result<(), UnwindError> {
    let bytes = section.bytes.slice();
    product.object.append_section_data(id, bytes, 8);
    for at in &section.relocations {
        let Some(target) = section.target(at.target) else {
            continue;
        };
        match product.object.format() {
            BinaryFormat::MachO => relocate_mach_o(product, id, (at, target), pads)?,
            _ => relocate_elf(product, id, (at, target), pads)?,
        }
    }
    Ok(())
}

/// Returns a relocation of so many bytes at `offset`.
pub(crate) fn relocation(
    (offset, bytes): (u64, u8),
    symbol: SymbolId,
    addend: i64,
    kind: RelocationKind,
) -> Relocation {
    let encoding = RelocationEncoding::Generic;
    let size = 8 * bytes;
    Relocation {
        offset,
        symbol,
        addend,
        flags: RelocationFlags::Generic {
            kind,
            encoding,
            size,
        },
    }
}

fn relocate_elf(
    product: &mut ObjectProduct,
    section: SectionId,
    (at, target): (&Reference, &AddressTarget),
    pads: Option<SectionId>,
) -> Result<(), UnwindError> {
    let (symbol, addend) = match target {
        AddressTarget::Function(id) => {
            // The section, not the symbol: another module may define one of that name, which the
            // linker then takes for a shared object.
            let (code, value) = place(product, *id)?;
            (product.object.section_symbol(code), value)
        }
        AddressTarget::LandingPads(start) => {
            let pads = pads.ok_or_else(|| missing(PADS))?;
            (product.object.section_symbol(pads), *start as u64)
        }
        AddressTarget::Symbol(name) => (word_of(&mut product.object, name)?, 0),
    };
    let addend = i64::try_from(addend).map_err(|_| missing(PADS))?;
    let place = (at.offset as u64, at.size);
    let relocation = relocation(place, symbol, addend, RelocationKind::Relative);
    let added = product.object.add_relocation(section, relocation);
    added.map_err(refused)
}

/// Adds a relocation of a table. The linkers of Mach-O know tables by their relocations. A function
/// and its landing pads are differences to the start of the section. A personality is in the global
/// offset table.
fn relocate_mach_o(
    product: &mut ObjectProduct,
    section: SectionId,
    (at, target): (&Reference, &AddressTarget),
    pads: Option<SectionId>,
) -> Result<(), UnwindError> {
    let offset = at.offset as u64;
    let difference = |symbol| {
        let addend = i64::try_from(offset).unwrap_or(0).wrapping_neg();
        relocation((offset, at.size), symbol, addend, RelocationKind::Absolute)
    };
    let relocation = match target {
        AddressTarget::Function(id) => difference(function(product, *id)?),
        AddressTarget::LandingPads(start) => {
            let pads = pads.ok_or_else(|| missing(PADS))?;
            let name = format!("GCC_except_table{start}");
            let mut symbol = undefined(&name, SymbolKind::Data, SymbolScope::Compilation);
            symbol.section = SymbolSection::Section(pads);
            symbol.value = *start as u64;
            difference(product.object.add_symbol(symbol))
        }
        AddressTarget::Symbol(name) => {
            let r_type = match product.object.architecture() {
                Architecture::Aarch64 => macho::ARM64_RELOC_POINTER_TO_GOT,
                _ => macho::X86_64_RELOC_GOT,
            };
            let relocation = Relocation {
                offset,
                symbol: named(&mut product.object, name),
                addend: 0,
                flags: RelocationFlags::MachO {
                    r_type,
                    r_pcrel: true,
                    r_length: 2,
                },
            };
            let added = product.object.add_relocation(section, relocation);
            return added.map_err(refused);
        }
    };
    let object = &mut product.object;
    let from = Some(start_of(object, section));
    let added = object.add_relocation_with_subtractor(section, relocation, from);
    added.map_err(refused)
}

/// Returns a symbol of the start of the frame rules, which are the section `id`. The symbol of a
/// section itself is in an object of AArch64 alone.
fn start_of(object: &mut Object<'_>, id: SectionId) -> SymbolId {
    const NAME: &str = "eh_frame.start";
    let symbol = object.symbol_id(NAME.as_bytes());
    symbol.unwrap_or_else(|| {
        let mut own = undefined(NAME, SymbolKind::Data, SymbolScope::Compilation);
        own.section = SymbolSection::Section(id);
        object.add_symbol(own)
    })
}

const PADS: &str = "the table of landing pads";

fn missing(name: impl Into<String>) -> UnwindError {
    UnwindError::Symbol { name: name.into() }
}

pub(crate) fn refused(error: impl ToString) -> UnwindError {
    UnwindError::Table(error.to_string())
}

/// Returns the symbol of a function that is defined in the object.
fn function(product: &ObjectProduct, id: FuncId) -> Result<SymbolId, UnwindError> {
    match product.functions.get(id).copied().flatten() {
        Some((symbol, true)) => Ok(symbol),
        _ => Err(missing(format!("function {}", id.as_u32()))),
    }
}

fn undefined(name: &str, kind: SymbolKind, scope: SymbolScope) -> Symbol {
    Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind,
        scope,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

/// Returns the symbol of this name, whoever defines it. One of an unknown kind would have no prefix
/// in Mach-O, and would not be found again.
fn named(object: &mut Object<'_>, name: &str) -> SymbolId {
    let symbol = object.symbol_id(name.as_bytes());
    symbol.unwrap_or_else(|| {
        object.add_symbol(undefined(name, SymbolKind::Data, SymbolScope::Unknown))
    })
}

/// Returns a word with the address of `name`, which the dynamic linker writes: `DW.ref.name`, as
/// C++ compilers have it.
fn word_of(object: &mut Object<'_>, name: &str) -> Result<SymbolId, UnwindError> {
    let word = format!("DW.ref.{name}");
    if let Some(symbol) = object.symbol_id(word.as_bytes()) {
        return Ok(symbol);
    }
    let target = named(object, name);
    let section = object.section_id(StandardSection::ReadOnlyDataWithRel);
    let at = undefined(&word, SymbolKind::Data, SymbolScope::Compilation);
    let at = object.add_symbol(at);
    let offset = object.add_symbol_data(at, section, &[0; 8], 8);
    let relocation = relocation((offset, 8), target, 0, RelocationKind::Absolute);
    let added = object.add_relocation(section, relocation);
    added.map(|()| at).map_err(refused)
}
