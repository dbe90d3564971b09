//! Panics of Rust.

use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

use clif_cabi_jit::clif_cabi::cabi::{FnSig, Type};
use clif_cabi_jit::cranelift_codegen::binemit::Reloc;
use clif_cabi_jit::cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};
use clif_cabi_jit::{Engine, Invokers, Personality, Settings};

use crate::common::{add, again, engine, function, import};

const CHILD: &str = "CLIF_CABI_JIT_PANIC";
const SIGABRT: i32 = 6;

extern "C-unwind" fn panics() {
    panic!("a callback panics");
}

/// The message of the panic that came through a function of JIT code, which is compiled, or bytes that the unwinder knows nothing of.
fn caught(is_compiled: bool) -> String {
    let mut engine = engine();
    let callback = import(&mut engine, "callback", "() system_v");
    engine.bind("callback", panics as *const u8).unwrap();
    let text = format!(
        "function %calls() system_v {{\n sig0 = () system_v\n fn0 = u0:{} sig0\nblock0:\n call fn0()\n return\n}}",
        callback.as_u32()
    );
    let mut id = add(&mut engine, "calls", &text);
    if !is_compiled {
        id = unknown_code(&mut engine, id);
    }
    engine.finalize().unwrap();
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    let panic = catch_unwind(|| calls()).unwrap_err();
    panic.downcast_ref::<&str>().unwrap().to_string()
}

/// A function that calls `id`, as bytes.
fn unknown_code(engine: &mut Engine, id: FuncId) -> FuncId {
    // push rbp; movabs rax, id; call rax; pop rbp; ret
    #[cfg(target_arch = "x86_64")]
    let (bytes, offset) = (
        vec![
            0x55, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3,
        ],
        3,
    );
    // stp x29, x30, [sp, -16]!; ldr x16, 16; blr x16; b 12; id; ldp x29, x30, [sp], 16; ret
    #[cfg(target_arch = "aarch64")]
    let (bytes, offset) = {
        let words = [
            0xa9bf_7bfd_u32,
            0x5800_0070,
            0xd63f_0200,
            0x1400_0003,
            0,
            0,
            0xa8c1_7bfd,
            0xd65f_03c0,
        ];
        (
            words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<u8>>(),
            16,
        )
    };
    let reloc = ModuleReloc {
        offset,
        kind: Reloc::Abs8,
        name: ModuleRelocTarget::user(0, id.as_u32()),
        addend: 0,
    };
    let signature = crate::common::signature("() system_v");
    let own = engine.declare_export("unknown", &signature).unwrap();
    engine.define_bytes(own, &bytes, &[reloc]).unwrap();
    own
}

#[test]
fn a_panic_passes_through_jit_code() {
    assert_eq!(caught(true), "a callback panics");
}

#[test]
fn a_panic_passes_through_an_invoker() {
    let mut invokers = Invokers::new(&Settings::default()).unwrap();
    let invoker = invokers.get(&FnSig::new([], Type::VOID)).unwrap();
    let target = (panics as *const ()).cast();
    // SAFETY: a function without arguments and result.
    let called = catch_unwind(|| unsafe { invoker.call(target, &[], core::ptr::null_mut()) });
    let panic = called.unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a callback panics");
}

/// What has no rules ends the unwinding, and with it the process.
#[test]
fn a_panic_ends_at_code_without_rules() {
    if std::env::var_os(CHILD).is_some() {
        println!("caught {}", caught(false));
        return;
    }
    let (child, text) = again("panics::a_panic_ends_at_code_without_rules", CHILD, "1");
    assert_eq!(child.status.signal(), Some(SIGABRT), "{text}");
    assert!(
        text.contains("a callback panics") && !text.contains("caught a"),
        "{text}"
    );
}

unsafe extern "C" {
    fn rust_eh_personality();
}

static NOTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note() {
    NOTED.store(true, Ordering::Relaxed);
}

/// With Rust's personality a cleanup runs on the way of a panic.
#[test]
fn a_panic_enters_a_cleanup() {
    let personality = Personality::new("rust_eh_personality").cleanup(0);
    let mut engine = Engine::new(&Settings::default().personality(personality)).unwrap();
    let functions = [
        ("rust_eh_personality", rust_eh_personality as *const u8),
        ("callback", panics as *const u8),
        ("note", note as *const u8),
    ];
    for (name, address) in functions {
        engine.bind(name, address).unwrap();
    }
    let callback = import(&mut engine, "callback", "() system_v").as_u32();
    let noted = import(&mut engine, "note", "() system_v").as_u32();
    let resume = import(&mut engine, "_Unwind_Resume", "(i64) system_v").as_u32();
    let text = format!(
        "function %calls() system_v {{\n sig0 = () system_v\n sig1 = (i64) system_v\n fn0 = u0:{callback} sig0\n fn1 = u0:{noted} sig0\n fn2 = u0:{resume} sig1\nblock0:\n try_call fn0(), sig0, block1, [ tag0: block2(exn0, exn1) ]\nblock1:\n return\nblock2(v0: i64, v1: i64):\n call fn1()\n call fn2(v0)\n trap user1\n}}"
    );
    let id = add(&mut engine, "calls", &text);
    engine.finalize().unwrap();
    // SAFETY: compiled as `void calls(void)` just above.
    let calls = unsafe { function::<extern "C-unwind" fn()>(&engine, id) };
    assert!(!NOTED.load(Ordering::Relaxed));
    let panic = catch_unwind(|| calls()).unwrap_err();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "a callback panics");
    assert!(NOTED.load(Ordering::Relaxed));
}
