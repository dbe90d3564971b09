//! Tables for code in this process: every address is final, and written as it is.

use crate::cranelift::codegen::gimli::DwEhPe;
use crate::cranelift::codegen::gimli::constants::{DW_EH_PE_absptr, DW_EH_PE_indirect};
use crate::cranelift::module::FuncId;
use crate::error::{OTHER_TABLES, UnwindError};
use crate::section::{AddressTarget, Section};
use crate::tables::{Encodings, UnwindFunction, UnwindTables, Word};
use crate::windows;

const ENCODINGS: Encodings = Encodings {
    address: DW_EH_PE_absptr,
    symbol: DW_EH_PE_absptr,
};

/// Types on Windows: their addresses are not known when the code is written.
const TYPES: DwEhPe = DwEhPe(DW_EH_PE_indirect.0 | DW_EH_PE_absptr.0);

/// Alignment of an UNWIND_INFO.
const RULES_ALIGN: usize = 4;

/// Tables with addresses. They name each other by address: nothing may be moved or dropped while an
/// unwinder knows it.
#[derive(Debug)]
pub struct TablesInMemory {
    /// Tables for `__register_frame`, each an `.eh_frame` that ends with four zeros. Functions that
    /// lie next to each other have one table. libgcc takes all code between two functions of a
    /// table for that table's.
    pub eh_frames: Vec<Box<[u8]>>,
    /// The landing pads of all functions (`.gcc_except_table`).
    pub landing_pads: Box<[u8]>,
    /// On x86-64 Windows, for `RtlAddFunctionTable`: the functions of each run that have rules, in
    /// the order of their addresses. Others are leaves. The base of a run is the start of its first
    /// function; a function with handlers is alone, as its rules count from there.
    pub windows: Vec<Vec<WindowsFunction>>,
    /// Words that handlers on Windows read.
    _words: Vec<Word>,
}

/// A function as Windows unwinds it.
#[derive(Clone, Copy, Debug)]
pub struct WindowsFunction {
    /// Its address.
    pub start: u64,
    /// Bytes of its code.
    pub len: usize,
    /// Offset of its UNWIND_INFO from its start.
    pub unwind_info: usize,
}

impl UnwindTables {
    /// Returns the tables of the functions at the addresses that `function` returns. Functions on
    /// pages that are further than `page` bytes from each other are in different tables. `symbol`
    /// has the addresses of the personality and of types.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for a name without address, [`UnwindError::Target`] for Windows on
    /// AArch64.
    pub fn in_memory(
        &self,
        page: u64,
        function: impl Fn(FuncId) -> Option<u64>,
        symbol: impl Fn(&str) -> Option<u64>,
    ) -> Result<TablesInMemory, UnwindError> {
        let resolved = |section: &Section, pads: u64| {
            section.resolved(|reference| {
                let (address, name) = match section.target(reference.target) {
                    Some(AddressTarget::Function(id)) => {
                        (function(*id), format!("function {}", id.as_u32()))
                    }
                    Some(AddressTarget::LandingPads(start)) => {
                        (pads.checked_add(*start as u64), String::new())
                    }
                    Some(AddressTarget::Symbol(name)) => (symbol(name), name.clone()),
                    None => (None, String::new()),
                };
                address.ok_or(UnwindError::Symbol { name })
            })
        };
        if self
            .functions()
            .iter()
            .any(|own| !own.frame.fragments().is_empty())
        {
            let (target, why) = ("code in memory".to_owned(), OTHER_TABLES);
            return Err(UnwindError::Target { target, why });
        }
        if self.is_windows() {
            return self.windows_in_memory(page, &function, symbol);
        }
        let (pads, starts) = self.landing_pads(ENCODINGS)?;
        let landing_pads = resolved(&pads, 0)?.into_boxed_slice();
        let pads_at = landing_pads.as_ptr().addr() as u64;

        let mut eh_frames = Vec::new();
        for run in self.runs(page, &function)? {
            let frames = self.frames(ENCODINGS, &starts, &run)?;
            let mut frames = resolved(&frames, pads_at)?;
            frames.extend([0; 4]);
            eh_frames.push(frames.into_boxed_slice());
        }
        Ok(TablesInMemory {
            eh_frames,
            landing_pads,
            windows: Vec::new(),
            _words: Vec::new(),
        })
    }

