//! The register-dump probe: what a compiler really does with each argument and result, next to what `FnAbi` says.
//!
//! A C caller, built by a judge, calls a callee of bare assembly that writes every register of the convention and the stack
//! above the return address into a buffer; a C callee is called by bare assembly that dumps the registers of results. Neither
//! side of it knows a signature, so nothing of ours takes part in the call that is measured.
//!
//! ```text
//! buffer:   0  rdi rsi rdx rcx r8 r9 rax r10, 8 bytes each
//!          64  vector registers 0 to 7, 64 bytes each
//!         576  rsp at the callee's first instruction
//!         592  st0 (10 bytes), 608 st1
//!         640  the stack above the return address
//! ```
//!
//! x86-64 only: System V, and Win64 as compilers for System V machines have it (`ms_abi`). The dump is one static buffer per library, so a [`Probe`] is not `Sync`.

use std::marker::PhantomData;

use cabi::{Bank, Extension, FnAbi, Loc, Place, PlacedPart, Reg, RetAbi, VectorLevel};
use cabi_judge::case::{Case, Entry, Subject};
use cabi_judge::graffiti::{Pattern, hex};
use cabi_judge::half::{self, Images, argument_types};
use cabi_judge::judge::{Built, Judge, JudgeError, feature_flags};
use libloading::Library;

const VECTORS: usize = 64;
const RSP: usize = 576;
const ST0: usize = 592;
const ST1: usize = 608;
const STACK: usize = 640;
const BUFFER: usize = 1 << 14;

/// The most bytes of the stack, or of a result in memory, that the probe looks at.
pub const MAX_BYTES: usize = BUFFER - STACK;

/// The C halves of many cases, loaded.
#[derive(Debug)]
pub struct Probe {
    library: Library,
    halves: Vec<Half>,
    // The library's file lives in a folder of its own.
    built: Built,
    _not_sync: PhantomData<*mut u8>,
}

/// The C half of one case.
#[derive(Debug)]
struct Half {
    /// What its functions' names start with.
    name: String,
    /// Bytes that its caller reads from the images.
    image_bytes: usize,
    /// Bytes of its result.
    result_bytes: usize,
}

/// What a callee, or the caller of one, found.
#[derive(Clone, Debug)]
pub struct Dump {
    bytes: Vec<u8>,
    /// The address and, after the call, the content of the memory offered for a result.
    result: (u64, Vec<u8>),
}

