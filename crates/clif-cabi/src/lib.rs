//! clif-cabi

pub mod replay;
