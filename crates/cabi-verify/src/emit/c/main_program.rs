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
    let (mut text, mut rows) = (String::new(), String::new());
    let mut symbols: Vec<&str> = calls.iter().map(|call| call.symbol.as_str()).collect();
    symbols.dedup();
    for symbol in symbols {
        let _ = writeln!(
            text,
            "extern void {symbol}(void); extern caller {symbol}_call;"
        );
    }
    for (i, call) in calls.iter().enumerate() {
        let StaticCall {
            symbol,
            images,
            given,
            n_seen,
        } = call;
        let (image, given_bytes) = (bytes("image", i, images), bytes("given", i, given));
        let _ = writeln!(text, "{image}{given_bytes}");
        let (n_images, n_given) = (images.len(), given.len());
        let _ = writeln!(
            rows,
            "{{{symbol}, {symbol}_call, image{i}, {n_images}, given{i}, {n_given}, {n_seen}}},"
        );
    }
    let calls = format!("{text}static const struct row rows[] = {{\n{rows}}};");
    include_str!("main_program.c").replacen("CALLS", &calls, 1)
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
