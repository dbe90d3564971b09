//! What holds for every type and signature: random ones, weighted towards what conventions find hard.
//!
//! Failures are printed with the smallest type that fails; the corpus is where one that was a bug stays. What is refused is counted, by reason,
//! and bounded: a property of signatures that are all refused holds of nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cabi::{Error, FnAbi, FnSig, Target};
use cabi_tests::{invariants, random};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn target(win64: bool) -> Target {
    Target::X86_64_LINUX.with_convention(if win64 {
        &cabi::X86_64_WIN64
    } else {
        &cabi::X86_64_SYSV
    })
}

/// What became of a case that did not fail.
enum Held {
    Yes,
    /// It was refused, for this reason, so nothing was looked at.
    Refused(String),
}

/// So many of a thousand may be without a place: vectors of more than 64 bools are 5 to 10.
const MOST_UNPLACED: usize = 50;

/// The same of calls of variadic functions, half of them on Win64, where clang has a number of types that its callers and `va_arg` disagree on.
const MOST_UNPLACED_IN_VARIADIC: usize = 100;

/// So many of a thousand may be not lowered: vectors of 32 and 64 bytes are about 30.
#[cfg(all(target_arch = "x86_64", unix))]
const MOST_UNLOWERED: usize = 100;

/// Runs `property` for `cases` random values. Says what fails, or that more than `most` of a thousand were refused.
fn hold<S: Strategy>(
    name: &str,
    cases: u32,
    most: usize,
    values: &S,
    property: impl Fn(S::Value) -> Result<Held, TestCaseError>,
) -> Result<(), String> {
    // Shrinking runs the property too.
    let (n, reasons) = (
        RefCell::new(0),
        RefCell::new(BTreeMap::<String, usize>::new()),
    );
    let result = TestRunner::new(config(cases)).run(values, |value| {
        let held = property(value)?;
        *n.borrow_mut() += 1;
        if let Held::Refused(why) = held {
            *reasons.borrow_mut().entry(why).or_default() += 1;
        }
        Ok(())
    });
    result.map_err(|error| format!("{name}: {error}"))?;
    let (n, reasons) = (n.into_inner(), reasons.into_inner());
    let refused: usize = reasons.values().sum();
    println!("{name}: {n} cases, {refused} of them refused: {reasons:#?}");
    if refused * 1000 > n * most {
        return Err(format!(
            "{name}: {refused} of {n} cases are refused, more than {most} of a thousand: {reasons:#?}"
        ));
    }
    Ok(())
}

/// The places of `sig`. Of what a compiler does by no known rule there are none; any other refusal fails.
fn placed(sig: &FnSig, target: &Target) -> Result<Result<FnAbi, Held>, TestCaseError> {
    match FnAbi::new(sig, target) {
        Ok(abi) => Ok(Ok(abi)),
        Err(Error::NoKnownRule { why, .. }) => Ok(Err(Held::Refused(why.to_owned()))),
        Err(error) => Err(TestCaseError::fail(format!(
            "{}\nrefused without need: {error}",
            random::c_text(sig)
        ))),
    }
}

/// Whether an explanation of `sig` says what is done, and each byte of a call is in one place.
fn keeps_invariants(sig: &FnSig, target: &Target) -> Result<Held, TestCaseError> {
    let told = |why: String| TestCaseError::fail(format!("{}\n{why}", random::c_text(sig)));
    let explained = invariants::explanation(sig, target, &FnAbi::new(sig, target));
    explained.map_err(told)?;
    let abi = match placed(sig, target)? {
        Ok(abi) => abi,
        Err(refused) => return Ok(refused),
    };
    let checked = invariants::arguments(sig, &abi).and_then(|()| invariants::result(sig, &abi));
    checked.map_err(told).map(|()| Held::Yes)
}

#[test]
fn signatures_keep_the_invariants() {
    let values = (random::signatures(&random::WIDE), any::<bool>());
    let most = MOST_UNPLACED;
    let held = hold("signatures", 2000, most, &values, |(sig, win64)| {
        keeps_invariants(&sig, &target(win64))
    });
    held.unwrap();
}

/// Negative controls: of signatures that are all refused nothing is known, whether for a known reason or for another.
#[test]
fn what_is_refused_does_not_hold() {
    static NO_RULES: cabi::Convention = cabi::Convention {
        rules: cabi::convention::Rules {
            args: &[],
            ..cabi::X86_64_SYSV.rules
        },
        ..cabi::X86_64_SYSV
    };
    let nowhere = Target::X86_64_LINUX.with_convention(&NO_RULES);
    let values = random::signatures(&random::WIDE);
    let all = hold("no rules", 100, MOST_UNPLACED, &values, |sig| {
        keeps_invariants(&sig, &nowhere)
    });
    let why = all.unwrap_err();
    assert!(why.contains("refused without need: "), "{why}");
    let all = hold("no known rule", 100, MOST_UNPLACED, &values, |_| {
        Ok(Held::Refused("no rule".to_owned()))
    });
    let why = all.unwrap_err();
    assert!(why.contains("100 of 100 cases are refused"), "{why}");
}

#[test]
fn variadic_calls_keep_the_invariants() {
    let sigs = || random::signatures(&random::WIDE);
    let values = (sigs(), sigs(), any::<bool>());
    let most = MOST_UNPLACED_IN_VARIADIC;
    let held = hold("variadic calls", 2000, most, &values, |value| {
        let (sig, unnamed, win64) = value;
        let unnamed = unnamed
            .params()
            .iter()
            .take(5)
            .map(|param| param.ty.clone());
        let call = sig.variadic().at_call(unnamed).unwrap();
        // Both of a Win64 variadic float are one argument.
        keeps_invariants(&call, &target(win64))
    });
    held.unwrap();
}

