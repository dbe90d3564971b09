//! The two sides of a call whose code tells where its values are, and what they have to tell.

use std::collections::HashMap;
use std::fmt::Write as _;

use cabi::convention::{Extension, Part};
use cabi::{ArgFlags, FnAbi, FnSig, LeafKind, Loc, Place, PlacedPart, Type, leaves};

use super::{Address, Base, Function, Source, Sources, State};
use crate::generate::Declared;

/// A signature whose places are asked for.
#[derive(Clone, Debug)]
pub struct Question {
    pub(crate) number: usize,
    /// Types, globals and the two functions, as C.
    pub text: String,
    /// The result and the arguments, unnamed ones promoted.
    pub sig: FnSig,
}

impl Question {
    /// The question `number` about what is declared; `None` if `cabi` refuses one of its types.
    ///
    /// Of a variadic function the assembly is asked about the call only: where `va_arg` looks is decided as it runs.
    pub fn new(number: usize, declared: &Declared) -> Option<Self> {
        let typed = declared.typed.clone().ok()?;
        let sig = FnSig::new(typed.params, typed.ret);
        let sig = match &declared.unnamed {
            Some(_) => sig.variadic().at_call(typed.unnamed).ok()?,
            None => sig,
        };
        Some(Self {
            number,
            text: text(number, declared),
            sig,
        })
    }

    /// The question `number` about a signature, whose functions and globals have the names that those of [`Question::new`] have.
    pub fn of_text(number: usize, text: String, sig: FnSig) -> Self {
        Self { number, text, sig }
    }

    /// Compares the places of `abi` with those that the code of both functions names: how many values with bytes were compared, on each side by
    /// itself.
    pub fn check(&self, abi: &FnAbi, code: &HashMap<String, Function>) -> Result<usize, String> {
        let n = self.number;
        let function = |letter: char| {
            let found = code.get(&format!("{letter}{n}"));
            found.ok_or_else(|| format!("the code has no function {letter}{n}"))
        };
        let types = self.sig.params().iter().map(|param| &param.ty);
        let args: Vec<(&Type, &Place, String)> = types
            .zip(&abi.args)
            .enumerate()
            .map(|(i, (ty, arg))| (ty, &arg.place, format!("g{n}_{i}")))
            .collect();
        let result = (self.sig.result(), &abi.ret.place, format!("out{n}"));
        let caller = function('c')?;
        let at_call = caller.at_call.as_ref().ok_or("the code calls nothing")?;
        for (ty, place, global) in &args {
            let wrong = |why| format!("caller, {ty} {global} in {place}: {why}");
            given(at_call, ty, place, global).map_err(wrong)?;
        }
        returned(at_call, &caller.at_return, &result)
            .map_err(|why| format!("caller, result in {}: {why}", result.1))?;
        let has_bytes = |(ty, ..): &&(&Type, &Place, String)| bytes(ty).next().is_some();
        let mut compared = args.iter().chain([&result]).filter(has_bytes).count();
        if !self.sig.is_variadic() {
            let callee = &function('d')?.at_return;
            // What a callee finds in the register of the static chain, a trampoline may have saved elsewhere.
            let asked = args.iter().zip(self.sig.params());
            let asked = asked.filter(|(_, param)| !param.flags.has(ArgFlags::NEST));
            for (arg @ (ty, place, global), _) in asked {
                let wrong = |why| format!("callee, {ty} {global} in {place}: {why}");
                taken(callee, ty, place, global).map_err(wrong)?;
                compared += usize::from(has_bytes(&arg));
            }
            let (ty, place, global) = &result;
            returns(callee, ty, place, global)
                .map_err(|why| format!("callee, result in {place}: {why}"))?;
            compared += usize::from(has_bytes(&&result));
        }
        Ok(compared)
    }
}

