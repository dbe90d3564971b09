//! The register-dump probe: what a compiler really does with each argument and result, next to what `FnAbi` says.
//!
//! A C caller, built by a reference compiler, calls a callee of assembly code that writes every register of the convention and the stack above the return
//! address down, and returns a result where `FnAbi` says. A C callee is called by assembly code that fills all of these from an image, made of the places that `FnAbi` says, and
//! writes the registers of results down. Neither side in assembly knows a signature, and no code generator of ours takes part.
//!
//! x86-64 only: System V, Win64 as compilers for System V machines have it (`ms_abi`), and Zig's `auto`. There is one dump in a process, after a lock.

use cabi::{Extension, FnAbi, Loc, Place, PlacedPart, VectorLevel};

use crate::case::{Case, Direction};
use crate::check::calls::{Difference, Value, check_seen};
use crate::emit::c::{IMAGE_ALIGN, Images};
use crate::pattern::{self, Pattern, Values, hex};
use crate::run::loaded::{LoadedCode, Promise};

mod assembly;
mod register_file;
#[cfg(test)]
mod tests;

use assembly::{BYTES, Dumping, Load, Returning, STACK};
use register_file::{RegisterFile, n_x87, word};

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
}

impl<'h> Probe<'h> {
    /// A probe of `sides`, which were compiled for vectors of `level`.
    pub fn new(loaded: &'h LoadedCode, level: VectorLevel) -> Self {
        Self { loaded, level }
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
        let values = Values::of(case);
        let area = usize::try_from(abi.area_bytes).unwrap_or(usize::MAX);
        if area > MAX_BYTES {
            return Err("more arguments in memory than the probe looks at".into());
        }
        let images = Images::of(&case.argument_types());
        let bytes = pattern::images(&values.declared, &images.offsets, images.size);
        let escape = match case.prototype.noreturn {
            true => self.loaded.escape(),
            false => std::ptr::null_mut(),
        };
        let returning = RegisterFile::of_result(abi, &values.result);
        let returning = returning.ok_or("a result where the probe returns none")?;
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
        self.loaded.check_x87()?;
        check_arguments(
            abi,
            &values.promoted,
            &RegisterFile::of_dump(dumping.image()),
        )?;
        if !case.has_result() {
            return Ok(());
        }
        let got = self.loaded.got_bytes(values.result.bytes.len());
        Difference::check(
            &values.result,
            &got,
            Value::Result,
            "as the caller reads it",
        )
    }

