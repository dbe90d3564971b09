//! Stubs in an object file: a shared library calls functions of another one through the PLT, whose entries are bound when they are called first.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

use std::path::Path;
use std::process::Command;

use clif_cabi::cabi::{DataModel, FnSig, RecordBuilder, Type};
use clif_cabi::cranelift_codegen::isa;
use clif_cabi::cranelift_codegen::settings::{self, Configurable};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use clif_cabi::cranelift_module::{Module, default_libcall_names};
use clif_cabi::{Arg, Ret, SysVAggregateLowering};
use cranelift_object::{ObjectBuilder, ObjectModule};

const TYPES: &str = r#"
#include <alloca.h>
#include <stdarg.h>
#pragma GCC diagnostic ignored "-Wpsabi"
typedef struct { long x[3] __attribute__((aligned(32))); } a32;
"#;

const CALLEES: &str = r"
long take(int n, a32 a, double d) {
  const void *volatile p = &a;
  return (unsigned long)p % 32 ? -1 : n + a.x[0] + a.x[2] + (long)d;
}
long take_unnamed(int n, ...) {
  va_list list;
  va_start(list, n);
  long d = (long)va_arg(list, double);
  a32 a = va_arg(list, a32);
  va_end(list);
  return n + a.x[0] + a.x[2] + d;
}
";

const MAIN: &str = r"
long relay_take(int, a32 *, double), relay_take_unnamed(int, a32 *, double);
int main(void) {
  a32 a = { { 10, 0, 300 } };
  for (int phase = 0; phase < 4; phase++) {
    char *volatile p = alloca(16 * phase + 16);
    p[0] = 1;
    if (relay_take(1, &a, 5000.5) != 5311) return 1;
    if (relay_take_unnamed(2, &a, 5000.5) != 5312) return 2;
  }
  return 0;
}
";

/// `long relay_NAME(int n, a32 *a, double d) { return NAME(n, *a, d); }` for both.
fn relays() -> Vec<u8> {
    let mut flags = settings::builder();
    flags.set("is_pic", "true").unwrap();
    flags.set("use_colocated_libcalls", "false").unwrap();
    let isa = isa::lookup_by_name("x86_64-unknown-linux-gnu").unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    let builder = ObjectBuilder::new(isa, "relays", default_libcall_names()).unwrap();
    let mut module = ObjectModule::new(builder);
    let lower = SysVAggregateLowering::new(module.isa()).unwrap();
    let words = Type::array(&Type::I64, 3).unwrap();
    let record = RecordBuilder::structure("a32")
        .field("x", words)
        .aligned(32);
    let record = record.build(&DataModel::LP64).unwrap();
    let named = FnSig::new([Type::I32, record.clone(), Type::F64], Type::I64);
    let variadic = FnSig::new([Type::I32], Type::I64).variadic();
    let unnamed = [Type::F64, record];
    for (name, sig, at_call, order) in [
        ("take", &named, named.clone(), [0, 1, 2]),
        (
            "take_unnamed",
            &variadic,
            variadic.at_call(unnamed).unwrap(),
            [0, 2, 1],
        ),
    ] {
        let callee = lower.declare_import(&mut module, name, sig).unwrap();
        let own = FnSig::new([Type::I32, Type::PTR, Type::F64], Type::I64);
        let relay = lower.declare_export(&mut module, &format!("relay_{name}"), &own);
        let relay = relay.unwrap();
        let mut ctx = module.make_context();
        let mut fn_ctx = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut ctx.func, &mut fn_ctx);
        let (_, entry) = lower.begin(&mut builder, &own).unwrap();
        let [n, a, d] = [0, 1, 2].map(|i| entry.value(&mut builder, i).unwrap());
        let given = [Arg::value(n), Arg::memory(a), Arg::value(d)];
        let args = order.map(|i| given[i].clone());
        let result = lower.call_sig(
            &mut module,
            &mut builder,
            callee.id,
            &at_call,
            &args,
            Ret::Value,
        );
        let result = result.unwrap().value().map(Arg::value);
        entry
            .ret(&mut module, &mut builder, result.as_ref())
            .unwrap();
        builder.finalize(module.target_config());
        module.define_function(relay.id, &mut ctx).unwrap();
    }
    module.finish().emit().unwrap()
}

fn cc(folder: &Path, args: &[&str]) {
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(cc)
        .args(["-O1", "-Wl,-z,lazy", "-Wl,-z,noexecstack", "-Wl,-z,text"])
        .arg("-Wl,-rpath,$ORIGIN")
        .args(args)
        .current_dir(folder)
        .status();
    assert!(status.unwrap().success(), "{args:?}");
}

#[test]
fn stubs_call_through_the_plt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("callees.c"), [TYPES, CALLEES].concat()).unwrap();
    std::fs::write(path.join("main.c"), [TYPES, MAIN].concat()).unwrap();
    std::fs::write(path.join("relays.o"), relays()).unwrap();
    cc(
        path,
        &["-shared", "-fPIC", "callees.c", "-o", "libcallees.so"],
    );
    let relays = ["-shared", "relays.o", "-o", "librelays.so"];
    cc(path, &[&relays[..], &["-L.", "-lcallees"]].concat());
    let libraries = ["-L.", "-lrelays", "-lcallees"];
    cc(path, &[&["main.c", "-o", "main"], &libraries[..]].concat());
    let mut main = Command::new(path.join("main"));
    let status = main.env_remove("LD_BIND_NOW").status();
    assert_eq!(status.unwrap().code(), Some(0));
}
