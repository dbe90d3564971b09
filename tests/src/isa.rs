//! The flags of docs/front-end.md, for its program and that of docs/adopting.md.

use clif_cabi::cranelift_codegen::isa::{self, OwnedTargetIsa};
use clif_cabi::cranelift_codegen::settings::{self, Configurable};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Returns the ISA of `triple`, with the flags that C calls need there.
pub fn isa_of(triple: &str) -> Result<OwnedTargetIsa> {
    let mut flags = settings::builder();
    flags.set("opt_level", "speed")?;
    // Object files become position-independent programs. cranelift-jit takes false.
    flags.set("is_pic", "true")?;
    // `memcpy` and the like are in another library.
    flags.set("use_colocated_libcalls", "false")?;
    // Not x86-64: functions find their stack arguments by the frame pointer.
    flags.set("preserve_frame_pointers", "true")?;
    // Windows grows a stack page by page; elsewhere a large frame must not step over the guard
    // page.
    flags.set("enable_probestack", "true")?;
    flags.set("probestack_strategy", "inline")?;
    Ok(isa::lookup_by_name(triple)?.finish(settings::Flags::new(flags))?)
}
