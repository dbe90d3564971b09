//! Functions lowered, compiled and run in this process.

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Target, Type};
use clif_cabi::cranelift_codegen::isa::OwnedTargetIsa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module, default_libcall_names};
use clif_cabi::{Entry, Function, LowerError, Lowering};
use cranelift_jit::{JITBuilder, JITModule};

pub(crate) struct Jit {
    pub(crate) module: JITModule,
    pub(crate) lower: Lowering,
}

impl Jit {
    /// With these settings on.
    pub(crate) fn new(opt_level: &str, settings: &[&str]) -> Self {
        let mut flags = settings::builder();
        flags.set("opt_level", opt_level).unwrap();
        flags.set("use_colocated_libcalls", "false").unwrap();
        // There functions find their stack arguments by it.
        let by_frame = cfg!(target_arch = "aarch64").to_string();
        flags.set("preserve_frame_pointers", &by_frame).unwrap();
        for setting in settings {
            flags.set(setting, "true").unwrap();
        }
        let isa = cranelift_native::builder().unwrap();
        Self::of(isa.finish(settings::Flags::new(flags)).unwrap()).unwrap()
    }

    pub(crate) fn of(isa: OwnedTargetIsa) -> Result<Self, LowerError> {
        let lower = Lowering::new(&*isa)?;
        let module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
        Ok(Self { module, lower })
    }

    pub(crate) fn declare(&mut self, name: &str, sig: &FnSig) -> Function {
        let declared = (self.lower).declare_export(&mut self.module, name, sig);
        declared.unwrap()
    }

    /// Defines the function `id`, or one without a name, of which `build` makes everything.
    pub(crate) fn body(
        &mut self,
        id: Option<FuncId>,
        build: impl FnOnce(&Lowering, &mut JITModule, &mut FunctionBuilder<'_>),
    ) -> FuncId {
        let mut context = self.module.make_context();
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        build(&self.lower, &mut self.module, &mut builder);
        builder.seal_all_blocks();
        builder.finalize(self.module.isa().frontend_config());
        let signature = &context.func.signature;
        let id = id.unwrap_or_else(|| self.module.declare_anonymous_function(signature).unwrap());
        self.module.define_function(id, &mut context).unwrap();
        id
    }

    /// Defines `function`, which is entered.
    pub(crate) fn define(
        &mut self,
        function: &Function,
        build: impl FnOnce(&Lowering, &mut JITModule, &mut FunctionBuilder<'_>, &Entry),
    ) {
        self.body(Some(function.body), |lower, module, builder| {
            let (_, entry) = lower.begin(builder, &function.sig).unwrap();
            build(lower, module, builder, &entry);
        });
    }

    /// A C function of `sig` that does what `function` does.
    pub(crate) fn for_c(&mut self, sig: &FnSig, function: &Function) -> FuncId {
        self.body(None, |lower, module, builder| {
            lower.forward(module, builder, sig, function).unwrap();
        })
    }

    /// Defines the function that `text` is.
    pub(crate) fn clif(&mut self, text: &str) -> FuncId {
        let mut context = self.module.make_context();
        context.func = cranelift_reader::parse_functions(text).unwrap().remove(0);
        let signature = &context.func.signature;
        let id = self.module.declare_anonymous_function(signature).unwrap();
        self.module.define_function(id, &mut context).unwrap();
        id
    }

    pub(crate) fn code(&mut self, id: FuncId) -> *const u8 {
        self.module.finalize_definitions().unwrap();
        self.module.get_finalized_function(id)
    }
}

/// The target of this process.
pub(crate) fn target() -> Target {
    Target::new(cranelift_native::builder().unwrap().triple()).unwrap()
}

pub(crate) fn record(name: &str, fields: &[Type]) -> Type {
    let mut builder = RecordBuilder::structure(name);
    for (i, ty) in fields.iter().enumerate() {
        builder = builder.field(&format!("f{i}"), ty.clone());
    }
    builder.build(&DataModel::LP64).unwrap()
}

/// A structure of `n` bytes.
pub(crate) fn bytes(n: u64) -> Type {
    record("bytes", &[Type::array(&Type::U8, n).unwrap()])
}
