//! Whole programs whose time goes into calls with structs: in toy, and in C by gcc at -O2, where
//! calls stay calls (`noipa`, `-fno-builtin`). Both must print the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use cabi_tests::measure::Costs;

use crate::figures::Result;

/// The programs, in the order of the page.
pub(crate) const PROGRAMS: [&str; 5] = ["nbody2", "nbody3", "mandelbrot", "rays", "sort"];

/// The work of each in a tenth of a second, about.
const WORK: [u32; 5] = [600_000, 600_000, 400, 1600, 400_000];

const ROUNDS: usize = 5;

/// Measures the least milliseconds of processor time of each program, as `C2` and `Toy`.
pub(crate) fn measure(times: &mut Costs) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let toy = toy()?;
    for (name, n) in PROGRAMS.iter().zip(WORK) {
        let engines = [in_c(name, directory.path())?, by_toy(name, &toy)];
        for _ in 0..ROUNDS {
            let mut printed = Vec::new();
            for (way, engine) in ["C2", "Toy"].iter().zip(&engines) {
                // The cost of starting, and for toy of compiling, is not the program's.
                let (all, output) = timed(engine, n)?;
                let (beginning, _) = timed(engine, 1)?;
                times.least(way, name, all - beginning);
                printed.push(output);
            }
            if printed[0] != printed[1] {
                return Err(format!("{name}: {printed:#?}").into());
            }
        }
    }
    Ok(())
}

/// Returns the command `toy`, built as this program is.
fn toy() -> Result<PathBuf> {
    let build = ["build", "--release", "--quiet", "-p", "toy"];
    let built = Command::new(env!("CARGO")).args(build).status()?;
    if !built.success() {
        return Err("toy was not built".into());
    }
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent);
    Ok(folder.ok_or("this program is in no folder")?.join("toy"))
}

/// Returns the command of the C program, without its argument.
fn in_c(name: &str, directory: &Path) -> Result<Vec<String>> {
    let built = directory.join(name);
    let source = root().join("tests/c").join(name).with_extension("c");
    let mut gcc = Command::new(std::env::var("CABI_GCC").unwrap_or("gcc".into()));
    gcc.args(["-std=gnu11", "-O2", "-fno-builtin", "-o"])
        .arg(&built)
        .arg(source)
        .arg("-lm");
    match gcc.status()?.success() {
        true => Ok(vec![word(&built)]),
        false => Err(format!("{gcc:?} fails").into()),
    }
}

/// Returns the command of the program in toy, without its argument.
fn by_toy(name: &str, toy: &Path) -> Vec<String> {
    let program = root().join("programs").join(name).with_extension("toy");
    vec![word(toy), "run".to_owned(), word(&program)]
}

/// Returns the folder of toy.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/toy")
}

fn word(path: &Path) -> String {
    path.display().to_string()
}

/// Returns the milliseconds of a run with so much work, and its output.
fn timed(engine: &[String], n: u32) -> Result<(f64, String)> {
    let before = children_ms();
    let ran = Command::new(&engine[0])
        .args(&engine[1..])
        .arg(n.to_string())
        .output()?;
    let ms = children_ms() - before;
    match ran.status.success() {
        true => Ok((ms, String::from_utf8_lossy(&ran.stdout).into_owned())),
        false => {
            let said = String::from_utf8_lossy(&ran.stderr);
            Err(format!("{engine:?}: {said}").into())
        }
    }
}

/// Returns the processor time of all children that have ended.
#[allow(unsafe_code)]
fn children_ms() -> f64 {
    // SAFETY: all bytes of the structure may be zero, and the function writes to nothing else.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    ms(usage.ru_utime) + ms(usage.ru_stime)
}
