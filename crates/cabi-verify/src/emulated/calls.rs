//! What each call under an emulator is given, and what it has shown.

use cabi::{FnAbi, Place};

use super::program::{ALIGN, Call, MAX};
use super::{Emulated, PlacedQuestion};
use crate::check::calls::check_seen;
use crate::image::Image;
use crate::run::Written;
use crate::verdict::{Difference, Value};

impl Emulated {
    /// The call of a caller, or of a callee.
    ///
    /// # Errors
    /// What is too large, or has no place in an image.
    pub(super) fn call(&self, one: &PlacedQuestion<'_>, enters: bool) -> Result<Call, String> {
        let PlacedQuestion {
            question,
            abi,
            images,
            ..
        } = one;
        let (args, result, stack) = (&one.values.promoted, &one.values.result, area(abi)?);
        let n = question.number;
        let globals = (0..args.len()).map(|i| format!("g{n}_{i}"));
        let globals = globals.chain([format!("out{n}")]);
        let mut call = Call {
            symbol: format!("{}{n}", if enters { 'd' } else { 'c' }),
            enters,
            names: globals.zip(images.offsets.iter().copied()).collect(),
            memory: vec![0xee; images.size],
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
        let (enters, result) = (call.enters, &one.values.result);
        let mut image = self.image(Vec::new(), 0);
        let size = image.file.area + if enters { call.stack } else { 0 };
        image.bytes.resize(size, 0xee);
        let values = one.abi.args.iter().map(|arg| &arg.place);
        let values = values.zip(&one.values.promoted);
        for (place, pattern) in values {
            if enters {
                image.put(place, pattern)?;
            }
            if let Place::Indirect { pointer, .. } = place {
                let at = image.file.start(pointer)?;
                call.pointers.push((at, pattern.bytes.len()));
                if enters {
                    call.pointed.extend(&pattern.bytes);
                    let next = call.pointed.len().next_multiple_of(ALIGN);
                    call.pointed.resize(next, 0);
                }
            }
        }
        if let Place::Indirect { pointer, .. } = &one.abi.ret.place {
            let at = image.file.start(pointer)?;
            call.pointers.push((at, result.bytes.len()));
            call.result = true;
            match enters {
                true => (call.pointed).resize(call.pointed.len() + result.bytes.len(), 0xee),
                false => call.pointed.clone_from(&result.bytes),
            }
        } else if !enters {
            image.put(&one.abi.ret.place, result)?;
        }
        call.image = image.bytes;
        Ok(())
    }

    fn image(&self, bytes: Vec<u8>, area_bytes: usize) -> Image {
        Image::new(self.stubs.register_file(), bytes, area_bytes)
    }

    /// What a caller passed and got: how many values were compared.
    pub(super) fn caller(
        &self,
        one: &PlacedQuestion<'_>,
        written: &Written,
    ) -> Result<usize, Difference> {
        let mut dump = self.image(written.got.clone(), area(one.abi)?);
        let size = dump.file.area + dump.area_bytes;
        if dump.bytes.len() < size {
            return Err("no dump".into());
        }
        let pointed = dump.bytes.split_off(size);
        let mut rest = &pointed[..];
        for (arg, pattern) in one.abi.args.iter().zip(&one.values.promoted) {
            if let Place::Indirect { .. } = arg.place {
                let (address, after) = rest.split_at_checked(dump.file.word).ok_or("no copy")?;
                let copy = after.split_at_checked(pattern.bytes.len());
                let (copy, after) = copy.ok_or("no copy")?;
                let address = dump.file.number(address);
                dump.copies.push((address, copy.to_vec()));
                rest = after;
            }
        }
        dump.check_arguments(one.abi, &one.types, &one.values.promoted, true)?;
        let (at, result) = (one.images.offsets[one.types.len()], &one.values.result);
        let got = written.seen(at, result.bytes.len());
        Difference::check(result, got, Value::Result, "as it is read")?;
        Ok(one.n_values())
    }

    /// What a callee found and returned.
    pub(super) fn callee(
        &self,
        one: &PlacedQuestion<'_>,
        written: &Written,
    ) -> Result<usize, Difference> {
        check_seen(&one.values, &one.images, written, "as it is read")?;
        let mut dump = self.image(written.got.clone(), 0);
        if dump.bytes.len() < dump.file.area {
            return Err("no dump".into());
        }
        let pointed = dump.bytes.split_off(dump.file.area);
        // The memory for the result is the last of what pointers point to.
        let size = one.values.result.bytes.len();
        let memory = pointed.len().saturating_sub(size.next_multiple_of(ALIGN));
        let memory = pointed[memory..].get(..size).unwrap_or_default();
        dump.check_result(one.abi, &one.values.result, true, memory)?;
        Ok(one.n_values())
    }
}

impl PlacedQuestion<'_> {
    fn n_values(&self) -> usize {
        let values = self.values.promoted.iter().chain([&self.values.result]);
        values.filter(|pattern| pattern.weight() > 0).count()
    }
}

/// Bytes of the argument area, with the stack as aligned as every machine here wants it.
fn area(abi: &FnAbi) -> Result<usize, String> {
    usize::try_from(abi.area_bytes.next_multiple_of(16))
        .ok()
        .filter(|area| *area < MAX)
        .ok_or_else(|| "too many bytes of arguments".to_owned())
}
