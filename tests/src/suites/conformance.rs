//! `docs/conformance.md` is what is measured: each type in each position against each compiler, and their bugs, looked at again. `CABI_BLESS=1` writes the page.
//!
//! Negative control: an altered cell must be noticed.

use std::path::Path;

use cabi_verify::corpus::capability::Capability;

use crate::conformance::{measure, page};
use crate::kept::{held, same};
use crate::suite::{Result, Suite};

const ENGINE: &str = "conformance";

pub(super) fn run(suite: &mut Suite) -> Result<()> {
    let Some(measured) = measure(suite)? else {
        return Ok(());
    };
    for failure in measured.failures() {
        (suite.report).outcome(ENGINE, &failure, Err("no list says so".to_owned()));
    }
    let n_calls = measured.matrix.n_calls;
    suite.report.note(format!("{n_calls} calls"));
    suite.n_passed = Some(n_calls);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let now = page::text(&measured);
    let lacking: Vec<&str> = Capability::lacking_here().collect();
    let committed = std::fs::read_to_string(&path)?;
    if !lacking.is_empty() {
        let why = format!("this machine has no {}", lacking.join(", "));
        suite.report.not_run(ENGINE, "page", &why);
    } else if suite.is_complete() && !committed.contains(&page::compilers(&measured)) {
        let why = "the page is about other versions of compilers";
        suite.report.not_run(ENGINE, "page", why);
    } else {
        suite.report.outcome(ENGINE, "page", held(&path, &now));
    }
    let altered = now.replacen("✓ |", "– |", 1);
    let noticed = same(&altered, &now).is_err().then_some(());
    let noticed = noticed.ok_or_else(|| "an altered cell was not noticed".to_owned());
    (suite.report).outcome("conformance control", "a cell", noticed);
    Ok(())
}
