//! Replay against Cranelift: for random signatures, compiled code is called and calls, and every value must be
//! where [`replay`] says, seen from all four sides: parameters and results, caller and callee.
//!
//! `CABI_REPLAY_COUNT=100000` sets the number of signatures (10 000 unless told), `CABI_REPLAY_SEED` another sequence.
//! Run it again at each Cranelift version.
#![cfg(target_arch = "x86_64")]

mod probe;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use clif_cabi::replay::{ClifPlace, ClifReg, ReplayError, Replayed, replay};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, types};
use cranelift_codegen::isa::CallConv;
use probe::State;
use probe::compile::{Observed, observe};
use probe::generate::{Rng, signature};

const BATCH: usize = 250;

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
                    observe(&sigs, seed as u64 ^ (first as u64) << 32, |index, seen| {
                        let places = replay(&sigs[index])
                            .unwrap_or_else(|error| panic!("{}: {error}", sigs[index]));
                        if let Err(difference) = check(&sigs[index], &places, &seen) {
                            panic!(
                                "seed {seed}, signature {}: {}\n{difference}\n{places:?}",
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

/// Wrong models, each judged by the very comparison above: it must object wherever they differ from the right one.
#[test]
fn wrong_models_are_caught() {
    type Model = fn(&Signature) -> Option<Replayed>;
    let wrong: [(&str, Model); 12] = [
        ("parameters shifted by one integer", |sig| {
            with_params_before(sig, types::I64)
        }),
        ("parameters shifted by one vector", |sig| {
            with_params_before(sig, types::F64)
        }),
        ("Windows counted by class", |sig| {
            of_convention(sig, CallConv::WindowsFastcall, CallConv::SystemV)
        }),
        ("System V counted by position", |sig| {
            of_convention(sig, CallConv::SystemV, CallConv::WindowsFastcall)
        }),
        ("a 16-byte value burns an integer register", burning),
        ("`sarg` takes an integer register", sarg_in_register),
        ("16-byte values 8-aligned", |sig| {
            restacked(sig, |bytes| (bytes.max(8), 8))
        }),
        ("no shadow space", without_shadow),
        ("small values packed on the stack", |sig| {
            restacked(sig, |bytes| (bytes, bytes))
        }),
        ("argument area not rounded to 16", |sig| {
            let mut places = replay(sig).ok()?;
            places.stack_bytes = end_of(&places)?;
            Some(places)
        }),
        ("result registers swapped", |sig| {
            let mut places = replay(sig).ok()?;
            places.results.reverse();
            Some(places)
        }),
        ("`sret` echoed in xmm0", |sig| {
            let mut places = replay(sig).ok()?;
            places.sret_echo = places.sret_echo.map(|_| ClifReg::Float(0));
            Some(places)
        }),
    ];
    let (mut n_different, mut n_caught) = ([0; 12], [0; 12]);
    for first in (0..1500).step_by(BATCH) {
        let sigs = signatures(2, first..first + BATCH);
        observe(&sigs, first as u64, |index, seen| {
            let sig = &sigs[index];
            for (model, (_, places)) in wrong.iter().enumerate() {
                if let Some(places) =
                    places(sig).filter(|places| Ok(places) != replay(sig).as_ref())
                {
                    n_different[model] += 1;
                    n_caught[model] += usize::from(check(sig, &places, &seen).is_err());
                }
            }
        });
    }
    for (model, (name, _)) in wrong.iter().enumerate() {
        let (different, caught) = (n_different[model], n_caught[model]);
        println!("{name}: {caught} caught of {different} that differ");
        assert!(different >= 20, "{name}: too few signatures tell");
        // One random byte in 256 is right in the wrong place.
        assert!(
            100 * caught >= 99 * different,
            "{name}: {caught} caught of {different}"
        );
    }
}

fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text}: not a number"))
    })
}

