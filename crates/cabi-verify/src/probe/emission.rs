//! Our own code as a compiler's: an object file with callers and callees that are lowered, and
//! compiled by Cranelift, is linked with the probe.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, FnSig, Place, Target, VectorLevel};

use super::values::{Values, window};
use super::{
    FAR_POINTER, FREESTANDING, MAX_ALIGN, MAX_VALUES, Observed, Probe, WINDOWS, fits,
    has_far_pointer, table,
};
use crate::build::ReferenceError;
use crate::build::cranelift_object::{CraneliftObject, OneSide};
use crate::compare::n_x87;
use crate::emit::cranelift::{Mutation, Sent};
use crate::facts::Facts;
use crate::scratch::Scratch;
use crate::verdict::Fault;

/// Settings of Cranelift, by turns.
pub const SETTINGS: [&[(&str, &str)]; 4] = [
    &[("opt_level", "none")],
    &[("opt_level", "speed")],
    &[("opt_level", "none"), ("regalloc_algorithm", "single_pass")],
    &[
        ("opt_level", "speed"),
        ("regalloc_algorithm", "single_pass"),
    ],
];

/// Way in which our code is made.
#[derive(Clone, Copy, Debug)]
pub struct Emission<'a> {
    /// System and machine.
    pub target: &'a Target,
    /// Vector registers that signatures may need.
    pub vectors: VectorLevel,
    /// Settings of Cranelift, with their values.
    pub settings: &'a [(&'a str, &'a str)],
    /// Turns the forms of values, and how callers call: those of the first signature, and how many
    /// after it each next one has.
    pub forms: (usize, usize),
    /// A mistake.
    pub mutation: Mutation,
}

/// Facts about our callee and about our caller for a signature, or why there is none.
pub type Emitted = [Result<Observed, Fault>; 2];

/// A callee and a caller, or why there is none.
type Made = [Result<(), Fault>; 2];

impl Probe {
    /// Observes our caller and callee of each signature, which names its convention.
    ///
    /// # Errors
    /// [`ReferenceError`]: a program that cannot be linked or started.
    pub fn emitted(
        &self,
        sigs: &[FnSig],
        emission: &Emission<'_>,
    ) -> Result<Vec<Emitted>, ReferenceError> {
        let all: Vec<Values> = sigs.iter().map(|sig| emission.values(sig)).collect();
        let made = catch_unwind(AssertUnwindSafe(|| emission.object(sigs, &all)));
        let Ok(made) = made else {
            let panicked = || Fault::from("panic: while our sides were made".to_owned());
            return Ok(sigs
                .iter()
                .map(|_| [(); 2].map(|()| Err(panicked())))
                .collect());
        };
        let (object, made) = made.map_err(no_object)?;
        let (mut own, mut rows, mut named) = (buffers(), String::new(), String::new());
        let is_made = |n: &usize| made[*n].iter().any(Result::is_ok);
        let numbers: Vec<usize> = (0..sigs.len()).filter(is_made).collect();
        for &n in &numbers {
            let (values, sig) = (&all[n], &sigs[n]);
            let _ = writeln!(
                own,
                "extern void d{n}(void) __attribute__((weak)), c{n}(void) __attribute__((weak));\n\
                 static const struct value v{n}[] = {{{}{{0}}}};",
                values.text()
            );
            let row = values.row((sig.is_variadic(), sig.is_noreturn()));
            let _ = writeln!(rows, "{{d{n}, 0, c{n}, v{n}, {row}}},");
            let _ = writeln!(named, ".globl f{n}\n.set f{n}, cabi_dump");
        }
        let folder = Scratch::new().map_err(ReferenceError::io("our sides of calls"))?;
        let path = folder.path().join("ours.o");
        std::fs::write(&path, object).map_err(ReferenceError::io("our sides of calls"))?;
        let rows = (&*(own + &table(&rows)), numbers.len());
        let link = ["-static", &*path.to_string_lossy()];
        let window = window(
            all.into_iter()
                .zip(&made)
                .filter_map(|(values, made)| made.iter().any(Result::is_ok).then_some(values)),
        );
        let seen = self.run(window, rows, (None, &named), &link)?;
        let mut seen = seen.into_iter();
        let nothing = || Err("nothing was said of it".to_owned());
        let facts = made.into_iter().map(|made| {
            let is_made = made.iter().any(Result::is_ok);
            let seen = if is_made { seen.next() } else { None };
            made.map(|made| made.map(|()| seen.clone().unwrap_or_else(nothing)))
        });
        Ok(facts.collect())
    }
}

