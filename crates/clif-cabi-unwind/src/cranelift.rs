//! The release of Cranelift to compile against, chosen by a feature, and the differences between
//! releases. Nothing else in this crate knows the release.

pub(crate) use clif_cabi::{cranelift_codegen as codegen, cranelift_module as module};

#[cfg(all(feature = "object", feature = "cranelift-0.132"))]
pub(crate) use cranelift_0_132::object;
#[cfg(all(feature = "object", feature = "cranelift-0.133"))]
pub(crate) use cranelift_0_133::object;
#[cfg(all(feature = "object", feature = "cranelift-0.134"))]
pub(crate) use cranelift_0_134::object;
#[cfg(all(feature = "object", feature = "cranelift-0.135"))]
pub(crate) use cranelift_0_135::object;
#[cfg(all(feature = "object", feature = "cranelift-0.136"))]
pub(crate) use cranelift_0_136::object;
#[cfg(all(feature = "object", feature = "cranelift-0.137"))]
pub(crate) use cranelift_0_137::object;

#[cfg(not(feature = "cranelift-0.137"))]
use codegen::FinalizedMachExceptionHandler as MachHandler;
#[cfg(feature = "cranelift-0.137")]
use codegen::MachExceptionHandler as MachHandler;

/// A handler of a call. Places are bytes from the start of the function.
pub(crate) enum Handler {
    Tag { tag: u32, at: u32 },
    Default { at: u32 },
    Context,
}

/// A call that has handlers: where it returns to, and its handlers in their order.
pub(crate) struct CallSite {
    pub(crate) returns_to: u32,
    pub(crate) handlers: Vec<Handler>,
}

/// Returns the calls of `code` that have handlers, in the order of the code.
pub(crate) fn handled_calls(code: &codegen::CompiledCode) -> impl Iterator<Item = CallSite> + '_ {
    #[cfg(not(feature = "cranelift-0.137"))]
    let offset = |at: &u32| *at;
    #[cfg(feature = "cranelift-0.137")]
    let offset = |at: &codegen::LabelOrOffset| at.as_offset();
    let handler = move |own: &MachHandler| match own {
        MachHandler::Tag(tag, at) => Handler::Tag {
            tag: tag.as_u32(),
            at: offset(at),
        },
        MachHandler::Default(at) => Handler::Default { at: offset(at) },
        MachHandler::Context(_) => Handler::Context,
    };
    let sites = code.buffer.call_sites();
    let handled = sites.filter(|site| !site.exception_handlers.is_empty());
    handled.map(move |site| CallSite {
        returns_to: site.ret_addr,
        handlers: site.exception_handlers.iter().map(handler).collect(),
    })
}