/// A signature depends on the seed and its own number only, so any failure can be run alone.
fn signatures(seed: usize, numbers: std::ops::Range<usize>) -> Vec<Signature> {
    numbers
        .map(|number| signature(&mut Rng::new((seed as u64) << 40 ^ number as u64)))
        .collect()
}

/// Is everything where `places` says?
fn check(sig: &Signature, places: &Replayed, seen: &Observed) -> Result<(), String> {
    for (index, param) in sig.params.iter().enumerate() {
        let place = places.params[index];
        let what = |side| format!("{side}, parameter {index}, {place:?}");
        let (sent, received) = (&seen.caller.params[index], &seen.callee.params[index]);
        if let ClifPlace::Area { offset, size } = place {
            let size = size as usize;
            equal(
                &what("caller"),
                &seen.caller.areas[index][..size],
                &stack(&seen.dumped, offset, size)?,
            )?;
            let address = seen.returned.area_address() + u64::from(offset);
            equal(&what("callee"), &address.to_le_bytes()[..], &received[..8])?;
            continue;
        }
        let sent = extended(param, sent);
        equal(
            &what("caller"),
            &sent[..],
            &at(place, &seen.dumped, sent.len())?,
        )?;
        let size = param.value_type.bytes() as usize;
        equal(
            &what("callee"),
            &at(place, &seen.given, size)?,
            &received[..size],
        )?;
    }
    for (index, result) in sig.returns.iter().enumerate() {
        let place = ClifPlace::Reg(places.results[index]);
        let what = |side| format!("{side}, result {index}, {place:?}");
        let size = result.value_type.bytes() as usize;
        equal(
            &what("caller"),
            &at(place, &seen.answer, size)?,
            &seen.caller.results[index][..size],
        )?;
        let sent = extended(result, &seen.callee.results[index]);
        equal(
            &what("callee"),
            &sent[..],
            &at(place, &seen.returned, sent.len())?,
        )?;
    }
    if let Some(register) = places.sret_echo {
        let index = sig
            .params
            .iter()
            .position(|param| param.purpose == ArgumentPurpose::StructReturn);
        let pointer = &seen.callee.params[index.unwrap()][..8];
        equal(
            "callee, sret echo",
            pointer,
            &seen.returned.register(register)[..8],
        )?;
    }
    let area_bytes = seen.area_end - seen.dumped.area_address();
    let wanted = u64::from(places.stack_bytes);
    equal(
        "bytes of the argument area",
        &wanted.to_le_bytes(),
        &area_bytes.to_le_bytes(),
    )
}

fn equal(what: &str, wanted: &[u8], found: &[u8]) -> Result<(), String> {
    if wanted == found {
        Ok(())
    } else {
        Err(format!("{what}: {wanted:02x?} wanted, {found:02x?} found"))
    }
}

fn at(place: ClifPlace, state: &State, size: usize) -> Result<Vec<u8>, String> {
    match place {
        ClifPlace::Reg(register) => {
            let bytes = state.register(register);
            bytes
                .get(..size)
                .map(Vec::from)
                .ok_or_else(|| format!("{size} bytes in {register:?}"))
        }
        ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. } => stack(state, offset, size),
    }
}

fn stack(state: &State, offset: u32, size: usize) -> Result<Vec<u8>, String> {
    let offset = offset as usize;
    state
        .stack
        .get(offset..offset + size)
        .map(Vec::from)
        .ok_or_else(|| format!("{size} bytes at {offset}"))
}

/// The bytes that Cranelift sends for the value in `bytes`: with a flag, integers are extended to 8.
fn extended(param: &AbiParam, bytes: &[u8; 16]) -> Vec<u8> {
    let mut sent = bytes[..param.value_type.bytes() as usize].to_vec();
    let negative = sent.last().is_some_and(|&byte| byte >= 0x80);
    match param.extension {
        ArgumentExtension::None => {}
        ArgumentExtension::Uext => sent.resize(8, 0),
        ArgumentExtension::Sext => sent.resize(8, if negative { 0xff } else { 0 }),
    }
    sent
}

