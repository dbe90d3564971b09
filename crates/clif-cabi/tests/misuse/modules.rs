//! Functions of modules: of another one, declared again, and with names of stubs.

use clif_cabi::cabi::{FnSig, Type, VectorLevel, X86_64_LANG};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::control::ControlPlane;
use clif_cabi::cranelift_codegen::ir::{AbiParam, Signature, types::I64};
use clif_cabi::cranelift_codegen::isa::TargetIsa;
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{
    DataDescription, DataId, FuncId, FuncOrDataId, Linkage, Module, ModuleDeclarations,
    ModuleError, ModuleReloc, ModuleResult, default_libcall_names,
};
use clif_cabi::{Arg, LowerError, Ret, Stub, StubStep, clif_signature, stub_id, stubs_of};
use cranelift_jit::{JITBuilder, JITModule};

use super::{ISA, c, instructions, lowering, plain};

/// Makes a module of the target that [`lowering`] is for; nothing of it runs.
fn module() -> JITModule {
    JITModule::new(JITBuilder::with_isa(ISA.clone(), default_libcall_names()))
}

/// Calls the function with this id of `module`, whose signature is `sig`, with a double:
/// instructions are emitted if it is not refused.
fn call(module: &mut JITModule, id: u32, sig: &FnSig) -> Result<(), LowerError> {
    let (lower, mut ctx, mut context) = (
        lowering(),
        module.make_context(),
        FunctionBuilderContext::new(),
    );
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut context);
    let (_, entry) = lower.begin(&mut builder, &c("void f(double)")).unwrap();
    let arg = Arg::value(entry.value(&mut builder, 0).unwrap());
    let id = FuncId::from_u32(id);
    let args = if sig.params().is_empty() {
        &[][..]
    } else {
        &[arg]
    };
    let result = lower.call_sig(module, &mut builder, id, sig, args, Ret::Ignore);
    assert_eq!(instructions(builder.func), usize::from(result.is_ok()));
    result.map(drop)
}

/// Returns the function with id 0 of a module, which is variadic and passed a double.
fn variadic() -> FnSig {
    let sig = FnSig::new([], Type::VOID).variadic();
    sig.at_call([Type::F64]).unwrap()
}

/// A module panics when it gets an id it never gave out, or finds one in a relocation.
#[test]
fn functions_of_another_module() {
    let mut module = module();
    for sig in [c("void f(void)"), variadic()] {
        let error = call(&mut module, 9, &sig).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{sig}: the function does not belong to this module")
        );
    }
    module.finalize_definitions().unwrap();
}

/// Each line of `declared.txt` is a declaration by one of two lowerings. A refusal shows the two C
/// signatures.
#[test]
fn declared_again() {
    let (mut module, first, second) = (module(), lowering(), lowering());
    let lines = include_str!("declared.txt").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (declared, why) = line.split_once(" ! ").unwrap_or((line, ""));
        let (words, sig) = declared.split_once(": ").unwrap();
        let [by, kind, name] = words.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let lower = if by == "first" { &first } else { &second };
        let result = match kind {
            "import" => lower.declare_import(&mut module, name, &c(sig)),
            _ => lower.declare_export(&mut module, name, &c(sig)),
        };
        let message = result.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(message, why, "{line}");
    }
}

/// Returns the stub of a call of the variadic function with id 0.
fn stub() -> Stub {
    Stub::new(&[StubStep::SetVectorCount(1), StubStep::Jump(0)]).unwrap()
}

fn with_callee() -> JITModule {
    let mut module = module();
    let declared = module.declare_function("f", Linkage::Import, &plain());
    declared.unwrap();
    module
}

/// Checks that a call in `module` is refused, because another declaration has the stub's name.
fn is_taken(module: &mut JITModule) {
    let error = call(module, 0, &variadic()).unwrap_err();
    assert!(matches!(error.cause(), LowerError::StubName(..)));
    let why = "is the name of a stub, and the module has declared that name differently";
    assert_eq!(
        error.to_string(),
        format!("void (..., double): {} {why}", stub().name())
    );
}

#[test]
fn a_function_with_the_name_of_a_stub() {
    use Linkage::{Export, Hidden, Import, Local, Preemptible};
    let mut with_param = plain();
    with_param.params.push(AbiParam::new(I64));
    for linkage in [Import, Local, Export, Preemptible, Hidden] {
        for signature in [&plain(), &with_param] {
            let mut module = with_callee();
            let declared = module.declare_function(&stub().name(), linkage, signature);
            declared.unwrap();
            is_taken(&mut module);
        }
    }
    let mut module = with_callee();
    let declared = module.declare_data(&stub().name(), Local, false, false);
    declared.unwrap();
    is_taken(&mut module);
}

