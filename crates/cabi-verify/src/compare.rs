//! Facts about a compiler's code compared with where an [`FnAbi`] has the values of a call. The
//! comparison is pure: it runs no compiler and no other program.

use std::fmt::{Arguments, Write as _};
use std::ops::Range;

use cabi::convention::FrameKind;
use cabi::{Extension, FnAbi, Loc, Place, PlacedPart, Reg, Returns, Type, X86_64_SYSV};

mod places;
#[cfg(test)]
mod tests;
mod words;

use self::places::{is_of_64_bits_by_halves, listed};
pub(crate) use self::places::{n_x87, n_x87_at};
use self::words::unusual;
use crate::case::Direction;
use crate::facts::{BytePlaces, ByteRun, Facts, Note, Side, Spot, ValuePlace};
use crate::verdict::{Difference, MovedBytes, Value};

/// A compiler, as differences call it.
struct Comparison<'a> {
    compiler: &'a str,
    abi: &'a FnAbi,
    al_is_bound: bool,
    direction: Direction,
}

/// Bytes of a value, and the place that the first of them has to be in. A byte in several rows has
/// to be in each place.
type Expected = Vec<(Range<usize>, Spot)>;

/// Returns the differences between the code of `compiler`, on its side of calls in `direction`, and
/// `abi`, which places values of these types.
pub fn compare(
    compiler: &str,
    facts: &Facts,
    types: &[Type],
    abi: &FnAbi,
    direction: Direction,
) -> Vec<Difference> {
    compare_with_al(compiler, facts, types, (abi, false), direction)
}

/// Compares as [`compare`] does. If `al_is_bound`, al may be an upper bound of the vector registers
/// used, at most 8, as psABI 3.2.3 says. Both gcc and clang give the exact number.
pub(crate) fn compare_with_al(
    compiler: &str,
    facts: &Facts,
    types: &[Type],
    (abi, al_is_bound): (&FnAbi, bool),
    direction: Direction,
) -> Vec<Difference> {
    let compared = Comparison {
        compiler,
        abi,
        al_is_bound,
        direction,
    };
    compared.side(facts.side(direction), types)
}

/// Returns the rows that `byte` is in.
fn rows(expected: &Expected, byte: usize) -> impl Iterator<Item = &(Range<usize>, Spot)> {
    let rows = expected.iter();
    rows.filter(move |(bytes, _)| bytes.contains(&byte))
}

