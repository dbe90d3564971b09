//! One call between a compiler's function and assembly: what the assembly fills registers and stack with, and what shows where the function has its values.

use cabi::{FnAbi, Place, Type};

use super::whereabouts::Action;
use super::{Image, RegisterFile};
use crate::case::Direction;
use crate::emit::c::{IMAGE_ALIGN, Images};
use crate::pattern::{Pattern, Values};
use crate::run::Written;
use crate::verdict::{Difference, Value};

const CALLER_READS: Action = ["the C caller reads", "from"];
const CALLEE_READS: Action = ["the C callee reads", "from"];

/// A call with its values and where they belong.
#[derive(Debug)]
pub(crate) struct ObservedCall<'a> {
    pub(crate) abi: &'a FnAbi,
    /// Of the arguments.
    pub(crate) types: Vec<Type>,
    /// Where the compiler's functions have the variables of their values, those of the arguments first.
    pub(crate) images: Images,
    pub(crate) values: Values,
}

/// What assembly is given for its side of a call.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// Registers and argument area of a call, or registers of a result.
    pub(crate) image: Image,
    /// Where registers or stack of the call have the addresses of copies, and last of the result if that is in memory; and how many bytes each of these has.
    pub(crate) pointers: Vec<(usize, usize)>,
    pub(crate) returns_in_memory: bool,
    /// What the addresses are of, one after the other, each at a multiple of `align`; of a callee in assembly the result alone, which it writes to its caller's memory.
    pub(crate) pointed: Vec<u8>,
    pub(crate) align: usize,
}

impl ObservedCall<'_> {
    /// What assembly is given that makes the call or, if that is a [`Direction::Callee`], is called.
    ///
    /// # Errors
    /// What has no place in an image.
    pub(crate) fn given(&self, file: &RegisterFile, direction: Direction) -> Result<Given, String> {
        let (ret, result) = (&self.abi.ret.place, &self.values.result);
        let calls = direction == Direction::Call;
        let result_align = match ret {
            Place::Indirect { align, .. } => usize::try_from(*align).unwrap_or(usize::MAX),
            _ => 1,
        };
        // What is not written to is not the result by chance.
        let memory = match calls {
            true => result.with_bytes(vec![0xee; result.bytes.len()]),
            false => result.clone(),
        };
        let mut given = Given {
            image: Image::unset(file, if calls { area_bytes(self.abi)? } else { 0 }),
            pointers: Vec::new(),
            returns_in_memory: matches!(ret, Place::Indirect { .. }),
            pointed: Vec::new(),
            align: IMAGE_ALIGN.max(result_align),
        };
        for (arg, pattern) in self.abi.args.iter().zip(&self.values.promoted) {
            if calls {
                given.image.put(&arg.place, pattern)?;
            }
            given.point(&arg.place, pattern, calls)?;
        }
        if !calls {
            given.image.put(ret, result)?;
        }
        given.point(ret, &memory, true)?;
        Ok(given)
    }

    /// Whether a callee that was called with what is `given` has read each argument.
    pub(crate) fn check_seen(&self, given: &Given, written: &Written) -> Result<(), Difference> {
        let values = self.values.promoted.iter().zip(&self.images.offsets);
        for (i, ((pattern, at), arg)) in values.zip(&self.abi.args).enumerate() {
            let got = written.seen(*at, pattern.bytes.len());
            let of = (Value::Argument(i), &arg.place);
            given.check_read(of, pattern, got, CALLEE_READS)?;
        }
        Ok(())
    }

    /// Whether a caller to which what is `given` was returned has read the result, as `got`.
    pub(crate) fn check_got(&self, given: &Given, got: &[u8]) -> Result<(), Difference> {
        let of = (Value::Result, &self.abi.ret.place);
        given.check_read(of, &self.values.result, got, CALLER_READS)
    }
}

impl Given {
    /// Notes the pointer to a value at `place`, if there is one, and the value itself if it `is_given`.
    fn point(&mut self, place: &Place, value: &Pattern, is_given: bool) -> Result<(), String> {
        if let Place::Indirect { pointer, .. } = place {
            let at = self.image.file.start(pointer)?;
            self.pointers.push((at, value.bytes.len()));
            if is_given {
                self.pointed.extend(&value.bytes);
                let end = self.pointed.len().next_multiple_of(self.align);
                self.pointed.resize(end, 0xee);
            }
        }
        Ok(())
    }

    /// The pointers to copies of arguments.
    pub(crate) fn copies(&self) -> &[(usize, usize)] {
        let n = self.pointers.len() - usize::from(self.returns_in_memory);
        &self.pointers[..n]
    }

    /// Where the address of the result's memory is, and how many bytes that has.
    pub(crate) fn result_pointer(&self) -> Option<(usize, usize)> {
        let last = self.pointers.last().copied();
        last.filter(|_| self.returns_in_memory)
    }

    /// The bytes of the result in `pointed`, what has become of the memory that a callee was given.
    pub(crate) fn result_in<'p>(&self, pointed: &'p [u8]) -> &'p [u8] {
        let bytes = self.result_pointer().map_or(0, |(_, bytes)| bytes);
        let start = pointed
            .len()
            .checked_sub(bytes.next_multiple_of(self.align));
        let memory = start.and_then(|start| pointed.get(start..start + bytes));
        memory.unwrap_or_default()
    }

    /// Compares what a compiler's side read of a value with what is given.
    fn check_read(
        &self,
        of: (Value, &Place),
        pattern: &Pattern,
        got: &[u8],
        action: Action,
    ) -> Result<(), Difference> {
        let checked = Difference::check(pattern, got, of.0, "as it is read");
        checked.map_err(|found| {
            let read = pattern.with_bytes(got.to_vec());
            self.image.locate(found, action, of, &read)
        })
    }
}

/// Bytes of the argument area, as far as images have one.
pub(crate) fn area_bytes(abi: &FnAbi) -> Result<usize, String> {
    let area = usize::try_from(abi.area_bytes.next_multiple_of(16)).ok();
    let area = area.filter(|area| *area < super::MAX_AREA);
    area.ok_or_else(|| "too many bytes of arguments".to_owned())
}
