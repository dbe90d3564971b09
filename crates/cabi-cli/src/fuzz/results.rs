//! Results of fuzz runs: printed, and in a folder as JSON, JUnit's XML, and a block for each
//! difference.

use std::collections::BTreeSet;
use std::path::Path;

use cabi_verify::fuzz::Campaign;
use cabi_verify::report::Report;
use cabi_verify::tally::Results;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{self, Failure};

/// Returns a bar that shows the progress of a run, on a terminal.
pub(super) fn bar(plan: &Campaign) -> ProgressBar {
    let count = plan.numbers.end - plan.numbers.start;
    // A run with a time limit has no known length.
    let (bar, template) = if plan.time.is_some() {
        (ProgressBar::no_length(), "{msg} {pos} {per_sec}, {elapsed}")
    } else {
        let template = "{msg} {wide_bar} {pos}/{len} {per_sec}, {eta} left";
        (ProgressBar::new(count), template)
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message("signatures")
}

pub(super) fn make(folder: &Path) -> Result<(), String> {
    if output::is_stdout(folder) {
        return Err("--out needs a folder, not `-`: --json prints the results".to_owned());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// Reads results that `cabi fuzz --out` wrote.
pub(super) fn read(file: &Path) -> Result<Results, String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|e| format!("the file is not a result of `cabi fuzz`: {e}"))
}

/// Prints `results`, and writes them to `folder`; `report` is their report.
pub(super) fn show(
    results: &Results,
    report: &Report,
    folder: Option<&Path>,
    as_json: bool,
) -> Result<(), Failure> {
    if let Some(folder) = folder {
        write_all(results, report, folder)?;
    }
    output::print(&output::answer(as_json, results, |_| report.to_string())?)
}

/// Writes everything to `folder`. The JSON is read back by [`read`].
pub(super) fn write_all(results: &Results, report: &Report, folder: &Path) -> Result<(), String> {
    output::save(&folder.join("fuzz.json"), &output::json(results)?)?;
    output::save(&folder.join("fuzz.xml"), &report.junit())?;
    for (found, block) in results.blocks() {
        output::save(&folder.join(format!("{}.abi", found.name)), &block)?;
    }
    Ok(())
}

/// Writes to `folder` the reason why a run ended without results.
pub(super) fn write_error(folder: &Path, why: &str) -> Result<(), String> {
    let report = Report::of_error("cabi fuzz", why);
    output::save(&folder.join("fuzz.json"), &report.json())?;
    output::save(&folder.join("fuzz.xml"), &report.junit())
}

/// Prints on standard error the differences that are not in `printed` yet, and adds them.
pub(super) fn print_new(results: &Results, printed: &mut BTreeSet<String>) {
    for (found, _) in results.blocks() {
        if printed.insert(found.name.clone()) {
            eprintln!("{}: {}", found.name, found.why);
        }
    }
}
