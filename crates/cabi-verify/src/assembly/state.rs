//! What registers and memory hold, by its sources.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::{Isa, number};

/// What a byte was made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// This byte of a register at the function's entry, counted from the low-order one.
    Register(String, usize),
    /// This byte of a register after the last call.
    Result(String, usize),
    /// This byte of the argument area.
    Slot(i64),
    /// This byte of a global.
    Global(String, i64),
    /// This byte of what the address in another source points to.
    PointedTo(Box<Source>, i64),
}

/// All that a byte was made of.
pub type Sources = BTreeSet<Source>;

/// What an address is counted from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Base {
    /// The argument area of the function itself.
    Frame,
    /// A global.
    Global(String),
    /// What was in this place.
    Pointer(Source),
}

/// An address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    /// What it is counted from.
    pub base: Base,
    /// Bytes.
    pub offset: i64,
}

impl Address {
    pub(super) fn new(base: Base, offset: i64) -> Self {
        Self { base, offset }
    }

    /// `bytes` bytes on.
    pub fn plus(&self, bytes: i64) -> Self {
        Self::new(self.base.clone(), self.offset.wrapping_add(bytes))
    }
}

/// The most bytes a register has.
const WIDEST: usize = 64;

/// What a register holds: the sources of its bytes from the low-order one on, and what it is as an address or a number, where that is known.
#[derive(Clone, Default, Debug)]
pub(super) struct Value {
    bytes: Vec<Sources>,
    address: Option<Address>,
    number: Option<i64>,
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
    fn unchanged(byte: impl Fn(usize) -> Source) -> Self {
        Self {
            bytes: (0..WIDEST).map(|i| Sources::from([byte(i)])).collect(),
            address: Some(Address::new(Base::Pointer(byte(0)), 0)),
            number: None,
        }
    }

    fn all(&self) -> Sources {
        self.bytes.iter().flatten().cloned().collect()
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
        let all: Sources = values.iter().flat_map(Self::all).collect();
        Self {
            bytes: vec![all; WIDEST],
            ..Self::default()
        }
    }

    /// The low-order `bytes` bytes.
    pub(super) fn low(&self, bytes: usize) -> Self {
        let mut low = self.clone();
        low.bytes.truncate(bytes);
        low
    }
}

/// What holds at one point of a function.
#[derive(Clone, Debug)]
pub struct State {
    registers: BTreeMap<String, Value>,
    memory: BTreeMap<(Base, i64), Sources>,
    /// Addresses in memory, with the bytes they take: frames hold pointers.
    pointers: BTreeMap<(Base, i64), (usize, Value)>,
    /// The stack pointer.
    stack: i64,
    /// Whether something was called.
    called: bool,
    isa: Isa,
    /// Addresses in pools of constants, by their labels.
    pool: Rc<HashMap<String, Address>>,
}

impl State {
    pub(super) fn at_entry(isa: &Isa, pool: &Rc<HashMap<String, Address>>) -> Self {
        Self {
            registers: BTreeMap::new(),
            memory: BTreeMap::new(),
            pointers: BTreeMap::new(),
            stack: -isa.area - isa.return_address,
            called: false,
            isa: *isa,
            pool: Rc::clone(pool),
        }
    }

    /// The address at `label`.
    pub(super) fn constant(&self, label: &str) -> Option<Address> {
        self.pool.get(label).cloned()
    }

    pub(super) fn get(&self, register: &str) -> Value {
        match self.registers.get(register) {
            Some(value) => value.clone(),
            None if self.called && !(self.isa.preserved)(register) => {
                Value::unchanged(|i| Source::Result(register.to_owned(), i))
            }
            None => Value::unchanged(|i| Source::Register(register.to_owned(), i)),
        }
    }

    pub(super) fn set(&mut self, register: &str, value: Value) {
        self.registers.insert(register.to_owned(), value);
    }

