//! An object file in memory, as gdb's JIT interface wants it: ELF for this machine with the names
//! and unwind tables of code that is somewhere else. Nothing is relocated: its addresses are final.

use super::{Bytes, ELF_MACHINE, NewCode};

/// The size of ELF's own records.
const HEADER: u64 = 64;
const SYMBOL: u64 = 24;

const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const NOBITS: u32 = 8;

struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    address: u64,
    /// The bytes of the code are not in the file.
    size: u64,
    link: u32,
    info: u32,
    entry: u64,
    bytes: Vec<u8>,
}

/// Returns the image of `code`, with its unwind tables.
pub(super) fn image(code: &[NewCode], frames: Vec<u8>) -> Vec<u8> {
    let start = code.iter().map(NewCode::start).min().unwrap_or(0);
    let ends = code.iter().map(|own| own.start().saturating_add(own.len()));
    let size = ends.max().unwrap_or(start).saturating_sub(start);
    let (symbols, names) = symbols(code, start);
    let section = |name, kind, bytes: Vec<u8>| Section {
        name,
        kind,
        flags: 0,
        address: 0,
        size: bytes.len() as u64,
        link: 0,
        info: 0,
        entry: 0,
        bytes,
    };
    let sections = vec![
        section("", 0, Vec::new()),
        Section {
            flags: 6, // allocated, executable
            address: start,
            size,
            ..section(".text", NOBITS, Vec::new())
        },
        Section {
            flags: 2,
            address: frames.as_ptr().addr() as u64,
            ..section(".eh_frame", PROGBITS, frames)
        },
        Section {
            link: 4,
            info: 1,
            entry: SYMBOL,
            ..section(".symtab", SYMTAB, symbols)
        },
        section(".strtab", STRTAB, names),
        section(".shstrtab", STRTAB, Vec::new()),
    ];
    write(sections)
}

/// Returns the table of symbols, relative to `.text` at `start`, and their names.
fn symbols(code: &[NewCode], start: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut symbols, mut names) = (Bytes(vec![0; 24]), Bytes(vec![0]));
    for own in code {
        symbols.u32(&[position(&names)]);
        symbols.0.extend([0x12, 0]); // global, a function
        symbols.u16(&[1]);
        symbols.u64(&[own.start() - start, own.len()]);
        names.text(&own.name);
    }
    (symbols.0, names.0)
}

fn position(bytes: &Bytes) -> u32 {
    u32::try_from(bytes.0.len()).unwrap_or(0)
}

/// Returns header, contents, then the table of sections, the last of which gets their names.
fn write(mut sections: Vec<Section>) -> Vec<u8> {
    let (mut names, mut name_at) = (Bytes::default(), Vec::new());
    for section in &sections {
        name_at.push(position(&names));
        names.text(section.name);
    }
    if let Some(last) = sections.last_mut() {
        last.size = names.0.len() as u64;
        last.bytes = names.0;
    }
    let mut image = header(&sections);
    let mut table = Bytes::default();
    for (section, name) in sections.iter().zip(name_at) {
        let offset = image.0.len() as u64;
        table.u32(&[name, section.kind]);
        table.u64(&[section.flags, section.address, offset, section.size]);
        table.u32(&[section.link, section.info]);
        table.u64(&[u64::from(section.kind != 0), section.entry]);
        if section.kind != NOBITS {
            image.0.extend(&section.bytes);
            image.0.resize(image.0.len().next_multiple_of(8), 0);
        }
    }
    image.0.extend(table.0);
    image.0
}

/// Returns ELF's header, of 64 bits in the byte order of this machine.
fn header(sections: &[Section]) -> Bytes {
    let contents = sections.iter().filter(|own| own.kind != NOBITS);
    let contents: u64 = contents.map(|own| own.size.next_multiple_of(8)).sum();
    let count = u16::try_from(sections.len()).unwrap_or(0);
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    let mut header = Bytes(b"\x7fELF\x02".to_vec());
    header.0.extend([order, 1]);
    header.0.resize(16, 0);
    header.u16(&[1, ELF_MACHINE]); // relocatable
    header.u32(&[1]);
    header.u64(&[0, 0, HEADER + contents]);
    header.u32(&[0]);
    header.u16(&[64, 0, 0, 64, count, count.saturating_sub(1)]);
    header
}
