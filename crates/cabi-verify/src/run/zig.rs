//! Zig's sides of cases, loaded.

use std::collections::BTreeMap;

use super::loaded::LoadedCode;
use crate::build::ReferenceError;
use crate::build::zig::{CompiledZig, Fact};
use crate::case::{Case, Direction};

/// Code of cases, made by Zig.
#[derive(Debug)]
pub struct ZigCode {
    /// The code, by the index of the case.
    pub loaded: LoadedCode,
    /// Why there is no such side: `2 * i` is the callee of case `i`, `2 * i + 1` its caller.
    missing: BTreeMap<usize, String>,
    n_cases: usize,
    /// Sizes, alignments and offsets.
    pub layout: Vec<Fact>,
}

impl ZigCode {
    /// Loads the code of `compiled`, which was made of `cases`.
    pub fn load(compiled: CompiledZig, cases: &[&Case]) -> Result<Self, ReferenceError> {
        let CompiledZig {
            built,
            missing,
            layout,
        } = compiled;
        Ok(Self {
            loaded: LoadedCode::of_built(&built, cases)?,
            missing,
            layout,
            n_cases: cases.len(),
        })
    }

    /// Whether the side that `direction` needs is there.
    ///
    /// # Errors
    /// Why not: Zig has no words for it, or its compiler's message.
    pub fn has(&self, index: usize, direction: Direction) -> Result<(), &str> {
        let side = match direction {
            Direction::Call => 2 * index,
            Direction::Callee => 2 * index + 1,
        };
        match self.missing.get(&side) {
            Some(why) => Err(why),
            None if index < self.n_cases => Ok(()),
            None => Err("there is no such case"),
        }
    }
}
