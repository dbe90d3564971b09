//! The register-dump probe: what a compiler really does with each argument and result, next to what `FnAbi` says.
//!
//! A C caller, built by a reference compiler, calls a callee of assembly code that writes every register of the convention and the stack above the return
//! address down, and returns a result where `FnAbi` says. A C callee is called by assembly code that fills all of these from an image, made of the places that `FnAbi` says, and
//! writes the registers of results down. Neither side in assembly knows a signature, and no code generator of ours takes part.
//!
//! x86-64 only: System V, Win64 as compilers for System V machines have it (`ms_abi`), and Zig's `auto`. There is one dump in a process, after a lock.

use cabi::{FnAbi, Loc, Place, VectorLevel};

use crate::case::{Case, Direction};
use crate::check::calls::{Difference, Value, check_seen};
use crate::emit::c::{IMAGE_ALIGN, Images};
use crate::pattern::{self, Values};
use crate::run::loaded::{LoadedCode, Promise};

mod assembly;
mod compare;
mod register_file;
mod whereabouts;

use assembly::{BYTES, Dumping, Load, Returning, STACK};
use compare::{check_arguments, check_result};
use register_file::{RegisterFile, n_x87};
use whereabouts::{Deed, tell};

/// The most bytes of the stack, or of a result in memory, that the probe looks at.
const MAX_BYTES: usize = BYTES - STACK;

/// The largest alignment of a result in memory, in bytes, for which the probe finds a place.
const MAX_ALIGN: usize = 1 << 20;

/// The largest alignment of an argument area: the stack must have room for it.
const MAX_STACK_ALIGN: u32 = 1 << 16;

/// Bytes above the argument area in which a caller may keep copies whose addresses it passes.
const FRAME_BYTES: usize = 4096;

/// The C sides of cases of one vector level, to be probed.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'h> {
    loaded: &'h LoadedCode,
    level: VectorLevel,
    al_is_bound: bool,
}

impl<'h> Probe<'h> {
    /// A probe of `sides`, which were compiled for vectors of `level`.
    pub fn new(loaded: &'h LoadedCode, level: VectorLevel) -> Self {
        Self {
            loaded,
            level,
            al_is_bound: false,
        }
    }

    /// This probe, content with al as psABI 3.2.3 wants it: an upper bound of the vector registers used, at most 8. gcc and clang say how many they are.
    pub fn with_al_as_bound(self) -> Self {
        Self {
            al_is_bound: true,
            ..self
        }
    }

