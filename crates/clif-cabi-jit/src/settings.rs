//! Settings of an engine: those that may be chosen, and those that are fixed because C calls depend
//! on them.

use crate::cranelift::codegen::isa::OwnedTargetIsa;
/// Level of optimization of Cranelift, and its register allocation: [with range
/// splitting](RegisterAllocator::Backtracking), or [in one pass](RegisterAllocator::SinglePass).
/// One pass compiles more quickly, to code with many more moves to and from the stack.
pub use crate::cranelift::codegen::settings::{OptLevel, RegallocAlgorithm as RegisterAllocator};

use std::path::PathBuf;

use clif_cabi_unwind::Personality;

use crate::debug::Options;
use crate::error::Result;
use crate::flags;

/// Settings of an [`Engine`](crate::Engine).
///
/// # Example
///
/// ```
/// # #[cfg(not(has_engine))]
/// # return Ok(()); // no JIT on this machine
/// use clif_cabi_jit::{Cpu, Engine, OptLevel, RegisterAllocator, Settings};
///
/// let settings = Settings::default()
///     .memory(1 << 20)
///     .opt_level(OptLevel::None)
///     .register_allocator(RegisterAllocator::SinglePass)
///     .cpu(Cpu::Baseline)
///     .flag("enable_nan_canonicalization", "true");
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
    pub(crate) memory: usize,
    cpu: Cpu,
    flags: Vec<(String, String)>,
    pub(crate) personality: Option<Personality>,
    pub(crate) debug: Options,
}

/// Instructions that may be generated. The passing of values in calls does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cpu {
    /// All that this machine has.
    #[default]
    Host,
    /// Only those that every machine of its architecture has: SSE2 on x86-64.
    Baseline,
}

impl Default for Settings {
    /// Returns settings of 64 MiB of memory, optimized for speed, with all instructions of this
    /// machine.
    fn default() -> Self {
        Self {
            memory: Self::MEMORY,
            cpu: Cpu::default(),
            flags: Vec::new(),
            personality: None,
            debug: Options::default(),
        }
    }
}

impl Settings {
    /// Bytes of memory by default.
    pub(crate) const MEMORY: usize = 64 << 20;

    /// Sets the bytes of address space for code and data, at most 2 GiB: with Cranelift
    /// 0.132 and 0.133 at most 1 GiB. Memory is used as needed; on Windows with those releases all
    /// of it counts as used.
    ///
    /// Each [`Engine::finalize`](crate::Engine::finalize) takes whole pages of it, however small
    /// the functions are. So does each shape of [`Closures`](crate::Closures). 16 384 rounds fill
    /// the 64 MiB of the default, where a page has 4 KiB. Nothing is given back until the engine
    /// and all its code are gone.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how much to optimize.
    #[must_use]
    pub fn opt_level(self, level: OptLevel) -> Self {
        self.flag("opt_level", &level.to_string())
    }

    /// Sets how to allocate registers.
    #[must_use]
    pub fn register_allocator(self, allocator: RegisterAllocator) -> Self {
        self.flag("regalloc_algorithm", &allocator.to_string())
    }

    /// Sets the instructions that may be used.
    #[must_use]
    pub fn cpu(mut self, cpu: Cpu) -> Self {
        self.cpu = cpu;
        self
    }

    /// Sets another flag of Cranelift, by its name there. These may be set:
    ///
    /// - `opt_level`, `regalloc_algorithm`, `regalloc_checker`, `regalloc_verbose_logs`,
    ///   `machine_code_cfg_info`, `enable_verifier`, `enable_alias_analysis`,
    ///   `enable_nan_canonicalization`, `stack_switch_model`;
    /// - `preserve_frame_pointers` on x86-64; elsewhere it is always on;
    /// - `log2_min_function_alignment`, up to 12;
    /// - those of instructions, `has_avx` and its like, `false`, or `true` on a machine that has
    ///   them.
    ///
    /// To set any other is an error of [`Engine::new`](crate::Engine::new): C calls depend on it,
    /// or it would make code unsafe, or it does nothing here.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets who decides whether an exception enters a handler of `try_call`: `__gxx_personality_v0`
    /// of C++, `__gxx_personality_seh0` on Windows, or another one that is found as imports are, at
    /// the latest when the engine is finalized. Without it a function with such a handler is an
    /// error. Functions without handlers need none: exceptions pass through them.
    #[must_use]
    pub fn personality(mut self, personality: Personality) -> Self {
        self.personality = Some(personality);
        self
    }

    /// Returns these settings for code of this crate's own, which moves values and calls. Every
    /// machine's instructions are enough for that; asking a virtual machine for those that it has
    /// takes 70 microseconds. The verifier checks this code if debug assertions are on, or a flag
    /// asks for it.
    pub(crate) fn for_own_code(&self) -> Self {
        let mut own = self.clone().cpu(Cpu::Baseline);
        if !cfg!(debug_assertions) {
            let off = ("enable_verifier".to_owned(), "false".to_owned());
            own.flags.insert(0, off);
        }
        own
    }

    /// Tells gdb of code as it becomes final: its names and how it is unwound. The feature `gdb`
    /// has to be on: it defines `__jit_debug_descriptor` and `__jit_debug_register_code`, by whose
    /// names debuggers find the code.
    #[must_use]
    pub fn gdb(mut self, is_told: bool) -> Self {
        self.debug.gdb = is_told;
        self
    }

    /// Writes the names of code to `/tmp/perf-PID.map`, where perf looks for them: for
    /// `perf record -p`, and `perf top`. In a program that `perf record` starts itself, which sets
    /// `PERF_BUILDID_DIR`, cranelift-jit does so in any case.
    #[must_use]
    pub fn perf_map(mut self, is_written: bool) -> Self {
        self.debug.perf_map = is_written;
        self
    }

    /// Writes code with its names to `jit-PID.dump` in `folder`, for `perf record -k mono` and
    /// `perf inject --jit`.
    #[must_use]
    pub fn jitdump(mut self, folder: impl Into<PathBuf>) -> Self {
        self.debug.jitdump = Some(folder.into());
        self
    }

    /// Checks whether a flag was set, which an engine may refuse.
    pub(crate) fn has_flags(&self) -> bool {
        !self.flags.is_empty()
    }

    /// Returns the ISA of this machine with these settings.
    pub(crate) fn isa(&self) -> Result<OwnedTargetIsa> {
        flags::isa(&self.flags, self.cpu == Cpu::Host)
    }
}
