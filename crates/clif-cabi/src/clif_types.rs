//! The plan's types, calling conventions, extensions and signatures as those of this Cranelift release, and back.

use crate::cranelift::codegen::binemit::Reloc;
use crate::cranelift::codegen::ir::{
    AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, types,
};
use crate::cranelift::codegen::isa::{CallConv, TargetIsa};
use clif_cabi_plan as plan;

macro_rules! by_name {
    ($value:expr, $from:ident -> $to:ident: $($name:ident)*) => {
        match $value { $($from::$name => $to::$name,)* }
    };
}

/// `ty` as Cranelift's.
#[must_use]
#[inline]
pub fn clif_type(ty: plan::ValueType) -> Type {
    use plan::ValueType as Ty;
    by_name!(ty, Ty -> types:
        I8 I16 I32 I64 I128 F16 F32 F64 F128 I8X2 I8X4 I8X8 I8X16 I16X2 I16X4 I16X8 I32X2 I32X4 I64X2
        F16X2 F16X4 F16X8 F32X2 F32X4 F64X2)
}

/// `ty` as the plan's, if it has it.
pub(crate) fn plan_type(ty: Type) -> Option<plan::ValueType> {
    let mut all = plan::ValueType::ALL.iter().copied();
    all.find(|own| clif_type(*own) == ty)
}

/// `call_conv` as Cranelift's.
#[inline]
pub(crate) fn clif_call_conv(call_conv: plan::CallConv) -> CallConv {
    use plan::CallConv as Conv;
    by_name!(call_conv, Conv -> CallConv: SystemV Fast PreserveAll WindowsFastcall Tail AppleAarch64)
}

/// `call_conv` as the plan's, if it has it.
pub(crate) fn plan_call_conv(call_conv: CallConv) -> Option<plan::CallConv> {
    let mut all = plan::CallConv::ALL.iter().copied();
    all.find(|own| clif_call_conv(*own) == call_conv)
}

/// `extension` as Cranelift's.
#[inline]
pub(crate) fn clif_extension(extension: plan::Extension) -> ArgumentExtension {
    match extension {
        plan::Extension::None => ArgumentExtension::None,
        plan::Extension::Zero => ArgumentExtension::Uext,
        plan::Extension::Sign => ArgumentExtension::Sext,
    }
}

/// `extension` as the plan's.
pub(crate) fn plan_extension(extension: ArgumentExtension) -> plan::Extension {
    match extension {
        ArgumentExtension::None => plan::Extension::None,
        ArgumentExtension::Uext => plan::Extension::Zero,
        ArgumentExtension::Sext => plan::Extension::Sign,
    }
}

/// `signature` as Cranelift's.
pub(crate) fn clif_signature(signature: &plan::Signature) -> Signature {
    let params = |params: &[plan::Param]| params.iter().map(clif_param).collect();
    Signature {
        params: params(&signature.params),
        returns: params(&signature.returns),
        call_conv: clif_call_conv(signature.call_conv),
    }
}

/// Whether `signature` is `planned`.
#[inline]
pub(crate) fn is_planned(signature: &Signature, planned: &plan::Signature) -> bool {
    let alike = |own: &[AbiParam], planned: &[plan::Param]| {
        own.len() == planned.len() && (own.iter().zip(planned)).all(|(own, p)| is_param(own, p))
    };
    signature.call_conv == clif_call_conv(planned.call_conv)
        && alike(&signature.params, &planned.params)
        && alike(&signature.returns, &planned.returns)
}

#[inline]
fn is_param(own: &AbiParam, param: &plan::Param) -> bool {
    own.value_type == clif_type(param.ty)
        && own.purpose == clif_purpose(param.purpose)
        && own.extension == clif_extension(param.extension)
}

fn clif_param(param: &plan::Param) -> AbiParam {
    AbiParam {
        value_type: clif_type(param.ty),
        purpose: clif_purpose(param.purpose),
        extension: clif_extension(param.extension),
    }
}

#[inline]
fn clif_purpose(purpose: plan::Purpose) -> ArgumentPurpose {
    match purpose {
        plan::Purpose::Normal => ArgumentPurpose::Normal,
        plan::Purpose::StructReturn => ArgumentPurpose::StructReturn,
        plan::Purpose::StructArgument(size) => ArgumentPurpose::StructArgument(size),
    }
}

/// The name of `ty`, for messages. `Display` of an invalid type panics.
pub(crate) fn type_name(ty: Type) -> String {
    match ty.is_invalid() {
        true => "no value".into(),
        false => ty.to_string(),
    }
}

/// The names of `types`, for messages.
pub(crate) fn type_names(types: impl Iterator<Item = Type>) -> String {
    let names: Vec<String> = types.map(type_name).collect();
    format!("[{}]", names.join(", "))
}

/// [`clif_cabi_plan::value_type`] in this Cranelift's types: the type that a value of `ty` has as one SSA value, if it has one.
///
/// # Example
/// ```
/// use cranelift_codegen::ir::types;
/// assert_eq!(clif_cabi::value_type(&cabi::Type::I128), Some(types::I128));
/// assert_eq!(clif_cabi::value_type(&cabi::Type::F80), None);
/// ```
#[must_use]
pub fn value_type(ty: &cabi::Type) -> Option<Type> {
    plan::value_type(ty).map(clif_type)
}

/// The relocation of a near call or jump of this machine, whose target may be a PLT's entry.
pub(crate) fn near_call(isa: &dyn TargetIsa) -> Reloc {
    match isa.name() {
        "aarch64" => Reloc::Arm64Call,
        _ => Reloc::X86CallPLTRel4,
    }
}
