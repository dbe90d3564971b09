//! Functions of a module: declared with their C signatures.

use cabi::FnSig;
use cranelift_codegen::ir::Signature;
use cranelift_module::{FuncId, FuncOrDataId, Linkage, Module};

use super::Lowering;
use crate::error::LowerError;
use crate::stubs::stub_id;

/// A function of a module together with its C signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Its id in the module.
    pub id: FuncId,
    /// Its name, for messages.
    pub name: String,
    /// Its C signature.
    pub sig: FnSig,
}

impl Function {
    /// A function that was declared by other means than [`Lowering::declare_import`] and [`Lowering::declare_export`].
    #[must_use]
    pub fn new(id: FuncId, name: &str, sig: FnSig) -> Self {
        let name = name.to_string();
        Self { id, name, sig }
    }
}

impl Lowering {
    /// Declares a function that is defined elsewhere.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, or that the module refuses.
    pub fn declare_import(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
    ) -> Result<Function, LowerError> {
        let plan = self.call_plan(sig).map_err(|e| e.of(Some(name), sig))?;
        // Calls bring their own signature along; the declared one only has to be the same each time.
        self.declare(module, name, sig, (Linkage::Import, plan.signature()))
    }

    /// Declares a function that this module defines and others may call.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, or that the module refuses.
    pub fn declare_export(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
    ) -> Result<Function, LowerError> {
        let plan = self.entry_plan(sig).map_err(|e| e.of(Some(name), sig))?;
        self.declare(module, name, sig, (Linkage::Export, plan.signature()))
    }

    /// The function whose address C calls: `function` itself, or a stub that enters it, where it has a static chain to be moved first
    /// (`ArgFlags::NEST`) or its callers align the stack to less than 16 bytes ([`FnSig::incoming_stack_align`]).
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, and for what the module refuses.
    ///
    /// # Example
    /// ```
    /// # use clif_cabi::cranelift_codegen::{isa, settings};
    /// # use cranelift_jit::{JITBuilder, JITModule};
    /// # let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap().finish(settings::Flags::new(settings::builder())).unwrap();
    /// # let mut module = JITModule::new(JITBuilder::with_isa(isa, Box::new(|call| call.to_string())));
    /// use clif_cabi::cabi::{FnSig, Type};
    /// use clif_cabi::SysVAggregateLowering;
    /// use clif_cabi::cranelift_module::Module;
    ///
    /// let lower = SysVAggregateLowering::new(module.isa())?;
    /// let plain = lower.declare_export(&mut module, "plain", &FnSig::new([Type::I64], Type::VOID))?;
    /// assert_eq!(lower.entry_point(&mut module, &plain)?, plain.id);
    /// // A nested function gets the frame around it in r10; its body gets it in the next free register of parameters.
    /// let nested = FnSig::new([Type::I64], Type::VOID).static_chain();
    /// let nested = lower.declare_export(&mut module, "nested", &nested)?;
    /// assert_ne!(lower.entry_point(&mut module, &nested)?, nested.id);
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    pub fn entry_point(
        &self,
        module: &mut dyn Module,
        function: &Function,
    ) -> Result<FuncId, LowerError> {
        let plan = self.entry_plan(&function.sig)?;
        match plan.inner.entry_stub(function.id.as_u32()) {
            Some(stub) => stub_id(module, stub),
            None => Ok(function.id),
        }
    }

    fn declare(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
        (linkage, signature): (Linkage, &Signature),
    ) -> Result<Function, LowerError> {
        match module.declare_function(name, linkage, signature) {
            Ok(id) => {
                let mut declared = self.declared.write().unwrap_or_else(|e| e.into_inner());
                declared.entry(name.to_string()).or_insert(sig.clone());
                Ok(Function::new(id, name, sig.clone()))
            }
            Err(error) => {
                // Not by the kind of error: modules other than Cranelift's have their own.
                let declarations = module.declarations();
                let first = match declarations.get_name(name) {
                    Some(FuncOrDataId::Func(id)) => {
                        Some(&declarations.get_function_decl(id).signature)
                    }
                    _ => None,
                };
                match first.filter(|first| *first != signature) {
                    Some(first) => Err(self.redeclared(name, sig, first)),
                    None => Err(LowerError::from(error).of(Some(name), sig)),
                }
            }
        }
    }

    /// `name`, whose CLIF signature is `first`, is declared again as `sig`.
    fn redeclared(&self, name: &str, sig: &FnSig, first: &Signature) -> LowerError {
        let declared = self.declared.read().unwrap_or_else(|e| e.into_inner());
        // It may have been declared in another module, or not by this lowering.
        let known = declared.get(name).filter(|known| {
            let call = self.call_plan(known);
            let entry = self.entry_plan(known);
            call.is_ok_and(|plan| plan.signature() == first)
                || entry.is_ok_and(|plan| plan.signature() == first)
        });
        let (first, now) = match known {
            Some(known) => (known.to_string(), sig.to_string()),
            None => (format!("`{first}` in CLIF"), sig.to_string()),
        };
        let hint = match known {
            Some(known) if known == sig => {
                "a function that the module both calls and defines is declared once, by `declare_export`"
            }
            Some(_) if first == now => {
                "they differ in the layout of a type, the policy, the vector level or flags"
            }
            _ => "",
        };
        let name = name.to_string();
        LowerError::Redeclared {
            name,
            first,
            now,
            hint,
        }
    }
}
