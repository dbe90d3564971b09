//! LLVM's machine code as it is when instructions have been selected, as text (`-stop-after=finalize-isel`): the arguments and results of a function are copies from and
//! to registers, accesses of its stack and of globals name them, and every other value has a register of its own.

use std::collections::HashMap;

use super::state::{Address, AddressBase, MachineState, Value};

/// How a machine's code is read.
#[derive(Clone, Copy, Debug)]
pub struct Isa {
    /// The stack pointer.
    stack: &'static str,
    /// Bytes from the stack pointer to the argument area, at a function's entry and at a call.
    area: i64,
    /// Bytes that an operand beside an address counts in, by the instruction's name and the bytes of an access.
    unit: fn(&str, usize) -> i64,
    /// Default memory operand of an instruction that accesses the memory at the stack pointer.
    at_stack: fn(&str) -> &'static str,
    /// Prefixes of calls, and the prefix of returns.
    call: &'static [&'static str],
    ret: &'static str,
    /// Returns a register's name in the psABI.
    name: fn(&str) -> String,
    /// Effects of instructions on their operands, by prefixes of their names: the first that fits.
    effects: &'static [(&'static str, Effect)],
    /// Tells whether a store has its address before the value; the number of a lane may follow.
    is_address_first: fn(&str) -> bool,
    /// Parts of an address without information, and their replacements.
    unsaid: &'static [(&'static str, &'static str)],
    /// Place of a result for which a return has no register of the machine.
    top: Option<&'static str>,
}

/// Effect of an instruction on its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effect {
    /// The register among the operands; the upper bits of a wider result are ignored.
    Copy,
    /// A sum. `or` with an aligned address is one.
    Sum,
    /// As many ones as the number says.
    Ones,
    /// The loaded value, extended to a word.
    Extend,
    /// The upper four bytes of the operand.
    Upper,
    /// The first operand with the second as its lower four bytes.
    SetLower,
    /// Four bytes of each operand.
    Join,
}

/// Instructions that LLVM has for every machine.
const COPIES: [(&str, Effect); 4] = [
    ("COPY", Effect::Copy),
    ("SUBREG_TO_REG", Effect::Copy),
    ("SEXT", Effect::Copy),
    ("ZEXT", Effect::Copy),
];

