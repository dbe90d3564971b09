//! What the tests of the command share.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The usual way to compile, and the quickest.
pub(crate) const MACHINES: [&[&str]; 2] = [
    &[],
    &[
        "--flag=opt_level=none",
        "--flag=regalloc_algorithm=single_pass",
    ],
];

/// How the command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the programs and libraries of other machines than x86-64 do not have here, and why.
const NOT_ON_AARCH64: [(&str, &str); 5] = [
    ("wide", "vectors of more than 16 bytes are refused there"),
    ("scalars", "vectors of less than 8 bytes are refused there"),
    (
        "tail",
        "the convention whose tail calls need no stack is x86-64's",
    ),
    ("parts", "reading C headers takes an AArch64 libclang"),
    ("char", "reading C headers takes an AArch64 libclang"),
];

/// Whether a program or library is for this machine. What is not says so.
pub(crate) fn runs_here(program: &Path) -> bool {
    let name = program.file_stem().unwrap_or_default();
    let mut reasons = NOT_ON_AARCH64.iter();
    match reasons.find(|(own, _)| cfg!(target_arch = "aarch64") && name == *own) {
        Some((name, why)) => eprintln!("not run: {name}: {why}"),
        None => return true,
    }
    false
}

/// The command.
pub(crate) fn command() -> Command {
    under_runner(env!("CARGO_BIN_EXE_toy"))
}

/// A program, of another machine under what runs its programs here.
pub(crate) fn under_runner(program: &str) -> Command {
    let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
    let words = runner.split_whitespace().chain([program]);
    let words: Vec<&str> = words.collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// The files of a directory of this package with an extension.
pub(crate) fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

/// `toy args.. file`, run where the file is, so that messages do not depend on where the repository is. None where the JIT does not run on
/// this machine, or the program uses a C header and there is no libclang to read it.
pub(crate) fn toy(args: &[&str], file: &Path) -> Option<Ran> {
    let mut command = command();
    command.args(args).arg(file.file_name().unwrap());
    command.current_dir(file.parent().unwrap());
    outcome(&mut command)
}

/// The same for a file `p.toy` of this text, alone in its directory.
pub(crate) fn toy_text(args: &[&str], text: impl AsRef<[u8]>) -> Option<Ran> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("p.toy");
    fs::write(&program, text).unwrap();
    toy(args, &program)
}

pub(crate) fn toy_args(subcommand: &str, args: &[&str]) -> Option<Ran> {
    outcome(command().arg(subcommand).args(args))
}

fn outcome(command: &mut Command) -> Option<Ran> {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran {
        code: output
            .status
            .code()
            .unwrap_or_else(|| panic!("{command:?} was killed: {}", output.status)),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    };
    if ran.code == 2
        && !cfg!(all(
            any(target_arch = "x86_64", target_arch = "aarch64"),
            target_os = "linux",
            target_env = "gnu"
        ))
    {
        skip(&ran.stderr);
        return None;
    }
    if ran.code == 2 && ran.stderr.contains("libclang") {
        oracle_missing(&ran.stderr);
        return None;
    }
    Some(ran)
}

/// What a program prints, which must be all that happens.
pub(crate) fn output(args: &[&str], program: &Path) -> Option<String> {
    Some(toy(args, program)?.output(&program.display().to_string()))
}

impl Ran {
    /// What it printed, which must be all that happened.
    pub(crate) fn output(self, what: &str) -> String {
        let said = (self.code, self.stderr.as_str());
        assert_eq!(said, (0, ""), "{what}");
        self.stdout
    }
}

/// Prints once what cannot run; fails where oracles are required.
pub(crate) fn oracle_missing(what: &str) {
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

/// The C compilers that are here: `cc` (or `$CC`), and clang as a second reference compiler.
pub(crate) fn compilers() -> Vec<String> {
    if cfg!(target_arch = "aarch64") && cfg!(target_os = "linux") {
        return vec!["aarch64-linux-gnu-gcc".to_owned()];
    }
    let first = std::env::var("CC").unwrap_or_else(|_| "cc".to_string());
    let runs = |name: &String| Command::new(name).arg("--version").output().is_ok();
    let clang = ["clang-19", "clang"]
        .map(str::to_string)
        .into_iter()
        .find(runs);
    if clang.is_none() {
        eprintln!("not checked by clang: it is not here");
    }
    [first].into_iter().filter(runs).chain(clang).collect()
}

/// Compiles C. What the compiler does not like fails the test.
pub(crate) fn compile(compiler: &str, source: &Path, to: &Path, more: &[&str]) {
    let mut command = Command::new(compiler);
    command.args(["-std=gnu11", "-O1", "-Wall", "-Wno-psabi"]);
    command.arg(source).arg("-o").arg(to).args(more);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Compares with a file, or rewrites it when blessing.
pub(crate) fn compare(expected: &Path, found: &str) {
    if std::env::var_os("CABI_BLESS").is_some() {
        fs::write(expected, found).unwrap();
        return;
    }
    let text = fs::read_to_string(expected)
        .unwrap_or_else(|error| panic!("{}: {error}", expected.display()));
    assert_eq!(text, found, "{}", expected.display());
}

/// A test that cannot run here says why; in CI that is a failure.
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {}", why.trim_end());
    assert!(
        std::env::var_os("CI").is_none(),
        "nothing may be skipped in CI: {why}"
    );
}