impl Comparison<'_> {
    fn is_callee(&self) -> bool {
        self.direction == Direction::Call
    }

    fn side(&self, side: &Side, types: &[Type]) -> Vec<Difference> {
        if let Some((function, how)) = side.state("ends").and_then(|note| note.split_once(':')) {
            return vec![format!("{}: the {function} {how}", self.compiler).into()];
        }
        if side.state("absent").is_some() {
            return vec![format!("{} does not define the function", self.compiler).into()];
        }
        let mut differences = Vec::new();
        let args = self.abi.args.iter().zip(&side.args).zip(types);
        for (i, ((arg, observed), ty)) in args.enumerate() {
            let action = match self.is_callee() {
                true => "reads",
                false => "passes",
            };
            let name = format_args!("argument {i} ({ty})");
            // An unnamed one may have been promoted.
            let checked = match observed.n_bytes() as u64 >= ty.size() {
                true => self.value((name, action), &arg.place, observed),
                false => Err(format!("{name}: {} bytes were observed", observed.n_bytes()).into()),
            };
            let checked = checked.and_then(|()| match self.is_callee() {
                true => Ok(self.relies(name, &arg.place, observed)?),
                false => {
                    self.extended(name, &arg.place, observed)?;
                    Ok(self.copy(name, &arg.place, ty, observed)?)
                }
            });
            let found = checked.err();
            differences.extend(found.map(|found| of_value(Value::Argument(i), found)));
        }
        if side.args.len() != self.abi.args.len() {
            differences.push(format!("{} arguments were observed", side.args.len()).into());
        }
        let checked = self.result(side.result.as_ref());
        differences.extend(checked.err().map(|found| of_value(Value::Result, found)));
        let checked = match self.is_callee() {
            true => self.after(side),
            false => self.at_call(side),
        };
        differences.extend(checked.err().map(Difference::from));
        differences
    }

    /// Compares the bytes of a value with `place`. The difference is the first byte elsewhere.
    fn value(
        &self,
        (name, action): (Arguments<'_>, &str),
        place: &Place,
        observed: &ValuePlace,
    ) -> Result<(), Difference> {
        let size = observed.n_bytes();
        let expected = self.expected(place, size)?;
        let rows = |byte| rows(&expected, byte);
        let is_there = |at: &BytePlaces, i: usize, byte: usize| match at {
            BytePlaces::Padding => true,
            BytePlaces::Nowhere => false,
            BytePlaces::Spots(spots) => {
                let is_found = |(bytes, start): &(Range<usize>, Spot)| {
                    let at = start.byte + (byte - bytes.start) as u64;
                    let mut spots = spots.iter();
                    spots.any(|spot| spot.byte + i as u64 == at && spot.base == start.base)
                };
                match self.is_callee() {
                    true => rows(byte).any(is_found),
                    false => rows(byte).next().is_some() && rows(byte).all(is_found),
                }
            }
        };
        let mut bytes = observed.bytes().enumerate();
        let wrong = bytes.find(|(byte, (run, i))| !is_there(&run.at, *i, *byte));
        let Some((first, (run, i))) = wrong else {
            return Ok(());
        };
        Err(self.moved((name, action), &expected, first, (run, i)))
    }

    /// Returns the difference of the byte `first` of a value, byte `i` of its run, and of those
    /// after it that are elsewhere likewise.
    fn moved(
        &self,
        (name, action): (Arguments<'_>, &str),
        expected: &Expected,
        first: usize,
        (run, i): (&ByteRun, usize),
    ) -> Difference {
        let spots_of = |byte: usize| -> Vec<Spot> {
            let rows = rows(expected, byte);
            let spots = rows.map(|(bytes, start)| start.after(byte - bytes.start));
            spots.collect()
        };
        let spots = spots_of(first);
        let all_after = |n| -> Vec<Spot> { spots.iter().map(|spot| spot.after(n)).collect() };
        let goes_on = |n: usize| spots_of(first + n) == all_after(n);
        let n = (1..run.bytes - i)
            .find(|n| !goes_on(*n))
            .unwrap_or(run.bytes - i);
        let mut why = format!("{name}: {} {action} ", self.compiler);
        let _ = match n {
            1 => write!(why, "byte {first} "),
            n => write!(why, "bytes {first} to {} ", first + n - 1),
        };
        let from = match action {
            "passes" | "returns" => "in",
            _ => "from",
        };
        let place = match &run.at {
            BytePlaces::Spots(found) => listed(found.iter().map(|spot| spot.after(i))),
            _ => "no observed place".to_owned(),
        };
        let expected = match spots.is_empty() {
            true => "nowhere".to_owned(),
            false => listed(spots.iter().cloned()),
        };
        let _ = write!(why, "{from} {place}; expected {expected}");
        let moved = MovedBytes {
            bytes: (first, first + n),
            found: match &run.at {
                BytePlaces::Spots(found) => {
                    found.iter().map(|spot| spot.after(i).to_string()).collect()
                }
                _ => Vec::new(),
            },
            expected,
        };
        Difference {
            moved: vec![moved],
            why,
            ..Difference::default()
        }
    }

    /// Checks whether the side that gives a value extends it as `place` says.
    fn extended(
        &self,
        name: Arguments<'_>,
        place: &Place,
        found: &ValuePlace,
    ) -> Result<(), String> {
        let Place::Parts(parts) = place else {
            return Ok(());
        };
        let is_narrow = |placed: &&PlacedPart| {
            placed.part.extension != Extension::None && placed.part.ty.is_int()
        };
        let is_seen = found.runs.iter().any(|run| run.at != BytePlaces::Padding);
        let Some(placed) = parts.iter().find(is_narrow).filter(|_| is_seen) else {
            return Ok(());
        };
        let (width, expected) = (8 * u32::from(placed.part.size), self.extended_bits(placed));
        let note = match placed.part.extension {
            Extension::Sign => "signed",
            _ => "zeroed",
        };
        let size = found.runs.iter().map(|run| run.bytes).sum();
        let mut spots = self.part(placed, size).into_iter().map(|(_, spot)| spot);
        match spots.all(|spot| found.extended(note, &spot).unwrap_or(width) >= expected) {
            true => Ok(()),
            false => Err(format!(
                "{name}: {} does not extend the value in {} to {expected} bits",
                self.compiler, placed.loc
            )),
        }
    }

    /// Returns the number of bits that an extended part fills: 32 of a register of x86-64 and
    /// AArch64, otherwise all.
    fn extended_bits(&self, placed: &PlacedPart) -> u32 {
        let convention = self.abi.convention;
        let slot = 8 * convention.frame.slot;
        match placed.loc {
            // Callers of Win64 do not extend.
            _ if convention.frame.kind == FrameKind::Win64 => 0,
            Loc::Reg(reg) if is_of_64_bits_by_halves(reg) => 32,
            // Callers of System V extend, as some callees rely on it; those of a language do too.
            _ if convention.name == X86_64_SYSV.name => 32,
            _ if convention.frame.kind == FrameKind::Tail => 32,
            // On Apple's systems.
            Loc::Stack(_) if placed.part.size < placed.part.ty.bytes() => {
                8 * u32::from(placed.part.ty.bytes())
            }
            _ => slot,
        }
    }

    /// Checks whether a callee reads bits beyond those that `place` states.
    fn relies(&self, name: Arguments<'_>, place: &Place, found: &ValuePlace) -> Result<(), String> {
        let is_extended = match place {
            Place::Parts(parts) => parts
                .iter()
                .any(|placed| placed.part.extension != Extension::None),
            // System V's callers extend on the stack too: clang's callees need it for `_Bool`.
            Place::Stack { .. } => self.abi.convention.name == X86_64_SYSV.name,
            _ => false,
        };
        match found.note("relies") {
            Some(_) if !is_extended => Err(format!(
                "{name}: {} reads bits above the value, which callers do not set",
                self.compiler
            )),
            _ => Ok(()),
        }
    }

    /// Checks whether a copy is aligned as a callee may rely on: to the type's alignment, at most
    /// to the stack's. Not every compiler aligns a copy more than the stack.
    fn copy(
        &self,
        name: Arguments<'_>,
        place: &Place,
        ty: &Type,
        observed: &ValuePlace,
    ) -> Result<(), String> {
        let Place::Indirect { align, .. } = place else {
            return Ok(());
        };
        let own = ty.as_record().map_or(ty.align(), cabi::Record::align);
        // gcc aligns an `_Atomic` complex number as the plain one.
        let own = own.min(ty.non_atomic().canonical_align());
        let align = own.min(self.abi.convention.frame.stack_align).min(*align);
        let aligned: u32 = observed
            .note("aligned")
            .and_then(|n| n.parse().ok())
            .unwrap_or(4096);
        match aligned >= align.min(4096) {
            true => Ok(()),
            false => Err(format!(
                "{name}: {} aligns its copy to {aligned} bytes; expected {align}",
                self.compiler
            )),
        }
    }

    fn result(&self, found: Option<&ValuePlace>) -> Result<(), Difference> {
        let ret = &self.abi.ret;
        let Some(found) = found else {
            return match ret.returns {
                Returns::Value => Err("the result was not observed".into()),
                _ => Ok(()),
            };
        };
        let action = match self.is_callee() {
            true => "returns",
            false => "reads",
        };
        let name = format_args!("result");
        self.value((name, action), &ret.place, found)?;
        if self.is_callee() {
            self.extended(name, &ret.place, found)?;
        }
        let returned = |reg: Reg| Note {
            name: "returned".to_owned(),
            value: reg.name().to_owned(),
        };
        // A callee that writes nothing shows no pointer.
        let is_seen = found.runs.iter().any(|run| run.at != BytePlaces::Padding);
        match (&ret.place, ret.sret_returned_in) {
            (Place::Indirect { .. }, Some(reg))
                if self.is_callee() && is_seen && !found.notes.contains(&returned(reg)) =>
            {
                let compiler = self.compiler;
                let why = format!("{compiler} does not return the address of the result in {reg}");
                Err(format!("result: {why}").into())
            }
            _ => Ok(()),
        }
    }

    /// Checks the state of the machine after a callee.
    fn after(&self, side: &Side) -> Result<(), String> {
        let expected = match self.abi.ret.returns {
            Returns::Never => return Ok(()),
            _ => n_x87_at(&self.abi.ret.place),
        };
        let (used, popped) = (number(side, "x87"), number(side, "popped"));
        if used != expected {
            return Err(format!(
                "{used} registers of the x87 stack are in use after the call, expected {expected}"
            ));
        }
        if popped != self.abi.callee_pops {
            let expected = self.abi.callee_pops;
            return Err(format!("the callee pops {popped} bytes, not {expected}"));
        }
        let (needed, aligned) = (number(side, "needs"), u64::from(self.abi.area_align));
        if needed > aligned {
            return Err(format!(
                "the callee needs an argument area aligned to {needed} bytes, expected {aligned}"
            ));
        }
        let saved = self.abi.convention.frame.callee_saved;
        let is_usual = |note: &Note| match &*note.name {
            "x87" | "popped" | "needs" => true,
            "carried" => self.carries() == Some(&note.value),
            "lost" => (saved.iter().map(|reg| reg.name()).chain(self.carries()))
                .all(|name| name != note.value),
            _ => false,
        };
        unusual(self.compiler, side, is_usual)
    }

    /// Checks the state of the machine at a call: the alignment of the argument area, and how many
    /// vector registers al says are used.
    fn at_call(&self, side: &Side) -> Result<(), String> {
        let (abi, compiler) = (self.abi, self.compiler);
        if abi.variadic_count.is_some() {
            let (count, expected) = (side.state("count").unwrap_or("?"), abi.used.vector);
            let is_right = |n: u8| n == expected || self.al_is_bound && (expected..=8).contains(&n);
            if !count.parse().is_ok_and(is_right) {
                let bound = if self.al_is_bound { " to 8" } else { "" };
                return Err(format!(
                    "{compiler} makes a variadic call with {count} in al, expected {expected}{bound}"
                ));
            }
        }
        let align = u64::from(abi.area_align);
        if side.state("aligned").is_some() && number(side, "aligned") < align.min(4096) {
            let aligned = number(side, "aligned");
            return Err(format!(
                "{compiler} aligns the argument area to {aligned} bytes, expected {align}"
            ));
        }
        let used = n_x87(abi);
        if number(side, "x87") != used {
            let n = number(side, "x87");
            return Err(format!(
                "{n} registers of the x87 stack are in use at the call, expected {used}"
            ));
        }
        if side.state("carried") != self.carries() {
            let found = side.state("carried").unwrap_or("no register");
            let expected = self.carries().unwrap_or("none");
            return Err(format!(
                "{compiler} passes the address of the error trace in {found}, expected {expected}"
            ));
        }
        let usual = ["aligned", "count", "x87", "carried"];
        unusual(compiler, side, |note| usual.contains(&&*note.name))
    }

    /// Returns the register that holds an address besides the arguments, if one does.
    fn carries(&self) -> Option<&str> {
        self.abi.convention.frame.carried.map(|reg| reg.name())
    }
}

fn of_value(value: Value, difference: Difference) -> Difference {
    Difference {
        value: Some(value),
        ..difference
    }
}

fn number(side: &Side, name: &str) -> u64 {
    side.state(name).and_then(|n| n.parse().ok()).unwrap_or(0)
}
