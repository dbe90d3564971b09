//! What ends a program while it runs: division by zero, null pointers, endless recursion. A signal handler on a stack of its own looks the
//! failed instruction up in what was recorded when the functions were compiled, and says which function and line it belongs to.
//!
//! The handler allocates nothing, takes no lock and calls nothing but `write`, `sigaction`, `raise` and `abort`: it may have interrupted
//! anything.

use crate::diag::Lines;
use crate::lower::{NULL_CALL, StackReserve};
use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::TrapCode;

/// What C functions may use of the stack once the program's own functions may not enter it any more.
const RESERVE: usize = 256 << 10;

/// A compiled function, as the handler needs it.
pub(crate) struct Code {
    name: String,
    /// Its first instruction's address.
    pub(crate) start: usize,
    size: usize,
    /// Instructions that fail on purpose, or by dividing.
    traps: Vec<(u32, Fault)>,
    /// Instructions from one offset up to another, and the line they belong to.
    lines: Vec<(u32, u32, usize)>,
    /// Not of the program: the prelude's.
    built_in: bool,
}

/// What was wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    DivisionByZero,
    DivisionOverflow,
    NullCall,
    BadCall,
    Returned,
    StackOverflow,
    NullPointer,
    BadPointer,
    Arithmetic,
    Other,
}

impl Fault {
    fn words(self) -> &'static str {
        match self {
            Fault::DivisionByZero => "division by zero",
            Fault::DivisionOverflow => "overflow in a division",
            Fault::NullCall => "call of a null function pointer",
            Fault::BadCall => "call of what is no function",
            Fault::Returned => "a function that never returns has returned",
            Fault::StackOverflow => "stack overflow",
            Fault::NullPointer => "null pointer dereference",
            Fault::BadPointer => "access to memory that is not there",
            Fault::Arithmetic => "arithmetic exception",
            Fault::Other => "illegal instruction",
        }
    }

    /// Of an instruction that raises SIGILL or SIGFPE.
    fn of(code: TrapCode) -> Fault {
        match code {
            TrapCode::INTEGER_DIVISION_BY_ZERO => Fault::DivisionByZero,
            TrapCode::INTEGER_OVERFLOW => Fault::DivisionOverflow,
            TrapCode::STACK_OVERFLOW => Fault::StackOverflow,
            NULL_CALL => Fault::NullCall,
            // What is left follows a call that promises not to return: clif-cabi's own trap.
            _ => Fault::Returned,
        }
    }
}

impl Code {
    /// What is to be known of the function `name`; `lines` are the program's, None for a function of the prelude. Where it lies is filled in
    /// later.
    pub(crate) fn of(name: &str, code: &CompiledCode, lines: Option<&Lines>) -> Code {
        let traps = code.buffer.traps().iter();
        let located = code.buffer.get_srclocs_sorted().iter();
        Code {
            name: name.to_owned(),
            start: 0,
            size: code.code_buffer().len(),
            traps: traps
                .map(|trap| (trap.offset, Fault::of(trap.code)))
                .collect(),
            lines: located
                .filter_map(|of| {
                    let lines = lines.filter(|_| !of.loc.is_default())?;
                    Some((of.start, of.end, lines.line(of.loc.bits())))
                })
                .collect(),
            built_in: lines.is_none(),
        }
    }

    fn offset(&self, pc: usize) -> Option<u32> {
        let offset = pc.checked_sub(self.start).filter(|at| *at < self.size)?;
        u32::try_from(offset).ok()
    }

    fn trap(&self, pc: usize) -> Option<Fault> {
        let offset = self.offset(pc)?;
        let found = self.traps.iter().find(|(at, _)| *at == offset)?;
        Some(found.1)
    }

    fn line(&self, pc: usize) -> Option<usize> {
        let offset = self.offset(pc)?;
        let within = |(start, end, _): &&(u32, u32, usize)| *start <= offset && offset < *end;
        Some(self.lines.iter().find(within)?.2)
    }
}

