//! x86-64: what a function must leave as it is (psABI 3.2.1, Registers and the Stack Frame) are the registers that its convention names, `rsp`, the control
//! bits of MXCSR, the x87 control word; and the direction flag, which is clear at every call and return.

use std::arch::naked_asm;
use std::mem::offset_of;

use cabi::{Bank, Reg, x86_64};

use super::{Kept, STATE, State};

/// Registers at one moment.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image {
    rax: u64,
    rdi: u64,
    rsp: u64,
    /// `rbx rbp r12 r13 r14 r15`.
    saved: [u64; 6],
    rsi: u64,
    flags: u64,
    mxcsr: u32,
    x87_control: u32,
    /// `xmm6` to `xmm15`.
    xmm: [[u64; 2]; 10],
    rcx: u64,
    r9: u64,
    r11: u64,
}

/// What the assembly remembers of the machine besides registers.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(super) struct Own {
    mxcsr: u32,
    x87_control: u32,
    /// `fnstenv` after it.
    x87: [u8; 32],
}

impl Own {
    pub(super) const START: Self = Self {
        mxcsr: 0,
        x87_control: 0,
        x87: [0xff; 32],
    };

    /// Whether the x87 stack was empty after all.
    pub(super) fn check(&self) -> Result<(), String> {
        match [self.x87[8], self.x87[9]] {
            [0xff, 0xff] => Ok(()),
            tags => Err(format!("the x87 stack is not empty: tags {tags:02x?}")),
        }
    }
}

/// The number of what vector registers are filled with, the next one in their upper half: general registers of these numbers are not filled.
pub(super) const FILLED_VECTOR: usize = 14;

/// How many general registers there are.
pub(super) const N_GENERAL: usize = 16;

/// Names by encoding.
pub(super) const NAMES: [&str; N_GENERAL] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

/// Registers are bits: `n` for the general one of encoding `n`, `16 + n` for `xmmn`. These are `rcx rdx rsi rdi r8 r9`, `xmm0` to `xmm7`.
pub(super) const MAY_HOLD_ARGUMENTS: u64 = bits(1, 3) | bits(6, 10) | bits(16, 24);

/// All but `rsp`.
pub(super) const ALL_FILL: u64 = bits(0, 4) | bits(5, 32);

/// The bits from `start` up to `end`.
const fn bits(start: u32, end: u32) -> u64 {
    (1 << end) - (1 << start)
}

pub(super) fn bit(reg: Reg) -> u64 {
    match reg.bank() {
        Bank::Int => 1 << reg.index(),
        Bank::Vector if reg.index() < 16 => 1 << (16 + reg.index()),
        _ => 0,
    }
}

/// The direction flag among the flags.
const DIRECTION: u64 = 1 << 10;
/// The status bits of MXCSR, which a callee may change.
const MXCSR_STATUS: u32 = 0x3f;

impl Image {
    /// What a general register held.
    pub(crate) fn general_register(&self, reg: Reg) -> Option<u64> {
        Some(match reg {
            x86_64::RAX => self.rax,
            x86_64::RCX => self.rcx,
            x86_64::RDI => self.rdi,
            _ => return None,
        })
    }

    /// Where the argument area starts, at a callee's first instruction.
    pub(crate) fn area(&self) -> u64 {
        self.rsp.wrapping_add(8)
    }

    /// Whether all is as every call wants it.
    pub(super) fn check_call(&self, caller: &str) -> Result<(), String> {
        match self.flags & DIRECTION {
            0 => Ok(()),
            _ => Err(format!(
                "{caller} makes the call with the direction flag set"
            )),
        }
    }

    /// Whether a return has what every return has to have.
    pub(super) fn check_return(&self, function: &str) -> Result<(), String> {
        match self.flags & DIRECTION {
            0 => Ok(()),
            _ => Err(format!("{function} returns with the direction flag set")),
        }
    }

