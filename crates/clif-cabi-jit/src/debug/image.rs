//! An object file in memory, as gdb's JIT interface wants it: ELF for this machine with the names, unwind tables and line tables of code that is
//! somewhere else. Nothing is relocated: its addresses are final.

use super::{ELF_MACHINE, NewCode};

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

/// The image of `code`, with unwind tables and sections of debug information.
pub(super) fn image(
    code: &[NewCode],
    frames: Vec<u8>,
    debug: Vec<(&'static str, Vec<u8>)>,
) -> Vec<u8> {
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
    let mut sections = vec![
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
    ];
    let debug = debug.into_iter();
    sections.extend(debug.map(|(name, bytes)| section(name, PROGBITS, bytes)));
    sections.push(section(".shstrtab", STRTAB, Vec::new()));
    write(sections)
}

/// The table of symbols, relative to `.text` at `start`, and their names.
fn symbols(code: &[NewCode], start: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut symbols, mut names) = (vec![0; 24], vec![0]);
    for own in code {
        let name = u32::try_from(names.len()).unwrap_or(0);
        symbols.extend(name.to_ne_bytes());
        symbols.extend([0x12, 0]); // global, a function
        symbols.extend(1_u16.to_ne_bytes());
        symbols.extend((own.start() - start).to_ne_bytes());
        symbols.extend(own.len().to_ne_bytes());
        names.extend(own.name.bytes().filter(|byte| *byte != 0).chain([0]));
    }
    (symbols, names)
}

/// Header, contents, then the table of sections, the last of which gets their names.
fn write(mut sections: Vec<Section>) -> Vec<u8> {
    let (mut names, mut name_at) = (Vec::new(), Vec::new());
    for section in &sections {
        name_at.push(u32::try_from(names.len()).unwrap_or(0));
        names.extend(section.name.bytes().chain([0]));
    }
    if let Some(last) = sections.last_mut() {
        last.size = names.len() as u64;
        last.bytes = names;
    }
    let contents: u64 = sections
        .iter()
        .map(|own| own.size.next_multiple_of(8) * u64::from(own.kind != NOBITS))
        .sum();
    let count = u16::try_from(sections.len()).unwrap_or(0);
    // 64 bits, in the byte order of this machine.
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    let mut image = b"\x7fELF\x02".to_vec();
    image.extend([order, 1]);
    image.resize(16, 0);
    for half in [1, ELF_MACHINE] {
        image.extend(half.to_ne_bytes()); // relocatable
    }
    image.extend(1_u32.to_ne_bytes());
    for word in [0, 0, HEADER + contents] {
        image.extend(word.to_ne_bytes());
    }
    image.extend(0_u32.to_ne_bytes());
    for half in [64, 0, 0, 64, count, count.saturating_sub(1)] {
        image.extend(half.to_ne_bytes());
    }
    let (mut table, mut offset) = (Vec::new(), HEADER);
    for (section, name) in sections.iter().zip(name_at) {
        let Section {
            kind,
            flags,
            address,
            size,
            link,
            info,
            entry,
            ..
        } = section;
        let align = u64::from(*kind != 0);
        table.extend(name.to_ne_bytes());
        table.extend(kind.to_ne_bytes());
        for word in [flags, address, &offset, size] {
            table.extend(word.to_ne_bytes());
        }
        table.extend(link.to_ne_bytes());
        table.extend(info.to_ne_bytes());
        table.extend(align.to_ne_bytes());
        table.extend(entry.to_ne_bytes());
        if *kind != NOBITS {
            image.extend(&section.bytes);
            image.resize(image.len().next_multiple_of(8), 0);
            offset = image.len() as u64;
        }
    }
    image.extend(table);
    image
}
