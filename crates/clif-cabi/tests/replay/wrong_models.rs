//! The negative control: wrong models of Cranelift's counting, checked by the comparison that finds the right one right.
//! A wrong model is the right one on another signature, or its places edited afterwards, so it is wrong only as meant.

use clif_cabi::clif_cabi_plan::{ClifPlace, Places};
use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::CallConv;

use super::compile::{SETTINGS, observe};
use super::{BATCH, check, machine, replay, signatures};

pub(crate) type Model = fn(&Signature) -> Option<Places>;

/// Those of every machine; `machine` has its own.
const WRONG: [(&str, Model); 9] = [
    ("parameters shifted by one integer", |sig| {
        with_params_before(sig, types::I64)
    }),
    ("parameters shifted by one vector", |sig| {
        with_params_before(sig, types::F64)
    }),
    ("a 16-byte value burns an integer register", burning),
    ("16-byte values 8-aligned", |sig| {
        restacked(sig, |bytes| (bytes.max(8), 8))
    }),
    ("argument area not rounded to 16", |sig| {
        edited(sig, |places| {
            places.stack_bytes = end_of(places).unwrap_or(places.stack_bytes)
        })
    }),
    ("results of `tail` one register further", |sig| {
        let further = |places: &mut Places| places.results[..].rotate_left(1);
        let several = sig.call_conv == CallConv::Tail && sig.returns.len() > 1;
        several.then(|| edited(sig, further))?
    }),
    ("a callee of `tail` pops a word more", |sig| {
        let is_tail = sig.call_conv == CallConv::Tail;
        is_tail.then(|| edited(sig, |places| places.stack_bytes += 8))?
    }),
    ("result registers swapped", |sig| {
        edited(sig, |places| places.results.reverse())
    }),
    ("`sret` returned in a vector register", |sig| {
        edited(sig, |places| {
            places.sret_returned_in = places.sret_returned_in.map(|_| machine::VECTOR);
        })
    }),
];

/// Wrong models, each checked by the very comparison above: it must object wherever they differ from the right one.
#[test]
fn wrong_models_are_caught() {
    let wrong: Vec<_> = WRONG.iter().chain(machine::WRONG).collect();
    let (mut n_different, mut n_caught) = (vec![0; wrong.len()], vec![0; wrong.len()]);
    for first in (0..1500).step_by(BATCH) {
        let sigs = signatures(2, first..first + BATCH);
        let settings = SETTINGS[first / BATCH % SETTINGS.len()];
        observe(settings, &sigs, first as u64, |index, seen| {
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

/// As if places of the right model were others.
pub(crate) fn edited(sig: &Signature, edit: impl FnOnce(&mut Places)) -> Option<Places> {
    let mut places = replay(sig).ok()?;
    edit(&mut places);
    Some(places)
}

/// As if another parameter stood before all.
fn with_params_before(sig: &Signature, ty: Type) -> Option<Places> {
    with_extra_params(sig, |index, _| (index == 0).then_some(ty))
}

/// As if a 16-byte value took an integer register as well.
fn burning(sig: &Signature) -> Option<Places> {
    with_extra_params(sig, |_, param| {
        (param.value_type.bytes() == 16).then_some(types::I64)
    })
}

/// As if `extra` stood before a parameter.
pub(crate) fn with_extra_params(
    sig: &Signature,
    extra: impl Fn(usize, &AbiParam) -> Option<Type>,
) -> Option<Places> {
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

pub(crate) fn of_convention(sig: &Signature, of: CallConv, other: CallConv) -> Option<Places> {
    let mut changed = sig.clone();
    changed.call_conv = other;
    (sig.call_conv == of).then(|| replay(&changed).ok())?
}

/// As if stack slots had another size and alignment, both made from the bytes of a value by `slot`.
pub(crate) fn restacked(sig: &Signature, slot: fn(u32) -> (u32, u32)) -> Option<Places> {
    let mut places = replay(sig).ok()?;
    // The shadow space.
    let mut next = replay(&Signature::new(sig.call_conv)).ok()?.stack_bytes;
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

pub(crate) fn move_to(place: &mut ClifPlace, to: u32) {
    if let ClifPlace::Stack { offset } | ClifPlace::Area { offset, .. } = place {
        *offset = to;
    }
}

/// Where the last parameter on the stack ends, were all slots 8 bytes.
fn end_of(places: &Places) -> Option<u32> {
    let ends = places.params.iter().filter_map(|place| match *place {
        ClifPlace::Reg(_) => None,
        ClifPlace::Stack { offset } => Some(offset + 8),
        ClifPlace::Area { offset, size } => Some(offset + size),
    });
    ends.max()
}