fn text(n: usize, declared: &Declared) -> String {
    let mut text = declared.types.clone();
    for (name, ty) in &declared.named {
        let (size, align) = (ty.size(), ty.align());
        let _ = writeln!(
            text,
            "_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"layout\");"
        );
    }
    let function = &declared.function;
    let unnamed = declared.unnamed.as_deref().unwrap_or_default();
    let all: Vec<&String> = function.params.iter().chain(unnamed).collect();
    for (i, ty) in all.iter().enumerate() {
        let _ = writeln!(text, "extern {ty} g{n}_{i};");
    }
    let has_result = function.result != "void";
    if has_result {
        let _ = writeln!(text, "extern {} out{n};", function.result);
    }
    let globals: Vec<String> = (0..all.len()).map(|i| format!("g{n}_{i}")).collect();
    let to = if has_result {
        format!("out{n} = ")
    } else {
        String::new()
    };
    let (result, list) = (&function.result, &function.list);
    let _ = writeln!(text, "{result} f{n}({list});");
    let _ = writeln!(
        text,
        "void c{n}(void) {{ {to}f{n}({}); }}",
        globals.join(", ")
    );
    text.push_str(&callee(n, declared));
    text
}

/// A function that copies its arguments to globals, unnamed ones by `va_arg`.
fn callee(n: usize, declared: &Declared) -> String {
    let function = &declared.function;
    let n_named = function.params.len();
    let params = function.params.iter().enumerate();
    let mut params: Vec<String> = params.map(|(i, ty)| format!("{ty} a{i}")).collect();
    let mut copies: String = (0..n_named).map(|i| format!("g{n}_{i} = a{i}; ")).collect();
    if let Some(unnamed) = &declared.unnamed {
        params.push("...".to_owned());
        let last = n_named.saturating_sub(1);
        let _ = write!(
            copies,
            "__builtin_va_list ap; __builtin_va_start(ap, a{last}); "
        );
        for (i, ty) in (n_named..).zip(unnamed) {
            let _ = write!(copies, "g{n}_{i} = __builtin_va_arg(ap, {ty}); ");
        }
        copies.push_str("__builtin_va_end(ap); ");
    }
    let list = match params.is_empty() {
        true => "void".to_owned(),
        false => params.join(", "),
    };
    let result = &function.result;
    let end = match result.as_str() {
        "void" => String::new(),
        _ => format!("return out{n}; "),
    };
    format!("{result} d{n}({list}) {{ {copies}{end}}}\n")
}

/// The bytes of a value that carry it.
fn bytes(ty: &Type) -> impl Iterator<Item = u64> {
    leaves(ty)
        .filter(|leaf| !leaf.unnamed && !matches!(leaf.kind, LeafKind::FlexibleArray))
        .flat_map(|leaf| leaf.bytes())
}

