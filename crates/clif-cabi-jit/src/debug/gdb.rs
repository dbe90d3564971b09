//! gdb's JIT interface (gdb manual, "JIT Compilation Interface"): a list of images and a function.
//! A debugger finds the list by the name of its head. It stops in the function when the list
//! changes. lldb is said to read the list too; nothing here has tried.
//!
//! A process has one list for each library or program that has this code. The interface is a
//! feature of this crate because of its names: another JIT that is linked into the same program may
//! have them too.

use core::ptr;
use std::sync::Mutex;

use crate::locked;

/// A list of images. The layout is gdb's.
#[repr(C)]
struct CodeEntry {
    next: *mut CodeEntry,
    previous: *mut CodeEntry,
    image: *const u8,
    size: u64,
    /// Owner of the image, which gdb does not read.
    _owner: Vec<u8>,
}

#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut CodeEntry,
    first: *mut CodeEntry,
}

const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

/// The head of the list, by gdb's name for it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name is gdb's")]
static mut __jit_debug_descriptor: Descriptor = Descriptor {
    version: 1,
    action: 0,
    relevant: ptr::null_mut(),
    first: ptr::null_mut(),
};

/// Lock of the list, for engines on several threads.
static LOCK: Mutex<()> = Mutex::new(());

/// Does nothing: a function on which gdb has a breakpoint.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    // Not optimized away, and not merged with another function that does nothing.
    core::hint::black_box(&raw const __jit_debug_descriptor);
}

/// An image that is in the list.
pub(super) struct Registration(*mut CodeEntry);

// SAFETY: the entry is its own, and changed under the lock alone.
unsafe impl Send for Registration {}

impl Registration {
    /// Puts an image in the list.
    pub(super) fn new(image: Vec<u8>) -> Self {
        let _lock = locked(&LOCK);
        // SAFETY: the lock is held, and the list has entries that are alive: each is taken out
        // before it is dropped.
        unsafe {
            let head = &raw mut __jit_debug_descriptor;
            let entry = Box::into_raw(Box::new(CodeEntry {
                next: (*head).first,
                previous: ptr::null_mut(),
                image: image.as_ptr(),
                size: image.len() as u64,
                _owner: image,
            }));
            if let Some(next) = (*entry).next.as_mut() {
                next.previous = entry;
            }
            (*head).first = entry;
            tell(entry, REGISTER);
            Self(entry)
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let _lock = locked(&LOCK);
        // SAFETY: as above; the entry is in the list, and taken out once.
        unsafe {
            let head = &raw mut __jit_debug_descriptor;
            let CodeEntry { next, previous, .. } = *self.0;
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => (*head).first = next,
            }
            tell(self.0, UNREGISTER);
            drop(Box::from_raw(self.0));
        }
    }
}

/// # Safety
/// The lock is held, and the entry is alive.
unsafe fn tell(entry: *mut CodeEntry, action: u32) {
    // SAFETY: the caller's.
    unsafe {
        let head = &raw mut __jit_debug_descriptor;
        (*head).action = action;
        (*head).relevant = entry;
        __jit_debug_register_code();
        (*head).action = 0;
        (*head).relevant = ptr::null_mut();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The first byte of ELF images.
    const ELF: u8 = 0x7f;

    /// Returns the first byte of each image in the list: of those of engines, or of the others.
    pub(crate) fn listed(of_engines: bool) -> Vec<u8> {
        let mut images = Vec::new();
        let _lock = locked(&LOCK);
        // SAFETY: the lock is held, so the list does not change, and its entries are alive.
        unsafe {
            let mut entry = __jit_debug_descriptor.first.cast_const();
            while let Some(own) = entry.as_ref() {
                images.push(*own.image);
                entry = own.next;
            }
        }
        images.retain(|first| (*first == ELF) == of_engines);
        images
    }

    #[test]
    fn images_are_in_the_list_until_they_are_dropped() {
        let [first, second, third] = [1, 2, 3].map(|i| Registration::new(vec![i]));
        assert_eq!(listed(false), [3, 2, 1]);
        // From the middle, then from both ends.
        drop(second);
        assert_eq!(listed(false), [3, 1]);
        drop(third);
        assert_eq!(listed(false), [1]);
        drop(first);
        assert_eq!(listed(false), []);
    }
}
