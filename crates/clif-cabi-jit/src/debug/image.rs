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
    let (mut symbols, mut names) = (Bytes(vec![0; 24]), Bytes(NAMES.into()));
    // Name, kind, [flags, address], size if without bytes, [link, info], size of an entry, bytes.
    let mut sections = vec![("", 0, [0, 0], 0, [0, 0], 0, Vec::new())];
    for run in runs(code) {
        let start = run.first().map_or(0, |own| own.start());
        let end = run.last().map_or(0, |own| own.start() + own.len());
        let text = u16::try_from(sections.len()).unwrap_or(0);
        for function in run {
            symbols.u32(&[u32::try_from(names.0.len()).unwrap_or(0)]);
            symbols.0.extend([0x12, 0]); // global, a function
            symbols.u16(&[text]);
            symbols.u64(&[function.start() - start, function.len()]);
            names.text(&function.name);
        }
        let place = [6, start];
        sections.push((".text", NOBITS, place, end - start, [0, 0], 0, Vec::new()));
    }
    let frames_at = frames.as_ptr().addr() as u64;
    let strtab = u32::try_from(sections.len() + 2).unwrap_or(0);
    sections.extend([
        (".eh_frame", 1, [2, frames_at], 0, [0, 0], 0, frames),
        (".symtab", 2, [0, 0], 0, [strtab, 1], 24, symbols.0),
        (".strtab", 3, [0, 0], 0, [0, 0], 0, names.0),
    ]);
    let n_sections = u16::try_from(sections.len()).unwrap_or(0);
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
    let header = header(image.len() as u64, n_sections);
    image.splice(..header.len(), header);
    image.extend(table.0);
    image
}

/// Returns `code` in runs between which there are whole pages. Those pages may have code of other
/// images, and gdb ignores a section that overlaps another one.
fn runs(code: &[NewCode]) -> Vec<Vec<&NewCode>> {
    let page = region::page::size() as u64;
    let mut code: Vec<&NewCode> = code.iter().collect();
    code.sort_unstable_by_key(|own| own.start());
    let is_next = |own: &&NewCode, next: &&NewCode| {
        let last = own.start() + own.len().saturating_sub(1);
        next.start() / page <= last / page + 1
    };
    code.chunk_by(is_next).map(<[_]>::to_vec).collect()
}

/// Returns ELF's header, of 64 bits in the byte order of this machine. The headers of the
/// sections are at `table`; the last section has the names.
fn header(table: u64, n_sections: u16) -> Vec<u8> {
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    let mut header = Bytes(b"\x7fELF\x02".to_vec());
    header.0.extend([order, 1]);
    header.0.resize(16, 0);
    header.u16(&[1, ELF_MACHINE]); // relocatable
    header.u32(&[1]);
    header.u64(&[0, 0, table]);
    header.u32(&[0]);
    header.u16(&[
        HEADER,
        0,
        0,
        HEADER,
        n_sections,
        n_sections.saturating_sub(1),
    ]);
    header.0
}
