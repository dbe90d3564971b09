//! Whole programs whose time goes into calls with structs: in toy, in toy with all functions in C's
//! convention, and in C by gcc at -O0 and -O2, where calls stay calls (`noipa`, `-fno-builtin`).
//! All four must print the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use cabi_tests::measure::Costs;

use crate::figures::Result;

/// The programs, in the order of the page.
pub(crate) const PROGRAMS: [&str; 5] = ["nbody2", "nbody3", "mandelbrot", "rays", "sort"];

/// The work of each in a tenth of a second, about, and the work whose instructions are counted.
const WORK: [(u32, u32); 5] = [
    (600_000, 30_000),
    (600_000, 30_000),
    (400, 100),
    (1600, 200),
    (400_000, 20_000),
];

/// Way in which a program is made.
pub(crate) const WAYS: [(&str, &str); 4] = [
    ("C0", "gcc -O0"),
    ("C2", "gcc -O2"),
    ("Toy", "toy"),
    ("ToyInC", "toy, C's convention"),
];

const ROUNDS: usize = 5;

/// Command that counts the instructions of the command after it.
const CALLGRIND: [&str; 3] = [
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

/// Thousands of instructions, and milliseconds of processor time.
pub(crate) fn measure(counts: &mut Costs, times: &mut Costs) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let toy = toy()?;
    for (name, (long, short)) in PROGRAMS.iter().zip(WORK) {
        let engines = engines(name, &toy, directory.path())?;
        least(counts, name, &engines, (short, 1), counted)?;
        least(times, name, &engines, (long, ROUNDS), timed)?;
    }
    Ok(())
}

/// Cost of a run with so much work, and its output.
type Measure = fn(&[String], u32) -> Result<(f64, String)>;

/// The least cost of each way in some rounds.
fn least(
    costs: &mut Costs,
    name: &str,
    engines: &[Vec<String>; 4],
    (n, rounds): (u32, usize),
    measure: Measure,
) -> Result<()> {
    for _ in 0..rounds {
        let mut printed = Vec::new();
        for ((way, _), engine) in WAYS.iter().zip(engines) {
            // The cost of starting, and for toy of compiling, is not the program's.
            let (all, output) = measure(engine, n)?;
            let (beginning, _) = measure(engine, 1)?;
            costs.least(way, name, all - beginning);
            printed.push(output);
        }
        if printed.iter().any(|output| *output != printed[0]) {
            return Err(format!("{name}: {printed:#?}").into());
        }
    }
    Ok(())
}

/// The command `toy`, built as this program is.
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

/// Returns the command of each way, without its last argument.
fn engines(name: &str, toy: &Path, directory: &Path) -> Result<[Vec<String>; 4]> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/toy");
    let program = root.join("programs").join(name).with_extension("toy");
    let text = std::fs::read_to_string(&program)?;
    let in_c = directory.join(name).with_extension("toy");
    std::fs::write(&in_c, text.replace("\nfn ", "\nextern \"C\" fn "))?;
    let word = |path: &Path| path.display().to_string();
    let by_toy = |program: &Path| vec![word(toy), "run".to_owned(), word(program)];
    let c = |level: &str| -> Result<Vec<String>> {
        let built = directory.join(format!("{name}{level}"));
        let source = root.join("tests/c").join(name).with_extension("c");
        let mut gcc = Command::new(std::env::var("CABI_GCC").unwrap_or("gcc".into()));
        gcc.args(["-std=gnu11", level, "-fno-builtin", "-o"])
            .arg(&built)
            .arg(source)
            .arg("-lm");
        match gcc.status()?.success() {
            true => Ok(vec![word(&built)]),
            false => Err(format!("{gcc:?} fails").into()),
        }
    };
    Ok([c("-O0")?, c("-O2")?, by_toy(&program), by_toy(&in_c)])
}

fn timed(engine: &[String], n: u32) -> Result<(f64, String)> {
    let before = children_ms();
    let (output, _) = output(engine, n)?;
    Ok((children_ms() - before, output))
}

fn counted(engine: &[String], n: u32) -> Result<(f64, String)> {
    let under = CALLGRIND.map(String::from).into_iter();
    let under: Vec<String> = under.chain(engine.iter().cloned()).collect();
    let (output, said) = output(&under, n)?;
    let count = said.rsplit_once("Collected : ");
    let count = count.and_then(|(_, count)| count.split_whitespace().next());
    let count: f64 = count.ok_or_else(|| said.clone())?.parse()?;
    Ok((count / 1000.0, output))
}

fn output(engine: &[String], n: u32) -> Result<(String, String)> {
    let ran = Command::new(&engine[0])
        .args(&engine[1..])
        .arg(n.to_string())
        .output()?;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    match ran.status.success() {
        true => Ok((String::from_utf8_lossy(&ran.stdout).into_owned(), said)),
        false => Err(format!("{engine:?}: {said}").into()),
    }
}

/// Processor time of all children that have ended.
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
