//! Bytes of a section with the addresses in them, which an object file has as relocations, and memory as they are.

use crate::cranelift::codegen::gimli;
use crate::cranelift::codegen::gimli::write::{
    Address, EndianVec, RelocateWriter, Relocation, RelocationTarget, Writer,
};
use crate::cranelift::module::FuncId;
use crate::error::UnwindError;

/// What an address in a table is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Function(FuncId),
    /// So many bytes after the start of the table of landing pads.
    LandingPads(usize),
    /// A personality or a type, by its name.
    Symbol(String),
}

/// An address in a section.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// Bytes from the start of the section.
    pub(crate) offset: usize,
    /// Bytes.
    pub(crate) size: u8,
    pub(crate) target: Target,
}

/// A section that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) bytes: EndianVec<gimli::LittleEndian>,
    pub(crate) relocations: Vec<Relocation>,
    /// What the symbols of the relocations are, in unwind tables.
    targets: Vec<Target>,
}

impl Section {
    pub(crate) fn new() -> Self {
        Self {
            bytes: EndianVec::new(gimli::LittleEndian),
            relocations: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// The address of `target`, for gimli to write.
    pub(crate) fn address(targets: &mut Vec<Target>, target: Target) -> Address {
        targets.push(target);
        let symbol = targets.len() - 1;
        Address::Symbol { symbol, addend: 0 }
    }

    pub(crate) fn with_targets(mut self, targets: Vec<Target>) -> Self {
        self.targets = targets;
        self
    }

    /// Zeros up to a multiple of `align`.
    pub(crate) fn align(&mut self, align: usize) -> Result<(), UnwindError> {
        while !self.bytes.len().is_multiple_of(align) {
            self.bytes.write_u8(0)?;
        }
        Ok(())
    }

    /// The bytes, zero where addresses are, and the addresses.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<Reference>) {
        let targets = self.targets;
        let references = self.relocations.iter().filter_map(|own| {
            let RelocationTarget::Symbol(symbol) = own.target else {
                return None;
            };
            Some(Reference {
                offset: own.offset,
                size: own.size,
                target: targets.get(symbol)?.clone(),
            })
        });
        let references = references.collect();
        (self.bytes.into_vec(), references)
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<gimli::LittleEndian>;

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
