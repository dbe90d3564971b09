//! Unwinding of JIT code: tables that the unwinder knows until the code goes.

use std::borrow::Cow;

use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::codegen::{CompiledCode, ir};
use crate::cranelift::module::FuncId;
use clif_cabi::StubCode;
use clif_cabi::cabi::Triple;
use clif_cabi_unwind::{Personality, TablesInMemory, UnwindError, UnwindTables};

use crate::error::Error;

/// The least alignment of code that rules come after, in bytes.
pub(crate) const RULES_ALIGN: u64 = 4;

/// Returns the error of the function `name`.
pub(crate) fn unwound(name: &str) -> impl FnOnce(UnwindError) -> Error + use<> {
    let function = name.to_owned();
    |source| Error::Unwind { function, source }
}

/// Tables of functions that are defined and not finalized.
pub(crate) struct NewFrames {
    personality: Option<Personality>,
    /// None where there are no such tables.
    tables: Option<UnwindTables>,
}

impl NewFrames {
    /// # Errors
    /// [`UnwindError::Symbol`] for a name of the personality that is no symbol's.
    pub(crate) fn new(
        isa: &dyn TargetIsa,
        personality: Option<Personality>,
    ) -> Result<Self, UnwindError> {
        let tables = match UnwindTables::new(isa, personality.clone()) {
            Ok(tables) => Some(tables),
            Err(error @ UnwindError::Symbol { .. }) => return Err(error),
            // There are no such tables here.
            Err(_) => None,
        };
        Ok(Self {
            personality,
            tables,
        })
    }

    /// Makes tables of stubs alone.
    pub(crate) fn of_stubs() -> Self {
        Self {
            personality: None,
            // There may be no such tables here.
            tables: UnwindTables::of_stubs(&Triple::host()).ok(),
        }
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
                why: "no unwind tables are written, so a handler of try_call is never entered",
            });
        };
        tables.add_tail_calls(isa, func)?;
        tables.add_function(isa, id, code)
    }

    pub(crate) fn add_stub(&mut self, id: FuncId, code: &StubCode) -> Result<(), UnwindError> {
        match &mut self.tables {
            Some(tables) => tables.add_stub(id, code),
            None => Ok(()),
        }
    }

    /// Takes out a function or stub that was not defined after all.
    pub(crate) fn remove(&mut self, id: FuncId) {
        if let Some(tables) = &mut self.tables {
            tables.remove(id);
        }
    }

    /// Returns `code`, of the function or stub `id`, and after it the rules that have to be near
    /// it: on Windows its UNWIND_INFO and handlers.
    pub(crate) fn with_rules<'c>(
        &self,
        id: FuncId,
        code: &'c [u8],
    ) -> Result<Cow<'c, [u8]>, UnwindError> {
        let rules = self.tables.as_ref().map(|own| own.after_code(id));
        let rules = rules.transpose()?.unwrap_or_default();
        Ok(match rules.is_empty() {
            true => Cow::Borrowed(code),
            false => Cow::Owned([code, &rules].concat()),
        })
    }

    /// Returns the names that have to be found before [`take`](Self::take).
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().flat_map(UnwindTables::symbols)
    }

    /// Returns the tables of all code that was added since the last time. `function` returns its
    /// addresses.
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
        let in_memory = tables.in_memory(
            page,
            |id| number(function(id)),
            |name| symbol(name).and_then(number),
        )?;
        tables.clear();
        Ok(Some(in_memory))
    }
}
