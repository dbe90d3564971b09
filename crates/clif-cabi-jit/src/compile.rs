//! From CLIF to bytes and relocations, with Cranelift's panics turned into errors.
//!
//! Signatures that Cranelift's back end asserts against are refused before it sees them. The list
//! is not the whole truth (there are operations without a lowering, too), so a panic that gets
//! through is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::cranelift::codegen::CodegenError;
use crate::cranelift::codegen::control::ControlPlane;
use crate::cranelift::codegen::ir::{
    ArgumentExtension, ArgumentPurpose, ExternalName, Function, Signature, types::I128,
};
use crate::cranelift::codegen::isa::{CallConv, TargetIsa};
use crate::cranelift::module::{FuncId, ModuleReloc};
use crate::cranelift::{RelocTarget, codegen::Context};

use crate::error::{Error, Result, panic_message};
use crate::host::machine;

/// The most bytes of stack slots. Cranelift panics on offsets of slots between this and 4 GiB.
const MAX_SLOT_BYTES: u64 = i32::MAX as u64;

/// Compiles `ctx.func`, the function `name`. The code stays in `ctx`; its relocations are returned.
///
/// After an error `ctx` may be cleared, and its contents must not be used further.
pub(crate) fn compile(
    isa: &dyn TargetIsa,
    name: &str,
    id: FuncId,
    ctx: &mut Context,
    control: &mut ControlPlane,
) -> Result<Vec<ModuleReloc>> {
    let signatures = ctx.func.dfg.signatures.values();
    for signature in signatures.chain([&ctx.func.signature]) {
        check_signature(signature).map_err(|why| Error::Signature {
            function: name.to_owned(),
            why,
        })?;
    }

    let compiled = caught(name, || {
        if slot_bytes(&ctx.func) > MAX_SLOT_BYTES {
            return Err(CodegenError::ImplLimitExceeded);
        }
        ctx.compile(isa, control)
            .map(|_| ())
            .map_err(|error| error.inner)
    });
    // `control` only steers random choices: nothing half done is seen.
    if compiled.is_err() {
        ctx.clear();
    }
    compiled?.map_err(|source| Error::Compile {
        function: name.to_owned(),
        source,
    })?;
    module_relocs(name, id, ctx)
}

/// Calls `cranelift` for the function `name`, and returns a panic as an error. After it the caller
/// drops what is half done.
pub(crate) fn caught<T>(name: &str, cranelift: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(cranelift)).map_err(|payload| Error::CompilerPanic {
        function: name.to_owned(),
        message: panic_message(&*payload).to_owned(),
    })
}

/// Returns the bytes of the stack slots, laid out as Cranelift does.
fn slot_bytes(func: &Function) -> u64 {
    func.sized_stack_slots.values().fold(0, |end, slot| {
        let align = 1_u64 << slot.align_shift.clamp(3, 31);
        end.next_multiple_of(align) + u64::from(slot.size)
    })
}

/// Returns the relocations of the code in `ctx`, with module names instead of the function's own.
fn module_relocs(name: &str, id: FuncId, ctx: &Context) -> Result<Vec<ModuleReloc>> {
    let code = ctx.compiled_code();
    let relocs = code.map_or(&[][..], |code| code.buffer.relocs());
    relocs
        .iter()
        .map(|reloc| {
            if !names_something(&ctx.func, &reloc.target) {
                return Err(Error::Relocation {
                    name: name.to_owned(),
                    offset: reloc.offset,
                    why: format!("{:?} is not a name of the module", reloc.target),
                });
            }
            Ok(ModuleReloc::from_mach_reloc(reloc, &ctx.func, id))
        })
        .collect()
}

/// Checks whether Cranelift can translate the target, which it presumes.
fn names_something(func: &Function, target: &RelocTarget) -> bool {
    match target {
        RelocTarget::ExternalName(ExternalName::User(name)) => {
            func.params.user_named_funcs().is_valid(*name)
        }
        RelocTarget::ExternalName(ExternalName::TestCase(_)) => false,
        _ => true,
    }
}

/// Refuses a signature on which Cranelift's back ends would panic, in words.
fn check_signature(signature: &Signature) -> Result<(), String> {
    if !machine::has_call_conv(signature.call_conv) {
        return Err(format!(
            "calling convention {} is not available on {}",
            signature.call_conv,
            machine::NAME
        ));
    }
    let (params, returns) = (&signature.params, &signature.returns);
    for (kind, param) in params
        .iter()
        .map(|param| ("parameter", param))
        .chain(returns.iter().map(|param| ("result", param)))
    {
        let reason = match param.purpose {
            // Cranelift's own tail convention may do as it likes, C must not.
            _ if param.value_type == I128 && signature.call_conv != CallConv::Tail => {
                "an i128 must be passed as two i64"
            }
            _ if param.extension != ArgumentExtension::None
                && !(param.value_type.is_int() && param.value_type.bits() <= 64) =>
            {
                "only integers can be extended"
            }
            ArgumentPurpose::StructArgument(_) if kind == "result" => {
                "a struct argument cannot be a result"
            }
            ArgumentPurpose::StructReturn if kind == "result" => {
                "sret must be a parameter, not a result"
            }
            ArgumentPurpose::StructReturn if !returns.is_empty() => {
                "sret cannot be combined with results"
            }
            _ => match machine::param_refusal(param, signature.call_conv) {
                Some(why) => why,
                None => continue,
            },
        };
        return Err(format!("{kind} {param}: {reason}"));
    }
    Ok(())
}
