//! `use c "header.h"`: reads C headers with libclang, through `cabi-header`. The meaning of
//! their names is in `lower/header.rs`.

use crate::ast::UseDecl;
use crate::diag::{At, Span, fail};
use crate::{Failure, Text};
use cabi_header::{Header, HeaderError, Options, parse};
use std::path::{Path, PathBuf};

/// Reads the headers of a program: each is searched next to its file, in the directories of its
/// options, then where the C compiler looks.
pub(crate) fn read(program: &Text, uses: &[UseDecl]) -> Result<Option<Header>, Failure> {
    let target = &program.target;
    let Some((first, last)) = uses.first().zip(uses.last()) else {
        return Ok(None);
    };
    // clang would read a device to its end.
    let folders = program.options.include.iter().map(PathBuf::as_path);
    let folders = folders.chain(Path::new(&program.file).parent());
    let is_bad = |path: PathBuf| path.exists() && !path.is_file();
    let mut places = folders.flat_map(|folder| uses.iter().map(move |used| (folder, used)));
    if let Some((_, used)) = places.find(|(folder, used)| is_bad(folder.join(&*used.header))) {
        let why = format!("the C header `{}` is no file", used.header);
        return program.checked(fail(why).at(used.span));
    }
    let include = |directory: &PathBuf| format!("-I{}", directory.display());
    // The text takes the place of the program, so that the headers are searched next to it.
    let options = Options::new()
        .name(&program.file)
        .args(["-xc", &format!("--target={}", target.name())])
        .args(program.options.include.iter().map(include));
    let lines = uses
        .iter()
        .map(|used| format!("#include \"{}\"\n", used.header));
    let why = match parse(&lines.collect::<String>(), &options) {
        Ok(header) if header.model == *target.data_model() => return Ok(Some(header)),
        Ok(Header { target: its, .. }) => {
            let own = target.name();
            let why = format!("the program has the C types of {own}, its headers those of {its}");
            return Err(Failure::NotRun(why));
        }
        Err(why @ (HeaderError::NoLibclang { .. } | HeaderError::OldLibclang { .. })) => {
            let why = format!("`use c \"{}\"`: {why}", first.header);
            return Err(Failure::NotRun(why));
        }
        Err(HeaderError::Source { errors }) => {
            let errors = errors.iter().take(5).map(|error| format!("\n  = {error}"));
            format!("the C headers cannot be read{}", errors.collect::<String>())
        }
        Err(why) => why.to_string(),
    };
    program.checked(fail(why).at(Span::new(first.span.range().start, last.span.range().end)))
}
