//! Imports of a function: signatures and other functions. A recent import is used again, so that
//! the calls of one callee share it. Nothing is remembered beside the function: its imports are
//! compared as a whole.

use crate::cranelift::codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Function, SigRef, UserExternalName,
};
use crate::cranelift::module::FuncId;
use clif_cabi_plan as plan;

use crate::clif_types::{clif_signature, is_planned};

/// Number of the last imports that are searched. One more import costs as much as a search of some
/// twenty of another length.
const LOOKED_AT: usize = 16;

pub(crate) fn planned_signature(func: &mut Function, signature: &plan::Signature) -> SigRef {
    let mut last = func.dfg.signatures.iter().rev().take(LOOKED_AT);
    match last.find(|(_, import)| is_planned(import, signature)) {
        Some((sig_ref, _)) => sig_ref,
        None => func.import_signature(clif_signature(signature)),
    }
}

/// Imports the function `name` in `func`, called with `signature`.
pub(crate) fn function(
    func: &mut Function,
    name: &UserExternalName,
    signature: SigRef,
    colocated: bool,
) -> FuncRef {
    let names = func.params.user_named_funcs();
    let is_it = |import: &ExtFuncData| {
        import.signature == signature
            && import.colocated == colocated
            && !import.patchable
            && matches!(import.name, ExternalName::User(own) if names.get(own) == Some(name))
    };
    let mut last = func.dfg.ext_funcs.iter().rev().take(LOOKED_AT);
    if let Some(func_ref) = last.find(|(_, import)| is_it(import)).map(|(at, _)| at) {
        return func_ref;
    }
    let name = ExternalName::user(func.declare_imported_user_function(name.clone()));
    func.import_function(ExtFuncData {
        name,
        signature,
        colocated,
        patchable: false,
    })
}

/// Returns the id that `own` has in the module, if it was imported by one.
pub(crate) fn function_id(func: &Function, own: FuncRef) -> Option<FuncId> {
    let ExternalName::User(name) = func.dfg.ext_funcs.get(own)?.name else {
        return None;
    };
    let name = func.params.user_named_funcs().get(name)?;
    (name.namespace == 0).then(|| FuncId::from_u32(name.index))
}
