//! Targets of the relocations of new definitions, and the symbols they need.

use core::ptr;
use std::collections::BTreeMap;

use crate::cranelift::codegen::entity::EntityRef;
use crate::cranelift::codegen::ir::LibCall;
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::module::{
    DataId, FuncId, FuncOrDataId, Linkage, Module, ModuleReloc, ModuleRelocTarget,
};
use clif_cabi::clif_cabi_plan::Reloc;
use clif_cabi::{Stub, StubCode, stub_code};

use super::{Engine, PendingDefinition, Stage};
use crate::error::{Error, Result};
use crate::library::{Address, missing_symbols};
use crate::memory::address;
use crate::{libcalls, reloc, vectors};

/// Target of a relocation.
pub(super) enum Destination {
    /// A function or object that this module defines.
    Defined,
    /// A function or object that this module should define, and does not.
    Undefined(FuncOrDataId),
    /// A symbol outside of this module. A missing one is an error unless it is weak.
    Outside { id: FuncOrDataId, weak: bool },
    /// A library routine of Cranelift's.
    Routine(LibCall),
}

/// Returns the code of a stub, if this is one: by its name, or as one that is `entering` a body.
/// Refuses a function that has the name of a stub and other code, as it would be called in place of
/// the stub.
pub(super) fn check_stub(
    isa: &dyn TargetIsa,
    name: &str,
    entering: Option<Stub>,
    bytes: &[u8],
    relocs: &[ModuleReloc],
) -> Result<Option<StubCode>> {
    let named = Stub::from_name(name);
    let is_named = named.is_some();
    let Some(stub) = named.or(entering) else {
        return Ok(None);
    };
    let code = stub_code(isa, &stub)?;
    let is_reloc = |expected: &Reloc, reloc: &ModuleReloc| {
        let target = matches!(reloc.name, ModuleRelocTarget::User { namespace: 0, index } if index == expected.callee);
        target && (expected.offset, expected.addend) == (reloc.offset, reloc.addend)
    };
    let alike = |expected: &Option<Reloc>| match (expected, relocs) {
        (None, []) => true,
        (Some(expected), [reloc]) => is_reloc(expected, reloc),
        _ => false,
    };
    if *code.bytes == *bytes && alike(&code.reloc) {
        return Ok(Some(code));
    }
    if !is_named {
        return Ok(None);
    }
    Err(Error::Content {
        name: name.to_owned(),
        why: "it has the name of a stub, but different code",
    })
}

impl Engine {
    /// Refuses pending code that moves vectors that this machine has no registers for.
    pub(super) fn check_vectors(&self) -> Result<()> {
        let declarations = self.module.declarations();
        for pending in &self.pending {
            let FuncOrDataId::Func(id) = pending.id else {
                continue;
            };
            let name = declarations.get_function_decl(id).name.as_deref();
            if let Some(width) = name.and_then(Stub::widest_vector_of) {
                let is_own = |reloc: &ModuleReloc| match reloc.name {
                    ModuleRelocTarget::User {
                        namespace: 0,
                        index,
                    } => index == id.as_u32(),
                    _ => false,
                };
                let uses = |other: &&PendingDefinition| other.relocs.iter().any(is_own);
                let user = self
                    .pending
                    .iter()
                    .find(uses)
                    .map(|user| self.name_of(user.id));
                vectors::check_stub(width, user.as_deref())?;
            }
        }
        Ok(())
    }