/// The part that holds a byte of the value.
fn part_of(parts: &[PlacedPart], byte: u64) -> Result<&PlacedPart, String> {
    let holds = |placed: &&PlacedPart| {
        let from = u64::from(placed.part.offset);
        (from..from + u64::from(placed.part.size)).contains(&byte)
    };
    let found = parts.iter().find(holds);
    found.ok_or_else(|| format!("no part holds byte {byte}"))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `found` has `wanted`, and nothing that `may_be` does not hold for.
fn is_from(
    found: &Sources,
    wanted: &Source,
    may_be: impl Fn(&Source) -> bool,
) -> Result<(), String> {
    if found.contains(wanted) && found.iter().all(may_be) {
        return Ok(());
    }
    Err(format!("expected {wanted:?}, the code has {found:?}"))
}

/// A callee has copied an argument at `place` to `global`.
fn taken(state: &State, ty: &Type, place: &Place, global: &str) -> Result<(), String> {
    for byte in bytes(ty) {
        let at = Address::new(Base::Global(global.to_owned()), signed(byte));
        let found = state.byte(&at);
        match place {
            Place::Parts(parts) => {
                let placed = part_of(parts, byte)?;
                in_location(&found, &placed.loc, Within::of(&placed.part, byte))?;
            }
            Place::Stack { offset, .. } => {
                // A word of it may have been read at once.
                let word = byte & !7;
                let within = Within {
                    byte: byte - word,
                    width: 8,
                };
                in_location(&found, &Loc::Stack(offset + word), within)?;
            }
            Place::Indirect { pointer, .. } => {
                let pointed_to = |byte| Source::PointedTo(Box::new(first_of(pointer)), byte);
                is_from(
                    &found,
                    &pointed_to(signed(byte)),
                    |source| matches!(source, Source::PointedTo(base, _) if **base == first_of(pointer)),
                )?;
            }
            _ => return Err("no place for a value with bytes".to_owned()),
        }
    }
    Ok(())
}

/// Where a byte is in a part.
#[derive(Clone, Copy)]
struct Within {
    byte: u64,
    /// Bytes of its type.
    width: u64,
}

impl Within {
    /// Of byte `byte` of the value.
    fn of(part: &Part, byte: u64) -> Self {
        Self {
            byte: byte - u64::from(part.offset),
            width: part.ty.bytes().into(),
        }
    }

    fn in_register(self) -> usize {
        usize::try_from(self.byte).unwrap_or(usize::MAX)
    }

    /// A caller has extended a number to the whole of what it has on the stack.
    fn is_filled(self, state: &State, part: &Part, offset: u64) -> Result<(), String> {
        let is_left = |at: &u64| !state.is_written(&state.outgoing(offset + at));
        match (0..self.width).find(is_left) {
            Some(at) if part.extension != Extension::None => {
                Err(format!("byte {at} of the slot is not written"))
            }
            _ => Ok(()),
        }
    }
}

/// What an argument's location is to a callee.
fn first_of(loc: &Loc) -> Source {
    match loc {
        Loc::Reg(reg) | Loc::Both([reg, _]) => Source::Register(reg.name().to_owned(), 0),
        Loc::Stack(offset) => Source::Slot(signed(*offset)),
        _ => Source::Slot(i64::MIN),
    }
}

fn in_location(found: &Sources, loc: &Loc, within: Within) -> Result<(), String> {
    match loc {
        Loc::Stack(offset) => {
            // The word around a short part may have been read at once.
            let slot = signed(*offset)..signed(offset + within.width.next_multiple_of(8));
            is_from(
                found,
                &Source::Slot(signed(offset + within.byte)),
                |source| matches!(source, Source::Slot(at) if slot.contains(at)),
            )
        }
        loc => {
            let register = name(loc);
            let at = within.in_register();
            is_from(
                found,
                &Source::Register(register.clone(), at),
                |source| matches!(source, Source::Register(name, _) if *name == register),
            )
        }
    }
}

/// A caller has put what is in `global` at `place`.
fn given(state: &State, ty: &Type, place: &Place, global: &str) -> Result<(), String> {
    for byte in bytes(ty) {
        match place {
            Place::Parts(parts) => {
                let placed = part_of(parts, byte)?;
                let from = u64::from(placed.part.offset);
                let part = from..from + u64::from(placed.part.size).next_multiple_of(8);
                let within = Within::of(&placed.part, byte);
                let held = |found: Sources| of_global(&found, global, byte, part.start, part.end);
                match &placed.loc {
                    Loc::Stack(offset) => {
                        within.is_filled(state, &placed.part, *offset)?;
                        held(state.byte(&state.outgoing(offset + within.byte)))?;
                    }
                    Loc::Both(regs) => {
                        for reg in *regs {
                            held(in_register(state, &Loc::Reg(*reg), within))?;
                        }
                    }
                    loc => held(in_register(state, loc, within))?,
                }
            }
            Place::Stack { offset, .. } => {
                let found = state.byte(&state.outgoing(offset + byte));
                let word = byte & !7;
                of_global(&found, global, byte, word, word + 8)?;
            }
            Place::Indirect { pointer, .. } => {
                let address = pointer_in(state, pointer).ok_or("no address there")?;
                let found = state.byte(&address.plus(signed(byte)));
                let word = byte & !7;
                of_global(&found, global, byte, word, word + 8)?;
            }
            _ => return Err("no place for a value with bytes".to_owned()),
        }
    }
    Ok(())
}

fn in_register(state: &State, loc: &Loc, within: Within) -> Sources {
    let name = name(loc);
    state.register(&name, within.in_register())
}

fn name(loc: &Loc) -> String {
    match loc {
        Loc::Reg(reg) | Loc::Both([reg, _]) => reg.name().to_owned(),
        _ => String::new(),
    }
}

fn pointer_in(state: &State, loc: &Loc) -> Option<Address> {
    match loc {
        Loc::Stack(offset) => state.pointer_at(&state.outgoing(*offset)),
        loc => state.pointer(&name(loc)),
    }
}

fn of_global(found: &Sources, global: &str, byte: u64, from: u64, to: u64) -> Result<(), String> {
    let wanted = Source::Global(global.to_owned(), signed(byte));
    is_from(
        found,
        &wanted,
        |source| matches!(source, Source::Global(name, at) if name == global && (signed(from)..signed(to)).contains(at)),
    )
}

/// A callee has put what is in `global` where it returns it.
fn returns(state: &State, ty: &Type, place: &Place, global: &str) -> Result<(), String> {
    for byte in bytes(ty) {
        match place {
            Place::Parts(parts) => {
                let placed = part_of(parts, byte)?;
                let from = u64::from(placed.part.offset);
                let within = Within::of(&placed.part, byte);
                let found = match &placed.loc {
                    Loc::Stack(offset) => {
                        let at = signed(offset + within.byte);
                        state.byte(&Address::new(Base::Frame, at))
                    }
                    loc => in_register(state, loc, within),
                };
                let to = from + u64::from(placed.part.size).next_multiple_of(8);
                of_global(&found, global, byte, from, to)?;
            }
            Place::Indirect { pointer, .. } => {
                let at = Address::new(Base::Pointer(first_of(pointer)), signed(byte));
                let word = byte & !7;
                of_global(&state.byte(&at), global, byte, word, word + 8)?;
            }
            _ => return Err("no place for a value with bytes".to_owned()),
        }
    }
    Ok(())
}

/// A caller has copied what was returned to a global, or has given a pointer to where it goes.
fn returned(
    at_call: &State,
    at_return: &State,
    (ty, place, global): &(&Type, &Place, String),
) -> Result<(), String> {
    if let Place::Indirect { pointer, .. } = place {
        let address = pointer_in(at_call, pointer);
        return match address.map(|address| address.base) {
            Some(Base::Frame) => Ok(()),
            Some(Base::Global(name)) if name == *global => Ok(()),
            other => Err(format!("no address of the result: {other:?}")),
        };
    }
    for byte in bytes(ty) {
        let at = Address::new(Base::Global(global.clone()), signed(byte));
        let Place::Parts(parts) = place else {
            return Err("no place for a value with bytes".to_owned());
        };
        let placed = part_of(parts, byte)?;
        let within = Within::of(&placed.part, byte);
        let Loc::Stack(offset) = placed.loc else {
            let register = name(&placed.loc);
            let wanted = Source::Result(register.clone(), within.in_register());
            is_from(
                &at_return.byte(&at),
                &wanted,
                |source| matches!(source, Source::Result(name, _) if *name == register),
            )?;
            continue;
        };
        // After the arguments, whose slots belong to the caller.
        let slot = at_call.outgoing(offset + within.byte);
        let found = at_return.byte(&at);
        if found != at_return.byte(&slot) {
            return Err(format!("the code has {found:?}"));
        }
    }
    Ok(())
}
