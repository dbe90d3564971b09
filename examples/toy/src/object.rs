//! The program for any target that is lowered: as CLIF, and as an object file that a C compiler links.

use crate::closures;
use crate::jit::RunError;
use crate::lower::{LowerError, lower};
use crate::typed::Checked;
use cabi::Target;
use cranelift_codegen::ir::{self, ExternalName, UserFuncName};
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::{FuncId, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::fmt::Write;

/// An empty object file. A target that is not lowered is refused here.
pub(crate) fn module(target: &Target) -> Result<ObjectModule, RunError> {
    let wrong =
        |why: String| RunError::Host(format!("no code is made for {}: {why}", target.name()));
    let mut flags = settings::builder();
    for (name, value) in [("is_pic", "true"), ("preserve_frame_pointers", "true")] {
        flags.set(name, value).map_err(RunError::host)?;
    }
    let isa = isa::lookup_by_name(target.name()).map_err(|error| wrong(error.to_string()))?;
    let isa = isa
        .finish(settings::Flags::new(flags))
        .map_err(RunError::host)?;
    clif_cabi::Lowering::new(&*isa).map_err(|error| wrong(error.to_string()))?;
    let builder = ObjectBuilder::new(isa, "toy", default_libcall_names());
    Ok(ObjectModule::new(builder.map_err(RunError::host)?))
}

/// The object file.
pub(crate) fn emit(checked: &Checked) -> Result<Vec<u8>, RunError> {
    let mut module = module(&checked.types.target)?;
    let declared = lower(
        checked,
        &mut module,
        (None, true),
        |module, mut compiled| {
            let span = checked.functions[compiled.id.0].span;
            let defined = module.define_function(compiled.func, &mut compiled.context);
            defined.map_err(|error| LowerError::at(span, format!("{error:?}")))
        },
    )?;
    let closure = |function: &&&crate::typed::Function| *function.name == *closures::SYMBOL;
    if declared.imported(checked).iter().find(closure).is_some() {
        return Err(RunError::host(
            "function pointers to nested functions exist in the JIT alone",
        ));
    }
    module.finish().emit().map_err(RunError::host)
}

/// The CLIF of the program's functions.
pub(crate) fn clif(checked: &Checked) -> Result<String, RunError> {
    let mut module = module(&checked.types.target)?;
    let mut text = String::new();
    lower(
        checked,
        &mut module,
        (None, false),
        |module, mut compiled| {
            let function = &checked.functions[compiled.id.0];
            if function.span.is_none() {
                return Ok(());
            }
            compiled.context.func.name = UserFuncName::testcase(function.name.as_bytes());
            // Writing to a string does not fail.
            let _ = writeln!(text, "; {}", checked.heading(function));
            for line in callees(module, &compiled.context.func) {
                let _ = writeln!(text, ";   {line}");
            }
            let _ = writeln!(text, "{}", compiled.context.func.display());
            Ok(())
        },
    )?;
    Ok(text)
}

/// What `fn0` and the like stand for in the text of a function.
fn callees(module: &ObjectModule, func: &ir::Function) -> Vec<String> {
    let names = func.params.user_named_funcs();
    let mut lines = Vec::new();
    for (reference, callee) in &func.dfg.ext_funcs {
        if let ExternalName::User(name) = callee.name
            && let Some(name) = names.get(name)
        {
            let id = FuncId::from_u32(name.index);
            let declaration = module.declarations().get_function_decl(id);
            lines.push(format!("{reference} is {}", declaration.linkage_name(id)));
        }
    }
    lines
}
