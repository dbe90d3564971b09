//! libffi and `clif-cabi-jit` with the same C on the other side: calls of signatures known at run time, and function pointers made of closures. Both
//! must move the same bytes, but for what `ffi_call` is documented to do wrong, which must still be wrong.
//!
//! Negative control: `clif-cabi-jit` is told a structure with its members exchanged.

use cabi_verify::build::Reference;
use clif_cabi_jit::{Closures, Invokers};

use crate::libffi::{By, Libffi, Pair, Program, settings};
use crate::measured::{InLibffi, Measured, measured};
use crate::suite::{Result, Suite};

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let libffi = match Libffi::load() {
        Ok(libffi) => libffi,
        Err(why) => {
            suite.report.absent("libffi", &why.to_string());
            return Ok(());
        }
    };
    let all = measured()?;
    for reference in suite.references() {
        one(suite, &libffi, &reference, &all)?;
    }
    Ok(())
}

fn one(suite: &mut Suite, libffi: &Libffi, reference: &Reference, all: &[Measured]) -> Result<()> {
    let program = Program::new(reference, all)?;
    let mut invokers = Invokers::new(&settings())?;
    let closures = Closures::new(&settings())?;
    let mut pair =
        |index, measured, told| Pair::new(&program, libffi, &mut invokers, index, measured, told);
    for (i, measured) in all.iter().enumerate() {
        if !suite.wants(measured.name) {
            continue;
        }
        let mut pair = pair(i, measured, &measured.sig)?;
        for by in By::ALL {
            let call = match measured.libffi {
                InLibffi::Absent(why) if by == By::Libffi => {
                    is_noticed(pair.call(by), why)?;
                    continue;
                }
                InLibffi::Wrong(why) if by == By::Libffi => is_noticed(pair.call(by), why),
                _ => pair.call(by),
            };
            // A variadic closure is no libffi's: `clif-cabi-jit/tests/variadic` has those.
            let call_back = (measured.n_named().is_none()).then(|| pair.call_back(by, &closures));
            for (what, found) in [("calls", Some(call)), ("closures", call_back)] {
                let Some(found) = found else { continue };
                let engine = format!("{} {by:?} {what}", reference.name());
                let found = found.map_err(|why| why.to_string());
                suite.report.outcome(&engine, measured.name, found);
            }
        }
    }
    let named = |name| {
        let position = all.iter().position(|own| own.name == name);
        position.ok_or("a control is no signature")
    };
    let (right, wrong) = (named("s_dl")?, named("s_i64_f64")?);
    let mut pair = pair(right, &all[right], &all[wrong].sig)?;
    is_noticed(pair.call(By::Ours), "a call of exchanged members")?;
    let call_back = pair.call_back(By::Ours, &closures);
    is_noticed(call_back, "a closure of exchanged members")
}

/// What is wrong must be.
fn is_noticed(found: Result<()>, what: &str) -> Result<()> {
    match found {
        Ok(()) => Err(format!("not noticed: {what}").into()),
        Err(_) => Ok(()),
    }
}