impl Probe {
    /// Returns the register that Cranelift does not keep on this machine, if our code lost it, and
    /// the facts without that.
    pub fn without_spoiled(&self, facts: &Facts) -> Option<(&'static str, Facts)> {
        let spoiled = self.machine.spoiled?;
        let mut own = facts.clone();
        own.callee
            .state
            .retain(|note| (&*note.name, &*note.value) != ("lost", spoiled));
        (own != *facts).then_some((spoiled, own))
    }
}

impl Emission<'_> {
    /// Checks whether a caller passes the address of its result.
    fn returns_in_memory(&self, sig: &FnSig) -> bool {
        let abi = FnAbi::new(sig, self.target);
        abi.is_ok_and(|abi| matches!(abi.ret.place, Place::Indirect { .. }))
    }

    fn values(&self, sig: &FnSig) -> Values {
        let mut values = Values::of_sig(sig, FnAbi::convention_of(sig, self.target).ok());
        if let Ok(abi) = FnAbi::new(sig, self.target) {
            values.n_x87 = n_x87(&abi);
            values.has_far_pointer = has_far_pointer(&abi);
        }
        values
    }

    /// Checks whether the probe can look at code for a signature.
    fn tried(&self, sig: &FnSig, values: &Values) -> Result<(), Fault> {
        fits(&values.types, sig.result()).map_err(|why| Fault::Untried(why.to_owned()))?;
        if values.has_far_pointer {
            return Err(Fault::Untried(FAR_POINTER.to_owned()));
        }
        if values.result_is_padding() && self.returns_in_memory(sig) {
            let why = "a result of padding alone, which our callee does not write";
            return Err(Fault::Untried(why.to_owned()));
        }
        Ok(())
    }

    /// Compiles an object file with both sides of each signature, as far as they are lowered.
    fn object(&self, sigs: &[FnSig], all: &[Values]) -> Result<(Vec<u8>, Vec<Made>), String> {
        let mut object = CraneliftObject::new(self.vectors, self.target, self.settings)?;
        let mut one = |(n, (sig, values)): (usize, (&FnSig, &Values))| {
            if let Err(why) = self.tried(sig, values) {
                return [Err(why.clone()), Err(why)];
            }
            let offsets = values.offsets();
            let side = OneSide {
                sig,
                offsets: &offsets,
                index: self.forms.0 + n * self.forms.1,
                mutation: self.mutation,
            };
            let callee = object.callee(&format!("d{n}"), &side);
            let names = (&*format!("c{n}"), &*format!("f{n}"));
            [callee, object.caller(names, &side, Sent::At(&offsets))]
        };
        let made = sigs.iter().zip(all).enumerate().map(&mut one).collect();
        Ok((object.finish()?, made))
    }
}

/// Returns the buffers that our code reads and writes, as C's code has them (`frame.c`).
fn buffers() -> String {
    format!(
        "{FREESTANDING}{WINDOWS}
static byte arguments[{0}] __attribute__((aligned({MAX_ALIGN}))), result[{0}] __attribute__((aligned({MAX_ALIGN})));
static long long wide[256];
static void *escape;
static int gap_is_lost;
void *const cabi_places[11] = {{arguments, result, result, arguments, wide, 0, 0, 0, 0, &escape, &gap_is_lost}};
",
        2 * MAX_VALUES
    )
}

fn no_object(why: String) -> ReferenceError {
    ReferenceError::Unloadable {
        what: "our sides of calls".to_owned(),
        why,
    }
}
