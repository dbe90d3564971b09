//! Bit-fields, and lanes of vectors of bools: values that begin or end inside a byte.

use super::function::FnLowerer;
use super::value::Address;
use super::{Lower, LowerError, ssa_type};
use crate::types::Ty;
use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use cranelift_module::Module;

#[derive(Clone, Copy)]
pub(super) enum BitsPlace {
    Field(FieldBits),
    /// One bit, chosen when the program runs, in the byte at the address.
    Lane(Value, Value),
}

/// A bit-field: the bytes that it has a part of are accessed, and no others.
#[derive(Clone, Copy)]
pub(super) struct FieldBits {
    /// The first of those bytes.
    address: Address,
    bytes: u64,
    /// Bits from there to the field.
    shift: i64,
    width: u16,
}

impl FieldBits {
    /// The bit-field of `width` bits that is `offset` bits inside the record at `record`.
    pub(super) fn new(record: Address, offset: u64, width: u16) -> FieldBits {
        let shift = offset % 8;
        FieldBits {
            address: record.plus(offset / 8),
            bytes: (shift + u64::from(width)).div_ceil(8),
            shift: shift.cast_signed(),
            width,
        }
    }

    /// Bits of the `word` that is accessed beside those of the field.
    fn unused(self, word: ir::Type) -> i64 {
        i64::from(word.bits()) - i64::from(self.width)
    }
}

impl<M: Module> FnLowerer<'_, '_, M> {
    pub(super) fn read_bits(&mut self, place: BitsPlace, ty: Ty) -> Lower<Value> {
        let ssa = ssa_type(self.types, ty).ok_or_else(no_integer)?;
        match place {
            BitsPlace::Lane(address, bit) => {
                let byte = self.load_ssa(types::I8, address.into())?;
                let shifted = self.ins().ushr(byte, bit);
                Ok(self.ins().band_imm_s(shifted, 1))
            }
            BitsPlace::Field(field) => {
                let (word, all) = self.gather(field)?;
                let signed = self.types.as_int(ty).is_some_and(|int| int.signed);
                let unused = field.unused(word);
                let top = self.shift_left(all, unused - field.shift);
                let value = self.shift_right(top, unused, signed);
                Ok(self.fit(value, word, ssa, signed))
            }
        }
    }

    pub(super) fn write_bits(&mut self, place: BitsPlace, value: Value, ty: Ty) -> Lower<()> {
        let ssa = ssa_type(self.types, ty).ok_or_else(no_integer)?;
        match place {
            BitsPlace::Lane(address, bit) => {
                let byte = self.load_ssa(types::I8, address.into())?;
                let one = self.ins().iconst(types::I8, 1);
                let mask = self.ins().ishl(one, bit);
                let set = self.ins().ishl(value, bit);
                let kept = self.ins().band_not(byte, mask);
                let byte = self.ins().bor(kept, set);
                self.store_ssa(byte, address.into());
            }
            BitsPlace::Field(field) => {
                let (word, old) = self.gather(field)?;
                let value = self.fit(value, ssa, word, false);
                // Cut to the width and moved to its place, by two shifts that need no mask constant of 128 bits.
                let unused = field.unused(word);
                let ones = self.ins().iconst(types::I64, -1);
                let ones = self.fit(ones, types::I64, word, true);
                let [new, mask] = [value, ones].map(|bits| {
                    let top = self.shift_left(bits, unused);
                    self.shift_right(top, unused - field.shift, false)
                });
                let kept = self.ins().band_not(old, mask);
                let all = self.ins().bor(kept, new);
                self.scatter(all, field, word)?;
            }
        }
        Ok(())
    }

    /// The bytes of a field as the low end of an integer, and that integer's type.
    fn gather(&mut self, field: FieldBits) -> Lower<(ir::Type, Value)> {
        let FieldBits { address, bytes, .. } = field;
        let word = word_type(bytes)?;
        if u64::from(word.bytes()) == bytes {
            return Ok((word, self.load_ssa(word, address)?));
        }
        let mut all = None;
        for (at, left) in (0..bytes).zip((0..).step_by(8)) {
            let byte = self.load_ssa(types::I8, address.plus(at))?;
            let wide = self.fit(byte, types::I8, word, false);
            let moved = self.shift_left(wide, left);
            all = Some(all.map_or(moved, |all| self.ins().bor(all, moved)));
        }
        Ok((word, all.ok_or_else(no_integer)?))
    }

    fn scatter(&mut self, all: Value, field: FieldBits, word: ir::Type) -> Lower<()> {
        let FieldBits { address, bytes, .. } = field;
        if u64::from(word.bytes()) == bytes {
            self.store_ssa(all, address);
            return Ok(());
        }
        for (at, right) in (0..bytes).zip((0..).step_by(8)) {
            let moved = self.shift_right(all, right, false);
            let byte = self.fit(moved, word, types::I8, false);
            self.store_ssa(byte, address.plus(at));
        }
        Ok(())
    }

    pub(super) fn shift_left(&mut self, value: Value, bits: i64) -> Value {
        if bits == 0 {
            value
        } else {
            self.ins().ishl_imm_u(value, bits)
        }
    }

    pub(super) fn shift_right(&mut self, value: Value, bits: i64, signed: bool) -> Value {
        match (bits, signed) {
            (0, _) => value,
            (_, true) => self.ins().sshr_imm_u(value, bits),
            (_, false) => self.ins().ushr_imm_u(value, bits),
        }
    }

    /// An integer of type `from` as one of type `to`.
    pub(super) fn fit(
        &mut self,
        value: Value,
        from: ir::Type,
        to: ir::Type,
        signed: bool,
    ) -> Value {
        if from == to {
            value
        } else if from.bits() > to.bits() {
            self.ins().ireduce(to, value)
        } else if signed {
            self.ins().sextend(to, value)
        } else {
            self.ins().uextend(to, value)
        }
    }
}

/// The smallest integer of at least `bytes` bytes.
fn word_type(bytes: u64) -> Lower<ir::Type> {
    match bytes {
        1 => Ok(types::I8),
        2 => Ok(types::I16),
        3 | 4 => Ok(types::I32),
        5..=8 => Ok(types::I64),
        9..=16 => Ok(types::I128),
        _ => Err(LowerError::new(
            "a bit-field spreads over more than 16 bytes",
        )),
    }
}

fn no_integer() -> LowerError {
    LowerError::new("a bit-field that is no integer")
}
