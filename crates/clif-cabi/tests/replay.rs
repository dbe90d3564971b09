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
                    observe(settings, &sigs, seed as u64 ^ (first as u64) << 32, |index, seen| {
                        let places = replay(&sigs[index])
                            .unwrap_or_else(|error| panic!("{}: {error}", sigs[index]));
                        if let Err(difference) = check(&sigs[index], &places, &seen) {
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
fn check(sig: &Signature, places: &Places, seen: &ObservedCalls) -> Result<(), String> {
    for (index, param) in sig.params.iter().enumerate() {
        let place = places.params[index];
        let what = |side| format!("{side}, parameter {index}, {place:?}");
        let (sent, received) = (&seen.caller.params[index], &seen.callee.params[index]);
        if let ClifPlace::Area { offset, size } = place {
            let found = seen.dumped.at(place, size as usize)?;
            let sent = &seen.caller.areas[index][..size as usize];
            equal(&what("caller"), sent, found)?;
            let address = seen.returned.area_address() + u64::from(offset);
            equal(&what("callee"), &address.to_le_bytes(), &received[..8])?;
            continue;
        }
        let sent = extended(sig, param, sent);
        equal(&what("caller"), &sent, seen.dumped.at(place, sent.len())?)?;
        let size = param.value_type.bytes() as usize;
        let given = seen.given.at(place, size)?;
        equal(&what("callee"), given, &received[..size])?;
    }
    for (index, result) in sig.returns.iter().enumerate() {
        let place = ClifPlace::Reg(places.results[index]);
        let what = |side| format!("{side}, result {index}, {place:?}");
        let size = result.value_type.bytes() as usize;
        let received = &seen.caller.results[index][..size];
        equal(&what("caller"), seen.answer.at(place, size)?, received)?;
        let sent = extended(sig, result, &seen.callee.results[index]);
        equal(&what("callee"), &sent, seen.returned.at(place, sent.len())?)?;
    }
    if let Some(register) = places.sret_returned_in {
        let is_sret = |param: &AbiParam| param.purpose == ArgumentPurpose::StructReturn;
        let index = sig.params.iter().position(is_sret).unwrap();
        let pointer = &seen.callee.params[index][..8];
        let returned = seen.returned.at(ClifPlace::Reg(register), 8)?;
        equal("callee, returned sret", pointer, returned)?;
    }
    let found = seen.returned.sp_after().to_le_bytes();
    let wanted = seen.returned.area_address() + popped(sig, places);
    equal("what the callee pops", &wanted.to_le_bytes(), &found)?;
    let area_bytes = seen.result - seen.dumped.area_address();
    let wanted = u64::from(places.stack_bytes).to_le_bytes();
    let found = area_bytes.to_le_bytes();
    equal("bytes of the argument area", &wanted, &found)
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
