//! Our own code as a compiler's: an object file with callers and callees that are lowered, and
//! compiled by Cranelift, is linked with the probe.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cabi::{FnAbi, FnSig, Place, Target, VectorLevel};

use super::values::{CaseTable, PageEnd, Values};
use super::{
    CaseFacts, FAR_POINTER, FREESTANDING, MAX_ALIGN, Probe, WINDOWS, fits, has_far_pointer,
    linked_statically, nothing,
};
use crate::build::ReferenceError;
use crate::compare::n_x87;
use crate::emit::cranelift::{CallSide, CraneliftObject, Mutation, OWN_WORDS};
use crate::facts::{Facts, Note};
use crate::scratch::Scratch;
use crate::verdict::Fault;

/// Settings of Cranelift, by turns.
pub const SETTINGS: [&[(&str, &str)]; 4] = [
    &[("opt_level", "none")],
    &[("opt_level", "speed"), ("is_pic", "false")],
    &[
        ("opt_level", "none"),
        ("regalloc_algorithm", "single_pass"),
        ("is_pic", "false"),
    ],
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
    /// Turns the forms of values, and how callers call: the turn of the first signature, and the
    /// step to that of the next one.
    pub forms: (usize, usize),
    /// A mistake.
    pub mutation: Mutation,
}

/// Facts about our callee and about our caller for a signature, or why there is none.
pub type EmittedFacts = [CaseFacts; 2];

/// A callee and a caller, or why there is none.
type MadeSides = [Result<(), Fault>; 2];

impl Probe {
    /// Observes our caller and callee of each signature, which names its convention.
    ///
    /// # Errors
    /// [`ReferenceError`]: a program that cannot be linked or started.
    pub fn emitted(
        &self,
        sigs: &[FnSig],
        emission: &Emission<'_>,
    ) -> Result<Vec<EmittedFacts>, ReferenceError> {
        let all_values = emission.all_values(sigs);
        let sides = catch_unwind(AssertUnwindSafe(|| emission.object(sigs, &all_values)));
        let Ok(sides) = sides else {
            let panicked = || Fault::from("panic: while our code was compiled".to_owned());
            return Ok(sigs
                .iter()
                .map(|_| [(); 2].map(|()| Err(panicked())))
                .collect());
        };
        let (object, sides) = sides.map_err(no_object)?;
        let is_made = |n: &usize| sides[*n].iter().any(Result::is_ok);
        let numbers: Vec<usize> = (0..sigs.len()).filter(is_made).collect();
        let buffers = buffers(numbers.iter().map(|&n| &all_values[n]), true);
        let mut table = CaseTable::after(buffers);
        for &n in &numbers {
            let declared = format!(
                "extern void d{n}(void) __attribute__((weak)), *d{n}_address(void) __attribute__((weak)), c{n}(void) __attribute__((weak));"
            );
            let functions = format!("d{n}, d{n}_address, c{n}");
            table.add(&all_values[n], &declared, &functions);
        }
        let folder = Scratch::new().map_err(ReferenceError::io("our sides of calls"))?;
        let path = folder.path().join("ours.o");
        std::fs::write(&path, object).map_err(ReferenceError::io("our sides of calls"))?;
        let mut link = linked_statically(numbers.iter().copied());
        link.push(path.to_string_lossy().into_owned());
        let link: Vec<&str> = link.iter().map(String::as_str).collect();
        let observed = self.run(&table, &link)?;
        // The caller's body changes it, for values of its own.
        let is_other =
            |note: &Note| note.name != "spoils" || Some(&*note.value) != self.machine.spoiled;
        let mut observed = observed.into_iter().map(|mut observed| {
            if let Ok(facts) = &mut observed {
                facts.caller.state.retain(is_other);
            }
            observed
        });
        let facts = sides.into_iter().map(|sides| {
            let is_made = sides.iter().any(Result::is_ok);
            let observed = if is_made { observed.next() } else { None };
            sides.map(|side| side.and_then(|()| observed.clone().unwrap_or_else(nothing)))
        });
        Ok(facts.collect())
    }
}

