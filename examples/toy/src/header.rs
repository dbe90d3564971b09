//! `use c "header.h"`: reads C headers with libclang, through `cabi-header`. The meaning of
//! their names is in `lower/header.rs`.

use crate::ast::Ident;
use crate::diag::{AtPlace, fail};
use crate::{Failure, Text};
use cabi_header::{Header, HeaderError, Options, clang_triple, parse};
use std::path::PathBuf;

/// Reads the headers of a program. Each is searched next to the program's file, in the directories
/// of its options, then where the C compiler looks.
pub(crate) fn read(program: &Text, headers: &[Ident]) -> Result<Option<Header>, Failure> {
    let target = &program.target;
    let Some(first) = headers.first() else {
        return Ok(None);
    };
    let include = |directory: &PathBuf| format!("-I{}", directory.display());
    // The text takes the place of the program, so that the headers are searched next to it.
    let options = Options::new()
        .name(&program.file)
        .args(["-xc", &format!("--target={}", clang_triple(target.name()))])
        .args(program.options.include.iter().map(include));
    let lines = headers.iter();
    let lines = lines.map(|header| format!("#include \"{}\"\n", header.name));
    let why = match parse(&lines.collect::<String>(), &options) {
        Ok(header) => return Ok(Some(header)),
        Err(why @ (HeaderError::NoLibclang { .. } | HeaderError::OldLibclang { .. })) => {
            let why = format!("`use c \"{}\"`: {why}", first.name);
            return Err(Failure::NotRun(why));
        }
        Err(HeaderError::Source { errors }) => {
            let errors = errors.iter().take(5).map(|error| format!("\n  = {error}"));
            format!("the C headers cannot be read{}", errors.collect::<String>())
        }
        Err(why) => why.to_string(),
    };
    program.checked(fail(why).at(first.start))
}
