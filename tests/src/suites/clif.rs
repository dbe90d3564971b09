//! The CLIF of chosen calls and entries as golden text, and the machine code of calls.
//!
//! Golden files stand in `tests/corpus/clif`, one per block of the corpus, and in `shims` below it,
//! one per signature that is measured; `CABI_BLESS=1` rewrites them. They keep code from changing
//! unseen. The suite `emission` shows that it is right. Shims are compared with the same call
//! written by hand, too.
//!
//! Callgrind counts the instructions per call, loop and callee included: `tests/benches`.

use crate::suite::{Result, Suite};

mod count;
mod golden;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    golden::run(&mut suite.report)?;
    count::run(&mut suite.report)
}
