//! The proof machinery: it checks against C compilers what this workspace says about C.
//!
//! The modules are the stages that a case passes, in this order:
//!
//! - [`corpus`], [`case`], [`header`], [`generate`]: sources of cases: the `.abi` corpus, a header
//!   read through libclang, random signatures.
//! - [`pattern`]: the values of a call: bytes that say which leaf they belong to.
//! - `emit`: the caller side and the callee side of a case as source text: C, Zig, Cranelift IR.
//! - [`build`]: the reference compilers, what each can compile, and what they build;
//!   [`processor`]: which of it runs here.
//! - [`run`]: one call of a function of another target, in a program.
//! - [`question`], [`probe`], [`facts`]: where a compiler's code has the values of a call as it
//!   runs, here or under an emulator. [`compare`] compares that with `FnAbi` later, without a
//!   compiler.
//! - [`layout`], [`verdict`]: layouts compared with a compiler's; the outcome of a case.
//! - [`report`]: what ran, what did not and why; compiler bugs.
//!
//! [`verify`] (headers) and [`fuzz`] (random signatures, and every transition between the
//! [`states`] of argument assignment) are sources of cases for one runner ([`verify::units`]).
//!
//! Calls need x86-64 with Unix, or AArch64 Linux ([`run::calls_here`]). The command and the tests
//! use this crate. It is published for the command, and its interface may change with every
//! release. Tools for tests alone (deliberate mistakes above all) are in the package `tests`.

#![deny(unsafe_code)]

pub mod build;
pub mod case;
pub mod compare;
pub mod corpus;
mod emit;
pub mod facts;
pub mod fuzz;
pub mod generate;
pub mod header;
pub mod layout;
pub mod pattern;
pub mod probe;
pub mod process;
pub mod processor;
pub mod question;
pub mod report;
pub mod run;
mod scratch;
mod signatures;
pub mod states;
pub mod tally;
pub mod threads;
pub mod verdict;
pub mod verify;
