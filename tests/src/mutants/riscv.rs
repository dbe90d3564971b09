//! Mistakes on RISC-V: extension, slots, and even registers.

use cabi::Extension;
use cabi::convention::Rule;
use cabi::riscv::LP64D;

use super::{Change, Mutant, groups, mutants, regrouped};

/// All of them.
pub(super) const RISCV: &[Mutant] = mutants! {
    "riscv-no-extension": regrouped!(LP64D, |group, _ty, _role| {
        for part in &mut group.parts {
            part.extension = Extension::None;
        }
    }), "Integer Calling Convention: integers narrower than a register are extended";
    "riscv-unsigned-by-zeros": regrouped!(LP64D, |group, _ty, _role| {
        for part in &mut group.parts {
            if part.extension == Extension::Sign && part.size == 4 {
                part.extension = Extension::Zero;
            }
        }
    }), "Integer Calling Convention: 32 bits are sign-extended, unsigned ones too";
    "riscv-slots-of-16": Change::Of(&LP64D, |own| {
        own.rules.args = const { &[
            Rule::DelegateTo(LP64D.rules.args.split_at(6).0),
            Rule::AssignToStack { size: 16, align: 8 },
        ] };
    }), "Integer Calling Convention: a slot of 8 bytes for each word on the stack";
    "riscv-no-alignment": regrouped!(LP64D, |group, _ty, _role| {
        group.align = group.align.min(8);
    }), "Integer Calling Convention: the stack is aligned for a value of two words that is";
    "riscv-odd-register": Change::Of(&LP64D, |own| {
        // All rules but those of pairs, which are the third and fourth.
        own.rules.args = const { &[
            Rule::DelegateTo(LP64D.rules.args.split_at(2).0),
            Rule::DelegateTo(LP64D.rules.args.split_at(4).1),
        ] };
    }), "Integer Calling Convention: unnamed values aligned to two words start at an even register";
};
