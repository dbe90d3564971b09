//! Reading of a header's text into a [`Header`].
//!
//! Clang is run in `parse/source.rs`, the declarations are walked in `parse/walk.rs`; functions are
//! in `parse/functions.rs`, types in `parse/types.rs`, records in `parse/records.rs`.

mod alignments;
mod attributes;
mod clang_record;
mod classes;
mod declarations;
mod errors;
mod functions;
mod ignored;
mod kinds;
mod macros;
mod members;
mod modes;
mod pods;
mod pragmas;
mod prelude;
mod questions;
mod records;
mod source;
mod targets;
mod types;
mod vectors;
mod walk;
mod written_types;

use std::path::Path;

use crate::clang::Session;
use crate::header::Header;
use crate::header_error::HeaderError;
use crate::options::Options;
use crate::parse::questions::Answers;
use crate::parse::source::Source;
use crate::parse::walk::read;

/// Reads the header or source file `path`, as [`parse`] reads text.
///
/// # Errors
/// [`HeaderError::File`], and those of [`parse`].
pub fn parse_file(path: &Path, options: &Options) -> Result<Header, HeaderError> {
    let text = std::fs::read_to_string(path).map_err(|error| HeaderError::File {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    parse(&text, &options.clone().name(path))
}

/// Reads declarations from C text and from the files that it includes.
///
/// libclang follows the nesting of the source with its own stack. Source that is some ten thousand
/// deep overflows the stack, which ends the process. libclang has no bound on memory or time
/// either. A program that reads untrusted headers reads them in a child process first, as the
/// command `cabi` does.
///
/// Declarations that cannot be read are in [`Header::skipped`], each with its
/// [`Reason`](crate::Reason).
///
/// # Errors
/// [`HeaderError`]: no libclang, arguments clang does not take, a missing include file, and errors
/// in the text outside of any declaration.
///
/// # Example
/// ```
/// use cabi_header::{HeaderError, Options, parse};
///
/// let text = "struct vec2 { double x, y; }; struct vec2 rotate(struct vec2 v, float by); void \
///     gone(struct nowhere w);";
/// let header = match parse(text, &Options::new()) {
///     Err(HeaderError::NoLibclang { .. }) => return Ok(()), // the message names what to install
///     read => read?,
/// };
/// let rotate = header.prototype("rotate").unwrap();
/// assert_eq!((rotate.params.len(), rotate.ret.size()), (2, 16));
/// assert_eq!(
///     header.reason("gone").unwrap().to_string(),
///     "parameter 1 (w): struct nowhere is incomplete here"
/// );
/// # Ok::<(), HeaderError>(())
/// ```
pub fn parse(text: &str, options: &Options) -> Result<Header, HeaderError> {
    Session::run(|session| read_in(session, text, options))
}

/// Returns clang's warnings about `text` itself, each with its option. Warnings about included
/// files are left out, and a text with errors has none. Bodies of functions are not checked, so the
/// expression to check is put into `__typeof__`.
///
/// # Errors
/// [`HeaderError`]: no libclang, and arguments clang does not take.
///
/// # Example
/// ```
/// use cabi_header::{HeaderError, Options, warnings};
///
/// let text = "int printf(const char *, ...); typedef __typeof__(printf(\"%d\", 1.5)) t;";
/// let found = match warnings(text, &Options::new()) {
///     Err(HeaderError::NoLibclang { .. }) => return Ok(()),
///     read => read?,
/// };
/// assert_eq!(
///     found,
///     ["format specifies type 'int' but the argument has type 'double' [-Wformat]"]
/// );
/// # Ok::<(), HeaderError>(())
/// ```
pub fn warnings(text: &str, options: &Options) -> Result<Vec<String>, HeaderError> {
    Session::run(|session| {
        let unit = Source::new(session, text, options)?.run("")?;
        let all = unit.diagnostics();
        let file = unit.cursor().name();
        let warnings = all.iter().filter(|one| one.place.file == file);
        let text = warnings.map(|warning| format!("{} [{}]", warning.message, warning.option));
        Ok(match all.iter().any(|one| one.is_error) {
            true => Vec::new(),
            false => text.collect(),
        })
    })
}

fn read_in(session: &Session, text: &str, options: &Options) -> Result<Header, HeaderError> {
    let source = Source::new(session, text, options)?;
    let unit = source.run("")?;
    let pragmas = source.pragmas(&unit);
    let records = options.records.rules(&unit.triple());
    let mut answers = Answers::default();
    loop {
        let (header, questions) = read(&unit, &answers, pragmas, records)?;
        if questions.is_empty() {
            return Ok(header);
        }
        // Each question is answered once, and the text has finitely many.
        source.answer(&questions, &mut answers)?;
    }
}
