//! Registers and stack of a call as one image, and where values are in it: the cells of the registers, then the argument area.

use cabi::convention::Extension;
use cabi::{FnAbi, Loc, Place, PlacedPart, Type};

use super::program::{ALIGN, Call, MAX};
use super::stubs::CELL;
use super::{Asked, Emulated};
use crate::emit::c::Images;
use crate::pattern::{Pattern, hex};
use crate::run::program::Written;

/// What a register or slot holds for a part: where each of its bytes is, and where the bytes above it are.
struct Held {
    bytes: Vec<usize>,
    /// Up to the end of what is extended of a register, or of a word on the stack.
    above: Vec<usize>,
}

impl Emulated {
    fn registers_bytes(&self) -> usize {
        CELL * self.stubs.registers().len()
    }

    /// Where a location begins, and what it is called if it is a register.
    fn start(&self, loc: &Loc) -> Result<(usize, Option<&'static str>), String> {
        match loc {
            Loc::Reg(reg) => {
                let cell = self
                    .stubs
                    .registers()
                    .iter()
                    .position(|name| name == reg.name());
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

    fn held(&self, PlacedPart { part, loc }: &PlacedPart) -> Result<Held, String> {
        let (start, register) = self.start(loc)?;
        let (size, width) = (usize::from(part.size), usize::from(part.ty.bytes()));
        let (all, before) = match register {
            Some(name) => (
                self.stubs.extended_bytes(name),
                self.stubs.before_in_register(name, size),
            ),
            None => (
                self.stubs.word().max(width),
                self.stubs.before_in_slot(size, width),
            ),
        };
        let bytes: Vec<usize> = (start + before..).take(size).collect();
        let above = (start..start + all).filter(|at| !bytes.contains(at));
        Ok(Held {
            above: above.collect(),
            bytes,
        })
    }

    /// What is above a value that ends with the byte `top`.
    fn above(&self, PlacedPart { part, loc }: &PlacedPart, value: &[u8]) -> Option<u8> {
        let top = if self.stubs.is_big_endian() {
            value.first()
        } else {
            value.last()
        };
        let negative = top.is_some_and(|top| *top >= 0x80);
        match part.extension {
            // A float is in a wider register as a number that is none.
            Extension::None
                if !part.ty.is_int()
                    && matches!(loc, Loc::Reg(_))
                    && !self.stubs.is_big_endian() =>
            {
                Some(0xff)
            }
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
        match place {
            Place::Parts(parts) => {
                for placed in parts {
                    let held = self.held(placed)?;
                    let value = pattern.bytes.iter().skip(placed.part.offset.into());
                    let value: Vec<u8> = value.take(held.bytes.len()).copied().collect();
                    held.bytes
                        .iter()
                        .zip(&value)
                        .for_each(|(at, byte)| set(*at, *byte));
                    if let Some(fill) = self.above(placed, &value) {
                        held.above.iter().for_each(|at| set(*at, fill));
                    }
                }
            }
            Place::Stack { offset, .. } => {
                let (start, _) = self.start(&Loc::Stack(*offset))?;
                pattern
                    .bytes
                    .iter()
                    .enumerate()
                    .for_each(|(i, byte)| set(start + i, *byte));
            }
            _ => {}
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
        match place {
            Place::Parts(parts) => self.check_parts(parts, pattern, dump).map_err(said),
            Place::Stack { offset, .. } => {
                let (start, _) = self.start(&Loc::Stack(*offset))?;
                pattern
                    .check_all(dump.get(start..).unwrap_or_default())
                    .map_err(said)
            }
            Place::Indirect { align, .. } => {
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
            _ if pattern.weight() == 0 => Ok(()),
            _ => Err("it is nowhere".to_owned()),
        }
    }

    fn check_parts(
        &self,
        parts: &[PlacedPart],
        pattern: &Pattern,
        dump: &[u8],
    ) -> Result<(), String> {
        let get = |at: &usize| {
            dump.get(*at)
                .copied()
                .ok_or("it is not in the argument area")
        };
        let mut lost: Vec<bool> = pattern.mask.iter().map(|mask| *mask != 0).collect();
        for placed in parts {
            let (held, from) = (self.held(placed)?, usize::from(placed.part.offset));
            let value = held.bytes.iter().map(get).collect::<Result<Vec<u8>, _>>()?;
            for (i, byte) in value.iter().enumerate() {
                let why = |why| format!("{} holds {}: {why}", placed.loc, hex(&value));
                pattern.check(from + i, *byte).map_err(why)?;
            }
            let fill = self
                .above(placed, &value)
                .filter(|_| placed.part.ty.is_int());
            if let Some(fill) = fill
                && held.above.iter().any(|at| get(at) != Ok(fill))
            {
                return Err(format!("{} is not extended", placed.loc));
            }
            let own = lost.iter_mut().skip(from).take(value.len());
            own.for_each(|lost| *lost = false);
        }
        let lost = lost.iter().position(|lost| *lost);
        lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
    }

    /// The address at the beginning of `bytes`, which end it.
    fn address(&self, bytes: &mut &[u8]) -> u64 {
        let (word, rest) = bytes
            .split_at_checked(self.stubs.word())
            .unwrap_or_default();
        *bytes = rest;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self.stubs.is_big_endian() {
            true => word.iter().fold(0, add),
            false => word.iter().rev().fold(0, add),
        }
    }

    /// The call of a caller, or of a callee. `None` where something is too large.
    pub(super) fn call(&self, one: &Asked<'_>, enters: bool) -> Result<Call, String> {
        let Asked {
            question,
            abi,
            args,
            result,
        } = one;
        let images = images(one);
        let n = question.number;
        let mut call = Call {
            symbol: format!("{}{n}", if enters { 'd' } else { 'c' }),
            enters,
            ..Call::default()
        };
        call.stack = area(abi)?;
        call.image = vec![0xee; self.registers_bytes() + if enters { call.stack } else { 0 }];
        call.memory = vec![0xee; images.size];
        for (i, at) in images.offsets.iter().enumerate() {
            call.names.push((
                if i < args.len() {
                    format!("g{n}_{i}")
                } else {
                    format!("out{n}")
                },
                *at,
            ));
        }
        let mut write = |i: usize, pattern: &Pattern| {
            let to = call.memory.iter_mut().skip(images.offsets[i]);
            to.zip(&pattern.bytes).for_each(|(to, from)| *to = *from);
        };
        match enters {
            true => write(args.len(), result),
            false => args
                .iter()
                .enumerate()
                .for_each(|(i, pattern)| write(i, pattern)),
        }
        self.place(one, &mut call)?;
        match call
            .memory
            .len()
            .max(call.pointed.len())
            .max(call.image.len())
            < MAX
        {
            true => Ok(call),
            false => Err("too large".to_owned()),
        }
    }

    /// Puts values into the image of a call, and pointers to those that have copies.
    fn place(&self, one: &Asked<'_>, call: &mut Call) -> Result<(), String> {
        let Asked {
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
    pub(super) fn caller(&self, one: &Asked<'_>, written: &Written) -> Result<usize, String> {
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
    pub(super) fn callee(&self, one: &Asked<'_>, written: &Written) -> Result<usize, String> {
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

impl Asked<'_> {
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
fn images(one: &Asked<'_>) -> Images {
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
    let area = abi
        .area_bytes
        .max(abi.convention.frame.shadow_space.into())
        .next_multiple_of(16);
    usize::try_from(area)
        .ok()
        .filter(|area| *area < MAX)
        .ok_or_else(|| "too many bytes of arguments".to_owned())
}
