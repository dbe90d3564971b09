//! What the tests of this crate share: whether libclang and compilers are here.
#![allow(
    unreachable_pub,
    dead_code,
    unused_macros,
    unused_imports,
    clippy::panic,
    clippy::unwrap_used,
    reason = "each test binary uses its part of this module"
)]

use std::io::Write;
use std::process::{Command, Stdio};

use cabi_header::{Header, HeaderError, Options, parse};

/// Reads `text`; `None`, with a notice, when there is no libclang and that is allowed.
pub fn read(text: &str) -> Option<Header> {
    read_with(text, &Options::new())
}

/// As [`read`], with options.
pub fn read_with(text: &str, options: &Options) -> Option<Header> {
    match parse(text, options) {
        Ok(header) => Some(header),
        Err(error @ HeaderError::NoLibclang { .. }) => {
            missing(&error.to_string());
            None
        }
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Ends a test where there is no libclang, which fails where it is required.
macro_rules! needs_libclang {
    () => {
        if crate::support::read("").is_none() {
            return;
        }
    };
}
pub(crate) use needs_libclang;

/// What is read of `text`, where libclang is here.
pub fn header_of(text: &str) -> Header {
    read(text).expect("libclang is here")
}

/// As [`header_of`], with options.
pub fn header_with(text: &str, options: &Options) -> Header {
    read_with(text, options).expect("libclang is here")
}

/// Prints once what cannot run; fails where oracles are required.
pub fn missing(what: &str) {
    static SAID: std::sync::Once = std::sync::Once::new();
    // Straight to the stream: libtest hides what the print macros write when a test passes.
    let short = what.split(": install it").next().unwrap_or(what);
    let line = format!("not run: {}\n", short.trim_end());
    SAID.call_once(|| {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    });
    assert!(
        std::env::var_os("CABI_REQUIRE_ORACLES").is_none_or(|value| value != "1"),
        "required, but not here: {what}"
    );
}

/// A C compiler of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compiler {
    Gcc,
    Clang,
}

impl Compiler {
    fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Gcc => &["gcc"],
            Self::Clang => &["clang-19", "clang"],
        }
    }

    /// The first command that runs.
    pub fn find(self) -> Option<&'static str> {
        let found = self.commands().iter().find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|out| out.status.success())
        });
        if found.is_none() {
            missing(&format!("{self:?}: no such compiler"));
        }
        found.copied()
    }

    /// What the compiler says about `text`, if it says that it is wrong. `command` may have options.
    pub fn check(self, command: &str, text: &str) -> Result<(), String> {
        let standard = ["-std=gnu11", "-fsyntax-only"];
        let quiet = ["-Wno-psabi", "-Wno-attributes"];
        compiled(command, &[standard, quiet].concat(), text).map(|_| ())
    }
}

/// What `command`, which may have options, prints for `text` with `args`, or says where it refuses that.
pub fn compiled(command: &str, args: &[&str], text: &str) -> Result<String, String> {
    let mut words = command.split(' ');
    let mut child = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args(args)
        .args(["-xc", "-"])
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
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match out.status.success() {
        true => Ok(said(&out.stdout)),
        false => Err(said(&out.stderr)),
    }
}
