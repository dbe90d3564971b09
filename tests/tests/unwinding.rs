//! One process with C++, an object file and JIT code: an exception passes functions of each in every order, and each kind of stub that is on the stack with them, is caught in each, and a
//! backtrace is as long as that of C++ alone.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::process::Command;

use cabi_verify::report::missing;
use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type, VectorLevel};
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, MemFlagsData,
    StackSlotData, StackSlotKind, Value,
};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_codegen::{Context, isa};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module, default_libcall_names};
use clif_cabi::{Arg, Callable, Callee, Entry, Lowering, Ret};
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
struct wide { alignas(64) long n; };
int next(wide, link *l) { int got = l->next->f(l->next); KEEP(got); return got; }
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

/// Functions of ours with no stub on the stack, with one by which they are entered, and with one by which they call: what they are called, and how many frames each has more.
const KINDS: [(&str, c_int); 5] = [
    ("plain", 0),
    ("low_stack", 1),
    ("chain", 1),
    ("vector", 1),
    ("calls_aligned", 2),
];

/// The signature of a function of a kind, which is called with a `link *` alone: what else it has is not looked at.
fn signature(kind: &str) -> FnSig {
    let sig = FnSig::new([Type::PTR], Type::I32);
    match kind {
        "low_stack" => sig.incoming_stack_align(8),
        "chain" => {
            let all = vec![Type::I64; 6].into_iter().chain(vec![Type::F64; 8]);
            let all = [Type::PTR].into_iter().chain(all);
            FnSig::new(all, Type::I32).static_chain(&DataModel::LP64)
        }
        "vector" => {
            let vector = Type::vector(&Type::F64, 4).unwrap();
            FnSig::new([Type::PTR, vector], Type::I32).features(VectorLevel::Avx)
        }
        _ => sig,
    }
}

/// int name(link *l) { return l->next->f(l->next); }, which returns `caught` for what is thrown, or lets it pass. Of the kind `calls_aligned`: return next(wide, l).
fn layer<M: Module>(module: &mut M, kind: &str, name: &str, caught: Option<i64>) -> FuncId {
    let lower = Lowering::new(module.isa()).unwrap();
    let own = signature(kind);
    let function = lower.declare_export(module, name, &own).unwrap();
    let mut ctx = Context::new();
    let mut fn_ctx = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
    let (_, entry) = lower.begin(&mut builder, &own).unwrap();
    let link = entry.value(&mut builder, 0).unwrap();
    let (callee, sig, args) = if kind == "calls_aligned" {
        let wide = RecordBuilder::structure("wide").field("n", Type::I64);
        let wide = wide.aligned(64).build(&DataModel::LP64).unwrap();
        let sig = FnSig::new([wide, Type::PTR], Type::I32);
        let next = lower.declare_import(module, "next", &sig).unwrap();
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 64, 4);
        let slot = builder.create_sized_stack_slot(slot);
        let wide = Arg::memory(builder.ins().stack_addr(I64, slot, 0));
        (Callee::from(next.id), sig, vec![wide, Arg::value(link)])
    } else {
        let flags = MemFlagsData::new();
        let next = builder.ins().load(I64, flags, link, 8);
        let f = builder.ins().load(I64, flags, next, 0);
        (f.into(), signature("plain"), vec![Arg::value(next)])
    };
    let plan = lower.call_plan(&sig).unwrap();
    let callable = lower.callee(module, &mut builder, &plan, callee).unwrap();
    let values = lower.values_in(&mut builder, &plan, &args, Ret::Value);
    let values = values.unwrap();
    match caught {
        None if !has_try_call(module) => {
            let call = callable.call(&mut builder, &values).unwrap();
            let got = Arg::value(builder.inst_results(call)[0]);
            entry.ret(module, &mut builder, Some(&got)).unwrap();
        }
        _ => handled(module, &mut builder, &callable, &values, &entry, caught),
    }
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    module.define_function(function.body, &mut ctx).unwrap();
    function.id
}

