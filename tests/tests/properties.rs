//! What holds for every type and signature: random ones, weighted towards what conventions find hard.
//!
//! Failures are printed with the smallest type that fails; the corpus is where one that was a bug stays.

use cabi::{FnAbi, FnSig, Target, Type};
use cabi_tests::{random, sound};
use proptest::prelude::*;

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

fn sound(sig: &FnSig, abi: &FnAbi) -> Result<(), TestCaseError> {
    let checked = sound::arguments(sig, abi).and_then(|()| sound::result(sig, abi));
    checked.map_err(|why| TestCaseError::fail(format!("{}\n{why}", random::c_text(sig))))
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn layouts_are_sound(ty in random::object(3)) {
        let checked = sound::record(&ty).and_then(|()| sound::leaves_inside(&ty, usize::MAX));
        checked.map_err(TestCaseError::fail)?;
    }

    #[test]
    fn each_byte_travels_once(sig in random::signature(), win64 in any::<bool>()) {
        if let Ok(abi) = FnAbi::new(&sig, &target(win64)) {
            sound(&sig, &abi)?;
        }
    }

    #[test]
    fn a_further_argument_moves_no_earlier_one(
        sig in random::signature(), more in random::passed(2), policy in random::policy(), win64 in any::<bool>(),
    ) {
        let target = target(win64);
        let params: Vec<Type> = sig.params().iter().map(|param| param.ty.clone()).collect();
        let longer = FnSig::new(params.iter().cloned().chain([more]), sig.result().clone()).policy(policy);
        let shorter = FnSig::new(params, sig.result().clone()).policy(policy);
        if let (Ok(short), Ok(long)) = (FnAbi::new(&shorter, &target), FnAbi::new(&longer, &target)) {
            prop_assert_eq!(&short.args[..], &long.args[..short.args.len()]);
            prop_assert_eq!(&short.ret, &long.ret);
            prop_assert!(long.area_bytes >= short.area_bytes);
            prop_assert!(long.n_gp >= short.n_gp && long.n_sse >= short.n_sse);
        }
    }

    #[test]
    fn variadic_calls_are_sound(
        sig in random::signature(), unnamed in prop::collection::vec(random::passed(2), 0..6), win64 in any::<bool>(),
    ) {
        let call = sig.variadic().at_call(unnamed).unwrap();
        if let Ok(abi) = FnAbi::new(&call, &target(win64)) {
            // Both of a Win64 variadic float are one argument.
            sound(&call, &abi)?;
        }
    }

    #[test]
    fn explanations_say_what_is_done(sig in random::signature(), win64 in any::<bool>()) {
        let target = target(win64);
        let abi = FnAbi::new(&sig, &target);
        match cabi::explain(&sig, &[], &target) {
            Ok(explanation) => {
                // Plain records are walked for an explanation only.
                let abi = abi.map_err(|error| TestCaseError::fail(error.to_string()))?;
                for (arg, explained) in abi.args.iter().zip(&explanation.args) {
                    prop_assert_eq!(arg.place.to_string(), &explained.place[..]);
                }
                prop_assert_eq!(abi.ret.to_string(), &explanation.ret.place[..]);
                prop_assert!(!explanation.to_string().is_empty());
                prop_assert!(!explanation.summary().is_empty());
            }
            Err(error) => {
                prop_assert_eq!(Some(error), abi.err());
            }
        }
    }
}

#[cfg(all(target_arch = "x86_64", unix))]
#[allow(clippy::unwrap_used)] // an unexpected error ends the test
mod lowered {
    use cabi::{FnSig, Policy, Type};
    use cabi_judge::guard::Rooms;
    use cabi_judge::interop::{N_ROOMS, all_settings};
    use cabi_judge::jit::Stop;
    use cabi_tests::{random, roundtrip};
    use clif_cabi::Lowering;
    use clif_cabi::cranelift_module::Module;
    use clif_cabi_jit::{Engine, Settings};
    use proptest::prelude::*;

    use super::config;

    thread_local! {
        static ROOMS: Rooms = Rooms::new(N_ROOMS, 1 << 16).unwrap();
        static LOWERING: Lowering = Lowering::new(Engine::new(&Settings::default()).unwrap().isa()).unwrap();
    }

    proptest! {
        #![proptest_config(config(4000))]

        /// Both sides read one `FnAbi`, and are refused for the same reasons.
        #[test]
        fn caller_and_callee_agree(sig in random::signature()) {
            LOWERING.with(|lower| {
                match (lower.call_plan(&sig), lower.entry_plan(&sig)) {
                    (Ok(call), Ok(entry)) => {
                        prop_assert_eq!(call.abi(), entry.abi());
                        prop_assert_eq!(&call.signature().returns, &entry.signature().returns);
                    }
                    (Err(call), Err(entry)) => {
                        prop_assert_eq!(call.to_string(), entry.to_string());
                        // What cannot be lowered is said in words about C.
                        prop_assert!(matches!(Stop::from(call), Stop::Refused(_)), "{entry}");
                    }
                    (call, entry) => prop_assert!(false, "{:?} {:?}", call.err(), entry.err()),
                }
                Ok(())
            })?;
        }
    }

    proptest! {
        #![proptest_config(config(1500))]

        /// What a caller sends arrives, and what the callee returns comes back, bit for bit, in all forms.
        #[test]
        fn values_arrive(sig in random::signature(), variant in 0_usize..16, setting in 0_usize..8) {
            let settings = &all_settings()[setting].1;
            let outcome = ROOMS.with(|rooms| roundtrip::run(&sig, settings, rooms, variant));
            if let Err(Stop::Failed(why)) = outcome {
                prop_assert!(false, "{}\n{why}", random::c_text(&sig));
            }
        }
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
                    ROOMS
                        .with(|rooms| roundtrip::run(&sig, settings, rooms, variant))
                        .unwrap();
                }
            }
        }
    }
}
