//! Shared libraries, and the search for a name.
//!
//! The order is: names bound to an address by the front end, the libraries added to the engine as
//! they were added, the process ([`Library::process`]). The first hit wins and is final.

use core::ffi::c_void;
use core::fmt;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, OnceLock};

use crate::error::{Error, MissingSymbol, PROCESS, Result, incompatible};
use crate::host::system;
use crate::locked;

/// Open shared library, or the symbols of the process. Clones share it; a library is closed when
/// the last clone and the last engine with it are gone.
#[derive(Clone)]
pub struct Library {
    name: Arc<str>,
    opened: Arc<Handle>,
}

enum Handle {
    One(system::Library),
    Process {
        scopes: OnceLock<Vec<system::Library>>,
        /// Opened when the others do not have a name.
        mathematics: OnceLock<Option<system::Library>>,
    },
}

impl Handle {
    fn find(&self, name: &str) -> Option<*const u8> {
        match self {
            Self::One(library) => find(library, name),
            Self::Process {
                scopes,
                mathematics,
            } => {
                let mut scopes = scopes.get_or_init(system::process).iter();
                let address = scopes.find_map(|scope| find(scope, name));
                let mathematics = || mathematics.get_or_init(system::mathematics).as_ref();
                address.or_else(|| find(mathematics()?, name))
            }
        }
    }
}

impl Library {
    /// Opens a shared library by its soname (`"libm.so.6"`), found as the dynamic linker finds it,
    /// or by its path.
    ///
    /// All its undefined symbols are resolved now: one that is missing is an error here, not the
    /// end of the program at the first call. Its own symbols do not become visible to other
    /// libraries.
    ///
    /// # Safety
    ///
    /// Opening a library runs its initialization routines, closing it its termination routines. The
    /// caller answers for both as for any call to foreign code.
    ///
    /// # Errors
    ///
    /// [`Error::Library`] with the words of the dynamic linker, or for an empty name.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(all(target_os = "linux", target_env = "gnu"))] {
    /// use clif_cabi_jit::Library;
    ///
    /// // SAFETY: the C library's mathematics; it has no routines that matter here.
    /// let libm = unsafe { Library::open("libm.so.6") }?;
    /// assert!(libm.symbol("sqrt").is_ok());
    /// assert!(libm.symbol("square_root").is_err());
    /// # }
    /// # Ok::<(), clif_cabi_jit::Error>(())
    /// ```
    pub unsafe fn open(name: impl AsRef<OsStr>) -> Result<Self> {
        let name = name.as_ref();
        let refused = |why| Error::Library {
            name: name.to_string_lossy().into_owned(),
            why,
        };
        // The dynamic linker's empty name is that of the program. A NUL ends a name.
        if matches!(name.as_encoded_bytes(), [] | [0, ..]) {
            return Err(refused("its name is empty".to_owned()));
        }
        // SAFETY: the caller answers for the library's routines.
        let library = unsafe { system::open(name) }.map_err(|error| refused(innermost(&error)))?;
        Ok(Self {
            name: name.to_string_lossy().into(),
            opened: Arc::new(Handle::One(library)),
        })
    }

    /// Returns the symbols that the process has without opening anything. On Unix they are those
    /// of:
    /// - the program, and libraries it was linked with
    /// - libraries opened for all of it (`RTLD_GLOBAL`)
    /// - C's own library, of which `libm` is a part
    ///
    /// On Windows they are those of the program and its C library, `msvcrt.dll` for `-gnu`, else
    /// `ucrtbase.dll`. `printf` is not in the latter, `hypot` not in the former. Bind them
    /// ([`Engine::bind`](crate::Engine::bind)), because another C library has a heap and files of
    /// its own.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use clif_cabi_jit::Library;
    ///
    /// let process = Library::process();
    /// assert!(process.symbol("qsort").is_ok() && process.symbol("hypot").is_ok());
    /// let missing = process.symbol("gsl_complex_mul").unwrap_err();
    /// assert_eq!(
    ///     missing.to_string(),
    ///     "cannot find gsl_complex_mul; searched: the process. If a library has it, open and add \
    ///         that first",
    /// );
    /// # }
    /// ```
    #[must_use]
    pub fn process() -> Self {
        Self {
            name: PROCESS.into(),
            opened: Arc::new(Handle::Process {
                scopes: OnceLock::new(),
                mathematics: OnceLock::new(),
            }),
        }
    }

    /// Returns the name it was opened with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of a function or object in it, valid while the library is open.
    ///
    /// # Errors
    ///
    /// [`Error::MissingSymbols`] when the library does not have it.
    pub fn symbol(&self, name: &str) -> Result<*const u8> {
        check_name(name)?;
        self.opened.find(name).ok_or_else(|| Error::MissingSymbols {
            missing: vec![MissingSymbol {
                name: name.to_owned(),
                wanted_by: Vec::new(),
            }],
            searched: vec![self.name.to_string()],
        })
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Library").field(&self.name).finish()
    }
}

