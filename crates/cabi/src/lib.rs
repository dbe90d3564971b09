//! cabi
