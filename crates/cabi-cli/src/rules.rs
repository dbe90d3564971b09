//! `cabi rules`: prints a convention's tables.

use cabi::{KnownConvention, Target, conventions};
use clap::Args;

mod print;
mod tablegen;

use print::Tables;

/// Prints the tables of a calling convention, or of C on a target, in the manner of LLVM's TableGen
/// files.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cabi rules\n  cabi rules xcore\n  cabi rules x86_64-pc-windows-gnu\n  cabi rules 'x64 Windows'"
)]
pub(crate) struct Rules {
    /// Triple of a target, or the name of a convention; the host by default.
    #[arg(value_name = "TARGET|CONVENTION")]
    target: Option<String>,
}

/// Returns the convention called `name`, by its short name or its long one.
pub(crate) fn known(name: &str) -> Option<&'static KnownConvention> {
    let is_it = |known: &&KnownConvention| {
        let names = [known.name, known.convention.name];
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    conventions().iter().find(is_it)
}

/// Reads the name of a convention for an option, as [`known`] does.
///
/// # Errors
/// The names there are.
pub(crate) fn named(name: &str) -> Result<&'static KnownConvention, String> {
    known(name).ok_or_else(|| format!("known conventions: {}", names()))
}

/// Returns the names of all conventions.
pub(crate) fn names() -> String {
    let names: Vec<&str> = conventions().iter().map(|known| known.name).collect();
    names.join(", ")
}

impl Rules {
    pub(crate) fn run(&self) -> Result<String, String> {
        if let Some(known) = self.target.as_deref().and_then(known) {
            return Ok(Tables(known.convention).to_string());
        }
        let target = match &self.target {
            None => Target::host(),
            Some(name) => Target::named(name),
        };
        let wrong = |why: String| format!("{why}; named conventions: {}", names());
        let target = target.map_err(|e| wrong(e.to_string()))?;
        let convention = target.convention().ok_or_else(|| {
            let name = target.name();
            wrong(format!(
                "{name}: no C calling convention is known for this target"
            ))
        })?;
        Ok(Tables(convention).to_string())
    }
}
