//! The register-dump probe: what a compiler really does with each argument and result, next to what `FnAbi` says.
//!
//! A C caller, built by a reference compiler, calls a callee of assembly code that writes every register of the convention and the stack above the return
//! address down, and returns a result where `FnAbi` says. A C callee is called by assembly code that fills all of these from an image, made of the places that `FnAbi` says, and
//! writes the registers of results down. Neither side in assembly knows a signature, and no code generator of ours takes part.
//!
//! x86-64 only: System V, Win64 as compilers for System V machines have it (`ms_abi`), and Zig's `auto`. There is one dump in a process, after a lock.

use cabi::{FnAbi, Loc, Place, VectorLevel, X86_64_SYSV};

use crate::case::{Case, Direction};
use crate::check::calls::{Difference, Value, check_call, check_seen};
use crate::emit::c::{IMAGE_ALIGN, Images};
use crate::image::Image;
use crate::pattern::{self, Pattern, Values};
use crate::run::boundary::{self, Promise, Target};
use crate::run::loaded::LoadedCode;

mod assembly;
mod register_file;

use assembly::{BYTES, Dumping, Load, Returning, STACK};
use register_file::{
    area, area_bytes, n_x87, n_x87_in, of_call, of_dump, of_result, put_word, rsp, word,
};

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
        let values = Values::of(case);
        let images = Images::of(&case.argument_types());
        let bytes = pattern::images(&values.declared, &images.offsets, images.size);
        let escape = match case.prototype.noreturn {
            true => boundary::escape_address(),
            false => std::ptr::null_mut(),
        };
        let (returned, returning) = of_result(abi, &values.result)?;
        let stack = area_bytes(abi).saturating_add(FRAME_BYTES);
        let dumping = Dumping::begin(stack, escape, returning);
        self.loaded.prepare(&values.result.bytes, 0);
        self.loaded.check_keeping("the C caller")?;
        let target = Target {
            code: assembly::callee(self.level),
            promise: Promise::of(abi),
        };
        let crossing = with_room(|| {
            // SAFETY: the assembly callee may be called as any type: it writes to the dump alone, and hands a result's address back.
            unsafe { self.loaded.call(index, &bytes, target) }
        })?;
        crossing.check("the C caller", "our callee")?;
        crossing.check_machine()?;
        let mut dump = of_dump(dumping.image(), area_bytes(abi));
        dump.copies = copies_in(&dump, abi, &values)?;
        // Callers extend narrow integers for System V's callees, some of which rely on it; on Win64 callers do not.
        let extended = abi.convention.name == X86_64_SYSV.name;
        dump.check_arguments(abi, &case.argument_types(), &values.promoted, extended)?;
        self.check_call(abi, &dump)?;
        if !case.has_result() {
            return Ok(());
        }
        let got = self.loaded.written(0, values.result.bytes.len()).got;
        let place = "as the caller reads it";
        let checked = Difference::check(&values.result, &got, Value::Result, place);
        checked.map_err(|found| {
            let (read, place) = (values.result.with_bytes(got), &abi.ret.place);
            returned.locate(
                found,
                ["the C caller reads", "from"],
                (Value::Result, place),
                &read,
            )
        })
    }

    /// What a call needs besides arguments: al, an aligned stack, addresses in the caller's frame.
    fn check_call(&self, abi: &FnAbi, dump: &Image) -> Result<(), Difference> {
        let register = |reg| word(dump, &Loc::Reg(reg)).ok();
        let caller = ("the C caller", self.al_is_bound);
        check_call(abi, caller, register, area(dump))?;
        // The C caller offers memory of its own frame, at most a few pages above its argument area.
        let of_result = match abi.ret.place {
            Place::Indirect { pointer, .. } => Some(pointer),
            _ => None,
        };
        let carried = abi.convention.frame.carried.map(Loc::Reg);
        for pointer in of_result.into_iter().chain(carried) {
            let address = word(dump, &pointer)?;
            if address.wrapping_sub(rsp(dump)) > 1 << 16 {
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
        let values = Values::of(case);
        let size = values.result.bytes.len();
        let align = usize::try_from(case.prototype.ret.align()).unwrap_or(usize::MAX);
        let mut memory = vec![0xee_u8; size.saturating_add(2 * align)];
        let at = memory.as_ptr().align_offset(align);
        let result = memory.as_ptr() as u64 + at as u64;
        let types = case.argument_types();
        let images = Images::of(&types);
        let (_copies, addresses) = copies_for(&values, &images);
        let mut image = of_call(abi, &types, &values.promoted, (&addresses, result))?;
        // A trace without room for an address: a callee may write its first word.
        let mut trace = [0_u64; 8];
        if let Some(reg) = abi.convention.frame.carried {
            put_word(&mut image, &Loc::Reg(reg), trace.as_mut_ptr() as u64);
        }
        let callee = self.loaded.callee(index);
        let callee = callee.ok_or("the C code has no callee")?;
        self.loaded.prepare(&values.result.bytes, images.size);
        let target = Target {
            code: callee,
            promise: Promise::of(abi).unfilled(),
        };
        let load = Load {
            image: image.bytes.as_ptr(),
            stack_bytes: abi.area_bytes.next_multiple_of(8),
            align: u64::from(abi.area_align.max(16)),
            n_x87: abi.args.iter().map(|arg| n_x87(&arg.place)).sum(),
        };
        let dumping = Dumping::begin(0, std::ptr::null(), Returning::NOTHING);
        // SAFETY: the caller is of this type, reads the image it is given, and calls a function that the reference compiler compiled, which reads
        // its arguments from registers and stack, and writes to its own buffers and to `memory`, which is large enough for its result.
        let crossing = unsafe {
            let (caller, load) = (assembly::caller(self.level), (&raw const load).cast());
            let args = [
                load,
                memory.as_mut_ptr().cast_const(),
                boundary::thunk_address(),
            ];
            boundary::call(caller, args, target)
        };
        crossing.check("our caller", "the C callee")?;
        let dump = of_dump(dumping.image(), 0);
        let written = self.loaded.written(images.size, 0);
        check_seen(&values, &images, &written, "as the callee reads it")
            .map_err(|found| reads(abi, &values, found, &image))?;
        check_x87(case, abi, &dump)?;
        if !case.has_result() {
            return Ok(());
        }
        let memory = memory.get(at..at + size).unwrap_or_default();
        check_returned(abi, &dump, &values.result, (result, memory))
    }
}

/// Compares what a C callee returns with where `abi` has it: in registers, or as the bytes of `memory` at the address that it was given, which some conventions return.
fn check_returned(
    abi: &FnAbi,
    dump: &Image,
    result: &Pattern,
    (address, memory): (u64, &[u8]),
) -> Result<(), Difference> {
    if let (Place::Indirect { .. }, Some(reg)) = (&abi.ret.place, abi.ret.sret_returned_in) {
        let returned = word(dump, &Loc::Reg(reg))?;
        if returned != address {
            let why = format!(
                "result ({}): the C callee returns {returned:#x} in {reg}, expected the address of the result that it was given, {address:#x}",
                abi.ret
            );
            return Err(Difference::of(result, memory.to_vec(), Value::Result, why));
        }
    }
    // No ABI states how a narrow integer result is extended.
    dump.check_result(abi, result, false, memory)
}

/// Copies of the arguments in one buffer, and the address of each: what arguments by reference point to is the callee's, which may write to it.
fn copies_for(values: &Values, images: &Images) -> (Vec<u8>, Vec<u64>) {
    let mut copies = vec![0_u8; images.size + IMAGE_ALIGN];
    let first = copies.as_ptr().align_offset(IMAGE_ALIGN);
    let bytes = pattern::images(&values.promoted, &images.offsets, images.size);
    copies[first..first + images.size].copy_from_slice(&bytes);
    let first = copies.as_mut_ptr().wrapping_add(first) as u64;
    let addresses = images.offsets.iter().map(|at| first + *at as u64).collect();
    (copies, addresses)
}

/// The copies that a caller has made of arguments, which it passes by their addresses.
fn copies_in(dump: &Image, abi: &FnAbi, values: &Values) -> Result<Vec<(u64, Vec<u8>)>, String> {
    let mut copies = Vec::new();
    for (arg, pattern) in abi.args.iter().zip(&values.promoted) {
        if let Place::Indirect { pointer, .. } = &arg.place {
            let address = word(dump, pointer)?;
            let at = usize::try_from(address.wrapping_sub(area(dump))).unwrap_or(BYTES);
            let at = STACK.saturating_add(at);
            let copy = dump.get(at..at.saturating_add(pattern.bytes.len()));
            copies.push((address, copy.to_vec()));
        }
    }
    Ok(copies)
}

/// What `found`, about an argument that a callee has read of `image`, tells of where it read.
fn reads(abi: &FnAbi, values: &Values, found: Difference, image: &Image) -> Difference {
    let Some(value @ Value::Argument(i)) = found.value else {
        return found;
    };
    match (abi.args.get(i), values.promoted.get(i)) {
        (Some(arg), Some(pattern)) => {
            let read = pattern.with_bytes(found.got.clone());
            image.locate(
                found,
                ["the C callee reads", "from"],
                (value, &arg.place),
                &read,
            )
        }
        _ => found,
    }
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