/// All that one engine can refer to outside itself.
pub(crate) struct Symbols {
    bound: BTreeMap<String, Address>,
    libraries: Vec<Library>,
    process: Library,
    found: SymbolCache,
}

/// Names that have been searched and found: cranelift-jit sees them, and looks up no others.
#[derive(Clone, Default)]
pub(crate) struct SymbolCache(Arc<Mutex<BTreeMap<String, Address>>>);

/// An address in this process, which may be anything: only calling or reading it is unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) *const u8);

// SAFETY: an address is a number here; only unsafe code reads through it, or calls it.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

impl Symbols {
    pub(crate) fn new() -> Self {
        Self {
            bound: BTreeMap::new(),
            libraries: Vec::new(),
            process: Library::process(),
            found: SymbolCache::default(),
        }
    }

    /// Returns the symbols of the process, which code may call.
    pub(crate) fn process(&self) -> &Library {
        &self.process
    }

    /// Returns the libraries that were added.
    pub(crate) fn libraries(&self) -> &[Library] {
        &self.libraries
    }

    /// Returns the names found so far, shared.
    pub(crate) fn cache(&self) -> SymbolCache {
        self.found.clone()
    }

    /// Gives `name` an address of the front end's choice.
    pub(crate) fn bind(&mut self, name: &str, address: *const u8) -> Result<()> {
        check_name(name)?;
        if address.is_null() {
            return Err(incompatible(name, "its address is null"));
        }
        let old = self
            .found
            .get(name)
            .or(self.bound.get(name).map(|old| old.0));
        if old.is_some_and(|old| old != address) {
            return Err(Error::Rebound {
                name: name.to_owned(),
            });
        }
        self.bound.insert(name.to_owned(), Address(address));
        Ok(())
    }

    pub(crate) fn add(&mut self, library: Library) {
        self.libraries.push(library);
    }

    /// Searches `name` everywhere, without remembering it.
    pub(crate) fn search(&self, name: &str) -> Option<*const u8> {
        let bound = || self.bound.get(name).map(|address| address.0);
        let added = || {
            let mut libraries = self.libraries.iter();
            libraries.find_map(|library| library.opened.find(name))
        };
        let anywhere = || self.process.opened.find(name);
        self.found
            .get(name)
            .or_else(bound)
            .or_else(added)
            .or_else(anywhere)
    }

    /// Returns the address that an import of this name has or would get.
    pub(crate) fn find(&self, name: &str) -> Result<*const u8> {
        check_name(name)?;
        let missing = || self.missing(BTreeMap::from([(name.to_owned(), Vec::new())]));
        self.search(name).ok_or_else(missing)
    }

    /// Returns the error for names that were not found, each with the functions and objects that
    /// refer to it.
    pub(crate) fn missing(&self, names: BTreeMap<String, Vec<String>>) -> Error {
        let mut searched = Vec::new();
        if !self.bound.is_empty() {
            searched.push("the bound symbols".to_owned());
        }
        searched.extend(
            self.libraries
                .iter()
                .map(|library| library.name.to_string()),
        );
        searched.push(PROCESS.to_owned());
        Error::MissingSymbols {
            missing: missing_symbols(names),
            searched,
        }
    }
}

impl SymbolCache {
    pub(crate) fn get(&self, name: &str) -> Option<*const u8> {
        let names = locked(&self.0);
        names.get(name).map(|address| address.0)
    }

    pub(crate) fn extend(&self, found: BTreeMap<String, Address>) {
        let mut names = locked(&self.0);
        names.extend(found);
    }
}

/// Returns the names with the functions and objects that refer to them, as errors list them.
pub(crate) fn missing_symbols(names: BTreeMap<String, Vec<String>>) -> Vec<MissingSymbol> {
    names
        .into_iter()
        .map(|(name, mut wanted_by)| {
            wanted_by.dedup();
            MissingSymbol { name, wanted_by }
        })
        .collect()
}

/// Refuses a name with a NUL byte: a symbol is a C string, and the byte would silently cut its
/// name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.contains('\0') {
        return Err(Error::SymbolName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Returns the address of a symbol; a symbol at address 0 counts as missing.
fn find(library: &system::Library, name: &str) -> Option<*const u8> {
    // SAFETY: the symbol is taken as an address only; what it points to is not looked at.
    let symbol = unsafe { library.get::<*const c_void>(name) }.ok()?;
    let address = (*symbol).cast::<u8>();
    (!address.is_null()).then_some(address)
}

/// Returns the dynamic linker's message, which libloading keeps in the source of its error.
fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
