//! Results of hunts: text, JSON, JUnit's XML, and a block for each difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use cabi_judge::fuzz::{Found, Plan, Results, Tally};
use indicatif::{ProgressBar, ProgressStyle};

use crate::xml::escape;

/// How many differences are printed; files have all.
const SHOWN: usize = 10;

/// A bar that shows how far a hunt is, on a terminal.
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
    crate::write_out(&shown)
}

fn json(results: &Results) -> Result<String, String> {
    let text = serde_json::to_string_pretty(results);
    Ok(text.map_err(|e| e.to_string())? + "\n")
}

/// Writes everything to `folder`.
pub(super) fn write_all(results: &Results, folder: &Path) -> Result<(), String> {
    write(&folder.join("fuzz.json"), &json(results)?)?;
    write(&folder.join("fuzz.xml"), &junit(results))?;
    for (tally, found) in failures(results) {
        let file = folder.join(format!("{}.abi", found.name));
        write(&file, &block(tally, found))?;
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

/// Says, on standard error, which differences came since those that were `told` already.
pub(super) fn tell_new(results: &Results, told: &mut BTreeSet<String>) {
    for (_, found) in failures(results) {
        if told.insert(found.name.clone()) {
            eprintln!("{}: {}", found.name, found.why);
        }
    }
}

/// What fails a run: differences, and in what a compiler disagrees with itself.
fn failures(results: &Results) -> impl Iterator<Item = (&Tally, &Found)> {
    let all = results.compilers.iter();
    all.flat_map(|tally| of_tally(tally).map(move |found| (tally, found)))
}

fn of_tally(tally: &Tally) -> impl Iterator<Item = &Found> {
    tally.failures.iter().chain(&tally.inconsistent)
}

/// A difference as a file of the corpus.
fn block(tally: &Tally, found: &Found) -> String {
    let Found {
        seed,
        number,
        why,
        block,
        ..
    } = found;
    let command = shell_words::quote(&tally.command);
    format!(
        "# {}: {why}\n# cabi fuzz --seed {seed} --first {number} --count 1 --cc {command}\n\n{block}",
        tally.version
    )
}

/// Results as text.
fn text(results: &Results, complete: bool, is_clean: bool) -> String {
    let mut out = String::new();
    for (tally, found) in failures(results).take(SHOWN) {
        let _ = writeln!(out, "{}", block(tally, found));
    }
    for span in &results.spans {
        let n = span.end - span.first;
        let _ = writeln!(
            out,
            "seed {}: {n} signatures from {}",
            span.seed, span.first
        );
    }
    for tally in &results.compilers {
        let _ = write!(out, "\n{}", summary(tally));
    }
    let count = |of: fn(&Tally) -> usize| results.compilers.iter().map(of).sum::<usize>();
    let n = count(|tally| tally.failures.len());
    let itself = count(|tally| tally.inconsistent.len());
    let word = match (n, is_clean) {
        _ if results.count() == 0 => "nothing verified",
        (0, true) if complete => "ok",
        (0, true) => "incomplete",
        _ => "FAILED",
    };
    let _ = write!(out, "\n{word}: {n} unexplained");
    if itself > 0 {
        let _ = write!(out, ", {itself} in which a compiler disagrees with itself");
    }
    out + "\n"
}

/// What was found under one compiler. The numbers at the left add up to the signatures; what is part of another number is indented.
fn summary(tally: &Tally) -> String {
    let mut lines = vec![format!(
        "{} ({}), vectors {}",
        tally.command, tally.version, tally.vectors
    )];
    let number = |n: u64, what: &str| format!("{n:>9}  {what}");
    let part = |n: u64, what: &str| format!("{:>9}    {n} {what}", "");
    lines.push(number(tally.signatures, "signatures"));
    let same = format!("without a difference, in {} calls", tally.calls);
    lines.push(number(tally.same, &same));
    for (why, n) in &tally.one_direction {
        lines.push(part(*n, &format!("in one direction only: {why}")));
    }
    for (explanation, n) in &tally.explained {
        let what = format!("where another compiler differs, explained: {explanation}");
        lines.push(part(*n, &what));
    }
    for (bug, n) in &tally.known {
        lines.push(number(*n, &format!("known bug of the compiler: {bug}")));
    }
    let itself = tally.inconsistent.len() as u64;
    lines.push(number(itself, "the compiler disagrees with itself, shown"));
    let unexplained = tally.failures.len() as u64;
    lines.push(number(unexplained, "differ, unexplained"));
    for (why, n) in &tally.not_lowered {
        lines.push(number(*n, &format!("not lowered: {why}")));
    }
    for (why, n) in &tally.not_run {
        lines.push(number(*n, &format!("not run: {why}")));
    }
    let rate = format!("{:>9.0}  a second and process", tally.rate());
    lines.push(format!("{rate}; {}", tally.coverage));
    lines.join("\n") + "\n"
}

/// Results as JUnit's XML: a suite per compiler, in which what is right is one case.
fn junit(results: &Results) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for tally in &results.compilers {
        let class = escape(&format!("cabi fuzz {}", tally.command));
        let _ = writeln!(
            text,
            "<testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" time=\"{:.1}\">",
            of_tally(tally).count() + 1,
            of_tally(tally).count(),
            tally.seconds
        );
        let _ = writeln!(
            text,
            "<testcase classname=\"{class}\" name=\"{} signatures without a difference\"/>",
            tally.same
        );
        for found in of_tally(tally) {
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
