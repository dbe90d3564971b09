//! cabi
fn main() {}
