//! Closures that run on this thread. One that is dropped meanwhile, by itself or by its callees, is
//! freed when it has returned.
//!
//! Each call notes its closure in a list of the thread, and takes the note back: some loads and
//! stores. A count of calls in the closure would take two locked instructions. Each takes as long
//! as the call of a closure, and longer where several threads call one closure.
//!
//! Two kinds of notes may be anywhere in the list. One kind is of calls that run on other stacks of
//! this thread. The other is of calls that were left by `longjmp`: these notes are never taken
//! back, and their closures are never freed. No address of a frame tells one kind from the other. A
//! coroutine's stack may be an array in another stack, and coroutines that copy their stacks aside
//! (greenlets) share addresses.

use core::cell::{Cell, RefCell};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::{ClosureInterface, Header};
use crate::host::system::keep_last_error;

/// Number of notes that are kept without the heap.
const FIRST: usize = 32;

/// A dropped closure is marked in its note; contexts have even addresses.
const DROPPED: usize = 1;

/// Value of a note whose memory is not [there](more): no closure's, marked or not.
const GONE: usize = !DROPPED;

/// Addresses of contexts, 0 where a note has been taken back before later ones.
struct Notes {
    len: Cell<usize>,
    /// Number of this thread, 0 until [`thread`] is called.
    thread: Cell<usize>,
    first: [Cell<usize>; FIRST],
}

thread_local! {
    static NOTES: Notes = const { Notes { len: Cell::new(0), thread: Cell::new(0), first: [const { Cell::new(0) }; FIRST] } };
    /// The notes after the first ones.
    static MORE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// Closures that were dropped while they ran here.
    static LATER: RefCell<Vec<NonNull<Header>>> = const { RefCell::new(Vec::new()) };
    /// Owner of the code that the last call of a dropped closure returns to, which still has some
    /// instructions to run. There is never more than one such call.
    static RETURNING: RefCell<Option<ClosureInterface>> = const { RefCell::new(None) };
}

#[inline]
fn notes<R>(with: impl FnOnce(&Notes) -> R) -> R {
    keep_last_error(|| NOTES.with(with))
}

/// Returns a number for this thread, which no other thread has, nor a later one: a closure may
/// outlive its thread.
#[inline]
pub(super) fn thread() -> usize {
    notes(|notes| match notes.thread.get() {
        0 => notes.number(),
        number => number,
    })
}

/// Notes that the closure whose context is at `context` runs from now on. Returns the note's place.
#[inline]
pub(super) fn begin(context: usize) -> usize {
    notes(|notes| {
        let at = notes.len.get();
        notes.len.set(at + 1);
        match notes.first.get(at) {
            Some(note) => note.set(context),
            None => notes.set(at, context),
        }
        at
    })
}

/// Takes note `at` back: a call of the closure whose context is at `context` returns. If the
/// closure was dropped, and no other call of it runs here, its context is returned, to be freed.
#[inline]
pub(super) fn end(at: usize, context: usize) -> Option<NonNull<Header>> {
    notes(|notes| {
        let is_last = notes.len.get() == at + 1;
        if is_last && notes.first.get(at).map(Cell::get) == Some(context) {
            notes.len.set(at);
            return None;
        }
        notes.end(at, context)
    })
}

/// Checks whether the closure runs here. The [`end`] of its last call then returns its context.
pub(super) fn is_dropped_later(context: NonNull<Header>) -> bool {
    let address = context.cast::<()>().addr().get();
    let marked = notes(|notes| notes.mark(address));
    // While the thread ends there is no list any more: a closure that runs even then is not freed.
    let _ = marked
        && LATER
            .try_with(|later| later.borrow_mut().push(context))
            .is_ok();
    marked
}

/// Keeps the code of `interface` until the call that ends has returned to C. It stays longer: until
/// the next such call on this thread, or the end of the thread.
pub(super) fn keep_while_returning(interface: ClosureInterface) {
    let mut interface = Some(interface);
    // The former owner is dropped after the list is no longer borrowed.
    let before = RETURNING.try_with(|returning| returning.replace(interface.take()));
    match before {
        Ok(before) => drop(before),
        // The thread ends: its last code is not freed.
        Err(_) => core::mem::forget(interface),
    }
}

/// Gives the notes after the first ones to `with`, unless their memory is not there: when the
/// thread ends, and when a signal handler has interrupted this function.
fn more<R>(with: impl FnOnce(&mut Vec<usize>) -> R) -> Option<R> {
    let notes = MORE.try_with(|more| Some(with(&mut *more.try_borrow_mut().ok()?)));
    notes.ok().flatten()
}

impl Notes {
    #[cold]
    fn number(&self) -> usize {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        self.thread.set(number);
        number
    }

    /// Returns note `at`. One whose memory is not there is not taken for one that was taken back.
    fn get(&self, at: usize) -> usize {
        match self.first.get(at) {
            Some(note) => note.get(),
            None => more(|more| more.get(at - FIRST).copied().unwrap_or(0)).unwrap_or(GONE),
        }
    }

    #[cold]
    fn set(&self, at: usize, context: usize) {
        match self.first.get(at) {
            Some(note) => note.set(context),
            None => {
                more(|more| {
                    if more.len() <= at - FIRST {
                        more.resize(at - FIRST + 1, 0);
                    }
                    if let Some(note) = more.get_mut(at - FIRST) {
                        *note = context;
                    }
                });
            }
        }
    }

    /// Marks the first note of `context`, if there is one. There may be one whose memory is not
    /// there.
    fn mark(&self, context: usize) -> bool {
        match (0..self.len.get()).find(|at| self.get(*at) == context) {
            Some(at) => {
                self.set(at, context | DROPPED);
                true
            }
            None => self.len.get() > FIRST && more(|_| ()).is_none(),
        }
    }

    #[cold]
    fn end(&self, at: usize, context: usize) -> Option<NonNull<Header>> {
        let is_dropped = self.get(at) == context | DROPPED;
        self.set(at, 0);
        while let Some(last) = self.len.get().checked_sub(1)
            && (last == at || self.get(last) == 0)
        {
            self.len.set(last);
        }
        if !is_dropped || self.mark(context) {
            return None;
        }
        let later = LATER.try_with(|later| {
            let mut later = later.borrow_mut();
            let is_it = |one: &NonNull<Header>| one.cast::<()>().addr().get() == context;
            let index = later.iter().position(is_it);
            index.map(|index| later.swap_remove(index))
        });
        later.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handler of a signal calls a closure while the list is being changed.
    #[test]
    fn a_note_may_interrupt_another() {
        let outer: Vec<usize> = (0..2 * FIRST).map(|_| begin(16)).collect();
        let closure = NonNull::dangling();
        MORE.with(|more| {
            let _interrupted = more.borrow_mut();
            let note = begin(closure.addr().get());
            assert!(is_dropped_later(closure), "it may be running");
            assert_eq!(end(note, closure.addr().get()), None);
        });
        for note in outer.into_iter().rev() {
            assert_eq!(end(note, 16), None);
        }
        assert_eq!(begin(16), 0, "no note is left");
    }
}
