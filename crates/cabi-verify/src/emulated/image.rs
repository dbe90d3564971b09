//! Registers and stack of a call as one image, and where values are in it: the cells of the registers, then the argument area.

use std::ops::Range;

use cabi::convention::Extension;
use cabi::{FnAbi, Loc, Place, PlacedPart, Type};

use super::program::{ALIGN, Call, MAX};
use super::stubs::CELL;
use super::{Emulated, PlacedQuestion};
use crate::emit::c::Images;
use crate::pattern::{Pattern, hex};
use crate::run::program::Written;

/// What a register or slot holds of a value: where each of its bytes is, and where the bytes above it are.
struct Held {
    /// The first byte of the value.
    from: usize,
    bytes: Range<usize>,
    /// Up to the end of what is extended of a register, or of a word on the stack.
    above: Vec<usize>,
    /// The part that it is, if it is one.
    placed: Option<PlacedPart>,
}

impl Emulated {
    fn registers_bytes(&self) -> usize {
        CELL * self.stubs.arguments.len()
    }

    /// Where a location begins, and what it is called if it is a register.
    fn start(&self, loc: &Loc) -> Result<(usize, Option<&'static str>), String> {
        match loc {
            Loc::Reg(reg) => {
                let mut registers = self.stubs.arguments.iter();
                let cell = registers.position(|name| name == reg.name());
                let cell = cell.ok_or_else(|| format!("{reg} is no register of arguments"))?;
                Ok((CELL * cell, Some(reg.name())))
            }
            Loc::Stack(offset) => {
                let offset = usize::try_from(*offset).ok().filter(|offset| *offset < MAX);
                Ok((
                    self.registers_bytes() + offset.ok_or("a slot too far away")?,
                    None,
                ))
            }
            other => Err(format!("{other} is no place of this machine")),
        }
    }

    fn part(&self, placed: &PlacedPart) -> Result<Held, String> {
        let PlacedPart { part, loc } = placed;
        let (start, register) = self.start(loc)?;
        let (size, width) = (usize::from(part.size), usize::from(part.ty.bytes()));
        let (all, before) = match register {
            Some(name) => (
                self.stubs.extended_bytes(name),
                self.stubs.before_in_register(name, size),
            ),
            None => (
                self.stubs.word.max(width),
                self.stubs.before_in_slot(size, width),
            ),
        };
        let bytes = start + before..start + before + size;
        let above = (start..start + all).filter(|at| !bytes.contains(at));
        Ok(Held {
            from: part.offset.into(),
            above: above.collect(),
            bytes,
            placed: Some(*placed),
        })
    }

