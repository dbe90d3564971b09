//! Functions of a module: declared with their C signatures.

use crate::cranelift::codegen::ir::{self, Signature};
use crate::cranelift::module::{FuncId, FuncOrDataId, Linkage, Module, ModuleError};
use cabi::{FnSig, Target};

use super::Lowering;
use crate::clif_types::{clif_signature, function_id, is_planned};
use crate::emit::Callee;
use crate::error::LowerError;
use crate::stubs::{Stubs, check_defined, define_stub, define_trap, mark_failed, stub_id};

/// A function of a module together with its C signature.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Id in the module, which calls use and which has the name.
    pub id: FuncId,
    /// The id to define with the code built by [`Lowering::begin`]: the same one, unless C enters
    /// the function by a stub.
    pub body: FuncId,
    /// Its name, for messages.
    pub name: String,
    /// Its C signature.
    pub sig: FnSig,
}

impl Function {
    /// Wraps a function that was declared by other means than [`Lowering::declare_import`] and
    /// [`Lowering::declare_export`]. One that this module defines needs its
    /// [`Lowering::entry_point`] as `id` for calls.
    #[must_use]
    pub fn new(id: FuncId, name: &str, sig: FnSig) -> Self {
        let name = name.to_string();
        let body = id;
        Self {
            id,
            body,
            name,
            sig,
        }
    }
}

impl From<&Function> for Callee {
    fn from(function: &Function) -> Self {
        Self::Function(function.id)
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
        // Calls bring their own signature along; the declared one only has to be the same each
        // time.
        self.declare(
            module,
            name,
            sig,
            (Linkage::Import, &clif_signature(&plan.signature)),
        )
    }

    /// Declares a function that this module defines, as [`Function::body`], and others may call.
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, or that the module refuses.
    pub fn declare_export(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
    ) -> Result<Function, LowerError> {
        let about = |error: LowerError| error.of(Some(name), sig);
        let plan = self.entry_plan(sig).map_err(about)?;
        let signature = clif_signature(&plan.signature);
        let function = self.declare(module, name, sig, (Linkage::Export, &signature))?;
        let Some(stub) = plan.entry_stub(function.id.as_u32()) else {
            return Ok(function);
        };
        let body_name = stub.entered_name(name);
        let is_first = module.declarations().get_name(&body_name).is_none();
        let body = self
            .declare(module, &body_name, sig, (Linkage::Local, &signature))?
            .id;
        check_defined(module.declarations(), body).map_err(about)?;
        if let Some(stub) = plan.entry_stub(body.as_u32()) {
            match define_stub(module, function.id, &stub) {
                // The function is declared again, and has been defined. (If another crate has
                // declared the body, then it had not.)
                Err(LowerError::Module(error))
                    if !is_first && matches!(*error, ModuleError::DuplicateDefinition(_)) => {}
                Err(error) => {
                    // A module has to define what it declares. If there is no room for traps
                    // either, the stub is tried again.
                    let ids = [body, function.id].into_iter();
                    let mut traps = ids.map(|id| define_trap(module, id, signature.clone()));
                    let trapped = traps.try_for_each(|trap| trap);
                    drop(trapped.and_then(|()| mark_failed(module, &body_name, &signature)));
                    return Err(about(error));
                }
                Ok(()) => {}
            }
        }
        Ok(Function { body, ..function })
    }

    /// Defines [`Function::body`] as a trap, for a function whose own body was refused halfway: a
    /// module has to define its exports (`ObjectModule::finish` panics otherwise).
    /// # Errors
    /// [`LowerError`] if the module refuses the definition, as for a function that it has defined
    /// already.
    pub fn define_trap(
        &self,
        module: &mut dyn Module,
        function: &Function,
    ) -> Result<(), LowerError> {
        let about = |error: LowerError| error.of(Some(&function.name), &function.sig);
        let plan = self.entry_plan(&function.sig).map_err(about)?;
        let signature = clif_signature(&plan.signature);
        define_trap(module, function.body, signature).map_err(about)
    }

