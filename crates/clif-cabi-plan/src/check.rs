//! Where the convention has the parameters and results of a CLIF signature, compared with where Cranelift has them.

use std::fmt::Display;

use cabi::Reg;
use smallvec::SmallVec;

use crate::error::PlanError;
use crate::machine::Machine;
use crate::places::{ClifPlace, Places};
use crate::signature::Signature;

/// Where the convention has the parameters and results of a CLIF signature.
#[derive(Default)]
pub(crate) struct Expect {
    /// `None`: it does not matter.
    pub(crate) params: SmallVec<[Option<ClifPlace>; 16]>,
    pub(crate) results: SmallVec<[Option<Reg>; 4]>,
    /// Where a function that is entered returns the pointer to its result.
    pub(crate) sret_returned_in: Option<Reg>,
    /// Bytes of the argument area that a caller must reserve.
    pub(crate) area_bytes: u64,
}

impl Expect {
    /// Compares with where Cranelift has them, which is returned.
    pub(crate) fn check(
        &self,
        machine: &Machine,
        signature: &Signature,
    ) -> Result<Places, PlanError> {
        let found = machine.places(signature)?;
        let mismatch = |what: String, expected: &dyn Display, found: &dyn Display| {
            Err(PlanError::Mismatch {
                what,
                expected: expected.to_string(),
                found: found.to_string(),
            })
        };
        for (i, (expected, found)) in self.params.iter().zip(&found.params).enumerate() {
            if let Some(expected) = expected.filter(|expected| expected != found) {
                return mismatch(format!("CLIF parameter {i}"), &expected, found);
            }
        }
        for (i, (expected, found)) in self.results.iter().zip(&found.results).enumerate() {
            if let Some(expected) = expected.filter(|expected| expected != found) {
                return mismatch(format!("CLIF result {i}"), &expected, found);
            }
        }
        if let Some(expected) = self.sret_returned_in
            && found.sret_returned_in != Some(expected)
        {
            let found = found.sret_returned_in.map_or("none", Reg::name);
            return mismatch(
                "the returned pointer to the result".into(),
                &expected,
                &found,
            );
        }
        if self.area_bytes > u64::from(found.stack_bytes) {
            let expected = format!("{} bytes", self.area_bytes);
            return mismatch("the argument area".into(), &expected, &found.stack_bytes);
        }
        Ok(found)
    }
}
