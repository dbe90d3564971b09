//! One process with C++, an object file and JIT code: an exception passes functions of each in every order, and each kind of stub that is on the stack with them, is caught in each, and a
//! backtrace is as long as that of C++ alone.

use std::ffi::c_int;
use std::path::Path;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type, VectorLevel};
use clif_cabi::cranelift_codegen::Context;
use clif_cabi::cranelift_codegen::ir::types::{I32, I64};
use clif_cabi::cranelift_codegen::ir::{
    BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, MemFlagsData,
    StackSlotData, StackSlotKind, Value,
};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{FuncId, Module};
use clif_cabi::{Arg, Callable, Callee, Entry, Lowering, Ret};
use clif_cabi_jit::{Engine, Library, Settings};
use clif_cabi_unwind::{Personality, UnwindModule};
use cranelift_object::ObjectModule;

use super::unwind::X86_64;
use super::{System, builder};

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
    let (mut ctx, mut fn_ctx) = (Context::new(), FunctionBuilderContext::new());
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
    // Cranelift has no `try_call` for functions of Windows.
    let got = if module.isa().default_call_conv().supports_exceptions() {
        handled(module, &mut builder, &callable, &values, &entry, caught)
    } else {
        assert!(caught.is_none());
        let call = callable.call(&mut builder, &values).unwrap();
        builder.inst_results(call)[0]
    };
    entry
        .ret(module, &mut builder, Some(&Arg::value(got)))
        .unwrap();
    builder.seal_all_blocks();
    builder.finalize(module.target_config());
    module.define_function(function.body, &mut ctx).unwrap();
    function.id
}

/// The call, with a handler that returns `caught`, if there is one. Returns the result, where the call returns.
fn handled<M: Module>(
    module: &mut M,
    builder: &mut FunctionBuilder<'_>,
    callable: &Callable,
    values: &[Value],
    entry: &Entry,
    caught: Option<i64>,
) -> Value {
    let [returned, thrown] = [I32, I64].map(|ty| {
        let block = builder.create_block();
        (block, builder.append_block_param(block, ty))
    });
    let pool = &mut builder.func.dfg.value_lists;
    let normal = BlockCall::new(returned.0, [BlockArg::TryCallRet(0)], pool);
    let handler = BlockCall::new(thrown.0, [BlockArg::TryCallExn(0)], pool);
    let handler = caught.map(|_| ExceptionTableItem::Default(handler));
    let table = ExceptionTableData::new(callable.signature, normal, handler);
    let table = builder.func.dfg.exception_tables.push(table);
    callable.try_call(builder, values, table).unwrap();
    builder.switch_to_block(thrown.0);
    let lower = Lowering::new(module.isa()).unwrap();
    let exception = [Arg::value(thrown.1)];
    for (name, sig, args) in [
        ("__cxa_begin_catch", "void *(void *)", &exception[..]),
        ("__cxa_end_catch", "void (void)", &[]),
    ] {
        let sig = FnSig::parse(sig, &DataModel::LP64).unwrap();
        let catch = lower.declare_import(module, name, &sig).unwrap();
        lower
            .call(module, builder, &catch, args, Ret::Ignore)
            .unwrap();
    }
    let caught = Arg::value(builder.ins().iconst(I32, caught.unwrap_or(0)));
    entry.ret(module, builder, Some(&caught)).unwrap();
    builder.switch_to_block(returned.0);
    returned.1
}

fn gxx() -> Option<Personality> {
    Some(Personality::new("__gxx_personality_v0"))
}

/// For each kind `object_kind_passes` and `object_kind_catches`.
fn object() -> Vec<u8> {
    let module = ObjectModule::new(builder(X86_64.triple));
    let mut module = UnwindModule::new(module, gxx()).unwrap();
    for (kind, _) in KINDS {
        for (what, caught) in [("passes", None), ("catches", Some(2))] {
            layer(&mut module, kind, &format!("object_{kind}_{what}"), caught);
        }
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
fn on_windows(has_tables: bool, wine: &Path) -> Option<String> {
    let system = System {
        triple: "x86_64-pc-windows-gnu",
        compiler: "x86_64-w64-mingw32-gcc -O1",
        runner: "wine",
    };
    let mut module = ObjectModule::new(builder(system.triple));
    let product = if has_tables {
        let mut module = UnwindModule::new(module, None).unwrap();
        layers_that_pass(&mut module);
        module.finish().unwrap()
    } else {
        layers_that_pass(&mut module);
        module.finish()
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.c"), WINDOWS).unwrap();
    std::fs::write(folder.path().join("own.o"), product.emit().unwrap()).unwrap();
    let made = system.commands(folder.path(), "CC main.c own.o -o main.exe");
    made?.unwrap();
    let ended = system.run(folder.path(), wine)?;
    Some(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// `RtlVirtualUnwind` finds the caller of functions and of a stub with a frame.
#[test]
fn windows_finds_callers_by_pdata() {
    let wine = tempfile::tempdir().unwrap();
    let Some(found) = on_windows(true, wine.path()) else {
        return;
    };
    // Three layers and `frames`; two stubs more.
    assert_eq!(found, "4 4 6 ");
    // The control: functions without tables are not found, or taken for leaves.
    let without = on_windows(false, wine.path()).unwrap();
    assert!(without.starts_with("4 -"), "{without}");
}

/// One library of the object and the C++ text, opened.
fn library(cxx: &str) -> Option<Library> {
    let system = System {
        compiler: &format!("{cxx} -fPIC -O1 -Wno-psabi"),
        ..X86_64
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.cc"), TEXT).unwrap();
    std::fs::write(folder.path().join("own.o"), object()).unwrap();
    let link = "CC -shared -Wl,-z,text text.cc own.o -o libboth.so";
    system.commands(folder.path(), link)?.unwrap();
    // SAFETY: no text of it runs when it is loaded.
    Some(unsafe { Library::open(folder.path().join("libboth.so")) }.unwrap())
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
        let Some(library) = library(cxx) else {
            continue;
        };
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
