//! The register-dump probe: what a compiler really does with each argument and result, next to what `FnAbi` says.
//!
//! A C caller, built by a reference compiler, calls a callee of assembly code that writes every register of the convention and the stack above the return
//! address down, and returns a result where `FnAbi` says. A C callee is called by assembly code that fills all of these from an image, made of the places that `FnAbi` says, and
//! writes the registers of results down. Neither side in assembly knows a signature, and no code generator of ours takes part.
//!
//! x86-64 only: System V, Win64 as compilers for System V machines have it (`ms_abi`), and Zig's `auto`. There is one dump in a process, after a lock.

use cabi::{FnAbi, Loc, Place, VectorLevel, X86_64_SYSV};

use crate::case::{Case, Direction};
use crate::check::calls::{Difference, Value, check_call};
use crate::emit::c::Images;
use crate::image::Image;
use crate::image::call::{Given, ObservedCall, area_bytes};
use crate::pattern::{self, Values};
use crate::run::boundary::{self, Promise, Target};
use crate::run::loaded::LoadedCode;

mod assembly;
mod register_file;

use assembly::{BYTES, Dumping, STACK, Task};
use register_file::{FILE, area, extend_slots, n_x87, n_x87_in, of_dump, put_word};

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

    /// The side of case `index` that calls in `direction` need.
    pub fn check_in(
        &self,
        direction: Direction,
        index: usize,
        case: &Case,
        abi: &FnAbi,
    ) -> Result<(), Difference> {
        Self::sees(case, abi)?;
        match direction {
            Direction::Call => self.check_callee(index, case, abi),
            Direction::Callee => self.check_caller(index, case, abi),
        }
    }

    /// Lets the C caller of case `index` call: every argument must be where `abi` says, and so must al and the alignment of the stack.
    fn check_caller(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        let call = ObservedCall::of(case, abi);
        let (values, images) = (&call.values, &call.images);
        let given = call.given(&FILE, Direction::Callee)?;
        let mut task = Task {
            stack_bytes: (area_bytes(abi)? + FRAME_BYTES).min(MAX_BYTES) as u64,
            n_x87: n_x87(&abi.ret.place),
            ..Task::NONE
        };
        if case.prototype.noreturn {
            task.escape = boundary::escape_address();
        }
        if let Some((at, bytes)) = given.result_pointer() {
            task.address_at = i64::try_from(at).unwrap_or(-1);
            (task.memory_bytes, task.memory) = (bytes as u64, given.pointed.as_ptr());
        }
        let dumping = Dumping::begin(&given.image.bytes, task);
        self.loaded.prepare(&values.result.bytes, 0);
        self.loaded.check_keeping("the C caller")?;
        let bytes = pattern::images(&values.declared, &images.offsets, images.size);
        let target = Target {
            code: assembly::sides(self.level)[0],
            promise: Promise::of(abi),
        };
        let crossing = with_room(|| {
            // SAFETY: the assembly callee may be called as any type: it writes to the dump alone, and hands a result's address back.
            unsafe { self.loaded.call(index, &bytes, target) }
        })?;
        crossing.check("the C caller", "our callee")?;
        crossing.check_machine()?;
        let mut dump = of_dump(dumping.image(), area_bytes(abi)?);
        let area = area(&dump)?;
        // The copies are in the caller's frame.
        dump.take_copies(&given, |dump, address, bytes| {
            let at = usize::try_from(address.wrapping_sub(area)).unwrap_or(BYTES);
            let at = STACK.saturating_add(at);
            dump.get(at..at.saturating_add(bytes)).to_vec()
        });
        // Callers extend narrow integers for System V's callees, some of which rely on it; on Win64 callers do not.
        let extended = abi.convention.name == X86_64_SYSV.name;
        dump.check_arguments(abi, &call.types, &values.promoted, extended)?;
        self.check_call(abi, &dump, area)?;
        match case.has_result() {
            true => {
                let got = self.loaded.written(0, values.result.bytes.len()).got;
                call.check_got(&given, &got)
            }
            false => Ok(()),
        }
    }

    /// What a call needs besides arguments: al, an aligned stack, addresses in the caller's frame.
    fn check_call(&self, abi: &FnAbi, dump: &Image, area: u64) -> Result<(), Difference> {
        let register = |reg| dump.word(&Loc::Reg(reg)).ok();
        check_call(abi, ("the C caller", self.al_is_bound), register, area)?;
        // The C caller offers memory of its own frame, at most a few pages above its argument area.
        let of_result = match abi.ret.place {
            Place::Indirect { pointer, .. } => Some(pointer),
            _ => None,
        };
        let carried = abi.convention.frame.carried.map(Loc::Reg);
        for pointer in of_result.into_iter().chain(carried) {
            let address = dump.word(&pointer)?;
            if address.wrapping_sub(area) > 1 << 16 {
                return Err(format!(
                    "{pointer} holds {address:#x}, no address in the caller's frame"
                )
                .into());
            }
        }
        Ok(())
    }

    /// Calls the C callee of case `index` with every argument where `abi` says: it must read each, and its result must be where `abi` says.
    fn check_callee(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        let call = ObservedCall::of(case, abi);
        let mut given = call.given(&FILE, Direction::Call)?;
        extend_slots(&call, &mut given.image)?;
        let mut memory = vec![0; given.pointed.len() + given.align];
        let first = memory.as_ptr().align_offset(given.align);
        let pointed = first..first + given.pointed.len();
        memory[pointed.clone()].copy_from_slice(&given.pointed);
        // A trace without room for an address: a callee may write its first word.
        let mut trace = [0_u64; 8];
        let al = (abi.variadic_count, abi.used.vector.into());
        let carried = (abi.convention.frame.carried, trace.as_mut_ptr() as u64);
        for (reg, word) in [al, carried] {
            if let Some(reg) = reg {
                let at = FILE.start(&Loc::Reg(reg))?;
                put_word(&mut given.image, at, word);
            }
        }
        // After all values: wherever a mistake has those, a callee finds its pointers.
        let mut address = memory.as_mut_ptr().wrapping_add(first) as u64;
        for (at, bytes) in &given.pointers {
            put_word(&mut given.image, *at, address);
            address += bytes.next_multiple_of(given.align) as u64;
        }
        let callee = self.loaded.callee(index);
        let target = Target {
            code: callee.ok_or("the C code has no callee")?,
            promise: Promise::of(abi).unfilled(),
        };
        self.loaded
            .prepare(&call.values.result.bytes, call.images.size);
        let task = Task {
            stack_bytes: abi.area_bytes.next_multiple_of(8),
            align: u64::from(abi.area_align.max(16)),
            n_x87: abi.args.iter().map(|arg| n_x87(&arg.place)).sum(),
            ..Task::NONE
        };
        let dumping = Dumping::begin(&given.image.bytes, task);
        // SAFETY: the caller is of this type, and calls a function that the reference compiler compiled, which reads
        // its arguments from registers and stack, and writes to its own buffers and to `memory`, which is large enough for its result.
        let crossing = unsafe {
            let none = std::ptr::null();
            let args = [boundary::thunk_address().cast_const(), none, none];
            boundary::call(assembly::sides(self.level)[1], args, target)
        };
        crossing.check("our caller", "the C callee")?;
        let dump = of_dump(dumping.image(), 0);
        let written = self.loaded.written(call.images.size, 0);
        call.check_seen(&given, &written)?;
        check_x87(case, abi, &dump)?;
        match case.has_result() {
            true => check_returned(&call, &given, &dump, given.result_in(&memory[pointed])),
            false => Ok(()),
        }
    }
}

