//! See `cabi_tests::fuzzing::abi`.
#![no_main]

use cabi_tests::fuzzing;

libfuzzer_sys::fuzz_target!(|text: &str| fuzzing::abi(text).unwrap_or_else(|why| panic!("{why}")));
