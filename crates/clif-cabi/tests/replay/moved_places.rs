//! The negative control: the right places with one of them changed, checked by the comparison that
//! finds all of them right. A model that counts differently from Cranelift has at least one place
//! elsewhere.

use std::collections::BTreeMap;

use cabi::Reg;
use clif_cabi::clif_cabi_plan::{ClifPlace, Places};

use super::compile::SETTINGS;
use super::probe::observe;
use super::{BATCH, check, machine, replay, signatures};

/// Bytes by which a place on the stack is moved.
const DISTANCES: [u32; 5] = [1, 2, 4, 8, 16];

/// Returns each change of one of the `right` places, with the name of the change.
fn changes(right: &Places) -> Vec<(&'static str, Places)> {
    let mut list = Vec::new();
    let mut change = |what, places: &dyn Fn(&mut Places)| {
        let mut changed = right.clone();
        places(&mut changed);
        list.push((what, changed));
    };
    for (i, place) in right.params.iter().enumerate() {
        let mut moved = |what, to| change(what, &|places| places.params[i] = to);
        match *place {
            ClifPlace::Reg(own) => {
                let what = "the register of a parameter";
                others(own).for_each(|other| moved(what, ClifPlace::Reg(other)));
                let offset = 0;
                moved("the stack for a register", ClifPlace::Stack { offset });
            }
            ClifPlace::Stack { offset } => {
                for offset in DISTANCES.map(|n| offset + n) {
                    moved("the slot of a parameter", ClifPlace::Stack { offset });
                }
                moved(
                    "a register for a slot",
                    ClifPlace::Reg(machine::REGISTERS[0]),
                );
            }
            ClifPlace::Area { offset, size } => {
                for offset in DISTANCES.map(|n| offset + n) {
                    moved("the bytes of a `sarg`", ClifPlace::Area { offset, size });
                }
            }
        }
    }
    for (i, own) in right.results.iter().enumerate() {
        let what = "the register of a result";
        others(*own).for_each(|other| change(what, &|places| places.results[i] = other));
    }
    if let Some(own) = right.sret_returned_in {
        let what = "the register in which `sret` is returned";
        // The pointer may still be in the register in which it arrived.
        let others = others(own).filter(|other| !right.params.contains(&ClifPlace::Reg(*other)));
        others.for_each(|other| change(what, &|places| places.sret_returned_in = Some(other)));
    }
    for n in DISTANCES {
        let what = "the bytes of the argument area";
        change(what, &|places| places.stack_bytes += n);
    }
    list
}

/// Returns the other registers.
fn others(own: Reg) -> impl Iterator<Item = Reg> {
    let all = machine::REGISTERS.iter().copied();
    all.filter(move |other| *other != own)
}

#[test]
fn moved_places_are_noticed() {
    let mut noticed = BTreeMap::<&str, [usize; 2]>::new();
    for (i, settings) in SETTINGS.into_iter().enumerate() {
        let first = i * BATCH;
        let sigs = signatures(2, first..first + BATCH);
        observe(settings, &sigs, first as u64, |index, calls| {
            let sig = &sigs[index];
            for (change, places) in changes(&replay(sig).unwrap()) {
                let [n, of] = noticed.entry(change).or_default();
                *n += usize::from(check(sig, &places, &calls).is_err());
                *of += 1;
            }
        });
    }
    // AArch64 has no `sarg`.
    assert_eq!(noticed.len(), 7 + usize::from(cfg!(target_arch = "x86_64")));
    for (change, [n, of]) in noticed {
        println!("{change}: {n} changes noticed of {of}");
        // A random byte is the right one in another place in one case of 256.
        assert!(of >= 200 && 100 * n >= 99 * of, "{change}: {n} of {of}");
    }
}
