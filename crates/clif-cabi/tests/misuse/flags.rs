//! Settings of Cranelift that a target needs.

use clif_cabi::Lowering;

use super::isa_of;

/// Flags without which functions of a target would be wrong are asked for.
#[test]
fn flags_that_a_target_needs() {
    const PROBES: &str = "enable_probestack must be on, and probestack_size_log2 at most 12: Windows grows a stack page by page, and a frame that steps over one ends the process";
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
        let why = "another probe overwrites the first argument there, or Cranelift panics";
        assert!(outline.ends_with(why));
        assert_eq!(lowering(target, &inline), "lowered");
    }
}
