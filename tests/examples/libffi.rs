//! What libffi and `clif-cabi-jit` cost per call: calls of signatures known at run time, and closures that C calls. A loop of C and a callee that
//! does next to nothing are part of each number.
//!
//! ```text
//! cargo run --release -p cabi-tests --example libffi
//! ```
//!
//! A line for each signature has the instructions of both, as callgrind counts them in a child, and two ratios, libffi's over ours: of instructions,
//! and of time. Times are the least of several rounds in one process, in which the loops take turns. An invoker is to have at least 6 times fewer
//! instructions than `ffi_call`, and a closure 4 times fewer than libffi's: what has not is printed with the reason, and fails if none is known.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> ExitCode {
    let counted = std::env::args().nth(1).is_some_and(|arg| arg == "counted");
    let done = match counted {
        true => run::counted().map(|()| ExitCode::SUCCESS),
        false => run::compare(),
    };
    done.unwrap_or_else(|why| {
        eprintln!("libffi: not run: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> ExitCode {
    println!("libffi: not run: calls are made on x86-64 Linux only");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod run {
    use std::collections::HashMap;
    use std::error::Error;
    use std::fs;
    use std::process::{Command, ExitCode};
    use std::time::Instant;

    use cabi_tests::libffi::{By, Compared, Libffi, Loop, Pair, Program, compared, settings};
    use cabi_verify::build::Installed;
    use clif_cabi_jit::{Closures, Invokers};

    type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

    /// What one call costs, by the name of its loop.
    type Costs = HashMap<String, f64>;

    /// Calls of one loop, where instructions are counted, and where time is taken; rounds of the latter.
    const COUNTED: u32 = 1000;
    const TIMED: u32 = 20_000;
    const ROUNDS: usize = 9;

    /// How many times fewer instructions an invoker and a closure are to have.
    const GOALS: [f64; 2] = [6.0, 4.0];
    /// What has not, and why.
    const KNOWN: [(&str, Loop, &str); 4] = [
        (
            "s_l9",
            Loop::Calls,
            "24 of ours are the loop and the callee, which copies 72 bytes; 21 are memcpy",
        ),
        (
            "cplxl",
            Loop::Calls,
            "two words and two tails each way, and five padding arguments",
        ),
        (
            "nothing",
            Loop::CallBacks,
            "there is nothing that libffi could be slow with",
        ),
        (
            "s_l9",
            Loop::CallBacks,
            "most of both is the caller's copy of 72 bytes; ours sets the result to zero",
        ),
    ];

    /// What callgrind looks at.
    pub(crate) fn counted() -> Result<()> {
        every_loop(&compared()?, COUNTED, 1).map(|_| ())
    }

    /// Makes `n` calls in each loop, `rounds` times. Returns the least nanoseconds of one call.
    fn every_loop(all: &[Compared], n: u32, rounds: usize) -> Result<Costs> {
        let libffi = Libffi::load()?;
        let bench = Installed::find();
        let reference = bench.references.first().ok_or("no C compiler")?;
        let program = Program::new(reference, all)?;
        let mut invokers = Invokers::new(&settings())?;
        let closures = Closures::new(&settings())?;
        let mut pairs = Vec::new();
        for (i, compared) in all.iter().enumerate() {
            let pair = Pair::new(&program, &libffi, &mut invokers, i, compared, &compared.sig)?;
            pairs.push((i, compared, pair));
        }
        let mut least = Costs::new();
        for _ in 0..rounds {
            for (i, compared, pair) in &mut pairs {
                for what in loops(compared) {
                    for by in By::ALL {
                        let start = Instant::now();
                        pair.repeat(what, by, &closures, n.into())?;
                        let ns = start.elapsed().as_secs_f64() * 1e9 / f64::from(n);
                        let least = least.entry(what.name(by, *i)).or_insert(f64::INFINITY);
                        *least = least.min(ns);
                    }
                }
            }
        }
        Ok(least)
    }

    /// libffi has no variadic closures.
    fn loops(compared: &Compared) -> impl Iterator<Item = Loop> + use<> {
        let is_variadic = compared.n_named.is_some();
        let has = move |what: &Loop| *what == Loop::Calls || !is_variadic;
        Loop::ALL.into_iter().filter(has)
    }

    pub(crate) fn compare() -> Result<ExitCode> {
        let all = compared()?;
        let counts = instructions()?;
        let times = every_loop(&all, TIMED, ROUNDS)?;
        let title = |what, theirs| format!("{what:>9} {theirs:>11}  ratio   time");
        let [calls, call_backs] = [title("invoker", "ffi_call"), title("closure", "libffi's")];
        println!("{:14} {calls}   {call_backs}", "");
        let mut least = [f64::INFINITY; 2];
        let mut missed = Vec::new();
        for (i, compared) in all.iter().enumerate() {
            let mut line = format!("{:14}", compared.name);
            for ((what, least), goal) in loops(compared).zip(&mut least).zip(GOALS) {
                let cost = |costs: &Costs| -> Result<[f64; 2]> {
                    let [ours, theirs] = By::ALL.map(|by| costs.get(&what.name(by, i)).copied());
                    let none = || format!("{}: {what:?} not counted", compared.name);
                    Ok(ours.zip(theirs).map(<[f64; 2]>::from).ok_or_else(none)?)
                };
                let ([ours, theirs], [our_ns, their_ns]) = (cost(&counts)?, cost(&times)?);
                let (ratio, time) = (theirs / ours, their_ns / our_ns);
                *least = least.min(ratio);
                if ratio < goal {
                    missed.push((compared.name, what));
                }
                line += &format!(" {ours:>9.0} {theirs:>11.0} {ratio:>6.1} {time:>6.1}  ");
            }
            println!("{}", line.trim_end());
        }
        let [call, closure] = least;
        println!("{:14} {call:>28.1} {closure:>38.1}", "least");
        let mut code = ExitCode::SUCCESS;
        for (name, what) in missed {
            let known = KNOWN.iter().find(|own| (own.0, own.1) == (name, what));
            let why = known.map_or("not known why", |own| own.2);
            println!("less than the goal: {name} ({what:?}): {why}");
            if known.is_none() {
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    /// Instructions per call in each loop, with all that it calls: from the files that the loops have callgrind write.
    fn instructions() -> Result<Costs> {
        let folder = tempfile::tempdir()?;
        let status = Command::new("valgrind")
            .args(["-q", "--tool=callgrind"])
            .arg(format!(
                "--callgrind-out-file={}",
                folder.path().join("counts").display()
            ))
            .arg(std::env::current_exe()?)
            .arg("counted")
            .status()
            .map_err(|error| format!("valgrind: {error}"))?;
        if !status.success() {
            return Err(format!("valgrind: {status}").into());
        }
        let mut costs = Costs::new();
        for entry in fs::read_dir(folder.path())? {
            let text = fs::read_to_string(entry?.path())?;
            let after = |prefix| text.lines().find_map(|line| line.strip_prefix(prefix));
            // The last one has another reason.
            let Some(name) = after("desc: Trigger: Client Request: ") else {
                continue;
            };
            let total: f64 = after("totals: ").ok_or("no totals")?.trim().parse()?;
            costs.insert(name.to_owned(), total / f64::from(COUNTED));
        }
        Ok(costs)
    }
}