impl<'a> ObservedCall<'a> {
    /// The call of `case`.
    fn of(case: &Case, abi: &'a FnAbi) -> Self {
        let types = case.argument_types();
        Self {
            abi,
            images: Images::of(&types),
            types,
            values: Values::of(case),
        }
    }
}

/// Compares what a C callee returns with where it belongs: in registers, or as the bytes of `memory` at the address that it was given, which some conventions return.
fn check_returned(
    call: &ObservedCall<'_>,
    given: &Given,
    dump: &Image,
    memory: &[u8],
) -> Result<(), Difference> {
    let (ret, result) = (&call.abi.ret, &call.values.result);
    if let (Place::Indirect { pointer, .. }, Some(reg)) = (&ret.place, ret.sret_returned_in) {
        let (returned, address) = (dump.word(&Loc::Reg(reg))?, given.image.word(pointer)?);
        if returned != address {
            let why = format!(
                "result ({ret}): the C callee returns {returned:#x} in {reg}, expected the address of the result that it was given, {address:#x}"
            );
            return Err(Difference::of(result, memory.to_vec(), Value::Result, why));
        }
    }
    // No ABI states how a narrow integer result is extended.
    dump.check_result(call.abi, result, false, memory)
}

/// Whether a callee left its result on the x87 stack, and nothing else.
fn check_x87(case: &Case, abi: &FnAbi, dump: &Image) -> Result<(), Difference> {
    let (used, expected) = (n_x87_in(dump) as u64, n_x87(&abi.ret.place));
    if used == expected || case.prototype.noreturn {
        return Ok(());
    }
    let why = format!("{used} registers of the x87 stack are in use after it, expected {expected}");
    Err(why.into())
}

/// Calls `call` with a frame above it that a callee can look into.
#[inline(never)]
fn with_room<T>(call: impl FnOnce() -> T) -> T {
    let room = std::hint::black_box([0_u8; BYTES]);
    let called = call();
    std::hint::black_box(&room);
    called
}
