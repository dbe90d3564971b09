//! Reading memory that a pointer of C's points to, which may be no memory at all: the kernel is asked to copy it into a pipe, and refuses
//! where a read of our own would be the end of the process.
#![allow(unsafe_code)] // the kernel reads where C has pointed to

/// Memory is mapped by pages of at least this size: a read inside one succeeds as a whole or not at all.
const PAGE: usize = 4096;

/// Longer strings are cut off.
const MAX_STRING: usize = 1 << 20;

/// The `len` bytes at `address`, if they can be read.
pub(crate) fn bytes_at(address: usize, len: usize) -> Option<Vec<u8>> {
    let mut pipe = Pipe::new()?;
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let at = address.checked_add(bytes.len())?;
        let most = PAGE - at % PAGE;
        pipe.copy(at, most.min(len - bytes.len()), &mut bytes)?;
    }
    Some(bytes)
}

/// The string at `address` without its NUL, and whether it goes on after that; none where it cannot be read up to its end.
pub(crate) fn string_at(address: usize) -> Option<(Vec<u8>, bool)> {
    let mut pipe = Pipe::new()?;
    let mut bytes = Vec::new();
    loop {
        let at = address.checked_add(bytes.len())?;
        let before = bytes.len();
        pipe.copy(at, PAGE - at % PAGE, &mut bytes)?;
        let end = bytes.iter().skip(before).position(|byte| *byte == 0);
        if let Some(end) = end {
            bytes.truncate(before + end);
            return Some((bytes, false));
        }
        if bytes.len() > MAX_STRING {
            bytes.truncate(MAX_STRING);
            return Some((bytes, true));
        }
    }
}

#[cfg_attr(not(unix), allow(dead_code, reason = "nothing is read there"))]
struct Pipe {
    reader: std::io::PipeReader,
    writer: std::io::PipeWriter,
}

impl Pipe {
    fn new() -> Option<Pipe> {
        let (reader, writer) = std::io::pipe().ok()?;
        Some(Pipe { reader, writer })
    }

    /// Appends the `len` bytes at `address`, at most a page; none if they cannot be read.
    #[cfg(unix)]
    fn copy(&mut self, address: usize, len: usize, to: &mut Vec<u8>) -> Option<()> {
        use std::ffi::{c_int, c_void};
        use std::io::Read;
        use std::os::fd::AsRawFd;
        unsafe extern "C" {
            fn write(to: c_int, from: *const c_void, len: usize) -> isize;
        }
        let from = std::ptr::with_exposed_provenance(address);
        // SAFETY: only the kernel reads there, and gives an error where nothing is. The pipe is empty and holds a page.
        let written = unsafe { write(self.writer.as_raw_fd(), from, len) };
        if usize::try_from(written) != Ok(len) {
            return None;
        }
        let start = to.len();
        to.resize(start + len, 0);
        self.reader.read_exact(to.get_mut(start..)?).ok()
    }

    #[cfg(not(unix))]
    fn copy(&mut self, _: usize, _: usize, _: &mut Vec<u8>) -> Option<()> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{MAX_STRING, PAGE, bytes_at, string_at};

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_not() {
        let long = [vec![b'x'; 3 * PAGE], vec![0, 7]].concat();
        let address = long.as_ptr().expose_provenance();
        assert_eq!(string_at(address), Some((vec![b'x'; 3 * PAGE], false)));
        assert_eq!(bytes_at(address, long.len()), Some(long.clone()));
        assert_eq!(bytes_at(address, 0), Some(vec![]));
        let endless = vec![1_u8; MAX_STRING + 2 * PAGE];
        let cut = string_at(endless.as_ptr().expose_provenance());
        assert!(cut == Some((vec![1; MAX_STRING], true)));
        for wild in [0, 1, 1 << 40, usize::MAX, usize::MAX - PAGE, 1 << 63] {
            assert_eq!(string_at(wild), None, "{wild:#x}");
            assert_eq!(bytes_at(wild, 2), None, "{wild:#x}");
        }
    }
}
