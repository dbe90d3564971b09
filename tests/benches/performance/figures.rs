//! Measurements, and the file that keeps them between runs.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cabi_tests::measure::{
    Costs, Program, Step, count_in_child, each_call, each_step, n_allocations, valgrind,
};
use cabi_tests::measured_signatures::measured;
use cabi_verify::build::InstalledCompilers;
use criterion::Criterion;

use crate::programs;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Calls of one loop, where instructions are counted.
const COUNTED: u32 = 1000;

/// Fewest calls of one timed loop: the costs of beginning a loop, above all of a closure, are then
/// negligible.
const FEWEST: u32 = 10_000;

/// All that the page says in numbers.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Instructions.
    pub(crate) counts: Costs,
    /// Nanoseconds.
    pub(crate) times: Costs,
    /// Processor and compilers, a line each.
    pub(crate) machine: Vec<String>,
}

/// Makes the loops that callgrind counts.
pub(crate) fn make_loops() -> Result<()> {
    each_call(&mut |_, _, repeat| repeat(COUNTED))?;
    each_step(&program()?, &Step::IN_GOALS, &mut |_, step, repeat| {
        repeat(step.most())
    })
}

fn program() -> Result<Program> {
    let installed = InstalledCompilers::find();
    let reference = installed.references.first().ok_or("no C compiler")?;
    Program::new(reference, &measured()?)
}

impl Figures {
    /// Measures all, and keeps it.
    pub(crate) fn measure() -> Result<Self> {
        let mut figures = Self {
            counts: count_in_child(None)?,
            times: Costs::default(),
            machine: machine()?,
        };
        figures.counts.extend(n_allocations()?);
        figures.keep()?;
        figures.times = times()?;
        figures.keep()?;
        programs::measure(&mut figures.times)?;
        figures.keep()?;
        Ok(figures)
    }

    fn keep(&self) -> Result<()> {
        Ok(fs::write(path(), self.written())?)
    }

    /// Returns the last measurements.
    pub(crate) fn last() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}: nothing was measured yet", path.display()))?;
        let of = |kind| text.lines().filter_map(move |line| line.strip_prefix(kind));
        Ok(Self {
            counts: Costs::parse(of("counts "))?,
            times: Costs::parse(of("times "))?,
            machine: of("machine ").map(str::to_owned).collect(),
        })
    }

    fn written(&self) -> String {
        let machine = self.machine.iter().map(|line| format!("machine {line}\n"));
        let counts = self.counts.written().map(|line| format!("counts {line}"));
        let times = self.times.written().map(|line| format!("times {line}"));
        machine.chain(counts).chain(times).collect()
    }

    /// Returns a figure for each of `names`, if it was measured: `counts Lowered - ByHand`, `times
    /// Toy / C2`, `counts FnAbi % Compile`, or a cost itself.
    pub(crate) fn each(
        &self,
        formula: &str,
        names: &[&'static str],
    ) -> Result<Vec<(&'static str, f64)>> {
        let words: Vec<&str> = formula.split(' ').collect();
        let costs = match words.first() {
            Some(&"counts") => &self.counts,
            Some(&"times") => &self.times,
            _ => return Err(format!("{formula}: expected `counts` or `times` first").into()),
        };
        let (own, of_other): (&str, fn(f64, f64) -> f64) = match words[1..] {
            [own] => (own, |one, _| one),
            [own, "-", _] => (own, |one, other| one - other),
            [own, "/", _] => (own, |one, other| one / other),
            [own, "%", _] => (own, |one, other| 100.0 * one / other),
            _ => return Err(format!("{formula}: not a formula").into()),
        };
        let other = words.last().copied().unwrap_or(own);
        let figure = |name: &&'static str| {
            let figure = of_other(costs.of(own, name)?, costs.of(other, name)?);
            Some((*name, figure))
        };
        Ok(names.iter().filter_map(figure).collect())
    }
}

/// Returns the path of the file, in cargo's folder for what it builds.
fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("performance.txt")
}

/// Returns the least nanoseconds of one call in each loop: criterion chooses the number of calls,
/// and prints its results.
fn times() -> Result<Costs> {
    let mut costs = Costs::default();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(10))
        .measurement_time(Duration::from_millis(60))
        .sample_size(10)
        .nresamples(1001)
        .without_plots();
    each_call(&mut |measured, way, repeat| {
        let (way, mut failed) = (format!("{way:?}"), None);
        criterion.bench_function(&format!("{} {way}", measured.name), |bencher| {
            bencher.iter_custom(|n| {
                let calls = u32::try_from(n).unwrap_or(u32::MAX).max(FEWEST);
                let start = Instant::now();
                failed = repeat(calls).err().or(failed.take());
                let ns = start.elapsed().as_secs_f64() * 1e9 / f64::from(calls);
                costs.least(&way, measured.name, ns);
                Duration::from_secs_f64((ns * 1e-9 * n as f64).max(1e-9))
            });
        });
        failed.map_or(Ok(()), Err)
    })?;
    Ok(costs)
}

/// Returns processor, compilers, libffi, valgrind.
fn machine() -> Result<Vec<String>> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("").trim_start_matches([' ', '\t', ':']);
    let mut lines = vec![format!("processor: {model}")];
    for reference in &InstalledCompilers::find().references {
        lines.push(reference.version().to_owned());
    }
    let installed = || first_line("pkg-config", &["--modversion", "libffi"]);
    let libffi = program()?.libffi_version().or_else(installed);
    lines.push(format!(
        "libffi {}",
        libffi.as_deref().unwrap_or("of unknown version")
    ));
    lines.push(first_line("rustc", &["--version"]).unwrap_or_default());
    lines.push(format!(
        "Cranelift {}",
        clif_cabi::cranelift_codegen::VERSION
    ));
    lines.push(valgrind()?);
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"]);
    lines.push(format!(
        "clif-cabi as of {}",
        commit.as_deref().unwrap_or("no commit")
    ));
    Ok(lines)
}

fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned)
}
