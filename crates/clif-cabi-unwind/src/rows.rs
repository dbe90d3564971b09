//! Rows of Cranelift's DWARF rules, read back.

use crate::cranelift::codegen::CompiledCode;
use crate::cranelift::codegen::gimli::read::{
    CfaRule, DebugFrame, RegisterRule, UnwindContext, UnwindSection,
};
use crate::cranelift::codegen::gimli::write::{self, Address, EndianVec, FrameTable};
use crate::cranelift::codegen::gimli::{self, BaseAddresses, LittleEndian};
use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::isa::unwind::{UnwindInfo, UnwindInfoKind};
use crate::error::UnwindError;

/// A row of rules: its start in the code, the CFA, and the saved registers, in bytes from that.
pub(crate) struct Row {
    pub(crate) offset: usize,
    pub(crate) cfa: (u16, i64),
    pub(crate) saved: Vec<(u16, i64)>,
}

impl Row {
    /// Returns `code` from this row on.
    pub(crate) fn body<'c>(&self, code: &'c [u8]) -> &'c [u8] {
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
    let mut buffer = write::DebugFrame(EndianVec::new(LittleEndian));
    table.write_debug_frame(&mut buffer)?;
    let mut section = DebugFrame::new(buffer.slice(), LittleEndian);
    section.set_address_size(8);
    let unread = |error: gimli::Error| UnwindError::Table(error.to_string());
    let (bases, mut context) = (BaseAddresses::default(), UnwindContext::new());
    let fde = section.fde_for_address(&bases, 0, DebugFrame::cie_from_offset);
    let fde = fde.map_err(unread)?;
    let mut reader = fde.rows(&section, &bases, &mut context).map_err(unread)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row().map_err(unread)? {
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
