//! Rows of Cranelift's DWARF rules, read back, and the registers that have none.

use clif_cabi::cabi::target_lexicon::Architecture;

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::read::{
    CfaRule, DebugFrame, RegisterRule, UnwindContext, UnwindSection,
};
use crate::cranelift::codegen::gimli::write::{self, Address, EndianVec, FrameTable};
use crate::cranelift::codegen::gimli::{self, BaseAddresses, LittleEndian};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::isa::unwind::{UnwindInfo, UnwindInfoKind};
use crate::error::UnwindError;

/// `str q0, [sp, -16]!`
const PUSH_VECTOR: u32 = 0x3c9f_0fe0;

/// v0 on s390x, below the CFA: the save area of the frame, and the vectors.
const LOWEST_VECTOR: i64 = 160 + 32 * 16;

/// A row of rules: its start in the code, the CFA, and the saved registers, in bytes from that.
pub(crate) struct Row {
    pub(crate) offset: usize,
    pub(crate) cfa: (u16, i64),
    pub(crate) saved: Vec<(u16, i64)>,
}

/// Returns the vectors that `preserve_all` saves in `code` after the last row of its prologue: the
/// end of the instruction, the register's DWARF number, and the place in bytes from the CFA.
/// Cranelift (0.132 to 0.137) has no rule for them.
pub(crate) fn vectors(
    isa: &dyn TargetIsa,
    code: &CompiledCode,
) -> Result<Vec<(usize, u16, i64)>, UnwindError> {
    let found = match isa.triple().architecture {
        Architecture::Aarch64(_) => Row::pushed,
        Architecture::S390x => Row::stored,
        // RISC-V's have rules, and C preserves none of x86-64's.
        _ => return Ok(Vec::new()),
    };
    let rows = rows(isa, code)?;
    Ok(rows
        .last()
        .map_or_else(Vec::new, |last| found(last, code.code_buffer())))
}

impl Row {
    /// Returns the low halves of vectors of AArch64, each pushed below the one before.
    pub(crate) fn pushed(&self, code: &[u8]) -> Vec<(usize, u16, i64)> {
        let lowest = self.saved.iter().map(|own| own.1).min().unwrap_or(0);
        let (words, _) = self.body(code).as_chunks();
        let pushed = words.iter().map_while(|word| {
            let register = u32::from_le_bytes(*word).checked_sub(PUSH_VECTOR)?;
            u16::try_from(register).ok().filter(|n| *n < 32)
        });
        let places = (1..).map(move |n| lowest - 16 * n);
        let ends = (self.offset + 4..).step_by(4);
        let saved = pushed.zip(ends).zip(places);
        let saved = saved.map(|((register, end), at)| (end, 64 + register, at));
        saved.collect()
    }

    /// Returns f8 to f15 of s390x: the high halves of vectors. All 32 are stored in their order,
    /// above r0 to r5 at the top of the frame, by instructions of six bytes: `vst`, and one before
    /// it that makes an address of a large offset.
    fn stored(&self, code: &[u8]) -> Vec<(usize, u16, i64)> {
        let ends = (self.offset + 6..)
            .step_by(6)
            .zip(self.body(code).as_chunks().0);
        let stores = ends.take(1 + 2 * 32).filter_map(|(end, instruction)| {
            let [0xe7, register, _, _, 0, 0x0e] = *instruction else {
                return None;
            };
            Some((end, u16::from(register >> 4)))
        });
        let stores: Vec<(usize, u16)> = stores.take(16).collect();
        let is_in_order = stores.iter().map(|own| own.1).eq(0..16);
        let place = |(end, register): &(usize, u16)| {
            let number = 20 + register / 2 + 4 * (register % 2);
            (*end, number, i64::from(16 * register) - LOWEST_VECTOR)
        };
        let saved = stores.iter().skip(8).filter(|_| is_in_order);
        saved.map(place).collect()
    }

    /// Returns `code` from this row on.
    fn body<'c>(&self, code: &'c [u8]) -> &'c [u8] {
        code.get(self.offset..).unwrap_or_default()
    }
}

/// Returns the rows of Cranelift's rules for DWARF.
pub(crate) fn rows(isa: &dyn TargetIsa, code: &CompiledCode) -> Result<Vec<Row>, UnwindError> {
    let rules = code.create_unwind_info_of_kind(isa, UnwindInfoKind::SystemV);
    let (Some(UnwindInfo::SystemV(rules)), Some(cie)) = (
        rules.map_err(UnwindError::Compile)?,
        isa.create_systemv_cie(),
    ) else {
        return Err(UnwindError::NoRules);
    };
    let mut table = FrameTable::default();
    let cie = table.add_cie(cie);
    table.add_fde(cie, rules.to_fde(Address::Constant(0)));
    let mut written = write::DebugFrame(EndianVec::new(LittleEndian));
    table.write_debug_frame(&mut written)?;
    let mut section = DebugFrame::new(written.slice(), LittleEndian);
    section.set_address_size(8);
    let unread = |error: gimli::Error| UnwindError::Table(error.to_string());
    let (bases, mut context) = (BaseAddresses::default(), UnwindContext::new());
    let fde = section.fde_for_address(&bases, 0, DebugFrame::cie_from_offset);
    let fde = fde.map_err(unread)?;
    let mut read = fde.rows(&section, &bases, &mut context).map_err(unread)?;
    let mut rows = Vec::new();
    while let Some(row) = read.next_row().map_err(unread)? {
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return Err(UnwindError::NoRules);
        };
        // Another rule, that of a signed return address, is the place of no register.
        let place = |rule: &RegisterRule<_>| match rule {
            RegisterRule::Offset(at) => *at,
            _ => 0,
        };
        let saved = row.registers().map(|(own, rule)| (own.0, place(rule)));
        rows.push(Row {
            offset: usize::try_from(row.start_address()).unwrap_or(usize::MAX),
            cfa: (register.0, *offset),
            saved: saved.collect(),
        });
    }
    Ok(rows)
}