    /// What some convention has callees leave as it was.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let [rbx, rbp, r12, r13, r14, r15] = self.saved;
        let general = [
            (3, rbx),
            (5, rbp),
            (6, self.rsi),
            (7, self.rdi),
            (9, self.r9),
            (11, self.r11),
            (12, r12),
            (13, r13),
            (14, r14),
            (15, r15),
        ];
        let general = general.map(|(n, value)| (NAMES[n], u32::try_from(n).ok(), value.into()));
        let own = [
            ("rsp", None, self.rsp.into()),
            (
                "control bits of MXCSR",
                None,
                (self.mxcsr & !MXCSR_STATUS).into(),
            ),
            ("the x87 control word", None, self.x87_control.into()),
        ];
        let xmm = (22..).zip(XMM.into_iter().zip(self.xmm));
        let xmm = xmm.map(|(bit, (name, [low, high]))| {
            (name, Some(bit), u128::from(high) << 64 | u128::from(low))
        });
        let all = general.into_iter().chain(own).chain(xmm);
        all.map(|(name, bit, value)| Kept { name, bit, value })
            .collect()
    }
}

/// The vector registers that callees of Win64 keep.
const XMM: [&str; 10] = [
    "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
];

/// `instruction [the image + offset] operand` for each triple.
macro_rules! at {
    ($image:literal, $($instruction:literal $offset:literal $operand:literal),*) => {
        concat!($($instruction, " [rip + {state} + {", $image, "} + ", $offset, "]", $operand, "\n"),*)
    };
}

/// Fills each of the registers whose number's bit is set in the field `$mask`, from the field `$at` and so many bytes times its number.
macro_rules! fill {
    ($mask:literal, $at:literal + $step:literal, $($register:literal $number:literal),+) => {
        concat!($(
            "test dword ptr [rip + {state} + {", $mask, "}], 1 << ", $number, "\n",
            "je 9f\n",
            "mov ", $register, ", [rip + {state} + {", $at, "} + ", $step, " * ", $number, "]\n",
            "9:\n",
        )+)
    };
}

/// Writes an [`Image`] down, changing nothing but memory below rsp; then clears the direction flag.
#[rustfmt::skip]
macro_rules! write_down {
    ($image:literal) => {
        concat!(
            at!($image, "mov" 0 ", rax", "mov" 8 ", rdi", "mov" 16 ", rsp", "mov" 24 ", rbx", "mov" 32 ", rbp"),
            at!($image, "mov" 40 ", r12", "mov" 48 ", r13", "mov" 56 ", r14", "mov" 64 ", r15", "mov" 72 ", rsi"),
            "pushfq\n",
            at!($image, "pop qword ptr" 80 ""),
            "cld\n",
            at!($image, "stmxcsr dword ptr" 88 "", "fnstcw word ptr" 92 ""),
            ".irp i, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n",
            at!($image, "movups" "16 * \\i" ", xmm\\i"),
            ".endr\n",
            at!($image, "mov" 256 ", rcx", "mov" 264 ", r9", "mov" 272 ", r11"),
        )
    };
}

const _: () = {
    // The numbers above.
    assert!(offset_of!(Image, saved) == 24 && offset_of!(Image, rsi) == 72);
    assert!(offset_of!(Image, flags) == 80 && offset_of!(Image, mxcsr) == 88);
    assert!(offset_of!(Image, x87_control) == 92 && offset_of!(Image, xmm) == 96);
    assert!(offset_of!(Image, rcx) == 256);
    assert!(offset_of!(Image, r9) == 264 && offset_of!(Image, r11) == 272);
    // The thunk indexes it by encoding.
    assert!(size_of::<[u64; 16]>() == 128);
};

/// `enter(function, a, b, c)` calls `function(a, b, c)`.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn enter(
    function: *const u8,
    a: *const u8,
    b: *const u8,
    c: *const u8,
) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rip + {state} + {rsp}], rsp",
        "sub rsp, [rip + {state} + {phase}]",
        "stmxcsr dword ptr [rip + {state} + {mxcsr}]",
        "fnstcw word ptr [rip + {state} + {x87_control}]",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        // Values that occur nowhere else.
        "movabs rbx, 0x5bb15bb15bb15bb1",
        "movabs rbp, 0x5bb25bb25bb25bb2",
        "movabs r12, 0x5bb35bb35bb35bb3",
        "movabs r13, 0x5bb45bb45bb45bb4",
        "movabs r14, 0x5bb55bb55bb55bb5",
        "movabs r15, 0x5bb65bb65bb65bb6",
        write_down!("entry"),
        "call rax",
        write_down!("exit"),
        "mov qword ptr [rip + {state} + {entered}], 1",
        "jmp {escape}",
        state = sym STATE,
        escape = sym escape,
        rsp = const offset_of!(State, sp),
        phase = const offset_of!(State, phase),
        mxcsr = const offset_of!(State, own.mxcsr),
        x87_control = const offset_of!(State, own.x87_control),
        entered = const offset_of!(State, entered),
        entry = const offset_of!(State, entry),
        exit = const offset_of!(State, exit),
    )
}

