//! What debuggers and profilers are told of code that has become final: gdb (and lldb) by gdb's JIT interface, perf by its map or a jitdump. Each is an
//! option of [`Settings`](crate::Settings).

#[cfg(feature = "gdb")]
mod gdb;
#[cfg(feature = "gdb")]
mod image;
#[cfg(target_os = "linux")]
mod perf;

use std::path::PathBuf;

use clif_cabi_unwind::{DebugInfo, Sources};

use crate::cranelift::codegen::{CompiledCode, ir};
use crate::cranelift::module::FuncId;
use crate::error::{Error, Result};

/// What is to be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) gdb: bool,
    pub(crate) perf_map: bool,
    /// In this folder.
    pub(crate) jitdump: Option<PathBuf>,
}

/// A function or stub that has become final.
pub(crate) struct NewCode {
    pub(crate) id: FuncId,
    pub(crate) name: String,
    pub(crate) address: *const u8,
    pub(crate) size: usize,
}

/// What an engine tells, and what it knows of functions that are not final.
pub(crate) struct Debug {
    options: Options,
    sources: Option<Sources>,
    info: DebugInfo,
}

/// What gdb was told, until this is dropped.
#[cfg(feature = "gdb")]
pub(crate) struct Told(#[allow(dead_code, reason = "it is there to be dropped")] gdb::Registered);
#[cfg(not(feature = "gdb"))]
pub(crate) enum Told {}

/// ELF's number of x86-64 or AArch64.
const ELF_MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    62
} else {
    183
};

impl NewCode {
    fn start(&self) -> u64 {
        u64::try_from(self.address.addr()).unwrap_or(u64::MAX)
    }

    fn len(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(u64::MAX)
    }
}

impl Debug {
    /// # Errors
    /// [`Error::Setting`] for what is not there in this build, or on this system.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let refuse = |name: &str, why: &str| {
            let (name, value, why) = (name.to_owned(), "true".to_owned(), why.to_owned());
            Err(Error::Setting { name, value, why })
        };
        if options.gdb && !cfg!(feature = "gdb") {
            return refuse(
                "gdb",
                "it is a feature of clif-cabi-jit that is not switched on",
            );
        }
        let is_elf = cfg!(all(unix, not(target_vendor = "apple")));
        if options.gdb && !is_elf {
            return refuse(
                "gdb",
                "it is told of ELF images, which this system does not have",
            );
        }
        let has_profile = options.perf_map || options.jitdump.is_some();
        if has_profile && !cfg!(target_os = "linux") {
            return refuse("perf", "perf is a profiler of Linux");
        }
        Ok(Self {
            options: options.clone(),
            sources: None,
            info: DebugInfo::new(),
        })
    }

    /// Whether anybody is told.
    pub(crate) fn is_on(&self) -> bool {
        let Options {
            gdb,
            perf_map,
            jitdump,
        } = &self.options;
        *gdb || *perf_map || jitdump.is_some()
    }

    pub(crate) fn set_sources(&mut self, sources: Sources) {
        self.sources = Some(sources);
    }

    /// Adds a function that was compiled.
    pub(crate) fn add(&mut self, id: FuncId, name: &str, func: &ir::Function, code: &CompiledCode) {
        if self.is_on() {
            self.info.add_function(id, name, func, code);
        }
    }

    /// Tells of `code`, all of which was compiled or defined since the last time; `frames` are its unwind tables.
    pub(crate) fn tell(&mut self, code: &[NewCode], frames: Vec<u8>) -> Result<Option<Told>> {
        let info = std::mem::take(&mut self.info);
        if !self.is_on() || code.is_empty() {
            return Ok(None);
        }
        let sources = self.sources.as_ref();
        #[cfg(target_os = "linux")]
        if self.options.perf_map {
            perf::map(code)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(folder) = &self.options.jitdump {
            let line = |at| sources.and_then(|sources| sources.line(at));
            perf::dump(folder, code, &info, line)?;
        }
        #[cfg(not(feature = "gdb"))]
        {
            let _ = frames;
            Ok(None)
        }
        #[cfg(feature = "gdb")]
        {
            if !self.options.gdb {
                return Ok(None);
            }
            let address = |id| code.iter().find(|own| own.id == id).map(NewCode::start);
            let sections = sources.map(|sources| info.in_memory(sources, address));
            let sections = sections.transpose().map_err(|source| Error::Unwind {
                function: "the engine's last".to_owned(),
                source,
            })?;
            let image = image::image(code, frames, sections.unwrap_or_default());
            Ok(Some(Told(gdb::Registered::new(image))))
        }
    }
}
