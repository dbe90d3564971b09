//! The machine that measures calls, closures and what prepares them: each is a loop of C, of which callgrind counts the instructions, or somebody takes
//! the time.
//!
//! `benches/performance.rs` writes `docs/performance.md` with it, the suite `preparation` holds numbers to what they were.

pub mod allocations;
mod calls;
mod counts;
mod preparation;

pub use calls::{Way, each_call};
pub use counts::{Costs, count_in_child, counted_library, is_counted, valgrind};
pub use preparation::{PREPARED, Step, each_step, n_allocations};

/// The loop of something that is measured: makes as many calls, of which callgrind, if it runs this program, writes down the instructions under the
/// loop's name.
pub type Repeat<'r> = &'r mut dyn FnMut(u32) -> crate::suite::Result<()>;

/// The loop's name.
fn label(way: impl std::fmt::Debug, signature: &str, n: u32) -> String {
    format!("{way:?} {signature} {n}")
}
