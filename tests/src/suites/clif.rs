//! The CLIF of chosen calls and entries as golden text, and the machine code of calls.
//!
//! Golden files stand in `tests/corpus/clif`, one per block of the corpus, and in `shims` below it,
//! one per signature that is measured; `CABI_BLESS=1` rewrites them. They keep code from changing
//! unseen; that it is right, `emission` shows. Shims are compared with the same call written by
//! hand, too.
//!
//! Instructions per call, loop and callee included, are counted by callgrind: `tests/benches`.

use crate::suite::{Result, Suite};

mod count;
mod golden;

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    golden::run(&mut suite.report)?;
    count::run(&mut suite.report)
}
