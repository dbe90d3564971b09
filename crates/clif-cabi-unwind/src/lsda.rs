//! The language-specific data area (LSDA) of a function: which of its instructions have a landing
//! pad, and what is caught there. The format is gcc's (`.gcc_except_table`), which the
//! personalities of C++ and Rust read: the header, the call sites, the actions, and backwards the
//! types.

use crate::cranelift::codegen::gimli::constants::{DW_EH_PE_omit, DW_EH_PE_uleb128};
use crate::cranelift::codegen::gimli::write::{Address, Writer};
use crate::cranelift::codegen::{CompiledCode, gimli};
use crate::cranelift::{CallSite, Handler, handled_calls};
use crate::error::UnwindError;
use crate::personality::{CATCH_ALL, CLEANUP, Personality};

/// The landing pads of one function.
#[derive(Clone, Debug)]
pub(crate) struct Lsda {
    code_len: u32,
    pads: Vec<Pad>,
    /// Chains of filters, each of one landing pad. A call site names the first byte of a chain.
    actions: Vec<u8>,
    /// The types of filters, from 1 on. `None` catches all, or is none of this function's.
    types: Vec<Option<String>>,
}

/// A call with a landing pad.
#[derive(Clone, Debug)]
struct Pad {
    returns_to: u32,
    at: u32,
    /// 0 for a cleanup, otherwise one more than the place of the chain.
    action: u64,
}

impl Lsda {
    /// Returns the landing pads of `code`, if it has handlers that `personality` enters.
    pub(crate) fn new(
        code: &CompiledCode,
        personality: Option<&Personality>,
    ) -> Result<Option<Self>, UnwindError> {
        let mut lsda = Self {
            code_len: gimli_len(code.code_buffer().len())?,
            pads: Vec::new(),
            actions: Vec::new(),
            types: Vec::new(),
        };
        for site in handled_calls(code) {
            let personality = personality.ok_or(UnwindError::NoPersonality)?;
            if personality.symbol().is_none() {
                return Ok(None);
            }
            lsda.add(&site, personality)?;
        }
        Ok((!lsda.pads.is_empty()).then_some(lsda))
    }

    /// Returns the symbols of types, each named once.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().flatten().map(String::as_str)
    }

    /// Returns the calls with landing pads: where each returns to, and the pad.
    pub(crate) fn pads(&self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        self.pads.iter().map(|pad| (pad.returns_to, pad.at))
    }

    /// Checks whether every pad catches all.
    pub(crate) fn catches_all(&self) -> bool {
        self.actions == [1, 0] && self.pads.iter().all(|pad| pad.action == 1)
    }

    fn add(&mut self, site: &CallSite, personality: &Personality) -> Result<(), UnwindError> {
        let [handler] = &site.handlers[..] else {
            let why = "a call can have only one, because a table has one landing pad per call; one tag can stand for several types";
            return Err(UnwindError::Handlers { why });
        };
        let (filters, at) = match *handler {
            Handler::Default { at } => (&[CATCH_ALL][..], at),
            Handler::Tag { tag, at } => {
                let filters = personality.filters(tag);
                (filters.ok_or(UnwindError::Tag { tag })?, at)
            }
            Handler::Context => {
                let why = "a table has no place for the context of a tag";
                return Err(UnwindError::Handlers { why });
            }
        };
        for filter in filters {
            let n_types = usize::try_from(*filter).unwrap_or(0);
            if self.types.len() < n_types {
                self.types.resize(n_types, None);
            }
            if let Some(entry) = n_types.checked_sub(1).and_then(|i| self.types.get_mut(i)) {
                *entry = personality.type_of(*filter).map(str::to_owned);
            }
        }
        let action = if filters == [CLEANUP] {
            0
        } else {
            self.chain(filters)?
        };
        self.pads.push(Pad {
            returns_to: site.returns_to,
            at,
            action,
        });
        Ok(())
    }

    /// Returns the chain of `filters` in the table of actions, which has each once.
    fn chain(&mut self, filters: &[i64]) -> Result<u64, UnwindError> {
        let mut chain = writer();
        for (i, filter) in filters.iter().enumerate() {
            chain.write_sleb128(*filter)?;
            // From here to the next one, or that there is none.
            chain.write_u8(u8::from(i + 1 < filters.len()))?;
        }
        let chain = chain.into_vec();
        // Each begins where another one ends: a match that is not is as good.
        let index = self
            .actions
            .windows(chain.len())
            .position(|own| *own == *chain);
        let at = index.unwrap_or(self.actions.len());
        if index.is_none() {
            self.actions.extend(chain);
        }
        Ok(at as u64 + 1)
    }

    /// Appends the table to `to`, with types encoded as `encoding`. `symbol` returns the writer's
    /// address of a type.
    pub(crate) fn write(
        &self,
        to: &mut impl Writer,
        encoding: gimli::DwEhPe,
        mut symbol: impl FnMut(&str) -> Address,
    ) -> Result<(), UnwindError> {
        let sites = self.call_sites()?;
        // Landing pads are bytes from the start of the function.
        to.write_u8(DW_EH_PE_omit.0)?;
        let type_size: u64 = if encoding.format() == gimli::DW_EH_PE_absptr {
            8
        } else {
            4
        };
        let sites_len = sites.len() as u64;
        if self.types.is_empty() {
            to.write_u8(DW_EH_PE_omit.0)?;
        } else {
            to.write_u8(encoding.0)?;
            // From here to the end of the types.
            let types = (self.types.len() as u64).saturating_mul(type_size);
            let before = 1 + uleb128_len(sites_len) + sites_len + self.actions.len() as u64;
            to.write_uleb128(before + types)?;
        }
        to.write_u8(DW_EH_PE_uleb128.0)?;
        to.write_uleb128(sites_len)?;
        to.write(&sites)?;
        to.write(&self.actions)?;
        for ty in self.types.iter().rev() {
            match ty {
                Some(name) => to.write_eh_pointer(symbol(name), encoding, 8)?,
                // Zero in every encoding: nothing is added to it.
                None if type_size == 8 => to.write_u64(0)?,
                None => to.write_u32(0)?,
            }
        }
        Ok(())
    }

    /// Returns rows of start, length, landing pad and action. They have no gaps: an exception at an
    /// instruction that is in no row ends the process.
    fn call_sites(&self) -> Result<Vec<u8>, UnwindError> {
        let mut sites = writer();
        let mut row = |start: u32, end: u32, at: u32, action: u64| {
            for number in [start.into(), (end - start).into(), at.into(), action] {
                sites.write_uleb128(number)?;
            }
            Ok::<(), UnwindError>(())
        };
        let mut covered = 0;
        for pad in &self.pads {
            // The unwinder looks up the byte before the return address: one of the call
            // instruction.
            let call = pad.returns_to.saturating_sub(1);
            if covered < call {
                row(covered, call, 0, 0)?;
            }
            row(call, pad.returns_to, pad.at, pad.action)?;
            covered = pad.returns_to;
        }
        if covered < self.code_len {
            row(covered, self.code_len, 0, 0)?;
        }
        Ok(sites.into_vec())
    }
}

fn writer() -> gimli::write::EndianVec<gimli::LittleEndian> {
    gimli::write::EndianVec::new(gimli::LittleEndian)
}

fn gimli_len(bytes: usize) -> Result<u32, UnwindError> {
    u32::try_from(bytes).map_err(|_| UnwindError::Table("the function is too large".to_owned()))
}

/// Returns the bytes of a number as ULEB128.
fn uleb128_len(number: u64) -> u64 {
    u64::from((64 - (number | 1).leading_zeros()).div_ceil(7))
}
