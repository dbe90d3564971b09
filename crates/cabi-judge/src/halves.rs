//! The C halves of calls in both directions: callees that write down what they were given, callers that write down what they got.
//!
//! A callee copies each parameter, as the object it is to C, into a buffer, and each narrow integer widened as well: a compiler that
//! trusts its caller's extension widens wrongly if there is none. Then it returns the bytes it was told to. A caller calls through a
//! pointer. Between the two sides a thunk may stand that keeps the registers C promises something about.

use crate::case::Case;
use crate::child::{self, Outcome};
use crate::half;
use crate::judge::{Built, Judge, JudgeError, feature_flags};
use cabi::{Scalar, Type, VectorLevel};
use libloading::Library;

use crate::case::Entry;

mod text;

use text::body;

/// Bytes of each buffer.
pub const BUFFER: usize = 1 << 18;

/// C halves of many cases, compiled and loaded.
#[derive(Debug)]
pub struct Halves {
    library: Library,
    names: Vec<String>,
    seen: *mut u8,
    got: *mut u8,
    given: *mut u8,
    images: *mut u8,
    wide: *mut i64,
    registers: *const u64,
    through: Through,
    run: Run,
    run_call: RunCall,
    warnings: String,
}

type Through = extern "C" fn(*const u8) -> *mut u8;
type Run = extern "C" fn(*const u8, *const u8, *mut u8, *const u8);
type RunCall = extern "C" fn(*const u8);

/// What the thunk found: registers when the call was made and when it came back.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// `rax` at the call: in a variadic one `al` counts vector registers.
    pub rax: u64,
    /// `rdi` at the call: where a result in memory goes.
    pub rdi: u64,
    /// `rsp` at the callee's first instruction.
    pub rsp: u64,
    /// `rbx rbp r12..r15` at the call.
    pub saved: [u64; 6],
    /// `rax` after it.
    pub rax_after: u64,
    /// `rsp` after it, as if the return address was still there.
    pub rsp_after: u64,
    /// `rbx rbp r12..r15` after it.
    pub saved_after: [u64; 6],
}

/// What the Rust side calls is of System V by name: a compiler may be told that functions are of another convention unless they say so.
pub(crate) const FRAME: &str = r#"
#define CABI_SYSV __attribute__((sysv_abi))
/* behind a call: it is no tail call, so the frame that cabi_escape goes back to is there */
#define CABI_STAY __asm__ volatile("" : : : "memory")
/* clang calls this at -O0 for a __bf16, and libgcc before 13 lacks it */
__attribute__((weak)) _Float16 __truncsfbf2(float x) {
  unsigned bits; _Float16 r; unsigned short upper;
  __builtin_memcpy(&bits, &x, 4); upper = bits >> 16;
  __builtin_memcpy(&r, &upper, 2); return r;
}
static unsigned char cabi_seen_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_got_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_given_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_image_bytes[262144] __attribute__((aligned(64)));
static long long cabi_wide_values[256];
static unsigned long cabi_registers[24] __attribute__((used));
static void *cabi_target __attribute__((used));
static void *cabi_jump[5];
/* data: what the compiler makes of code runs in children only */
void *const cabi_places[6] = {cabi_seen_bytes, cabi_got_bytes, cabi_given_bytes, cabi_image_bytes, cabi_wide_values, cabi_registers};
/* for callees in other languages */
CABI_SYSV void *cabi_seen(void) { return cabi_seen_bytes; }
CABI_SYSV void *cabi_given(void) { return cabi_given_bytes; }
CABI_SYSV void *cabi_wide(void) { return cabi_wide_values; }
extern char cabi_thunk[] __attribute__((visibility("hidden")));
CABI_SYSV void *cabi_through(void *target) { cabi_target = target; return cabi_thunk; }
CABI_SYSV __attribute__((noreturn)) void cabi_escape(void) { __builtin_longjmp(cabi_jump, 1); }
CABI_SYSV __attribute__((noinline)) void cabi_run(void (CABI_SYSV *shim)(void *, void *, void *), void *args, void *ret, void *callee) {
  if (__builtin_setjmp(cabi_jump) == 0) { shim(args, ret, callee); CABI_STAY; }
}
CABI_SYSV __attribute__((noinline)) void cabi_run_call(void (*call)(void *, const unsigned char *, void *)) {
  if (__builtin_setjmp(cabi_jump) == 0) { call(cabi_thunk, cabi_image_bytes, cabi_got_bytes); CABI_STAY; }
}
__asm__(
".text\n"
".globl cabi_thunk\n"
".hidden cabi_thunk\n"
".type cabi_thunk, @function\n"
"cabi_thunk:\n"
"movq %rax, cabi_registers+0(%rip)\n"
"movq %rdi, cabi_registers+8(%rip)\n"
"movq %rsp, cabi_registers+16(%rip)\n"
"movq %rbx, cabi_registers+24(%rip)\n"
"movq %rbp, cabi_registers+32(%rip)\n"
"movq %r12, cabi_registers+40(%rip)\n"
"movq %r13, cabi_registers+48(%rip)\n"
"movq %r14, cabi_registers+56(%rip)\n"
"movq %r15, cabi_registers+64(%rip)\n"
"popq cabi_registers+144(%rip)\n" /* the arguments stay where they are */
"call *cabi_target(%rip)\n"
"pushq cabi_registers+144(%rip)\n"
"movq %rax, cabi_registers+72(%rip)\n"
"movq %rsp, cabi_registers+80(%rip)\n"
"movq %rbx, cabi_registers+88(%rip)\n"
"movq %rbp, cabi_registers+96(%rip)\n"
"movq %r12, cabi_registers+104(%rip)\n"
"movq %r13, cabi_registers+112(%rip)\n"
"movq %r14, cabi_registers+120(%rip)\n"
"movq %r15, cabi_registers+128(%rip)\n"
"ret\n"
);
"#;

