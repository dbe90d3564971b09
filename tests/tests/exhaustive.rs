//! A part of the automaton of argument assignment, driven against each compiler in both directions: every shape, in every sixteenth state.
//! `cabi verify --exhaustive` drives all of it. Broken conventions must show.

use std::process::ExitCode;

#[cfg(all(target_arch = "x86_64", unix))]
fn main() -> ExitCode {
    suite::run().unwrap_or_else(|why| {
        eprintln!("exhaustive: {why}");
        ExitCode::FAILURE
    })
}

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() -> ExitCode {
    println!("exhaustive: not run: it calls on x86-64 System V");
    ExitCode::SUCCESS
}

#[cfg(all(target_arch = "x86_64", unix))]
mod suite {
    use std::process::ExitCode;

    use cabi::Policy;
    use cabi_judge::automaton::drive::{AGAINST_ITSELF, Aside, Drive, Driven};
    use cabi_judge::judge::{Bench, Judge};
    use cabi_judge::report::Report;
    use cabi_judge::verify::Compiler;
    use cabi_judge::verify::batch::Mistake;
    use cabi_tests::mutants::MUTANTS;

    /// Every so many transitions are driven.
    const THINNED: usize = 16;

    /// Every so many in a control.
    const IN_CONTROLS: usize = 96;

    /// Every so many with a compiler whose every call is slow.
    const IN_WRAPPED: usize = 203;

    const ZEROS: &str = r#"#!/bin/sh
case "$1" in *as) for file in "$@"; do case "$file" in *.s)
  awk '/^[A-Za-z_.0-9]+:/ { if ($0 !~ /^\./) inside = ($0 ~ /^f[0-9]*:/) }
       /^\tret/ && inside { print "\txorl %eax, %eax\n\tpxor %xmm0, %xmm0" } { print }' \
    "$file" > "$file.zero" && cat "$file.zero" > "$file" && rm "$file.zero";; esac; done;; esac
exec "$@"
"#;

    /// Mistakes that assignment shows.
    const CONTROLS: [&str; 3] = ["no-rollback", "split-group", "swap-eightbytes"];

    pub(crate) fn run() -> Result<ExitCode, String> {
        let mut report = Report::new("exhaustive");
        let bench = Bench::find();
        for (name, why) in &bench.absent {
            report.absent(name, why);
        }
        for judge in &bench.judges {
            one(judge, &mut report)?;
        }
        Ok(report.finish(true))
    }

    /// A drive under `policy`, or the judge's own.
    fn drive(judge: Judge, policy: Option<Policy>, thinned: usize) -> Result<Drive, String> {
        let compiler = Compiler::new(judge, policy).map_err(|error| error.to_string())?;
        let mut drive = Drive::new(compiler).map_err(|error| error.to_string())?;
        drive.thinned = thinned;
        Ok(drive)
    }

    fn play(drive: &Drive) -> Result<Driven<'_>, String> {
        drive.run(&|_, _, _| {}).map_err(|error| error.to_string())
    }

    fn one(judge: &Judge, report: &mut Report) -> Result<(), String> {
        let name = judge.name();
        let mut drive = drive(judge.clone(), None, THINNED)?;
        for (shape, why) in drive.shapes_absent() {
            report.not_run(name, &shape.to_string(), &why);
        }
        let driven = play(&drive)?;
        for leg in &driven.legs {
            report.note(format!(
                "{judge}: {:?} {:?}: {}",
                leg.way, leg.direction, leg.passed
            ));
        }
        for aside in &driven.aside {
            let case = format!("{} {}", aside.transition, aside.ty);
            if aside.key == AGAINST_ITSELF {
                report.outcome(name, &case, Err(format!("{}: {}", aside.key, aside.why)));
                continue;
            }
            report.not_run(name, &case, &format!("{}: {}", aside.key, aside.why));
        }
        for found in &driven.found {
            let case = format!("{} {}", found.transition, found.ty);
            report.outcome(name, &case, Err(found.difference.why.clone()));
        }
        for transition in driven.undriven() {
            report.outcome(name, &transition.to_string(), Err("not driven".to_owned()));
        }
        let outcome = match driven.is_clean(false) {
            true => Ok(()),
            false => Err(format!("{} of {}", driven.both(), driven.wanted)),
        };
        report.outcome(name, "every sixteenth transition", outcome);
        drop(driven);
        broken(name, &mut drive, report)?;
        disguised(judge, report)?;
        inconsistent(judge, report)
    }

    /// A drive that must find a difference.
    fn caught(name: &str, what: &str, drive: &Drive, report: &mut Report) -> Result<(), String> {
        let outcome = match play(drive)?.found.is_empty() {
            true => Err("no difference was found".to_owned()),
            false => Ok(()),
        };
        report.outcome(&format!("{name} control"), what, outcome);
        Ok(())
    }

    /// Broken conventions must show.
    fn broken(name: &str, drive: &mut Drive, report: &mut Report) -> Result<(), String> {
        drive.thinned = IN_CONTROLS;
        for mutant in MUTANTS.iter().filter(|m| CONTROLS.contains(&m.name)) {
            drive.mistake = Mistake {
                convention: mutant.convention,
                twist: mutant.twist,
            };
            caught(name, mutant.name, drive, report)?;
        }
        Ok(())
    }

    /// A compiler whose functions return zeros, whoever calls them, disagrees with itself: that is shown by a program, and is no success. Between
    /// the compiler proper and the assembler the code is changed.
    fn inconsistent(judge: &Judge, report: &mut Report) -> Result<(), String> {
        if judge.name() != "gcc" {
            return Ok(());
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("zero.sh");
        std::fs::write(&path, ZEROS).map_err(|error| error.to_string())?;
        let wrapper = format!("sh,{}", path.display());
        let drive = drive(judge.with_flags(&["-wrapper", &wrapper]), None, IN_WRAPPED)?;
        let driven = play(&drive)?;
        let is_shown = |aside: &Aside| {
            let program = aside.program.as_deref().unwrap_or_default();
            let of_results = ["result, byte ", "the program ends with signal"];
            // One that crashes looks for its result at the address zero.
            of_results.iter().any(|why| aside.why.starts_with(why))
                && program.contains("#ifdef CALLEE")
        };
        let (n, shown) = (
            driven.inconsistent().count(),
            driven.inconsistent().all(is_shown),
        );
        let outcome = match n > 0 && shown && !driven.is_clean(false) {
            true => Ok(()),
            false => Err(format!(
                "{n} shown: {:?}; {} differ: {:?}",
                driven.inconsistent().find(|aside| !is_shown(aside)),
                driven.found.len(),
                driven.found.first().map(|found| &found.difference.why)
            )),
        };
        report.outcome("gcc control", "returns zeros", outcome);
        Ok(())
    }

    /// Another convention in the compiler, and another policy than its own, must show.
    fn disguised(judge: &Judge, report: &mut Report) -> Result<(), String> {
        let name = judge.name();
        let (other, flags) = match name {
            "gcc" => (Policy::CLANG, Some("-mabi=ms")),
            _ => (Policy::GCC, None),
        };
        let drive_other = drive(judge.clone(), Some(other), THINNED)?;
        caught(name, "policy", &drive_other, report)?;
        match flags {
            Some(flags) => {
                let drive = drive(judge.with_flags(&[flags]), None, IN_CONTROLS)?;
                caught(name, flags, &drive, report)
            }
            None => Ok(()),
        }
    }
}
