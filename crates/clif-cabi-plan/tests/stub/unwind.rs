//! The unwind rows of stubs against a disassembler.

use cabi::{Reg, x86_64};
use clif_cabi_plan::{Machine, StubCode, UnwindRow};
use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, Register};

use super::assembly::encodable;

/// Where the caller is, as the instructions so far have left it.
#[derive(Debug)]
struct Frame {
    /// Bytes from rsp to the CFA. `None`: not known any more.
    depth: Option<i32>,
    /// Whether rbp is 16 bytes from the CFA.
    is_based: bool,
    /// Where the caller's rbp is, from the CFA. `None`: in rbp.
    saved: Option<i32>,
}

impl Frame {
    fn is_found_by(&self, row: &UnwindRow) -> bool {
        let cfa = match row.cfa.register {
            x86_64::RSP => self.depth == Some(row.cfa.offset),
            x86_64::RBP => self.is_based && row.cfa.offset == 16,
            _ => false,
        };
        let saved: Vec<(Reg, i32)> = self.saved.map(|at| (x86_64::RBP, at)).into_iter().collect();
        cfa && row.saved == saved
    }

    /// What `instruction` does to it. `None`: it does not say.
    fn after(&mut self, instruction: &Instruction) -> Option<()> {
        let writes = instruction.op0_register();
        match instruction.mnemonic() {
            Mnemonic::Push if writes == Register::RBP => self.saved = Some(-self.depth? - 8),
            Mnemonic::Mov if writes == Register::RBP => self.is_based = self.depth? == 16,
            Mnemonic::Leave if self.is_based && self.saved == Some(-16) => {
                (self.depth, self.is_based, self.saved) = (Some(8), false, None);
                return Some(());
            }
            Mnemonic::And | Mnemonic::Sub if writes == Register::RSP => self.depth = None,
            // A push in a loop is not one.
            Mnemonic::Jne | Mnemonic::Jmp | Mnemonic::Je if self.is_based => self.depth = None,
            Mnemonic::Test => {}
            Mnemonic::Pop | Mnemonic::Leave => return None,
            _ if writes == Register::RSP || writes == Register::RBP => return None,
            _ => {}
        }
        self.depth = (self.depth).map(|depth| depth - instruction.stack_pointer_increment());
        Some(())
    }
}

/// Where `code` has no unwind row that says where the caller is, by each instruction's own effect on rsp and rbp.
fn wrong_row(code: &StubCode) -> Option<String> {
    let mut decoder = Decoder::new(64, &code.bytes, DecoderOptions::NONE);
    let mut frame = Frame {
        depth: Some(8),
        is_based: false,
        saved: None,
    };
    let mut starts = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let at = u32::try_from(instruction.ip()).unwrap();
        starts.push(at);
        let row = code.unwind.iter().rev().find(|row| row.offset <= at);
        if !row.is_some_and(|row| frame.is_found_by(row)) {
            return Some(format!("{instruction} at {at}: {row:?}, not {frame:?}"));
        }
        // What a call takes is back after it.
        if instruction.mnemonic() != Mnemonic::Call && frame.after(&instruction).is_none() {
            return Some(format!("{instruction} at {at}: not simulated"));
        }
    }
    let mut rows = code.unwind.iter();
    let between = rows.find(|row| !starts.contains(&row.offset))?;
    Some(format!("{between:?} is at no instruction"))
}

#[test]
fn unwind_rows_follow_the_stack_pointer() {
    for stub in encodable() {
        for pic in [true, false] {
            let code = stub.code(Machine::X86_64, pic).unwrap();
            assert_eq!(wrong_row(&code), None, "{stub:?}");

            for i in 0..code.unwind.len() {
                let mut wrong = code.clone();
                wrong.unwind[i].cfa.offset += 8;
                assert!(wrong_row(&wrong).is_some(), "{stub:?}");
                let mut late = code.clone();
                late.unwind[i].offset += 1;
                assert!(wrong_row(&late).is_some(), "{stub:?}");
                let mut unsaved = code.clone();
                unsaved.unwind[i].saved = match code.unwind[i].saved {
                    [] => &[(x86_64::RBP, -16)],
                    _ => &[],
                };
                assert!(wrong_row(&unsaved).is_some(), "{stub:?}");
            }
            let mut pushed = code;
            // push rbp, which no row tells of.
            pushed.bytes.insert(0, 0x55);
            assert!(wrong_row(&pushed).is_some(), "{stub:?}");
        }
    }
}
