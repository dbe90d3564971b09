//! An object file in memory, as gdb's JIT interface wants it: ELF for this machine with the names
//! and unwind tables of code that is somewhere else. Nothing is relocated: its addresses are final.

use super::{Bytes, ELF_MACHINE, NewCode};

/// Size of ELF's header, and of the header of a section.
const HEADER: u16 = 64;
/// Names of the sections. Those of symbols come after them in the same table.
const NAMES: &str = "\0.text\0.eh_frame\0.symtab\0.strtab\0";
/// Kind of a section whose bytes are not in the file.
const NOBITS: u32 = 8;

/// Returns the image of `code`, with its unwind tables: header, contents, headers of sections.
pub(super) fn image(code: &[NewCode], frames: Vec<u8>) -> Vec<u8> {
    let start = code.iter().map(NewCode::start).min().unwrap_or(0);
    let ends = code.iter().map(|own| own.start().saturating_add(own.len()));
    let size = ends.max().unwrap_or(start).saturating_sub(start);
    let (mut symbols, mut names) = (Bytes(vec![0; 24]), Bytes(NAMES.into()));
    for own in code {
        symbols.u32(&[u32::try_from(names.0.len()).unwrap_or(0)]);
        symbols.0.extend([0x12, 0]); // global, a function
        symbols.u16(&[1]);
        symbols.u64(&[own.start() - start, own.len()]);
        names.text(&own.name);
    }
    let frames_at = frames.as_ptr().addr() as u64;
    // Name, kind, [flags, address], size if without bytes, [link, info], size of an entry, bytes.
    let sections = [
        ("", 0, [0, 0], 0, [0, 0], 0, Vec::new()),
        (".text", NOBITS, [6, start], size, [0, 0], 0, Vec::new()),
        (".eh_frame", 1, [2, frames_at], 0, [0, 0], 0, frames),
        (".symtab", 2, [0, 0], 0, [4, 1], 24, symbols.0),
        (".strtab", 3, [0, 0], 0, [0, 0], 0, names.0),
    ];
    let (mut image, mut table) = (vec![0; HEADER.into()], Bytes::default());
    for (name, kind, place, size, links, entry, bytes) in sections {
        let name = NAMES.find(name).and_then(|at| u32::try_from(at).ok());
        table.u32(&[name.unwrap_or(0), kind]);
        table.u64(&place);
        table.u64(&[image.len() as u64, size.max(bytes.len() as u64)]);
        table.u32(&links);
        table.u64(&[u64::from(kind != 0), entry]);
        image.extend(bytes);
        image.resize(image.len().next_multiple_of(8), 0);
    }
    let header = header(image.len() as u64);
    image.splice(..header.len(), header);
    image.extend(table.0);
    image
}

/// Returns ELF's header, of 64 bits in the byte order of this machine. The headers of the five
/// sections are at `table`; the last section has the names.
fn header(table: u64) -> Vec<u8> {
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    let mut header = Bytes(b"\x7fELF\x02".to_vec());
    header.0.extend([order, 1]);
    header.0.resize(16, 0);
    header.u16(&[1, ELF_MACHINE]); // relocatable
    header.u32(&[1]);
    header.u64(&[0, 0, table]);
    header.u32(&[0]);
    header.u16(&[HEADER, 0, 0, HEADER, 5, 4]);
    header.0
}
