//! Writes `docs/conformance.md` from what compilers do; with `--check` it says what of the committed page no longer holds, and ends with 1.
//!
//! Other versions of the compilers are no failure of a check, but are said: what they do otherwise is.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [one] if one == "--check" => true,
        _ => {
            eprintln!("usage: conformance [--check]");
            return ExitCode::from(2);
        }
    };
    command::run(check).unwrap_or_else(|why| {
        eprintln!("conformance: {why}");
        ExitCode::from(2)
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    eprintln!("conformance: calls are made on x86-64 with Unix only");
    ExitCode::from(2)
}

#[cfg(all(target_arch = "x86_64", unix))]
mod command {
    use std::error::Error;
    use std::path::Path;
    use std::process::ExitCode;
    use std::time::Instant;

    use cabi_tests::conformance::{measure, page};
    use cabi_verify::corpus::capability::Capability;

    pub(crate) fn run(check: bool) -> Result<ExitCode, Box<dyn Error>> {
        let start = Instant::now();
        let lacking: Vec<&str> = Capability::lacking_here().collect();
        if !check && !lacking.is_empty() {
            return Err(format!("the page has rows that this machine cannot measure: it has no {}; --check compares the others", lacking.join(", ")).into());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
        let measured = measure(&|what| eprintln!("{:6.1?} {what}", start.elapsed()))?;
        let now = page::text(&measured);
        eprintln!(
            "{:6.1?} {} calls were right",
            start.elapsed(),
            measured.n_calls
        );
        for failure in &measured.failures {
            eprintln!("FAILED {failure}");
        }
        let io = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut holds = measured.failures.is_empty();
        if check {
            let committed = std::fs::read_to_string(&path).map_err(io)?;
            let comparison = page::check::compare(&committed, &now, &lacking);
            if comparison.n_left_out > 0 {
                println!(
                    "not compared: {} lines, this machine has no {}",
                    comparison.n_left_out,
                    lacking.join(", ")
                );
            }
            for version in &comparison.versions {
                println!("another version of {version}");
            }
            for line in &comparison.lines {
                println!("{line}");
            }
            holds &= comparison.lines.is_empty();
            println!(
                "{}",
                if holds {
                    "the page holds"
                } else {
                    "the page does not hold"
                }
            );
        } else {
            std::fs::write(&path, now).map_err(io)?;
        }
        Ok(if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
