//! The stubs of AArch64 against an assembler, and their unwind rows against the instructions that change sp, x29 and x30.

use clif_cabi_plan::{Machine, RelocKind, Step, Stub, StubCode, UnwindRow};

use super::assembly::{Assembler, compare};
use super::{NUMBERS, framed, stubs};

/// The instructions of a step. `None`: it is none of the machine's, or cannot be encoded.
fn assembly(step: Step, pic: bool) -> Option<String> {
    let word = |area: u32| (area.is_multiple_of(8) && area / 8 < 4096).then_some(area);
    let push = |reg: &str| format!("sub sp, sp, #8\nmov x17, sp\nstr {reg}, [x17]\n");
    Some(match step {
        Step::LoadChain(area) => format!("ldr x18, [sp, #{}]\n", word(area)?),
        Step::ChainToInt(n) => format!("mov x{n}, x18\n"),
        Step::ChainToVector(n) => format!("fmov d{n}, x18\n"),
        Step::AddressToInt(n) => format!("mov x{n}, x17\n"),
        Step::AddressToVector(n) => format!("fmov d{n}, x17\n"),
        Step::PushAddress => "sub sp, sp, #8\nmov x16, sp\nstr x17, [x16]\n".to_string(),
        Step::Frame => "stp x29, x30, [sp, #-16]!\nmov x29, sp\n".to_string(),
        Step::Skip(bytes @ ..4096) => format!("sub sp, sp, #{bytes}\n"),
        Step::PushChain => push("x18"),
        Step::PushArea(shadow) => format!("add x16, x29, #{}\n{}", 16 + shadow, push("x16")),
        Step::Call(callee) if pic => format!("bl f{callee}\n"),
        Step::Call(callee) => {
            format!("ldr x16, 1f\nblr x16\nb 2f\n1: .xword f{callee}\n2:\n")
        }
        Step::CallAfter(area) => format!("ldr x16, [x29, #{}]\nblr x16\n", word(area + 16)?),
        Step::Leave => "mov sp, x29\nldp x29, x30, [sp], #16\nret\n".to_string(),
        Step::Jump(callee) if pic => format!("b f{callee}\n"),
        Step::Jump(callee) => format!("ldr x16, 1f\nbr x16\n1: .xword f{callee}\n"),
        Step::JumpAfter(area) => format!("ldr x16, [sp, #{}]\nbr x16\n", word(area)?),
        Step::JumpInt(n) => format!("br x{n}\n"),
        Step::Return => "ret\n".to_string(),
        _ => return None,
    })
}

fn encodable() -> Vec<Stub> {
    let areas = [0, 8, 128, 32760];
    let mut steps: Vec<Step> = (0..8).map(Step::ChainToInt).collect();
    steps.extend((0..8).map(Step::ChainToVector));
    steps.extend((0..8).map(Step::AddressToInt));
    steps.extend((0..8).map(Step::AddressToVector));
    steps.extend((0..8).map(Step::JumpInt));
    steps.extend(areas.map(Step::LoadChain));
    steps.extend(areas.map(Step::JumpAfter));
    steps.extend(NUMBERS.map(Step::Jump));
    steps.push(Step::Return);
    let in_frame = [
        Step::PushChain,
        Step::PushAddress,
        Step::PushArea(0),
        Step::PushArea(111),
        Step::Skip(8),
        Step::Skip(4088),
        Step::Call(7),
        Step::CallAfter(0),
        Step::CallAfter(32744),
        Step::ChainToInt(3),
    ];
    [stubs(&steps), framed(&in_frame)].concat()
}

#[test]
fn bytes_are_those_of_an_assembler() {
    let own = Assembler {
        machine: Machine::AARCH64,
        tools: "aarch64-linux-gnu-",
        syntax: "",
        step: assembly,
        reloc: |kind, code| match kind {
            // By the number of the instruction.
            RelocKind::NearCall if code.bytes.ends_with(&[0, 0, 0, 0x14]) => {
                ("R_AARCH64_JUMP26", "")
            }
            RelocKind::NearCall => ("R_AARCH64_CALL26", ""),
            RelocKind::Address => ("R_AARCH64_ABS64", ""),
        },
    };
    let is_there = std::process::Command::new("aarch64-linux-gnu-as")
        .arg("--version")
        .output();
    match is_there {
        Ok(_) => compare(&own, &encodable()),
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("not run: aarch64-linux-gnu-as: {error}")
        }
        Err(error) => panic!("aarch64-linux-gnu-as: {error}"),
    }
}

/// Where the caller is, as the instructions so far have left it.
struct Frame {
    /// Bytes from sp to the CFA.
    depth: i32,
    is_based: bool,
    is_saved: bool,
}

impl Frame {
    fn is_found_by(&self, row: &UnwindRow) -> bool {
        let saved: Vec<_> = row
            .saved
            .iter()
            .map(|(reg, at)| (reg.name(), *at))
            .collect();
        let is_saved = match self.is_saved {
            true => saved == [("x29", -16), ("x30", -8)],
            false => saved.is_empty(),
        };
        is_saved
            && match row.cfa.register.name() {
                "sp" => row.cfa.offset == self.depth,
                "x29" => row.cfa.offset == 16 && self.is_based,
                _ => false,
            }
    }

    fn after(&mut self, word: u32) {
        match word {
            0xa9bf_7bfd => (self.depth, self.is_saved) = (self.depth + 16, true),
            0x9100_03fd => self.is_based = self.depth == 16,
            0x9100_03bf if self.is_based => self.depth = 16,
            0xa8c1_7bfd => *self = ENTRY,
            // sub sp, sp, n
            _ if word & 0xffc0_03ff == 0xd100_03ff => {
                self.depth += i32::try_from(word >> 10 & 0xfff).unwrap();
            }
            _ => {}
        }
    }
}

const ENTRY: Frame = Frame {
    depth: 0,
    is_based: false,
    is_saved: false,
};

/// The first instruction at which `code` has no right unwind row.
fn wrong_row(code: &StubCode) -> Option<usize> {
    let mut frame = ENTRY;
    for (i, word) in code.bytes.chunks(4).enumerate() {
        let at = u32::try_from(4 * i).unwrap();
        let row = code.unwind.iter().rev().find(|row| row.offset <= at);
        if !row.is_some_and(|row| frame.is_found_by(row)) {
            return Some(i);
        }
        frame.after(u32::from_le_bytes(word.try_into().unwrap()));
    }
    code.unwind.iter().position(|row| row.offset % 4 != 0)
}

#[test]
fn unwind_rows_follow_the_stack_pointer() {
    for stub in encodable() {
        for pic in [true, false] {
            let code = stub.code(Machine::AARCH64, pic).unwrap();
            assert_eq!(wrong_row(&code), None, "{stub:?}");
            for i in 0..code.unwind.len() {
                let mut wrong = code.clone();
                wrong.unwind[i].cfa.offset += 8;
                assert!(wrong_row(&wrong).is_some(), "{stub:?}");
                // By either register where x29 has just been set.
                if code.unwind[i].cfa.register.name() == "sp" {
                    let mut late = code.clone();
                    late.unwind[i].offset += 4;
                    assert!(wrong_row(&late).is_some(), "{stub:?}");
                }
            }
        }
    }
}

#[test]
fn other_steps_are_refused() {
    for name in [
        "al1_ret",
        "pop1_ret",
        "frame_align32_leave",
        "chain32768_ret",
    ] {
        let stub = Stub::from_name(&format!("__clif_cabi_{name}")).unwrap();
        assert!(stub.code(Machine::AARCH64, true).is_err(), "{name}");
    }
}
