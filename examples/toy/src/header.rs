//! `use c "header.h"`: reads C headers with libclang, through `cabi-header`. What their names mean to a program is in
//! `lower/header.rs`.

use crate::ast::{Item, UseDecl};
use crate::diag::{Diagnostic, Span};
use cabi::{Target, Type};
use cabi_header::{Header, HeaderError, NamedType, Options, Written, parse};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A C header that the program uses.
pub(crate) struct Import {
    pub(crate) header: Header,
    /// As the program names it.
    pub(crate) name: Rc<str>,
    /// Where its functions are: a library, or the running program.
    pub(crate) library: Option<Rc<str>>,
    pub(crate) span: Span,
}

impl Import {
    /// The record or enum that C spells `name`. A record without a tag goes by its typedef's name.
    pub(crate) fn ty(&self, name: &str) -> Option<&NamedType> {
        let mut all = self.header.enums.iter().chain(&self.header.records);
        all.find(|named| named.name == name)
    }

    /// The type that C spells `name`, as its declaration writes it, and its layout.
    pub(crate) fn written(&self, name: &str) -> Option<(Written, &Type)> {
        if let Some(own) = self.ty(name) {
            return Some((Written::Named(name.to_owned()), &own.ty));
        }
        let mut typedefs = self.header.typedefs.iter();
        let typedef = typedefs.find(|named| named.name == name)?;
        Some((typedef.written.clone(), &typedef.ty))
    }
}

/// Why a header could not be read.
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
) -> Result<Vec<Import>, Unread> {
    let mut imports = Vec::new();
    for item in items {
        if let Item::Use(used) = item {
            imports.push(read_one(used, file, directories, target)?);
        }
    }
    Ok(imports)
}

fn read_one(
    used: &UseDecl,
    file: &str,
    directories: &[PathBuf],
    target: &Target,
) -> Result<Import, Unread> {
    // clang would read a device to its end.
    let beside = Path::new(file).parent().map(Path::to_owned);
    let places = beside.iter().chain(directories);
    let mut found = places.map(|place| place.join(&*used.header));
    if found
        .find(|path| path.exists())
        .is_some_and(|path| !path.is_file())
    {
        let message = format!("the C header `{}` is no file", used.header);
        return Err(Unread::Program(Diagnostic::new(used.span, message)));
    }
    let include = |directory: &PathBuf| format!("-I{}", directory.display());
    // The text takes the place of the program, so that the header is searched next to it.
    let options = Options::new()
        .name(file)
        .args(["-xc", &format!("--target={}", target.name())])
        .args(directories.iter().map(include));
    let header = parse(&format!("#include \"{}\"\n", used.header), &options);
    let header = header.map_err(|error| match error {
        HeaderError::NoLibclang { .. } | HeaderError::OldLibclang { .. } => {
            Unread::Host(format!("`use c \"{}\"`: {error}", used.header))
        }
        HeaderError::Source { errors } => {
            let message = format!("the C header `{}` cannot be read", used.header);
            let diagnostic = Diagnostic::new(used.span, message);
            Unread::Program(errors.iter().take(5).fold(diagnostic, |all, error| {
                // The line of the text above is no line of the program.
                let is_own = error.location.as_ref().is_some_and(|at| at.file == file);
                let note = if is_own {
                    error.message.clone()
                } else {
                    error.to_string()
                };
                all.note(note)
            }))
        }
        error => Unread::Program(Diagnostic::new(used.span, error.to_string())),
    })?;
    if header.model != *target.data_model() {
        let message = format!(
            "`use c \"{}\"`: the program has the C types of {}, not those of {}",
            used.header,
            target.name(),
            header.target
        );
        return Err(Unread::Host(message));
    }
    Ok(Import {
        header,
        name: Rc::clone(&used.header),
        library: used.library.clone(),
        span: used.span,
    })
}