impl Probe {
    /// Returns the register that Cranelift does not keep on this machine, if our code lost it, and
    /// the facts without that.
    pub fn without_spoiled(&self, facts: &Facts) -> Option<(&'static str, Facts)> {
        let spoiled = self.machine.spoiled?;
        let mut copy = facts.clone();
        copy.callee
            .state
            .retain(|note| (&*note.name, &*note.value) != ("lost", spoiled));
        (copy != *facts).then_some((spoiled, copy))
    }
}

impl Emission<'_> {
    /// Returns the values of each signature, at the first or the last end of their pages. Each form
    /// has values at both ends.
    pub(super) fn all_values(&self, sigs: &[FnSig]) -> Vec<Values> {
        let all = sigs.iter().zip(self.forms.0..);
        all.map(|(sig, turn)| {
            let mut values = Values::of_sig(sig, FnAbi::convention_of(sig, self.target).ok());
            if let Ok(abi) = FnAbi::new(sig, self.target) {
                values.n_x87 = n_x87(&abi);
            }
            values.guarded = Some([PageEnd::First, PageEnd::Last][(turn + turn / 4) % 2]);
            values
        })
        .collect()
    }

    /// Checks whether the probe can look at code for a signature.
    pub(super) fn tried(&self, sig: &FnSig, values: &Values) -> Result<(), Fault> {
        fits(&values.types, sig.result()).map_err(|why| Fault::Untried(why.to_owned()))?;
        let why = match FnAbi::new(sig, self.target) {
            Ok(abi) if has_far_pointer(&abi) => FAR_POINTER,
            Ok(abi)
                if values.result_is_padding()
                    && matches!(abi.ret.place, Place::Indirect { .. }) =>
            {
                "a result of padding alone, which our callee does not write"
            }
            _ => return Ok(()),
        };
        Err(Fault::Untried(why.to_owned()))
    }

    /// Returns an object file with both sides of each signature, as far as they are lowered.
    ///
    /// # Errors
    /// The reason why Cranelift makes none.
    pub fn object_file(&self, sigs: &[FnSig]) -> Result<Vec<u8>, String> {
        let (object, _) = self.object(sigs, &self.all_values(sigs))?;
        Ok(object)
    }

    /// Compiles an object file with both sides of each signature, as far as they are lowered.
    fn object(&self, sigs: &[FnSig], all: &[Values]) -> Result<(Vec<u8>, Vec<MadeSides>), String> {
        let mut object = CraneliftObject::new(self.vectors, self.target, self.settings)?;
        let mut one = |(n, (sig, values)): (usize, (&FnSig, &Values))| {
            if let Err(why) = self.tried(sig, values) {
                return [Err(why.clone()), Err(why)];
            }
            let (offsets, _) = values.places();
            let side = CallSide {
                sig,
                offsets: &offsets,
                index: self.forms.0 + n * self.forms.1,
                mutation: self.mutation,
            };
            let callee = object.callee(&format!("d{n}"), &side);
            let names = (&*format!("c{n}"), &*format!("f{n}"));
            [callee, object.caller(names, &side)]
        };
        let sides = sigs.iter().zip(all).enumerate().map(&mut one).collect();
        Ok((object.finish()?, sides))
    }
}

/// Returns the buffers that our code reads and writes, as C's code has them (`frame.c`). If callers
/// keep values during a call, they have buffers for these.
pub(super) fn buffers<'a>(values: impl Iterator<Item = &'a Values>, callers_keep: bool) -> String {
    let bytes = values.map(|values| values.places().1).max();
    let own = if callers_keep { "own, kept" } else { "0, 0" };
    format!(
        "{FREESTANDING}{WINDOWS}
static byte arguments[{0}] __attribute__((aligned({MAX_ALIGN}))), result[{0}] __attribute__((aligned({MAX_ALIGN})));
static long long wide[256];
static void *escape;
static int gap_is_lost;
static word own[{OWN_WORDS}], kept[{OWN_WORDS}];
void *const cabi_places[11] = {{arguments, result, result, arguments, wide, {own}, 0, 0, &escape, &gap_is_lost}};
",
        bytes.unwrap_or(0)
    )
}

pub(super) fn no_object(why: String) -> ReferenceError {
    ReferenceError::Unusable {
        what: "our sides of calls".to_owned(),
        why,
    }
}
