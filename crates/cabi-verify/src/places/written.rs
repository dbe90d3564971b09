//! Facts of code that is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cabi::{ArgFlags, LeafKind, Type, leaves};

use super::mir::Function;
use super::question::Question;
use super::state::{Address, AddressBase, State};
use crate::facts::{At, Facts, Found, Note, Run, Side, Spot};

/// A spot of an address, of which the argument area begins at `area`.
fn spot(at: &Address, area: i64) -> Option<Spot> {
    let named = |base: &str, byte: i64| {
        Some(Spot {
            base: base.to_owned(),
            byte: u64::try_from(byte).ok()?,
        })
    };
    match &at.base {
        AddressBase::Register(name) | AddressBase::Result(name)
            if name != "sp" && name != "r14" =>
        {
            named(name, at.offset)
        }
        AddressBase::Frame => named("sp", at.offset),
        AddressBase::Outgoing => named("sp", at.offset - area),
        AddressBase::Pointer(inner) if !matches!(inner.base, AddressBase::Pointer(_)) => {
            named(&format!("[{}]", spot(inner, area)?), at.offset)
        }
        _ => None,
    }
}

/// The bytes that carry a value of `ty`.
fn carrying(ty: &Type) -> BTreeSet<u64> {
    leaves(ty)
        .filter(|leaf| !leaf.unnamed && !matches!(leaf.kind, LeafKind::FlexibleArray))
        .flat_map(|leaf| leaf.bytes())
        .collect()
}

/// The value of `ty`, each byte of which is in the places that `of` tells.
fn found(ty: &Type, of: &dyn Fn(u64) -> Vec<Spot>) -> Found {
    let carrying = carrying(ty);
    let mut runs: Vec<Run> = Vec::new();
    for byte in 0..ty.size() {
        let spots = of(byte);
        let at = match carrying.contains(&byte) {
            false => At::Padding,
            true if spots.is_empty() => At::Nowhere,
            true => At::Spots(spots),
        };
        let last = runs.last_mut().filter(|run| match (&run.at, &at) {
            (At::Spots(before), At::Spots(now)) => before
                .iter()
                .map(|spot| spot.after(run.bytes))
                .eq(now.iter().cloned()),
            (before, now) => *before == *now,
        });
        match last {
            Some(run) => run.bytes += 1,
            None => runs.push(Run { bytes: 1, at }),
        }
    }
    Found {
        runs,
        notes: Vec::new(),
    }
}

fn is_narrow(ty: &Type) -> bool {
    ty.size() < 4 && ty.as_scalar().is_some_and(|scalar| !scalar.is_float())
}

/// Notes how a narrow integer is extended in each of its places.
fn extend(value: &mut Found, ty: &Type, above: &dyn Fn(&Spot) -> Vec<&'static str>) {
    if !is_narrow(ty) {
        return;
    }
    let Some(At::Spots(spots)) = value.runs.first().map(|run| run.at.clone()) else {
        return;
    };
    for spot in &spots {
        let above = above(&spot.after(usize::try_from(ty.size()).unwrap_or(0)));
        let Some(name) = above.first() else { continue };
        if above.iter().all(|own| own == name) && above.len() == 4 - ty.size() as usize {
            let value_text = match spots.len() {
                1 => "32".to_owned(),
                _ => format!("32@{spot}"),
            };
            value.notes.push(Note {
                name: (*name).to_owned(),
                value: value_text,
            });
        }
    }
}

/// Where each source is, at one point.
struct Inverse(BTreeMap<Address, Vec<Spot>>);

impl Inverse {
    fn of(state: &State, is_call: bool, most: i64) -> Self {
        let mut all: BTreeMap<Address, Vec<Spot>> = BTreeMap::new();
        for (at, sources) in state.all() {
            let is_place = match at.base {
                AddressBase::Register(_) => true,
                AddressBase::Outgoing => is_call,
                AddressBase::Frame | AddressBase::Pointer(_) => !is_call,
                _ => false,
            };
            let Some(spot) = spot(&at, state.area()).filter(|_| is_place) else {
                continue;
            };
            for source in sources {
                all.entry(source).or_default().push(spot.clone());
            }
        }
        for (pointer, address) in state.pointers() {
            let Some(base) = spot(&pointer, state.area()).filter(|_| is_call) else {
                continue;
            };
            for byte in 0..most {
                let at = address.plus(byte);
                if !state.is_written(&at) && !matches!(at.base, AddressBase::Global(_)) {
                    continue;
                }
                for source in state.held(&at) {
                    let spot = Spot {
                        base: format!("[{base}]"),
                        byte: byte as u64,
                    };
                    all.entry(source).or_default().push(spot);
                }
            }
        }
        Self(all)
    }

    fn get(&self, global: &str, byte: u64) -> Vec<Spot> {
        let at = Address::new(AddressBase::Global(global.to_owned()), byte as i64);
        self.0.get(&at).cloned().unwrap_or_default()
    }
}

