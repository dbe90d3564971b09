//! The `main` of a static program: it makes one call after the other and prints what both sides have written down. It needs nothing of its C
//! library but `printf`, `fflush` and `atoi`.

use std::fmt::Write as _;

/// What is put before the names of what the callee sides share in their own file.
pub(crate) const CALLEE_FRAME: [&str; 6] = [
    "-Dcabi_places=cabi_callee_places",
    "-Dcabi_seen=cabi_callee_seen",
    "-Dcabi_given=cabi_callee_given",
    "-Dcabi_wide=cabi_callee_wide",
    "-Dcabi_escape=cabi_callee_escape",
    "-Dcabi_keep=cabi_callee_keep",
];

/// A call that a static program makes.
#[derive(Clone, Debug)]
pub(crate) struct StaticCall {
    /// The callee's symbol; that of the caller ends in `_call`.
    pub(crate) symbol: String,
    /// The images of the arguments.
    pub(crate) images: Vec<u8>,
    /// The result that the callee returns.
    pub(crate) given: Vec<u8>,
    /// How many bytes the callee writes down.
    pub(crate) n_seen: usize,
}

/// The program's text. Its argument is the number of the call to begin with; each call prints a line: its number, the bytes that the callee has
/// seen, and the bytes of the result that the caller got.
pub(crate) fn main_program(calls: &[StaticCall]) -> String {
    let mut text = HEAD.to_owned();
    let mut symbols: Vec<&str> = calls.iter().map(|call| call.symbol.as_str()).collect();
    symbols.dedup();
    for symbol in symbols {
        let _ = writeln!(
            text,
            "extern void {symbol}(void); extern caller {symbol}_call;"
        );
    }
    for (i, call) in calls.iter().enumerate() {
        let _ = writeln!(
            text,
            "{}{}",
            bytes("image", i, &call.images),
            bytes("given", i, &call.given)
        );
    }
    text.push_str("static const struct row rows[] = {\n");
    for (i, call) in calls.iter().enumerate() {
        let StaticCall {
            symbol,
            images,
            given,
            n_seen,
        } = call;
        let (n_images, n_given) = (images.len(), given.len());
        let _ = writeln!(
            text,
            "{{{symbol}, {symbol}_call, image{i}, {n_images}, given{i}, {n_given}, {n_seen}}},"
        );
    }
    text + TAIL
}

/// A constant array, never empty.
fn bytes(name: &str, i: usize, bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!(
        "static const unsigned char {name}{i}[] = {{{}}};",
        match digits.is_empty() {
            true => "0".to_owned(),
            false => digits.join(","),
        }
    )
}

const HEAD: &str = "\
#ifdef __x86_64__
#define SYSTEM __attribute__((sysv_abi))
#else
#define SYSTEM
#endif
int printf(const char *, ...);
int fflush(void *);
int atoi(const char *);
typedef SYSTEM void caller(void (*)(void), const unsigned char *, unsigned char *);
struct row {
  void (*callee)(void); caller *call;
  const unsigned char *image; unsigned long n_image;
  const unsigned char *given; unsigned long n_given, n_seen;
};
/* seen, got, given, image, .. escape_at: those of the callers' file, and of the callees' */
extern void *const cabi_places[10];
extern void *const cabi_callee_places[10];
static void *home[5];
static SYSTEM void escape(void) { __builtin_longjmp(home, 1); }
static void copy(unsigned char *to, const unsigned char *from, unsigned long n) { for (unsigned long i = 0; i < n; i++) to[i] = from[i]; }
static void fill(unsigned char *to, unsigned long n) { for (unsigned long i = 0; i < n; i++) to[i] = 0xee; }
static void print(const unsigned char *from, unsigned long n) {
  printf(\" \");
  for (unsigned long i = 0; i < n; i++) printf(\"%02x\", from[i]);
}
";

const TAIL: &str = "\
};
static void make(const struct row *row) {
  unsigned char *seen = cabi_callee_places[0], *given = cabi_callee_places[2], *got = cabi_places[1], *image = cabi_places[3];
  copy(image, row->image, row->n_image);
  copy(given, row->given, row->n_given);
  fill(seen, row->n_seen);
  fill(got, row->n_given);
  *(SYSTEM void (*volatile *)(void))cabi_callee_places[9] = escape;
  if (__builtin_setjmp(home) == 0) row->call(row->callee, image, got);
}
int main(int n, char **args) {
  for (unsigned long i = n > 1 ? atoi(args[1]) : 0; i < sizeof rows / sizeof *rows; i++) {
    make(&rows[i]);
    printf(\"%lu\", i);
    print(cabi_callee_places[0], rows[i].n_seen);
    print(cabi_places[1], rows[i].n_given);
    printf(\"\\n\");
    fflush(0);
  }
  return 0;
}
";
