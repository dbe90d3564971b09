//! Options that the verbs share which read C: the header, what clang is told, the policy.

use std::path::Path;

use cabi::Policy;
use cabi_header::{Header, Options, Prototype};
use clap::Args;

/// How C is read.
#[derive(Args)]
#[command(next_help_heading = "Reading C")]
pub(crate) struct Reading {
    /// Folder in which headers are searched.
    #[arg(short = 'I', value_name = "DIR")]
    include_dirs: Vec<String>,
    /// Macro that is defined before the header is read.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    defines: Vec<String>,
    /// Standard of C, such as c11 or gnu23.
    #[arg(long = "std", value_name = "STANDARD")]
    standard: Option<String>,
}

impl Reading {
    /// What these options tell clang.
    pub(crate) fn options(&self) -> Options {
        let dirs = self.include_dirs.iter().map(|dir| format!("-I{dir}"));
        let defines = self.defines.iter().map(|define| format!("-D{define}"));
        let standard = self.standard.iter().map(|name| format!("-std={name}"));
        Options::new().args(dirs.chain(defines).chain(standard))
    }
}

/// The directive that includes `header`: a file here, or one that clang finds.
pub(crate) fn include(header: &str) -> String {
    if Path::new(header).is_file() {
        format!("#include \"{header}\"\n")
    } else {
        format!("#include <{header}>\n")
    }
}

/// The function `name` of what was read from `source`.
///
/// # Errors
/// Why it was left out, or that it is not declared there.
pub(crate) fn function<'h>(
    header: &'h Header,
    name: &str,
    source: &str,
) -> Result<&'h Prototype, String> {
    header
        .prototype(name)
        .ok_or_else(|| match header.reason(name) {
            Some(reason) => format!("{name}: {reason}"),
            None => format!("{source} declares no function {name}"),
        })
}

/// A profile or names of bits, as `--policy` takes them.
pub(crate) fn policy(text: &str) -> Result<Policy, String> {
    let mut policy = Policy::NONE;
    for name in text.split(',') {
        policy |= Policy::from_name(name)
            .ok_or_else(|| format!("{name} is neither gcc, clang, zig nor a policy bit"))?;
    }
    Ok(policy)
}