#[cfg(all(target_arch = "x86_64", unix))]
#[allow(clippy::unwrap_used)] // an unexpected error ends the test
mod lowered {
    use cabi::{FnSig, Policy, Target, Type};
    use cabi_tests::fuzzing::plans_agree;
    use cabi_tests::random;
    use cabi_tests::roundtrip::{self, Variant};
    use cabi_verify::check::calls::{Direction, N_BUFFERS, all_settings, is_known};
    use cabi_verify::run::guard::{GuardedBuffers, Side};
    use cabi_verify::verdict::{Fault, Refusal};
    use clif_cabi::Lowering;
    use clif_cabi::cranelift_module::Module;
    use clif_cabi_jit::{Engine, Settings};
    use proptest::prelude::*;

    use cabi::X86_64_SYSV;
    use cabi::convention::{Convention, Frame};

    use super::{Held, MOST_UNLOWERED, hold, placed};

    thread_local! {
        static BUFFERS: GuardedBuffers = GuardedBuffers::new(N_BUFFERS, 1 << 16).unwrap();
        static LOWERING: Lowering = Lowering::new(Engine::new(&Settings::default()).unwrap().isa()).unwrap();
    }

    /// What is refused for a reason that `sig` is known to give; anything else fails.
    fn refused(sig: &FnSig, why: &Refusal) -> Result<Held, TestCaseError> {
        let known = match placed(sig, &Target::X86_64_LINUX)? {
            Ok(abi) => is_known(why, &abi, Direction::Call),
            Err(_) => matches!(why, Refusal::NoKnownRule(_)),
        };
        if known {
            return Ok(Held::Refused(why.to_string()));
        }
        let text = random::c_text(sig);
        Err(TestCaseError::fail(format!(
            "{text}\nrefused without need: {why}"
        )))
    }

    /// Both sides of `told` read one `FnAbi`, and are refused for the same reasons, which `sig` is known to give.
    fn both_agree(sig: &FnSig, told: &FnSig) -> Result<Held, TestCaseError> {
        let agree = LOWERING.with(|lower| plans_agree(lower, told));
        let Some(error) = agree.map_err(TestCaseError::fail)? else {
            return Ok(Held::Yes);
        };
        match Fault::from(error) {
            Fault::Refused(why) => refused(sig, &why),
            Fault::Failed(why) => Err(TestCaseError::fail(why.to_string())),
        }
    }

    #[test]
    fn caller_and_callee_agree() {
        let held = hold(
            "plans",
            4000,
            MOST_UNLOWERED,
            &random::signatures(&random::WIDE),
            |sig| both_agree(&sig, &sig),
        );
        held.unwrap();
    }

    /// All forms of both sides in sixteen variants.
    fn forms(variant: usize) -> Variant {
        Variant {
            caller: variant,
            callee: variant / 4,
            side: match variant % 2 {
                0 => Side::End,
                _ => Side::Start,
            },
        }
    }

    /// What a caller sends arrives, and what the callee returns comes back, bit for bit, in all forms.
    #[test]
    fn values_arrive() {
        let values = (
            random::signatures(&random::levels_here()),
            0_usize..16,
            0_usize..8,
        );
        let held = hold(
            "values",
            1500,
            MOST_UNLOWERED,
            &values,
            |(sig, variant, setting)| {
                let settings = &all_settings()[setting].1;
                match BUFFERS
                    .with(|buffers| roundtrip::run(&sig, settings, buffers, &[forms(variant)]))
                {
                    Ok(_) => Ok(Held::Yes),
                    Err(Fault::Refused(why)) => refused(&sig, &why),
                    Err(Fault::Failed(why)) => {
                        let text = random::c_text(&sig);
                        Err(TestCaseError::fail(format!("{text}\n{why}")))
                    }
                }
            },
        );
        held.unwrap();
    }

    /// Negative control: a lowering that refuses what it need not, here all of it by another convention than the signature's.
    #[test]
    fn a_refusal_without_need_is_noticed() {
        static SHADOWED: Convention = Convention {
            frame: Frame {
                shadow_space: 64,
                ..X86_64_SYSV.frame
            },
            ..X86_64_SYSV
        };
        let held = hold(
            "shadow",
            100,
            MOST_UNLOWERED,
            &random::signatures(&random::WIDE),
            |sig| both_agree(&sig, &sig.clone().convention(&SHADOWED)),
        );
        let why = held.unwrap_err();
        assert!(why.contains("refused without need: shadow space"), "{why}");
    }

    /// Vectors of bools that go lane by lane, over every number of registers left.
    #[test]
    fn lanes_arrive() {
        for lanes in [65, 66, 72, 79, 80, 100, 127, 128] {
            for before in 0..8 {
                let bools = Type::bool_vector(lanes, cabi::BoolVector::Zig).unwrap();
                let longs = vec![Type::I64; before];
                let params = longs.into_iter().chain([bools, Type::I64, Type::F64]);
                let sig = FnSig::new(params, Type::I64).policy(Policy::ZIG);
                for variant in 0..4 {
                    let settings = &all_settings()[before].1;
                    BUFFERS
                        .with(|buffers| roundtrip::run(&sig, settings, buffers, &[forms(variant)]))
                        .unwrap();
                }
            }
        }
    }
}
