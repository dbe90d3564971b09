//! Objects against a guard page: the byte before, or behind, is not there.

use std::io;
use std::ptr;

/// At which end of its pages an object lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Its first byte is the first byte of a page; the page before cannot be touched.
    Start,
    /// Its last byte is the last byte of a page; the page behind cannot be touched.
    End,
}

/// Rooms for objects, each between two pages that cannot be touched.
#[derive(Debug)]
pub struct Rooms {
    base: *mut u8,
    n_rooms: usize,
    /// Bytes of a room, whole pages.
    room: usize,
    page: usize,
    /// Bytes of the whole mapping.
    len: usize,
}

impl Rooms {
    /// `n_rooms` rooms for objects of up to `bytes` bytes.
    ///
    /// # Errors
    /// The system's, if it has no memory; [`io::ErrorKind::OutOfMemory`] if no address space could hold so much.
    pub fn new(n_rooms: usize, bytes: usize) -> io::Result<Self> {
        // SAFETY: sysconf reads a constant of the system.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let sizes = || {
            let room = bytes.max(1).checked_next_multiple_of(page)?;
            let len = room.checked_add(page)?.checked_mul(n_rooms)?;
            let len = len.checked_add(page)?;
            // No object of Rust's is larger.
            isize::try_from(len).ok().map(|_| (room, len))
        };
        let (room, len) = sizes().ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let rooms = Self {
            base: base.cast(),
            n_rooms,
            room,
            page,
            len,
        };
        for i in 0..n_rooms {
            // SAFETY: the room lies inside the mapping made above: i < n_rooms, and no sum is larger than `len`.
            let failed = unsafe {
                let start = rooms.base.add(page + i * (room + page));
                libc::mprotect(start.cast(), room, libc::PROT_READ | libc::PROT_WRITE) != 0
            };
            if failed {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(rooms)
    }

    /// The address of an object of `size` bytes in room `index`, at one end of it. `None` if there is no such room, or too little of it.
    #[must_use]
    pub fn object(&self, index: usize, size: usize, side: Side) -> Option<*mut u8> {
        if index >= self.n_rooms || size > self.room {
            return None;
        }
        let start = self.page + index * (self.room + self.page);
        let offset = match side {
            Side::Start => start,
            Side::End => start + self.room - size,
        };
        // SAFETY: inside the mapping: index < n_rooms and size <= room were just checked.
        Some(unsafe { self.base.add(offset) })
    }

    /// Puts `bytes` against the guard page of room `index`.
    #[must_use]
    pub fn put(&self, index: usize, bytes: &[u8], side: Side) -> Option<*mut u8> {
        let at = self.object(index, bytes.len(), side)?;
        // SAFETY: `object` gives `bytes.len()` writable bytes that nothing else refers to as Rust objects.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) };
        Some(at)
    }

    /// The `size` bytes of the object that [`Rooms::object`] puts there.
    #[must_use]
    pub fn get(&self, index: usize, size: usize, side: Side) -> Option<Vec<u8>> {
        let at = self.object(index, size, side)?;
        // SAFETY: `object` gives `size` readable bytes, zero or written since the mapping was made.
        Some(unsafe { std::slice::from_raw_parts(at, size) }.to_vec())
    }
}

impl Drop for Rooms {
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
        for (n_rooms, bytes) in [
            (1 << 51, 1),
            (1, usize::MAX),
            (1, usize::MAX - 4096),
            (usize::MAX, usize::MAX),
            (1 << 50, 4096),
        ] {
            let refused = Rooms::new(n_rooms, bytes).map(|_| ()).unwrap_err();
            assert_eq!(
                refused.kind(),
                io::ErrorKind::OutOfMemory,
                "{n_rooms} {bytes}"
            );
        }
    }

    #[test]
    fn nothing_is_outside_a_room() {
        let rooms = Rooms::new(2, 1).unwrap();
        for side in [Side::Start, Side::End] {
            assert!(rooms.object(1, 1, side).is_some());
            assert!(rooms.object(2, 1, side).is_none());
            assert!(rooms.object(usize::MAX, 1, side).is_none());
            assert!(rooms.object(0, usize::MAX, side).is_none());
            assert!(rooms.put(0, &[1, 2, 3], side).is_some());
            assert_eq!(rooms.get(0, 3, side).unwrap(), [1, 2, 3]);
        }
    }
}
