//! Runs of clang: its arguments, the text in memory, and the further runs that find what
//! declarations do not state.

use std::collections::HashSet;
use std::ffi::CString;

use crate::clang::{Cursor, NO_DECLARATION, Session, SourcePlace, Unit};
use crate::header_error::HeaderError;
use crate::options::Options;
use crate::parse::pragmas::Pragmas;
use crate::parse::prelude;
use crate::parse::questions::{Answers, Questions};

/// The text and the arguments as libclang takes them.
pub(crate) struct Source<'s> {
    session: &'s Session,
    text: &'s str,
    name: CString,
    args: Vec<CString>,
    given_args: &'s [String],
}

/// Warnings that show where clang does not read as gcc does, also in the system's headers.
const WARNINGS: [&str; 5] = [
    "-Wsystem-headers",
    "-Wunknown-attributes",
    "-Wignored-attributes",
    NO_DECLARATION,
    "-Wno-error",
];

/// Arguments that libclang ignores without a message, each with what it does not do. They are
/// refused, since the header would be read as if they were not there.
const IGNORED: [(&str, &str); 12] = [
    ("-fplugin", "loads no plugins"),
    ("-fpass-plugin", "loads no plugins"),
    ("-load", "loads no plugins"),
    ("-plugin", "loads no plugins"),
    ("-add-plugin", "loads no plugins"),
    ("-ast-merge", "merges no files"),
    ("-mllvm", "generates no code"),
    ("-funsigned-bitfields", "reads bit-fields as signed"),
    ("-fno-signed-bitfields", "reads bit-fields as signed"),
    ("-M", "lists no dependencies"),
    ("-MM", "lists no dependencies"),
    ("--dependencies", "lists no dependencies"),
];

/// Arguments that choose another convention for functions that name none.
const CONVENTIONS: [&str; 12] = [
    // A file of arguments, which nothing here looks at.
    "--config",
    "-mabi",
    "-fclang-abi-compat",
    "-fdefault-calling-conv",
    "-target-abi",
    "-mfloat-abi",
    "-mhard-float",
    "-msoft-float",
    "-mregparm",
    "-mrtd",
    // After `-target-feature`.
    "+soft-float",
    "-x87",
];

/// Arguments that add registers to a machine or disable some, on which the convention depends. On
/// x86, macros show the change.
const MACHINES: [&str; 7] = [
    "-march",
    "-mcpu",
    "-mgeneral-regs-only",
    "-mvx",
    "-mno-vx",
    "-target-cpu",
    "-target-feature",
];

/// Returns whether `arg` is the argument `name`, with or without a value.
fn is_argument(arg: &str, name: &str) -> bool {
    let rest = arg
        .strip_prefix("-Xclang=")
        .unwrap_or(arg)
        .strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', '-']))
}

/// Refuses arguments that libclang ignores, and those that choose a convention, which the types
/// that are read do not show.
fn refuse(args: &[String]) -> Result<(), HeaderError> {
    for arg in args {
        if let Some((_, why)) = IGNORED.iter().find(|(name, _)| is_argument(arg, name)) {
            let arg = arg.clone();
            return Err(HeaderError::Ignored { arg, why });
        }
    }
    refuse_any(args, &CONVENTIONS)
}

fn refuse_any(args: &[String], names: &[&str]) -> Result<(), HeaderError> {
    let is_one = |arg: &&String| names.iter().any(|name| is_argument(arg, name));
    args.iter().find(is_one).map_or(Ok(()), |arg| {
        let arg = arg.clone();
        Err(HeaderError::Convention { arg })
    })
}

/// Returns whether `arg` turns off all warnings, or turns some into errors, whatever comes after
/// it. An error in a header of the system would cost a declaration.
fn turns_warnings(arg: &str) -> bool {
    let options = [
        "-w",
        "--no-warnings",
        "-pedantic-errors",
        "--pedantic-errors",
    ];
    options.contains(&arg) || arg.starts_with("-Werror=")
}

/// Returns whether the last argument about the x87 registers turns them off.
fn without_x87(args: &[String]) -> bool {
    let off = |arg: &String| match arg.as_str() {
        "-mno-80387" | "-mno-x87" => Some(true),
        "-m80387" | "-mx87" => Some(false),
        _ => None,
    };
    args.iter().rev().find_map(off).unwrap_or(false)
}

