//! One process with C++, an object file and JIT code: an exception passes functions of each in every order, is caught in each, and a backtrace is as long as that of C++ alone.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::process::Command;

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, MemFlagsData,
};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_codegen::{Context, isa};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module, default_libcall_names};
use clif_cabi::{Arg, Lowering, Ret};
use clif_cabi_jit::{Engine, Library, Settings};
use clif_cabi_unwind::{Personality, UnwindModule};
use cranelift_object::{ObjectBuilder, ObjectModule};

/// A function and what it calls with the next one.
#[repr(C)]
struct Link {
    f: *const u8,
    next: *const Link,
}

const TEXT: &str = r#"
#include <unwind.h>
struct link { int (*f)(link *); link *next; };
#define KEEP(GOT) __asm__ volatile("" : "+r"(GOT))
extern "C" {
int cxx_passes(link *l) { int got = l->next->f(l->next); KEEP(got); return got; }
int cxx_catches(link *l) { try { return l->next->f(l->next); } catch (...) { return 3; } }
int throws(link *) { throw 1; }
int returns(link *) { return 9; }
static const void *limit;
static _Unwind_Reason_Code one(_Unwind_Context *context, void *n) {
  if ((const void *)_Unwind_GetCFA(context) >= limit) return _URC_NORMAL_STOP;
  ++*(int *)n;
  return _URC_NO_REASON;
}
int frames(link *) { int n = 0; _Unwind_Backtrace(one, &n); return 1000 + n; }
int start(link *l) {
  limit = __builtin_frame_address(0);
  try { int got = l->f(l); KEEP(got); return got; } catch (int) { return 100; }
}
}
"#;

/// int name(link *l) { return l->next->f(l->next); }, which returns `caught` for what is thrown, or lets it pass.
fn layer<M: Module>(module: &mut M, name: &str, caught: Option<i64>) -> FuncId {
    let lower = Lowering::new(module.isa()).unwrap();
    let [begin, end] = [
        ("__cxa_begin_catch", Type::PTR),
        ("__cxa_end_catch", Type::VOID),
    ]
    .map(|(name, result)| {
        let params = (result == Type::PTR).then_some(Type::PTR);
        lower
            .declare_import(module, name, &FnSig::new(params, result))
            .unwrap()
    });
    let sig = FnSig::new([Type::PTR], Type::I32);
    let function = lower.declare_export(module, name, &sig).unwrap();
    let mut ctx = Context::new();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &sig).unwrap();
    let link = entry.value(&mut builder, 0).unwrap();
    let flags = MemFlagsData::new();
    let next = builder.ins().load(I64, flags, link, 8);
    let f = builder.ins().load(I64, flags, next, 0);
    let plan = lower.call_plan(&sig).unwrap();
    let callable = lower.callee(module, &mut builder, &plan, f).unwrap();
    let returned = builder.create_block();
    let result = builder.append_block_param(returned, I32);
    let mut handlers = Vec::new();
    let thrown = caught.map(|_| builder.create_block());
    if let Some(thrown) = thrown {
        builder.append_block_param(thrown, I64);
        let pool = &mut builder.func.dfg.value_lists;
        let handler = BlockCall::new(thrown, [BlockArg::TryCallExn(0)], pool);
        handlers.push(ExceptionTableItem::Default(handler));
    }
    let pool = &mut builder.func.dfg.value_lists;
    let normal = BlockCall::new(returned, [BlockArg::TryCallRet(0)], pool);
    let table = ExceptionTableData::new(callable.signature, normal, handlers);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(&mut builder, &[next], table).unwrap();
    if let Some((thrown, caught)) = thrown.zip(caught) {
        builder.switch_to_block(thrown);
        let exception = [Arg::value(builder.block_params(thrown)[0])];
        lower
            .call(module, &mut builder, &begin, &exception, Ret::Ignore)
            .unwrap();
        lower
            .call(module, &mut builder, &end, &[], Ret::Ignore)
            .unwrap();
        let caught = Arg::value(builder.ins().iconst(I32, caught));
        entry.ret(module, &mut builder, Some(&caught)).unwrap();
    }
    builder.switch_to_block(returned);
    entry
        .ret(module, &mut builder, Some(&Arg::value(result)))
        .unwrap();
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    module.define_function(function.body, &mut ctx).unwrap();
    function.id
}