impl Probe {
    /// Has `judge` compile the C halves of `entries`, which must all want the same vector level, with the flag `optimize`.
    ///
    /// # Errors
    /// [`JudgeError`] with the compiler's messages.
    pub fn build(judge: &Judge, optimize: &str, entries: &[Entry<'_>]) -> Result<Self, JudgeError> {
        let level = entries
            .first()
            .map_or(VectorLevel::Baseline, |(_, case)| case.vectors);
        let features = entries
            .first()
            .map(|(subject, _)| subject.block.features.as_slice())
            .unwrap_or_default();
        let mut text = frame(level);
        let mut halves = Vec::new();
        for (i, (subject, case)) in entries.iter().enumerate() {
            let prefix = format!("c{i}_");
            text.push_str(&entry(subject, case, &prefix));
            halves.push(Half {
                name: format!("{prefix}{}", case.function.name),
                image_bytes: Images::of(&argument_types(case)).size,
                result_bytes: usize::try_from(case.prototype.ret.size()).unwrap_or(usize::MAX),
            });
        }
        let mut flags = vec![optimize, "-fno-lto"];
        flags.extend(feature_flags(features));
        let built = judge.build(&text, &flags)?;
        // SAFETY: the library was made a moment ago from text of ours, which has no constructors.
        let library = unsafe { Library::new(&built.object) };
        let library = library.map_err(|error| JudgeError::Io {
            what: built.object.display().to_string(),
            source: std::io::Error::other(error),
        })?;
        Ok(Self {
            library,
            halves,
            built,
            _not_sync: PhantomData,
        })
    }

    /// What the compiler warned of while it built the halves.
    #[must_use]
    pub fn warnings(&self) -> &str {
        &self.built.warnings
    }

    /// Lets case `index` call the dumping callee with the argument images `images`, and dumps `stack_bytes` of the stack. `None` if there
    /// is no such case, or its images are more than these.
    #[must_use]
    pub fn arguments(&self, index: usize, images: &[u8], stack_bytes: usize) -> Option<Dump> {
        let half = self
            .halves
            .get(index)
            .filter(|half| half.image_bytes <= images.len())?;
        let name = format!("{}_call", half.name);
        let call: extern "C" fn(*const u8) = self.function(&name)?;
        let enter: extern "C" fn(extern "C" fn(*const u8), *const u8, usize) =
            self.function("cabi_enter")?;
        enter(call, images.as_ptr(), stack_bytes.min(MAX_BYTES));
        self.dump()
    }

    /// Lets the C function of case `index` return `image`, and dumps where it is. `None` if the function has no result,
    /// or one of more than [`MAX_BYTES`].
    #[must_use]
    pub fn result(&self, index: usize, image: &[u8]) -> Option<Dump> {
        let half = self
            .halves
            .get(index)
            .filter(|half| half.result_bytes <= MAX_BYTES)?;
        let give: extern "C" fn() = self.function(&format!("{}_give", half.name))?;
        let offer: extern "C" fn(*const u8, usize) = self.function("cabi_offer")?;
        let take: extern "C" fn(extern "C" fn()) = self.function("cabi_take")?;
        offer(image.as_ptr(), image.len().min(MAX_BYTES));
        take(give);
        self.dump()
    }

    fn dump(&self) -> Option<Dump> {
        let buffer: extern "C" fn() -> *const u8 = self.function("cabi_buffer")?;
        let space: extern "C" fn() -> *const u8 = self.function("cabi_memory")?;
        let (buffer, space) = (buffer(), space());
        // SAFETY: both functions return the address of a static array of BUFFER bytes (see `frame`), written by nobody now: the
        // calls that write it have returned, and `Probe` is not shared between threads.
        let (bytes, memory) = unsafe {
            (
                std::slice::from_raw_parts(buffer, BUFFER).to_vec(),
                std::slice::from_raw_parts(space, BUFFER).to_vec(),
            )
        };
        Some(Dump {
            bytes,
            result: (space as u64, memory),
        })
    }

    /// The function called `name`, as a pointer of type `F`.
    fn function<F: Copy>(&self, name: &str) -> Option<F> {
        // SAFETY: `F` is a function pointer type in every use above, and the C text in `frame` and `entry` defines that name with that
        // type. `cabi_take` calls the function it is given with registers and stack no declaration promises, but those functions
        // read none of their arguments (`half::giver`).
        unsafe {
            self.library
                .get::<F>(name.as_bytes())
                .ok()
                .map(|symbol| *symbol)
        }
    }
}

/// The assembly that dumps, and the buffers, once per file.
fn frame(level: VectorLevel) -> String {
    let (store, register) = match level {
        VectorLevel::Avx512 => ("vmovups", "zmm"),
        VectorLevel::Avx => ("vmovups", "ymm"),
        _ => ("movups", "xmm"),
    };
    let vectors: String = (0..8)
        .map(|i| {
            format!(
                "\"{store} %{register}{i}, cabi_dump_buffer+{}(%rip)\\n\"\n",
                VECTORS + 64 * i
            )
        })
        .collect();
    let sysv = dumping_callee("cabi_dump", 0, &vectors);
    let ms = dumping_callee("cabi_dump_ms", 24, &vectors);
    let clear: String = (0..8)
        .map(|i| format!("\"xorps %xmm{i}, %xmm{i}\\n\"\n"))
        .collect();
    format!(
        r#"
#define noreturn unused
static unsigned char cabi_dump_buffer[{BUFFER}] __attribute__((used, aligned(64)));
static unsigned char cabi_space[{BUFFER}] __attribute__((used, aligned(64)));
static unsigned char cabi_result[{BUFFER}] __attribute__((used, aligned(64)));
static unsigned long cabi_stack_bytes __attribute__((used));
/* clang calls this at -O0, and libgcc before 13 lacks it */
__attribute__((weak)) _Float16 __truncsfbf2(float x) {{
  unsigned bits; _Float16 r; unsigned short upper;
  __builtin_memcpy(&bits, &x, 4); upper = bits >> 16;
  __builtin_memcpy(&r, &upper, 2); return r;
}}
const unsigned char *cabi_buffer(void) {{ return cabi_dump_buffer; }}
const unsigned char *cabi_memory(void) {{ return cabi_space; }}
void cabi_enter(void (*call)(const unsigned char *), const unsigned char *image, unsigned long stack_bytes) {{
  unsigned char room[{BUFFER}]; /* the callee dumps this far up the stack */
  __asm__ volatile("" : : "r"(room) : "memory");
  cabi_stack_bytes = stack_bytes;
  __builtin_memset(cabi_dump_buffer, 0xee, sizeof cabi_dump_buffer);
  call(image);
  __asm__ volatile("fninit"); /* a callee that owes an x87 result has left one too few */
}}
void cabi_offer(const unsigned char *image, unsigned long bytes) {{
  __builtin_memset(cabi_space, 0xee, sizeof cabi_space);
  __builtin_memset(cabi_dump_buffer, 0xee, sizeof cabi_dump_buffer);
  __builtin_memcpy(cabi_result, image, bytes);
}}
__asm__(
".text\n"
{sysv}{ms}".globl cabi_take\n"
".type cabi_take, @function\n"
"cabi_take:\n"
"pushq %rbp\n"
"movq %rsp, %rbp\n"
"subq $8192, %rsp\n" /* above: what a callee takes for arguments in memory */
"andq $-64, %rsp\n"
"movq %rdi, %r11\n"
/* unoptimized callees read what arguments point to: all of them point to a buffer; no register looks right by chance */
"leaq cabi_dump_buffer(%rip), %rax\n"
"movq %rsp, %rdi\n"
"movl $64, %ecx\n"
"rep stosq\n"
"movq %rax, %rsi\n"
"movq %rax, %rdx\n"
"movq %rax, %r8\n"
"movq %rax, %r9\n"
{clear}"leaq cabi_space(%rip), %rdi\n"
"movq %rdi, %rcx\n" /* where ms_abi has it */
"xorl %eax, %eax\n"
"call *%r11\n"
"movq %rdx, cabi_dump_buffer+16(%rip)\n"
"movq %rax, cabi_dump_buffer+48(%rip)\n"
"fstpt cabi_dump_buffer+{ST0}(%rip)\n"
"fstpt cabi_dump_buffer+{ST1}(%rip)\n"
"fninit\n"
{vectors}
"leave\n"
"ret\n"
);
"#
    )
}

/// A callee that fills the buffer. If it owes a result in memory, its address came in the register dumped at `result`.
fn dumping_callee(name: &str, result: usize, vectors: &str) -> String {
    format!(
        r#"
".type {name}, @function\n"
"{name}:\n"
"movq %rdi, cabi_dump_buffer+0(%rip)\n"
"movq %rsi, cabi_dump_buffer+8(%rip)\n"
"movq %rdx, cabi_dump_buffer+16(%rip)\n"
"movq %rcx, cabi_dump_buffer+24(%rip)\n"
"movq %r8, cabi_dump_buffer+32(%rip)\n"
"movq %r9, cabi_dump_buffer+40(%rip)\n"
"movq %rax, cabi_dump_buffer+48(%rip)\n"
"movq %r10, cabi_dump_buffer+56(%rip)\n"
"movq %rsp, cabi_dump_buffer+{RSP}(%rip)\n"
{vectors}"leaq 8(%rsp), %rsi\n"
"leaq cabi_dump_buffer+{STACK}(%rip), %rdi\n"
"movq cabi_stack_bytes(%rip), %rcx\n"
"rep movsb\n"
"movq cabi_dump_buffer+0(%rip), %rdi\n" /* callee-saved in ms_abi */
"movq cabi_dump_buffer+8(%rip), %rsi\n"
"movq cabi_dump_buffer+{result}(%rip), %rax\n"
"ret\n"
"#
    )
}

/// The C text of one case: its function is the dumping callee, and `_give` returns what it is told.
fn entry(subject: &Subject, case: &Case, prefix: &str) -> String {
    let symbol = format!("{prefix}{}", case.function.name);
    let mut body = half::caller(case, prefix);
    body.push_str(&half::giver(case, prefix).unwrap_or_default());
    let hidden = "#pragma GCC visibility push(hidden)\n";
    let dump = if case.prototype.convention.is_some() {
        "cabi_dump_ms"
    } else {
        "cabi_dump"
    };
    let alias =
        format!("__asm__(\".globl {symbol}\\n.hidden {symbol}\\n.set {symbol}, {dump}\");\n");
    // The prototype is hidden, so that the call is direct: a PLT stub would run code between caller and callee.
    let mut scoped = half::scoped(
        subject,
        prefix,
        &format!("#pragma GCC visibility pop\n{body}"),
    );
    scoped.insert_str(0, hidden);
    scoped + &alias
}

/// Compares the arguments in `dump` with what `abi` says of them.
///
/// # Errors
/// The first argument that is not where `abi` says, or `al`, or the alignment of the stack.
pub fn check_arguments(abi: &FnAbi, patterns: &[Pattern], dump: &Dump) -> Result<(), String> {
    // Callers extend narrow integers for System V's callees, some of which rely on it; on Win64 nobody does.
    let extended = abi.convention.name == cabi::X86_64_SYSV.name;
    for (i, (arg, pattern)) in abi.args.iter().zip(patterns).enumerate() {
        let mut place = arg.place.clone();
        if let (Place::Parts(parts), true) = (&mut place, arg.named) {
            // Who is named in a variadic function of Win64 is not looked for in the second register, and gcc leaves that alone.
            parts.iter_mut().for_each(first_register);
        }
        check_place(&place, pattern, extended, dump)
            .map_err(|why| format!("argument {i} ({}): {why}", arg.place))?;
    }
    if let Some(reg) = abi.variadic_count {
        let al = dump.register(reg).first().copied().unwrap_or(0xff);
        if al != abi.n_sse {
            return Err(format!("al is {al}, expected {}", abi.n_sse));
        }
    }
    if let RetAbi::Indirect { pointer, .. } = abi.ret {
        // The C caller offers memory of its own frame, at most a few pages above its argument area.
        let address = word(dump.location(pointer, 8));
        if address.wrapping_sub(dump.rsp()) > 1 << 16 {
            return Err(format!(
                "{pointer} holds {address:#x}, no address in the caller's frame"
            ));
        }
    }
    let area = dump.area();
    if !area.is_multiple_of(u64::from(abi.area_align)) {
        return Err(format!(
            "the argument area is at {area:#x}, not aligned to {}",
            abi.area_align
        ));
    }
    Ok(())
}

fn check_place(
    place: &Place,
    pattern: &Pattern,
    extended: bool,
    dump: &Dump,
) -> Result<(), String> {
    match place {
        Place::Ignore if pattern.weight() == 0 => Ok(()),
        Place::Ignore => Err("bytes that count travel nowhere".to_owned()),
        Place::Parts(parts) if extended => check_parts(parts, pattern, dump),
        Place::Parts(parts) => check_parts(&unextended(parts), pattern, dump),
        Place::Stack { offset, .. } => pattern.check_all(dump.stack(*offset, pattern.bytes.len())),
        Place::Indirect { pointer, .. } => {
            let address = word(dump.location(*pointer, 8));
            let copy = dump.stack(address.wrapping_sub(dump.area()), pattern.bytes.len());
            pattern
                .check_all(copy)
                .map_err(|why| format!("the copy at {address:#x}: {why}"))
        }
        other => Err(format!("the probe does not look at {other}")),
    }
}

fn check_parts(parts: &[PlacedPart], pattern: &Pattern, dump: &Dump) -> Result<(), String> {
    let mut seen = vec![false; pattern.bytes.len()];
    for PlacedPart { part, loc } in parts {
        let from = usize::from(part.offset);
        let size = usize::from(part.size);
        let len = usize::from(part.ty.bytes()).max(8);
        let mut copies = vec![dump.location(*loc, len)];
        if let Loc::Both(_, second) = loc {
            copies.push(dump.register(*second));
        }
        for bytes in copies {
            let held = hex(bytes.get(..len).unwrap_or(bytes));
            for (i, got) in bytes.iter().take(size).enumerate() {
                pattern
                    .check(from + i, *got)
                    .map_err(|why| format!("{loc} holds {held}: {why}"))?;
            }
            check_extension(part.extension, size, bytes)
                .map_err(|why| format!("{loc} holds {held}: {why}"))?;
        }
        seen.iter_mut()
            .skip(from)
            .take(size)
            .for_each(|seen| *seen = true);
    }
    // Each byte that counts is in some part.
    let lost = seen
        .iter()
        .zip(&pattern.mask)
        .position(|(seen, mask)| !seen && *mask != 0);
    lost.map_or(Ok(()), |at| Err(format!("byte {at} is in no part")))
}

/// gcc and clang extend narrow integers to 32 bits.
fn check_extension(extension: Extension, size: usize, bytes: &[u8]) -> Result<(), String> {
    let negative = size
        .checked_sub(1)
        .and_then(|top| bytes.get(top))
        .is_some_and(|top| *top >= 0x80);
    let fill = match extension {
        Extension::None => return Ok(()),
        Extension::Sign if negative => 0xff,
        _ => 0,
    };
    match bytes.get(size..4) {
        Some(upper) if upper.iter().any(|byte| *byte != fill) => {
            Err("it is not extended to 32 bits".to_owned())
        }
        _ => Ok(()),
    }
}

/// Compares the result in `dump` with what `abi` says of it.
///
/// # Errors
/// What is not where `abi` says.
pub fn check_result(abi: &FnAbi, pattern: &Pattern, dump: &Dump) -> Result<(), String> {
    let outcome = match &abi.ret {
        RetAbi::Parts(parts) => {
            // What a result's narrow integer is extended to, nobody says.
            check_parts(&unextended(parts), pattern, dump)
        }
        RetAbi::Indirect { echo, .. } => {
            let (address, memory) = &dump.result;
            match echo {
                Some(echo) if word(dump.register(*echo)) != *address => Err(format!(
                    "{echo} holds {:#x}, not the address {address:#x} it was given",
                    word(dump.register(*echo))
                )),
                _ => pattern.check_all(memory.get(..pattern.bytes.len()).unwrap_or_default()),
            }
        }
        _ if pattern.weight() == 0 => Ok(()),
        _ => Err("bytes that count return nowhere".to_owned()),
    };
    outcome.map_err(|why| format!("result ({}): {why}", abi.ret))
}

fn first_register(placed: &mut PlacedPart) {
    if let Loc::Both(first, _) = placed.loc {
        placed.loc = Loc::Reg(first);
    }
}

/// The same parts with nothing said of the bits above narrow integers.
fn unextended(parts: &[PlacedPart]) -> Vec<PlacedPart> {
    let mut parts = parts.to_vec();
    parts
        .iter_mut()
        .for_each(|placed| placed.part.extension = Extension::None);
    parts
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl Dump {
    /// The bytes at `loc`, `len` of them if it is on the stack, else the whole register.
    fn location(&self, loc: Loc, len: usize) -> &[u8] {
        match loc {
            Loc::Reg(reg) | Loc::Both(reg, _) => self.register(reg),
            Loc::Stack(offset) => self.stack(offset, len),
            _ => &[],
        }
    }

    fn register(&self, reg: Reg) -> &[u8] {
        const ORDER: [Reg; 8] = [
            Reg::Rdi,
            Reg::Rsi,
            Reg::Rdx,
            Reg::Rcx,
            Reg::R8,
            Reg::R9,
            Reg::Rax,
            Reg::R10,
        ];
        let range = match reg.bank() {
            Bank::Int => match ORDER.iter().position(|known| *known == reg) {
                Some(i) => 8 * i..8 * i + 8,
                None => return &[],
            },
            Bank::Vector => {
                let at = VECTORS + 64 * usize::from(reg.encoding());
                at..at + 64
            }
            Bank::X87 => {
                let at = if reg == Reg::St0 { ST0 } else { ST1 };
                at..at + 10
            }
        };
        self.bytes.get(range).unwrap_or_default()
    }

    fn stack(&self, offset: u64, len: usize) -> &[u8] {
        let at = usize::try_from(offset).map_or(BUFFER, |offset| STACK.saturating_add(offset));
        self.bytes
            .get(at..at.saturating_add(len))
            .unwrap_or_default()
    }

    /// The address of the argument area.
    fn area(&self) -> u64 {
        self.rsp().wrapping_add(8)
    }

    fn rsp(&self) -> u64 {
        word(self.bytes.get(RSP..RSP + 8).unwrap_or_default())
    }
}
