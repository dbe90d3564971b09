//! Vectors of bools that are passed lane by lane: bits of an object to integers of 0 and 1, and
//! back.

use crate::cranelift::codegen::ir::{Opcode, Value};
use crate::cranelift::frontend::FunctionBuilder;
use crate::cranelift::inst_builder::*;

use super::Values;
use super::memory::{self, Address};

/// Returns one integer per lane of the bit vector at `from`, whose bytes are read once each.
pub(crate) fn spread(builder: &mut FunctionBuilder<'_>, from: Address, lanes: u16) -> Values {
    let mut values = Values::new();
    let mut byte = None;
    for lane in 0..lanes {
        let bit = i64::from(lane % 8);
        let shifted = match byte {
            Some(byte) if bit != 0 => builder.ins().ushr_imm_u(byte, bit),
            _ => {
                let from = from.plus(u32::from(lane / 8));
                *byte.insert(memory::load_int(builder, 1, from))
            }
        };
        values.push(builder.ins().band_imm_u(shifted, 1));
    }
    values
}

/// Writes lanes to the bit vector at `to`, whole bytes; bits after the last lane are zero.
pub(crate) fn gather(builder: &mut FunctionBuilder<'_>, lanes: &[Value], to: Address) {
    for (i, lanes) in (0..).zip(lanes.chunks(8)) {
        let mut byte: Option<Value> = None;
        for (bit, lane) in lanes.iter().enumerate() {
            // Only the lowest bit of a lane counts.
            let lane = builder.ins().band_imm_u(*lane, 1);
            let shifted = match bit {
                0 => lane,
                bit => builder.ins().ishl_imm_u(lane, bit as i64),
            };
            byte = Some(memory::or(builder, byte, shifted));
        }
        if let Some(byte) = byte {
            memory::store_as(builder, Opcode::Istore8, byte, to.plus(i));
        }
    }
}
