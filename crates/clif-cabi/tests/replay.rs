//! Replay against Cranelift. For random signatures, compiled code is called and calls. Every value
//! must be where [`replay`] says, as seen from all four sides: parameters and results, caller and
//! callee.
//!
//! `CABI_REPLAY_COUNT=100000` sets the number of signatures (10 000 by default), `CABI_REPLAY_SEED`
//! another sequence. Run it again at each Cranelift version.
#![cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_os = "linux")
))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at an unexpected error, also outside the functions marked #[test]"
)]

#[path = "replay/compile.rs"]
mod compile;
#[path = "replay/generate.rs"]
mod generate;
#[cfg_attr(target_arch = "x86_64", path = "replay/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "replay/aarch64.rs")]
mod machine;
#[path = "replay/moved_places.rs"]
mod moved_places;
#[path = "replay/probe.rs"]
mod probe;
#[path = "replay/refused.rs"]
mod refused;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use cabi::Target;
use clif_cabi::PlanError;
use clif_cabi::clif_cabi_plan::{ClifPlace, Machine, Places};
use compile::{SETTINGS, popped};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature};
use generate::{Rng, signature};
use probe::{ObservedCalls, observe};

const BATCH: usize = 250;

/// Runs the model for the machine that the test runs on.
fn replay(sig: &Signature) -> Result<Places, String> {
    let machine = Machine::of(&Target::named(machine::TARGET).unwrap()).unwrap();
    let places = clif_cabi::plan_signature(sig).and_then(|sig| machine.places(&sig));
    places.map_err(|why| match why {
        PlanError::Check(why) => why,
        why => panic!("{why}"),
    })
}

#[test]
fn replay_is_what_cranelift_does() {
    let (count, seed) = (
        from_environment("CABI_REPLAY_COUNT", 10_000),
        from_environment("CABI_REPLAY_SEED", 1),
    );
    let start = Instant::now();
    let next_batch = AtomicUsize::new(0);
    let n_workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_workers {
            scope.spawn(|| {
                loop {
                    let first = BATCH * next_batch.fetch_add(1, Relaxed);
                    if first >= count {
                        return;
                    }
                    let sigs = signatures(seed, first..count.min(first + BATCH));
                    let settings = SETTINGS[first / BATCH % SETTINGS.len()];
                    observe(settings, &sigs, seed as u64 ^ (first as u64) << 32, |index, calls| {
                        let places = replay(&sigs[index])
                            .unwrap_or_else(|error| panic!("{}: {error}", sigs[index]));
                        if let Err(difference) = check(&sigs[index], &places, &calls) {
                            panic!(
                                "seed {seed}, {settings:?}, signature {}: {}\n{difference}\n{places:?}",
                                first + index,
                                sigs[index]
                            );
                        }
                    });
                }
            });
        }
    });
    println!(
        "{count} signatures, both directions: as replayed ({:.1} s)",
        start.elapsed().as_secs_f64()
    );
}

fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: not a number"))
    })
}

/// Draws signatures. Each depends on the seed and its own number only, so any failure can be run
/// alone.
fn signatures(seed: usize, numbers: std::ops::Range<usize>) -> Vec<Signature> {
    numbers
        .map(|number| signature(&mut Rng::new((seed as u64) << 40 ^ number as u64)))
        .collect()
}

/// Checks that every value is where `places` says.
fn check(sig: &Signature, places: &Places, calls: &ObservedCalls) -> Result<(), String> {
    for (index, param) in sig.params.iter().enumerate() {
        let place = places.params[index];
        let at = |side| format!("{side}, parameter {index}, {place:?}");
        let (sent, received) = (&calls.caller.params[index], &calls.callee.params[index]);
        if let ClifPlace::Area { offset, size } = place {
            let found = calls.dumped.at(place, size as usize)?;
            let sent = &calls.caller.areas[index][..size as usize];
            equal(&at("caller"), sent, found)?;
            let address = calls.returned.area_address() + u64::from(offset);
            equal(&at("callee"), &address.to_le_bytes(), &received[..8])?;
            continue;
        }
        let sent = extended(sig, param, sent);
        equal(&at("caller"), &sent, calls.dumped.at(place, sent.len())?)?;
        let size = param.value_type.bytes() as usize;
        let given = calls.given.at(place, size)?;
        equal(&at("callee"), given, &received[..size])?;
    }
    for (index, result) in sig.returns.iter().enumerate() {
        let place = ClifPlace::Reg(places.results[index]);
        let at = |side| format!("{side}, result {index}, {place:?}");
        let size = result.value_type.bytes() as usize;
        let received = &calls.caller.results[index][..size];
        equal(&at("caller"), calls.answer.at(place, size)?, received)?;
        let sent = extended(sig, result, &calls.callee.results[index]);
        equal(&at("callee"), &sent, calls.returned.at(place, sent.len())?)?;
    }
    if let Some(register) = places.sret_returned_in {
        let is_sret = |param: &AbiParam| param.purpose == ArgumentPurpose::StructReturn;
        let index = sig.params.iter().position(is_sret).unwrap();
        let pointer = &calls.callee.params[index][..8];
        let returned = calls.returned.at(ClifPlace::Reg(register), 8)?;
        equal("callee, returned sret", pointer, returned)?;
    }
    let found = calls.returned.sp_after().to_le_bytes();
    let expected = calls.returned.area_address() + popped(sig, places);
    equal("what the callee pops", &expected.to_le_bytes(), &found)?;
    let area_bytes = calls.result - calls.dumped.area_address();
    let expected = u64::from(places.stack_bytes).to_le_bytes();
    let found = area_bytes.to_le_bytes();
    equal("bytes of the argument area", &expected, &found)
}

/// Returns an error if `found` differs from `wanted`.
fn equal(what: &str, wanted: &[u8], found: &[u8]) -> Result<(), String> {
    match wanted == found {
        true => Ok(()),
        false => Err(format!("{what}: {wanted:02x?} wanted, {found:02x?} found")),
    }
}

/// Returns the bytes that Cranelift passes for the value in `bytes`. With a flag, integers are
/// extended to 8 bytes, where `sig`'s convention heeds it.
fn extended(sig: &Signature, param: &AbiParam, bytes: &[u8; 16]) -> Vec<u8> {
    let mut sent = bytes[..param.value_type.bytes() as usize].to_vec();
    let negative = sent.last().is_some_and(|&byte| byte >= 0x80);
    match param.extension {
        _ if !machine::extends(sig.call_conv) => {}
        ArgumentExtension::None => {}
        ArgumentExtension::Uext => sent.resize(8, 0),
        ArgumentExtension::Sext => sent.resize(8, if negative { 0xff } else { 0 }),
    }
    sent
}
