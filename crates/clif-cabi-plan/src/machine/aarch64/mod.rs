//! AArch64: nothing is planned for it yet. What it takes is the [`Machine`](super::Machine) that `x86_64` has.

use cabi::Target;

use super::description::Selected;

pub(super) fn select(target: &Target) -> Selected {
    if target.name().starts_with("aarch64") {
        Selected::Refused("calls on AArch64 are not lowered yet")
    } else {
        Selected::Other
    }
}
