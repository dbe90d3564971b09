//! The `main` of a program: it makes one call after the other, and prints what both sides have written down. It needs nothing of
//! its C library but `printf`, `fflush` and `atoi`.

use std::fmt::Write as _;

use super::string;

/// A call that a program makes.
#[derive(Clone, Debug)]
pub(crate) struct ProgramCall {
    /// The symbol of the function that makes it.
    pub(crate) caller: String,
    /// The symbol of its callee.
    pub(crate) callee: String,
    /// The images of the arguments.
    pub(crate) images: Vec<u8>,
    /// The result that the callee returns.
    pub(crate) given: Vec<u8>,
    /// How many bytes the callee writes down.
    pub(crate) n_seen: usize,
    /// How many bytes of integers it writes down widened.
    pub(crate) n_wide: usize,
    /// Where the images have each argument, if the caller is a [`shim`](crate::emit::cranelift::shim), which is given addresses.
    pub(crate) offsets: Option<Vec<usize>>,
}

/// The program's text. Its argument is the number of the call to begin with; each call prints a line: its number, the bytes that the callee has
/// seen, the bytes of the result that the caller got, and those of widened integers.
pub(crate) fn text(calls: &[ProgramCall]) -> String {
    let (mut declared, mut rows) = (String::new(), String::new());
    for (i, call) in calls.iter().enumerate() {
        // By labels: a symbol may be the name of a function that this program declares. Names of its own begin with `cabi_`.
        let _ = writeln!(
            declared,
            "void callee{i}(void) __asm__(\"{}\"); caller call{i} __asm__(\"{}\");",
            call.callee, call.caller
        );
        let (mut offsets, n_offsets) = ("0".to_owned(), call.offsets.iter().flatten().count());
        if let Some(all) = &call.offsets {
            offsets = format!("at{i}");
            let all: String = all.iter().map(|at| format!("{at}, ")).collect();
            let _ = writeln!(
                declared,
                "static const unsigned long {offsets}[] = {{{all}0}};"
            );
        }
        let (image, given) = (string(&call.images), string(&call.given));
        let _ = writeln!(
            rows,
            "{{callee{i}, call{i}, {image}, {}, {given}, {}, {}, {}, {offsets}, {n_offsets}}},",
            call.images.len(),
            call.given.len(),
            call.n_seen,
            call.n_wide
        );
    }
    let rows = format!("{declared}static const struct row cabi_rows[] = {{\n{rows}{{0}}}};");
    format!("{WINDOWS}{}", MAIN.replacen("ROWS", &rows, 1))
}

const MAIN: &str = include_str!("main_program.c");

/// Functions that code for Windows calls by itself, and that no C library here has in its
/// convention.
pub(crate) const WINDOWS: &str = include_str!("windows.c");

/// Binds these functions to [`WINDOWS`], in each file of code for Windows.
pub(crate) const MEMORY_FUNCTIONS: &str = include_str!("memory_functions.c");

/// A program that makes one call, with values of the macros that [`run::one_call`](crate::run::one_call) defines. Its argument is the file to write the result to, and
/// the memory that pointers among the arguments point to.
pub(crate) const ONE_CALL: &str = include_str!("one_call.c");
