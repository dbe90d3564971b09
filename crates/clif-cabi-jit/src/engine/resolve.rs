//! Where the relocations of new definitions lead, and the symbols they need.

use std::collections::BTreeMap;

use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::LibCall;
use cranelift_module::{DataId, FuncId, FuncOrDataId, Linkage, Module, ModuleRelocTarget};

use super::{Engine, Stage, unknown};
use crate::error::{Error, Result};
use crate::libcalls;
use crate::library::missing_symbols;

/// Where a relocation leads.
pub(super) enum Target {
    /// To something this module defines.
    Defined,
    /// To something this module should define, and does not.
    Undefined(String),
    /// Out of this module. The address may be missing: an error unless the symbol is weak.
    Outside {
        name: String,
        address: Option<*const u8>,
        weak: bool,
    },
}

impl Engine {
    /// Finds every symbol that what is pending refers to, and hands them to the module.
    pub(super) fn resolve(&mut self) -> Result<()> {
        let mut undefined = BTreeMap::<String, Vec<String>>::new();
        let mut missing = BTreeMap::<String, Vec<String>>::new();
        let mut found = BTreeMap::new();
        for pending in &self.pending {
            for reloc in &pending.relocs {
                let (names, name) = match self.target(&reloc.name)? {
                    Target::Defined => continue,
                    Target::Undefined(name) => (&mut undefined, name),
                    Target::Outside {
                        name,
                        address,
                        weak,
                    } => match address {
                        Some(address) => {
                            found.insert(name, address);
                            continue;
                        }
                        None if weak => continue,
                        None => (&mut missing, name),
                    },
                };
                // A library routine of Cranelift's is listed without the NUL that keeps its name apart.
                let name = name.trim_start_matches('\0').to_owned();
                let users = names.entry(name).or_default();
                users.push(self.name_of(pending.id));
            }
        }
        if !undefined.is_empty() {
            let missing = missing_symbols(undefined);
            return Err(Error::Undefined { missing });
        }
        if !missing.is_empty() {
            return Err(self.symbols.missing(missing));
        }
        let known = self.symbols.found();
        for (name, address) in found {
            known.insert(name, address);
        }
        Ok(())
    }

    /// Where a relocation leads.
    pub(super) fn target(&self, target: &ModuleRelocTarget) -> Result<Target> {
        let declarations = self.module.declarations();
        let (id, stage, linkage) = match *target {
            ModuleRelocTarget::User {
                namespace: 0,
                index,
            } => {
                let id = FuncId::from_u32(index);
                let stage = self.functions.get(id.index()).ok_or_else(|| unknown(id))?;
                let linkage = declarations.get_function_decl(id).linkage;
                (FuncOrDataId::Func(id), *stage, linkage)
            }
            ModuleRelocTarget::User {
                namespace: 1,
                index,
            } => {
                let id = DataId::from_u32(index);
                let stage = self.objects.get(id.index()).ok_or_else(|| unknown(id))?;
                let linkage = declarations.get_data_decl(id).linkage;
                (FuncOrDataId::Data(id), *stage, linkage)
            }
            // An offset into a function means this very code, whatever the linkage.
            ModuleRelocTarget::FunctionOffset(id, _) => {
                let stage = self.functions.get(id.index()).ok_or_else(|| unknown(id))?;
                (FuncOrDataId::Func(id), *stage, Linkage::Local)
            }
            ModuleRelocTarget::LibCall(call) => return Ok(Target::libcall(call)),
            ref other => {
                let id = other.to_string();
                return Err(Error::UnknownId { id });
            }
        };
        let name = self.name_of(id);
        Ok(if stage != Stage::Declared {
            Target::Defined
        } else if linkage.requires_definition() {
            Target::Undefined(name)
        } else {
            Target::Outside {
                address: self.symbols.search(&name),
                weak: linkage == Linkage::Preemptible,
                name,
            }
        })
    }
}

impl Target {
    fn libcall(call: LibCall) -> Self {
        Self::Outside {
            name: libcalls::name(call),
            address: libcalls::address(call),
            weak: false,
        }
    }
}
