//! Slots of closures: each a stub that anybody can call, and the two words the stub reads.
//!
//! A block is a page of stubs and, after it, a page of data. Every stub has the same bytes, because
//! a stub and its two words are always a page apart. The stubs are written once, before the page
//! becomes executable. A new closure writes two words of data, a dropped one puts its slot back.
//! Neither needs a system call, and no page is ever writable and executable. Blocks are unmapped
//! with the pool.

use core::ffi::c_void;
use core::ptr;
use std::sync::Mutex;

use clif_cabi::StubCode;
use clif_cabi::cabi::Reg;
use clif_cabi_unwind::UnwindTables;

use crate::cranelift::codegen::isa::TargetIsa;
use crate::cranelift::module::FuncId;
use crate::error::{Error, Result};
use crate::host::system::Frames;
use crate::host::{Pages, machine};
use crate::locked;

/// Bytes of a stub, and of its data: the context, then the address to jump to.
const SLOT: usize = 16;

/// The slots of all closures of one kind, to be taken and given back by any thread.
pub(super) struct Pool {
    /// The register in which the stubs pass the context.
    pub(super) context: Reg,
    /// Unwind tables of a page of stubs, wherever it is.
    tables: Option<UnwindTables>,
    inner: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    /// Unwind tables are unregistered before their pages go.
    blocks: Vec<(Option<Frames>, Pages)>,
    free: Vec<StubSlot>,
}

/// One slot: where its stub is. Its data is a page further on.
#[derive(Clone, Copy)]
pub(super) struct StubSlot {
    stub: *mut u8,
}

// SAFETY: a slot is an address; each write to its data states why it may.
unsafe impl Send for StubSlot {}
// SAFETY: as above.
unsafe impl Sync for StubSlot {}

impl StubSlot {
    /// Returns the address to call.
    pub(super) fn code(self) -> *const c_void {
        self.stub.cast_const().cast()
    }

    /// Returns the address of the slot's two words: context and target.
    fn data(self) -> *mut *const c_void {
        self.stub.wrapping_add(region::page::size()).cast()
    }
}

impl Pool {
    pub(super) fn new(context: Reg, isa: &dyn TargetIsa) -> Self {
        let mut page = StubCode::default();
        page.bytes = vec![0; region::page::size()];
        // If there are such tables: a stub changes no register but the context's.
        let tables = UnwindTables::new(isa, None).and_then(|mut tables| {
            // The only one has any id.
            tables.add_stub(FuncId::from_u32(0), &page)?;
            Ok(tables)
        });
        Self {
            context,
            tables: tables.ok(),
            inner: Mutex::default(),
        }
    }

    /// Returns a slot whose stub jumps to `target` with `context` in the register of the pool.
    ///
    /// # Errors
    /// [`Error::Memory`] when the system gives no more memory.
    pub(super) fn take(&self, context: *const c_void, target: *const c_void) -> Result<StubSlot> {
        let mut inner = locked(&self.inner);
        let slot = match inner.free.pop() {
            Some(slot) => slot,
            None => inner.grow(self.context, self.tables.as_ref())?,
        };
        // SAFETY: the slot was free, so its data is neither read nor written elsewhere. The page of
        // data is writable, and the two words lie in it.
        unsafe {
            slot.data().write(context);
            slot.data().add(1).write(target);
        }
        Ok(slot)
    }

    /// Gives `slot` back. Nobody may call its stub from now on.
    pub(super) fn give_back(&self, slot: StubSlot) {
        let mut inner = locked(&self.inner);
        // If its stub is called after this, that faults here instead of running another closure,
        // until the slot is taken again.
        // SAFETY: the slot was taken, and its data is written nowhere else.
        unsafe { slot.data().add(1).write(ptr::null()) };
        inner.free.push(slot);
    }
}

impl PoolState {
    /// Maps one more block, and takes a slot of it.
    fn grow(&mut self, context: Reg, tables: Option<&UnwindTables>) -> Result<StubSlot> {
        let page = region::page::size();
        let stubs = machine::closure_stub(page, context).repeat(page / SLOT);
        let mut block = Pages::with_code(&stubs, page)?;
        let start = Some(block.at(0).addr() as u64);
        let tables = tables.and_then(|own| own.in_memory(page as u64, |_| start, |_| None).ok());
        // SAFETY: the stubs stay where they are as long as the block, which is dropped after the
        // tables.
        let frames = tables.map(|tables| unsafe { Frames::new(tables) });
        let frames = frames.transpose()?;
        // The first one is given out last.
        let slots = (0..page).step_by(SLOT).rev();
        self.free.extend(slots.map(|offset| StubSlot {
            stub: block.at(offset),
        }));
        self.blocks.push((frames, block));
        let error = Error::OutOfMemory {
            wanted: SLOT,
            free: 0,
            size: page,
        };
        self.free.pop().ok_or(error)
    }
}

#[cfg(all(test, has_engine))]
mod tests {
    use super::*;
    use crate::host::icache::tests::cleared;

    /// An emulator shows no stale instructions, so the calls are counted: once for each page of
    /// stubs, none for a slot that is taken again.
    #[test]
    fn stubs_are_cleared_from_the_instruction_cache_once() {
        let engine = crate::Engine::new(&crate::Settings::default()).unwrap();
        let isa = crate::cranelift_module::Module::isa(&engine);
        let pool = Pool::new(clif_cabi::cabi::aarch64::X18, isa);
        for _ in 0..2 {
            let page = region::page::size();
            let slots: Vec<StubSlot> = (0..page / SLOT)
                .map(|_| pool.take(ptr::null(), ptr::null()).unwrap())
                .collect();
            let first = slots.iter().map(|slot| slot.code().addr()).min().unwrap();
            assert_eq!(cleared(), [(first, page, true)]);
            pool.give_back(slots[0]);
            let _ = pool.take(ptr::null(), ptr::null()).unwrap();
            assert_eq!(cleared(), []);
        }
    }
}
