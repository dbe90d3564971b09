//! The `.eh_frame` of one stub in memory. A program's first call waits for it, so it is written
//! without gimli's tables, which take ten times as long. The bytes are those that gimli writes.

use clif_cabi::StubCode;
use clif_cabi::cabi::Target;

use crate::cranelift::codegen::gimli::Register;
use crate::cranelift::codegen::gimli::write::CallFrameInstruction::{self, Cfa, Offset, Restore};
use crate::error::{OTHER_TABLES, UnwindError};
use crate::frame::Frame;
use crate::memory::TablesInMemory;

/// Bytes of a unit of offsets from the CFA, which grow downwards.
const DATA_ALIGN: i32 = -8;

/// State at the first instruction of every function, which the common entry says.
struct Machine {
    /// Bytes of a unit of code.
    code_align: u32,
    /// Register with the return address.
    link: u16,
    /// The CFA: stack pointer and bytes.
    cfa: (u16, i32),
}

impl Machine {
    /// Returns the machine of `target`; `None` if it has other tables.
    fn of(target: &Target) -> Option<Self> {
        let name = target.name();
        let (code_align, link, cfa) = match name.split('-').next()? {
            _ if name.contains("-windows") => return None,
            "x86_64" => (1, 16, (7, 8)),
            "aarch64" => (4, 30, (31, 0)),
            // The name has the extensions too: riscv64gc.
            name if name.starts_with("riscv64") => (2, 1, (2, 0)),
            "s390x" => (1, 14, (15, 160)),
            _ => return None,
        };
        Some(Self {
            code_align,
            link,
            cfa,
        })
    }
}

impl TablesInMemory {
    /// Returns the tables of `stub` alone, whose code is at `start`.
    ///
    /// # Errors
    /// [`UnwindError::Target`] for Windows, and for machines without such tables;
    /// [`UnwindError::Table`] for rows that no table says.
    pub fn of_stub(target: &Target, stub: &StubCode, start: u64) -> Result<Self, UnwindError> {
        let machine = Machine::of(target).ok_or_else(|| UnwindError::Target {
            target: target.name().to_owned(),
            why: OTHER_TABLES,
        })?;
        let (len, instructions) = Frame::rows(stub)?;
        let mut table = Table {
            bytes: Vec::with_capacity(128),
            is_big_endian: machine.link == 14,
        };
        // The common entry: version 1, no augmentation, alignments, the return address's register.
        table.number(4, 0);
        table.bytes.extend([1, 0]);
        table.leb128(machine.code_align);
        table.bytes.push(0x78);
        table.leb128(machine.link.into());
        table.instruction(&Cfa(Register(machine.cfa.0), machine.cfa.1))?;
        // A call of x86-64 pushes the return address.
        if machine.link == 16 {
            table.instruction(&Offset(Register(machine.link), DATA_ALIGN))?;
        }
        let common = table.entry();
        table.number(4, common.len() as u64 + 4);
        table.number(8, start);
        table.number(8, len.into());
        let mut at = 0;
        for (offset, instruction) in &instructions {
            table.advance((offset - at) / machine.code_align);
            table.instruction(instruction)?;
            at = *offset;
        }
        let eh_frame = [common, table.entry(), vec![0; 4]].concat();
        Ok(Self {
            eh_frames: vec![eh_frame.into_boxed_slice()],
            ..Self::default()
        })
    }
}

/// An entry that is being written, after its length.
struct Table {
    bytes: Vec<u8>,
    is_big_endian: bool,
}

impl Table {
    /// Ends the entry, and returns it with its length and padding.
    fn entry(&mut self) -> Vec<u8> {
        let mut own = std::mem::take(&mut self.bytes);
        own.resize((own.len() + 4).next_multiple_of(8) - 4, 0);
        self.number(4, own.len() as u64);
        [std::mem::take(&mut self.bytes), own].concat()
    }

    /// Appends the low `size` bytes of a number.
    fn number(&mut self, size: usize, number: u64) {
        let bytes = number.to_le_bytes().into_iter().take(size);
        match self.is_big_endian {
            true => self.bytes.extend(bytes.rev()),
            false => self.bytes.extend(bytes),
        }
    }

