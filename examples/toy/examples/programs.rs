//! Programs whose time goes into calls with structs: in toy, and in C by gcc at -O0 and -O2, where calls stay calls (`noipa`, `-fno-builtin`).
//!
//! `cargo run --release -p toy --example programs` prints, for each program, milliseconds of processor time and the ratio to -O2; `name/C` is the same program with
//! all functions in C's convention. With `-- --instructions` it prints thousands of instructions instead, counted by callgrind, which no other load on the machine changes.
//! What the four print must be the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement stops at what it does not expect"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, and its argument: how much it has to do in a tenth of a second, about, and in how much instructions are counted.
const PROGRAMS: [(&str, u32, u32); 5] = [
    ("nbody2", 600_000, 30_000),
    ("nbody3", 600_000, 30_000),
    ("mandelbrot", 400, 100),
    ("rays", 1600, 200),
    ("sort", 400_000, 20_000),
];

const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", file, n] => run(file, n),
        [] => table(false),
        ["--instructions"] => table(true),
        _ => panic!("the only argument is --instructions"),
    }
}

/// The child process: a toy program.
fn run(file: &str, n: &str) {
    let text = toy::Text::read(Path::new(file)).unwrap();
    let code = text.run(&[], &[n.to_owned()], &[]);
    std::process::exit(code.unwrap());
}

fn table(instructions: bool) {
    let directory = tempfile::tempdir().unwrap();
    let unit = if instructions {
        "thousand_instructions"
    } else {
        "ms"
    };
    println!("program toy_{unit} gcc_O0_{unit} gcc_O2_{unit} ratio");
    for (name, n, n_counted) in PROGRAMS {
        let engines = engines(name, directory.path());
        let measure: fn(&[String], u32) -> (f64, String) =
            if instructions { counted } else { timed };
        let n = if instructions { n_counted } else { n };
        let mut least = [f64::INFINITY; 4];
        for _ in 0..if instructions { 1 } else { ROUNDS } {
            let mut printed = Vec::new();
            for (least, engine) in least.iter_mut().zip(&engines) {
                // What it costs to begin, for toy also to compile, is not the program's.
                let (all, output) = measure(engine, n);
                let (beginning, _) = measure(engine, 1);
                *least = least.min(all - beginning);
                printed.push(output);
            }
            let all_the_same = printed.iter().all(|output| *output == printed[0]);
            assert!(all_the_same, "{name}: {printed:#?}");
        }
        let [toy, toy_in_c, o0, o2] = least;
        println!("{name} {toy:.0} {o0:.0} {o2:.0} {:.2}", toy / o2);
        println!(
            "{name}/C {toy_in_c:.0} {o0:.0} {o2:.0} {:.2}",
            toy_in_c / o2
        );
    }
}

/// What is run, but for the last argument: in toy, in toy with C's convention, in C at -O0 and at -O2.
fn engines(name: &str, directory: &Path) -> [Vec<String>; 4] {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("programs").join(name).with_extension("toy");
    let text = std::fs::read_to_string(&program).unwrap();
    let in_c = directory.join(name).with_extension("toy");
    std::fs::write(&in_c, text.replace("\nfn ", "\nextern \"C\" fn ")).unwrap();
    let itself = std::env::current_exe().unwrap().display().to_string();
    let toy = |program: &Path| vec![itself.clone(), "run".into(), program.display().to_string()];
    let c = |level: &str| {
        let built = directory.join(format!("{name}{level}"));
        let source = root.join("tests/c").join(name).with_extension("c");
        let mut gcc = Command::new(std::env::var("CABI_GCC").unwrap_or("gcc".into()));
        gcc.args(["-std=gnu11", level, "-fno-builtin", "-o"])
            .arg(&built)
            .arg(source)
            .arg("-lm");
        assert!(gcc.status().unwrap().success(), "{gcc:?}");
        vec![built.display().to_string()]
    };
    [toy(&program), toy(&in_c), c("-O0"), c("-O2")]
}

/// Milliseconds of processor time, and what was printed.
fn timed(engine: &[String], n: u32) -> (f64, String) {
    let before = children_ms();
    let (output, _) = output(engine, n);
    (children_ms() - before, output)
}

/// Thousands of instructions, and what was printed.
fn counted(engine: &[String], n: u32) -> (f64, String) {
    let valgrind = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ];
    let under: Vec<String> = valgrind
        .map(String::from)
        .into_iter()
        .chain(engine.iter().cloned())
        .collect();
    let (output, said) = output(&under, n);
    let (_, count) = said
        .rsplit_once("Collected : ")
        .unwrap_or_else(|| panic!("{said}"));
    let count: f64 = count.split_whitespace().next().unwrap().parse().unwrap();
    (count / 1000.0, output)
}

fn output(engine: &[String], n: u32) -> (String, String) {
    let ran = Command::new(&engine[0])
        .args(&engine[1..])
        .arg(n.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{engine:?}: {said}");
    (String::from_utf8_lossy(&ran.stdout).into_owned(), said)
}

/// Processor time of all children that have ended.
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
