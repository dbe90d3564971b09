//! The C signatures of functions and calls.

use super::{Lower, LowerError};
use crate::ast::Convention;
use crate::typed::{Called, Checked, Function, Origin};
use crate::types::{FnTy, Ty, Types};
use cabi::{FnSig, Target, Type, VectorLevel, X86_64_LANG, X86_64_WIN64};

/// The convention of functions that only this compiler calls.
static LANG: cabi::Convention = X86_64_LANG;

/// With more parameters, of at most 128 bytes each, the argument area could be larger than a callee can pop.
const MAX_LANG_PARAMS: usize = 256;

/// The signature of a function: C's, or the language's own where nothing else calls it. The signature of a nested function has the static chain after the
/// other named parameters.
pub(crate) fn signature(types: &Types, function: &Function) -> Lower<FnSig> {
    let Some(ty) = types.as_fn(function.ty) else {
        let message = format!("`{}` is no function", function.name);
        return Err(LowerError::new(message));
    };
    let sig = fn_signature(types, &ty)?;
    Ok(match &function.origin {
        Origin::Toy(body) if body.is_nested => sig.static_chain(types.model()),
        Origin::Toy(_)
            if function.n_pointers == 0 && has_lang(&types.target) && is_for_lang(&ty, &sig) =>
        {
            sig.convention(&LANG)
        }
        _ => sig,
    })
}

/// Whether there is a convention of languages for the target: on others all functions are C's.
fn has_lang(target: &Target) -> bool {
    target.convention() == Target::X86_64_LINUX.convention()
}

/// Whether a function that C has no pointer to can be of the language's own convention, which is not variadic and aligns nothing to more than 16 bytes.
fn is_for_lang(ty: &FnTy, sig: &FnSig) -> bool {
    let params = sig.params().iter().map(|param| &param.ty);
    ty.convention == Convention::C
        && !ty.variadic
        && sig.params().len() <= MAX_LANG_PARAMS
        && params.chain([sig.result()]).all(|ty| ty.align() <= 16)
}

/// The signature of one call, whose arguments are of types `args`. In a call of a variadic function it has the unnamed arguments too: their types decide
/// where they are passed, and the declaration does not have them.
pub(crate) fn call_signature(
    checked: &Checked,
    called: Called,
    args: impl IntoIterator<Item = Ty>,
) -> Lower<FnSig> {
    let types = &checked.types;
    let ty = match called {
        Called::Function(id) => checked.functions[id.0].ty,
        Called::Pointer(ty) => ty,
    };
    let Some(ty) = types.as_fn(ty) else {
        return Err(LowerError::new("what is no function is called"));
    };
    let sig = match called {
        Called::Function(id) => signature(types, &checked.functions[id.0])?,
        Called::Pointer(_) => fn_signature(types, &ty)?,
    };
    if !sig.is_variadic() {
        return Ok(sig);
    }
    let unnamed = args.into_iter().skip(ty.params.len());
    let unnamed = unnamed.filter_map(|ty| types.layout(ty).cloned());
    sig.at_call(unnamed).map_err(LowerError::new)
}

fn fn_signature(types: &Types, ty: &FnTy) -> Lower<FnSig> {
    let object = |ty: Ty| match types.layout(ty) {
        Some(layout) => Ok(layout.clone()),
        None => Err(LowerError::new(format!(
            "`{}` is not complete",
            types.name(ty)
        ))),
    };
    let params = ty.params.iter().map(|&param| object(param));
    let params = params.collect::<Lower<Vec<Type>>>()?;
    let sig = match ty.result {
        Ty::VOID => FnSig::new(params, Type::VOID),
        Ty::NEVER => FnSig::new(params, Type::VOID).noreturn(),
        result => FnSig::new(params, object(result)?),
    };
    let sig = of_convention(sig, ty.convention);
    Ok(if ty.variadic { sig.variadic() } else { sig })
}

pub(super) fn of_convention(sig: FnSig, convention: Convention) -> FnSig {
    match convention {
        Convention::C => sig,
        Convention::Win64 => sig.convention(&X86_64_WIN64),
        Convention::Avx => sig.features(VectorLevel::Avx),
        Convention::Avx512 => sig.features(VectorLevel::Avx512),
    }
}