    fn leb128(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.number(1, (0x80 | number).into());
            number >>= 7;
        }
        self.number(1, number.into());
    }

    /// Appends DWARF's `DW_CFA_advance_loc`, in its shortest form.
    fn advance(&mut self, units: u32) {
        let (code, size) = match units {
            0 => return,
            1..0x40 => (0x40 | units, 0),
            0x40..0x100 => (0x02, 1),
            0x100..0x1_0000 => (0x03, 2),
            _ => (0x04, 4),
        };
        self.number(1, code.into());
        self.number(size, units.into());
    }

    /// Appends an instruction of a stub (DWARF 5, 7.24).
    fn instruction(&mut self, instruction: &CallFrameInstruction) -> Result<(), UnwindError> {
        let unsigned = |number: i32| {
            let number = u32::try_from(number);
            number.map_err(|_| UnwindError::Table("an offset from the CFA is negative".to_owned()))
        };
        match instruction {
            Cfa(register, offset) => {
                self.bytes.push(0x0c);
                self.leb128(register.0.into());
                self.leb128(unsigned(*offset)?);
            }
            Offset(register, at) => {
                self.on_register(*register, 0x80, 0x05);
                self.leb128(unsigned(at / DATA_ALIGN)?);
            }
            Restore(register) => self.on_register(*register, 0xc0, 0x06),
            other => return Err(UnwindError::Table(format!("{other:?} in a stub"))),
        }
        Ok(())
    }

    /// Appends the code `short` with the register in it, or `long` and the register.
    fn on_register(&mut self, Register(number): Register, short: u16, long: u8) {
        if number < 0x40 {
            return self.number(1, (short | number).into());
        }
        self.bytes.push(long);
        self.leb128(number.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnwindTables;
    use crate::cranelift::codegen::{isa, settings};
    use crate::cranelift::module::FuncId;
    use clif_cabi::CallPlan;
    use clif_cabi::cabi::{FnSig, RecordBuilder, Type};
    use clif_cabi::clif_cabi_plan::Machine;

    /// Stubs without a frame, with one, and with one that copies words to the stack.
    fn stubs(target: &Target) -> Vec<StubCode> {
        let pair = RecordBuilder::structure("pair").field("x", Type::F64);
        let pair = pair.field("n", Type::I64).build(target.data_model());
        let many = vec![Type::I64; 12];
        let sigs = [
            FnSig::new([], Type::VOID),
            FnSig::new([Type::F64, Type::F64], Type::F64),
            FnSig::new([Type::I8, Type::PTR], pair.unwrap()),
            FnSig::new(many, Type::I32),
        ];
        let stubs = sigs.iter().filter_map(|sig| {
            let stub = CallPlan::new(sig, target).unwrap().invoker(target)?;
            Some(stub.code(Machine::of(target).unwrap(), false).unwrap())
        });
        stubs.collect()
    }

    #[test]
    fn bytes_are_those_that_gimli_writes() {
        for name in ["x86_64", "aarch64", "riscv64gc", "s390x"] {
            let target = Target::named(&format!("{name}-unknown-linux-gnu")).unwrap();
            let flags = settings::Flags::new(settings::builder());
            let isa = isa::lookup_by_name(target.name()).unwrap();
            let isa = isa.finish(flags).unwrap();
            let (id, start) = (FuncId::from_u32(0), 0x1234_5678_9abc_def0);
            let stubs = stubs(&target);
            assert!(stubs.len() >= 3, "{name}: {} stubs", stubs.len());
            for stub in stubs {
                let mut tables = UnwindTables::new(&*isa, None).unwrap();
                tables.add_stub(id, &stub).unwrap();
                let theirs = tables.in_memory(4096, |_| Some(start), |_| None).unwrap();
                let ours = TablesInMemory::of_stub(&target, &stub, start).unwrap();
                assert_eq!(ours.eh_frames, theirs.eh_frames, "{name}");
                let other = TablesInMemory::of_stub(&target, &stub, start + 1).unwrap();
                assert_ne!(other.eh_frames, theirs.eh_frames, "{name}");
            }
        }
    }

    #[test]
    fn targets_without_such_tables_are_refused() {
        for name in ["x86_64-pc-windows-gnu", "i686-unknown-linux-gnu"] {
            let target = Target::named(name).unwrap();
            let tables = TablesInMemory::of_stub(&target, &StubCode::default(), 0);
            assert!(tables.is_err(), "{name}");
        }
    }
}
