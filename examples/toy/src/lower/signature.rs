//! The C signatures of functions and calls.

use super::Session;
use crate::ast::Linkage;
use crate::diag::{At, Check, Span};
use crate::types::{FnTy, Ty};
use cabi::{FnSig, Target, Type, X86_64_LANG};
use std::rc::Rc;

/// The convention of functions that only this compiler calls.
static LANG: cabi::Convention = X86_64_LANG;

/// With more parameters, of at most 128 bytes each, the argument area could be larger than a callee
/// can pop.
const MAX_LANG_PARAMS: usize = 256;

impl Session<'_> {
    /// The signature of a function: C's, or the language's own where nothing else calls it. That of
    /// a closure has the static chain after the other named parameters.
    pub(super) fn signature(&self, id: usize) -> Check<FnSig> {
        let function = &self.functions[id];
        let (mut ty, is_main) = (Rc::clone(&function.ty), self.is_main(id));
        if is_main {
            // C's `main` has a result: 0, if the program's has none.
            Rc::make_mut(&mut ty).result = Ty::I32;
        }
        let is_called = !self.values.contains(&function.name) && !is_main;
        let sig = self.fn_sig(&ty, function.span)?;
        Ok(match function.linkage {
            Linkage::Closure => sig.static_chain(self.types.model()),
            Linkage::Own if is_called && self.has_lang() && is_for_lang(&sig) => {
                sig.convention(&LANG)
            }
            _ => sig,
        })
    }

    /// Returns whether there is a convention of languages for the target: on others all functions
    /// are C's.
    fn has_lang(&self) -> bool {
        self.types.target.convention() == Target::X86_64_LINUX.convention()
    }

    /// The signature of functions of the type `ty`.
    pub(super) fn fn_sig(&self, ty: &FnTy, span: Span) -> Check<FnSig> {
        let object = |ty: Ty| match self.types.layout(ty) {
            Some(layout) => Ok(layout.clone()),
            None => Err(self.incomplete(ty)),
        };
        let params = ty.params.iter().map(|&param| object(param));
        let params = params.collect::<Result<Vec<Type>, _>>().at(span)?;
        let result = match ty.result {
            Ty::Void => Type::VOID,
            result => object(result).at(span)?,
        };
        let sig = FnSig::new(params, result);
        Ok(if ty.variadic { sig.variadic() } else { sig })
    }
}

/// Returns whether a function that C has no pointer to can be of the language's own convention,
/// which is not variadic and aligns nothing to more than 16 bytes.
fn is_for_lang(sig: &FnSig) -> bool {
    let params = sig.params().iter().map(|param| &param.ty);
    !sig.is_variadic()
        && sig.params().len() <= MAX_LANG_PARAMS
        && params.chain([sig.result()]).all(|ty| ty.align() <= 16)
}