impl<'s> Source<'s> {
    pub(crate) fn new(
        session: &'s Session,
        text: &'s str,
        options: &'s Options,
    ) -> Result<Self, HeaderError> {
        refuse(&options.args)?;
        let mut args = vec![format!("-x{}", options.language())];
        // Before what the options include.
        args.extend(["-include".to_owned(), prelude::NAME.to_owned()]);
        let user_args = options.args.iter().filter(|arg| !turns_warnings(arg));
        args.extend(user_args.cloned());
        args.extend(WARNINGS.map(str::to_owned));
        // clang has no macro for the x87 registers.
        args.extend(without_x87(&options.args).then(|| "-D__cabi_without_x87".to_owned()));
        // Each error costs its declaration, so all of them have to be known.
        args.push("-ferror-limit=0".to_owned());
        args.extend(options.system_includes(session.library_path()));
        let args = args
            .into_iter()
            .map(|arg| c_string(arg, "an argument"))
            .collect::<Result<_, _>>()?;
        let name = c_string(
            options.name.to_string_lossy().into_owned(),
            "the name of the header",
        )?;
        Ok(Self {
            session,
            text,
            name,
            args,
            given_args: &options.args,
        })
    }

    /// Parses the text with `suffix` after it.
    pub(crate) fn run(&self, suffix: &str) -> Result<Unit<'s>, HeaderError> {
        let unsaved = [
            (
                self.name.clone(),
                c_string(format!("{}{suffix}", self.text), "the text")?,
            ),
            (
                c_string(prelude::NAME.to_owned(), "")?,
                c_string(prelude::text(), "")?,
            ),
        ];
        let unit = self.session.parse(&self.name, &self.args, &unsaved);
        let unit = unit.ok_or_else(|| HeaderError::Refused {
            args: self.given_args.to_vec(),
        })?;
        let (triple, x86) = (unit.triple(), ["x86_64", "i386", "i486", "i586", "i686"]);
        if !x86.iter().any(|machine| triple.starts_with(machine)) {
            refuse_any(self.given_args, &MACHINES)?;
        }
        Ok(unit)
    }

    /// Adds the answers to `questions`, found by a run with these after the text.
    pub(crate) fn answer(
        &self,
        questions: &Questions,
        answers: &mut Answers,
    ) -> Result<(), HeaderError> {
        let first_line = self.text.lines().count();
        let unit = self.run(&questions.text())?;
        let main = self.name.to_string_lossy();
        let is_question =
            |place: &SourcePlace| place.file == main && place.line as usize >= first_line;
        let errors = unit.diagnostics().into_iter();
        let errors = errors.filter(|error| error.is_error && is_question(&error.place));
        let wrong: HashSet<u32> = errors.map(|error| error.place.line).collect();
        let is_wrong = |cursor: Cursor<'_>| wrong.contains(&cursor.place().line);
        questions.answer(&unit, is_wrong, answers);
        Ok(())
    }

    /// Returns the pragmas in all texts that `unit` has read, and in arguments.
    pub(crate) fn pragmas(&self, unit: &Unit<'_>) -> Pragmas {
        let main = self.name.to_string_lossy();
        let mut pragmas = Pragmas::default();
        for arg in self.given_args {
            pragmas.packed_argument |= arg == "-fpack-struct";
            pragmas.pack_argument |= arg.starts_with("-fpack-struct");
        }
        let mut texts = vec![self.text.to_owned()];
        // Macros may have pragmas.
        texts.extend_from_slice(self.given_args);
        let files = unit.files();
        let files = files.iter().filter(|file| **file != main);
        // A file that cannot be read was in memory: the prelude, which has no pragmas.
        let bytes = files.filter_map(|file| std::fs::read(file).ok());
        texts.extend(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        pragmas.look(&texts);
        pragmas
    }
}

fn c_string(text: String, place: &str) -> Result<CString, HeaderError> {
    CString::new(text).map_err(|_| HeaderError::Nul {
        place: place.to_owned(),
    })
}