impl Isa {
    /// Settings of most machines.
    const USUAL: Self = Self {
        stack: "",
        area: 0,
        unit: |_, _| 1,
        at_stack: |_| "",
        call: &[],
        ret: "",
        name: str::to_owned,
        effects: &[],
        is_address_first: |_| false,
        unsaid: &[],
        top: None,
    };
    /// XCore.
    pub const XCORE: Self = Self {
        stack: "sp",
        area: 4,
        unit: |op, bytes| match op {
            op if op.starts_with("LDAWF_") || op.starts_with("LDAWB_") => 4,
            op if op.starts_with("LDA16F_") || op.starts_with("LDA16B_") => 2,
            op if op.starts_with("LDWSP_") || op.starts_with("STWSP_") => 4,
            op if op.ends_with("_2rus") && (op.starts_with("LDW") || op.starts_with("STW")) => 4,
            op if op.ends_with("3r") && bytes > 0 => i64::try_from(bytes).unwrap_or(1),
            _ => 1,
        },
        at_stack: |op| match op {
            op if op.starts_with("LDWSP_") => "load (s32)",
            op if op.starts_with("STWSP_") => "store (s32)",
            _ => "",
        },
        call: &["BL"],
        ret: "RETSP",
        effects: &[
            ("MKMSK", Effect::Ones),
            ("ADD", Effect::Sum),
            ("OR", Effect::Sum),
            ("LDA", Effect::Sum),
        ],
        ..Self::USUAL
    };
    /// C-SKY.
    pub const CSKY: Self = Self {
        stack: "r14",
        call: &["JSR", "JBSR", "BSR"],
        ret: "RTS",
        name: |text| match text.strip_prefix('f').and_then(|rest| rest.split_once('_')) {
            Some((index, _)) => format!("vr{index}"),
            None => text.to_owned(),
        },
        effects: &[
            ("FMFVRH", Effect::Upper),
            ("FMTVRL", Effect::SetLower),
            ("FMTVR", Effect::Join),
            ("ADD", Effect::Sum),
            ("OR", Effect::Sum),
        ],
        ..Self::USUAL
    };
    /// x86-64, of which registers have their 64-bit names, and those of vectors the ones of 16 bytes.
    pub const X86_64: Self = Self {
        stack: "rsp",
        call: &["CALL"],
        ret: "RET",
        name: |text| match (text, text.strip_prefix("ymm")) {
            (_, Some(index)) => format!("xmm{index}"),
            ("fp0", _) => "st0".to_owned(),
            ("al" | "bl" | "cl" | "dl", _) => format!("r{}x", &text[..1]),
            ("ax" | "bx" | "cx" | "dx" | "si" | "di", _) => format!("r{text}"),
            ("sil" | "dil", _) => format!("r{}", &text[..2]),
            _ if text.len() == 3 && text.starts_with('e') => format!("r{}", &text[1..]),
            _ => text.trim_end_matches(['b', 'w', 'd']).to_owned(),
        },
        effects: &[
            ("MOVSX", Effect::Extend),
            ("MOVZX", Effect::Extend),
            ("ADD", Effect::Sum),
            ("OR", Effect::Sum),
            ("LEA", Effect::Sum),
        ],
        is_address_first: |op| op.contains('m'),
        // Three of the five words of an address: the register of the program counter, a scale and
        // no index.
        unsaid: &[("$rip, 1, $noreg, ", ""), (", 1, $noreg, ", ", ")],
        // On top of the x87 stack.
        top: Some("$st0"),
        ..Self::USUAL
    };

    fn effect(&self, op: &str) -> Option<Effect> {
        let mut effects = self.effects.iter().chain(&COPIES);
        Some(effects.find(|(prefix, _)| op.starts_with(prefix))?.1)
    }
}

/// State of a function.
#[derive(Clone)]
pub struct FunctionStates {
    /// State at its last call.
    pub at_call: Option<MachineState>,
    /// State when it returns.
    pub at_return: MachineState,
}

/// Reads the functions of `text`, by their names.
pub fn functions(text: &str, isa: &Isa) -> HashMap<String, FunctionStates> {
    let documents = text.split("\n---\n").filter_map(|document| {
        let name = document.strip_prefix("name:")?.lines().next()?.trim();
        Some((
            name.to_owned(),
            Reader::new(document, isa).function(document)?,
        ))
    });
    documents.collect()
}

#[derive(Clone)]
enum Operand {
    Register(String),
    Number(i64),
    Address(Address),
}

/// A function that is read.
struct Reader<'a> {
    isa: &'a Isa,
    state: MachineState,
    /// The objects of its stack that are in the argument area, by their numbers, and where.
    arguments: HashMap<&'a str, i64>,
    /// The symbols or numbers of its pool of constants.
    constants: HashMap<&'a str, &'a str>,
}

impl<'a> Reader<'a> {
    fn new(document: &'a str, isa: &'a Isa) -> Self {
        let (mut arguments, mut constants, mut section, mut id) =
            (HashMap::new(), HashMap::new(), "", "");
        for line in document.lines() {
            if let (Some(name), false) = (line.split(':').next(), line.starts_with(' ')) {
                section = name;
            }
            let value = |key: &str| {
                let rest = line.split_once(key)?.1;
                Some(rest.split([',', '}']).next()?.trim())
            };
            id = value("id:").unwrap_or(id);
            match section {
                "fixedStack" if line.contains("id:") => {
                    let offset = value(" offset:").and_then(|n| n.parse().ok());
                    arguments.insert(id, offset.unwrap_or(0) - isa.area);
                }
                "constants" => constants.extend(value("value:").map(|value| (id, value))),
                _ => {}
            }
        }
        let mut state = MachineState::at_entry(isa.area);
        let own = Value::of_address(Address::new(AddressBase::Outgoing, 0));
        state.set(&format!("${}", isa.stack), own);
        Self {
            isa,
            state,
            arguments,
            constants,
        }
    }

