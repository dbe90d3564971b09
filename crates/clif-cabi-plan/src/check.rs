//! Where the convention has the parameters and results of a CLIF signature, compared with where Cranelift has them.

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
        let mismatch = |what: String, expected: String, found: String| {
            Err(PlanError::Mismatch {
                what,
                expected,
                found,
            })
        };
        for (i, (expected, found)) in self.params.iter().zip(&found.params).enumerate() {
            if let Some(expected) = expected
                && expected != found
            {
                let (expected, found) = (expected.to_string(), found.to_string());
                return mismatch(format!("CLIF parameter {i}"), expected, found);
            }
        }
        for (i, (expected, found)) in self.results.iter().zip(&found.results).enumerate() {
            if let Some(expected) = expected
                && expected != found
            {
                let (expected, found) = (expected.to_string(), found.to_string());
                return mismatch(format!("CLIF result {i}"), expected, found);
            }
        }
        if let Some(expected) = self.sret_returned_in
            && found.sret_returned_in != Some(expected)
        {
            let what = "the returned pointer to the result".into();
            let found = found.sret_returned_in.map_or("none", Reg::name);
            return mismatch(what, expected.to_string(), found.to_string());
        }
        if self.area_bytes > u64::from(found.stack_bytes) {
            let expected = format!("{} bytes", self.area_bytes);
            let found = found.stack_bytes.to_string();
            return mismatch("the argument area".into(), expected, found);
        }
        Ok(found)
    }
}
