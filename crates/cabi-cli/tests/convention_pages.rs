//! The tables on the pages of `docs/conventions` are what `cabi rules` prints. `CABI_BLESS=1` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets an unexpected error stops there"
)]

use std::path::Path;
use std::process::Command;

const START: &str = "```tablegen\n";

/// A page, and the name of the convention whose tables it has.
const PAGES: &[(&str, &str)] = &[
    ("aarch64.md", "aapcs64"),
    ("csky.md", "csky"),
    ("riscv.md", "lp64d"),
    ("s390x.md", "s390x"),
    ("x86-64-windows.md", "x64 Windows"),
    ("xcore.md", "xcore"),
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conventions")
}

/// The page with the tables of `convention` between the fences.
fn with_tables(page: &str, convention: &str) -> Option<String> {
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once("```")?;
    Some(format!("{before}{START}{convention}```{after}"))
}

#[test]
fn tables_are_the_librarys() {
    for (file, name) in PAGES {
        let path = folder().join(file);
        let page = std::fs::read_to_string(&path).unwrap();
        let mut cabi = Command::new(env!("CARGO_BIN_EXE_cabi"));
        let printed = cabi.args(["rules", name]).output().unwrap();
        let tables = String::from_utf8(printed.stdout).unwrap();
        let expected = with_tables(&page, &tables).unwrap();
        if std::env::var("CABI_BLESS").is_ok_and(|value| value == "1") {
            std::fs::write(&path, &expected).unwrap();
        } else {
            assert!(page == expected, "{file}: CABI_BLESS=1 writes its tables");
        }
    }
    let files = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(files, PAGES.len(), "each page is held");
}
