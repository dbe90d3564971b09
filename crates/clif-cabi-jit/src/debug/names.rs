//! Symbols of addresses in the code of engines: [`symbol_at`], for code that shows a backtrace.
//! Symbolizers look into mapped files, and code in memory is in none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::NewCode;
use crate::locked;

/// Symbol of an address in the code of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeSymbol {
    /// The function: the name it has in CLIF (`UserFuncName::testcase`), else its symbol.
    pub name: String,
    /// Bytes from its first instruction.
    pub offset: usize,
}

/// The code of all engines by its first address.
static ALL: Mutex<BTreeMap<usize, NewCode>> = Mutex::new(BTreeMap::new());

/// Functions that are known as long as this value is.
pub(super) struct SymbolEntries(Vec<usize>);

impl SymbolEntries {
    pub(super) fn new(code: &[NewCode]) -> Self {
        locked(&ALL).extend(code.iter().map(|own| (own.address, own.clone())));
        Self(code.iter().map(|own| own.address).collect())
    }
}

impl Drop for SymbolEntries {
    fn drop(&mut self) {
        let mut entries = locked(&ALL);
        for start in &self.0 {
            entries.remove(start);
        }
    }
}

/// Returns the function that an address is in, of any [`Engine`](crate::Engine) of the process and
/// any thread. `None`: the address is in none, or in one that is gone.
///
/// A frame of a backtrace has the address that its call returns to. This may already be the address
/// of the next function, so look up the byte before. The front end knows the line: Cranelift keeps
/// its source locations by the same offset (`MachBuffer::get_srclocs_sorted`).
///
/// `std::backtrace::Backtrace`, the message of a panic and the crate `backtrace` show no name for
/// code in memory. The reason: std looks for names in the files that the dynamic linker had mapped
/// at its first search, and nobody can add others. (An image of the code that `dlopen` loads, from
/// a memfd, would be at other addresses.) Some frames of `backtrace::trace` are unknown to
/// `backtrace::resolve_frame`. For each of them, call
/// `symbol_at(frame.ip().cast::<u8>().wrapping_sub(1))`.
///
/// The function takes a lock, and allocates. A signal handler waits forever if it has interrupted
/// this function on its own thread, or an engine that becomes final or goes.
#[must_use]
pub fn symbol_at(address: *const u8) -> Option<CodeSymbol> {
    let entries = locked(&ALL);
    let (start, function) = entries.range(..=address.addr()).next_back()?;
    let offset = address.addr() - start;
    (offset < function.size).then(|| CodeSymbol {
        name: function.name.clone(),
        offset,
    })
}
