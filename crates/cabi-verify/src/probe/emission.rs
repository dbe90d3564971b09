//! Our own code as a compiler's: an object file with callers and callees that are lowered, and
//! compiled by Cranelift, is linked with the probe.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, FnSig, Target, VectorLevel};

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
    /// Turns the forms of values, and how callers call.
    pub turn: usize,
    /// A mistake.
    pub mutation: Mutation,
}

/// Facts about our code for a signature, or why there is none.
pub type Emitted = Result<Observed, Fault>;

/// An object file, and for each signature why it has none of its sides.
type Object = (Vec<u8>, Vec<Result<(), Fault>>);

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
            let panicked = || Err(Fault::from("panic: while our sides were made".to_owned()));
            return Ok(sigs.iter().map(|_| panicked()).collect());
        };
        let (object, made) = made.map_err(no_object)?;
        let (mut own, mut rows, mut named) = (buffers(), String::new(), String::new());
        let is_made = |n: &usize| made[*n].is_ok();
        let numbers: Vec<usize> = (0..sigs.len()).filter(is_made).collect();
        for &n in &numbers {
            let (values, sig) = (&all[n], &sigs[n]);
            let _ = writeln!(
                own,
                "extern void d{n}(void), c{n}(void);\nstatic const struct value v{n}[] = {{{}{{0}}}};",
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
        let seen = self.run(window(all.into_iter()), rows, (None, &named), &link)?;
        let mut seen = seen.into_iter();
        let nothing = || Err("nothing was said of it".to_owned());
        let facts = made.into_iter();
        let facts = facts.map(|made| made.map(|()| seen.next().unwrap_or_else(nothing)));
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
    fn values(&self, sig: &FnSig) -> Values {
        let mut values = Values::of_sig(sig, FnAbi::convention_of(sig, self.target).ok());
        if let Ok(abi) = FnAbi::new(sig, self.target) {
            values.n_x87 = n_x87(&abi);
            values.has_far_pointer = has_far_pointer(&abi);
        }
        values
    }

    /// Compiles an object file with both sides of each signature.
    fn object(&self, sigs: &[FnSig], all: &[Values]) -> Result<Object, String> {
        let mut object = CraneliftObject::new(self.vectors, self.target, self.settings)?;
        let mut one = |(n, (sig, values)): (usize, (&FnSig, &Values))| {
            fits(&values.types, sig.result()).map_err(|why| Fault::Untried(why.to_owned()))?;
            if values.has_far_pointer {
                return Err(Fault::Untried(FAR_POINTER.to_owned()));
            }
            if values.result_is_padding() {
                let why = "a result of padding alone, which our callee does not write";
                return Err(Fault::Untried(why.to_owned()));
            }
            let offsets = values.offsets();
            let side = OneSide {
                sig,
                offsets: &offsets,
                index: n + self.turn,
                mutation: self.mutation,
            };
            object.callee(&format!("d{n}"), &side)?;
            let names = (&*format!("c{n}"), &*format!("f{n}"));
            object.caller(names, &side, Sent::At(&offsets))
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