/// Two lowerings find the same stub; what was declared in another module is no stub of this one.
#[test]
fn a_stub_is_found_again() {
    let (mut module, name) = (with_callee(), stub().name());
    call(&mut module, 0, &variadic()).unwrap();
    let Some(FuncOrDataId::Func(id)) = module.declarations().get_name(&name) else {
        unreachable!("it was declared");
    };
    call(&mut module, 0, &variadic()).unwrap();
    assert_eq!(stub_id(&mut module, stub()).unwrap(), id);
    // The front end cannot declare it differently afterwards.
    let redeclared = module.declare_function(&name, Linkage::Import, &plain());
    assert!(redeclared.is_err());
    assert!(module.define_function_bytes(id, 1, &[0xc3], &[]).is_err());

    let signature = &module.declarations().get_function_decl(id).signature;
    let mut second = with_callee();
    let declared = second.declare_function(&name, Linkage::Import, signature);
    declared.unwrap();
    is_taken(&mut second);
}

/// A function that C enters by a stub, whose body the front end has declared before: the stub is
/// made all the same.
#[test]
fn a_body_that_was_declared_before() {
    let (lower, mut module) = (lowering(), module());
    let sig = c("void f(long)").static_chain(lower.target().data_model());
    let plan = lower.entry_plan(&sig).unwrap();
    // The name that the body will have, where `nested` is the function 1.
    let name = plan.entry_stub(1).unwrap().entered_name("nested");
    let body = module.declare_function(&name, Linkage::Local, &clif_signature(&plan.signature));
    let body = body.unwrap();
    for _ in 0..2 {
        let nested = lower.declare_export(&mut module, "nested", &sig).unwrap();
        assert_eq!(nested.body, body);
        let redefined = module.define_function_bytes(nested.id, 1, &[0xc3], &[]);
        assert!(redefined.is_err(), "it is the stub");
    }
}

/// A call by the id of a body, which callers enter by a stub, is refused; an import's is not.
#[test]
fn a_body_called_without_its_stub() {
    let lower = lowering();
    for (linkage, sig) in [
        (Linkage::Import, nested()),
        (Linkage::Local, c("void f(long)")),
        (Linkage::Local, nested()),
        (Linkage::Preemptible, nested()),
    ] {
        let (mut module, mut ctx) = (module(), Context::new());
        let signature = clif_signature(&lower.entry_plan(&sig).unwrap().signature);
        let id = module.declare_function("g", linkage, &signature);
        let mut function = clif_cabi::Function::new(id.unwrap(), "g", sig);
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut context);
        let (_, entry) = lower.begin(&mut builder, &c("void f(long)")).unwrap();
        let arg = Arg::value(entry.value(&mut builder, 0).unwrap());
        let args = vec![arg; function.sig.params().len()];
        let message = |called: Result<(), LowerError>| {
            called.map_or_else(|error| error.to_string(), |()| String::new())
        };
        let mut call = |module: &mut JITModule, function: &clif_cabi::Function, way: u32| {
            let (id, sig) = (function.id, &function.sig);
            let plan = lower.call_plan(sig).unwrap();
            let func_ref = module.declare_func_in_func(id, builder.func);
            let (builder, ret) = (&mut builder, Ret::Ignore);
            message(match way {
                0 => lower
                    .call(module, builder, function, &args, ret)
                    .map(|_| ()),
                1 => lower
                    .call_sig(module, builder, id, sig, &args, ret)
                    .map(|_| ()),
                2 => lower
                    .call_sig(module, builder, func_ref, sig, &args, ret)
                    .map(|_| ()),
                3 => lower
                    .call_planned(module, builder, func_ref, &plan, &args, ret)
                    .map(|_| ()),
                _ => lower.callee(module, builder, &plan, id).map(|_| ()),
            })
        };
        let needs_stub = linkage.is_definable() && args.len() == 2;
        let why = "void (long long, void *): callers enter this function by a stub: call its `Lowering::entry_point`, or declare it with `declare_export`";
        let expected = match needs_stub {
            true => format!("g, {why}"),
            false => String::new(),
        };
        assert_eq!(call(&mut module, &function, 0), expected);
        // Another id may be that of a stub with the function's name.
        let bare = if linkage == Linkage::Local {
            &expected[..]
        } else {
            ""
        };
        let bare = bare.trim_start_matches("g, ");
        for way in 1..5 {
            assert_eq!(call(&mut module, &function, way), bare, "{way}");
        }
        if needs_stub {
            function.id = lower.entry_point(&mut module, &function).unwrap();
            for way in 0..5 {
                assert_eq!(call(&mut module, &function, way), "", "{way}");
            }
        }
    }
}

/// A module that takes no bytes of functions, as that of rustc's back end.
struct NoBytes(JITModule);

