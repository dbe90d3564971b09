//! Contents of registers and memory, by their sources.

use std::collections::{BTreeMap, BTreeSet};

use cabi::Loc;

/// Base of an address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AddressBase {
    /// A register at the function's entry, from its low-order byte on.
    Register(String),
    /// A register after the last call.
    Result(String),
    /// The argument area of the function itself.
    Frame,
    /// The stack pointer during calls.
    Outgoing,
    /// An object of the function's own on its stack.
    Local(String),
    /// A global.
    Global(String),
    /// The address that was in this place.
    Pointer(Box<Address>),
    /// No memory: these are bytes of the address itself.
    Itself(Box<Address>),
}

/// Place, and source of a byte: the former contents of this place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    /// Base of the address.
    pub base: AddressBase,
    /// Bytes.
    pub offset: i64,
}

impl Address {
    pub(super) fn new(base: AddressBase, offset: i64) -> Self {
        Self { base, offset }
    }

    /// Returns the address `bytes` bytes on.
    pub fn plus(&self, bytes: i64) -> Self {
        Self::new(self.base.clone(), self.offset.wrapping_add(bytes))
    }
}

/// All that a byte was made of.
pub type ByteSources = BTreeSet<Address>;

/// The most bytes a register has.
const WIDEST: usize = 32;

/// Contents of a register: the sources of its bytes from the low-order one on, and its number,
/// where that is known.
#[derive(Clone, Default, Debug)]
pub(super) struct Value {
    bytes: Vec<ByteSources>,
    pub(super) number: Option<i64>,
}

impl Value {
    pub(super) fn number(number: i64) -> Self {
        let number = Some(number);
        let bytes = Vec::new();
        Self { bytes, number }
    }

    fn of_bytes(bytes: impl IntoIterator<Item = ByteSources>) -> Self {
        let bytes = bytes.into_iter().collect();
        Self {
            bytes,
            number: None,
        }
    }

    /// Returns the contents of a register or a place that nothing has changed, from `first` on.
    fn unchanged(base: AddressBase) -> Self {
        let first = Address::new(base, 0);
        Self::of_bytes(
            (0..)
                .take(WIDEST)
                .map(|i| ByteSources::from([first.plus(i)])),
        )
    }

    pub(super) fn of_address(address: Address) -> Self {
        Self::unchanged(AddressBase::Itself(Box::new(address)))
    }

    /// Returns the address that it holds.
    pub(super) fn address(&self) -> Option<Address> {
        let sources = self.bytes.first()?;
        let first = sources.first().filter(|_| sources.len() == 1)?;
        Some(match &first.base {
            AddressBase::Itself(address) if first.offset == 0 => (**address).clone(),
            AddressBase::Itself(_) => return None,
            _ => Address::new(AddressBase::Pointer(Box::new(first.clone())), 0),
        })
    }

    /// Returns the bytes from byte `bytes` on.
    pub(super) fn upper(&self, bytes: usize) -> Self {
        Self::of_bytes(self.bytes.iter().skip(bytes).cloned())
    }

    /// Each byte made of all that `values` are made of, but for addresses.
    pub(super) fn of_all(values: impl Iterator<Item = Self>) -> Self {
        let all = values.flat_map(|one| one.bytes).flatten();
        let all = all.filter(|source| !matches!(&source.base, AddressBase::Itself(_)) && !matches!(&source.base, AddressBase::Local(name) if name == "signed" || name == "zeroed"));
        Self::of_bytes(vec![all.collect(); WIDEST])
    }

    /// With all of a word made of it.
    pub(super) fn extended(mut self) -> Self {
        let first = self.bytes.first().cloned().unwrap_or_default();
        self.bytes.resize(4, first);
        self
    }

    /// So many bytes, with copies of the sign or zeros above them.
    pub(super) fn widened(mut self, bytes: usize, is_signed: bool) -> Self {
        if !(1..4).contains(&bytes) {
            return self;
        }
        self.bytes.resize(bytes, Sources::new());
        let above = if is_signed { "signed" } else { "zeroed" };
        let above = Address::new(AddressBase::Local(above.to_owned()), 0);
        self.bytes.resize(4, Sources::from([above]));
        self
    }

    /// Four bytes of each.
    pub(super) fn joined(low: &Self, high: &Self) -> Self {
        Self::of_bytes(low.filled().take(4).chain(high.filled().take(4)))
    }

    /// Its bytes, and after them as many as there may be of no source.
    fn filled(&self) -> impl Iterator<Item = ByteSources> {
        let none = std::iter::repeat(ByteSources::new());
        self.bytes.iter().cloned().chain(none)
    }
}

/// State at one point of a function. The machine's registers have names that begin with `$`.
#[derive(Clone, Debug)]
pub struct MachineState {
    registers: BTreeMap<String, Value>,
    memory: BTreeMap<Address, ByteSources>,
    /// Bytes from the stack pointer to the argument area.
    area: i64,
    /// `true` after a call.
    called: bool,
}

impl MachineState {
    pub(super) fn at_entry(area: i64) -> Self {
        Self {
            registers: BTreeMap::new(),
            memory: BTreeMap::new(),
            area,
            called: false,
        }
    }

