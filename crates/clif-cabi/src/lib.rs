//! clif-cabi
