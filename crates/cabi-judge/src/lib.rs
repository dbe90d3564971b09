//! The machinery of proof: compilers as judges of what this workspace says about C.
//!
//! - [`corpus`]: the `.abi` format, its reader and the rewriting of expected lines; [`ctext`]: declarations as text.
//! - [`case`]: a block read through libclang, with one case per prototype.
//! - [`from_header`]: a header read, with one case per prototype and some per record; [`reproduction`]: a case as a program of C.
//! - [`automaton`]: assignment as an automaton: how much of it was seen, and calls that show all of it.
//! - [`positions`]: where a type is tried.
//! - [`judge`]: gcc and clang, what each can compile, and the C halves they build.
//! - [`graffiti`]: values whose bytes say where they came from; [`half`]: the C text that makes and takes them.
//! - [`halves`]: C callees and callers, loaded; [`jit`]: the same in Cranelift; [`interop`]: one against the other, with objects against
//!   guard pages ([`guard`]); [`child`]: cases in processes of their own, so that a crash belongs to a case. x86-64 with Unix only.
//! - [`probe`]: the same C halves against images of registers and stack, as `FnAbi` says they are, without Cranelift.
//! - [`layout`]: sizes, alignments, offsets and bit-fields as compilers have them.
//! - [`verify`]: headers against compilers, all of the above at once; its [`batch`](verify::batch) compiles and calls cases from elsewhere too.
//! - [`generate`]: random signatures, and the smallest that still fails; [`fuzz`]: those against compilers, counted.
//! - [`zig`]: the same halves in Zig, by both its back ends.
//! - [`report`]: what ran, what did not and why; [`expected`]: known failures, and the compiler bugs behind them.
//!
//! The command and the tests stand on this crate, which is published for the command: its interface may change with every release. What only tests need (deliberate mistakes above all) is in the package `tests`.

#![deny(unsafe_code)]

pub mod automaton;
pub mod case;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod child;
pub mod corpus;
pub mod ctext;
pub mod expected;
pub mod from_header;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod fuzz;
pub mod generate;
pub mod graffiti;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod guard;
pub mod half;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod halves;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod interop;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod jit;
pub mod judge;
pub mod layout;
pub mod positions;
#[cfg(all(target_arch = "x86_64", unix))]
#[allow(unsafe_code)]
pub mod probe;
pub mod report;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod reproduction;
mod scratch;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod verify;
#[cfg(all(target_arch = "x86_64", unix))]
pub mod zig;
