//! Symbols of addresses in the code of engines: [`symbol_at`], for code that shows a backtrace.
//! Symbolizers look into the files that are mapped, of which code in memory is none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clif_cabi_unwind::Sources;

use super::{NewCode, Row};
use crate::locked;

/// Symbol of an address in the code of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeSymbol {
    /// The function: the name it has in CLIF (`UserFuncName::testcase`), else its symbol.
    pub name: String,
    /// Bytes from its first instruction.
    pub offset: usize,
    /// The file and the line, where [`Engine::sources`](crate::Engine::sources) has them.
    pub place: Option<(String, u32)>,
}

/// Code by its first address, and the files that it is from.
type Functions = BTreeMap<usize, (NewCode, Option<Arc<Sources>>)>;

/// The code of all engines.
static ALL: Mutex<Functions> = Mutex::new(BTreeMap::new());

/// Functions that are known as long as this value is.
pub(super) struct SymbolEntries(Vec<usize>);

impl SymbolEntries {
    pub(super) fn new(code: &[NewCode], sources: Option<&Arc<Sources>>) -> Self {
        let known = |own: &NewCode| {
            let mut known = own.clone();
            if sources.is_none() {
                known.rows = Vec::new();
            }
            (own.address, (known, sources.cloned()))
        };
        locked(&ALL).extend(code.iter().map(known));
        Self(code.iter().map(|own| own.address).collect())
    }
}

impl Drop for SymbolEntries {
    fn drop(&mut self) {
        let mut all = locked(&ALL);
        for start in &self.0 {
            all.remove(start);
        }
    }
}

/// Returns the function that an address is in, of any [`Engine`](crate::Engine) of the process and
/// any thread. `None`: it is in none, or in one that is gone.
///
/// A frame of a backtrace has the address that its call returns to, which may already be that of
/// another line, or of the next function: ask for the byte before.
///
/// `std::backtrace::Backtrace`, the message of a panic and the crate `backtrace` show no name for
/// code in memory: std looks for names itself, in the files that the dynamic linker had mapped when
/// it was asked first, and cannot be told of others. (An image of the code that `dlopen` loads,
/// from a memfd, would be at other addresses.) For each frame of `backtrace::trace` that
/// `backtrace::resolve_frame` does not know, ask
/// `symbol_at(frame.ip().cast::<u8>().wrapping_sub(1))`.
#[must_use]
pub fn symbol_at(address: *const u8) -> Option<CodeSymbol> {
    let all = locked(&ALL);
    let (start, (function, sources)) = all.range(..=address.addr()).next_back()?;
    let offset = address.addr() - start;
    if offset >= function.size {
        return None;
    }
    let is_before = |row: &&Row| usize::try_from(row.0).is_ok_and(|start| start <= offset);
    // Code before the first place, the prologue, is from there.
    let row = function.rows.iter().rfind(is_before);
    let row = row.or(function.rows.first());
    let place = row.and_then(|(_, at)| sources.as_ref()?.line(*at));
    Some(CodeSymbol {
        name: function.name.clone(),
        offset,
        place: place.map(|(file, line)| (file.to_owned(), line)),
    })
}
