//! The release of Cranelift to compile against, chosen by a feature, and the differences between
//! releases. Nothing else in this crate knows the release. `docs/contributing.md` lists the work
//! for a new release.

#[cfg(not(any(
    feature = "cranelift-0.132",
    feature = "cranelift-0.133",
    feature = "cranelift-0.134",
    feature = "cranelift-0.135",
    feature = "cranelift-0.136",
    feature = "cranelift-0.137",
)))]
compile_error!("choose a release of Cranelift: a feature from cranelift-0.132 to cranelift-0.137");

#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
use codegen::ir::Value;
#[cfg(feature = "cranelift-0.132")]
pub use cranelift_0_132::{codegen, frontend, module};
#[cfg(feature = "cranelift-0.133")]
pub use cranelift_0_133::{codegen, frontend, module};
#[cfg(feature = "cranelift-0.134")]
pub use cranelift_0_134::{codegen, frontend, module};
#[cfg(feature = "cranelift-0.135")]
pub use cranelift_0_135::{codegen, frontend, module};
#[cfg(feature = "cranelift-0.136")]
pub use cranelift_0_136::{codegen, frontend, module};
#[cfg(feature = "cranelift-0.137")]
pub use cranelift_0_137::{codegen, frontend, module};

/// Memory flags: what they are, and how a function has them.
#[cfg(feature = "cranelift-0.132")]
pub(crate) use codegen::ir::{MemFlags, MemFlags as MemFlagsData};
#[cfg(not(feature = "cranelift-0.132"))]
pub(crate) use codegen::ir::{MemFlags, MemFlagsData};

/// Returns `flags` for the function of `dfg`: unchanged.
#[cfg(feature = "cranelift-0.132")]
pub(crate) fn function_flags(_: &mut codegen::ir::DataFlowGraph, flags: MemFlagsData) -> MemFlags {
    flags
}

/// Returns `flags` for the function of `dfg`: an index in its table. The first few entries are
/// searched before the table, whose hash costs a quarter of a load.
#[cfg(not(feature = "cranelift-0.132"))]
#[inline]
pub(crate) fn function_flags(
    dfg: &mut codegen::ir::DataFlowGraph,
    flags: MemFlagsData,
) -> MemFlags {
    const LOOKED_AT: u32 = 4;
    let known = &dfg.mem_flags;
    let mut first = (0..LOOKED_AT).map_while(MemFlags::with_number);
    let first = first.find(|one| known.is_valid(*one) && known[*one] == flags);
    first.unwrap_or_else(|| dfg.mem_flags.insert_unchecked(flags))
}

/// The traits of `builder.ins()`.
pub(crate) mod inst_builder {
    #[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
    pub(crate) use super::ImmediateNames;
    pub(crate) use super::codegen::ir::InstBuilder;
}

/// Instructions with an immediate operand, named as later releases name them.
#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
pub(crate) trait ImmediateNames<'f>: codegen::ir::InstBuilder<'f> {
    fn iadd_imm_s(self, x: Value, y: i64) -> Value {
        self.iadd_imm(x, y)
    }
    fn band_imm_s(self, x: Value, y: i64) -> Value {
        self.band_imm(x, y)
    }
    fn band_imm_u(self, x: Value, y: i64) -> Value {
        self.band_imm(x, y)
    }
    fn ishl_imm_u(self, x: Value, y: i64) -> Value {
        self.ishl_imm(x, y)
    }
    fn ushr_imm_u(self, x: Value, y: i64) -> Value {
        self.ushr_imm(x, y)
    }
    fn sshr_imm_u(self, x: Value, y: i64) -> Value {
        self.sshr_imm(x, y)
    }
    fn icmp_imm_s(self, cc: codegen::ir::condcodes::IntCC, x: Value, y: i64) -> Value {
        self.icmp_imm(cc, x, y)
    }
    fn icmp_imm_u(self, cc: codegen::ir::condcodes::IntCC, x: Value, y: i64) -> Value {
        self.icmp_imm(cc, x, y)
    }
}

#[cfg(any(feature = "cranelift-0.132", feature = "cranelift-0.133"))]
impl<'f, B: codegen::ir::InstBuilder<'f>> ImmediateNames<'f> for B {}