    pub(super) fn get(&self, register: &str) -> Value {
        if let Some(value) = self.registers.get(register) {
            return value.clone();
        }
        let Some(name) = register.strip_prefix('$') else {
            return Value::default();
        };
        Value::unchanged(match self.called {
            true => AddressBase::Result(name.to_owned()),
            false => AddressBase::Register(name.to_owned()),
        })
    }

    pub(super) fn set(&mut self, register: &str, value: Value) {
        self.registers.insert(register.to_owned(), value);
    }

    /// Returns the sources of a byte's present contents.
    pub fn held(&self, at: &Address) -> ByteSources {
        match (&at.base, self.memory.get(at)) {
            (_, Some(sources)) => sources.clone(),
            (AddressBase::Register(name), _) => {
                let held = self.get(&format!("${name}")).bytes;
                let byte = usize::try_from(at.offset).ok().and_then(|at| held.get(at));
                byte.cloned().unwrap_or_default()
            }
            (AddressBase::Local(_), _) => ByteSources::new(),
            _ => ByteSources::from([at.clone()]),
        }
    }

    /// Every byte of a register or of memory that is known to have been set, with its sources.
    pub(super) fn all(&self) -> impl Iterator<Item = (Address, Sources)> {
        let registers = self.registers.iter().filter_map(|(name, value)| {
            let base = AddressBase::Register(name.strip_prefix('$')?.to_owned());
            Some((Address::new(base, 0), value))
        });
        let registers = registers.flat_map(|(first, value)| {
            let bytes = value.bytes.iter().zip(0..);
            bytes
                .map(move |(sources, i)| (first.plus(i), sources.clone()))
                .collect::<Vec<_>>()
        });
        registers.chain(
            self.memory
                .iter()
                .map(|(at, sources)| (at.clone(), sources.clone())),
        )
    }

    /// Every register and word of the argument area with an address.
    pub(super) fn pointers(&self) -> Vec<(Address, Address)> {
        let registers = self.registers.iter().filter_map(|(name, value)| {
            let base = AddressBase::Register(name.strip_prefix('$')?.to_owned());
            Some((Address::new(base, 0), value.address()?))
        });
        let words = self.memory.keys().filter(|at| {
            at.base == AddressBase::Outgoing
                && at.offset >= self.area
                && (at.offset - self.area) % 4 == 0
        });
        let words = words.filter_map(|at| Some((at.clone(), self.load(Some(at), 4).address()?)));
        registers.chain(words).collect()
    }

    pub(super) fn area(&self) -> i64 {
        self.area
    }

    /// Checks whether something was stored to a byte of memory.
    pub(crate) fn is_written(&self, at: &Address) -> bool {
        self.memory.contains_key(at)
    }

    pub(super) fn load(&self, at: Option<&Address>, bytes: usize) -> Value {
        let places = at.into_iter().flat_map(|at| (0..).map(|i| at.plus(i)));
        Value::of_bytes(places.take(bytes).map(|at| self.held(&at)))
    }

    pub(super) fn store(&mut self, at: Option<&Address>, bytes: usize, value: &Value) {
        let places = at.into_iter().flat_map(|at| (0..).map(|i| at.plus(i)));
        self.memory.extend(places.zip(value.filled().take(bytes)));
    }

    /// Applies a call of `callee`, if that is part of the compiler's own library: copies of memory,
    /// and accesses that are not aligned. Returns whether it is.
    pub(super) fn is_own(&mut self, callee: &str) -> bool {
        let [first, second, third] = ["$r0", "$r1", "$r2"].map(|name| self.get(name));
        let to = first.address();
        if callee.contains("memcpy") || callee.contains("memmove") {
            let bytes = usize::try_from(third.number.unwrap_or(0).min(4096)).unwrap_or(0);
            let copied = self.load(second.address().as_ref(), bytes);
            self.store(to.as_ref(), bytes, &copied);
        } else if callee.contains("misaligned_store") {
            self.store(to.as_ref(), 4, &second);
        } else if callee.contains("misaligned_load") {
            self.set("$r0", self.load(to.as_ref(), 4));
        } else {
            return false;
        }
        true
    }

    /// Sets the machine's registers, but for the one of the `stack`, to the results of a call.
    pub(super) fn call(&mut self, stack: &str) {
        self.registers
            .retain(|name, _| !name.starts_with('$') || name == stack);
        self.called = true;
    }

    /// Returns the address that the argument in `loc` of the present call points to.
    pub(super) fn pointer_in(&self, loc: &Loc) -> Option<Address> {
        let pointer = match loc {
            Loc::Stack(offset) => {
                let at = self.outgoing(i64::try_from(*offset).ok()?);
                self.load(Some(&at), 1)
            }
            register => self.get(&format!("${register}")),
        };
        pointer.address()
    }

    /// Returns a byte of the argument area of the present call.
    pub fn outgoing(&self, offset: i64) -> Address {
        Address::new(AddressBase::Outgoing, self.area + offset)
    }
}
