//! How an engine compiles: what may be chosen, and what is fixed because C calls depend on it.

use crate::cranelift::codegen::isa::OwnedTargetIsa;
use crate::cranelift::codegen::settings::{self, Configurable, SetError};

use crate::error::{Error, Result};

/// Flags that are not a front end's to set, each with the reason.
const FIXED: [(&str, &str, &str); 8] = [
    (
        "is_pic",
        "false",
        "JIT code is not moved after it is written",
    ),
    (
        "use_colocated_libcalls",
        "false",
        "library routines can be at any distance",
    ),
    (
        "enable_llvm_abi_extensions",
        "false",
        "it returns integers in rcx, which C does not",
    ),
    (
        "enable_multi_ret_implicit_sret",
        "false",
        "its result area is not C's sret",
    ),
    (
        "enable_pinned_reg",
        "false",
        "C expects r15 to be preserved",
    ),
    // Debuggers and profilers may be told; no unwinder of the process is, so nothing can unwind through JIT code yet.
    (
        "unwind_info",
        "true",
        "unwind rules are made, although they are not registered yet",
    ),
    // A frame larger than a guard page must not step over it; only the inline kind needs no routine of ours.
    (
        "enable_probestack",
        "true",
        "large frames must not step over the guard page",
    ),
    (
        "probestack_strategy",
        "inline",
        "there is no probe routine to call",
    ),
];

/// What an [`Engine`](crate::Engine) is made with.
///
/// # Example
///
/// ```
/// # #[cfg(not(all(target_arch = "x86_64", any(unix, windows))))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::{Cpu, Engine, OptLevel, RegisterAllocator, Settings};
///
/// let settings = Settings::default()
///     .memory(1 << 20)
///     .opt_level(OptLevel::None)
///     .register_allocator(RegisterAllocator::SinglePass)
///     .cpu(Cpu::Baseline)
///     .flag("preserve_frame_pointers", "true");
/// assert!(Engine::new(&settings).is_ok());
///
/// let wrong = Engine::new(&Settings::default().flag("is_pic", "true"));
/// assert_eq!(
///     wrong.err().map(|error| error.to_string()).as_deref(),
///     Some("setting is_pic=true: fixed to false: JIT code is not moved after it is written"),
/// );
/// # Ok::<(), clif_cabi_jit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    memory: usize,
    opt_level: OptLevel,
    register_allocator: RegisterAllocator,
    cpu: Cpu,
    flags: Vec<(String, String)>,
}

/// How much Cranelift optimizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptLevel {
    /// Not at all: the quickest compilation.
    None,
    /// For speed.
    #[default]
    Speed,
    /// For speed, then for size.
    SpeedAndSize,
}

/// How Cranelift allocates registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterAllocator {
    /// With range splitting: better code.
    #[default]
    Backtracking,
    /// In one pass: quicker compilation, many more moves to and from the stack.
    SinglePass,
}

/// Which instructions may be generated. How values are passed in calls does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cpu {
    /// All that this machine has.
    #[default]
    Host,
    /// Only those that every x86-64 machine has: SSE2.
    Baseline,
}

impl Default for Settings {
    /// 64 MiB of memory, optimized for speed, all instructions of this machine.
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            opt_level: OptLevel::default(),
            register_allocator: RegisterAllocator::default(),
            cpu: Cpu::default(),
            flags: Vec::new(),
        }
    }
}

impl Settings {
    /// Bytes of address space for code and data, at most 2 GiB. Memory is used as needed, except on Windows, which
    /// counts all of it at once.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// How much to optimize.
    #[must_use]
    pub fn opt_level(mut self, level: OptLevel) -> Self {
        self.opt_level = level;
        self
    }

    /// How to allocate registers.
    #[must_use]
    pub fn register_allocator(mut self, allocator: RegisterAllocator) -> Self {
        self.register_allocator = allocator;
        self
    }

    /// Which instructions may be used.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = cpu;
        self
    }

    /// Any other flag of Cranelift, shared or of the x86-64 ISA (`has_avx`), by its name there. Flags that C calls
    /// depend on are fixed; to set one of them is an error of [`Engine::new`](crate::Engine::new). Whether the machine
    /// has the instructions that a flag allows is not checked.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn memory_size(&self) -> usize {
        self.memory
    }

    /// The ISA of this machine with these settings.
    pub(crate) fn isa(&self) -> Result<OwnedTargetIsa> {
        let mut shared = settings::builder();
        let mut isa = crate::cranelift::native::builder_with_options(self.cpu == Cpu::Host)
            .map_err(unsupported_host)?;
        let opt_level = match self.opt_level {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
            OptLevel::SpeedAndSize => "speed_and_size",
        };
        let allocator = match self.register_allocator {
            RegisterAllocator::Backtracking => "backtracking",
            RegisterAllocator::SinglePass => "single_pass",
        };
        let chosen = [("opt_level", opt_level), ("regalloc_algorithm", allocator)];
        let fixed = FIXED.map(|(name, value, _)| (name, value));
        for (name, value) in fixed.into_iter().chain(chosen) {
            let set = shared.set(name, value);
            set.map_err(|error| refused(name, value, error.to_string()))?;
        }
        for (name, value) in &self.flags {
            if let Some((_, fixed, why)) = FIXED.iter().find(|fixed| fixed.0 == name) {
                return Err(refused(name, value, format!("fixed to {fixed}: {why}")));
            }
            // A name is a shared flag's or the ISA's, never both.
            let set = match shared.set(name, value) {
                Err(SetError::BadName(_)) => isa.set(name, value),
                set => set,
            };
            set.map_err(|error| refused(name, value, error.to_string()))?;
        }
        isa.finish(settings::Flags::new(shared))
            .map_err(|error| unsupported_host(&error.to_string()))
    }
}

/// The error on a machine that the engine does not run on.
pub(crate) fn unsupported_host(why: &str) -> Error {
    Error::UnsupportedHost {
        host: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        why: why.to_owned(),
    }
}

fn refused(name: &str, value: &str, why: String) -> Error {
    Error::Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        why,
    }
}