/// How the bytes from a spot on to the end of its word were made.
fn above(state: &State, spot: &Spot) -> Vec<&'static str> {
    let at = match spot.base.as_str() {
        "sp" => state.outgoing(spot.byte as i64),
        name => Address::new(AddressBase::Register(name.to_owned()), spot.byte as i64),
    };
    let left = 4 - spot.byte % 4;
    let name = |i| {
        let held = state.held(&at.plus(i as i64));
        match held.first().map(|first| &first.base) {
            Some(AddressBase::Local(name)) if name == "signed" => "signed",
            Some(AddressBase::Local(name)) if name == "zeroed" => "zeroed",
            _ => "",
        }
    };
    let all: Vec<&'static str> = (0..left).map(name).collect();
    if all.contains(&"") { Vec::new() } else { all }
}

impl Question {
    /// Facts of both functions.
    pub fn facts(&self, code: &HashMap<String, Function>) -> Option<Facts> {
        let n = self.number;
        Some(Facts {
            callee: self.callee(code.get(&format!("d{n}")), n),
            caller: self.caller(code.get(&format!("c{n}"))?, n)?,
        })
    }

    /// Where `va_arg` looks is decided as it runs; a trampoline may have saved a static chain elsewhere.
    fn callee(&self, function: Option<&Function>, n: usize) -> Side {
        let params = self.sig.params().iter().enumerate();
        let seen = |i: usize, ty: &Type, flags: ArgFlags| {
            let state = &function?.at_return;
            if self.sig.is_variadic() || flags.has(ArgFlags::NEST) {
                return None;
            }
            Some(found(ty, &|byte| {
                let at = Address::new(AddressBase::Global(format!("g{n}_{i}")), byte as i64);
                let sources = state.held(&at).into_iter();
                sources.filter_map(|one| spot(&one, state.area())).collect()
            }))
        };
        let unseen = |ty: &Type| Found {
            runs: match ty.size() {
                0 => Vec::new(),
                bytes => vec![Run {
                    bytes: bytes as usize,
                    at: At::Padding,
                }],
            },
            notes: Vec::new(),
        };
        let args = params
            .map(|(i, param)| seen(i, &param.ty, param.flags).unwrap_or_else(|| unseen(&param.ty)));
        let args = args.collect();
        let ret = self.sig.result();
        let has_result = ret.size() > 0 || ret.as_record().is_some();
        let result = has_result.then(|| {
            let Some(state) = function.map(|one| &one.at_return) else {
                return Found {
                    runs: unseen(ret).runs,
                    notes: Vec::new(),
                };
            };
            let places = Inverse::of(state, false, 0);
            let mut value = found(ret, &|byte| places.get(&format!("out{n}"), byte));
            extend(&mut value, ret, &|spot| above(state, spot));
            for (at, address) in state.pointers() {
                let is_own = |run: &Run| match &run.at {
                    At::Spots(spots) => spots.iter().any(|one| {
                        spot(&address, state.area())
                            .is_some_and(|own| own.base == one.base && own.byte == 0)
                    }),
                    _ => false,
                };
                if value.runs.iter().any(is_own)
                    && let Some(at) = spot(&at, 0)
                {
                    value.notes.push(Note {
                        name: "returned".to_owned(),
                        value: at.to_string(),
                    });
                }
            }
            value
        });
        Side {
            args,
            result,
            state: Vec::new(),
        }
    }

    fn caller(&self, function: &Function, n: usize) -> Option<Side> {
        let (state, after) = (function.at_call.as_ref()?, &function.at_return);
        let most = self
            .sig
            .params()
            .iter()
            .map(|param| param.ty.size())
            .max()
            .unwrap_or(0);
        let places = Inverse::of(state, true, most as i64);
        let params = self.sig.params().iter().enumerate();
        let args = params.map(|(i, param)| {
            let mut value = found(&param.ty, &|byte| places.get(&format!("g{n}_{i}"), byte));
            extend(&mut value, &param.ty, &|spot| above(state, spot));
            value
        });
        let args = args.collect();
        let ret = self.sig.result();
        let has_result = ret.size() > 0 || ret.as_record().is_some();
        let result = has_result.then(|| {
            let out = AddressBase::Global(format!("out{n}"));
            let carrying = carrying(ret);
            let is_room = |address: &Address| match &address.base {
                AddressBase::Local(_) => carrying
                    .iter()
                    .all(|byte| !state.is_written(&address.plus(*byte as i64))),
                base => *base == out && address.offset == 0,
            };
            found(ret, &|byte| {
                let at = Address::new(out.clone(), byte as i64);
                let sources = after.held(&at);
                let own: Vec<Spot> = sources
                    .iter()
                    .filter_map(|one| spot(one, state.area()))
                    .collect();
                match own.is_empty() {
                    false => own,
                    true => (state.pointers().iter())
                        .filter(|(_, address)| is_room(address))
                        .filter_map(|(at, _)| {
                            Some(Spot {
                                base: format!("[{}]", spot(at, state.area())?),
                                byte,
                            })
                        })
                        .collect(),
                }
            })
        });
        Some(Side {
            args,
            result,
            state: Vec::new(),
        })
    }
}