/// Goes back to where `enter` was called, with what that expects.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn escape() {
    naked_asm!(
        "cld",
        "mov rsp, [rip + {state} + {rsp}]",
        // Masks exceptions after it has written them down.
        "fnstenv [rip + {state} + {x87}]",
        "fninit",
        "fldcw word ptr [rip + {state} + {x87_control}]",
        "ldmxcsr dword ptr [rip + {state} + {mxcsr}]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        state = sym STATE,
        rsp = const offset_of!(State, sp),
        mxcsr = const offset_of!(State, own.mxcsr),
        x87_control = const offset_of!(State, own.x87_control),
        x87 = const offset_of!(State, own.x87),
    )
}

#[unsafe(naked)]
pub(super) unsafe extern "C" fn nothing() {
    naked_asm!("ret")
}

/// Calls the target with all registers and the stack as they are.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn thunk() {
    naked_asm!(
        write_down!("call"),
        "inc qword ptr [rip + {state} + {calls}]",
        // Argument registers that hold no argument.
        fill!("unpassed", "unpassed_filling" + 0, "rcx" 1, "rdx" 2, "rsi" 6, "rdi" 7, "r8" 8, "r9" 9),
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7",
        "test dword ptr [rip + {state} + {unpassed}], 1 << (16 + \\i)",
        "je 9f",
        "movups xmm\\i, [rip + {state} + {unpassed_filling}]",
        "9:",
        ".endr",
        // The arguments stay where they are.
        "pop qword ptr [rip + {state} + {return_address}]",
        "call qword ptr [rip + {state} + {target}]",
        "push qword ptr [rip + {state} + {return_address}]",
        write_down!("after"),
        "inc qword ptr [rip + {state} + {returns}]",
        // What the target should have left.
        "mov rsp, [rip + {state} + {call} + 16]",
        "add rsp, 8",
        "push qword ptr [rip + {state} + {return_address}]",
        "mov rbx, [rip + {state} + {call} + 24]",
        "mov rbp, [rip + {state} + {call} + 32]",
        "mov r9, [rip + {state} + {call} + 264]",
        "mov r11, [rip + {state} + {call} + 272]",
        "mov r12, [rip + {state} + {call} + 40]",
        "mov r13, [rip + {state} + {call} + 48]",
        "mov r14, [rip + {state} + {call} + 56]",
        "mov r15, [rip + {state} + {call} + 64]",
        "fldcw word ptr [rip + {state} + {call} + 92]",
        "ldmxcsr dword ptr [rip + {state} + {call} + 88]",
        // What it may change.
        fill!("fill", "filling" + 8, "rax" 0, "rcx" 1, "rdx" 2, "rbx" 3, "rsi" 6, "rdi" 7),
        fill!("fill", "filling" + 8, "r8" 8, "r9" 9, "r10" 10, "r11" 11),
        ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "test dword ptr [rip + {state} + {fill}], 1 << (16 + \\i)",
        "je 9f",
        "movups xmm\\i, [rip + {state} + {filling} + 8 * {xmm}]",
        "9:",
        ".endr",
        "ret",
        state = sym STATE,
        target = const offset_of!(State, target),
        unpassed = const offset_of!(State, unpassed),
        unpassed_filling = const offset_of!(State, unpassed_filling),
        fill = const offset_of!(State, fill),
        filling = const offset_of!(State, filling),
        xmm = const FILLED_VECTOR,
        return_address = const offset_of!(State, return_address),
        calls = const offset_of!(State, calls),
        returns = const offset_of!(State, returns),
        call = const offset_of!(State, call),
        after = const offset_of!(State, after),
    )
}
