//! The program for any target that is lowered: as CLIF, and as an object file that a C compiler links.

use crate::lower::{PERSONALITY, Program};
use cabi::Target;
use clif_cabi::Lowering;
use clif_cabi_unwind::{DebugInfo, Personality, UnwindError, UnwindTables};
use cranelift_codegen::ir::{self, ExternalName, UserFuncName};
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_module::{FuncId, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use std::fmt::Write;

/// An empty object file. A target that is not lowered is refused here.
pub(crate) fn module(target: &Target) -> Result<ObjectModule, String> {
    let mut flags = settings::builder();
    let name = target.name();
    let wrong = |why: &dyn ToString| format!("no code is made for {name}: {}", why.to_string());
    for (name, value) in [
        ("is_pic", "true"),
        ("preserve_frame_pointers", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ] {
        flags.set(name, value).map_err(|why| wrong(&why))?;
    }
    let isa = isa::lookup_by_name(name).map_err(|why| wrong(&why))?;
    let isa = isa
        .finish(settings::Flags::new(flags))
        .map_err(|why| wrong(&why))?;
    Lowering::new(&*isa).map_err(|why| wrong(&why))?;
    let builder = ObjectBuilder::new(isa, "toy", default_libcall_names());
    Ok(ObjectModule::new(builder.map_err(|why| wrong(&why))?))
}

/// The object file of a program that was compiled into `module`.
pub(crate) fn emit(mut module: ObjectModule, program: Program) -> Result<Vec<u8>, String> {
    let mut tables = tables(&module, program.has_handlers)?;
    let mut debug = DebugInfo::new();
    for mut function in program.functions {
        let defined = module.define_function(function.func, &mut function.context);
        defined.map_err(|why| format!("{}: {why:?}", function.name))?;
        let Some(code) = function.context.compiled_code() else {
            continue;
        };
        debug.add_function(function.func, &function.name, &function.context.func, code);
        if let Some(tables) = &mut tables {
            let added = tables.add_function(module.isa(), function.func, code);
            added.map_err(|why| format!("{}: {why}", function.name))?;
        }
    }
    let wrong = |why: &dyn ToString| why.to_string();
    if let Some(tables) = &mut tables {
        let added = tables.add_stubs(module.isa(), module.declarations());
        added.map_err(|why| wrong(&why))?;
    }
    let mut product = module.finish();
    if let Some(tables) = tables {
        let written = tables.write_object(&mut product);
        written.map_err(|why| wrong(&why))?;
    }
    if let Some(sources) = program.sources {
        let written = debug.write_object(&sources, &mut product);
        written.map_err(|why| wrong(&why))?;
    }
    product.emit().map_err(|why| wrong(&why))
}

/// How exceptions pass through the functions, and the personality of those that catch them. Windows has other tables, which are not written.
fn tables(module: &ObjectModule, has_handlers: bool) -> Result<Option<UnwindTables>, String> {
    match UnwindTables::new(module.isa(), Some(Personality::new(PERSONALITY))) {
        Err(UnwindError::Target { .. }) if !has_handlers => Ok(None),
        tables => tables.map(Some).map_err(|why| why.to_string()),
    }
}

/// The CLIF of the program's functions.
pub(crate) fn clif(module: &ObjectModule, program: Program) -> String {
    let mut text = String::new();
    for function in program.functions {
        let mut func = function.context.func;
        func.name = UserFuncName::testcase(function.name.as_bytes());
        // Writing to a string does not fail.
        let _ = writeln!(text, "; {}", function.name);
        for line in callees(module, &func) {
            let _ = writeln!(text, ";   {line}");
        }
        let _ = writeln!(text, "{}", func.display());
    }
    text
}

/// What `fn0` and the like stand for in the text of a function.
fn callees(module: &ObjectModule, func: &ir::Function) -> Vec<String> {
    let names = func.params.user_named_funcs();
    let named = |callee: &ir::ExtFuncData| match callee.name {
        ExternalName::User(name) => names.get(name),
        _ => None,
    };
    let callees = func.dfg.ext_funcs.iter().filter_map(|(reference, callee)| {
        let id = FuncId::from_u32(named(callee)?.index);
        let declaration = module.declarations().get_function_decl(id);
        Some(format!("{reference} is {}", declaration.linkage_name(id)))
    });
    callees.collect()
}