    /// Returns the bytes that have to follow the code of the function or stub `id` in memory, which
    /// starts at a multiple of 4 bytes. On x86-64 Windows they are its UNWIND_INFO, if it is no
    /// leaf, and its handlers, by addresses that [`UnwindTables::in_memory`] finds.
    ///
    /// # Errors
    /// [`UnwindError::Table`] for handlers that have no table.
    pub fn after_code(&self, id: FuncId) -> Result<Vec<u8>, UnwindError> {
        let function = self.functions().iter().rev().find(|own| own.id == id);
        let Some(function) = function else {
            return Ok(Vec::new());
        };
        let Some(rules) = self.windows_rules(function, TYPES)? else {
            return Ok(Vec::new());
        };
        let start = function.len.next_multiple_of(RULES_ALIGN);
        let jump = start + rules.bytes.slice().len();
        let resolved = rules.resolved(|at| match (rules.target(at.target), at.eh_pe) {
            (Some(AddressTarget::Symbol(name)), Some(_)) => self.word_address(name),
            // The personality may be too far away for an offset.
            (Some(AddressTarget::Symbol(_)), None) => Ok(jump as u64),
            // The function is the base.
            _ => Ok(0),
        })?;
        let mut after = vec![0; start - function.len];
        after.extend(resolved);
        if function.has_handlers()
            && let Some(name) = self.personality_name()
        {
            after.extend(windows::jump(self.word_address(name)?));
        }
        Ok(after)
    }

    fn windows_in_memory(
        &self,
        page: u64,
        function: &impl Fn(FuncId) -> Option<u64>,
        symbol: impl Fn(&str) -> Option<u64>,
    ) -> Result<TablesInMemory, UnwindError> {
        let mut windows = Vec::new();
        for run in self.runs(page, function)? {
            let in_run = run.iter().filter_map(|index| self.functions().get(*index));
            let in_run: Vec<_> = in_run.filter(|own| own.unwind_info().is_some()).collect();
            let entry = |own: &&UnwindFunction| {
                let (start, len) = (function(own.id)?, own.len);
                let unwind_info = len.next_multiple_of(RULES_ALIGN);
                Some(WindowsFunction {
                    start,
                    len,
                    unwind_info,
                })
            };
            let tables = in_run.chunk_by(|a, b| !a.has_handlers() && !b.has_handlers());
            windows.extend(tables.map(|own| own.iter().filter_map(entry).collect()));
        }
        Ok(TablesInMemory {
            eh_frames: Vec::new(),
            landing_pads: Box::default(),
            windows,
            _words: self.fill_words(symbol)?,
        })
    }

    /// Returns the indices of the functions, in runs between which there are whole pages: those may
    /// have functions of other tables.
    fn runs(
        &self,
        page: u64,
        function: &impl Fn(FuncId) -> Option<u64>,
    ) -> Result<Vec<Vec<usize>>, UnwindError> {
        let mut places = Vec::new();
        for (index, entry) in self.functions().iter().enumerate() {
            let name = || format!("function {}", entry.id.as_u32());
            let start = function(entry.id).ok_or_else(|| UnwindError::Symbol { name: name() })?;
            let last = entry.len.saturating_sub(1) as u64;
            places.push((start, start.saturating_add(last), index));
        }
        places.sort_unstable();
        let mut runs: Vec<Vec<usize>> = Vec::new();
        let mut last_page = None;
        for (start, last, index) in places {
            let is_next = last_page.is_some_and(|page_before| start / page <= page_before + 1);
            match runs.last_mut().filter(|_| is_next) {
                Some(run) => run.push(index),
                None => runs.push(vec![index]),
            }
            last_page = Some(last / page);
        }
        Ok(runs)
    }
}
