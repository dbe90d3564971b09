//! The two sides of a call as C: the callee writes down what it is given and returns given bytes, the caller calls with given bytes and writes
//! down what comes back.
//!
//! Many cases share one file. What a block declares is renamed by macros that start with a prefix of its own, so the block's text
//! stays as it is and no names meet. Values cross as memory images: `memcpy` into a variable of the parameter's own type, then the call;
//! no member is named, so every type goes the same way.
//!
//! ```text
//! #define pair c7_pair
//! #define f c7_f
//! struct pair { long a, b; };
//! struct pair f(struct pair p, int);
//! void c7_f_call(.., const unsigned char *cabi_image, ..) { struct pair p; memcpy(&p, cabi_image, sizeof p); ... cabi_f(p, cabi_a1); }
//! #undef f
//! #undef pair
//! ```

use std::fmt::Write as _;

use cabi::{Scalar, Type};

use crate::case::{Case, Subject};

pub(crate) mod main_program;
mod sides;

pub(crate) use sides::variables;

#[cfg(test)]
mod tests;

/// The symbol of the numbers that a table of data begins with.
pub(crate) const TABLE: &str = "cabi_table";

/// How both sides move values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Values {
    /// Through a variable of the type, by `memcpy`: for any type that a header may have.
    ThroughVariables,
    /// As an lvalue of the type in the frame's own buffer: what a compiler makes of a call costs most of a fuzz run's time. Not for types that are qualified.
    ThroughLvalues,
}

/// Which sides of a call a file has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sides {
    /// The callee and the caller.
    Both,
    /// The caller alone.
    Caller,
    /// The callee alone.
    Callee,
}

/// The sides of `case`, whose symbols start with `prefix`.
pub(crate) fn sides(case: &Case, prefix: &str, values: Values, which: Sides) -> String {
    let callee = || sides::callee(case, values);
    let caller = || sides::caller(case, prefix, values);
    match which {
        Sides::Both => callee() + &caller(),
        Sides::Caller => caller(),
        Sides::Callee => callee(),
    }
}

/// Bytes from one argument's image to the next are a multiple of this.
pub const IMAGE_ALIGN: usize = 64;

/// Where each argument's image starts, and how many bytes they are in all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Images {
    /// Bytes from the start.
    pub offsets: Vec<usize>,
    /// All bytes.
    pub size: usize,
}

impl Images {
    /// The images of values of these types, one after the other.
    pub fn of(types: &[Type]) -> Self {
        let mut size = 0_usize;
        let mut offsets = Vec::new();
        for ty in types {
            offsets.push(size);
            let bytes = usize::try_from(ty.size()).unwrap_or(usize::MAX / 4);
            size = size.saturating_add(bytes.max(1).next_multiple_of(IMAGE_ALIGN));
        }
        Self { offsets, size }
    }
}

/// The block's text under names that start with `prefix`, with `body` after it.
pub fn scoped(subject: &Subject, prefix: &str, body: &str) -> String {
    let mut text = String::new();
    for name in &subject.text.declared {
        let _ = writeln!(text, "#define {name} {prefix}{name}");
    }
    text.push_str(&subject.block.code);
    text.push_str(body);
    for name in &subject.text.declared {
        let _ = writeln!(text, "#undef {name}");
    }
    text
}

/// How C spells the type with which an unnamed argument of `ty`, spelled `text`, is fetched by `va_arg`.
pub fn fetched(ty: &Type, text: &str) -> String {
    let promoted = cabi::promote(ty);
    match promoted.as_scalar() {
        _ if promoted == *ty => format!("__typeof__({text})"),
        Some(Scalar::F64) => "double".to_owned(),
        _ => "int".to_owned(),
    }
}

/// Whether argument `ty` is also looked at widened.
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

