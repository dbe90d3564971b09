//! x86-64: Cranelift's counting ([`counting`]), for functions of System V and of Win64 (`windows_fastcall`), results on the x87 stack, and the
//! stubs ([`stub`]).

mod counting;
mod stub;

use cabi::convention::{CalleePops, FrameKind};
use cabi::{
    Convention, VectorLevel, X86_64_LANG, X86_64_PRESERVE_ALL, X86_64_SYSV, X86_64_WIN64, x86_64,
};

use super::counting::PerClass;
use super::description::Machine;
use super::stub::Steps;
use super::va_list::{SaveArea, SavedClass, VaCounter, VaListLayout, member};
use counting::{SYSTEM_V, TAIL, WINDOWS_FASTCALL};

static STEPS: Steps = Steps {
    numbered: &SYSTEM_V.params,
    entry: stub::ENTRY,
    has_all: true,
    encode: stub::encode,
};

pub(super) static MACHINE: Machine = UNIX;

const UNIX: Machine = Machine {
    counting: &SYSTEM_V,
    countings: counting::ALL,
    callee_saved: X86_64_SYSV.frame.callee_saved,
    callee_pops: CalleePops::Nothing,
    preserved_vectors: None,
    has_stubs: true,
    steps: &STEPS,
    calls: None,
    reads_wide: true,
    area_from_frame: None,
    has_block_copy: true,
    context: x86_64::R15,
    vector_count: Some(x86_64::RAX),
    chain: x86_64::R10,
    closures: None,
    under,
    wide_calls: None,
    // psABI 3.5.7, The Register Save Area.
    va_list: VaListLayout {
        convention: &X86_64_SYSV,
        save_area: Some(SaveArea {
            saved: PerClass {
                int: SavedClass {
                    slot: 8,
                    counter: VaCounter::of(&X86_64_SYSV, 0, 3, false),
                    base_at: 0,
                },
                vector: SavedClass {
                    slot: 16,
                    counter: VaCounter::of(&X86_64_SYSV, 1, 3, false),
                    base_at: 0,
                },
            },
            list_bytes: member(&X86_64_SYSV, 4),
            overflow: member(&X86_64_SYSV, 2),
            exhausts: false,
            in_pairs: false,
            by_reference: false,
        }),
        has_home: false,
    },
    moved_vectors: SYSTEM_V.params.vector,
    x87: Some(x86_64::ST0),
};

pub(super) static WIN64: Machine = Machine {
    counting: &WINDOWS_FASTCALL,
    callee_saved: X86_64_WIN64.frame.callee_saved,
    // Records of more than 8 bytes are passed by reference.
    reads_wide: false,
    // Callees of Win64 preserve all that those of System V do; the shadow space is padding arguments.
    wide_calls: Some(&MACHINE),
    va_list: VaListLayout {
        convention: &X86_64_WIN64,
        save_area: None,
        has_home: true,
    },
    ..UNIX
};

static LANG: Machine = Machine {
    counting: &TAIL,
    callee_saved: X86_64_LANG.frame.callee_saved,
    callee_pops: CalleePops::Everything,
    has_stubs: false,
    reads_wide: false,
    ..UNIX
};

/// Functions of it preserve r11 as well. C's do not, so a call of one is like any other C function's.
static PRESERVE_ALL: Machine = Machine {
    counting: &counting::PRESERVE_ALL,
    callee_saved: X86_64_PRESERVE_ALL.frame.callee_saved,
    preserved_vectors: Some(VectorLevel::Baseline),
    has_stubs: false,
    calls: Some(&MACHINE),
    ..UNIX
};

/// Each refuses what of a convention is not its own.
fn under(convention: &Convention) -> Option<&'static Machine> {
    match convention.frame.kind {
        FrameKind::Unix => Some(&MACHINE),
        FrameKind::Win64 => Some(&WIN64),
        FrameKind::Tail => Some(&LANG),
        FrameKind::PreserveAll => Some(&PRESERVE_ALL),
        _ => None,
    }
}
