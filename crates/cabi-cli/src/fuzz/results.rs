//! Results of fuzz runs: text, JSON, JUnit's XML, and a block for each difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use cabi_verify::fuzz::{Found, Plan, Results, Stats};
use indicatif::{ProgressBar, ProgressStyle};

use crate::xml::escape;

/// How many differences are printed; files have all.
const SHOWN: usize = 10;

/// A bar that shows the progress of a run, on a terminal.
pub(super) fn bar(plan: &Plan) -> ProgressBar {
    let count = plan.numbers.end - plan.numbers.start;
    // Without an end there is only a number.
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

/// Makes the folder of results.
pub(super) fn make(folder: &Path) -> Result<(), String> {
    if crate::output::is_stdout(folder) {
        return Err("--out -: results are files in a folder; --json prints them".to_owned());
    }
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Reads what `cabi fuzz --out` wrote.
pub(super) fn read(file: &Path) -> Result<Results, String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|e| format!("these are no results of `cabi fuzz`: {e}"))
}

/// Prints `results`, and writes them to `folder`; `complete` says whether all that was asked for was tried, `is_clean` whether nothing fails the run.
pub(super) fn show(
    results: &Results,
    folder: Option<&Path>,
    as_json: bool,
    complete: bool,
    is_clean: bool,
) -> Result<(), String> {
    if let Some(folder) = folder {
        write_all(results, folder)?;
    }
    let shown = if as_json {
        json(results)?
    } else {
        text(results, complete, is_clean)
    };
    crate::output::print(&shown)
}

fn json(results: &Results) -> Result<String, String> {
    let text = serde_json::to_string_pretty(results);
    Ok(text.map_err(|e| e.to_string())? + "\n")
}

/// Writes everything to `folder`.
pub(super) fn write_all(results: &Results, folder: &Path) -> Result<(), String> {
    write(&folder.join("fuzz.json"), &json(results)?)?;
    write(&folder.join("fuzz.xml"), &junit(results))?;
    for (stats, found) in failures(results) {
        let file = folder.join(format!("{}.abi", found.name));
        write(&file, &block(stats, found))?;
    }
    Ok(())
}

/// Writes to `folder` why a run ended before there were results.
pub(super) fn write_error(folder: &Path, why: &str) -> Result<(), String> {
    let json = serde_json::json!({ "error": why });
    write(&folder.join("fuzz.json"), &format!("{json:#}\n"))?;
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
         <testsuite name=\"cabi fuzz\" tests=\"1\" failures=\"0\" errors=\"1\">\n\
         <testcase classname=\"cabi fuzz\" name=\"run\"><error message=\"{}\"/></testcase>\n</testsuite>\n</testsuites>\n",
        escape(why)
    );
    write(&folder.join("fuzz.xml"), &xml)
}

/// Prints the differences that were not `told` yet on standard error.
pub(super) fn tell_new(results: &Results, told: &mut BTreeSet<String>) {
    for (_, found) in failures(results) {
        if told.insert(found.name.clone()) {
            eprintln!("{}: {}", found.name, found.why);
        }
    }
}

/// What fails a run: differences, and cases in which a compiler is self-inconsistent.
fn failures(results: &Results) -> impl Iterator<Item = (&Stats, &Found)> {
    let all = results.compilers.iter();
    all.flat_map(|stats| of_stats(stats).map(move |found| (stats, found)))
}

fn of_stats(stats: &Stats) -> impl Iterator<Item = &Found> {
    stats.failures.iter().chain(&stats.inconsistent)
}

/// A difference as a file of the corpus.
fn block(stats: &Stats, found: &Found) -> String {
    let Found {
        seed,
        number,
        why,
        block,
        ..
    } = found;
    let command = shell_words::quote(&stats.command);
    format!(
        "# {}: {why}\n# cabi fuzz --seed {seed} --first {number} --count 1 --cc {command}\n\n{block}",
        stats.version
    )
}

