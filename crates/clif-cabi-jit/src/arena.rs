//! The memory of an engine: one reserved range of address space, given out in pages.
//!
//! This is not cranelift-jit's `ArenaMemoryProvider`, which differs in three points:
//! - It panics when the system refuses to change a protection (memory limits, systems that forbid
//!   writable memory to become executable).
//! - It leaks all finalized code.
//! - It belongs to the module, while here the code outlives the module.
//!
//! As there, nothing ever moves. Everything lies within [`MAX_SIZE`] bytes, so a 32-bit
//! displacement reaches from any function to any other.
//!
//! A page is writable until it is sealed and never again afterwards. For no thread a page is
//! writable and executable at once.

use crate::cranelift::jit::JITMemoryKind;
use region::Protection;

use crate::error::{Error, Result};
use crate::host::Pages;

/// The most memory an engine can have: what a 32-bit displacement spans.
pub(crate) const MAX_SIZE: usize = 1 << 31;

/// Fewer, larger changes of protection: this much is made writable at once.
const GRAIN: usize = 64 << 10;

/// A reserved range of address space; unmapped on drop.
pub(crate) struct Arena {
    pages: Pages,
    /// Offset of the first page that no run owns.
    next: usize,
    /// Runs of pages that can still be written to.
    runs: Vec<Run>,
}

/// Writable pages of one kind, as offsets into the arena; `start` and `end` are multiples of the
/// page size.
struct Run {
    protection: Protection,
    start: usize,
    used: usize,
    end: usize,
}

impl Arena {
    /// Reserves `size` bytes, rounded up to pages. Nothing is committed yet.
    pub(crate) fn new(size: usize) -> Result<Self> {
        if size == 0 || size > MAX_SIZE {
            return Err(Error::MemorySize {
                size,
                most: MAX_SIZE,
            });
        }
        Ok(Self {
            pages: Pages::reserve(size)?,
            next: 0,
            runs: Vec::new(),
        })
    }

    /// Returns `size` writable bytes at a multiple of `align`, which stay where they are until the
    /// arena goes.
    pub(crate) fn allocate(
        &mut self,
        size: usize,
        align: u64,
        kind: &JITMemoryKind,
    ) -> Result<*mut u8> {
        let align = match usize::try_from(align) {
            Ok(align) if align.is_power_of_two() && align <= region::page::size() => align,
            _ => return Err(Error::Alignment { align }),
        };
        let total = self.pages.len();
        let free = total - self.next;
        let exhausted = Error::OutOfMemory {
            wanted: size,
            free,
            size: total,
        };
        // From here on sums of sizes stay far below overflow.
        if size > total {
            return Err(exhausted);
        }
        let protection = match kind {
            JITMemoryKind::Executable => Protection::READ_EXECUTE,
            JITMemoryKind::ReadOnly => Protection::READ,
            JITMemoryKind::Writable => Protection::READ_WRITE,
        };

        let fits = |run: &&mut Run| {
            run.protection == protection && run.used.next_multiple_of(align) + size <= run.end
        };
        if let Some(run) = self.runs.iter_mut().find(fits) {
            let offset = run.used.next_multiple_of(align);
            run.used = offset + size;
            return Ok(self.pages.at(offset));
        }

        let pages = size.max(1).next_multiple_of(region::page::size());
        if pages > free {
            return Err(exhausted);
        }
        let (start, end) = (self.next, self.next + pages.max(GRAIN).min(free));
        // SAFETY: whole pages, and the first ones that no run has owned.
        unsafe { self.pages.open(start..end, protection)? };
        self.next = end;
        let offset = self.in_new_run((start, end), protection, size, align);
        Ok(self.pages.at(offset))
    }

    /// Returns the offset of `size` bytes in a new run from `start` to `end`. The new run joins the
    /// last run if that ends at `start` and has the same protection.
    fn in_new_run(
        &mut self,
        (start, end): (usize, usize),
        protection: Protection,
        size: usize,
        align: usize,
    ) -> usize {
        if let Some(last) = self.runs.last_mut()
            && last.end == start
            && last.protection == protection
        {
            let offset = last.used.next_multiple_of(align);
            (last.used, last.end) = (offset + size, end);
            return offset;
        }
        self.runs.push(Run {
            protection,
            start,
            used: start + size,
            end,
        });
        start
    }

    /// Gives the pages in use their final protection. Unused pages of a run stay writable and are
    /// given out later.
    pub(crate) fn seal(&mut self) -> Result<()> {
        for idx in 0..self.runs.len() {
            let Some(&Run {
                protection,
                start,
                used,
                ..
            }) = self.runs.get(idx)
            else {
                continue;
            };
            let sealed = used.next_multiple_of(region::page::size());
            if protection == Protection::READ_WRITE || sealed == start {
                continue;
            }
            // SAFETY: whole pages of a run of this protection. Their contents are finished, and the
            // run gives out others from now on.
            unsafe { self.pages.seal(start..sealed, protection)? };
            if let Some(run) = self.runs.get_mut(idx) {
                (run.start, run.used) = (sealed, sealed);
            }
        }
        self.runs.retain(|run| run.start < run.end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_disjoint_and_writable() {
        let mut arena = Arena::new(4 << 20).unwrap();
        let mut ranges = Vec::new();
        for round in 0..20 {
            for (i, kind) in [
                JITMemoryKind::Executable,
                JITMemoryKind::ReadOnly,
                JITMemoryKind::Writable,
            ]
            .iter()
            .enumerate()
            {
                let (size, align) = (1 + 137 * round * (i + 1), 1 << (round % 13));
                let at = arena.allocate(size, align, kind).unwrap();
                assert_eq!(at.addr() % usize::try_from(align).unwrap(), 0);
                let written = crate::host::write_code(|| {
                    // SAFETY: `size` bytes at `at` are ours and writable until sealed.
                    unsafe { at.write_bytes(0xcc, size) };
                    Ok(())
                });
                written.unwrap();
                ranges.push((at.addr(), at.addr() + size));
            }
            if round % 3 == 0 {
                arena.seal().unwrap();
            }
        }
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }
}
