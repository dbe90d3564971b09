//! Shared parts of the tests of the command: the machines that programs are built and run for,
//! shell scripts that do so, and the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a script ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Returns its output, which must be all that happened.
    pub(crate) fn output(self, what: &str) -> String {
        let said = (self.code, self.stderr.as_str());
        assert_eq!(said, (0, ""), "{what}");
        self.stdout
    }
}

/// How programs of a machine are built and run here.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Option that tells `toy` the target, if it is not this machine.
    target: String,
    pub(crate) compiler: String,
    runner: String,
}

impl Machine {
    /// This one, whether it has the C compiler or not.
    fn this(compiler: &str) -> Machine {
        Machine {
            target: String::new(),
            compiler: compiler.to_owned(),
            runner: std::env::var("CABI_RUNNER").unwrap_or_default(),
        }
    }

    /// The machines called so: `this`, `compilers` for this one once with each of its C compilers,
    /// `x86-64` for this one if it is one with Linux, or others whose compiler and what runs their
    /// programs are here.
    pub(crate) fn named(name: &str) -> Vec<Machine> {
        let is_x86_64 = cfg!(all(target_os = "linux", target_arch = "x86_64"));
        let (triple, compiler, runner) = match name {
            "x86-64" if !is_x86_64 => return Vec::new(),
            "this" | "x86-64" => return vec![Machine::this(&first_compiler())],
            "compilers" => return compilers(),
            "aarch64" => (
                "aarch64-unknown-linux-gnu",
                "aarch64-linux-gnu-gcc",
                "qemu-aarch64 -L /usr/aarch64-linux-gnu",
            ),
            "windows" => ("x86_64-pc-windows-gnu", "x86_64-w64-mingw32-gcc", "wine"),
            _ => panic!("there is no machine {name}"),
        };
        let runs_programs = runner.split(' ').next().unwrap();
        let machine = Machine {
            target: format!("--target {triple}"),
            compiler: compiler.to_owned(),
            runner: runner.to_owned(),
        };
        let is_here = has(compiler) && has(runs_programs);
        is_here.then_some(machine).into_iter().collect()
    }

    /// How a shell script ends in a folder. `toy` is the command, `$TARGET` its options and `$CC`
    /// the C compiler for this machine, `$RUN` is before a program of it, `$T` is the folder of
    /// these tests. None where it needs libclang, and there is none.
    pub(crate) fn ran(&self, script: &str, folder: &Path) -> Option<Ran> {
        let toy = env!("CARGO_BIN_EXE_toy");
        let script = format!("TOY='{toy}'; toy() {{ $CABI_RUNNER $TOY \"$@\"; }}\n{script}");
        let mut shell = Command::new("sh");
        shell.args(["-ec", &script]).current_dir(folder);
        shell.env("CC", &self.compiler).env("TARGET", &self.target);
        shell
            .env("RUN", &self.runner)
            .env("T", root().join("tests"));
        // wine has its registry, and what it says of it, in the folder.
        shell.env("WINEDEBUG", "-all");
        shell.env("WINEPREFIX", folder.join("wine"));
        // A signal that a script sends to all of its processes does not reach others.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let output = shell.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        if output.status.code() == Some(2) && stderr.contains("libclang") {
            oracle_missing(&stderr);
            return None;
        }
        let killed = || panic!("{}: {stdout}{stderr}", output.status);
        Some(Ran {
            code: output.status.code().unwrap_or_else(killed),
            stdout,
            stderr,
        })
    }
}

/// How a script ends on this machine, in a folder of its own where `p.toy` is this text.
pub(crate) fn ran_with(text: &str, script: &str) -> Option<Ran> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.toy"), text).unwrap();
    Machine::this(&first_compiler()).ran(script, folder.path())
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of a table in this folder, without its comments.
pub(crate) fn rows(table: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("tests").join(table)).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with("# "));
    rows.map(str::to_owned).collect()
}

/// The programs in a folder of this package.
fn programs_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|own| own == "toy"));
    found.sort();
    found
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

fn runs(tool: &str) -> bool {
    Command::new(tool).arg("--version").output().is_ok()
}

/// Returns whether a tool is here, and prints the name of one that is not.
pub(crate) fn has(tool: &str) -> bool {
    let is_here = runs(tool);
    if !is_here {
        oracle_missing(tool);
    }
    is_here
}

fn first_compiler() -> String {
    match cfg!(all(target_arch = "aarch64", target_os = "linux")) {
        true => "aarch64-linux-gnu-gcc".to_owned(),
        false => std::env::var("CC").unwrap_or("cc".to_owned()),
    }
}

/// This machine with each C compiler that is here: `cc` (or `$CC`), and clang as a second reference
/// compiler.
fn compilers() -> Vec<Machine> {
    let clang = ["clang-19", "clang"].into_iter().find(|name| runs(name));
    let clang = clang.filter(|_| cfg!(target_arch = "x86_64"));
    if clang.is_none() {
        eprintln!("not checked by clang: it is not here");
    }
    let first = first_compiler();
    let first = Some(&*first).filter(|name| has(name));
    first.into_iter().chain(clang).map(Machine::this).collect()
}

/// Programs that other machines than x86-64 do not run here, with the reasons.
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
