//! clif-cabi-jit