// The wrong models. They are the right one on another signature, or edited afterwards, so they cannot be wrong by accident.

/// As if another parameter stood before all.
fn with_params_before(sig: &Signature, ty: cranelift_codegen::ir::Type) -> Option<Replayed> {
    with_extra_params(sig, |index, _| (index == 0).then_some(ty))
}

/// As if a 16-byte value took an integer register as well.
fn burning(sig: &Signature) -> Option<Replayed> {
    with_extra_params(sig, |_, param| {
        (param.value_type.bytes() == 16).then_some(types::I64)
    })
}

fn sarg_in_register(sig: &Signature) -> Option<Replayed> {
    let is_area = |param: &AbiParam| matches!(param.purpose, ArgumentPurpose::StructArgument(_));
    with_extra_params(sig, |_, param| is_area(param).then_some(types::I64))
}

/// As if `extra` stood before a parameter.
fn with_extra_params(
    sig: &Signature,
    extra: impl Fn(usize, &AbiParam) -> Option<cranelift_codegen::ir::Type>,
) -> Option<Replayed> {
    let mut other = Signature {
        params: Vec::new(),
        ..sig.clone()
    };
    let mut own = Vec::new();
    for (index, param) in sig.params.iter().enumerate() {
        other.params.extend(extra(index, param).map(AbiParam::new));
        own.push(other.params.len());
        other.params.push(*param);
    }
    let mut places = replay(&other).ok()?;
    places.params = own.iter().map(|&index| places.params[index]).collect();
    Some(places)
}

fn of_convention(sig: &Signature, of: CallConv, other: CallConv) -> Option<Replayed> {
    let is_meant = sig.call_conv == of;
    is_meant
        .then(|| {
            replay(&Signature {
                call_conv: other,
                ..sig.clone()
            })
        })?
        .ok()
}

/// As if stack slots had another size and alignment, both made from the bytes of a value by `slot`.
fn restacked(sig: &Signature, slot: fn(u32) -> (u32, u32)) -> Option<Replayed> {
    let mut places = replay(sig).ok()?;
    let mut next = if sig.call_conv == CallConv::WindowsFastcall {
        32
    } else {
        0
    };
    for (place, param) in places.params.iter_mut().zip(&sig.params) {
        let (size, align) = match place {
            ClifPlace::Reg(_) => continue,
            ClifPlace::Stack { .. } => slot(param.value_type.bytes()),
            ClifPlace::Area { size, .. } => (*size, 8),
        };
        let offset = u32::next_multiple_of(next, align);
        move_to(place, offset);
        next = offset + size;
    }
    Some(places)
}

fn without_shadow(sig: &Signature) -> Option<Replayed> {
    let mut places = replay(sig).ok()?;
    if sig.call_conv == CallConv::WindowsFastcall {
        places.params.iter_mut().for_each(|place| match *place {
            ClifPlace::Reg(_) => {}
            ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. } => {
                move_to(place, offset - 32)
            }
        });
    }
    Some(places)
}

fn move_to(place: &mut ClifPlace, to: u32) {
    if let ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. } = place {
        *offset = to;
    }
}

/// Where the last parameter on the stack ends, were all slots 8 bytes.
fn end_of(places: &Replayed) -> Option<u32> {
    (places.params.iter())
        .filter_map(|place| match *place {
            ClifPlace::Reg(_) => None,
            ClifPlace::Stack { offset } => Some(offset + 8),
            ClifPlace::Area { offset, size } => Some(offset + size),
        })
        .max()
}

/// Replay refuses these, and Cranelift itself panics or refuses to compile them.
#[test]
fn what_cranelift_refuses_is_refused() {
    let refused: ReplayError = replay(&Signature {
        params: vec![AbiParam::new(types::I128)],
        returns: Vec::new(),
        call_conv: CallConv::SystemV,
    })
    .unwrap_err();
    println!("{refused}");
}
