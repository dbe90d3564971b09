//! Files that perf reads: `/tmp/perf-PID.map` (Linux, `tools/perf/Documentation/jit-interface.txt`)
//! with the names of code, and `jit-PID.dump` (`jitdump-specification.txt`) with the code itself
//! and its lines, which `perf inject --jit` makes object files of.
//!
//! The files belong to a process, so all engines of one write to the same files. Their records
//! stay: code that goes is not taken out.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::Path;

use super::{Bytes, ELF_MACHINE, NewCode};
use crate::cranelift::codegen::ir::SourceLoc;
use crate::error::{Error, Result};
use crate::host::system;

const MAGIC: u32 = 0x4a69_5444;
const HEADER: u32 = 40;
const LOAD: u32 = 0;
const LINES: u32 = 2;

/// Adds code to the map.
pub(super) fn map(code: &[NewCode]) -> Result<()> {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let lines = code.iter().map(|own| {
        let name = own.name.replace('\n', " ");
        format!("{:x} {:x} {name}\n", own.start(), own.size)
    });
    let text: String = lines.collect();
    let add = |mut file: File| file.write_all(text.as_bytes());
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.and_then(add).map_err(not_written(Path::new(&path)))
}

/// Adds code, with the files and lines that it is from, to the dump in `folder`.
pub(super) fn dump<'s>(
    folder: &Path,
    code: &[NewCode],
    line: impl Fn(SourceLoc) -> Option<(&'s str, u32)>,
) -> Result<()> {
    let path = folder.join(format!("jit-{}.dump", std::process::id()));
    dump_to(&path, code, line).map_err(not_written(&path))
}

fn dump_to<'s>(
    path: &Path,
    code: &[NewCode],
    line: impl Fn(SourceLoc) -> Option<(&'s str, u32)>,
) -> io::Result<()> {
    let open = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path);
    let mut file = open?;
    // The other engines of the process wait.
    file.lock()?;
    if file.seek(SeekFrom::End(0))? == 0 {
        let (machine, id) = (ELF_MACHINE.into(), std::process::id());
        let mut header = Bytes::default();
        header.u32(&[MAGIC, 1, HEADER, machine, 0, id]);
        header.u64(&[system::monotonic_nanoseconds(), 0]);
        file.write_all(&header.0)?;
    }
    // By this perf knows of the file.
    system::map_executable(&file)?;
    for own in code {
        let rows = own
            .rows
            .iter()
            .filter_map(|(offset, at)| Some((own.start() + offset, line(*at)?)));
        // Before the code that it is of.
        if let Some(lines) = lines_of(own, &rows.collect::<Vec<_>>()) {
            file.write_all(&lines)?;
        }
        // A number of its own, whatever else writes to the file.
        let number = file.seek(SeekFrom::End(0))?;
        file.write_all(&load(own, number))?;
    }
    Ok(())
}

/// The record of the lines of code: by the addresses from which they are.
fn lines_of(code: &NewCode, rows: &[(u64, (&str, u32))]) -> Option<Vec<u8>> {
    let mut lines = Bytes::default();
    lines.u64(&[code.start(), rows.len() as u64]);
    for (address, (name, line)) in rows {
        lines.u64(&[*address]);
        lines.u32(&[*line, 0]);
        lines.text(name);
    }
    (!rows.is_empty()).then(|| record(LINES, lines))
}

/// The record of code.
fn load(code: &NewCode, number: u64) -> Vec<u8> {
    let mut load = Bytes::default();
    load.u32(&[std::process::id(); 2]);
    load.u64(&[code.start(), code.start(), code.len(), number]);
    load.text(&code.name);
    // SAFETY: the code is final, and the engine that has it is borrowed.
    let bytes = unsafe {
        let start = core::ptr::with_exposed_provenance::<u8>(code.address);
        core::slice::from_raw_parts(start, code.size)
    };
    load.0.extend(bytes);
    record(LOAD, load)
}

/// Returns a record of `content`, after its kind, its size and the time.
fn record(kind: u32, content: Bytes) -> Vec<u8> {
    let mut all = Bytes::default();
    let size = u32::try_from(content.0.len() + 16).unwrap_or(u32::MAX);
    all.u32(&[kind, size]);
    all.u64(&[system::monotonic_nanoseconds()]);
    all.0.extend(content.0);
    all.0
}

fn not_written(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    |source| Error::Profile { path, source }
}
