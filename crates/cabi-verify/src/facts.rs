//! Facts: where a compiler's code has each byte of the values of a call, and the state of the
//! machine beside them, as text.
//!
//! A line is about both sides of the call, which mostly have a value in the same places. The
//! arguments come in order, then the result and the state.
//!
//! ```text
//! 8:rdi                              bytes 0 to 7 of argument 0 are passed in rdi, and read there
//! 4:rsi 4:- 8:sp+0                   bytes 8 to 15 in the argument area, bytes 4 to 7 are padding
//! 8:[rdx] / 8:[rdx]|rcx aligned:16   at the address in rdx; after `/` the caller's, which has
//!                                    the value in both places, and a copy of this alignment
//! 1:rcx relies / 1:rcx zeroed:64     the callee looks at more of the register; extended with zeros
//!                                    to so many bits, after an `@` the place, if there are several
//! 1:rsi + signed:32                  the caller's has further properties: extended by its sign
//! result 16:[rdi] returned:rax / 16:[rdi]
//!                                    written where rdi points to, and the address is returned
//! result 8:rax / none                the caller has no result
//! state x87:1 lost:rbx needs:32 / aligned:16 count:3
//!                                    a register of the x87 stack in use, one that some convention
//!                                    keeps changed, alignment of the argument area; al
//! state / ends:callee:it_hangs       which function ends the process, and how, with `_` for
//!                                    spaces; a callee's end is its caller's too
//! ```
//!
//! A `?` stands for bytes that are nowhere. Nothing in facts says where values should be: that is
//! [`compare`](crate::compare)'s.

use std::fmt;
use std::sync::Arc;

use crate::case::Direction;
use crate::verdict::Value;

#[cfg(test)]
mod tests;
mod text;
mod verdicts;

/// Both sides of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The function that is called.
    pub callee: Side,
    /// The function that calls.
    pub caller: Side,
}

/// One side of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Side {
    /// The arguments.
    pub args: Vec<ValuePlace>,
    /// The result, if there is one and the call returns.
    pub result: Option<ValuePlace>,
    /// The state of the machine: after a callee, or at a caller's call.
    pub state: Vec<Note>,
}

/// Place of a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ValuePlace {
    /// Its bytes in order.
    pub runs: Vec<ByteRun>,
    /// Further properties.
    pub notes: Vec<Note>,
}

/// Bytes of a value that go on in the same places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteRun {
    /// Number of them.
    pub bytes: usize,
    /// Their places.
    pub at: BytePlaces,
}

/// Places of bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BytePlaces {
    /// They are padding.
    Padding,
    /// Nowhere.
    Nowhere,
    /// In each of these places.
    Spots(Vec<Spot>),
}

/// A byte's place: a register, the argument area (`sp`), or memory that a pointer points to
/// (`[rdi]`, `[sp+8]`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Spot {
    /// Name of the place.
    pub base: Arc<str>,
    /// Bytes from its start.
    pub byte: u64,
}

/// A word, and its value after a colon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The word.
    pub name: String,
    /// The text after the colon.
    pub value: String,
}

impl Spot {
    /// Returns the place so many bytes further on.
    #[must_use]
    pub fn after(&self, bytes: usize) -> Self {
        Self {
            base: self.base.clone(),
            byte: self.byte + bytes as u64,
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        match self.byte {
            0 if *self.base != *"sp" => Ok(()),
            byte => write!(f, "+{byte}"),
        }
    }
}

impl fmt::Display for ByteRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.bytes)?;
        match &self.at {
            BytePlaces::Padding => f.write_str("-"),
            BytePlaces::Nowhere => f.write_str("?"),
            BytePlaces::Spots(spots) => {
                let spots: Vec<String> = spots.iter().map(Spot::to_string).collect();
                f.write_str(&spots.join("|"))
            }
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.value.is_empty() {
            true => Ok(()),
            false => write!(f, ":{}", self.value.replace(' ', "_")),
        }
    }
}

impl fmt::Display for ValuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.iter().try_for_each(|run| write!(f, " {run}"))?;
        self.notes.iter().try_for_each(|note| write!(f, " {note}"))
    }
}

