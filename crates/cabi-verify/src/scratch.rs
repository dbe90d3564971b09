//! Temporary folders. They are removed when their owner is dropped. If a process was killed before
//! that, the next process that makes a folder removes them.
//!
//! All folders of a process lie in one, `cabi-verify-XXXXXX`, in which the process holds a lock on
//! the file `lock`. The lock ends with the process, however that ends, so a folder whose lock can
//! be taken has no owner. Process ids would not do: those of another container mean nothing here.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use tempfile::TempDir;

/// Prefix of the folders' names.
const PREFIX: &str = "cabi-verify-";
const LOCK: &str = "lock";

/// A folder of our own, removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    // Dropped first: it lies in the other.
    folder: TempDir,
    _root: Arc<Root>,
}

impl Scratch {
    /// Makes a new, empty folder.
    ///
    /// # Errors
    /// The system's error, with the folder in which none can be made. Messages about a compiler,
    /// for instance, name no folder.
    pub(crate) fn new() -> io::Result<Self> {
        let root = Root::get()?;
        let folder = tempfile::Builder::new()
            .prefix("")
            .tempdir_in(root.folder.path())?;
        Ok(Self {
            folder,
            _root: root,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The folder of all folders, and the lock that says that its process lives.
#[derive(Debug)]
struct Root {
    folder: TempDir,
    _lock: File,
}

impl Root {
    /// Returns the folder that there is, or a new one.
    fn get() -> io::Result<Arc<Self>> {
        static ROOT: Mutex<Weak<Root>> = Mutex::new(Weak::new());
        static SWEPT: Once = Once::new();
        let mut root = ROOT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = root.upgrade() {
            return Ok(root);
        }
        let parent = std::env::temp_dir();
        SWEPT.call_once(|| sweep(&parent));
        let new = Arc::new(Self::new(&parent)?);
        *root = Arc::downgrade(&new);
        Ok(new)
    }

    fn new(parent: &Path) -> io::Result<Self> {
        let created = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent);
        let folder = created.map_err(|error| {
            let parent = parent.display();
            let why = format!("cannot create a temporary folder in {parent}: {error}");
            io::Error::new(error.kind(), why)
        })?;
        // Locked before it has the name that others look for.
        let new = folder.path().join("new");
        let lock = File::create(&new)?;
        lock.lock()?;
        fs::rename(new, folder.path().join(LOCK))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }
}

/// Removes the folders in `parent` whose processes are dead. Folders that cannot be removed stay,
/// such as another user's.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_dead(&entry.path()).unwrap_or(false) {
            // Another process may be faster.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Checks that no process holds the lock of a folder.
fn is_dead(folder: &Path) -> io::Result<bool> {
    let lock: PathBuf = folder.join(LOCK);
    // No link leads elsewhere.
    if !fs::symlink_metadata(folder)?.is_dir() || !fs::symlink_metadata(&lock)?.is_file() {
        return Ok(false);
    }
    Ok(File::open(lock)?.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_process_is_removed_and_one_with_it_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Root::new(parent.path()).unwrap();
        let mut dead = Root::new(parent.path()).unwrap();
        fs::write(dead.folder.path().join("unit.c"), "int x;").unwrap();
        // As a killed process leaves it: no lock, and no owner that removes it.
        dead.folder.disable_cleanup(true);
        let path = dead.folder.path().to_owned();
        drop(dead);
        let unlocked = parent.path().join("cabi-verify-new");
        fs::create_dir(&unlocked).unwrap();
        sweep(parent.path());
        assert!(!path.exists());
        assert!(living.folder.path().exists());
        assert!(unlocked.exists(), "it may be about to be locked");
    }
}
