//! Conversions between the plan's types, calling conventions, extensions and signatures and this
//! Cranelift release's; and imports of signatures and functions into the function that is compiled.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::{
    AbiParam, ArgumentExtension, ArgumentPurpose, ExtFuncData, ExternalName, FuncRef, Function,
    SigRef, Signature, Type, UserExternalName, types,
};
use crate::cranelift::codegen::isa::CallConv;
use crate::cranelift::module::FuncId;
use clif_cabi_plan as plan;

macro_rules! by_name {
    ($value:expr, $from:ident -> $to:ident: $($name:ident)*) => {
        match $value { $($from::$name => $to::$name,)* }
    };
}

/// Returns Cranelift's `ty`.
#[must_use]
#[inline]
pub fn clif_type(ty: plan::ValueType) -> Type {
    use plan::ValueType as Ty;
    by_name!(ty, Ty -> types:
        I8 I16 I32 I64 I128 F16 F32 F64 F128 I8X2 I8X4 I8X8 I8X16 I16X2 I16X4 I16X8 I32X2 I32X4 I64X2
        F16X2 F16X4 F16X8 F32X2 F32X4 F64X2)
}

#[inline]
pub(crate) fn clif_call_conv(call_conv: plan::CallConv) -> CallConv {
    use plan::CallConv as Conv;
    by_name!(call_conv, Conv -> CallConv: SystemV Fast PreserveAll WindowsFastcall Tail AppleAarch64)
}

/// Returns Cranelift's signature: of a [`CallPlan`](plan::CallPlan)'s call instruction, or of the
/// function of an [`EntryPlan`](plan::EntryPlan).
///
/// # Example
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/doc.rs")); } use doc::*;
/// # let isa = linux_isa();
/// use clif_cabi::cabi::{FnSig, Type};
/// use clif_cabi::{Lowering, clif_signature};
///
/// let plan = Lowering::new(&*isa)?.call_plan(&FnSig::new([Type::I32, Type::F64], Type::I64))?;
/// assert_eq!(clif_signature(&plan.signature).to_string(), "(i32, f64) -> i64 system_v");
/// # Ok::<(), clif_cabi::LowerError>(())
/// ```
#[must_use]
pub fn clif_signature(signature: &plan::Signature) -> Signature {
    let params = |params: &[plan::ClifParam]| params.iter().map(clif_param).collect();
    Signature {
        params: params(&signature.params),
        returns: params(&signature.returns),
        call_conv: clif_call_conv(signature.call_conv),
    }
}

/// Checks whether `signature` is `planned`.
#[inline]
pub(crate) fn is_planned(signature: &Signature, planned: &plan::Signature) -> bool {
    let alike = |own: &[AbiParam], planned: &[plan::ClifParam]| {
        own.len() == planned.len()
            && (own.iter().zip(planned)).all(|(own, p)| *own == clif_param(p))
    };
    signature.call_conv == clif_call_conv(planned.call_conv)
        && alike(&signature.params, &planned.params)
        && alike(&signature.returns, &planned.returns)
}

#[inline]
fn clif_param(param: &plan::ClifParam) -> AbiParam {
    AbiParam {
        value_type: clif_type(param.ty),
        purpose: match param.purpose {
            plan::Purpose::Normal => ArgumentPurpose::Normal,
            plan::Purpose::StructReturn => ArgumentPurpose::StructReturn,
            plan::Purpose::StructArgument(size) => ArgumentPurpose::StructArgument(size),
        },
        extension: match param.extension {
            plan::Extension::None => ArgumentExtension::None,
            plan::Extension::Zero => ArgumentExtension::Uext,
            plan::Extension::Sign => ArgumentExtension::Sext,
        },
    }
}

/// Returns `sig` in the plan's types. [`Machine::places`](plan::Machine::places) returns the place
/// that Cranelift gives to each of its parameters and results.
///
/// # Errors
/// [`PlanError::Check`](plan::PlanError::Check) for a convention, type or purpose that no plan has.
///
/// # Example
/// ```
/// use cabi::{Target, x86_64::{RAX, RDI, XMM0}};
/// use clif_cabi::clif_cabi_plan::{ClifPlace, Machine};
/// use cranelift_codegen::ir::{AbiParam, Signature, types};
/// use cranelift_codegen::isa::CallConv;
///
/// let mut sig = Signature::new(CallConv::SystemV);
/// sig.params = [types::F64, types::I64].map(AbiParam::new).to_vec();
/// sig.returns = [types::I64].map(AbiParam::new).to_vec();
/// let places = Machine::of(&Target::X86_64_LINUX)?.places(&clif_cabi::plan_signature(&sig)?)?;
/// assert_eq!(places.params[..], [XMM0, RDI].map(ClifPlace::Reg));
/// assert_eq!(places.results[..], [RAX]);
/// # Ok::<(), clif_cabi::PlanError>(())
/// ```
pub fn plan_signature(sig: &Signature) -> Result<plan::Signature, plan::PlanError> {
    let mut conventions = plan::CallConv::ALL.iter().copied();
    let call_conv = conventions.find(|own| clif_call_conv(*own) == sig.call_conv);
    let call_conv = call_conv.ok_or_else(|| {
        let why = format!("the convention `{}` is not lowered", sig.call_conv);
        plan::PlanError::Check(why)
    })?;
    let mut planned = plan::Signature::new(call_conv);
    for (params, planned, kind) in [
        (&sig.returns, &mut planned.returns, "result"),
        (&sig.params, &mut planned.params, "parameter"),
    ] {
        for (i, param) in params.iter().enumerate() {
            let refused =
                |why| plan::PlanError::Check(format!("{kind} {i}: {why} under `{call_conv}`"));
            planned.push(plan_param(param).map_err(refused)?);
        }
    }
    Ok(planned)
}