    /// Returns the function that C and calls enter: `function` itself, or a stub that enters it.
    /// [`Lowering::declare_export`] has made the stub already. There is a stub where one of these
    /// is needed:
    /// - A static chain is moved (`ArgFlags::NEST`).
    /// - Wide vectors or unnamed arguments are stored.
    /// - Callers align the stack to less than 16 bytes ([`FnSig::incoming_stack_align`]).
    ///
    /// # Errors
    /// [`LowerError`] for a signature that cannot be lowered, and if the module refuses the stub.
    ///
    /// # Example
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); }
    /// # use doc::*;
    /// # let mut module = jit(&[]);
    /// use clif_cabi::cabi::{FnSig, Type};
    /// use clif_cabi::{Function, Lowering, clif_signature, stub_id};
    ///
    /// let lower = Lowering::new(module.isa())?;
    /// let plain =
    ///     lower.declare_export(&mut module, "plain", &FnSig::new([Type::I64], Type::VOID))?;
    /// assert_eq!(plain.id, plain.body);
    /// // A nested function gets the frame around it in r10; its body gets it in the next free
    /// // register of parameters.
    /// let sig = FnSig::new([Type::I64], Type::VOID).static_chain(lower.target().data_model());
    /// let nested = lower.declare_export(&mut module, "nested", &sig)?;
    /// assert_ne!(nested.id, nested.body);
    /// assert_eq!(lower.entry_point(&mut module, &nested)?, nested.id);
    ///
    /// // A function without name, which was declared otherwise.
    /// let plan = lower.entry_plan(&sig)?;
    /// let body = module.declare_anonymous_function(&clif_signature(&plan.signature))?;
    /// let entry = lower.entry_point(&mut module, &Function::new(body, "", sig))?;
    /// assert_ne!(entry, body);
    /// let stub = plan.entry_stub(body.as_u32()).unwrap();
    /// let again = stub_id(&mut module, stub)?;
    /// assert_eq!(again, entry);
    /// # Ok::<(), clif_cabi::LowerError>(())
    /// ```
    pub fn entry_point(
        &self,
        module: &mut dyn Module,
        function: &Function,
    ) -> Result<FuncId, LowerError> {
        if function.id != function.body {
            return Ok(function.id);
        }
        let plan = self.entry_plan(&function.sig)?;
        match plan.entry_stub(function.body.as_u32()) {
            Some(stub) => stub_id(module, stub),
            None => Ok(function.id),
        }
    }

    /// Refuses a call of a function's body, `function`'s or a private one of `sig`, where callers
    /// enter it by a stub.
    pub(super) fn check_entry(
        &self,
        stubs: &dyn Stubs,
        func: &ir::Function,
        callee: Callee,
        function: Option<&Function>,
        sig: &FnSig,
    ) -> Result<(), LowerError> {
        let id = match callee {
            Callee::Function(id) => Some(id),
            Callee::Ref(func_ref) => function_id(func, func_ref),
            Callee::Address(_) => None,
        };
        let Some(id) = id else {
            return Ok(());
        };
        let is_body = match (function, stubs.linkage(id)) {
            (_, None) => false,
            (Some(function), Some(linkage)) => id == function.body && linkage.is_definable(),
            // An exported one may be entered by a stub that has its name.
            (None, Some(linkage)) => linkage == Linkage::Local,
        };
        let sig = function.map_or(sig, |function| &function.sig);
        let plan = is_body.then(|| self.entry_plan(sig).ok()).flatten();
        match plan.and_then(|plan| plan.entry_stub(id.as_u32())) {
            None => Ok(()),
            Some(_) => Err(LowerError::Stub(
                "callers enter this function by a stub: call its `Lowering::entry_point`, or declare it with `declare_export`",
            )),
        }
    }

    fn declare(
        &self,
        module: &mut dyn Module,
        name: &str,
        sig: &FnSig,
        (linkage, signature): (Linkage, &Signature),
    ) -> Result<Function, LowerError> {
        let triple = module.isa().triple();
        if !Target::new(triple).is_ok_and(|own| own.is_alike(&self.target)) {
            let target = self.target.name();
            let why =
                format!("{triple}: the target of the module is not that of the lowering, {target}");
            return Err(LowerError::Isa(why).of(Some(name), sig));
        }
        match module.declare_function(name, linkage, signature) {
            Ok(id) => {
                let mut declared = self
                    .cached
                    .declared
                    .write()
                    .unwrap_or_else(|e| e.into_inner());
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

    /// Returns the error that `name`, whose CLIF signature is `first`, is declared again as `sig`.
    fn redeclared(&self, name: &str, sig: &FnSig, first: &Signature) -> LowerError {
        let declared = self
            .cached
            .declared
            .read()
            .unwrap_or_else(|e| e.into_inner());
        // The name may have been declared in another module, or not by this lowering.
        let earlier = declared.get(name).filter(|earlier| {
            let call = self.call_plan(earlier);
            let entry = self.entry_plan(earlier);
            call.is_ok_and(|plan| is_planned(first, &plan.signature))
                || entry.is_ok_and(|plan| is_planned(first, &plan.signature))
        });
        let (first, now) = match earlier {
            Some(earlier) => (earlier.to_string(), sig.to_string()),
            None => (format!("`{first}` in CLIF"), sig.to_string()),
        };
        let hint = match earlier {
            Some(earlier) if earlier == sig => {
                "declare a function that the module both calls and defines once, with `declare_export`"
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
