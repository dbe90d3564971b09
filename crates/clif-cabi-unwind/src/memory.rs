//! Tables for code in this process: every address is final, and written as it is.

use crate::cranelift::codegen::gimli::constants::DW_EH_PE_absptr;
use crate::cranelift::module::FuncId;
use crate::error::UnwindError;
use crate::section::{AddressTarget, Section};
use crate::tables::{Encodings, UnwindFunction, UnwindTables};

const ENCODINGS: Encodings = Encodings {
    address: DW_EH_PE_absptr,
    symbol: DW_EH_PE_absptr,
};

/// Tables with addresses. They name each other by address: nothing may be moved or dropped while an
/// unwinder knows it.
#[derive(Debug)]
pub struct TablesInMemory {
    /// Each is an `.eh_frame` for `__register_frame`, ended by four zeros: one for each run of
    /// functions that lie next to each other. libgcc takes all that is between the functions of one
    /// table for that table's.
    pub eh_frames: Vec<Box<[u8]>>,
    /// The landing pads of all functions (`.gcc_except_table`).
    pub landing_pads: Box<[u8]>,
    /// On x86-64 Windows, for `RtlAddFunctionTable`: the functions of each run that have rules, in
    /// the order of their addresses. Others are leaves.
    pub windows: Vec<Vec<WindowsFunction>>,
}

/// A function as Windows unwinds it.
#[derive(Clone, Copy, Debug)]
pub struct WindowsFunction {
    /// Its address.
    pub start: u64,
    /// Bytes of its code.
    pub len: usize,
}

impl UnwindTables {
    /// Returns the tables of functions that are where `function` says. Functions on pages that are
    /// further than `page` bytes from each other are in different tables. `symbol` has the
    /// addresses of the personality and of types.
    ///
    /// # Errors
    /// [`UnwindError::Symbol`] for what has no address.
    pub fn in_memory(
        &self,
        page: u64,
        function: impl Fn(FuncId) -> Option<u64>,
        symbol: impl Fn(&str) -> Option<u64>,
    ) -> Result<TablesInMemory, UnwindError> {
        let resolved = |section: &Section, pads: u64| {
            section.resolved(|target| {
                let (address, name) = match section.target(target) {
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
        if self.is_windows() {
            return self.windows_in_memory(page, &function);
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
        })
    }

    fn windows_in_memory(
        &self,
        page: u64,
        function: &impl Fn(FuncId) -> Option<u64>,
    ) -> Result<TablesInMemory, UnwindError> {
        let mut windows = Vec::new();
        for run in self.runs(page, function)? {
            let own = run.iter().filter_map(|index| self.functions().get(*index));
            let own = own.filter(|own| own.unwind_info().is_some());
            let entry = |own: &UnwindFunction| {
                let (start, len) = (function(own.id)?, own.len);
                Some(WindowsFunction { start, len })
            };
            windows.push(own.filter_map(entry).collect());
        }
        windows.retain(|run: &Vec<_>| !run.is_empty());
        Ok(TablesInMemory {
            eh_frames: Vec::new(),
            landing_pads: Box::default(),
            windows,
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
        for (index, own) in self.functions().iter().enumerate() {
            let name = || format!("function {}", own.id.as_u32());
            let start = function(own.id).ok_or_else(|| UnwindError::Symbol { name: name() })?;
            let last = own.len.saturating_sub(1) as u64;
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