/// Reads `n` 8-byte integers and then the bytes of objects, by symbol and size, from a shared object of data.
pub(crate) fn read_table(
    built: &Built,
    n: usize,
    objects: &[(String, usize)],
) -> Result<(Vec<u64>, Vec<Vec<u8>>), libloading::Error> {
    // SAFETY: the library was made a moment ago from text of ours, which has no constructors; the symbols have this many bytes
    // there, or more, and nothing is called.
    unsafe {
        let library = Library::new(&built.object)?;
        let address = |name: &str| {
            library
                .get::<*const u8>(name.as_bytes())
                .map(|symbol| *symbol)
        };
        let numbers = address(TABLE)?.cast::<u64>();
        let numbers = std::slice::from_raw_parts(numbers, n).to_vec();
        let objects = objects.iter().map(|(name, size)| {
            address(name).map(|at| std::slice::from_raw_parts(at, *size).to_vec())
        });
        Ok((numbers, objects.collect::<Result<_, _>>()?))
    }
}

/// The symbol of the numbers that [`read_table`] reads.
pub(crate) const TABLE: &str = "cabi_table";

impl Halves {
    /// Has `judge` compile the halves of `entries`, which must all want the same vector level.
    ///
    /// # Errors
    /// [`JudgeError`] with the compiler's messages.
    pub fn build(judge: &Judge, entries: &[Entry<'_>]) -> Result<Self, JudgeError> {
        Self::build_at(judge, "-O1", entries)
    }

    /// The same with the flag `optimize`.
    ///
    /// # Errors
    /// [`JudgeError`] with the compiler's messages.
    pub fn build_at(
        judge: &Judge,
        optimize: &str,
        entries: &[Entry<'_>],
    ) -> Result<Self, JudgeError> {
        let mut text = FRAME.to_owned();
        let mut names = Vec::new();
        for (i, (subject, case)) in entries.iter().enumerate() {
            let prefix = format!("c{i}_");
            text.push_str(&half::scoped(subject, &prefix, &body(case, &prefix)));
            names.push(format!("{prefix}{}", case.function.name));
        }
        let mut flags = vec![optimize, "-fno-lto"];
        let level = entries.first().map(|(_, case)| case.vectors);
        if let Some((subject, _)) = entries.first()
            && level != Some(VectorLevel::Baseline)
        {
            flags.extend(feature_flags(&subject.block.features));
        }
        Self::load(&judge.build(&text, &flags)?, names)
    }

    /// Has `judge` compile the halves of `cases`, whose functions have different names, behind `preamble`, which declares their types.
    ///
    /// # Errors
    /// [`JudgeError`] with the compiler's messages.
    pub fn compile_behind(
        judge: &Judge,
        flags: &[&str],
        preamble: &str,
        cases: &[&Case],
    ) -> Result<Built, JudgeError> {
        let mut text = format!("{FRAME}{preamble}");
        for case in cases {
            text.push_str(&body(case, ""));
        }
        // What stands in the command is the user's choice.
        let optimized = judge.says_how_to_optimize();
        let optimize: &[&str] = if optimized { &[] } else { &["-O1"] };
        judge.build(&text, &[optimize, &["-fno-lto"], flags].concat())
    }

    /// Loads what [`compile_behind`](Self::compile_behind) made of `cases`, with a judge whose vector level is theirs.
    ///
    /// # Errors
    /// [`JudgeError::Io`] if it cannot be loaded.
    pub fn of_built(built: &Built, cases: &[&Case]) -> Result<Self, JudgeError> {
        let names = cases.iter().map(|case| case.function.name.clone());
        Self::load(built, names.collect())
    }

    /// The library stays loaded when its file is removed.
    fn load(built: &Built, names: Vec<String>) -> Result<Self, JudgeError> {
        Self::open(built, names).map_err(|error| JudgeError::Io {
            what: "the C halves".to_owned(),
            source: std::io::Error::other(error),
        })
    }

    fn open(built: &Built, names: Vec<String>) -> Result<Self, libloading::Error> {
        // SAFETY: the library was made a moment ago from text of ours, which has no constructors; all of these have this type in FRAME,
        // and none of it is called.
        unsafe {
            let library = Library::new(&built.object)?;
            let places = library.get::<*const [*mut u8; 6]>(b"cabi_places")?;
            let [seen, got, given, images, wide, registers] = **places;
            Ok(Self {
                through: *library.get::<Through>(b"cabi_through")?,
                run: *library.get::<Run>(b"cabi_run")?,
                run_call: *library.get::<RunCall>(b"cabi_run_call")?,
                seen,
                got,
                given,
                images,
                wide: wide.cast(),
                registers: registers.cast(),
                library,
                names,
                warnings: built.warnings.clone(),
            })
        }
    }

    /// Whether what the compiler makes runs at all: loaded in a child, a function of FRAME returns what it should.
    ///
    /// # Errors
    /// The compiler's, or what becomes of the child.
    pub(crate) fn try_out(judge: &Judge) -> Result<(), JudgeError> {
        let built = judge.build(FRAME, &["-w"])?;
        let tried = child::run(&[1], 1, |_, _| match Self::of_built(&built, &[]) {
            Ok(halves) if halves.finds_itself() => Outcome::Passed(1),
            Ok(_) => Outcome::Failed("a function returns another value than it should".into()),
            Err(error) => Outcome::Failed(error.to_string()),
        });
        let io = |source| JudgeError::Io {
            what: format!("code by {}", judge.command()),
            source,
        };
        match tried.map_err(io)?.into_iter().flatten().next() {
            Some(Outcome::Passed(_)) => Ok(()),
            Some(Outcome::Failed(why) | Outcome::Crashed(why) | Outcome::Refused(why)) => {
                Err(io(std::io::Error::other(why)))
            }
            None => Err(io(std::io::Error::other("ended early"))),
        }
    }

    fn finds_itself(&self) -> bool {
        // SAFETY: FRAME has this function with this type.
        let found = unsafe {
            self.library
                .get::<extern "C" fn() -> *mut u8>(b"cabi_seen")
                .map(|function| function())
        };
        found.is_ok_and(|at| at == self.seen)
    }

    /// What the compiler warned of.
    #[must_use]
    pub fn warnings(&self) -> &str {
        &self.warnings
    }

    /// Where a callee writes what it was given.
    #[must_use]
    pub fn seen(&self) -> *mut u8 {
        self.seen
    }

    /// Where a callee reads what it returns.
    #[must_use]
    pub fn given(&self) -> *mut u8 {
        self.given
    }

    /// The address of the C function of case `index`.
    #[must_use]
    pub fn callee(&self, index: usize) -> Option<*mut u8> {
        self.address(self.names.get(index)?)
    }

    /// The address of `void cabi_escape(void)`, which leaves a call that cannot return.
    #[must_use]
    pub fn escape(&self) -> Option<*mut u8> {
        self.address("cabi_escape")
    }

    fn address(&self, name: &str) -> Option<*mut u8> {
        // SAFETY: only the address is taken; who calls it knows the function.
        unsafe {
            let symbol = self
                .library
                .get::<unsafe extern "C" fn()>(name.as_bytes())
                .ok()?;
            Some(*symbol as *mut u8)
        }
    }

    /// Clears what was seen, and sets what callees return.
    pub fn prepare(&self, given: &[u8]) {
        // SAFETY: the buffers of FRAME have BUFFER bytes, and 256 words; nothing runs that uses them.
        unsafe {
            self.seen.write_bytes(0xee, 1 << 13);
            self.got.write_bytes(0xee, 1 << 13);
            self.wide.write_bytes(0x77, 256);
            let len = given.len().min(BUFFER);
            std::ptr::copy_nonoverlapping(given.as_ptr(), self.given, len);
        }
    }

    /// `len` bytes of what was seen, from `at`.
    #[must_use]
    pub fn seen_bytes(&self, at: usize, len: usize) -> Vec<u8> {
        let at = at.min(BUFFER);
        let len = len.min(BUFFER - at);
        // SAFETY: inside the buffer of BUFFER bytes; nothing runs that uses it.
        unsafe { std::slice::from_raw_parts(self.seen.add(at), len) }.to_vec()
    }

    /// The result that a C caller got, `len` bytes.
    #[must_use]
    pub fn got_bytes(&self, len: usize) -> Vec<u8> {
        // SAFETY: inside the buffer of BUFFER bytes; nothing runs that uses it.
        unsafe { std::slice::from_raw_parts(self.got, len.min(BUFFER)) }.to_vec()
    }

    /// Argument `index` as the callee widened it, if it did.
    #[must_use]
    pub fn widened(&self, index: usize) -> Option<i64> {
        // SAFETY: inside the array of 256 words.
        (index < 256).then(|| unsafe { self.wide.add(index).read() })
    }

    /// What the thunk kept at its last run.
    #[must_use]
    pub fn registers(&self) -> Registers {
        // SAFETY: the array has 24 words.
        let words = unsafe { std::slice::from_raw_parts(self.registers, 24) };
        let six = |at: usize| std::array::from_fn(|i| words[at + i]);
        Registers {
            rax: words[0],
            rdi: words[1],
            rsp: words[2],
            saved: six(3),
            rax_after: words[9],
            rsp_after: words[10],
            saved_after: six(11),
        }
    }

    /// Puts the thunk before `target`; its address is what to call.
    #[must_use]
    pub fn through(&self, target: *const u8) -> *mut u8 {
        (self.through)(target)
    }

    /// Runs `shim(args, ret, callee)`, which may not come back but escape.
    ///
    /// # Safety
    /// `shim` is code of that type, sound with these arguments.
    pub unsafe fn run(&self, shim: *const u8, args: *const u8, ret: *mut u8, callee: *const u8) {
        (self.run)(shim, args, ret, callee);
    }

    /// Lets the C caller of case `index` call, through the thunk, with the arguments whose images are given. Says whether there
    /// is such a case.
    ///
    /// # Safety
    /// What [`Halves::through`] was given is code of the case's type.
    #[must_use]
    pub unsafe fn call(&self, index: usize, images: &[u8]) -> bool {
        let name = self.names.get(index);
        let call = name.and_then(|name| self.address(&format!("{name}_call")));
        // SAFETY: the buffer of FRAME has BUFFER bytes; nothing runs that uses it.
        unsafe {
            let len = images.len().min(BUFFER);
            std::ptr::copy_nonoverlapping(images.as_ptr(), self.images, len);
        }
        // `call` reads `Images::of` of the case, and the caller answers for the callee.
        call.inspect(|call| (self.run_call)(*call)).is_some()
    }
}

/// Whether argument `ty` is also looked at widened.
#[must_use]
pub fn is_widened(ty: &Type) -> bool {
    let narrow = matches!(
        ty.as_scalar(),
        Some(
            Scalar::Bool
                | Scalar::Int {
                    bits: 8 | 16 | 32,
                    ..
                }
        )
    );
    narrow && ty.size() < 8 && ty.as_record().is_none()
}