    /// Where a value is that has its bytes in registers and the argument area; nothing of one that is found by its address.
    fn held(&self, place: &Place, pattern: &Pattern) -> Result<Vec<Held>, String> {
        match place {
            Place::Parts(parts) => parts.iter().map(|placed| self.part(placed)).collect(),
            Place::Stack { offset, .. } => {
                let (start, _) = self.start(&Loc::Stack(*offset))?;
                Ok(vec![Held {
                    from: 0,
                    bytes: start..start + pattern.bytes.len(),
                    above: Vec::new(),
                    placed: None,
                }])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What is above `value`, a part.
    fn above(&self, held: &Held, value: &[u8]) -> Option<u8> {
        let PlacedPart { part, loc } = held.placed?;
        let top = if self.stubs.is_big_endian() {
            value.first()
        } else {
            value.last()
        };
        let negative = top.is_some_and(|top| *top >= 0x80);
        let in_register = matches!(loc, Loc::Reg(_)) && !self.stubs.is_big_endian();
        match part.extension {
            // NaN-boxed: the upper bytes of a float's register are all ones.
            Extension::None if !part.ty.is_int() && in_register => Some(0xff),
            Extension::None => None,
            Extension::Sign if negative => Some(0xff),
            _ => Some(0),
        }
    }

    /// Writes a value that is where `place` says.
    fn put(&self, place: &Place, pattern: &Pattern, image: &mut Vec<u8>) -> Result<(), String> {
        let mut set = |at: usize, byte: u8| {
            image.resize(image.len().max(at + 1), 0xee);
            image[at] = byte;
        };
        for held in self.held(place, pattern)? {
            let value = pattern.bytes.iter().skip(held.from);
            let value: Vec<u8> = value.take(held.bytes.len()).copied().collect();
            let bytes = held.bytes.clone().zip(&value);
            bytes.for_each(|(at, byte)| set(at, *byte));
            if let Some(fill) = self.above(&held, &value) {
                held.above.iter().for_each(|at| set(*at, fill));
            }
        }
        Ok(())
    }

    /// Compares a value that is where `place` says. `pointed` has the copies, in the order of their pointers.
    fn check(
        &self,
        place: &Place,
        pattern: &Pattern,
        dump: &[u8],
        (pointed, align_of): (&mut &[u8], u64),
    ) -> Result<(), String> {
        let said = |why: String| format!("in {place}: {why}");
        let Place::Indirect { align, .. } = place else {
            return self.check_held(place, pattern, dump).map_err(said);
        };
        let address = self.address(pointed);
        let (copy, rest) = pointed
            .split_at_checked(pattern.bytes.len())
            .ok_or("no copy")?;
        *pointed = rest;
        pattern.check_all(copy).map_err(said)?;
        match address.is_multiple_of(u64::from(*align).min(align_of)) {
            true => Ok(()),
            false => Err(said(format!("the copy is at {address:#x}"))),
        }
    }

    fn check_held(&self, place: &Place, pattern: &Pattern, dump: &[u8]) -> Result<(), String> {
        let mut lost: Vec<bool> = pattern.mask.iter().map(|mask| *mask != 0).collect();
        for held in self.held(place, pattern)? {
            let value = dump.get(held.bytes.clone());
            let value = value.ok_or("it is not in the argument area")?;
            for (i, byte) in value.iter().enumerate() {
                let why = |why| format!("{} are there: {why}", hex(value));
                pattern.check(held.from + i, *byte).map_err(why)?;
            }
            let is_int = held.placed.is_some_and(|placed| placed.part.ty.is_int());
            let fill = self.above(&held, value).filter(|_| is_int);
            if let Some(fill) = fill
                && held.above.iter().any(|at| dump.get(*at) != Some(&fill))
            {
                return Err("it is not extended".to_owned());
            }
            let own = lost.iter_mut().skip(held.from).take(value.len());
            own.for_each(|lost| *lost = false);
        }
        let lost = lost.iter().position(|lost| *lost);
        lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
    }

    /// The address at the beginning of `bytes`, which end it.
    fn address(&self, bytes: &mut &[u8]) -> u64 {
        let (word, rest) = bytes.split_at_checked(self.stubs.word).unwrap_or_default();
        *bytes = rest;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self.stubs.is_big_endian() {
            true => word.iter().fold(0, add),
            false => word.iter().rev().fold(0, add),
        }
    }

    /// The call of a caller, or of a callee. `None` where something is too large.
    pub(super) fn call(&self, one: &PlacedQuestion<'_>, enters: bool) -> Result<Call, String> {
        let PlacedQuestion {
            question,
            abi,
            args,
            result,
        } = one;
        let (images, stack) = (images(one), area(abi)?);
        let n = question.number;
        let globals = (0..args.len()).map(|i| format!("g{n}_{i}"));
        let globals = globals.chain([format!("out{n}")]);
        let mut call = Call {
            symbol: format!("{}{n}", if enters { 'd' } else { 'c' }),
            enters,
            names: globals.zip(images.offsets.iter().copied()).collect(),
            memory: vec![0xee; images.size],
            image: vec![0xee; self.registers_bytes() + if enters { stack } else { 0 }],
            stack,
            ..Call::default()
        };
        let written = match enters {
            true => (args.len()..).zip(std::slice::from_ref(result)),
            false => (0..).zip(&args[..]),
        };
        for (i, pattern) in written {
            let to = call.memory.iter_mut().skip(images.offsets[i]);
            to.zip(&pattern.bytes).for_each(|(to, from)| *to = *from);
        }
        self.place(one, &mut call)?;
        let sizes = [&call.memory, &call.pointed, &call.image].map(Vec::len);
        match sizes.iter().all(|size| *size < MAX) {
            true => Ok(call),
            false => Err("too large".to_owned()),
        }
    }

    /// Puts values into the image of a call, and pointers to those that have copies.
    fn place(&self, one: &PlacedQuestion<'_>, call: &mut Call) -> Result<(), String> {
        let PlacedQuestion {
            abi, args, result, ..
        } = one;
        let enters = call.enters;
        let values = abi.args.iter().map(|arg| &arg.place).zip(args);
        for (place, pattern) in values {
            if enters {
                self.put(place, pattern, &mut call.image)?;
            }
            if let Place::Indirect { pointer, .. } = place {
                call.pointers
                    .push((self.start(pointer)?.0, pattern.bytes.len()));
                if enters {
                    call.pointed.extend(&pattern.bytes);
                    call.pointed
                        .resize(call.pointed.len().next_multiple_of(ALIGN), 0);
                }
            }
        }
        if let Place::Indirect { pointer, .. } = &abi.ret.place {
            call.pointers
                .push((self.start(pointer)?.0, result.bytes.len()));
            call.result = true;
            match enters {
                true => call
                    .pointed
                    .resize(call.pointed.len() + result.bytes.len(), 0xee),
                false => call.pointed.clone_from(&result.bytes),
            }
        } else if !enters {
            self.put(&abi.ret.place, result, &mut call.image)?;
        }
        Ok(())
    }

    /// What a caller passed and got: how many values were compared.
    pub(super) fn caller(
        &self,
        one: &PlacedQuestion<'_>,
        written: &Written,
    ) -> Result<usize, String> {
        let images = images(one);
        let (dump, mut pointed) = written
            .got
            .split_at_checked(self.registers_bytes() + area(one.abi)?)
            .ok_or("no dump")?;
        for (i, (arg, pattern)) in one.abi.args.iter().zip(&one.args).enumerate() {
            // A callee relies on no more than the type says, and not every compiler aligns more than the stack is.
            let stack = one.abi.convention.frame.stack_align;
            let ty = &one.question.sig.params()[i].ty;
            let align = ty.as_record().map_or(ty.align(), cabi::Record::align);
            let align = align.min(ty.canonical_align()).min(stack);
            self.check(&arg.place, pattern, dump, (&mut pointed, align.into()))
                .map_err(|why| format!("argument {i} {why}"))?;
        }
        one.result
            .check_all(seen(written, images.offsets[one.args.len()], &one.result))
            .map_err(|why| format!("result as it is read: {why}"))?;
        Ok(one.n_values())
    }

    /// What a callee found and returned.
    pub(super) fn callee(
        &self,
        one: &PlacedQuestion<'_>,
        written: &Written,
    ) -> Result<usize, String> {
        let images = images(one);
        for (i, pattern) in one.args.iter().enumerate() {
            pattern
                .check_all(seen(written, images.offsets[i], pattern))
                .map_err(|why| format!("argument {i} as it is read: {why}"))?;
        }
        let (dump, pointed) = written
            .got
            .split_at_checked(self.registers_bytes())
            .ok_or("no dump")?;
        let result = match &one.abi.ret.place {
            Place::Indirect { .. } => {
                let last = one.result.bytes.len().next_multiple_of(ALIGN);
                let from = pointed.len().saturating_sub(last);
                one.result
                    .check_all(pointed.get(from..).unwrap_or_default())
            }
            place => self.check(place, &one.result, dump, (&mut &*pointed, 1)),
        };
        result.map_err(|why| format!("result {why}"))?;
        Ok(one.n_values())
    }
}

impl PlacedQuestion<'_> {
    fn n_values(&self) -> usize {
        self.args
            .iter()
            .chain([&self.result])
            .filter(|pattern| pattern.weight() > 0)
            .count()
    }
}

/// What was written to the variable at `offset`.
fn seen<'w>(written: &'w Written, offset: usize, pattern: &Pattern) -> &'w [u8] {
    let from = written.seen.get(offset..).unwrap_or_default();
    from.get(..pattern.bytes.len()).unwrap_or(from)
}

/// Where the variables of a question are: those of its arguments, and that of its result.
fn images(one: &PlacedQuestion<'_>) -> Images {
    let sig = &one.question.sig;
    let types: Vec<Type> = sig
        .params()
        .iter()
        .map(|param| param.ty.clone())
        .chain([sig.result().clone()])
        .collect();
    Images::of(&types)
}

/// Bytes of the argument area, with the stack as aligned as every machine here wants it.
fn area(abi: &FnAbi) -> Result<usize, String> {
    usize::try_from(abi.area_bytes.next_multiple_of(16))
        .ok()
        .filter(|area| *area < MAX)
        .ok_or_else(|| "too many bytes of arguments".to_owned())
}
