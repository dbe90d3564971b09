//! Both sides of a call compared: where the code has each value, and where `FnAbi` has it.

use std::collections::HashMap;
use std::ops::Range;

use cabi::convention::{Extension, PartType, PlacedPart};
use cabi::{ArgFlags, FnAbi, LeafKind, Loc, Place, Type, leaves};

use super::mir::FunctionStates;
use super::question::{Outcome, Question};
use super::state::{Address, AddressBase, ByteSources, MachineState};

impl Question {
    /// Compares the places of `abi` with those that the code of both functions names.
    pub fn check(&self, abi: &FnAbi, code: &HashMap<String, FunctionStates>) -> Outcome {
        Outcome([self.check_caller(abi, code), self.check_callee(abi, code)])
    }

    fn check_caller(
        &self,
        abi: &FnAbi,
        code: &HashMap<String, FunctionStates>,
    ) -> Result<usize, String> {
        let caller = self.function('c', code)?;
        let at_call = caller.at_call.as_ref().ok_or("the code calls nothing")?;
        let values = self.values(abi);
        let (result, args) = values.split_last().ok_or("no result")?;
        for value in args {
            let filled = value.is_filled(at_call);
            let found = filled.and_then(|()| value.is_passed(at_call, true));
            found.map_err(|why| value.said(&why))?;
        }
        let returned = result.is_returned(at_call, &caller.at_return);
        returned.map_err(|why| result.said(&why))?;
        Ok(values.iter().filter(|value| value.has_bytes()).count())
    }

    fn check_callee(
        &self,
        abi: &FnAbi,
        code: &HashMap<String, FunctionStates>,
    ) -> Result<usize, String> {
        // Where `va_arg` looks is decided as it runs.
        if self.sig.is_variadic() {
            return Ok(0);
        }
        let state = &self.function('d', code)?.at_return;
        let mut compared = 0;
        let values = self.values(abi);
        let (result, args) = values.split_last().ok_or("no result")?;
        for (value, param) in args.iter().zip(self.sig.params()) {
            // A trampoline may have saved the static chain elsewhere.
            if !param.flags.has(ArgFlags::NEST) {
                value.is_found(state).map_err(|why| value.said(&why))?;
                compared += usize::from(value.has_bytes());
            }
        }
        let returned = result.is_passed(state, false);
        let returned = returned.and_then(|()| result.is_extended(state));
        returned.map_err(|why| result.said(&why))?;
        if let (Some(reg), Place::Indirect { pointer, .. }) =
            (abi.ret.sret_returned_in, result.place)
            && state.pointer_in(&Loc::Reg(reg)) != Some(pointed_to(pointer))
        {
            return Err(result.said("its address is not returned"));
        }
        Ok(compared + usize::from(result.has_bytes()))
    }

    fn function<'c>(
        &self,
        letter: char,
        code: &'c HashMap<String, FunctionStates>,
    ) -> Result<&'c FunctionStates, String> {
        let name = format!("{letter}{}", self.number);
        let found = code.get(&name);
        found.ok_or_else(|| format!("the code has no function {name}"))
    }

    /// The arguments, then the result.
    fn values<'a>(&'a self, abi: &'a FnAbi) -> Vec<Value<'a>> {
        let n = self.number;
        let types = self.sig.params().iter().map(|param| &param.ty);
        let places = abi.args.iter().map(|arg| &arg.place);
        let args = types.zip(places).enumerate();
        let args = args.map(|(i, (ty, place))| (ty, place, format!("g{n}_{i}")));
        let result = (self.sig.result(), &abi.ret.place, format!("out{n}"));
        let values = args.chain([result]);
        let value = |(ty, place, global)| Value { ty, place, global };
        values.map(value).collect()
    }
}

/// A value, its place, and the global that it comes from or goes to.
struct Value<'a> {
    ty: &'a Type,
    place: &'a Place,
    global: String,
}

/// Place of a byte of a value.
struct Spot {
    at: Address,
    /// Bytes that may be read or written at once: all of a register, the words of a part on the
    /// stack.
    around: Range<i64>,
    /// The bytes of the value that may be there.
    bytes: Range<i64>,
}

