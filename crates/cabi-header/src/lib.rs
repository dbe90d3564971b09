//! cabi-header
