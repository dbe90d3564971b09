//! Objects against a guard page: the byte before, or after, is not there.

use std::io;
use std::ptr;

/// Bytes on the side of an object that no guard page is on, which must keep their value.
const BESIDE: usize = 64;

const POISON: u8 = 0xcc;

/// At which end of its pages an object lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageEnd {
    /// Its first byte is the first byte of a page; the page before cannot be touched.
    Start,
    /// Its last byte is the last byte of a page; the page after cannot be touched.
    End,
}

impl PageEnd {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::End => "objects end at a guard page",
            Self::Start => "objects start after a guard page",
        }
    }
}

/// Buffers for objects, each between two pages that cannot be touched.
#[derive(Debug)]
pub struct GuardedBuffers {
    base: *mut u8,
    n_buffers: usize,
    /// Bytes of a buffer, whole pages.
    buffer: usize,
    page: usize,
    /// Bytes of the whole mapping.
    len: usize,
}

impl GuardedBuffers {
    /// Makes `n_buffers` buffers for objects of up to `bytes` bytes.
    ///
    /// # Errors
    /// The system's, if it has no memory; [`io::ErrorKind::OutOfMemory`] if no address space could hold so much.
    pub fn new(n_buffers: usize, bytes: usize) -> io::Result<Self> {
        // SAFETY: sysconf reads a constant of the system.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let sizes = || {
            let buffer = bytes.max(1).checked_next_multiple_of(page)?;
            let len = buffer.checked_add(page)?.checked_mul(n_buffers)?;
            let len = len.checked_add(page)?;
            // No object of Rust's is larger.
            isize::try_from(len).ok().map(|_| (buffer, len))
        };
        let (buffer, len) = sizes().ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let buffers = Self {
            base: base.cast(),
            n_buffers,
            buffer,
            page,
            len,
        };
        for i in 0..n_buffers {
            // SAFETY: the buffer lies inside the mapping made above: i < n_buffers, and no sum is larger than `len`.
            let failed = unsafe {
                let start = buffers.base.add(page + i * (buffer + page));
                libc::mprotect(start.cast(), buffer, libc::PROT_READ | libc::PROT_WRITE) != 0
            };
            if failed {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(buffers)
    }

    /// Returns the address of an object of `size` bytes in buffer `index`, at one end of it. `None`
    /// if there is no such buffer, or too little of it.
    pub fn object(&self, index: usize, size: usize, side: PageEnd) -> Option<*mut u8> {
        if index >= self.n_buffers || size > self.buffer {
            return None;
        }
        let start = self.page + index * (self.buffer + self.page);
        let offset = match side {
            PageEnd::Start => start,
            PageEnd::End => start + self.buffer - size,
        };
        // SAFETY: inside the mapping: index < n_buffers and size <= buffer were just checked.
        Some(unsafe { self.base.add(offset) })
    }

    /// Bytes of an object of `size` bytes with those beside it, as far as the buffer has them.
    fn with_beside(&self, size: usize) -> usize {
        size.saturating_add(BESIDE).min(self.buffer.max(size))
    }

    /// Poisons an object of `size` bytes against the guard page of buffer `index`, and what is beside it.
    pub(crate) fn poison(&self, index: usize, size: usize, side: PageEnd) -> Option<*mut u8> {
        let object = self.object(index, size, side)?;
        self.put(index, &vec![POISON; self.with_beside(size)], side)?;
        Some(object)
    }

    /// Checks that the bytes beside an object of `size` bytes are those of
    /// [`GuardedBuffers::poison`]: no page that faults is on that side.
    ///
    /// # Errors
    /// The nearest byte that was written.
    pub(crate) fn check_beside(
        &self,
        index: usize,
        size: usize,
        side: PageEnd,
    ) -> Result<(), String> {
        let all = self.get(index, self.with_beside(size), side);
        let mut all = all.ok_or("too large for a buffer")?;
        let place = match side {
            PageEnd::Start => "after its end",
            PageEnd::End => {
                all.reverse();
                "before its start"
            }
        };
        let mut beside = all.iter().skip(size);
        match beside.position(|byte| *byte != POISON) {
            Some(at) => Err(format!(
                "byte {} {place} was written, outside the object",
                at + 1
            )),
            None => Ok(()),
        }
    }

    /// Puts `bytes` against the guard page of buffer `index`.
    pub fn put(&self, index: usize, bytes: &[u8], side: PageEnd) -> Option<*mut u8> {
        let at = self.object(index, bytes.len(), side)?;
        // SAFETY: `object` gives `bytes.len()` writable bytes that nothing else refers to as Rust objects.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) };
        Some(at)
    }

    /// Returns the `size` bytes of the object that [`GuardedBuffers::object`] puts there.
    pub fn get(&self, index: usize, size: usize, side: PageEnd) -> Option<Vec<u8>> {
        let at = self.object(index, size, side)?;
        // SAFETY: `object` gives `size` readable bytes, zero or written since the mapping was made.
        Some(unsafe { std::slice::from_raw_parts(at, size) }.to_vec())
    }
}

impl Drop for GuardedBuffers {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, and all addresses given out were documented to lie in it.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_address_space_holds_is_refused() {
        for (n_buffers, bytes) in [
            (1 << 51, 1),
            (1, usize::MAX),
            (1, usize::MAX - 4096),
            (usize::MAX, usize::MAX),
            (1 << 50, 4096),
        ] {
            let refused = GuardedBuffers::new(n_buffers, bytes)
                .map(|_| ())
                .unwrap_err();
            assert_eq!(
                refused.kind(),
                io::ErrorKind::OutOfMemory,
                "{n_buffers} {bytes}"
            );
        }
    }

    #[test]
    fn nothing_is_outside_a_room() {
        let buffers = GuardedBuffers::new(2, 1).unwrap();
        for side in [PageEnd::Start, PageEnd::End] {
            assert!(buffers.object(1, 1, side).is_some());
            assert!(buffers.object(2, 1, side).is_none());
            assert!(buffers.object(usize::MAX, 1, side).is_none());
            assert!(buffers.object(0, usize::MAX, side).is_none());
            assert!(buffers.put(0, &[1, 2, 3], side).is_some());
            assert_eq!(buffers.get(0, 3, side).unwrap(), [1, 2, 3]);
        }
    }

    #[test]
    fn a_byte_written_beside_an_object_is_noticed() {
        let buffers = GuardedBuffers::new(1, 1).unwrap();
        let whole = buffers.buffer;
        for (side, beside) in [
            (PageEnd::Start, (3..67).collect::<Vec<isize>>()),
            (PageEnd::End, (-64..0).collect()),
        ] {
            for at in beside {
                let object = buffers.poison(0, 3, side).unwrap();
                buffers.put(0, &[1, 2, 3], side).unwrap();
                buffers.check_beside(0, 3, side).unwrap();
                // SAFETY: a byte of the same buffer: it has a page, and the object is at one end of it.
                unsafe { object.offset(at).write(1) };
                buffers.check_beside(0, 3, side).unwrap_err();
            }
            buffers.poison(0, whole, side).unwrap();
            buffers.check_beside(0, whole, side).unwrap();
            assert!(buffers.poison(0, whole + 1, side).is_none());
            buffers.check_beside(0, whole + 1, side).unwrap_err();
        }
    }
}
