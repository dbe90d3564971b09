//! Objects of Windows on Arm, which has no table of addresses for imports: a call in
//! position-independent code, and the address of an import in other code, as Cranelift takes every
//! address from such a table in position-independent code. Nothing runs them here.

use clif_cabi::cabi::{FnSig, Type};
use clif_cabi::cranelift_codegen::ir::{InstBuilder, types};
use clif_cabi::cranelift_module::Module;
use clif_cabi::{Arg, Lowering, Ret, Stubs, clif_signature};
use cranelift_object::ObjectModule;

use super::system::System;
use super::{builder, exported};

const TRIPLE: &str = "aarch64-pc-windows-msvc";
const CALLEES: &str = "int take(int n) { return n; }";
const MAIN: &str =
    "int direct(int), address(int); int main(void) { return direct(1) + address(2); }";

/// `int direct(int n) { return take(n); }`, or `address`, which calls `take` by its address.
fn relay(name: &str) -> Vec<u8> {
    let mut module = match name {
        "direct" => ObjectModule::new(builder(TRIPLE, "true")),
        _ => ObjectModule::new(builder(TRIPLE, "false")),
    };
    let lower = Lowering::new(module.isa()).unwrap();
    let sig = FnSig::new([Type::I32], Type::I32);
    let take = lower.declare_import(&mut module, "take", &sig).unwrap();
    let plan = lower.call_plan(&sig).unwrap();
    exported(&mut module, name, &sig, |module, builder, entry| {
        let n = [Arg::value(entry.value(builder, 0).unwrap())];
        let called = match name {
            "direct" => lower.call(module, builder, &take, &n, Ret::Value),
            _ => {
                let signature = builder.import_signature(clif_signature(&plan.signature));
                let take = module.function(take.id, signature, builder.func).unwrap();
                let take = builder.ins().func_addr(types::I64, take);
                lower.call_sig(module, builder, take, &sig, &n, Ret::Value)
            }
        };
        called.unwrap().value().unwrap()
    });
    module.finish().emit().unwrap()
}

#[test]
fn imports_are_linked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("callees.c", CALLEES.as_bytes());
    write("main.c", MAIN.as_bytes());
    for name in ["direct", "address"] {
        write(&format!("{name}.o"), &relay(name));
    }
    let system = System {
        triple: TRIPLE,
        compiler: "clang-19 --target=aarch64-pc-windows-msvc -O1 -ffreestanding -c",
        runner: "",
    };
    let link = "CC callees.c -o callees.obj; CC main.c -o main.obj; \
        lld-link /dll /noentry /nodefaultlib /export:take callees.obj /out:callees.dll; \
        lld-link /entry:main /subsystem:console /nodefaultlib main.obj direct.o address.o callees.lib /out:main.exe";
    let Some(linked) = system.commands(folder.path(), link) else {
        return;
    };
    linked.unwrap();
    let without = link.replace("direct.o address.o callees.lib", "direct.o address.o");
    let refused = system.commands(folder.path(), &without).unwrap();
    assert!(refused.unwrap_err().contains("undefined symbol: take"));
}
