//! The options of `cabi verify`.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use regex_lite::Regex;

use crate::compilers::Compilers;
use crate::reading::ReadOptions;

const ABOUT: &str = "\
Verifies headers against real compilers.

Each prototype of a header is compared in both directions, in code generated here and in code of the compiler. So is each record type of the header in generated \
positions: alone, when registers run out, between neighbours, returned, unnamed. Compared are the place of each byte of arguments and results at the call and \
at the return, and the state of the machine. The compiler reads the header itself; the type of each prototype, sizes, offsets and byte order are compared too.

A compiler is self-inconsistent if its own caller and callee disagree, or end the process. The report shows the behaviour of each, and a program. This is a \
failure, unless --allow-self-inconsistent is given.

Flags inside --cc, quoted as in a shell, reach that compiler only; libclang reads the header with -I, -D, --std and --target alone. Flags \
that change the ABI are therefore reported as differences.

Exit status: 0 no difference, 1 a difference was found, 2 the task could not be done, or nothing of a header could be verified.";

const EXAMPLES: &str = "\
Examples:
  cabi verify stdlib.h math.h complex.h
  cabi verify --cc 'gcc -O2' --cc clang-19 -I include include/vec.h
  cabi verify --own include/library.h
  cabi verify --only 'div' --cc 'gcc -mabi=ms' stdlib.h
  cabi verify --exhaustive --cc gcc
  cabi verify --target aarch64-unknown-linux-gnu include/library.h
  cabi verify --junit verify.xml --json verify.json zlib.h
  cabi verify --json - stdlib.h | jq .clean";

/// Verifies headers against real compilers.
#[derive(Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Headers, as after `#include`: `stdlib.h`, or a path.
    #[arg(required_unless_present = "exhaustive", value_name = "HEADER")]
    pub(super) headers: Vec<String>,
    /// Instead of a header, verify every transition of argument assignment: each state of registers
    /// left and stack slot, with each shape of the next value.
    #[arg(long, conflicts_with_all = ["headers", "only", "ReadOptions"])]
    pub(super) exhaustive: bool,
    #[command(flatten)]
    pub(super) compilers: Compilers,
    /// Verify only functions and types whose name matches.
    #[arg(long, value_name = "REGEX")]
    pub(super) only: Option<Regex>,
    /// Verify only the headers' own declarations, not those that they include. With `folder`, also
    /// declarations of headers in their folders. If there are none, those that a header includes
    /// from the folders that -I names.
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "file")]
    pub(super) own: Option<HeaderScope>,
    /// Count cases in which a compiler is self-inconsistent, instead of failing on them.
    #[arg(long)]
    pub(super) allow_self_inconsistent: bool,
    /// Verify record types in generated positions too; `--types=false` leaves them out.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    pub(super) types: bool,
    /// Write every result as JSON; `-` prints it instead of the report.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write every result as JUnit's XML; `-` prints it instead of the report.
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    #[command(flatten)]
    pub(super) reading: ReadOptions,
}

/// Headers whose declarations are verified.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderScope {
    /// Declarations of the named file.
    File,
    /// Declarations of all files in its folder and below; if there are none, of the folders that
    /// -I names.
    Folder,
}