    fn function(mut self, document: &str) -> Option<FunctionStates> {
        let mut at_call = None;
        let body = document.split_once("\nbody:")?.1;
        for line in body.lines().filter(|line| line.starts_with("    ")) {
            let (line, access) = line.split_once(" :: ").unwrap_or((line, ""));
            let (to, rest) = match line.trim().split_once(" = ") {
                Some((to, rest)) => (to, rest),
                None => ("", line.trim()),
            };
            // Flags are before the name.
            let at = rest.find(char::is_uppercase).unwrap_or(rest.len());
            let rest = rest.get(at..).unwrap_or_default();
            let (op, operands) = rest.split_once(' ').unwrap_or((rest, ""));
            let unsaid = self.isa.unsaid.iter();
            let operands = unsaid.fold(operands.to_owned(), |text, (words, instead)| {
                text.replace(words, instead)
            });
            let operands = split(&operands).filter_map(|text| self.operand(text));
            let mut operands: Vec<Operand> = operands.collect();
            if op.starts_with(self.isa.ret) {
                if let (Some(top), Some(last @ Operand::Register(name))) =
                    (self.isa.top, operands.last())
                    && name.starts_with('%')
                {
                    self.state.set(top, self.value(last));
                }
                let at_return = self.state;
                return Some(FunctionStates { at_call, at_return });
            }
            let access = match (self.isa.at_stack)(op) {
                "" => access,
                unsaid => {
                    let stack = Operand::Address(Address::new(AddressBase::Outgoing, 0));
                    operands.insert(operands.len().saturating_sub(1), stack);
                    unsaid
                }
            };
            if self.isa.call.iter().any(|call| op.starts_with(call)) {
                let callee = match operands.first() {
                    Some(Operand::Address(Address {
                        base: AddressBase::Global(name),
                        ..
                    })) => name,
                    _ => "",
                };
                if !self.state.is_own(callee) {
                    at_call = Some(self.state.clone());
                    self.state.call(&format!("${}", self.isa.stack));
                }
                continue;
            }
            let to = split(to).filter_map(|text| match self.operand(text)? {
                Operand::Register(name) => Some(name),
                _ => None,
            });
            let to: Vec<String> = to.collect();
            self.step(&to, op, &operands, access);
        }
        None
    }

    /// Applies an instruction to registers and memory. `access` is its description of memory.
    fn step(&mut self, to: &[String], op: &str, operands: &[Operand], access: &str) {
        let bytes = access
            .split_once(" (s")
            .and_then(|(_, rest)| rest.split_once(')'));
        let bytes = bytes.and_then(|(bits, _)| bits.parse::<usize>().ok());
        let bytes = bytes.unwrap_or(0).div_ceil(8);
        match (to, operands) {
            ([to], at) if access.contains("load (") => {
                let at = self.address(op, at, bytes);
                let value = self.state.load(at.as_ref(), bytes);
                let value = match self.isa.effect(op) {
                    Some(Effect::Extend) => value.extended(),
                    _ => value.widened(bytes, op.ends_with('S') || op.starts_with("LD16S")),
                };
                self.state.set(to, value);
            }
            ([], [first, more @ ..]) if access.contains("store (") => {
                let is_register = |one: &Operand| matches!(one, Operand::Register(_));
                let (from, at) = match operands.iter().rposition(is_register) {
                    Some(last) if (self.isa.is_address_first)(op) => {
                        (&operands[last], &operands[..last])
                    }
                    _ => (first, more),
                };
                let (value, at) = (self.value(from), self.address(op, at, bytes));
                self.state.store(at.as_ref(), bytes, &value);
            }
            ([to], operands) => {
                let value = self.made(op, operands);
                self.state.set(to, value);
            }
            ([low, high], [from]) => {
                let value = self.value(from);
                self.state.set(high, value.upper(4));
                self.state.set(low, value);
            }
            _ => {}
        }
    }

