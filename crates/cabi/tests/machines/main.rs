//! The table of rules on a page (`page.rs`), and the types of `va_list`, against clang's.
//!
//! Without `clang-19` no type is compared, and the test says so; `CABI_REQUIRE_ORACLES=1` makes
//! that a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

#[path = "../support/i386.rs"]
mod i386;
mod page;
#[path = "../support/mod.rs"]
mod support;

use cabi::Target;
use i386::I386;
use support::compile;

/// Compares `va_list` on each machine with clang's: its size, its alignment, and its size as a
/// parameter, where an array is a pointer.
#[test]
fn lists_of_unnamed_arguments() {
    for (option, target) in [
        (
            "--target=i686-linux-gnu",
            Target::named("i686-unknown-linux-gnu").map(|own| own.with_convention(&I386)),
        ),
        (
            "--target=aarch64-linux-gnu",
            Target::named("aarch64-unknown-linux-gnu"),
        ),
        (
            "--target=s390x-linux-gnu",
            Target::named("s390x-unknown-linux-gnu"),
        ),
    ] {
        let target = target.unwrap();
        let va_list = target.va_list().unwrap();
        let is_of = |size: u64| {
            let param_bytes = target.data_model().decay(&va_list).size();
            let c = format!(
                "#include <stdarg.h>\n_Static_assert(sizeof(va_list) == {size} && _Alignof(va_list) == {}, \"\"); \
                 void f(va_list list) {{ _Static_assert(sizeof list == {param_bytes}, \"\"); }}",
                va_list.align()
            );
            compile("clang-19", &[option, "-S"], &c)
        };
        let Some(result) = is_of(va_list.size()) else {
            return;
        };
        assert!(result.is_ok(), "{option}: {va_list}: {result:?}");
        let control = is_of(va_list.size() + 8);
        assert!(control.is_some_and(|control| control.is_err()), "{option}");
    }
}