/// Whether Cranelift has a `try_call` for functions of its target.
fn has_try_call<M: Module>(module: &M) -> bool {
    module.isa().default_call_conv().supports_exceptions()
}

/// The call, with a handler that returns `caught`, if there is one.
fn handled<M: Module>(
    module: &mut M,
    builder: &mut FunctionBuilder<'_>,
    callable: &Callable,
    values: &[Value],
    entry: &Entry,
    caught: Option<i64>,
) {
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
    callable.try_call(builder, values, table).unwrap();
    if let Some((thrown, caught)) = thrown.zip(caught) {
        builder.switch_to_block(thrown);
        let exception = [Arg::value(builder.block_params(thrown)[0])];
        lower
            .call(module, builder, &begin, &exception, Ret::Ignore)
            .unwrap();
        lower.call(module, builder, &end, &[], Ret::Ignore).unwrap();
        let caught = Arg::value(builder.ins().iconst(I32, caught));
        entry.ret(module, builder, Some(&caught)).unwrap();
    }
    builder.switch_to_block(returned);
    entry
        .ret(module, builder, Some(&Arg::value(result)))
        .unwrap();
}

fn gxx() -> Option<Personality> {
    Some(Personality::new("__gxx_personality_v0"))
}

/// For each kind `object_kind_passes` and `object_kind_catches`.
fn object() -> Vec<u8> {
    let mut flags = settings::builder();
    flags.set("is_pic", "true").unwrap();
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let builder = ObjectBuilder::new(isa, "layers", default_libcall_names()).unwrap();
    let mut module = UnwindModule::new(ObjectModule::new(builder), gxx()).unwrap();
    for (kind, _) in KINDS {
        layer(&mut module, kind, &format!("object_{kind}_passes"), None);
        layer(
            &mut module,
            kind,
            &format!("object_{kind}_catches"),
            Some(2),
        );
    }
    module.finish().unwrap().emit().unwrap()
}

/// Walks from the innermost function to `main`, and counts.
const WINDOWS: &str = r#"
#include <windows.h>
#include <stdio.h>
struct link { int (*f)(struct link *); struct link *next; };
int object_plain_passes(struct link *), object_low_stack_passes(struct link *);
int main(void);
static int c_passes(struct link *l) { volatile int got = l->next->f(l->next); return got; }
static int frames(struct link *l) {
  CONTEXT c;
  DWORD64 base, frame;
  void *data, *own = RtlLookupFunctionEntry((DWORD64)main, &base, 0);
  RtlCaptureContext(&c);
  for (int n = 0; n < 100; ++n) {
    PRUNTIME_FUNCTION f = RtlLookupFunctionEntry(c.Rip, &base, 0);
    if (!f) return -1 - n;
    if (f == own) return n;
    RtlVirtualUnwind(0, base, c.Rip, f, &c, &data, &frame, 0);
  }
  return -100;
}
int main(void) {
  int (*own[])(struct link *) = { c_passes, object_plain_passes, object_low_stack_passes };
  for (int i = 0; i < 3; ++i) {
    struct link last = { frames }, third = { own[i], &last }, second = { c_passes, &third }, first = { own[i], &second };
    printf("%d ", first.f(&first));
  }
}
"#;

fn layers_that_pass<M: Module>(module: &mut M) {
    for kind in ["plain", "low_stack"] {
        layer(module, kind, &format!("object_{kind}_passes"), None);
    }
}

