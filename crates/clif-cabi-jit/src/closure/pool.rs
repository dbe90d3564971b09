//! Slots of closures: each a stub that anybody can call, and the two words the stub reads.
//!
//! A block is a page of stubs and, after it, a page of data. Every stub has the same bytes, because a stub and its two words are always a page
//! apart: they are written once, before the page becomes executable. To make a closure is to write two words of data, to drop one is to put its
//! slot back: no system call, and no page is ever writable and executable. Blocks are unmapped with the pool.

use core::ffi::c_void;
use core::ptr;
use std::sync::{Mutex, PoisonError};

use region::Protection;

use crate::error::{Error, Result};

/// Bytes of a stub, and of its data: the context, then the address to jump to.
const SLOT: usize = 16;

/// The slots of all closures of one kind, to be taken and given back by any thread.
#[derive(Default)]
pub(super) struct Pool {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    blocks: Vec<region::Allocation>,
    free: Vec<Slot>,
}

// SAFETY: the allocations are plain memory that the pool alone owns; which thread maps or unmaps them does not matter.
unsafe impl Send for Inner {}

/// One slot: where its stub is. Its data is a page further on.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    stub: *mut u8,
}

// SAFETY: a slot is an address; each write to its data states why it may.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    /// The address to call.
    pub(super) fn code(self) -> *const c_void {
        self.stub.cast_const().cast()
    }

    /// Its two words: context and target.
    fn data(self) -> *mut *const c_void {
        self.stub.wrapping_add(region::page::size()).cast()
    }
}

impl Pool {
    /// A slot whose stub jumps to `target` with `context` in r10.
    ///
    /// # Errors
    /// [`Error::Memory`] when the system gives no more memory.
    pub(super) fn take(&self, context: *const c_void, target: *const c_void) -> Result<Slot> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match inner.free.pop() {
            Some(slot) => slot,
            None => inner.grow()?,
        };
        // SAFETY: the slot was free, so its data is neither read nor written elsewhere; the page of data is writable, and the two words lie in it.
        unsafe {
            slot.data().write(context);
            slot.data().add(1).write(target);
        }
        Ok(slot)
    }

    /// Gives `slot` back. Nobody may call its stub from now on.
    pub(super) fn give_back(&self, slot: Slot) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // If its stub is called after this, that faults here instead of running another closure, until the slot is taken again.
        // SAFETY: the slot was taken, and its data is written nowhere else.
        unsafe { slot.data().add(1).write(ptr::null()) };
        inner.free.push(slot);
    }
}

impl Inner {
    /// Maps one more block, and takes a slot of it.
    fn grow(&mut self) -> Result<Slot> {
        let page = region::page::size();
        let memory = |action| move |source| Error::Memory { action, source };
        let mut block = region::alloc(2 * page, Protection::READ_WRITE)
            .map_err(memory("reserve memory for closures"))?;
        let start: *mut u8 = block.as_mut_ptr();
        let stub = stub_bytes(page);
        for offset in (0..page).step_by(SLOT) {
            // SAFETY: `offset + SLOT` is at most a page, and the block is writable and ours.
            unsafe { ptr::copy_nonoverlapping(stub.as_ptr(), start.add(offset), SLOT) };
        }
        // SAFETY: the first page of the block; its stubs are complete, and their addresses have not been given out.
        unsafe { region::protect(start, page, Protection::READ_EXECUTE) }
            .map_err(memory("make the stubs of closures executable"))?;
        // The first one is given out last.
        let slots = (0..page).step_by(SLOT).rev();
        self.free.extend(slots.map(|offset| Slot {
            stub: start.wrapping_add(offset),
        }));
        self.blocks.push(block);
        let none = Error::OutOfMemory {
            wanted: SLOT,
            free: 0,
            size: page,
        };
        self.free.pop().ok_or(none)
    }
}

/// The bytes of a stub whose data is `page` bytes after it: `mov r10, [rip + page - 7]`, `jmp [rip + page + 8 - 13]`, then `int3`.
fn stub_bytes(page: usize) -> [u8; SLOT] {
    let [a, b, c, d, ..] = (page - 7).to_le_bytes();
    let [e, f, g, h, ..] = (page + 8 - 13).to_le_bytes();
    [
        0x4c, 0x8b, 0x15, a, b, c, d, 0xff, 0x25, e, f, g, h, 0xcc, 0xcc, 0xcc,
    ]
}
