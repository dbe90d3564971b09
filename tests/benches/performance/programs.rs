//! Whole programs: what toy's own measurement prints (`examples/toy/examples/programs.rs`).

use std::path::Path;
use std::process::Command;

use cabi_tests::measure::Costs;

use crate::figures::Result;

/// The programs, in the order of the page.
pub(crate) const PROGRAMS: [&str; 5] = ["nbody2", "nbody3", "mandelbrot", "rays", "sort"];

/// How a program is made.
pub(crate) const WAYS: [(&str, &str); 4] = [
    ("C0", "gcc -O0"),
    ("C2", "gcc -O2"),
    ("Toy", "toy"),
    ("ToyInC", "toy, C's convention"),
];

/// Thousands of instructions, and milliseconds.
pub(crate) fn measure(counts: &mut Costs, times: &mut Costs) -> Result<()> {
    costs(counts, &["--", "--instructions"])?;
    costs(times, &[])
}

/// Of each program there are two lines: name, toy's cost, gcc's at both levels, a ratio. One is of the program in C's convention.
fn costs(costs: &mut Costs, args: &[&str]) -> Result<()> {
    let cargo = [
        "run",
        "--release",
        "--quiet",
        "-p",
        "toy",
        "--example",
        "programs",
    ];
    let output = Command::new(env!("CARGO"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(cargo)
        .args(args)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    for line in String::from_utf8_lossy(&output.stdout).lines().skip(1) {
        let [name, toy, slow, fast, _] = *line.split_whitespace().collect::<Vec<_>>() else {
            return Err(format!("a program's line is {line}").into());
        };
        let name_in_c = name.strip_suffix("/C");
        let own = if name_in_c.is_some() { "ToyInC" } else { "Toy" };
        for (way, cost) in [(own, toy), ("C0", slow), ("C2", fast)] {
            costs.least(
                format_args!("{way}"),
                name_in_c.unwrap_or(name),
                cost.parse()?,
            );
        }
    }
    Ok(())
}
