//! Totals of the suites, as docs/conformance.md has them.

use std::fs;
use std::path::Path;

/// Checks whether the page has these `counts` of `suite`, two columns; writes them there if they
/// are blessed.
///
/// # Errors
/// Words about the page.
pub(crate) fn hold(suite: &str, counts: &str, is_blessed: bool) -> Result<(), String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let text = fs::read_to_string(&page).map_err(|why| format!("{}: {why}", page.display()))?;
    let row = format!("| `{suite}` | {counts} |");
    let of_suite = |line: &&str| line.starts_with(&format!("| `{suite}` |"));
    match text.lines().find(of_suite) {
        Some(line) if line == row => Ok(()),
        Some(line) if is_blessed => {
            fs::write(&page, text.replace(line, &row)).map_err(|why| why.to_string())
        }
        line => {
            let line = line.unwrap_or("nothing");
            Err(format!(
                "docs/conformance.md has {line}, the suite {row}: CABI_BLESS=1 writes it"
            ))
        }
    }
}

/// Checks whether the counts of this run are those of all other runs. No variable sets them, no
/// registers are missing, and a missing reference compiler fails the run.
pub(crate) fn are_usual() -> bool {
    let sets_count = |name: &str| {
        let ends = ["_COUNT", "_SEED", "_CORPUS", "_HIDE"];
        name.starts_with("CABI_") && ends.iter().any(|end| name.ends_with(end))
    };
    let is_usual = cabi_verify::report::references_required()
        && !std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(sets_count));
    let has_registers = cabi_verify::processor::has("avx512f");
    if is_usual && !has_registers {
        println!("not run: the counts of docs/conformance.md, because this machine has no avx512f");
    }
    is_usual && has_registers
}
