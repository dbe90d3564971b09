//! An object file for macOS on Apple's processors that calls `printf`. Apple passes every unnamed
//! argument on the stack, where other systems use registers. Cranelift's signatures cannot express
//! this, so the plan of the call fills the registers with padding arguments.
//!
//! ```text
//! $ cargo run -p clif-cabi --example apple_variadic
//! cc -arch arm64 [..]/apple_variadic.o -o apple_variadic && ./apple_variadic   # 0.5 42
//! ```

use std::error::Error;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::InstBuilder;
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::{isa, settings, settings::Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{DataDescription, Linkage, Module, default_libcall_names};
use clif_cabi::{Arg, Lowering, Ret};
use cranelift_object::{ObjectBuilder, ObjectModule};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // int printf(const char *, ...), called with a double and a long.
    let printf = FnSig::new([Type::PTR], Type::I32).variadic();
    let at_call = printf.at_call([Type::F64, Type::I64])?;
    let path = std::env::temp_dir().join("apple_variadic.o");
    std::fs::write(&path, object(&at_call)?)?;
    let path = path.display();
    println!("cc -arch arm64 {path} -o apple_variadic && ./apple_variadic   # 0.5 42");
    Ok(())
}

/// Returns the object file of `int main(void) { printf("%g %ld\n", 0.5, 42L); return 0; }`, whose
/// call has the signature `at_call`.
pub(crate) fn object(at_call: &FnSig) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut flags = settings::builder();
    flags.set("is_pic", "true")?;
    // `Lowering::new` requires it.
    flags.set("preserve_frame_pointers", "true")?;
    let isa = isa::lookup_by_name("aarch64-apple-darwin")?.finish(settings::Flags::new(flags))?;
    let object = ObjectBuilder::new(isa, "apple_variadic", default_libcall_names())?;
    let mut module = ObjectModule::new(object);
    let lower = Lowering::new(module.isa())?;

    let text = module.declare_data("format", Linkage::Local, false, false)?;
    let mut bytes = DataDescription::new();
    bytes.define(Box::from(*b"%g %ld\n\0"));
    module.define_data(text, &bytes)?;

    let main_sig = FnSig::new([], Type::I32);
    let printf = lower.declare_import(&mut module, "printf", at_call)?;
    let main = lower.declare_export(&mut module, "main", &main_sig)?;
    let (mut ctx, mut fn_ctx) = (module.make_context(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &main_sig)?;
    let text = module.declare_data_in_func(text, builder.func);
    let args = [
        builder.ins().symbol_value(I64, text),
        builder.ins().f64const(0.5),
        builder.ins().iconst(I64, 42),
    ];
    let args = args.map(Arg::value);
    lower.call_sig(
        &mut module,
        &mut builder,
        printf.id,
        at_call,
        &args,
        Ret::Value,
    )?;
    let zero = Arg::value(builder.ins().iconst(I32, 0));
    entry.ret(&mut module, &mut builder, Some(&zero))?;
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    module.define_function(main.body, &mut ctx)?;
    Ok(module.finish().emit()?)
}
