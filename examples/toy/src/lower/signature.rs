//! The C signatures of functions and calls.

use super::{Origin, Session};
use crate::ast::Convention;
use crate::diag::{At, Check, Diagnostic, Span};
use crate::types::{FnTy, Ty};
use cabi::{FnSig, Target, Type, VectorLevel, X86_64_LANG, X86_64_WIN64};

/// The convention of functions that only this compiler calls.
static LANG: cabi::Convention = X86_64_LANG;

/// With more parameters, of at most 128 bytes each, the argument area could be larger than a callee can pop.
const MAX_LANG_PARAMS: usize = 256;

impl Session<'_> {
    /// The signature of a function: C's, or the language's own where nothing else calls it. That of a nested function has the static chain after the
    /// other named parameters.
    pub(super) fn signature(&mut self, id: usize) -> Check<FnSig> {
        let ty = self.fn_ty(id)?;
        let function = &self.functions[id];
        let (span, origin) = (function.span, function.origin.clone());
        let is_own = matches!(origin, Origin::Toy)
            && &*function.name != "main"
            && function.decl.is_some_and(|decl| decl.convention.is_none())
            && !self.values.contains(&function.name);
        let ty = self
            .types
            .as_fn(ty)
            .ok_or_else(|| Diagnostic::new(span, "no function"))?;
        let sig = self.fn_sig(&ty, span)?;
        Ok(match origin {
            Origin::Nested => sig.static_chain(self.types.model()),
            _ if is_own && self.has_lang() && is_for_lang(&sig) => sig.convention(&LANG),
            _ => sig,
        })
    }

    /// Whether there is a convention of languages for the target: on others all functions are C's.
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
        let sig = match ty.result {
            Ty::VOID => FnSig::new(params, Type::VOID),
            Ty::NEVER => FnSig::new(params, Type::VOID).noreturn(),
            result => FnSig::new(params, object(result).at(span)?),
        };
        let sig = of_convention(sig, ty.convention);
        Ok(if ty.variadic { sig.variadic() } else { sig })
    }
}

/// Whether a function that C has no pointer to can be of the language's own convention, which is not variadic and aligns nothing to more than 16 bytes.
fn is_for_lang(sig: &FnSig) -> bool {
    let params = sig.params().iter().map(|param| &param.ty);
    !sig.is_variadic()
        && sig.params().len() <= MAX_LANG_PARAMS
        && params.chain([sig.result()]).all(|ty| ty.align() <= 16)
}

pub(super) fn of_convention(sig: FnSig, convention: Convention) -> FnSig {
    match convention {
        Convention::C => sig,
        Convention::Win64 => sig.convention(&X86_64_WIN64),
        Convention::Avx => sig.features(VectorLevel::Avx),
        Convention::Avx512 => sig.features(VectorLevel::Avx512),
    }
}
