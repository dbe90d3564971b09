//! The machine that measures calls, closures and their preparation: each is a loop of C, whose
//! instructions callgrind counts, or whose time is taken.
//!
//! `benches/performance.rs` writes `docs/performance.md` with it; the suite `preparation` compares
//! numbers with earlier ones.

pub mod allocations;
mod calls;
mod counts;
mod preparation;
mod program;
mod text;

pub use calls::{Way, each_call};
pub use counts::{Costs, count_in_child, counted_library, is_counted, valgrind};
pub use preparation::{ALLOCATIONS, PREPARED, Step, each_step, n_allocations};
pub use program::Program;

/// Makes an enumeration of measured subjects, each with its title in tables.
macro_rules! titled {
    ($(#[$doc:meta])* $name:ident: $($(#[$own:meta])* $variant:ident $title:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $name { $($(#[$own])* $variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns its title in tables.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}
use titled;

/// Loop that is measured, which makes so many calls. If callgrind runs this program, it writes down
/// their instructions under the loop's name.
pub type Repeat<'r> = &'r mut dyn FnMut(u32) -> crate::suite::Result<()>;

/// Returns the loop's name.
fn label(way: impl std::fmt::Debug, signature: &str, n: u32) -> String {
    format!("{way:?} {signature} {n}")
}