impl Module for NoBytes {
    fn isa(&self) -> &dyn TargetIsa {
        self.0.isa()
    }
    fn declarations(&self) -> &ModuleDeclarations {
        self.0.declarations()
    }
    fn declare_function(&mut self, n: &str, l: Linkage, s: &Signature) -> ModuleResult<FuncId> {
        self.0.declare_function(n, l, s)
    }
    fn declare_anonymous_function(&mut self, signature: &Signature) -> ModuleResult<FuncId> {
        self.0.declare_anonymous_function(signature)
    }
    fn declare_data(&mut self, n: &str, l: Linkage, w: bool, tls: bool) -> ModuleResult<DataId> {
        self.0.declare_data(n, l, w, tls)
    }
    fn declare_anonymous_data(&mut self, writable: bool, tls: bool) -> ModuleResult<DataId> {
        self.0.declare_anonymous_data(writable, tls)
    }
    fn define_function_with_control_plane(
        &mut self,
        id: FuncId,
        ctx: &mut Context,
        plane: &mut ControlPlane,
    ) -> ModuleResult<()> {
        self.0.define_function_with_control_plane(id, ctx, plane)
    }
    fn define_function_bytes(
        &mut self,
        _: FuncId,
        _: u64,
        _: &[u8],
        _: &[ModuleReloc],
    ) -> ModuleResult<()> {
        Err(ModuleError::Backend(
            std::io::Error::other("no bytes").into(),
        ))
    }
    fn define_data(&mut self, id: DataId, data: &DataDescription) -> ModuleResult<()> {
        self.0.define_data(id, data)
    }
}

/// A stub that could not be defined is refused at each request, and not at the first alone. It is a
/// trap that nobody calls, because a module has to define what it declares.
#[test]
fn stubs_that_are_not_defined() {
    let mut module = NoBytes(with_callee());
    let mut refused = || stub_id(&mut module, stub()).unwrap_err();
    assert!(matches!(refused(), LowerError::Module(..)));
    assert!(matches!(refused(), LowerError::Stub(..)));
    is_trap(&mut module, &stub().name());
    // The function that C enters by a stub, and the body.
    let (lower, sig) = (lowering(), nested());
    let plan = lower.entry_plan(&sig).unwrap();
    let body = plan.entry_stub(2).unwrap().entered_name("nested");
    let mut refused = || {
        lower
            .declare_export(&mut module, "nested", &sig)
            .unwrap_err()
    };
    assert!(matches!(refused().cause(), LowerError::Module(..)));
    assert!(matches!(refused().cause(), LowerError::Stub(..)));
    is_trap(&mut module, "nested");
    is_trap(&mut module, &body);
    assert_eq!(stubs_of(module.declarations()).count(), 0);
}

/// Checks that the function `name` of `module` is defined already.
fn is_trap(module: &mut NoBytes, name: &str) {
    let Some(FuncOrDataId::Func(id)) = module.declarations().get_name(name) else {
        unreachable!("{name} was declared");
    };
    let again = module.0.define_function_bytes(id, 1, &[0xc3], &[]);
    assert!(matches!(again, Err(ModuleError::DuplicateDefinition(_))));
}

/// Returns a function with a static chain.
fn nested() -> FnSig {
    c("void f(long)").static_chain(lowering().target().data_model())
}

/// A lowering without stubs refuses a signature at the declaration; calls and functions of others
/// are lowered.
#[test]
fn a_lowering_without_stubs() {
    let wide = || Type::vector(&Type::F64, 4).unwrap();
    let avx = |params, result| FnSig::new(params, result).features(VectorLevel::Avx);
    let (mut module, lower) = (NoBytes(module()), lowering().without_stubs());
    for (sig, need) in [
        (
            variadic(),
            "the count of vector registers of a variadic call",
        ),
        (nested(), "a static chain"),
        (c("long double f(void)"), "a result on the x87 stack"),
        (
            avx(vec![], wide()),
            "a result in registers that CLIF cannot express",
        ),
        (
            avx(vec![wide()], Type::VOID),
            "an argument in registers that CLIF cannot express",
        ),
    ] {
        let target = lower.target().name();
        let needs = format!("which needs a stub on {target}, and the module defines no stubs");
        let why = format!("{sig}: it has {need}, {needs}");
        let refused = lower.can_lower(&sig).unwrap_err();
        assert!(matches!(refused.cause(), LowerError::NeedsStub { .. }));
        assert_eq!(refused.to_string(), why);
        lowering().can_lower(&sig).unwrap();
        lower.declare_import(&mut module, "f", &sig).unwrap_err();
    }
    assert_eq!(module.declarations().get_functions().count(), 0);
    // A function finds its unnamed arguments without a stub.
    lower.entry_plan(&c("long f(long *, ...)")).unwrap();
    lower
        .can_lower(&c("double f(struct { double x; long n; })"))
        .unwrap();
}

/// The language's convention returns a value of padding alone in registers, C's nowhere. An entry
/// of either that calls the other one returns what is there.
#[test]
fn padding_is_forwarded() {
    let in_c = c("struct { long : 64; long : 64; } f(void)");
    let lang = in_c.clone().convention(&X86_64_LANG);
    let lower = lowering();
    for (own, other) in [(&lang, &in_c), (&in_c, &lang)] {
        let mut module = module();
        let callee = lower.declare_import(&mut module, "f", other).unwrap();
        let own_id = lower.declare_export(&mut module, "own", own).unwrap().id;
        let (mut ctx, mut context) = (module.make_context(), FunctionBuilderContext::new());
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut context);
        let result = lower.forward(&mut module, &mut builder, own, &callee);
        result.unwrap();
        builder.finalize(module.target_config());
        module.define_function(own_id, &mut ctx).unwrap();
    }
}
