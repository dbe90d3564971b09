//! AArch64, little-endian: Cranelift's counting ([`counting`]) for functions of AAPCS64 and of Apple's variant, and the stubs ([`stub`]).

mod counting;
mod stub;

use cabi::Convention;
use cabi::aarch64::{self, AAPCS64, AARCH64_LANG, APPLE_ARM64};
use cabi::convention::{ArgFlags, CalleePops, FrameKind, Rule, Rules};

use super::counting::PerClass;
use super::description::Machine;
use super::stub::Steps;
use super::va_list::{SaveArea, SavedClass, VaCounter, VaListLayout, member};

static STEPS: Steps = Steps {
    numbered: &counting::SYSTEM_V.params,
    entry: stub::ENTRY,
    has_all: false,
    encode: stub::encode,
};

/// Apple's C with a static chain.
static APPLE_CLOSURES: Convention = Convention {
    name: "Apple arm64, closures",
    rules: Rules {
        args: &[
            Rule::IfFlag(ArgFlags::NEST, &Rule::AssignToReg(&[stub::X17])),
            Rule::DelegateTo(APPLE_ARM64.rules.args),
        ],
        ..APPLE_ARM64.rules
    },
    ..APPLE_ARM64
};

pub(super) static MACHINE: Machine = LINUX;

const LINUX: Machine = Machine {
    counting: &counting::SYSTEM_V,
    countings: counting::ALL,
    callee_saved: AAPCS64.frame.callee_saved,
    callee_pops: CalleePops::Nothing,
    preserved_vectors: None,
    has_stubs: true,
    steps: &STEPS,
    calls: None,
    reads_wide: false,
    area_from_frame: Some(16),
    has_block_copy: false,
    context: aarch64::X21,
    vector_count: None,
    chain: aarch64::X18,
    closures: None,
    under,
    wide_calls: None,
    // AAPCS64, Appendix B: Variable Argument Lists.
    va_list: VaListLayout {
        convention: &AAPCS64,
        save_area: Some(SaveArea {
            saved: PerClass {
                int: SavedClass {
                    slot: 8,
                    counter: VaCounter::of(&AAPCS64, 3, 1, true),
                    base_at: 64,
                },
                vector: SavedClass {
                    slot: 16,
                    counter: VaCounter::of(&AAPCS64, 4, 2, true),
                    base_at: 192,
                },
            },
            list_bytes: member(&AAPCS64, 5),
            overflow: member(&AAPCS64, 0),
            exhausts: true,
            in_pairs: true,
            by_reference: true,
        }),
        has_home: false,
    },
    moved_vectors: &[],
    x87: None,
};

/// x18 is the system's there, and C has no static chain. Closures have theirs in x17, the address register of stubs.
pub(super) static APPLE: Machine = Machine {
    counting: &counting::APPLE,
    chain: stub::X17,
    closures: Some(&APPLE_CLOSURES),
    va_list: VaListLayout {
        convention: &APPLE_ARM64,
        save_area: None,
        has_home: false,
    },
    ..LINUX
};

/// `get_frame_pointer` is not a fixed distance from the argument area of such a function: a tail call may have enlarged that. Each of its stack arguments is a
/// parameter.
static LANG: Machine = Machine {
    counting: &counting::TAIL,
    callee_saved: AARCH64_LANG.frame.callee_saved,
    callee_pops: CalleePops::Everything,
    has_stubs: false,
    area_from_frame: None,
    ..LINUX
};

fn under(convention: &Convention) -> Option<&'static Machine> {
    match convention.frame.kind {
        FrameKind::Tail => Some(&LANG),
        FrameKind::Unix if convention.frame.va_list == APPLE_ARM64.frame.va_list => Some(&APPLE),
        FrameKind::Unix => Some(&MACHINE),
        _ => None,
    }
}