    /// Calls the C callee of case `index` with every argument where `abi` says: it must read each, and its result must be where `abi` says.
    pub fn check_callee(&self, index: usize, case: &Case, abi: &FnAbi) -> Result<(), Difference> {
        let values = Values::of(case);
        let size = values.result.bytes.len();
        let area = abi.area_bytes.next_multiple_of(8);
        let align = usize::try_from(case.prototype.ret.align()).unwrap_or(usize::MAX);
        if area > MAX_BYTES as u64 || align > MAX_ALIGN || abi.area_align > MAX_STACK_ALIGN {
            return Err("more bytes in memory than the probe looks at".into());
        }
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
            let seen = |at, len| self.loaded.seen_bytes(at, len);
            check_seen(&values, &images.offsets, seen, "as the callee reads it")?;
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

/// Compares the arguments in `dump` with what `abi` says of them.
fn check_arguments(
    abi: &FnAbi,
    patterns: &[Pattern],
    dump: &RegisterFile,
) -> Result<(), Difference> {
    // Callers extend narrow integers for System V's callees, some of which rely on it; on Win64 callers do not.
    let extended = abi.convention.name == cabi::X86_64_SYSV.name;
    for (i, (arg, pattern)) in abi.args.iter().zip(patterns).enumerate() {
        check_place(&arg.place, pattern, extended, dump).map_err(|why| {
            let got = gathered(&arg.place, pattern.bytes.len(), dump);
            let why = format!("argument {i} ({}): {why}", arg.place);
            difference(Value::Argument(i), pattern, got, why)
        })?;
    }
    if let Some(reg) = abi.variadic_count {
        let al = dump.register(reg).first().copied().unwrap_or(0xff);
        if al != abi.n_sse {
            return Err(format!("al is {al}, expected {}", abi.n_sse).into());
        }
    }
    // The C caller offers memory of its own frame, at most a few pages above its argument area.
    let of_result = match abi.ret.place {
        Place::Indirect { pointer, .. } => Some(pointer),
        _ => None,
    };
    let carried = abi.convention.frame.carried.map(Loc::Reg);
    for pointer in of_result.into_iter().chain(carried) {
        let address = word(dump.location(pointer, 8));
        if address.wrapping_sub(dump.rsp()) > 1 << 16 {
            return Err(
                format!("{pointer} holds {address:#x}, no address in the caller's frame").into(),
            );
        }
    }
    let area = dump.area();
    if !area.is_multiple_of(u64::from(abi.area_align)) {
        return Err(format!(
            "the argument area is at {area:#x}, not aligned to {}",
            abi.area_align
        )
        .into());
    }
    Ok(())
}

fn check_place(
    place: &Place,
    pattern: &Pattern,
    extended: bool,
    dump: &RegisterFile,
) -> Result<(), String> {
    match place {
        Place::Ignore if pattern.weight() == 0 => Ok(()),
        Place::Ignore => Err("bytes that count are passed nowhere".to_owned()),
        Place::Parts(parts) if extended => check_parts(parts, pattern, dump),
        Place::Parts(parts) => check_parts(&unextended(parts), pattern, dump),
        Place::Stack { offset, .. } => pattern.check_all(dump.stack(*offset, pattern.bytes.len())),
        Place::Indirect { pointer, .. } => {
            let address = word(dump.location(*pointer, 8));
            let copy = dump.stack(address.wrapping_sub(dump.area()), pattern.bytes.len());
            pattern
                .check_all(copy)
                .map_err(|why| format!("the copy at {address:#x}: {why}"))
        }
        other => Err(format!("the probe does not look at {other}")),
    }
}

/// The bytes of a value where `place` says, for a report: those that are nowhere are 0.
fn gathered(place: &Place, size: usize, dump: &RegisterFile) -> Vec<u8> {
    let mut bytes = vec![0; size];
    match place {
        Place::Parts(parts) => {
            for PlacedPart { part, loc } in parts {
                let held = dump.location(*loc, usize::from(part.size));
                let to = bytes.iter_mut().skip(usize::from(part.offset));
                let bytes = to.zip(held).take(usize::from(part.size));
                bytes.for_each(|(to, from)| *to = *from);
            }
        }
        Place::Stack { offset, .. } => {
            let held = dump.stack(*offset, size);
            bytes
                .iter_mut()
                .zip(held)
                .for_each(|(to, from)| *to = *from);
        }
        _ => {}
    }
    bytes
}

fn check_parts(parts: &[PlacedPart], pattern: &Pattern, dump: &RegisterFile) -> Result<(), String> {
    let mut seen = vec![false; pattern.bytes.len()];
    for PlacedPart { part, loc } in parts {
        let from = usize::from(part.offset);
        let size = usize::from(part.size);
        let len = usize::from(part.ty.bytes()).max(8);
        let mut copies = vec![dump.location(*loc, len)];
        if let Loc::Both([_, second]) = loc {
            copies.push(dump.register(*second));
        }
        for bytes in copies {
            if bytes.len() < size {
                return Err(format!("{loc} holds nothing"));
            }
            let held = hex(bytes.get(..len).unwrap_or(bytes));
            for (i, got) in bytes.iter().take(size).enumerate() {
                pattern
                    .check(from + i, *got)
                    .map_err(|why| format!("{loc} holds {held}: {why}"))?;
            }
            check_extension(part.extension, size, bytes)
                .map_err(|why| format!("{loc} holds {held}: {why}"))?;
        }
        seen.iter_mut()
            .skip(from)
            .take(size)
            .for_each(|seen| *seen = true);
    }
    // Each byte that counts is in some part.
    let lost = seen
        .iter()
        .zip(&pattern.mask)
        .position(|(seen, mask)| !seen && *mask != 0);
    lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
}

/// gcc and clang extend narrow integers to 32 bits.
fn check_extension(extension: Extension, size: usize, bytes: &[u8]) -> Result<(), String> {
    let negative = size
        .checked_sub(1)
        .and_then(|top| bytes.get(top))
        .is_some_and(|top| *top >= 0x80);
    let fill = match extension {
        Extension::None => return Ok(()),
        Extension::Sign if negative => 0xff,
        _ => 0,
    };
    match bytes.get(size..4) {
        Some(upper) if upper.iter().any(|byte| *byte != fill) => {
            Err("it is not extended to 32 bits".to_owned())
        }
        _ => Ok(()),
    }
}

/// Compares the result in `dump`, or in `memory`, which was offered at an address, with what `abi` says of it.
fn check_result(
    abi: &FnAbi,
    pattern: &Pattern,
    dump: &RegisterFile,
    (address, memory): (u64, &[u8]),
) -> Result<(), Difference> {
    let size = pattern.bytes.len();
    let (outcome, got) = match &abi.ret.place {
        Place::Parts(parts) => {
            // No ABI states how a narrow integer result is extended.
            let outcome = check_parts(&unextended(parts), pattern, dump);
            (outcome, gathered(&Place::Parts(parts.clone()), size, dump))
        }
        Place::Indirect { .. } => {
            let memory = memory.get(..size).unwrap_or_default();
            let outcome = match abi.ret.sret_returned_in {
                Some(reg) if word(dump.register(reg)) != address => Err(format!(
                    "{reg} holds {:#x}, not the address {address:#x} it was given",
                    word(dump.register(reg))
                )),
                _ => pattern.check_all(memory),
            };
            (outcome, memory.to_vec())
        }
        _ if pattern.weight() == 0 => (Ok(()), Vec::new()),
        _ => (
            Err("bytes that count return nowhere".to_owned()),
            Vec::new(),
        ),
    };
    outcome.map_err(|why| {
        let why = format!("result ({}): {why}", abi.ret);
        difference(Value::Result, pattern, got, why)
    })
}

fn difference(value: Value, pattern: &Pattern, got: Vec<u8>, why: String) -> Difference {
    Difference {
        value: Some(value),
        expected: pattern.bytes.clone(),
        got,
        why,
    }
}

/// The same parts, with the bits above narrow integers unspecified.
fn unextended(parts: &[PlacedPart]) -> Vec<PlacedPart> {
    let mut parts = parts.to_vec();
    parts
        .iter_mut()
        .for_each(|placed| placed.part.extension = Extension::None);
    parts
}
