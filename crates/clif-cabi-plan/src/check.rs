//! Compares the convention's places of parameters and results with Cranelift's.

use std::fmt::Display;

use cabi::Reg;

use crate::error::{PlanError, REPORT};
use crate::machine::{ClifConvention, Machine, Registers, Sret};
use crate::signature::{ClifPlace, Signature};
use crate::slot::Slot;

/// Compares Cranelift's places of the parameters and results of `signature` with those of `slots`
/// and `results`. An entry returns the pointer to its result in `sret_returned_in`; a caller has to
/// reserve `area_bytes` of the argument area.
pub(crate) fn check(
    machine: Machine,
    signature: &Signature,
    (slots, results): (&[Slot], &[Slot]),
    sret_returned_in: Option<Reg>,
    area_bytes: u64,
) -> Result<(), PlanError> {
    let places = machine.signature(signature).map_err(|error| match error {
        PlanError::Check(why) => PlanError::Check(why + REPORT),
        error => error,
    })?;
    let result = |i: usize| places.results.get(i).copied().map(ClifPlace::Reg);
    let convention = machine.convention;
    let params = |i: usize| places.params.get(i).copied();
    first_elsewhere(("parameter", convention, &convention.params), slots, params)?;
    first_elsewhere(("result", convention, &convention.results), results, result)?;
    if let Some(expected) = sret_returned_in
        && places.sret_returned_in != Some(expected)
    {
        let found = places.sret_returned_in.map_or("none", Reg::name);
        return Err(mismatch(
            "the returned pointer to the result".into(),
            &expected,
            &found,
        ));
    }
    if area_bytes > u64::from(places.stack_bytes) {
        let expected = format!("{area_bytes} bytes");
        return Err(mismatch(
            "the argument area".into(),
            &expected,
            &places.stack_bytes,
        ));
    }
    Ok(())
}

/// Returns the error about the first of `slots` that is not where its parameter is `found`.
fn first_elsewhere(
    (kind, convention, registers): (&str, &ClifConvention, &Registers),
    slots: &[Slot],
    found: impl Fn(usize) -> Option<ClifPlace>,
) -> Result<(), PlanError> {
    let elsewhere = slots.iter().filter_map(|slot| {
        let (i, found) = (slot.param?, found(slot.param? as usize));
        (Some(slot.place) != found).then_some((i, slot.place, found))
    });
    let Some((i, expected, found)) = elsewhere.min_by_key(|(i, ..)| *i) else {
        return Ok(());
    };
    // No plan is at fault where the convention has more registers than Cranelift.
    let is_given = |reg| registers.position(reg).is_some() || convention.sret == Sret::Own(reg);
    if let Some(reg) = expected.reg().filter(|reg| !is_given(*reg)) {
        return Err(PlanError::Check(format!(
            "CLIF {kind} {i}: the convention has it in {reg}, which Cranelift does not use for {kind}s"
        )));
    }
    let found = found.map_or_else(|| "no place".to_owned(), |found| found.to_string());
    Err(mismatch(format!("CLIF {kind} {i}"), &expected, &found))
}

fn mismatch(what: String, expected: &dyn Display, found: &dyn Display) -> PlanError {
    let (expected, found) = (expected.to_string(), found.to_string());
    PlanError::Mismatch {
        what,
        expected,
        found,
    }
}
