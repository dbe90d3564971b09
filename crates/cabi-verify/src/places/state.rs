//! What registers and memory hold, by its sources.

use std::collections::{BTreeMap, BTreeSet};

use cabi::Loc;

/// What an address is counted from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AddressBase {
    /// A register at the function's entry, from its low-order byte on.
    Register(String),
    /// A register after the last call.
    Result(String),
    /// The argument area of the function itself.
    Frame,
    /// What is at the stack pointer during calls.
    Outgoing,
    /// An object of the function's own on its stack.
    Local(String),
    /// A global.
    Global(String),
    /// What was in this place.
    Pointer(Box<Address>),
}

/// A place, and what a byte was made of: what was in this place before.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    /// What it is counted from.
    pub base: AddressBase,
    /// Bytes.
    pub offset: i64,
}

impl Address {
    pub(super) fn new(base: AddressBase, offset: i64) -> Self {
        Self { base, offset }
    }

    /// `bytes` bytes on.
    pub fn plus(&self, bytes: i64) -> Self {
        Self::new(self.base.clone(), self.offset.wrapping_add(bytes))
    }
}

/// All that a byte was made of.
pub type Sources = BTreeSet<Address>;

/// The most bytes a register has.
const WIDEST: usize = 32;

/// What a register holds: the sources of its bytes from the low-order one on, and what it is as an address or a number, where that is known.
#[derive(Clone, Default, Debug)]
pub(super) struct Value {
    bytes: Vec<Sources>,
    pub(super) address: Option<Address>,
    pub(super) number: Option<i64>,
}

impl Value {
    pub(super) fn number(number: i64) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }

    pub(super) fn address(address: Address) -> Self {
        Self {
            address: Some(address),
            ..Self::default()
        }
    }

    /// What is in a register that nothing has changed.
    fn unchanged(base: AddressBase) -> Self {
        let first = Address::new(base, 0);
        let bytes = (0..).take(WIDEST).map(|i| Sources::from([first.plus(i)]));
        Self {
            bytes: bytes.collect(),
            address: Some(Address::new(AddressBase::Pointer(Box::new(first)), 0)),
            number: None,
        }
    }

    /// What is `bytes` bytes up.
    pub(super) fn upper(&self, bytes: usize) -> Self {
        Self {
            bytes: self.bytes.iter().skip(bytes).cloned().collect(),
            ..Self::default()
        }
    }

    /// Each byte made of all that `values` are made of.
    pub(super) fn of_all(values: Vec<Self>) -> Self {
        let all: Sources = values
            .into_iter()
            .flat_map(|one| one.bytes)
            .flatten()
            .collect();
        Self {
            bytes: vec![all; WIDEST],
            ..Self::default()
        }
    }

    /// With all of a word made of it.
    pub(super) fn extended(mut self) -> Self {
        let first = self.bytes.first().cloned().unwrap_or_default();
        self.bytes.resize(4, first);
        self
    }

    /// Four bytes of each.
    pub(super) fn joined(low: &Self, high: &Self) -> Self {
        let four = |value: &Self| {
            let mut bytes = value.bytes.clone();
            bytes.resize(4, Sources::new());
            bytes
        };
        Self {
            bytes: [four(low), four(high)].concat(),
            ..Self::default()
        }
    }
}

/// What holds at one point of a function. The machine's registers have names that begin with `$`.
#[derive(Clone, Debug)]
pub struct State {
    registers: BTreeMap<String, Value>,
    memory: BTreeMap<Address, Sources>,
    /// Addresses in memory, with the bytes they take: frames hold pointers.
    pointers: BTreeMap<Address, (usize, Value)>,
    /// Bytes from the stack pointer to the argument area.
    area: i64,
    /// Whether something was called.
    called: bool,
}

impl State {
    pub(super) fn at_entry(area: i64) -> Self {
        Self {
            registers: BTreeMap::new(),
            memory: BTreeMap::new(),
            pointers: BTreeMap::new(),
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

    /// The sources of what a byte holds now.
    pub fn held(&self, at: &Address) -> Sources {
        match (&at.base, self.memory.get(at)) {
            (_, Some(sources)) => sources.clone(),
            (AddressBase::Register(name), _) => {
                let held = self.get(&format!("${name}")).bytes;
                let byte = usize::try_from(at.offset).ok().and_then(|at| held.get(at));
                byte.cloned().unwrap_or_default()
            }
            (AddressBase::Local(_), _) => Sources::new(),
            _ => Sources::from([at.clone()]),
        }
    }

    /// Whether something was stored to a byte of memory.
    pub(super) fn is_written(&self, at: &Address) -> bool {
        self.memory.contains_key(at)
    }

    pub(super) fn load(&self, at: Option<&Address>, bytes: usize) -> Value {
        let Some(at) = at else {
            return Value::default();
        };
        match self.pointers.get(at) {
            Some((stored, value)) if *stored == bytes => return value.clone(),
            _ => {}
        }
        let offsets = (0..).take(bytes);
        let loaded = offsets.map(|i| self.held(&at.plus(i))).collect();
        // What is a pointer in the argument area.
        let first = self.held(at).into_iter().next();
        let address = first
            .filter(|_| at.base == AddressBase::Frame)
            .map(|source| Address::new(AddressBase::Pointer(Box::new(source)), 0));
        Value {
            bytes: loaded,
            address,
            number: None,
        }
    }

    pub(super) fn store(&mut self, at: Option<&Address>, bytes: usize, value: &Value) {
        let Some(at) = at else {
            return;
        };
        let all = value
            .bytes
            .iter()
            .cloned()
            .chain(std::iter::repeat(Sources::new()));
        for (i, sources) in (0..).zip(all.take(bytes)) {
            let at = at.plus(i);
            self.pointers.remove(&at);
            self.memory.insert(at, sources);
        }
        if value.address.is_some() {
            self.pointers.insert(at.clone(), (bytes, value.clone()));
        }
    }

    /// Does what a call of `callee` does if that is part of the compiler's own library: copies of memory, and accesses that are not aligned.
    pub(super) fn is_own(&mut self, callee: &str) -> bool {
        let [first, second, third] = ["$r0", "$r1", "$r2"].map(|name| self.get(name));
        let to = first.address;
        if callee.contains("memcpy") || callee.contains("memmove") {
            let bytes = third.number.unwrap_or(0).min(4096);
            if let (Some(to), Some(from)) = (to, second.address) {
                for i in 0..bytes {
                    let sources = self.held(&from.plus(i));
                    self.memory.insert(to.plus(i), sources);
                }
            }
        } else if callee.contains("misaligned_store") {
            self.store(to.as_ref(), 4, &second);
        } else if callee.contains("misaligned_load") {
            self.set("$r0", self.load(to.as_ref(), 4));
        } else {
            return false;
        }
        true
    }

    /// After a call: the machine's registers, but for the one of the `stack`, hold what it returned.
    pub(super) fn call(&mut self, stack: &str) {
        self.registers
            .retain(|name, _| !name.starts_with('$') || name == stack);
        self.called = true;
    }

    /// The address of what an argument in `loc` of what is called now points to.
    pub(super) fn pointer_in(&self, loc: &Loc) -> Option<Address> {
        let pointer = match loc {
            Loc::Stack(offset) => {
                let at = self.outgoing(i64::try_from(*offset).ok()?);
                return self.pointers.get(&at)?.1.address.clone();
            }
            register => self.get(&format!("${register}")),
        };
        pointer.address
    }

    /// A byte of the argument area of what is called now.
    pub fn outgoing(&self, offset: i64) -> Address {
        Address::new(AddressBase::Outgoing, self.area + offset)
    }
}