#[cfg(not(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
)))]
mod system {
    use super::{Code, StackReserve};

    pub(crate) fn reserve() -> Option<StackReserve> {
        None
    }

    pub(crate) fn watch(_: &str, _: Vec<Code>) {}
}

#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_os = "linux",
    target_env = "gnu"
))]
mod system {
    use super::{Code, Fault, RESERVE, StackReserve};
    use libc::{c_int, c_void, siginfo_t, ucontext_t};
    use std::io::{self, Write};
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, Ordering};

    /// The handler's own stack, in bytes.
    const HANDLER_STACK: usize = 64 << 10;

    /// Below here nothing is ever mapped: a null pointer and a member's offset.
    const NULL_PAGES: usize = 64 << 10;

    /// A frame is touched a page at a time; what lies further below the stack pointer is no overflow.
    const FRAME: usize = 8 << 20;

    const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

    /// What the handler knows; set once before the handler is installed, never freed.
    static WATCHED: AtomicPtr<Watched> = AtomicPtr::new(null_mut());

    struct Watched {
        file: String,
        /// By address.
        codes: Vec<Code>,
        /// Of the thread that `main` runs on.
        stack: Option<StackReserve>,
    }

    /// The stack of this thread; of a process's first thread as far as it may grow.
    fn stack() -> Option<StackReserve> {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let (mut start, mut size) = (null_mut::<c_void>(), 0);
        // SAFETY: the calls fill what they are given; the attributes are initialized when the first has succeeded, and destroyed once.
        let found = unsafe {
            if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
                return None;
            }
            let found =
                libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            found
        };
        let start = start.addr();
        (found == 0 && size > 0).then_some(StackReserve { start, size })
    }

    /// The part of this thread's stack that only C functions may use.
    pub(crate) fn reserve() -> Option<StackReserve> {
        let StackReserve { start, size } = stack()?;
        let size = RESERVE.min(size / 4);
        Some(StackReserve { start, size })
    }

    /// Installs the handler for a program in the file `file`, which runs on this thread.
    pub(crate) fn watch(file: &str, mut codes: Vec<Code>) {
        // Rust ignores it; a C program whose reader has gone away ends.
        set_action(libc::SIGPIPE, libc::SIG_DFL, 0);
        codes.sort_by_key(|code| code.start);
        let watched = Watched {
            file: file.to_owned(),
            codes,
            stack: stack(),
        };
        WATCHED.store(Box::into_raw(Box::new(watched)), Ordering::Release);
        let handler_stack = Box::leak(vec![0_u8; HANDLER_STACK].into_boxed_slice());
        let alternative = libc::stack_t {
            ss_sp: handler_stack.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: HANDLER_STACK,
        };
        // SAFETY: the memory is never freed and belongs to the handler alone.
        if unsafe { libc::sigaltstack(&raw const alternative, null_mut()) } != 0 {
            return;
        }
        for signal in SIGNALS {
            set_action(
                signal,
                handle as *const () as usize,
                libc::SA_SIGINFO | libc::SA_ONSTACK,
            );
        }
    }

    fn set_action(signal: c_int, handler: usize, flags: c_int) {
        // SAFETY: all zeros is a `struct sigaction` without blocked signals; the handler is `handle` or the default.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            libc::sigaction(signal, &raw const action, null_mut());
        }
    }

    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: it is null or was leaked by `watch`.
        let watched = unsafe { WATCHED.load(Ordering::Acquire).as_ref() };
        // SAFETY: the kernel passes both to a handler with SA_SIGINFO.
        let (info, context) = unsafe { (info.as_ref(), context.cast::<ucontext_t>().as_ref()) };
        let (Some(watched), Some(info), Some(context)) = (watched, info, context) else {
            return by_default(signal, true);
        };
        // Sent by `kill`.
        if info.si_code <= 0 {
            return by_default(signal, true);
        }
        let (pc, sp) = pc_and_sp(context);
        // SAFETY: these signals carry an address when the kernel sends them.
        let address = unsafe { info.si_addr() }.addr();
        let code = watched.codes.iter().find(|code| code.offset(pc).is_some());
        let memory = matches!(signal, libc::SIGSEGV | libc::SIGBUS);
        let fault = match code.and_then(|code| code.trap(pc)) {
            Some(fault) if !memory => fault,
            _ if !memory && signal == libc::SIGFPE => Fault::Arithmetic,
            _ if !memory => Fault::Other,
            // An address that is no address at all: the kernel does not say which.
            _ if info.si_code == libc::SI_KERNEL => Fault::BadPointer,
            _ if pc < NULL_PAGES => Fault::NullCall,
            _ if pc == address => Fault::BadCall,
            _ if watched.overflowed(address, sp) => Fault::StackOverflow,
            _ if address < NULL_PAGES => Fault::NullPointer,
            _ => Fault::BadPointer,
        };
        watched.say(fault, code, pc);
        match code {
            // SAFETY: it may be called in a handler.
            Some(_) => unsafe { libc::abort() },
            // Not the program's doing: the instruction fails again, by the signal it has always failed by.
            None => by_default(signal, false),
        }
    }

    /// Where the program failed, and its stack pointer.
    #[cfg(target_arch = "x86_64")]
    fn pc_and_sp(context: &ucontext_t) -> (usize, usize) {
        let register = |at: c_int| {
            let at = usize::try_from(at).unwrap_or(0);
            let value = context.uc_mcontext.gregs.get(at).copied().unwrap_or(0);
            usize::try_from(value.cast_unsigned()).unwrap_or(0)
        };
        (register(libc::REG_RIP), register(libc::REG_RSP))
    }

    #[cfg(target_arch = "aarch64")]
    fn pc_and_sp(context: &ucontext_t) -> (usize, usize) {
        let word = |value: u64| usize::try_from(value).unwrap_or(0);
        (word(context.uc_mcontext.pc), word(context.uc_mcontext.sp))
    }

    /// Gives the signal its default action, to be sent again by the instruction that is returned to, or by hand.
    fn by_default(signal: c_int, again: bool) {
        set_action(signal, libc::SIG_DFL, 0);
        if again {
            // SAFETY: it may be called in a handler; the signal arrives when the handler returns.
            unsafe { libc::raise(signal) };
        }
    }

    impl Watched {
        fn overflowed(&self, address: usize, sp: usize) -> bool {
            let Some(StackReserve { start, size }) = self.stack else {
                return false;
            };
            let near = |at: usize| (start.saturating_sub(FRAME)..start + size).contains(&at);
            near(sp) && near(address) && address >= sp.saturating_sub(FRAME)
        }

        /// `toy: division by zero at FILE:LINE, in main`, on standard error.
        fn say(&self, fault: Fault, code: Option<&Code>, pc: usize) {
            let mut line = [0_u8; 4096];
            let mut free: &mut [u8] = &mut line;
            // What does not fit is left out. Neither this nor `core::fmt` allocates.
            let _ = self.describe(&mut free, fault, code, pc);
            let len = 4096 - free.len();
            // SAFETY: `len` bytes are there. Standard error may be closed.
            let _ = unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), len) };
        }

        fn describe(
            &self,
            to: &mut &mut [u8],
            fault: Fault,
            code: Option<&Code>,
            pc: usize,
        ) -> io::Result<()> {
            write!(to, "toy: {}", fault.words())?;
            let Some(code) = code else {
                return writeln!(to, " outside of the program, in a function of C");
            };
            let is_overflow = fault == Fault::StackOverflow;
            if is_overflow {
                write!(to, " in {}", code.name)?;
            }
            if let Some(number) = code.line(pc) {
                write!(to, " at {}:{number}", self.file)?;
            }
            if !is_overflow {
                write!(to, ", in {}", code.name)?;
            }
            if code.built_in {
                write!(to, ", a function of the language itself")?;
            }
            writeln!(to)
        }
    }
}

pub(crate) use system::{reserve, watch};
