//! Memory that a pointer of C's points to, which may be no memory at all: the kernel reads it, and
//! refuses where a read of our own would end the process. On systems without `/proc` nothing can be
//! read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Longer strings are cut off.
const MAX_STRING: u64 = 1 << 20;

fn memory_at(address: usize) -> Option<File> {
    let mut memory = File::open("/proc/self/mem").ok()?;
    memory.seek(SeekFrom::Start(address as u64)).ok()?;
    Some(memory)
}

/// Returns the `len` bytes at `address`, if they can be read.
pub(crate) fn bytes_at(address: usize, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    memory_at(address)?.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns the string at `address` without its NUL, and whether it was cut off; none where it
/// cannot be read up to its end.
pub(crate) fn string_at(address: usize) -> Option<(Vec<u8>, bool)> {
    let mut memory = memory_at(address)?;
    let mut bytes = Vec::new();
    let mut page = [0; 4096];
    while (bytes.len() as u64) < MAX_STRING {
        let n = memory.read(&mut page).ok().filter(|n| *n > 0)?;
        let read = page.get(..n)?;
        let end = read.iter().position(|byte| *byte == 0);
        bytes.extend_from_slice(read.get(..end.unwrap_or(n))?);
        if end.is_some() {
            return Some((bytes, false));
        }
    }
    bytes.truncate(1 << 20);
    Some((bytes, true))
}