/// Returns `param` in the plan's types, or names the property of it that no plan has.
fn plan_param(param: &AbiParam) -> Result<plan::ClifParam, String> {
    let (ty, purpose) = (param.value_type, param.purpose);
    let purpose = match purpose {
        ArgumentPurpose::Normal => plan::Purpose::Normal,
        ArgumentPurpose::StructReturn => plan::Purpose::StructReturn,
        ArgumentPurpose::StructArgument(size) => plan::Purpose::StructArgument(size),
        ArgumentPurpose::VMContext => {
            return Err(format!("a C signature cannot have `{purpose}` here"));
        }
    };
    let extension = match param.extension {
        ArgumentExtension::None => plan::Extension::None,
        ArgumentExtension::Uext => plan::Extension::Zero,
        ArgumentExtension::Sext => plan::Extension::Sign,
    };
    let mut value_types = plan::ValueType::ALL.iter();
    let Some(&value_type) = value_types.find(|own| clif_type(**own) == ty) else {
        // `Display` of an invalid type panics.
        let name = match ty.is_int() || ty.is_float() || ty.is_vector() {
            true => ty.to_string(),
            false => format!("{ty:?}"),
        };
        return Err(format!("`{name}` is not passed in one register"));
    };
    Ok(plan::ClifParam {
        ty: value_type,
        purpose,
        extension,
    })
}

/// Returns the name of `ty`, for messages. `Display` of an invalid type panics.
pub(crate) fn type_name(ty: Type) -> String {
    match ty.is_invalid() {
        true => "no value".into(),
        false => ty.to_string(),
    }
}

pub(crate) fn type_names(types: impl Iterator<Item = Type>) -> String {
    let names: Vec<String> = types.map(type_name).collect();
    format!("[{}]", names.join(", "))
}

/// Returns [`clif_cabi_plan::value_type`] in this Cranelift's types: the type that a value of `ty`
/// has as one SSA value, if it has one.
///
/// # Example
/// ```
/// use cranelift_codegen::ir::types;
/// assert_eq!(clif_cabi::value_type(&cabi::Type::I128), Some(types::I128));
/// assert_eq!(clif_cabi::value_type(&cabi::Type::F80), None);
/// assert_eq!(clif_cabi::clif_type(clif_cabi::clif_cabi_plan::ValueType::F16), types::F16);
/// ```
#[must_use]
#[inline]
pub fn value_type(ty: &cabi::Type) -> Option<Type> {
    plan::value_type(ty).map(clif_type)
}

/// Returns a C type whose values are SSA values of type `ty`, if there is one. A front end that
/// knows only the CLIF types of unnamed arguments declares them so. Integers are signed, which
/// makes a difference where narrow ones are extended.
///
/// # Example
/// ```
/// use cranelift_codegen::ir::types;
/// assert_eq!(clif_cabi::c_type(types::I64), Some(cabi::Type::I64));
/// assert_eq!(clif_cabi::c_type(types::F32X4), cabi::Type::vector(&cabi::Type::F32, 4).ok());
/// assert_eq!(clif_cabi::c_type(types::F32X2), None); // C's vector of two floats is an F64
/// ```
#[must_use]
pub fn c_type(ty: Type) -> Option<cabi::Type> {
    use cabi::Type as C;
    if ty.is_vector() {
        let lanes = u16::try_from(ty.lane_count()).ok()?;
        let vector = C::vector(&c_type(ty.lane_type())?, lanes).ok();
        // C's vectors of other sizes are values of another type, or none.
        return vector.filter(|own| value_type(own) == Some(ty));
    }
    let scalars = [
        C::I8,
        C::I16,
        C::I32,
        C::I64,
        C::I128,
        C::F16,
        C::F32,
        C::F64,
        C::F128,
    ];
    scalars.into_iter().find(|own| value_type(own) == Some(ty))
}

pub(crate) fn clif_reloc(kind: plan::RelocKind) -> Reloc {
    use plan::RelocKind as Kind;
    by_name!(kind, Kind -> Reloc: Abs8 X86CallPLTRel4 Arm64Call RiscvCallPlt S390xPLTRel32Dbl)
}

/// Number of the last imports that are searched: a recent one is used again, so that the calls of
/// one callee share it. Nothing is remembered beside the function. One more import costs as much as
/// a search of some twenty of another length.
const LOOKED_AT: usize = 16;

/// Imports `signature` in `func`.
pub(crate) fn import_planned(func: &mut Function, signature: &plan::Signature) -> SigRef {
    let mut last = func.dfg.signatures.iter().rev().take(LOOKED_AT);
    match last.find(|(_, import)| is_planned(import, signature)) {
        Some((sig_ref, _)) => sig_ref,
        None => func.import_signature(clif_signature(signature)),
    }
}

/// Imports the function `name` in `func`, called with `signature`.
pub(crate) fn import_function(
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
