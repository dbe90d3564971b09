//! Files that perf reads: `/tmp/perf-PID.map` (Linux, `tools/perf/Documentation/jit-interface.txt`)
//! with the names of code, and `jit-PID.dump` (`jitdump-specification.txt`) with the code
//! itself, which `perf inject --jit` makes object files of.
//!
//! The files belong to a process, so all engines of one write to the same files. Their records
//! stay: code that goes is not taken out.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Bytes, ELF_MACHINE, NewCode, Options};
use crate::error::{Error, Result};
use crate::host::system;
use crate::locked;

const MAGIC: u32 = 0x4a69_5444;
const HEADER: u32 = 40;
const LOAD: u32 = 0;

/// `O_NOFOLLOW`: in /tmp anybody can make a link to any file of this user.
const NO_FOLLOW: i32 = match cfg!(target_arch = "aarch64") {
    true => 0x8000,
    false => 0x2_0000,
};

/// The clock that perf's records have with `-k mono`.
const MONOTONIC: i32 = 1;
/// The clock since the machine started.
const BOOTTIME: i32 = 7;

/// Longest time to wait for a lock. Engines hold it for some writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Dumps that this process has mapped.
static MAPPED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Adds code to the files that `options` ask for.
pub(super) fn write(options: &Options, code: &[NewCode]) -> Result<()> {
    let id = std::process::id();
    if options.perf_map {
        let path = PathBuf::from(format!("/tmp/perf-{id}.map"));
        add(&path, |file| file.write_all(map(code).as_bytes()))?;
    }
    options.jitdump.as_ref().map_or(Ok(()), |folder| {
        let path = folder.join(format!("jit-{id}.dump"));
        add(&path, |file| add_to_dump(file, &path, code))
    })
}

/// Returns the lines of the map for `code`.
fn map(code: &[NewCode]) -> String {
    let lines = code.iter().map(|own| {
        let name = own.name.replace('\n', " ");
        format!("{:x} {:x} {name}\n", own.start(), own.size)
    });
    lines.collect()
}

/// Adds to the file of this process at `path`, which another process of its number may have left.
fn add(path: &Path, to: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let write = || {
        let mut open = OpenOptions::new();
        open.create(true).read(true).append(true);
        let mut file = open.custom_flags(NO_FOLLOW).open(path)?;
        lock(&file)?;
        let emptied = match is_left_over(&file) {
            Some(true) => file.set_len(0),
            _ => Ok(()),
        };
        let result = emptied.and_then(|()| to(&mut file));
        // A mapping keeps the file open, and so does a child that was forked meanwhile.
        file.unlock()?;
        result
    };
    let path = path.to_owned();
    write().map_err(|source| Error::Profile { path, source })
}

/// Locks `file`, for which other engines of the process wait. Anybody who may read the file can
/// lock it too, for good: after `PATIENCE` that is an error.
fn lock(file: &File) -> io::Result<()> {
    let start = Instant::now();
    while let Err(error) = file.try_lock() {
        if matches!(error, TryLockError::Error(_)) || start.elapsed() > PATIENCE {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Checks whether a file was last written before this process began.
fn is_left_over(file: &File) -> Option<bool> {
    let unwritten = file.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    // Hundredths of a second since the machine started, field 22 of proc_pid_stat(5). In a
    // container /proc/uptime may be less.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let start: u64 = stat.rsplit(')').next()?.split(' ').nth(20)?.parse().ok()?;
    let uptime = Duration::from_nanos(system::nanoseconds(BOOTTIME));
    Some(unwritten + Duration::from_millis(10 * start) > uptime + Duration::from_millis(20))
}

/// Adds code to a dump that is locked.
fn add_to_dump(file: &mut File, path: &Path, code: &[NewCode]) -> io::Result<()> {
    let is_new = file.seek(SeekFrom::End(0))? == 0;
    if is_new {
        let mut header = Bytes::default();
        let (machine, id) = (ELF_MACHINE.into(), std::process::id());
        header.u32(&[MAGIC, 1, HEADER, machine, 0, id]);
        header.u64(&[system::nanoseconds(MONOTONIC), 0]);
        file.write_all(&header.0)?;
    }
    let mut mapped = locked(&MAPPED);
    if is_new || !mapped.contains(path) {
        // By this perf knows of the file. It reads all of it for each time: once is enough.
        system::map_executable(file)?;
        mapped.insert(path.to_owned());
    }
    drop(mapped);
    for function in code {
        // A number that no other writer of the file has.
        let number = file.seek(SeekFrom::End(0))?;
        file.write_all(&load(function, number))?;
    }
    Ok(())
}

/// Returns the record of `code`: the record's kind and size, the time, and the process; then
/// address, size, name and bytes of the code.
fn load(code: &NewCode, number: u64) -> Vec<u8> {
    let mut name = Bytes::default();
    name.text(&code.name);
    let size = u32::try_from(56 + name.0.len() + code.size).unwrap_or(u32::MAX);
    let mut record = Bytes::default();
    record.u32(&[LOAD, size]);
    record.u64(&[system::nanoseconds(MONOTONIC)]);
    record.u32(&[std::process::id(); 2]);
    record.u64(&[code.start(), code.start(), code.len(), number]);
    record.0.extend(name.0);
    let start = core::ptr::with_exposed_provenance::<u8>(code.address);
    // SAFETY: the code is final, and the engine that has it is borrowed.
    record
        .0
        .extend(unsafe { core::slice::from_raw_parts(start, code.size) });
    record.0
}
