//! toy
fn main() {}
