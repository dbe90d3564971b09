//! `cabi verify` in a folder with a header.

use std::path::Path;
use std::process::Output;

use super::cabi_in;

/// A header with something for every control to break.
pub(crate) const HEADER: &str = "
#include <stddef.h>
typedef struct { double x; long n; } mixed;
struct small { char c; short s; int i; };
enum color { RED, GREEN, BLUE };
struct flags { unsigned a : 3; unsigned b : 7; enum color color; long tail : 40; };
typedef struct { long a[13]; } roomy __attribute__((aligned(16)));
union word { int i; float f; char text[12]; };
mixed scale(mixed m, double by);
struct small pick(const struct small *from, size_t at);
long double exact(long double x, int n);
enum color next(enum color now);
int count(struct flags f, union word w, void (*done)(enum color));
int say(const char *format, ...);
_Noreturn void quit(int code);
static inline int twice(int x) { return 2 * x; }
";

pub(crate) fn verify(folder: &Path, args: &[&str]) -> Output {
    cabi_in(folder, &[&["verify"], args].concat())
}

pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("own.h"), HEADER).expect("a file");
    folder
}

/// Whether libclang and `program` are here. Without them the tests say so, and fail where they are required.
pub(crate) fn here(program: &str) -> bool {
    let folder = folder();
    let output = verify(
        folder.path(),
        &["--cc", program, "--only", "^quit$", "own.h"],
    );
    let here = output.status.code() == Some(0);
    if !here {
        super::absent(&output);
    }
    here
}

/// The folder with `own.h`, if libclang and gcc are here.
pub(crate) fn with_gcc() -> Option<tempfile::TempDir> {
    here("gcc").then(folder)
}

pub(crate) fn write(folder: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a file");
}
