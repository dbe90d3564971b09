//! x86-64: Cranelift's counting ([`counting`]), for functions of System V and of Win64 (`windows_fastcall`), results on the x87 stack, and the
//! stubs ([`stub`]).

mod counting;
mod stub;
pub(super) mod va_list;

use cabi::convention::{CalleePops, FrameKind};
use cabi::{
    Bank, Convention, Loc, PartType, PlacedPart, Reg, Target, VectorLevel, X86_64_LANG,
    X86_64_PRESERVE_ALL, X86_64_SYSV, X86_64_WIN64, x86_64,
};

use super::counting::{Class, Counting};
use super::description::{Machine, ResultIn, SaveArea, Selected, VaList, VectorMoves};
use super::stub::{Steps, Stub, VectorMove, VectorWidth};
use crate::error::NotLowered;
use crate::parts::{X87_BYTES, is_wide, x87_parts};
use counting::{SYSTEM_V, TAIL, WINDOWS_FASTCALL};

/// What CLIF's `get_pinned_reg` and `set_pinned_reg` are about.
const CONTEXT: Reg = x86_64::R15;

static STEPS: Steps = Steps {
    machine: "x86-64",
    numbered: &SYSTEM_V.params,
    entry: stub::ENTRY,
    has: stub::has_step,
    encode: stub::encode,
};

pub(super) fn select(target: &Target) -> Selected {
    match target.convention() {
        Some(convention) if *convention == X86_64_SYSV => Selected::Lowered(&MACHINE),
        Some(convention) if *convention == X86_64_WIN64 => Selected::Lowered(&WIN64),
        _ => Selected::Other,
    }
}

pub(super) static MACHINE: Machine = UNIX;

const UNIX: Machine = Machine {
    counting: &SYSTEM_V,
    places: counting::places,
    callee_saved: X86_64_SYSV.frame.callee_saved,
    callee_pops: CalleePops::Nothing,
    preserved_vectors: None,
    has_stubs: true,
    steps: &STEPS,
    calls: None,
    reads_wide: true,
    area_from_frame: None,
    has_block_copy: true,
    convention_objection,
    chain: x86_64::R10,
    under,
    wide_calls: None,
    // psABI 3.5.7, The Register Save Area.
    va_list: VaList {
        convention: &X86_64_SYSV,
        save_area: Some(SaveArea {
            int_slot: 8,
            vector_slot: 16,
        }),
    },
    result,
    vector_moves,
};

static WIN64: Machine = Machine {
    counting: &WINDOWS_FASTCALL,
    places: counting::places,
    callee_saved: X86_64_WIN64.frame.callee_saved,
    callee_pops: CalleePops::Nothing,
    preserved_vectors: None,
    has_stubs: true,
    steps: &STEPS,
    calls: None,
    // Records of more than 8 bytes are passed by reference.
    reads_wide: false,
    area_from_frame: None,
    has_block_copy: true,
    convention_objection,
    chain: x86_64::R10,
    under,
    // Callees of Win64 preserve all that those of System V do; the shadow space is padding arguments.
    wide_calls: Some(&MACHINE),
    va_list: VaList {
        convention: &X86_64_WIN64,
        save_area: None,
    },
    result,
    vector_moves,
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

fn convention_objection(machine: &Machine, convention: &Convention) -> Option<NotLowered> {
    if convention.frame.shadow_space != machine.counting.shadow_bytes {
        Some(NotLowered::ShadowSpace)
    } else if !is_same_set(convention.frame.callee_saved, machine.callee_saved) {
        let why = "callees preserve other registers than Cranelift's functions do";
        Some(NotLowered::Convention(why))
    } else if convention.frame.callee_pops != machine.callee_pops {
        let why = "callees pop other arguments than Cranelift's functions do";
        Some(NotLowered::Convention(why))
    } else if !matches!(convention.frame.context, None | Some(CONTEXT)) {
        let why = "its context is in another register than CLIF's pinned one";
        Some(NotLowered::Convention(why))
    } else if convention.frame.carried.is_some() || convention.frame.vector_align.is_some() {
        let why =
            "Cranelift passes no address beside the arguments, and aligns the stack to 16 bytes";
        Some(NotLowered::Convention(why))
    } else if convention.frame.big_endian {
        let why = "x86-64 is little-endian";
        Some(NotLowered::Convention(why))
    } else if !matches!(convention.frame.variadic_count, None | Some(x86_64::RAX)) {
        let why = "vector registers are counted in rax only";
        Some(NotLowered::Convention(why))
    } else {
        None
    }
}

fn is_same_set(a: &[Reg], b: &[Reg]) -> bool {
    a.iter().all(|reg| b.contains(reg)) && b.iter().all(|reg| a.contains(reg))
}

fn result(counting: &Counting, parts: &[PlacedPart]) -> Result<ResultIn, NotLowered> {
    let declarable = counting.results.of(Class::Vector);
    let beyond = |part: &PlacedPart| matches!(part.loc, Loc::Reg(reg) if reg.bank() == Bank::Vector && !declarable.contains(&reg));
    if parts
        .iter()
        .any(|placed| is_wide(&placed.part) || beyond(placed))
    {
        let why = "a vector result that CLIF cannot say has other parts beside it, or is in no register of parameters";
        let moves = vector_moves(parts).ok_or(NotLowered::Convention(why))?;
        let load = Stub::load_result(&moves);
        return Ok(ResultIn::Vectors { moves, load });
    }
    if !matches!(
        parts.first().map(|part| part.loc),
        Some(Loc::Reg(x86_64::ST0))
    ) {
        return Ok(ResultIn::Registers);
    }
    // One value, or the two of a complex number.
    let n = if parts.len() == 2 { 2 } else { 1 };
    Ok(ResultIn::Stub {
        pop: Stub::pop(n),
        push: Stub::push(n),
        parts: x87_parts(n),
        bytes: u32::from(X87_BYTES * n),
    })
}

fn vector_moves(parts: &[PlacedPart]) -> Option<VectorMoves> {
    let vector_move = |placed: &PlacedPart| {
        let cabi::Part {
            ty, size, offset, ..
        } = placed.part;
        let width = match ty {
            PartType::V128 => VectorWidth::V128,
            PartType::V256 => VectorWidth::V256,
            PartType::V512 => VectorWidth::V512,
            _ => return None,
        };
        let Loc::Reg(reg) = placed.loc else {
            return None;
        };
        let movable = SYSTEM_V.params.of(Class::Vector).contains(&reg);
        (movable && size == ty.bytes()).then_some(VectorMove {
            width,
            register: reg.index(),
            offset: offset.into(),
        })
    };
    parts.iter().map(vector_move).collect()
}
