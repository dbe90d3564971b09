//! What the tests of the command share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How the command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let killed = || panic!("{}: {stdout}{stderr}", output.status);
        Ran {
            code: output.status.code().unwrap_or_else(killed),
            stdout,
            stderr,
        }
    }

    /// What it printed, which must be all that happened.
    pub(crate) fn output(self, what: &str) -> String {
        let said = (self.code, self.stderr.as_str());
        assert_eq!(said, (0, ""), "{what}");
        self.stdout
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The programs in a folder of this package.
fn programs_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|own| own == "toy"));
    found.sort();
    found
}

/// A program, of another machine under what runs its programs here.
pub(crate) fn under_runner(program: &str) -> Command {
    let runner = std::env::var("CABI_RUNNER").unwrap_or_default();
    let words: Vec<&str> = runner.split_whitespace().chain([program]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// `toy args.. file`, run where the file is, so that messages do not depend on where the repository is. None where the program uses a C header and there
/// is no libclang to read it. `CC=..` is for the environment.
pub(crate) fn toy(args: &[&str], file: &Path) -> Option<Ran> {
    let mut command = under_runner(env!("CARGO_BIN_EXE_toy"));
    for arg in args {
        match arg.strip_prefix("CC=") {
            Some(compiler) => command.env("CC", compiler),
            None => command.arg(arg),
        };
    }
    command.arg(file.file_name().unwrap());
    let ran = Ran::of(
        &command
            .current_dir(file.parent().unwrap())
            .output()
            .unwrap(),
    );
    if ran.code == 2 && ran.stderr.contains("libclang") {
        oracle_missing(&ran.stderr);
        return None;
    }
    Some(ran)
}

/// What `toy` does with a file `p.toy` of this text, alone in its directory.
pub(crate) fn toy_text(args: &[&str], text: &str) -> Option<Ran> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("p.toy");
    fs::write(&program, text).unwrap();
    toy(args, &program)
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
    let first = std::env::var("CC").unwrap_or("cc".to_owned());
    let runs = |name: &String| Command::new(name).arg("--version").output().is_ok();
    let clang = ["clang-19", "clang"].map(str::to_owned);
    let clang = clang.into_iter().find(runs);
    if clang.is_none() {
        eprintln!("not checked by clang: it is not here");
    }
    let found: Vec<String> = [first].into_iter().filter(runs).chain(clang).collect();
    if found.is_empty() {
        oracle_missing("a C compiler");
    }
    found
}

/// Compiles C. What the compiler does not like fails the test.
pub(crate) fn compile(compiler: &str, source: &Path, to: &Path, more: &[&str]) {
    let mut command = Command::new(compiler);
    if source.extension().is_some_and(|own| own == "c") {
        command.arg("-std=gnu11");
    }
    command.args(["-O1", "-Wall", "-Wno-psabi"]);
    command.arg(source).arg("-o").arg(to).args(more);
    let ran = Ran::of(&command.output().unwrap());
    assert_eq!(ran.code, 0, "{command:?}: {}", ran.stderr);
}

/// What the programs of other machines than x86-64 do not have here, and why.
pub(crate) const NOT_ON_AARCH64: [(&str, &str); 5] = [
    ("wide", "vectors of more than 16 bytes are refused there"),
    ("scalars", "vectors of less than 8 bytes are refused there"),
    ("tail", "tail calls without a stack are x86-64's"),
    ("header", "reading C headers takes an AArch64 libclang"),
    ("parts", "C's char is unsigned there"),
];

pub(crate) fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The programs for this machine. What is not says so.
pub(crate) fn programs() -> Vec<PathBuf> {
    let mut found = [programs_in("programs"), programs_in("tests/interop")].concat();
    assert!(found.len() >= 17, "there are few programs: {found:?}");
    found.retain(|program| {
        let mut reasons = NOT_ON_AARCH64
            .iter()
            .filter(|_| cfg!(target_arch = "aarch64"));
        let reason = reasons.find(|(own, _)| name(program) == *own);
        reason
            .inspect(|(name, why)| eprintln!("not run: {name}: {why}"))
            .is_none()
    });
    found
}

/// The library of a program, in C or C++.
pub(crate) fn library_of(program: &Path) -> Option<PathBuf> {
    let files = ["c", "cpp"].map(|extension| program.with_extension(extension));
    files.into_iter().find(|file| file.exists())
}

/// Copies a program and its header to `folder`, and builds its library there. Whether it has one; None where the compiler lacks what that needs: C compilers of
/// other machines come without C++.
pub(crate) fn prepare(program: &Path, compiler: &str, folder: &Path) -> Option<bool> {
    for extension in ["toy", "h"] {
        let from = program.with_extension(extension);
        if from.exists() {
            fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
    }
    let Some(source) = library_of(program) else {
        return Some(false);
    };
    let mut more = vec!["-shared", "-fPIC"];
    if source.extension().is_some_and(|own| own == "cpp") {
        let has_cpp = [
            "-fsyntax-only",
            "-xc++",
            "-include",
            "exception",
            "/dev/null",
        ];
        let checked = Command::new(compiler).args(has_cpp).output();
        if !checked.is_ok_and(|checked| checked.status.success()) {
            oracle_missing(&format!("{}: {compiler} has no C++", name(program)));
            return None;
        }
        more.push("-lstdc++");
    }
    let library = folder.join(format!("lib{}.so", name(program)));
    compile(compiler, &source, &library, &more);
    Some(true)
}