fn gxx() -> Option<Personality> {
    Some(Personality::new("__gxx_personality_v0"))
}

/// `object_passes` and `object_catches`.
fn object() -> Vec<u8> {
    let mut flags = settings::builder();
    flags.set("is_pic", "true").unwrap();
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let builder = ObjectBuilder::new(isa, "layers", default_libcall_names()).unwrap();
    let mut module = UnwindModule::new(ObjectModule::new(builder), gxx()).unwrap();
    layer(&mut module, "object_passes", None);
    layer(&mut module, "object_catches", Some(2));
    module.finish().unwrap().emit().unwrap()
}

/// One library of the object and the C++ text.
fn library(cxx: &str, folder: &Path) -> PathBuf {
    let [text, own, library] = ["text.cc", "own.o", "libboth.so"].map(|name| folder.join(name));
    std::fs::write(&text, TEXT).unwrap();
    std::fs::write(&own, object()).unwrap();
    let linked = Command::new(cxx)
        .args(["-shared", "-fPIC", "-O1", "-Wl,-z,text", "-o"])
        .args([&library, &text, &own])
        .status();
    assert!(linked.unwrap().success());
    library
}

/// The functions of one process.
struct Functions {
    engine: Engine,
    /// Of JIT code, of the object and of C++: those that let an exception pass, and those that return 1, 2 and 3 for it.
    passes: [*const u8; 3],
    catches: [*const u8; 3],
}

impl Functions {
    fn new(cxx: &str, folder: &Path) -> Self {
        // SAFETY: no text of it runs when it is loaded.
        let library = unsafe { Library::open(library(cxx, folder)) }.unwrap();
        let mut engine = Engine::new(&Settings::default().personality(gxx().unwrap())).unwrap();
        engine.add_library(&library);
        let [passes, catches] = [("passes", None), ("catches", Some(1))].map(|(name, caught)| {
            let id = layer(&mut engine, &format!("jit_{name}"), caught);
            engine.finalize().unwrap();
            // SAFETY: the engine lives as long as they are called.
            let own: *const u8 = unsafe { engine.code(id).unwrap().as_ptr().cast() };
            let [object, cxx] =
                ["object", "cxx"].map(|of| engine.symbol(&format!("{of}_{name}")).unwrap());
            [own, object, cxx]
        });
        Self {
            engine,
            passes,
            catches,
        }
    }

    /// What `start` gets from three layers, the last of which calls `last`.
    fn called(&self, layers: [*const u8; 3], last: &str) -> c_int {
        let [start, last] = ["start", last].map(|name| self.engine.symbol(name).unwrap());
        // SAFETY: as the C++ text declares it.
        let start: unsafe extern "C" fn(*const Link) -> c_int =
            unsafe { std::mem::transmute(start) };
        let mut links = [last; 4].map(|f| Link {
            f,
            next: std::ptr::null(),
        });
        for i in (0..3).rev() {
            links[i] = Link {
                f: layers[i],
                next: &raw const links[i + 1],
            };
        }
        // SAFETY: each link has a function of this type, and all but the last one a next one.
        unsafe { start(&raw const links[0]) }
    }
}

#[test]
fn each_passes_and_each_catches() {
    let required = std::env::var_os("CABI_REQUIRE_ORACLES").is_some_and(|value| value == "1");
    for cxx in ["g++", "clang++-19"] {
        if Command::new(cxx).arg("--version").output().is_err() {
            assert!(!required, "{cxx} is not here");
            eprintln!("not run: {cxx} is not here");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let all = Functions::new(cxx, folder.path());
        let in_cxx = all.called([all.passes[2]; 3], "frames");
        // At least the three layers, and `frames` itself.
        assert!(in_cxx >= 1004, "{in_cxx}");
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let layers = order.map(|i: usize| all.passes[i]);
            assert_eq!(all.called(layers, "returns"), 9);
            assert_eq!(all.called(layers, "throws"), 100);
            assert_eq!(all.called(layers, "frames"), in_cxx, "{cxx} {order:?}");
            for (place, i) in order.into_iter().enumerate() {
                let mut layers = layers;
                layers[place] = all.catches[i];
                let caught = c_int::try_from(i).unwrap() + 1;
                assert_eq!(all.called(layers, "throws"), caught, "{cxx} {order:?}");
                assert_eq!(all.called(layers, "returns"), 9);
            }
        }
    }
}
