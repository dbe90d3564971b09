//! The CLIF of chosen calls and entries as golden text, and how many instructions calls compile to.
//!
//! Golden files stand in `tests/corpus/clif`, one per block of the corpus; `CABI_BLESS=1` rewrites them. They keep code from changing
//! unseen; that it is right, `interop` shows. Instruction counts are compared with the same call written by hand.
//!
//! Instructions per call, loop and callee included, are counted by callgrind: `tests/examples/calls.rs`.

use crate::suite::{Result, Suite};

mod count;
mod golden;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    golden::run(&mut suite.report)?;
    count::run(&mut suite.report)
}