/// What clang calls at -O0 for a `__bf16`, and libgcc before 13 lacks; gcc 11 has no `_Float16`.
pub(crate) const TRUNCATION: &str = "\
#ifdef __FLT16_MANT_DIG__
__attribute__((weak, sysv_abi)) _Float16 __truncsfbf2(float x) {
  unsigned bits; _Float16 r; unsigned short upper;
  __builtin_memcpy(&bits, &x, 4); upper = bits >> 16;
  __builtin_memcpy(&r, &upper, 2); return r;
}
#endif
";

/// What the Rust side calls is of System V by name: a compiler may be told that functions are of another convention unless they say so.
pub const FRAME: &str = r#"
#define CABI_SYSV __attribute__((sysv_abi))
static unsigned char cabi_seen_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_got_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_given_bytes[262144] __attribute__((aligned(64)));
static unsigned char cabi_image_bytes[262144] __attribute__((aligned(64)));
static long long cabi_wide_values[256];
static volatile unsigned long cabi_live_values[8], cabi_kept_values[8];
static volatile double cabi_live_double, cabi_kept_double;
static void (CABI_SYSV *volatile cabi_escape_at)(void);
/* data: what the compiler makes of code runs in calls only */
void *const cabi_places[10] = {cabi_seen_bytes, cabi_got_bytes, cabi_given_bytes, cabi_image_bytes, cabi_wide_values, (void *)cabi_live_values, (void *)cabi_kept_values, (void *)&cabi_live_double, (void *)&cabi_kept_double, (void *)&cabi_escape_at};
/* for callees in other languages */
CABI_SYSV void *cabi_seen(void) { return cabi_seen_bytes; }
CABI_SYSV void *cabi_given(void) { return cabi_given_bytes; }
CABI_SYSV void *cabi_wide(void) { return cabi_wide_values; }
CABI_SYSV __attribute__((noreturn)) void cabi_escape(void) { cabi_escape_at(); __builtin_unreachable(); }
/* uses what every function of System V must leave as it was, so that it has to be saved and brought back */
#define CABI_SPOIL __asm__ volatile("{notq %%rbx|not rbx} \n\t{notq %%r12|not r12} \n\t{notq %%r13|not r13} \n\t{notq %%r14|not r14} \n\t{notq %%r15|not r15}" : : : "rbx", "r12", "r13", "r14", "r15", "cc")
/* A caller's own variables, and copies of what it passes by reference, do not lie right after its argument area: va_arg at a wrong place does not
   find a value by chance. */
static volatile unsigned long cabi_gap_bytes = 256;
#define CABI_GAP __asm__ volatile("" : : "r"(__builtin_memset(__builtin_alloca(cabi_gap_bytes), 0x5b, 256)) : "memory")
/* What is passed by reference is a copy of the callee's own: it may write to it. */
#define CABI_OVERWRITE(x) do { __builtin_memset((void *)&x, 0x5b, sizeof x); __asm__ volatile("" : : "r"(&x) : "memory"); } while (0)
/* Fills the stack below its caller, where the caller's next callee has its frame: what nobody passes is not there by chance. */
static __attribute__((noinline, unused)) void cabi_fill_stack(void) {
  volatile unsigned long words[128];
  for (int i = 0; i < 128; i++) words[i] = 0x5b5b5b5b5b5b5b5bul;
}
/* keeps values of its own during a call without arguments, so that any register may be thought to keep one */
CABI_SYSV void cabi_keep(void (CABI_SYSV *opaque)(void)) {
  unsigned long k0 = cabi_live_values[0], k1 = cabi_live_values[1], k2 = cabi_live_values[2], k3 = cabi_live_values[3], k4 = cabi_live_values[4], k5 = cabi_live_values[5], k6 = cabi_live_values[6], k7 = cabi_live_values[7];
  double d = cabi_live_double;
  opaque();
  cabi_kept_values[0] = k0; cabi_kept_values[1] = k1; cabi_kept_values[2] = k2; cabi_kept_values[3] = k3; cabi_kept_values[4] = k4; cabi_kept_values[5] = k5; cabi_kept_values[6] = k6; cabi_kept_values[7] = k7;
  cabi_kept_double = d;
  CABI_SPOIL;
}
"#;
