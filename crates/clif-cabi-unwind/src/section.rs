//! Bytes of a section with the addresses in them, which an object file has as relocations, and
//! memory as they are.

use crate::cranelift::codegen::gimli::write::{
    Address, EndianVec, RelocateWriter, Relocation, RelocationTarget, Writer,
};
use crate::cranelift::codegen::gimli::{self, RunTimeEndian};
use crate::cranelift::module::FuncId;
use crate::error::UnwindError;

/// Target of an address in a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AddressTarget {
    Function(FuncId),
    /// Distance from the start of the table of landing pads, in bytes.
    LandingPads(usize),
    /// A personality or a type, by its name.
    Symbol(String),
}

/// A section that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) bytes: EndianVec<RunTimeEndian>,
    pub(crate) relocations: Vec<Relocation>,
    /// Targets of the symbols of relocations, in unwind tables.
    targets: Vec<AddressTarget>,
}

impl Section {
    pub(crate) fn new(order: RunTimeEndian) -> Self {
        Self {
            bytes: EndianVec::new(order),
            relocations: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Returns the address of `target`, for gimli to write.
    pub(crate) fn address(targets: &mut Vec<AddressTarget>, target: AddressTarget) -> Address {
        targets.push(target);
        let symbol = targets.len() - 1;
        Address::Symbol { symbol, addend: 0 }
    }

    pub(crate) fn with_targets(mut self, targets: Vec<AddressTarget>) -> Self {
        self.targets = targets;
        self
    }

    /// Appends zeros up to a multiple of `align`.
    pub(crate) fn align(&mut self, align: usize) -> Result<(), UnwindError> {
        while !self.bytes.len().is_multiple_of(align) {
            self.bytes.write_u8(0)?;
        }
        Ok(())
    }

    /// Appends the offset, from the base of an image, of the place `addend` bytes after the target
    /// that has the index `symbol` in [`Section::with_targets`].
    pub(crate) fn image_offset(&mut self, symbol: usize, addend: u32) -> Result<(), UnwindError> {
        self.relocate(Relocation {
            offset: self.bytes.len(),
            size: 4,
            target: RelocationTarget::Symbol(symbol),
            addend: addend.into(),
            eh_pe: None,
        });
        Ok(self.bytes.write_u32(0)?)
    }

    /// Returns the target of an address, in unwind tables.
    pub(crate) fn target(&self, target: RelocationTarget) -> Option<&AddressTarget> {
        match target {
            RelocationTarget::Symbol(symbol) => self.targets.get(symbol),
            RelocationTarget::Section(_) => None,
        }
    }

    /// Returns the bytes with their addresses. `start` returns the address to which a relocation
    /// adds its addend.
    pub(crate) fn resolved(
        &self,
        start: impl Fn(&Relocation) -> Result<u64, UnwindError>,
    ) -> Result<Vec<u8>, UnwindError> {
        let mut bytes = self.bytes.clone();
        for own in &self.relocations {
            let value = start(own)?.wrapping_add_signed(own.addend);
            bytes.write_udata_at(own.offset, value, own.size)?;
        }
        Ok(bytes.into_vec())
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<RunTimeEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}

impl From<gimli::write::Error> for UnwindError {
    fn from(error: gimli::write::Error) -> Self {
        Self::Table(error.to_string())
    }
}
