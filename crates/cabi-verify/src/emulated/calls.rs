//! What each call under an emulator is given, and what it has shown.

use super::program::{ALIGN, Call, MAX};
use super::{Emulated, PlacedQuestion};
use crate::case::Direction;
use crate::image::Image;
use crate::image::call::area_bytes;
use crate::pattern::images;
use crate::run::Written;
use crate::verdict::Difference;

impl Emulated {
    /// The call that assembly makes, or that it is called by.
    ///
    /// # Errors
    /// What is too large, or has no place in an image.
    pub(super) fn call(
        &self,
        PlacedQuestion { question, call }: &PlacedQuestion<'_>,
        direction: Direction,
    ) -> Result<Call, String> {
        let (args, result) = (&call.values.promoted[..], &call.values.result);
        let given = call.given(&self.stubs.register_file(), direction)?;
        let n = question.number;
        let globals = (0..args.len()).map(|i| format!("g{n}_{i}"));
        let globals = globals.chain([format!("out{n}")]);
        let offsets = &call.images.offsets;
        let (letter, written, first) = match direction {
            Direction::Call => ('d', std::slice::from_ref(result), args.len()),
            Direction::Callee => ('c', args, 0),
        };
        let call = Call {
            symbol: format!("{letter}{n}"),
            direction,
            names: globals.zip(offsets.iter().copied()).collect(),
            memory: images(written, &offsets[first..], call.images.size),
            stack: area_bytes(call.abi)?,
            given,
        };
        let given = &call.given;
        let sizes = [&call.memory, &given.pointed, &given.image.bytes].map(Vec::len);
        let is_small = sizes.iter().all(|size| *size < MAX) && call.stack < MAX;
        match is_small && given.align == ALIGN {
            true => Ok(call),
            false => Err("too large".to_owned()),
        }
    }
}

impl PlacedQuestion<'_> {
    /// How many values the two sides of `call` agree about, by what was `written` down.
    pub(super) fn check(&self, call: &Call, written: &Written) -> Result<usize, Difference> {
        let (given, file) = (&call.given, &call.given.image.file);
        let area = match call.direction {
            Direction::Call => 0,
            Direction::Callee => call.stack,
        };
        let mut dump = Image::new(file.clone(), written.got.clone(), area);
        let size = file.area + area;
        if dump.bytes.len() < size {
            return Err("no dump".into());
        }
        let pointed = dump.bytes.split_off(size);
        let (abi, values) = (self.call.abi, &self.call.values);
        match call.direction {
            Direction::Call => {
                self.call.check_seen(given, written)?;
                dump.check_result(abi, &values.result, true, given.result_in(&pointed))?;
            }
            Direction::Callee => {
                let mut rest = pointed.into_iter();
                dump.take_copies(given, |_, _, bytes| rest.by_ref().take(bytes).collect());
                dump.check_arguments(abi, &self.call.types, &values.promoted, true)?;
                let at = self.call.images.offsets[values.promoted.len()];
                let got = written.seen(at, values.result.bytes.len());
                self.call.check_got(given, got)?;
            }
        }
        let values = values.promoted.iter().chain([&values.result]);
        Ok(values.filter(|pattern| pattern.weight() > 0).count())
    }
}