    /// Returns the result of an instruction whose operands are no accesses of memory.
    fn made(&self, op: &str, operands: &[Operand]) -> Value {
        let effect = self.isa.effect(op);
        if let ("SEXT_rus" | "ZEXT_rus", [from, Operand::Number(bits)]) = (op, operands) {
            let bytes = usize::try_from(bits / 8).unwrap_or(4);
            return self.value(from).widened(bytes, op == "SEXT_rus");
        }
        match (effect, operands) {
            (Some(Effect::Ones), [Operand::Number(n)]) => {
                let ones = u32::try_from(*n).ok().and_then(|n| 1_i64.checked_shl(n));
                Value::number(ones.unwrap_or(0) - 1)
            }
            (Some(Effect::Upper), [one]) => self.value(one).upper(4),
            (_, [one]) | (Some(Effect::Copy), [one @ Operand::Register(_), ..]) => self.value(one),
            (Some(Effect::SetLower), [whole, low]) => {
                Value::joined(&self.value(low), &self.value(whole).upper(4))
            }
            (Some(Effect::Join), [low, high]) => Value::joined(&self.value(low), &self.value(high)),
            _ => {
                let sum = (effect == Some(Effect::Sum)).then(|| self.address(op, operands, 0));
                sum.flatten().map_or_else(
                    || Value::of_all(operands.iter().map(|one| self.value(one))),
                    Value::of_address,
                )
            }
        }
    }

    /// Returns the address that operands of an access, or of a sum, point to: a base, and an
    /// offset.
    fn address(&self, op: &str, operands: &[Operand], bytes: usize) -> Option<Address> {
        let base = self.value(operands.first()?).address()?;
        let Some(more) = operands.get(1) else {
            return Some(base);
        };
        Some(base.plus(self.value(more).number? * (self.isa.unit)(op, bytes)))
    }

    fn value(&self, operand: &Operand) -> Value {
        match operand {
            Operand::Register(name) => self.state.get(name),
            Operand::Number(n) => Value::number(*n),
            Operand::Address(address) => Value::of_address(address.clone()),
        }
    }

    /// Returns the operand that `text` is; `None` for text about no value.
    fn operand(&self, text: &str) -> Option<Operand> {
        let text = text
            .rsplit_once("killed ")
            .map_or(text, |(_, text)| text)
            .trim();
        if text.starts_with("implicit") || text.starts_with("csr_") {
            return None;
        }
        let text = text
            .trim_start_matches("dead ")
            .trim_start_matches("undef ");
        let (name, offset) = text.split_once(" + ").unwrap_or((text, "0"));
        let name = name.split(':').next().unwrap_or(name);
        let at = |base| Some(Operand::Address(Address::new(base, offset.parse().ok()?)));
        if let Ok(n) = name.parse() {
            return Some(Operand::Number(n));
        }
        if let Some(id) = name.strip_prefix("%fixed-stack.") {
            let own = self.arguments.get(id)?;
            return Some(Operand::Address(Address::new(AddressBase::Frame, *own)));
        }
        if let Some(id) = name.strip_prefix("%const.") {
            let constant = self.constants.get(id)?;
            return match constant.parse() {
                Ok(n) => Some(Operand::Number(n)),
                Err(_) => self.operand(&format!("@{constant}")),
            };
        }
        match name.split_at_checked(1)? {
            _ if name.starts_with("%stack.") => at(AddressBase::Local(name.to_owned())),
            _ if name.starts_with("%subreg.") || name == "$noreg" => None,
            ("%", _) => Some(Operand::Register(name.split('.').next()?.to_owned())),
            ("$", name) => Some(Operand::Register(format!("${}", (self.isa.name)(name)))),
            ("@" | "&", name) => at(AddressBase::Global(name.to_owned())),
            _ => None,
        }
    }
}

/// The operands, at commas that are in no brackets.
fn split(operands: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let parts = operands.split(move |c: char| {
        depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}