    /// Makes `register` of all that is in others; numbers are nothing.
    pub(super) fn combine<'r>(&mut self, register: &str, of: impl IntoIterator<Item = &'r str>) {
        let others = of.into_iter().filter(|other| number(other).is_none());
        let value = Value::of_all(others.map(|other| self.get(other)).collect());
        self.set(register, value);
    }

    /// Makes `register` of all `operands` after the first; where `from` is an address, of what is `bytes` bytes on.
    pub(super) fn offset(
        &mut self,
        register: &str,
        from: &str,
        bytes: Option<i64>,
        operands: &[&str],
    ) {
        let address = self.address_in(from);
        self.combine(register, operands.iter().skip(1).copied());
        if let (Some(bytes), Some(value)) = (bytes, self.registers.get_mut(register)) {
            value.address = address.map(|address| address.plus(bytes));
        }
    }

    /// Makes `register` of the low-order four bytes of `low`, and of what `high` is where it is another register; else of its own upper bytes.
    pub(super) fn join(&mut self, register: &str, low: &str, high: &str) {
        let upper = match high == register {
            true => self.get(high).upper(4),
            false => self.get(high).low(4),
        };
        let mut value = self.get(low).low(4);
        value.address = None;
        value.bytes.resize(4, Sources::new());
        value.bytes.extend(upper.bytes);
        self.set(register, value);
    }

    pub(super) fn move_stack(&mut self, bytes: i64) {
        self.stack += bytes;
    }

    /// Moves the stack pointer down to a multiple of `align` bytes, beyond what is there: how far, no code says.
    pub(super) fn align_stack(&mut self, align: i64) {
        const FAR: i64 = 1 << 16;
        self.stack = (self.stack - FAR) & -align;
    }

    /// What is `offset` bytes from the stack pointer.
    pub(super) fn on_stack(&self, offset: i64) -> Address {
        Address::new(Base::Frame, self.stack + offset)
    }

    pub(super) fn address_in(&self, register: &str) -> Option<Address> {
        self.get(register).address
    }

    pub(super) fn number_in(&self, register: &str) -> Option<i64> {
        self.get(register).number
    }

    /// The sources of one byte of memory.
    pub fn byte(&self, at: &Address) -> Sources {
        if let Some(sources) = self.memory.get(&(at.base.clone(), at.offset)) {
            return sources.clone();
        }
        Sources::from([match &at.base {
            Base::Frame if at.offset >= 0 => Source::Slot(at.offset),
            Base::Frame => return Sources::new(),
            Base::Global(name) => Source::Global(name.clone(), at.offset),
            Base::Pointer(source) => Source::PointedTo(Box::new(source.clone()), at.offset),
        }])
    }

    /// Whether something was stored to a byte of memory.
    pub(super) fn is_written(&self, at: &Address) -> bool {
        self.memory.contains_key(&(at.base.clone(), at.offset))
    }

    pub(super) fn load(&self, at: Option<&Address>, bytes: usize) -> Value {
        let Some(at) = at else {
            return Value::default();
        };
        match self.pointers.get(&(at.base.clone(), at.offset)) {
            Some((stored, value)) if *stored == bytes => return value.clone(),
            _ => {}
        }
        let offsets = (0..).take(bytes);
        let loaded = offsets.map(|i| self.byte(&at.plus(i))).collect();
        // What is a pointer in the argument area.
        let first = self.byte(at).into_iter().next();
        let address = first
            .filter(|_| at.base == Base::Frame)
            .map(|source| Address::new(Base::Pointer(source), 0));
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
        for i in 0..bytes {
            let at = at.plus(i64::try_from(i).unwrap_or(0));
            let sources = value.bytes.get(i).cloned().unwrap_or_default();
            self.pointers.remove(&(at.base.clone(), at.offset));
            self.memory.insert((at.base, at.offset), sources);
        }
        if value.address.is_some() {
            let key = (at.base.clone(), at.offset);
            self.pointers.insert(key, (bytes, value.low(bytes)));
        }
    }

    /// Copies bytes from one place to another.
    pub(super) fn copy(&mut self, to: Option<&Address>, from: Option<&Address>, bytes: i64) {
        let (Some(to), Some(from)) = (to, from) else {
            return;
        };
        for i in 0..bytes.min(4096) {
            let sources = self.byte(&from.plus(i));
            let at = to.plus(i);
            self.memory.insert((at.base, at.offset), sources);
        }
    }

    /// Does what a call of `callee` does if that is part of the compiler's own library: copies of memory, and accesses that are not aligned.
    pub(super) fn is_own(&mut self, callee: &str) -> bool {
        let [first, second, third] = self.isa.arguments;
        let to = self.address_in(first);
        if callee.contains("memcpy") || callee.contains("memmove") {
            let bytes = self.number_in(third).unwrap_or(0);
            let from = self.address_in(second);
            self.copy(to.as_ref(), from.as_ref(), bytes);
        } else if callee.contains("misaligned_store") {
            self.store(to.as_ref(), 4, &self.get(second));
        } else if callee.contains("misaligned_load") {
            self.set(first, self.load(to.as_ref(), 4));
        } else {
            return false;
        }
        true
    }

    /// After a call: registers that it does not preserve hold what it returned.
    pub(super) fn forget_registers(&mut self) {
        let preserved = self.isa.preserved;
        self.registers.retain(|name, _| preserved(name));
        self.called = true;
    }

    /// The sources of byte `at` of what a register holds, counted from the low-order one.
    pub fn register(&self, name: &str, at: usize) -> Sources {
        self.get(name).bytes.get(at).cloned().unwrap_or_default()
    }

    /// The address that a register holds.
    pub fn pointer(&self, name: &str) -> Option<Address> {
        self.address_in(name)
    }

    /// The address that is in memory.
    pub fn pointer_at(&self, at: &Address) -> Option<Address> {
        self.pointers
            .get(&(at.base.clone(), at.offset))?
            .1
            .address
            .clone()
    }

    /// A byte of the argument area of what is called now.
    pub fn outgoing(&self, offset: u64) -> Address {
        self.on_stack(self.isa.area + i64::try_from(offset).unwrap_or(0))
    }
}