    /// Returns the address of each symbol that pending code refers to.
    pub(super) fn resolve(&self) -> Result<BTreeMap<String, Address>> {
        let mut undefined = BTreeMap::<String, Vec<String>>::new();
        let mut missing = BTreeMap::<String, Vec<String>>::new();
        let mut addresses = BTreeMap::new();
        for pending in &self.pending {
            for reloc in &pending.relocs {
                let (names, name) = match self.target(&reloc.name)? {
                    Destination::Defined => continue,
                    Destination::Undefined(id) => (&mut undefined, self.name_of(id)),
                    Destination::Outside { id, weak } => {
                        let name = self.name_of(id);
                        if addresses.contains_key(&name) {
                            continue;
                        }
                        match self.symbols.search(&name) {
                            Some(address) => {
                                addresses.insert(name, Address(address));
                                continue;
                            }
                            None if weak => continue,
                            None => (&mut missing, name),
                        }
                    }
                    Destination::Routine(call) => match libcalls::address(call) {
                        Some(address) => {
                            addresses.insert(libcalls::name(call), Address(address));
                            continue;
                        }
                        None => (&mut missing, call.to_string()),
                    },
                };
                let users = names.entry(name).or_default();
                users.push(self.name_of(pending.id));
            }
        }
        for name in self.registrar.frames.symbols() {
            match self.symbols.search(name) {
                Some(address) => drop(addresses.insert(name.to_owned(), Address(address))),
                None => missing
                    .entry(name.to_owned())
                    .or_default()
                    .push("handlers of try_call".to_owned()),
            }
        }
        if !undefined.is_empty() {
            let missing = missing_symbols(undefined);
            return Err(Error::Undefined { missing });
        }
        if !missing.is_empty() {
            return Err(self.symbols.missing(missing));
        }
        Ok(addresses)
    }

    /// Checks that each relocation of pending code reaches its target. The symbols among the
    /// targets are in `addresses`. They are not looked up in the module, which would keep their
    /// addresses.
    pub(super) fn check_ranges(&self, addresses: &BTreeMap<String, Address>) -> Result<()> {
        for pending in &self.pending {
            let name = self.name_of(pending.id);
            let place = address(&self.module, &pending.id.into());
            for reloc in &pending.relocs {
                let symbol = match self.target(&reloc.name)? {
                    Destination::Outside { id, .. } => Some(self.name_of(id)),
                    Destination::Routine(call) => Some(libcalls::name(call)),
                    Destination::Defined | Destination::Undefined(_) => None,
                };
                let target = match &symbol {
                    // A weak one that was not found is at 0.
                    Some(name) => Some(addresses.get(name).map_or(ptr::null(), |own| own.0)),
                    None => address(&self.module, &reloc.name),
                };
                reloc::check_range(&name, place.zip(target), symbol.is_none(), reloc)?;
            }
        }
        Ok(())
    }

    /// Returns the target of a relocation; an error when it is nothing this engine declared.
    pub(super) fn target(&self, target: &ModuleRelocTarget) -> Result<Destination> {
        let declarations = self.module.declarations();
        let unknown = || Error::UnknownId {
            id: target.to_string(),
        };
        let (id, stage, linkage) = match *target {
            ModuleRelocTarget::User { namespace, index } => {
                // Looked up as a plain number first: not every number is an id.
                let idx = usize::try_from(index).unwrap_or(usize::MAX);
                match namespace {
                    0 => {
                        let stage = self.functions.get(idx).ok_or_else(unknown)?;
                        let id = FuncId::from_u32(index);
                        let linkage = declarations.get_function_decl(id).linkage;
                        (FuncOrDataId::Func(id), *stage, linkage)
                    }
                    1 => {
                        let stage = self.objects.get(idx).ok_or_else(unknown)?;
                        let id = DataId::from_u32(index);
                        let linkage = declarations.get_data_decl(id).linkage;
                        (FuncOrDataId::Data(id), *stage, linkage)
                    }
                    _ => return Err(unknown()),
                }
            }
            // An offset into a function means this very code, whatever the linkage.
            ModuleRelocTarget::FunctionOffset(id, _) => {
                let stage = self.functions.get(id.index()).ok_or_else(unknown)?;
                (FuncOrDataId::Func(id), *stage, Linkage::Local)
            }
            ModuleRelocTarget::LibCall(call) => return Ok(Destination::Routine(call)),
            ModuleRelocTarget::KnownSymbol(_) => return Err(unknown()),
        };
        Ok(if stage != Stage::Declared {
            Destination::Defined
        } else if linkage.requires_definition() {
            Destination::Undefined(id)
        } else {
            Destination::Outside {
                id,
                weak: linkage == Linkage::Preemptible,
            }
        })
    }
}
