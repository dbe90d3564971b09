//! How the unwinder of the process finds its way through JIT code: tables that it is told of, until the code goes.

use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::{CompiledCode, ir};
use crate::cranelift::module::FuncId;
use clif_cabi::StubCode;
use clif_cabi_unwind::{Personality, TablesInMemory, UnwindError, UnwindTables};

use crate::host::system;

/// Tables that the unwinder knows.
pub(crate) struct Frames(TablesInMemory);

/// Tables of functions that are defined and not finalized.
pub(crate) struct NewFrames {
    personality: Option<Personality>,
    /// None where there are no such tables.
    tables: Option<UnwindTables>,
}

impl Frames {
    /// Tells the unwinder of the functions in `tables`.
    ///
    /// # Safety
    /// The tables are right, and their functions stay where they are as long as this value.
    pub(crate) unsafe fn new(tables: TablesInMemory) -> Self {
        for frames in &tables.eh_frames {
            // SAFETY: the caller's; the table is taken back when this value is dropped, which owns it.
            unsafe { system::unwind_table(frames, true) };
        }
        Self(tables)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        for frames in &self.0.eh_frames {
            // SAFETY: it was told of this table when it was made.
            unsafe { system::unwind_table(frames, false) };
        }
    }
}

impl NewFrames {
    /// # Errors
    /// Names of the personality that are no symbols'.
    pub(crate) fn new(
        isa: &dyn TargetIsa,
        personality: Option<Personality>,
    ) -> Result<Self, UnwindError> {
        let tables = match UnwindTables::new(isa, personality.clone()) {
            // The tables of Windows are for object files.
            Ok(tables) => Some(tables).filter(|_| !cfg!(windows)),
            Err(error @ UnwindError::Symbol { .. }) => return Err(error),
            // There are no such tables here.
            Err(_) => None,
        };
        Ok(Self {
            personality,
            tables,
        })
    }

    /// Adds a function that was compiled.
    pub(crate) fn add(
        &mut self,
        isa: &dyn TargetIsa,
        id: FuncId,
        func: &ir::Function,
        code: &CompiledCode,
    ) -> Result<(), UnwindError> {
        let Some(tables) = &mut self.tables else {
            // Handlers that nothing enters are not passed over in silence.
            let is_own = |own: &Personality| own.symbol().is_none();
            let is_entered = self.personality.as_ref().is_some_and(is_own);
            if func.dfg.exception_tables.is_empty() || is_entered {
                return Ok(());
            }
            return Err(UnwindError::Target {
                target: isa.triple().to_string(),
                why: "no unwind tables are written, so that nothing enters a handler of try_call",
            });
        };
        tables.add_function(isa, id, code)
    }

    /// Adds a stub.
    pub(crate) fn add_stub(&mut self, id: FuncId, code: &StubCode) -> Result<(), UnwindError> {
        match &mut self.tables {
            Some(tables) => tables.add_stub(id, code),
            None => Ok(()),
        }
    }

    /// Takes out what was not defined after all.
    pub(crate) fn remove(&mut self, id: FuncId) {
        if let Some(tables) = &mut self.tables {
            tables.remove(id);
        }
    }

    /// The names that have to be found before [`take`](Self::take).
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().flat_map(UnwindTables::symbols)
    }

    /// The tables of what was added since the last time, where `function` says that it is.
    pub(crate) fn take(
        &mut self,
        function: impl Fn(FuncId) -> *const u8,
        symbol: impl Fn(&str) -> Option<*const u8>,
    ) -> Result<Option<TablesInMemory>, UnwindError> {
        let Some(tables) = self.tables.as_mut().filter(|tables| !tables.is_empty()) else {
            return Ok(None);
        };
        let number = |address: *const u8| Some(address.addr() as u64);
        let page = region::page::size() as u64;
        let taken = tables.in_memory(
            page,
            |id| number(function(id)),
            |name| symbol(name).and_then(number),
        )?;
        tables.clear();
        Ok(Some(taken))
    }
}