/// Results as text.
fn text(results: &Results, complete: bool, is_clean: bool) -> String {
    let mut out = String::new();
    for (stats, found) in failures(results).take(SHOWN) {
        let _ = writeln!(out, "{}", block(stats, found));
    }
    for span in &results.spans {
        let n = span.end - span.first;
        let _ = writeln!(
            out,
            "seed {}: {n} signatures from {}",
            span.seed, span.first
        );
    }
    for stats in &results.compilers {
        let _ = write!(out, "\n{}", summary(stats));
    }
    let count = |of: fn(&Stats) -> usize| results.compilers.iter().map(of).sum::<usize>();
    let n = count(|stats| stats.failures.len());
    let itself = count(|stats| stats.inconsistent.len());
    let word = match (n, is_clean) {
        _ if results.count() == 0 => "nothing verified",
        (0, true) if complete => "ok",
        (0, true) => "incomplete",
        _ => "FAILED",
    };
    let _ = write!(out, "\n{word}: {n} unexplained");
    if itself > 0 {
        let _ = write!(out, ", {itself} in which a compiler is self-inconsistent");
    }
    out + "\n"
}

/// What was found under one compiler. The numbers at the left add up to the signatures; what is part of another number is indented.
fn summary(stats: &Stats) -> String {
    let mut lines = vec![format!(
        "{} ({}), vectors {}",
        stats.command, stats.version, stats.vectors
    )];
    let number = |n: u64, what: &str| format!("{n:>9}  {what}");
    let part = |n: u64, what: &str| format!("{:>9}    {n} {what}", "");
    lines.push(number(stats.signatures, "signatures"));
    let same = format!("without a difference, in {} calls", stats.calls);
    lines.push(number(stats.same, &same));
    for (why, n) in &stats.one_direction {
        lines.push(part(*n, &format!("in one direction only: {why}")));
    }
    for (explanation, n) in &stats.explained {
        let what = format!("where another compiler differs, explained: {explanation}");
        lines.push(part(*n, &what));
    }
    for (bug, n) in &stats.known {
        lines.push(number(*n, &format!("known bug of the compiler: {bug}")));
    }
    let itself = stats.inconsistent.len() as u64;
    lines.push(number(
        itself,
        "the compiler is self-inconsistent, shown by a program",
    ));
    let unexplained = stats.failures.len() as u64;
    lines.push(number(unexplained, "differ, unexplained"));
    for (why, n) in &stats.not_lowered {
        lines.push(number(*n, &format!("not lowered: {why}")));
    }
    for (why, n) in &stats.not_run {
        lines.push(number(*n, &format!("not run: {why}")));
    }
    let rate = format!("{:>9.0}  signatures a second and process", stats.rate());
    lines.push(format!("{rate}; {}", stats.coverage));
    lines.join("\n") + "\n"
}

/// Results as JUnit's XML: a suite per compiler, in which what is right is one case.
fn junit(results: &Results) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for stats in &results.compilers {
        let class = escape(&format!("cabi fuzz {}", stats.command));
        let _ = writeln!(
            text,
            "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" time=\"{:.1}\">",
            of_stats(stats).count() + 1,
            of_stats(stats).count(),
            stats.seconds
        );
        let _ = writeln!(
            text,
            "<testcase classname=\"{class}\" name=\"{} signatures without a difference\"/>",
            stats.same
        );
        for found in of_stats(stats) {
            let _ = writeln!(
                text,
                "<testcase classname=\"{class}\" name=\"{}\"><failure message=\"{}\">{}</failure></testcase>",
                escape(&found.name),
                escape(&found.why),
                // Lines of a text stay lines.
                found
                    .block
                    .lines()
                    .map(escape)
                    .collect::<Vec<_>>()
                    .join("\n")
            );
        }
        text.push_str("</testsuite>\n");
    }
    text + "</testsuites>\n"
}
