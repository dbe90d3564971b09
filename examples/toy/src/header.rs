//! `use c "header.h"`: reads C headers with libclang, through `cabi-header`. What their names mean to a program is in
//! `lower/header.rs`.

use crate::ast::{Item, UseDecl};
use crate::diag::{Diagnostic, Span};
use cabi::Target;
use cabi_header::{Header, HeaderError, Options, SourceError, parse};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What the C headers of a program declare, read in their order as one text.
pub(crate) struct Import {
    pub(crate) header: Header,
    /// Where their functions are, before the running program.
    pub(crate) libraries: Vec<Rc<str>>,
    /// The first `use`.
    pub(crate) span: Span,
}

/// Why headers could not be read.
pub(crate) enum Unread {
    /// The program's own doing, or the header's.
    Program(Diagnostic),
    /// The machine's: there is no libclang, or it is for another machine.
    Host(String),
}

/// Reads the headers of a program in the file `file`: each is searched next to it, in `directories`, then where the C compiler looks.
pub(crate) fn read(
    items: &[Item],
    file: &str,
    directories: &[PathBuf],
    target: &Target,
) -> Result<Option<Import>, Unread> {
    let uses = items.iter().filter_map(|item| match item {
        Item::Use(used) => Some(used),
        _ => None,
    });
    let uses: Vec<&UseDecl> = uses.collect();
    let Some(first) = uses.first() else {
        return Ok(None);
    };
    for used in &uses {
        is_file(used, file, directories)?;
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
            Unread::Host(format!("`use c \"{}\"`: {error}", first.header))
        }
        HeaderError::Source { errors } => Unread::Program(unreadable(&uses, file, &errors)),
        error => Unread::Program(Diagnostic::new(first.span, error.to_string())),
    })?;
    if header.model != *target.data_model() {
        let (own, its) = (target.name(), &header.target);
        let message = format!("the program has the C types of {own}, its headers those of {its}");
        return Err(Unread::Host(message));
    }
    Ok(Some(Import {
        header,
        libraries: uses
            .iter()
            .filter_map(|used| used.library.clone())
            .collect(),
        span: first.span,
    }))
}

/// Refuses a header that is a folder or a device, which clang would read to its end.
fn is_file(used: &UseDecl, file: &str, directories: &[PathBuf]) -> Result<(), Unread> {
    let beside = Path::new(file).parent().map(Path::to_owned);
    let places = beside.iter().chain(directories);
    let mut found = places.map(|place| place.join(&*used.header));
    if found
        .find(|path| path.exists())
        .is_none_or(|path| path.is_file())
    {
        return Ok(());
    }
    let message = format!("the C header `{}` is no file", used.header);
    Err(Unread::Program(Diagnostic::new(used.span, message)))
}

/// What clang says, at the `use` of the header that it says it of.
fn unreadable(uses: &[&UseDecl], file: &str, errors: &[SourceError]) -> Diagnostic {
    let place = errors.first().and_then(|error| error.location.as_ref());
    let is_about = |(n, used): &(usize, &&UseDecl)| {
        place.is_some_and(|at| match at.file == file {
            true => at.line as usize == n + 1,
            false => at.file.ends_with(&*used.header),
        })
    };
    let used = uses.iter().enumerate().find(is_about).map(|(_, used)| used);
    let (span, name) = used
        .or(uses.first())
        .map_or((Span::default(), ""), |used| (used.span, &*used.header));
    let diagnostic = Diagnostic::new(span, format!("the C header `{name}` cannot be read"));
    errors.iter().take(5).fold(diagnostic, |all, error| {
        // The line of the text above is no line of the program.
        let is_own = error.location.as_ref().is_some_and(|at| at.file == file);
        all.note(if is_own {
            error.message.clone()
        } else {
            error.to_string()
        })
    })
}