/// What a Windows program prints, in an object for which, `has_tables` or not, .pdata is written.
fn on_windows(has_tables: bool, folder: &Path) -> Option<String> {
    let mut flags = settings::builder();
    flags.set("enable_probestack", "true").unwrap();
    flags.set("probestack_strategy", "inline").unwrap();
    let isa = isa::lookup_by_name("x86_64-pc-windows-gnu").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let builder = ObjectBuilder::new(isa, "layers", default_libcall_names()).unwrap();
    let module = ObjectModule::new(builder);
    let bytes = if has_tables {
        let mut module = UnwindModule::new(module, None).unwrap();
        layers_that_pass(&mut module);
        module.finish().unwrap().emit().unwrap()
    } else {
        let mut module = module;
        layers_that_pass(&mut module);
        module.finish().emit().unwrap()
    };
    let [text, own, program] = ["t.c", "o.o", "t.exe"].map(|name| folder.join(name));
    std::fs::write(&text, WINDOWS).unwrap();
    std::fs::write(&own, bytes).unwrap();
    let mut gcc = Command::new("x86_64-w64-mingw32-gcc");
    let linked = gcc
        .args(["-O1", "-o"])
        .args([&program, &text, &own])
        .status();
    let mut wine = Command::new("wine");
    wine.arg(program)
        .env("WINEDEBUG", "-all")
        .env("WINEPREFIX", folder.join("wine"));
    let ran = linked.and_then(|linked| {
        assert!(linked.success());
        wine.output()
    });
    let ran = ran.map_err(|why| missing(&format!("mingw's gcc and wine: {why}")));
    Some(String::from_utf8_lossy(&ran.ok()?.stdout).into_owned())
}

/// `RtlVirtualUnwind` finds the caller of functions and of a stub with a frame.
#[test]
fn windows_finds_callers_by_pdata() {
    let folder = tempfile::tempdir().unwrap();
    let Some(found) = on_windows(true, folder.path()) else {
        return;
    };
    // Three layers and `frames`; two stubs more.
    assert_eq!(found, "4 4 6 ");
    // The control: functions without tables are not found, or taken for leaves.
    let without = on_windows(false, folder.path()).unwrap();
    assert!(without.starts_with("4 -"), "{without}");
}

/// One library of the object and the C++ text.
fn library(cxx: &str, folder: &Path) -> PathBuf {
    let [text, own, library] = ["text.cc", "own.o", "libboth.so"].map(|name| folder.join(name));
    std::fs::write(&text, TEXT).unwrap();
    std::fs::write(&own, object()).unwrap();
    let linked = Command::new(cxx)
        .args(["-shared", "-fPIC", "-O1", "-Wno-psabi", "-Wl,-z,text", "-o"])
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
    fn new(library: &Library, kind: &str) -> Self {
        let mut engine = Engine::new(&Settings::default().personality(gxx().unwrap())).unwrap();
        engine.add_library(library);
        let [passes, catches] = [("passes", None), ("catches", Some(1))].map(|(name, caught)| {
            let id = layer(&mut engine, kind, &format!("jit_{name}"), caught);
            engine.finalize().unwrap();
            // SAFETY: the engine lives as long as they are called.
            let own: *const u8 = unsafe { engine.code(id).unwrap().as_ptr().cast() };
            let others = [format!("object_{kind}_{name}"), format!("cxx_{name}")];
            let [object, cxx] = others.map(|name| engine.symbol(&name).unwrap());
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
    for cxx in ["g++", "clang++-19"] {
        if let Err(why) = Command::new(cxx).arg("--version").output() {
            missing(&format!("{cxx}: {why}"));
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        // SAFETY: no text of it runs when it is loaded.
        let library = unsafe { Library::open(library(cxx, folder.path())) }.unwrap();
        for (kind, more) in KINDS {
            if kind == "vector" && !is_x86_feature_detected!("avx") {
                eprintln!("not run: stubs with wide vectors: this processor has none");
                continue;
            }
            passes_and_catches(
                &Functions::new(&library, kind),
                more,
                &format!("{cxx} {kind}"),
            );
        }
    }
}

/// Each function of ours on the stack has so many frames `more` than one of C++.
fn passes_and_catches(all: &Functions, more: c_int, what: &str) {
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
        let frames = all.called(layers, "frames");
        assert_eq!(frames, in_cxx + 2 * more, "{what} {order:?}");
        for (place, i) in order.into_iter().enumerate() {
            let mut layers = layers;
            layers[place] = all.catches[i];
            let caught = c_int::try_from(i).unwrap() + 1;
            assert_eq!(all.called(layers, "throws"), caught, "{what} {order:?}");
            assert_eq!(all.called(layers, "returns"), 9);
        }
    }
}
