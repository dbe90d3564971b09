//! Presence of libclang and compilers, and messages of compilers.

use std::io::Write;
use std::process::{Command, Stdio};

use cabi_header::{Header, HeaderError, Options, parse};

/// Returns from a test where there is no libclang, or fails where libclang is required.
macro_rules! needs_libclang {
    () => {
        if !crate::support::has_libclang() {
            return;
        }
    };
}
pub(crate) use needs_libclang;

pub(crate) fn has_libclang() -> bool {
    let version = parse("enum { version = __clang_major__ };", &Options::new());
    match version.map(|header| header.constant("version").map_or(0, |own| own.value)) {
        Err(error @ HeaderError::NoLibclang { .. }) => missing(&error.to_string()),
        Ok(version) if version != 19 => missing(&format!(
            "libclang {version} is here, and the answers are those of 19"
        )),
        _ => return true,
    }
    false
}

/// Reads `text`, where libclang is here.
pub(crate) fn header(text: &str, options: &Options) -> Header {
    parse(text, options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Prints once what cannot run, or fails where oracles are required.
pub(crate) fn missing(need: &str) {
    static SAID: std::sync::Once = std::sync::Once::new();
    // Straight to the stream: libtest hides what the print macros write when a test passes.
    let short = need.split(": install it").next().unwrap_or(need);
    let line = format!("not run: {}\n", short.trim_end());
    SAID.call_once(|| {
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
    assert!(
        std::env::var_os("CABI_REQUIRE_ORACLES").is_none_or(|value| value != "1"),
        "required, but not here: {need}"
    );
}

/// A C compiler of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compiler {
    Gcc,
    Clang,
}

impl Compiler {
    /// Returns the first of the compiler's commands that runs.
    pub(crate) fn find(self) -> Option<&'static str> {
        let commands: &[&str] = match self {
            Self::Gcc => &["gcc"],
            Self::Clang => &["clang-19", "clang"],
        };
        let runs = |name: &&&str| {
            let run = Command::new(name).arg("--version").output();
            run.is_ok_and(|out| out.status.success())
        };
        let command = commands.iter().find(runs);
        if command.is_none() {
            missing(&format!("{self:?}: no such compiler"));
        }
        command.copied()
    }

    /// Returns the compiler's message about `text`, if it is refused. `command` may have options.
    pub(crate) fn check(self, command: &str, text: &str) -> Result<(), String> {
        self.check_with(command, &["-std=gnu11"], text)
    }

    /// Checks `text` with other arguments than `check`; a standard of C++ chooses that language.
    pub(crate) fn check_with(self, command: &str, args: &[&str], text: &str) -> Result<(), String> {
        let quiet = ["-fsyntax-only", "-Wno-psabi", "-Wno-attributes"];
        compiled(command, &[args, &quiet].concat(), text).map(|_| ())
    }
}

/// Returns the output of `command`, which may have options, for `text` with `args`. Returns its
/// message if it refuses the text.
pub(crate) fn compiled(command: &str, args: &[&str], text: &str) -> Result<String, String> {
    let mut words = command.split(' ');
    let is_cxx = args.iter().any(|arg| arg.starts_with("-std=c++"));
    let language = if is_cxx { "-xc++" } else { "-xc" };
    let mut child = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args(args)
        .args([language, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the compiler ran a moment ago");
    let mut input = child.stdin.take().expect("the input is a pipe");
    input
        .write_all(text.as_bytes())
        .expect("a compiler reads all of its input");
    drop(input);
    let out = child.wait_with_output().expect("the compiler ends");
    let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match out.status.success() {
        true => Ok(text_of(&out.stdout)),
        false => Err(text_of(&out.stderr)),
    }
}