    /// Whether the probe finds everything of `case` where it looks.
    ///
    /// # Errors
    /// What is too large for it.
    pub fn sees(case: &Case, abi: &FnAbi) -> Result<(), &'static str> {
        let align = usize::try_from(case.prototype.ret.align()).unwrap_or(usize::MAX);
        let is_indirect = |arg: &cabi::ArgAbi| matches!(arg.place, Place::Indirect { .. });
        let copies = abi.args.iter().any(is_indirect);
        if abi.area_bytes > MAX_BYTES as u64 {
            return Err("more arguments in memory than the probe looks at");
        }
        if align > MAX_ALIGN || abi.area_align > MAX_STACK_ALIGN {
            return Err("a larger alignment than the probe has memory for");
        }
        if copies && Images::of(&case.argument_types()).size > FRAME_BYTES / 4 {
            return Err("more bytes in a caller's copies than the probe looks at");
        }
        Ok(())
    }

    /// Both directions of case `index`: what its C caller does, and, unless arguments are passed by reference, what its C callee reads and returns.
    pub fn check(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        self.check_caller(index, case, abi)?;
        self.check_callee(index, case, abi)
    }

    /// The side of case `index` that calls in `direction` need.
    pub fn check_in(
        &self,
        direction: Direction,
        index: usize,
        case: &Case,
        abi: &FnAbi,
    ) -> Result<(), Difference> {
        match direction {
            Direction::Call => self.check_callee(index, case, abi),
            Direction::Callee => self.check_caller(index, case, abi),
        }
    }

    /// Lets the C caller of case `index` call: every argument must be where `abi` says, and so must al and the alignment of the stack.
    pub fn check_caller(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        Self::sees(case, abi)?;
        let values = Values::of(case);
        let area = usize::try_from(abi.area_bytes).unwrap_or(usize::MAX);
        let images = Images::of(&case.argument_types());
        let bytes = pattern::images(&values.declared, &images.offsets, images.size);
        let escape = match case.prototype.noreturn {
            true => self.loaded.escape(),
            false => std::ptr::null_mut(),
        };
        let returning = RegisterFile::of_result(abi, &values.result);
        let (returned, returning) = returning.ok_or("a result where the probe returns none")?;
        let dumping = Dumping::begin(area.saturating_add(FRAME_BYTES), escape, returning);
        let callee = assembly::callee(self.level);
        self.loaded.prepare(&values.result.bytes, 0);
        self.loaded.check_keeping("the C caller")?;
        let _ = self.loaded.through(callee, Promise::of(abi));
        if !with_room(|| {
            // SAFETY: the assembly callee may be called as any type: it writes to the dump alone, and hands a result's address back.
            unsafe { self.loaded.call(index, &bytes) }
        }) {
            return Err("the C code has no caller".into());
        }
        self.loaded.check_promises("the C caller", "our callee")?;
        self.loaded.check_machine()?;
        let dump = RegisterFile::of_dump(dumping.image());
        check_arguments(abi, &values.promoted, &dump, self.al_is_bound)?;
        if !case.has_result() {
            return Ok(());
        }
        let got = self.loaded.got_bytes(values.result.bytes.len());
        let place = "as the caller reads it";
        let checked = Difference::check(&values.result, &got, Value::Result, place);
        checked.map_err(|found| {
            let (read, ret) = (
                values.result.with_bytes(got),
                (Value::Result, &abi.ret.place),
            );
            tell(found, Deed::ReadsResult, ret, &read, (&returned, 0))
        })
    }

    /// Calls the C callee of case `index` with every argument where `abi` says: it must read each, and its result must be where `abi` says.
    pub fn check_callee(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        Self::sees(case, abi)?;
        let values = Values::of(case);
        let size = values.result.bytes.len();
        let area = abi.area_bytes.next_multiple_of(8);
        let align = usize::try_from(case.prototype.ret.align()).unwrap_or(usize::MAX);
        let mut memory = vec![0xee_u8; size.saturating_add(2 * align)];
        let at = memory.as_ptr().align_offset(align);
        let result = memory.as_ptr() as u64 + at as u64;
        let types = case.argument_types();
        let image = RegisterFile::of_call(abi, &types, &values.promoted, result);
        let read = image.is_some();
        let images = Images::of(&types);
        // What arguments by reference point to is the callee's: it may write to it.
        let mut pointed = vec![0_u8; images.size + 2 * IMAGE_ALIGN];
        let pointed = pointed
            .as_mut_ptr()
            .wrapping_add(pointed.as_ptr().align_offset(IMAGE_ALIGN));
        let mut image = image.unwrap_or_else(|| unread(abi, result, pointed as u64));
        // A trace without room for an address: a callee may write its first word.
        let mut trace = [0_u64; 8];
        if let Some(reg) = abi.convention.frame.carried {
            image.put_word(Loc::Reg(reg), trace.as_mut_ptr() as u64);
        }
        let callee = self.loaded.callee(index);
        let callee = callee.ok_or("the C code has no callee")?;
        self.loaded.prepare(&values.result.bytes, images.size);
        let thunk = self.loaded.through(callee, Promise::of(abi).unfilled());
        let load = Load {
            image: image.bytes().as_ptr(),
            stack_bytes: area,
            align: u64::from(abi.area_align.max(16)),
            n_x87: abi.args.iter().map(|arg| arg_n_x87(&arg.place)).sum(),
        };
        let dumping = Dumping::begin(0, std::ptr::null(), Returning::NOTHING);
        // SAFETY: the caller is of this type, reads the image it is given, and calls a function that the reference compiler compiled, which reads
        // its arguments from registers and stack, and writes to its own buffers and to `memory`, which is large enough for its result.
        unsafe {
            self.loaded.run(
                assembly::caller(self.level),
                (&raw const load).cast(),
                memory.as_mut_ptr(),
                thunk,
            );
        }
        self.loaded.check_promises("our caller", "the C callee")?;
        let dump = RegisterFile::of_dump(dumping.image());
        if read {
            let seen = |i: usize, len| self.loaded.seen_bytes(images.offsets[i], len);
            let checked = check_seen(&values, seen, "as the callee reads it");
            checked.map_err(|found| reads(abi, &values, found, &image))?;
        }
        check_x87(case, abi, &dump)?;
        if !case.has_result() {
            return Ok(());
        }
        let memory = memory.get(at..).unwrap_or_default();
        check_result(abi, &values.result, &dump, (result, memory))
    }
}

/// An image for a call of which only the result is looked at: unoptimized callees read what arguments point to, so all of them point to `pointed`, but
/// for the registers in which the address for a result may be.
fn unread(abi: &FnAbi, result: u64, pointed: u64) -> RegisterFile {
    let mut image = RegisterFile::full_of(pointed, abi.area_bytes);
    if let Place::Indirect { pointer, .. } = abi.ret.place {
        image.put_word(pointer, result);
    }
    image
}

/// What `found`, about an argument that a callee has read of `image`, tells of where it read.
fn reads(abi: &FnAbi, values: &Values, found: Difference, image: &RegisterFile) -> Difference {
    let Some(value @ Value::Argument(i)) = found.value else {
        return found;
    };
    match (abi.args.get(i), values.promoted.get(i)) {
        (Some(arg), Some(pattern)) => {
            let read = pattern.with_bytes(found.got.clone());
            let area = (image, abi.area_bytes);
            tell(found, Deed::Reads, (value, &arg.place), &read, area)
        }
        _ => found,
    }
}

/// Whether a callee left its result on the x87 stack, and nothing else.
fn check_x87(case: &Case, abi: &FnAbi, dump: &RegisterFile) -> Result<(), Difference> {
    let (used, expected) = (dump.n_x87() as u64, arg_n_x87(&abi.ret.place));
    if used == expected || case.prototype.noreturn {
        return Ok(());
    }
    let why = format!("{used} registers of the x87 stack are in use after it, expected {expected}");
    Err(why.into())
}

/// How many x87 registers a value at `place` is in.
fn arg_n_x87(place: &Place) -> u64 {
    match place {
        Place::Parts(parts) => n_x87(parts),
        _ => 0,
    }
}

/// Calls `call` with a frame above it that a callee can look into.
#[inline(never)]
fn with_room(call: impl FnOnce() -> bool) -> bool {
    let room = std::hint::black_box([0_u8; BYTES]);
    let called = call();
    std::hint::black_box(&room);
    called
}
