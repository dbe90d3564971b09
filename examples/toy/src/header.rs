//! `use c "header.h"`: reads C headers with libclang, through `cabi-header`. What their names mean
//! to a program is in `lower/header.rs`.

use crate::ast::UseDecl;
use crate::diag::{Check, Diagnostic, Span, fail};
use crate::{Failure, Text};
use cabi_header::{Header, HeaderError, Options, parse};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Declarations of the C headers of a program, read in their order as one text.
pub(crate) struct Import {
    pub(crate) header: Header,
    /// Libraries with their functions, before the running program.
    pub(crate) libraries: Vec<Rc<str>>,
    /// Place in which they are used.
    pub(crate) span: Span,
}

/// Reads the headers of a program: each is searched next to its file, in the directories of its
/// options, then where the C compiler looks.
pub(crate) fn read(program: &Text, uses: &[UseDecl]) -> Result<Option<Import>, Failure> {
    let (file, target) = (&program.file, &program.target);
    let directories = &program.options.include;
    let Some((first, last)) = uses.first().zip(uses.last()) else {
        return Ok(None);
    };
    let span = first.span.to(last.span);
    for used in uses {
        is_file(used, file, directories).map_err(|why| program.complain(&why))?;
    }
    let include = |directory: &PathBuf| format!("-I{}", directory.display());
    // The text takes the place of the program, so that the headers are searched next to it.
    let options = Options::new()
        .name(file)
        .args(["-xc", &format!("--target={}", target.name())])
        .args(directories.iter().map(include));
    let lines = uses
        .iter()
        .map(|used| format!("#include \"{}\"\n", used.header));
    let header = parse(&lines.collect::<String>(), &options).map_err(|error| match error {
        HeaderError::NoLibclang { .. } | HeaderError::OldLibclang { .. } => {
            Failure::NotRun(format!("`use c \"{}\"`: {error}", first.header))
        }
        HeaderError::Source { errors } => {
            let why = Diagnostic::new(span, "the C headers cannot be read");
            let errors = errors.iter().take(5);
            program.complain(&errors.fold(why, |why, error| why.note(error.to_string())))
        }
        error => program.complain(&Diagnostic::new(span, error)),
    })?;
    if header.model != *target.data_model() {
        let (own, its) = (target.name(), &header.target);
        let message = format!("the program has the C types of {own}, its headers those of {its}");
        return Err(Failure::NotRun(message));
    }
    Ok(Some(Import {
        header,
        libraries: uses
            .iter()
            .filter_map(|used| used.library.clone())
            .collect(),
        span,
    }))
}

/// Refuses a header that is a folder or a device, which clang would read to its end.
fn is_file(used: &UseDecl, file: &str, directories: &[PathBuf]) -> Check<()> {
    let beside = Path::new(file).parent().map(Path::to_owned);
    let places = beside.iter().chain(directories);
    let mut found = places.map(|place| place.join(&*used.header));
    let found = found.find(|path| path.exists());
    match found.is_none_or(|path| path.is_file()) {
        true => Ok(()),
        false => fail(
            used.span,
            format!("the C header `{}` is no file", used.header),
        ),
    }
}
