//! Debug information of code that has become final: its names for this process. By options of
//! [`Settings`](crate::Settings) it is also for gdb, by its JIT interface, and for perf, by its map
//! or a jitdump.

#[cfg(feature = "gdb")]
pub(crate) mod gdb;
#[cfg(feature = "gdb")]
mod image;
mod names;
#[cfg(target_os = "linux")]
mod perf;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cranelift::module::FuncId;
use crate::error::Result;
use crate::flags::refused;

pub use names::{CodeSymbol, symbol_at};

/// The debug information that is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) gdb: bool,
    pub(crate) perf_map: bool,
    /// Folder of the jitdump.
    pub(crate) jitdump: Option<PathBuf>,
}

/// A function or stub that has become final.
#[derive(Clone)]
pub(crate) struct NewCode {
    pub(crate) id: FuncId,
    /// Name of the symbol, until the function is given another.
    pub(crate) name: String,
    pub(crate) address: usize,
    pub(crate) size: usize,
}

/// Debug information of an engine.
pub(crate) struct Debug {
    options: Options,
    /// Names of the functions that are not final, other than their symbols.
    names: BTreeMap<FuncId, String>,
}

/// Names and images of code, known until this is dropped.
#[allow(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Registrations {
    known: names::SymbolEntries,
    #[cfg(feature = "gdb")]
    gdb: Option<gdb::Registration>,
}

/// ELF's number of the machine.
const ELF_MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    62
} else if cfg!(target_arch = "riscv64") {
    243
} else if cfg!(target_arch = "s390x") {
    22
} else {
    183
};

impl NewCode {
    fn start(&self) -> u64 {
        self.address as u64
    }

    fn len(&self) -> u64 {
        self.size as u64
    }
}

/// Contents of a file, in the byte order of this machine.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, values: &[u16]) {
        self.0
            .extend(values.iter().flat_map(|own| own.to_ne_bytes()));
    }

    fn u32(&mut self, values: &[u32]) {
        self.0
            .extend(values.iter().flat_map(|own| own.to_ne_bytes()));
    }

    fn u64(&mut self, values: &[u64]) {
        self.0
            .extend(values.iter().flat_map(|own| own.to_ne_bytes()));
    }

    /// Appends `text` and a zero, the only one.
    fn text(&mut self, text: &str) {
        self.0.extend(text.bytes().filter(|byte| *byte != 0));
        self.0.push(0);
    }
}

impl Debug {
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a feature that this build or system lacks.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let refuse = |name, why: &str| Err(refused(name, "true", why.to_owned()));
        if options.gdb && !cfg!(feature = "gdb") {
            let why = "the feature `gdb` of clif-cabi-jit is not enabled";
            return refuse("gdb", why);
        }
        if options.gdb && cfg!(any(not(unix), target_vendor = "apple")) {
            let why = "gdb reads ELF images, which this system does not have";
            return refuse("gdb", why);
        }
        let has_profile = options.perf_map || options.jitdump.is_some();
        if has_profile && !cfg!(target_os = "linux") {
            return refuse("perf", "perf exists only on Linux");
        }
        Ok(Self {
            options: options.clone(),
            names: BTreeMap::new(),
        })
    }

    /// Checks whether a debugger or profiler is to know the code.
    pub(crate) fn is_on(&self) -> bool {
        self.options != Options::default()
    }

    /// Gives the function `id`, which is not final, another name than its symbol's.
    pub(crate) fn name(&mut self, id: FuncId, name: String) {
        self.names.insert(id, name);
    }

    /// Publishes `code`, all of which was compiled or defined since the last time; `frames` are its
    /// unwind tables.
    pub(crate) fn tell(
        &mut self,
        mut code: Vec<NewCode>,
        frames: Vec<u8>,
    ) -> (Registrations, Result<()>) {
        let mut names = std::mem::take(&mut self.names);
        for entry in &mut code {
            if let Some(name) = names.remove(&entry.id) {
                entry.name = name;
            }
        }
        let registrations = Registrations {
            known: names::SymbolEntries::new(&code),
            #[cfg(feature = "gdb")]
            gdb: (self.options.gdb).then(|| gdb::Registration::new(image::image(&code, frames))),
        };
        #[cfg(target_os = "linux")]
        let result = perf::write(&self.options, &code);
        #[cfg(not(target_os = "linux"))]
        let result = Ok(());
        (registrations, result)
    }
}