impl Facts {
    /// Returns the compiler's side of calls in a direction: its callee, or its caller.
    pub fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Call => &self.callee,
            Direction::Callee => &self.caller,
        }
    }

    /// Returns the words about a function that ends the process, or else the lines about `value`;
    /// without one about the state of the machine.
    pub fn about(&self, value: Option<Value>) -> String {
        let ends = self
            .caller
            .state("ends")
            .and_then(|how| how.split_once(':'));
        if let Some((function, how)) = ends {
            return format!("the {function} {how}");
        }
        let word = match value {
            Some(Value::Argument(i)) => i.to_string(),
            Some(Value::Result) => "result".to_owned(),
            None => "state".to_owned(),
        };
        let sides = [("callee", &self.callee), ("caller", &self.caller)];
        let lines = sides.into_iter().filter_map(|(name, side)| {
            let place = side.place(value)?;
            (place != ValuePlace::default()).then(|| format!("{name} {word}{place}"))
        });
        lines.collect::<Vec<_>>().join(", ")
    }
}

impl Side {
    /// Returns the number of values that it shows.
    fn n_values(&self) -> usize {
        let places = self.args.iter().chain(&self.result);
        let has_bytes =
            |place: &&ValuePlace| place.runs.iter().any(|run| run.at != BytePlaces::Padding);
        places.filter(has_bytes).count()
    }

    /// Returns the place of `value`, or else the state as the notes of a place without bytes.
    fn place(&self, value: Option<Value>) -> Option<ValuePlace> {
        match value {
            Some(Value::Argument(i)) => self.args.get(i).cloned(),
            Some(Value::Result) => self.result.clone(),
            None => Some(ValuePlace {
                runs: Vec::new(),
                notes: self.state.clone(),
            }),
        }
    }

    /// Returns the state's value of `name`.
    pub fn state(&self, name: &str) -> Option<&str> {
        note(&self.state, name)
    }
}

impl ValuePlace {
    /// Returns the size of the value that was looked at, in bytes.
    pub(crate) fn n_bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    fn read<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let mut place = Self::default();
        for word in words {
            match word.starts_with(|c: char| c.is_ascii_digit()) {
                true => place.runs.push(ByteRun::read(word)?),
                false => place.notes.push(Note::read(word)?),
            }
        }
        Some(place)
    }

    /// Returns the bits to which it is extended at `spot`. If it is in several places, the note
    /// names the place: `32@sp+8`.
    pub fn extended(&self, how: &str, spot: &Spot) -> Option<u32> {
        let notes = self.notes.iter().filter(|note| note.name == how);
        let bits = notes.filter_map(|note| match note.value.split_once('@') {
            Some((bits, place)) => (place == spot.to_string()).then_some(bits),
            None => Some(&*note.value),
        });
        bits.filter_map(|bits| bits.parse().ok()).next()
    }

    /// Returns its note `name`.
    pub fn note(&self, name: &str) -> Option<&str> {
        note(&self.notes, name)
    }

    /// Returns each byte: its run, and its number in the run.
    pub fn bytes(&self) -> impl Iterator<Item = (&ByteRun, usize)> {
        let each = |run| (0..).map(move |i| (run, i));
        (self.runs.iter()).flat_map(move |run: &ByteRun| each(run).take(run.bytes))
    }
}

impl ByteRun {
    fn read(word: &str) -> Option<Self> {
        let (bytes, at) = word.split_once(':')?;
        let at = match at {
            "-" => BytePlaces::Padding,
            "?" => BytePlaces::Nowhere,
            spots => BytePlaces::Spots(spots.split('|').map(Spot::read).collect::<Option<_>>()?),
        };
        Some(Self {
            bytes: bytes.parse().ok()?,
            at,
        })
    }
}

impl Spot {
    fn read(text: &str) -> Option<Self> {
        let end = text.rfind(']').map_or(0, |end| end + 1);
        let (base, byte) = match text[end..].split_once('+') {
            Some((base, byte)) => (&text[..end + base.len()], byte.parse().ok()?),
            None => (text, 0),
        };
        (!base.is_empty()).then(|| Self {
            base: base.into(),
            byte,
        })
    }
}

impl Note {
    fn read(word: &str) -> Option<Self> {
        let (name, value) = word.split_once(':').unwrap_or((word, ""));
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            value: value.replace('_', " "),
        })
    }
}

fn note<'n>(notes: &'n [Note], name: &str) -> Option<&'n str> {
    let note = notes.iter().find(|note| note.name == name);
    note.map(|note| note.value.as_str())
}