impl Value<'_> {
    fn said(&self, why: &str) -> String {
        let Self { ty, place, global } = self;
        format!("{ty} {global} in {place}: {why}")
    }

    /// The bytes that carry it.
    fn bytes(&self) -> impl Iterator<Item = u64> {
        leaves(self.ty)
            .filter(|leaf| !leaf.unnamed && !matches!(leaf.kind, LeafKind::FlexibleArray))
            .flat_map(|leaf| leaf.bytes())
    }

    fn has_bytes(&self) -> bool {
        self.bytes().next().is_some()
    }

    fn in_global(&self, byte: u64) -> Address {
        Address::new(AddressBase::Global(self.global.clone()), signed(byte))
    }

    /// Returns the place of `byte`. For a value that is found by its address, `pointer` tells the
    /// address.
    fn spot(&self, byte: u64, pointer: &dyn Fn(&Loc) -> Option<Address>) -> Result<Spot, String> {
        let word = signed(byte & !7);
        let anywhere = i64::MIN..i64::MAX;
        match self.place {
            Place::Parts(parts) => {
                let holds = |offset: u64, size: u64| (offset..offset + size).contains(&byte);
                let mut parts = parts.iter();
                let placed = parts.find(|one| holds(one.part.offset.into(), one.part.size.into()));
                let placed = placed.ok_or_else(|| format!("no part holds byte {byte}"))?;
                let (from, size) = (i64::from(placed.part.offset), u64::from(placed.part.size));
                let width = u64::from(placed.part.ty.bytes()).next_multiple_of(8);
                let (base, start, around) = match placed.loc {
                    Loc::Stack(at) => (
                        AddressBase::Frame,
                        signed(at),
                        signed(at)..signed(at + width),
                    ),
                    Loc::Reg(reg) => (AddressBase::Register(reg.name().to_owned()), 0, anywhere),
                    other => return Err(format!("{other} is no place of this machine")),
                };
                Ok(Spot {
                    at: Address::new(base, start + signed(byte) - from),
                    around,
                    bytes: from..from + signed(size.next_multiple_of(8)),
                })
            }
            Place::Stack { offset, .. } => {
                let start = signed(*offset);
                Ok(Spot {
                    at: Address::new(AddressBase::Frame, start + signed(byte)),
                    // A word of it may have been read at once.
                    around: start + word..start + word + 8,
                    bytes: word..word + 8,
                })
            }
            Place::Indirect { pointer: loc, .. } => Ok(Spot {
                at: pointer(loc).ok_or("no address there")?.plus(signed(byte)),
                around: anywhere,
                bytes: word..word + 8,
            }),
            _ => Err("no place for a value with bytes".to_owned()),
        }
    }

    /// Its place holds what is in the global: as a caller passes it, or a callee returns it.
    fn is_passed(&self, state: &MachineState, calls: bool) -> Result<(), String> {
        let pointer = |loc: &Loc| match calls {
            true => state.pointer_in(loc),
            false => Some(pointed_to(loc)),
        };
        for byte in self.bytes() {
            let Spot { mut at, bytes, .. } = self.spot(byte, &pointer)?;
            if calls && at.base == AddressBase::Frame {
                at = state.outgoing(at.offset);
            }
            is_from(&state.held(&at), &self.in_global(byte), &bytes)?;
        }
        Ok(())
    }

    /// A callee has copied it from its place to the global.
    fn is_found(&self, state: &MachineState) -> Result<(), String> {
        for byte in self.bytes() {
            let spot = self.spot(byte, &|loc| Some(pointed_to(loc)))?;
            is_from(&state.held(&self.in_global(byte)), &spot.at, &spot.around)?;
        }
        Ok(())
    }

    /// A caller has copied what was returned to the global, or has given a pointer to where it goes.
    fn is_returned(&self, at_call: &MachineState, at_return: &MachineState) -> Result<(), String> {
        if let Place::Indirect { pointer, .. } = self.place {
            return match at_call.pointer_in(pointer).map(|address| address.base) {
                Some(AddressBase::Local(_)) => Ok(()),
                Some(AddressBase::Global(name)) if name == self.global => Ok(()),
                other => Err(format!("no address of the result: {other:?}")),
            };
        }
        for byte in self.bytes() {
            let spot = self.spot(byte, &|_| None)?;
            let at = match spot.at.base {
                AddressBase::Register(name) => {
                    Address::new(AddressBase::Result(name), spot.at.offset)
                }
                // After the arguments, whose slots belong to the caller.
                _ => at_call.outgoing(spot.at.offset),
            };
            is_from(
                &at_return.held(&self.in_global(byte)),
                &at,
                &(i64::MIN..i64::MAX),
            )?;
        }
        Ok(())
    }

    /// A callee has extended numbers to a word, or has not.
    fn is_extended(&self, state: &MachineState) -> Result<(), String> {
        let Place::Parts(parts) = self.place else {
            return Ok(());
        };
        let is_narrow = |one: &&PlacedPart| matches!(one.part.ty, PartType::I8 | PartType::I16);
        for one in parts.iter().filter(is_narrow) {
            let last = Address::new(AddressBase::Register(one.loc.to_string()), 3);
            let is_extended = !state.held(&last).is_empty();
            if is_extended != (one.part.extension != Extension::None) {
                return Err(format!("extended: {is_extended}"));
            }
        }
        Ok(())
    }

    /// A caller has extended numbers to the whole of what they have on the stack.
    fn is_filled(&self, state: &MachineState) -> Result<(), String> {
        let Place::Parts(parts) = self.place else {
            return Ok(());
        };
        let extended = parts
            .iter()
            .filter(|one| one.part.extension != Extension::None);
        for placed in extended {
            let Loc::Stack(offset) = placed.loc else {
                continue;
            };
            let mut slot = (0..u64::from(placed.part.ty.bytes())).map(signed);
            let is_left = |at: &i64| !state.is_written(&state.outgoing(signed(offset) + at));
            if let Some(at) = slot.find(is_left) {
                return Err(format!("byte {at} of the slot is not written"));
            }
        }
        Ok(())
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the memory that the address in `loc`, given to a callee, points to.
fn pointed_to(loc: &Loc) -> Address {
    let first = match loc {
        Loc::Stack(offset) => Address::new(AddressBase::Frame, signed(*offset)),
        loc => Address::new(AddressBase::Register(loc.to_string()), 0),
    };
    Address::new(AddressBase::Pointer(Box::new(first)), 0)
}

/// Checks that `found` has `wanted`, and otherwise only bytes `around` it.
fn is_from(found: &ByteSources, wanted: &Address, around: &Range<i64>) -> Result<(), String> {
    let may_be = |source: &Address| source.base == wanted.base && around.contains(&source.offset);
    if found.contains(wanted) && found.iter().all(may_be) {
        return Ok(());
    }
    Err(format!("expected {wanted:?}, the code has {found:?}"))
}
