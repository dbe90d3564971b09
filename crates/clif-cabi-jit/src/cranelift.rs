//! The release of Cranelift to compile against, chosen by a feature, and the differences between
//! releases. Nothing else in this crate knows the release.

use codegen::isa::TargetFrontendConfig;

pub(crate) use clif_cabi::{
    cranelift_codegen as codegen, cranelift_frontend as frontend, cranelift_module as module,
};

#[cfg(feature = "cranelift-0.132")]
pub(crate) use {
    cranelift_0_132::{jit, native},
    icache_0_132 as icache,
};
#[cfg(feature = "cranelift-0.133")]
pub(crate) use {
    cranelift_0_133::{jit, native},
    icache_0_133 as icache,
};
#[cfg(feature = "cranelift-0.134")]
pub(crate) use {
    cranelift_0_134::{jit, native},
    icache_0_134 as icache,
};
#[cfg(feature = "cranelift-0.135")]
pub(crate) use {
    cranelift_0_135::{jit, native},
    icache_0_135 as icache,
};
#[cfg(feature = "cranelift-0.136")]
pub(crate) use {
    cranelift_0_136::{jit, native},
    icache_0_136 as icache,
};
#[cfg(feature = "cranelift-0.137")]
pub(crate) use {
    cranelift_0_137::{jit, native},
    icache_0_137 as icache,
};

/// Target of a relocation of compiled code: a symbol, or an offset in its own function.
#[cfg(not(feature = "cranelift-0.137"))]
pub(crate) use codegen::FinalizedRelocTarget as RelocTarget;
#[cfg(feature = "cranelift-0.137")]
pub(crate) use codegen::RelocTarget;

/// Returns the least alignment of compiled code, in bytes.
pub(crate) fn code_align(code: &codegen::CompiledCode) -> u64 {
    #[cfg(not(feature = "cranelift-0.137"))]
    let align = code.buffer.alignment;
    #[cfg(feature = "cranelift-0.137")]
    let align = code.buffer.min_alignment;
    u64::from(align)
}

#[cfg(feature = "cranelift-0.132")]
pub(crate) use codegen::ir::MemFlags as MemFlagsData;
#[cfg(not(feature = "cranelift-0.132"))]
pub(crate) use codegen::ir::MemFlagsData;

/// Ends a function: later releases want to know the target.
pub(crate) fn finalize(builder: frontend::FunctionBuilder<'_>, config: TargetFrontendConfig) {
    #[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
    {
        let _ = config;
        builder.finalize();
    }
    #[cfg(not(any(feature = "cranelift-0.132", feature = "cranelift-0.133")))]
    builder.finalize(config);
}
