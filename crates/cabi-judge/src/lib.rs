//! cabi-judge
