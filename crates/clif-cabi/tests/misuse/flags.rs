//! Settings of Cranelift that a target needs.

use clif_cabi::Lowering;
use clif_cabi::cabi::{FnSig, Type, X86_64_LANG, X86_64_PRESERVE_ALL};
use clif_cabi::cranelift_codegen::ir::{Function, InstBuilder, types::I64};
use clif_cabi::cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::{AnyStubs, isa_of};

/// Flags without which functions of a target would be wrong are required.
#[test]
fn flags_that_a_target_needs() {
    const PROBES: &str = "enable_probestack must be on, and probestack_size_log2 at most 12: Windows grows a stack page by page, and a frame that skips a page ends the process";
    const FRAMES: &str = "preserve_frame_pointers must be on: functions find their stack arguments by the frame pointer";
    let lowering = |target: &str, flags: &[(&str, &str)]| {
        let lowering = Lowering::new(&*isa_of(target, flags));
        lowering.map_or_else(|error| error.to_string(), |_| "lowered".into())
    };
    let (probes, frames) = (
        ("enable_probestack", "true"),
        ("preserve_frame_pointers", "true"),
    );
    for (target, on, why) in [
        ("aarch64-unknown-linux-gnu", frames, FRAMES),
        ("aarch64-apple-darwin", frames, FRAMES),
        ("riscv64gc-unknown-linux-gnu", frames, FRAMES),
        ("s390x-unknown-linux-gnu", frames, FRAMES),
        ("x86_64-pc-windows-gnu", probes, PROBES),
        ("x86_64-pc-windows-msvc", probes, PROBES),
    ] {
        let refused = format!("{target}: the setting {why}");
        assert_eq!(lowering(target, &[]), refused);
        assert_eq!(lowering(target, &[on]), "lowered");
    }
    let wide = [probes, ("probestack_size_log2", "16")];
    assert!(lowering("x86_64-pc-windows-gnu", &wide).ends_with(PROBES));
    assert_eq!(lowering("x86_64-unknown-linux-gnu", &[]), "lowered");
    // Cranelift 0.132 to 0.137 load the size of a frame into a0 before they call an outline probe
    // on RISC-V: `f(5, 7)` was 100039. On AArch64 and s390x they panic.
    let inline = [frames, probes, ("probestack_strategy", "inline")];
    for target in [
        "aarch64-unknown-linux-gnu",
        "aarch64-pc-windows-msvc",
        "riscv64gc-unknown-linux-gnu",
        "s390x-unknown-linux-gnu",
    ] {
        let outline = lowering(target, &[frames, probes]);
        let why =
            "another probe overwrites the first argument on this machine, or Cranelift panics";
        assert!(outline.ends_with(why));
        assert_eq!(lowering(target, &inline), "lowered");
    }
    // Cranelift has no pinned register there: it refuses each context, or panics.
    let pinned = [frames, ("enable_pinned_reg", "true")];
    for target in ["riscv64gc-unknown-linux-gnu", "s390x-unknown-linux-gnu"] {
        assert!(
            lowering(target, &pinned).ends_with("Cranelift has no pinned register on this machine")
        );
    }
    assert_eq!(lowering("aarch64-unknown-linux-gnu", &pinned), "lowered");
}

/// Cranelift calls `memcpy` of two systems by another convention than C's, and trusts callees to
/// preserve registers that those of lp64 do not.
#[test]
fn targets_that_cranelift_breaks_are_refused() {
    const ROUTINES: &str = "Cranelift calls library routines such as memcpy by system_v, and C's functions on this target have windows_fastcall";
    const DOUBLES: &str = "Cranelift's functions keep doubles in registers like fs0 across calls, and callees of this ABI do not preserve these registers";
    for (triple, why) in [
        ("x86_64-unknown-uefi", ROUTINES),
        ("x86_64-unknown-cygwin", ROUTINES),
        ("riscv64imac-unknown-none-elf", DOUBLES),
    ] {
        let refused = Lowering::new(&*isa_of(triple, &[]));
        assert_eq!(refused.unwrap_err().to_string(), format!("{triple}: {why}"));
    }
}

/// An outline probe changes rax, which a function of `preserve_all` keeps.
#[test]
fn outline_probes_are_refused_where_rax_is_kept() {
    let sig = FnSig::new([], Type::VOID).convention(&X86_64_PRESERVE_ALL);
    for (strategy, is_fine) in [("outline", false), ("inline", true)] {
        let flags = [
            ("enable_probestack", "true"),
            ("probestack_strategy", strategy),
        ];
        let lower = Lowering::new(&*isa_of("x86_64-unknown-linux-gnu", &flags)).unwrap();
        assert!(lower.call_plan(&sig).is_ok());
        assert_eq!(lower.entry_plan(&sig).is_ok(), is_fine, "{strategy}");
    }
}

#[test]
fn tail_calls_need_frame_pointers() {
    let lower = Lowering::new(&*isa_of("x86_64-unknown-linux-gnu", &[])).unwrap();
    let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
    let mut builder = FunctionBuilder::new(&mut func, &mut context);
    let sig = FnSig::new([], Type::VOID).convention(&X86_64_LANG);
    let (_, entry) = lower.begin(&mut builder, &sig).unwrap();
    let to = builder.ins().iconst(I64, 0);
    let refused = lower.tail_call(&mut AnyStubs::Imports, &mut builder, &entry, to, &sig, &[]);
    let why = "x86_64-unknown-linux-gnu: a tail call needs the setting preserve_frame_pointers";
    assert_eq!(refused.unwrap_err().cause().to_string(), why);
}
